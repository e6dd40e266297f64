/* A 4-ary heap of 32-bit items (indices into somebody's slab), smallest first.
 *
 * The owner says which of two items is smaller and is told where each item sits, so that an item
 * can be taken out of the middle. Two items must never be equal in both directions unless their
 * order does not matter: ties come out in an order that is deterministic but unspecified. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stdint.h>

enum { HEAP_NOWHERE = -1 }; /* as a position: (uint32_t)HEAP_NOWHERE */

typedef bool heap_less_fn(const void *ctx, uint32_t a, uint32_t b);
typedef void heap_moved_fn(void *ctx, uint32_t item, uint32_t pos); /* pos HEAP_NOWHERE: left */

/* Fields are private. */
struct heap {
    uint32_t *items;
    uint32_t count;
    uint32_t items_max;
    heap_less_fn *less;
    heap_moved_fn *moved; /* may be NULL */
    void *ctx;
};

/* Reserves address space for items_max. 0 or -ENOMEM. */
int heap_init(struct heap *heap, uint32_t items_max, heap_less_fn *less, heap_moved_fn *moved,
              void *ctx);
void heap_done(struct heap *heap);

/* Asserts that there is room. */
void heap_push(struct heap *heap, uint32_t item);

/* The smallest item. Both assert that the heap is not empty. */
uint32_t heap_peek(const struct heap *heap);
uint32_t heap_pop(struct heap *heap);

/* Takes out the item at `pos`, as last told by `moved`; returns it. */
uint32_t heap_remove_at(struct heap *heap, uint32_t pos);

/* To be called after the order of the item at `pos` has changed. */
void heap_update_at(struct heap *heap, uint32_t pos);

/* The item at `pos` < count, in heap order (not sorted): to walk all of them. */
uint32_t heap_item_at(const struct heap *heap, uint32_t pos);

static inline uint32_t heap_count(const struct heap *heap)
{
    return heap->count;
}

static inline bool heap_is_empty(const struct heap *heap)
{
    return heap->count == 0;
}

#endif
