/* Short texts: the sentences of refusals and the lines of traces. No printf in a pure core. */
#ifndef MUSTER_BROKER_CORE_SAY_H
#define MUSTER_BROKER_CORE_SAY_H

#include "base/bytes.h"

enum { SAY_MAX = 1024, SAY_NAME_MAX = 64 };

/* Begins as {.size = 0}. What does not fit is cut. */
struct say {
    char text[SAY_MAX];
    size_t size;
};

void say_str(struct say *say, const char *text);
/* Somebody else's bytes: at most SAY_NAME_MAX of them, what is not printable ASCII or UTF-8 as '?'.
 */
void say_name(struct say *say, struct bytes name);
void say_u64(struct say *say, uint64_t number);
void say_i64(struct say *say, int64_t number);
struct bytes say_bytes(const struct say *say);

#endif
