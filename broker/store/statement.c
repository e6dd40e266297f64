/*
 * statement.c -- what every statement needs: binding, checksums of rows, transactions, errors.
 *
 * Values are bound as they lie (SQLITE_STATIC), so a statement is reset before they go away.
 */
#include "broker/store/sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/crc32c.h"
#include "broker/store/pack.h"

/* ---- errors --------------------------------------------------------------------------------- */

int store_fail(struct store_error *ret_error, int code, const char *format, ...)
{
    if (ret_error) {
        va_list args;
        va_start(args, format);
        ret_error->code = code;
        vsnprintf(ret_error->text, sizeof ret_error->text, format, args);
        va_end(args);
    }
    return code;
}

static int primary_code(struct store *store)
{
    return sqlite3_errcode(store->db) & 0xff;
}

/* What the system said: to the log, to the file, or to whatever SQLite did last. */
static int os_errno(struct store *store)
{
    sqlite3_file *log = NULL;
    int os = 0;
    if (sqlite3_file_control(store->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK &&
        log && log->pMethods)
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &os);
    if (os == 0)
        sqlite3_file_control(store->db, "main", SQLITE_FCNTL_LAST_ERRNO, &os);
    return os != 0 ? os : sqlite3_system_errno(store->db);
}

bool store_is_full(struct store *store)
{
    int code = primary_code(store);
    int os = code == SQLITE_IOERR ? os_errno(store) : 0;
    return code == SQLITE_FULL ||
           (code == SQLITE_IOERR && (os == ENOSPC || os == EDQUOT || os == EFBIG));
}

int store_errno(struct store *store)
{
    if (store_is_full(store))
        return -ENOSPC;
    switch (primary_code(store)) {
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_SCHEMA:
    case SQLITE_ERROR: /* a statement of ours that the file's tables do not fit */
        return -EBADMSG;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
        return -EACCES;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EWOULDBLOCK;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
        return -EINVAL;
    case SQLITE_CANTOPEN:
        return sqlite3_system_errno(store->db) > 0 ? -sqlite3_system_errno(store->db) : -EIO;
    default:
        return -EIO;
    }
}

static const char *advice(int code)
{
    switch (code) {
    case -ENOSPC:
        return "Free some space on that file system, then start the broker again.";
    case -EBADMSG:
        return "Nothing was repaired: keep the directory as it is, and restore the store from a "
               "copy.";
    case -EACCES:
        return "The broker's user must be able to write this directory.";
    case -EWOULDBLOCK:
        return "End the other process that has the file open.";
    case -EIO:
        return "Check the disk and the kernel's log, then start the broker again.";
    default:
        return "";
    }
}

int store_fail_sql(struct store *store, struct store_error *ret_error, const char *doing)
{
    int code = store_errno(store);
    int primary = primary_code(store);
    bool shows_os = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN;
    int os = shows_os ? os_errno(store) : 0;
    shows_os = os > 0;
    return store_fail(ret_error, code, "The store %s failed while %s: %s%s%s. %s", store->path,
                      doing, sqlite3_errmsg(store->db), shows_os ? ": " : "",
                      shows_os ? strerror(os) : "", advice(code));
}

int store_fail_damaged(struct store *store, struct store_error *ret_error, const char *table,
                       int64_t rowid)
{
    return store_fail(ret_error, -EBADMSG,
                      "The store %s is damaged: row %lld of table %s is not "
                      "what was written. %s",
                      store->path, (long long)rowid, table, advice(-EBADMSG));
}

/* ---- statements ----------------------------------------------------------------------------- */

void store_release(struct store *store)
{
    for (size_t i = 0; i < sizeof store->reading / sizeof *store->reading; i++) {
        if (store->reading[i])
            sqlite3_reset(store->reading[i]);
        store->reading[i] = NULL;
    }
}

static void bind(sqlite3_stmt *statement, const struct value *values, int n)
{
    for (int i = 0; i < n; i++) {
        const struct value *v = &values[i];
        int r = SQLITE_OK;
        if (v->type == VALUE_NUMBER)
            r = sqlite3_bind_int64(statement, i + 1, v->number);
        else if (v->type == VALUE_BLOB) /* never NULL: the columns do not take it */
            r = sqlite3_bind_blob64(statement, i + 1,
                                    v->blob.size > 0 ? (const void *)v->blob.data : "",
                                    v->blob.size, SQLITE_STATIC);
        else
            r = sqlite3_bind_null(statement, i + 1);
        MUST(r == SQLITE_OK || r == SQLITE_TOOBIG || r == SQLITE_NOMEM);
    }
}

sqlite3_stmt *store_select(struct store *store, enum statement which, const struct value *values,
                           int n)
{
    sqlite3_stmt *statement = store->statements[which];
    sqlite3_reset(statement);
    bind(statement, values, n);
    return statement;
}

int store_run(struct store *store, enum statement which, const struct value *values, int n)
{
    sqlite3_stmt *statement = store_select(store, which, values, n);
    int r;
    do
        r = sqlite3_step(statement);
    while (r == SQLITE_ROW);
    sqlite3_reset(statement);
    return r == SQLITE_DONE ? 0 : r;
}

static uint32_t sum_number(uint32_t crc, int64_t n)
{
    uint8_t bytes[8];
    pack_fixed64(bytes, (uint64_t)n);
    return crc32c(crc, bytes, sizeof bytes);
}

static uint32_t sum_blob(uint32_t crc, struct bytes bytes)
{
    crc = sum_number(crc, (int64_t)bytes.size);
    return bytes.size > 0 ? crc32c(crc, bytes.data, bytes.size) : crc;
}

uint32_t store_sum(const struct value *values, int n)
{
    uint32_t crc = 0;
    for (int i = 0; i < n; i++)
        crc = values[i].type == VALUE_BLOB ? sum_blob(crc, values[i].blob)
                                           : sum_number(crc, values[i].number);
    return crc;
}

int store_put(struct store *store, enum statement which, const struct value *values, int n)
{
    enum { VALUES_MAX = 16 };
    struct value all[VALUES_MAX];
    MUST(n < VALUES_MAX);
    if (n > 0)
        memcpy(all, values, (size_t)n * sizeof *all);
    all[n] = number(store_sum(values, n));
    return store_run(store, which, all, n + 1);
}

bool store_row_is_sound(sqlite3_stmt *row, int n)
{
    uint32_t crc = 0;
    for (int i = 0; i < n; i++)
        crc = sqlite3_column_type(row, i) == SQLITE_BLOB
                  ? sum_blob(crc, store_column(row, i))
                  : sum_number(crc, sqlite3_column_int64(row, i));
    return sqlite3_column_type(row, n) == SQLITE_INTEGER && sqlite3_column_int64(row, n) == crc;
}

struct bytes store_column(sqlite3_stmt *row, int column)
{
    const void *data = sqlite3_column_blob(row, column);
    int size = sqlite3_column_bytes(row, column);
    return data && size > 0 ? bytes_of(data, (size_t)size) : (struct bytes){0};
}

int store_begin(struct store *store)
{
    return store_run(store, STMT_BEGIN, NULL, 0);
}

int store_end(struct store *store)
{
    return store_run(store, STMT_COMMIT, NULL, 0);
}

void store_undo(struct store *store)
{
    if (!sqlite3_get_autocommit(store->db))
        (void)store_run(store, STMT_ROLLBACK, NULL, 0);
}
