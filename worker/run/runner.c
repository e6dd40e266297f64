/*
 * runner.c -- the runner process: one command after the other from the spawner's socket, one answer
 * each.
 *
 * It may die at any point of a function: the spawner makes a record of that. It blocks while it
 * works; TERM ends it at once, and what a killed operation leaves is the backend's to clean up.
 */
#include "runner.h"

#include "base/fs.h"
#include "frame.h"
#include "message.h"
#include "operation.h"
#include "proto/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { ARENA_BYTES = 32 * 1024 * 1024 };

struct runner_state {
    const struct run_options *options;
    int fd;
    struct frame_in in;
    struct buffer out;
    struct arena arena;
    struct backend *backend;
    char *backend_url;
};

static int64_t cpu_ns(struct timeval time)
{
    return (int64_t)time.tv_sec * MUSTER_S + (int64_t)time.tv_usec * MUSTER_US;
}

/* What the command used, those of its helpers that were waited for included. */
static void add_usage(struct wire_record_body *record, const struct rusage before[2])
{
    const int who[2] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    for (int i = 0; i < 2; i++) {
        struct rusage now;
        if (getrusage(who[i], &now) < 0)
            continue;
        record->utime_ns += cpu_ns(now.ru_utime) - cpu_ns(before[i].ru_utime);
        record->stime_ns += cpu_ns(now.ru_stime) - cpu_ns(before[i].ru_stime);
        if (record->maxrss_bytes < (uint64_t)now.ru_maxrss * 1024)
            record->maxrss_bytes = (uint64_t)now.ru_maxrss * 1024;
    }
}

/* Relative local paths are those of the command's directory. */
static bool enter_directory(struct runner_state *runner, struct operation *operation)
{
    char *cwd = operation->command->cwd.size > 0 ? bytes_dup(operation->command->cwd)
                                                 : strdup(runner->options->workdir);
    char text[512];
    bool is_there = cwd && chdir(cwd) == 0;
    if (!is_there) {
        snprintf(text, sizeof text, "cannot change to directory %.400s: %s", cwd ? cwd : "",
                 strerror(errno));
        operation_fail(operation, REASON_START_FAILED, "StartFailed", (uint32_t)errno, text);
    }
    free(cwd);
    return is_there;
}

static void perform(struct runner_state *runner, struct operation *operation, struct bytes body)
{
    struct wire_command_body command;
    struct wire_error wrong;
    operation->record = (struct wire_record_body){.tries = 0};
    if (wire_command_body_decode(body, &runner->arena, &command, &wrong) < 0) {
        operation_fail(operation, REASON_BAD_ARGUMENTS, "BadArguments", 0, wrong.text);
        return;
    }
    operation->command = &command;
    if (enter_directory(runner, operation))
        operation_run(operation);
    operation->command = NULL;
}

static int answer(struct runner_state *runner, struct operation *operation)
{
    struct message_return head = {.state = operation->state, .reason = operation->reason};
    size_t size = wire_record_body_size(&operation->record);
    uint8_t *packed = malloc(size + 1);
    if (!packed)
        return -ENOMEM;
    wire_record_body_encode(&operation->record, packed, size);
    struct bytes body = bytes_of(packed, size);
    int error = frame_push(&runner->out, MESSAGE_RETURN, &head, sizeof head, &body, 1);
    free(packed);
    while (error == 0 && (error = frame_flush(&runner->out, runner->fd)) > 0) {
        struct pollfd writable = {.fd = runner->fd, .events = POLLOUT};
        error = poll(&writable, 1, -1) < 0 && errno != EINTR ? -errno : 0;
    }
    return error;
}

static int serve(struct runner_state *runner, const struct frame *frame)
{
    struct message_start head;
    struct bytes rest, function, pool_name, body;
    if (frame->type != MESSAGE_START || frame_head(frame->payload, &head, sizeof head, &rest) < 0 ||
        frame_part(&rest, head.function_size, &function) < 0 ||
        frame_part(&rest, head.pool_size, &pool_name) < 0 ||
        frame_part(&rest, head.body_size, &body) < 0)
        return -EPROTO;
    char *name = bytes_dup(function);
    struct rusage before[2];
    getrusage(RUSAGE_SELF, &before[0]);
    getrusage(RUSAGE_CHILDREN, &before[1]);
    struct operation operation = {.function = name ? name : "",
                                  .host = runner->options->host,
                                  .workdir = runner->options->workdir,
                                  .track_id = head.track_id,
                                  .now_wall_ns = time_wall_ns(),
                                  .arena = &runner->arena,
                                  .backend = &runner->backend,
                                  .backend_url = &runner->backend_url};
    perform(runner, &operation, body);
    add_usage(&operation.record, before);
    int error = answer(runner, &operation);
    arena_reset(&runner->arena);
    free(name);
    return error;
}

void runner_main(int fd, const struct run_options *options)
{
    struct runner_state runner = {.options = options, .fd = fd};
    struct frame frame;
    int next = 0;
    arena_init(&runner.arena, ARENA_BYTES);
    frame_in_init(&runner.in);
    buffer_init(&runner.out, 0);
    while (next >= 0) {
        next = frame_next(&runner.in, &frame);
        if (next > 0) {
            next = serve(&runner, &frame);
        } else if (next == 0) {
            struct pollfd readable = {.fd = fd, .events = POLLIN};
            poll(&readable, 1, -1);
            int got = frame_read(&runner.in, fd);
            if (got <= 0 && got != -EAGAIN)
                next = -EPIPE;
        }
    }
    backend_close(runner.backend);
    free(runner.backend_url);
    arena_done(&runner.arena);
    frame_in_done(&runner.in);
    buffer_done(&runner.out);
    _exit(0);
}
