/* What went wrong, kept at the handle: code, one sentence, retryable, limit. */
#ifndef MUSTER_LIB_ERROR_H
#define MUSTER_LIB_ERROR_H

#include <muster.h>

#include "base/bytes.h"
#include "base/err.h"

enum { ERROR_TEXT_MAX = 1024 };

struct error {
    muster_error_info info; /* info.text points to `text`, or is "" */
    char text[ERROR_TEXT_MAX];
};

/* Both return the code, so that a failing path reads `return error_set(…)`. */
int error_set(struct error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A refusal of the broker's; `text` empty: the table's sentence. */
int error_set_refusal(struct error *error, enum refusal refusal, struct bytes text, uint64_t limit);
void error_copy(struct error *to, const struct error *from);

/* The MUSTER_E… code of a refusal, 0 for OK. */
int error_code_of(enum refusal refusal);

/* Of the last failed muster_pool_open or muster_pool_close in this thread. */
struct error *error_of_thread(void);

#endif
