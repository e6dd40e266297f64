/* sim_ingress.c -- a decoded message becomes events, as in broker/ingress.c. */
#include <string.h>

#include "base/assert.h"
#include "base/crc32c.h"
#include "sim.h"

/* An array in the turn's arena. */
static void *array(struct sim *sim, uint32_t n, size_t bytes)
{
    void *p = arena_zalloc(&sim->broker.arena, n + 1u, bytes);
    MUST(p != NULL);
    return p;
}

static struct event event_of(enum event_type type, peer_id peer, uint64_t request)
{
    return (struct event){.type = type, .peer = peer, .request = request};
}

/* Of what makes two submits with one request id the same request. */
static uint64_t digest_of(const struct wire_submit *m)
{
    uint32_t low = 0, high = 1;
    for (uint32_t i = 0; i < m->n_submissions; i++) {
        const struct wire_submission *s = &m->submissions[i];
        low = crc32c(low, s->body.data, s->body.size);
        low = crc32c(low, s->function.data, s->function.size);
        high = crc32c(high, s->selector.data, s->selector.size);
        high = crc32c(high, &s->priority, sizeof s->priority);
    }
    return (uint64_t)high << 32 | low;
}

static void look_up_request_id(struct sim *sim, peer_id peer, const struct wire_submit *m,
                               struct event_submit *submit)
{
    uint32_t pool = core_peer_pool(sim->broker.core, peer);
    if (m->request_id.size == 0 || pool == 0)
        return;
    const struct row_request_id *prior = vault_request_id(&sim->vault, pool, m->request_id);
    submit->digest = digest_of(m);
    if (prior == NULL)
        return;
    submit->prior.found = true;
    submit->prior.digest = prior->digest;
    submit->prior.first = prior->first;
    submit->prior.batch = prior->batch;
    submit->prior.count = prior->count;
}

static void submit(struct sim *sim, peer_id peer, const struct wire_submit *m)
{
    struct event e = event_of(EVENT_SUBMIT, peer, m->request);
    struct event_submission *list = array(sim, m->n_submissions, sizeof *list);
    for (uint32_t i = 0; i < m->n_submissions; i++) {
        const struct wire_submission *s = &m->submissions[i];
        list[i] = (struct event_submission){.function = s->function,
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
                                            .body = sim_broker_body(sim, s->body),
                                            .body_bytes = (uint32_t)s->body.size};
    }
    e.as.submit = (struct event_submit){.sequence = m->sequence,
                                        .answered_to = m->answered_to,
                                        .request_id = m->request_id,
                                        .submissions = list,
                                        .n_submissions = m->n_submissions};
    look_up_request_id(sim, peer, m, &e.as.submit);
    sim_broker_step(sim, &e);
}

static const struct core_range *ranges_of(struct sim *sim, const struct wire_range *ranges,
                                          uint32_t n)
{
    struct core_range *list = array(sim, n, sizeof *list);
    for (uint32_t i = 0; i < n; i++)
        list[i] = (struct core_range){.first = ranges[i].first, .last = ranges[i].last};
    return list;
}

static void fill_query(struct sim *sim, struct event *e, const struct wire_message *m)
{
    switch ((int)m->type) {
    case WIRE_READ:
        e->type = EVENT_READ;
        e->as.read = (struct event_read){.from_pos = m->as.read.from_pos,
                                         .cursor = m->as.read.cursor,
                                         .max = m->as.read.max,
                                         .wait_ns = m->as.read.wait_ns,
                                         .with_command = m->as.read.with_command,
                                         .log_id = m->as.read.log_id};
        break;
    case WIRE_WAIT:
        e->type = EVENT_WAIT;
        e->as.wait = (struct event_wait){.what = (enum wait_what)m->as.wait.what,
                                         .track_ids = m->as.wait.track_ids,
                                         .n_track_ids = m->as.wait.n_track_ids,
                                         .batch = m->as.wait.batch,
                                         .wait_ns = m->as.wait.wait_ns,
                                         .with_command = m->as.wait.with_command};
        break;
    case WIRE_LIST:
        e->type = EVENT_LIST;
        e->as.list =
            (struct event_list){.after = m->as.list.after,
                                .max = m->as.list.max,
                                .ranges = ranges_of(sim, m->as.list.ranges, m->as.list.n_ranges),
                                .n_ranges = m->as.list.n_ranges,
                                .states = m->as.list.states,
                                .batch = m->as.list.batch,
                                .with_command = m->as.list.with_command};
        break;
    default:
        e->type = EVENT_CANCEL;
        e->as.cancel = (struct event_cancel){
            .ranges = ranges_of(sim, m->as.cancel.ranges, m->as.cancel.n_ranges),
            .n_ranges = m->as.cancel.n_ranges,
            .batch = m->as.cancel.batch,
            .all = m->as.cancel.all,
            .mine = m->as.cancel.mine,
            .running = m->as.cancel.running,
            .why = m->as.cancel.reason};
    }
}

static void fill_small(struct event *e, const struct wire_message *m)
{
    switch ((int)m->type) {
    case WIRE_CURSOR:
        e->type = EVENT_CURSOR;
        e->as.cursor.name = m->as.cursor.name;
        e->as.cursor.pos = m->as.cursor.pos;
        break;
    case WIRE_STATS:
        e->type = EVENT_STATS;
        e->as.stats.last_index = m->as.stats.last_index;
        e->as.stats.all = m->as.stats.all;
        break;
    case WIRE_HOSTS:
        e->type = EVENT_HOSTS;
        e->as.hosts.after = m->as.hosts.after;
        e->as.hosts.max = m->as.hosts.max;
        e->as.hosts.selector = m->as.hosts.selector;
        break;
    case WIRE_ROOM:
        e->type = EVENT_ROOM;
        e->as.room.selector = m->as.room.selector;
        e->as.room.function = m->as.room.function;
        e->as.room.buffer = m->as.room.buffer;
        e->as.room.wait_ns = m->as.room.wait_ns;
        break;
    case WIRE_SHUTDOWN:
        e->type = EVENT_SHUTDOWN;
        e->as.shutdown.wait = m->as.shutdown.wait;
        e->as.shutdown.cancel_queued = m->as.shutdown.cancel_queued;
        e->as.shutdown.cancel_running = m->as.shutdown.cancel_running;
        e->as.shutdown.broker = m->as.shutdown.broker;
        e->as.shutdown.wait_ns = m->as.shutdown.wait_ns;
        break;
    case WIRE_CLIENT_BYE:
        e->type = EVENT_CLIENT_BYE;
        break;
    default:
        e->type = EVENT_PING;
    }
}

static const struct event_worker_attempt *
attempts_of(struct sim *sim, const struct wire_attempt *attempts, uint32_t n)
{
    struct event_worker_attempt *list = array(sim, n, sizeof *list);
    for (uint32_t i = 0; i < n; i++)
        list[i] = (struct event_worker_attempt){.pool = attempts[i].pool,
                                                .attempt = attempts[i].attempt,
                                                .epoch = attempts[i].epoch,
                                                .track_id = attempts[i].track_id,
                                                .phase = (enum attempt_phase)attempts[i].phase};
    return list;
}

static void worker_hello(struct sim *sim, peer_id peer, const struct wire_worker_hello *m)
{
    struct event e = event_of(EVENT_WORKER_HELLO, peer, 0);
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
        .attempts = attempts_of(sim, m->attempts, m->n_attempts),
        .n_attempts = m->n_attempts,
    };
    memcpy(h->uuid, m->uuid.data, sizeof h->uuid);
    sim_broker_step(sim, &e);
}

static void renew(struct sim *sim, peer_id peer, const struct wire_renew *m)
{
    struct event e = event_of(EVENT_RENEW, peer, 0);
    e.as.renew = (struct event_renew){.credit = m->credit,
                                      .wall_ns = m->wall_ns,
                                      .round_trip_ns = m->round_trip_ns,
                                      .sent_ns = m->sent_ns,
                                      .returned = attempts_of(sim, m->returned, m->n_returned),
                                      .n_returned = m->n_returned};
    sim_broker_step(sim, &e);
}

/* Planted bug: whatever comes counts as a record of the current attempt. */
static void take_for_current(struct sim *sim, struct event_report *report)
{
    struct row_pool *pool = table_pool(&sim->vault.table, report->pool);
    const struct row_command *row = pool != NULL ? table_command(pool, report->track_id) : NULL;
    if (sim->swarm.plant != PLANT_NO_ATTEMPT_CHECK || row == NULL || !row->leased)
        return;
    report->attempt = row->lease.attempt;
    report->epoch = row->lease.epoch;
}

/* The store remembers what the core does not. */
static void look_up_record(struct sim *sim, struct event_report *report)
{
    if (!core_report_is_past(sim->broker.core, report->pool, report->track_id, report->attempt))
        return;
    struct row_pool *pool = table_pool(&sim->vault.table, report->pool);
    const struct row_command *row = pool != NULL ? table_command(pool, report->track_id) : NULL;
    if (row == NULL || !row->final)
        return;
    const struct row_record *record = table_record(pool, row->pos);
    report->prior.found = !record->gone && record->body.size > 0; /* else it is the broker's own */
    report->prior.attempt = record->recorded.attempt;
    report->prior.worker = record->recorded.worker;
    report->prior.pos = row->pos;
}

static void report(struct sim *sim, peer_id peer, const struct wire_report *m)
{
    for (uint32_t i = 0; i < m->n_records; i++) {
        const struct wire_record_head *r = &m->records[i];
        struct event e = event_of(EVENT_REPORT, peer, 0);
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
            .body = sim_broker_body(sim, r->body),
            .body_bytes = (uint32_t)r->body.size,
            .body_crc = crc32c(0, r->body.data, r->body.size),
        };
        take_for_current(sim, &e.as.report);
        look_up_record(sim, &e.as.report);
        sim_broker_step(sim, &e);
    }
}

bool sim_ingress(struct sim *sim, enum side side, peer_id peer, struct bytes frame,
                 struct wire_error *ret_error)
{
    struct wire_message m;
    struct event e = event_of(EVENT_PING, peer, 0);
    if (wire_decode(frame.data, frame.size, &sim->broker.arena, &m, ret_error) < 0)
        return false;
    MUST(side == SIDE_CLIENTS ? wire_type_is_from_client(m.type)
                              : wire_type_is_from_worker(m.type));
    e.request = wire_request(&m);
    switch ((int)m.type) {
    case WIRE_SUBMIT:
        submit(sim, peer, &m.as.submit);
        return true;
    case WIRE_REPORT:
        report(sim, peer, &m.as.report);
        return true;
    case WIRE_RENEW:
        renew(sim, peer, &m.as.renew);
        return true;
    case WIRE_WORKER_HELLO:
        worker_hello(sim, peer, &m.as.worker_hello);
        return true;
    case WIRE_CLIENT_HELLO:
        e.type = EVENT_CLIENT_HELLO;
        e.as.client_hello = (struct event_client_hello){.client = m.as.client_hello.client,
                                                        .pool = m.as.client_hello.pool,
                                                        .pool_id = m.as.client_hello.pool_id,
                                                        .log_id = m.as.client_hello.log_id};
        break;
    case WIRE_WORKER_BYE:
        e.type = EVENT_WORKER_BYE;
        break;
    case WIRE_READ:
    case WIRE_WAIT:
    case WIRE_LIST:
    case WIRE_CANCEL:
        fill_query(sim, &e, &m);
        break;
    default:
        fill_small(&e, &m);
    }
    sim_broker_step(sim, &e);
    return true;
}
