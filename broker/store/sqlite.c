/*
 * sqlite.c -- opens and closes the store.
 *
 * One directory, 0700: muster.db with its write-ahead log, `lock` (who has it open), `reserve`
 * (reserve.c). SQLite runs with one connection in exclusive mode (no shared memory, no second
 * process on the file), synchronous = FULL, checkpoints only when we say so (maintain.c).
 *
 * Invariant: until the checks are through nothing in the directory but `lock` has been written, and
 * closing the connection does not move the log into the file.
 */
#include "broker/store/sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "broker/store/check.h"

enum {
    VALUE_BYTES_MAX = 16 * 1024 * 1024, /* of one value in a row; bodies are at most 1 MiB */
    WAL_BYTES_KEPT = 64 * 1024 * 1024,  /* a longer log is cut when it starts again */
    CACHE_BYTES_MIN = 1024 * 1024,
};

static const char *const statement_texts[STMT_COUNT] = {
#define X(name, sql) sql,
    STORE_STATEMENTS(X)
#undef X
};

/* ---- open ----------------------------------------------------------------------------------- */

static int take_directory(struct store *store, const char *dir, struct store_error *ret_error)
{
    struct buffer path = BUFFER_EMPTY;
    store->dir = strdup(dir);
    fs_join(&path, dir, "muster.db");
    store->path = buffer_take(&path);
    if (!store->dir || !store->path)
        return store_fail(ret_error, -ENOMEM, "There is not enough memory to open the store.");
    int r = fs_mkdir_private(dir);
    if (r == -EPERM)
        return store_fail(ret_error, -EACCES,
                          "The store's directory %s must belong to the "
                          "broker's user and be closed to all others: chmod 700.",
                          dir);
    if (r < 0)
        return store_fail(ret_error, r,
                          "The store's directory %s cannot be used: %s. Name another "
                          "with --store, or make this one writable for the broker's user.",
                          dir, strerror(-r));
    return 0;
}

static int take_lock(struct store *store, struct store_error *ret_error)
{
    struct buffer path = BUFFER_EMPTY;
    struct buffer holder = BUFFER_EMPTY;
    if (fs_join(&path, store->dir, "lock") < 0) {
        buffer_done(&path);
        return store_fail(ret_error, -ENOMEM, "There is not enough memory to open the store.");
    }
    int r = store->lock = fs_lock(buffer_str(&path));
    if (r == -EWOULDBLOCK) {
        long pid = 0;
        if (fs_read_file(buffer_str(&path), 64, &holder) == 0)
            pid = strtol(buffer_str(&holder), NULL, 10);
        if (pid > 0)
            store_fail(ret_error, r,
                       "The store %s is in use by process %ld. End that broker first, "
                       "or name another directory with --store.",
                       store->dir, pid);
        else
            store_fail(ret_error, r,
                       "The store %s is in use by another process. End that broker "
                       "first, or name another directory with --store.",
                       store->dir);
    } else if (r < 0) {
        store_fail(ret_error, r,
                   "The store's lock %s cannot be taken: %s. The broker's user must "
                   "be able to write this directory.",
                   buffer_str(&path), strerror(-r));
    }
    buffer_done(&path);
    buffer_done(&holder);
    return r < 0 ? r : 0;
}

static int pragma(struct store *store, const char *text, struct store_error *ret_error)
{
    if (sqlite3_exec(store->db, text, NULL, NULL, NULL) != SQLITE_OK)
        return store_fail_sql(store, ret_error, text);
    return 0;
}

static int count_frames(void *ctx, sqlite3 *db, const char *name, int frames)
{
    struct store *store = ctx;
    (void)db;
    (void)name;
    bool restarted = frames <= store->wal_frames;
    store->commit_frames = restarted ? frames : frames - store->wal_frames;
    store->wal_frames = frames;
    if (restarted)
        store->wal_done = 0;
    return SQLITE_OK;
}

/* Connects without writing: rollback or recovery is left to the first read, which in exclusive
 * mode keeps its index of the log in memory. */
static int connect(struct store *store, const struct store_options *options,
                   struct store_error *ret_error)
{
    /* Refused when SQLite runs already, which costs a little speed and nothing else. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(store->path, &store->db, flags, NULL) != SQLITE_OK)
        return store->db ? store_fail_sql(store, ret_error, "opening it")
                         : store_fail(ret_error, -ENOMEM, "There is not enough memory for SQLite.");
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_limit(store->db, SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX);
    sqlite3_limit(store->db, SQLITE_LIMIT_ATTACHED, 0);
    uint64_t cache =
        options->cache_bytes > CACHE_BYTES_MIN ? options->cache_bytes : CACHE_BYTES_MIN;
    char text[256];
    snprintf(text, sizeof text,
             "PRAGMA locking_mode = EXCLUSIVE; PRAGMA busy_timeout = 0; PRAGMA mmap_size = 0;"
             "PRAGMA cell_size_check = ON; PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY;"
             "PRAGMA cache_size = -%llu",
             (unsigned long long)(cache / 1024));
    return pragma(store, text, ret_error);
}

static int prepare(struct store *store, struct store_error *ret_error)
{
    int r = turn_register(store);
    for (int i = 0; r == SQLITE_OK && i < STMT_COUNT; i++)
        r = sqlite3_prepare_v3(store->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &store->statements[i], NULL);
    return r == SQLITE_OK ? 0 : store_fail_sql(store, ret_error, "preparing its statements");
}

/* The first write: a full disk may use the reserve here as well. */
static int raise_epoch(struct store *store, struct store_error *ret_error)
{
    const struct value meta[] = {number(1), number_u(store->log_id),
                                 number((int64_t)store->epoch + 1), number(store->made_wall_ns)};
    for (bool again = false;; again = true) {
        int r = store_begin(store);
        if (r == 0)
            r = store_put(store, STMT_META_PUT, meta, 4);
        if (r == 0)
            r = store_end(store);
        if (r == 0)
            break;
        r = store_fail_sql(store, ret_error, "raising the epoch");
        store_undo(store);
        if (r != -ENOSPC || again || !reserve_free(store))
            return r;
    }
    store->epoch++;
    return 0;
}

static int read_meta(struct store *store, struct store_error *ret_error)
{
    sqlite3_stmt *row = store_select(store, STMT_META, NULL, 0);
    int r = sqlite3_step(row);
    int64_t epoch = 0;
    if (r == SQLITE_ROW) {
        store->log_id = (uint64_t)sqlite3_column_int64(row, 1);
        epoch = sqlite3_column_int64(row, 2);
        store->made_wall_ns = sqlite3_column_int64(row, 3);
    }
    if (r == SQLITE_DONE || (r == SQLITE_ROW && (!store_row_is_sound(row, 4) || epoch < 0 ||
                                                 epoch >= UINT32_MAX || store->log_id == 0)))
        r = store_fail_damaged(store, ret_error, "meta", 1);
    else
        r = r == SQLITE_ROW ? 0 : store_fail_sql(store, ret_error, "reading it");
    sqlite3_reset(row);
    store->epoch = (uint32_t)epoch;
    if (r < 0)
        return r;
    row = store_select(store, STMT_AUDIT_LAST, NULL, 0);
    if (sqlite3_step(row) == SQLITE_ROW)
        store->audit_sequence = (uint64_t)sqlite3_column_int64(row, 0);
    else
        r = store_fail_sql(store, ret_error, "reading it");
    sqlite3_reset(row);
    store->requests = UINT64_MAX; /* unknown: always look */
    return r < 0 ? r : shelves_load(store, ret_error);
}

static int open_parts(struct store *store, const struct store_options *options,
                      struct store_error *ret_error)
{
    int r = take_directory(store, options->dir, ret_error);
    if (r == 0)
        r = take_lock(store, ret_error);
    if (r == 0)
        r = check_file(store->path, ret_error);
    if (r == -ENOENT) {
        r = check_make(store->dir, store->path, ret_error);
        if (r == 0)
            r = check_file(store->path, ret_error);
    }
    if (r == 0)
        r = connect(store, options, ret_error);
    if (r == 0)
        r = check_schema(store, ret_error);
    if (r == 0)
        r = prepare(store, ret_error);
    if (r == 0)
        r = read_meta(store, ret_error);
    if (r < 0)
        return r;
    char text[192];
    snprintf(text, sizeof text,
             "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = OFF;"
             "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = %d",
             WAL_BYTES_KEPT);
    r = pragma(store, text, ret_error);
    /* What the last run left is moved into the file: the log begins anew with each run (wal.c). */
    if (r == 0 &&
        sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) !=
            SQLITE_OK &&
        !store_is_full(store))
        r = store_fail_sql(store, ret_error, "moving its log into the file");
    if (r < 0)
        return r;
    sqlite3_wal_hook(store->db, count_frames, store);
    r = raise_epoch(store, ret_error);
    if (r == 0 && (r = fs_sync_dir(store->dir)) < 0)
        store_fail(ret_error, r, "The store's directory %s cannot be synced: %s.", store->dir,
                   strerror(-r));
    return r;
}

/* A refusal leaves the directory as it was: an empty log, which reading made, goes again. One that
 * holds something stays and is not moved into the file. */
static void leave(struct store *store)
{
    char log[4096];
    struct stat st;
    if (store->db && snprintf(log, sizeof log, "%s-wal", store->path) < (int)sizeof log &&
        stat(log, &st) == 0 && st.st_size == 0)
        sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    store_close(store);
}

int store_open(struct store **ret_store, const struct store_options *options,
               struct store_error *ret_error)
{
    struct store *store = calloc(1, sizeof *store);
    if (!store)
        return store_fail(ret_error, -ENOMEM, "There is not enough memory to open the store.");
    store->lock = -1;
    store->reserve_bytes = options->reserve_bytes;
    int r = open_parts(store, options, ret_error);
    if (r < 0) {
        leave(store);
        return r;
    }
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    reserve_restore(store);
    *ret_store = store;
    return 0;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    /* What the disk holds is unknown: the next start reads it again, log included. */
    if (store->db && store->failure.code != 0)
        sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    for (int i = 0; i < STMT_COUNT; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close_v2(store->db);
    turn_done(&store->turn);
    shelves_done(&store->shelves);
    fs_close(store->lock);
    free(store->path);
    free(store->dir);
    free(store);
}

uint32_t store_epoch(const struct store *store)
{
    return store->epoch;
}

uint64_t store_log_id(const struct store *store)
{
    return store->log_id;
}

int store_failure(const struct store *store, struct store_error *ret_error)
{
    if (ret_error && store->failure.code != 0)
        *ret_error = store->failure;
    return store->failure.code;
}

int64_t store_free_bytes(struct store *store)
{
    uint64_t bytes;
    int r = fs_free_bytes(store->dir, &bytes);
    return r < 0 ? r : bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
}
