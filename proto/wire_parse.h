/* Decoding by table. Private to proto/. */
#ifndef PROTO_WIRE_PARSE_H
#define PROTO_WIRE_PARSE_H

#include "base/arena.h"
#include "proto/wire_layout.h"
#include "proto/wire_rules.h"
#include "proto/wire_values.h"

struct wire_parse {
    struct wire_trail trail;
    struct arena *arena;           /* NULL: look at everything, keep nothing */
    struct values_check values[2]; /* of the body at hand: args or result, kwargs */
    uint32_t tokens;
    size_t value_bytes;
};

/* `ret` has layout->bytes. 0 or wire_fail; *ret is undefined then. */
int wire_parse_message(struct wire_parse *parse, const struct wire_layout *layout,
                       struct bytes packed, void *ret);

/* The same for a CommandBody or RecordBody, with the rules of its values. */
int wire_parse_body(struct wire_parse *parse, const struct wire_layout *layout, struct bytes packed,
                    void *ret);

/* Applies layout->check, which is not NULL. 0 or wire_fail. */
int wire_parse_rules_between(struct wire_parse *parse, const struct wire_layout *layout,
                             const void *message);

/* Judges a packed body that is the content of `field`, and keeps nothing of it. */
int wire_parse_inner_body(struct wire_parse *parse, const struct wire_field *field, uint32_t index,
                          struct bytes packed);

#endif
