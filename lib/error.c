/*
 * Codes, their names and texts, from one table. Not here: what to say in which case.
 */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* X(name, refusal or -1, retryable) */
#define CODE_TABLE(X)                                                                              \
    X(EBUSY, REFUSAL_BUSY, 1)                                                                      \
    X(ETOOLARGE, REFUSAL_TOO_LARGE, 0)                                                             \
    X(EQUEUEFULL, REFUSAL_QUEUE_FULL, 1)                                                           \
    X(EDISKLOW, REFUSAL_DISK_LOW, 1)                                                               \
    X(ESHUTTINGDOWN, REFUSAL_SHUTTING_DOWN, 0)                                                     \
    X(EDENIED, REFUSAL_DENIED, 0)                                                                  \
    X(ENOMATCH, REFUSAL_NO_MATCH, 0)                                                               \
    X(EBADREQUEST, REFUSAL_BAD_REQUEST, 0)                                                         \
    X(EPROTOCOL, REFUSAL_VERSION, 0)                                                               \
    X(EREQUESTREUSED, REFUSAL_REQUEST_REUSED, 0)                                                   \
    X(ETRUNCATED, REFUSAL_TRUNCATED, 0)                                                            \
    X(ELOGMISMATCH, REFUSAL_LOG_MISMATCH, 0)                                                       \
    X(EUNKNOWNPOOL, REFUSAL_UNKNOWN_POOL, 0)                                                       \
    X(EUNKNOWNCOMMAND, REFUSAL_UNKNOWN_COMMAND, 0)                                                 \
    X(EUNKNOWNFUNCTION, REFUSAL_UNKNOWN_FUNCTION, 0)                                               \
    X(ESTORAGE, REFUSAL_STORAGE, 1)                                                                \
    X(EINTERNAL, REFUSAL_INTERNAL, 0)                                                              \
    X(EUNKNOWNBATCH, REFUSAL_UNKNOWN_BATCH, 0)                                                     \
    X(EUNKNOWNHOST, REFUSAL_UNKNOWN_HOST, 0)                                                       \
    X(EUNKNOWNKEY, REFUSAL_UNKNOWN_KEY, 0)                                                         \
    X(ELIMITMISMATCH, REFUSAL_LIMIT_MISMATCH, 0)                                                   \
    X(EALREADYFINAL, REFUSAL_ALREADY_FINAL, 0)                                                     \
    X(ECURSORTAKEN, REFUSAL_CURSOR_TAKEN, 0)                                                       \
    X(ELIMITREACHED, REFUSAL_LIMIT_REACHED, 0)                                                     \
    X(ETIMEDOUT, REFUSAL_TIMED_OUT, 1)                                                             \
    X(EUNREACHABLE, REFUSAL_UNREACHABLE, 1)                                                        \
    X(EINVAL, -1, 0)                                                                               \
    X(ENOMEM, -1, 1)                                                                               \
    X(EFORKED, -1, 0)                                                                              \
    X(ECLOSED, -1, 0)                                                                              \
    X(ESYSTEM, -1, 0)                                                                              \
    X(ESTOPPED, REFUSAL_CANCELLED, 0)                                                              \
    X(EBADANSWER, -1, 0)

static const struct code {
    const char *name;
    int code;
    int refusal;
    int retryable;
} codes[] = {
#define X(name, refusal, retryable) {#name, MUSTER_##name, refusal, retryable},
    CODE_TABLE(X)
#undef X
};

static const struct code *find_code(int code)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].code == code)
            return &codes[i];
    return NULL;
}

const char *muster_code_name(int code)
{
    if (code >= 0)
        return "OK";
    const struct code *row = find_code(code);
    return row ? row->name : "UNKNOWN";
}

int error_code_of(enum refusal refusal)
{
    if (refusal == REFUSAL_OK)
        return MUSTER_OK;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].refusal == (int)refusal)
            return codes[i].code;
    return MUSTER_EBADREQUEST; /* a refusal that is younger than this library */
}

static void set_head(struct error *error, int code, uint64_t limit)
{
    const struct code *row = find_code(code);
    error->info = (muster_error_info){
        .code = code,
        .text = error->text,
        .retryable = row ? row->retryable : 0,
        .limit = limit,
    };
}

int error_set(struct error *error, int code, const char *format, ...)
{
    /* The text may quote the one that it replaces. */
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(error->text, text, sizeof text);
    set_head(error, code, 0);
    return code;
}

int error_set_refusal(struct error *error, enum refusal refusal, struct bytes text, uint64_t limit)
{
    int code = error_code_of(refusal);
    struct bytes cut = bytes_slice(text, 0, ERROR_TEXT_MAX - 1);
    cut.size = bytes_utf8_prefix(cut);
    if (cut.size)
        snprintf(error->text, sizeof error->text, "%.*s", (int)cut.size, (const char *)cut.data);
    else
        snprintf(error->text, sizeof error->text, "%s", refusal_text(refusal));
    set_head(error, code, limit);
    return code;
}

void error_copy(struct error *to, const struct error *from)
{
    if (to == from)
        return;
    *to = *from;
    to->info.text = to->text;
}

struct error *error_of_thread(void)
{
    static _Thread_local struct error error;
    error.info.text = error.text;
    return &error;
}
