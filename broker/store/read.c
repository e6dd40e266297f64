/*
 * read.c -- records, bodies and request ids, from committed state.
 *
 * What is lent to a caller stays in SQLite's pages: the statements that hold them are remembered in
 * store->reading and reset by the next call. Every row and body is checked against its checksum.
 */
#include "broker/store/sqlite.h"

#include <errno.h>

#include "base/assert.h"
#include "base/crc32c.h"

static bool body_is_sound(struct bytes body, uint32_t crc)
{
    return (body.size > 0 ? crc32c(0, body.data, body.size) : 0) == crc;
}

/* Keeps the row until the next call on the store. */
static void lend(struct store *store, int place, sqlite3_stmt *row)
{
    store->reading[place] = row;
}

/* The body behind a command's row, wherever it lies. 0, -ENOENT, -EBADMSG, -EIO. */
static int find_body(struct store *store, int64_t rowid, struct bytes *ret_body)
{
    for (int hops = 0; hops < 2; hops++) {
        const struct value key[] = {number(rowid)};
        sqlite3_stmt *row = store_select(store, STMT_COMMAND_GET, key, 1);
        lend(store, 1, row);
        int r = sqlite3_step(row);
        if (r != SQLITE_ROW)
            return r != SQLITE_DONE ? store_errno(store) : hops == 0 ? -ENOENT : -EBADMSG;
        struct fact_submitted command;
        struct row_track track;
        uint32_t crc;
        if (row_read_command(store_column(row, 1), rowid, &command, &track, &crc) < 0)
            return -EBADMSG;
        if (sqlite3_column_type(row, 0) == SQLITE_NULL) {
            *ret_body = store_column(row, 2);
            return body_is_sound(*ret_body, crc) ? 0 : -EBADMSG;
        }
        rowid = sqlite3_column_int64(row, 0);
    }
    return -EBADMSG; /* a body is shared with the one that has it, never further */
}

int store_command(struct store *store, uint32_t pool, uint64_t track_id, struct bytes *ret_body)
{
    store_release(store);
    struct shelf *shelf = shelf_find(&store->shelves, pool);
    if (!shelf || track_id == 0 || track_id > (uint64_t)ROW_NUMBER_MAX)
        return -ENOENT;
    return find_body(store, shelf_base(shelf) | (int64_t)track_id, ret_body);
}

/* What a reader of records asks for, and how far it has come. */
struct reading {
    struct store *store;
    uint32_t pool;
    int64_t base;
    uint64_t oldest, head;
    bool with_command;
    store_record_fn *each;
    void *ctx;
    uint32_t seen;
    bool stopped;
};

/* `track_id` is whose record it should be; 0 = not known. */
static int show(struct reading *reading, int64_t rowid, uint64_t track_id, struct bytes data,
                struct bytes body)
{
    struct store_record record = {.body = body};
    uint32_t crc;
    if (row_read_record(data, rowid, &record.fact, &crc) < 0 || !body_is_sound(body, crc) ||
        (track_id != 0 && track_id != record.fact.track_id))
        return -EBADMSG;
    record.fact.pool = reading->pool;
    if (reading->with_command) {
        int r = find_body(reading->store, reading->base | (int64_t)record.fact.track_id,
                          &record.command);
        if (r < 0)
            return r == -ENOENT ? -EBADMSG : r;
    }
    reading->seen++;
    reading->stopped = reading->each(reading->ctx, &record) != 0;
    return 0;
}

/* The record at `pos`, if retention has left it. */
static int show_pos(struct reading *reading, int64_t pos, uint64_t track_id)
{
    if (pos <= 0 || pos > ROW_NUMBER_MAX)
        return -EBADMSG;
    if ((uint64_t)pos <= reading->oldest)
        return 0;
    const struct value key[] = {number(reading->base | pos)};
    sqlite3_stmt *row = store_select(reading->store, STMT_RECORD_GET, key, 1);
    int r = sqlite3_step(row);
    if (r == SQLITE_ROW)
        r = show(reading, reading->base | pos, track_id, store_column(row, 0),
                 store_column(row, 1));
    else
        r = r == SQLITE_DONE ? -EBADMSG : store_errno(reading->store);
    sqlite3_reset(row);
    return r;
}

static bool begin(struct reading *reading, struct store *store, uint32_t pool, bool with_command,
                  store_record_fn *each, void *ctx)
{
    store_release(store);
    struct shelf *shelf = shelf_find(&store->shelves, pool);
    *reading = (struct reading){
        .store = store, .pool = pool, .with_command = with_command, .each = each, .ctx = ctx};
    if (!shelf)
        return false;
    reading->base = shelf_base(shelf);
    reading->oldest = shelf->oldest;
    reading->head = shelf->head;
    return true;
}

static int end(struct reading *reading, int r)
{
    store_release(reading->store);
    return r < 0 ? r : (int)reading->seen;
}

int store_records(struct store *store, uint32_t pool, uint64_t from_pos, uint32_t max,
                  bool with_command, store_record_fn *each, void *ctx)
{
    struct reading reading;
    if (!begin(&reading, store, pool, with_command, each, ctx) ||
        from_pos >= (uint64_t)ROW_NUMBER_MAX || max == 0)
        return 0;
    if (from_pos < reading.oldest)
        from_pos = reading.oldest;
    const struct value range[] = {number(reading.base + (int64_t)from_pos + 1),
                                  number(reading.base | ROW_NUMBER_MAX)};
    sqlite3_stmt *row = store_select(store, STMT_RECORD_RANGE, range, 2);
    int r = 0;
    while (r == 0 && !reading.stopped && reading.seen < max && from_pos < reading.head) {
        int64_t rowid = reading.base | (int64_t)++from_pos;
        int step = sqlite3_step(row);
        if (step == SQLITE_ROW && sqlite3_column_int64(row, 0) == rowid)
            r = show(&reading, rowid, 0, store_column(row, 1), store_column(row, 2));
        else /* a missing record is damage, never skipped */
            r = step == SQLITE_ROW || step == SQLITE_DONE ? -EBADMSG : store_errno(store);
    }
    sqlite3_reset(row);
    return end(&reading, r);
}

int store_records_of(struct store *store, uint32_t pool, const uint64_t *track_ids, uint32_t n,
                     bool with_command, store_record_fn *each, void *ctx)
{
    struct reading reading;
    if (!begin(&reading, store, pool, with_command, each, ctx))
        return 0;
    int r = 0;
    for (uint32_t i = 0; r == 0 && !reading.stopped && i < n; i++) {
        if (track_ids[i] == 0 || track_ids[i] > (uint64_t)ROW_NUMBER_MAX)
            continue;
        const struct value key[] = {number(reading.base | (int64_t)track_ids[i])};
        sqlite3_stmt *row = store_select(store, STMT_TRACK_GET, key, 1);
        int step = sqlite3_step(row);
        if (step == SQLITE_ROW && sqlite3_column_type(row, 0) != SQLITE_NULL)
            r = show_pos(&reading, sqlite3_column_int64(row, 0), track_ids[i]);
        else if (step != SQLITE_ROW && step != SQLITE_DONE)
            r = store_errno(store);
        sqlite3_reset(row);
    }
    return end(&reading, r);
}

int store_records_between(struct store *store, uint32_t pool, uint64_t first, uint64_t last,
                          uint32_t max, bool with_command, store_record_fn *each, void *ctx)
{
    struct reading reading;
    if (last > (uint64_t)ROW_NUMBER_MAX)
        last = (uint64_t)ROW_NUMBER_MAX;
    if (!begin(&reading, store, pool, with_command, each, ctx) || first > last || max == 0)
        return 0;
    const struct value range[] = {number(reading.base | (int64_t)first),
                                  number(reading.base | (int64_t)last)};
    sqlite3_stmt *row = store_select(store, STMT_TRACK_RANGE, range, 2);
    int64_t next = range[0].number;
    int r = 0;
    while (r == 0 && !reading.stopped && reading.seen < max) {
        int step = sqlite3_step(row);
        if (step == SQLITE_DONE)
            break;
        int64_t rowid = sqlite3_column_int64(row, 0);
        if (step != SQLITE_ROW)
            r = store_errno(store);
        else if (rowid < next)
            r = -EBADMSG; /* a damaged tree can show a page twice */
        else if (sqlite3_column_type(row, 1) != SQLITE_NULL)
            r = show_pos(&reading, sqlite3_column_int64(row, 1), row_number(rowid));
        next = rowid + 1;
    }
    sqlite3_reset(row);
    return end(&reading, r);
}

int store_request_id(struct store *store, uint32_t pool, struct bytes id,
                     struct store_request_id *ret)
{
    store_release(store);
    struct shelf *shelf = shelf_find(&store->shelves, pool);
    if (!shelf)
        return 0;
    const struct value key[] = {number(shelf->shelf), blob(id)};
    sqlite3_stmt *row = store_select(store, STMT_REQUEST_ID_GET, key, 2);
    int r = sqlite3_step(row);
    if (r == SQLITE_ROW && store_row_is_sound(row, 7)) {
        ret->digest = (uint64_t)sqlite3_column_int64(row, 2);
        ret->first = (uint64_t)sqlite3_column_int64(row, 3);
        ret->count = (uint32_t)sqlite3_column_int64(row, 4);
        ret->batch = (uint64_t)sqlite3_column_int64(row, 5);
        r = 1;
    } else {
        r = r == SQLITE_DONE ? 0 : r == SQLITE_ROW ? -EBADMSG : store_errno(store);
    }
    sqlite3_reset(row);
    return r;
}
