/* Files for the shells. Whatever is to be durable here is synced including its directory. */
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

int fs_close(int fd)
{
    if (fd >= 0) {
        int saved = errno;
        close(fd);
        errno = saved;
    }
    return -1;
}

int fs_write_all(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;
    while (size > 0) {
        ssize_t n = write(fd, at, size);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

ssize_t fs_read_all(int fd, void *data, size_t size)
{
    uint8_t *at = data;
    size_t done = 0;
    while (done < size) {
        ssize_t n = read(fd, at + done, size - done);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

int fs_read_file(const char *path, size_t size_max, struct buffer *buffer)
{
    enum { STEP = 16384 };
    uint8_t part[STEP];
    size_t left = size_max;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    int r;
    for (;;) {
        ssize_t n = fs_read_all(fd, part, sizeof part);
        r = n < 0 ? (int)n : (size_t)n > left ? -EFBIG : buffer_append(buffer, part, (size_t)n);
        if (r < 0 || n < STEP)
            break;
        left -= (size_t)n;
    }
    fs_close(fd);
    return r;
}

/* Writes the content to the open temporary file and closes it; the error of close counts too. */
static int fill(int fd, const void *data, size_t size, mode_t mode)
{
    int r = fs_write_all(fd, data, size);
    if (r == 0 && fchmod(fd, mode) < 0)
        r = -errno;
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (close(fd) < 0 && r == 0)
        r = -errno;
    return r;
}

int fs_write_file_atomic(const char *path, const void *data, size_t size, mode_t mode)
{
    char *temporary = NULL;
    if (asprintf(&temporary, "%s.tmp-XXXXXX", path) < 0)
        return -ENOMEM;
    int fd = mkostemp(temporary, O_CLOEXEC);
    int r = fd < 0 ? -errno : fill(fd, data, size, mode);
    if (r == 0 && rename(temporary, path) < 0)
        r = -errno;
    if (r < 0 && fd >= 0)
        unlink(temporary);
    free(temporary);
    return r < 0 ? r : fs_sync_parent(path);
}

int fs_mkdir_p(const char *path, mode_t mode)
{
    char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    int r = 0;
    for (char *at = copy; r == 0 && *at != '\0';) {
        at += strspn(at, "/");
        at += strcspn(at, "/");
        char end = *at;
        *at = '\0';
        if (mkdir(copy, mode) < 0 && errno != EEXIST)
            r = -errno;
        *at = end;
    }
    free(copy);
    struct stat st;
    if (r == 0 && stat(path, &st) < 0)
        r = -errno;
    if (r == 0 && !S_ISDIR(st.st_mode))
        r = -ENOTDIR;
    return r;
}

int fs_mkdir_private(const char *path)
{
    int r = fs_mkdir_p(path, 0700);
    if (r < 0)
        return r;
    struct stat st;
    if (lstat(path, &st) < 0)
        return -errno;
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    return st.st_uid == geteuid() && (st.st_mode & 077) == 0 ? 0 : -EPERM;
}

/* The name still leads to the locked file: nobody removed it between open and lock. */
static bool is_same_file(int fd, const char *path)
{
    struct stat mine;
    struct stat named;
    return fstat(fd, &mine) == 0 && stat(path, &named) == 0 && mine.st_dev == named.st_dev &&
           mine.st_ino == named.st_ino;
}

int fs_lock(const char *path)
{
    enum { TRIES = 100 };
    for (int i = 0; i < TRIES; i++) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
        if (fd < 0)
            return -errno;
        int r = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
        if (r == 0 && is_same_file(fd, path)) {
            /* For people only: a failure to write it changes nothing. */
            char pid[24];
            int n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
            if (ftruncate(fd, 0) == 0)
                (void)fs_write_all(fd, pid, (size_t)n);
            return fd;
        }
        fs_close(fd);
        if (r < 0 && r != -EINTR)
            return r;
    }
    return -EWOULDBLOCK;
}

int fs_sync_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = fsync(fd) < 0 ? -errno : 0;
    fs_close(fd);
    return r;
}

int fs_sync_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return fs_sync_dir(".");
    char *parent = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (!parent)
        return -ENOMEM;
    int r = fs_sync_dir(parent);
    free(parent);
    return r;
}

int fs_free_bytes(const char *path, uint64_t *ret_bytes)
{
    struct statvfs vfs;
    int r;
    do
        r = statvfs(path, &vfs);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return -errno;
    *ret_bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
    return 0;
}

bool fs_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

int fs_join(struct buffer *buffer, const char *dir, const char *name)
{
    size_t size = strlen(dir);
    while (size > 0 && dir[size - 1] == '/')
        size--;
    int r = buffer_append(buffer, dir, size);
    if (r == 0)
        r = buffer_append_char(buffer, '/');
    return r == 0 ? buffer_append_str(buffer, name + strspn(name, "/")) : r;
}
