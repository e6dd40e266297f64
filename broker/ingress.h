/*
 * ingress.h -- frame to events: decode, check the sender's side, look up what only the store knows
 * (a caller's request id).
 */
#ifndef MUSTER_BROKER_INGRESS_H
#define MUSTER_BROKER_INGRESS_H

#include "broker/intake.h"
#include "broker/peers.h"
#include "broker/store/store.h"
#include "proto/wire.h"

struct ingress {
    struct core *core;
    struct outbox *box;
    struct store *store;
    struct intake *intake;
};

/* Feeds the core with what the frame says. 0; -EBADMSG with *ret_error when it is refused before
 * the core sees it (the caller answers); another negative errno when the store failed. */
int ingress_frame(struct ingress *ingress, enum side side, peer_id peer, struct bytes frame,
                  struct wire_error *ret_error);

#endif
