/*
 * setup.c -- makes a spawner out of a freshly forked process, and takes it apart.
 *
 * Of what it inherits only the agent's socket and stderr stay. Leftovers of an earlier spawner of
 * the same spool directory are ended before this one is ready.
 */
#include "slot.h"

#include "base/assert.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/text.h"
#include "leftover.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    SCRATCH_BYTES = 64 * 1024,
    ARENA_BYTES = 16 * 1024 * 1024,
    LOCK_WAIT_MS = 30 * 1000,
    LEFTOVER_WAIT_MS = 10 * 1000
};

static const int64_t unkillable_default_ns = 60 * MUSTER_S;

static void block_signals(void)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int i = 1; i < NSIG; i++)
        sigaction(i, &standard, NULL);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

/* Keeps the agent's socket and stderr; 0 and 1 become /dev/null. Returns the socket's new place. */
static int keep_only(int agent_fd, int *ret_null_fd)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0)
        return -errno;
    if (fcntl(2, F_GETFD) < 0)
        dup2(null_fd, 2);
    /* First above all that is moved, then down to 3 and 4. */
    int high_agent = fcntl(agent_fd, F_DUPFD_CLOEXEC, 16);
    int high_null = fcntl(null_fd, F_DUPFD_CLOEXEC, 16);
    if (high_agent < 0 || high_null < 0 || dup2(high_null, 0) < 0 || dup2(high_null, 1) < 0 ||
        dup3(high_agent, 3, O_CLOEXEC) < 0 || dup3(high_null, 4, O_CLOEXEC) < 0)
        return -errno;
    close_range(5, ~0U, 0);
    *ret_null_fd = 4;
    return 3;
}

/* Two pipes, a group, its events and a runner's socket per slot. */
static int raise_files(struct spawner *spawner)
{
    rlim_t need = 64 + (rlim_t)spawner->options.slots * 8;
    if (getrlimit(RLIMIT_NOFILE, &spawner->files) < 0)
        return -errno;
    if (spawner->files.rlim_cur >= need)
        return 0;
    struct rlimit raised = {.rlim_cur = need, .rlim_max = spawner->files.rlim_max};
    if (need > spawner->files.rlim_max || setrlimit(RLIMIT_NOFILE, &raised) < 0) {
        log_event(LEVEL_ERROR, "too_few_files",
                  "slots=%u need=%llu limit=%llu text=\"raise the limit of open files (ulimit -n) "
                  "or take fewer slots\"",
                  spawner->options.slots, (unsigned long long)need,
                  (unsigned long long)spawner->files.rlim_max);
        return -EMFILE;
    }
    return 0;
}

static int open_slots(struct spawner *spawner)
{
    uint32_t slots = spawner->options.slots;
    int error = deadlines_init(&spawner->deadlines, slots);
    if (error < 0)
        return error;
    map_init(&spawner->slot_of_leader, slots * 2, 1);
    spawner->slots = calloc(slots, sizeof *spawner->slots);
    spawner->scratch = malloc(SCRATCH_BYTES);
    if (!spawner->slots || !spawner->scratch)
        return -ENOMEM;
    for (uint32_t i = 0; i < slots; i++) {
        slot_init(&spawner->slots[i], i + 1);
        spawner->slots[i].deadline = deadlines_add(&spawner->deadlines, MUSTER_NEVER, i + 1);
    }
    return 0;
}

static int open_events(struct spawner *spawner)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    spawner->signal_fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    spawner->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (spawner->signal_fd < 0 || spawner->epoll_fd < 0)
        return -errno;
    int error = spawner_watch(spawner, spawner->agent_fd, SOURCE_AGENT, 0, false);
    return error < 0 ? error : spawner_watch(spawner, spawner->signal_fd, SOURCE_SIGNAL, 0, false);
}

static void make_cookie(struct spawner *spawner)
{
    uint8_t random[8];
    rand_os(random, sizeof random);
    struct buffer hex = BUFFER_EMPTY;
    text_append_hex(&hex, bytes_of(random, sizeof random));
    snprintf(spawner->cookie, sizeof spawner->cookie, "%s", buffer_str(&hex));
    buffer_done(&hex);
}

static int open_all(struct spawner *spawner)
{
    const struct run_options *options = &spawner->options;
    make_cookie(spawner);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return -errno;
    int error = raise_files(spawner);
    if (error == 0)
        error = open_slots(spawner);
    if (error == 0)
        error = open_events(spawner);
    if (error == 0)
        error = environ_base_init(&spawner->environ_base);
    if (error == 0 && options->spool_dir) {
        error = leftover_lock(options->spool_dir, LOCK_WAIT_MS);
        if (error >= 0) {
            spawner->lock_fd = error;
            error = leftover_end(options->spool_dir, LEFTOVER_WAIT_MS);
        }
        if (error > 0)
            log_event(LEVEL_WARN, "leftovers", "%s",
                      "text=\"an earlier worker had left processes running; they were killed\"");
    }
    if (error < 0)
        return error;
    error = options->no_cgroup ? -EOPNOTSUPP : cgroup_root_open(&spawner->root, spawner->cookie);
    log_event(LEVEL_DEBUG, "tree_kill", "by=%s error=%s",
              spawner->root.path ? "cgroup" : "subreaper", log_errno(error));
    if (options->spool_dir) {
        error = leftover_note(options->spool_dir, spawner->cookie, spawner->root.path);
        if (error < 0)
            return error;
    }
    trees_init(&spawner->trees, &spawner->root);
    return 0;
}

int setup_open(struct spawner *spawner, int agent_fd, const struct run_options *options)
{
    *spawner = (struct spawner){.options = *options,
                                .agent_fd = agent_fd,
                                .epoll_fd = -1,
                                .signal_fd = -1,
                                .null_fd = -1,
                                .lock_fd = -1,
                                .abandoned_at = MUSTER_NEVER,
                                .unowned_at = MUSTER_NEVER,
                                .closing_until = MUSTER_NEVER,
                                .root = {.fd = -1},
                                .trees = {.children_fd = -1}};
    if (spawner->options.unkillable_ns <= 0)
        spawner->options.unkillable_ns = unkillable_default_ns;
    list_init(&spawner->abandoned);
    list_init(&spawner->trees.all);
    arena_init(&spawner->arena, ARENA_BYTES);
    frame_in_init(&spawner->in);
    buffer_init(&spawner->out, 0);
    block_signals();
    setsid();
    prctl(PR_SET_NAME, "muster-spawner");
    int kept = keep_only(agent_fd, &spawner->null_fd);
    if (kept < 0)
        return kept;
    spawner->agent_fd = kept;
    return open_all(spawner);
}

void setup_close(struct spawner *spawner)
{
    for (uint32_t i = 0; spawner->slots && i < spawner->options.slots; i++)
        slot_done(spawner, &spawner->slots[i]);
    free(spawner->slots);
    free(spawner->scratch);
    bool is_clean = list_is_empty(&spawner->abandoned);
    trees_done(&spawner->trees);
    cgroup_root_close(&spawner->root);
    if (is_clean && spawner->lock_fd >= 0)
        leftover_forget(spawner->options.spool_dir);
    environ_base_done(&spawner->environ_base);
    map_done(&spawner->slot_of_leader);
    deadlines_done(&spawner->deadlines);
    arena_done(&spawner->arena);
    frame_in_done(&spawner->in);
    buffer_done(&spawner->out);
    fs_close(spawner->lock_fd);
}
