/*
 * trace.c -- the golden text of tests: one line per move of a command and per send; and how facts
 * and sends get into the box.
 *
 * Responsible for the words of the trace, which tests compare. Costs nothing while it is off.
 */
#include <string.h>

#include "broker/core/machine.h"
#include "broker/core/outbox.h"

void core_trace(struct core *core, void (*line)(void *ctx, const char *text), void *ctx)
{
    core->trace = line;
    core->trace_ctx = ctx;
}

static void put_number(struct say *say, const char *word, uint64_t number)
{
    say_str(say, word);
    say_u64(say, number);
}

static void put_command(const struct core *core, struct say *say, const struct command *c)
{
    const struct class_ *class_ = class_at(&core->queue, c->class_index);
    say_name(say, pool_name(core, pool_at(&core->pools, class_->pool)));
    put_number(say, "/", command_id(c));
}

void trace_move(struct core *core, const struct command *c, enum state from, enum state to)
{
    if (core->trace == NULL)
        return;
    struct say say = {.size = 0};
    put_command(core, &say, c);
    say_str(&say, " ");
    say_str(&say, state_name(from));
    say_str(&say, " -> ");
    say_str(&say, state_name(to));
    const struct more *more = command_more(&core->commands, c);
    if (to == STATE_RUNNING && more != NULL) {
        say_str(&say, " on ");
        say_name(&say, name_text(core, more->worker));
        put_number(&say, " attempt ", more->attempt);
    } else if (to == STATE_HELD) {
        say_str(&say, " (");
        say_str(&say, hold_name(c->place == PLACE_TIME ? HOLD_TIME : HOLD_NO_HOST));
        say_str(&say, ")");
    }
    core->trace(core->trace_ctx, say.text);
}

void trace_class(struct core *core, const struct class_ *class_, bool has_host)
{
    if (core->trace == NULL)
        return;
    struct say say = {.size = 0};
    say_name(&say, pool_name(core, pool_at(&core->pools, class_->pool)));
    put_number(&say, ": ", class_->ready.count);
    say_str(&say, has_host ? " held -> queued (" : " queued -> held (");
    say_name(&say, name_text(core, class_->function));
    say_str(&say, has_host ? " has a host)" : " has no host)");
    core->trace(core->trace_ctx, say.text);
}

static const char *const send_names[] = {
    [SEND_WELCOME] = "WELCOME",
    [SEND_SUBMITTED] = "SUBMITTED",
    [SEND_RECORDS] = "RECORDS",
    [SEND_RECORDS_OF] = "RECORDS_OF",
    [SEND_DONE] = "DONE",
    [SEND_STATS] = "STATS",
    [SEND_LIST] = "LIST",
    [SEND_HOSTS] = "HOSTS",
    [SEND_CANCELLED] = "CANCELLED",
    [SEND_ROOM] = "ROOM",
    [SEND_WORKER_WELCOME] = "WORKER_WELCOME",
    [SEND_COMMAND] = "COMMAND",
    [SEND_RECORDED] = "RECORDED",
    [SEND_STOP] = "STOP",
    [SEND_PONG] = "PONG",
    [SEND_ERROR] = "ERROR",
    [SEND_WHO_ARE_YOU] = "WHO_ARE_YOU",
    [SEND_BYE] = "BYE",
    [SEND_CLOSE] = "CLOSE",
    [SEND_STOP_BROKER] = "STOP_BROKER",
};

static void put_flag(struct say *say, bool flag, const char *word)
{
    if (flag)
        say_str(say, word);
}

static void put_records_of(struct say *say, const struct send *send)
{
    for (uint32_t i = 0; i < send->as.records_of.n; i++)
        put_number(say, " ", send->as.records_of.track_ids[i]);
    put_flag(say, send->as.records_of.timed_out, " timed_out");
}

static void put_worker_send(struct say *say, const struct send *send)
{
    switch ((int)send->type) {
    case SEND_COMMAND:
        put_number(say, " ", send->as.command.track_id);
        put_number(say, " attempt ", send->as.command.attempt);
        put_number(say, " epoch ", send->as.command.epoch);
        break;
    case SEND_RECORDED:
        put_number(say, " ", send->as.recorded.track_id);
        put_number(say, " attempt ", send->as.recorded.attempt);
        if (send->as.recorded.stale)
            say_str(say, " stale");
        else
            put_number(say, " pos ", send->as.recorded.pos);
        break;
    case SEND_STOP:
        put_number(say, " ", send->as.stop.track_id);
        put_number(say, " attempt ", send->as.stop.attempt);
        put_flag(say, send->as.stop.forget, " forget");
        break;
    default:
        break;
    }
}

static void put_client_send(struct say *say, const struct send *send)
{
    switch ((int)send->type) {
    case SEND_WELCOME:
        put_number(say, " head ", send->as.welcome.head);
        break;
    case SEND_SUBMITTED:
        put_number(say, " first ", send->as.submitted.first);
        put_number(say, " count ", send->as.submitted.count);
        if (send->as.submitted.batch != 0)
            put_number(say, " batch ", send->as.submitted.batch);
        put_flag(say, send->as.submitted.duplicate, " duplicate");
        break;
    case SEND_RECORDS:
        put_number(say, " from ", send->as.records.from_pos);
        put_flag(say, send->as.records.timed_out, " timed_out");
        break;
    case SEND_RECORDS_OF:
        put_records_of(say, send);
        break;
    case SEND_DONE:
        put_number(say, " ", send->as.done.value);
        put_flag(say, send->as.done.timed_out, " timed_out");
        break;
    case SEND_CANCELLED:
        put_number(say, " cancelled ", send->as.cancelled.cancelled);
        put_number(say, " stopping ", send->as.cancelled.stopping);
        break;
    case SEND_ROOM:
        say_str(say, send->as.room.room ? " yes" : " no");
        break;
    case SEND_ERROR:
        say_str(say, " ");
        say_str(say, refusal_name(send->as.error.refusal));
        break;
    case SEND_BYE:
        put_flag(say, send->as.bye.end, " end");
        break;
    default:
        put_worker_send(say, send);
        break;
    }
}

void trace_send(struct core *core, const struct send *send)
{
    if (core->trace == NULL)
        return;
    struct say say = {.size = 0};
    say_str(&say, "  ");
    say_str(&say, send_names[send->type]);
    put_client_send(&say, send);
    if (send->peer != 0)
        put_number(&say, " -> peer ", send->peer >> 32 != 0 ? send->peer >> 32 : send->peer);
    core->trace(core->trace_ctx, say.text);
}

/* ---- into the box --------------------------------------------------------------------------- */

struct fact *fact_add(struct core *core, enum fact_type type)
{
    return outbox_add_fact(core->box, type);
}

void *turn_alloc(struct core *core, size_t size)
{
    return outbox_alloc(core->box, size);
}

struct bytes turn_copy(struct core *core, struct bytes bytes)
{
    if (bytes.size == 0)
        return (struct bytes){0};
    void *copy = turn_alloc(core, bytes.size);
    memcpy(copy, bytes.data, bytes.size);
    return bytes_of(copy, bytes.size);
}

void send_add(struct core *core, const struct send *send)
{
    outbox_add_send(core->box, send);
    trace_send(core, send);
}

void send_done(struct core *core, peer_id peer, uint64_t request, uint64_t value, bool timed_out)
{
    struct send send = {.type = SEND_DONE, .peer = peer, .request = request};
    send.as.done.value = value;
    send.as.done.timed_out = timed_out;
    send_add(core, &send);
}

void send_stop(struct core *core, peer_id peer, uint32_t pool_id, uint64_t track_id,
               const struct event_worker_attempt *attempt, enum reason reason, bool forget)
{
    struct send send = {.type = SEND_STOP, .peer = peer, .pool = pool_id};
    send.as.stop.track_id = track_id;
    send.as.stop.attempt = attempt->attempt;
    send.as.stop.epoch = attempt->epoch;
    send.as.stop.reason = reason;
    send.as.stop.forget = forget;
    send_add(core, &send);
}

void send_close(struct core *core, peer_id peer)
{
    struct send send = {.type = SEND_CLOSE, .peer = peer};
    send_add(core, &send);
}

void send_refused(struct core *core, peer_id peer, uint64_t request, struct refused refused)
{
    struct send send = {.type = SEND_ERROR, .peer = peer, .request = request};
    struct bytes text = refused.text != NULL && refused.text->size > 0
                            ? say_bytes(refused.text)
                            : bytes_of_str(refusal_text(refused.refusal));
    send.as.error.refusal = refused.refusal;
    send.as.error.text = turn_copy(core, text);
    send.as.error.limit = refused.limit;
    send.as.error.retry_after_ns = refused.retry_after_ns;
    send.as.error.index = refused.index;
    send_add(core, &send);
}
