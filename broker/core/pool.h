/* Pools: their totals, counters, and what hangs on them. A pool is the same as its index here; the
 * id outside carries a tag besides, so that the index of a pool that is gone can be used again. */
#ifndef MUSTER_BROKER_CORE_POOL_H
#define MUSTER_BROKER_CORE_POOL_H

#include "base/list.h"
#include "base/slab.h"
#include "broker/core/core.h"
#include "broker/core/pages.h"

enum {
    POOL_INDEX_BITS = 20,
    POOLS_LIMIT = (1 << POOL_INDEX_BITS) - 1,
    PRIVATE_NAME_BYTES = 17, /* "~" and 16 hex digits */
    SEGMENTS_MAX = 128,
};

/* A stretch of the result log, for retention: positions up to `pos`. */
struct segment {
    uint64_t pos;
    uint64_t bytes;
    int64_t begun_wall_ns, wall_ns; /* of its oldest and newest record */
};

/* The live counters: index STATE_HELD, STATE_QUEUED, STATE_RUNNING. */
enum { LIVE_STATES = STATE_RUNNING + 1 };

struct pool {
    uint32_t id;
    uint32_t name; /* name id; 0 for a private pool */
    char private_name[PRIVATE_NAME_BYTES + 1];
    bool is_private, is_closed;
    int64_t made_wall_ns, used_wall_ns;
    struct pool_totals totals;
    uint64_t counts[LIVE_STATES];
    uint64_t usage_from; /* the head at the start of this run until usage is whole; then 0 */
    struct page_list pages;
    struct list clients; /* struct client.of_pool */
    struct list readers; /* waiting READs */
    struct list waits;   /* WAIT ALL */
    uint32_t active;     /* first of its classes with something ready and a host here */
    uint32_t classes;    /* first of all its classes */
    struct segment segments[SEGMENTS_MAX];
    uint32_t n_segments;
    uint32_t n_cancels;    /* long ones that go on: nothing is handed out meanwhile */
    bool is_dirty;         /* in the list of this turn */
    uint64_t turn_head;    /* of the log when the turn began, once dirty */
    uint64_t turn_first;   /* first track_id submitted in this turn; 0 = none */
    uint64_t *turn_bodies; /* handles of this turn's commands, from turn_first on */
    uint32_t n_turn_bodies, turn_bodies_max;
};

struct pools {
    struct slab items;
    struct strmap private_names; /* of private pools -> index */
    uint32_t *dirty;
    uint32_t n_dirty;
    uint64_t *busy; /* bit per pool with an active class */
    uint32_t busy_words;
};

static inline struct pool *pool_at(const struct pools *pools, uint32_t index)
{
    return slab_at(&pools->items, index);
}

void pools_init(struct pools *pools, uint32_t pools_max, uint64_t seed);
void pools_done(struct pools *pools);

/* By the id outside; 0 when there is none. */
uint32_t pool_find(const struct pools *pools, uint32_t id);
/* By its name, private names included. */
uint32_t pool_find_name(const struct core *core, struct bytes name);
struct bytes pool_name(const struct core *core, const struct pool *pool);
uint64_t pool_live(const struct pool *pool);
/* S9: every command up to here is final. */
uint64_t pool_final_to(const struct core *core, uint32_t index);
uint64_t pool_ok_to(const struct core *core, uint32_t index);

/* Its totals change in this turn: a FACT_POOL at the flush. */
void pool_dirty(struct core *core, uint32_t index);
/* Makes a pool durably. 0 when there is no room for one. Empty name: a private one. */
uint32_t pool_make(struct core *core, struct bytes name);
/* It is in use: notes so durably, at most once a minute. */
void pool_use(struct core *core, uint32_t index);

/* For hand-outs in the turn of the submit: remembers and finds the body's handle. */
void pool_note_body(struct pool *pool, uint64_t track_id, uint64_t body);
uint64_t pool_turn_body(const struct pool *pool, uint64_t track_id);

/* The flush: facts of what changed, then the turn's marks are taken away. */
void pools_flush(struct core *core);
void pools_end_turn(struct core *core);

/* Applied facts. */
void pool_apply(struct core *core, const struct fact_pool *fact);
void pool_apply_gone(struct core *core, uint32_t id);

/* Retention (retain.c). */
void retain_note(struct core *core, struct pool *pool, uint64_t bytes, int64_t wall_ns);
void retain_start(struct core *core);
void retain_sweep(struct core *core);
void retain_apply_oldest(struct core *core, const struct fact_oldest *fact);

#endif
