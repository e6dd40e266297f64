/* hints.h -- tells the core at a restart how old the records of each pool are. */
#ifndef MUSTER_BROKER_HINTS_H
#define MUSTER_BROKER_HINTS_H

#include "broker/core/core.h"
#include "broker/store/store.h"

struct hints {
    struct hints_pool {
        uint32_t pool;
        uint64_t oldest, head;
    } * pools;
    size_t n_pools, pools_max;
};

#define HINTS_EMPTY ((struct hints){0})
void hints_done(struct hints *hints);
/* Notes the pools among the facts of the load. */
void hints_note(struct hints *hints, const struct fact *fact);
/* After the load and before core_start. */
void hints_tell(const struct hints *hints, struct store *store, struct core *core);

#endif
