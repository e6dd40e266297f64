/* Process trees: which processes belong to an attempt, wherever they went, and how to end them.
 *
 * The spawner is a subreaper, so every process of a tree is a descendant of it. A process whose
 * parent has died becomes the spawner's own child, a *stray*; its tree is found by control group,
 * session, cookie in the environment, or elimination. */
#ifndef MUSTER_WORKER_RUN_TREE_H
#define MUSTER_WORKER_RUN_TREE_H

#include "base/list.h"
#include "base/map.h"
#include "cgroup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { TREE_COOKIE_MAX = 48 };

struct tree {
    struct list link;
    pid_t leader; /* a child of ours, and the id of its session */
    bool is_leader_reaped;
    bool is_idle;        /* a runner between two attempts: it leaves nothing behind */
    bool is_denied;      /* a signal was refused: some of it runs as another user */
    struct cgroup group; /* fd -1: none */
    char cookie[TREE_COOKIE_MAX];
    uint64_t born; /* order of the starts */
    uint32_t n_strays;
};

struct stray {
    pid_t pid;
    struct tree *tree; /* NULL: not known */
    uint64_t adopted;  /* trees born later are not meant */
};

struct process; /* a line of the snapshot */

struct trees {
    struct list all;
    const struct cgroup_root *root;
    uint64_t births;
    struct stray *strays; /* owned */
    size_t n_strays, strays_capacity;
    struct map stray_of_pid;   /* place in strays, from 1 */
    struct map leaders;        /* pids of those that are not reaped */
    struct process *processes; /* snapshot of /proc of this turn; owned */
    size_t n_processes, processes_capacity;
    bool has_snapshot;
    int children_fd;
    pid_t self, session;
};

/* For the calling process, which has one thread. */
void trees_init(struct trees *trees, const struct cgroup_root *root);
void trees_done(struct trees *trees);

/* Forgets the snapshot: to be called once in each turn of the loop. */
void trees_turn(struct trees *trees);

/* The tree of a child that was just started. The caller owns the tree and has set its cookie and
 * its group. */
void tree_begin(struct trees *trees, struct tree *tree, pid_t leader);
/* The leader was reaped. */
void tree_leader_reaped(struct trees *trees, struct tree *tree);
/* Forgets the tree; strays that it still has belong to nobody then. */
void tree_finish(struct trees *trees, struct tree *tree);

/* A child that is no leader was reaped. */
void trees_reaped(struct trees *trees, pid_t pid);

/* Finds new strays and their trees. */
void trees_scan(struct trees *trees);

/* Kills strays whose tree cannot be told, as soon as every tree that they might belong to is gone.
 * Returns how many strays belong to nobody. */
size_t trees_end_unowned(struct trees *trees);

/* True when nothing of it lives. Right after trees_scan only. */
bool tree_is_empty(const struct tree *tree);

/* Sends the signal to every process of the tree (SIGTERM is followed by SIGCONT). Returns how many
 * live processes it saw; new ones may have been born meanwhile, so SIGKILL is repeated until
 * tree_is_empty. */
size_t tree_signal(struct trees *trees, struct tree *tree, int signal_number);

/* A sum that changes when a process of the tree reads or writes. */
uint64_t tree_progress(struct trees *trees, const struct tree *tree);

#endif
