/*
 * cancel.c -- CANCEL and SHUTDOWN (S10, S11).
 *
 * A cancel is a walk over live commands in order of their ids, up to the newest one at the time of
 * the request. It takes part of each flush until it is through, a bounded number of commands at a
 * time, before anything is handed out; then it is answered. Until then nothing of its pool is
 * handed out. It goes on when its client leaves.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/core/machine.h"

enum { SLICE = 10000, CANCELS_MAX = 4096 };

struct cancel {
    struct list link; /* in core.cancelling */
    uint32_t index;
    uint32_t client;    /* 0: it has left */
    uint64_t client_id; /* whose commands, when `is_mine` */
    uint32_t pool_id;
    peer_id peer;
    uint64_t request;
    struct core_range *ranges; /* owned */
    uint32_t n_ranges, at;
    uint64_t after; /* within the range */
    bool is_mine, with_queued, with_running, counts_final;
    bool is_shutdown, shutdown_waits;
    int64_t wait_ns;
    uint32_t why;
    uint64_t cancelled, stopping, already_final, running, unknown;
};

static struct cancel *cancel_at(const struct core *core, uint32_t index)
{
    return slab_at(&core->cancels, index);
}

void cancels_init(struct core *core)
{
    MUST(slab_init(&core->cancels, sizeof(struct cancel), CANCELS_MAX) == 0);
    list_init(&core->cancelling);
}

void cancels_done(struct core *core)
{
    for (uint32_t i = slab_next(&core->cancels, 0); i != 0; i = slab_next(&core->cancels, i))
        free(cancel_at(core, i)->ranges);
    slab_done(&core->cancels);
}

/* NULL after a refusal. */
static struct cancel *cancel_new(struct core *core, const struct event *event, uint32_t client,
                                 uint32_t n_ranges)
{
    struct client *handle = client_at(&core->clients, client);
    uint32_t index = 0;
    if (handle->n_waits + handle->n_cancels < core->limits.reads_max)
        index = slab_alloc(&core->cancels);
    if (index == 0) {
        struct say say = {.size = 0};
        say_str(&say, "Too many requests are being worked on: try again when some are answered.");
        send_refused(core, event->peer, event->request,
                     (struct refused){
                         .refusal = REFUSAL_BUSY, .text = &say, .retry_after_ns = 100 * MUSTER_MS});
        return NULL;
    }
    struct cancel *cancel = cancel_at(core, index);
    cancel->index = index;
    cancel->client = client;
    cancel->client_id = handle->id;
    cancel->pool_id = pool_at(&core->pools, handle->pool)->id;
    cancel->peer = event->peer;
    cancel->request = event->request;
    cancel->ranges = calloc(n_ranges + 1u, sizeof *cancel->ranges);
    MUST(cancel->ranges != NULL);
    handle->n_cancels++;
    pool_at(&core->pools, handle->pool)->n_cancels++;
    list_push_back(&core->cancelling, &cancel->link);
    return cancel;
}

/* What is left in the pool may be handed out again. */
static void resume(struct core *core, uint32_t pool_index)
{
    const struct pool *pool = pool_at(&core->pools, pool_index);
    for (uint32_t at = pool->classes; at != 0; at = class_at(&core->queue, at)->pool_next)
        class_dirty(core, at);
}

static void cancel_free(struct core *core, struct cancel *cancel)
{
    uint32_t pool = pool_find(&core->pools, cancel->pool_id);
    if (--pool_at(&core->pools, pool)->n_cancels == 0)
        resume(core, pool);
    if (cancel->client != 0)
        client_at(&core->clients, cancel->client)->n_cancels--;
    list_remove(&cancel->link);
    why_drop(core, cancel->why);
    free(cancel->ranges);
    slab_free(&core->cancels, cancel->index);
}

void cancels_drop(struct core *core, uint32_t client)
{
    if (client_at(&core->clients, client)->n_cancels == 0)
        return;
    list_each (link, &core->cancelling) {
        struct cancel *cancel = list_entry(link, struct cancel, link);
        if (cancel->client == client)
            cancel->client = 0;
    }
    client_at(&core->clients, client)->n_cancels = 0;
}

bool cancels_are_pending(const struct core *core)
{
    return !list_is_empty(&core->cancelling);
}

/* ---- the walk ------------------------------------------------------------------------------- */

static void cancel_one(struct core *core, struct cancel *cancel, uint32_t index)
{
    const struct command *c = command_at(&core->commands, index);
    bool is_foreign =
        c->client == 0 || client_at(&core->clients, c->client)->id != cancel->client_id;
    if (cancel->counts_final)
        cancel->already_final--; /* all of the range were counted as final */
    if (cancel->is_mine && is_foreign)
        return;
    bool runs = c->place == PLACE_RUNNING;
    if (runs && !cancel->with_running) {
        cancel->running++;
        return;
    }
    if (!runs && !cancel->with_queued)
        return;
    if (runs)
        cancel->stopping++;
    else
        cancel->cancelled++;
    bool shuts_down = cancel->is_shutdown;
    command_cancel(core, index, shuts_down ? REASON_SHUTDOWN : REASON_CANCELLED_QUEUED,
                   shuts_down ? REASON_SHUTDOWN : REASON_CANCELLED_RUNNING,
                   why_text(core, cancel->why));
}

/* True when it is through. */
static bool walk(struct core *core, struct cancel *cancel, uint32_t *left)
{
    uint32_t pool = pool_find(&core->pools, cancel->pool_id);
    while (cancel->at < cancel->n_ranges) {
        const struct core_range *range = &cancel->ranges[cancel->at];
        const struct page_list *pages = &pool_at(&core->pools, pool)->pages;
        uint64_t id = 0;
        if (cancel->after < range->first)
            cancel->after = range->first - 1;
        uint32_t index = pages_after(core->commands.pages, pages, pool, cancel->after, &id);
        if (index == 0 || id > range->last) {
            cancel->at++;
            cancel->after = 0;
            continue;
        }
        if (*left == 0)
            return false;
        --*left;
        cancel->after = id;
        cancel_one(core, cancel, index);
    }
    return true;
}

static void answer(struct core *core, const struct cancel *cancel)
{
    struct send send = {.type = SEND_CANCELLED,
                        .peer = cancel->peer,
                        .request = cancel->request,
                        .pool = cancel->pool_id};
    send.as.cancelled.cancelled = cancel->cancelled;
    send.as.cancelled.stopping = cancel->stopping;
    send.as.cancelled.already_final = cancel->already_final;
    send.as.cancelled.running = cancel->running;
    send.as.cancelled.unknown = cancel->unknown;
    send_add(core, &send);
}

/* SHUTDOWN, its cancel being through. */
static void shutdown_answer(struct core *core, uint32_t client, peer_id peer, uint64_t request,
                            bool waits, int64_t wait_ns)
{
    uint64_t live = client_at(&core->clients, client)->live;
    if (waits && live > 0 && wait_ns > 0)
        wait_new(core, WAITING_SHUTDOWN, client, peer, request, wait_ns);
    else
        send_done(core, peer, request, live, waits && live > 0);
}

void cancels_flush(struct core *core)
{
    uint32_t left = SLICE;
    list_each_safe (link, after, &core->cancelling) {
        struct cancel *cancel = list_entry(link, struct cancel, link);
        if (!walk(core, cancel, &left))
            break;
        struct cancel done = *cancel;
        cancel_free(core, cancel);
        if (done.client == 0)
            continue;
        if (done.is_shutdown)
            shutdown_answer(core, done.client, done.peer, done.request, done.shutdown_waits,
                            done.wait_ns);
        else
            answer(core, &done);
    }
}

/* ---- CANCEL --------------------------------------------------------------------------------- */

/* Cuts the range to ids that exist; counts the others as unknown and itself as final. */
static void add_range(struct cancel *cancel, struct core_range range, uint64_t next)
{
    if (range.first > range.last)
        return;
    uint64_t first = range.first == 0 ? 1 : range.first;
    uint64_t last = range.last >= next ? next - 1 : range.last;
    bool is_empty = first > last;
    cancel->unknown += range.last - range.first + 1 - (is_empty ? 0 : last - first + 1);
    if (is_empty)
        return;
    cancel->already_final += last - first + 1;
    cancel->ranges[cancel->n_ranges++] = (struct core_range){.first = first, .last = last};
}

static void refuse(struct core *core, const struct event *event, enum refusal refusal,
                   const struct say *say)
{
    send_refused(core, event->peer, event->request,
                 (struct refused){.refusal = refusal, .text = say});
}

static bool check(struct core *core, const struct event *event, const struct pool *pool)
{
    const struct event_cancel *e = &event->as.cancel;
    struct say say = {.size = 0};
    if (e->n_ranges == 0 && e->batch == 0 && !e->all && !e->mine) {
        say_str(&say, "Say what to cancel: commands, a batch, or all.");
        refuse(core, event, REFUSAL_BAD_REQUEST, &say);
        return false;
    }
    if (e->batch != 0 && e->batch >= pool->totals.next_batch) {
        say_str(&say, "There is no batch B");
        say_u64(&say, e->batch);
        say_str(&say, " in this pool.");
        refuse(core, event, REFUSAL_UNKNOWN_BATCH, &say);
        return false;
    }
    return true;
}

void cancel_commands(struct core *core, const struct event *event, uint32_t client)
{
    const struct event_cancel *e = &event->as.cancel;
    uint32_t pool_index = client_at(&core->clients, client)->pool;
    const struct pool *pool = pool_at(&core->pools, pool_index);
    uint64_t next = pool->totals.next_track_id;
    if (!check(core, event, pool))
        return;
    struct cancel *cancel = cancel_new(core, event, client, e->n_ranges + 1);
    if (cancel == NULL)
        return;
    cancel->with_queued = true;
    cancel->with_running = e->running;
    cancel->why = why_add(core, e->why);
    if (e->all || e->mine) {
        cancel->is_mine = !e->all;
        cancel->ranges[cancel->n_ranges++] = (struct core_range){.first = 1, .last = next - 1};
        return;
    }
    cancel->counts_final = true;
    for (uint32_t i = 0; i < e->n_ranges; i++)
        add_range(cancel, e->ranges[i], next);
    uint32_t batch_index = batch_find(&core->batches, pool_index, e->batch);
    if (batch_index == 0)
        return;
    const struct batch *batch = batch_at(&core->batches, batch_index);
    add_range(cancel,
              (struct core_range){.first = batch->first, .last = batch->first + batch->count - 1},
              next);
}

/* ---- SHUTDOWN ------------------------------------------------------------------------------- */

static void stop_broker(struct core *core, const struct event *event)
{
    uint32_t cursor = 0;
    uint64_t peer;
    uint32_t value;
    send_done(core, event->peer, event->request, 0, false);
    while (map_next(&core->peers, &cursor, &peer, &value)) {
        struct send bye = {.type = SEND_BYE, .peer = peer};
        bye.as.bye.why = bytes_of_str("the broker is shut down");
        bye.as.bye.end = true;
        send_add(core, &bye);
    }
    struct send stop = {.type = SEND_STOP_BROKER};
    send_add(core, &stop);
}

void shut_down(struct core *core, const struct event *event, uint32_t client)
{
    struct client *handle = client_at(&core->clients, client);
    bool cancels = event->as.shutdown.cancel_queued || event->as.shutdown.cancel_running;
    if (event->as.shutdown.broker) {
        stop_broker(core, event);
        return;
    }
    if (!handle->is_shutting_down) {
        handle->is_shutting_down = true;
        client_dirty(core, client);
    }
    if (!cancels) {
        shutdown_answer(core, client, event->peer, event->request, event->as.shutdown.wait,
                        event->as.shutdown.wait_ns);
        return;
    }
    struct cancel *cancel = cancel_new(core, event, client, 1);
    if (cancel == NULL)
        return;
    uint64_t next = pool_at(&core->pools, handle->pool)->totals.next_track_id;
    cancel->ranges[cancel->n_ranges++] = (struct core_range){.first = 1, .last = next - 1};
    cancel->is_mine = true;
    cancel->with_queued = event->as.shutdown.cancel_queued;
    cancel->with_running = event->as.shutdown.cancel_running;
    cancel->is_shutdown = true;
    cancel->shutdown_waits = event->as.shutdown.wait;
    cancel->wait_ns = event->as.shutdown.wait_ns;
}
