/*
 * egress.c -- what the agent wants said -> frames: HELLO in parts, one RENEW, records in as few
 * REPORTs as the message limit allows.
 *
 * Not here: what is worth saying (the agent), and durability: the turn has spooled before it calls
 * egress_flush. Invariants: nothing blocks; what the socket does not take stays here, in order,
 * until it does or until the socket is given up. A record is queued at most once, and one that was
 * forgotten meanwhile is not sent.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "net/sock.h"
#include "proto/wire.h"
#include "worker/record.h"
#include "worker/shell.h"
#include "worker/spool_state.h"

enum {
    MESSAGE_LEAST = 4096,
    RECORD_HEAD_MAX = 192 /* all of a packed record but its body, at most: 13 numbers, 2 lengths */
};

void egress_init(struct egress *egress)
{
    *egress = (struct egress){.message_max = WIRE_MESSAGE_MAX};
    egress->is_queued = calloc(SPOOL_ENTRIES_MAX + 1, 1);
    MUST(egress->is_queued != NULL);
}

void egress_done(struct egress *egress)
{
    free(egress->listed);
    free(egress->is_queued);
    buffer_done(&egress->returned);
    buffer_done(&egress->reports);
}

static void forget_listing(struct egress *egress)
{
    free(egress->listed);
    egress->listed = NULL;
    egress->n_listed = egress->listed_to = 0;
    egress->part = 0;
}

static uint64_t report_at(const struct egress *egress, size_t index)
{
    uint64_t handle;
    memcpy(&handle, egress->reports.data + index * sizeof handle, sizeof handle);
    return handle;
}

static size_t reports_count(const struct egress *egress)
{
    return egress->reports.size / sizeof(uint64_t);
}

void egress_reset(struct egress *egress)
{
    forget_listing(egress);
    egress->wants_hello = egress->wants_renew = egress->wants_bye = false;
    buffer_reset(&egress->returned);
    for (size_t i = egress->reports_to; i < reports_count(egress); i++)
        egress->is_queued[report_at(egress, i)] = 0;
    buffer_reset(&egress->reports);
    egress->reports_to = 0;
}

void egress_unqueue(struct egress *egress, uint64_t record)
{
    MUST(record <= SPOOL_ENTRIES_MAX);
    egress->is_queued[record] = 0;
}

bool egress_is_pending(const struct egress *egress)
{
    return egress->wants_hello || egress->wants_renew || egress->wants_bye ||
           egress->reports_to < reports_count(egress);
}

static struct wire_attempt attempt_of(const struct agent_id *id, enum wire_phase phase)
{
    return (struct wire_attempt){.track_id = id->track_id,
                                 .pool = id->pool,
                                 .attempt = id->attempt,
                                 .epoch = id->epoch,
                                 .phase = phase};
}

void egress_effect(struct worker *worker, const struct agent_effect *effect)
{
    struct egress *egress = &worker->egress;
    if (effect->type == AGENT_FX_SEND_HELLO) {
        forget_listing(egress);
        egress->wants_hello = true;
        egress->credit = effect->credit;
    } else if (effect->type == AGENT_FX_SEND_RENEW) {
        egress->wants_renew = true;
        egress->renew = (struct wire_renew){.credit = effect->credit,
                                            .sent_ns = effect->sent_ns,
                                            .round_trip_ns = effect->round_trip_ns};
        for (uint32_t i = 0; i < effect->n_returned; i++) {
            struct wire_attempt returned = attempt_of(&effect->returned[i], WIRE_PHASE_WAITING);
            MUST(buffer_append(&egress->returned, &returned, sizeof returned) == 0);
        }
    } else if (effect->type == AGENT_FX_SEND_REPORT) {
        MUST(effect->record >= 1 && effect->record <= SPOOL_ENTRIES_MAX);
        if (egress->is_queued[effect->record])
            return;
        egress->is_queued[effect->record] = 1;
        MUST(buffer_append(&egress->reports, &effect->record, sizeof effect->record) == 0);
    } else {
        egress->wants_bye = true;
    }
}

/* ---- frames ---------------------------------------------------------------------------------- */

static bool is_writable(const struct worker *worker)
{
    return worker->link.sock && (sock_events(worker->link.sock) & ZMQ_POLLOUT) != 0;
}

/* 0 or -EAGAIN. */
static int send_frame(struct worker *worker, const struct wire_message *message)
{
    zmq_msg_t frame;
    if (!is_writable(worker))
        return -EAGAIN;
    size_t size = wire_encoded_size(message);
    MUST(zmq_msg_init_size(&frame, size) == 0);
    wire_encode(message, zmq_msg_data(&frame), size);
    int r = sock_send(worker->link.sock, &frame);
    zmq_msg_close(&frame);
    return r;
}

static enum wire_phase phase_of(enum agent_phase phase)
{
    switch (phase) {
    case AGENT_WAITING:
        return WIRE_PHASE_WAITING;
    case AGENT_RUNNING:
        return WIRE_PHASE_RUNNING;
    case AGENT_SPOOLED:
        return WIRE_PHASE_SPOOLED;
    case AGENT_GONE:
        break;
    }
    return WIRE_PHASE_GONE;
}

static const struct bytes *texts_of(struct arena *arena, const struct opt_list *list)
{
    struct bytes *texts = arena_alloc(arena, (list->count + 1) * sizeof *texts);
    MUST(texts != NULL);
    for (size_t i = 0; i < list->count; i++)
        texts[i] = bytes_of_str(list->items[i]);
    return texts;
}

static const struct wire_attempt *attempts_of(struct arena *arena,
                                              const struct agent_attempt *attempts, size_t count)
{
    struct wire_attempt *list = arena_alloc(arena, (count + 1) * sizeof *list);
    MUST(list != NULL);
    for (size_t i = 0; i < count; i++)
        list[i] = attempt_of(&attempts[i].id, phase_of(attempts[i].phase));
    return list;
}

static void make_hello(struct worker *worker, size_t count, struct wire_worker_hello *hello)
{
    const struct config *config = worker->config;
    const struct egress *egress = &worker->egress;
    *hello = (struct wire_worker_hello){
        .uuid = bytes_of(spool_uuid(worker->spool), WIRE_UUID_BYTES),
        .incarnation = spool_incarnation(worker->spool),
        .rebooted = spool_is_unsure(worker->spool),
        .host = bytes_of_str(config->host),
        .slots = (uint32_t)config->slots,
        .labels = texts_of(&worker->scratch, &config->labels),
        .n_labels = (uint32_t)config->labels.count,
        .pools = texts_of(&worker->scratch, &config->pools),
        .n_pools = (uint32_t)config->pools.count,
        .credit = egress->credit,
        .software = bytes_of_str("muster-worker " MUSTER_VERSION),
        .tree_kill = bytes_of_str(run_tree_kill(worker->run)),
        .transient = config->transient,
        .wall_ns = time_wall_ns(),
        .part = egress->part,
        .more = egress->listed_to + count < egress->n_listed,
        .attempts = attempts_of(&worker->scratch, egress->listed + egress->listed_to, count),
        .n_attempts = (uint32_t)count};
    hello->functions = functions_names(worker->functions, &hello->n_functions);
}

/* All parts list one moment: what was here when the first part left. */
static int send_hello(struct worker *worker)
{
    struct egress *egress = &worker->egress;
    if (!is_writable(worker))
        return -EAGAIN;
    if (!egress->listed) {
        egress->n_listed = agent_attempts_count(worker->agent);
        egress->listed = calloc(egress->n_listed + 1, sizeof *egress->listed);
        MUST(egress->listed != NULL);
        egress->n_listed = agent_attempts(worker->agent, egress->listed, egress->n_listed);
    }
    do {
        size_t left = egress->n_listed - egress->listed_to;
        size_t count = left < WIRE_ATTEMPTS_MAX ? left : WIRE_ATTEMPTS_MAX;
        struct wire_message message = {.type = WIRE_WORKER_HELLO};
        arena_reset(&worker->scratch);
        make_hello(worker, count, &message.as.worker_hello);
        int r = send_frame(worker, &message);
        if (r < 0)
            return r;
        egress->listed_to += count;
        egress->part++;
    } while (egress->listed_to < egress->n_listed);
    forget_listing(egress);
    egress->wants_hello = false;
    return 0;
}

static int send_renew(struct worker *worker)
{
    struct egress *egress = &worker->egress;
    do {
        size_t left = egress->returned.size / sizeof(struct wire_attempt);
        size_t count = left < WIRE_ATTEMPTS_MAX ? left : WIRE_ATTEMPTS_MAX;
        struct wire_message message = {.type = WIRE_RENEW};
        message.as.renew = egress->renew;
        message.as.renew.wall_ns = time_wall_ns();
        message.as.renew.returned =
            (const struct wire_attempt *)(const void *)egress->returned.data;
        message.as.renew.n_returned = (uint32_t)count;
        int r = send_frame(worker, &message);
        if (r < 0)
            return r;
        buffer_consume(&egress->returned, count * sizeof(struct wire_attempt));
    } while (egress->returned.size > 0);
    egress->wants_renew = false;
    return 0;
}

/* A record larger than the broker takes is shortened; the same way each time it is sent. */
static void shorten(struct worker *worker, struct wire_record_head *head, size_t room)
{
    size_t before = head->body.size;
    if (wire_record_head_size(head) <= room)
        return;
    head->body = record_fit(head->body, room - RECORD_HEAD_MAX, &worker->scratch);
    log_event(LEVEL_WARN, "record_shortened", "track_id=%llu bytes=%zu to=%zu",
              (unsigned long long)head->track_id, before, head->body.size);
}

/* The next REPORT; *ret_to is how far the queue is sent with it. */
static uint32_t collect(struct worker *worker, struct wire_record_head *heads, size_t *ret_to)
{
    struct egress *egress = &worker->egress;
    size_t room = egress->message_max - WIRE_ENVELOPE_MAX, size = 0;
    uint32_t count = 0;
    size_t i = egress->reports_to;
    for (; i < reports_count(egress) && count < WIRE_RECORDS_MAX; i++) {
        uint64_t handle = report_at(egress, i);
        if (!egress->is_queued[handle])
            continue;
        heads[count] = *spool_record(worker->spool, handle);
        size += heads[count].body.size + RECORD_HEAD_MAX;
        if (size > room && count > 0)
            break;
        if (size > room)
            shorten(worker, &heads[count], room);
        count++;
    }
    *ret_to = i;
    return count;
}

static int send_reports(struct worker *worker)
{
    struct egress *egress = &worker->egress;
    while (egress->reports_to < reports_count(egress)) {
        size_t left = reports_count(egress) - egress->reports_to;
        size_t most = left < WIRE_RECORDS_MAX ? left : WIRE_RECORDS_MAX;
        struct wire_message message = {.type = WIRE_REPORT};
        size_t to;
        if (!is_writable(worker))
            return -EAGAIN;
        arena_reset(&worker->scratch);
        struct wire_record_head *heads = arena_alloc(&worker->scratch, most * sizeof *heads);
        MUST(heads != NULL);
        message.as.report.records = heads;
        message.as.report.n_records = collect(worker, heads, &to);
        int r = message.as.report.n_records > 0 ? send_frame(worker, &message) : 0;
        if (r < 0)
            return r;
        for (size_t i = egress->reports_to; i < to; i++)
            egress->is_queued[report_at(egress, i)] = 0;
        egress->reports_to = to;
    }
    buffer_reset(&egress->reports);
    egress->reports_to = 0;
    return 0;
}

void egress_flush(struct worker *worker)
{
    struct egress *egress = &worker->egress;
    int r = 0;
    if (!egress_is_pending(egress) || !worker->link.sock)
        return;
    MUST(egress->message_max >= MESSAGE_LEAST);
    if (egress->wants_hello)
        r = send_hello(worker);
    if (r == 0 && egress->wants_renew)
        r = send_renew(worker);
    if (r == 0)
        r = send_reports(worker);
    if (r == 0 && egress->wants_bye) {
        struct wire_message message = {.type = WIRE_WORKER_BYE};
        r = send_frame(worker, &message);
        egress->wants_bye = r < 0;
    }
    if (r < 0 && r != -EAGAIN)
        log_event(LEVEL_ERROR, "send", "error=%s", log_errno(r));
}
