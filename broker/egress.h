/*
 * egress.h -- sends to frames: performs what the core asked for, after the commit and in order.
 */
#ifndef MUSTER_BROKER_EGRESS_H
#define MUSTER_BROKER_EGRESS_H

#include "base/buffer.h"
#include "broker/intake.h"
#include "broker/peers.h"
#include "broker/store/store.h"
#include "proto/wire.h"

struct scan; /* a STATS over a prefix of the log, in progress */

/* What happened to sends; the next turn tells the core. */
struct unsent {
    peer_id peer;
    uint32_t pool, attempt;
    uint64_t track_id; /* 0: the peer itself is gone */
};

struct egress {
    struct core *core;
    struct store *store;
    struct intake *intake;
    struct peers *peers;
    void *socks[SIDE_COUNT];
    /* told to peers */
    uint32_t epoch;
    uint64_t log_id;
    bool insecure;
    muster_time started;
    uint64_t disk_free;
    const struct core_limits *limits;
    /* results */
    struct unsent *unsent;
    size_t n_unsent, unsent_max;
    bool stop;                /* SEND_STOP_BROKER came by */
    muster_time drop_log_due; /* peers that are dropped are logged at most once a second … */
    uint64_t drops_unlogged;  /* … with the number of those in between */
    struct scan *scans;
    uint32_t n_scans;
    struct buffer scratch;
    /* consecutive items for one peer become one message */
    struct {
        enum wire_type type; /* COMMANDS or RECORDED; 0 = nothing pending */
        peer_id peer;
        size_t bytes;
        uint32_t n;
        struct wire_hand_out *hand_outs;
        struct wire_verdict *verdicts;
    } pending;
};

void egress_init(struct egress *egress);
void egress_done(struct egress *egress);
/* All sends of a turn. 0, or -errno when the store failed: then the process must end. */
int egress_perform(struct egress *egress, const struct send *sends, size_t n_sends);
/* Goes on with scans; true while there are any. Errors as above in *ret_error. */
bool egress_scan(struct egress *egress, int *ret_error);
/* Answers a frame that never reached the core. */
void egress_refuse(struct egress *egress, peer_id peer, const struct wire_error *error);
void egress_send(struct egress *egress, peer_id peer, const struct wire_message *message);
void egress_bye(struct egress *egress, const char *why, bool end);

#endif
