/*
 * report.c -- makes the one ended record of an attempt and frees its slot.
 *
 * Which state: a reason that somebody gave before the leader was gone wins (cancel, time-out …),
 * then the signal, then the exit status: 0 ok, 75 skipped, any other failed.
 */
#include "slot.h"

#include "base/assert.h"
#include "base/log.h"
#include "proto/wire.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum { EXIT_SKIP = 75, EXIT_NONE = -1, TEXT_MAX = 1024 };

static enum state state_of(enum reason reason)
{
    switch ((int)reason) {
    case REASON_TIMEOUT:
        return STATE_TIMEOUT;
    case REASON_STALL:
        return STATE_STALLED;
    case REASON_CUT_OFF:
    case REASON_WORKER_LOST:
    case REASON_WORKER_RESTARTED:
        return STATE_LOST;
    default:
        return STATE_CANCELLED;
    }
}

static int64_t time_ns(struct timeval time)
{
    return (int64_t)time.tv_sec * MUSTER_S + (int64_t)time.tv_usec * MUSTER_US;
}

static void add_usage(struct wire_record_body *body, const struct rusage *usage)
{
    body->utime_ns = time_ns(usage->ru_utime);
    body->stime_ns = time_ns(usage->ru_stime);
    body->maxrss_bytes = (uint64_t)usage->ru_maxrss * 1024;
}

static struct wire_output output_of(struct stream *stream)
{
    return (struct wire_output){.total = stream->capture.total,
                                .head = capture_head(&stream->capture),
                                .tail = capture_tail(&stream->capture),
                                .incomplete = stream->capture.incomplete};
}

static void send_ended(struct spawner *spawner, const struct message_ended *ended,
                       struct bytes body)
{
    int error = frame_push(&spawner->out, MESSAGE_ENDED, ended, sizeof *ended, &body, 1);
    /* Without its record the command would hang for ever: the worker had better end. */
    MUST(error == 0);
}

static void send_body(struct spawner *spawner, const struct message_ended *ended,
                      const struct wire_record_body *body)
{
    size_t size = wire_record_body_size(body);
    uint8_t *packed = arena_alloc(&spawner->arena, size);
    MUST(packed);
    wire_record_body_encode(body, packed, size);
    send_ended(spawner, ended, bytes_of(packed, size));
}

static struct message_ended ended_of(const struct slot *slot)
{
    return (struct message_ended){.token = slot->token,
                                  .start_wall_ns = slot->start_wall_ns,
                                  .run_ns = slot->stop_at - slot->start_at,
                                  .throttled_ns = slot->throttled_ns,
                                  .exit = EXIT_NONE,
                                  .pid = (uint32_t)slot->pid,
                                  .slot = slot->number,
                                  .is_quarantined = slot->quarantined > 0};
}

static void judge(const struct slot *slot, struct message_ended *ended)
{
    if (slot->is_leader_gone && WIFEXITED(slot->status))
        ended->exit = WEXITSTATUS(slot->status);
    if (slot->is_leader_gone && WIFSIGNALED(slot->status))
        ended->signal = (uint32_t)WTERMSIG(slot->status);
    if (slot->end_reason != REASON_NONE) {
        ended->state = state_of(slot->end_reason);
        ended->reason = slot->end_reason;
    } else if (ended->signal > 0 || ended->exit == EXIT_NONE) {
        ended->state = STATE_SIGNALED;
        ended->reason = REASON_SIGNAL;
    } else if (ended->exit == 0) {
        ended->state = STATE_OK;
        ended->reason = REASON_NONE;
    } else if (ended->exit == EXIT_SKIP) {
        ended->state = STATE_SKIPPED;
        ended->reason = REASON_SKIP_75;
    } else {
        ended->state = STATE_FAILED;
        ended->reason = REASON_EXIT;
    }
}

__attribute__((format(printf, 2, 3))) static void add_text(char *text, const char *format, ...)
{
    size_t size = strlen(text);
    if (size > 0 && size + 3 < TEXT_MAX) {
        memcpy(text + size, "; ", 3);
        size += 2;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(text + size, TEXT_MAX - size, format, args);
    va_end(args);
}

static void add_given_up(char *text, const struct spawner *spawner, bool is_denied)
{
    add_text(text,
             "processes of it survived KILL for %lld s%s; they may still run, the slot is "
             "quarantined until they are gone",
             (long long)(spawner->options.unkillable_ns / MUSTER_S),
             is_denied ? " (some belong to another user and may not be signalled)" : "");
}

void report_exec(struct spawner *spawner, struct slot *slot, bool is_given_up)
{
    char text[TEXT_MAX] = "";
    struct message_ended ended = ended_of(slot);
    judge(slot, &ended);
    if (!slot->is_leader_gone)
        ended.run_ns = time_boot_ns() - slot->start_at;
    struct wire_record_body body = {.tries = 1};
    body.out = output_of(&slot->streams[SLOT_OUT]);
    body.err = output_of(&slot->streams[SLOT_ERR]);
    add_usage(&body, &slot->usage);
    if (slot->left_behind > 0)
        add_text(text, "%zu process%s that it left behind %s ended", slot->left_behind,
                 slot->left_behind == 1 ? "" : "es", slot->left_behind == 1 ? "was" : "were");
    if (is_given_up) {
        /* The tree has left the slot by now; what was denied is in the log. */
        add_given_up(text, spawner, slot->is_denied);
        ended.reason = REASON_UNKILLABLE;
    }
    body.warning = bytes_of_str(text);
    send_body(spawner, &ended, &body);
    slot_release(spawner, slot);
}

static void fill_failure(struct wire_record_body *body, const struct slot_failure *failure)
{
    body->failure.type = bytes_of_str(failure->type);
    body->failure.message = bytes_of_str(failure->message);
    body->failure.code = failure->code;
}

void report_failure(struct spawner *spawner, struct slot *slot, const struct slot_failure *failure)
{
    struct message_ended ended = ended_of(slot);
    ended.state = failure->state;
    ended.reason = failure->reason;
    ended.exit = failure->exit;
    struct wire_record_body body = {.tries = 1};
    fill_failure(&body, failure);
    send_body(spawner, &ended, &body);
    slot_release(spawner, slot);
}

void report_refused(struct spawner *spawner, const struct message_start *start,
                    const struct slot_failure *failure)
{
    struct message_ended ended = {.token = start->token,
                                  .start_wall_ns = time_wall_ns(),
                                  .state = failure->state,
                                  .reason = failure->reason,
                                  .exit = failure->exit,
                                  .slot = start->slot};
    struct wire_record_body body = {.tries = 0};
    fill_failure(&body, failure);
    send_body(spawner, &ended, &body);
}

void report_packed(struct spawner *spawner, struct slot *slot, enum state state, enum reason reason,
                   struct bytes body)
{
    slot->stop_at = time_boot_ns();
    struct message_ended ended = ended_of(slot);
    ended.state = state;
    ended.reason = reason;
    ended.exit = state == STATE_OK ? 0 : EXIT_NONE;
    send_ended(spawner, &ended, body);
    slot_release(spawner, slot);
}

void report_call(struct spawner *spawner, struct slot *slot, bool is_given_up)
{
    char text[TEXT_MAX] = "";
    if (!slot->is_leader_gone)
        slot->stop_at = time_boot_ns();
    struct message_ended ended = ended_of(slot);
    judge(slot, &ended);
    struct wire_record_body body = {.tries = 1};
    add_usage(&body, &slot->usage);
    if (slot->end_reason == REASON_NONE) {
        /* It neither answered nor was ended by anybody. */
        ended.state = ended.signal > 0 ? STATE_SIGNALED : STATE_FAILED;
        ended.reason = REASON_FUNCTION_CRASHED;
        body.failure.type = bytes_of_str("Crashed");
        if (ended.signal > 0)
            add_text(text, "the process that ran the function was ended by signal %u (%s)",
                     ended.signal, strsignal((int)ended.signal));
        else
            add_text(text, "the process that ran the function exited with status %d", ended.exit);
        body.failure.message = bytes_of_str(text);
    } else if (is_given_up) {
        add_given_up(text, spawner, slot->is_denied);
        ended.reason = REASON_UNKILLABLE;
        body.warning = bytes_of_str(text);
    }
    send_body(spawner, &ended, &body);
    slot_release(spawner, slot);
    call_end_runner(spawner, slot);
}
