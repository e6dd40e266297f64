/*
 * core.h -- the broker's decisions: the only header of the core that the shell may include.
 *
 * The core is a deterministic machine without clock, socket, file, protobuf or log. The shell turns
 * frames into events, calls core_step for each, then core_flush once, commits the facts of the turn
 * in one synced transaction, and only then performs the sends, in order.
 *
 *     event -> decide (reads only) -> apply (facts -> state; also used at restart) -> act (sends)
 *
 * Ownership: spans in an event are borrowed for the call. Spans and pointers in facts and sends are
 * owned by the core or the outbox and valid until outbox_reset. Bodies cross as 64-bit handles that
 * the core only passes on (0 = none). Units are in the names; `_ns` durations; `_wall_ns` wall
 * clock.
 */
#ifndef MUSTER_BROKER_CORE_CORE_H
#define MUSTER_BROKER_CORE_CORE_H

#include "base/err.h"
#include "broker/core/fact.h"

/* A peer is (index << 32 | generation) as peers.c mints it; 0 is nobody. A peer that reconnects is
 * another peer. Both sockets share one number space. */
typedef uint64_t peer_id;

/* ---- limits --------------------------------------------------------------------------------- */

struct core_limits {
    uint32_t commands_max; /* live commands, all pools */
    uint32_t pools_max;
    uint32_t clients_max; /* remembered pool handles */
    uint32_t workers_max;
    uint32_t names_max;
    uint32_t classes_max;
    uint32_t batches_max;     /* with unfinished commands, all pools */
    uint32_t submissions_max; /* commands per SUBMIT; `each` may make 10000 */
    uint32_t submits_max;     /* unanswered submits per client: the window */
    uint32_t reads_max;       /* waiting requests per client */
    uint32_t ahead_max;       /* commands handed out ahead per worker */
    int64_t ahead_ns;         /* … as far as they wait at most this long: 50 ms */
    int64_t lease_ns;         /* 30 s */
    int64_t renew_ns;         /* 5 s */
    int64_t lost_after_ns;    /* 1 h */
    int64_t late_ns;          /* a turn that starts this much late renews every lease: 1 s */
    uint64_t disk_low_bytes;  /* below: DISK_LOW */
    int64_t keep_ns;          /* retention of records: 30 days */
    uint64_t keep_bytes;      /* per pool: 10 GiB */
    int64_t keep_private_ns;  /* an unused private pool: 7 days */
    int64_t keep_client_ns;   /* a silent handle without live commands: 7 days */
    uint64_t seed;            /* pool names, log ids */
};

/* Every default in one place (config.c bounds them). */
struct core_limits core_limits_default(void);

/* ---- events --------------------------------------------------------------------------------- */

enum event_type {
    /* clients */
    EVENT_CLIENT_HELLO = 1,
    EVENT_SUBMIT,
    EVENT_READ,
    EVENT_WAIT,
    EVENT_CURSOR,
    EVENT_STATS,
    EVENT_LIST,
    EVENT_HOSTS,
    EVENT_CANCEL,
    EVENT_ROOM,
    EVENT_SHUTDOWN,
    EVENT_PING,
    EVENT_CLIENT_BYE,
    /* workers */
    EVENT_WORKER_HELLO,
    EVENT_RENEW,
    EVENT_REPORT, /* one record */
    EVENT_WORKER_BYE,
    /* the shell */
    EVENT_UNSENT, /* a COMMANDS entry could not be sent: full or unknown peer */
    EVENT_GONE,   /* the peer is known to be gone (EHOSTUNREACH): its session and waits end */
    EVENT_DISK,   /* free bytes of the store's file system */
    EVENT_LATE,   /* this turn starts late: every lease gets a full fresh term */
    EVENT_TICK,   /* sockets were drained empty: leases, timers, retention may be judged */
};

struct event_client_hello {
    uint64_t client;
    struct bytes pool; /* empty = private */
    uint32_t pool_id;  /* reopening a private pool; else 0 */
    uint64_t log_id;   /* compared when not 0 */
};

struct event_submission {
    struct bytes function, selector;
    bool each, rerunnable;
    int32_t priority;
    uint32_t max_attempts;
    int64_t delay_ns, at_wall_ns, start_within_ns, start_by_wall_ns, lost_after_ns;
    uint64_t body;
    uint32_t body_bytes;
};

struct event_submit {
    uint64_t sequence, answered_to;
    struct bytes request_id; /* empty = none */
    uint64_t digest;         /* of the submissions; compared for a request id */
    struct {                 /* what ingress found in the store for the request id */
        bool found;
        uint64_t digest, first, batch;
        uint32_t count;
    } prior;
    const struct event_submission *submissions;
    uint32_t n_submissions;
};

struct event_read {
    uint64_t from_pos;
    struct bytes cursor;
    uint32_t max;
    int64_t wait_ns;
    bool with_command;
    uint64_t log_id;
};

enum wait_what { WAIT_COMMANDS, WAIT_BATCH, WAIT_ALL, WAIT_MINE };

struct event_wait {
    enum wait_what what;
    const uint64_t *track_ids; /* ingress leaves out none: final ones too */
    uint32_t n_track_ids;
    uint64_t batch;
    int64_t wait_ns;
    bool with_command;
};

struct core_range {
    uint64_t first, last;
};

struct event_list {
    uint64_t after;
    uint32_t max;
    const struct core_range *ranges;
    uint32_t n_ranges;
    uint32_t states; /* bit per state; 0 = not final */
    uint64_t batch;
    bool with_command;
};

struct event_cancel {
    const struct core_range *ranges;
    uint32_t n_ranges;
    uint64_t batch;
    bool all, mine, running;
    struct bytes why;
};

struct event_worker_attempt {
    uint32_t pool, attempt, epoch;
    uint64_t track_id;
    enum attempt_phase { PHASE_WAITING, PHASE_RUNNING, PHASE_SPOOLED, PHASE_GONE } phase;
};

struct event_worker_hello {
    uint8_t uuid[16];
    uint32_t incarnation;
    bool rebooted, transient;
    struct bytes host, software, tree_kill;
    uint32_t slots, credit;
    const struct bytes *labels, *functions, *pools;
    uint32_t n_labels, n_functions, n_pools;
    int64_t wall_ns;
    uint32_t part;
    bool more;
    const struct event_worker_attempt *attempts;
    uint32_t n_attempts;
};

struct event_renew {
    uint32_t credit;
    int64_t wall_ns, round_trip_ns;
    uint64_t sent_ns;
    const struct event_worker_attempt *returned;
    uint32_t n_returned;
};

struct event_report {
    uint32_t pool, attempt, epoch;
    uint64_t track_id;
    enum state state;
    enum reason reason;
    int32_t exit;
    uint32_t signal, slot, pid;
    int64_t start_wall_ns, run_ns, throttled_ns;
    uint64_t body;
    uint32_t body_bytes;
    uint32_t body_crc; /* CRC-32C of the packed RecordBody */
    struct {           /* what ingress found in the store, when core_report_is_past asked for it */
        bool found;
        uint32_t attempt, worker;
        uint64_t pos;
    } prior;
};

struct event {
    enum event_type type;
    muster_time now;  /* CLOCK_BOOTTIME, not decreasing */
    int64_t wall_ns;  /* CLOCK_REALTIME, may step */
    peer_id peer;     /* 0 for the shell's own */
    uint64_t request; /* client requests: comes back in the answer */
    union {
        struct event_client_hello client_hello;
        struct event_submit submit;
        struct event_read read;
        struct event_wait wait;
        struct {
            struct bytes name;
            uint64_t pos;
        } cursor;
        struct {
            uint64_t last_index;
            bool all;
        } stats;
        struct event_list list;
        struct {
            struct bytes after, selector;
            uint32_t max;
        } hosts;
        struct event_cancel cancel;
        struct {
            struct bytes selector, function;
            uint32_t buffer;
            int64_t wait_ns;
        } room;
        struct {
            bool wait, cancel_queued, cancel_running, broker;
            int64_t wait_ns;
        } shutdown;
        struct event_worker_hello worker_hello;
        struct event_renew renew;
        struct event_report report;
        struct {
            uint32_t pool, attempt;
            uint64_t track_id;
        } unsent;
        struct {
            uint64_t free_bytes;
        } disk;
    } as;
};

/* ---- sends ---------------------------------------------------------------------------------- */

enum send_type {
    /* to clients */
    SEND_WELCOME = 1,
    SEND_SUBMITTED,
    SEND_RECORDS,    /* egress reads the rows from the store after the commit */
    SEND_RECORDS_OF, /* the final records of some track_ids */
    SEND_DONE,
    SEND_STATS, /* egress asks core_pool_stats; a prefix is a paged scan of the store */
    SEND_LIST,  /* egress asks core_list for live rows, the store for final ones */
    SEND_HOSTS, /* egress asks core_hosts */
    SEND_CANCELLED,
    SEND_ROOM,
    /* to workers */
    SEND_WORKER_WELCOME,
    SEND_COMMAND,  /* consecutive ones to one peer go into one COMMANDS message */
    SEND_RECORDED, /* likewise one RECORDED message */
    SEND_STOP,
    SEND_PONG,
    /* to both */
    SEND_ERROR,
    SEND_WHO_ARE_YOU,
    SEND_BYE,
    /* not a message */
    SEND_CLOSE,      /* forget this peer */
    SEND_STOP_BROKER /* the shell ends after this turn */
};

struct send {
    enum send_type type;
    peer_id peer;
    uint64_t request;
    uint32_t pool;
    union {
        struct {
            struct bytes pool;
            uint64_t head, oldest;
        } welcome;
        struct {
            uint64_t first, batch;
            uint32_t count;
            bool duplicate;
        } submitted;
        struct {
            uint64_t from_pos, cursor;
            uint32_t max;
            bool with_command, timed_out;
        } records;
        struct {
            const uint64_t *track_ids;
            uint32_t n;
            bool with_command, timed_out;
        } records_of;
        struct {
            uint64_t value;
            bool timed_out;
        } done;
        struct {
            uint64_t last_index;
            bool all;
        } stats;
        struct event_list list; /* ranges owned by the outbox */
        struct {
            struct bytes after, selector;
            uint32_t max;
        } hosts;
        struct {
            uint64_t cancelled, stopping, already_final, running, unknown;
        } cancelled;
        struct {
            bool room;
            uint64_t unfinished;
            uint32_t slots;
        } room;
        struct {
            uint64_t track_id, body_of; /* body_of: whose body it is, itself or another */
            uint32_t attempt, epoch;
            struct bytes function, pool_name;
            uint64_t body; /* handle if it came in this turn; 0: ask the store */
            bool rerunnable;
        } command;
        struct {
            uint64_t track_id, pos;
            uint32_t attempt, epoch;
            bool stale;
        } recorded;
        struct {
            uint64_t track_id;
            uint32_t attempt, epoch;
            enum reason reason;
            bool forget;
        } stop;
        struct {
            uint64_t sent_ns;
        } pong;
        struct {
            enum refusal refusal;
            struct bytes text;
            uint64_t limit;
            int64_t retry_after_ns;
            uint32_t index;
        } error;
        struct {
            struct bytes why;
            bool end;
        } bye;
    } as;
};

/* What a turn produced. Grows as needed; reset keeps the memory. */
struct outbox;
struct outbox *outbox_new(void);
void outbox_free(struct outbox *box);
void outbox_reset(struct outbox *box);
const struct fact *outbox_facts(const struct outbox *box, size_t *ret_count);
const struct send *outbox_sends(const struct outbox *box, size_t *ret_count);

/* ---- the machine ---------------------------------------------------------------------------- */

struct core;
struct core *core_new(const struct core_limits *limits);
void core_free(struct core *core);

/* Restart: apply one stored fact. Allowed until core_start. */
void core_replay(struct core *core, const struct fact *fact);
/* Optional, between load and start: the record at `pos` was committed at this time. A few per pool,
 * in ascending order, let retention by age go on where it was; without any, age counts from now. */
void core_retention_hint(struct core *core, uint32_t pool, uint64_t pos, int64_t recorded_wall_ns);
/* The load is complete: `epoch` was raised durably for this run, `log_id` is the store's. Every
 * lease gets a full fresh term from `now`; relative times are re-armed. */
void core_start(struct core *core, uint32_t epoch, uint64_t log_id, muster_time now,
                int64_t wall_ns);

/* One event. Never fails: "full" and "wrong" are answers in the outbox. */
void core_step(struct core *core, const struct event *event, struct outbox *box);
/* Once per turn after the last event: hand-outs, answers to waits, facts of what changed as a whole
 * (pools, batches, clients, hosts). */
void core_flush(struct core *core, muster_time now, int64_t wall_ns, struct outbox *box);
/* How long the shell may sleep: absolute, MUSTER_NEVER if nothing is due. */
muster_time core_deadline(const struct core *core);
/* Every invariant of the state; false with a text for the log. For tests, simulator, fuzzers. */
bool core_check(const struct core *core, const char **ret_what);
/* CRC of the durable state in canonical order: equal before a crash and after the load. */
uint32_t core_digest(const struct core *core);
/* Golden traces: one line per state move and send. NULL switches it off. */
void core_trace(struct core *core, void (*line)(void *ctx, const char *text), void *ctx);

/* ---- views for egress (read only, valid until the next step) -------------------------------- */

struct bytes core_name(const struct core *core, uint32_t id);
/* The pool of the handle behind a client's peer; 0 when it has not said hello. */
uint32_t core_peer_pool(const struct core *core, peer_id peer);

/* The command is final and the core no longer remembers this attempt: only the store can tell a
 * repeat from a stale record. Ingress may look it up and put it into the report. */
bool core_report_is_past(const struct core *core, uint32_t pool, uint64_t track_id,
                         uint32_t attempt);

struct core_pool_stats {
    struct bytes name;
    const struct pool_totals *totals;
    uint64_t held, queued, running, ok_to, final_to;
    uint32_t hosts, slots; /* of connected workers that serve this pool */
    uint64_t usage_from;   /* core_pool_usage does not count the records up to this position */
};
bool core_pool_stats(const struct core *core, uint32_t pool, struct core_pool_stats *ret);
/* Records per log prefix ("host/slot"): calls back once per prefix. */
void core_pool_usage(const struct core *core, uint32_t pool,
                     void (*each)(void *ctx, struct bytes host, uint32_t slot, uint64_t count),
                     void *ctx);
/* What an earlier run of the broker recorded, counted by egress from the store up to usage_from:
 * once per prefix, then done. Statistics only: the one thing that egress tells the core. */
void core_usage_add(struct core *core, uint32_t pool, uint32_t host, uint32_t slot, uint64_t count);
void core_usage_done(struct core *core, uint32_t pool);

struct core_command_row {
    uint64_t track_id, batch, body_of;
    enum state state;
    enum hold hold;
    bool silent; /* running on a worker whose lease has expired */
    struct bytes function, selector, host;
    uint32_t attempt, starts;
    int64_t submitted_wall_ns, since_wall_ns, age_ns;
    int32_t priority;
};
/* Live commands of `list` in track_id order, at most `max`; returns the number, sets *ret_more. */
size_t core_list(const struct core *core, uint32_t pool, const struct event_list *list,
                 struct core_command_row *rows, size_t max, bool *ret_more);

struct core_host_row {
    struct bytes host, worker, software, tree_kill;
    bool present, draining, transient;
    uint32_t slots, running;
    const uint32_t *labels, *functions; /* name ids */
    uint32_t n_labels, n_functions;
    int64_t seen_wall_ns, skew_ns, round_trip_ns;
};
/* Hosts that match the well-formed selector (empty: all) by name after `after`; returns the number,
 * sets *ret_more. */
size_t core_hosts(const struct core *core, struct bytes selector, struct bytes after,
                  struct core_host_row *rows, size_t max, bool *ret_more);

bool core_disk_low(const struct core *core);

/* Running sums of one duration (core/stats.c); egress uses them for a prefix of the log too. */
void spread_add(struct spread_totals *spread, int64_t ns);
/* The q-quantile (0 … 1) from the histogram, within a bucket's width; 0 while count is 0. */
int64_t spread_quantile_ns(const struct spread_totals *spread, double q);

#endif
