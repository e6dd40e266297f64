/*
 * retain.c -- which records are given up (S12), and which pools and handles.
 *
 * Each pool remembers its log in at most SEGMENTS_MAX coarse stretches of (last pos, bytes, time of
 * its newest record). A stretch is given up as a whole, from the tail, when it is older than
 * keep_ns or the log without it still has keep_bytes. Only final commands have records, so nothing
 * live is ever given up. After a restart the stretches are made anew from the totals: bytes evenly,
 * times from the shell's hints.
 */
#include <string.h>

#include "broker/core/machine.h"

enum { SEGMENTS_PER_KEEP = 64, STEPS_MAX = 16 };

static const int64_t SWEEP_EVERY_NS = 60 * MUSTER_S;

/* Two neighbours become one where that makes the smallest stretch. */
static void merge_smallest(struct pool *pool)
{
    uint32_t at = 0;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i + 1 < pool->n_segments; i++) {
        uint64_t both = pool->segments[i].bytes + pool->segments[i + 1].bytes;
        if (both < least) {
            least = both;
            at = i;
        }
    }
    pool->segments[at + 1].bytes += pool->segments[at].bytes;
    memmove(pool->segments + at, pool->segments + at + 1,
            (pool->n_segments - at - 1) * sizeof *pool->segments);
    pool->n_segments--;
}

static struct segment *add_segment(struct pool *pool)
{
    if (pool->n_segments == SEGMENTS_MAX)
        merge_smallest(pool);
    struct segment *segment = &pool->segments[pool->n_segments++];
    *segment = (struct segment){0};
    return segment;
}

void retain_note(struct core *core, struct pool *pool, uint64_t bytes, int64_t wall_ns)
{
    struct segment *last = pool->n_segments > 0 ? &pool->segments[pool->n_segments - 1] : NULL;
    if (last == NULL || last->bytes > core->limits.keep_bytes / SEGMENTS_PER_KEEP ||
        wall_ns - last->begun_wall_ns > core->limits.keep_ns / SEGMENTS_PER_KEEP) {
        last = add_segment(pool);
        last->begun_wall_ns = wall_ns;
    }
    last->pos = pool->totals.head;
    last->bytes += bytes;
    last->wall_ns = wall_ns;
}

/* ---- restart -------------------------------------------------------------------------------- */

void core_retention_hint(struct core *core, uint32_t pool_id, uint64_t pos,
                         int64_t recorded_wall_ns)
{
    uint32_t index = pool_find(&core->pools, pool_id);
    if (index == 0 || core->is_started)
        return;
    struct pool *pool = pool_at(&core->pools, index);
    uint64_t before =
        pool->n_segments > 0 ? pool->segments[pool->n_segments - 1].pos : pool->totals.oldest;
    if (pos <= before || pos > pool->totals.head || pool->n_segments == SEGMENTS_MAX)
        return;
    struct segment *segment = add_segment(pool);
    segment->pos = pos;
    segment->wall_ns = recorded_wall_ns;
    segment->begun_wall_ns = recorded_wall_ns;
}

static void start_pool(struct core *core, struct pool *pool)
{
    const struct pool_totals *totals = &pool->totals;
    uint64_t kept = totals->head - totals->oldest;
    uint64_t from = totals->oldest;
    uint64_t given = 0;
    if (kept == 0)
        return;
    if (pool->n_segments == 0 || pool->segments[pool->n_segments - 1].pos < totals->head) {
        struct segment *rest = add_segment(pool);
        rest->pos = totals->head;
        rest->wall_ns = core->wall_ns;
        rest->begun_wall_ns = core->wall_ns;
    }
    for (uint32_t i = 0; i < pool->n_segments; i++) {
        struct segment *segment = &pool->segments[i];
        double share = (double)(segment->pos - from) / (double)kept;
        segment->bytes = (uint64_t)((double)totals->records_bytes * share);
        given += segment->bytes;
        from = segment->pos;
    }
    pool->segments[pool->n_segments - 1].bytes +=
        totals->records_bytes > given ? totals->records_bytes - given : 0;
}

void retain_start(struct core *core)
{
    const struct slab *pools = &core->pools.items;
    for (uint32_t i = slab_next(pools, 0); i != 0; i = slab_next(pools, i))
        start_pool(core, pool_at(&core->pools, i));
    core->sweep_due = time_add(core->now, SWEEP_EVERY_NS);
}

/* ---- giving up ------------------------------------------------------------------------------ */

void retain_apply_oldest(struct core *core, const struct fact_oldest *fact)
{
    uint32_t index = pool_find(&core->pools, fact->pool);
    MUST(index != 0);
    struct pool *pool = pool_at(&core->pools, index);
    uint32_t gone = 0;
    MUST(fact->oldest >= pool->totals.oldest && fact->oldest <= pool->totals.head);
    pool->totals.oldest = fact->oldest;
    while (gone < pool->n_segments && pool->segments[gone].pos <= fact->oldest) {
        uint64_t bytes = pool->segments[gone++].bytes;
        pool->totals.records_bytes -=
            bytes < pool->totals.records_bytes ? bytes : pool->totals.records_bytes;
    }
    if (fact->oldest == pool->totals.head)
        pool->totals.records_bytes = 0;
    pool->n_segments -= gone;
    memmove(pool->segments, pool->segments + gone, pool->n_segments * sizeof *pool->segments);
}

static bool is_over(const struct core *core, const struct pool *pool)
{
    if (pool->n_segments == 0)
        return false;
    const struct segment *tail = &pool->segments[0];
    bool is_old = core->wall_ns - tail->wall_ns > core->limits.keep_ns;
    bool is_much = pool->totals.records_bytes > core->limits.keep_bytes &&
                   pool->totals.records_bytes - tail->bytes >= core->limits.keep_bytes / 2 &&
                   pool->n_segments > 1;
    return is_old || is_much;
}

/* Nobody has the private pool open, nothing in it runs, and it was not used for long. */
static bool is_abandoned(const struct core *core, const struct pool *pool)
{
    if (!pool->is_private || pool_live(pool) > 0 || pool->n_cancels > 0 ||
        core->wall_ns - pool->used_wall_ns <= core->limits.keep_private_ns)
        return false;
    list_each (link, &pool->clients) {
        if (list_entry(link, struct client, of_pool)->peer != 0)
            return false;
    }
    return true;
}

static void give_up_pool(struct core *core, uint32_t index)
{
    struct pool *pool = pool_at(&core->pools, index);
    struct list *link;
    while ((link = list_first(&pool->clients)) != NULL) {
        uint64_t id = list_entry(link, struct client, of_pool)->id;
        client_forget(core, client_find(&core->clients, id));
    }
    struct fact *fact = fact_add(core, FACT_POOL_GONE);
    fact->as.pool_gone = pool->id;
    apply(core, fact);
}

static void sweep_pool(struct core *core, uint32_t index)
{
    struct pool *pool = pool_at(&core->pools, index);
    if (is_abandoned(core, pool)) {
        give_up_pool(core, index);
        return;
    }
    for (uint32_t step = 0; step < STEPS_MAX && is_over(core, pool); step++) {
        pool_dirty(core, index);
        struct fact *fact = fact_add(core, FACT_OLDEST);
        fact->as.oldest = (struct fact_oldest){.pool = pool->id, .oldest = pool->segments[0].pos};
        apply(core, fact);
    }
}

void retain_sweep(struct core *core)
{
    const struct slab *pools = &core->pools.items;
    const struct slab *workers = &core->roster.workers;
    clients_sweep(core);
    if (core->now < core->sweep_due)
        return;
    core->sweep_due = time_add(core->now, SWEEP_EVERY_NS);
    for (uint32_t i = slab_next(pools, 0); i != 0; i = slab_next(pools, i))
        sweep_pool(core, i);
    for (uint32_t w = slab_next(workers, 0); w != 0; w = slab_next(workers, w))
        if (worker_at(&core->roster, w)->lease_timer == 0)
            worker_forget_if_over(core, w);
}
