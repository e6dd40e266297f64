/* The map from 64-bit keys: linear probing from a home place that grows with the hash, so that any
 * number of places will do and a large table can grow by a quarter instead of doubling.
 *
 * Invariant: between an entry's home and its place no place is empty. Removal keeps it by moving
 * entries back, so there are no tombstones. */
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>

#include "base/assert.h"

enum { PLACES_FIRST = 16, DOUBLE_BELOW = 1 << 16, ENTRIES_LIMIT = 1 << 30 };

void map_init(struct map *map, uint32_t entries_max, uint64_t seed)
{
    MUST(entries_max >= 1 && entries_max <= ENTRIES_LIMIT);
    *map = (struct map){.entries_max = entries_max, .seed = seed};
}

void map_done(struct map *map)
{
    if (!map)
        return;
    free(map->keys);
    map_init(map, map->entries_max ? map->entries_max : 1, map->seed);
}

/* The finalizer of MurmurHash3 (public domain), then scaled to the number of places. */
static uint32_t home(const struct map *map, uint64_t key)
{
    uint64_t hash = key ^ map->seed;
    hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
    hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53u;
    return (uint32_t)((hash >> 32) * map->places >> 32);
}

static uint32_t after(const struct map *map, uint32_t place)
{
    return place + 1 == map->places ? 0 : place + 1;
}

/* The place of the key, or the empty place where it would go. */
static uint32_t find(const struct map *map, uint64_t key)
{
    uint32_t place = home(map, key);
    while (map->values[place] != 0 && map->keys[place] != key)
        place = after(map, place);
    return place;
}

static void resize(struct map *map, uint32_t places)
{
    struct map old = *map;
    map->keys = calloc(places, sizeof map->keys[0] + sizeof map->values[0]);
    MUST(map->keys != NULL);
    map->values = (uint32_t *)(void *)(map->keys + places);
    map->places = places;
    for (uint32_t i = 0; i < old.places; i++) {
        if (old.values[i] == 0)
            continue;
        uint32_t place = find(map, old.keys[i]);
        map->keys[place] = old.keys[i];
        map->values[place] = old.values[i];
    }
    free(old.keys);
}

static void grow_if_needed(struct map *map)
{
    if (map->places == 0)
        resize(map, PLACES_FIRST);
    else if ((uint64_t)(map->count + 1) * 5 > (uint64_t)map->places * 4)
        resize(map, map->places + (map->places < DOUBLE_BELOW ? map->places : map->places / 4));
}

uint32_t map_get(const struct map *map, uint64_t key)
{
    return map->count == 0 ? 0 : map->values[find(map, key)];
}

int map_put(struct map *map, uint64_t key, uint32_t value)
{
    MUST(value != 0);
    if (map->count > 0) {
        uint32_t place = find(map, key);
        if (map->values[place] != 0) {
            map->values[place] = value;
            return 0;
        }
    }
    if (map->count == map->entries_max)
        return -ENOSPC;
    grow_if_needed(map);
    uint32_t place = find(map, key);
    map->keys[place] = key;
    map->values[place] = value;
    map->count++;
    return 0;
}

uint32_t map_remove(struct map *map, uint64_t key)
{
    if (map->count == 0)
        return 0;
    uint32_t hole = find(map, key);
    uint32_t value = map->values[hole];
    if (value == 0)
        return 0;
    for (uint32_t at = after(map, hole); map->values[at] != 0; at = after(map, at)) {
        /* An entry may move back to the hole unless its home lies between the two. */
        uint32_t wanted = home(map, map->keys[at]);
        bool stays = hole < at ? wanted > hole && wanted <= at : wanted > hole || wanted <= at;
        if (stays)
            continue;
        map->keys[hole] = map->keys[at];
        map->values[hole] = map->values[at];
        hole = at;
    }
    map->values[hole] = 0;
    map->count--;
    return value;
}

bool map_next(const struct map *map, uint32_t *cursor, uint64_t *ret_key, uint32_t *ret_value)
{
    while (*cursor < map->places) {
        uint32_t place = (*cursor)++;
        if (map->values[place] != 0) {
            *ret_key = map->keys[place];
            *ret_value = map->values[place];
            return true;
        }
    }
    return false;
}
