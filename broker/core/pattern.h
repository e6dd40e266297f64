/* Patterns of host names and labels: "?" "*" "[1-8,12,x]", see selector.h. */
#ifndef MUSTER_BROKER_CORE_PATTERN_H
#define MUSTER_BROKER_CORE_PATTERN_H

#include "base/bytes.h"

enum { PATTERN_TEXT_MAX = 256 };

/* NULL when it is well-formed; else what is wrong, as a part of a sentence, and where. */
const char *pattern_check(struct bytes pattern, size_t *ret_at);
/* It matches nothing but itself. */
bool pattern_is_plain(struct bytes pattern);
/* The whole text. `pattern` is well-formed. Texts over PATTERN_TEXT_MAX never match. */
bool pattern_matches(struct bytes pattern, struct bytes text);

#endif
