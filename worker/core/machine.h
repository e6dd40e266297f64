/*
 * machine.h -- the agent's state, shared by its files. Private to worker/core.
 *
 *   agent.c    the interface: step, deadline, views, check
 *   session.c  hello, welcome, renewal, silence, back-off; what is told to the broker
 *   work.c     commands and attempts: start, stop, end, cut-off
 *   drain.c    the way out
 */
#ifndef MUSTER_WORKER_CORE_MACHINE_H
#define MUSTER_WORKER_CORE_MACHINE_H

#include "base/rand.h"
#include "worker/core/agent.h"
#include "worker/core/attempts.h"

enum session {
    SESSION_CLOSED,   /* no socket; OPEN follows */
    SESSION_GREETING, /* HELLO was asked for */
    SESSION_SERVING,
    SESSION_DONE /* EXIT was asked for: nothing happens any more */
};

enum drain {
    DRAIN_NO,
    DRAIN_WAIT,    /* running attempts may finish */
    DRAIN_TERM,    /* they were told to end */
    DRAIN_KILL,    /* they were killed */
    DRAIN_VERDICTS /* nothing runs; records wait for the broker's answer */
};

/* A renewal every renew_ns, the lease: what WELCOME said, within bounds. */
struct agent {
    struct agent_options options;
    struct attempts attempts;
    struct rand rand;

    agent_effect_fn *effect; /* of the step in progress */
    void *ctx;
    muster_time now;

    enum session session;
    bool ever_welcomed;
    bool refused;
    uint32_t tries;    /* sockets in a row without WELCOME */
    muster_time heard; /* the last word from the broker, or the opening of the socket */

    /* HELLOs on this socket that no WELCOME has answered. Only while it is one, the next WELCOME is
     * surely its answer; else the answer to a RENEW sent behind the last HELLO tells. */
    uint32_t hellos;
    muster_time hello_at;
    uint64_t barrier;  /* sent_ns of that RENEW; 0: not needed */
    bool welcomed;     /* a WELCOME came since the last HELLO */
    bool asked_again;  /* WHO_ARE_YOU came while greeting */
    bool hello_wanted; /* an attempt became GONE while serving */

    uint32_t epoch; /* of the last WELCOME: what is handed out now carries it */
    int64_t lease_ns, renew_ns;
    muster_time renew_at;
    uint64_t token;       /* sent_ns of the last RENEW: rising */
    muster_time answered; /* when the last answered HELLO or RENEW was sent; 0: never welcomed */
    int64_t round_trip_ns;
    uint32_t credit_told;

    bool cut_off;    /* half a lease without an answer: TERM was given, nothing starts */
    bool cut_killed; /* five sixths */
    uint64_t hold;   /* nothing starts until this token is answered; 0: none */

    bool spool_full;
    bool too_many; /* unacknowledged records */

    muster_time rest_until; /* of slots whose processes survived KILL; 0: none rests */

    enum drain drain;
    muster_time drain_at; /* when its stage ends */
    bool for_good;        /* the broker will not come back: no verdict is awaited */
};

/* Emits an effect about one attempt. */
void machine_emit(struct agent *agent, enum agent_effect_type type, const struct attempt *attempt);

/* session.c */
void session_open(struct agent *agent);
void session_hello(struct agent *agent);
void session_welcome(struct agent *agent, uint32_t epoch, int64_t lease_ns, int64_t renew_ns);
void session_pong(struct agent *agent, uint64_t sent_ns);
void session_who_are_you(struct agent *agent);
void session_refused(struct agent *agent, bool retryable);
void session_reopen(struct agent *agent);
/* Sends RENEW, with everything that is given back. */
void session_renew(struct agent *agent);
void session_judge(struct agent *agent);
muster_time session_deadline(const struct agent *agent);

/* work.c */
void work_command(struct agent *agent, const struct agent_event *event);
void work_recorded(struct agent *agent, const struct agent_id *id);
void work_stop(struct agent *agent, const struct agent_id *id, enum reason reason, bool forget);
void work_done(struct agent *agent, const struct agent_event *event);
void work_unstarted(struct agent *agent, const struct agent_id *id);
void work_inherited(struct agent *agent, const struct agent_id *id, uint64_t record,
                    enum attempt_kind kind);
/* Slots that have rested long enough are used again. */
void work_judge(struct agent *agent);
/* Starts what may start. */
void work_start(struct agent *agent);
/* Asks for the end of a running attempt, once. */
void work_end(struct agent *agent, struct attempt *attempt, enum reason reason);
/* Everything that waits is to be given back. */
void work_return_all(struct agent *agent);
/* Half a lease, five sixths of a lease without an answer (S5). */
void work_cut_off(struct agent *agent);
void work_cut_kill(struct agent *agent);

/* drain.c */
void drain_begin(struct agent *agent, bool hurry);
void drain_judge(struct agent *agent);    /* a stage's time has passed */
void drain_progress(struct agent *agent); /* nothing runs, nothing is unanswered */

#endif
