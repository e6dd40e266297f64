/*
 * bulk.h -- large frames on their way: how many bytes of them wait for a peer that does not read.
 *
 * libzmq bounds messages, not bytes: without this a client that asks and never reads would take the
 * broker's memory, a mebibyte for each request.
 */
#ifndef MUSTER_BROKER_BULK_H
#define MUSTER_BROKER_BULK_H

#include "broker/peers.h"

#include <zmq.h>

/* An uninitialised frame of `size` bytes for that peer, counted until libzmq has sent or dropped
 * it. 0 or -ENOMEM. */
int bulk_frame(struct peers *peers, peer_id peer, size_t size, zmq_msg_t *ret_frame);

/* False while so much waits for that peer, or for all of them, that it must ask again later. */
bool bulk_has_room(const struct peers *peers, peer_id peer);

#endif
