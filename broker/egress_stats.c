/*
 * egress_stats.c -- statistics: running sums for the whole log, a scan for a prefix of it.
 *
 * A scan goes on in slices, one per turn, so that a long log never holds up a turn. A record of a
 * command that never ran has no times and used no slot: it counts, but not in the spreads.
 */
#include "broker/egress_rows.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

enum {
    SCANS_MAX = 32,
    SCAN_SLICE = 20000,
};

struct prefix_usage {
    uint32_t host, slot;
    uint64_t count;
};

struct scan {
    struct scan *next;
    peer_id peer;
    uint64_t request, last_index, at, count;
    uint32_t pool;
    struct spread_totals run, waited, throttle;
    uint64_t ended[STATE_COUNT];
    struct prefix_usage *usage;
    size_t n_usage;
    uint32_t left; /* of this slice */
    bool whole;
};

static void scan_free(struct scan *scan)
{
    free(scan->usage);
    free(scan);
}

void egress_scans_done(struct egress *e)
{
    while (e->scans != NULL) {
        struct scan *scan = e->scans;
        e->scans = scan->next;
        scan_free(scan);
    }
}

static struct wire_spread spread_of(const struct spread_totals *t)
{
    if (t->count == 0)
        return (struct wire_spread){
            .avg = -1, .max = -1, .min = -1, .p50 = -1, .p90 = -1, .p99 = -1};
    const double s = 1e9;
    return (struct wire_spread){.count = t->count,
                                .avg = (double)t->sum_ns / s / (double)t->count,
                                .max = (double)t->max_ns / s,
                                .min = (double)t->min_ns / s,
                                .p50 = (double)spread_quantile_ns(t, 0.5) / s,
                                .p90 = (double)spread_quantile_ns(t, 0.9) / s,
                                .p99 = (double)spread_quantile_ns(t, 0.99) / s};
}

struct usages {
    struct egress *egress;
    struct wire_usage *list;
    uint32_t n;
};

static void add_usage(void *ctx, struct bytes host, uint32_t slot, uint64_t count)
{
    struct usages *usages = ctx;
    struct bytes prefix;
    if (usages->n == WIRE_USAGES_MAX || usages->list == NULL)
        return;
    buffer_reset(&usages->egress->scratch);
    buffer_printf(&usages->egress->scratch, "%.*s/%u", (int)host.size, (const char *)host.data,
                  slot);
    if (arena_copy(&usages->egress->intake->arena, buffer_bytes(&usages->egress->scratch), &prefix))
        usages->list[usages->n++] = (struct wire_usage){.log_prefix = prefix, .count = count};
}

/* What does not depend on the prefix. */
static struct wire_stats_reply stats_now(const struct egress *e, const struct core_pool_stats *s,
                                         uint64_t request)
{
    return (struct wire_stats_reply){.request = request,
                                     .submitted = s->totals->next_track_id - 1,
                                     .held = s->held,
                                     .queued = s->queued,
                                     .running = s->running,
                                     .final_to = s->final_to,
                                     .ok_to = s->ok_to,
                                     .head = s->totals->head,
                                     .oldest = s->totals->oldest,
                                     .hosts = s->hosts,
                                     .slots = s->slots,
                                     .pool = s->name,
                                     .insecure = e->insecure,
                                     .disk_free = e->disk_free,
                                     .disk_low = core_disk_low(e->core),
                                     .uptime_ns = e->intake->now - e->started,
                                     .software = bytes_of_str("muster-broker " MUSTER_VERSION),
                                     .records_bytes = s->totals->records_bytes,
                                     .peak_in_queue = s->totals->peak_in_queue};
}

/* `whole`: what the reply needs is not a prefix, but the usage that an earlier run of the broker
 * left. */
static int start_scan(struct egress *e, const struct send *send, uint64_t last_index, bool whole)
{
    struct wire_error error = {.refusal = REFUSAL_BUSY, .request = send->request};
    struct scan *scan = e->n_scans < SCANS_MAX ? calloc(1, sizeof *scan) : NULL;
    if (scan == NULL) {
        strcpy(error.text, "too many statistics are being counted; ask again in a moment");
        egress_refuse(e, send->peer, &error);
        return 0;
    }
    scan->peer = send->peer;
    scan->request = send->request;
    scan->pool = send->pool;
    scan->last_index = last_index;
    scan->whole = whole;
    struct scan **last = &e->scans;
    while (*last != NULL)
        last = &(*last)->next;
    *last = scan;
    e->n_scans++;
    return 0;
}

static void send_whole(struct egress *e, peer_id peer, uint64_t request, uint32_t pool,
                       const struct core_pool_stats *stats)
{
    struct wire_message m = {.type = WIRE_STATS_REPLY};
    struct usages usages = {
        .egress = e, .list = arena_alloc(&e->intake->arena, WIRE_USAGES_MAX * sizeof *usages.list)};
    core_pool_usage(e->core, pool, add_usage, &usages);
    m.as.stats_reply = stats_now(e, stats, request);
    m.as.stats_reply.count = stats->totals->head;
    m.as.stats_reply.time = spread_of(&stats->totals->run);
    m.as.stats_reply.waited = spread_of(&stats->totals->waited);
    m.as.stats_reply.throttle = spread_of(&stats->totals->throttle);
    m.as.stats_reply.pool_usage = usages.list;
    m.as.stats_reply.n_pool_usage = usages.n;
    m.as.stats_reply.ended = stats->totals->ended + STATE_OK;
    m.as.stats_reply.n_ended = STATE_COUNT - STATE_OK;
    egress_send(e, peer, &m);
}

int egress_stats(struct egress *e, const struct send *send)
{
    struct core_pool_stats stats;
    if (!core_pool_stats(e->core, send->pool, &stats))
        return 0;
    if (!send->as.stats.all && send->as.stats.last_index < stats.totals->head)
        return start_scan(e, send, send->as.stats.last_index, false);
    if (stats.usage_from > 0)
        return start_scan(e, send, stats.usage_from, true);
    send_whole(e, send->peer, send->request, send->pool, &stats);
    return 0;
}

static int scan_record(void *ctx, const struct store_record *record)
{
    struct scan *scan = ctx;
    const struct fact_recorded *f = &record->fact;
    if (f->pos > scan->last_index)
        return 1;
    scan->at = f->pos;
    scan->count++;
    scan->left--;
    scan->ended[f->state]++;
    if (f->attempt == 0 || f->start_wall_ns == 0)
        return 0; /* it never ran: it has no times and used no slot */
    spread_add(&scan->run, f->run_ns);
    spread_add(&scan->waited, f->waited_ns);
    spread_add(&scan->throttle, f->throttled_ns);
    for (size_t i = 0; i < scan->n_usage; i++)
        if (scan->usage[i].host == f->host && scan->usage[i].slot == f->slot) {
            scan->usage[i].count++;
            return 0;
        }
    if (scan->n_usage == WIRE_USAGES_MAX)
        return 0;
    scan->usage = realloc(scan->usage, (scan->n_usage + 1) * sizeof *scan->usage);
    MUST(scan->usage != NULL);
    scan->usage[scan->n_usage++] =
        (struct prefix_usage){.host = f->host, .slot = f->slot, .count = 1};
    return 0;
}

static void scan_answer(struct egress *e, const struct scan *scan)
{
    struct core_pool_stats stats;
    struct wire_message m = {.type = WIRE_STATS_REPLY};
    if (!core_pool_stats(e->core, scan->pool, &stats))
        return;
    if (scan->whole) {
        for (size_t i = 0; i < scan->n_usage && stats.usage_from > 0; i++)
            core_usage_add(e->core, scan->pool, scan->usage[i].host, scan->usage[i].slot,
                           scan->usage[i].count);
        core_usage_done(e->core, scan->pool);
        send_whole(e, scan->peer, scan->request, scan->pool, &stats);
        return;
    }
    struct usages usages = {
        .egress = e, .list = arena_alloc(&e->intake->arena, WIRE_USAGES_MAX * sizeof *usages.list)};
    for (size_t i = 0; i < scan->n_usage; i++)
        add_usage(&usages, core_name(e->core, scan->usage[i].host), scan->usage[i].slot,
                  scan->usage[i].count);
    m.as.stats_reply = stats_now(e, &stats, scan->request);
    m.as.stats_reply.count = scan->count;
    m.as.stats_reply.time = spread_of(&scan->run);
    m.as.stats_reply.waited = spread_of(&scan->waited);
    m.as.stats_reply.throttle = spread_of(&scan->throttle);
    m.as.stats_reply.pool_usage = usages.list;
    m.as.stats_reply.n_pool_usage = usages.n;
    m.as.stats_reply.ended = scan->ended + STATE_OK;
    m.as.stats_reply.n_ended = STATE_COUNT - STATE_OK;
    egress_send(e, scan->peer, &m);
}

bool egress_scan(struct egress *e, int *ret_error)
{
    *ret_error = 0;
    struct scan *scan = e->scans;
    if (scan == NULL)
        return false;
    scan->left = SCAN_SLICE;
    int64_t seen =
        store_records(e->store, scan->pool, scan->at, SCAN_SLICE, false, scan_record, scan);
    if (seen < 0) {
        *ret_error = (int)seen;
        return false;
    }
    if (scan->at >= scan->last_index || scan->left > 0) {
        scan_answer(e, scan);
        e->scans = scan->next;
        e->n_scans--;
        scan_free(scan);
    }
    return e->scans != NULL;
}
