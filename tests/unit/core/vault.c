/* The store in memory. Every kind of row is an array that is searched: tests are small. */
#include "tests/unit/core/vault.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

/* A row owns what its fact points to. */
struct row {
    struct fact fact;
    void *owned[3];
};

struct rows {
    struct row *items;
    size_t n, max;
};

struct live {
    struct row submitted;
    struct fact_leased leased; /* attempt 0: none */
    bool queued, stopping;
    struct row stop;
};

struct vault {
    struct rows names, pools, clients, requests, hosts, batches, cursors, records;
    struct live *live;
    size_t n_live, live_max;
    size_t audits;
    size_t seen[FACT_AUDIT + 1];
};

static void *copy_of(const void *data, size_t size)
{
    void *copy = malloc(size + 1);
    MUST(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

static struct bytes own_bytes(struct row *row, int place, struct bytes bytes)
{
    row->owned[place] = copy_of(bytes.data, bytes.size);
    return bytes_of(row->owned[place], bytes.size);
}

static const uint32_t *own_ids(struct row *row, int place, const uint32_t *ids, uint32_t n)
{
    row->owned[place] = copy_of(ids, n * sizeof *ids);
    return row->owned[place];
}

static struct row row_of(const struct fact *fact)
{
    struct row row = {.fact = *fact};
    switch (fact->type) {
    case FACT_NAME:
        row.fact.as.name.text = own_bytes(&row, 0, fact->as.name.text);
        break;
    case FACT_POOL:
        row.fact.as.pool.name = own_bytes(&row, 0, fact->as.pool.name);
        row.owned[1] = copy_of(fact->as.pool.totals, sizeof *fact->as.pool.totals);
        row.fact.as.pool.totals = row.owned[1];
        break;
    case FACT_HOST:
        row.fact.as.host.labels = own_ids(&row, 0, fact->as.host.labels, fact->as.host.n_labels);
        row.fact.as.host.functions =
            own_ids(&row, 1, fact->as.host.functions, fact->as.host.n_functions);
        row.fact.as.host.pools = own_ids(&row, 2, fact->as.host.pools, fact->as.host.n_pools);
        break;
    case FACT_STOPPING:
        row.fact.as.stopping.why = own_bytes(&row, 0, fact->as.stopping.why);
        break;
    case FACT_RECORDED:
        row.fact.as.recorded.why = own_bytes(&row, 0, fact->as.recorded.why);
        break;
    case FACT_CURSOR:
        row.fact.as.cursor.name = own_bytes(&row, 0, fact->as.cursor.name);
        break;
    case FACT_POOL_GONE:
    case FACT_CLIENT:
    case FACT_CLIENT_GONE:
    case FACT_REQUEST:
    case FACT_REQUEST_ID:
    case FACT_BATCH:
    case FACT_SUBMITTED:
    case FACT_LEASED:
    case FACT_QUEUED:
    case FACT_OLDEST:
    case FACT_AUDIT:
        break;
    }
    return row;
}

static void row_done(struct row *row)
{
    for (int i = 0; i < 3; i++)
        free(row->owned[i]);
}

/* Two facts about the same row. */
static bool is_same(const struct fact *a, const struct fact *b)
{
    switch ((int)a->type) {
    case FACT_NAME:
        return a->as.name.id == b->as.name.id;
    case FACT_POOL:
        return a->as.pool.pool == b->as.pool.pool;
    case FACT_CLIENT:
        return a->as.client.client == b->as.client.client;
    case FACT_REQUEST:
        return a->as.request.client == b->as.request.client &&
               a->as.request.sequence == b->as.request.sequence;
    case FACT_HOST:
        return a->as.host.host == b->as.host.host && a->as.host.worker == b->as.host.worker;
    case FACT_BATCH:
        return a->as.batch.pool == b->as.batch.pool && a->as.batch.batch == b->as.batch.batch;
    case FACT_CURSOR:
        return a->as.cursor.pool == b->as.cursor.pool &&
               bytes_equal(a->as.cursor.name, b->as.cursor.name);
    default:
        return false;
    }
}

static void put(struct rows *rows, const struct fact *fact)
{
    struct row row = row_of(fact);
    bool is_log = fact->type == FACT_RECORDED; /* never changed */
    for (size_t i = 0; i < rows->n && !is_log; i++)
        if (is_same(&rows->items[i].fact, fact)) {
            row_done(&rows->items[i]);
            rows->items[i] = row;
            return;
        }
    if (rows->n == rows->max) {
        rows->max = rows->max == 0 ? 64 : 2 * rows->max;
        rows->items = realloc(rows->items, rows->max * sizeof *rows->items);
        MUST(rows->items != NULL);
    }
    rows->items[rows->n++] = row;
}

/* Keeps the order of the rest. */
static void delete_where(struct rows *rows,
                         bool (*is_gone)(const struct fact *row, const void *ctx), const void *ctx)
{
    size_t kept = 0;
    for (size_t i = 0; i < rows->n; i++) {
        if (is_gone(&rows->items[i].fact, ctx))
            row_done(&rows->items[i]);
        else
            rows->items[kept++] = rows->items[i];
    }
    rows->n = kept;
}

static struct live *find_live(struct vault *vault, uint32_t pool, uint64_t track_id)
{
    for (size_t i = 0; i < vault->n_live; i++) {
        const struct fact_submitted *s = &vault->live[i].submitted.fact.as.submitted;
        if (s->pool == pool && s->track_id == track_id)
            return &vault->live[i];
    }
    must_fail("a fact is about a live command", __FILE__, __LINE__);
}

static bool is_passed(const struct fact *row, const void *ctx)
{
    const struct fact_client *client = ctx;
    return row->as.request.client == client->client &&
           row->as.request.sequence <= client->answered_to;
}

static bool is_request_of(const struct fact *row, const void *ctx)
{
    return row->as.request.client == *(const uint64_t *)ctx;
}

static bool is_client(const struct fact *row, const void *ctx)
{
    return row->as.client.client == *(const uint64_t *)ctx;
}

static bool is_host(const struct fact *row, const void *ctx)
{
    return is_same(row, ctx);
}

static bool is_of_pool(const struct fact *row, const void *ctx)
{
    uint32_t pool = *(const uint32_t *)ctx;
    switch ((int)row->type) {
    case FACT_POOL:
        return row->as.pool.pool == pool;
    case FACT_BATCH:
        return row->as.batch.pool == pool;
    case FACT_CURSOR:
        return row->as.cursor.pool == pool;
    default:
        return row->as.recorded.pool == pool;
    }
}

static void drop_pool(struct vault *vault, uint32_t pool)
{
    delete_where(&vault->pools, is_of_pool, &pool);
    delete_where(&vault->batches, is_of_pool, &pool);
    delete_where(&vault->cursors, is_of_pool, &pool);
    delete_where(&vault->records, is_of_pool, &pool);
}

static void add_live(struct vault *vault, const struct fact *fact)
{
    if (vault->n_live == vault->live_max) {
        vault->live_max = vault->live_max == 0 ? 64 : 2 * vault->live_max;
        vault->live = realloc(vault->live, vault->live_max * sizeof *vault->live);
        MUST(vault->live != NULL);
    }
    vault->live[vault->n_live++] = (struct live){.submitted = row_of(fact)};
}

static void end_live(struct vault *vault, const struct fact_recorded *recorded)
{
    struct live *live = find_live(vault, recorded->pool, recorded->track_id);
    row_done(&live->submitted);
    row_done(&live->stop);
    memmove(live, live + 1, (size_t)(vault->live + vault->n_live - live - 1) * sizeof *live);
    vault->n_live--;
}

static void change_live(struct vault *vault, const struct fact *fact)
{
    struct live *live;
    switch ((int)fact->type) {
    case FACT_LEASED:
        live = find_live(vault, fact->as.leased.pool, fact->as.leased.track_id);
        MUST(fact->as.leased.attempt > live->leased.attempt);
        live->leased = fact->as.leased;
        live->queued = false;
        break;
    case FACT_QUEUED:
        live = find_live(vault, fact->as.queued.pool, fact->as.queued.track_id);
        live->queued = true;
        live->leased.starts = fact->as.queued.starts;
        break;
    default:
        live = find_live(vault, fact->as.stopping.pool, fact->as.stopping.track_id);
        row_done(&live->stop);
        live->stopping = true;
        live->stop = row_of(fact);
        break;
    }
}

static void commit_one(struct vault *vault, const struct fact *fact)
{
    switch (fact->type) {
    case FACT_NAME:
        put(&vault->names, fact);
        break;
    case FACT_POOL:
        put(&vault->pools, fact);
        break;
    case FACT_POOL_GONE:
        drop_pool(vault, fact->as.pool_gone);
        break;
    case FACT_CLIENT:
        put(&vault->clients, fact);
        delete_where(&vault->requests, is_passed, &fact->as.client);
        break;
    case FACT_CLIENT_GONE:
        delete_where(&vault->clients, is_client, &fact->as.client_gone);
        delete_where(&vault->requests, is_request_of, &fact->as.client_gone);
        break;
    case FACT_REQUEST:
        put(&vault->requests, fact);
        break;
    case FACT_HOST:
        if (fact->as.host.forgotten)
            delete_where(&vault->hosts, is_host, fact);
        else
            put(&vault->hosts, fact);
        break;
    case FACT_BATCH:
        put(&vault->batches, fact);
        break;
    case FACT_SUBMITTED:
        add_live(vault, fact);
        break;
    case FACT_LEASED:
    case FACT_QUEUED:
    case FACT_STOPPING:
        change_live(vault, fact);
        break;
    case FACT_RECORDED:
        end_live(vault, &fact->as.recorded); /* refuses a second record */
        put(&vault->records, fact);
        break;
    case FACT_CURSOR:
        put(&vault->cursors, fact);
        break;
    case FACT_AUDIT:
        vault->audits++;
        break;
    case FACT_REQUEST_ID:
    case FACT_OLDEST:
        break;
    }
    vault->seen[fact->type]++;
}

void vault_commit(struct vault *vault, const struct fact *facts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        commit_one(vault, &facts[i]);
}

/* ---- loading -------------------------------------------------------------------------------- */

typedef void emit_fn(void *ctx, const struct fact *fact);

static void emit_rows(const struct rows *rows, emit_fn *emit, void *ctx)
{
    for (size_t i = 0; i < rows->n; i++)
        emit(ctx, &rows->items[i].fact);
}

static void emit_live(const struct live *live, emit_fn *emit, void *ctx)
{
    struct fact fact = live->submitted.fact;
    fact.as.submitted.body = 0;
    emit(ctx, &fact);
    if (live->leased.attempt > 0) {
        fact = (struct fact){.type = FACT_LEASED};
        fact.as.leased = live->leased;
        emit(ctx, &fact);
    }
    if (live->queued) {
        fact = (struct fact){.type = FACT_QUEUED};
        fact.as.queued = (struct fact_queued){.pool = live->leased.pool,
                                              .track_id = live->leased.track_id,
                                              .starts = live->leased.starts};
        emit(ctx, &fact);
    }
    if (live->stopping)
        emit(ctx, &live->stop.fact);
}

void vault_load(const struct vault *vault, emit_fn *emit, void *ctx)
{
    emit_rows(&vault->names, emit, ctx);
    emit_rows(&vault->pools, emit, ctx);
    emit_rows(&vault->clients, emit, ctx);
    emit_rows(&vault->requests, emit, ctx);
    emit_rows(&vault->batches, emit, ctx);
    emit_rows(&vault->hosts, emit, ctx);
    emit_rows(&vault->cursors, emit, ctx);
    for (size_t i = 0; i < vault->n_live; i++)
        emit_live(&vault->live[i], emit, ctx);
}

/* ---- life and views ------------------------------------------------------------------------- */

struct vault *vault_new(void)
{
    struct vault *vault = calloc(1, sizeof *vault);
    MUST(vault != NULL);
    return vault;
}

static void rows_done(struct rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        row_done(&rows->items[i]);
    free(rows->items);
}

void vault_free(struct vault *vault)
{
    if (vault == NULL)
        return;
    rows_done(&vault->names);
    rows_done(&vault->pools);
    rows_done(&vault->clients);
    rows_done(&vault->requests);
    rows_done(&vault->hosts);
    rows_done(&vault->batches);
    rows_done(&vault->cursors);
    rows_done(&vault->records);
    for (size_t i = 0; i < vault->n_live; i++) {
        row_done(&vault->live[i].submitted);
        row_done(&vault->live[i].stop);
    }
    free(vault->live);
    free(vault);
}

const struct fact_recorded *vault_record(const struct vault *vault, uint32_t pool,
                                         uint64_t track_id)
{
    for (size_t i = 0; i < vault->records.n; i++) {
        const struct fact_recorded *r = &vault->records.items[i].fact.as.recorded;
        if (r->pool == pool && r->track_id == track_id)
            return r;
    }
    return NULL;
}

size_t vault_records(const struct vault *vault)
{
    return vault->records.n;
}

size_t vault_live(const struct vault *vault)
{
    return vault->n_live;
}

size_t vault_requests(const struct vault *vault)
{
    return vault->requests.n;
}

size_t vault_audits(const struct vault *vault)
{
    return vault->audits;
}

size_t vault_clients(const struct vault *vault)
{
    return vault->clients.n;
}

size_t vault_hosts(const struct vault *vault)
{
    return vault->hosts.n;
}

size_t vault_pools(const struct vault *vault)
{
    return vault->pools.n;
}

size_t vault_seen(const struct vault *vault, enum fact_type type)
{
    return vault->seen[type];
}
