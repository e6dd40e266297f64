/*
 * Ending things: cancel, the shutdown of this handle, the shutdown of the broker.
 */
#include <muster.h>

#include "embedded.h"
#include "events.h"
#include "pool.h"
#include "request.h"

/* ---- cancel --------------------------------------------------------------------------------- */

/* Takes over the request. */
static int cancel(struct muster_pool *pool, struct request *request, bool running, const char *why,
                  muster_cancelled *ret)
{
    struct wire_cancel *cancel = &request->message.as.cancel;
    cancel->running = running;
    cancel->reason = bytes_of_str(why);
    int rc = request_run(pool, request, 0, pool_request_deadline(pool));
    if (rc == MUSTER_OK) {
        const struct wire_cancelled *counts = &request->reply->message.as.cancelled;
        *ret = (muster_cancelled){
            .cancelled = (int64_t)counts->cancelled,
            .stopping = (int64_t)counts->stopping,
            .already_final = (int64_t)counts->already_final,
            .running = (int64_t)counts->running,
            .unknown = (int64_t)counts->unknown,
        };
    }
    request_free(pool, request);
    events_arm(pool);
    return rc;
}

int muster_cancel_range(muster_pool *pool, int64_t first, int64_t last, int running,
                        const char *why, muster_cancelled *ret)
{
    int rc = pool_enter(pool);
    if (rc != MUSTER_OK)
        return rc;
    bool all = first == 0 && last == 0;
    if (!all && (first < 1 || last < first))
        return error_set(&pool->error, MUSTER_EINVAL, "%lld-%lld is no range of track ids",
                         (long long)first, (long long)last);
    struct request *request = request_new(WIRE_CANCEL, WIRE_CANCELLED);
    if (!request)
        return error_set(&pool->error, MUSTER_ENOMEM, "out of memory");
    struct wire_range range = {(uint64_t)first, (uint64_t)last};
    request->message.as.cancel.all = all;
    if (!all) {
        request->message.as.cancel.ranges = &range;
        request->message.as.cancel.n_ranges = 1;
    }
    muster_cancelled counts;
    return cancel(pool, request, running != 0, why, ret ? ret : &counts);
}

int muster_cancel_batch(muster_pool *pool, int64_t batch, int running, const char *why,
                        muster_cancelled *ret)
{
    int rc = pool_enter(pool);
    if (rc != MUSTER_OK)
        return rc;
    if (batch < 1)
        return error_set(&pool->error, MUSTER_EINVAL, "batches begin at 1");
    struct request *request = request_new(WIRE_CANCEL, WIRE_CANCELLED);
    if (!request)
        return error_set(&pool->error, MUSTER_ENOMEM, "out of memory");
    request->message.as.cancel.batch = (uint64_t)batch;
    muster_cancelled counts;
    return cancel(pool, request, running != 0, why, ret ? ret : &counts);
}

int muster_cancel(muster_pool *pool, int64_t track_id, const char *why)
{
    int rc = pool_enter(pool);
    if (rc != MUSTER_OK)
        return rc;
    if (track_id < 1)
        return error_set(&pool->error, MUSTER_EINVAL, "track ids begin at 1");
    muster_cancelled counts = {0};
    rc = muster_cancel_range(pool, track_id, track_id, 1, why, &counts);
    if (rc != MUSTER_OK)
        return rc;
    if (counts.unknown)
        return error_set(&pool->error, MUSTER_EUNKNOWNCOMMAND, "there is no command %lld",
                         (long long)track_id);
    if (counts.already_final)
        return error_set(&pool->error, MUSTER_EALREADYFINAL, "command %lld has already ended",
                         (long long)track_id);
    return MUSTER_OK;
}

/* ---- shutdown ------------------------------------------------------------------------------- */

/* What was started before the shutdown is submitted first. */
static int submit_started(struct muster_pool *pool, muster_time deadline)
{
    int rc = MUSTER_OK;
    while (rc == MUSTER_OK && (!list_is_empty(&pool->futures.queued) || pool->futures.submits)) {
        if (time_boot_ns() >= deadline)
            return error_set(&pool->error, MUSTER_ETIMEDOUT,
                             "started commands could not be submitted in time");
        rc = pool_turn(pool, deadline);
    }
    return rc;
}

static int ask_shutdown(struct muster_pool *pool, unsigned flags, muster_time deadline,
                        bool *ret_timed_out)
{
    struct request *request = request_new(WIRE_SHUTDOWN, WIRE_DONE);
    if (!request)
        return error_set(&pool->error, MUSTER_ENOMEM, "out of memory");
    struct wire_shutdown *shutdown = &request->message.as.shutdown;
    shutdown->wait = (flags & MUSTER_WAIT) != 0;
    shutdown->cancel_queued = (flags & MUSTER_CANCEL_QUEUED) != 0;
    shutdown->cancel_running = (flags & MUSTER_CANCEL_RUNNING) != 0;
    shutdown->wait_ns = shutdown->wait ? pool_wait_ns(deadline) : 0;
    muster_time give_up =
        shutdown->wait ? pool_answer_deadline(deadline) : pool_request_deadline(pool);
    int rc = request_run(pool, request, shutdown->wait_ns, give_up);
    if (rc == MUSTER_OK)
        *ret_timed_out = request->reply->message.as.done.timed_out;
    request_free(pool, request);
    return rc;
}

int muster_shutdown_timed(muster_pool *pool, unsigned flags, int timeout_ms)
{
    int rc = pool_enter(pool);
    if (rc != MUSTER_OK)
        return rc;
    if ((flags & ~(MUSTER_WAIT | MUSTER_CANCEL_QUEUED | MUSTER_CANCEL_RUNNING)) || timeout_ms < -1)
        return error_set(&pool->error, MUSTER_EINVAL, "a wrong flag or time-out");
    muster_time deadline = pool_deadline(timeout_ms);
    rc = submit_started(pool, deadline);
    bool timed_out = rc == MUSTER_OK;
    while (rc == MUSTER_OK && timed_out) {
        bool last = time_boot_ns() >= deadline;
        rc = ask_shutdown(pool, flags, deadline, &timed_out);
        if (rc == MUSTER_OK)
            pool->shut = true;
        if (rc == MUSTER_OK && timed_out && last)
            rc = error_set(&pool->error, MUSTER_ETIMEDOUT,
                           "not every command of this handle is final yet");
    }
    events_arm(pool);
    return rc;
}

int muster_shutdown(muster_pool *pool, unsigned flags)
{
    return muster_shutdown_timed(pool, flags, -1);
}

int muster_shutdown_broker(muster_pool *pool)
{
    int rc = pool_enter(pool);
    if (rc != MUSTER_OK)
        return rc;
    struct request *request = request_new(WIRE_SHUTDOWN, WIRE_DONE);
    if (!request)
        return error_set(&pool->error, MUSTER_ENOMEM, "out of memory");
    request->message.as.shutdown.broker = true;
    embedded_expect_end(pool->embedded);
    rc = request_run(pool, request, 0, pool_request_deadline(pool));
    if (rc == MUSTER_ECLOSED && request->sent)
        rc = MUSTER_OK; /* it said goodbye for good: that is what was asked for */
    request_free(pool, request);
    events_arm(pool);
    return rc;
}
