/*
 * procfs.c -- reads /proc.
 *
 * Every answer may be out of date when it arrives: callers compare start times before they act on
 * a process that is not their own child.
 */
#include "procfs.h"

#include "base/fs.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ENVIRON_MAX = 4 * 1024 * 1024 };

/* A short file as text: its size or -errno. */
static ssize_t read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t got = read(fd, text, size - 1);
    if (got < 0)
        got = -errno;
    else
        text[got] = 0;
    close(fd);
    return got;
}

int procfs_stat(pid_t pid, struct procfs_stat *ret_stat)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    ssize_t size = read_text(path, text, sizeof text);
    if (size < 0)
        return (int)size;
    /* The name in parentheses may hold anything, parentheses too. */
    const char *rest = strrchr(text, ')');
    int parent, group, session;
    char state;
    struct procfs_stat stat = {.pid = pid};
    if (!rest || sscanf(rest + 1,
                        " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d"
                        " %" SCNu64,
                        &state, &parent, &group, &session, &stat.start_time) != 5)
        return -EIO;
    stat.state = state;
    stat.parent = parent;
    stat.group = group;
    stat.session = session;
    *ret_stat = stat;
    return 0;
}

int procfs_walk_open(struct procfs_walk *ret_walk)
{
    ret_walk->directory = opendir("/proc");
    return ret_walk->directory ? 0 : -errno;
}

bool procfs_walk_next(struct procfs_walk *walk, struct procfs_stat *ret_stat)
{
    for (struct dirent *entry; (entry = readdir(walk->directory));) {
        if (isdigit((unsigned char)entry->d_name[0]) &&
            procfs_stat((pid_t)strtol(entry->d_name, NULL, 10), ret_stat) == 0)
            return true;
    }
    return false;
}

void procfs_walk_close(struct procfs_walk *walk)
{
    closedir(walk->directory);
}

int procfs_open_children(void)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

size_t procfs_children_next(struct procfs_children *children, pid_t ret_pids[PROCFS_CHILDREN_MAX])
{
    enum { NUMBER_MAX = 16 };
    size_t count = 0;
    while (count == 0 && !children->is_over) {
        size_t want = sizeof children->block - 1 - children->rest;
        ssize_t got = pread(children->fd, children->block + children->rest, want, children->at);
        /* The kernel fills the block as long as the next number fits. */
        children->is_over = got < 0 || (size_t)got + NUMBER_MAX < want;
        if (got <= 0)
            break;
        children->at += got;
        char *at = children->block, *end = at + children->rest + (size_t)got;
        for (char *space; at < end && (space = memchr(at, ' ', (size_t)(end - at)));) {
            *space = 0;
            if (space > at)
                ret_pids[count++] = (pid_t)strtol(at, NULL, 10);
            at = space + 1;
        }
        children->rest = (size_t)(end - at);
        memmove(children->block, at, children->rest);
    }
    return count;
}

int procfs_environ(pid_t pid, const char *name, char *ret_value, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    struct buffer text;
    buffer_init(&text, ENVIRON_MAX);
    int error = fs_read_file(path, ENVIRON_MAX - 1, &text);
    size_t name_size = strlen(name);
    const char *found = NULL;
    for (size_t at = 0; error == 0 && !found && at < text.size;) {
        const char *entry = (const char *)text.data + at;
        if (strncmp(entry, name, name_size) == 0 && entry[name_size] == '=')
            found = entry + name_size + 1;
        at += strlen(entry) + 1;
    }
    if (error == 0 && !found)
        error = -ENOENT;
    if (error == 0 && strlen(found) >= size)
        error = -E2BIG;
    if (error == 0)
        memcpy(ret_value, found, strlen(found) + 1);
    buffer_done(&text);
    return error;
}

uint64_t procfs_io_bytes(pid_t pid)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/io", (int)pid);
    uint64_t got, put;
    if (read_text(path, text, sizeof text) < 0 ||
        sscanf(text, "rchar: %" SCNu64 " wchar: %" SCNu64, &got, &put) != 2)
        return 0;
    return got + put;
}

int procfs_signal(const struct procfs_stat *stat, int signal_number)
{
    int fd = (int)syscall(SYS_pidfd_open, stat->pid, 0);
    if (fd < 0)
        return -errno;
    struct procfs_stat now;
    int error = procfs_stat(stat->pid, &now);
    if (error == 0 && now.start_time != stat->start_time)
        error = -ESRCH;
    if (error == 0 && syscall(SYS_pidfd_send_signal, fd, signal_number, NULL, 0) < 0)
        error = -errno;
    close(fd);
    return error;
}

bool procfs_is_ancestor(pid_t ancestor, pid_t pid)
{
    enum { DEPTH_MAX = 1024 };
    struct procfs_stat stat = {.parent = pid};
    for (int i = 0; i < DEPTH_MAX && stat.parent > 1; i++) {
        if (procfs_stat(stat.parent, &stat) < 0)
            return false;
        if (stat.parent == ancestor)
            return true;
    }
    return false;
}
