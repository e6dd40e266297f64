/* Names and texts of the refusals, made from the one table in err.h. */
#include "base/err.h"

#include <stddef.h>

struct row {
    const char *name;
    const char *text;
    bool retryable;
};

static const struct row rows[] = {
#define X(name, number, retryable, text) [number] = {#name, text, retryable},
    REFUSAL_TABLE(X)
#undef X
};

/* NULL for numbers outside the table; numbers have no gaps, a test sees to that. */
static const struct row *find(unsigned number)
{
    return number < sizeof rows / sizeof rows[0] ? &rows[number] : NULL;
}

const char *refusal_name(enum refusal refusal)
{
    const struct row *row = find((unsigned)refusal);
    return row ? row->name : "UNKNOWN";
}

const char *refusal_text(enum refusal refusal)
{
    const struct row *row = find((unsigned)refusal);
    return row ? row->text : "The other end refused for a reason that this version does not know.";
}

bool refusal_is_retryable(enum refusal refusal)
{
    const struct row *row = find((unsigned)refusal);
    return row && row->retryable;
}

bool refusal_is_known(unsigned number)
{
    return find(number) != NULL;
}
