/*
 * roster.c -- hosts and workers: who they are, who is here, how much each may take.
 *
 * Responsible for identity (a worker is its UUID), presence and room. Leases are lease.c, the HELLO
 * is greet.c, matching is queue.c.
 * Invariants: a host's current worker has that host; a worker that was replaced has no slots and
 * no session; the bits of `free_slots` and `roomy` follow from what a present worker holds.
 */
#include <stdlib.h>
#include <string.h>

#include "base/reserve.h"
#include "broker/core/machine.h"

static const int64_t SEEN_EVERY_NS = 60 * MUSTER_S;

static size_t words_bytes(const struct roster *roster)
{
    return roster->words * sizeof(uint64_t);
}

void roster_init(struct roster *roster, uint32_t workers_max, uint64_t seed)
{
    *roster = (struct roster){.words = workers_max / 64 + 1};
    MUST(slab_init(&roster->workers, sizeof(struct worker), workers_max) == 0);
    MUST(slab_init(&roster->hosts, sizeof(struct host), NAMES_LIMIT) == 0);
    strmap_init(&roster->by_uuid, workers_max, SIZE_MAX, seed);
    roster->dirty = reserve_map(((size_t)workers_max + 1) * sizeof *roster->dirty);
    roster->free_slots = reserve_map(words_bytes(roster));
    roster->roomy = reserve_map(words_bytes(roster));
    MUST(roster->dirty != NULL && roster->free_slots != NULL && roster->roomy != NULL);
}

static void free_description(struct worker *worker)
{
    free(worker->labels.ids);
    free(worker->functions.ids);
    free(worker->pools.ids);
}

void roster_done(struct roster *roster)
{
    const struct slab *workers = &roster->workers;
    for (uint32_t i = slab_next(workers, 0); i != 0; i = slab_next(workers, i)) {
        free_description(worker_at(roster, i));
        free(worker_at(roster, i)->unknown);
    }
    reserve_unmap(roster->dirty, ((size_t)roster->workers.items_max + 1) * sizeof *roster->dirty);
    reserve_unmap(roster->free_slots, words_bytes(roster));
    reserve_unmap(roster->roomy, words_bytes(roster));
    slab_done(&roster->workers);
    slab_done(&roster->hosts);
    strmap_done(&roster->by_uuid);
}

/* ---- sets of names -------------------------------------------------------------------------- */

/* A sorted copy without repeats. */
static struct name_set name_set_of(const uint32_t *ids, uint32_t n)
{
    struct name_set set = {.ids = calloc(n + 1, sizeof *set.ids)};
    MUST(set.ids != NULL);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = set.n;
        while (at > 0 && set.ids[at - 1] > ids[i])
            at--;
        if (at > 0 && set.ids[at - 1] == ids[i])
            continue;
        memmove(set.ids + at + 1, set.ids + at, (set.n - at) * sizeof *set.ids);
        set.ids[at] = ids[i];
        set.n++;
    }
    return set;
}

static bool name_sets_equal(const struct name_set *a, const struct name_set *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->ids, b->ids, a->n * sizeof *a->ids) == 0);
}

bool name_set_has(const struct name_set *set, uint32_t name)
{
    uint32_t low = 0;
    uint32_t high = set->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (set->ids[middle] == name)
            return true;
        if (set->ids[middle] < name)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* ---- finding -------------------------------------------------------------------------------- */

uint32_t worker_by_name(const struct core *core, uint32_t name)
{
    return name == 0 ? 0 : names_at(&core->names, name)->of[NAME_WORKER];
}

uint32_t host_need(struct core *core, uint32_t name)
{
    uint32_t *index = &names_at(&core->names, name)->of[NAME_HOST];
    if (*index == 0) {
        *index = slab_alloc(&core->roster.hosts);
        MUST(*index != 0);
        host_at(&core->roster, *index)->name = name;
    }
    return *index;
}

bool worker_is_known(const struct worker *worker)
{
    return worker->slots > 0;
}

bool worker_matches(const struct core *core, const struct worker *worker, uint32_t selector)
{
    enum { LABELS_MAX = 256 };
    struct bytes labels[LABELS_MAX];
    if (selector == 0)
        return true;
    uint32_t n = worker->labels.n < LABELS_MAX ? worker->labels.n : LABELS_MAX;
    for (uint32_t i = 0; i < n; i++)
        labels[i] = name_text(core, worker->labels.ids[i]);
    uint32_t index = names_at(&core->names, selector)->of[NAME_SELECTOR];
    MUST(index != 0);
    const struct selection *selection = slab_at(&core->queue.selections, index);
    return selector_matches(&selection->selector, name_text(core, worker->host_name), labels, n);
}

/* ---- presence and room ---------------------------------------------------------------------- */

static void set_bit(uint64_t *words, uint32_t at, bool value)
{
    uint64_t bit = UINT64_C(1) << (at % 64);
    if (value)
        words[at / 64] |= bit;
    else
        words[at / 64] &= ~bit;
}

static void offer(struct core *core, uint32_t index)
{
    struct worker *worker = worker_at(&core->roster, index);
    if (worker->is_offered)
        return;
    worker->is_offered = true;
    MUST(core->n_offers < core->offers_max);
    core->offers[core->n_offers++] = index;
}

void worker_room(struct core *core, uint32_t index)
{
    struct roster *roster = &core->roster;
    struct worker *worker = worker_at(roster, index);
    uint64_t most = (uint64_t)worker->slots + core->limits.ahead_max;
    if (worker->credit < most)
        most = worker->credit;
    bool takes = worker->is_present && worker->n_held < most;
    bool is_free = takes && worker->n_held < worker->slots;
    bool is_roomy = takes && worker->n_long < worker->slots &&
                    worker->short_sum_ns / (worker->slots - worker->n_long) < core->limits.ahead_ns;
    set_bit(roster->free_slots, index, is_free);
    set_bit(roster->roomy, index, is_roomy);
    if (is_free || is_roomy)
        offer(core, index);
}

void worker_arrive(struct core *core, uint32_t index)
{
    struct worker *worker = worker_at(&core->roster, index);
    MUST(!worker->is_present);
    worker->is_present = true;
    worker->is_silent = false;
    core->roster.n_present++;
    core->roster.has_changed = true;
    queue_join(core, index);
    worker_room(core, index);
}

void worker_depart(struct core *core, uint32_t index)
{
    struct worker *worker = worker_at(&core->roster, index);
    if (worker->peer != 0)
        session_unbind(core, worker->peer);
    worker->is_greeting = false;
    worker->n_unknown = 0;
    if (!worker->is_present)
        return;
    worker->is_present = false;
    core->roster.n_present--;
    core->roster.has_changed = true;
    queue_leave(core, index);
    worker_room(core, index);
}

/* ---- what is durable ------------------------------------------------------------------------ */

void worker_dirty(struct core *core, uint32_t index)
{
    struct worker *worker = worker_at(&core->roster, index);
    if (worker->is_dirty)
        return;
    worker->is_dirty = true;
    core->roster.dirty[core->roster.n_dirty++] = index;
}

void worker_heard(struct core *core, uint32_t index)
{
    struct worker *worker = worker_at(&core->roster, index);
    lease_renew(core, index);
    worker->seen_now_wall_ns = core->wall_ns;
    int64_t since = core->wall_ns - worker->seen_wall_ns;
    if (since >= SEEN_EVERY_NS || since < 0)
        worker_dirty(core, index);
}

void worker_describe(const struct core *core, const struct worker *worker, struct fact_host *ret)
{
    (void)core;
    *ret = (struct fact_host){.host = worker->host_name,
                              .worker = worker->name,
                              .incarnation = worker->incarnation,
                              .slots = worker->slots,
                              .labels = worker->labels.ids,
                              .n_labels = worker->labels.n,
                              .functions = worker->functions.ids,
                              .n_functions = worker->functions.n,
                              .pools = worker->pools.ids,
                              .n_pools = worker->pools.n,
                              .software = worker->software,
                              .tree_kill = worker->tree_kill,
                              .transient = worker->is_transient,
                              .seen_wall_ns = worker->seen_now_wall_ns,
                              .skew_ns = worker->skew_now_ns,
                              .round_trip_ns = worker->round_trip_now_ns};
    memcpy(ret->uuid, worker->uuid, UUID_BYTES);
}

/* Copies of the name lists, which the next HELLO replaces. */
static const uint32_t *copy_ids(struct core *core, const uint32_t *ids, uint32_t n)
{
    uint32_t *copy = turn_alloc(core, (n + 1) * sizeof *copy);
    if (n > 0)
        memcpy(copy, ids, n * sizeof *copy);
    return copy;
}

void roster_flush(struct core *core)
{
    struct roster *roster = &core->roster;
    for (uint32_t i = 0; i < roster->n_dirty; i++) {
        struct worker *worker = worker_at(roster, roster->dirty[i]);
        worker->is_dirty = false;
        struct fact *fact = fact_add(core, FACT_HOST);
        struct fact_host *host = &fact->as.host;
        worker_describe(core, worker, host);
        host->labels = copy_ids(core, host->labels, host->n_labels);
        host->functions = copy_ids(core, host->functions, host->n_functions);
        host->pools = copy_ids(core, host->pools, host->n_pools);
        apply(core, fact);
    }
    roster->n_dirty = 0;
}

void worker_forget_if_over(struct core *core, uint32_t index)
{
    const struct worker *worker = worker_at(&core->roster, index);
    bool is_over = worker->slots == 0 || worker->is_transient;
    if (!is_over || worker->peer != 0 || worker->n_held > 0)
        return;
    struct fact *fact = fact_add(core, FACT_HOST);
    worker_describe(core, worker, &fact->as.host);
    fact->as.host.labels = NULL;
    fact->as.host.functions = NULL;
    fact->as.host.pools = NULL;
    fact->as.host.n_labels = fact->as.host.n_functions = fact->as.host.n_pools = 0;
    fact->as.host.forgotten = true;
    apply(core, fact);
}

/* ---- applied facts -------------------------------------------------------------------------- */

static void forget(struct core *core, uint32_t index)
{
    struct roster *roster = &core->roster;
    struct worker *worker = worker_at(roster, index);
    MUST(worker->n_held == 0 && !worker->is_present);
    if (worker->peer != 0)
        session_unbind(core, worker->peer);
    if (host_at(roster, worker->host)->worker == index)
        host_at(roster, worker->host)->worker = 0;
    names_at(&core->names, worker->name)->of[NAME_WORKER] = 0;
    strmap_remove(&roster->by_uuid, bytes_of(worker->uuid, UUID_BYTES));
    if (worker->lease_timer != 0)
        deadlines_remove(&core->boot, worker->lease_timer);
    for (uint32_t i = 0; worker->is_dirty && i < roster->n_dirty; i++)
        if (roster->dirty[i] == index) {
            roster->dirty[i] = roster->dirty[--roster->n_dirty];
            break;
        }
    for (uint32_t i = 0; worker->is_offered && i < core->n_offers; i++)
        if (core->offers[i] == index) {
            core->offers[i] = core->offers[--core->n_offers];
            break;
        }
    free_description(worker);
    free(worker->unknown);
    slab_free(&roster->workers, index);
    roster->has_changed = true;
}

static uint32_t make(struct core *core, const struct fact_host *fact)
{
    struct roster *roster = &core->roster;
    uint32_t index = slab_alloc(&roster->workers);
    MUST(index != 0);
    struct worker *worker = worker_at(roster, index);
    memcpy(worker->uuid, fact->uuid, UUID_BYTES);
    list_init(&worker->held);
    worker->name = fact->worker;
    names_at(&core->names, fact->worker)->of[NAME_WORKER] = index;
    MUST(strmap_put(&roster->by_uuid, bytes_of(worker->uuid, UUID_BYTES), index, NULL) == 0);
    return index;
}

/* The worker leaves its old host, if it had another one. */
static void place(struct core *core, uint32_t index, const struct fact_host *fact)
{
    struct roster *roster = &core->roster;
    struct worker *worker = worker_at(roster, index);
    if (worker->host != 0 && worker->host_name != fact->host &&
        host_at(roster, worker->host)->worker == index)
        host_at(roster, worker->host)->worker = 0;
    worker->host_name = fact->host;
    worker->host = host_need(core, fact->host);
    struct host *host = host_at(roster, worker->host);
    if (fact->slots > 0)
        host->worker = index;
    else if (host->worker == index)
        host->worker = 0;
}

/* What decides which commands it may run. */
static void describe(struct core *core, uint32_t index, const struct fact_host *fact)
{
    struct worker *worker = worker_at(&core->roster, index);
    struct name_set labels = name_set_of(fact->labels, fact->n_labels);
    struct name_set functions = name_set_of(fact->functions, fact->n_functions);
    struct name_set pools = name_set_of(fact->pools, fact->n_pools);
    bool is_same = worker->host != 0 && worker->host_name == fact->host &&
                   worker->slots == fact->slots && name_sets_equal(&labels, &worker->labels) &&
                   name_sets_equal(&functions, &worker->functions) &&
                   name_sets_equal(&pools, &worker->pools);
    if (worker->is_present && !is_same)
        queue_leave(core, index);
    free_description(worker);
    worker->labels = labels;
    worker->functions = functions;
    worker->pools = pools;
    worker->slots = fact->slots;
    place(core, index, fact);
    for (uint32_t i = 0; i < functions.n; i++)
        function_need(core, functions.ids[i])->is_offered = true;
    if (is_same)
        return;
    core->roster.has_changed = true;
    if (worker->is_present)
        queue_join(core, index);
}

void roster_apply(struct core *core, const struct fact_host *fact)
{
    struct roster *roster = &core->roster;
    uint32_t index = worker_by_name(core, fact->worker);
    if (fact->forgotten) {
        /* A worker that takes another host name, with what it holds, is not gone with its old row.
         */
        if (index != 0 && worker_at(roster, index)->host_name == fact->host &&
            worker_at(roster, index)->n_held == 0)
            forget(core, index);
        return;
    }
    if (index == 0)
        index = make(core, fact);
    describe(core, index, fact);
    struct worker *worker = worker_at(roster, index);
    worker->incarnation = fact->incarnation;
    worker->software = fact->software;
    worker->tree_kill = fact->tree_kill;
    worker->is_transient = fact->transient;
    worker->seen_wall_ns = fact->seen_wall_ns;
    worker->skew_ns = fact->skew_ns;
    worker->round_trip_ns = fact->round_trip_ns;
    worker->seen_now_wall_ns = fact->seen_wall_ns;
    worker->skew_now_ns = fact->skew_ns;
    worker->round_trip_now_ns = fact->round_trip_ns;
}
