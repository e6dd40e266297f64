/* Values as trees: what a program builds, and what a record holds.
 *
 * A node that a program builds owns its memory (malloc). A node of a record lives in the record's
 * arena, with everything below it. Both look the same to their readers. */
#ifndef MUSTER_LIB_VALUE_H
#define MUSTER_LIB_VALUE_H

#include <muster.h>

#include <stdbool.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "proto/body.h"

struct muster_value {
    enum muster_kind kind;
    bool attached; /* part of another value: changes and free are refused */
    uint8_t depth; /* lists and maps below and including this one */
    int64_t integer;
    double real;
    char *data; /* STRING, BYTES; with a NUL behind */
    size_t size;
    struct muster_value **items; /* LIST: values; MAP: key, value, key, value … */
    size_t count;                /* LIST: values, MAP: pairs */
    size_t capacity;             /* of items */
};

/* A LIST of the values, a MAP of the pairs, the one value (NULL where there is none). The sequence
 * has passed wire_values_check. -ENOMEM when the arena refuses. */
int value_read_list(const struct wire_value *tokens, uint32_t n, struct arena *arena,
                    const struct muster_value **ret);
int value_read_map(const struct wire_value *tokens, uint32_t n, struct arena *arena,
                   const struct muster_value **ret);
int value_read_one(const struct wire_value *tokens, uint32_t n, struct arena *arena,
                   const struct muster_value **ret);

/* Calls back for every token of the value in pre-order; data is borrowed. Stops at the first
 * non-zero return and hands it on. */
typedef int value_token_fn(void *ctx, const struct wire_value *token);
int value_walk(const struct muster_value *value, value_token_fn *each, void *ctx);

#endif
