/*
 * A worker's process and host in the simulator: the real agent, with a small shell of its own that
 * does what worker/ does: frames through the codec, the spool before the sends, commands that run
 * for a while and end somehow.
 */
#ifndef TESTS_SIM_WORKER_H
#define TESTS_SIM_WORKER_H

#include "base/arena.h"
#include "network.h"
#include "notebook.h"
#include "proto/wire.h"
#include "worker/core/agent.h"

struct sim;

/* How an execution ends when nobody interferes; the third argument of a command. */
enum how { HOW_OK, HOW_FAILED, HOW_SIGNALED, HOW_TIMEOUT, HOW_LOST, HOW_COUNT };

enum { RUNS_MAX = 2 * SLOTS_MAX };

struct run {
    bool used;
    bool starting; /* noted; it starts when the spool is written, unless it is ended before */
    uint32_t generation;
    struct agent_id id;
    uint32_t slot;
    uint32_t token;
    uint64_t note;
    muster_time started;
    int64_t wall_ns;
    enum how how;
    uint64_t body;
    bool ending; /* TERM was given, because of: */
    enum reason reason;
    bool killed;
    bool over; /* … and the agent was not told yet; ended as: */
    struct wire_record_head record;
};

/* What the agent asked for, kept in order until its step is over. */
struct wish {
    struct agent_effect effect;
    size_t returned_from; /* in sim_worker.returned */
};

struct sim_worker {
    uint32_t number;
    bool alive, paused;
    bool exited; /* it left by itself */
    bool dead;   /* it was killed in the middle of its own turn */
    bool reconnected, spool_full;
    uint32_t life;
    struct agent *agent;
    struct notebook notebook;
    TABLE_LIST(struct wish) wishes;
    TABLE_LIST(struct agent_id) returned;
    TABLE_LIST(struct bytes) bodies; /* handle - 1; owned */
    struct run runs[RUNS_MAX];
    /* to be said, when the socket takes it */
    bool wants_hello, wants_renew, wants_bye;
    uint32_t hello_credit;
    struct agent_effect renew;
    TABLE_LIST(struct agent_id) given_back;
    TABLE_LIST(uint64_t) reports; /* handles of notes */
    muster_time wake_at, reopen_at;
    muster_time paused_to; /* the end of its last pause */
    muster_time arrived;   /* when something of it last reached the broker's socket, */
    muster_time taken;     /* … was taken from there, */
    uint32_t route;        /* … over this connection, by which the broker knows it */
    int64_t wall_skew_ns;
    TABLE_LIST(struct bytes) told; /* REPORTs that a liar can repeat; owned */
};

void sim_worker_start(struct sim *sim, struct sim_worker *w);
void sim_worker_kill(struct sim *sim, struct sim_worker *w, bool power);
void sim_worker_term(struct sim *sim, struct sim_worker *w, bool hurry);
void sim_worker_pause(struct sim_worker *w);
void sim_worker_resume(struct sim *sim, struct sim_worker *w);
void sim_worker_spool(struct sim *sim, struct sim_worker *w, bool full);
void sim_worker_connected(struct sim *sim, struct sim_worker *w, bool again);
void sim_worker_done(struct sim *sim, struct sim_worker *w);

/* Something came: a turn at once. */
void sim_worker_wake(struct sim *sim, struct sim_worker *w);
/* One event into the agent, checked; its wishes wait for the end of the turn. */
void sim_worker_step(struct sim *sim, struct sim_worker *w, struct agent_event *event);

/* sim_run.c: executions */
void sim_run_start(struct sim *sim, struct sim_worker *w, const struct agent_effect *effect);
/* The spool has the notes of those that are to start. */
void sim_run_begin(struct sim *sim, struct sim_worker *w);
void sim_run_end(struct sim *sim, struct sim_worker *w, const struct agent_effect *effect);
void sim_run_kill(struct sim *sim, struct sim_worker *w, const struct agent_effect *effect);
void sim_run_cancel_unstarted(struct sim *sim, struct sim_worker *w,
                              const struct agent_effect *effect);
/* Tells the agent of those that are over. */
void sim_run_take_ended(struct sim *sim, struct sim_worker *w);
/* They end with their worker. */
void sim_run_abandon(struct sim *sim, struct sim_worker *w);
/* A record's body with the token of its execution; its size. */
size_t sim_run_body(int64_t token, uint8_t *buffer, size_t size);

/* sim_voice.c: frames */
void sim_voice_hear(struct sim *sim, struct sim_worker *w, struct frame frame);
void sim_voice_effect(struct sim *sim, struct sim_worker *w, const struct wish *wish);
void sim_voice_unqueue(struct sim_worker *w, uint64_t handle);
/* Sends as far as there is a connection. */
void sim_voice_flush(struct sim *sim, struct sim_worker *w);
void sim_voice_reset(struct sim_worker *w);
/* Repeats an old record, or invents one of an attempt that this worker does not hold. */
void sim_voice_lie(struct sim *sim, struct sim_worker *w);

#endif
