/*
 * Futures, as the program sees them: start, wait, callbacks, free. How they travel: futures.c.
 *
 * Invariants: `link` is in exactly the list of its phase (none for SUBMITTED, COVERED and told
 * ones); `set` is not NULL exactly while a request names the future.
 */
#include "future.h"

#include <stdlib.h>

#include "base/assert.h"
#include "command.h"
#include "events.h"
#include "pool.h"
#include "submit.h"

static const size_t futures_max = (size_t)1 << 20; /* unfinished ones of a pool */

static struct muster_future *new_future(struct muster_pool *pool)
{
    struct muster_future *future = calloc(1, sizeof *future);
    if (!future)
        return NULL;
    future->pool = pool;
    list_init(&future->link);
    list_push_back(&pool->futures.all, &future->all_link);
    pool->futures.unfinished++;
    return future;
}

int muster_start(muster_pool *pool, const muster_command *command, muster_future **ret_future)
{
    int rc = pool_enter(pool);
    if (rc != MUSTER_OK)
        return rc;
    if (!ret_future)
        return error_set(&pool->error, MUSTER_EINVAL, "there is no place for the future");
    if (command && command->each)
        return error_set(&pool->error, MUSTER_EINVAL,
                         "a command for each host has no single future: muster_submit_batch");
    if (pool->futures.unfinished >= futures_max) {
        error_set(&pool->error, MUSTER_EBUSY, "more than %zu unfinished futures", futures_max);
        return MUSTER_EBUSY;
    }
    struct packed *packed;
    rc = submit_pack(pool, command, 0, &packed, &pool->error);
    if (rc != MUSTER_OK)
        return rc;
    struct muster_future *future = new_future(pool);
    if (!future) {
        packed_free(packed);
        return error_set(&pool->error, MUSTER_ENOMEM, "out of memory");
    }
    future->packed = packed;
    future->phase = FUTURE_QUEUED;
    list_push_back(&pool->futures.queued, &future->link);
    *ret_future = future;
    pool_settle(pool);
    events_arm(pool);
    return MUSTER_OK;
}

struct muster_future *future_adopt(struct muster_pool *pool, int64_t track_id, bool with_command)
{
    struct muster_future *future = new_future(pool);
    if (!future)
        return NULL;
    future->track_id = track_id;
    future->with_command = with_command;
    future->phase = FUTURE_ACCEPTED;
    list_push_back(&pool->futures.accepted, &future->link);
    return future;
}

bool future_is_done(const struct muster_future *future)
{
    return future->phase == FUTURE_DONE || future->phase == FUTURE_REFUSED;
}

int64_t muster_future_track_id(const muster_future *future)
{
    if (!future)
        return MUSTER_EINVAL;
    return future->code ? future->code : future->track_id;
}

int muster_future_error(const muster_future *future)
{
    return future ? future->code : MUSTER_EINVAL;
}

const muster_record *muster_future_record(muster_future *future)
{
    return future && future->phase == FUTURE_DONE ? &future->record : NULL;
}

int muster_future_then(muster_future *future, muster_record_fn *done, void *arg)
{
    if (!future)
        return MUSTER_EINVAL;
    if (!future->pool)
        return MUSTER_ECLOSED;
    int rc = pool_enter_any(future->pool);
    if (rc != MUSTER_OK)
        return rc;
    future->done = done;
    future->done_arg = arg;
    if (future_is_done(future) && !list_is_linked(&future->link)) {
        list_push_back(&future->pool->futures.fresh, &future->link);
        events_arm(future->pool);
    }
    return MUSTER_OK;
}

static int64_t find_done(muster_future *const *futures, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (futures[i] && future_is_done(futures[i]))
            return (int64_t)i;
    return -1;
}

static int check_any(struct muster_pool *pool, muster_future *const *futures, size_t n,
                     int timeout_ms)
{
    bool some = false;
    if (timeout_ms < -1 || (n && !futures))
        return error_set(&pool->error, MUSTER_EINVAL, "a wrong time-out, or no futures");
    for (size_t i = 0; i < n; i++) {
        if (!futures[i])
            continue;
        some = true;
        if (futures[i]->pool != pool)
            return error_set(&pool->error, MUSTER_EINVAL, "future %zu is of another pool", i);
    }
    if (!some)
        return error_set(&pool->error, MUSTER_EINVAL, "there is no future to wait for");
    return MUSTER_OK;
}

/* ret_code: why the future was refused, also the pool's error; or 0. */
static int64_t wait_any(struct muster_pool *pool, muster_future *const *futures, size_t n,
                        int timeout_ms, int *ret_code)
{
    int rc = pool_enter_any(pool);
    if (rc == MUSTER_OK)
        rc = check_any(pool, futures, n, timeout_ms);
    if (rc != MUSTER_OK)
        return rc;
    muster_time deadline = pool_deadline(timeout_ms);
    int64_t index;
    bool last = false;
    muster_time outer = pool->futures.until;
    pool->futures.until = deadline;
    /* One more turn after the time is up: what has arrived is not late. */
    while ((index = find_done(futures, n)) < 0 && !last) {
        last = time_boot_ns() >= deadline;
        if (n == 1)
            futures_cover(pool, futures[0]);
        pool_turn(pool, last ? 0 : deadline);
    }
    pool->futures.until = outer;
    struct error why = {.info = {.code = 0}};
    if (index < 0)
        index = error_set(&why, MUSTER_ETIMEDOUT, "no future was done in time");
    else if (futures[index]->why)
        error_copy(&why, futures[index]->why);
    *ret_code = index < 0 ? MUSTER_OK : futures[index]->code;
    /* Callbacks may free futures and set errors: the array is not touched from here on. */
    futures_deliver(pool);
    events_arm(pool);
    if (why.info.code)
        error_copy(&pool->error, &why);
    return index;
}

int64_t muster_wait_any(muster_pool *pool, muster_future *const *futures, size_t n, int timeout_ms)
{
    int code;
    return wait_any(pool, futures, n, timeout_ms, &code);
}

int muster_future_wait(muster_future *future, int timeout_ms)
{
    if (!future)
        return MUSTER_EINVAL;
    if (future_is_done(future) && !future->pool)
        return future->code;
    if (!future->pool)
        return MUSTER_ECLOSED;
    muster_future *const one[] = {future};
    int code = MUSTER_OK;
    int64_t index = wait_any(future->pool, one, 1, timeout_ms, &code);
    return index < 0 ? (int)index : code;
}

void muster_future_free(muster_future *future)
{
    if (!future)
        return;
    struct muster_pool *pool = future->pool;
    if (pool) {
        if (!future_is_done(future))
            pool->futures.unfinished--;
        list_remove(&future->link);
        list_remove(&future->all_link);
        if (future->set)
            future->set->items[future->set_index] = NULL;
    }
    packed_free(future->packed);
    reply_unref(future->page);
    free(future->why);
    free(future);
}
