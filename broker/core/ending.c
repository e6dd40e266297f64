/*
 * ending.c -- the final record of a command (S6, S7).
 *
 * Responsible for the position, the running checksum and the record's content. Whether a record is
 * accepted is decided in work.c.
 *
 * Checksum of the log up to pos: crc' = crc32c(crc, packed), where packed is, little-endian,
 * pos (8 bytes), track_id (8), attempt (4), state (4), exit (4), signal (4) and the CRC-32C of the
 * record's body (4; 0 when there is none). The empty log has 0.
 */
#include "base/crc32c.h"
#include "broker/core/machine.h"

static uint8_t *put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        *at++ = (uint8_t)(value >> (8 * i));
    return at;
}

static uint8_t *put_u64(uint8_t *at, uint64_t value)
{
    return put_u32(put_u32(at, (uint32_t)value), (uint32_t)(value >> 32));
}

static uint32_t log_crc(uint32_t crc, const struct fact_recorded *r, uint32_t body_crc)
{
    uint8_t packed[36];
    uint8_t *at = put_u64(packed, r->pos);
    at = put_u64(at, r->track_id);
    at = put_u32(at, r->attempt);
    at = put_u32(at, (uint32_t)r->state);
    at = put_u32(at, (uint32_t)r->exit);
    at = put_u32(at, r->signal);
    at = put_u32(at, body_crc);
    MUST(at == packed + sizeof packed);
    return crc32c(crc, packed, sizeof packed);
}

/* What the worker said. */
static void put_report(struct fact_recorded *r, const struct event_report *report)
{
    r->exit = report->exit;
    r->signal = report->signal;
    r->slot = report->slot;
    r->pid = report->pid;
    r->start_wall_ns = report->start_wall_ns;
    r->run_ns = report->run_ns;
    r->throttled_ns = report->throttled_ns;
    r->body = report->body;
    r->body_bytes = report->body_bytes;
}

/* Who ran it, or was to. */
static void put_worker(const struct core *core, struct fact_recorded *r, const struct command *c)
{
    const struct more *more = command_more(&core->commands, c);
    const struct class_ *class_ = class_at(&core->queue, c->class_index);
    r->host = class_->host;
    if (more == NULL || more->attempt == 0)
        return;
    r->attempt = more->attempt;
    r->worker = more->worker;
    uint32_t index = worker_by_name(core, more->worker);
    if (index == 0)
        return;
    r->host = worker_at(&core->roster, index)->host_name;
    r->skew_ns = worker_at(&core->roster, index)->skew_now_ns;
}

static int64_t waited_ns(const struct core *core, const struct command *c)
{
    const struct more *more = command_more(&core->commands, c);
    int64_t until = more != NULL && more->attempt > 0 ? more->leased_wall_ns : core->wall_ns;
    return until > c->submitted_wall_ns ? until - c->submitted_wall_ns : 0;
}

static struct bytes why_of(struct core *core, const struct command *c, const struct ending *ending)
{
    const struct more *more = command_more(&core->commands, c);
    if (ending->why.size > 0)
        return turn_copy(core, ending->why);
    bool is_stopped = more != NULL && more->why != 0 && ending->state == STATE_CANCELLED;
    return is_stopped ? turn_copy(core, why_text(core, more->why)) : (struct bytes){0};
}

static void remember(struct core *core, const struct command *c, const struct fact_recorded *r)
{
    const struct more *more = command_more(&core->commands, c);
    if (more == NULL || more->attempt == 0)
        return;
    core->recent[(r->track_id + (uint64_t)r->pool * 0x9e37u) % RECENT_MAX] =
        (struct recent){.pool = r->pool,
                        .track_id = r->track_id,
                        .attempt = r->attempt,
                        .epoch = more->epoch,
                        .worker = r->worker,
                        .pos = r->pos};
}

uint64_t command_end(struct core *core, uint32_t index, const struct ending *ending)
{
    const struct command *c = command_at(&core->commands, index);
    const struct class_ *class_ = class_at(&core->queue, c->class_index);
    struct pool *pool = pool_at(&core->pools, class_->pool);
    const struct event_report *report = ending->report;
    uint32_t client = c->client;
    uint16_t sequence = c->sequence;
    pool_dirty(core, class_->pool);
    wait_command_ended(core, index);
    struct bytes why = why_of(core, c, ending);
    struct fact *fact = fact_add(core, FACT_RECORDED);
    struct fact_recorded *r = &fact->as.recorded;
    r->pool = pool->id;
    r->track_id = command_id(c);
    r->pos = pool->totals.head + 1;
    r->client = client == 0 ? 0 : client_at(&core->clients, client)->id;
    r->batch = c->batch == 0 ? 0 : batch_at(&core->batches, c->batch)->number;
    r->state = ending->state;
    r->reason = ending->reason;
    r->function = class_->function;
    r->submitted_wall_ns = c->submitted_wall_ns;
    r->recorded_wall_ns = core->wall_ns;
    r->waited_ns = waited_ns(core, c);
    r->why = why;
    put_worker(core, r, c);
    if (report != NULL)
        put_report(r, report);
    r->crc = log_crc(pool->totals.crc, r, report == NULL ? 0 : report->body_crc);
    if (report != NULL) /* a record that comes behind the broker's own is no repeat of it */
        remember(core, c, r);
    uint64_t pos = r->pos;
    apply(core, fact);
    if (client != 0)
        client_ended(core, client, sequence);
    return pos;
}

/* ---- records per host and slot -------------------------------------------------------------- */

static uint64_t usage_key(uint32_t pool, uint32_t host, uint32_t slot)
{
    return (uint64_t)pool << 37 | (uint64_t)host << 13 | slot;
}

void usage_add(struct core *core, uint32_t pool, uint32_t host, uint32_t slot, uint64_t count)
{
    if (slot > 0x1fff)
        return; /* no worker has so many */
    uint64_t key = usage_key(pool, host, slot);
    uint32_t index = map_get(&core->usage_by_key, key);
    if (index == 0) {
        index = slab_alloc(&core->usages);
        if (index == 0)
            return; /* more prefixes than anybody is shown */
        MUST(map_put(&core->usage_by_key, key, index) == 0);
        *(struct usage *)slab_at(&core->usages, index) =
            (struct usage){.pool = pool, .host = host, .slot = slot};
    }
    ((struct usage *)slab_at(&core->usages, index))->count += count;
}

void usage_drop_pool(struct core *core, uint32_t pool)
{
    for (uint32_t i = slab_next(&core->usages, 0); i != 0; i = slab_next(&core->usages, i)) {
        const struct usage *usage = slab_at(&core->usages, i);
        if (usage->pool != pool)
            continue;
        map_remove(&core->usage_by_key, usage_key(pool, usage->host, usage->slot));
        slab_free(&core->usages, i);
    }
}
