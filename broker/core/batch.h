/* Batches with unfinished commands: expected sets, and how they ended. */
#ifndef MUSTER_BROKER_CORE_BATCH_H
#define MUSTER_BROKER_CORE_BATCH_H

#include "base/list.h"
#include "base/map.h"
#include "base/slab.h"
#include "broker/core/core.h"

struct batch {
    uint32_t pool; /* index */
    uint64_t number;
    uint64_t first;
    uint32_t count;
    uint32_t n_ended; /* sum of `ended` */
    uint32_t ended[STATE_COUNT];
    int64_t made_wall_ns;
    struct list waits;
    bool is_dirty;
};

struct batches {
    struct slab items;
    struct map by_number; /* pool << 40 | number */
    uint32_t *dirty;
    uint32_t n_dirty;
};

static inline struct batch *batch_at(const struct batches *batches, uint32_t index)
{
    return slab_at(&batches->items, index);
}

void batches_init(struct batches *batches, uint32_t batches_max, uint64_t seed);
void batches_done(struct batches *batches);

uint32_t batch_find(const struct batches *batches, uint32_t pool, uint64_t number);
/* Found or made; asserts that there is room. */
uint32_t batch_need(struct core *core, uint32_t pool, uint64_t number, uint64_t first);
/* A command of it was submitted; one ended. */
void batch_add(struct core *core, uint32_t index, uint64_t track_id, int64_t wall_ns);
void batch_end(struct core *core, uint32_t index, enum state state);
/* Facts of the changed ones. */
void batches_flush(struct core *core);
/* Behind the answers to waits: those that are complete are forgotten. */
void batches_end_turn(struct core *core);
void batch_apply(struct core *core, const struct fact_batch *fact);

#endif
