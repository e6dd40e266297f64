/* A bump allocator with a budget: everything in it is freed together. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

struct arena_chunk;

/* Fields are private, except that `used_bytes` and `allocs` may be read. */
struct arena {
    struct arena_chunk *first;
    struct arena_chunk *last;
    size_t budget_bytes;
    size_t used_bytes; /* asked for since the reset, rounded up to the alignment */
    size_t allocs;     /* calls served since the reset */
    size_t chunk_bytes;
};

/* At most `budget_bytes` may be in use at a time. Allocates nothing yet. */
void arena_init(struct arena *arena, size_t budget_bytes);
void arena_done(struct arena *arena);

/* Aligned for every type, not zeroed, valid until the reset. NULL over the budget or out of memory.
 * A size of 0 gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t size);

/* `count` zeroed items; NULL also when the product overflows. */
void *arena_zalloc(struct arena *arena, size_t count, size_t size);

/* Copies the bytes, with a NUL behind them that is not counted. False when arena_alloc fails. */
bool arena_copy(struct arena *arena, struct bytes bytes, struct bytes *ret_copy);

/* Forgets all allocations; keeps the first chunk for the next turn. */
void arena_reset(struct arena *arena);

#endif
