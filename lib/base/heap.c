/* The heap: children of place i are 4i+1 … 4i+4. Each item that changes its place is announced. */
#include "base/heap.h"

#include <errno.h>
#include <stddef.h>

#include "base/assert.h"
#include "base/reserve.h"

enum { CHILDREN = 4 };

static size_t items_bytes(const struct heap *heap)
{
    return (size_t)heap->items_max * sizeof heap->items[0];
}

int heap_init(struct heap *heap, uint32_t items_max, heap_less_fn *less, heap_moved_fn *moved,
              void *ctx)
{
    MUST(items_max >= 1 && items_max < UINT32_MAX / CHILDREN - 1);
    *heap = (struct heap){.items_max = items_max, .less = less, .moved = moved, .ctx = ctx};
    heap->items = reserve_map(items_bytes(heap));
    return heap->items ? 0 : -ENOMEM;
}

void heap_done(struct heap *heap)
{
    if (!heap)
        return;
    reserve_unmap(heap->items, items_bytes(heap));
    *heap = (struct heap){0};
}

static void place(struct heap *heap, uint32_t pos, uint32_t item)
{
    heap->items[pos] = item;
    if (heap->moved)
        heap->moved(heap->ctx, item, pos);
}

static void sift_up(struct heap *heap, uint32_t pos, uint32_t item)
{
    while (pos > 0) {
        uint32_t parent = (pos - 1) / CHILDREN;
        if (!heap->less(heap->ctx, item, heap->items[parent]))
            break;
        place(heap, pos, heap->items[parent]);
        pos = parent;
    }
    place(heap, pos, item);
}

static void sift_down(struct heap *heap, uint32_t pos, uint32_t item)
{
    for (;;) {
        uint32_t child = pos * CHILDREN + 1;
        if (child >= heap->count)
            break;
        uint32_t end = heap->count - child < CHILDREN ? heap->count : child + CHILDREN;
        uint32_t least = child;
        while (++child < end) {
            if (heap->less(heap->ctx, heap->items[child], heap->items[least]))
                least = child;
        }
        if (!heap->less(heap->ctx, heap->items[least], item))
            break;
        place(heap, pos, heap->items[least]);
        pos = least;
    }
    place(heap, pos, item);
}

static void sift(struct heap *heap, uint32_t pos, uint32_t item)
{
    if (pos > 0 && heap->less(heap->ctx, item, heap->items[(pos - 1) / CHILDREN]))
        sift_up(heap, pos, item);
    else
        sift_down(heap, pos, item);
}

void heap_push(struct heap *heap, uint32_t item)
{
    MUST(heap->count < heap->items_max);
    sift_up(heap, heap->count++, item);
}

uint32_t heap_peek(const struct heap *heap)
{
    MUST(heap->count > 0);
    return heap->items[0];
}

uint32_t heap_pop(struct heap *heap)
{
    return heap_remove_at(heap, 0);
}

uint32_t heap_remove_at(struct heap *heap, uint32_t pos)
{
    MUST(pos < heap->count);
    uint32_t item = heap->items[pos];
    uint32_t last = heap->items[--heap->count];
    if (pos < heap->count)
        sift(heap, pos, last);
    if (heap->moved)
        heap->moved(heap->ctx, item, (uint32_t)HEAP_NOWHERE);
    return item;
}

void heap_update_at(struct heap *heap, uint32_t pos)
{
    MUST(pos < heap->count);
    sift(heap, pos, heap->items[pos]);
}

uint32_t heap_item_at(const struct heap *heap, uint32_t pos)
{
    MUST(pos < heap->count);
    return heap->items[pos];
}
