/* Durable named cursors (S8). */
#ifndef MUSTER_BROKER_CORE_CURSOR_H
#define MUSTER_BROKER_CORE_CURSOR_H

#include "base/map.h"
#include "base/slab.h"
#include "broker/core/core.h"

enum { CURSORS_MAX = 65536, CURSOR_NAME_MAX = 255 };

struct cursor {
    uint32_t pool;  /* index */
    uint32_t owner; /* client that read by it last, 0 = none */
    uint64_t pos;
    struct bytes key; /* 4 bytes of the pool's index and the name; owned by the map */
};

struct cursors {
    struct slab items;
    struct strmap by_key;
};

static inline struct cursor *cursor_at(const struct cursors *cursors, uint32_t index)
{
    return slab_at(&cursors->items, index);
}

void cursors_init(struct cursors *cursors, uint64_t seed);
void cursors_done(struct cursors *cursors);
uint32_t cursor_find(const struct cursors *cursors, uint32_t pool, struct bytes name);
struct bytes cursor_name(const struct cursor *cursor);
/* The client that owns it goes. */
void cursors_disown(struct core *core, uint32_t client);
void cursors_drop_pool(struct core *core, uint32_t pool);
void cursor_apply(struct core *core, const struct fact_cursor *fact);

#endif
