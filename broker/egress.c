/*
 * egress.c -- performs the sends of a turn.
 *
 * A send may fail: EHOSTUNREACH says that the peer is gone, EAGAIN that it does not read. Both end
 * the peer here and are told to the core in the next turn (UNSENT per hand-out, GONE per peer): its
 * next message gets WHO_ARE_YOU, and hello brings both sides into step. Nothing is retried at this
 * level.
 *
 * Answers that need the store (records, lists) are in egress_rows.c.
 */
#include "broker/egress.h"

#include "base/assert.h"
#include "base/log.h"
#include "broker/bulk.h"
#include "broker/egress_rows.h"
#include "net/sock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void egress_init(struct egress *e)
{
    e->pending.hand_outs = calloc(WIRE_COMMANDS_MAX, sizeof *e->pending.hand_outs);
    e->pending.verdicts = calloc(WIRE_RECORDS_MAX, sizeof *e->pending.verdicts);
    MUST(e->pending.hand_outs != NULL && e->pending.verdicts != NULL);
}

void egress_done(struct egress *e)
{
    egress_scans_done(e);
    free(e->pending.hand_outs);
    free(e->pending.verdicts);
    free(e->unsent);
    buffer_done(&e->scratch);
}

static void note_unsent(struct egress *e, struct unsent unsent)
{
    if (e->n_unsent == e->unsent_max) {
        e->unsent_max = e->unsent_max == 0 ? 256 : e->unsent_max * 2;
        e->unsent = realloc(e->unsent, e->unsent_max * sizeof *e->unsent);
        MUST(e->unsent != NULL);
    }
    e->unsent[e->n_unsent++] = unsent;
}

static int send_frame(struct egress *e, peer_id peer, const struct wire_message *message)
{
    enum side side;
    uint8_t route[ROUTE_BYTES];
    if (!peers_find(e->peers, peer, &side, route))
        return -EHOSTUNREACH;
    size_t size = wire_encoded_size(message);
    MUST(size <= WIRE_MESSAGE_MAX);
    zmq_msg_t frame;
    if (bulk_frame(e->peers, peer, size, &frame) < 0)
        return -ENOMEM;
    wire_encode(message, zmq_msg_data(&frame), size);
    int r = sock_send_to(e->socks[side], route, sizeof route, &frame);
    if (r < 0)
        zmq_msg_close(&frame);
    return r;
}

/* Whoever sends without reading is dropped at each message: one line a second is enough. */
static void log_drop(struct egress *e, const struct wire_message *message, int error)
{
    if (e->intake->now < e->drop_log_due) {
        e->drops_unlogged++;
        return;
    }
    log_event(LEVEL_WARN, "peer_dropped", "message=%s error=%s unlogged=%llu",
              wire_type_name(message->type), log_errno(error),
              (unsigned long long)e->drops_unlogged);
    e->drop_log_due = e->intake->now + MUSTER_S;
    e->drops_unlogged = 0;
}

void egress_send(struct egress *e, peer_id peer, const struct wire_message *message)
{
    int r = send_frame(e, peer, message);
    if (r == 0)
        return;
    if (r != -EHOSTUNREACH)
        log_drop(e, message, r);
    if (message->type == WIRE_COMMANDS)
        for (uint32_t i = 0; i < message->as.commands.n_commands; i++) {
            const struct wire_hand_out *h = &message->as.commands.commands[i];
            note_unsent(e, (struct unsent){.peer = peer,
                                           .pool = h->pool,
                                           .attempt = h->attempt,
                                           .track_id = h->track_id});
        }
    note_unsent(e, (struct unsent){.peer = peer});
    peers_forget(e->peers, peer);
}

static void flush_pending(struct egress *e)
{
    struct wire_message m = {.type = e->pending.type};
    if (e->pending.n == 0)
        return;
    if (m.type == WIRE_COMMANDS) {
        m.as.commands.commands = e->pending.hand_outs;
        m.as.commands.n_commands = e->pending.n;
    } else {
        m.as.recorded.verdicts = e->pending.verdicts;
        m.as.recorded.n_verdicts = e->pending.n;
    }
    e->pending.n = 0;
    e->pending.bytes = 0;
    egress_send(e, e->pending.peer, &m);
}

/* Makes room for one more item of `bytes`: flushes what is pending if it is of another kind or
 * full. */
static void pend(struct egress *e, enum wire_type type, peer_id peer, size_t bytes, uint32_t max)
{
    if (e->pending.type != type || e->pending.peer != peer || e->pending.n == max ||
        e->pending.bytes + bytes > WIRE_MESSAGE_MAX - WIRE_ENVELOPE_MAX)
        flush_pending(e);
    e->pending.type = type;
    e->pending.peer = peer;
    e->pending.bytes += bytes;
}

/* The body of a command: of this turn, or from the store; a copy in the turn's arena then. When the
 * arena is used up the hand-out comes back as UNSENT and is tried again in the next turn. */
static int body_of(struct egress *e, const struct send *send, struct bytes *ret_body)
{
    if (send->as.command.body != 0) {
        *ret_body = intake_body_of(e->intake, send->as.command.body);
        return 0;
    }
    struct bytes stored;
    int r = store_command(e->store, send->pool, send->as.command.body_of, &stored);
    if (r < 0)
        return r;
    return arena_copy(&e->intake->arena, stored, ret_body) ? 0 : -ENOBUFS;
}

static int send_command(struct egress *e, const struct send *send)
{
    struct bytes body;
    int r = body_of(e, send, &body);
    if (r == -ENOBUFS) {
        note_unsent(e, (struct unsent){.peer = send->peer,
                                       .pool = send->pool,
                                       .attempt = send->as.command.attempt,
                                       .track_id = send->as.command.track_id});
        return 0;
    }
    if (r < 0)
        return r;
    struct wire_hand_out hand_out = {.pool = send->pool,
                                     .attempt = send->as.command.attempt,
                                     .track_id = send->as.command.track_id,
                                     .epoch = send->as.command.epoch,
                                     .rerunnable = send->as.command.rerunnable,
                                     .function = send->as.command.function,
                                     .body = body,
                                     .pool_name = send->as.command.pool_name};
    pend(e, WIRE_COMMANDS, send->peer, wire_hand_out_size(&hand_out), WIRE_COMMANDS_MAX);
    e->pending.hand_outs[e->pending.n++] = hand_out;
    return 0;
}

static void send_recorded(struct egress *e, const struct send *send)
{
    enum { VERDICT_BYTES_MAX = 48 };
    pend(e, WIRE_RECORDED, send->peer, VERDICT_BYTES_MAX, WIRE_RECORDS_MAX);
    e->pending.verdicts[e->pending.n++] =
        (struct wire_verdict){.pool = send->pool,
                              .attempt = send->as.recorded.attempt,
                              .track_id = send->as.recorded.track_id,
                              .epoch = send->as.recorded.epoch,
                              .stale = send->as.recorded.stale,
                              .pos = send->as.recorded.pos};
}

static struct wire_limits limits_of(const struct egress *e)
{
    return (struct wire_limits){.message_max = WIRE_MESSAGE_MAX,
                                .submissions_max = e->limits->submissions_max,
                                .submits_max = e->limits->submits_max,
                                .reads_max = e->limits->reads_max,
                                .name_max = WIRE_NAME_MAX};
}

static void send_stop(struct egress *e, const struct send *send)
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
    egress_send(e, send->peer, &m);
}

static void send_error(struct egress *e, const struct send *send)
{
    struct wire_message m = {.type = WIRE_ERROR};
    m.as.error = (struct wire_refused){.request = send->request,
                                       .refusal = send->as.error.refusal,
                                       .text = send->as.error.text,
                                       .limit = send->as.error.limit,
                                       .retry_after_ns = send->as.error.retry_after_ns,
                                       .index = send->as.error.index};
    egress_send(e, send->peer, &m);
}

/* The small answers, which need nothing but what the send says. */
static void send_small(struct egress *e, const struct send *send)
{
    struct wire_message m = {.type = WIRE_DONE};
    switch ((int)send->type) {
    case SEND_WELCOME:
        m.type = WIRE_WELCOME;
        m.as.welcome =
            (struct wire_welcome){.request = send->request,
                                  .pool_id = send->pool,
                                  .pool = send->as.welcome.pool,
                                  .log_id = e->log_id,
                                  .epoch = e->epoch,
                                  .head = send->as.welcome.head,
                                  .oldest = send->as.welcome.oldest,
                                  .limits = limits_of(e),
                                  .software = bytes_of_str("muster-broker " MUSTER_VERSION),
                                  .insecure = e->insecure,
                                  .wall_ns = e->intake->wall_ns};
        break;
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
    case SEND_WORKER_WELCOME:
        m.type = WIRE_WORKER_WELCOME;
        m.as.worker_welcome =
            (struct wire_worker_welcome){.epoch = e->epoch,
                                         .lease_ns = e->limits->lease_ns,
                                         .renew_ns = e->limits->renew_ns,
                                         .limits = limits_of(e),
                                         .software = bytes_of_str("muster-broker " MUSTER_VERSION),
                                         .wall_ns = e->intake->wall_ns};
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
    egress_send(e, send->peer, &m);
}

static bool is_bulk(enum send_type type)
{
    return type == SEND_RECORDS || type == SEND_RECORDS_OF || type == SEND_LIST ||
           type == SEND_STATS || type == SEND_HOSTS;
}

static void refuse_unread(struct egress *e, const struct send *send)
{
    struct wire_error error = {.refusal = REFUSAL_BUSY, .request = send->request};
    strcpy(error.text, "too many answers wait to be read; read them, and ask again in a moment");
    egress_refuse(e, send->peer, &error);
}

static int perform(struct egress *e, const struct send *send)
{
    if (is_bulk(send->type) && !bulk_has_room(e->peers, send->peer)) {
        refuse_unread(e, send);
        return 0;
    }
    switch (send->type) {
    case SEND_COMMAND:
        return send_command(e, send);
    case SEND_RECORDED:
        send_recorded(e, send);
        return 0;
    case SEND_RECORDS:
        return egress_records(e, send);
    case SEND_RECORDS_OF:
        return egress_records_of(e, send);
    case SEND_STATS:
        return egress_stats(e, send);
    case SEND_LIST:
        return egress_list(e, send);
    case SEND_HOSTS:
        egress_hosts(e, send);
        return 0;
    case SEND_STOP:
        send_stop(e, send);
        return 0;
    case SEND_ERROR:
        send_error(e, send);
        return 0;
    case SEND_CLOSE:
        peers_forget(e->peers, send->peer);
        return 0;
    case SEND_STOP_BROKER:
        e->stop = true;
        return 0;
    case SEND_WELCOME:
    case SEND_SUBMITTED:
    case SEND_DONE:
    case SEND_CANCELLED:
    case SEND_ROOM:
    case SEND_WORKER_WELCOME:
    case SEND_PONG:
    case SEND_WHO_ARE_YOU:
    case SEND_BYE:
        send_small(e, send);
        return 0;
    }
    must_fail("the send is known", __FILE__, __LINE__);
}

int egress_perform(struct egress *e, const struct send *sends, size_t n_sends)
{
    int r = 0;
    for (size_t i = 0; i < n_sends && r >= 0; i++) {
        /* Order per peer is kept: whatever is not of the pending kind goes behind it. */
        if (sends[i].type != SEND_COMMAND && sends[i].type != SEND_RECORDED)
            flush_pending(e);
        r = perform(e, &sends[i]);
    }
    flush_pending(e);
    return r < 0 ? r : 0;
}

void egress_refuse(struct egress *e, peer_id peer, const struct wire_error *error)
{
    struct wire_message m = {.type = WIRE_ERROR};
    m.as.error = (struct wire_refused){.request = error->request,
                                       .refusal = error->refusal,
                                       .text = bytes_of_str(error->text),
                                       .limit = error->limit,
                                       .index = error->index,
                                       .retry_after_ns =
                                           error->refusal == REFUSAL_BUSY ? 100 * MUSTER_MS : 0};
    egress_send(e, peer, &m);
}

struct bye {
    struct egress *egress;
    struct wire_message message;
};

static void bye_to(void *ctx, peer_id peer)
{
    struct bye *bye = ctx;
    (void)send_frame(bye->egress, peer, &bye->message);
}

void egress_bye(struct egress *e, const char *why, bool end)
{
    struct bye bye = {.egress = e, .message = {.type = WIRE_BYE}};
    bye.message.as.bye = (struct wire_bye){.why = bytes_of_str(why), .end = end};
    peers_each(e->peers, bye_to, &bye);
}
