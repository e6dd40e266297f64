/*
 * spawner.c -- the spawner process: one loop over the agent's socket, SIGCHLD, output pipes, runner
 * sockets and deadlines.
 *
 * Single-threaded; every signal is blocked from the start on and none is handled or ignored, so
 * that children need no more than an empty mask. It never waits anywhere but in epoll_wait, except
 * for a child's exec. When the agent goes it ends every tree and exits.
 */
#include "spawner.h"

#include "base/assert.h"
#include "base/log.h"
#include "proto/wire.h"
#include "slot.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    EVENTS_PER_TURN = 256,
    PATIENCE_MS = 60 * 1000 /* of one epoll_wait */
};

static const int64_t closing_grace_max_ns = 2 * MUSTER_S;
static const int64_t unowned_poll_ns = 1 * MUSTER_S;
static const int64_t closing_poll_ns = 20 * MUSTER_MS;

static int control(struct spawner *spawner, int operation, int fd, enum spawner_source source,
                   uint32_t slot, bool for_writing)
{
    struct epoll_event event = {.events = EPOLLIN | (for_writing ? (uint32_t)EPOLLOUT : 0)};
    event.data.u64 = (uint64_t)source << 32 | slot;
    return epoll_ctl(spawner->epoll_fd, operation, fd, &event) < 0 ? -errno : 0;
}

int spawner_watch(struct spawner *spawner, int fd, enum spawner_source source, uint32_t slot,
                  bool for_writing)
{
    return control(spawner, EPOLL_CTL_ADD, fd, source, slot, for_writing);
}

void spawner_rewatch(struct spawner *spawner, int fd, enum spawner_source source, uint32_t slot,
                     bool for_writing)
{
    int error = control(spawner, EPOLL_CTL_MOD, fd, source, slot, for_writing);
    MUST(error == 0);
}

struct slot *spawner_slot(struct spawner *spawner, uint32_t number)
{
    if (number < 1 || number > spawner->options.slots)
        return NULL;
    return &spawner->slots[number - 1];
}

void spawner_set_deadline(struct spawner *spawner, struct slot *slot, muster_time at)
{
    deadlines_move(&spawner->deadlines, slot->deadline, at);
}

void spawner_new_cookie(struct spawner *spawner, struct tree *tree)
{
    snprintf(tree->cookie, sizeof tree->cookie, "%s.%llu", spawner->cookie,
             (unsigned long long)++spawner->cookies);
}

struct tree *spawner_tree_new(struct spawner *spawner, const char *group_name)
{
    struct tree *tree = calloc(1, sizeof *tree);
    if (!tree)
        return NULL;
    list_init(&tree->link);
    spawner_new_cookie(spawner, tree);
    tree->group = (struct cgroup){.fd = -1, .events_fd = -1};
    if (spawner->root.path) {
        int error = cgroup_open(&tree->group, &spawner->root, group_name);
        if (error < 0)
            log_event(LEVEL_WARN, "cgroup", "name=%s error=%s", group_name, log_errno(error));
    }
    return tree;
}

void spawner_tree_free(struct spawner *spawner, struct tree *tree)
{
    if (!tree)
        return;
    cgroup_close(&tree->group, &spawner->root);
    free(tree);
}

/* ---- the agent's frames ---- */

static void refuse_start(struct spawner *spawner, const struct message_start *start,
                         enum reason reason, const char *type, const char *message)
{
    struct slot_failure failure = {
        .state = STATE_FAILED, .reason = reason, .exit = -1, .type = type, .message = message};
    report_refused(spawner, start, &failure);
}

static void start(struct spawner *spawner, const struct message_start *head, struct bytes function,
                  struct bytes pool_name, struct bytes body)
{
    struct slot *slot = spawner_slot(spawner, head->slot);
    struct wire_command_body command;
    struct wire_error wrong;
    struct slot_failure failure;
    if (!slot || slot->kind != SLOT_FREE || spawner->is_closing) {
        refuse_start(spawner, head, REASON_START_FAILED, "StartFailed",
                     spawner->is_closing ? "the worker is shutting down"
                                         : "the worker has no such free slot");
        return;
    }
    if (wire_command_body_decode(body, &spawner->arena, &command, &wrong) < 0) {
        refuse_start(spawner, head, REASON_BAD_ARGUMENTS, "BadArguments", wrong.text);
        return;
    }
    bool is_exec = bytes_equal_str(function, "exec");
    slot_begin(spawner, slot, is_exec ? SLOT_EXEC : SLOT_CALL, head, &command);
    int error = is_exec ? launch_exec(spawner, slot, head, pool_name, &command, &failure)
                        : call_start(spawner, slot, head, function, pool_name, body, &failure);
    if (error < 0)
        report_failure(spawner, slot, &failure);
    else
        slot_step(spawner, slot, slot->start_at);
}

static struct slot *find_token(struct spawner *spawner, uint64_t token)
{
    for (uint32_t i = 0; i < spawner->options.slots; i++) {
        if (spawner->slots[i].kind != SLOT_FREE && spawner->slots[i].token == token)
            return &spawner->slots[i];
    }
    return NULL;
}

static int take_frame(struct spawner *spawner, const struct frame *frame, muster_time now)
{
    struct bytes rest, function, pool_name, body;
    if (frame->type == MESSAGE_START) {
        struct message_start head;
        if (frame_head(frame->payload, &head, sizeof head, &rest) < 0 ||
            frame_part(&rest, head.function_size, &function) < 0 ||
            frame_part(&rest, head.pool_size, &pool_name) < 0 ||
            frame_part(&rest, head.body_size, &body) < 0)
            return -EPROTO;
        start(spawner, &head, function, pool_name, body);
        arena_reset(&spawner->arena);
        return 0;
    }
    if (frame->type == MESSAGE_END) {
        struct message_end head;
        if (frame_head(frame->payload, &head, sizeof head, &rest) < 0)
            return -EPROTO;
        struct slot *slot = find_token(spawner, head.token);
        if (slot)
            ladder_begin(spawner, slot, (enum reason)head.reason, slot->grace_ns,
                         head.kill_now != 0, now);
        return 0;
    }
    return -EPROTO;
}

/* The agent is gone, or about to go: nothing that it started stays. */
static void begin_closing(struct spawner *spawner, muster_time now)
{
    if (spawner->is_closing)
        return;
    spawner->is_closing = true;
    spawner->closing_until = time_add(now, spawner->options.unkillable_ns);
    epoll_ctl(spawner->epoll_fd, EPOLL_CTL_DEL, spawner->agent_fd, NULL);
    for (uint32_t i = 0; i < spawner->options.slots; i++) {
        struct slot *slot = &spawner->slots[i];
        int64_t grace_ns =
            slot->grace_ns < closing_grace_max_ns ? slot->grace_ns : closing_grace_max_ns;
        if (slot->kind != SLOT_CALL)
            call_end_runner(spawner, slot);
        if (slot->kind != SLOT_FREE)
            ladder_begin(spawner, slot, REASON_WORKER_SHUTDOWN, grace_ns, false, now);
    }
}

static void read_agent(struct spawner *spawner, muster_time now)
{
    int got = frame_read(&spawner->in, spawner->agent_fd);
    struct frame frame;
    int next = 0;
    while (got > 0 && (next = frame_next(&spawner->in, &frame)) > 0) {
        next = take_frame(spawner, &frame, now);
        if (next < 0)
            break;
    }
    if (got == 0 || (got < 0 && got != -EAGAIN) || next < 0)
        begin_closing(spawner, now);
}

static void flush_agent(struct spawner *spawner)
{
    bool *is_waiting = &spawner->is_waiting_to_write;
    if (spawner->is_closing) {
        buffer_reset(&spawner->out);
        return;
    }
    if (spawner->out.size == 0 && !*is_waiting)
        return;
    int left = frame_flush(&spawner->out, spawner->agent_fd);
    if (left < 0) {
        begin_closing(spawner, time_boot_ns());
    } else if ((left > 0) != *is_waiting) {
        *is_waiting = left > 0;
        spawner_rewatch(spawner, spawner->agent_fd, SOURCE_AGENT, 0, *is_waiting);
    }
}

/* ---- children ---- */

static void reap(struct spawner *spawner, muster_time now)
{
    struct signalfd_siginfo signals[8];
    while (read(spawner->signal_fd, signals, sizeof signals) == (ssize_t)sizeof signals)
        continue;
    int status;
    struct rusage usage;
    for (pid_t pid; (pid = wait4(-1, &status, WNOHANG, &usage)) > 0;) {
        struct slot *slot = spawner_slot(spawner, map_get(&spawner->slot_of_leader, (uint64_t)pid));
        if (!slot) {
            if (!ladder_abandoned_reaped(spawner, pid))
                trees_reaped(&spawner->trees, pid);
        } else if (slot->runner.tree && slot->runner.tree->leader == pid) {
            call_runner_reaped(spawner, slot, status, &usage);
        } else {
            /* Its step comes when all that has died by now is reaped. */
            map_remove(&spawner->slot_of_leader, (uint64_t)pid);
            slot_leader_reaped(spawner, slot, status, &usage);
            spawner_set_deadline(spawner, slot, now);
        }
        arena_reset(&spawner->arena);
    }
}

static void step_due(struct spawner *spawner, muster_time now)
{
    /* Not those that ask for `now` again: they are served by the next turn. */
    uint64_t number;
    for (uint32_t n = 0; n < spawner->options.slots; n++) {
        if (!deadlines_pop_due(&spawner->deadlines, now, &number))
            break;
        struct slot *slot = spawner_slot(spawner, (uint32_t)number);
        slot->deadline = deadlines_add(&spawner->deadlines, MUSTER_NEVER, number);
        slot_step(spawner, slot, now);
        arena_reset(&spawner->arena);
    }
}

static bool is_idle(const struct spawner *spawner)
{
    for (uint32_t i = 0; i < spawner->options.slots; i++) {
        if (spawner->slots[i].kind != SLOT_FREE || spawner->slots[i].runner.tree)
            return false;
    }
    return true;
}

static void dispatch(struct spawner *spawner, const struct epoll_event *event, muster_time now)
{
    enum spawner_source source = (enum spawner_source)(event->data.u64 >> 32);
    struct slot *slot = spawner_slot(spawner, (uint32_t)event->data.u64);
    switch (source) {
    case SOURCE_AGENT:
        if (!spawner->is_closing && (event->events & ~(uint32_t)EPOLLOUT))
            read_agent(spawner, now);
        break;
    case SOURCE_SIGNAL:
        break; /* came first in this turn */
    case SOURCE_OUT:
    case SOURCE_ERR:
        slot_read(spawner, slot, source == SOURCE_OUT ? SLOT_OUT : SLOT_ERR);
        if (slot->is_leader_gone)
            slot_step(spawner, slot, now);
        break;
    case SOURCE_RUNNER:
        call_ready(spawner, slot);
        break;
    }
    arena_reset(&spawner->arena);
}

/* Strays that cannot be told apart. */
static void end_unowned(struct spawner *spawner, muster_time now)
{
    if (now < spawner->unowned_at)
        return;
    trees_scan(&spawner->trees);
    size_t left = trees_end_unowned(&spawner->trees);
    spawner->unowned_at = left > 0 ? time_add(now, unowned_poll_ns) : MUSTER_NEVER;
}

static muster_time next_deadline(const struct spawner *spawner)
{
    muster_time next = deadlines_next(&spawner->deadlines);
    if (spawner->abandoned_at < next)
        next = spawner->abandoned_at;
    return spawner->unowned_at < next ? spawner->unowned_at : next;
}

static void turn(struct spawner *spawner)
{
    struct epoll_event events[EVENTS_PER_TURN];
    int wait_ms = time_poll_ms(time_boot_ns(), next_deadline(spawner), PATIENCE_MS);
    int n = epoll_wait(spawner->epoll_fd, events, EVENTS_PER_TURN, wait_ms);
    MUST(n >= 0 || errno == EINTR);
    muster_time now = time_boot_ns();
    trees_turn(&spawner->trees);
    /* Ends first: an attempt that has ended by now is not cancelled any more. */
    for (int i = 0; i < n; i++) {
        if (events[i].data.u64 >> 32 == SOURCE_SIGNAL)
            reap(spawner, now);
    }
    for (int i = 0; i < n; i++)
        dispatch(spawner, &events[i], now);
    step_due(spawner, now);
    ladder_watch_abandoned(spawner, now);
    if (spawner->trees.n_strays > 0 && spawner->unowned_at == MUSTER_NEVER)
        spawner->unowned_at = now;
    end_unowned(spawner, now);
    flush_agent(spawner);
}

/* The last look: whatever is still a child of ours. */
static bool is_over(struct spawner *spawner)
{
    if (!spawner->is_closing)
        return false;
    muster_time now = time_boot_ns();
    if (now >= spawner->closing_until)
        return true;
    if (!is_idle(spawner) || !list_is_empty(&spawner->abandoned))
        return false;
    trees_scan(&spawner->trees);
    if (spawner->trees.n_strays == 0)
        return true;
    trees_end_unowned(&spawner->trees);
    spawner->unowned_at = time_add(now, closing_poll_ns);
    return false;
}

int spawner_main(int agent_fd, const struct run_options *options)
{
    struct spawner spawner;
    int error = setup_open(&spawner, agent_fd, options);
    struct message_ready ready = {.error = error, .uses_cgroup = spawner.root.path != NULL};
    frame_push(&spawner.out, MESSAGE_READY, &ready, sizeof ready, NULL, 0);
    flush_agent(&spawner);
    while (error == 0 && !is_over(&spawner))
        turn(&spawner);
    setup_close(&spawner);
    return error < 0 ? 1 : 0;
}
