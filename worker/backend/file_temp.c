/*
 * file_temp.c -- temporary files that survive a crash only for a while.
 *
 * Protocol: the name of an inode may be removed only by who holds its lock and has then seen that
 * the name still belongs to this inode. A creator that was overtaken between creating and locking
 * sees that by the same look, and begins again.
 */
#include "file_temp.h"

#include "base/fs.h"
#include "base/time.h"
#include "hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PLACES = 64, OVERTAKEN_MAX = 100 };

static const int64_t old_ns = 24 * 3600 * MUSTER_S;

static bool is_named(int directory, const char *name, const struct stat *of)
{
    struct stat named;
    return fstatat(directory, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           named.st_ino == of->st_ino && named.st_dev == of->st_dev;
}

static bool is_lockless(int error)
{
    return error == ENOLCK || error == EOPNOTSUPP || error == ENOSYS || error == EINVAL;
}

static bool is_old(const struct stat *status)
{
    int64_t changed = (int64_t)status->st_mtim.tv_sec * MUSTER_S + (int64_t)status->st_mtim.tv_nsec;
    return time_wall_ns() - changed > old_ns;
}

/* Removes what a dead owner left under this name; `only_old`: it also has to be old. True when the
 * name is free now. */
static bool remove_dead(int directory, const char *name, bool only_old)
{
    int fd = openat(directory, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status;
    if (fd < 0)
        return errno == ENOENT;
    bool is_free = false;
    if (fstat(fd, &status) == 0 && (!only_old || is_old(&status))) {
        bool is_mine = flock(fd, LOCK_EX | LOCK_NB) == 0 || (is_lockless(errno) && is_old(&status));
        if (is_mine && is_named(directory, name, &status))
            is_free = unlinkat(directory, name, 0) == 0;
    }
    fs_close(fd);
    return is_free;
}

/* 0, -EEXIST when the place is taken, -EAGAIN when overtaken, or -errno. */
static int create_here(struct file_temp *temp)
{
    struct stat status;
    temp->fd = openat(temp->directory, temp->name,
                      O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (temp->fd < 0)
        return -errno;
    if (flock(temp->fd, LOCK_EX | LOCK_NB) < 0 && !is_lockless(errno)) {
        temp->fd = fs_close(temp->fd);
        return -EAGAIN;
    }
    if (fstat(temp->fd, &status) < 0 || !is_named(temp->directory, temp->name, &status)) {
        temp->fd = fs_close(temp->fd);
        return -EAGAIN;
    }
    return 0;
}

static int name_prefix(struct bytes target, char *text, size_t size)
{
    struct hash hash;
    uint8_t digest[HASH_BYTES];
    char hex[HASH_HEX_MAX];
    int error = hash_begin(&hash);
    if (error < 0)
        return error;
    hash_add(&hash, target.data, target.size);
    hash_end(&hash, digest);
    hash_hex(digest, hex);
    snprintf(text, size, FILE_TEMP_PREFIX "%.24s", hex);
    return 0;
}

int file_temp_create(int directory, struct bytes target, struct file_temp *ret_temp)
{
    char prefix[48];
    int error = name_prefix(target, prefix, sizeof prefix);
    *ret_temp = (struct file_temp){.directory = directory, .fd = -1};
    if (error < 0)
        return error;
    unsigned overtaken = 0;
    for (unsigned place = 0; place < PLACES;) {
        snprintf(ret_temp->name, sizeof ret_temp->name, "%s-%u", prefix, place);
        error = create_here(ret_temp);
        if (error == 0)
            return 0;
        if (error == -EAGAIN && ++overtaken < OVERTAKEN_MAX)
            continue;
        if (error != -EEXIST)
            break;
        if (!remove_dead(directory, ret_temp->name, false) || ++overtaken >= OVERTAKEN_MAX)
            place++;
    }
    ret_temp->name[0] = 0;
    return error == -EEXIST || error == -EAGAIN ? -EBUSY : error;
}

/* Where the file system cannot refuse to replace, a link can; where it has no links either, a look
 * before the rename has to do. */
static int rename_new(int directory, const char *from, const char *to)
{
    if (renameat2(directory, from, directory, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (linkat(directory, from, directory, to, 0) == 0) {
        unlinkat(directory, from, 0);
        return 0;
    }
    if (errno == EEXIST)
        return -EEXIST;
    if (faccessat(directory, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return -EEXIST;
    return renameat(directory, from, directory, to) < 0 ? -errno : 0;
}

int file_temp_publish(struct file_temp *temp, const char *name, bool replace)
{
    int error = 0;
    if (!replace)
        error = rename_new(temp->directory, temp->name, name);
    else if (renameat(temp->directory, temp->name, temp->directory, name) < 0)
        error = -errno;
    if (error < 0)
        return error;
    temp->name[0] = 0;
    /* Some network file systems cannot sync a directory, and need not. */
    if (fsync(temp->directory) < 0 && errno != EINVAL && errno != EBADF)
        return -errno;
    return 0;
}

void file_temp_drop(struct file_temp *temp)
{
    if (temp->name[0])
        unlinkat(temp->directory, temp->name, 0);
    temp->name[0] = 0;
    temp->fd = fs_close(temp->fd);
}

void file_temp_sweep(int directory, const char *name)
{
    if (strncmp(name, FILE_TEMP_PREFIX, sizeof FILE_TEMP_PREFIX - 1) == 0)
        remove_dead(directory, name, true);
}
