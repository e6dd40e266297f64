/*
 * sim_egress.c -- performs the sends of a turn, as broker/egress.c does: a send that fails ends the
 * peer here and is told to the core in the next turn.
 */
#include <errno.h>

#include "base/assert.h"
#include "sim.h"

enum { ITEMS_MAX = 64, ITEMS_BYTES_MAX = 64 * 1024, VERDICT_BYTES = 48 };

static int send_frame(struct sim *sim, peer_id peer, const struct wire_message *message)
{
    enum side side;
    uint8_t route[ROUTE_BYTES];
    if (!peers_find(sim->broker.peers, peer, &side, route))
        return -EHOSTUNREACH;
    return world_send_to(sim, route, message);
}

static void forget(struct sim *sim, peer_id peer)
{
    enum side side;
    uint8_t route[ROUTE_BYTES];
    if (peers_find(sim->broker.peers, peer, &side, route))
        network_forget(sim, world_route(route));
    peers_forget(sim->broker.peers, peer);
}

void sim_egress_send(struct sim *sim, peer_id peer, const struct wire_message *message)
{
    struct sim_broker *b = &sim->broker;
    int r = send_frame(sim, peer, message);
    if (r == 0)
        return;
    trace_line(sim, TRACE_FRAME, "broker cannot send %s: %s", wire_type_name(message->type),
               r == -EAGAIN ? "full" : "gone");
    if (r == -EAGAIN && sim->swarm.plant == PLANT_DROP_ON_EAGAIN)
        return;
    for (uint32_t i = 0; message->type == WIRE_COMMANDS && i < message->as.commands.n_commands;
         i++) {
        const struct wire_hand_out *h = &message->as.commands.commands[i];
        TABLE_ADD(
            b->unsent,
            ((struct unsent){
                .peer = peer, .pool = h->pool, .attempt = h->attempt, .track_id = h->track_id}));
    }
    TABLE_ADD(b->unsent, ((struct unsent){.peer = peer}));
    forget(sim, peer);
}

static void flush_pending(struct sim *sim)
{
    struct sim_broker *b = &sim->broker;
    struct wire_message m = {.type = b->pending.type};
    if (b->pending.hand_outs.n > 0) {
        m.as.commands.commands = b->pending.hand_outs.items;
        m.as.commands.n_commands = (uint32_t)b->pending.hand_outs.n;
    } else if (b->pending.verdicts.n > 0) {
        m.as.recorded.verdicts = b->pending.verdicts.items;
        m.as.recorded.n_verdicts = (uint32_t)b->pending.verdicts.n;
    } else {
        return;
    }
    b->pending.hand_outs.n = b->pending.verdicts.n = 0;
    b->pending.bytes = 0;
    sim_egress_send(sim, b->pending.peer, &m);
}

static void pend(struct sim *sim, enum wire_type type, peer_id peer, size_t bytes)
{
    struct sim_broker *b = &sim->broker;
    size_t n = b->pending.hand_outs.n + b->pending.verdicts.n;
    if (b->pending.type != type || b->pending.peer != peer || n == ITEMS_MAX ||
        b->pending.bytes + bytes > ITEMS_BYTES_MAX)
        flush_pending(sim);
    b->pending.type = type;
    b->pending.peer = peer;
    b->pending.bytes += bytes;
}

static void send_command(struct sim *sim, const struct send *send)
{
    struct bytes body = send->as.command.body != 0
                            ? sim_broker_body_of(sim, send->as.command.body)
                            : vault_command(&sim->vault, send->pool, send->as.command.body_of);
    struct wire_hand_out hand_out = {.pool = send->pool,
                                     .attempt = send->as.command.attempt,
                                     .track_id = send->as.command.track_id,
                                     .epoch = send->as.command.epoch,
                                     .rerunnable = send->as.command.rerunnable,
                                     .function = send->as.command.function,
                                     .body = body,
                                     .pool_name = send->as.command.pool_name};
    pend(sim, WIRE_COMMANDS, send->peer, wire_hand_out_size(&hand_out));
    TABLE_ADD(sim->broker.pending.hand_outs, hand_out);
}

static void send_recorded(struct sim *sim, const struct send *send)
{
    pend(sim, WIRE_RECORDED, send->peer, VERDICT_BYTES);
    TABLE_ADD(sim->broker.pending.verdicts,
              ((struct wire_verdict){.pool = send->pool,
                                     .attempt = send->as.recorded.attempt,
                                     .track_id = send->as.recorded.track_id,
                                     .epoch = send->as.recorded.epoch,
                                     .stale = send->as.recorded.stale,
                                     .pos = send->as.recorded.pos}));
}

static void send_stop(struct sim *sim, const struct send *send)
{
    struct wire_attempt attempt = {.track_id = send->as.stop.track_id,
                                   .pool = send->pool,
                                   .attempt = send->as.stop.attempt,
                                   .epoch = send->as.stop.epoch};
    struct wire_message m = {.type = WIRE_STOP};
    m.as.stop = (struct wire_stop){.attempts = &attempt,
                                   .n_attempts = 1,
                                   .reason = send->as.stop.reason,
                                   .forget = send->as.stop.forget};
    sim_egress_send(sim, send->peer, &m);
}

static struct wire_limits limits_of(const struct sim *sim)
{
    const struct core_limits *limits = &sim->swarm.limits;
    return (struct wire_limits){.message_max = WIRE_MESSAGE_MAX,
                                .submissions_max = limits->submissions_max,
                                .submits_max = limits->submits_max,
                                .reads_max = limits->reads_max,
                                .name_max = WIRE_NAME_MAX};
}

static struct wire_message welcome_of(const struct sim *sim, const struct send *send)
{
    struct wire_message m = {.type = WIRE_WELCOME};
    m.as.welcome = (struct wire_welcome){.request = send->request,
                                         .pool_id = send->pool,
                                         .pool = send->as.welcome.pool,
                                         .log_id = sim->vault.log_id,
                                         .epoch = sim->vault.epoch,
                                         .head = send->as.welcome.head,
                                         .oldest = send->as.welcome.oldest,
                                         .limits = limits_of(sim),
                                         .wall_ns = sim->broker.turn_wall_ns};
    return m;
}

static struct wire_message worker_welcome_of(const struct sim *sim)
{
    struct wire_message m = {.type = WIRE_WORKER_WELCOME};
    m.as.worker_welcome = (struct wire_worker_welcome){.epoch = sim->vault.epoch,
                                                       .lease_ns = sim->swarm.limits.lease_ns,
                                                       .renew_ns = sim->swarm.limits.renew_ns,
                                                       .limits = limits_of(sim),
                                                       .wall_ns = sim->broker.turn_wall_ns};
    return m;
}

static struct wire_message error_of(const struct send *send)
{
    struct wire_message m = {.type = WIRE_ERROR};
    m.as.error = (struct wire_refused){.request = send->request,
                                       .refusal = send->as.error.refusal,
                                       .text = send->as.error.text,
                                       .limit = send->as.error.limit,
                                       .retry_after_ns = send->as.error.retry_after_ns,
                                       .index = send->as.error.index};
    return m;
}

static struct wire_message small_of(const struct sim *sim, const struct send *send)
{
    struct wire_message m = {.type = WIRE_DONE};
    switch ((int)send->type) {
    case SEND_WELCOME:
        return welcome_of(sim, send);
    case SEND_WORKER_WELCOME:
        return worker_welcome_of(sim);
    case SEND_ERROR:
        return error_of(send);
    case SEND_SUBMITTED:
        m.type = WIRE_SUBMITTED;
        m.as.submitted = (struct wire_submitted){.request = send->request,
                                                 .first = send->as.submitted.first,
                                                 .count = send->as.submitted.count,
                                                 .batch = send->as.submitted.batch,
                                                 .duplicate = send->as.submitted.duplicate};
        break;
    case SEND_CANCELLED:
        m.type = WIRE_CANCELLED;
        m.as.cancelled = (struct wire_cancelled){.request = send->request,
                                                 .cancelled = send->as.cancelled.cancelled,
                                                 .stopping = send->as.cancelled.stopping,
                                                 .already_final = send->as.cancelled.already_final,
                                                 .running = send->as.cancelled.running,
                                                 .unknown = send->as.cancelled.unknown};
        break;
    case SEND_ROOM:
        m.type = WIRE_ROOM_REPLY;
        m.as.room_reply = (struct wire_room_reply){.request = send->request,
                                                   .room = send->as.room.room,
                                                   .unfinished = send->as.room.unfinished,
                                                   .slots = send->as.room.slots};
        break;
    case SEND_PONG:
        m.type = WIRE_PONG;
        m.as.pong.sent_ns = send->as.pong.sent_ns;
        break;
    case SEND_WHO_ARE_YOU:
        m.type = WIRE_WHO_ARE_YOU;
        break;
    case SEND_BYE:
        m.type = WIRE_BYE;
        m.as.bye = (struct wire_bye){.why = send->as.bye.why, .end = send->as.bye.end};
        break;
    default:
        MUST(send->type == SEND_DONE);
        m.as.done = (struct wire_done){.request = send->request,
                                       .value = send->as.done.value,
                                       .timed_out = send->as.done.timed_out};
    }
    return m;
}

static void perform(struct sim *sim, const struct send *send)
{
    switch ((int)send->type) {
    case SEND_COMMAND:
        send_command(sim, send);
        break;
    case SEND_RECORDED:
        send_recorded(sim, send);
        break;
    case SEND_RECORDS:
        sim_rows_records(sim, send);
        break;
    case SEND_RECORDS_OF:
        sim_rows_records_of(sim, send);
        break;
    case SEND_STATS:
        sim_rows_stats(sim, send);
        break;
    case SEND_LIST:
        sim_rows_list(sim, send);
        break;
    case SEND_HOSTS:
        sim_rows_hosts(sim, send);
        break;
    case SEND_STOP:
        send_stop(sim, send);
        break;
    case SEND_CLOSE:
        forget(sim, send->peer);
        break;
    case SEND_STOP_BROKER:
        sim->broker.stop = true;
        break;
    default: {
        struct wire_message m = small_of(sim, send);
        sim_egress_send(sim, send->peer, &m);
    }
    }
}

void sim_egress(struct sim *sim, size_t from, size_t to)
{
    size_t n;
    const struct send *sends = outbox_sends(sim->broker.box, &n);
    for (size_t i = from; i < to; i++) {
        if (sim->broker.sent_early && sim_broker_is_early(sim, &sends[i]))
            continue;
        /* Order per peer is kept: whatever is of another kind goes behind what is pending. */
        if (sends[i].type != SEND_COMMAND && sends[i].type != SEND_RECORDED)
            flush_pending(sim);
        perform(sim, &sends[i]);
    }
    flush_pending(sim);
}

void sim_egress_refuse(struct sim *sim, peer_id peer, const struct wire_error *error)
{
    struct wire_message m = {.type = WIRE_ERROR};
    m.as.error = (struct wire_refused){.request = error->request,
                                       .refusal = error->refusal,
                                       .text = bytes_of_str(error->text),
                                       .limit = error->limit,
                                       .index = error->index};
    sim_egress_send(sim, peer, &m);
}
