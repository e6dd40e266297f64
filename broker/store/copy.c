/*
 * copy.c -- a copy of the running store, in one file without a log.
 *
 * It appears under its name only when it is complete and synced. Its log_id is new: whoever has
 * read the store's log would otherwise take what a broker writes to the copy for its continuation
 * (S7).
 */
#include "broker/store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/rand.h"

static int fail_copy(sqlite3 *copy, const char *path, struct store_error *ret_error)
{
    int os = copy ? sqlite3_system_errno(copy) : 0;
    int code = copy ? sqlite3_errcode(copy) & 0xff : SQLITE_NOMEM;
    return store_fail(ret_error,
                      code == SQLITE_FULL    ? -ENOSPC
                      : code == SQLITE_NOMEM ? -ENOMEM
                                             : -EIO,
                      "The copy %s cannot be written: %s%s%s.", path,
                      copy ? sqlite3_errmsg(copy) : "out of memory", os > 0 ? ": " : "",
                      os > 0 ? strerror(os) : "");
}

static int fill_copy(struct store *store, sqlite3 *copy, const char *path,
                     struct store_error *ret_error)
{
    sqlite3_backup *backup = sqlite3_backup_init(copy, "main", store->db, "main");
    if (!backup)
        return fail_copy(copy, path, ret_error);
    int r = sqlite3_backup_step(backup, -1);
    if (sqlite3_backup_finish(backup) != SQLITE_OK || r != SQLITE_DONE)
        return fail_copy(copy, path, ret_error);
    uint64_t log_id = 0;
    while (log_id == 0 || log_id == store->log_id)
        rand_os(&log_id, sizeof log_id);
    const struct value meta[] = {number(1), number_u(log_id), number(store->epoch),
                                 number(store->made_wall_ns)};
    char text[192];
    snprintf(text, sizeof text,
             "PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL;"
             "UPDATE meta SET log_id = %lld, crc = %lld",
             (long long)log_id, (long long)store_sum(meta, 4));
    if (sqlite3_exec(copy, text, NULL, NULL, NULL) != SQLITE_OK)
        return fail_copy(copy, path, ret_error);
    return 0;
}

/* Gives the finished file its name unless something has it by now. */
static int publish(const char *part, const char *path, struct store_error *ret_error)
{
    int r = renameat2(AT_FDCWD, part, AT_FDCWD, path, RENAME_NOREPLACE) < 0 ? -errno : 0;
    if (r == -EINVAL || r == -ENOSYS) /* a file system that cannot look and rename at once */
        r = fs_exists(path) ? -EEXIST : rename(part, path) < 0 ? -errno : 0;
    if (r == 0)
        r = fs_sync_parent(path);
    return r == 0 ? 0
                  : store_fail(ret_error, r, "The copy %s cannot be put in place: %s.", path,
                               strerror(-r));
}

static int make_part(struct store *store, const char *part, const char *path,
                     struct store_error *ret_error)
{
    int fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return store_fail(
            ret_error, -errno,
            "The copy's temporary file %s cannot be made: %s. Remove it if an earlier "
            "copy left it, or name another file.",
            part, strerror(errno));
    fs_close(fd);
    sqlite3 *copy = NULL;
    int r = 0;
    if (sqlite3_open_v2(part, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        r = fail_copy(copy, path, ret_error);
    else
        r = fill_copy(store, copy, path, ret_error);
    sqlite3_close_v2(copy);
    if (r == 0)
        r = publish(part, path, ret_error);
    if (r < 0)
        unlink(part);
    return r;
}

int store_copy(struct store *store, const char *path, struct store_error *ret_error)
{
    store_release(store);
    if (fs_exists(path))
        return store_fail(ret_error, -EEXIST, "There is a file %s already: name another one.",
                          path);
    char *part = NULL;
    if (asprintf(&part, "%s.part", path) < 0)
        return store_fail(ret_error, -ENOMEM, "There is not enough memory to make a copy.");
    int r = make_part(store, part, path, ret_error);
    free(part);
    return r;
}
