/* The map from byte strings, for names: few entries, keys kept as copies of their own.
 *
 * Keys come from peers, so the hash is SipHash-1-3 with a seed (Aumasson and Bernstein 2012).
 * Probing and removal are those of map.c, with a power of two as the number of places. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/map.h"

enum { PLACES_FIRST = 16, ENTRIES_LIMIT = 1 << 30 };

struct strmap_entry {
    char *key; /* owned, NUL behind it */
    size_t size;
    uint32_t hash;
    uint32_t value; /* 0: the place is empty */
};

static uint64_t rotate_left(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate_left(v[1], 13) ^ v[0];
    v[0] = rotate_left(v[0], 32);
    v[2] += v[3];
    v[3] = rotate_left(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate_left(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate_left(v[1], 17) ^ v[2];
    v[2] = rotate_left(v[2], 32);
}

static uint32_t hash_of(const struct strmap *map, struct bytes key)
{
    uint64_t k0 = map->seed;
    uint64_t k1 = ~map->seed * 0x9e3779b97f4a7c15u;
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u,
                     k1 ^ 0x7465646279746573u};
    for (size_t at = 0; at <= key.size; at += 8) {
        uint64_t word = 0;
        size_t left = key.size - at;
        if (left > 0)
            memcpy(&word, key.data + at, left < 8 ? left : 8);
        if (left < 8)
            word |= (uint64_t)key.size << 56;
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]);
}

void strmap_init(struct strmap *map, uint32_t entries_max, size_t key_bytes_max, uint64_t seed)
{
    MUST(entries_max >= 1 && entries_max <= ENTRIES_LIMIT);
    *map = (struct strmap){
        .entries_max = entries_max,
        .key_bytes_max = key_bytes_max,
        .seed = seed,
    };
}

void strmap_done(struct strmap *map)
{
    if (!map)
        return;
    for (uint32_t i = 0; i < map->places; i++)
        free(map->entries[i].key);
    free(map->entries);
    map->entries = NULL;
    map->places = 0;
    map->count = 0;
    map->key_bytes = 0;
}

/* The entry of the key, or the empty one where it would go. */
static struct strmap_entry *find(const struct strmap *map, struct bytes key, uint32_t hash)
{
    uint32_t mask = map->places - 1;
    for (uint32_t place = hash & mask;; place = (place + 1) & mask) {
        struct strmap_entry *entry = &map->entries[place];
        if (entry->value == 0)
            return entry;
        if (entry->hash == hash && bytes_equal(bytes_of(entry->key, entry->size), key))
            return entry;
    }
}

static void resize(struct strmap *map, uint32_t places)
{
    struct strmap_entry *old = map->entries;
    uint32_t old_places = map->places;
    map->entries = calloc(places, sizeof map->entries[0]);
    MUST(map->entries != NULL);
    map->places = places;
    for (uint32_t i = 0; i < old_places; i++) {
        if (old[i].value != 0)
            *find(map, bytes_of(old[i].key, old[i].size), old[i].hash) = old[i];
    }
    free(old);
}

uint32_t strmap_get(const struct strmap *map, struct bytes key)
{
    return map->count == 0 ? 0 : find(map, key, hash_of(map, key))->value;
}

int strmap_put(struct strmap *map, struct bytes key, uint32_t value, struct bytes *ret_key)
{
    MUST(value != 0);
    uint32_t hash = hash_of(map, key);
    if (map->places == 0)
        resize(map, PLACES_FIRST);
    struct strmap_entry *entry = find(map, key, hash);
    if (entry->value == 0) {
        if (map->count == map->entries_max || key.size > map->key_bytes_max - map->key_bytes)
            return -ENOSPC;
        if ((uint64_t)(map->count + 1) * 5 > (uint64_t)map->places * 4) {
            resize(map, map->places * 2);
            entry = find(map, key, hash);
        }
        entry->key = bytes_dup(key);
        MUST(entry->key != NULL);
        entry->size = key.size;
        entry->hash = hash;
        map->count++;
        map->key_bytes += key.size;
    }
    entry->value = value;
    if (ret_key)
        *ret_key = bytes_of(entry->key, entry->size);
    return 0;
}

uint32_t strmap_remove(struct strmap *map, struct bytes key)
{
    if (map->count == 0)
        return 0;
    struct strmap_entry *entry = find(map, key, hash_of(map, key));
    uint32_t value = entry->value;
    if (value == 0)
        return 0;
    map->count--;
    map->key_bytes -= entry->size;
    free(entry->key);
    uint32_t mask = map->places - 1;
    uint32_t hole = (uint32_t)(entry - map->entries);
    for (uint32_t at = (hole + 1) & mask; map->entries[at].value != 0; at = (at + 1) & mask) {
        uint32_t home = map->entries[at].hash & mask;
        /* It may move back unless its home lies between the hole and its place. */
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        map->entries[hole] = map->entries[at];
        hole = at;
    }
    map->entries[hole] = (struct strmap_entry){0};
    return value;
}

bool strmap_next(const struct strmap *map, uint32_t *cursor, struct bytes *ret_key,
                 uint32_t *ret_value)
{
    while (*cursor < map->places) {
        const struct strmap_entry *entry = &map->entries[(*cursor)++];
        if (entry->value != 0) {
            *ret_key = bytes_of(entry->key, entry->size);
            *ret_value = entry->value;
            return true;
        }
    }
    return false;
}
