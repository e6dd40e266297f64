/*
 * egress_rows.c -- answers made of many rows: records, lists, hosts.
 *
 * One answer is one message of at most 1 MiB; what does not fit is asked for again from `next`. All
 * reads see committed state only, because they happen after the commit of the turn.
 */
#include "broker/egress_rows.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS_BYTES_MAX = WIRE_MESSAGE_MAX - WIRE_ENVELOPE_MAX,
    LIST_ROWS_MAX = 1024,
    LIST_LOOK_MAX = 20000, /* final records looked at for one LIST */
    HOST_ROWS_MAX = 256,
};

/* ---- records -------------------------------------------------------------------------------- */

struct rows {
    struct egress *egress;
    struct wire_row *rows;
    uint32_t n, max;
    size_t bytes;
    bool full;
};

static bool rows_begin(struct rows *rows, struct egress *e, uint32_t max)
{
    if (max == 0 || max > WIRE_ROWS_MAX)
        max = WIRE_ROWS_MAX;
    *rows = (struct rows){.egress = e, .max = max};
    rows->rows = arena_alloc(&e->intake->arena, max * sizeof *rows->rows);
    return rows->rows != NULL;
}

static struct wire_row row_of(const struct egress *e, const struct store_record *record)
{
    const struct fact_recorded *f = &record->fact;
    return (struct wire_row){.pos = f->pos,
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
                             .host = core_name(e->core, f->host),
                             .worker = core_name(e->core, f->worker),
                             .function = core_name(e->core, f->function),
                             .batch = f->batch,
                             .skew_ns = f->skew_ns,
                             .crc = f->crc,
                             .body = record->body,
                             .command = record->command,
                             .why = f->why};
}

static int add_row(void *ctx, const struct store_record *record)
{
    struct rows *rows = ctx;
    struct arena *arena = &rows->egress->intake->arena;
    struct wire_row row = row_of(rows->egress, record);
    size_t bytes = wire_row_size(&row);
    if (rows->n == rows->max || (rows->n > 0 && rows->bytes + bytes > ROWS_BYTES_MAX)) {
        rows->full = true;
        return 1;
    }
    if (bytes > ROWS_BYTES_MAX) { /* record and command together: the record has the right of way */
        row.command = (struct bytes){0};
        bytes = wire_row_size(&row);
    }
    if (!arena_copy(arena, row.body, &row.body) || !arena_copy(arena, row.command, &row.command) ||
        !arena_copy(arena, row.why, &row.why)) {
        rows->full = true;
        return 1;
    }
    rows->rows[rows->n++] = row;
    rows->bytes += bytes;
    return 0;
}

static void busy(struct egress *e, const struct send *send)
{
    struct wire_error error = {.refusal = REFUSAL_BUSY, .request = send->request};
    strcpy(error.text, "too many large answers at once; ask again in a moment");
    egress_refuse(e, send->peer, &error);
}

static void send_rows(struct egress *e, const struct send *send, const struct rows *rows,
                      uint64_t next, uint64_t cursor, bool timed_out)
{
    struct core_pool_stats stats;
    struct wire_message m = {.type = WIRE_RECORDS};
    if (!core_pool_stats(e->core, send->pool, &stats))
        return; /* the pool went in this very turn; its clients are told by their next request */
    m.as.records = (struct wire_records){.request = send->request,
                                         .rows = rows->rows,
                                         .n_rows = rows->n,
                                         .next = next,
                                         .head = stats.totals->head,
                                         .oldest = stats.totals->oldest,
                                         .cursor = cursor,
                                         .timed_out = timed_out};
    egress_send(e, send->peer, &m);
}

/* Retention has raised oldest pos in the very turn that answers: what lies between must not be
 * passed over in silence. */
static bool is_truncated(struct egress *e, const struct send *send)
{
    struct core_pool_stats stats;
    if (!core_pool_stats(e->core, send->pool, &stats) ||
        send->as.records.from_pos >= stats.totals->oldest)
        return false;
    struct wire_error error = {
        .refusal = REFUSAL_TRUNCATED, .request = send->request, .limit = stats.totals->oldest};
    strcpy(error.text, "the records behind this position have just been deleted; read on from the "
                       "oldest one that is kept");
    egress_refuse(e, send->peer, &error);
    return true;
}

int egress_records(struct egress *e, const struct send *send)
{
    struct rows rows;
    uint64_t from = send->as.records.from_pos;
    if (is_truncated(e, send))
        return 0;
    if (!rows_begin(&rows, e, send->as.records.max)) {
        busy(e, send);
        return 0;
    }
    int64_t r = store_records(e->store, send->pool, from, rows.max, send->as.records.with_command,
                              add_row, &rows);
    if (r < 0)
        return (int)r;
    if (rows.n == 0 && rows.full) {
        busy(e, send);
        return 0;
    }
    send_rows(e, send, &rows, rows.n > 0 ? rows.rows[rows.n - 1].pos : from,
              send->as.records.cursor, send->as.records.timed_out);
    return 0;
}

int egress_records_of(struct egress *e, const struct send *send)
{
    struct rows rows;
    if (!rows_begin(&rows, e, send->as.records_of.n == 0 ? 1 : send->as.records_of.n)) {
        busy(e, send);
        return 0;
    }
    int64_t r =
        store_records_of(e->store, send->pool, send->as.records_of.track_ids, send->as.records_of.n,
                         send->as.records_of.with_command, add_row, &rows);
    if (r < 0)
        return (int)r;
    if (rows.n == 0 && rows.full) {
        busy(e, send);
        return 0;
    }
    send_rows(e, send, &rows, 0, 0, send->as.records_of.timed_out);
    return 0;
}

/* ---- list ----------------------------------------------------------------------------------- */

struct list {
    struct egress *egress;
    const struct event_list *what;
    struct wire_command_row *rows; /* final ones */
    uint32_t n, max;
    uint64_t looked_to; /* every final record up to this track_id was looked at */
    bool stopped;
};

static int add_final(void *ctx, const struct store_record *record)
{
    struct list *list = ctx;
    const struct fact_recorded *f = &record->fact;
    struct egress *e = list->egress;
    if (list->n == list->max) {
        list->stopped = true;
        return 1;
    }
    list->looked_to = f->track_id;
    if ((list->what->states & 1u << f->state) == 0 ||
        (list->what->batch != 0 && list->what->batch != f->batch))
        return 0;
    struct wire_command_row row = {.track_id = f->track_id,
                                   .state = f->state,
                                   .function = core_name(e->core, f->function),
                                   .host = core_name(e->core, f->host),
                                   .attempt = f->attempt,
                                   .submitted_wall_ns = f->submitted_wall_ns,
                                   .since_wall_ns = f->start_wall_ns,
                                   .batch = f->batch,
                                   .pos = f->pos,
                                   .reason = f->reason,
                                   .exit = f->exit,
                                   .signal = f->signal,
                                   .run_ns = f->run_ns};
    if (!arena_copy(&e->intake->arena, record->command, &row.command)) {
        list->stopped = true;
        return 1;
    }
    list->rows[list->n++] = row;
    return 0;
}

/* Final ones of the asked ranges beyond `after`; at most LIST_LOOK_MAX records are looked at. */
static int list_final(struct list *list, uint32_t pool)
{
    static const struct core_range everything = {.first = 1, .last = UINT64_MAX >> 1};
    const struct event_list *what = list->what;
    const struct core_range *ranges = what->n_ranges > 0 ? what->ranges : &everything;
    uint32_t n_ranges = what->n_ranges > 0 ? what->n_ranges : 1, left = LIST_LOOK_MAX;
    list->looked_to = what->after;
    for (uint32_t i = 0; i < n_ranges && !list->stopped; i++) {
        uint64_t first = ranges[i].first > what->after ? ranges[i].first : what->after + 1;
        if (first > ranges[i].last)
            continue;
        int64_t seen = store_records_between(list->egress->store, pool, first, ranges[i].last, left,
                                             what->with_command, add_final, list);
        if (seen < 0)
            return (int)seen;
        left = (uint64_t)seen >= left ? 0 : left - (uint32_t)seen;
        if (left == 0)
            list->stopped = true;
        if (!list->stopped)
            list->looked_to = ranges[i].last;
    }
    return 0;
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
                                     .batch = c->batch,
                                     .reason = c->silent ? REASON_WORKER_LOST : REASON_NONE};
}

static int add_body(struct egress *e, uint32_t pool, uint64_t body_of, struct wire_command_row *row)
{
    struct bytes stored;
    int r = store_command(e->store, pool, body_of, &stored);
    if (r == -ENOENT)
        return 0;
    if (r == 0 && !arena_copy(&e->intake->arena, stored, &row->command))
        r = -ENOBUFS;
    return r;
}

/* Merges live and final rows by track_id into one answer. */
static int merge_and_send(struct egress *e, const struct send *send,
                          const struct core_command_row *live, size_t n_live, bool more_live,
                          const struct list *list)
{
    const struct event_list *what = list->what;
    struct wire_command_row *rows =
        arena_alloc(&e->intake->arena, (n_live + list->n + 1) * sizeof *rows);
    struct wire_message m = {.type = WIRE_LIST_REPLY};
    uint64_t live_to =
        more_live ? (n_live > 0 ? live[n_live - 1].track_id : what->after) : UINT64_MAX;
    uint64_t final_to = list->stopped ? list->looked_to : UINT64_MAX;
    uint64_t edge = live_to < final_to ? live_to : final_to, next = what->after;
    size_t bytes = 0, l = 0, f = 0;
    uint32_t n = 0;
    bool cut = false;
    if (rows == NULL) {
        busy(e, send);
        return 0;
    }
    while ((l < n_live || f < list->n) && !cut) {
        bool take_live = f == list->n || (l < n_live && live[l].track_id < list->rows[f].track_id);
        struct wire_command_row row = take_live ? live_row(&live[l]) : list->rows[f];
        if (row.track_id > edge)
            break;
        if (take_live && what->with_command) {
            int r = add_body(e, send->pool, live[l].body_of, &row);
            if (r < 0 && r != -ENOBUFS)
                return r;
            cut = r == -ENOBUFS;
        }
        size_t size = wire_command_row_size(&row);
        cut = cut || n == list->max || (n > 0 && bytes + size > ROWS_BYTES_MAX);
        if (cut)
            break;
        rows[n++] = row;
        bytes += size;
        next = row.track_id;
        l += take_live;
        f += !take_live;
    }
    if (n == 0 && cut) {
        busy(e, send);
        return 0;
    }
    bool more = cut || edge != UINT64_MAX;
    m.as.list_reply = (struct wire_list_reply){.request = send->request,
                                               .rows = rows,
                                               .n_rows = n,
                                               .more = more,
                                               .next = cut || edge == UINT64_MAX ? next : edge};
    egress_send(e, send->peer, &m);
    return 0;
}

int egress_list(struct egress *e, const struct send *send)
{
    const struct event_list *what = &send->as.list;
    uint32_t live_bits = 1u << STATE_HELD | 1u << STATE_QUEUED | 1u << STATE_RUNNING;
    struct list list = {.egress = e,
                        .what = what,
                        .max = what->max == 0 || what->max > LIST_ROWS_MAX ? LIST_ROWS_MAX
                                                                           : what->max};
    struct core_command_row *live = arena_alloc(&e->intake->arena, list.max * sizeof *live);
    size_t n_live = 0;
    bool more_live = false;
    list.rows = arena_alloc(&e->intake->arena, list.max * sizeof *list.rows);
    if (live == NULL || list.rows == NULL) {
        busy(e, send);
        return 0;
    }
    if (what->states == 0 || (what->states & live_bits) != 0)
        n_live = core_list(e->core, send->pool, what, live, list.max, &more_live);
    if ((what->states & ~live_bits) != 0) {
        int r = list_final(&list, send->pool);
        if (r < 0)
            return r;
    }
    return merge_and_send(e, send, live, n_live, more_live, &list);
}

/* ---- hosts ---------------------------------------------------------------------------------- */

static struct bytes *names(struct egress *e, const uint32_t *ids, uint32_t n)
{
    struct bytes *list = arena_alloc(&e->intake->arena, n * sizeof *list);
    for (uint32_t i = 0; list != NULL && i < n; i++)
        list[i] = core_name(e->core, ids[i]);
    return list;
}

void egress_hosts(struct egress *e, const struct send *send)
{
    uint32_t max = send->as.hosts.max == 0 || send->as.hosts.max > HOST_ROWS_MAX
                       ? HOST_ROWS_MAX
                       : send->as.hosts.max;
    struct core_host_row *hosts = arena_alloc(&e->intake->arena, max * sizeof *hosts);
    struct wire_host_row *rows = arena_alloc(&e->intake->arena, max * sizeof *rows);
    struct wire_message m = {.type = WIRE_HOSTS_REPLY};
    bool more = false, cut = false;
    size_t bytes = 0;
    uint32_t n = 0;
    if (hosts == NULL || rows == NULL) {
        busy(e, send);
        return;
    }
    size_t n_hosts =
        core_hosts(e->core, send->as.hosts.selector, send->as.hosts.after, hosts, max, &more);
    for (size_t i = 0; i < n_hosts && !cut; i++) {
        const struct core_host_row *h = &hosts[i];
        struct wire_host_row row = {.host = h->host,
                                    .worker = h->worker,
                                    .present = h->present,
                                    .slots = h->slots,
                                    .running = h->running,
                                    .labels = names(e, h->labels, h->n_labels),
                                    .n_labels = h->n_labels,
                                    .functions = names(e, h->functions, h->n_functions),
                                    .n_functions = h->n_functions,
                                    .software = h->software,
                                    .seen_wall_ns = h->seen_wall_ns,
                                    .skew_ns = h->skew_ns,
                                    .round_trip_ns = h->round_trip_ns,
                                    .tree_kill = h->tree_kill,
                                    .draining = h->draining};
        if (row.labels == NULL || row.functions == NULL) {
            cut = true;
            break;
        }
        size_t size = wire_host_row_size(&row);
        cut = n > 0 && bytes + size > ROWS_BYTES_MAX;
        if (!cut) {
            rows[n++] = row;
            bytes += size;
        }
    }
    if (n == 0 && cut) {
        busy(e, send);
        return;
    }
    m.as.hosts_reply = (struct wire_hosts_reply){
        .request = send->request, .rows = rows, .n_rows = n, .more = more || cut};
    egress_send(e, send->peer, &m);
}
