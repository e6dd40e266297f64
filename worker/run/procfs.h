/* What /proc tells about processes. */
#ifndef MUSTER_WORKER_RUN_PROCFS_H
#define MUSTER_WORKER_RUN_PROCFS_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct procfs_stat {
    pid_t pid, parent, group, session;
    char state;          /* 'R' 'S' 'D' 'Z' … */
    uint64_t start_time; /* with the pid: this process and no other */
};

/* 0, or -ESRCH and the like when it is gone. */
int procfs_stat(pid_t pid, struct procfs_stat *ret_stat);

struct procfs_walk {
    DIR *directory;
};
int procfs_walk_open(struct procfs_walk *ret_walk);
bool procfs_walk_next(struct procfs_walk *walk, struct procfs_stat *ret_stat);
void procfs_walk_close(struct procfs_walk *walk);

/* The list of the calling process's children (it has one thread): a descriptor, or -errno where the
 * kernel does not offer it. */
int procfs_open_children(void);

/* One pass over that list. `fd` is set by the caller, the rest is zero. */
enum { PROCFS_CHILDREN_MAX = 2048 };
struct procfs_children {
    int fd;
    bool is_over;
    size_t rest; /* bytes of a number that was cut by the end of the block */
    off_t at;
    char block[PROCFS_CHILDREN_MAX * 2];
};
/* The next numbers of the pass; 0 at the end. */
size_t procfs_children_next(struct procfs_children *children, pid_t ret_pids[PROCFS_CHILDREN_MAX]);

/* The value of a variable in the environment that the process was executed with. 0, -ENOENT when it
 * has none, -E2BIG when it does not fit, or another -errno. */
int procfs_environ(pid_t pid, const char *name, char *ret_value, size_t size);

/* Bytes read and written by it so far, devices or not; 0 when that cannot be read. */
uint64_t procfs_io_bytes(pid_t pid);

/* True when `ancestor` is a parent, its parent, and so on, of `pid`. */
bool procfs_is_ancestor(pid_t ancestor, pid_t pid);

/* Signals exactly this process: -ESRCH when it is gone, even if its number was given to another. */
int procfs_signal(const struct procfs_stat *stat, int signal_number);

#endif
