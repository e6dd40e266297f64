#include "tests/unit/cmocka_first.h"

#include "desk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/time.h"
#include "net/poll.h"
#include "net/sock.h"

enum { PATIENCE_S = 60, ARGS_MAX = 40 };

extern char **environ;

static void open_router(struct desk *desk)
{
    struct sock_options options = sock_options_default();
    struct buffer message = BUFFER_EMPTY;
    desk->router = sock_router_new(desk->context, &options);
    assert_non_null(desk->router);
    if (sock_bind(desk->router, desk->endpoint, &desk->lock, &message) < 0)
        fail_msg("%s", buffer_str(&message));
    buffer_done(&message);
}

static void close_router(struct desk *desk)
{
    sock_close(&desk->router);
    desk->lock = fs_close(desk->lock);
}

void desk_open(struct desk *desk)
{
    *desk = (struct desk){.log_fd = -1, .ready_fd = -1, .lease_ms = 30000, .renew_ms = 5000};
    snprintf(desk->dir, sizeof desk->dir, "/tmp/muster-desk-XXXXXX");
    assert_non_null(mkdtemp(desk->dir));
    snprintf(desk->endpoint, sizeof desk->endpoint, "ipc://%s/run/workers", desk->dir);
    snprintf(desk->spool, sizeof desk->spool, "%s/spool", desk->dir);
    arena_init(&desk->arena, 16 << 20);
    desk->context = sock_context_new();
    assert_non_null(desk->context);
    open_router(desk);
}

void desk_close(struct desk *desk)
{
    for (int i = 0; i < DESK_WORKERS_MAX; i++) {
        if (desk->workers[i] == 0)
            continue;
        kill(desk->workers[i], SIGKILL);
        waitpid(desk->workers[i], NULL, 0);
    }
    close_router(desk);
    sock_context_free(desk->context);
    fs_close(desk->log_fd);
    fs_close(desk->ready_fd);
    arena_done(&desk->arena);
    buffer_done(&desk->frame);
    buffer_done(&desk->returned);
    fs_remove_tree(desk->dir);
}

void desk_restart(struct desk *desk)
{
    close_router(desk);
    open_router(desk);
}

/* ---- the process ----------------------------------------------------------------------------- */

void desk_hire(struct desk *desk, const char *const *more)
{
    const char *args[ARGS_MAX] = {
        "muster-worker", "--broker", desk->endpoint, "--spool", desk->spool,  "--host", "desk-host",
        "--slots",       "2",        "--workdir",    desk->dir, "--ready-fd", "7"};
    int n = 0, log_pipe[2], ready_pipe[2];
    posix_spawn_file_actions_t actions;
    while (args[n])
        n++;
    while (more && *more && n < ARGS_MAX - 1)
        args[n++] = *more++;
    desk->log_fd = fs_close(desk->log_fd);
    desk->ready_fd = fs_close(desk->ready_fd);
    assert_int_equal(pipe2(log_pipe, O_CLOEXEC), 0);
    assert_int_equal(pipe2(ready_pipe, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    /* In this order: the pipe of the log may be descriptor 7 itself. */
    if (!getenv("DESK_SHOW_LOG"))
        posix_spawn_file_actions_adddup2(&actions, log_pipe[1], 2);
    posix_spawn_file_actions_adddup2(&actions, ready_pipe[1], 7);
    assert_int_equal(posix_spawn(&desk->workers[desk->current], MUSTER_WORKER_PROGRAM, &actions,
                                 NULL, (char *const *)(uintptr_t)args, environ),
                     0);
    posix_spawn_file_actions_destroy(&actions);
    close(log_pipe[1]);
    close(ready_pipe[1]);
    desk->log_fd = log_pipe[0];
    desk->ready_fd = ready_pipe[0];
}

void desk_signal(struct desk *desk, int number)
{
    assert_int_equal(kill(desk->workers[desk->current], number), 0);
}

int desk_wait(struct desk *desk)
{
    int status = 0;
    assert_int_equal(waitpid(desk->workers[desk->current], &status, 0),
                     desk->workers[desk->current]);
    desk->workers[desk->current] = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- the talk -------------------------------------------------------------------------------- */

static void receive_frame(struct desk *desk)
{
    muster_time until = time_boot_ns() + PATIENCE_S * MUSTER_S;
    zmq_msg_t route, frame;
    zmq_msg_init(&route);
    zmq_msg_init(&frame);
    while (sock_receive_from(desk->router, &route, &frame) < 0) {
        zmq_pollitem_t item = {.socket = desk->router, .events = ZMQ_POLLIN};
        if (time_boot_ns() > until)
            fail_msg("the worker says nothing");
        poll_wait(&item, 1, time_boot_ns(), until);
    }
    desk->route_bytes = zmq_msg_size(&route);
    assert_in_range(desk->route_bytes, 1, sizeof desk->route);
    memcpy(desk->route, zmq_msg_data(&route), desk->route_bytes);
    buffer_reset(&desk->frame);
    assert_int_equal(buffer_append(&desk->frame, zmq_msg_data(&frame), zmq_msg_size(&frame)), 0);
    zmq_msg_close(&route);
    zmq_msg_close(&frame);
}

static void on_renew(struct desk *desk, const struct wire_renew *renew)
{
    struct wire_message pong = {.type = WIRE_PONG};
    pong.as.pong.sent_ns = renew->sent_ns;
    for (uint32_t i = 0; i < renew->n_returned; i++)
        buffer_append(&desk->returned, &renew->returned[i], sizeof renew->returned[i]);
    desk->renewals++;
    desk->credit = renew->credit;
    if (!desk->is_mute)
        desk_send(desk, &pong);
}

static void receive_message(struct desk *desk, struct wire_message *ret_message)
{
    struct wire_error error;
    receive_frame(desk);
    arena_reset(&desk->arena);
    if (wire_decode(desk->frame.data, desk->frame.size, &desk->arena, ret_message, &error) < 0)
        fail_msg("%s", error.text);
    if (ret_message->type == WIRE_RENEW)
        on_renew(desk, &ret_message->as.renew);
}

void desk_receive(struct desk *desk, struct wire_message *ret_message)
{
    do {
        receive_message(desk, ret_message);
    } while (ret_message->type == WIRE_RENEW);
}

void desk_renewal(struct desk *desk)
{
    struct wire_message message;
    receive_message(desk, &message);
    assert_string_equal(wire_type_name(message.type), "RENEW");
}

void desk_expect(struct desk *desk, enum wire_type type, struct wire_message *ret_message)
{
    desk_receive(desk, ret_message);
    assert_string_equal(wire_type_name(ret_message->type), wire_type_name(type));
}

void desk_send(struct desk *desk, const struct wire_message *message)
{
    zmq_msg_t frame;
    struct wire_error error;
    if (wire_check(message, &error) < 0)
        fail_msg("%s", error.text);
    size_t size = wire_encoded_size(message);
    assert_int_equal(zmq_msg_init_size(&frame, size), 0);
    wire_encode(message, zmq_msg_data(&frame), size);
    assert_int_equal(sock_send_to(desk->router, desk->route, desk->route_bytes, &frame), 0);
    zmq_msg_close(&frame);
}

void desk_welcome(struct desk *desk, struct wire_message *ret_hello)
{
    struct wire_message welcome = {.type = WIRE_WORKER_WELCOME};
    desk_expect(desk, WIRE_WORKER_HELLO, ret_hello);
    welcome.as.worker_welcome.epoch = 1;
    welcome.as.worker_welcome.lease_ns = (int64_t)desk->lease_ms * MUSTER_MS;
    welcome.as.worker_welcome.renew_ns = (int64_t)desk->renew_ms * MUSTER_MS;
    welcome.as.worker_welcome.software = bytes_of_str("desk");
    desk_send(desk, &welcome);
}

void desk_command(struct desk *desk, uint64_t track_id, const char *function,
                  const struct wire_command_body *body)
{
    size_t size = wire_command_body_size(body);
    uint8_t *packed = malloc(size + 1);
    assert_non_null(packed);
    wire_command_body_encode(body, packed, size);
    struct wire_hand_out hand_out = {.pool = 1,
                                     .attempt = 1,
                                     .track_id = track_id,
                                     .epoch = 1,
                                     .function = bytes_of_str(function),
                                     .body = bytes_of(packed, size),
                                     .pool_name = bytes_of_str("default")};
    struct wire_message message = {.type = WIRE_COMMANDS};
    message.as.commands.commands = &hand_out;
    message.as.commands.n_commands = 1;
    desk_send(desk, &message);
    free(packed);
}

void desk_exec(struct desk *desk, uint64_t track_id, const char *script)
{
    struct bytes argv[] = {bytes_of_str("/bin/sh"), bytes_of_str("-c"), bytes_of_str(script)};
    desk_command(desk, track_id, "exec", &(struct wire_command_body){.argv = argv, .n_argv = 3});
}

void desk_call_sleep(struct desk *desk, uint64_t track_id, double seconds, int64_t timeout_ns)
{
    struct wire_value value = {.kind = WIRE_VALUE_DOUBLE, .real = seconds};
    desk_command(desk, track_id, "sleep",
                 &(struct wire_command_body){
                     .args = &value, .n_args = 1, .timeout_ns = timeout_ns, .throttled_ns = 5});
}

void desk_stop(struct desk *desk, uint64_t track_id, bool forget)
{
    struct wire_attempt attempt = {.pool = 1, .attempt = 1, .epoch = 1, .track_id = track_id};
    struct wire_message message = {.type = WIRE_STOP};
    message.as.stop.attempts = &attempt;
    message.as.stop.n_attempts = 1;
    message.as.stop.reason = REASON_CANCELLED_RUNNING;
    message.as.stop.forget = forget;
    desk_send(desk, &message);
}

void desk_acknowledge(struct desk *desk, const struct wire_record_head *record)
{
    struct wire_verdict verdict = {.pool = record->pool,
                                   .attempt = record->attempt,
                                   .epoch = record->epoch,
                                   .track_id = record->track_id,
                                   .pos = record->track_id};
    struct wire_message message = {.type = WIRE_RECORDED};
    message.as.recorded.verdicts = &verdict;
    message.as.recorded.n_verdicts = 1;
    desk_send(desk, &message);
}

struct wire_record_head desk_record(struct desk *desk, struct wire_record_body *ret_body)
{
    struct wire_message message;
    struct wire_error error;
    desk_expect(desk, WIRE_REPORT, &message);
    assert_int_equal(message.as.report.n_records, 1);
    struct wire_record_head head = message.as.report.records[0];
    if (wire_record_body_decode(head.body, &desk->arena, ret_body, &error) < 0)
        fail_msg("%s", error.text);
    return head;
}
