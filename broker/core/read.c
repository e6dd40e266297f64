/*
 * read.c -- READ and CURSOR: the result log, from a position or from a durable cursor (S8).
 *
 * Responsible for where a read begins and for saying so when it cannot. The rows themselves come
 * from the store, behind the commit of the turn. A cursor belongs to whoever read by it last.
 */
#include "broker/core/machine.h"

static void refuse(struct core *core, const struct event *event, enum refusal refusal,
                   const struct say *say, uint64_t limit)
{
    send_refused(core, event->peer, event->request,
                 (struct refused){.refusal = refusal, .text = say, .limit = limit});
}

/* The cursor, made on first use: at 0 in a private pool, at the head in a shared one. 0 after a
 * refusal. */
static uint32_t cursor_need(struct core *core, const struct event *event, uint32_t pool_index,
                            struct bytes name)
{
    struct say say = {.size = 0};
    if (name.size == 0 || name.size > CURSOR_NAME_MAX) {
        say_str(&say, "A cursor's name has 1 to 255 bytes.");
        refuse(core, event, REFUSAL_BAD_REQUEST, &say, 0);
        return 0;
    }
    uint32_t index = cursor_find(&core->cursors, pool_index, name);
    if (index != 0)
        return index;
    if (slab_is_full(&core->cursors.items)) {
        say_str(&say, "The broker has as many cursors as it can.");
        refuse(core, event, REFUSAL_LIMIT_REACHED, &say, CURSORS_MAX);
        return 0;
    }
    const struct pool *pool = pool_at(&core->pools, pool_index);
    struct bytes copy = turn_copy(core, name);
    struct fact *fact = fact_add(core, FACT_CURSOR);
    fact->as.cursor = (struct fact_cursor){
        .pool = pool->id, .name = copy, .pos = pool->is_private ? 0 : pool->totals.head};
    apply(core, fact);
    return cursor_find(&core->cursors, pool_index, name);
}

static void own(struct core *core, uint32_t cursor_index, uint32_t client)
{
    struct cursor *cursor = cursor_at(&core->cursors, cursor_index);
    if (cursor->owner == client)
        return;
    if (cursor->owner != 0)
        client_at(&core->clients, cursor->owner)->n_cursors--;
    cursor->owner = client;
    client_at(&core->clients, client)->n_cursors++;
    wait_cursor_taken(core, cursor_index, client);
}

/* False after a refusal: that part of the log is not, or no longer, here. */
static bool check_from(struct core *core, const struct event *event, const struct pool *pool,
                       uint64_t from)
{
    const struct pool_totals *totals = &pool->totals;
    uint64_t log_id = event->as.read.log_id;
    struct say say = {.size = 0};
    if (log_id != 0 && log_id != core->log_id) {
        say_str(&say, "The broker has another result log than the one that this client has read: "
                      "its store was replaced. Read again from position 0.");
        refuse(core, event, REFUSAL_LOG_MISMATCH, &say, totals->head);
        return false;
    }
    if (from < totals->oldest) {
        say_str(&say, "Records up to position ");
        say_u64(&say, totals->oldest);
        say_str(&say, " have been deleted: read from there.");
        refuse(core, event, REFUSAL_TRUNCATED, &say, totals->oldest);
        return false;
    }
    if (from > totals->head) {
        say_str(&say, "The result log ends at position ");
        say_u64(&say, totals->head);
        say_str(&say, ": what was read beyond it was another log.");
        refuse(core, event, REFUSAL_LOG_MISMATCH, &say, totals->head);
        return false;
    }
    return true;
}

void read_records(struct core *core, const struct event *event, uint32_t client)
{
    const struct event_read *e = &event->as.read;
    uint32_t pool_index = client_at(&core->clients, client)->pool;
    struct pool *pool = pool_at(&core->pools, pool_index);
    uint32_t cursor = 0;
    uint64_t from = e->from_pos;
    pool_use(core, pool_index);
    if (e->cursor.size > 0) {
        cursor = cursor_need(core, event, pool_index, e->cursor);
        if (cursor == 0)
            return;
        own(core, cursor, client);
        from = cursor_at(&core->cursors, cursor)->pos;
    }
    if (!check_from(core, event, pool, from))
        return;
    if (from == pool->totals.head && e->wait_ns > 0) {
        struct wait *wait =
            wait_new(core, WAITING_READ, client, event->peer, event->request, e->wait_ns);
        if (wait == NULL)
            return;
        wait->as.read.from_pos = from;
        wait->as.read.cursor = cursor;
        wait->as.read.max = e->max;
        wait->with_command = e->with_command;
        list_push_back(&pool->readers, &wait->of_subject);
        return;
    }
    struct send send = {
        .type = SEND_RECORDS, .peer = event->peer, .request = event->request, .pool = pool->id};
    send.as.records.from_pos = from;
    send.as.records.cursor = cursor == 0 ? 0 : from;
    send.as.records.max = e->max;
    send.as.records.with_command = e->with_command;
    send.as.records.timed_out = from == pool->totals.head;
    send_add(core, &send);
}

void move_cursor(struct core *core, const struct event *event, uint32_t client)
{
    uint32_t pool_index = client_at(&core->clients, client)->pool;
    const struct pool *pool = pool_at(&core->pools, pool_index);
    uint64_t pos = event->as.cursor.pos;
    struct say say = {.size = 0};
    if (pos > pool->totals.head) {
        say_str(&say, "The result log ends at position ");
        say_u64(&say, pool->totals.head);
        say_str(&say, ": a cursor cannot stand beyond it.");
        refuse(core, event, REFUSAL_LOG_MISMATCH, &say, pool->totals.head);
        return;
    }
    uint32_t index = cursor_need(core, event, pool_index, event->as.cursor.name);
    if (index == 0)
        return;
    const struct cursor *cursor = cursor_at(&core->cursors, index);
    if (cursor->owner != 0 && cursor->owner != client) {
        refuse(core, event, REFUSAL_CURSOR_TAKEN, NULL, 0);
        return;
    }
    if (pos > cursor->pos) {
        struct bytes name = turn_copy(core, event->as.cursor.name);
        struct fact *fact = fact_add(core, FACT_CURSOR);
        fact->as.cursor = (struct fact_cursor){.pool = pool->id, .name = name, .pos = pos};
        apply(core, fact);
    }
    send_done(core, event->peer, event->request, cursor->pos, false);
}
