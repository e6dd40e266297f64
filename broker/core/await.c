/*
 * await.c -- the requests WAIT and ROOM: answered at once when they are true already, else they
 * wait (wait.c).
 */
#include "broker/core/machine.h"

static void refuse(struct core *core, const struct event *event, enum refusal refusal,
                   const struct say *say, uint64_t limit)
{
    send_refused(core, event->peer, event->request,
                 (struct refused){.refusal = refusal, .text = say, .limit = limit});
}

/* Those of the ids that are final; in the outbox. False after a refusal. */
static bool split_ids(struct core *core, const struct event *event, uint32_t pool, uint64_t *final,
                      uint32_t *ret_n_final)
{
    const struct event_wait *e = &event->as.wait;
    uint64_t next = pool_at(&core->pools, pool)->totals.next_track_id;
    struct say say = {.size = 0};
    *ret_n_final = 0;
    for (uint32_t i = 0; i < e->n_track_ids; i++) {
        uint64_t id = e->track_ids[i];
        if (id == 0 || id >= next) {
            say_str(&say, "There is no command ");
            say_u64(&say, id);
            say_str(&say, " in this pool: its newest is ");
            say_u64(&say, next - 1);
            say_str(&say, ".");
            refuse(core, event, REFUSAL_UNKNOWN_COMMAND, &say, next - 1);
            return false;
        }
        if (command_find(core, pool, id) == 0)
            final[(*ret_n_final)++] = id;
    }
    return true;
}

static void send_records_of(struct core *core, const struct event *event, uint32_t pool,
                            const uint64_t *ids, uint32_t n)
{
    struct send send = {.type = SEND_RECORDS_OF,
                        .peer = event->peer,
                        .request = event->request,
                        .pool = pool_at(&core->pools, pool)->id};
    send.as.records_of.track_ids = ids;
    send.as.records_of.n = n;
    send.as.records_of.with_command = event->as.wait.with_command;
    send.as.records_of.timed_out = n == 0;
    send_add(core, &send);
}

static bool register_ids(struct core *core, const struct event_wait *e, struct wait *wait)
{
    struct waits *waits = &core->waits;
    for (uint32_t i = e->n_track_ids; i > 0; i--) { /* so that the list has their order */
        uint32_t index = slab_alloc(&waits->registrations);
        if (index == 0)
            return false;
        struct registration *r = slab_at(&waits->registrations, index);
        r->wait = wait->index;
        r->track_id = e->track_ids[i - 1];
        r->command = command_find(core, wait->pool, r->track_id);
        struct more *more = command_need_more(&core->commands, r->command);
        r->next_of_command = more->waiting;
        more->waiting = index;
        r->next_of_wait = wait->as.commands.first;
        wait->as.commands.first = index;
        wait->as.commands.n++;
    }
    return true;
}

static void wait_for_commands(struct core *core, const struct event *event, uint32_t client)
{
    const struct event_wait *e = &event->as.wait;
    uint32_t pool = client_at(&core->clients, client)->pool;
    uint32_t n_final;
    struct say say = {.size = 0};
    if (e->n_track_ids == 0 || e->n_track_ids > WAIT_IDS_MAX) {
        say_str(&say, "A wait names 1 to 1024 commands: ask in several requests.");
        refuse(core, event, e->n_track_ids == 0 ? REFUSAL_BAD_REQUEST : REFUSAL_TOO_LARGE, &say,
               WAIT_IDS_MAX);
        return;
    }
    uint64_t *final = turn_alloc(core, e->n_track_ids * sizeof *final);
    if (!split_ids(core, event, pool, final, &n_final))
        return;
    if (n_final > 0 || e->wait_ns <= 0) {
        send_records_of(core, event, pool, final, n_final);
        return;
    }
    struct wait *wait =
        wait_new(core, WAITING_COMMANDS, client, event->peer, event->request, e->wait_ns);
    if (wait == NULL)
        return;
    wait->with_command = e->with_command;
    if (register_ids(core, e, wait))
        return;
    wait_drop(core, wait);
    refuse(core, event, REFUSAL_BUSY, NULL, REGISTRATIONS_MAX);
}

static void refuse_batch(struct core *core, const struct event *event, uint64_t newest)
{
    struct say say = {.size = 0};
    say_str(&say, "There is no batch B");
    say_u64(&say, event->as.wait.batch);
    say_str(&say, newest == 0 ? " in this pool: it has none." : " in this pool: its newest is B");
    if (newest > 0) {
        say_u64(&say, newest);
        say_str(&say, ".");
    }
    refuse(core, event, REFUSAL_UNKNOWN_BATCH, &say, newest);
}

void wait_for(struct core *core, const struct event *event, uint32_t client)
{
    const struct event_wait *e = &event->as.wait;
    struct pool *pool = pool_at(&core->pools, client_at(&core->clients, client)->pool);
    uint32_t pool_index = client_at(&core->clients, client)->pool;
    uint32_t batch = batch_find(&core->batches, pool_index, e->batch);
    uint64_t left = 0;
    enum wait_kind kind = WAITING_KINDS;
    switch (e->what) {
    case WAIT_COMMANDS:
        wait_for_commands(core, event, client);
        return;
    case WAIT_BATCH:
        if (e->batch == 0 || e->batch >= pool->totals.next_batch) {
            refuse_batch(core, event, pool->totals.next_batch - 1);
            return;
        }
        kind = WAITING_BATCH;
        left = batch == 0 ? 0
                          : batch_at(&core->batches, batch)->count -
                                batch_at(&core->batches, batch)->n_ended;
        break;
    case WAIT_ALL:
        kind = WAITING_ALL;
        left = pool_live(pool);
        break;
    case WAIT_MINE:
        kind = WAITING_MINE;
        left = client_at(&core->clients, client)->live;
        break;
    }
    if (left == 0 || e->wait_ns <= 0) {
        send_done(core, event->peer, event->request, left, left > 0);
        return;
    }
    struct wait *wait = wait_new(core, kind, client, event->peer, event->request, e->wait_ns);
    if (wait != NULL && kind == WAITING_BATCH) {
        wait->as.batch.batch = batch;
        list_push_back(&batch_at(&core->batches, batch)->waits, &wait->of_subject);
    } else if (wait != NULL && kind == WAITING_ALL) {
        list_push_back(&pool->waits, &wait->of_subject);
    }
}

/* It compiles, or did before; else says why not. */
static bool selector_is_good(const struct core *core, struct bytes text, struct say *say)
{
    uint32_t name = names_find(&core->names, text);
    struct selector compiled;
    if (text.size == 0 || (name != 0 && names_at(&core->names, name)->of[NAME_SELECTOR] != 0))
        return true;
    if (selector_compile(text, &compiled, say) < 0)
        return false;
    selector_done(&compiled);
    return true;
}

void hosts_request(struct core *core, const struct event *event, uint32_t client)
{
    struct send send = {.type = SEND_HOSTS, .peer = event->peer, .request = event->request};
    struct say say = {.size = 0};
    if (!selector_is_good(core, event->as.hosts.selector, &say)) {
        refuse(core, event, REFUSAL_BAD_REQUEST, &say, 0);
        return;
    }
    send.pool = pool_at(&core->pools, client_at(&core->clients, client)->pool)->id;
    send.as.hosts.selector = turn_copy(core, event->as.hosts.selector);
    send.as.hosts.after = turn_copy(core, event->as.hosts.after);
    send.as.hosts.max = event->as.hosts.max;
    send_add(core, &send);
}

/* The class whose members' slots count; 0 when nobody can match. */
static uint32_t room_class(struct core *core, const struct event *event, uint32_t pool)
{
    uint32_t function = names_find(&core->names, event->as.room.function);
    bool is_unknown = event->as.room.function.size > 0 && function == 0;
    if (is_unknown || !names_have_room(&core->names, 1) || class_room(core) == 0)
        return 0;
    struct class_key key = {
        .pool = pool, .selector = intern(core, event->as.room.selector), .function = function};
    return class_need(core, key);
}

void wait_for_room(struct core *core, const struct event *event, uint32_t client)
{
    uint32_t pool = client_at(&core->clients, client)->pool;
    struct say say = {.size = 0};
    if (!selector_is_good(core, event->as.room.selector, &say)) {
        refuse(core, event, REFUSAL_BAD_REQUEST, &say, 0);
        return;
    }
    uint32_t class_index = room_class(core, event, pool);
    uint64_t live = client_at(&core->clients, client)->live;
    uint32_t slots = room_slots(core, class_index);
    bool room = room_is_there(live, slots, event->as.room.buffer);
    if (room || event->as.room.wait_ns <= 0) {
        struct send send = {.type = SEND_ROOM,
                            .peer = event->peer,
                            .request = event->request,
                            .pool = pool_at(&core->pools, pool)->id};
        send.as.room.room = room;
        send.as.room.unfinished = live;
        send.as.room.slots = slots;
        send_add(core, &send);
        return;
    }
    struct wait *wait =
        wait_new(core, WAITING_ROOM, client, event->peer, event->request, event->as.room.wait_ns);
    if (wait == NULL)
        return;
    wait->as.room.class_index = class_index;
    wait->as.room.buffer = event->as.room.buffer;
    if (class_index != 0)
        class_ref(core, class_index);
    list_push_back(&core->waits.rooms, &wait->of_subject);
}
