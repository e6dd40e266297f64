/*
 * tree.c -- finds and signals the processes of an attempt.
 *
 * It decides nothing about time: who ends what, and when, is attempt.c. Where control groups can be
 * used they do the killing; the walk below works without them, and finds what left its group (su
 * and sudo move their command into a session of the login manager).
 *
 * Numbers are not reused under our hands: a leader and a stray are our own children, their numbers
 * stay taken until we reap them; all others are signalled through a pidfd after their start time
 * was compared once more.
 */
#include "tree.h"

#include "base/assert.h"
#include "environ.h"
#include "procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIDS_MAX = 1 << 22 }; /* more than the kernel has numbers */

struct process {
    struct procfs_stat stat;
    bool is_marked; /* of the tree that is looked at */
    bool is_child;  /* a leader or a stray: our own child */
};

void trees_init(struct trees *trees, const struct cgroup_root *root)
{
    *trees = (struct trees){.root = root, .self = getpid(), .session = getsid(0)};
    list_init(&trees->all);
    map_init(&trees->stray_of_pid, PIDS_MAX, 1);
    map_init(&trees->leaders, PIDS_MAX, 1);
    trees->children_fd = procfs_open_children();
}

void trees_done(struct trees *trees)
{
    if (trees->children_fd >= 0)
        close(trees->children_fd);
    map_done(&trees->stray_of_pid);
    map_done(&trees->leaders);
    free(trees->strays);
    free(trees->processes);
    *trees = (struct trees){.children_fd = -1};
    list_init(&trees->all);
}

void trees_turn(struct trees *trees)
{
    trees->has_snapshot = false;
}

void tree_begin(struct trees *trees, struct tree *tree, pid_t leader)
{
    tree->leader = leader;
    tree->is_leader_reaped = false;
    tree->is_denied = false;
    tree->n_strays = 0;
    tree->born = ++trees->births;
    list_push_back(&trees->all, &tree->link);
    MUST(map_put(&trees->leaders, (uint64_t)leader, 1) == 0);
}

void tree_leader_reaped(struct trees *trees, struct tree *tree)
{
    tree->is_leader_reaped = true;
    map_remove(&trees->leaders, (uint64_t)tree->leader);
}

void tree_finish(struct trees *trees, struct tree *tree)
{
    for (size_t i = 0; i < trees->n_strays; i++) {
        if (trees->strays[i].tree == tree) {
            trees->strays[i].tree = NULL;
            trees->strays[i].adopted = 0;
        }
    }
    list_remove(&tree->link);
    if (!tree->is_leader_reaped)
        map_remove(&trees->leaders, (uint64_t)tree->leader);
    tree->leader = 0;
    tree->n_strays = 0;
}

static struct stray *find_stray(const struct trees *trees, pid_t pid)
{
    uint32_t place = map_get(&trees->stray_of_pid, (uint64_t)pid);
    return place ? &trees->strays[place - 1] : NULL;
}

static bool is_leader(const struct trees *trees, pid_t pid)
{
    return map_get(&trees->leaders, (uint64_t)pid) != 0;
}

void trees_reaped(struct trees *trees, pid_t pid)
{
    struct stray *stray = find_stray(trees, pid);
    if (!stray)
        return;
    if (stray->tree) {
        MUST(stray->tree->n_strays > 0);
        stray->tree->n_strays--;
    }
    uint32_t place = map_remove(&trees->stray_of_pid, (uint64_t)pid);
    *stray = trees->strays[--trees->n_strays];
    if (stray->pid != pid)
        map_put(&trees->stray_of_pid, (uint64_t)stray->pid, place);
}

/* The one tree that the process certainly belongs to, or NULL. */
static struct tree *find_owner(const struct trees *trees, pid_t pid)
{
    pid_t session = getsid(pid);
    list_each (it, &trees->all) {
        struct tree *tree = list_entry(it, struct tree, link);
        if (session == tree->leader)
            return tree;
        if (cgroup_has(&tree->group, trees->root, pid))
            return tree;
    }
    char cookie[TREE_COOKIE_MAX];
    if (procfs_environ(pid, ENVIRON_COOKIE, cookie, sizeof cookie) < 0)
        return NULL;
    list_each (it, &trees->all) {
        struct tree *tree = list_entry(it, struct tree, link);
        if (strcmp(tree->cookie, cookie) == 0)
            return tree;
    }
    return NULL;
}

/* The trees that a stray without a mark may have come from; *ret_one when it is only one. */
static size_t count_suspects(const struct trees *trees, uint64_t adopted, struct tree **ret_one)
{
    size_t n = 0;
    list_each (it, &trees->all) {
        struct tree *tree = list_entry(it, struct tree, link);
        if (!tree->is_idle && tree->born <= adopted) {
            *ret_one = tree;
            n++;
        }
    }
    return n;
}

static void own(struct stray *stray, struct tree *tree)
{
    stray->tree = tree;
    tree->n_strays++;
}

static void adopt(struct trees *trees, pid_t pid)
{
    if (trees->n_strays == trees->strays_capacity) {
        size_t capacity = trees->strays_capacity ? trees->strays_capacity * 2 : 16;
        struct stray *strays = realloc(trees->strays, capacity * sizeof *strays);
        if (!strays)
            return; /* the next scan finds it again */
        trees->strays = strays;
        trees->strays_capacity = capacity;
    }
    if (map_put(&trees->stray_of_pid, (uint64_t)pid, (uint32_t)trees->n_strays + 1) < 0)
        return;
    struct stray *stray = &trees->strays[trees->n_strays++];
    *stray = (struct stray){.pid = pid, .adopted = trees->births};
    struct tree *tree = find_owner(trees, pid);
    if (!tree && count_suspects(trees, stray->adopted, &tree) != 1)
        tree = NULL;
    if (tree)
        own(stray, tree);
}

static int compare_pid(const void *a, const void *b)
{
    const struct process *left = a, *right = b;
    return (left->stat.pid > right->stat.pid) - (left->stat.pid < right->stat.pid);
}

static struct process *find_process(const struct trees *trees, pid_t pid)
{
    struct process key = {.stat = {.pid = pid}};
    if (trees->n_processes == 0)
        return NULL;
    return bsearch(&key, trees->processes, trees->n_processes, sizeof key, compare_pid);
}

static int take_snapshot(struct trees *trees)
{
    if (trees->has_snapshot)
        return 0;
    struct procfs_walk walk;
    int error = procfs_walk_open(&walk);
    if (error < 0)
        return error;
    trees->n_processes = 0;
    struct procfs_stat stat;
    while (procfs_walk_next(&walk, &stat)) {
        if (trees->n_processes == trees->processes_capacity) {
            size_t capacity = trees->processes_capacity ? trees->processes_capacity * 2 : 512;
            struct process *processes = realloc(trees->processes, capacity * sizeof *processes);
            if (!processes)
                break; /* those that were seen so far are better than none */
            trees->processes = processes;
            trees->processes_capacity = capacity;
        }
        trees->processes[trees->n_processes++] = (struct process){.stat = stat};
    }
    procfs_walk_close(&walk);
    if (trees->n_processes > 0)
        qsort(trees->processes, trees->n_processes, sizeof *trees->processes, compare_pid);
    trees->has_snapshot = true;
    return 0;
}

static void meet_child(struct trees *trees, pid_t pid)
{
    if (!is_leader(trees, pid) && !find_stray(trees, pid))
        adopt(trees, pid);
}

/* Strays that could not be told apart, as long as there are any: when all trees but one that they
 * may have come from are gone, they are of this one. Returns how many belong to nobody. */
static size_t settle(struct trees *trees)
{
    size_t unowned = 0;
    for (size_t i = 0; i < trees->n_strays; i++) {
        struct stray *stray = &trees->strays[i];
        struct tree *one = NULL;
        if (stray->tree)
            continue;
        if (count_suspects(trees, stray->adopted, &one) == 1)
            own(stray, one);
        else
            unowned++;
    }
    return unowned;
}

static void meet_children(struct trees *trees)
{
    pid_t pids[PROCFS_CHILDREN_MAX];
    struct procfs_children children = {.fd = trees->children_fd, .is_over = false};
    for (size_t n; (n = procfs_children_next(&children, pids)) > 0;) {
        for (size_t i = 0; i < n; i++)
            meet_child(trees, pids[i]);
    }
}

void trees_scan(struct trees *trees)
{
    if (trees->children_fd >= 0) {
        meet_children(trees);
    } else {
        trees->has_snapshot = false;
        if (take_snapshot(trees) < 0)
            return;
        for (size_t i = 0; i < trees->n_processes; i++) {
            if (trees->processes[i].stat.parent == trees->self)
                meet_child(trees, trees->processes[i].stat.pid);
        }
    }
    settle(trees);
}

bool tree_is_empty(const struct tree *tree)
{
    return tree->is_leader_reaped && tree->n_strays == 0 && cgroup_is_empty(&tree->group);
}

size_t trees_end_unowned(struct trees *trees)
{
    size_t unowned = settle(trees);
    for (size_t i = 0; unowned > 0 && i < trees->n_strays; i++) {
        struct tree *one;
        if (!trees->strays[i].tree && count_suspects(trees, trees->strays[i].adopted, &one) == 0)
            kill(trees->strays[i].pid, SIGKILL);
    }
    return unowned;
}

static void mark_root(const struct trees *trees, pid_t pid)
{
    struct process *process = find_process(trees, pid);
    if (process)
        process->is_marked = process->is_child = true;
}

/* Marks the processes of the tree in the snapshot: the roots first, then what descends from them.
 */
static void mark(const struct trees *trees, const struct tree *tree)
{
    for (size_t i = 0; i < trees->n_processes; i++) {
        struct process *process = &trees->processes[i];
        process->is_child = false;
        process->is_marked = tree->leader > 0 && process->stat.session == tree->leader;
    }
    if (!tree->is_leader_reaped)
        mark_root(trees, tree->leader);
    for (size_t i = 0; i < trees->n_strays; i++) {
        if (trees->strays[i].tree == tree)
            mark_root(trees, trees->strays[i].pid);
    }
    bool changed = true;
    while (changed) {
        changed = false;
        for (size_t i = 0; i < trees->n_processes; i++) {
            struct process *process = &trees->processes[i];
            if (process->is_marked)
                continue;
            const struct process *parent = find_process(trees, process->stat.parent);
            process->is_marked = parent && parent->is_marked;
            changed |= process->is_marked;
        }
    }
}

static int send_signal(const struct trees *trees, const struct procfs_stat *stat, bool is_child,
                       int signal_number)
{
    if (!is_child)
        return procfs_signal(stat, signal_number);
    pid_t group = getpgid(stat->pid);
    if (signal_number == SIGKILL && group > 1 && getsid(stat->pid) != trees->session)
        /* One call for the whole group leaves a fork loop no time to fork. */
        kill(-group, SIGKILL);
    return kill(stat->pid, signal_number) < 0 ? -errno : 0;
}

size_t tree_signal(struct trees *trees, struct tree *tree, int signal_number)
{
    if (signal_number == SIGKILL)
        cgroup_kill(&tree->group);
    if (take_snapshot(trees) < 0) {
        if (!tree->is_leader_reaped)
            kill(tree->leader, signal_number);
        return 1;
    }
    mark(trees, tree);
    size_t seen = 0;
    for (size_t i = 0; i < trees->n_processes; i++) {
        const struct process *process = &trees->processes[i];
        if (!process->is_marked || process->stat.state == 'Z')
            continue;
        seen++;
        int error = send_signal(trees, &process->stat, process->is_child, signal_number);
        if (error == -EPERM)
            tree->is_denied = true;
        if (error == 0 && signal_number == SIGTERM)
            send_signal(trees, &process->stat, process->is_child, SIGCONT);
    }
    return seen;
}

uint64_t tree_progress(struct trees *trees, const struct tree *tree)
{
    if (take_snapshot(trees) < 0)
        return 0;
    mark(trees, tree);
    uint64_t sum = 0;
    for (size_t i = 0; i < trees->n_processes; i++) {
        if (trees->processes[i].is_marked)
            sum += 1 + procfs_io_bytes(trees->processes[i].stat.pid);
    }
    return sum;
}
