/*
 * agent.h -- the worker's session with the broker: a pure machine.
 *
 * It says hello and lists its attempts, takes commands, starts them slot by slot, hands their
 * records to the spool and then to the broker, keeps them until the broker has answered, renews its
 * lease, backs off, drains. It knows no clock, socket, file or process: time comes with the event,
 * everything else leaves as an effect that the shell (worker.c) performs in order.
 *
 *     disconnected --AGENT_CONNECTED--> greeting --WELCOME--> serving --SIGTERM--> draining -->
 * done
 *          ^------------- silence, refused: back off with full jitter -------------'
 *
 * Records: the shell has a DONE record in the spool before anything that this step asks to send
 * leaves (S6). Handles name records and bodies; the machine only passes them on.
 *
 * An attempt that was handed out is always accounted for: it ends with a record, is given back
 * (`returned`), or is missing from the next HELLO, which says that it never started here. A command
 * that arrives between a HELLO that could not list it and its WELCOME is therefore given back.
 */
#ifndef MUSTER_WORKER_CORE_AGENT_H
#define MUSTER_WORKER_CORE_AGENT_H

#include "base/bytes.h"
#include "base/state.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent_id { /* one attempt */
    uint32_t pool, attempt, epoch;
    uint64_t track_id;
};

enum agent_phase { AGENT_WAITING, AGENT_RUNNING, AGENT_SPOOLED, AGENT_GONE }; /* as on the wire */

struct agent_options {
    uint32_t slots;
    uint32_t ahead_max;   /* commands taken beyond the slots: 1024 */
    uint32_t spooled_max; /* unacknowledged records before it stops taking commands */
    int64_t silence_ns;   /* before WELCOME: no word for this long: re-create the socket; once
                           * welcomed it is three renewals, at least 2 s */
    int64_t backoff_min_ns, backoff_max_ns; /* 100 ms, 30 s: full jitter */
    int64_t drain_ns; /* SIGTERM: wait this long for running commands; then TERM */
    int64_t grace_ns; /* between TERM and KILL */
    uint64_t seed;
};
struct agent_options agent_options_default(void);

enum agent_event_type {
    AGENT_EV_OPEN = 1, /* a fresh socket is connecting: say hello */
    AGENT_EV_WELCOME,  /* as_welcome */
    AGENT_EV_COMMAND,  /* one command of a COMMANDS message */
    AGENT_EV_RECORDED, /* one verdict */
    AGENT_EV_STOP,     /* stop one attempt */
    AGENT_EV_PONG,
    AGENT_EV_WHO_ARE_YOU,
    AGENT_EV_REFUSED, /* ERROR instead of WELCOME */
    AGENT_EV_BYE,     /* the broker goes; end: for good */
    AGENT_EV_DONE,    /* an attempt ended here; its record is in the spool already */
    AGENT_EV_SPOOLED, /* at start: a record that an earlier incarnation left */
    AGENT_EV_LEFT,  /* at start: an attempt that an earlier incarnation had started and that is gone
                     */
    AGENT_EV_DRAIN, /* SIGTERM; a repeated one hurries */
    AGENT_EV_TICK,  /* the socket was drained empty: deadlines may be judged */
    AGENT_EV_RECONNECTED, /* the same socket has another connection: what was in flight is gone */
    AGENT_EV_UNSTARTED,   /* a START could not be performed: the command waits again */
    AGENT_EV_SPOOL        /* the spool takes nothing more (full) or takes again */
};

struct agent_event {
    enum agent_event_type type;
    muster_time now; /* CLOCK_BOOTTIME */
    int64_t wall_ns;
    union {
        struct {
            uint32_t epoch;
            int64_t lease_ns, renew_ns;
        } welcome;
        /* body: the shell's handle of the command; every effect about it carries it until DONE */
        struct {
            struct agent_id id;
            uint64_t body;
            bool rerunnable;
        } command;
        struct {
            struct agent_id id;
            bool stale;
        } recorded;
        struct {
            struct agent_id id;
            enum reason reason;
            bool forget;
        } stop;
        struct {
            uint64_t sent_ns;
        } pong;
        struct {
            bool end;
        } bye;
        struct {
            bool retryable;
        } refused;
        struct {
            struct agent_id id;
            uint64_t record; /* spool handle */
            int64_t run_ns;
            bool cut_off; /* it ended because it was told to with CUT_OFF: nothing to report */
            bool is_quarantined; /* processes of its slot survived KILL: rest the slot a while */
        } done;
        struct {
            struct agent_id id;
            uint64_t record;
        } spooled;
        struct {
            struct agent_id id;
            uint64_t record;
        } left;
        struct {
            bool hurry;
        } drain; /* end what runs at once, wait for nobody */
        struct {
            struct agent_id id;
        } unstarted;
        struct {
            bool full;
        } spool;
    } as;
};

enum agent_effect_type {
    AGENT_FX_SEND_HELLO = 1, /* the shell asks agent_attempts and sends it in parts */
    AGENT_FX_SEND_RENEW,     /* credit, sent_ns, round_trip_ns, returned; may be joined with a later
                              * one that has not been sent either */
    AGENT_FX_SEND_REPORT,    /* one record; consecutive ones go into one REPORT */
    AGENT_FX_SEND_BYE,
    AGENT_FX_START,  /* start this attempt in `slot`, after its `started` note is in the spool */
    AGENT_FX_END,    /* TERM to its tree (after grace KILL): reason says why; CUT_OFF: S5 */
    AGENT_FX_KILL,   /* KILL now */
    AGENT_FX_DROP,   /* forget the body of a command that will not start */
    AGENT_FX_FORGET, /* the spool may forget this record / attempt */
    AGENT_FX_REOPEN, /* close the socket; AGENT_EV_OPEN after `delay_ns` */
    AGENT_FX_EXIT,   /* everything is done */
    AGENT_FX_CANCEL_UNSTARTED /* it ends here without being run: make its record (`reason`, `body`),
                               * then AGENT_EV_DONE */
};

struct agent_effect {
    enum agent_effect_type type;
    struct agent_id id;
    uint32_t slot;
    uint64_t body, record;
    enum reason reason;
    uint32_t credit;
    int64_t delay_ns, round_trip_ns;
    uint64_t sent_ns;
    const struct agent_id *returned; /* valid until the next step */
    uint32_t n_returned;
};

struct agent;
struct agent *agent_new(const struct agent_options *options);
void agent_free(struct agent *agent);
/* Calls `effect` for each effect, in order, during the call. */
typedef void agent_effect_fn(void *ctx, const struct agent_effect *effect);
void agent_step(struct agent *agent, const struct agent_event *event, agent_effect_fn *effect,
                void *ctx);
muster_time agent_deadline(const struct agent *agent);
bool agent_check(const struct agent *agent, const char **ret_what);

struct agent_attempt {
    struct agent_id id;
    enum agent_phase phase;
};
/* What HELLO lists: everything that waits, runs, or is spooled here, and what is gone. */
size_t agent_attempts(const struct agent *agent, struct agent_attempt *ret, size_t max);
size_t agent_attempts_count(const struct agent *agent);
uint32_t agent_credit(const struct agent *agent);
bool agent_is_serving(const struct agent *agent);
/* EXIT followed a refusal of the first HELLO that no repetition would change. */
bool agent_is_refused(const struct agent *agent);
uint32_t agent_running(const struct agent *agent);
uint32_t agent_waiting(const struct agent *agent);
uint32_t agent_spooled(const struct agent *agent);

#endif
