/*
 * call.c -- runs functions other than exec: one runner process per slot, forked when the slot needs
 * it and kept.
 *
 * A runner that crashes is one record; the next command of the slot gets a fresh one. To end a call
 * the runner is ended with its tree. An answer that arrives although the call was to be ended
 * counts: the work is done.
 */
#include "slot.h"

#include "base/assert.h"
#include "base/fs.h"
#include "base/log.h"
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* In the child: only what the runner needs stays open. */
_Noreturn static void become_runner(struct spawner *spawner, int fd, const struct tree *tree)
{
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "muster-runner");
    if (tree->group.fd >= 0) {
        int procs = openat(tree->group.fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
        if (procs >= 0 && write(procs, "0", 1) != 1)
            log_event(LEVEL_WARN, "runner_group", "error=%s", log_errno(errno));
        fs_close(procs);
    }
    setenv(ENVIRON_COOKIE, tree->cookie, 1);
    if (fd != 3) {
        dup3(fd, 3, O_CLOEXEC);
        fd = 3;
    }
    close_range(4, ~0U, 0);
    setrlimit(RLIMIT_NOFILE, &spawner->files);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    runner_main(fd, &spawner->options);
}

static int fork_runner(struct spawner *spawner, struct slot *slot)
{
    int ends[2];
    char group[24];
    snprintf(group, sizeof group, "r%u-%u", slot->number, slot->quarantined);
    struct tree *tree = spawner_tree_new(spawner, group);
    if (!tree)
        return -ENOMEM;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        int error = -errno;
        spawner_tree_free(spawner, tree);
        return error;
    }
    pid_t pid = fork();
    if (pid == 0)
        become_runner(spawner, ends[1], tree);
    int error = pid < 0 ? -errno : 0;
    fs_close(ends[1]);
    if (error == 0)
        error = spawner_watch(spawner, ends[0], SOURCE_RUNNER, slot->number, false);
    if (error < 0) {
        /* A runner that was forked meets the end of its socket and exits; it is reaped as a stray.
         */
        fs_close(ends[0]);
        spawner_tree_free(spawner, tree);
        return error;
    }
    MUST(map_put(&spawner->slot_of_leader, (uint64_t)pid, slot->number) == 0);
    tree_begin(&spawner->trees, tree, pid);
    slot->runner.tree = tree;
    slot->runner.fd = ends[0];
    frame_in_init(&slot->runner.in);
    buffer_init(&slot->runner.out, 0);
    return 0;
}

static void close_connection(struct slot *slot)
{
    slot->runner.fd = fs_close(slot->runner.fd);
    frame_in_done(&slot->runner.in);
    buffer_done(&slot->runner.out);
}

void call_forget_runner(struct spawner *spawner, struct slot *slot)
{
    /* The number of one that was reaped may be another's by now. */
    if (!slot->runner.tree->is_leader_reaped)
        map_remove(&spawner->slot_of_leader, (uint64_t)slot->runner.tree->leader);
    close_connection(slot);
    slot->runner.tree = NULL;
}

void call_end_runner(struct spawner *spawner, struct slot *slot)
{
    struct tree *tree = slot->runner.tree;
    if (!tree)
        return;
    call_forget_runner(spawner, slot);
    ladder_bury(spawner, tree, slot->number);
}

static void flush(struct spawner *spawner, struct slot *slot)
{
    struct runner *runner = &slot->runner;
    int left = runner->fd < 0 ? 0 : frame_flush(&runner->out, runner->fd);
    /* A runner that is gone is met by its SIGCHLD. */
    if (left >= 0)
        spawner_rewatch(spawner, runner->fd, SOURCE_RUNNER, slot->number, left > 0);
}

int call_start(struct spawner *spawner, struct slot *slot, const struct message_start *start,
               struct bytes function, struct bytes pool_name, struct bytes body,
               struct slot_failure *ret_failure)
{
    struct runner *runner = &slot->runner;
    /* One whose connection broke is about to be reaped: it gets no further command. */
    int error = 0;
    if (runner->tree && runner->fd < 0) {
        struct tree *tree = runner->tree;
        call_forget_runner(spawner, slot);
        ladder_bury(spawner, tree, slot->number);
    }
    if (!runner->tree)
        error = fork_runner(spawner, slot);
    if (error == 0) {
        struct bytes parts[] = {function, pool_name, body};
        error = frame_push(&runner->out, MESSAGE_START, start, sizeof *start, parts, 3);
    }
    if (error < 0) {
        *ret_failure = (struct slot_failure){.state = STATE_FAILED,
                                             .reason = REASON_START_FAILED,
                                             .exit = -1,
                                             .code = (uint32_t)-error,
                                             .type = "StartFailed",
                                             .message = "cannot make the process that runs it"};
        return error;
    }
    runner->tree->is_idle = false;
    slot->pid = runner->tree->leader;
    flush(spawner, slot);
    return 0;
}

static void take_return(struct spawner *spawner, struct slot *slot, struct bytes payload)
{
    struct message_return head;
    struct bytes body;
    if (frame_head(payload, &head, sizeof head, &body) < 0 || !state_is_known(head.state) ||
        !reason_is_known(head.reason)) {
        log_event(LEVEL_ERROR, "runner_talk", "slot=%u text=\"a frame is malformed\"",
                  slot->number);
        kill(slot->runner.tree->leader, SIGKILL);
        return;
    }
    /* Whoever asked for the end was too late; the runner is ended all the same if TERM was sent. */
    bool is_dying = slot->ladder != LADDER_NONE;
    report_packed(spawner, slot, (enum state)head.state, (enum reason)head.reason, body);
    if (is_dying) {
        tree_signal(&spawner->trees, slot->runner.tree, SIGKILL);
        slot->runner.fd = fs_close(slot->runner.fd);
    }
}

void call_ready(struct spawner *spawner, struct slot *slot)
{
    struct runner *runner = &slot->runner;
    if (!runner->tree || runner->fd < 0)
        return;
    if (runner->out.size > 0)
        flush(spawner, slot);
    int got = frame_read(&runner->in, runner->fd);
    struct frame frame;
    int next = got > 0 ? frame_next(&runner->in, &frame) : 0;
    if (next > 0 && frame.type == MESSAGE_RETURN && slot->kind == SLOT_CALL)
        take_return(spawner, slot, frame.payload);
    else if (got == 0 || (got < 0 && got != -EAGAIN) || next != 0)
        runner->fd = fs_close(runner->fd);
}

void call_runner_reaped(struct spawner *spawner, struct slot *slot, int status,
                        const struct rusage *usage)
{
    struct tree *tree = slot->runner.tree;
    /* Its last words may have arrived together with its end. */
    call_ready(spawner, slot);
    map_remove(&spawner->slot_of_leader, (uint64_t)tree->leader);
    tree_leader_reaped(&spawner->trees, tree);
    slot->runner.fd = fs_close(slot->runner.fd);
    if (slot->kind != SLOT_CALL) {
        call_end_runner(spawner, slot);
        return;
    }
    /* The record waits until nothing is left of what it started. */
    slot->is_leader_gone = true;
    slot->status = status;
    slot->usage = *usage;
    slot->stop_at = time_boot_ns();
    spawner_set_deadline(spawner, slot, slot->stop_at);
}
