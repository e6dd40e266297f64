/*
 * machine.h -- the state of the core as a whole, and what every file of it uses. Private.
 *
 *     core.c     the turn: step, flush, deadline        apply.c    facts -> state
 *     hello.c submit.c read.c cancel.c shutdown.c       requests of clients
 *     greet.c work.c lease.c                            workers: hello, records, liveness
 *     dispatch.c queue.c ready.c                        hand-outs
 *     pool.c client.c batch.c command.c cursor.c …      what there is
 */
#ifndef MUSTER_BROKER_CORE_MACHINE_H
#define MUSTER_BROKER_CORE_MACHINE_H

#include "base/assert.h"
#include "base/deadline.h"
#include "base/rand.h"
#include "broker/core/batch.h"
#include "broker/core/client.h"
#include "broker/core/command.h"
#include "broker/core/core.h"
#include "broker/core/cursor.h"
#include "broker/core/names.h"
#include "broker/core/pool.h"
#include "broker/core/queue.h"
#include "broker/core/roster.h"
#include "broker/core/say.h"
#include "broker/core/stats.h"
#include "broker/core/wait.h"

/* ---- small tables --------------------------------------------------------------------------- */

enum timer_kind { TIMER_LEASE = 1, TIMER_HOLD, TIMER_END, TIMER_WAIT };

/* The words of who cancelled a command. */
struct why {
    struct bytes text; /* owned */
};

/* Records per host and slot of a pool. */
struct usage {
    uint32_t pool, host, slot;
    uint64_t count;
};

/* Newest final attempts, so that a repeated record gets the same answer (S6). Direct-mapped. */
enum { RECENT_MAX = 1 << 16, USAGES_MAX = 1 << 16 };
struct recent {
    uint64_t track_id, pos;
    uint32_t pool, attempt, epoch, worker;
};

struct hand_out {
    uint32_t command, next;
};

/* A caller's request id that came in this turn. */
struct turn_request {
    uint64_t digest, first, batch;
    uint32_t count;
};

/* What a submission comes to, between its check and its commit. */
struct plan {
    uint32_t function, selector; /* name ids; 0: to be interned, or none */
    bool is_like_last;           /* the same function and selector as the one before */
    uint32_t hosts;              /* `each`: commands that it makes */
};

struct core {
    struct core_limits limits;
    uint32_t epoch;
    uint64_t log_id;
    bool is_started;
    muster_time now;
    int64_t wall_ns;
    struct outbox *box; /* of the step that runs */
    struct rand rand;
    bool is_disk_low;

    struct names names;
    struct slab functions; /* struct function */
    struct pools pools;
    struct clients clients;
    struct map peers; /* peer -> session_of */
    struct roster roster;
    struct queue queue;
    struct commands commands;
    struct batches batches;
    struct cursors cursors;
    struct waits waits;
    struct slab whys; /* struct why */
    struct slab usages;
    struct map usage_by_key;
    struct recent *recent;

    struct deadlines boot; /* by core.now */
    struct deadlines wall; /* by core.wall_ns */
    muster_time sweep_due;
    uint32_t sweep_client;

    struct slab cancels; /* struct cancel, see cancel.c */
    struct list cancelling;

    /* the turn */
    uint32_t *offers; /* workers that may take something */
    uint32_t n_offers;
    uint32_t offers_max;
    uint32_t *receivers; /* workers that got something */
    uint32_t n_receivers;
    struct hand_out *outs;
    uint32_t n_outs, outs_max;
    struct plan *plans;
    struct strmap turn_ids;
    struct turn_request *turn_requests;
    uint32_t n_turn_requests, turn_requests_max;

    void (*trace)(void *ctx, const char *line);
    void *trace_ctx;
};

/* ---- sessions (session.c) ------------------------------------------------------------------- */

enum session_kind { SESSION_NONE, SESSION_CLIENT, SESSION_WORKER };

enum session_kind session_of(const struct core *core, peer_id peer, uint32_t *ret_index);
void session_bind(struct core *core, peer_id peer, enum session_kind kind, uint32_t index);
void session_unbind(struct core *core, peer_id peer);
/* Ends it, whatever it is, without a word. */
void session_end(struct core *core, peer_id peer);

/* ---- facts and sends (outbox.c, trace.c) ---------------------------------------------------- */

/* A zeroed fact at the end of the box; to be filled in and applied at once. */
struct fact *fact_add(struct core *core, enum fact_type type);
/* A copy that lives as long as the box. */
struct bytes turn_copy(struct core *core, struct bytes bytes);
void *turn_alloc(struct core *core, size_t size);

void send_add(struct core *core, const struct send *send);
void send_done(struct core *core, peer_id peer, uint64_t request, uint64_t value, bool timed_out);
void send_stop(struct core *core, peer_id peer, uint32_t pool_id, uint64_t track_id,
               const struct event_worker_attempt *attempt, enum reason reason, bool forget);
void send_close(struct core *core, peer_id peer);

/* A typed error. `text` NULL: the refusal's own. */
struct refused {
    enum refusal refusal;
    const struct say *text;
    uint64_t limit;
    int64_t retry_after_ns;
    uint32_t index;
};
void send_refused(struct core *core, peer_id peer, uint64_t request, struct refused refused);

void trace_move(struct core *core, const struct command *c, enum state from, enum state to);
void trace_class(struct core *core, const struct class_ *class_, bool has_host);
void trace_send(struct core *core, const struct send *send);

/* ---- names (intern.c) ----------------------------------------------------------------------- */

/* The id of a text, made durable if it is new; asserts that there is room. 0 for the empty text. */
uint32_t intern(struct core *core, struct bytes text);
static inline struct bytes name_text(const struct core *core, uint32_t id)
{
    return names_text(&core->names, id);
}
/* The function of a name id, made if need be. */
struct function *function_need(struct core *core, uint32_t name);
struct function *function_get(const struct core *core, uint32_t name);

uint32_t why_add(struct core *core, struct bytes text);
void why_drop(struct core *core, uint32_t index);
struct bytes why_text(const struct core *core, uint32_t index);

/* ---- time (timer.c) ------------------------------------------------------------------------- */

uint32_t timer_add(struct core *core, enum timer_kind kind, uint32_t index, muster_time at);
/* Times of commands: odd ones are relative and follow the clock of durations, even ones are `--at`
 * and follow the wall clock (S15). */
int64_t time_relative(int64_t wall_ns);
int64_t time_absolute(int64_t wall_ns);
void command_arm(struct core *core, uint32_t index);
void command_disarm(struct core *core, struct more *more);
/* Not handed out yet, and its start deadline has passed. */
bool command_is_overdue(const struct core *core, uint32_t index);
/* Arms the end of a command whose worker is silent. */
void command_arm_lost(struct core *core, uint32_t index);
void timers_judge(struct core *core);

/* ---- commands come to an end, or go back (lease.c, ending.c) ------------------------------- */

/* How a command ends. What is 0 was not so. */
struct ending {
    enum state state;
    enum reason reason;
    const struct event_report *report; /* NULL: the broker ends it */
    struct bytes why;
};
/* Final: the record, and whoever waits for it. Returns the pos. */
uint64_t command_end(struct core *core, uint32_t index, const struct ending *ending);
/* Running, and it never started: ready again, no start spent. */
void command_give_back(struct core *core, uint32_t index);
/* Its attempt is lost: run again, or lost. */
void command_lose(struct core *core, uint32_t index, enum reason reason);
/* Cancels a queued one, or marks a running one as stopping and tells its worker. */
void command_cancel(struct core *core, uint32_t index, enum reason queued, enum reason running,
                    struct bytes why);
/* Hands it out; asserts that it is ready. */
void command_lease(struct core *core, uint32_t index, uint32_t worker, uint32_t estimate_ns);

struct worker *command_holder(const struct core *core, const struct command *c,
                              uint32_t *ret_index);

void usage_add(struct core *core, uint32_t pool, uint32_t host, uint32_t slot, uint64_t count);
void usage_drop_pool(struct core *core, uint32_t pool);

/* ---- the handlers of events ----------------------------------------------------------------- */

typedef void handler_fn(struct core *core, const struct event *event);
/* Of clients: `client` is the session's. */
typedef void client_fn(struct core *core, const struct event *event, uint32_t client);
typedef void worker_fn(struct core *core, const struct event *event, uint32_t worker);

handler_fn hello_client, greet_worker;
client_fn submit_commands, read_records, wait_for, move_cursor, cancel_commands, wait_for_room,
    hosts_request, shut_down, bye_client;
worker_fn work_renew, work_report, bye_worker;

void cancels_flush(struct core *core);
void cancels_drop(struct core *core, uint32_t client);
bool cancels_are_pending(const struct core *core);
void cancels_init(struct core *core);
void cancels_done(struct core *core);

void dispatch(struct core *core);
/* Everything may be handed out again: the disk has recovered. */
void dispatch_anew(struct core *core);

/* A waiting request: NULL after a refusal was sent. */
struct wait *wait_new(struct core *core, enum wait_kind kind, uint32_t client, peer_id peer,
                      uint64_t request, int64_t wait_ns);

/* apply.c: the one writer of durable state. */
void apply(struct core *core, const struct fact *fact);

/* The lease of a worker gets a full fresh term. */
void lease_renew(struct core *core, uint32_t worker);
void leases_fresh(struct core *core);
void lease_expired(struct core *core, uint32_t worker);

#endif
