/* Judges a flattened sequence of values token by token, without memory. Private to proto/. */
#ifndef PROTO_WIRE_VALUES_H
#define PROTO_WIRE_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/body.h"
#include "proto/limits.h"

struct values_check {
    enum wire_values_shape shape;
    uint32_t complete; /* values that ended at the top */
    uint32_t tokens;
    unsigned depth;
    struct {
        uint64_t left; /* values, for a map keys too */
        bool map;
    } levels[WIRE_VALUE_DEPTH_MAX];
};

void values_check_init(struct values_check *check, enum wire_values_shape shape);

/* What is wrong with this token at this place, or NULL. */
const char *values_check_feed(struct values_check *check, const struct wire_value *value);

/* What is missing at the end, or NULL. */
const char *values_check_end(const struct values_check *check);

#endif
