/*
 * maintain.c -- work that need not hold up a turn: checkpoints, retention, the reserve.
 *
 * The log is moved into the file when it has grown enough; a busy broker does it often, so that
 * each time is short, an idle one seldom. Retention deletes in small transactions what a durable
 * fact has given up before; a crash between two of them only delays it.
 *
 * A command's row goes with its record, unless other rows share its body: then it stays until the
 * last of them goes. The request ids of callers go after a week, the oldest first.
 */
#include "broker/store/sqlite.h"

#include <errno.h>

#include "base/assert.h"
#include "base/time.h"

enum {
    FRAMES_BUSY = 1000, /* of the log, when commits are large */
    FRAMES_IDLE = 4000, /* … when they are small */
    FRAMES_MAX = 16000, /* commits themselves see to it */
    COMMIT_LARGE = 10,  /* frames of a large commit: some 50 commands */
    STEP_ROWS = 256,    /* deleted by one call */
    REQUEST_IDS_MAX = 10000000,
};
#define REQUEST_ID_KEEP_NS (7 * 86400 * MUSTER_S)

/* Remembers that the disk's state is unknown. */
static int give_up(struct store *store, const char *doing)
{
    return store_fail_sql(store, &store->failure, doing);
}

int maintain_checkpoint(struct store *store)
{
    store_release(store);
    int r = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    store->wal_done = store->wal_frames;
    if (r == SQLITE_OK || store_is_full(store))
        return 0; /* full: all is still in the log, and the next try will do */
    return give_up(store, "moving the log into the file");
}

void maintain_after_commit(struct store *store, bool reserve_used)
{
    /* The failed try may have left frames behind: the log is to begin anew (wal.c). */
    if (reserve_used || store->wal_frames - store->wal_done >= FRAMES_MAX)
        (void)maintain_checkpoint(store);
}

static bool checkpoint_is_due(const struct store *store)
{
    int limit = store->commit_frames >= COMMIT_LARGE ? FRAMES_BUSY : FRAMES_IDLE;
    return store->wal_frames - store->wal_done >= limit;
}

/* ---- retention ------------------------------------------------------------------------------ */

/* The functions below return 0 or SQLite's code, inside a transaction. */

static int has_row(struct store *store, enum statement which, const struct value *values, int n,
                   bool *ret_has)
{
    sqlite3_stmt *row = store_select(store, which, values, n);
    int r = sqlite3_step(row);
    *ret_has = r == SQLITE_ROW;
    sqlite3_reset(row);
    return r == SQLITE_ROW || r == SQLITE_DONE ? 0 : r;
}

/* Deletes a final command unless its body is shared. */
static int drop_command(struct store *store, int64_t rowid)
{
    const struct value key[] = {number(rowid)};
    bool shared;
    int r = has_row(store, STMT_COMMAND_SHARER, key, 1, &shared);
    if (r != 0 || shared)
        return r;
    r = store_run(store, STMT_COMMAND_DELETE, key, 1);
    return r == 0 ? store_run(store, STMT_TRACK_DELETE, key, 1) : r;
}

/* The command at `rowid` is final and its record is deleted. */
static int has_no_record(struct store *store, int64_t rowid, uint64_t oldest, bool *ret_is)
{
    const struct value key[] = {number(rowid)};
    sqlite3_stmt *row = store_select(store, STMT_TRACK_GET, key, 1);
    int r = sqlite3_step(row);
    *ret_is = r == SQLITE_ROW && sqlite3_column_type(row, 0) == SQLITE_INTEGER &&
              (uint64_t)sqlite3_column_int64(row, 0) <= oldest;
    sqlite3_reset(row);
    return r == SQLITE_ROW || r == SQLITE_DONE ? 0 : r;
}

static int drop_batch(struct store *store, int64_t rowid)
{
    const struct value key[] = {number(rowid)};
    sqlite3_stmt *row = store_select(store, STMT_BATCH_GET, key, 1);
    int64_t base = rowid & ~ROW_NUMBER_MAX;
    int r = sqlite3_step(row);
    bool open = r != SQLITE_ROW || sqlite3_column_int64(row, 2) != 0;
    int64_t first = base | (sqlite3_column_int64(row, 0) & ROW_NUMBER_MAX);
    int64_t last = first + sqlite3_column_int64(row, 1) - 1;
    sqlite3_reset(row);
    if (r != SQLITE_ROW && r != SQLITE_DONE)
        return r;
    const struct value range[] = {number(first), number(last)};
    bool any = open;
    r = open ? 0 : has_row(store, STMT_TRACK_ANY, range, 2, &any);
    return r == 0 && !any ? store_run(store, STMT_BATCH_DELETE, key, 1) : r;
}

static int drop_track(struct store *store, const struct shelf *shelf, uint64_t track_id,
                      uint64_t batch)
{
    int64_t rowid = shelf_base(shelf) | (int64_t)track_id;
    const struct value key[] = {number(rowid)};
    sqlite3_stmt *row = store_select(store, STMT_COMMAND_GET, key, 1);
    int r = sqlite3_step(row);
    int64_t owner = r == SQLITE_ROW ? sqlite3_column_int64(row, 0) : 0;
    sqlite3_reset(row);
    if (r != SQLITE_ROW && r != SQLITE_DONE)
        return r;
    r = drop_command(store, rowid);
    bool is_over = false;
    if (r == 0 && owner != 0)
        r = has_no_record(store, owner, shelf->oldest, &is_over);
    if (r == 0 && is_over)
        r = drop_command(store, owner);
    if (r == 0 && batch != 0)
        r = drop_batch(store, shelf_base(shelf) | (int64_t)(batch & (uint64_t)ROW_NUMBER_MAX));
    return r;
}

static int trim_rows(struct store *store, struct shelf *shelf)
{
    struct {
        uint64_t track_id, batch;
    } given_up[STEP_ROWS];
    int64_t base = shelf_base(shelf);
    int64_t first = base + (int64_t)shelf->trimmed_to + 1;
    const struct value range[] = {number(first), number(base + (int64_t)shelf->oldest),
                                  number(STEP_ROWS)};
    sqlite3_stmt *row = store_select(store, STMT_RECORD_DATA, range, 3);
    int64_t last = base + (int64_t)shelf->oldest;
    int n = 0;
    int r;
    while ((r = sqlite3_step(row)) == SQLITE_ROW) {
        struct fact_recorded record;
        uint32_t crc;
        int64_t rowid = sqlite3_column_int64(row, 0);
        bool sound = row_read_record(store_column(row, 1), rowid, &record, &crc) == 0;
        /* A damaged row is deleted without its command: better than never to come past it. */
        given_up[n].track_id = sound ? record.track_id : 0;
        given_up[n].batch = sound ? record.batch : 0;
        if (++n == STEP_ROWS)
            last = rowid;
    }
    sqlite3_reset(row);
    if (r != SQLITE_DONE)
        return r;
    const struct value step[] = {number(first), number(last)};
    r = store_run(store, STMT_RECORD_DELETE, step, 2);
    for (int i = 0; r == 0 && i < n; i++)
        if (given_up[i].track_id != 0)
            r = drop_track(store, shelf, given_up[i].track_id, given_up[i].batch);
    if (r != 0)
        return r;
    shelf->trimmed_to = (uint64_t)(last - base);
    return shelf_put_trim(store, shelf);
}

/* The next rows of a pool that is gone; *ret_done when there was none left. */
static int clear_rows(struct store *store, struct shelf *shelf, bool *ret_done)
{
    static const enum statement tables[] = {STMT_RECORD_GONE, STMT_COMMAND_GONE, STMT_TRACK_GONE,
                                            STMT_BATCH_GONE};
    int64_t base = shelf_base(shelf);
    const struct value range[] = {number(base), number(base | ROW_NUMBER_MAX), number(STEP_ROWS)};
    const struct value key[] = {number(shelf->shelf), number(STEP_ROWS)};
    *ret_done = false;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        int r = store_run(store, tables[i], range, 3);
        if (r != 0 || sqlite3_changes64(store->db) > 0)
            return r;
    }
    int r = store_run(store, STMT_REQUEST_ID_GONE, key, 2);
    if (r != 0 || sqlite3_changes64(store->db) > 0)
        return r;
    r = store_run(store, STMT_CURSOR_GONE, key, 1);
    if (r == 0)
        r = store_run(store, STMT_REQUEST_GONE, key, 1);
    if (r == 0)
        r = store_run(store, STMT_CLIENT_GONE, key, 1);
    if (r == 0)
        r = store_run(store, STMT_TRIM_DELETE, key, 1);
    *ret_done = r == 0;
    return r;
}

static struct shelf *next_trim(struct store *store)
{
    for (size_t i = 0; store->shelves.may_trim && i < store->shelves.n; i++) {
        struct shelf *shelf = &store->shelves.items[i];
        if (shelf->gone || shelf->trimmed_to < shelf->oldest)
            return shelf;
    }
    store->shelves.may_trim = false;
    return NULL;
}

/* One transaction. A full disk is no failure here: the log may need space to delete. */
static bool run_step(struct store *store, int (*step)(struct store *store, bool *ret_more))
{
    bool more = false;
    int r = store_begin(store);
    if (r == 0)
        r = step(store, &more);
    if (r == 0)
        r = store_end(store);
    if (r == 0)
        return more;
    if (!store_is_full(store))
        give_up(store, "deleting what retention gave up");
    store_undo(store);
    struct store_error error;
    if (shelves_load(store, &error) < 0 && store->failure.code == 0)
        store->failure = error;
    return false;
}

static int trim_step(struct store *store, bool *ret_more)
{
    struct shelf *shelf = next_trim(store);
    bool done = false;
    *ret_more = true;
    if (!shelf->gone)
        return trim_rows(store, shelf);
    int r = clear_rows(store, shelf, &done);
    if (done)
        shelf_forget(&store->shelves, shelf);
    return r;
}

/* ---- request ids ---------------------------------------------------------------------------- */

static int read_pair(struct store *store, enum statement which, const struct value *values, int n,
                     int64_t *ret_a, int64_t *ret_b)
{
    sqlite3_stmt *row = store_select(store, which, values, n);
    int r = sqlite3_step(row);
    *ret_a = sqlite3_column_int64(row, 0);
    *ret_b = sqlite3_column_int64(row, 1);
    sqlite3_reset(row);
    return r == SQLITE_ROW || r == SQLITE_DONE ? 0 : r;
}

/* Ids grow with age: deletes the oldest that are a week older than the newest, or too many. */
static int request_id_step(struct store *store, bool *ret_more)
{
    int64_t oldest, newest, id, newest_ns, last_ns;
    int r = read_pair(store, STMT_REQUEST_ID_ENDS, NULL, 0, &oldest, &newest);
    if (r != 0 || newest - oldest < STEP_ROWS)
        return r;
    const struct value at_newest[] = {number(newest)};
    const struct value at_last[] = {number(oldest + STEP_ROWS - 1)};
    r = read_pair(store, STMT_REQUEST_ID_TIME, at_newest, 1, &id, &newest_ns);
    if (r == 0)
        r = read_pair(store, STMT_REQUEST_ID_TIME, at_last, 1, &id, &last_ns);
    if (r != 0 || (last_ns > newest_ns - REQUEST_ID_KEEP_NS && newest - oldest < REQUEST_IDS_MAX))
        return r;
    const struct value range[] = {number(oldest), number(oldest + STEP_ROWS - 1)};
    *ret_more = true;
    return store_run(store, STMT_REQUEST_ID_OLD, range, 2);
}

bool store_maintain(struct store *store)
{
    store_release(store);
    if (store->failure.code != 0)
        return false;
    if (checkpoint_is_due(store))
        return maintain_checkpoint(store) == 0 && next_trim(store) != NULL;
    if (next_trim(store))
        return run_step(store, trim_step);
    reserve_restore(store);
    if (store->request_ids_since == 0)
        return false;
    bool more = run_step(store, request_id_step);
    if (!more)
        store->request_ids_since = 0;
    return more;
}
