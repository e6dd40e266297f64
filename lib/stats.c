/*
 * Statistics and the queue's length, as the broker counts them. Nothing is counted here.
 */
#include "stats.h"

#include <muster.h>
#include <stdlib.h>
#include <string.h>

#include "base/state.h"
#include "events.h"
#include "pool.h"
#include "record.h"
#include "request.h"

struct stats_keep {
    struct reply *reply;
};

void stats_keep_free(struct stats_keep *keep)
{
    if (!keep)
        return;
    reply_unref(keep->reply);
    free(keep);
}

static muster_spread spread_of(const struct wire_spread *from)
{
    if (from->count == 0)
        return (muster_spread){-1, -1, -1, -1, -1, -1};
    return (muster_spread){from->avg, from->max, from->min, from->p50, from->p90, from->p99};
}

static int read_usage(const struct wire_stats_reply *from, struct arena *arena, muster_stats *stats)
{
    muster_usage *usage = arena_zalloc(arena, from->n_pool_usage, sizeof *usage);
    if (!usage)
        return MUSTER_ENOMEM;
    for (uint32_t i = 0; i < from->n_pool_usage; i++) {
        usage[i].log_prefix = record_text(from->pool_usage[i].log_prefix, arena);
        usage[i].count = (int64_t)from->pool_usage[i].count;
        if (!usage[i].log_prefix)
            return MUSTER_ENOMEM;
    }
    stats->pool_usage = usage;
    stats->n_pool_usage = from->n_pool_usage;
    return MUSTER_OK;
}

static int read_stats(const struct wire_stats_reply *from, struct arena *arena, muster_stats *stats)
{
    *stats = (muster_stats){
        .size = sizeof *stats,
        .count = (int64_t)from->count,
        .time = spread_of(&from->time),
        .throttle = spread_of(&from->throttle),
        .waited = spread_of(&from->waited),
        .peak_in_queue = from->submitted ? (int64_t)from->peak_in_queue : -1,
        .submitted = (int64_t)from->submitted,
        .held = (int64_t)from->held,
        .queued = (int64_t)from->queued,
        .running = (int64_t)from->running,
        .final_to = (int64_t)from->final_to,
        .ok_to = (int64_t)from->ok_to,
        .head = (int64_t)from->head,
        .oldest = (int64_t)from->oldest,
        .hosts = (int)from->hosts,
        .slots = (int)from->slots,
        .insecure = from->insecure,
        .disk_low = from->disk_low,
        .disk_free = (int64_t)from->disk_free,
        .uptime_s = (double)from->uptime_ns / 1e9,
        .broker_version = record_text(from->software, arena),
    };
    /* The wire counts ends from OK on; here they stand under the number of their state. */
    size_t places = sizeof stats->ended / sizeof stats->ended[0];
    for (size_t i = 0; i < from->n_ended && MUSTER_STATE_OK + i < places; i++)
        stats->ended[MUSTER_STATE_OK + i] = (int64_t)from->ended[i];
    int rc = read_usage(from, arena, stats);
    return rc == MUSTER_OK && !stats->broker_version ? MUSTER_ENOMEM : rc;
}

/* 0 and the request with its reply, or MUSTER_E… */
static int ask(struct muster_pool *pool, bool all, int64_t last_index, struct request **ret_request)
{
    struct request *request = request_new(WIRE_STATS, WIRE_STATS_REPLY);
    if (!request)
        return error_set(&pool->error, MUSTER_ENOMEM, "out of memory");
    request->message.as.stats.all = all;
    request->message.as.stats.last_index = all ? 0 : (uint64_t)last_index;
    int rc = request_run(pool, request, 0, pool_request_deadline(pool));
    events_arm(pool);
    if (rc == MUSTER_OK)
        *ret_request = request;
    else
        request_free(pool, request);
    return rc;
}

static int keep_reply(struct muster_pool *pool, struct reply *reply)
{
    struct stats_keep *keep = malloc(sizeof *keep);
    if (!keep)
        return MUSTER_ENOMEM;
    keep->reply = reply_ref(reply);
    stats_keep_free(pool->stats_keep);
    pool->stats_keep = keep;
    return MUSTER_OK;
}

int muster_get_stats(muster_pool *pool, int64_t last_index, muster_stats *ret_stats)
{
    int rc = pool_enter(pool);
    if (rc != MUSTER_OK)
        return rc;
    if (last_index < 0 || !ret_stats)
        return error_set(&pool->error, MUSTER_EINVAL,
                         "last_index is 0 to the number of records, or MUSTER_ALL");
    struct request *request = NULL;
    rc = ask(pool, last_index == MUSTER_ALL, last_index, &request);
    if (rc != MUSTER_OK)
        return rc;
    struct reply *reply = request->reply;
    const struct wire_stats_reply *from = &reply->message.as.stats_reply;
    if (last_index != MUSTER_ALL && from->count != (uint64_t)last_index)
        rc = error_set(&pool->error, MUSTER_EINVAL,
                       "last_index %lld is above the number of records, %llu",
                       (long long)last_index, (unsigned long long)from->head);
    else if (keep_reply(pool, reply) != MUSTER_OK ||
             read_stats(from, &reply->arena, ret_stats) != MUSTER_OK)
        rc = error_set(&pool->error, MUSTER_ENOMEM, "out of memory");
    request_free(pool, request);
    return rc;
}

int64_t muster_queue_length(muster_pool *pool)
{
    int rc = pool_enter(pool);
    if (rc != MUSTER_OK)
        return rc;
    struct request *request = NULL;
    rc = ask(pool, true, 0, &request);
    if (rc != MUSTER_OK)
        return rc;
    const struct wire_stats_reply *from = &request->reply->message.as.stats_reply;
    int64_t length = (int64_t)(from->held + from->queued + from->running);
    request_free(pool, request);
    return length;
}
