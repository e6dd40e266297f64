/*
 * load.c -- rows to facts: the shortest sequence that leads to the stored state.
 *
 * Order: names, pools, clients, their requests, unfinished batches, hosts, cursors, then every live
 * command in track_id order with its hand-out. Final commands are not looked at: of a pool only the
 * track rows above `final_to` are read, and the ids without a final one there are the live
 * commands. Every row is checked, and so is their number; what is not as it was written ends the
 * load with -EBADMSG.
 */
#include "broker/store/sqlite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct load {
    struct store *store;
    void (*emit)(void *ctx, const struct fact *fact);
    void *ctx;
    struct store_error *ret_error;
    struct map clients;         /* id -> 1: those of pools that are there */
    struct pool_totals *totals; /* one, reused */
    int64_t last_batch;         /* rowid of the one loaded last */
    uint32_t *ids;              /* of a host, reused */
    size_t ids_capacity;
};

struct live_range {
    const struct shelf *shelf;
    uint64_t final_to, next;
    uint64_t n; /* live commands met */
};

static int damaged(struct load *load, const char *table, int64_t rowid)
{
    return store_fail_damaged(load->store, load->ret_error, table, rowid);
}

static void emit(struct load *load, const struct fact *fact)
{
    load->emit(load->ctx, fact);
}

/* Steps through a statement; `row` makes facts and returns 0 or a negative errno. */
typedef int row_fn(struct load *load, sqlite3_stmt *row);

static int each_row(struct load *load, enum statement which, const struct value *values, int n,
                    row_fn *row_to_facts)
{
    sqlite3_stmt *row = store_select(load->store, which, values, n);
    int step;
    int r = 0;
    while (r == 0 && (step = sqlite3_step(row)) != SQLITE_DONE)
        r = step == SQLITE_ROW ? row_to_facts(load, row)
                               : store_fail_sql(load->store, load->ret_error, "loading it");
    sqlite3_reset(row);
    return r;
}

/* A column that holds a 32-bit number; anything else sets *bad. */
static uint32_t column_u32(sqlite3_stmt *row, int column, bool *bad)
{
    int64_t n = sqlite3_column_int64(row, column);
    if (n < 0 || n > UINT32_MAX)
        *bad = true;
    return (uint32_t)n;
}

static uint64_t column_number(sqlite3_stmt *row, int column, bool *bad)
{
    int64_t n = sqlite3_column_int64(row, column);
    if (n < 0 || n > ROW_NUMBER_MAX)
        *bad = true;
    return (uint64_t)n;
}

static int load_name(struct load *load, sqlite3_stmt *row)
{
    bool bad = !store_row_is_sound(row, 2);
    struct fact fact = {.type = FACT_NAME};
    fact.as.name.id = column_u32(row, 0, &bad);
    fact.as.name.text = store_column(row, 1);
    if (bad || fact.as.name.id == 0)
        return damaged(load, "name", sqlite3_column_int64(row, 0));
    emit(load, &fact);
    return 0;
}

/* The pool's totals, with the oldest position as retention has raised it. */
static int read_pool(struct load *load, sqlite3_stmt *row, struct fact_pool *ret_pool)
{
    bool bad = !store_row_is_sound(row, 8);
    uint32_t number = column_u32(row, 0, &bad);
    struct shelf *shelf = shelf_find(&load->store->shelves, column_u32(row, 1, &bad));
    if (bad || !shelf || shelf->shelf != number ||
        row_read_totals(store_column(row, 7), load->totals) < 0)
        return damaged(load, "pool", sqlite3_column_int64(row, 0));
    struct pool_totals *totals = load->totals;
    if (totals->next_track_id == 0 || totals->final_to >= totals->next_track_id ||
        totals->head >= totals->next_track_id || shelf->oldest > totals->head)
        return damaged(load, "pool", sqlite3_column_int64(row, 0));
    if (shelf->oldest > totals->oldest)
        totals->oldest = shelf->oldest;
    *ret_pool = (struct fact_pool){
        .pool = shelf->pool,
        .name = store_column(row, 2),
        .private_ = sqlite3_column_int64(row, 3) != 0,
        .closed = sqlite3_column_int64(row, 4) != 0,
        .made_wall_ns = sqlite3_column_int64(row, 5),
        .used_wall_ns = sqlite3_column_int64(row, 6),
        .totals = totals,
    };
    return 0;
}

static int load_pool(struct load *load, sqlite3_stmt *row)
{
    struct fact fact = {.type = FACT_POOL};
    int r = read_pool(load, row, &fact.as.pool);
    if (r == 0)
        emit(load, &fact);
    return r;
}

static int load_client(struct load *load, sqlite3_stmt *row)
{
    bool bad = !store_row_is_sound(row, 5);
    uint32_t number = column_u32(row, 1, &bad);
    if (bad)
        return damaged(load, "client", sqlite3_column_int64(row, 0));
    struct shelf *shelf = shelf_by_number(&load->store->shelves, number);
    if (!shelf || shelf->gone)
        return 0; /* its pool is gone, its row soon */
    struct fact fact = {.type = FACT_CLIENT};
    fact.as.client = (struct fact_client){
        .client = (uint64_t)sqlite3_column_int64(row, 0),
        .pool = shelf->pool,
        .answered_to = (uint64_t)sqlite3_column_int64(row, 2),
        .shutting_down = sqlite3_column_int64(row, 3) != 0,
        .seen_wall_ns = sqlite3_column_int64(row, 4),
    };
    if (map_put(&load->clients, fact.as.client.client, 1) < 0)
        return store_fail(load->ret_error, -ENOMEM, "The store %s has too many clients.",
                          load->store->path);
    emit(load, &fact);
    return 0;
}

static int load_request(struct load *load, sqlite3_stmt *row)
{
    bool bad = !store_row_is_sound(row, 5);
    struct fact fact = {.type = FACT_REQUEST};
    fact.as.request = (struct fact_request){
        .client = (uint64_t)sqlite3_column_int64(row, 0),
        .sequence = (uint64_t)sqlite3_column_int64(row, 1),
        .first = column_number(row, 2, &bad),
        .count = column_u32(row, 3, &bad),
        .batch = column_number(row, 4, &bad),
    };
    if (bad)
        return damaged(load, "request", sqlite3_column_int64(row, 1));
    if (map_get(&load->clients, fact.as.request.client) != 0)
        emit(load, &fact);
    return 0;
}

static int load_batch(struct load *load, sqlite3_stmt *row)
{
    bool bad = !store_row_is_sound(row, 6);
    int64_t rowid = sqlite3_column_int64(row, 0);
    struct shelf *shelf =
        shelf_by_number(&load->store->shelves, (uint32_t)(rowid >> ROW_NUMBER_BITS));
    struct fact fact = {.type = FACT_BATCH};
    fact.as.batch = (struct fact_batch){
        .batch = row_number(rowid),
        .first = column_number(row, 1, &bad),
        .count = column_u32(row, 2, &bad),
        .made_wall_ns = sqlite3_column_int64(row, 4),
    };
    if (bad || !shelf || shelf->gone || rowid <= load->last_batch ||
        row_read_ended(store_column(row, 3), fact.as.batch.ended) < 0)
        return damaged(load, "batch", rowid);
    uint64_t n_ended = 0;
    for (int i = 0; i < STATE_COUNT; i++)
        n_ended += fact.as.batch.ended[i];
    if (n_ended > fact.as.batch.count)
        return damaged(load, "batch", rowid);
    load->last_batch = rowid;
    fact.as.batch.pool = shelf->pool;
    emit(load, &fact);
    return 0;
}

static int load_batches(struct load *load)
{
    const struct shelves *shelves = &load->store->shelves;
    int r = 0;
    for (size_t i = 0; r == 0 && i < shelves->n; i++) {
        if (shelves->items[i].gone)
            continue;
        int64_t base = shelf_base(&shelves->items[i]);
        const struct value range[] = {number(base), number(base | ROW_NUMBER_MAX)};
        load->last_batch = 0;
        r = each_row(load, STMT_BATCH_OPEN, range, 2, load_batch);
    }
    return r;
}

/* Appends the ids of a column to load->ids; the number in it, or a negative errno. */
static int read_ids(struct load *load, struct bytes packed, size_t *at)
{
    size_t n = packed.size / 4;
    if (packed.size % 4 != 0)
        return -EBADMSG;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *p = packed.data + 4 * i;
        load->ids[(*at)++] =
            (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    }
    return (int)n;
}

static int reserve_ids(struct load *load, size_t n)
{
    if (n <= load->ids_capacity)
        return 0;
    uint32_t *larger = realloc(load->ids, n * sizeof *larger);
    if (!larger)
        return store_fail(load->ret_error, -ENOMEM,
                          "There is not enough memory to load the store.");
    load->ids = larger;
    load->ids_capacity = n;
    return 0;
}

static int load_host(struct load *load, sqlite3_stmt *row)
{
    bool bad = !store_row_is_sound(row, 14);
    struct bytes uuid = store_column(row, 2);
    struct bytes labels = store_column(row, 5);
    struct bytes functions = store_column(row, 6);
    struct bytes pools = store_column(row, 7);
    int r = reserve_ids(load, (labels.size + functions.size + pools.size) / 4 + 1);
    if (r < 0)
        return r;
    size_t at = 0;
    int n_labels = read_ids(load, labels, &at);
    int n_functions = read_ids(load, functions, &at);
    int n_pools = read_ids(load, pools, &at);
    struct fact fact = {.type = FACT_HOST};
    struct fact_host *host = &fact.as.host;
    host->host = column_u32(row, 0, &bad);
    host->worker = column_u32(row, 1, &bad);
    host->incarnation = column_u32(row, 3, &bad);
    host->slots = column_u32(row, 4, &bad);
    host->software = column_u32(row, 8, &bad);
    host->tree_kill = column_u32(row, 9, &bad);
    host->transient = sqlite3_column_int64(row, 10) != 0;
    host->seen_wall_ns = sqlite3_column_int64(row, 11);
    host->skew_ns = sqlite3_column_int64(row, 12);
    host->round_trip_ns = sqlite3_column_int64(row, 13);
    if (bad || n_labels < 0 || n_functions < 0 || n_pools < 0 || uuid.size != sizeof host->uuid)
        return damaged(load, "host", sqlite3_column_int64(row, 0));
    memcpy(host->uuid, uuid.data, sizeof host->uuid);
    host->labels = load->ids;
    host->n_labels = (uint32_t)n_labels;
    host->functions = load->ids + n_labels;
    host->n_functions = (uint32_t)n_functions;
    host->pools = load->ids + n_labels + n_functions;
    host->n_pools = (uint32_t)n_pools;
    emit(load, &fact);
    return 0;
}

static int load_cursor(struct load *load, sqlite3_stmt *row)
{
    bool bad = !store_row_is_sound(row, 3);
    uint32_t number = column_u32(row, 0, &bad);
    struct fact fact = {.type = FACT_CURSOR};
    fact.as.cursor.name = store_column(row, 1);
    fact.as.cursor.pos = column_number(row, 2, &bad);
    if (bad)
        return damaged(load, "cursor", number);
    struct shelf *shelf = shelf_by_number(&load->store->shelves, number);
    if (!shelf || shelf->gone)
        return 0;
    fact.as.cursor.pool = shelf->pool;
    emit(load, &fact);
    return 0;
}

/* ---- live commands -------------------------------------------------------------------------- */

static void emit_track(struct load *load, const struct row_track *track, uint32_t pool, uint64_t id)
{
    struct fact fact = {.type = FACT_LEASED};
    if (track->leased.attempt > 0) {
        fact.as.leased = track->leased;
        fact.as.leased.pool = pool;
        emit(load, &fact);
    }
    if (track->queued) {
        fact.type = FACT_QUEUED;
        fact.as.queued =
            (struct fact_queued){.pool = pool, .track_id = id, .starts = track->leased.starts};
        emit(load, &fact);
    }
    if (track->stopping) {
        fact.type = FACT_STOPPING;
        fact.as.stopping = (struct fact_stopping){
            .pool = pool, .track_id = id, .reason = track->reason, .why = track->why};
        emit(load, &fact);
    }
}

/* The commands with these rowids are live; `overlay` (may be NULL) says what happened since. */
static int load_commands(struct load *load, struct live_range *live, int64_t first, int64_t last,
                         const struct row_track *overlay)
{
    const struct value range[] = {number(first), number(last)};
    sqlite3_stmt *row = store_select(load->store, STMT_COMMAND_RANGE, range, 2);
    struct fact fact = {.type = FACT_SUBMITTED};
    struct fact_submitted *command = &fact.as.submitted;
    struct row_track own;
    uint32_t body_crc;
    int r = 0;
    int step;
    while ((step = sqlite3_step(row)) == SQLITE_ROW) {
        int64_t rowid = sqlite3_column_int64(row, 0);
        if (rowid < first || rowid > last ||
            row_read_command(store_column(row, 2), rowid, command, &own, &body_crc) < 0) {
            r = damaged(load, "command", rowid);
            break;
        }
        int64_t body_of = sqlite3_column_int64(row, 1);
        if (command->track_id >= live->next ||
            (body_of != 0 && body_of >> ROW_NUMBER_BITS != rowid >> ROW_NUMBER_BITS)) {
            r = damaged(load, "command", rowid);
            break;
        }
        first = rowid + 1; /* a damaged tree can show a page twice */
        live->n++;
        command->pool = live->shelf->pool;
        command->body_of = row_number(body_of);
        emit(load, &fact);
        emit_track(load, overlay ? overlay : &own, live->shelf->pool, command->track_id);
    }
    if (r == 0 && step != SQLITE_DONE)
        r = store_fail_sql(load->store, load->ret_error, "loading its commands");
    sqlite3_reset(row);
    return r;
}

/* The gaps between the final ones, and what is in hand. */
static int load_live(struct load *load, struct live_range *live)
{
    int64_t base = shelf_base(live->shelf);
    int64_t next = base + (int64_t)live->final_to + 1;
    int64_t end = base | ROW_NUMBER_MAX;
    const struct value range[] = {number(next), number(end)};
    sqlite3_stmt *row = store_select(load->store, STMT_TRACK_RANGE, range, 2);
    int r = 0;
    int step = SQLITE_DONE;
    while (r == 0 && (step = sqlite3_step(row)) == SQLITE_ROW) {
        int64_t rowid = sqlite3_column_int64(row, 0);
        struct row_track track;
        if (rowid < next || rowid > end)
            r = damaged(load, "track", rowid);
        else if (rowid > next)
            r = load_commands(load, live, next, rowid - 1, NULL);
        next = rowid + 1;
        if (r < 0 || sqlite3_column_type(row, 1) != SQLITE_NULL)
            continue;
        if (row_read_track(store_column(row, 2), rowid, &track) < 0)
            r = damaged(load, "track", rowid);
        else
            r = load_commands(load, live, rowid, rowid, &track);
    }
    if (r == 0 && step != SQLITE_DONE)
        r = store_fail_sql(load->store, load->ret_error, "loading its commands");
    sqlite3_reset(row);
    return r == 0 && next <= end ? load_commands(load, live, next, end, NULL) : r;
}

static int load_pool_live(struct load *load, sqlite3_stmt *row)
{
    struct fact_pool pool;
    int r = read_pool(load, row, &pool);
    if (r < 0)
        return r;
    struct live_range live = {.shelf = shelf_find(&load->store->shelves, pool.pool),
                              .final_to = load->totals->final_to,
                              .next = load->totals->next_track_id};
    uint64_t expected = load->totals->next_track_id - 1 - load->totals->head;
    r = load_live(load, &live);
    if (r == 0 && live.n != expected)
        r = store_fail(load->ret_error, -EBADMSG,
                       "The store %s is damaged: of %llu commands that are not final it has %llu. "
                       "Restore it from a copy.",
                       load->store->path, (unsigned long long)expected, (unsigned long long)live.n);
    return r;
}

int store_load(struct store *store, void (*emit_fact)(void *ctx, const struct fact *fact),
               void *ctx, struct store_error *ret_error)
{
    store_release(store);
    struct load load = {.store = store, .emit = emit_fact, .ctx = ctx, .ret_error = ret_error};
    load.totals = malloc(sizeof *load.totals);
    if (!load.totals)
        return store_fail(ret_error, -ENOMEM, "There is not enough memory to load the store.");
    map_init(&load.clients, 1u << 30, store->log_id);
    int r = each_row(&load, STMT_NAME_ALL, NULL, 0, load_name);
    if (r == 0)
        r = each_row(&load, STMT_POOL_ALL, NULL, 0, load_pool);
    if (r == 0)
        r = each_row(&load, STMT_CLIENT_ALL, NULL, 0, load_client);
    if (r == 0)
        r = each_row(&load, STMT_REQUEST_ALL, NULL, 0, load_request);
    if (r == 0)
        r = load_batches(&load);
    if (r == 0)
        r = each_row(&load, STMT_HOST_ALL, NULL, 0, load_host);
    if (r == 0)
        r = each_row(&load, STMT_CURSOR_ALL, NULL, 0, load_cursor);
    if (r == 0)
        r = each_row(&load, STMT_POOL_ALL, NULL, 0, load_pool_live);
    map_done(&load.clients);
    free(load.ids);
    free(load.totals);
    return r;
}
