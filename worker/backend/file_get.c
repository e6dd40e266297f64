/*
 * file_get.c -- fetches an object of a file: store into a local file, which is replaced at once or
 * not at all.
 */
#include "file_store.h"

#include "base/fs.h"
#include "file_copy.h"
#include "file_temp.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int receive(int object, const struct stat *status, int directory, const char *base,
                   const struct backend_get *get, const char *shown,
                   struct backend_transfer *ret_transfer, struct backend_error *ret_error)
{
    char shown_local[FILE_SHOWN_MAX];
    struct file_temp temp;
    struct file_content content;
    file_show_path(get->local, shown_local);
    int error = file_temp_create(directory, bytes_of_str(base), &temp);
    if (error < 0)
        return backend_fail_errno(ret_error, -error, "cannot create a file for %s", shown_local);
    int result = file_copy(object, shown, temp.fd, shown_local, &content, ret_error);
    if (result == 0)
        result = file_check_unchanged(object, shown, status, content.bytes, ret_error);
    if (result == 0 && get->sha256 && memcmp(get->sha256, content.sha256, BACKEND_HASH_BYTES) != 0)
        result = backend_fail(ret_error, BACKEND_VALIDATION, BACKEND_NO_RETRY,
                              "the object %s (%llu bytes) does not have the expected SHA-256; %s "
                              "was left as it was",
                              shown, (unsigned long long)content.bytes, shown_local);
    if (result == 0 && fsync(temp.fd) < 0)
        result = backend_fail_errno(ret_error, errno, "cannot sync %s", shown_local);
    if (result == 0 && (error = file_temp_publish(&temp, base, true)) < 0)
        result = backend_fail_errno(ret_error, -error, "cannot give %s its name", shown_local);
    file_temp_drop(&temp);
    if (result == 0) {
        ret_transfer->bytes = content.bytes;
        memcpy(ret_transfer->sha256, content.sha256, sizeof content.sha256);
        ret_transfer->is_verified = get->sha256 != NULL;
    }
    return result;
}

static int open_local_directory(const char *local, char *dir_copy, int *ret_fd,
                                struct backend_error *ret_error)
{
    char shown[FILE_SHOWN_MAX];
    *ret_fd = open(dirname(dir_copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*ret_fd < 0)
        return backend_fail_errno(ret_error, errno, "cannot open the directory of %s",
                                  file_show_path(local, shown));
    struct stat status;
    const char *base = strrchr(local, '/') ? strrchr(local, '/') + 1 : local;
    bool is_directory =
        base[0] == 0 || strcmp(base, ".") == 0 || strcmp(base, "..") == 0 ||
        (fstatat(*ret_fd, base, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode));
    if (is_directory) {
        *ret_fd = fs_close(*ret_fd);
        return backend_fail(ret_error, BACKEND_GENERIC, BACKEND_NO_RETRY,
                            "%s is a directory: get needs the name of a file",
                            file_show_path(local, shown));
    }
    return 0;
}

int file_get(struct backend *backend, const struct backend_get *get,
             struct backend_transfer *ret_transfer, struct backend_error *ret_error)
{
    int root = -1, object = -1, directory = -1;
    struct stat status;
    char name[BACKEND_NAME_MAX + 1], shown[FILE_SHOWN_MAX];
    file_show(get->remote, shown);
    char *dir_copy = strdup(get->local);
    int result = dir_copy ? file_open_root(file_store_of(backend), false, &root, ret_error)
                          : backend_fail_errno(ret_error, ENOMEM, "cannot get %s", shown);
    if (result == 0)
        result = file_open_object(root, file_name(get->remote, name), &object, &status, ret_error);
    if (result == 0 && object < 0)
        result = backend_fail(ret_error, BACKEND_NOT_FOUND, BACKEND_NO_RETRY,
                              "there is no object %s in the store", shown);
    if (result == 0)
        result = open_local_directory(get->local, dir_copy, &directory, ret_error);
    if (result == 0) {
        const char *slash = strrchr(get->local, '/');
        result = receive(object, &status, directory, slash ? slash + 1 : get->local, get, shown,
                         ret_transfer, ret_error);
    }
    fs_close(directory);
    fs_close(object);
    fs_close(root);
    free(dir_copy);
    return result;
}
