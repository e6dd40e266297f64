/*
 * explain.c -- unpacks a copy of the store into tables that people can query with any SQLite.
 *
 * The tables are made anew by each call. They are not part of the store: a broker that is given the
 * file ignores them. Damaged rows are left out and counted in the table `left_out`.
 */
#include "broker/store/sqlite.h"

#include <errno.h>
#include <string.h>

#include "base/time.h"

static const char tables_sql[] =
    "BEGIN IMMEDIATE;"
    "DROP TABLE IF EXISTS commands; DROP TABLE IF EXISTS records; DROP TABLE IF EXISTS left_out;"
    "CREATE TABLE commands(pool TEXT, track_id INTEGER, batch INTEGER, function TEXT,"
    " selector TEXT, host TEXT, priority INTEGER, max_attempts INTEGER, rerunnable INTEGER,"
    " submitted TEXT, not_before TEXT, start_by TEXT, body_bytes INTEGER, body_of INTEGER,"
    " pos INTEGER);"
    "CREATE TABLE records(pool TEXT, pos INTEGER, track_id INTEGER, batch INTEGER,"
    " attempt INTEGER, state TEXT, reason TEXT, exit INTEGER, signal INTEGER, function TEXT,"
    " host TEXT, worker TEXT, slot INTEGER, pid INTEGER, submitted TEXT, started TEXT,"
    " recorded TEXT, waited_s REAL, run_s REAL, throttled_s REAL, skew_s REAL,"
    " body_bytes INTEGER, why TEXT);"
    "CREATE TABLE left_out(kind TEXT, n INTEGER);";

#define POOL_NAME "(SELECT CAST(name AS TEXT) FROM pool WHERE shelf = ?1 >> 40)"
#define NAME(n) "(SELECT CAST(text AS TEXT) FROM name WHERE id = ?" #n ")"

static const char command_sql[] =
    "INSERT INTO commands VALUES (" POOL_NAME ", ?2, nullif(?3, 0), " NAME(4) ", " NAME(
        5) ", " NAME(6) ", ?7, ?8, ?9, ?10, ?11, ?12, ?13, nullif(?14, 0),"
                        " (SELECT pos FROM track WHERE id = ?1))";

static const char record_sql[] =
    "INSERT INTO records VALUES (" POOL_NAME ", ?2, ?3, nullif(?4, 0), ?5, ?6, ?7, ?8, ?9, " NAME(
        10) ", " NAME(11) ", " NAME(12) ", ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)";

static void bind_time(sqlite3_stmt *to, int column, int64_t wall_ns)
{
    char text[TIME_TEXT_MAX];
    if (wall_ns == 0) {
        sqlite3_bind_null(to, column);
        return;
    }
    time_format_iso(text, wall_ns);
    sqlite3_bind_text(to, column, text, -1, SQLITE_TRANSIENT);
}

static void bind_seconds(sqlite3_stmt *to, int column, int64_t ns)
{
    sqlite3_bind_double(to, column, (double)ns / 1e9);
}

/* False when the row is not as it was written. */
typedef bool explain_fn(sqlite3_stmt *to, int64_t rowid, struct bytes data);

static bool explain_command(sqlite3_stmt *to, int64_t rowid, struct bytes data)
{
    struct fact_submitted c;
    struct row_track track;
    uint32_t crc;
    if (row_read_command(data, rowid, &c, &track, &crc) < 0)
        return false;
    sqlite3_bind_int64(to, 1, rowid);
    sqlite3_bind_int64(to, 2, (int64_t)c.track_id);
    sqlite3_bind_int64(to, 3, (int64_t)c.batch);
    sqlite3_bind_int64(to, 4, c.function);
    sqlite3_bind_int64(to, 5, c.selector);
    sqlite3_bind_int64(to, 6, c.host);
    sqlite3_bind_int64(to, 7, c.priority);
    sqlite3_bind_int64(to, 8, c.max_attempts);
    sqlite3_bind_int64(to, 9, c.rerunnable);
    bind_time(to, 10, c.submitted_wall_ns);
    bind_time(to, 11, c.not_before_wall_ns);
    bind_time(to, 12, c.start_by_wall_ns);
    sqlite3_bind_int64(to, 13, c.body_bytes);
    return true;
}

static bool explain_record(sqlite3_stmt *to, int64_t rowid, struct bytes data)
{
    struct fact_recorded r;
    uint32_t crc;
    if (row_read_record(data, rowid, &r, &crc) < 0)
        return false;
    sqlite3_bind_int64(to, 1, rowid);
    sqlite3_bind_int64(to, 2, (int64_t)r.pos);
    sqlite3_bind_int64(to, 3, (int64_t)r.track_id);
    sqlite3_bind_int64(to, 4, (int64_t)r.batch);
    sqlite3_bind_int64(to, 5, r.attempt);
    sqlite3_bind_text(to, 6, state_name(r.state), -1, SQLITE_STATIC);
    sqlite3_bind_text(to, 7, r.reason == REASON_NONE ? NULL : reason_name(r.reason), -1,
                      SQLITE_STATIC);
    sqlite3_bind_int64(to, 8, r.exit);
    sqlite3_bind_int64(to, 9, r.signal);
    sqlite3_bind_int64(to, 10, r.function);
    sqlite3_bind_int64(to, 11, r.host);
    sqlite3_bind_int64(to, 12, r.worker);
    sqlite3_bind_int64(to, 13, r.slot);
    sqlite3_bind_int64(to, 14, r.pid);
    bind_time(to, 15, r.submitted_wall_ns);
    bind_time(to, 16, r.start_wall_ns);
    bind_time(to, 17, r.recorded_wall_ns);
    bind_seconds(to, 18, r.waited_ns);
    bind_seconds(to, 19, r.run_ns);
    bind_seconds(to, 20, r.throttled_ns);
    bind_seconds(to, 21, r.skew_ns);
    sqlite3_bind_int64(to, 22, r.body_bytes);
    sqlite3_bind_text64(to, 23, r.why.size > 0 ? (const char *)r.why.data : NULL, r.why.size,
                        SQLITE_TRANSIENT, SQLITE_UTF8);
    return true;
}

/* 0 or SQLite's code. */
static int explain_all(sqlite3 *db, const char *from_sql, const char *to_sql, explain_fn *explain,
                       const char *kind)
{
    sqlite3_stmt *from = NULL;
    sqlite3_stmt *to = NULL;
    int64_t left_out = 0;
    int r = sqlite3_prepare_v2(db, from_sql, -1, &from, NULL);
    if (r == SQLITE_OK)
        r = sqlite3_prepare_v2(db, to_sql, -1, &to, NULL);
    while (r == SQLITE_OK && (r = sqlite3_step(from)) == SQLITE_ROW) {
        bool shares = sqlite3_column_count(from) > 2;
        if (!explain(to, sqlite3_column_int64(from, 0), store_column(from, 1))) {
            left_out++;
            r = SQLITE_OK;
            continue;
        }
        if (shares)
            sqlite3_bind_int64(to, 14, sqlite3_column_int64(from, 2));
        r = sqlite3_step(to);
        sqlite3_reset(to);
        if (r == SQLITE_DONE)
            r = SQLITE_OK;
    }
    sqlite3_finalize(from);
    sqlite3_finalize(to);
    if (r == SQLITE_DONE && left_out > 0) {
        char *text =
            sqlite3_mprintf("INSERT INTO left_out VALUES (%Q, %lld)", kind, (long long)left_out);
        r = text ? sqlite3_exec(db, text, NULL, NULL, NULL) : SQLITE_NOMEM;
        sqlite3_free(text);
        return r;
    }
    return r == SQLITE_DONE ? SQLITE_OK : r;
}

int store_explain(const char *path, struct store_error *ret_error)
{
    sqlite3 *db = NULL;
    int r = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (r == SQLITE_OK)
        r = sqlite3_exec(db, tables_sql, NULL, NULL, NULL);
    if (r == SQLITE_OK)
        r = explain_all(db, "SELECT id, data, body_of & ((1 << 40) - 1) FROM command ORDER BY id",
                        command_sql, explain_command, "command");
    if (r == SQLITE_OK)
        r = explain_all(db, "SELECT id, data FROM record ORDER BY id", record_sql, explain_record,
                        "record");
    if (r == SQLITE_OK)
        r = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    if (r != SQLITE_OK)
        store_fail(ret_error, r == SQLITE_FULL ? -ENOSPC : -EIO,
                   "The copy %s cannot be explained: %s.", path,
                   db ? sqlite3_errmsg(db) : "out of memory");
    int code = r == SQLITE_OK ? 0 : r == SQLITE_FULL ? -ENOSPC : -EIO;
    sqlite3_close_v2(db);
    return code;
}
