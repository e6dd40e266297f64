/* Deadlines: entries in a slab (the handle is the index), ordered by a heap of handles.
 *
 * Invariant: every live entry is in the heap, at the place that it notes. */
#include "base/deadline.h"

#include "base/assert.h"

struct entry {
    muster_time at;
    uint64_t payload;
    uint32_t pos;
};

static struct entry *entry_at(const struct deadlines *deadlines, uint32_t handle)
{
    return slab_at(&deadlines->entries, handle);
}

static bool entry_less(const void *ctx, uint32_t a, uint32_t b)
{
    muster_time at_a = entry_at(ctx, a)->at;
    muster_time at_b = entry_at(ctx, b)->at;
    return at_a != at_b ? at_a < at_b : a < b;
}

static void entry_moved(void *ctx, uint32_t handle, uint32_t pos)
{
    entry_at(ctx, handle)->pos = pos;
}

int deadlines_init(struct deadlines *deadlines, uint32_t entries_max)
{
    *deadlines = (struct deadlines){0};
    int r = slab_init(&deadlines->entries, sizeof(struct entry), entries_max);
    if (r == 0)
        r = heap_init(&deadlines->heap, entries_max, entry_less, entry_moved, deadlines);
    if (r < 0)
        deadlines_done(deadlines);
    return r;
}

void deadlines_done(struct deadlines *deadlines)
{
    if (!deadlines)
        return;
    heap_done(&deadlines->heap);
    slab_done(&deadlines->entries);
}

uint32_t deadlines_add(struct deadlines *deadlines, muster_time at, uint64_t payload)
{
    uint32_t handle = slab_alloc(&deadlines->entries);
    if (handle == 0)
        return 0;
    *entry_at(deadlines, handle) = (struct entry){.at = at, .payload = payload};
    heap_push(&deadlines->heap, handle);
    return handle;
}

void deadlines_move(struct deadlines *deadlines, uint32_t handle, muster_time at)
{
    MUST(slab_is_live(&deadlines->entries, handle));
    struct entry *entry = entry_at(deadlines, handle);
    entry->at = at;
    heap_update_at(&deadlines->heap, entry->pos);
}

void deadlines_remove(struct deadlines *deadlines, uint32_t handle)
{
    MUST(slab_is_live(&deadlines->entries, handle));
    heap_remove_at(&deadlines->heap, entry_at(deadlines, handle)->pos);
    slab_free(&deadlines->entries, handle);
}

muster_time deadlines_at(const struct deadlines *deadlines, uint32_t handle)
{
    MUST(slab_is_live(&deadlines->entries, handle));
    return entry_at(deadlines, handle)->at;
}

uint64_t deadlines_payload(const struct deadlines *deadlines, uint32_t handle)
{
    MUST(slab_is_live(&deadlines->entries, handle));
    return entry_at(deadlines, handle)->payload;
}

muster_time deadlines_next(const struct deadlines *deadlines)
{
    if (heap_is_empty(&deadlines->heap))
        return MUSTER_NEVER;
    return entry_at(deadlines, heap_peek(&deadlines->heap))->at;
}

bool deadlines_pop_due(struct deadlines *deadlines, muster_time now, uint64_t *ret_payload)
{
    if (heap_is_empty(&deadlines->heap))
        return false;
    uint32_t handle = heap_peek(&deadlines->heap);
    struct entry *entry = entry_at(deadlines, handle);
    if (entry->at > now || entry->at == MUSTER_NEVER)
        return false;
    *ret_payload = entry->payload;
    deadlines_remove(deadlines, handle);
    return true;
}

uint32_t deadlines_count(const struct deadlines *deadlines)
{
    return slab_count(&deadlines->entries);
}
