/*
 * bulk.c -- counts the bytes of large frames until libzmq lets go of them.
 *
 * The counters belong to peers.c and are the only thing here that libzmq's I/O thread touches; they
 * outlive its context. A counter goes with the place in the table of peers, not with the peer: what
 * still waits for one who was there before counts a moment longer. Small frames are not counted:
 * the number of messages per peer bounds them.
 */
#include "broker/bulk.h"

#include <errno.h>
#include <stdlib.h>

enum {
    COUNTED_BYTES = 8 * 1024, /* smaller frames are not counted */
    PEER_BYTES_MAX = 32 * 1024 * 1024,
    ALL_BYTES_MAX = 512 * 1024 * 1024,
};

struct bulk {
    atomic_size_t *peer, *all;
    size_t size;
    uint8_t data[];
};

/* Called by libzmq's I/O thread. */
static void let_go(void *data, void *hint)
{
    struct bulk *bulk = hint;
    (void)data;
    atomic_fetch_sub(bulk->peer, bulk->size);
    atomic_fetch_sub(bulk->all, bulk->size);
    free(bulk);
}

int bulk_frame(struct peers *peers, peer_id peer, size_t size, zmq_msg_t *ret_frame)
{
    atomic_size_t *of_peer = peers_queued(peers, peer);
    if (size < COUNTED_BYTES || of_peer == NULL)
        return zmq_msg_init_size(ret_frame, size) < 0 ? -ENOMEM : 0;
    struct bulk *bulk = malloc(sizeof *bulk + size);
    if (bulk == NULL)
        return -ENOMEM;
    *bulk = (struct bulk){.peer = of_peer, .all = peers_queued(peers, 0), .size = size};
    if (zmq_msg_init_data(ret_frame, bulk->data, size, let_go, bulk) < 0) {
        free(bulk);
        return -ENOMEM;
    }
    atomic_fetch_add(bulk->peer, size);
    atomic_fetch_add(bulk->all, size);
    return 0;
}

bool bulk_has_room(const struct peers *peers, peer_id peer)
{
    const atomic_size_t *of_peer = peers_queued(peers, peer);
    return (of_peer == NULL || atomic_load(of_peer) < PEER_BYTES_MAX) &&
           atomic_load(peers_queued(peers, 0)) < ALL_BYTES_MAX;
}
