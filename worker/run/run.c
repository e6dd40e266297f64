/*
 * run.c -- the agent's end of the spawner: forks it, sends it starts and ends, takes records.
 *
 * It decides nothing about attempts. Writing may wait for the spawner, which always reads and never
 * waits for the agent. Invariant: run.in holds at most one turn's worth of records.
 */
#include "run.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/time.h"
#include "frame.h"
#include "message.h"
#include "operation.h"
#include "proto/limits.h"
#include "spawner.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    READY_WAIT_MS = 120 * 1000,
    WRITE_WAIT_MS = 60 * 1000, /* a spawner that does not read for so long is broken */
    SOCKET_BYTES = 1024 * 1024
};

struct run {
    pid_t pid;
    int fd;
    bool uses_cgroup;
    int64_t close_wait_ns;
    struct frame_in in;
    struct buffer out;
};

static int wait_for(int fd, short events, int wait_ms)
{
    struct pollfd ready = {.fd = fd, .events = events};
    int n;
    do {
        n = poll(&ready, 1, wait_ms);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n == 0 ? -ETIMEDOUT : 0;
}

static int next_frame(struct run *run, struct frame *ret_frame)
{
    int next = frame_next(&run->in, ret_frame);
    if (next != 0)
        return next;
    int got = frame_read(&run->in, run->fd);
    if (got == -EAGAIN)
        return 0;
    if (got <= 0)
        return got < 0 ? got : -EPIPE;
    return frame_next(&run->in, ret_frame);
}

static int wait_ready(struct run *run)
{
    struct frame frame;
    int next;
    while ((next = next_frame(run, &frame)) == 0) {
        int error = wait_for(run->fd, POLLIN, READY_WAIT_MS);
        if (error < 0)
            return error;
    }
    struct message_ready ready;
    struct bytes rest;
    if (next < 0)
        return next;
    if (frame.type != MESSAGE_READY || frame_head(frame.payload, &ready, sizeof ready, &rest) < 0)
        return -EPROTO;
    run->uses_cgroup = ready.uses_cgroup != 0;
    return ready.error;
}

static void widen(int fd)
{
    /* Larger than a record, so that one rarely takes two turns; a smaller one works too. */
    int bytes = SOCKET_BYTES;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

static int check_options(const struct run_options *options)
{
    bool is_good = options->slots >= 1 && options->slots <= WIRE_SLOTS_MAX && options->host &&
                   options->workdir && options->grace_ns >= 0 && options->drain_output_ns >= 0 &&
                   options->unkillable_ns >= 0;
    return is_good ? 0 : -EINVAL;
}

int run_open(struct run **ret_run, const struct run_options *options)
{
    int ends[2];
    int error = check_options(options);
    struct run *run = error < 0 ? NULL : calloc(1, sizeof *run);
    if (!run)
        return error < 0 ? error : -ENOMEM;
    run->fd = -1;
    frame_in_init(&run->in);
    buffer_init(&run->out, 0);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        error = -errno;
        goto fail;
    }
    run->fd = ends[0];
    widen(ends[0]);
    widen(ends[1]);
    int64_t unkillable_ns = options->unkillable_ns > 0 ? options->unkillable_ns : 60 * MUSTER_S;
    run->close_wait_ns = unkillable_ns + 10 * MUSTER_S;
    run->pid = fork();
    if (run->pid == 0) {
        close(ends[0]);
        _exit(spawner_main(ends[1], options));
    }
    if (run->pid < 0)
        error = -errno;
    close(ends[1]);
    if (error == 0)
        error = wait_ready(run);
    if (error < 0)
        goto fail;
    *ret_run = run;
    return 0;
fail:
    run_close(run);
    return error;
}

/* Waits for the spawner's end without a signal: false when it is still there. */
static bool wait_exit(pid_t pid, int64_t wait_ns)
{
    muster_time until = time_boot_ns() + wait_ns;
    for (;;) {
        pid_t got = waitpid(pid, NULL, WNOHANG);
        if (got == pid || (got < 0 && errno != EINTR))
            return true;
        if (time_boot_ns() >= until)
            return false;
        poll(NULL, 0, 2);
    }
}

void run_close(struct run *run)
{
    if (!run)
        return;
    run->fd = fs_close(run->fd);
    if (run->pid > 0 && !wait_exit(run->pid, run->close_wait_ns)) {
        log_event(LEVEL_ERROR, "spawner_stuck", "pid=%d", (int)run->pid);
        kill(run->pid, SIGKILL);
        wait_exit(run->pid, MUSTER_S);
    }
    frame_in_done(&run->in);
    buffer_done(&run->out);
    free(run);
}

int run_fd(const struct run *run)
{
    return run->fd;
}

static int send_frame(struct run *run, uint32_t type, const void *head, size_t head_size,
                      const struct bytes *parts, size_t n_parts)
{
    int error = frame_push(&run->out, type, head, head_size, parts, n_parts);
    while (error == 0 && (error = frame_flush(&run->out, run->fd)) > 0)
        error = wait_for(run->fd, POLLOUT, WRITE_WAIT_MS);
    return error;
}

int run_start(struct run *run, const struct run_start *start)
{
    struct message_start head = {.token = start->token,
                                 .track_id = start->track_id,
                                 .slot = start->slot,
                                 .attempt = start->attempt,
                                 .function_size = (uint32_t)start->function.size,
                                 .pool_size = (uint32_t)start->pool_name.size,
                                 .body_size = (uint32_t)start->body.size};
    struct bytes parts[] = {start->function, start->pool_name, start->body};
    return send_frame(run, MESSAGE_START, &head, sizeof head, parts, 3);
}

int run_end(struct run *run, uint64_t token, enum reason reason, bool kill_now)
{
    struct message_end head = {.token = token, .reason = reason, .kill_now = kill_now};
    return send_frame(run, MESSAGE_END, &head, sizeof head, NULL, 0);
}

int run_next(struct run *run, struct run_ended *ret_ended)
{
    struct frame frame;
    int next = next_frame(run, &frame);
    if (next <= 0)
        return next;
    struct message_ended head;
    struct bytes body;
    if (frame.type != MESSAGE_ENDED || frame_head(frame.payload, &head, sizeof head, &body) < 0 ||
        !state_is_known(head.state) || !reason_is_known(head.reason))
        return -EPROTO;
    *ret_ended = (struct run_ended){.token = head.token,
                                    .state = (enum state)head.state,
                                    .reason = (enum reason)head.reason,
                                    .exit = head.exit,
                                    .signal = head.signal,
                                    .pid = head.pid,
                                    .slot = head.slot,
                                    .start_wall_ns = head.start_wall_ns,
                                    .run_ns = head.run_ns,
                                    .throttled_ns = head.throttled_ns,
                                    .is_quarantined = head.is_quarantined != 0,
                                    .body = body};
    return 1;
}

const char *run_tree_kill(const struct run *run)
{
    return run->uses_cgroup ? "cgroup" : "subreaper";
}

const char *const *run_functions(void)
{
    static const char *const names[] = {"exec",
#define X(name) #name,
                                        OPERATION_TABLE(X)
#undef X
                                            NULL};
    return names;
}
