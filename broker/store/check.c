/*
 * check.c -- refuses a file that is not ours, is newer than this program, or is damaged.
 *
 * Responsible for what can be said cheaply: the file's header, its length, its log (wal.c), its
 * tables, the checksums of meta and pools. Not for each row: load.c checks those that it reads,
 * read.c those that are asked for. Invariant: nothing here writes to an existing file.
 */
#include "broker/store/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/rand.h"
#include "base/time.h"
#include "broker/store/schema.h"
#include "broker/store/sqlite.h"

enum {
    HEADER_BYTES = 100,
    HEADER_PAGE_SIZE = 16,
    HEADER_FORMATS = 18, /* of writers and of readers: both 1 (rollback journal) or 2 (log) */
    HEADER_FIXED = 20,
    HEADER_CHANGES = 24,
    HEADER_PAGES = 28,
    HEADER_USER_VERSION = 60,
    HEADER_APPLICATION_ID = 68,
    HEADER_PAGES_VALID_FOR = 92,
};

static uint32_t big32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int newer(const char *path, long long version, struct store_error *ret_error)
{
    return store_fail(
        ret_error, -EPROTONOSUPPORT,
        "The store %s was made by a newer muster-broker (version %lld, this one knows "
        "%d). Start that version; nothing was changed.",
        path, version, STORE_VERSION);
}

static int foreign(const char *path, struct store_error *ret_error)
{
    return store_fail(
        ret_error, -EBADMSG,
        "The file %s is not a Muster store, or its beginning is damaged. Name another "
        "directory with --store, or restore the store from a copy; nothing was "
        "changed.",
        path);
}

static int check_header(const char *path, const uint8_t *header, struct store_error *ret_error)
{
    static const char magic[16] = "SQLite format 3";
    if (memcmp(header, magic, sizeof magic) != 0 ||
        big32(header + HEADER_APPLICATION_ID) != STORE_APPLICATION_ID)
        return foreign(path, ret_error);
    uint32_t version = big32(header + HEADER_USER_VERSION);
    if (version > STORE_VERSION)
        return newer(path, version, ret_error);
    unsigned page = (unsigned)header[HEADER_PAGE_SIZE] << 8 | header[HEADER_PAGE_SIZE + 1];
    static const uint8_t fixed[4] = {0, 64, 32, 32};
    unsigned format = header[HEADER_FORMATS];
    if (version < 1 || page != STORE_PAGE_BYTES || format < 1 || format > 2 ||
        header[HEADER_FORMATS + 1] != format ||
        memcmp(header + HEADER_FIXED, fixed, sizeof fixed) != 0)
        return foreign(path, ret_error);
    return 0;
}

int check_file(const char *path, struct store_error *ret_error)
{
    uint8_t header[HEADER_BYTES];
    struct stat st;
    char log[4096];
    if (snprintf(log, sizeof log, "%s-wal", path) >= (int)sizeof log)
        return store_fail(ret_error, -ENAMETOOLONG, "The store's path %s is too long.", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    if (fd < 0 && errno == ENOENT) {
        if (stat(log, &st) == 0 && st.st_size > 0)
            return store_fail(ret_error, -EBADMSG,
                              "The store %s is missing, but its log is there. "
                              "Restore the file or remove the log; nothing was changed.",
                              path);
        return -ENOENT;
    }
    if (fd < 0)
        return store_fail(ret_error, -errno, "The store %s cannot be opened: %s.", path,
                          strerror(errno));
    int r = fstat(fd, &st) < 0 ? -errno : 0;
    ssize_t n = r == 0 && S_ISREG(st.st_mode) ? fs_read_all(fd, header, sizeof header) : 0;
    /* Closed before SQLite opens it: POSIX locks end with any descriptor of the file. */
    fs_close(fd);
    if (r < 0 || n < 0)
        return store_fail(ret_error, -EIO, "The store %s cannot be read: %s.", path,
                          strerror(r < 0 ? -r : (int)-n));
    if (n < HEADER_BYTES)
        return foreign(path, ret_error);
    r = check_header(path, header, ret_error);
    if (r < 0)
        return r;
    uint64_t pages = (uint64_t)st.st_size / STORE_PAGE_BYTES;
    bool says = memcmp(header + HEADER_CHANGES, header + HEADER_PAGES_VALID_FOR, 4) == 0;
    return check_log(log, pages, says ? big32(header + HEADER_PAGES) : 0, ret_error);
}

/* ---- the tables ----------------------------------------------------------------------------- */

/* Every table and index of the schema is in the file exactly as written, and begins where it began
 * when it was made (VACUUM would move it; the store is never vacuumed). Others may be there too (a
 * copy has tables for people), but nothing that acts by itself. */
static int compare_schema(struct store *store, sqlite3 *wanted, struct store_error *ret_error)
{
    static const char list[] = "SELECT type, name, tbl_name, sql, rootpage FROM sqlite_schema";
    static const char find[] = "SELECT 1 FROM sqlite_schema WHERE type = ?1 AND name = ?2 "
                               "AND tbl_name = ?3 AND sql IS ?4 AND rootpage = ?5";
    static const char extra[] = "SELECT 1 FROM sqlite_schema WHERE type = 'trigger'";
    sqlite3_stmt *all = NULL;
    sqlite3_stmt *one = NULL;
    sqlite3_stmt *trigger = NULL;
    int r = 0;
    if (sqlite3_prepare_v2(wanted, list, -1, &all, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(store->db, find, -1, &one, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(store->db, extra, -1, &trigger, NULL) != SQLITE_OK)
        r = store_fail_sql(store, ret_error, "reading its tables");
    while (r == 0 && sqlite3_step(all) == SQLITE_ROW) {
        for (int i = 0; i < 5; i++)
            sqlite3_bind_value(one, i + 1, sqlite3_column_value(all, i));
        int found = sqlite3_step(one);
        if (found == SQLITE_DONE)
            r = store_fail(ret_error, -EBADMSG,
                           "The store %s is damaged: its %s %s is not there or "
                           "not as it was made. Restore it from a copy; nothing was changed.",
                           store->path, sqlite3_column_text(all, 0), sqlite3_column_text(all, 1));
        else if (found != SQLITE_ROW)
            r = store_fail_sql(store, ret_error, "reading its tables");
        sqlite3_reset(one);
    }
    if (r == 0 && sqlite3_step(trigger) != SQLITE_DONE)
        r = store_fail(ret_error, -EBADMSG,
                       "The store %s has triggers, which this program never "
                       "makes. Restore it from a copy; nothing was changed.",
                       store->path);
    sqlite3_finalize(all);
    sqlite3_finalize(one);
    sqlite3_finalize(trigger);
    return r;
}

static int check_version(struct store *store, struct store_error *ret_error)
{
    sqlite3_stmt *row = NULL;
    int64_t version = 0;
    int r = 0;
    if (sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &row, NULL) != SQLITE_OK ||
        sqlite3_step(row) != SQLITE_ROW)
        r = store_fail_sql(store, ret_error, "reading it");
    else
        version = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    if (r == 0 && version > STORE_VERSION)
        r = newer(store->path, version, ret_error);
    return r;
}

/* The small tables' trees are whole: a row that a damaged page hides has no checksum to fail. The
 * rows of commands and records are counted by load.c and read.c. */
static int check_trees(struct store *store, struct store_error *ret_error)
{
    static const char *const tables[] = {"meta",   "name", "pool",   "trim",
                                         "client", "host", "cursor", "request"};
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof tables / sizeof *tables; i++) {
        char text[64];
        sqlite3_stmt *row = NULL;
        snprintf(text, sizeof text, "PRAGMA quick_check(%s)", tables[i]);
        if (sqlite3_prepare_v2(store->db, text, -1, &row, NULL) != SQLITE_OK ||
            sqlite3_step(row) != SQLITE_ROW)
            r = store_fail_sql(store, ret_error, "checking it");
        else if (!bytes_equal_str(store_column(row, 0), "ok"))
            r = store_fail(ret_error, -EBADMSG,
                           "The store %s is damaged: table %s: %.*s. Restore it from a copy; "
                           "nothing was changed.",
                           store->path, tables[i], (int)(store_column(row, 0).size % 200),
                           (const char *)store_column(row, 0).data);
        sqlite3_finalize(row);
    }
    return r;
}

int check_schema(struct store *store, struct store_error *ret_error)
{
    int r = check_version(store, ret_error);
    if (r < 0)
        return r;
    sqlite3 *wanted = NULL;
    if (sqlite3_open_v2(":memory:", &wanted,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK ||
        sqlite3_exec(wanted, schema_sql, NULL, NULL, NULL) != SQLITE_OK)
        r = store_fail(ret_error, -ENOMEM, "There is not enough memory to check the store.");
    else
        r = compare_schema(store, wanted, ret_error);
    sqlite3_close_v2(wanted);
    return r == 0 ? check_trees(store, ret_error) : r;
}

/* ---- a new store ---------------------------------------------------------------------------- */

static int fill(struct store *store, struct store_error *ret_error)
{
    uint64_t log_id = 0;
    while (log_id == 0)
        rand_os(&log_id, sizeof log_id);
    char text[512];
    snprintf(text, sizeof text,
             "PRAGMA page_size = %d; PRAGMA auto_vacuum = NONE; PRAGMA journal_mode = MEMORY;"
             "PRAGMA synchronous = FULL; PRAGMA application_id = %d; PRAGMA user_version = %d;"
             "BEGIN IMMEDIATE",
             STORE_PAGE_BYTES, STORE_APPLICATION_ID, STORE_VERSION);
    int r = sqlite3_exec(store->db, text, NULL, NULL, NULL);
    if (r == SQLITE_OK)
        r = sqlite3_exec(store->db, schema_sql, NULL, NULL, NULL);
    const struct value meta[] = {number(1), number_u(log_id), number(0), number(time_wall_ns())};
    snprintf(text, sizeof text, "INSERT INTO meta VALUES (1, %lld, 0, %lld, %lld); COMMIT",
             (long long)log_id, (long long)meta[3].number, (long long)store_sum(meta, 4));
    if (r == SQLITE_OK)
        r = sqlite3_exec(store->db, text, NULL, NULL, NULL);
    return r == SQLITE_OK ? 0 : store_fail_sql(store, ret_error, "making it");
}

int check_make(const char *dir, const char *path, struct store_error *ret_error)
{
    char fresh[4096];
    struct store store = {.path = fresh};
    if (snprintf(fresh, sizeof fresh, "%s.new", path) >= (int)sizeof fresh)
        return store_fail(ret_error, -ENAMETOOLONG, "The store's path %s is too long.", path);
    unlink(fresh); /* a start that did not come to its end */
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return store_fail(ret_error, -errno,
                          "The store %s cannot be made: %s. The broker's user "
                          "must be able to write its directory.",
                          path, strerror(errno));
    fs_close(fd);
    int r = 0;
    if (sqlite3_open_v2(fresh, &store.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        r = store_fail(ret_error, -EIO, "The store %s cannot be made: %s.", fresh,
                       store.db ? sqlite3_errmsg(store.db) : "out of memory");
    else
        r = fill(&store, ret_error);
    sqlite3_close_v2(store.db);
    if (r == 0 && rename(fresh, path) < 0)
        r = store_fail(ret_error, -errno, "The store %s cannot be made: %s.", path,
                       strerror(errno));
    if (r < 0) {
        unlink(fresh);
        return r;
    }
    r = fs_sync_dir(dir);
    if (r == 0)
        r = fs_sync_parent(dir);
    return r == 0 ? 0
                  : store_fail(ret_error, r, "The store's directory %s cannot be synced: %s.", dir,
                               strerror(-r));
}
