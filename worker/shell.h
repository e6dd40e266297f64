/*
 * shell.h -- the worker's state, shared by the files of its shell. Private to worker/.
 *
 *   worker.c   the turns
 *   shell.c    opens and closes
 *   ingress.c  frames -> events
 *   perform.c  effects about attempts: starts them, ends them, makes their records
 *   egress.c   effects that say something -> frames
 *
 * One turn: wait, take a bounded number of messages and ends, tick, spool (one write, synced if
 * wanted), start, send. Nothing is sent or started before the spool has its note of it.
 */
#ifndef MUSTER_WORKER_SHELL_H
#define MUSTER_WORKER_SHELL_H

#include "base/arena.h"
#include "base/deadline.h"
#include "worker/config.h"
#include "worker/core/agent.h"
#include "worker/handout.h"
#include "worker/link.h"
#include "worker/run/run.h"
#include "worker/spool.h"

/* What is to be said and has not been sent. */
struct egress {
    bool wants_hello, wants_renew, wants_bye;
    struct agent_attempt *listed; /* what the HELLO in progress lists; NULL: not begun */
    size_t n_listed, listed_to;
    uint32_t part;
    uint32_t credit; /* of HELLO */
    struct wire_renew renew;
    struct buffer returned; /* struct wire_attempt */
    struct buffer reports;  /* uint64_t spool handles, in order */
    size_t reports_to;      /* how many of them are sent */
    uint8_t *is_queued;     /* by spool handle */
    uint32_t message_max;
};

struct worker {
    const struct config *config;
    struct agent *agent;
    struct spool *spool;
    struct run *run;
    struct functions *functions;
    void *context;
    struct link link;
    int signal_fd, host_fd, ready_fd;

    muster_time now; /* of the turn, CLOCK_BOOTTIME */
    int64_t wall_ns;

    struct handouts handouts;
    struct list ready, starting;
    struct deadlines timers; /* payload: handout index */
    uint64_t tokens;
    struct arena frame, scratch; /* one decoded frame; one command or message */
    bool is_stepping;
    bool spawner_is_lost;

    struct egress egress;
    bool is_drained;       /* the socket was read empty in this turn */
    muster_time reopen_at; /* MUSTER_NEVER: the link is open */

    bool spool_fails, spool_is_large, spool_is_full; /* the last: as the agent was told */
    muster_time spool_retry_at;

    bool was_welcomed; /* for the log: by the session in progress */
    muster_time away_since, complain_at;
    int64_t complain_ns;
    muster_time noise_until; /* complaints about frames are kept to one a second */
    uint64_t noise;          /* … this many were not told */
    bool is_over;            /* EXIT */
    int exit_status;
};

/* shell.c: 0 or an exit status; shell_close in any case. */
int shell_open(struct worker *worker);
void shell_close(struct worker *worker);

/* worker.c: one event into the agent; then everything that became ready is run, without recursion.
 */
void worker_step(struct worker *worker, struct agent_event *event);
void worker_welcomed(struct worker *worker, const struct wire_worker_welcome *welcome);

/* ingress.c: false when more messages wait. */
bool ingress_drain(struct worker *worker);

/* perform.c */
void perform_effect(void *ctx, const struct agent_effect *effect);
/* Runs what can be run at once; each is one more event for the agent. */
void perform_ready(struct worker *worker);
/* Starts what waited for its note in the spool; `is_noted` false: gives it back to the agent. */
void perform_starting(struct worker *worker, bool is_noted);
void perform_timers(struct worker *worker);
/* Takes what the spawner says has ended. */
void perform_ended(struct worker *worker);
/* The spawner is gone: everything that it ran has been ended, how far it came is not known. */
void perform_lost(struct worker *worker);

/* egress.c */
void egress_init(struct egress *egress);
void egress_done(struct egress *egress);
void egress_effect(struct worker *worker, const struct agent_effect *effect);
/* Whatever was to be said on the socket that is gone. */
void egress_reset(struct egress *egress);
void egress_unqueue(struct egress *egress, uint64_t record);
bool egress_is_pending(const struct egress *egress);
/* Sends as far as the socket takes it. */
void egress_flush(struct worker *worker);

#endif
