/*
 * peers.h -- who is connected: routing id <-> (index, generation). The only place that knows
 * routing ids, and the place where a peer's certificate will be looked up; until then everybody is
 * `local`.
 */
#ifndef MUSTER_BROKER_PEERS_H
#define MUSTER_BROKER_PEERS_H

#include "base/bytes.h"
#include "broker/core/core.h"

#include <stdatomic.h>

enum side { SIDE_CLIENTS, SIDE_WORKERS };
enum { SIDE_COUNT = 2 };

/* ROUTER mints five bytes: 0 and 32 bits. Peers must not choose their own (pitfall: hand-over). */
enum { ROUTE_BYTES = 5 };

struct peers;
struct peers *peers_new(uint32_t peers_max, uint64_t seed);
void peers_free(struct peers *peers);

bool peers_route_is_minted(struct bytes route);

/* The peer behind a minted route, made if it is new. When the table is full the peer that was
 * silent longest makes room: *ret_evicted is that peer, else 0. */
peer_id peers_of(struct peers *peers, enum side side, struct bytes route, peer_id *ret_evicted);

/* False when that peer is gone. */
bool peers_find(const struct peers *peers, peer_id peer, enum side *ret_side,
                uint8_t ret_route[ROUTE_BYTES]);

/* Counts the bytes that wait for a peer (bulk.c); of all of them for peer 0. NULL when that peer is
 * gone. The counter stays valid as long as the table does. */
atomic_size_t *peers_queued(const struct peers *peers, peer_id peer);

/* Its next message makes it another peer. */
void peers_forget(struct peers *peers, peer_id peer);

/* Every peer of both sides, in no order. */
void peers_each(const struct peers *peers, void (*each)(void *ctx, peer_id peer), void *ctx);
uint32_t peers_count(const struct peers *peers);

#endif
