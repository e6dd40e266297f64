/*
 * session.c -- which client or worker is behind a peer.
 *
 * Responsible for the one session that a client or worker has at a time. Not for what they are.
 * Invariant: the map leads from a peer to a client or worker whose `peer` it is, and back.
 */
#include "broker/core/machine.h"

enum session_kind session_of(const struct core *core, peer_id peer, uint32_t *ret_index)
{
    uint32_t value = map_get(&core->peers, peer);
    *ret_index = value / 2;
    if (value == 0)
        return SESSION_NONE;
    return value % 2 == 1 ? SESSION_WORKER : SESSION_CLIENT;
}

void session_bind(struct core *core, peer_id peer, enum session_kind kind, uint32_t index)
{
    uint32_t is_worker = kind == SESSION_WORKER;
    MUST(map_put(&core->peers, peer, index * 2 + is_worker) == 0);
    if (is_worker)
        worker_at(&core->roster, index)->peer = peer;
    else
        client_at(&core->clients, index)->peer = peer;
}

void session_unbind(struct core *core, peer_id peer)
{
    uint32_t index;
    switch (session_of(core, peer, &index)) {
    case SESSION_WORKER:
        worker_at(&core->roster, index)->peer = 0;
        break;
    case SESSION_CLIENT:
        client_at(&core->clients, index)->peer = 0;
        break;
    case SESSION_NONE:
        return;
    }
    map_remove(&core->peers, peer);
}

void session_end(struct core *core, peer_id peer)
{
    uint32_t index;
    switch (session_of(core, peer, &index)) {
    case SESSION_WORKER:
        worker_depart(core, index);
        break;
    case SESSION_CLIENT:
        client_detach(core, index);
        break;
    case SESSION_NONE:
        break;
    }
}

uint32_t core_peer_pool(const struct core *core, peer_id peer)
{
    uint32_t index;
    if (session_of(core, peer, &index) != SESSION_CLIENT)
        return 0;
    return pool_at(&core->pools, client_at(&core->clients, index)->pool)->id;
}
