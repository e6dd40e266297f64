/*
 * peers.c -- routing ids to peers and back.
 *
 * A ROUTER is not told when a connection ends, so entries of the departed stay until a send fails,
 * the core closes them, or the table is full and they are the ones that were silent longest. The
 * generation makes sure that a late answer never reaches another peer in the same place.
 */
#include "broker/peers.h"

#include "base/assert.h"
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    uint32_t route; /* the 32 bits that ROUTER minted */
    uint32_t generation;
    uint32_t older, newer; /* by last message; 0 ends */
    uint8_t side;
    bool used;
};

struct peers {
    struct map by_route;
    struct entry *entries; /* index 0 is nobody */
    atomic_size_t *queued; /* by index; 0 is the sum */
    uint32_t entries_max;
    uint32_t made;      /* entries ever used */
    uint32_t free_head; /* linked through `newer` */
    uint32_t oldest, newest;
    uint32_t count;
};

struct peers *peers_new(uint32_t peers_max, uint64_t seed)
{
    struct peers *peers = calloc(1, sizeof *peers);
    MUST(peers != NULL);
    peers->entries = calloc((size_t)peers_max + 1, sizeof *peers->entries);
    MUST(peers->entries != NULL);
    peers->queued = calloc((size_t)peers_max + 1, sizeof *peers->queued);
    MUST(peers->queued != NULL);
    peers->entries_max = peers_max;
    map_init(&peers->by_route, peers_max, seed);
    return peers;
}

void peers_free(struct peers *peers)
{
    if (peers == NULL)
        return;
    map_done(&peers->by_route);
    free(peers->entries);
    free(peers->queued);
    free(peers);
}

bool peers_route_is_minted(struct bytes route)
{
    return route.size == ROUTE_BYTES && route.data[0] == 0;
}

static uint64_t key_of(unsigned side, uint32_t route)
{
    return (uint64_t)side << 32 | route;
}

static void unlink_entry(struct peers *peers, uint32_t index)
{
    struct entry *entry = &peers->entries[index];
    if (entry->older != 0)
        peers->entries[entry->older].newer = entry->newer;
    else
        peers->oldest = entry->newer;
    if (entry->newer != 0)
        peers->entries[entry->newer].older = entry->older;
    else
        peers->newest = entry->older;
}

static void link_newest(struct peers *peers, uint32_t index)
{
    struct entry *entry = &peers->entries[index];
    entry->older = peers->newest;
    entry->newer = 0;
    if (peers->newest != 0)
        peers->entries[peers->newest].newer = index;
    else
        peers->oldest = index;
    peers->newest = index;
}

static peer_id id_of(const struct peers *peers, uint32_t index)
{
    return (uint64_t)index << 32 | peers->entries[index].generation;
}

static uint32_t index_of(const struct peers *peers, peer_id peer)
{
    uint32_t index = (uint32_t)(peer >> 32);
    if (index == 0 || index > peers->made)
        return 0;
    const struct entry *entry = &peers->entries[index];
    return entry->used && entry->generation == (uint32_t)peer ? index : 0;
}

static void drop(struct peers *peers, uint32_t index)
{
    struct entry *entry = &peers->entries[index];
    map_remove(&peers->by_route, key_of(entry->side, entry->route));
    unlink_entry(peers, index);
    entry->used = false;
    entry->newer = peers->free_head;
    peers->free_head = index;
    peers->count--;
}

static uint32_t take_index(struct peers *peers, peer_id *ret_evicted)
{
    if (peers->free_head == 0 && peers->made == peers->entries_max) {
        *ret_evicted = id_of(peers, peers->oldest);
        drop(peers, peers->oldest);
    }
    uint32_t index = peers->free_head;
    if (index != 0)
        peers->free_head = peers->entries[index].newer;
    else
        index = ++peers->made;
    return index;
}

peer_id peers_of(struct peers *peers, enum side side, struct bytes route, peer_id *ret_evicted)
{
    *ret_evicted = 0;
    uint32_t bits;
    MUST(peers_route_is_minted(route));
    memcpy(&bits, route.data + 1, sizeof bits);
    uint32_t index = map_get(&peers->by_route, key_of(side, bits));
    if (index != 0) {
        if (peers->newest != index) {
            unlink_entry(peers, index);
            link_newest(peers, index);
        }
        return id_of(peers, index);
    }
    index = take_index(peers, ret_evicted);
    struct entry *entry = &peers->entries[index];
    entry->route = bits;
    entry->side = (uint8_t)side;
    entry->used = true;
    entry->generation++;
    MUST(map_put(&peers->by_route, key_of(side, bits), index) == 0);
    link_newest(peers, index);
    peers->count++;
    return id_of(peers, index);
}

bool peers_find(const struct peers *peers, peer_id peer, enum side *ret_side,
                uint8_t ret_route[ROUTE_BYTES])
{
    uint32_t index = index_of(peers, peer);
    if (index == 0)
        return false;
    const struct entry *entry = &peers->entries[index];
    *ret_side = (enum side)entry->side;
    ret_route[0] = 0;
    memcpy(ret_route + 1, &entry->route, sizeof entry->route);
    return true;
}

atomic_size_t *peers_queued(const struct peers *peers, peer_id peer)
{
    uint32_t index = peer == 0 ? 0 : index_of(peers, peer);
    return peer != 0 && index == 0 ? NULL : &peers->queued[index];
}

void peers_forget(struct peers *peers, peer_id peer)
{
    uint32_t index = index_of(peers, peer);
    if (index != 0)
        drop(peers, index);
}

void peers_each(const struct peers *peers, void (*each)(void *ctx, peer_id peer), void *ctx)
{
    for (uint32_t index = peers->oldest; index != 0;) {
        uint32_t next = peers->entries[index].newer;
        each(ctx, id_of(peers, index));
        index = next;
    }
}

uint32_t peers_count(const struct peers *peers)
{
    return peers->count;
}
