/*
 * ingress.c -- the broker's frames -> events for the agent.
 *
 * Not here: any decision. What cannot be read is told in the log and ignored; the session recovers
 * by silence. A broker of another protocol version counts as a refusal.
 */
#include <errno.h>

#include "net/sock.h"
#include "proto/wire.h"
#include "worker/shell.h"

enum { MESSAGES_PER_TURN = 256 };

/* A peer that sends nonsense must not fill the log: at most one line a second about frames. */
static bool may_complain(struct worker *worker, uint64_t *ret_untold)
{
    if (worker->now < worker->noise_until) {
        worker->noise++;
        return false;
    }
    *ret_untold = worker->noise;
    worker->noise = 0;
    worker->noise_until = time_add(worker->now, MUSTER_S);
    return true;
}

static struct agent_id id_of(const struct wire_attempt *attempt)
{
    return (struct agent_id){.pool = attempt->pool,
                             .attempt = attempt->attempt,
                             .epoch = attempt->epoch,
                             .track_id = attempt->track_id};
}

static void on_commands(struct worker *worker, const struct wire_commands *commands)
{
    for (uint32_t i = 0; i < commands->n_commands; i++) {
        const struct wire_hand_out *message = &commands->commands[i];
        struct handout *handout = handouts_add(&worker->handouts, message);
        if (!handout) {
            /* Far beyond all credit. The next HELLO does not list it: it never started. */
            log_event(LEVEL_ERROR, "too_many_commands", "limit=%d track_id=%llu", HANDOUTS_MAX,
                      (unsigned long long)message->track_id);
            return;
        }
        handout->function = functions_find(worker->functions, message->function);
        struct agent_event event = {.type = AGENT_EV_COMMAND};
        event.as.command.id = handout->id;
        event.as.command.body = handout->index;
        event.as.command.rerunnable = message->rerunnable;
        worker_step(worker, &event);
    }
}

static void on_recorded(struct worker *worker, const struct wire_recorded *recorded)
{
    for (uint32_t i = 0; i < recorded->n_verdicts; i++) {
        const struct wire_verdict *verdict = &recorded->verdicts[i];
        struct agent_event event = {.type = AGENT_EV_RECORDED};
        event.as.recorded.id = (struct agent_id){.pool = verdict->pool,
                                                 .attempt = verdict->attempt,
                                                 .epoch = verdict->epoch,
                                                 .track_id = verdict->track_id};
        event.as.recorded.stale = verdict->stale;
        if (verdict->stale && log_is_on(LEVEL_DEBUG))
            log_event(LEVEL_DEBUG, "stale", "pool=%u track_id=%llu attempt=%u", verdict->pool,
                      (unsigned long long)verdict->track_id, verdict->attempt);
        worker_step(worker, &event);
    }
}

/* A reason from a later version, or none, is a cancel. */
static enum reason stop_reason(const struct wire_stop *stop)
{
    if (!reason_is_known(stop->reason) || stop->reason == REASON_NONE)
        return REASON_CANCELLED_RUNNING;
    return (enum reason)stop->reason;
}

static void on_stop(struct worker *worker, const struct wire_stop *stop)
{
    for (uint32_t i = 0; i < stop->n_attempts; i++) {
        struct agent_event event = {.type = AGENT_EV_STOP};
        event.as.stop.id = id_of(&stop->attempts[i]);
        event.as.stop.reason = stop_reason(stop);
        event.as.stop.forget = stop->forget;
        worker_step(worker, &event);
    }
}

static void on_error(struct worker *worker, const struct wire_refused *error)
{
    uint64_t untold;
    bool known = refusal_is_known(error->refusal);
    struct agent_event event = {.type = AGENT_EV_REFUSED};
    event.as.refused.retryable = known && refusal_is_retryable((enum refusal)error->refusal);
    if (may_complain(worker, &untold))
        log_event(LEVEL_ERROR, "refused", "refusal=%s text=%s untold=%llu",
                  known ? refusal_name((enum refusal)error->refusal) : "UNKNOWN",
                  log_quote(error->text), (unsigned long long)untold);
    worker_step(worker, &event);
}

static void on_message(struct worker *worker, const struct wire_message *message)
{
    struct agent_event event = {0};
    uint64_t untold;
    switch ((int)message->type) {
    case WIRE_COMMANDS:
        on_commands(worker, &message->as.commands);
        return;
    case WIRE_RECORDED:
        on_recorded(worker, &message->as.recorded);
        return;
    case WIRE_STOP:
        on_stop(worker, &message->as.stop);
        return;
    case WIRE_ERROR:
        on_error(worker, &message->as.error);
        return;
    case WIRE_WORKER_WELCOME:
        worker_welcomed(worker, &message->as.worker_welcome);
        event.type = AGENT_EV_WELCOME;
        event.as.welcome.epoch = message->as.worker_welcome.epoch;
        event.as.welcome.lease_ns = message->as.worker_welcome.lease_ns;
        event.as.welcome.renew_ns = message->as.worker_welcome.renew_ns;
        break;
    case WIRE_PONG:
        event.type = AGENT_EV_PONG;
        event.as.pong.sent_ns = message->as.pong.sent_ns;
        break;
    case WIRE_WHO_ARE_YOU:
        event.type = AGENT_EV_WHO_ARE_YOU;
        break;
    case WIRE_BYE:
        event.type = AGENT_EV_BYE;
        event.as.bye.end = message->as.bye.end;
        log_event(LEVEL_INFO, "broker_bye", "end=%s why=%s", message->as.bye.end ? "yes" : "no",
                  log_quote(message->as.bye.why));
        break;
    default:
        if (may_complain(worker, &untold))
            log_event(LEVEL_WARN, "unexpected", "message=%s untold=%llu",
                      wire_type_name(message->type), (unsigned long long)untold);
        return;
    }
    worker_step(worker, &event);
}

static void on_unreadable(struct worker *worker, int r, const struct wire_error *error)
{
    uint64_t untold;
    if (may_complain(worker, &untold))
        log_event(LEVEL_ERROR, "unreadable", "error=%s text=%s untold=%llu", log_errno(r),
                  log_quote_str(error->text), (unsigned long long)untold);
    if (r != -EPROTONOSUPPORT)
        return;
    struct agent_event event = {.type = AGENT_EV_REFUSED};
    event.as.refused.retryable = false;
    worker_step(worker, &event);
}

bool ingress_drain(struct worker *worker)
{
    for (int i = 0; i < MESSAGES_PER_TURN; i++) {
        struct wire_message message;
        struct wire_error error = {0};
        zmq_msg_t frame;
        if (!worker->link.sock || worker->is_over)
            return true;
        zmq_msg_init(&frame);
        int r = sock_receive(worker->link.sock, &frame);
        if (r == -EAGAIN) {
            zmq_msg_close(&frame);
            return true;
        }
        if (r == 0) {
            arena_reset(&worker->frame);
            r = wire_decode(zmq_msg_data(&frame), zmq_msg_size(&frame), &worker->frame, &message,
                            &error);
            if (r == 0)
                on_message(worker, &message);
        }
        if (r < 0)
            on_unreadable(worker, r, &error);
        zmq_msg_close(&frame);
    }
    return false;
}
