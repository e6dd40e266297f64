/*
 * Looking: commands and hosts, page by page.
 */
#include <muster.h>
#include <string.h>

#include "base/state.h"
#include "events.h"
#include "pool.h"
#include "record.h"
#include "request.h"

/* ---- commands ------------------------------------------------------------------------------- */

static const char *why_of(const struct wire_command_row *row)
{
    if (state_is_final((enum state)row->state))
        return reason_text((enum reason)row->reason);
    return row->hold != HOLD_NONE ? hold_text((enum hold)row->hold) : "";
}

static int build_info(const struct wire_command_row *row, struct arena *arena,
                      muster_command_info *info)
{
    *info = (muster_command_info){
        .size = sizeof *info,
        .track_id = (int64_t)row->track_id,
        .batch = (int64_t)row->batch,
        .pos = (int64_t)row->pos,
        .state = (int)row->state,
        .why = why_of(row),
        .function = record_text(row->function, arena),
        .selector = record_text(row->selector, arena),
        .host = record_text(row->host, arena),
        .attempt = (int)row->attempt,
        .starts = (int)row->starts,
        .priority = row->priority,
        .submitted_wall_ns = row->submitted_wall_ns,
        .since_wall_ns = row->since_wall_ns,
        .age_s = (double)row->age_ns / 1e9,
        .run_s = (double)row->run_ns / 1e9,
        .exit = row->exit,
        .signal = (int)row->signal,
        .label = "",
    };
    if (!info->function || !info->selector || !info->host)
        return MUSTER_ENOMEM;
    struct record_command command;
    if (row->command.size &&
        record_command_build(row->function, row->command, arena, &command) == 0) {
        info->argv = command.argv;
        info->args = command.args;
        info->kwargs = command.kwargs;
        info->label = command.label;
    }
    return MUSTER_OK;
}

struct listing {
    muster_command_fn *each;
    void *arg;
    int64_t count;
    bool stopped;
};

static int show_rows(struct muster_pool *pool, struct reply *reply, struct listing *listing)
{
    const struct wire_list_reply *list = &reply->message.as.list_reply;
    for (uint32_t i = 0; i < list->n_rows && !listing->stopped; i++) {
        muster_command_info info;
        if (build_info(&list->rows[i], &reply->arena, &info) != MUSTER_OK)
            return error_set(&pool->error, MUSTER_ENOMEM, "out of memory");
        pool_call_out(pool);
        listing->stopped = listing->each(&info, listing->arg) != 0;
        pool_call_back(pool);
        listing->count++;
    }
    return MUSTER_OK;
}

int64_t muster_list(muster_pool *pool, int64_t first, int64_t last, unsigned states, int64_t batch,
                    muster_command_fn *each, void *arg)
{
    int rc = pool_enter(pool);
    if (rc != MUSTER_OK)
        return rc;
    bool all = first == 0 && last == 0;
    if (!each || batch < 0 || (!all && (first < 1 || last < first)))
        return error_set(&pool->error, MUSTER_EINVAL,
                         "no callback, or a wrong batch or range of track ids");
    struct wire_range range = {(uint64_t)first, (uint64_t)last};
    struct listing listing = {.each = each, .arg = arg};
    uint64_t after = 0;
    bool more = true;
    while (rc == MUSTER_OK && more && !listing.stopped) {
        struct request *request = request_new(WIRE_LIST, WIRE_LIST_REPLY);
        if (!request)
            return error_set(&pool->error, MUSTER_ENOMEM, "out of memory");
        struct wire_list *list = &request->message.as.list;
        list->after = after;
        list->ranges = all ? NULL : &range;
        list->n_ranges = all ? 0 : 1;
        list->states = states;
        list->batch = (uint64_t)batch;
        list->with_command = true;
        rc = request_run(pool, request, 0, pool_request_deadline(pool));
        if (rc == MUSTER_OK) {
            const struct wire_list_reply *reply = &request->reply->message.as.list_reply;
            more = reply->more && reply->next > after;
            after = reply->next;
            rc = show_rows(pool, request->reply, &listing);
        }
        request_free(pool, request);
    }
    events_arm(pool);
    return rc == MUSTER_OK ? listing.count : rc;
}

/* ---- hosts ---------------------------------------------------------------------------------- */

static int build_host(const struct wire_host_row *row, struct arena *arena, muster_host_info *info)
{
    *info = (muster_host_info){
        .size = sizeof *info,
        .host = record_text(row->host, arena),
        .worker = record_text(row->worker, arena),
        .version = record_text(row->software, arena),
        .tree_kill = record_text(row->tree_kill, arena),
        .present = row->present,
        .draining = row->draining,
        .slots = (int)row->slots,
        .running = (int)row->running,
        .labels = record_texts(row->labels, row->n_labels, arena),
        .functions = record_texts(row->functions, row->n_functions, arena),
        .seen_wall_ns = row->seen_wall_ns,
        .skew_ms = (double)row->skew_ns / 1e6,
        .round_trip_ms = row->round_trip_ns ? (double)row->round_trip_ns / 1e6 : -1,
    };
    bool complete = info->host && info->worker && info->version && info->tree_kill &&
                    info->labels && info->functions;
    return complete ? MUSTER_OK : MUSTER_ENOMEM;
}

int64_t muster_hosts(muster_pool *pool, muster_host_fn *each, void *arg)
{
    return muster_hosts_matching(pool, NULL, each, arg);
}

int64_t muster_hosts_matching(muster_pool *pool, const char *selector, muster_host_fn *each,
                              void *arg)
{
    int rc = pool_enter(pool);
    if (rc != MUSTER_OK)
        return rc;
    if (!each)
        return error_set(&pool->error, MUSTER_EINVAL, "there is no callback");
    int64_t count = 0;
    bool more = true, stopped = false;
    struct request *before = NULL; /* owns the name to go on after */
    struct bytes after = {0};
    while (rc == MUSTER_OK && more && !stopped) {
        struct request *request = request_new(WIRE_HOSTS, WIRE_HOSTS_REPLY);
        if (!request) {
            rc = error_set(&pool->error, MUSTER_ENOMEM, "out of memory");
            break;
        }
        request->message.as.hosts.after = after;
        request->message.as.hosts.selector = bytes_of_str(selector);
        rc = request_run(pool, request, 0, pool_request_deadline(pool));
        request_free(pool, before);
        before = request;
        if (rc != MUSTER_OK)
            break;
        struct reply *reply = request->reply;
        const struct wire_hosts_reply *hosts = &reply->message.as.hosts_reply;
        for (uint32_t i = 0; i < hosts->n_rows && !stopped && rc == MUSTER_OK; i++) {
            muster_host_info info;
            rc = build_host(&hosts->rows[i], &reply->arena, &info);
            if (rc != MUSTER_OK) {
                error_set(&pool->error, rc, "out of memory");
                break;
            }
            pool_call_out(pool);
            stopped = each(&info, arg) != 0;
            pool_call_back(pool);
            count++;
        }
        more = hosts->more && hosts->n_rows > 0;
        if (hosts->n_rows > 0)
            after = hosts->rows[hosts->n_rows - 1].host;
    }
    request_free(pool, before);
    events_arm(pool);
    return rc == MUSTER_OK ? count : rc;
}
