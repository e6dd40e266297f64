/*
 * cgroup.c -- finds out whether control groups can be used, makes them, kills them.
 *
 * It starts no command and knows no attempt. Limits (memory, pids) are not its business: no
 * controller is enabled, so that a group below one that has processes is allowed. Invariant: every
 * directory that it removes or kills is named muster-* or lies in one.
 */
#include "cgroup.h"

#include "base/fs.h"
#include "base/time.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char prefix[] = "muster-";

/* The path of the process behind "0::" in /proc/PID/cgroup, without the line end; NULL if none. */
static char *own_path(const char *proc_file)
{
    struct buffer text;
    buffer_init(&text, 64 * 1024);
    char *path = NULL;
    if (fs_read_file(proc_file, 64 * 1024, &text) == 0) {
        const char *line = buffer_str(&text);
        while (line && strncmp(line, "0::", 3) != 0) {
            line = strchr(line, '\n');
            line = line ? line + 1 : NULL;
        }
        if (line)
            path = strndup(line + 3, strcspn(line + 3, "\n"));
    }
    buffer_done(&text);
    return path;
}

/* Where the v2 hierarchy is mounted, with its root; NULL if it is not. */
static char *mount_point(void)
{
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    if (!mounts)
        return NULL;
    char *line = NULL, *found = NULL;
    size_t capacity = 0;
    while (!found && getline(&line, &capacity, mounts) > 0) {
        /* ID parent major:minor root mountpoint options [tags] - type source options */
        char *type = strstr(line, " - ");
        char root[512], point[512];
        if (!type || strncmp(type + 3, "cgroup2 ", 8) != 0)
            continue;
        if (sscanf(line, "%*d %*d %*s %511s %511s", root, point) == 2 && strcmp(root, "/") == 0)
            found = strdup(point);
    }
    free(line);
    fclose(mounts);
    return found;
}

/* A child that is born in the group and ends at once. */
static int try_start(int directory)
{
    struct clone_args args = {
        .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (unsigned)directory};
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        for (;;)
            syscall(SYS_exit_group, 0);
    }
    while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return 0;
}

static int try_group(const struct cgroup_root *root)
{
    struct cgroup group;
    int error = cgroup_open(&group, root, "try");
    if (error < 0)
        return error;
    if (faccessat(group.fd, "cgroup.kill", W_OK, 0) < 0)
        error = -errno;
    else
        error = try_start(group.fd);
    cgroup_close(&group, root);
    return error;
}

/* Removes the directories in and below `directory`, those of them that are empty. */
static void remove_below(int directory, int depth)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (!entries) {
        fs_close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        int child = openat(directory, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (child >= 0 && depth < 16)
            remove_below(child, depth + 1);
        fs_close(child);
        unlinkat(directory, entry->d_name, AT_REMOVEDIR);
    }
    closedir(entries);
}

/* Removes the empty groups that spawners have left which are no more: a living one holds the lock
 * of its directory. Those with processes are for the spawner that has their note. */
static void sweep_siblings(const char *parent)
{
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    if (!entries) {
        fs_close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (strncmp(entry->d_name, prefix, sizeof prefix - 1) != 0)
            continue;
        int sibling = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (sibling >= 0 && flock(sibling, LOCK_EX | LOCK_NB) == 0) {
            remove_below(sibling, 0);
            unlinkat(fd, entry->d_name, AT_REMOVEDIR);
        }
        fs_close(sibling);
    }
    closedir(entries);
}

/* Makes the directory and takes its lock. One that is made just now may be swept away before it is
 * locked: then it is made again. */
static int make_root(struct cgroup_root *root)
{
    enum { TRIES = 8 };
    for (int i = 0; i < TRIES; i++) {
        struct stat opened, named;
        if (mkdir(root->path, 0755) < 0)
            return -errno;
        root->fd = open(root->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (root->fd >= 0 && flock(root->fd, LOCK_EX | LOCK_NB) == 0 &&
            fstat(root->fd, &opened) == 0 && stat(root->path, &named) == 0 &&
            opened.st_ino == named.st_ino)
            return 0;
        root->fd = fs_close(root->fd);
    }
    return -EAGAIN;
}

int cgroup_root_open(struct cgroup_root *ret_root, const char *name)
{
    *ret_root = (struct cgroup_root){.fd = -1};
    char *point = mount_point();
    char *own = own_path("/proc/self/cgroup");
    int error = -EOPNOTSUPP;
    if (point && own) {
        char *parent = NULL;
        const char *below = strcmp(own, "/") == 0 ? "" : own;
        if (asprintf(&parent, "%s%s", point, below) < 0)
            parent = NULL;
        if (!parent || asprintf(&ret_root->path, "%s/%s%s", parent, prefix, name) < 0) {
            ret_root->path = NULL;
            error = -ENOMEM;
        } else {
            sweep_siblings(parent);
            error = make_root(ret_root);
        }
        free(parent);
    }
    free(point);
    free(own);
    if (error == 0)
        error = try_group(ret_root);
    if (error < 0)
        cgroup_root_close(ret_root);
    return error;
}

void cgroup_root_close(struct cgroup_root *root)
{
    if (root->path) {
        if (root->fd >= 0)
            remove_below(root->fd, 0);
        rmdir(root->path);
    }
    free(root->path);
    root->path = NULL;
    root->fd = fs_close(root->fd);
}

static bool is_empty(int events_fd)
{
    char text[256];
    ssize_t size = pread(events_fd, text, sizeof text - 1, 0);
    if (size <= 0)
        return true;
    text[size] = 0;
    return strstr(text, "populated 0") != NULL;
}

static int write_kill(int directory)
{
    int fd = openat(directory, "cgroup.kill", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int error = write(fd, "1", 1) == 1 ? 0 : -errno;
    fs_close(fd);
    return error;
}

/* Waits until the group has no process: 0 or -EBUSY. A change of cgroup.events raises POLLPRI. */
static int wait_empty(int events_fd, int wait_ms)
{
    muster_time until = time_boot_ns() + wait_ms * MUSTER_MS;
    while (!is_empty(events_fd)) {
        muster_time now = time_boot_ns();
        if (now >= until)
            return -EBUSY;
        struct pollfd changed = {.fd = events_fd, .events = POLLPRI};
        poll(&changed, 1, time_poll_ms(now, until, 100));
    }
    return 0;
}

int cgroup_root_end_leftover(const char *path, int wait_ms)
{
    const char *last = strrchr(path, '/');
    if (path[0] != '/' || !last || strncmp(last + 1, prefix, sizeof prefix - 1) != 0 ||
        strstr(path, "/../"))
        return -EINVAL;
    struct cgroup_root root = {.path = strdup(path), .fd = -1};
    if (!root.path)
        return -ENOMEM;
    int events_fd = -1, error = 0;
    root.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (root.fd < 0) {
        error = errno == ENOENT ? 0 : -errno;
        free(root.path);
        return error;
    }
    events_fd = openat(root.fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
    if (events_fd < 0)
        error = -EINVAL;
    else if (!is_empty(events_fd) && (error = write_kill(root.fd)) == 0)
        error = wait_empty(events_fd, wait_ms) == 0 ? 1 : -EBUSY;
    fs_close(events_fd);
    cgroup_root_close(&root);
    return error;
}

int cgroup_open(struct cgroup *ret_group, const struct cgroup_root *root, const char *name)
{
    *ret_group = (struct cgroup){.fd = -1, .events_fd = -1};
    if (!root->path)
        return -EOPNOTSUPP;
    snprintf(ret_group->name, sizeof ret_group->name, "%s", name);
    if (mkdirat(root->fd, name, 0755) < 0 && errno != EEXIST)
        return -errno;
    ret_group->fd = openat(root->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (ret_group->fd >= 0)
        ret_group->events_fd = openat(ret_group->fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
    if (ret_group->events_fd < 0) {
        int error = -errno;
        cgroup_close(ret_group, root);
        return error;
    }
    return 0;
}

void cgroup_close(struct cgroup *group, const struct cgroup_root *root)
{
    if (group->fd >= 0)
        remove_below(group->fd, 0);
    group->events_fd = fs_close(group->events_fd);
    group->fd = fs_close(group->fd);
    if (root->fd >= 0 && group->name[0])
        unlinkat(root->fd, group->name, AT_REMOVEDIR);
    group->name[0] = 0;
}

bool cgroup_is_empty(const struct cgroup *group)
{
    return group->events_fd < 0 || is_empty(group->events_fd);
}

int cgroup_kill(const struct cgroup *group)
{
    return group->fd < 0 ? 0 : write_kill(group->fd);
}

bool cgroup_has(const struct cgroup *group, const struct cgroup_root *root, int pid)
{
    if (group->fd < 0)
        return false;
    char file[64];
    snprintf(file, sizeof file, "/proc/%d/cgroup", pid);
    char *path = own_path(file);
    if (!path)
        return false;
    const char *ours = strstr(path, strrchr(root->path, '/'));
    size_t skipped = strlen(strrchr(root->path, '/'));
    size_t size = strlen(group->name);
    bool has = ours && ours[skipped] == '/' &&
               strncmp(ours + skipped + 1, group->name, size) == 0 &&
               (ours[skipped + 1 + size] == 0 || ours[skipped + 1 + size] == '/');
    free(path);
    return has;
}
