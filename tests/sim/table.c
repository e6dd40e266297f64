/*
 * table.c -- facts to rows. It accepts only what fits: positions without gaps, commands in order,
 * hand-outs of live commands. What does not fit is the core's mistake and is reported as such.
 */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

/* ---- lists ----------------------------------------------------------------------------------- */

void *table_grow(void *items, size_t n, size_t *max, size_t bytes)
{
    if (n < *max)
        return items;
    *max = *max == 0 ? 16 : *max * 2;
    items = realloc(items, *max * bytes);
    MUST(items != NULL);
    return items;
}

static struct bytes keep(struct bytes bytes)
{
    uint8_t *copy = malloc(bytes.size + 1);
    MUST(copy != NULL);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return bytes_of(copy, bytes.size);
}

static void drop(struct bytes *bytes)
{
    union {
        const uint8_t *lent;
        void *own;
    } pointer = {.lent = bytes->data};
    free(pointer.own);
    *bytes = (struct bytes){0};
}

static const uint32_t *keep_ids(const uint32_t *ids, uint32_t n)
{
    uint32_t *copy = calloc(n + 1u, sizeof *copy);
    MUST(copy != NULL);
    if (n > 0)
        memcpy(copy, ids, n * sizeof *copy);
    return copy;
}

static void drop_ids(const uint32_t *ids)
{
    union {
        const uint32_t *lent;
        void *own;
    } pointer = {.lent = ids};
    free(pointer.own);
}

/* ---- finding --------------------------------------------------------------------------------- */

struct row_pool *table_pool(struct table *table, uint32_t pool)
{
    for (size_t i = 0; i < table->pools.n; i++)
        if (table->pools.items[i].pool == pool && !table->pools.items[i].gone)
            return &table->pools.items[i];
    return NULL;
}

struct row_command *table_command(struct row_pool *pool, uint64_t track_id)
{
    return track_id == 0 || track_id > pool->commands.n ? NULL
                                                        : &pool->commands.items[track_id - 1];
}

struct row_record *table_record(struct row_pool *pool, uint64_t pos)
{
    return pos == 0 || pos > pool->records.n ? NULL : &pool->records.items[pos - 1];
}

/* ---- freeing --------------------------------------------------------------------------------- */

static void clear_pool(struct row_pool *pool)
{
    for (size_t i = 0; i < pool->commands.n; i++) {
        drop(&pool->commands.items[i].body);
        drop(&pool->commands.items[i].why);
    }
    for (size_t i = 0; i < pool->records.n; i++) {
        drop(&pool->records.items[i].body);
        drop(&pool->records.items[i].recorded.why);
    }
    for (size_t i = 0; i < pool->cursors.n; i++)
        drop(&pool->cursors.items[i].name);
    for (size_t i = 0; i < pool->request_ids.n; i++)
        drop(&pool->request_ids.items[i].id);
    free(pool->commands.items);
    free(pool->records.items);
    free(pool->cursors.items);
    free(pool->request_ids.items);
    free(pool->batches.items);
    drop(&pool->name);
    *pool = (struct row_pool){.pool = pool->pool, .gone = true};
}

static void clear_host(struct row_host *row)
{
    drop_ids(row->host.labels);
    drop_ids(row->host.functions);
    drop_ids(row->host.pools);
}

void table_done(struct table *table)
{
    for (size_t i = 0; i < table->names.n; i++)
        drop(&table->names.items[i].text);
    for (size_t i = 0; i < table->pools.n; i++)
        clear_pool(&table->pools.items[i]);
    for (size_t i = 0; i < table->hosts.n; i++)
        clear_host(&table->hosts.items[i]);
    free(table->names.items);
    free(table->pools.items);
    free(table->clients.items);
    free(table->requests.items);
    free(table->hosts.items);
    *table = (struct table){0};
}

/* ---- facts that replace a row ---------------------------------------------------------------- */

static const char *put_name(struct table *table, const struct fact_name *name)
{
    for (size_t i = 0; i < table->names.n; i++)
        if (table->names.items[i].id == name->id)
            return bytes_equal(table->names.items[i].text, name->text)
                       ? NULL
                       : "a name's id was given to another text";
    TABLE_ADD(table->names, ((struct row_name){.id = name->id, .text = keep(name->text)}));
    return NULL;
}

static const char *put_pool(struct table *table, const struct fact_pool *pool)
{
    struct row_pool *row = table_pool(table, pool->pool);
    if (row == NULL) {
        TABLE_ADD(table->pools, ((struct row_pool){.pool = pool->pool, .name = keep(pool->name)}));
        row = &table->pools.items[table->pools.n - 1];
    } else if (row->name.data == NULL) {
        row->name = keep(pool->name); /* rows came before it */
    } else if (!bytes_equal(row->name, pool->name)) {
        return "a pool changed its name";
    }
    row->is_private = pool->private_;
    row->closed = pool->closed;
    row->made_wall_ns = pool->made_wall_ns;
    row->used_wall_ns = pool->used_wall_ns;
    row->totals = *pool->totals;
    return NULL;
}

static void remove_requests(struct table *table, uint64_t client, uint64_t answered_to)
{
    size_t kept = 0;
    for (size_t i = 0; i < table->requests.n; i++) {
        struct fact_request *request = &table->requests.items[i];
        if (request->client != client || request->sequence > answered_to)
            table->requests.items[kept++] = *request;
    }
    table->requests.n = kept;
}

static const char *put_client(struct table *table, const struct fact_client *client)
{
    remove_requests(table, client->client, client->answered_to);
    for (size_t i = 0; i < table->clients.n; i++)
        if (table->clients.items[i].client == client->client) {
            table->clients.items[i] = *client;
            return NULL;
        }
    TABLE_ADD(table->clients, *client);
    return NULL;
}

static void remove_client(struct table *table, uint64_t client)
{
    remove_requests(table, client, UINT64_MAX);
    for (size_t i = 0; i < table->clients.n; i++)
        if (table->clients.items[i].client == client) {
            table->clients.items[i] = table->clients.items[--table->clients.n];
            return;
        }
}

static const char *put_request(struct table *table, const struct fact_request *request)
{
    for (size_t i = 0; i < table->requests.n; i++) {
        struct fact_request *row = &table->requests.items[i];
        if (row->client == request->client && row->sequence == request->sequence) {
            *row = *request;
            return NULL;
        }
    }
    TABLE_ADD(table->requests, *request);
    return NULL;
}

static const char *put_host(struct table *table, const struct fact_host *host)
{
    size_t i = 0;
    while (i < table->hosts.n && (table->hosts.items[i].host.host != host->host ||
                                  table->hosts.items[i].host.worker != host->worker))
        i++;
    if (i < table->hosts.n)
        clear_host(&table->hosts.items[i]);
    if (host->forgotten) {
        if (i < table->hosts.n)
            table->hosts.items[i] = table->hosts.items[--table->hosts.n];
        return NULL;
    }
    struct row_host row = {.host = *host};
    row.host.labels = keep_ids(host->labels, host->n_labels);
    row.host.functions = keep_ids(host->functions, host->n_functions);
    row.host.pools = keep_ids(host->pools, host->n_pools);
    if (i < table->hosts.n)
        table->hosts.items[i] = row;
    else
        TABLE_ADD(table->hosts, row);
    return NULL;
}

static const char *pool_gone(struct table *table, uint32_t pool)
{
    struct row_pool *row = table_pool(table, pool);
    if (row == NULL)
        return "a pool that is not there went";
    clear_pool(row);
    for (size_t i = table->clients.n; i-- > 0;)
        if (table->clients.items[i].pool == pool)
            remove_client(table, table->clients.items[i].client);
    return NULL;
}

/* ---- facts of a pool ------------------------------------------------------------------------- */

static const char *put_batch(struct row_pool *pool, const struct fact_batch *batch)
{
    for (size_t i = 0; i < pool->batches.n; i++)
        if (pool->batches.items[i].batch == batch->batch) {
            pool->batches.items[i] = *batch;
            return NULL;
        }
    TABLE_ADD(pool->batches, *batch);
    return NULL;
}

static const char *put_cursor(struct row_pool *pool, const struct fact_cursor *cursor)
{
    for (size_t i = 0; i < pool->cursors.n; i++)
        if (bytes_equal(pool->cursors.items[i].name, cursor->name)) {
            pool->cursors.items[i].pos = cursor->pos;
            return NULL;
        }
    TABLE_ADD(pool->cursors, ((struct row_cursor){.name = keep(cursor->name), .pos = cursor->pos}));
    return NULL;
}

static const char *put_request_id(struct row_pool *pool, const struct fact_request_id *id)
{
    for (size_t i = 0; i < pool->request_ids.n; i++)
        if (bytes_equal(pool->request_ids.items[i].id, id->id))
            return "a request id was stored twice";
    TABLE_ADD(pool->request_ids, ((struct row_request_id){.id = keep(id->id),
                                                          .digest = id->digest,
                                                          .first = id->first,
                                                          .batch = id->batch,
                                                          .count = id->count}));
    return NULL;
}

static const char *submitted(struct row_pool *pool, const struct fact_submitted *submitted_,
                             struct bytes body)
{
    if (submitted_->track_id != pool->commands.n + 1)
        return "a track_id does not follow the last one";
    if (submitted_->body_of >= submitted_->track_id)
        return "a command shares the body of a later one";
    struct row_command row = {.submitted = *submitted_, .body = keep(body)};
    row.submitted.body = 0;
    TABLE_ADD(pool->commands, row);
    return NULL;
}

static const char *live_command(struct row_pool *pool, uint64_t track_id,
                                struct row_command **ret_row)
{
    *ret_row = table_command(pool, track_id);
    if (*ret_row == NULL)
        return "a fact about a command that was never submitted";
    return (*ret_row)->final ? "a fact about a command that is final" : NULL;
}

static const char *leased(struct row_pool *pool, const struct fact_leased *lease)
{
    struct row_command *row;
    const char *wrong = live_command(pool, lease->track_id, &row);
    if (wrong != NULL)
        return wrong;
    row->lease = *lease;
    row->leased = true;
    row->queued = row->stopping = false;
    row->starts = lease->starts;
    return NULL;
}

static const char *queued(struct row_pool *pool, const struct fact_queued *queued_)
{
    struct row_command *row;
    const char *wrong = live_command(pool, queued_->track_id, &row);
    if (wrong != NULL)
        return wrong;
    row->queued = true;
    row->stopping = false;
    row->starts = row->lease.starts = queued_->starts;
    return NULL;
}

static const char *stopping(struct row_pool *pool, const struct fact_stopping *stopping_)
{
    struct row_command *row;
    const char *wrong = live_command(pool, stopping_->track_id, &row);
    if (wrong != NULL)
        return wrong;
    row->stopping = true;
    row->reason = stopping_->reason;
    drop(&row->why);
    row->why = keep(stopping_->why);
    return NULL;
}

static const char *recorded(struct row_pool *pool, const struct fact_recorded *recorded_,
                            struct bytes body)
{
    struct row_command *row;
    const char *wrong = live_command(pool, recorded_->track_id, &row);
    if (wrong != NULL)
        return wrong;
    if (recorded_->pos != pool->records.n + 1)
        return "a pos does not follow the last one";
    row->final = true;
    row->pos = recorded_->pos;
    struct row_record record = {.recorded = *recorded_, .body = keep(body)};
    record.recorded.body = 0;
    record.recorded.why = keep(recorded_->why);
    TABLE_ADD(pool->records, record);
    return NULL;
}

static const char *oldest(struct row_pool *pool, const struct fact_oldest *oldest_)
{
    if (oldest_->oldest > pool->records.n)
        return "oldest pos was raised beyond the head";
    if (oldest_->oldest > pool->oldest)
        pool->oldest = oldest_->oldest;
    for (uint64_t pos = 1; pos <= pool->oldest; pos++)
        pool->records.items[pos - 1].gone = true;
    return NULL;
}

static const char *apply_in_pool(struct table *table, uint32_t number, const struct fact *fact,
                                 struct bytes body)
{
    struct row_pool *pool = table_pool(table, number);
    if (pool == NULL) {
        /* A pool's own fact may come last in the turn that makes it. */
        TABLE_ADD(table->pools, ((struct row_pool){.pool = number}));
        pool = &table->pools.items[table->pools.n - 1];
    }
    switch ((int)fact->type) {
    case FACT_BATCH:
        return put_batch(pool, &fact->as.batch);
    case FACT_SUBMITTED:
        return submitted(pool, &fact->as.submitted, body);
    case FACT_LEASED:
        return leased(pool, &fact->as.leased);
    case FACT_QUEUED:
        return queued(pool, &fact->as.queued);
    case FACT_STOPPING:
        return stopping(pool, &fact->as.stopping);
    case FACT_RECORDED:
        return recorded(pool, &fact->as.recorded, body);
    case FACT_CURSOR:
        return put_cursor(pool, &fact->as.cursor);
    case FACT_REQUEST_ID:
        return put_request_id(pool, &fact->as.request_id);
    default:
        return oldest(pool, &fact->as.oldest);
    }
}

const char *table_apply(struct table *table, const struct fact *fact, struct bytes body)
{
    switch (fact->type) {
    case FACT_NAME:
        return put_name(table, &fact->as.name);
    case FACT_POOL:
        return put_pool(table, &fact->as.pool);
    case FACT_POOL_GONE:
        return pool_gone(table, fact->as.pool_gone);
    case FACT_CLIENT:
        return put_client(table, &fact->as.client);
    case FACT_CLIENT_GONE:
        remove_client(table, fact->as.client_gone);
        return NULL;
    case FACT_REQUEST:
        return put_request(table, &fact->as.request);
    case FACT_HOST:
        return put_host(table, &fact->as.host);
    case FACT_AUDIT:
        table->audits++;
        return NULL;
    case FACT_BATCH:
        return apply_in_pool(table, fact->as.batch.pool, fact, body);
    case FACT_SUBMITTED:
        return apply_in_pool(table, fact->as.submitted.pool, fact, body);
    case FACT_LEASED:
        return apply_in_pool(table, fact->as.leased.pool, fact, body);
    case FACT_QUEUED:
        return apply_in_pool(table, fact->as.queued.pool, fact, body);
    case FACT_STOPPING:
        return apply_in_pool(table, fact->as.stopping.pool, fact, body);
    case FACT_RECORDED:
        return apply_in_pool(table, fact->as.recorded.pool, fact, body);
    case FACT_CURSOR:
        return apply_in_pool(table, fact->as.cursor.pool, fact, body);
    case FACT_REQUEST_ID:
        return apply_in_pool(table, fact->as.request_id.pool, fact, body);
    case FACT_OLDEST:
        return apply_in_pool(table, fact->as.oldest.pool, fact, body);
    }
    return "a fact of no known type";
}
