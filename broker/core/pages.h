/*
 * pages.h -- the live commands of the pools by track_id: 4 bytes a command where ids lie densely,
 * and walks in order of the ids. A page is 64 consecutive ids of one pool; it exists while one of
 * them is live.
 */
#ifndef MUSTER_BROKER_CORE_PAGES_H
#define MUSTER_BROKER_CORE_PAGES_H

#include "base/map.h"
#include "base/slab.h"

enum { PAGE_BITS = 6, PAGE_IDS = 1 << PAGE_BITS };

struct page {
    uint64_t number;     /* track_id >> PAGE_BITS */
    uint32_t next, prev; /* of the same pool, in order */
    uint32_t count;
    uint32_t ids[PAGE_IDS]; /* command or 0 */
};

/* One pool's pages. All zero is empty. */
struct page_list {
    uint32_t first, last;
};

struct pages {
    struct slab items;
    struct map by_number; /* pool << 34 | number */
    uint64_t last_key;    /* the page that was found last */
    uint32_t last_page;
};

void pages_init(struct pages *pages, uint32_t commands_max, uint64_t seed);
void pages_done(struct pages *pages);

/* `pool` is a small index. The command with this id, or 0. */
uint32_t pages_get(struct pages *pages, uint32_t pool, uint64_t track_id);
/* Asserts that the id is not there yet. */
void pages_put(struct pages *pages, struct page_list *list, uint32_t pool, uint64_t track_id,
               uint32_t command);
/* Asserts that it is there. */
void pages_remove(struct pages *pages, struct page_list *list, uint32_t pool, uint64_t track_id);

/* The live command with the lowest id above `track_id`, its id in *ret_track_id; 0 when none. */
uint32_t pages_after(struct pages *pages, const struct page_list *list, uint32_t pool,
                     uint64_t track_id, uint64_t *ret_track_id);

#endif
