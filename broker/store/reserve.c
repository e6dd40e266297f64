/*
 * reserve.c -- a file that holds space for the moment when the disk is full.
 *
 * Records of running commands must still be accepted then (S14): the file is removed, the commit is
 * tried once more with its space, and the file is made again when there is room for several of it.
 * A store without a reserve works; it only stops sooner.
 */
#include "broker/store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

/* The file is made when this many of it would fit. */
enum { ROOM_TIMES = 4 };

static bool path_of(const struct store *store, char *path, size_t size)
{
    return snprintf(path, size, "%s/reserve", store->dir) < (int)size;
}

void reserve_restore(struct store *store)
{
    char path[4096];
    struct stat st;
    uint64_t room;
    if (store->reserve_bytes == 0 || store->reserve_is_there || !path_of(store, path, sizeof path))
        return;
    if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
        (uint64_t)st.st_blocks * 512 >= store->reserve_bytes) {
        store->reserve_is_there = true;
        return;
    }
    if (fs_free_bytes(store->dir, &room) < 0 || room / ROOM_TIMES < store->reserve_bytes)
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    int r = posix_fallocate(fd, 0, (off_t)store->reserve_bytes);
    fs_close(fd);
    if (r == 0)
        store->reserve_is_there = true;
    else
        unlink(path);
}

bool reserve_free(struct store *store)
{
    char path[4096];
    if (!path_of(store, path, sizeof path) || unlink(path) < 0)
        return false;
    /* The blocks are free for others only when the file system has written that down. */
    (void)fs_sync_dir(store->dir);
    store->reserve_is_there = false;
    return true;
}
