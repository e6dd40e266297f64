/*
 * names.h -- strings that are known once: hosts, workers, labels, functions, selectors, the names
 * of shared pools. Ids are 1, 2, 3 …, durable, and never freed. What is random and short-lived
 * (private pools, cursors) has no place here.
 */
#ifndef MUSTER_BROKER_CORE_NAMES_H
#define MUSTER_BROKER_CORE_NAMES_H

#include "base/map.h"

/* What else goes by a name: an index into the slab of that module, 0 = none. */
enum name_kind { NAME_SELECTOR, NAME_WORKER, NAME_HOST, NAME_FUNCTION, NAME_POOL, NAME_KINDS };

struct name {
    struct bytes text; /* owned by the map, valid as long as the table */
    uint32_t of[NAME_KINDS];
};

struct names {
    struct strmap ids;
    struct name *items; /* by id */
    size_t items_bytes;
    uint32_t top;
    uint32_t names_max;
};

enum { NAMES_LIMIT = (1 << 24) - 1 };

/* 1 ≤ names_max ≤ NAMES_LIMIT. Asserts that there is address space. */
void names_init(struct names *names, uint32_t names_max, uint64_t seed);
void names_done(struct names *names);

/* The id of a text, or 0. */
uint32_t names_find(const struct names *names, struct bytes text);

/* Room for this many more. */
bool names_have_room(const struct names *names, uint32_t count);

/* Makes `text` known under `id`, which is new; asserts so. */
void names_put(struct names *names, uint32_t id, struct bytes text);

/* The id that the next new name gets. */
static inline uint32_t names_next(const struct names *names)
{
    return names->top + 1;
}

static inline struct name *names_at(const struct names *names, uint32_t id)
{
    return &names->items[id];
}

/* The text; empty for 0 and for ids that are not known. */
struct bytes names_text(const struct names *names, uint32_t id);

#endif
