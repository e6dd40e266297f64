/*
 * fact.h -- the durable changes that the core decides and the store keeps.
 *
 * A fact is what survives a crash. The core emits facts in order; the store commits all facts of a
 * turn in one synced transaction; at start the store emits the shortest sequence of facts that
 * leads to the state it holds, and the core applies them with the same code as live.
 *
 * Ownership: every span and pointer in a fact is borrowed and valid until the end of the turn
 * (live) or until the emit callback returns (load). Units are in the names; `_wall_ns` is the
 * broker's wall clock. Plain data: no function here.
 */
#ifndef MUSTER_BROKER_CORE_FACT_H
#define MUSTER_BROKER_CORE_FACT_H

#include "base/bytes.h"
#include "base/state.h"
#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

enum fact_type {
    FACT_NAME = 1,  /* an interned string: id -> text */
    FACT_POOL,      /* a pool and its totals: made, or changed in this turn */
    FACT_POOL_GONE, /* a private pool's keep time passed: everything of it goes */
    FACT_CLIENT,    /* a pool handle: made, or its answered_to / shutting_down changed */
    FACT_CLIENT_GONE,
    FACT_REQUEST,    /* an unanswered SUBMIT whose commands are final already */
    FACT_REQUEST_ID, /* a caller's own request id */
    FACT_HOST,       /* a host and its worker: made or changed */
    FACT_BATCH,      /* made or changed in this turn */
    FACT_SUBMITTED,  /* a command: insert */
    FACT_LEASED,     /* attempt raised, held by a worker: before the hand-out leaves */
    FACT_QUEUED,     /* back to the queue: returned, never started, or lost and re-runnable */
    FACT_STOPPING,   /* a running command is to be cancelled; survives a restart */
    FACT_RECORDED,   /* final: record inserted, command no longer live */
    FACT_CURSOR,     /* a durable cursor moved */
    FACT_OLDEST, /* retention: positions <= oldest are gone; raised before anything is deleted */
    FACT_AUDIT,  /* a record that was refused as stale */
};

/* Sum, extremes and a histogram of one duration. Buckets: 4 per power of two from 1 us on; see
 * core/stats.c for the formula. All durations in ns. */
#define SPREAD_BUCKETS 160
struct spread_totals {
    uint64_t count;
    uint64_t sum_ns; /* saturating */
    uint64_t max_ns;
    uint64_t min_ns; /* undefined while count is 0 */
    uint32_t buckets[SPREAD_BUCKETS];
};

/* What a pool remembers beside its live commands. submitted = next_track_id - 1; final = head. */
struct pool_totals {
    uint64_t next_track_id;
    uint64_t head;      /* last pos */
    uint64_t oldest;    /* positions <= oldest are gone */
    uint64_t final_to;  /* S9; a lower bound at load, the core advances it */
    uint64_t first_bad; /* lowest track_id that ended other than ok; 0 = none */
    uint64_t next_batch;
    uint64_t peak_in_queue;
    uint64_t records_bytes;      /* of the kept records and their commands */
    uint64_t ended[STATE_COUNT]; /* final commands by state */
    uint32_t crc;                /* running CRC-32C of the log up to head */
    struct spread_totals run, waited, throttle;
};

struct fact_name {
    uint32_t id;
    struct bytes text;
};

struct fact_pool {
    uint32_t pool;
    struct bytes name; /* "~" + 16 hex digits for a private pool */
    bool private_;
    bool closed; /* refuses new submits from every handle */
    int64_t made_wall_ns;
    int64_t used_wall_ns; /* private: kept 7 days after this */
    const struct pool_totals *totals;
};

struct fact_client {
    uint64_t client;
    uint32_t pool;
    uint64_t answered_to;
    bool shutting_down;
    int64_t seen_wall_ns;
};

struct fact_request {
    uint64_t client;
    uint64_t sequence;
    uint64_t first;
    uint32_t count;
    uint64_t batch;
};

struct fact_request_id {
    uint32_t pool;
    struct bytes id;
    uint64_t digest; /* of the request's content: the same id with another digest is refused */
    uint64_t first;
    uint32_t count;
    uint64_t batch;
    int64_t wall_ns;
};

struct fact_host {
    uint32_t host;   /* name id */
    uint32_t worker; /* name id of the worker's display name, host-xxxx */
    uint8_t uuid[16];
    uint32_t incarnation;
    uint32_t slots;
    const uint32_t *labels; /* name ids of KEY=VALUE */
    uint32_t n_labels;
    const uint32_t *functions;
    uint32_t n_functions;
    const uint32_t *pools; /* pool names it serves; none = all */
    uint32_t n_pools;
    uint32_t software;  /* name id */
    uint32_t tree_kill; /* name id */
    bool transient;
    bool forgotten; /* delete this host */
    int64_t seen_wall_ns;
    int64_t skew_ns;
    int64_t round_trip_ns;
};

struct fact_batch {
    uint32_t pool;
    uint64_t batch;
    uint64_t first; /* its commands are first .. first + count - 1 */
    uint32_t count;
    uint32_t ended[STATE_COUNT];
    int64_t made_wall_ns;
};

struct fact_submitted {
    uint32_t pool;
    uint64_t track_id;
    uint64_t client;
    uint64_t sequence; /* of the SUBMIT that made it */
    uint64_t batch;    /* 0 = none */
    uint64_t body_of;  /* 0 = its own body; else the track_id whose body it shares */
    uint32_t function; /* name id */
    uint32_t selector; /* name id; 0 = any */
    uint32_t host;     /* name id of the expected host of an `each` command; 0 = none */
    int16_t priority;
    uint16_t max_attempts;
    bool rerunnable;
    int64_t submitted_wall_ns;
    int64_t not_before_wall_ns; /* 0 = none */
    int64_t start_by_wall_ns;   /* 0 = none */
    int64_t lost_after_ns;      /* how long after the lease's expiry */
    uint64_t body;              /* handle; 0 when body_of is set or at load */
    uint32_t body_bytes;
};

struct fact_leased {
    uint32_t pool;
    uint64_t track_id;
    uint32_t attempt;
    uint32_t epoch;
    uint32_t starts; /* attempts that count against max_attempts, this one included */
    uint32_t worker; /* name id; key of the worker row */
    int64_t leased_wall_ns;
};

struct fact_queued {
    uint32_t pool;
    uint64_t track_id;
    uint32_t starts;
};

struct fact_stopping {
    uint32_t pool;
    uint64_t track_id;
    enum reason reason;
    struct bytes why; /* the canceller's words, may be empty */
};

struct fact_recorded {
    uint32_t pool;
    uint64_t track_id;
    uint64_t pos;
    uint64_t client; /* whose command it was */
    uint64_t batch;
    uint32_t attempt; /* 0 = never handed out */
    enum state state;
    enum reason reason;
    int32_t exit;
    uint32_t signal;
    uint32_t function; /* name ids */
    uint32_t host;
    uint32_t worker;
    uint32_t slot;
    uint32_t pid;
    int64_t submitted_wall_ns;
    int64_t start_wall_ns;    /* on the worker's clock; 0 = never started */
    int64_t recorded_wall_ns; /* on the broker's clock */
    int64_t run_ns;
    int64_t waited_ns;
    int64_t throttled_ns;
    int64_t skew_ns;
    uint32_t crc;
    uint64_t body; /* handle; 0 = the broker ended it, there is no body */
    uint32_t body_bytes;
    struct bytes why;
};

struct fact_cursor {
    uint32_t pool;
    struct bytes name;
    uint64_t pos;
};

struct fact_oldest {
    uint32_t pool;
    uint64_t oldest;
};

struct fact_audit {
    uint32_t pool;
    uint64_t track_id;
    uint32_t attempt;
    uint32_t epoch;
    uint32_t worker;
    enum state state;
    int64_t wall_ns;
};

struct fact {
    enum fact_type type;
    union {
        struct fact_name name;
        struct fact_pool pool;
        struct fact_client client;
        struct fact_request request;
        struct fact_request_id request_id;
        struct fact_host host;
        struct fact_batch batch;
        struct fact_submitted submitted;
        struct fact_leased leased;
        struct fact_queued queued;
        struct fact_stopping stopping;
        struct fact_recorded recorded;
        struct fact_cursor cursor;
        struct fact_oldest oldest;
        struct fact_audit audit;
        uint32_t pool_gone;
        uint64_t client_gone;
    } as;
};

#endif
