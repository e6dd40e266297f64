/*
 * leftover.c -- one spawner per spool directory, and the end of what a dead one left.
 *
 * A spawner that loses its agent ends its trees by itself; this is for the case that the spawner
 * was killed too. Its note holds its cookie and its control group. Processes are told by the cookie
 * in their environment alone, never by a number from the note.
 */
#include "leftover.h"

#include "base/fs.h"
#include "base/time.h"
#include "cgroup.h"
#include "environ.h"
#include "procfs.h"
#include "tree.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POLL_MS = 20, NOTE_MAX = 8192, COOKIE_MIN = 8 };

static int path_in(struct buffer *path, const char *spool_dir, const char *name)
{
    buffer_init(path, 0);
    return fs_join(path, spool_dir, name);
}

int leftover_lock(const char *spool_dir, int wait_ms)
{
    struct buffer path;
    int fd = path_in(&path, spool_dir, "spawner.lock");
    muster_time until = time_boot_ns() + wait_ms * MUSTER_MS;
    while (fd >= 0) {
        fd = fs_lock(buffer_str(&path));
        if (fd != -EWOULDBLOCK || time_boot_ns() >= until)
            break;
        poll(NULL, 0, POLL_MS);
        fd = 0;
    }
    buffer_done(&path);
    return fd;
}

/* One look at all processes: SIGKILL to those that carry the cookie. Returns how many they were. */
static int kill_marked(const char *cookie)
{
    struct procfs_walk walk;
    int seen = 0, error = procfs_walk_open(&walk);
    if (error < 0)
        return error;
    size_t size = strlen(cookie);
    struct procfs_stat stat;
    while (procfs_walk_next(&walk, &stat)) {
        char found[TREE_COOKIE_MAX];
        if (stat.pid == getpid() || stat.state == 'Z' ||
            procfs_environ(stat.pid, ENVIRON_COOKIE, found, sizeof found) < 0 ||
            strncmp(found, cookie, size) != 0 || found[size] != '.')
            continue;
        /* This process may itself run below one of that spawner's commands. */
        if (procfs_is_ancestor(stat.pid, getpid()))
            continue;
        seen++;
        procfs_signal(&stat, SIGKILL);
    }
    procfs_walk_close(&walk);
    return seen;
}

static bool is_cookie(const char *text)
{
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++) {
        if (!isxdigit((unsigned char)text[i]))
            return false;
    }
    return size >= COOKIE_MIN;
}

static int end_marked(const char *cookie, int wait_ms)
{
    muster_time until = time_boot_ns() + wait_ms * MUSTER_MS;
    int most = 0;
    for (;;) {
        int seen = kill_marked(cookie);
        if (seen <= 0)
            return seen < 0 ? seen : most;
        if (seen > most)
            most = seen;
        if (time_boot_ns() >= until)
            return -EBUSY;
        poll(NULL, 0, POLL_MS);
    }
}

int leftover_end(const char *spool_dir, int wait_ms)
{
    struct buffer path, note;
    buffer_init(&note, 0);
    int result = path_in(&path, spool_dir, "spawner.note");
    if (result == 0)
        result = fs_read_file(buffer_str(&path), NOTE_MAX, &note);
    if (result == -ENOENT)
        result = 0;
    if (result == 0 && note.size > 0) {
        char *rest = NULL;
        const char *cookie = strtok_r((char *)note.data, "\n", &rest);
        const char *group = strtok_r(NULL, "\n", &rest);
        int killed = 0;
        if (group)
            killed = cgroup_root_end_leftover(group, wait_ms);
        if (cookie && is_cookie(cookie))
            result = end_marked(cookie, wait_ms);
        if (killed == -EBUSY)
            result = -EBUSY;
        else if (killed > 0 && result >= 0)
            result += killed;
    }
    buffer_done(&note);
    buffer_done(&path);
    return result;
}

int leftover_note(const char *spool_dir, const char *cookie, const char *group_path)
{
    struct buffer path, note;
    buffer_init(&note, NOTE_MAX);
    int error = path_in(&path, spool_dir, "spawner.note");
    if (error == 0)
        error = buffer_printf(&note, "%s\n%s\n", cookie, group_path ? group_path : "");
    if (error == 0)
        error = fs_write_file_atomic(buffer_str(&path), note.data, note.size, 0600);
    buffer_done(&note);
    buffer_done(&path);
    return error;
}

void leftover_forget(const char *spool_dir)
{
    struct buffer path;
    if (path_in(&path, spool_dir, "spawner.note") == 0)
        unlink(buffer_str(&path));
    buffer_done(&path);
}
