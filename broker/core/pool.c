/*
 * pool.c -- pools: made, found, used, gone; the fact of their totals once per turn.
 *
 * Responsible for identity and life time. Not for their commands, classes, cursors.
 * Invariant: counts[held] + counts[queued] + counts[running] + head = next_track_id - 1.
 */
#include <stdlib.h>
#include <string.h>

#include "base/reserve.h"
#include "broker/core/grow.h"
#include "broker/core/machine.h"

static const int64_t USED_EVERY_NS = 60 * MUSTER_S;

void pools_init(struct pools *pools, uint32_t pools_max, uint64_t seed)
{
    MUST(pools_max <= POOLS_LIMIT);
    *pools = (struct pools){.busy_words = pools_max / 64 + 1};
    MUST(slab_init(&pools->items, sizeof(struct pool), pools_max) == 0);
    strmap_init(&pools->private_names, pools_max, SIZE_MAX, seed);
    pools->dirty = reserve_map(((size_t)pools_max + 1) * sizeof *pools->dirty);
    pools->busy = reserve_map(pools->busy_words * sizeof *pools->busy);
    MUST(pools->dirty != NULL && pools->busy != NULL);
}

void pools_done(struct pools *pools)
{
    for (uint32_t i = slab_next(&pools->items, 0); i != 0; i = slab_next(&pools->items, i))
        free(pool_at(pools, i)->turn_bodies);
    reserve_unmap(pools->dirty, ((size_t)pools->items.items_max + 1) * sizeof *pools->dirty);
    reserve_unmap(pools->busy, pools->busy_words * sizeof *pools->busy);
    slab_done(&pools->items);
    strmap_done(&pools->private_names);
}

/* ---- finding -------------------------------------------------------------------------------- */

uint32_t pool_find(const struct pools *pools, uint32_t id)
{
    uint32_t index = id & POOLS_LIMIT;
    if (!slab_is_live(&pools->items, index) || pool_at(pools, index)->id != id)
        return 0;
    return index;
}

uint32_t pool_find_name(const struct core *core, struct bytes name)
{
    uint32_t index = strmap_get(&core->pools.private_names, name);
    uint32_t id = index == 0 ? names_find(&core->names, name) : 0;
    return id == 0 ? index : names_at(&core->names, id)->of[NAME_POOL];
}

struct bytes pool_name(const struct core *core, const struct pool *pool)
{
    if (pool->is_private)
        return bytes_of(pool->private_name, PRIVATE_NAME_BYTES);
    return name_text(core, pool->name);
}

uint64_t pool_live(const struct pool *pool)
{
    return pool->counts[STATE_HELD] + pool->counts[STATE_QUEUED] + pool->counts[STATE_RUNNING];
}

uint64_t pool_final_to(const struct core *core, uint32_t index)
{
    struct pool *pool = pool_at(&core->pools, index);
    uint64_t first;
    if (pages_after(core->commands.pages, &pool->pages, index, pool->totals.final_to, &first) == 0)
        return pool->totals.next_track_id - 1;
    return first - 1;
}

uint64_t pool_ok_to(const struct core *core, uint32_t index)
{
    const struct pool *pool = pool_at(&core->pools, index);
    uint64_t final_to = pool_final_to(core, index);
    bool is_bad = pool->totals.first_bad != 0 && pool->totals.first_bad <= final_to;
    return is_bad ? pool->totals.first_bad - 1 : final_to;
}

/* ---- the turn ------------------------------------------------------------------------------- */

void pool_dirty(struct core *core, uint32_t index)
{
    struct pool *pool = pool_at(&core->pools, index);
    if (pool->is_dirty)
        return;
    pool->is_dirty = true;
    pool->turn_head = pool->totals.head;
    core->pools.dirty[core->pools.n_dirty++] = index;
}

static void describe(struct core *core, uint32_t index, struct fact_pool *ret)
{
    struct pool *pool = pool_at(&core->pools, index);
    struct pool_totals *totals = turn_alloc(core, sizeof *totals);
    *totals = pool->totals;
    totals->final_to = pool_final_to(core, index);
    *ret = (struct fact_pool){.pool = pool->id,
                              .name = turn_copy(core, pool_name(core, pool)),
                              .private_ = pool->is_private,
                              .closed = pool->is_closed,
                              .made_wall_ns = pool->made_wall_ns,
                              .used_wall_ns = pool->used_wall_ns,
                              .totals = totals};
}

void pools_flush(struct core *core)
{
    for (uint32_t i = 0; i < core->pools.n_dirty; i++) {
        struct fact *fact = fact_add(core, FACT_POOL);
        describe(core, core->pools.dirty[i], &fact->as.pool);
        apply(core, fact);
    }
}

void pools_end_turn(struct core *core)
{
    for (uint32_t i = 0; i < core->pools.n_dirty; i++) {
        struct pool *pool = pool_at(&core->pools, core->pools.dirty[i]);
        pool->is_dirty = false;
        pool->turn_first = 0;
        pool->n_turn_bodies = 0;
    }
    core->pools.n_dirty = 0;
}

void pool_use(struct core *core, uint32_t index)
{
    struct pool *pool = pool_at(&core->pools, index);
    if (core->wall_ns - pool->used_wall_ns < USED_EVERY_NS && core->wall_ns >= pool->used_wall_ns)
        return;
    pool->used_wall_ns = core->wall_ns;
    pool_dirty(core, index);
}

enum { TURN_BODIES_FIRST = 64, TURN_BODIES_KEPT = 4096 };

void pool_note_body(struct pool *pool, uint64_t track_id, uint64_t body)
{
    if (pool->turn_first == 0) {
        pool->turn_first = track_id;
        pool->n_turn_bodies = 0;
        if (pool->turn_bodies_max > TURN_BODIES_KEPT) {
            free(pool->turn_bodies);
            pool->turn_bodies = NULL;
            pool->turn_bodies_max = 0;
        }
    }
    MUST(track_id == pool->turn_first + pool->n_turn_bodies);
    pool->turn_bodies = grow(pool->turn_bodies, pool->n_turn_bodies, &pool->turn_bodies_max,
                             TURN_BODIES_FIRST, sizeof *pool->turn_bodies);
    pool->turn_bodies[pool->n_turn_bodies++] = body;
}

uint64_t pool_turn_body(const struct pool *pool, uint64_t track_id)
{
    bool is_of_turn = pool->turn_first != 0 && track_id >= pool->turn_first &&
                      track_id - pool->turn_first < pool->n_turn_bodies;
    return is_of_turn ? pool->turn_bodies[track_id - pool->turn_first] : 0;
}

/* ---- making --------------------------------------------------------------------------------- */

static void private_name(struct core *core, char name[PRIVATE_NAME_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";
    do {
        uint64_t number = rand_next(&core->rand);
        name[0] = '~';
        for (int i = 1; i < PRIVATE_NAME_BYTES; i++, number >>= 4)
            name[i] = digits[number & 15];
        name[PRIVATE_NAME_BYTES] = '\0';
    } while (pool_find_name(core, bytes_of(name, PRIVATE_NAME_BYTES)) != 0);
}

/* The index that the slab gives next, tagged for a private pool: an id that was used before must
 * not lead to another pool, because workers may still speak of it. */
static uint32_t next_id(struct core *core, bool is_private)
{
    uint32_t index = slab_alloc(&core->pools.items);
    slab_free(&core->pools.items, index);
    uint32_t tag = is_private ? 1 + (uint32_t)rand_below(&core->rand, 0xfff) : 0;
    return tag << POOL_INDEX_BITS | index;
}

uint32_t pool_make(struct core *core, struct bytes name)
{
    char made_name[PRIVATE_NAME_BYTES + 1];
    bool is_private = name.size == 0;
    if (slab_is_full(&core->pools.items))
        return 0;
    if (is_private) {
        private_name(core, made_name);
        name = turn_copy(core, bytes_of(made_name, PRIVATE_NAME_BYTES));
    } else if (!names_have_room(&core->names, 1)) {
        return 0;
    } else {
        name = name_text(core, intern(core, name));
    }
    struct pool_totals *totals = turn_alloc(core, sizeof *totals);
    *totals = (struct pool_totals){.next_track_id = 1, .next_batch = 1};
    uint32_t id = next_id(core, is_private);
    struct fact *fact = fact_add(core, FACT_POOL);
    fact->as.pool = (struct fact_pool){.pool = id,
                                       .name = name,
                                       .private_ = is_private,
                                       .made_wall_ns = core->wall_ns,
                                       .used_wall_ns = core->wall_ns,
                                       .totals = totals};
    apply(core, fact);
    return pool_find(&core->pools, id);
}

/* ---- applied facts -------------------------------------------------------------------------- */

/* Pools are replayed in any order, so an index may have to be passed over: it is taken first. */
static uint32_t take_index(struct pools *pools, uint32_t wanted)
{
    uint32_t passed = 0;
    uint32_t index;
    MUST(wanted >= 1 && wanted <= pools->items.items_max);
    while ((index = slab_alloc(&pools->items)) != wanted) {
        MUST(index != 0);
        memcpy(pool_at(pools, index), &passed, sizeof passed);
        passed = index;
    }
    memset(pool_at(pools, wanted), 0, sizeof(struct pool));
    while (passed != 0) {
        uint32_t next;
        memcpy(&next, pool_at(pools, passed), sizeof next);
        memset(pool_at(pools, passed), 0, sizeof(struct pool));
        slab_free(&pools->items, passed);
        passed = next;
    }
    return wanted;
}

static uint32_t make(struct core *core, const struct fact_pool *fact)
{
    uint32_t index = take_index(&core->pools, fact->pool & POOLS_LIMIT);
    struct pool *pool = pool_at(&core->pools, index);
    pool->id = fact->pool;
    pool->is_private = fact->private_;
    pool->made_wall_ns = fact->made_wall_ns;
    list_init(&pool->clients);
    list_init(&pool->readers);
    list_init(&pool->waits);
    if (fact->private_) {
        MUST(fact->name.size == PRIVATE_NAME_BYTES);
        memcpy(pool->private_name, fact->name.data, PRIVATE_NAME_BYTES);
        MUST(strmap_put(&core->pools.private_names, fact->name, index, NULL) == 0);
    } else {
        pool->name = names_find(&core->names, fact->name);
        MUST(pool->name != 0);
        names_at(&core->names, pool->name)->of[NAME_POOL] = index;
    }
    return index;
}

void pool_apply(struct core *core, const struct fact_pool *fact)
{
    uint32_t index = pool_find(&core->pools, fact->pool);
    if (index == 0)
        index = make(core, fact);
    struct pool *pool = pool_at(&core->pools, index);
    pool->is_closed = fact->closed;
    pool->used_wall_ns = fact->used_wall_ns;
    pool->totals = *fact->totals;
}

void pool_apply_gone(struct core *core, uint32_t id)
{
    uint32_t index = pool_find(&core->pools, id);
    MUST(index != 0);
    struct pool *pool = pool_at(&core->pools, index);
    MUST(pool->is_private && pool_live(pool) == 0 && list_is_empty(&pool->clients));
    cursors_drop_pool(core, index);
    usage_drop_pool(core, index);
    class_drop_pool(core, index);
    strmap_remove(&core->pools.private_names, bytes_of(pool->private_name, PRIVATE_NAME_BYTES));
    for (uint32_t i = 0; pool->is_dirty && i < core->pools.n_dirty; i++)
        if (core->pools.dirty[i] == index) {
            core->pools.dirty[i] = core->pools.dirty[--core->pools.n_dirty];
            break;
        }
    free(pool->turn_bodies);
    slab_free(&core->pools.items, index);
}
