/* Control groups (v2) of our own, one per slot: race-free killing of everything in them.
 *
 * Used where this process may create groups below its own one and start processes in them; the
 * controllers are not touched. */
#ifndef MUSTER_WORKER_RUN_CGROUP_H
#define MUSTER_WORKER_RUN_CGROUP_H

#include <stdbool.h>

/* The directory that holds the groups of one spawner. */
struct cgroup_root {
    char *path; /* owned; NULL: groups cannot be used here */
    int fd;
};

/* Makes "muster-NAME" below this process's own group and tries a start in it. -EOPNOTSUPP and the
 * like where that cannot be done: then path is NULL. */
int cgroup_root_open(struct cgroup_root *ret_root, const char *name);

/* Removes the directory and the groups in it; those that still hold processes stay. */
void cgroup_root_close(struct cgroup_root *root);

/* Kills all that is left in the groups of a spawner that is gone, and removes them. `path` was
 * root.path of that spawner; anything that is not such a path is refused with -EINVAL. Returns 1
 * when there was something to kill, 0 when not, -EBUSY when it is still alive after the wait. */
int cgroup_root_end_leftover(const char *path, int wait_ms);

struct cgroup {
    int fd;        /* of the directory, for child_start; -1: no group */
    int events_fd; /* cgroup.events */
    char name[24];
};

int cgroup_open(struct cgroup *ret_group, const struct cgroup_root *root, const char *name);

/* Closes the descriptors and removes the directory when it is empty; harmless on a closed one. */
void cgroup_close(struct cgroup *group, const struct cgroup_root *root);

/* True when no process is left in it, also for no group at all. */
bool cgroup_is_empty(const struct cgroup *group);

/* SIGKILL to everything in it, groups below included. */
int cgroup_kill(const struct cgroup *group);

/* True when /proc/PID/cgroup names this group or one below it. */
bool cgroup_has(const struct cgroup *group, const struct cgroup_root *root, int pid);

#endif
