/* Valid messages of every type, made from the tables: all fields set, or a random part of them. */
#ifndef TESTS_UNIT_PROTO_FILL_H
#define TESTS_UNIT_PROTO_FILL_H

#include "base/arena.h"
#include "base/rand.h"
#include "proto/wire.h"
#include "proto/wire_layout.h"

struct fill {
    struct arena *arena;
    struct rand rand;
    bool all; /* every field set; else each with a chance of one half */
};

/* Every message type, ended by 0. */
extern const unsigned fill_types[];

/* Aborts when the arena is used up. */
void fill_message(struct fill *fill, unsigned type, struct wire_message *ret);
void fill_command_body(struct fill *fill, struct wire_command_body *ret);
void fill_record_body(struct fill *fill, struct wire_record_body *ret);

/* The whole frame, in memory of exactly its size, to be freed with free(). */
uint8_t *fill_frame(const struct wire_message *message, size_t *ret_size);

/* Resets the arena and decodes a copy of exactly this size, so that a read beyond it is seen.
 * Aborts when a refusal says nothing, or the check before sending refuses what was accepted. */
int fill_decode(const void *frame, size_t size, struct arena *arena, struct wire_error *ret_error);

/* Deep comparison of two structs of one table. */
bool fill_is_equal(const struct wire_layout *layout, const void *a, const void *b);

#endif
