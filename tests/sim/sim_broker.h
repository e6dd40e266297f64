/*
 * The broker's process in the simulator: the real core, with a small shell of its own that does
 * what broker/broker.c, ingress.c and egress.c do, through the codec.
 *
 *     turn: drain, step, flush -- sync time passes, a crash may come -- commit, send
 */
#ifndef TESTS_SIM_BROKER_H
#define TESTS_SIM_BROKER_H

#include "base/arena.h"
#include "broker/core/core.h"
#include "broker/peers.h"
#include "network.h"
#include "proto/wire.h"
#include "table.h"

struct sim;

struct unsent {
    peer_id peer;
    uint32_t pool, attempt;
    uint64_t track_id; /* 0: the peer itself is gone */
};

struct sim_broker {
    bool alive, paused;
    bool committing;    /* a turn waits for its sync */
    bool commit_is_due; /* … which was over while the process was paused */
    bool stop;          /* SEND_STOP_BROKER came by */
    uint32_t life;      /* generation */
    struct core *core;
    struct outbox *box;
    struct peers *peers;
    /* of one turn */
    muster_time turn_now;
    int64_t turn_wall_ns;
    struct arena arena;
    TABLE_LIST(struct frame) frames;
    TABLE_LIST(struct bytes) bodies;
    bool drained, sent_early;
    TABLE_LIST(struct unsent) unsent;
    /* consecutive items for one peer */
    struct {
        enum wire_type type;
        peer_id peer;
        size_t bytes;
        TABLE_LIST(struct wire_hand_out) hand_outs;
        TABLE_LIST(struct wire_verdict) verdicts;
    } pending;
    muster_time planned, disk_due, tick_due, wake_at, started;
    uint32_t digest;
    /* the host it runs on */
    int64_t wall_skew_ns; /* steps of the clock */
    uint64_t disk_free;
    bool disk_full, sync_fails;
    int64_t slow_sync_ns;
    uint64_t turns;
};

void sim_broker_start(struct sim *sim);
/* Nothing of the process is left; what was committed stays in the vault. */
void sim_broker_kill(struct sim *sim);
/* SIGTERM: says BYE to everybody. */
void sim_broker_term(struct sim *sim);
void sim_broker_pause(struct sim *sim);
void sim_broker_resume(struct sim *sim);
void sim_broker_frame_came(struct sim *sim);
void sim_broker_done(struct sim *sim); /* frees everything */

/* For the two files below: one event into the core, checked afterwards. */
void sim_broker_step(struct sim *sim, struct event *event);
/* A planted bug: this send leaves before the sync. */
bool sim_broker_is_early(const struct sim *sim, const struct send *send);
uint64_t sim_broker_body(struct sim *sim, struct bytes body);
struct bytes sim_broker_body_of(void *sim, uint64_t handle);

/* sim_ingress.c: false with *ret_error when the frame is refused before the core sees it. */
bool sim_ingress(struct sim *sim, enum side side, peer_id peer, struct bytes frame,
                 struct wire_error *ret_error);

/* sim_egress.c: the sends from `from` to before `to` of the turn. */
void sim_egress(struct sim *sim, size_t from, size_t to);
void sim_egress_refuse(struct sim *sim, peer_id peer, const struct wire_error *error);
void sim_egress_send(struct sim *sim, peer_id peer, const struct wire_message *message);
/* sim_rows.c: answers of many rows. */
void sim_rows_records(struct sim *sim, const struct send *send);
void sim_rows_records_of(struct sim *sim, const struct send *send);
void sim_rows_stats(struct sim *sim, const struct send *send);
void sim_rows_list(struct sim *sim, const struct send *send);
void sim_rows_hosts(struct sim *sim, const struct send *send);

#endif
