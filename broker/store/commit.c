/*
 * commit.c -- the facts of a turn to rows, all or none, synced.
 *
 * Rows of commands, hand-outs and records are gathered and inserted together (turn.c), everything
 * else is written in the order of the facts. Responsible too for the second try on a full disk and
 * for never going on after a failure. Not for what a fact means: that is the core's.
 */
#include "broker/store/sqlite.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"

/* The functions below return 0, SQLite's code (positive), or a negative errno. */

static struct shelf *shelf_of(struct store *store, uint32_t pool)
{
    struct shelf *shelf = shelf_find(&store->shelves, pool);
    /* A pool's own fact may come last in the turn that makes it. */
    return shelf ? shelf : shelf_make(&store->shelves, pool);
}

static int rowid_of(struct store *store, uint32_t pool, uint64_t n, int64_t *ret_rowid)
{
    struct shelf *shelf = shelf_of(store, pool);
    if (!shelf)
        return -ENOMEM;
    MUST(n > 0 && n <= (uint64_t)ROW_NUMBER_MAX);
    *ret_rowid = shelf_base(shelf) | (int64_t)n;
    return 0;
}

static int put_name(struct store *store, const struct fact_name *name)
{
    const struct value values[] = {number(name->id), blob(name->text)};
    return store_put(store, STMT_NAME_PUT, values, 2);
}

static int put_pool(struct store *store, const struct fact_pool *pool)
{
    struct shelf *shelf = shelf_of(store, pool->pool);
    if (!shelf)
        return -ENOMEM;
    struct buffer *scratch = &store->turn.scratch;
    buffer_reset(scratch);
    if (buffer_reserve(scratch, ROW_TOTALS_MAX) < 0)
        return -ENOMEM;
    size_t size = row_pack_totals(scratch->data, pool->totals);
    const struct value values[] = {
        number(shelf->shelf),       number(pool->pool),
        blob(pool->name),           number(pool->private_),
        number(pool->closed),       number(pool->made_wall_ns),
        number(pool->used_wall_ns), blob(bytes_of(scratch->data, size)),
    };
    shelf->written = true;
    return store_put(store, STMT_POOL_PUT, values, 8);
}

static int pool_gone(struct store *store, uint32_t pool)
{
    struct shelf *shelf = shelf_find(&store->shelves, pool);
    if (!shelf)
        return 0;
    const struct value values[] = {number(shelf->shelf)};
    shelf_give_up(&store->shelves, shelf);
    int r = store_run(store, STMT_POOL_DELETE, values, 1);
    return r == 0 ? shelf_put_trim(store, shelf) : r;
}

static int put_oldest(struct store *store, const struct fact_oldest *oldest)
{
    struct shelf *shelf = shelf_of(store, oldest->pool);
    if (!shelf)
        return -ENOMEM;
    MUST(oldest->oldest <= (uint64_t)ROW_NUMBER_MAX);
    if (oldest->oldest <= shelf->oldest)
        return 0;
    shelf->oldest = oldest->oldest;
    store->shelves.may_trim = true;
    return shelf_put_trim(store, shelf);
}

static int delete_requests(struct store *store, enum statement which, uint64_t client,
                           uint64_t sequence)
{
    if (store->requests == 0)
        return 0;
    const struct value values[] = {number_u(client), number_u(sequence)};
    int r = store_run(store, which, values, which == STMT_REQUEST_PASSED ? 2 : 1);
    uint64_t deleted = r == 0 ? (uint64_t)sqlite3_changes64(store->db) : 0;
    store->requests -= deleted < store->requests ? deleted : store->requests;
    return r;
}

static int put_client(struct store *store, const struct fact_client *client)
{
    struct shelf *shelf = shelf_of(store, client->pool);
    if (!shelf)
        return -ENOMEM;
    const struct value values[] = {number_u(client->client), number(shelf->shelf),
                                   number_u(client->answered_to), number(client->shutting_down),
                                   number(client->seen_wall_ns)};
    int r = store_put(store, STMT_CLIENT_PUT, values, 5);
    if (r == 0)
        r = delete_requests(store, STMT_REQUEST_PASSED, client->client, client->answered_to);
    return r;
}

static int client_gone(struct store *store, uint64_t client)
{
    const struct value values[] = {number_u(client)};
    int r = store_run(store, STMT_CLIENT_DELETE, values, 1);
    return r == 0 ? delete_requests(store, STMT_REQUEST_DELETE, client, 0) : r;
}

static int put_request(struct store *store, const struct fact_request *request)
{
    const struct value values[] = {number_u(request->client), number_u(request->sequence),
                                   number_u(request->first), number(request->count),
                                   number_u(request->batch)};
    store->requests++;
    return store_put(store, STMT_REQUEST_PUT, values, 5);
}

static int put_request_id(struct store *store, const struct fact_request_id *id)
{
    struct shelf *shelf = shelf_of(store, id->pool);
    if (!shelf)
        return -ENOMEM;
    const struct value values[] = {number(shelf->shelf), blob(id->id),      number_u(id->digest),
                                   number_u(id->first),  number(id->count), number_u(id->batch),
                                   number(id->wall_ns)};
    store->request_ids_since++;
    return store_put(store, STMT_REQUEST_ID_PUT, values, 7);
}

/* The names' ids, little-endian, one behind the other in the scratch buffer. */
static struct value ids(struct store *store, const uint32_t *list, uint32_t n)
{
    struct buffer *to = &store->turn.scratch;
    size_t start = to->size;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t bytes[4];
        for (int k = 0; k < 4; k++)
            bytes[k] = (uint8_t)(list[i] >> (8 * k));
        buffer_append(to, bytes, sizeof bytes);
    }
    /* The buffer may still move: the caller turns offsets into pointers at the end. */
    return (struct value){.type = VALUE_BLOB,
                          .number = (int64_t)start,
                          .blob = {.data = NULL, .size = to->size - start}};
}

static int put_host(struct store *store, const struct fact_host *host)
{
    if (host->forgotten) {
        const struct value key[] = {number(host->host), number(host->worker)};
        return store_run(store, STMT_HOST_DELETE, key, 2);
    }
    struct buffer *scratch = &store->turn.scratch;
    buffer_reset(scratch);
    struct value values[] = {
        number(host->host),
        number(host->worker),
        blob(bytes_of(host->uuid, sizeof host->uuid)),
        number(host->incarnation),
        number(host->slots),
        ids(store, host->labels, host->n_labels),
        ids(store, host->functions, host->n_functions),
        ids(store, host->pools, host->n_pools),
        number(host->software),
        number(host->tree_kill),
        number(host->transient),
        number(host->seen_wall_ns),
        number(host->skew_ns),
        number(host->round_trip_ns),
    };
    if (scratch->failed)
        return -ENOMEM;
    for (int i = 5; i <= 7; i++)
        if (values[i].blob.size > 0)
            values[i].blob.data = scratch->data + values[i].number;
    return store_put(store, STMT_HOST_PUT, values, 14);
}

static int put_batch(struct store *store, const struct fact_batch *batch)
{
    int64_t rowid;
    int r = rowid_of(store, batch->pool, batch->batch, &rowid);
    if (r < 0)
        return r;
    uint8_t ended[ROW_ENDED_MAX];
    size_t size = row_pack_ended(ended, batch->ended);
    uint64_t sum = 0;
    for (int i = 0; i < STATE_COUNT; i++)
        sum += batch->ended[i];
    const struct value values[] = {number(rowid),
                                   number_u(batch->first),
                                   number(batch->count),
                                   blob(bytes_of(ended, size)),
                                   number(batch->made_wall_ns),
                                   number(sum < batch->count)};
    return store_put(store, STMT_BATCH_PUT, values, 6);
}

static int put_cursor(struct store *store, const struct fact_cursor *cursor)
{
    struct shelf *shelf = shelf_of(store, cursor->pool);
    if (!shelf)
        return -ENOMEM;
    const struct value values[] = {number(shelf->shelf), blob(cursor->name), number_u(cursor->pos)};
    return store_put(store, STMT_CURSOR_PUT, values, 3);
}

/* The record may be of a pool that is long gone: its id is kept as it was said. */
static int put_audit(struct store *store, const struct fact_audit *audit)
{
    uint64_t sequence = ++store->audit_sequence;
    const struct value values[] = {
        number_u(sequence % STORE_AUDIT_MAX),
        number_u(sequence),
        number(audit->pool),
        number_u(audit->track_id),
        number(audit->attempt),
        number(audit->epoch),
        number(audit->worker),
        number((int64_t)audit->state),
        number(audit->wall_ns),
    };
    return store_run(store, STMT_AUDIT_PUT, values, 9);
}

static int add_command(struct store *store, const struct fact *fact)
{
    struct turn_row row = {.fact = fact};
    int r = rowid_of(store, fact->as.submitted.pool, fact->as.submitted.track_id, &row.rowid);
    return r < 0 ? r : turn_add(&store->turn.commands, row);
}

static int add_leased(struct store *store, const struct fact *fact)
{
    struct turn_row row = {.fact = fact};
    MUST(fact->as.leased.attempt > 0);
    int r = rowid_of(store, fact->as.leased.pool, fact->as.leased.track_id, &row.rowid);
    if (r < 0 || turn_merge(&store->turn, row.rowid, &fact->as.leased))
        return r;
    return turn_add(&store->turn.tracks, row);
}

static int add_recorded(struct store *store, const struct fact *fact)
{
    const struct fact_recorded *record = &fact->as.recorded;
    struct turn_row row = {.fact = fact, .pos = (int64_t)record->pos};
    struct turn_row track = row;
    int r = rowid_of(store, record->pool, record->pos, &row.rowid);
    if (r == 0)
        r = rowid_of(store, record->pool, record->track_id, &track.rowid);
    if (r < 0)
        return r;
    struct shelf *shelf = shelf_find(&store->shelves, record->pool);
    if (record->pos > shelf->head)
        shelf->head = record->pos;
    r = turn_add(&store->turn.records, row);
    return r == 0 ? turn_add(&store->turn.tracks, track) : r;
}

/* What is known of a live command: from its track row, else from its own. */
static int find_track(struct store *store, int64_t rowid, struct row_track *ret_track,
                      sqlite3_stmt **ret_row)
{
    const struct value key[] = {number(rowid)};
    sqlite3_stmt *row = *ret_row = store_select(store, STMT_TRACK_GET, key, 1);
    int r = sqlite3_step(row);
    if (r == SQLITE_ROW) {
        bool final = sqlite3_column_type(row, 0) != SQLITE_NULL;
        return final ? -EBADMSG : row_read_track(store_column(row, 1), rowid, ret_track);
    }
    if (r != SQLITE_DONE)
        return r;
    sqlite3_reset(row);
    row = *ret_row = store_select(store, STMT_COMMAND_GET, key, 1);
    r = sqlite3_step(row);
    if (r != SQLITE_ROW)
        return r == SQLITE_DONE ? -EBADMSG : r;
    struct fact_submitted command;
    uint32_t body_crc;
    return row_read_command(store_column(row, 1), rowid, &command, ret_track, &body_crc);
}

/* Facts that change a part of what is known: rare, so read, changed and written back one by one. */
static int change_track(struct store *store, const struct fact *fact)
{
    int r = turn_flush(store);
    if (r != 0)
        return r;
    bool queued = fact->type == FACT_QUEUED;
    int64_t rowid;
    r = rowid_of(store, queued ? fact->as.queued.pool : fact->as.stopping.pool,
                 queued ? fact->as.queued.track_id : fact->as.stopping.track_id, &rowid);
    if (r < 0)
        return r;
    struct row_track track;
    sqlite3_stmt *row;
    r = find_track(store, rowid, &track, &row);
    if (r == 0 && queued) {
        track.queued = true;
        track.stopping = false;
        track.leased.starts = fact->as.queued.starts;
    } else if (r == 0) {
        track.stopping = true;
        track.reason = fact->as.stopping.reason;
        track.why = fact->as.stopping.why;
    }
    struct buffer *scratch = &store->turn.scratch;
    buffer_reset(scratch);
    if (r == 0 && buffer_reserve(scratch, ROW_BYTES_MAX + track.why.size) < 0)
        r = -ENOMEM;
    size_t size = r == 0 ? row_pack_track(scratch->data, rowid, &track) : 0;
    sqlite3_reset(row); /* lent `why` until here */
    if (r != 0)
        return r;
    const struct value values[] = {number(rowid), blob(bytes_of(scratch->data, size))};
    return store_run(store, STMT_TRACK_PUT, values, 2);
}

static int apply(struct store *store, const struct fact *fact)
{
    switch (fact->type) {
    case FACT_NAME:
        return put_name(store, &fact->as.name);
    case FACT_POOL:
        return put_pool(store, &fact->as.pool);
    case FACT_POOL_GONE:
        return pool_gone(store, fact->as.pool_gone);
    case FACT_CLIENT:
        return put_client(store, &fact->as.client);
    case FACT_CLIENT_GONE:
        return client_gone(store, fact->as.client_gone);
    case FACT_REQUEST:
        return put_request(store, &fact->as.request);
    case FACT_REQUEST_ID:
        return put_request_id(store, &fact->as.request_id);
    case FACT_HOST:
        return put_host(store, &fact->as.host);
    case FACT_BATCH:
        return put_batch(store, &fact->as.batch);
    case FACT_SUBMITTED:
        return add_command(store, fact);
    case FACT_LEASED:
        return add_leased(store, fact);
    case FACT_QUEUED:
    case FACT_STOPPING:
        return change_track(store, fact);
    case FACT_RECORDED:
        return add_recorded(store, fact);
    case FACT_CURSOR:
        return put_cursor(store, &fact->as.cursor);
    case FACT_OLDEST:
        return put_oldest(store, &fact->as.oldest);
    case FACT_AUDIT:
        return put_audit(store, &fact->as.audit);
    }
    must_fail("a fact has a type", __FILE__, __LINE__);
}

static int apply_all(struct store *store, const struct fact *facts, size_t n)
{
    int r = 0;
    turn_clear(&store->turn);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = apply(store, &facts[i]);
    return r == 0 ? turn_flush(store) : r;
}

/* Every pool that the facts spoke of was made by one of them or before. */
static int check_pools(struct store *store, struct store_error *ret_error)
{
    const struct shelves *shelves = &store->shelves;
    for (size_t i = shelves->n; i-- > 0;)
        if (!shelves->items[i].written && !shelves->items[i].gone)
            return store_fail(ret_error, -EINVAL,
                              "The facts of this turn belong to pool %u, which "
                              "was never made: an error of this program.",
                              shelves->items[i].pool);
    return 0;
}

static int try_commit(struct store *store, const struct fact *facts, size_t n,
                      struct store_error *ret_error)
{
    size_t n_shelves = store->shelves.n;
    int r = store_begin(store);
    if (r == 0)
        r = apply_all(store, facts, n);
    if (r == 0 && store->shelves.n > n_shelves)
        r = check_pools(store, ret_error);
    else if (r < 0)
        store_fail(ret_error, r,
                   r == -EBADMSG
                       ? "The store %s is damaged: a command that is to change is not there. "
                         "Restore it from a copy."
                       : "There is not enough memory for a commit to %s.",
                   store->path);
    if (r == 0)
        r = store_end(store);
    if (r <= 0)
        return r;
    return store_fail_sql(store, ret_error, "committing");
}

int store_commit(struct store *store, const struct fact *facts, size_t n_facts, store_body_fn *body,
                 void *ctx, struct store_error *ret_error)
{
    store_release(store);
    if (store->failure.code == 0 && n_facts > 0) {
        store->turn.body = body;
        store->turn.body_ctx = ctx;
        int r = try_commit(store, facts, n_facts, &store->failure);
        if (r < 0) {
            store_undo(store);
            store->requests = UINT64_MAX; /* unknown: always look */
        }
        bool reserve_used = r == -ENOSPC && reserve_free(store);
        if (reserve_used) {
            r = shelves_load(store, &store->failure);
            if (r == 0)
                r = try_commit(store, facts, n_facts, &store->failure);
            if (r < 0)
                store_undo(store);
        }
        if (r == 0) {
            store->failure = (struct store_error){0};
            maintain_after_commit(store, reserve_used);
        }
    }
    if (ret_error && store->failure.code != 0)
        *ret_error = store->failure;
    return store->failure.code;
}
