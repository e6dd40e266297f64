/* Hash maps to 32-bit values other than 0 (slab indices): from 64-bit keys, and from byte strings.
 *
 * Open addressing, linear probing, load at most 0.8, no tombstones. A value of 0 means "absent".
 * Iteration order depends on the seed and the history alone. Running out of memory aborts. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* Fields are private. */
struct map {
    uint64_t *keys;
    uint32_t *values; /* 0: the place is empty */
    uint64_t seed;
    uint32_t places;
    uint32_t count;
    uint32_t entries_max;
};

/* Allocates nothing yet. A secret `seed` makes collisions unpredictable for peers that choose
 * keys; a fixed one makes a simulation repeatable. entries_max ≤ 2^30. */
void map_init(struct map *map, uint32_t entries_max, uint64_t seed);
void map_done(struct map *map);

/* The value, or 0. */
uint32_t map_get(const struct map *map, uint64_t key);

/* Inserts or replaces; `value` is not 0. 0, or -ENOSPC when entries_max are there. */
int map_put(struct map *map, uint64_t key, uint32_t value);

/* The value that was removed, or 0. */
uint32_t map_remove(struct map *map, uint64_t key);

/* Next entry from *cursor (0 to begin) on; false at the end. No change of the map meanwhile. */
bool map_next(const struct map *map, uint32_t *cursor, uint64_t *ret_key, uint32_t *ret_value);

static inline uint32_t map_count(const struct map *map)
{
    return map->count;
}

struct strmap_entry;

/* Fields are private. */
struct strmap {
    struct strmap_entry *entries;
    uint64_t seed;
    size_t key_bytes;
    size_t key_bytes_max;
    uint32_t places;
    uint32_t count;
    uint32_t entries_max;
};

/* The map keeps copies of its keys, `key_bytes_max` bytes of them at most. */
void strmap_init(struct strmap *map, uint32_t entries_max, size_t key_bytes_max, uint64_t seed);
void strmap_done(struct strmap *map);

uint32_t strmap_get(const struct strmap *map, struct bytes key);

/* As map_put; -ENOSPC also when the bytes of the keys would exceed key_bytes_max.
 * ret_key (may be NULL) is the map's own copy, with a NUL behind it, valid until its removal. */
int strmap_put(struct strmap *map, struct bytes key, uint32_t value, struct bytes *ret_key);
uint32_t strmap_remove(struct strmap *map, struct bytes key);
bool strmap_next(const struct strmap *map, uint32_t *cursor, struct bytes *ret_key,
                 uint32_t *ret_value);

static inline uint32_t strmap_count(const struct strmap *map)
{
    return map->count;
}

#endif
