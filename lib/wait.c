/*
 * Waiting for commands, a batch, the whole pool. Commands are waited for as futures that this call
 * makes and frees; batches and pools by one request, which the broker answers when it is so.
 */
#include <muster.h>
#include <stdlib.h>

#include "events.h"
#include "future.h"
#include "pool.h"

struct waiting {
    struct wait_item *items;
    size_t n, left;
    muster_record_fn *each;
    void *arg;
    int code; /* of the first that was refused, or ESTOPPED */
    struct error why;
};

struct wait_item {
    struct waiting *waiting;
    muster_future *future;
};

static int item_ended(const muster_record *record, void *arg)
{
    struct wait_item *item = arg;
    struct waiting *waiting = item->waiting;
    waiting->left--;
    if (waiting->code == MUSTER_OK && !record) {
        waiting->code = item->future->code;
        if (item->future->why)
            error_copy(&waiting->why, item->future->why);
    } else if (waiting->code == MUSTER_OK && waiting->each && waiting->each(record, waiting->arg)) {
        waiting->code = error_set(&waiting->why, MUSTER_ESTOPPED, "the callback stopped the wait");
    }
    muster_future_free(item->future);
    item->future = NULL;
    return 0;
}

static int adopt_all(struct muster_pool *pool, struct waiting *waiting, const int64_t *track_ids,
                     bool with_command)
{
    waiting->items = calloc(waiting->n, sizeof *waiting->items);
    if (!waiting->items)
        return error_set(&pool->error, MUSTER_ENOMEM, "out of memory");
    for (size_t i = 0; i < waiting->n; i++) {
        struct wait_item *item = &waiting->items[i];
        item->waiting = waiting;
        item->future = future_adopt(pool, track_ids[i], with_command);
        if (!item->future)
            return error_set(&pool->error, MUSTER_ENOMEM, "out of memory");
        item->future->done = item_ended;
        item->future->done_arg = item;
    }
    return MUSTER_OK;
}

int muster_wait(muster_pool *pool, const int64_t *track_ids, size_t n, int timeout_ms,
                unsigned flags, muster_record_fn *each, void *arg)
{
    int rc = pool_enter(pool);
    if (rc != MUSTER_OK)
        return rc;
    if ((n && !track_ids) || timeout_ms < -1 || (flags & ~MUSTER_WITH_COMMAND))
        return error_set(&pool->error, MUSTER_EINVAL, "no track ids, a wrong time-out or flag");
    for (size_t i = 0; i < n; i++)
        if (track_ids[i] < 1)
            return error_set(&pool->error, MUSTER_EINVAL, "track ids begin at 1");
    if (n == 0)
        return MUSTER_OK;
    muster_time deadline = pool_deadline(timeout_ms);
    struct waiting waiting = {.n = n, .left = n, .each = each, .arg = arg};
    waiting.code = adopt_all(pool, &waiting, track_ids, (flags & MUSTER_WITH_COMMAND) != 0);
    if (waiting.code != MUSTER_OK)
        error_copy(&waiting.why, &pool->error);
    bool last = false;
    muster_time outer = pool->futures.until;
    while (waiting.left && waiting.code == MUSTER_OK && !last) {
        last = time_boot_ns() >= deadline;
        pool->futures.until = deadline;
        pool_turn(pool, last ? 0 : deadline);
        pool->futures.until = outer;
        futures_deliver(pool);
    }
    if (waiting.left && waiting.code == MUSTER_OK)
        waiting.code =
            error_set(&waiting.why, MUSTER_ETIMEDOUT,
                      "%zu of %zu commands are not final yet; they go on", waiting.left, n);
    for (size_t i = 0; waiting.items && i < n; i++)
        muster_future_free(waiting.items[i].future);
    free(waiting.items);
    events_arm(pool);
    if (waiting.code != MUSTER_OK)
        error_copy(&pool->error, &waiting.why);
    return waiting.code;
}

static int wait_until(struct muster_pool *pool, enum wire_wait_what what, int64_t batch,
                      int timeout_ms)
{
    int rc = pool_enter(pool);
    if (rc != MUSTER_OK)
        return rc;
    if (timeout_ms < -1 || batch < 0)
        return error_set(&pool->error, MUSTER_EINVAL, "a wrong time-out or batch");
    muster_time deadline = pool_deadline(timeout_ms);
    bool timed_out = true;
    while (rc == MUSTER_OK && timed_out) {
        bool last = time_boot_ns() >= deadline;
        struct request *request = request_new(WIRE_WAIT, WIRE_DONE);
        if (!request)
            return error_set(&pool->error, MUSTER_ENOMEM, "out of memory");
        struct wire_wait *wait = &request->message.as.wait;
        wait->what = what;
        wait->batch = (uint64_t)batch;
        wait->wait_ns = pool_wait_ns(deadline);
        rc = request_run(pool, request, wait->wait_ns, pool_answer_deadline(deadline));
        if (rc == MUSTER_OK)
            timed_out = request->reply->message.as.done.timed_out;
        request_free(pool, request);
        if (rc == MUSTER_OK && timed_out && last)
            rc = error_set(&pool->error, MUSTER_ETIMEDOUT, "not everything is final yet");
    }
    events_arm(pool);
    return rc;
}

int muster_wait_batch(muster_pool *pool, int64_t batch, int timeout_ms)
{
    if (pool && batch < 1)
        batch = -1;
    return wait_until(pool, WIRE_WAIT_BATCH, batch, timeout_ms);
}

int muster_wait_all(muster_pool *pool, int timeout_ms)
{
    return wait_until(pool, WIRE_WAIT_ALL, 0, timeout_ms);
}
