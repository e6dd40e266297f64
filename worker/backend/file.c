/*
 * file.c -- backend for file: URLs: a directory whose regular files are the objects.
 *
 *   file:///absolute/directory   file:relative/directory (below the worker's directory); %XX
 * decoded
 *
 * Put and get write a temporary file beside the final one, sync it, rename it, sync the directory.
 * Names are single components, symbolic links are never followed beneath the root. The directory
 * itself must exist unless the caller asks for it: a store whose disk is not mounted is an error,
 * not an empty store.
 */
#include "backend.h"

#include "base/buffer.h"
#include "base/fs.h"
#include "base/text.h"
#include "file_store.h"
#include "file_temp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *file_show(struct bytes name, char text[FILE_SHOWN_MAX])
{
    struct buffer quoted = BUFFER_EMPTY;
    text_append_quoted(&quoted, name, 256);
    snprintf(text, FILE_SHOWN_MAX, "%s", buffer_str(&quoted));
    buffer_done(&quoted);
    return text;
}

const char *file_show_path(const char *path, char text[FILE_SHOWN_MAX])
{
    return file_show(bytes_of_str(path), text);
}

struct file_store *file_store_of(struct backend *backend)
{
    return (struct file_store *)(void *)backend;
}

/* ---- open ---- */

/* Decodes %XX in place; false when an escape is malformed or makes a NUL. */
static bool decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        char digits[3] = {from[1], from[1] ? from[2] : 0, 0};
        char *end;
        long value = strtol(digits, &end, 16);
        if (end != digits + 2 || digits[0] == '+' || digits[0] == '-' || digits[0] == ' ' ||
            value == 0)
            return false;
        *to++ = (char)value;
        from += 2;
    }
    *to = 0;
    return true;
}

/* The path part of the URL, not decoded; NULL when the authority is another host's. */
static const char *path_of(const char *url)
{
    const char *path = strchr(url, ':') + 1;
    if (strncmp(path, "//", 2) != 0)
        return path;
    path += 2;
    if (strncmp(path, "localhost/", 10) == 0)
        path += 9;
    return path[0] == '/' ? path : NULL;
}

static int open_store(const char *url, const char *workdir, struct backend **ret_backend,
                      struct backend_error *ret_error)
{
    const char *path = path_of(url);
    char shown[256];
    if (!path || !path[0])
        return backend_fail(ret_error, BACKEND_GENERIC, BACKEND_FATAL,
                            "%s: a file: URL is file:///absolute/directory or "
                            "file:relative/directory",
                            backend_url_redacted(url, shown, sizeof shown));
    struct file_store *store = calloc(1, sizeof *store);
    struct buffer root = BUFFER_EMPTY;
    char *decoded = strdup(path);
    int error = store && decoded ? 0 : -ENOMEM;
    if (error == 0 && !decode(decoded))
        error = -EINVAL;
    if (error == 0)
        error = decoded[0] == '/' ? buffer_append_str(&root, decoded)
                                  : fs_join(&root, workdir, decoded);
    free(decoded);
    char *taken = error == 0 ? buffer_take(&root) : NULL;
    buffer_done(&root);
    if (!taken) {
        free(store);
        if (error == -EINVAL)
            return backend_fail(ret_error, BACKEND_GENERIC, BACKEND_FATAL,
                                "%s: a %% is followed by two hexadecimal digits, not 00", url);
        return backend_fail_errno(ret_error, ENOMEM, "%s", url);
    }
    store->root = taken;
    *ret_backend = &store->backend;
    return 0;
}

static void close_store(struct backend *backend)
{
    struct file_store *store = file_store_of(backend);
    free(store->root);
    free(store);
}

int file_open_root(const struct file_store *store, bool make, int *ret_fd,
                   struct backend_error *ret_error)
{
    char shown[FILE_SHOWN_MAX];
    if (make) {
        int error = fs_mkdir_p(store->root, 0777);
        if (error < 0)
            return backend_fail_errno(ret_error, -error, "cannot make the directory %s",
                                      file_show_path(store->root, shown));
        fs_sync_parent(store->root);
    }
    *ret_fd = open(store->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*ret_fd < 0 && errno == ENOENT)
        return backend_fail(ret_error, BACKEND_NOT_FOUND, BACKEND_FATAL,
                            "the store's directory %s does not exist (is its disk mounted? put "
                            "takes mkdir=true to make it)",
                            file_show_path(store->root, shown));
    if (*ret_fd < 0)
        return backend_fail_errno(ret_error, errno, "cannot open the store's directory %s",
                                  file_show_path(store->root, shown));
    return 0;
}

/* ---- objects ---- */

/* The kernel refuses links and anything above the root; older ones at least the link itself. */
static int open_beneath(int root, const char *name)
{
    struct open_how how = {.flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                           .resolve =
                               RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    long fd = syscall(SYS_openat2, root, name, &how, sizeof how);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        fd = openat(root, name, (int)how.flags);
    return fd < 0 ? -errno : (int)fd;
}

int file_check_regular(int fd, const char *shown, struct stat *ret_status,
                       struct backend_error *ret_error)
{
    if (fstat(fd, ret_status) < 0)
        return backend_fail_errno(ret_error, errno, "cannot look at %s", shown);
    if (S_ISDIR(ret_status->st_mode))
        return backend_fail(ret_error, BACKEND_GENERIC, BACKEND_NO_RETRY,
                            "%s is a directory, not a file", shown);
    if (!S_ISREG(ret_status->st_mode))
        return backend_fail(ret_error, BACKEND_GENERIC, BACKEND_NO_RETRY,
                            "%s is not a regular file", shown);
    return 0;
}

/* An object for reading. *ret_fd is -1 when it is absent. */
int file_open_object(int root, const char *name, int *ret_fd, struct stat *ret_status,
                     struct backend_error *ret_error)
{
    char shown[FILE_SHOWN_MAX];
    file_show_path(name, shown);
    *ret_fd = open_beneath(root, name);
    if (*ret_fd == -ENOENT) {
        *ret_fd = -1;
        return 0;
    }
    if (*ret_fd == -ELOOP)
        return backend_fail(ret_error, BACKEND_PERMISSION, BACKEND_NO_RETRY,
                            "%s is a symbolic link: links in a store are not followed", shown);
    if (*ret_fd < 0)
        return backend_fail_errno(ret_error, -*ret_fd, "cannot open %s", shown);
    int result = file_check_regular(*ret_fd, shown, ret_status, ret_error);
    if (result < 0)
        *ret_fd = fs_close(*ret_fd);
    return result;
}

char *file_name(struct bytes name, char text[BACKEND_NAME_MAX + 1])
{
    /* Checked by backend.c. */
    memcpy(text, name.data, name.size);
    text[name.size] = 0;
    return text;
}

/* ---- list, delete, query ---- */

struct names {
    char **items; /* owned */
    size_t count, capacity;
};

static void names_done(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
}

static int names_add(struct names *names, const char *name)
{
    if (names->count == names->capacity) {
        size_t capacity = names->capacity ? names->capacity * 2 : 256;
        char **items = realloc(names->items, capacity * sizeof *items);
        if (!items)
            return -ENOMEM;
        names->items = items;
        names->capacity = capacity;
    }
    names->items[names->count] = strdup(name);
    return names->items[names->count] ? (names->count++, 0) : -ENOMEM;
}

static int compare_names(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;
    return strcmp(*left, *right);
}

/* All names that may be listed, in order. 0 or -errno. */
static int read_names(int root, struct bytes prefix, struct bytes after, struct names *names)
{
    int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (!entries) {
        int error = -errno;
        fs_close(fd);
        return error;
    }
    int error = 0;
    for (struct dirent *entry; error == 0 && (errno = 0, entry = readdir(entries));) {
        struct bytes name = bytes_of_str(entry->d_name);
        if (entry->d_name[0] == '.')
            file_temp_sweep(root, entry->d_name);
        else if (bytes_starts_with(name, prefix) && bytes_compare(name, after) > 0)
            error = names_add(names, entry->d_name);
    }
    if (error == 0)
        error = -errno;
    closedir(entries);
    if (error == 0 && names->count > 0)
        qsort(names->items, names->count, sizeof *names->items, compare_names);
    return error;
}

static void describe(const char *name, const struct stat *status, struct backend_object *object)
{
    *object = (struct backend_object){.name = bytes_of_str(name),
                                      .size = status->st_size,
                                      .mtime_wall_ns = (int64_t)status->st_mtim.tv_sec * MUSTER_S +
                                                       (int64_t)status->st_mtim.tv_nsec};
}

static int list_objects(struct backend *backend, struct bytes prefix, struct bytes after,
                        backend_list_fn *each, void *ctx, struct backend_error *ret_error)
{
    struct file_store *store = file_store_of(backend);
    struct names names = {.items = NULL};
    char shown[FILE_SHOWN_MAX];
    int root;
    if (file_open_root(store, false, &root, ret_error) < 0)
        return -1;
    int error = read_names(root, prefix, after, &names), result = 0;
    if (error < 0)
        result = backend_fail_errno(ret_error, -error, "cannot list %s",
                                    file_show_path(store->root, shown));
    for (size_t i = 0; result == 0 && i < names.count; i++) {
        struct stat status;
        struct backend_object object;
        if (fstatat(root, names.items[i], &status, AT_SYMLINK_NOFOLLOW) < 0) {
            /* It may have gone since. */
            if (errno != ENOENT)
                result = backend_fail_errno(ret_error, errno, "cannot look at %s",
                                            file_show_path(names.items[i], shown));
            continue;
        }
        if (!S_ISREG(status.st_mode))
            continue;
        describe(names.items[i], &status, &object);
        if (!each(ctx, &object))
            break;
    }
    names_done(&names);
    fs_close(root);
    return result;
}

static int delete_object(struct backend *backend, struct bytes name, bool *ret_already,
                         struct backend_error *ret_error)
{
    char text[BACKEND_NAME_MAX + 1], shown[FILE_SHOWN_MAX];
    struct stat status;
    int root, result = 0;
    if (file_open_root(file_store_of(backend), false, &root, ret_error) < 0)
        return -1;
    file_name(name, text);
    *ret_already = false;
    if (fstatat(root, text, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode))
        result = backend_fail(ret_error, BACKEND_GENERIC, BACKEND_NO_RETRY,
                              "%s is a directory, not an object", file_show(name, shown));
    else if (unlinkat(root, text, 0) < 0 && !(*ret_already = errno == ENOENT))
        result = backend_fail_errno(ret_error, errno, "cannot delete %s", file_show(name, shown));
    fs_close(root);
    return result;
}

static int query_object(struct backend *backend, struct bytes name,
                        struct backend_object *ret_object, struct backend_error *ret_error)
{
    char text[BACKEND_NAME_MAX + 1], shown[FILE_SHOWN_MAX];
    struct stat status;
    int root, result = 0;
    if (file_open_root(file_store_of(backend), false, &root, ret_error) < 0)
        return -1;
    file_name(name, text);
    if (fstatat(root, text, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        describe(text, &status, ret_object);
        if (!S_ISREG(status.st_mode))
            ret_object->size = BACKEND_SIZE_UNKNOWN;
    } else if (errno == ENOENT) {
        *ret_object = (struct backend_object){.size = BACKEND_SIZE_ABSENT};
    } else {
        result = backend_fail_errno(ret_error, errno, "cannot look at %s", file_show(name, shown));
    }
    fs_close(root);
    ret_object->name = name;
    return result;
}

static int sync_store(struct backend *backend, struct backend_error *ret_error)
{
    struct file_store *store = file_store_of(backend);
    char shown[FILE_SHOWN_MAX];
    int error = fs_sync_dir(store->root);
    if (error < 0 && error != -EINVAL)
        return backend_fail_errno(ret_error, -error, "cannot sync %s",
                                  file_show_path(store->root, shown));
    return 0;
}

static const char *const schemes[] = {"file", NULL};

const struct backend_ops backend_file_ops = {.schemes = schemes,
                                             .open = open_store,
                                             .close = close_store,
                                             .put = file_put,
                                             .get = file_get,
                                             .list = list_objects,
                                             .del = delete_object,
                                             .query = query_object,
                                             .sync = sync_store};
