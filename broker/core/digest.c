/*
 * digest.c -- a number for the durable state: equal before a crash and after the load.
 *
 * Each durable thing is packed and hashed by itself; the hashes are added up, so that the order in
 * which things stand in memory does not matter. What is not durable has no part in it: sessions,
 * leases, held or queued, requests that wait.
 */
#include "base/crc32c.h"
#include "broker/core/machine.h"

static void add(uint64_t *hash, uint64_t value)
{
    *hash = (*hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    *hash ^= *hash >> 29;
}

static void add_bytes(uint64_t *hash, struct bytes bytes)
{
    add(hash, bytes.size);
    add(hash, crc32c(0, bytes.data, bytes.size));
}

static void add_spread(uint64_t *hash, const struct spread_totals *spread)
{
    add(hash, spread->count);
    add(hash, spread->sum_ns);
    add(hash, spread->max_ns);
    add(hash, spread->count == 0 ? 0 : spread->min_ns);
    for (uint32_t i = 0; i < SPREAD_BUCKETS; i++)
        add(hash, spread->buckets[i]);
}

static uint64_t of_pool(const struct core *core, uint32_t index)
{
    const struct pool *pool = pool_at(&core->pools, index);
    const struct pool_totals *t = &pool->totals;
    uint64_t hash = FACT_POOL;
    add(&hash, pool->id);
    add_bytes(&hash, pool_name(core, pool));
    add(&hash, (uint64_t)pool->is_private << 1 | pool->is_closed);
    add(&hash, (uint64_t)pool->made_wall_ns);
    add(&hash, (uint64_t)pool->used_wall_ns);
    add(&hash, t->next_track_id);
    add(&hash, t->head);
    add(&hash, t->oldest);
    add(&hash, pool_final_to(core, index));
    add(&hash, t->first_bad);
    add(&hash, t->next_batch);
    add(&hash, t->peak_in_queue);
    add(&hash, t->records_bytes);
    for (uint32_t i = 0; i < STATE_COUNT; i++)
        add(&hash, t->ended[i]);
    add(&hash, t->crc);
    add_spread(&hash, &t->run);
    add_spread(&hash, &t->waited);
    add_spread(&hash, &t->throttle);
    return hash;
}

/* What the store knows of a handle, and of its window. */
static uint64_t of_client(const struct core *core, const struct client *client)
{
    uint64_t hash = FACT_CLIENT;
    if (!client->stored.is_made)
        return 0;
    add(&hash, client->id);
    add(&hash, pool_at(&core->pools, client->pool)->id);
    add(&hash, client->stored.answered_to);
    add(&hash, client->stored.is_shutting_down);
    add(&hash, (uint64_t)client->stored.seen_wall_ns);
    const struct window *window = &client->window;
    for (uint64_t s = window->answered_to + 1; s <= window->highest; s++) {
        const struct window_entry *entry = window_find(window, s);
        if (entry == NULL || !entry->is_stored)
            continue;
        add(&hash, s);
        add(&hash, entry->first);
        add(&hash, entry->count);
        add(&hash, entry->batch);
    }
    return hash;
}

static void add_names(uint64_t *hash, const struct name_set *set)
{
    add(hash, set->n);
    for (uint32_t i = 0; i < set->n; i++)
        add(hash, set->ids[i]);
}

static uint64_t of_worker(const struct worker *worker)
{
    uint64_t hash = FACT_HOST;
    add(&hash, worker->name);
    add(&hash, worker->host_name);
    add_bytes(&hash, bytes_of(worker->uuid, UUID_BYTES));
    add(&hash, worker->incarnation);
    add(&hash, worker->slots);
    add_names(&hash, &worker->labels);
    add_names(&hash, &worker->functions);
    add_names(&hash, &worker->pools);
    add(&hash, (uint64_t)worker->software << 32 | worker->tree_kill);
    add(&hash, worker->is_transient);
    add(&hash, (uint64_t)worker->seen_wall_ns);
    add(&hash, (uint64_t)worker->skew_ns);
    add(&hash, (uint64_t)worker->round_trip_ns);
    return hash;
}

static uint64_t of_batch(const struct core *core, const struct batch *batch)
{
    uint64_t hash = FACT_BATCH;
    add(&hash, pool_at(&core->pools, batch->pool)->id);
    add(&hash, batch->number);
    add(&hash, batch->first);
    add(&hash, batch->count);
    for (uint32_t i = 0; i < STATE_COUNT; i++)
        add(&hash, batch->ended[i]);
    add(&hash, (uint64_t)batch->made_wall_ns);
    return hash;
}

static void add_more(const struct core *core, uint64_t *hash, const struct command *c)
{
    static const struct more none;
    const struct more *more = command_more(&core->commands, c);
    if (more == NULL)
        more = &none;
    add(hash, (uint64_t)more->attempt << 32 | more->epoch);
    add(hash, (uint64_t)more->starts << 32 | more->worker);
    add(hash, (uint64_t)more->leased_wall_ns);
    add(hash, (uint64_t)more->not_before_wall_ns);
    add(hash, (uint64_t)more->start_by_wall_ns);
    add(hash, (uint64_t)more->lost_after_ns);
    add(hash, more->stopping);
    add_bytes(hash, why_text(core, more->why));
}

static uint64_t of_command(const struct core *core, const struct command *c)
{
    const struct class_ *class_ = class_at(&core->queue, c->class_index);
    uint64_t hash = FACT_SUBMITTED;
    add(&hash, pool_at(&core->pools, class_->pool)->id);
    add(&hash, c->id_and_bytes);
    add(&hash, (uint64_t)class_->selector << 32 | class_->function);
    add(&hash, class_->host);
    add(&hash, (uint64_t)c->submitted_wall_ns);
    add(&hash, c->client == 0 ? 0 : client_at(&core->clients, c->client)->id);
    add(&hash, c->batch == 0 ? 0 : batch_at(&core->batches, c->batch)->number);
    add(&hash, (uint64_t)c->sequence << 32 | c->max_attempts);
    add(&hash, (uint64_t)(int64_t)c->priority);
    add(&hash, (c->flags & COMMAND_RERUNNABLE) != 0);
    add(&hash, (c->flags & COMMAND_STOPPING) != 0);
    add(&hash, c->place == PLACE_RUNNING);
    add_more(core, &hash, c);
    return hash;
}

static uint64_t of_cursor(const struct core *core, const struct cursor *cursor)
{
    uint64_t hash = FACT_CURSOR;
    add(&hash, pool_at(&core->pools, cursor->pool)->id);
    add_bytes(&hash, cursor_name(cursor));
    add(&hash, cursor->pos);
    return hash;
}

uint32_t core_digest(const struct core *core)
{
    uint64_t sum = 0;
    const struct slab *slab = &core->pools.items;
    for (uint32_t i = 1; i <= core->names.top; i++) {
        uint64_t hash = FACT_NAME;
        add(&hash, i);
        add_bytes(&hash, name_text(core, i));
        sum += hash;
    }
    for (uint32_t i = slab_next(slab, 0); i != 0; i = slab_next(slab, i))
        sum += of_pool(core, i);
    slab = &core->clients.items;
    for (uint32_t i = slab_next(slab, 0); i != 0; i = slab_next(slab, i))
        sum += of_client(core, client_at(&core->clients, i));
    slab = &core->roster.workers;
    for (uint32_t i = slab_next(slab, 0); i != 0; i = slab_next(slab, i))
        sum += of_worker(worker_at(&core->roster, i));
    slab = &core->batches.items;
    for (uint32_t i = slab_next(slab, 0); i != 0; i = slab_next(slab, i))
        sum += of_batch(core, batch_at(&core->batches, i));
    slab = &core->cursors.items;
    for (uint32_t i = slab_next(slab, 0); i != 0; i = slab_next(slab, i))
        sum += of_cursor(core, cursor_at(&core->cursors, i));
    slab = &core->commands.items;
    for (uint32_t i = slab_next(slab, 0); i != 0; i = slab_next(slab, i))
        sum += of_command(core, command_at(&core->commands, i));
    return (uint32_t)(sum ^ sum >> 32);
}
