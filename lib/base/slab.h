/* Items of one size, addressed by a 32-bit index. Index 0 is never an item: it means "none".
 *
 * Address space for the most items is reserved at init; memory becomes resident as items are used.
 * So nothing can fail later except "full". An item never moves. */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"

/* Fields are private; use the functions. */
struct slab {
    uint8_t *items;
    uint64_t *live; /* one bit an item */
    size_t item_size;
    uint32_t items_max;
    uint32_t top;   /* indices 1 … top have been used since the slab was last empty */
    uint32_t free;  /* head of the free list */
    uint32_t count; /* live items */
};

/* item_size ≥ 4, at most 1 MiB; 1 ≤ items_max < 2^32 - 1. 0 or -ENOMEM (no address space). */
int slab_init(struct slab *slab, size_t item_size, uint32_t items_max);
void slab_done(struct slab *slab);

/* A zeroed item, the most recently freed index first; 0 when the slab is full. */
uint32_t slab_alloc(struct slab *slab);

/* Asserts that the item is live. */
void slab_free(struct slab *slab, uint32_t index);

/* False for 0, for indices out of range and for freed items. */
bool slab_is_live(const struct slab *slab, uint32_t index);

/* The next live index above `index` (0 to begin), in index order; 0 at the end. */
uint32_t slab_next(const struct slab *slab, uint32_t index);

static inline uint32_t slab_count(const struct slab *slab)
{
    return slab->count;
}

static inline bool slab_is_full(const struct slab *slab)
{
    return slab->count == slab->items_max;
}

/* Asserts 1 ≤ index ≤ top; whether the item is live is the caller's to know. */
static inline void *slab_at(const struct slab *slab, uint32_t index)
{
    MUST(index - 1 < slab->top);
    return slab->items + (size_t)index * slab->item_size;
}

#endif
