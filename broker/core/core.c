/*
 * core.c -- the turn of the machine.
 *
 *     step:   who speaks? -> its handler: decide -> facts, applied at once -> answers
 *     flush:  cancels go on -> dispatch -> facts of what changed as a whole -> answers to waits
 *
 * Responsible for making and freeing the core, for the table of events, and for the order within
 * the flush: hand-outs come last of what changes commands, and every answer behind all facts.
 */
#include "broker/core/core.h"

#include <stdlib.h>

#include "base/reserve.h"
#include "broker/core/machine.h"

struct core_limits core_limits_default(void)
{
    return (struct core_limits){.commands_max = 4000000,
                                .pools_max = 10000,
                                .clients_max = 100000,
                                .workers_max = 16384,
                                .names_max = 1000000,
                                .classes_max = 65536,
                                .batches_max = 100000,
                                .submissions_max = 1024,
                                .submits_max = 4096,
                                .reads_max = 256,
                                .ahead_max = 1024,
                                .ahead_ns = 50 * MUSTER_MS,
                                .lease_ns = 30 * MUSTER_S,
                                .renew_ns = 5 * MUSTER_S,
                                .lost_after_ns = 3600 * MUSTER_S,
                                .late_ns = MUSTER_S,
                                .disk_low_bytes = UINT64_C(64) << 20,
                                .keep_ns = 30 * 24 * 3600 * MUSTER_S,
                                .keep_bytes = UINT64_C(10) << 30,
                                .keep_private_ns = 7 * 24 * 3600 * MUSTER_S,
                                .keep_client_ns = 7 * 24 * 3600 * MUSTER_S,
                                .seed = 1};
}

/* ---- life ----------------------------------------------------------------------------------- */

static void *reserve(size_t count, size_t size)
{
    void *region = reserve_map(count * size);
    MUST(region != NULL);
    return region;
}

struct core *core_new(const struct core_limits *limits)
{
    struct core *core = calloc(1, sizeof *core);
    MUST(core != NULL);
    core->limits = *limits;
    rand_seed(&core->rand, limits->seed);
    uint64_t seed = rand_next(&core->rand);
    names_init(&core->names, limits->names_max, seed);
    pools_init(&core->pools, limits->pools_max, seed);
    clients_init(&core->clients, limits->clients_max, seed);
    roster_init(&core->roster, limits->workers_max, seed);
    queue_init(&core->queue, limits, seed);
    commands_init(&core->commands, limits->commands_max, seed);
    batches_init(&core->batches, limits->batches_max, seed);
    cursors_init(&core->cursors, seed);
    waits_init(&core->waits, limits);
    cancels_init(core);
    map_init(&core->peers, limits->clients_max + limits->workers_max, seed);
    map_init(&core->usage_by_key, USAGES_MAX, seed);
    strmap_init(&core->turn_ids, limits->commands_max, SIZE_MAX, seed);
    uint32_t timers = 2 * limits->commands_max + limits->workers_max;
    MUST(slab_init(&core->functions, sizeof(struct function), limits->names_max) == 0);
    MUST(slab_init(&core->whys, sizeof(struct why), 2 * limits->commands_max + 4096) == 0);
    MUST(slab_init(&core->usages, sizeof(struct usage), USAGES_MAX) == 0);
    MUST(deadlines_init(&core->boot, timers + core->waits.items.items_max) == 0);
    MUST(deadlines_init(&core->wall, 2 * limits->commands_max) == 0);
    core->recent = reserve(RECENT_MAX, sizeof *core->recent);
    core->offers_max = limits->workers_max + 1;
    core->offers = reserve(core->offers_max, sizeof *core->offers);
    core->receivers = reserve(core->offers_max, sizeof *core->receivers);
    core->plans = reserve(limits->submissions_max, sizeof *core->plans);
    return core;
}

static void free_whys(struct core *core)
{
    for (uint32_t i = slab_next(&core->whys, 0); i != 0; i = slab_next(&core->whys, i))
        why_drop(core, i);
    slab_done(&core->whys);
}

void core_free(struct core *core)
{
    if (core == NULL)
        return;
    reserve_unmap(core->recent, RECENT_MAX * sizeof *core->recent);
    reserve_unmap(core->offers, core->offers_max * sizeof *core->offers);
    reserve_unmap(core->receivers, core->offers_max * sizeof *core->receivers);
    reserve_unmap(core->plans, core->limits.submissions_max * sizeof *core->plans);
    free(core->outs);
    free(core->turn_requests);
    deadlines_done(&core->boot);
    deadlines_done(&core->wall);
    free_whys(core);
    slab_done(&core->functions);
    slab_done(&core->usages);
    map_done(&core->usage_by_key);
    map_done(&core->peers);
    strmap_done(&core->turn_ids);
    cancels_done(core);
    waits_done(&core->waits);
    cursors_done(&core->cursors);
    batches_done(&core->batches);
    commands_done(&core->commands);
    queue_done(&core->queue);
    roster_done(&core->roster);
    clients_done(&core->clients);
    pools_done(&core->pools);
    names_done(&core->names);
    free(core);
}

/* ---- restart -------------------------------------------------------------------------------- */

void core_start(struct core *core, uint32_t epoch, uint64_t log_id, muster_time now,
                int64_t wall_ns)
{
    const struct slab *commands = &core->commands.items;
    const struct slab *clients = &core->clients.items;
    const struct slab *workers = &core->roster.workers;
    MUST(!core->is_started);
    core->is_started = true;
    core->epoch = epoch;
    core->log_id = log_id;
    core->now = now;
    core->wall_ns = wall_ns;
    for (uint32_t i = slab_next(commands, 0); i != 0; i = slab_next(commands, i))
        command_arm(core, i);
    for (uint32_t i = slab_next(clients, 0); i != 0; i = slab_next(clients, i))
        client_settle(core, i);
    for (uint32_t w = slab_next(workers, 0); w != 0; w = slab_next(workers, w))
        if (worker_at(&core->roster, w)->n_held > 0)
            lease_renew(core, w);
    const struct slab *pools = &core->pools.items;
    for (uint32_t i = slab_next(pools, 0); i != 0; i = slab_next(pools, i))
        pool_at(&core->pools, i)->usage_from = pool_at(&core->pools, i)->totals.head;
    retain_start(core);
    batches_end_turn(core);
    clients_end_turn(core);
    pools_end_turn(core);
    core->n_offers = 0;
}

/* ---- events --------------------------------------------------------------------------------- */

static void answer_stats(struct core *core, const struct event *event, uint32_t client)
{
    struct send send = {.type = SEND_STATS, .peer = event->peer, .request = event->request};
    send.pool = pool_at(&core->pools, client_at(&core->clients, client)->pool)->id;
    send.as.stats.last_index = event->as.stats.last_index;
    send.as.stats.all = event->as.stats.all;
    send_add(core, &send);
}

static void answer_list(struct core *core, const struct event *event, uint32_t client)
{
    const struct event_list *list = &event->as.list;
    struct send send = {.type = SEND_LIST, .peer = event->peer, .request = event->request};
    send.pool = pool_at(&core->pools, client_at(&core->clients, client)->pool)->id;
    send.as.list = *list;
    size_t size = list->n_ranges * sizeof *list->ranges;
    struct bytes copy = turn_copy(core, bytes_of(list->ranges, size));
    send.as.list.ranges = (const struct core_range *)(const void *)copy.data;
    send_add(core, &send);
}

static void answer_ping(struct core *core, const struct event *event, uint32_t client)
{
    (void)client;
    send_done(core, event->peer, event->request, 0, false);
}

/* A hand-out that did not leave never started. */
static void unsent(struct core *core, const struct event *event)
{
    uint32_t pool = pool_find(&core->pools, event->as.unsent.pool);
    uint32_t index = command_find(core, pool, event->as.unsent.track_id);
    if (index == 0)
        return;
    const struct command *c = command_at(&core->commands, index);
    const struct more *more = command_more(&core->commands, c);
    if (c->place == PLACE_RUNNING && more->attempt == event->as.unsent.attempt)
        command_give_back(core, index);
}

static void gone(struct core *core, const struct event *event)
{
    session_end(core, event->peer);
}

static void disk(struct core *core, const struct event *event)
{
    bool was_low = core->is_disk_low;
    core->is_disk_low = event->as.disk.free_bytes < core->limits.disk_low_bytes;
    if (was_low && !core->is_disk_low)
        dispatch_anew(core);
}

static void late(struct core *core, const struct event *event)
{
    (void)event;
    leases_fresh(core);
}

static void tick(struct core *core, const struct event *event)
{
    (void)event;
    timers_judge(core);
    retain_sweep(core);
}

/* Every event and what it is for: one of the three is set. */
static const struct {
    handler_fn *of_any;
    client_fn *of_client;
    worker_fn *of_worker;
} handlers[] = {
    [EVENT_CLIENT_HELLO] = {.of_any = hello_client},
    [EVENT_SUBMIT] = {.of_client = submit_commands},
    [EVENT_READ] = {.of_client = read_records},
    [EVENT_WAIT] = {.of_client = wait_for},
    [EVENT_CURSOR] = {.of_client = move_cursor},
    [EVENT_STATS] = {.of_client = answer_stats},
    [EVENT_LIST] = {.of_client = answer_list},
    [EVENT_HOSTS] = {.of_client = hosts_request},
    [EVENT_CANCEL] = {.of_client = cancel_commands},
    [EVENT_ROOM] = {.of_client = wait_for_room},
    [EVENT_SHUTDOWN] = {.of_client = shut_down},
    [EVENT_PING] = {.of_client = answer_ping},
    [EVENT_CLIENT_BYE] = {.of_client = bye_client},
    [EVENT_WORKER_HELLO] = {.of_any = greet_worker},
    [EVENT_RENEW] = {.of_worker = work_renew},
    [EVENT_REPORT] = {.of_worker = work_report},
    [EVENT_WORKER_BYE] = {.of_worker = bye_worker},
    [EVENT_UNSENT] = {.of_any = unsent},
    [EVENT_GONE] = {.of_any = gone},
    [EVENT_DISK] = {.of_any = disk},
    [EVENT_LATE] = {.of_any = late},
    [EVENT_TICK] = {.of_any = tick},
};

static void ask_who(struct core *core, const struct event *event)
{
    struct send send = {.type = SEND_WHO_ARE_YOU, .peer = event->peer, .request = event->request};
    send_add(core, &send);
}

void core_step(struct core *core, const struct event *event, struct outbox *box)
{
    uint32_t index;
    MUST(core->is_started && event->type >= EVENT_CLIENT_HELLO && event->type <= EVENT_TICK);
    core->box = box;
    if (event->now > core->now)
        core->now = event->now;
    core->wall_ns = event->wall_ns;
    if (handlers[event->type].of_any != NULL) {
        handlers[event->type].of_any(core, event);
        return;
    }
    enum session_kind kind = session_of(core, event->peer, &index);
    if (handlers[event->type].of_client != NULL) {
        if (kind != SESSION_CLIENT) {
            ask_who(core, event);
            return;
        }
        client_at(&core->clients, index)->seen_wall_ns = core->wall_ns;
        handlers[event->type].of_client(core, event, index);
        return;
    }
    if (kind != SESSION_WORKER || !worker_at(&core->roster, index)->is_present) {
        ask_who(core, event);
        return;
    }
    worker_heard(core, index);
    handlers[event->type].of_worker(core, event, index);
}

void core_flush(struct core *core, muster_time now, int64_t wall_ns, struct outbox *box)
{
    MUST(core->is_started);
    core->box = box;
    if (now > core->now)
        core->now = now;
    core->wall_ns = wall_ns;
    cancels_flush(core);
    dispatch(core);
    clients_flush(core);
    roster_flush(core);
    batches_flush(core);
    pools_flush(core);
    waits_flush(core);
    batches_end_turn(core);
    clients_end_turn(core);
    pools_end_turn(core);
    if (core->n_turn_requests > 0) {
        core->n_turn_requests = 0;
        strmap_done(&core->turn_ids);
    }
    core->box = NULL;
}

muster_time core_deadline(const struct core *core)
{
    muster_time due = deadlines_next(&core->boot);
    muster_time wall_due = deadlines_next(&core->wall);
    if (cancels_are_pending(core))
        return core->now;
    if (wall_due != MUSTER_NEVER) {
        int64_t left = wall_due - core->wall_ns;
        muster_time at = left <= 0 ? core->now : time_add(core->now, left);
        due = at < due ? at : due;
    }
    return due;
}
