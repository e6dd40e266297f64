/*
 * batch.c -- batches: which commands belong together, and how many of them ended how.
 *
 * Responsible for batches with unfinished commands; a complete one is forgotten at the end of its
 * turn, the store keeps it. Invariant: n_ended is the sum of `ended` and at most count.
 */
#include <string.h>

#include "base/reserve.h"
#include "broker/core/machine.h"

enum { NUMBER_BITS = 40 };

static uint64_t key_of(uint32_t pool, uint64_t number)
{
    return (uint64_t)pool << NUMBER_BITS | number;
}

void batches_init(struct batches *batches, uint32_t batches_max, uint64_t seed)
{
    *batches = (struct batches){0};
    MUST(slab_init(&batches->items, sizeof(struct batch), batches_max) == 0);
    map_init(&batches->by_number, batches_max, seed);
    batches->dirty = reserve_map(((size_t)batches_max + 1) * sizeof *batches->dirty);
    MUST(batches->dirty != NULL);
}

void batches_done(struct batches *batches)
{
    reserve_unmap(batches->dirty, ((size_t)batches->items.items_max + 1) * sizeof *batches->dirty);
    slab_done(&batches->items);
    map_done(&batches->by_number);
}

uint32_t batch_find(const struct batches *batches, uint32_t pool, uint64_t number)
{
    if (number == 0 || number >> NUMBER_BITS != 0)
        return 0;
    return map_get(&batches->by_number, key_of(pool, number));
}

uint32_t batch_need(struct core *core, uint32_t pool, uint64_t number, uint64_t first)
{
    struct batches *batches = &core->batches;
    uint32_t index = batch_find(batches, pool, number);
    if (index != 0)
        return index;
    index = slab_alloc(&batches->items);
    MUST(index != 0);
    struct batch *batch = batch_at(batches, index);
    batch->pool = pool;
    batch->number = number;
    batch->first = first;
    list_init(&batch->waits);
    MUST(map_put(&batches->by_number, key_of(pool, number), index) == 0);
    struct pool_totals *totals = &pool_at(&core->pools, pool)->totals;
    if (number >= totals->next_batch)
        totals->next_batch = number + 1;
    return index;
}

static void mark_dirty(struct core *core, uint32_t index)
{
    struct batch *batch = batch_at(&core->batches, index);
    if (batch->is_dirty)
        return;
    batch->is_dirty = true;
    core->batches.dirty[core->batches.n_dirty++] = index;
}

void batch_add(struct core *core, uint32_t index, uint64_t track_id, int64_t wall_ns)
{
    struct batch *batch = batch_at(&core->batches, index);
    if (track_id < batch->first + batch->count)
        return; /* at load: the batch's own fact has counted it */
    MUST(track_id == batch->first + batch->count);
    batch->count++;
    if (batch->made_wall_ns == 0)
        batch->made_wall_ns = wall_ns;
    mark_dirty(core, index);
}

void batch_end(struct core *core, uint32_t index, enum state state)
{
    struct batch *batch = batch_at(&core->batches, index);
    batch->ended[state]++;
    batch->n_ended++;
    MUST(batch->n_ended <= batch->count);
    mark_dirty(core, index);
}

void batches_flush(struct core *core)
{
    for (uint32_t i = 0; i < core->batches.n_dirty; i++) {
        const struct batch *batch = batch_at(&core->batches, core->batches.dirty[i]);
        struct fact *fact = fact_add(core, FACT_BATCH);
        fact->as.batch = (struct fact_batch){.pool = pool_at(&core->pools, batch->pool)->id,
                                             .batch = batch->number,
                                             .first = batch->first,
                                             .count = batch->count,
                                             .made_wall_ns = batch->made_wall_ns};
        memcpy(fact->as.batch.ended, batch->ended, sizeof batch->ended);
        apply(core, fact);
    }
}

void batches_end_turn(struct core *core)
{
    struct batches *batches = &core->batches;
    for (uint32_t i = 0; i < batches->n_dirty; i++) {
        uint32_t index = batches->dirty[i];
        struct batch *batch = batch_at(batches, index);
        batch->is_dirty = false;
        if (batch->n_ended < batch->count)
            continue;
        wait_batch_done(core, index);
        map_remove(&batches->by_number, key_of(batch->pool, batch->number));
        slab_free(&batches->items, index);
    }
    batches->n_dirty = 0;
}

void batch_apply(struct core *core, const struct fact_batch *fact)
{
    uint32_t pool = pool_find(&core->pools, fact->pool);
    uint32_t n_ended = 0;
    for (uint32_t i = 0; i < STATE_COUNT; i++)
        n_ended += fact->ended[i];
    MUST(pool != 0 && n_ended <= fact->count);
    uint32_t index = batch_find(&core->batches, pool, fact->batch);
    if (index == 0 && n_ended == fact->count)
        return; /* complete: nothing of it is live */
    index = batch_need(core, pool, fact->batch, fact->first);
    struct batch *batch = batch_at(&core->batches, index);
    batch->first = fact->first;
    batch->count = fact->count;
    batch->n_ended = n_ended;
    batch->made_wall_ns = fact->made_wall_ns;
    memcpy(batch->ended, fact->ended, sizeof batch->ended);
    if (n_ended == fact->count)
        mark_dirty(core, index); /* in a replay of a whole history: forgotten at its end */
}
