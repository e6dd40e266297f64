/*
 * hints.c -- tells the core at a restart how old the records of each pool are.
 *
 * The store keeps no times beside its records, so a few records of each pool are looked at, evenly
 * over its log. Without that, age would count anew from every start, and a broker that is restarted
 * more often than once in the keep time would never delete anything by age (S12). A record that
 * cannot be read is left out here: who reads it will be told, retention can do without.
 */
#include "broker/hints.h"

#include "base/assert.h"

#include <stdlib.h>

enum {
    LOOKS_MAX = 16384,   /* records looked at, over all pools */
    LOOKS_POOL_MAX = 64, /* … of one: half of what the core remembers */
    LOOKS_POOL_MIN = 2,
};

void hints_done(struct hints *hints)
{
    free(hints->pools);
    *hints = HINTS_EMPTY;
}

void hints_note(struct hints *hints, const struct fact *fact)
{
    if (fact->type != FACT_POOL || fact->as.pool.totals->head == fact->as.pool.totals->oldest)
        return;
    if (hints->n_pools == hints->pools_max) {
        hints->pools_max = hints->pools_max == 0 ? 64 : hints->pools_max * 2;
        hints->pools = realloc(hints->pools, hints->pools_max * sizeof *hints->pools);
        MUST(hints->pools != NULL);
    }
    hints->pools[hints->n_pools++] = (struct hints_pool){.pool = fact->as.pool.pool,
                                                         .oldest = fact->as.pool.totals->oldest,
                                                         .head = fact->as.pool.totals->head};
}

static int see(void *ctx, const struct store_record *record)
{
    *(int64_t *)ctx = record->fact.recorded_wall_ns;
    return 1;
}

static void tell_pool(const struct hints_pool *p, uint64_t looks, struct store *store,
                      struct core *core)
{
    uint64_t kept = p->head - p->oldest;
    if (looks > kept)
        looks = kept;
    for (uint64_t i = 1; i <= looks; i++) {
        /* Of the newest record, and of those that end equal stretches before it. */
        uint64_t pos = p->oldest + kept / looks * i + kept % looks * i / looks;
        int64_t wall_ns = 0;
        if (store_records(store, p->pool, pos - 1, 1, false, see, &wall_ns) > 0)
            core_retention_hint(core, p->pool, pos, wall_ns);
    }
}

void hints_tell(const struct hints *hints, struct store *store, struct core *core)
{
    if (hints->n_pools == 0)
        return;
    uint64_t looks = LOOKS_MAX / hints->n_pools;
    looks = looks > LOOKS_POOL_MAX   ? LOOKS_POOL_MAX
            : looks < LOOKS_POOL_MIN ? LOOKS_POOL_MIN
                                     : looks;
    for (size_t i = 0; i < hints->n_pools; i++)
        tell_pool(&hints->pools[i], looks, store, core);
}
