/* sim_rows.c -- answers made of many rows, from committed state and the core's views. */
#include "base/assert.h"
#include "sim.h"

enum { ROWS_MAX = 200, LIST_MAX = 100, HOSTS_MAX = 16 };

static void *array(struct sim *sim, uint32_t n, size_t bytes)
{
    void *p = arena_zalloc(&sim->broker.arena, n + 1u, bytes);
    MUST(p != NULL);
    return p;
}

/* ---- records --------------------------------------------------------------------------------- */

struct rows {
    struct sim *sim;
    struct wire_row *rows;
    uint32_t n, max;
    bool with_command;
};

static bool add_row(void *ctx, const struct row_record *record, struct bytes command)
{
    struct rows *rows = ctx;
    const struct core *core = rows->sim->broker.core;
    const struct fact_recorded *f = &record->recorded;
    if (rows->n == rows->max)
        return false;
    rows->rows[rows->n++] =
        (struct wire_row){.pos = f->pos,
                          .track_id = f->track_id,
                          .attempt = f->attempt,
                          .state = f->state,
                          .reason = f->reason,
                          .exit = f->exit,
                          .signal = f->signal,
                          .submitted_wall_ns = f->submitted_wall_ns,
                          .start_wall_ns = f->start_wall_ns,
                          .run_ns = f->run_ns,
                          .waited_ns = f->waited_ns,
                          .slot = f->slot,
                          .pid = f->pid,
                          .throttled_ns = f->throttled_ns,
                          .host = core_name(core, f->host),
                          .worker = core_name(core, f->worker),
                          .function = core_name(core, f->function),
                          .batch = f->batch,
                          .skew_ns = f->skew_ns,
                          .crc = f->crc,
                          .body = record->body,
                          .command = rows->with_command ? command : (struct bytes){0},
                          .why = f->why};
    return true;
}

static struct rows rows_of(struct sim *sim, uint32_t max, bool with_command)
{
    uint32_t most = max == 0 || max > ROWS_MAX ? ROWS_MAX : max;
    return (struct rows){.sim = sim,
                         .rows = array(sim, most, sizeof(struct wire_row)),
                         .max = most,
                         .with_command = with_command};
}

static void send_rows(struct sim *sim, const struct send *send, const struct rows *rows,
                      uint64_t next, uint64_t cursor, bool timed_out)
{
    struct core_pool_stats stats;
    struct wire_message m = {.type = WIRE_RECORDS};
    if (!core_pool_stats(sim->broker.core, send->pool, &stats))
        return;
    m.as.records = (struct wire_records){.request = send->request,
                                         .rows = rows->rows,
                                         .n_rows = rows->n,
                                         .next = next,
                                         .head = stats.totals->head,
                                         .oldest = stats.totals->oldest,
                                         .cursor = cursor,
                                         .timed_out = timed_out};
    sim_egress_send(sim, send->peer, &m);
}

/* Retention has raised oldest pos in the very turn that answers. */
static bool is_truncated(struct sim *sim, const struct send *send)
{
    struct core_pool_stats stats;
    if (!core_pool_stats(sim->broker.core, send->pool, &stats) ||
        send->as.records.from_pos >= stats.totals->oldest)
        return false;
    struct wire_error error = {
        .refusal = REFUSAL_TRUNCATED, .request = send->request, .limit = stats.totals->oldest};
    sim_egress_refuse(sim, send->peer, &error);
    return true;
}

void sim_rows_records(struct sim *sim, const struct send *send)
{
    if (is_truncated(sim, send))
        return;
    struct rows rows = rows_of(sim, send->as.records.max, send->as.records.with_command);
    uint64_t from = send->as.records.from_pos;
    vault_records(&sim->vault, send->pool, from, rows.max, add_row, &rows);
    send_rows(sim, send, &rows, rows.n > 0 ? rows.rows[rows.n - 1].pos : from,
              send->as.records.cursor, send->as.records.timed_out);
}

void sim_rows_records_of(struct sim *sim, const struct send *send)
{
    struct rows rows = rows_of(sim, send->as.records_of.n, send->as.records_of.with_command);
    vault_records_of(&sim->vault, send->pool, send->as.records_of.track_ids, send->as.records_of.n,
                     add_row, &rows);
    send_rows(sim, send, &rows, 0, 0, send->as.records_of.timed_out);
}

/* ---- statistics ------------------------------------------------------------------------------ */

static struct wire_spread spread_of(const struct spread_totals *totals)
{
    if (totals->count == 0)
        return (struct wire_spread){
            .avg = -1, .max = -1, .min = -1, .p50 = -1, .p90 = -1, .p99 = -1};
    return (struct wire_spread){.count = totals->count,
                                .avg = (double)totals->sum_ns / (double)totals->count / 1e9,
                                .max = (double)totals->max_ns / 1e9,
                                .min = (double)totals->min_ns / 1e9,
                                .p50 = (double)spread_quantile_ns(totals, 0.5) / 1e9,
                                .p90 = (double)spread_quantile_ns(totals, 0.9) / 1e9,
                                .p99 = (double)spread_quantile_ns(totals, 0.99) / 1e9};
}

void sim_rows_stats(struct sim *sim, const struct send *send)
{
    struct core_pool_stats stats;
    struct wire_message m = {.type = WIRE_STATS_REPLY};
    uint64_t ended[STATE_COUNT];
    uint32_t n_ended = 0;
    if (!core_pool_stats(sim->broker.core, send->pool, &stats))
        return;
    for (int i = STATE_OK; i < STATE_COUNT; i++)
        ended[n_ended++] = stats.totals->ended[i];
    m.as.stats_reply = (struct wire_stats_reply){.request = send->request,
                                                 .count = stats.totals->head,
                                                 .time = spread_of(&stats.totals->run),
                                                 .throttle = spread_of(&stats.totals->throttle),
                                                 .waited = spread_of(&stats.totals->waited),
                                                 .peak_in_queue = stats.totals->peak_in_queue,
                                                 .submitted = stats.totals->next_track_id - 1,
                                                 .held = stats.held,
                                                 .queued = stats.queued,
                                                 .running = stats.running,
                                                 .ended = ended,
                                                 .n_ended = n_ended,
                                                 .final_to = stats.final_to,
                                                 .ok_to = stats.ok_to,
                                                 .head = stats.totals->head,
                                                 .oldest = stats.totals->oldest,
                                                 .hosts = stats.hosts,
                                                 .slots = stats.slots,
                                                 .pool = stats.name,
                                                 .disk_free = sim->broker.disk_free,
                                                 .disk_low = core_disk_low(sim->broker.core),
                                                 .uptime_ns = sim->now - sim->broker.started,
                                                 .records_bytes = stats.totals->records_bytes};
    sim_egress_send(sim, send->peer, &m);
}

/* ---- lists ----------------------------------------------------------------------------------- */

struct list {
    struct sim *sim;
    const struct event_list *what;
    struct wire_command_row *rows;
    uint32_t n;
    bool full;
};

static bool add_final(void *ctx, const struct row_record *record, struct bytes command)
{
    struct list *list = ctx;
    const struct fact_recorded *f = &record->recorded;
    (void)command;
    if ((list->what->states & 1u << f->state) == 0 ||
        (list->what->batch != 0 && list->what->batch != f->batch))
        return true;
    list->full = list->n == LIST_MAX;
    if (!list->full)
        list->rows[list->n++] =
            (struct wire_command_row){.track_id = f->track_id,
                                      .state = f->state,
                                      .function = core_name(list->sim->broker.core, f->function),
                                      .attempt = f->attempt,
                                      .submitted_wall_ns = f->submitted_wall_ns,
                                      .batch = f->batch,
                                      .pos = f->pos,
                                      .reason = f->reason};
    return !list->full;
}

static struct wire_command_row live_row(const struct core_command_row *c)
{
    return (struct wire_command_row){.track_id = c->track_id,
                                     .state = c->state,
                                     .hold = c->hold,
                                     .function = c->function,
                                     .selector = c->selector,
                                     .host = c->host,
                                     .attempt = c->attempt,
                                     .starts = c->starts,
                                     .submitted_wall_ns = c->submitted_wall_ns,
                                     .since_wall_ns = c->since_wall_ns,
                                     .age_ns = c->age_ns,
                                     .priority = c->priority,
                                     .batch = c->batch};
}

/* Live and final rows merged by track_id up to the first that did not fit. */
static uint32_t merge(struct list *final, const struct core_command_row *live, size_t n_live,
                      bool more_live, struct wire_command_row *rows, bool *ret_more)
{
    uint64_t edge = UINT64_MAX;
    uint32_t n = 0, f = 0;
    size_t l = 0;
    if (more_live && n_live > 0)
        edge = live[n_live - 1].track_id;
    if (final->full && final->rows[final->n - 1].track_id < edge)
        edge = final->rows[final->n - 1].track_id;
    while (n < LIST_MAX && (l < n_live || f < final->n)) {
        bool take_live =
            f == final->n || (l < n_live && live[l].track_id < final->rows[f].track_id);
        struct wire_command_row row = take_live ? live_row(&live[l]) : final->rows[f];
        if (row.track_id > edge)
            break;
        rows[n++] = row;
        l += take_live;
        f += !take_live;
    }
    *ret_more = edge != UINT64_MAX || l < n_live || f < final->n;
    return n;
}

void sim_rows_list(struct sim *sim, const struct send *send)
{
    const struct event_list *what = &send->as.list;
    static const struct core_range everything = {.first = 1, .last = UINT64_MAX >> 1};
    struct list final = {
        .sim = sim, .what = what, .rows = array(sim, LIST_MAX, sizeof *final.rows)};
    struct core_command_row *live = array(sim, LIST_MAX, sizeof *live);
    struct wire_command_row *rows = array(sim, LIST_MAX, sizeof *rows);
    uint32_t live_bits = 1u << STATE_HELD | 1u << STATE_QUEUED | 1u << STATE_RUNNING;
    bool more = false, more_live = false;
    size_t n_live = 0;
    if (what->states == 0 || (what->states & live_bits) != 0)
        n_live = core_list(sim->broker.core, send->pool, what, live, LIST_MAX, &more_live);
    const struct core_range *ranges = what->n_ranges > 0 ? what->ranges : &everything;
    uint32_t n_ranges = what->n_ranges > 0 ? what->n_ranges : 1;
    for (uint32_t i = 0; (what->states & ~live_bits) != 0 && i < n_ranges && !final.full; i++) {
        uint64_t first = ranges[i].first > what->after ? ranges[i].first : what->after + 1;
        vault_records_between(&sim->vault, send->pool, first, ranges[i].last, add_final, &final);
    }
    struct wire_message m = {.type = WIRE_LIST_REPLY};
    uint32_t n = merge(&final, live, n_live, more_live, rows, &more);
    m.as.list_reply = (struct wire_list_reply){.request = send->request,
                                               .rows = rows,
                                               .n_rows = n,
                                               .more = more,
                                               .next = n > 0 ? rows[n - 1].track_id : what->after};
    sim_egress_send(sim, send->peer, &m);
}

void sim_rows_hosts(struct sim *sim, const struct send *send)
{
    struct core_host_row *hosts = array(sim, HOSTS_MAX, sizeof *hosts);
    struct wire_host_row *rows = array(sim, HOSTS_MAX, sizeof *rows);
    struct wire_message m = {.type = WIRE_HOSTS_REPLY};
    bool more = false;
    size_t n = core_hosts(sim->broker.core, send->as.hosts.selector, send->as.hosts.after, hosts,
                          HOSTS_MAX, &more);
    for (size_t i = 0; i < n; i++)
        rows[i] = (struct wire_host_row){.host = hosts[i].host,
                                         .worker = hosts[i].worker,
                                         .present = hosts[i].present,
                                         .slots = hosts[i].slots,
                                         .running = hosts[i].running,
                                         .software = hosts[i].software,
                                         .seen_wall_ns = hosts[i].seen_wall_ns,
                                         .skew_ns = hosts[i].skew_ns,
                                         .round_trip_ns = hosts[i].round_trip_ns,
                                         .tree_kill = hosts[i].tree_kill,
                                         .draining = hosts[i].draining};
    m.as.hosts_reply = (struct wire_hosts_reply){
        .request = send->request, .rows = rows, .n_rows = (uint32_t)n, .more = more};
    sim_egress_send(sim, send->peer, &m);
}
