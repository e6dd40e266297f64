/*
 * ingress.c -- one decoded message becomes one event, or one per record of a REPORT.
 *
 * Everything from outside was validated by wire_decode; here it only changes its shape. Nothing is
 * decided, except that a peer may send only what its socket is for.
 */
#include "broker/ingress.h"

#include "base/assert.h"
#include "base/crc32c.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct event event_at(const struct ingress *in, enum event_type type, peer_id peer,
                             uint64_t request)
{
    return (struct event){.type = type,
                          .now = in->intake->now,
                          .wall_ns = in->intake->wall_ns,
                          .peer = peer,
                          .request = request};
}

static void step(struct ingress *in, const struct event *event)
{
    core_step(in->core, event, in->box);
}

/* An array in the turn's arena; the frame's counts are bounded, so the arena has room (intake.h).
 */
static void *array(struct ingress *in, uint32_t n, size_t bytes)
{
    void *p = arena_alloc(&in->intake->arena, n * bytes);
    MUST(p != NULL);
    return p;
}

static void client_hello(struct ingress *in, peer_id peer, const struct wire_client_hello *m)
{
    struct event e = event_at(in, EVENT_CLIENT_HELLO, peer, m->request);
    e.as.client_hello = (struct event_client_hello){
        .client = m->client, .pool = m->pool, .pool_id = m->pool_id, .log_id = m->log_id};
    step(in, &e);
}

/* FNV-1a over what makes two submits with one request id the same request. */
static uint64_t digest_bytes(uint64_t digest, const void *data, size_t size)
{
    const uint8_t *at = data;
    for (size_t i = 0; i < size; i++)
        digest = (digest ^ at[i]) * UINT64_C(0x100000001b3);
    return digest;
}

static uint64_t digest_of(const struct wire_submit *m)
{
    uint64_t digest = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < m->n_submissions; i++) {
        const struct wire_submission *s = &m->submissions[i];
        const int64_t numbers[] = {s->each,
                                   s->rerunnable,
                                   s->priority,
                                   s->max_attempts,
                                   (int64_t)s->function.size,
                                   (int64_t)s->selector.size,
                                   (int64_t)s->body.size};
        digest = digest_bytes(digest, numbers, sizeof numbers);
        digest = digest_bytes(digest, s->function.data, s->function.size);
        digest = digest_bytes(digest, s->selector.data, s->selector.size);
        digest = digest_bytes(digest, s->body.data, s->body.size);
    }
    return digest;
}

static int submit(struct ingress *in, peer_id peer, const struct wire_submit *m)
{
    struct event e = event_at(in, EVENT_SUBMIT, peer, m->request);
    struct event_submission *list = array(in, m->n_submissions, sizeof *list);
    for (uint32_t i = 0; i < m->n_submissions; i++) {
        const struct wire_submission *s = &m->submissions[i];
        list[i] = (struct event_submission){
            .function = s->function,
            .selector = s->selector,
            .each = s->each,
            .rerunnable = s->rerunnable,
            .priority = s->priority,
            .max_attempts = s->max_attempts,
            .delay_ns = s->delay_ns,
            .at_wall_ns = s->at_wall_ns,
            .start_within_ns = s->start_within_ns,
            .start_by_wall_ns = s->start_by_wall_ns,
            .lost_after_ns = s->lost_after_ns,
            .body = intake_body(in->intake, s->body),
            .body_bytes = (uint32_t)s->body.size,
        };
    }
    e.as.submit = (struct event_submit){.sequence = m->sequence,
                                        .answered_to = m->answered_to,
                                        .request_id = m->request_id,
                                        .submissions = list,
                                        .n_submissions = m->n_submissions};
    uint32_t pool = core_peer_pool(in->core, peer);
    if (m->request_id.size > 0 && pool != 0) {
        struct store_request_id prior;
        int r = store_request_id(in->store, pool, m->request_id, &prior);
        if (r < 0)
            return r;
        e.as.submit.digest = digest_of(m);
        if (r == 1) {
            e.as.submit.prior.found = true;
            e.as.submit.prior.digest = prior.digest;
            e.as.submit.prior.first = prior.first;
            e.as.submit.prior.batch = prior.batch;
            e.as.submit.prior.count = prior.count;
        }
    }
    step(in, &e);
    return 0;
}

static void read_records(struct ingress *in, peer_id peer, const struct wire_read *m)
{
    struct event e = event_at(in, EVENT_READ, peer, m->request);
    e.as.read = (struct event_read){.from_pos = m->from_pos,
                                    .cursor = m->cursor,
                                    .max = m->max,
                                    .wait_ns = m->wait_ns,
                                    .with_command = m->with_command,
                                    .log_id = m->log_id};
    step(in, &e);
}

static void wait_for(struct ingress *in, peer_id peer, const struct wire_wait *m)
{
    static const enum wait_what what[] = {[WIRE_WAIT_COMMANDS] = WAIT_COMMANDS,
                                          [WIRE_WAIT_BATCH] = WAIT_BATCH,
                                          [WIRE_WAIT_ALL] = WAIT_ALL,
                                          [WIRE_WAIT_MINE] = WAIT_MINE};
    struct event e = event_at(in, EVENT_WAIT, peer, m->request);
    e.as.wait = (struct event_wait){.what = what[m->what],
                                    .track_ids = m->track_ids,
                                    .n_track_ids = m->n_track_ids,
                                    .batch = m->batch,
                                    .wait_ns = m->wait_ns,
                                    .with_command = m->with_command};
    step(in, &e);
}

static const struct core_range *ranges_of(struct ingress *in, const struct wire_range *ranges,
                                          uint32_t n)
{
    struct core_range *list = array(in, n, sizeof *list);
    for (uint32_t i = 0; i < n; i++)
        list[i] = (struct core_range){.first = ranges[i].first, .last = ranges[i].last};
    return list;
}

static void list_commands(struct ingress *in, peer_id peer, const struct wire_list *m)
{
    struct event e = event_at(in, EVENT_LIST, peer, m->request);
    e.as.list = (struct event_list){.after = m->after,
                                    .max = m->max,
                                    .ranges = ranges_of(in, m->ranges, m->n_ranges),
                                    .n_ranges = m->n_ranges,
                                    .states = m->states,
                                    .batch = m->batch,
                                    .with_command = m->with_command};
    step(in, &e);
}

static void cancel(struct ingress *in, peer_id peer, const struct wire_cancel *m)
{
    struct event e = event_at(in, EVENT_CANCEL, peer, m->request);
    e.as.cancel = (struct event_cancel){.ranges = ranges_of(in, m->ranges, m->n_ranges),
                                        .n_ranges = m->n_ranges,
                                        .batch = m->batch,
                                        .all = m->all,
                                        .mine = m->mine,
                                        .running = m->running,
                                        .why = m->reason};
    step(in, &e);
}

static void small_request(struct ingress *in, peer_id peer, const struct wire_message *m)
{
    struct event e = event_at(in, EVENT_PING, peer, wire_request(m));
    switch ((int)m->type) {
    case WIRE_CURSOR:
        e.type = EVENT_CURSOR;
        e.as.cursor.name = m->as.cursor.name;
        e.as.cursor.pos = m->as.cursor.pos;
        break;
    case WIRE_STATS:
        e.type = EVENT_STATS;
        e.as.stats.last_index = m->as.stats.last_index;
        e.as.stats.all = m->as.stats.all;
        break;
    case WIRE_HOSTS:
        e.type = EVENT_HOSTS;
        e.as.hosts.after = m->as.hosts.after;
        e.as.hosts.max = m->as.hosts.max;
        e.as.hosts.selector = m->as.hosts.selector;
        break;
    case WIRE_ROOM:
        e.type = EVENT_ROOM;
        e.as.room.selector = m->as.room.selector;
        e.as.room.function = m->as.room.function;
        e.as.room.buffer = m->as.room.buffer;
        e.as.room.wait_ns = m->as.room.wait_ns;
        break;
    case WIRE_SHUTDOWN:
        e.type = EVENT_SHUTDOWN;
        e.as.shutdown.wait = m->as.shutdown.wait;
        e.as.shutdown.cancel_queued = m->as.shutdown.cancel_queued;
        e.as.shutdown.cancel_running = m->as.shutdown.cancel_running;
        e.as.shutdown.broker = m->as.shutdown.broker;
        e.as.shutdown.wait_ns = m->as.shutdown.wait_ns;
        break;
    case WIRE_CLIENT_BYE:
        e.type = EVENT_CLIENT_BYE;
        break;
    default:
        MUST(m->type == WIRE_PING);
    }
    step(in, &e);
}

static const struct event_worker_attempt *
attempts_of(struct ingress *in, const struct wire_attempt *attempts, uint32_t n)
{
    static const enum attempt_phase phase[] = {[WIRE_PHASE_WAITING] = PHASE_WAITING,
                                               [WIRE_PHASE_RUNNING] = PHASE_RUNNING,
                                               [WIRE_PHASE_SPOOLED] = PHASE_SPOOLED,
                                               [WIRE_PHASE_GONE] = PHASE_GONE};
    struct event_worker_attempt *list = array(in, n, sizeof *list);
    for (uint32_t i = 0; i < n; i++)
        list[i] = (struct event_worker_attempt){.pool = attempts[i].pool,
                                                .attempt = attempts[i].attempt,
                                                .epoch = attempts[i].epoch,
                                                .track_id = attempts[i].track_id,
                                                .phase = phase[attempts[i].phase]};
    return list;
}

static void worker_hello(struct ingress *in, peer_id peer, const struct wire_worker_hello *m)
{
    struct event e = event_at(in, EVENT_WORKER_HELLO, peer, 0);
    struct event_worker_hello *h = &e.as.worker_hello;
    *h = (struct event_worker_hello){
        .incarnation = m->incarnation,
        .rebooted = m->rebooted,
        .transient = m->transient,
        .host = m->host,
        .software = m->software,
        .tree_kill = m->tree_kill,
        .slots = m->slots,
        .credit = m->credit,
        .labels = m->labels,
        .functions = m->functions,
        .pools = m->pools,
        .n_labels = m->n_labels,
        .n_functions = m->n_functions,
        .n_pools = m->n_pools,
        .wall_ns = m->wall_ns,
        .part = m->part,
        .more = m->more,
        .attempts = attempts_of(in, m->attempts, m->n_attempts),
        .n_attempts = m->n_attempts,
    };
    memcpy(h->uuid, m->uuid.data, sizeof h->uuid);
    step(in, &e);
}

static void renew(struct ingress *in, peer_id peer, const struct wire_renew *m)
{
    struct event e = event_at(in, EVENT_RENEW, peer, 0);
    e.as.renew = (struct event_renew){.credit = m->credit,
                                      .wall_ns = m->wall_ns,
                                      .round_trip_ns = m->round_trip_ns,
                                      .sent_ns = m->sent_ns,
                                      .returned = attempts_of(in, m->returned, m->n_returned),
                                      .n_returned = m->n_returned};
    step(in, &e);
}

/* The record that a repeated one may be a repetition of. */
static int see_prior(void *ctx, const struct store_record *record)
{
    struct event_report *report = ctx;
    report->prior.found = record->body.size > 0; /* else the broker ended it: nothing is repeated */
    report->prior.attempt = record->fact.attempt;
    report->prior.worker = record->fact.worker;
    report->prior.pos = record->fact.pos;
    return 1;
}

static int report(struct ingress *in, peer_id peer, const struct wire_report *m)
{
    struct event e = event_at(in, EVENT_REPORT, peer, 0);
    for (uint32_t i = 0; i < m->n_records; i++) {
        const struct wire_record_head *r = &m->records[i];
        e.as.report = (struct event_report){
            .pool = r->pool,
            .attempt = r->attempt,
            .epoch = r->epoch,
            .track_id = r->track_id,
            .state = (enum state)r->state,
            .reason = (enum reason)r->reason,
            .exit = r->exit,
            .signal = r->signal,
            .slot = r->slot,
            .pid = r->pid,
            .start_wall_ns = r->start_wall_ns,
            .run_ns = r->run_ns,
            .throttled_ns = r->throttled_ns,
            .body = intake_body(in->intake, r->body),
            .body_bytes = (uint32_t)r->body.size,
            .body_crc = crc32c(0, r->body.data, r->body.size),
        };
        if (core_report_is_past(in->core, r->pool, r->track_id, r->attempt)) {
            int n = store_records_of(in->store, r->pool, &r->track_id, 1, false, see_prior,
                                     &e.as.report);
            if (n < 0)
                return n;
        }
        step(in, &e);
    }
    return 0;
}

static int refuse_side(const struct wire_message *m, enum side side, struct wire_error *ret_error)
{
    *ret_error = (struct wire_error){.refusal = REFUSAL_BAD_REQUEST, .request = wire_request(m)};
    snprintf(ret_error->text, sizeof ret_error->text, "%s is not for the broker's %s endpoint",
             wire_type_name(m->type), side == SIDE_CLIENTS ? "clients'" : "workers'");
    return -EBADMSG;
}

int ingress_frame(struct ingress *in, enum side side, peer_id peer, struct bytes frame,
                  struct wire_error *ret_error)
{
    struct wire_message m;
    if (wire_decode(frame.data, frame.size, &in->intake->arena, &m, ret_error) < 0)
        return -EBADMSG;
    if (!(side == SIDE_CLIENTS ? wire_type_is_from_client(m.type)
                               : wire_type_is_from_worker(m.type)))
        return refuse_side(&m, side, ret_error);
    switch ((int)m.type) {
    case WIRE_SUBMIT:
        return submit(in, peer, &m.as.submit);
    case WIRE_REPORT:
        return report(in, peer, &m.as.report);
    case WIRE_READ:
        read_records(in, peer, &m.as.read);
        break;
    case WIRE_WAIT:
        wait_for(in, peer, &m.as.wait);
        break;
    case WIRE_RENEW:
        renew(in, peer, &m.as.renew);
        break;
    case WIRE_CLIENT_HELLO:
        client_hello(in, peer, &m.as.client_hello);
        break;
    case WIRE_WORKER_HELLO:
        worker_hello(in, peer, &m.as.worker_hello);
        break;
    case WIRE_LIST:
        list_commands(in, peer, &m.as.list);
        break;
    case WIRE_CANCEL:
        cancel(in, peer, &m.as.cancel);
        break;
    case WIRE_WORKER_BYE: {
        struct event e = event_at(in, EVENT_WORKER_BYE, peer, 0);
        step(in, &e);
        break;
    }
    default:
        small_request(in, peer, &m);
        break;
    }
    return 0;
}
