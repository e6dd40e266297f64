/* What single fields may hold, and how a refusal is worded. Private to proto/. */
#ifndef PROTO_WIRE_RULES_H
#define PROTO_WIRE_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "proto/wire.h"
#include "proto/wire_layout.h"

enum { WIRE_TRAIL_MAX = 6 }; /* message, item, body, part of a body, with room to spare */

/* The way from the message to the field that is looked at. */
struct wire_trail {
    struct wire_error *error;
    const char *root; /* "SUBMIT" */
    unsigned depth;
    struct wire_step {
        const struct wire_field *field;
        uint32_t index; /* of the item when the field is repeated */
    } steps[WIRE_TRAIL_MAX];
};

void wire_trail_push(struct wire_trail *trail, const struct wire_field *field, uint32_t index);
void wire_trail_pop(struct wire_trail *trail);

/* Fills the error with "ROOT: path.field what" and returns the negative errno of the refusal.
 * `field` may be NULL: the message at the end of the trail is meant; "ROOT: path: what" when the
 * format begins with a colon. `limit` is for TOO_LARGE. */
int wire_fail(struct wire_trail *trail, enum refusal refusal, uint64_t limit,
              const struct wire_field *field, uint32_t index, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* The value as it is on the wire, for signed types unzigzagged. 0 or wire_fail. */
int wire_rule_number(struct wire_trail *trail, const struct wire_field *field, ProtobufCType type,
                     uint64_t value);

/* All rules but those of bodies and values. 0 or wire_fail. */
int wire_rule_bytes(struct wire_trail *trail, const struct wire_field *field, uint32_t index,
                    struct bytes bytes);

/* Fields that must be there: 0, or wire_fail with the first that is not. */
int wire_rule_required(struct wire_trail *trail, const struct wire_layout *layout, uint32_t filled);

#endif
