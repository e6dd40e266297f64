/*
 * apply.c -- facts -> state: the only writer of what is durable, used live and at restart.
 *
 * Decisions have been taken: nothing here may fail or refuse, ask the time, or send. What the store
 * emits at load is the shortest sequence that leads to the state, so every fact is absolute or
 * tolerates that what led to it was left out.
 */
#include "broker/core/machine.h"

enum { RECORD_BYTES = 256 }; /* what a record and its command take beside their bodies */

static void apply_submitted(struct core *core, const struct fact_submitted *s)
{
    uint32_t pool_index = pool_find(&core->pools, s->pool);
    MUST(pool_index != 0);
    struct pool *pool = pool_at(&core->pools, pool_index);
    uint32_t class_index = class_need(core, (struct class_key){.pool = pool_index,
                                                               .selector = s->selector,
                                                               .function = s->function,
                                                               .host = s->host});
    class_ref(core, class_index);
    uint32_t index = slab_alloc(&core->commands.items);
    MUST(index != 0);
    struct command *c = command_at(&core->commands, index);
    c->id_and_bytes = s->track_id << 24 | (s->body_bytes & COMMAND_BYTES_MAX);
    c->submitted_wall_ns = s->submitted_wall_ns;
    c->class_index = class_index;
    c->priority = s->priority;
    c->max_attempts = s->max_attempts;
    c->sequence = (uint16_t)s->sequence;
    c->flags = s->rerunnable ? COMMAND_RERUNNABLE : 0;
    c->client = client_find(&core->clients, s->client);
    if (c->client != 0) {
        client_at(&core->clients, c->client)->live++;
        client_apply_submitted(core, c->client, s);
    }
    if (s->batch != 0) {
        uint64_t first = s->body_of != 0 ? s->body_of : s->track_id;
        c->batch = batch_need(core, pool_index, s->batch, first);
        batch_add(core, c->batch, s->track_id, s->submitted_wall_ns);
    }
    if (s->not_before_wall_ns != 0 || s->start_by_wall_ns != 0 || s->lost_after_ns != 0) {
        struct more *more = command_need_more(&core->commands, index);
        more->not_before_wall_ns = s->not_before_wall_ns;
        more->start_by_wall_ns = s->start_by_wall_ns;
        more->lost_after_ns = s->lost_after_ns;
    }
    pages_put(core->commands.pages, &pool->pages, pool_index, s->track_id, index);
    if (s->track_id >= pool->totals.next_track_id)
        pool->totals.next_track_id = s->track_id + 1;
    command_move(core, index, s->not_before_wall_ns != 0 ? PLACE_TIME : PLACE_READY, STATE_NONE);
    command_arm(core, index);
    if (pool_live(pool) > pool->totals.peak_in_queue)
        pool->totals.peak_in_queue = pool_live(pool);
}

static uint32_t live_command(const struct core *core, uint32_t pool, uint64_t track_id)
{
    uint32_t index = command_find(core, pool_find(&core->pools, pool), track_id);
    MUST(index != 0);
    return index;
}

static void apply_leased(struct core *core, const struct fact_leased *l)
{
    uint32_t index = live_command(core, l->pool, l->track_id);
    struct more *more = command_need_more(&core->commands, index);
    command_disarm(core, more);
    more->attempt = l->attempt;
    more->epoch = l->epoch;
    more->starts = l->starts;
    more->worker = l->worker;
    more->leased_wall_ns = l->leased_wall_ns;
    command_move(core, index, PLACE_RUNNING, STATE_NONE);
}

static void apply_queued(struct core *core, const struct fact_queued *q)
{
    uint32_t index = live_command(core, q->pool, q->track_id);
    struct more *more = command_need_more(&core->commands, index);
    command_disarm(core, more);
    more->starts = q->starts;
    command_move(core, index, PLACE_READY, STATE_NONE);
    command_arm(core, index);
}

static void apply_stopping(struct core *core, const struct fact_stopping *s)
{
    uint32_t index = live_command(core, s->pool, s->track_id);
    struct more *more = command_need_more(&core->commands, index);
    command_at(&core->commands, index)->flags |= COMMAND_STOPPING;
    more->stopping = s->reason;
    why_drop(core, more->why);
    more->why = why_add(core, s->why);
}

static void apply_recorded(struct core *core, const struct fact_recorded *r)
{
    uint32_t index = live_command(core, r->pool, r->track_id);
    const struct command *c = command_at(&core->commands, index);
    uint32_t pool_index = class_at(&core->queue, c->class_index)->pool;
    struct pool *pool = pool_at(&core->pools, pool_index);
    struct pool_totals *totals = &pool->totals;
    MUST(r->pos == totals->head + 1);
    uint64_t bytes = (uint64_t)RECORD_BYTES + command_bytes(c) + r->body_bytes;
    totals->head = r->pos;
    totals->crc = r->crc;
    totals->ended[r->state]++;
    totals->records_bytes += bytes;
    if (r->state != STATE_OK && (totals->first_bad == 0 || r->track_id < totals->first_bad))
        totals->first_bad = r->track_id;
    if (r->attempt > 0 && r->start_wall_ns != 0) { /* it ran */
        spread_add(&totals->run, r->run_ns);
        spread_add(&totals->waited, r->waited_ns);
        spread_add(&totals->throttle, r->throttled_ns);
        usage_add(core, pool_index, r->host, r->slot, 1);
    }
    retain_note(core, pool, bytes, r->recorded_wall_ns);
    command_move(core, index, PLACE_FINAL, r->state);
}

void apply(struct core *core, const struct fact *fact)
{
    switch (fact->type) {
    case FACT_NAME:
        names_put(&core->names, fact->as.name.id, fact->as.name.text);
        break;
    case FACT_POOL:
        pool_apply(core, &fact->as.pool);
        break;
    case FACT_POOL_GONE:
        pool_apply_gone(core, fact->as.pool_gone);
        break;
    case FACT_CLIENT:
        client_apply(core, &fact->as.client);
        break;
    case FACT_CLIENT_GONE:
        client_apply_gone(core, fact->as.client_gone);
        break;
    case FACT_REQUEST:
        client_apply_request(core, &fact->as.request);
        break;
    case FACT_HOST:
        roster_apply(core, &fact->as.host);
        break;
    case FACT_BATCH:
        batch_apply(core, &fact->as.batch);
        break;
    case FACT_SUBMITTED:
        apply_submitted(core, &fact->as.submitted);
        break;
    case FACT_LEASED:
        apply_leased(core, &fact->as.leased);
        break;
    case FACT_QUEUED:
        apply_queued(core, &fact->as.queued);
        break;
    case FACT_STOPPING:
        apply_stopping(core, &fact->as.stopping);
        break;
    case FACT_RECORDED:
        apply_recorded(core, &fact->as.recorded);
        break;
    case FACT_CURSOR:
        cursor_apply(core, &fact->as.cursor);
        break;
    case FACT_OLDEST:
        retain_apply_oldest(core, &fact->as.oldest);
        break;
    case FACT_REQUEST_ID: /* only the store keeps these; ingress looks them up there */
    case FACT_AUDIT:
        break;
    }
}

void core_replay(struct core *core, const struct fact *fact)
{
    MUST(!core->is_started);
    apply(core, fact);
}
