/*
 * roster.h -- hosts and workers. A worker is its UUID; a host's current worker is the one that
 * claimed the name last. A worker that was replaced stays until it holds nothing any more.
 */
#ifndef MUSTER_BROKER_CORE_ROSTER_H
#define MUSTER_BROKER_CORE_ROSTER_H

#include "base/list.h"
#include "base/map.h"
#include "base/slab.h"
#include "broker/core/core.h"

enum { UUID_BYTES = 16, HELLO_UNKNOWN_MAX = 1 << 17, WORKER_NAMES_MAX = 1 << 12 };

struct host {
    uint32_t name;
    uint32_t worker; /* current, 0 = none */
    uint32_t pinned; /* classes that only this host may run */
    uint32_t active; /* those of them with something ready */
};

/* A set of name ids, ascending, owned. */
struct name_set {
    uint32_t *ids;
    uint32_t n;
};

struct worker {
    /* durable */
    uint32_t name, host_name;
    uint8_t uuid[UUID_BYTES];
    uint32_t incarnation;
    uint32_t slots; /* 0: replaced by another worker of its host */
    struct name_set labels, functions, pools;
    uint32_t software, tree_kill;
    bool is_transient;
    int64_t seen_wall_ns, skew_ns, round_trip_ns; /* as stored */

    /* of this run */
    uint32_t host;   /* struct host */
    peer_id peer;    /* 0: no session */
    bool is_present; /* said hello completely, and its lease runs */
    bool is_greeting;
    bool is_silent; /* its lease expired while it held something */
    uint32_t credit;
    muster_time lease_until;
    uint32_t lease_timer;
    int64_t seen_now_wall_ns, skew_now_ns, round_trip_now_ns;
    bool is_dirty; /* in this turn's list of facts */

    /* what it holds */
    struct list held; /* struct more.held */
    uint32_t n_held, n_long;
    int64_t short_sum_ns;

    /* dispatch */
    uint32_t pool_at, quantum;
    bool is_offered;              /* in this turn's list: it may take something */
    uint32_t out_first, out_last; /* hand-outs of this turn */

    /* a HELLO in parts */
    uint32_t mark, next_part;
    bool is_rebooted;
    struct event_worker_attempt *unknown; /* listed, and to be stopped */
    uint32_t n_unknown, unknown_max;
};

struct roster {
    struct slab workers, hosts;
    struct strmap by_uuid;
    uint32_t *dirty;
    uint32_t n_dirty;
    uint64_t *free_slots; /* bit per worker: takes anything */
    uint64_t *roomy;      /* bit per worker: takes short commands ahead */
    uint32_t words;
    uint32_t n_present;
    uint32_t marks;
    bool has_changed; /* since the last flush: somebody came, went, or changed */
};

static inline struct worker *worker_at(const struct roster *roster, uint32_t index)
{
    return slab_at(&roster->workers, index);
}

static inline struct host *host_at(const struct roster *roster, uint32_t index)
{
    return slab_at(&roster->hosts, index);
}

void roster_init(struct roster *roster, uint32_t workers_max, uint64_t seed);
void roster_done(struct roster *roster);

bool name_set_has(const struct name_set *set, uint32_t name);

/* The worker with this name id, or 0. */
uint32_t worker_by_name(const struct core *core, uint32_t name);
/* The host of a name id, made if need be: something is pinned to it or it is there. */
uint32_t host_need(struct core *core, uint32_t name);
/* Its current worker matches the selection (0 = all) and was ever known. */
bool worker_is_known(const struct worker *worker);
bool worker_matches(const struct core *core, const struct worker *worker, uint32_t selector);

/* Presence. */
void worker_arrive(struct core *core, uint32_t index);
void worker_depart(struct core *core, uint32_t index);
/* The room for commands may have changed. */
void worker_room(struct core *core, uint32_t index);
/* Something was heard from it. */
void worker_heard(struct core *core, uint32_t index);
/* Transient and gone, or replaced, and holding nothing: forgets it durably. */
void worker_forget_if_over(struct core *core, uint32_t index);
/* A changed description, at the flush. */
void worker_dirty(struct core *core, uint32_t index);
void roster_flush(struct core *core);

/* FACT_HOST that says what the worker is. */
void worker_describe(const struct core *core, const struct worker *worker, struct fact_host *ret);
void roster_apply(struct core *core, const struct fact_host *fact);

#endif
