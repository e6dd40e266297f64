/*
 * wait.c -- requests that wait until something has come true, or their time is over.
 *
 * Responsible for their bounds, for finding those that a turn has made true, and for the answers,
 * which leave behind the commit of the turn (S8, S10). Each waits in the list of what it waits for:
 * readers and WAIT ALL in their pool, WAIT BATCH in its batch, MINE, ROOM and SHUTDOWN in their
 * client, WAIT COMMANDS by a registration at each live command.
 *
 * Invariant: a wait is in its client's list; its peer is that client's; it is not true yet.
 */
#include <stdlib.h>

#include "broker/core/grow.h"
#include "broker/core/machine.h"

enum { HITS_FIRST = 64 };

void waits_init(struct waits *waits, const struct core_limits *limits)
{
    uint64_t most = (uint64_t)limits->clients_max * limits->reads_max;
    *waits = (struct waits){0};
    MUST(slab_init(&waits->items, sizeof(struct wait),
                   most < WAITS_LIMIT ? (uint32_t)most : WAITS_LIMIT) == 0);
    MUST(slab_init(&waits->registrations, sizeof(struct registration), REGISTRATIONS_MAX) == 0);
    list_init(&waits->rooms);
}

void waits_done(struct waits *waits)
{
    slab_done(&waits->items);
    slab_done(&waits->registrations);
    free(waits->hits);
}

static struct registration *registration_at(const struct waits *waits, uint32_t index)
{
    return slab_at(&waits->registrations, index);
}

/* ---- making and dropping -------------------------------------------------------------------- */

struct wait *wait_new(struct core *core, enum wait_kind kind, uint32_t client_index, peer_id peer,
                      uint64_t request, int64_t wait_ns)
{
    struct client *client = client_at(&core->clients, client_index);
    uint32_t index = 0;
    if (client->n_waits + client->n_cancels < core->limits.reads_max)
        index = slab_alloc(&core->waits.items);
    if (index == 0) {
        struct say say = {.size = 0};
        say_str(&say, "Too many requests of this client are waiting: wait for some answers.");
        send_refused(core, peer, request,
                     (struct refused){.refusal = REFUSAL_BUSY,
                                      .text = &say,
                                      .limit = core->limits.reads_max,
                                      .retry_after_ns = 100 * MUSTER_MS});
        return NULL;
    }
    struct wait *wait = wait_at(&core->waits, index);
    wait->index = index;
    wait->kind = kind;
    wait->client = client_index;
    wait->pool = client->pool;
    wait->peer = peer;
    wait->request = request;
    wait->timer = timer_add(core, TIMER_WAIT, index, time_add(core->now, wait_ns));
    list_push_back(&client->waits, &wait->of_client);
    list_init(&wait->of_subject);
    client->n_waits++;
    return wait;
}

/* Takes the registration out of its command's list. */
static void unregister(struct core *core, uint32_t index)
{
    const struct registration *gone = registration_at(&core->waits, index);
    struct more *more = command_more(&core->commands, command_at(&core->commands, gone->command));
    uint32_t *at = &more->waiting;
    while (*at != index)
        at = &registration_at(&core->waits, *at)->next_of_command;
    *at = gone->next_of_command;
}

void wait_drop(struct core *core, struct wait *wait)
{
    struct waits *waits = &core->waits;
    if (wait->timer != 0)
        deadlines_remove(&core->boot, wait->timer);
    list_remove(&wait->of_client);
    list_remove(&wait->of_subject);
    client_at(&core->clients, wait->client)->n_waits--;
    if (wait->kind == WAITING_ROOM && wait->as.room.class_index != 0)
        class_unref(core, wait->as.room.class_index);
    for (uint32_t i = 0; wait->is_hit && i < waits->n_hits; i++)
        if (waits->hits[i] == wait->index) {
            waits->hits[i] = waits->hits[--waits->n_hits];
            break;
        }
    uint32_t at = wait->kind == WAITING_COMMANDS ? wait->as.commands.first : 0;
    while (at != 0) {
        uint32_t next = registration_at(waits, at)->next_of_wait;
        if (registration_at(waits, at)->command != 0)
            unregister(core, at);
        slab_free(&waits->registrations, at);
        at = next;
    }
    slab_free(&waits->items, wait->index);
}

void wait_drop_all(struct core *core, uint32_t client)
{
    struct list *link;
    while ((link = list_first(&client_at(&core->clients, client)->waits)) != NULL)
        wait_drop(core, list_entry(link, struct wait, of_client));
}

/* ---- answers -------------------------------------------------------------------------------- */

/* The ids of its commands that are final, in the outbox. */
static const uint64_t *final_ids(struct core *core, const struct wait *wait, uint32_t *ret_n)
{
    const struct waits *waits = &core->waits;
    uint32_t n = 0;
    uint64_t *ids = turn_alloc(core, (wait->as.commands.n + 1) * sizeof *ids);
    for (uint32_t at = wait->as.commands.first; at != 0;) {
        const struct registration *r = registration_at(waits, at);
        if (r->command == 0)
            ids[n++] = r->track_id;
        at = r->next_of_wait;
    }
    *ret_n = n;
    return ids;
}

static uint64_t unfinished(const struct core *core, const struct wait *wait)
{
    switch (wait->kind) {
    case WAITING_BATCH: {
        const struct batch *batch = batch_at(&core->batches, wait->as.batch.batch);
        return batch->count - batch->n_ended;
    }
    case WAITING_ALL:
        return pool_live(pool_at(&core->pools, wait->pool));
    case WAITING_MINE:
    case WAITING_SHUTDOWN:
    case WAITING_ROOM:
        return client_at(&core->clients, wait->client)->live;
    case WAITING_READ:
    case WAITING_COMMANDS:
    case WAITING_KINDS:
        break;
    }
    return 0;
}

uint32_t room_slots(const struct core *core, uint32_t class_index)
{
    return class_index == 0 ? 0 : class_at(&core->queue, class_index)->slots;
}

bool room_is_there(uint64_t live, uint32_t slots, uint32_t buffer)
{
    return live < (uint64_t)(slots == 0 ? 1 : slots) + buffer;
}

/* Answers and drops it. */
static void answer(struct core *core, struct wait *wait, bool timed_out)
{
    struct send send = {.peer = wait->peer,
                        .request = wait->request,
                        .pool = pool_at(&core->pools, wait->pool)->id};
    switch (wait->kind) {
    case WAITING_READ:
        send.type = SEND_RECORDS;
        send.as.records.from_pos = wait->as.read.from_pos;
        send.as.records.max = wait->as.read.max;
        send.as.records.with_command = wait->with_command;
        send.as.records.timed_out = timed_out;
        if (wait->as.read.cursor != 0)
            send.as.records.cursor = cursor_at(&core->cursors, wait->as.read.cursor)->pos;
        break;
    case WAITING_COMMANDS:
        send.type = SEND_RECORDS_OF;
        send.as.records_of.track_ids = final_ids(core, wait, &send.as.records_of.n);
        send.as.records_of.with_command = wait->with_command;
        send.as.records_of.timed_out = timed_out;
        break;
    case WAITING_ROOM:
        send.type = SEND_ROOM;
        send.as.room.room = !timed_out;
        send.as.room.unfinished = unfinished(core, wait);
        send.as.room.slots = room_slots(core, wait->as.room.class_index);
        break;
    case WAITING_BATCH:
    case WAITING_ALL:
    case WAITING_MINE:
    case WAITING_SHUTDOWN:
    case WAITING_KINDS:
        send.type = SEND_DONE;
        send.as.done.value = unfinished(core, wait);
        send.as.done.timed_out = timed_out;
        break;
    }
    wait_drop(core, wait);
    send_add(core, &send);
}

void wait_timed_out(struct core *core, uint32_t index)
{
    struct wait *wait = wait_at(&core->waits, index);
    wait->timer = 0;
    answer(core, wait, true);
}

static bool is_true(const struct core *core, const struct wait *wait)
{
    switch (wait->kind) {
    case WAITING_READ:
        return wait->as.read.from_pos < pool_at(&core->pools, wait->pool)->totals.head;
    case WAITING_ROOM:
        return room_is_there(unfinished(core, wait), room_slots(core, wait->as.room.class_index),
                             wait->as.room.buffer);
    case WAITING_BATCH:
    case WAITING_ALL:
    case WAITING_MINE:
    case WAITING_SHUTDOWN:
        return unfinished(core, wait) == 0;
    case WAITING_COMMANDS:
    case WAITING_KINDS:
        break;
    }
    return wait->is_hit;
}

/* Answers what has come true in a list of subjects. */
static void judge_subjects(struct core *core, struct list *waits)
{
    list_each_safe (link, after, waits) {
        struct wait *wait = list_entry(link, struct wait, of_subject);
        if (is_true(core, wait))
            answer(core, wait, false);
    }
}

static void judge_client(struct core *core, struct client *client)
{
    list_each_safe (link, after, &client->waits) {
        struct wait *wait = list_entry(link, struct wait, of_client);
        if (is_true(core, wait))
            answer(core, wait, false);
    }
}

void waits_flush(struct core *core)
{
    struct waits *waits = &core->waits;
    while (waits->n_hits > 0) {
        struct wait *hit = wait_at(waits, waits->hits[--waits->n_hits]);
        hit->is_hit = false;
        answer(core, hit, false);
    }
    for (uint32_t i = 0; i < core->pools.n_dirty; i++) {
        struct pool *pool = pool_at(&core->pools, core->pools.dirty[i]);
        judge_subjects(core, &pool->readers);
        judge_subjects(core, &pool->waits);
    }
    for (uint32_t i = 0; i < core->clients.n_dirty; i++) {
        struct client *client = client_at(&core->clients, core->clients.dirty[i]);
        if (client->has_ended && client->n_waits > 0)
            judge_client(core, client);
    }
    if (core->roster.has_changed)
        judge_subjects(core, &waits->rooms);
    core->roster.has_changed = false;
}

void wait_batch_done(struct core *core, uint32_t batch)
{
    judge_subjects(core, &batch_at(&core->batches, batch)->waits);
}

void wait_command_ended(struct core *core, uint32_t command)
{
    struct waits *waits = &core->waits;
    struct more *more = command_more(&core->commands, command_at(&core->commands, command));
    if (more == NULL)
        return;
    for (uint32_t at = more->waiting; at != 0;) {
        struct registration *r = registration_at(waits, at);
        struct wait *wait = wait_at(waits, r->wait);
        r->command = 0;
        at = r->next_of_command;
        if (wait->is_hit)
            continue;
        wait->is_hit = true;
        waits->hits =
            grow(waits->hits, waits->n_hits, &waits->hits_max, HITS_FIRST, sizeof *waits->hits);
        waits->hits[waits->n_hits++] = wait->index;
    }
    more->waiting = 0;
}

void wait_cursor_taken(struct core *core, uint32_t cursor, uint32_t client)
{
    struct pool *pool = pool_at(&core->pools, cursor_at(&core->cursors, cursor)->pool);
    list_each_safe (link, after, &pool->readers) {
        struct wait *wait = list_entry(link, struct wait, of_subject);
        if (wait->as.read.cursor != cursor || wait->client == client)
            continue;
        struct wait taken = *wait;
        wait_drop(core, wait);
        send_refused(core, taken.peer, taken.request,
                     (struct refused){.refusal = REFUSAL_CURSOR_TAKEN});
    }
}
