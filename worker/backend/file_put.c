/*
 * file_put.c -- stores a file as an object of a file: store.
 *
 * open source → same object there already? → temporary file, copied and hashed → source unchanged?
 * → sync → read back and compared → renamed, directory synced. Until the rename the final name has
 * its old content or none; a put that dies leaves a temporary file at most.
 */
#include "file_store.h"

#include "base/fs.h"
#include "file_copy.h"
#include "file_temp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const int64_t sweep_every_ns = 3600 * MUSTER_S;

struct putting {
    const struct backend_put *put;
    struct backend_transfer *transfer;
    int root, source;
    struct stat before;
    struct file_temp temp;
    char name[BACKEND_NAME_MAX + 1];
    char shown_source[FILE_SHOWN_MAX], shown_name[FILE_SHOWN_MAX];
};

static int open_source(struct putting *putting, struct backend_error *ret_error)
{
    const char *local = putting->put->local;
    putting->source = open(local, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (putting->source < 0 && errno == ENOENT)
        return backend_fail(ret_error, BACKEND_NOT_FOUND, BACKEND_NO_RETRY,
                            "the source %s does not exist", putting->shown_source);
    if (putting->source < 0)
        return backend_fail_errno(ret_error, errno, "cannot open the source %s",
                                  putting->shown_source);
    return file_check_regular(putting->source, putting->shown_source, &putting->before, ret_error);
}

static void succeed(struct putting *putting, const struct file_content *content, bool is_already,
                    bool is_verified)
{
    putting->transfer->bytes = content->bytes;
    memcpy(putting->transfer->sha256, content->sha256, sizeof content->sha256);
    putting->transfer->is_already = is_already;
    putting->transfer->is_verified = is_verified;
}

/* Is there an object of this name, and is it the same? `content` is the source's when it is known
 * already. 1: success already; 0: go on; -1: refused. */
static int compare_existing(struct putting *putting, const struct file_content *content,
                            struct backend_error *ret_error)
{
    struct stat status;
    struct file_content there, here;
    int fd;
    if (file_open_object(putting->root, putting->name, &fd, &status, ret_error) < 0)
        return -1;
    if (fd < 0)
        return 0;
    int result = 0;
    if (putting->put->unlink_source && status.st_ino == putting->before.st_ino &&
        status.st_dev == putting->before.st_dev) {
        result = backend_fail(ret_error, BACKEND_GENERIC, BACKEND_NO_RETRY,
                              "%s and the object %s are the same file: there is nothing to move",
                              putting->shown_source, putting->shown_name);
    } else if (status.st_size == putting->before.st_size) {
        result = file_hash(fd, putting->shown_name, &there, ret_error);
        if (result == 0 && !content) {
            content = &here;
            result = file_hash(putting->source, putting->shown_source, &here, ret_error);
            if (result == 0)
                result = file_check_unchanged(putting->source, putting->shown_source,
                                              &putting->before, here.bytes, ret_error);
        }
        if (result == 0 && file_content_equal(&there, content)) {
            succeed(putting, content, true, true);
            result = 1;
        }
    }
    if (result == 0 && !putting->put->overwrite)
        result = backend_fail(ret_error, BACKEND_GENERIC, BACKEND_NO_RETRY,
                              "the object %s exists with other content (%lld bytes, the source %s "
                              "has %lld); overwrite=true replaces it",
                              putting->shown_name, (long long)status.st_size, putting->shown_source,
                              (long long)putting->before.st_size);
    fs_close(fd);
    return result;
}

static int verify(struct putting *putting, const struct file_content *content,
                  struct backend_error *ret_error)
{
    struct file_content stored;
    /* What is still in the cache proves less. */
    posix_fadvise(putting->temp.fd, 0, 0, POSIX_FADV_DONTNEED);
    if (file_hash(putting->temp.fd, putting->shown_name, &stored, ret_error) < 0)
        return -1;
    if (!file_content_equal(&stored, content))
        return backend_fail(ret_error, BACKEND_VALIDATION, BACKEND_RETRY,
                            "what was stored for %s (%llu bytes) differs from the source %s (%llu "
                            "bytes); it was removed",
                            putting->shown_name, (unsigned long long)stored.bytes,
                            putting->shown_source, (unsigned long long)content->bytes);
    return 0;
}

static int publish(struct putting *putting, const struct file_content *content,
                   struct backend_error *ret_error)
{
    int error = file_temp_publish(&putting->temp, putting->name, putting->put->overwrite);
    if (error == -EEXIST) {
        /* Somebody else was faster with this name. */
        int same = compare_existing(putting, content, ret_error);
        return same == 1 ? 0 : -1;
    }
    if (error < 0)
        return backend_fail_errno(ret_error, -error, "cannot give %s its name",
                                  putting->shown_name);
    succeed(putting, content, false, putting->put->validate);
    return 0;
}

static int store_content(struct putting *putting, struct backend_error *ret_error)
{
    struct file_content content;
    int error = file_temp_create(putting->root, putting->put->remote, &putting->temp);
    if (error < 0)
        return backend_fail_errno(ret_error, -error, "cannot create a file for %s",
                                  putting->shown_name);
    if (file_copy(putting->source, putting->shown_source, putting->temp.fd, putting->shown_name,
                  &content, ret_error) < 0 ||
        file_check_unchanged(putting->source, putting->shown_source, &putting->before,
                             content.bytes, ret_error) < 0)
        return -1;
    if (fsync(putting->temp.fd) < 0)
        return backend_fail_errno(ret_error, errno, "cannot sync %s", putting->shown_name);
    if (putting->put->validate && verify(putting, &content, ret_error) < 0)
        return -1;
    return publish(putting, &content, ret_error);
}

static void sweep(struct file_store *store, int root)
{
    muster_time now = time_boot_ns();
    if (store->swept_at != 0 && now - store->swept_at < sweep_every_ns)
        return;
    store->swept_at = now;
    int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (!entries) {
        fs_close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(entries));)
        file_temp_sweep(root, entry->d_name);
    closedir(entries);
}

int file_put(struct backend *backend, const struct backend_put *put,
             struct backend_transfer *ret_transfer, struct backend_error *ret_error)
{
    struct putting putting = {
        .put = put, .transfer = ret_transfer, .root = -1, .source = -1, .temp = {.fd = -1}};
    file_show_path(put->local, putting.shown_source);
    file_show(put->remote, putting.shown_name);
    file_name(put->remote, putting.name);
    int result = open_source(&putting, ret_error);
    if (result == 0)
        result = file_open_root(file_store_of(backend), put->mkdir, &putting.root, ret_error);
    if (result == 0) {
        sweep(file_store_of(backend), putting.root);
        result = compare_existing(&putting, NULL, ret_error);
    }
    if (result == 0)
        result = store_content(&putting, ret_error);
    file_temp_drop(&putting.temp);
    fs_close(putting.root);
    fs_close(putting.source);
    return result < 0 ? -1 : 0;
}
