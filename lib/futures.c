/*
 * How futures travel: queued ones are packed into SUBMITs as the window allows, accepted ones are
 * covered by WAITs.
 *
 * A WAIT ends with the first of its commands, the others have to be named again; so a WAIT names at
 * most WAIT_IDS futures, and thousands of futures cost O(n), not O(n²). Only a few WAITs are in
 * flight, each shorter than the one before: while all are, a newly accepted future is uncovered for
 * at most the shortest. Not here: what the program sees (future.c).
 */
#include "futures.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "command.h"
#include "future.h"
#include "pool.h"
#include "proto/limits.h"
#include "record.h"
#include "request.h"
#include "submit.h"

enum { WAITS_MAX = 5, WAIT_IDS = 256 };

static const int64_t wait_ns_by_waits[WAITS_MAX] = {30 * MUSTER_S, 10 * MUSTER_S, 3 * MUSTER_S,
                                                    1 * MUSTER_S, 250 * MUSTER_MS};

/* Half of what the broker allows is left to the calls that wait. */
static uint32_t waits_max(const struct muster_pool *pool)
{
    uint32_t half = pool->session.limits.reads_max / 2;
    if (half < 1)
        return pool->session.limits.reads_max ? 1 : WAITS_MAX;
    return half < WAITS_MAX ? half : WAITS_MAX;
}

/* The last of them is always the shortest. */
static int64_t wait_ns_of(const struct muster_pool *pool)
{
    uint32_t most = waits_max(pool);
    uint32_t nth = pool->futures.waits < most ? pool->futures.waits : most - 1;
    int64_t wait_ns = wait_ns_by_waits[WAITS_MAX - most + nth];
    int64_t left = pool_wait_ns(pool->futures.until);
    return left < wait_ns ? left : wait_ns;
}

void futures_init(struct futures *futures)
{
    list_init(&futures->all);
    list_init(&futures->queued);
    list_init(&futures->accepted);
    list_init(&futures->fresh);
    futures->until = MUSTER_NEVER;
}

/* ---- ends ----------------------------------------------------------------------------------- */

static void finish(struct muster_future *future, enum future_phase phase)
{
    MUST(!future_is_done(future));
    list_remove(&future->link);
    future->phase = phase;
    future->pool->futures.unfinished--;
    list_push_back(&future->pool->futures.fresh, &future->link);
}

static void refuse(struct muster_future *future, const struct error *why)
{
    future->code = why->info.code;
    future->why = malloc(sizeof *future->why);
    if (future->why)
        error_copy(future->why, why);
    finish(future, FUTURE_REFUSED);
}

/* ---- sets ----------------------------------------------------------------------------------- */

static struct future_set *set_new(uint32_t n)
{
    struct future_set *set = calloc(1, sizeof *set + n * sizeof set->items[0]);
    if (set)
        set->n = n;
    return set;
}

static void set_put(struct future_set *set, uint32_t index, struct muster_future *future)
{
    set->items[index] = future;
    future->set = set;
    future->set_index = index;
}

/* The future at `index` leaves the set; NULL when it was freed meanwhile. */
static struct muster_future *set_take(struct future_set *set, uint32_t index)
{
    struct muster_future *future = set->items[index];
    set->items[index] = NULL;
    if (future)
        future->set = NULL;
    return future;
}

/* ---- submitting ----------------------------------------------------------------------------- */

static void accept(struct future_set *set, const struct wire_submitted *submitted)
{
    for (uint32_t i = 0; i < set->n; i++) {
        struct muster_future *future = set_take(set, i);
        if (!future)
            continue;
        future->track_id = (int64_t)(submitted->first + i);
        future->phase = FUTURE_ACCEPTED;
        list_push_back(&future->pool->futures.accepted, &future->link);
    }
}

/* One submission is at fault: it is refused, the others are queued again, in their order. */
static void refuse_one(struct muster_pool *pool, struct request *request, struct future_set *set)
{
    for (uint32_t i = set->n; i-- > 0;) {
        struct muster_future *future = set_take(set, i);
        if (!future)
            continue;
        if (i == request->index) {
            refuse(future, &request->error);
            continue;
        }
        future->packed = request->packed[i];
        request->packed[i] = NULL;
        future->phase = FUTURE_QUEUED;
        list_push_front(&pool->futures.queued, &future->link);
    }
}

static void submit_ended(struct muster_pool *pool, struct request *request)
{
    struct future_set *set = request->ctx;
    pool->futures.submits--;
    if (request->code == MUSTER_OK && request->reply->message.as.submitted.count != set->n) {
        error_set(&request->error, MUSTER_EBADANSWER,
                  "the broker accepted another number of commands than were submitted");
        request->code = MUSTER_EBADANSWER;
    }
    if (request->code == MUSTER_OK)
        accept(set, &request->reply->message.as.submitted);
    else if (submit_blames_one(request->code) && request->index < set->n)
        refuse_one(pool, request, set);
    else
        for (uint32_t i = 0; i < set->n; i++) {
            struct muster_future *future = set_take(set, i);
            if (future)
                refuse(future, &request->error);
        }
    free(set);
    request_free(pool, request);
}

/* How many of the queued futures fit into one SUBMIT. */
static uint32_t count_for_submit(const struct muster_pool *pool)
{
    struct submit_room room = submit_room_of(pool);
    uint32_t n = 0;
    list_each (it, &pool->futures.queued) {
        if (!submit_fits(&room, list_entry(it, struct muster_future, link)->packed))
            break;
        n++;
    }
    return n;
}

/* False when memory is short: the next turn tries again. */
static bool start_submit(struct muster_pool *pool)
{
    uint32_t n = count_for_submit(pool);
    struct request *request = submit_request_new(n);
    struct future_set *set = set_new(n);
    if (!request || !set) {
        request_free(pool, request);
        free(set);
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct list *link = list_pop_front(&pool->futures.queued);
        struct muster_future *future = list_entry(link, struct muster_future, link);
        submit_put(request, i, future->packed);
        future->packed = NULL;
        future->phase = FUTURE_SUBMITTED;
        set_put(set, i, future);
    }
    request->done = submit_ended;
    request->ctx = set;
    pool->futures.submits++;
    if (request_start(pool, request, 0, pool_request_deadline(pool)) != MUSTER_OK)
        submit_ended(pool, request);
    return true;
}

/* ---- waiting -------------------------------------------------------------------------------- */

static int by_track_id(const void *a, const void *b)
{
    const struct muster_future *x = *(struct muster_future *const *)a;
    const struct muster_future *y = *(struct muster_future *const *)b;
    return (x->track_id > y->track_id) - (x->track_id < y->track_id);
}

/* Several futures may name one command. */
static void take_row(struct future_set *set, const uint64_t *ids, const struct wire_row *row,
                     struct reply *page)
{
    uint32_t low = 0, high = set->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (ids[middle] < row->track_id)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < set->n && ids[low] == row->track_id; low++) {
        struct muster_future *future = set->items[low];
        if (!future)
            continue;
        if (record_build(row, &page->arena, &future->record) == 0) {
            set_take(set, low);
            future->page = reply_ref(page);
            finish(future, FUTURE_DONE);
        } else if (future->alone) {
            struct error why = {.info = {.code = 0}};
            error_set(&why, MUSTER_ENOMEM, "out of memory for the record");
            set_take(set, low);
            refuse(future, &why);
        } else {
            future->no_memory = true; /* once more, with an arena for itself */
        }
    }
}

static void cover_again(struct muster_pool *pool, struct future_set *set, bool alone)
{
    for (uint32_t i = 0; i < set->n; i++) {
        struct muster_future *future = set_take(set, i);
        if (!future)
            continue;
        future->alone = alone || future->no_memory;
        future->no_memory = false;
        future->phase = FUTURE_ACCEPTED;
        list_push_back(&pool->futures.accepted, &future->link);
    }
}

struct cover {
    struct future_set *set;
    uint64_t ids[];
};

static void wait_ended(struct muster_pool *pool, struct request *request)
{
    struct cover *cover = request->ctx;
    struct future_set *set = cover->set;
    pool->futures.waits--;
    if (request->code == MUSTER_OK) {
        const struct wire_records *records = &request->reply->message.as.records;
        for (uint32_t i = 0; i < records->n_rows; i++)
            take_row(set, cover->ids, &records->rows[i], request->reply);
        cover_again(pool, set, false);
    } else if (set->n > 1 && !pool->down.info.code) {
        cover_again(pool, set, true); /* one of them is at fault, and only that one is refused */
    } else {
        for (uint32_t i = 0; i < set->n; i++) {
            struct muster_future *future = set_take(set, i);
            if (future)
                refuse(future, &request->error);
        }
    }
    free(set);
    free(cover);
    request_free(pool, request);
}

/* The first futures of the list that can share one WAIT. */
static uint32_t count_for_wait(const struct muster_pool *pool)
{
    uint32_t n = 0;
    uint32_t most = pool->futures.waits + 1 < waits_max(pool) ? WAIT_IDS : WIRE_TRACK_IDS_MAX;
    list_each (it, &pool->futures.accepted) {
        bool alone = list_entry(it, struct muster_future, link)->alone;
        if (n == most || (alone && n > 0))
            break;
        n++;
        if (alone)
            break;
    }
    return n;
}

/* Covers the first `n` accepted futures. False when memory is short. */
static bool start_wait(struct muster_pool *pool, uint32_t n)
{
    struct request *request = request_new(WIRE_WAIT, WIRE_RECORDS);
    struct future_set *set = set_new(n);
    struct cover *cover = malloc(sizeof *cover + n * sizeof cover->ids[0]);
    if (!request || !set || !cover) {
        request_free(pool, request);
        free(set);
        free(cover);
        return false;
    }
    struct wire_wait *wait = &request->message.as.wait;
    for (uint32_t i = 0; i < n; i++) {
        struct list *link = list_pop_front(&pool->futures.accepted);
        set->items[i] = list_entry(link, struct muster_future, link);
        set->items[i]->phase = FUTURE_COVERED;
        wait->with_command |= set->items[i]->with_command;
    }
    qsort(set->items, n, sizeof(struct muster_future *), by_track_id);
    for (uint32_t i = 0; i < n; i++) {
        set_put(set, i, set->items[i]);
        cover->ids[i] = (uint64_t)set->items[i]->track_id;
    }
    cover->set = set;
    wait->what = WIRE_WAIT_COMMANDS;
    wait->track_ids = cover->ids;
    wait->n_track_ids = n;
    /* Alone is only to find out what is wrong: that does not take long. */
    wait->wait_ns = set->items[0]->alone ? 0 : wait_ns_of(pool);
    request->done = wait_ended;
    request->ctx = cover;
    pool->futures.waits++;
    if (request_start(pool, request, wait->wait_ns, MUSTER_NEVER) != MUSTER_OK)
        wait_ended(pool, request);
    return true;
}

void futures_cover(struct muster_pool *pool, struct muster_future *future)
{
    if (future->phase != FUTURE_ACCEPTED || pool->down.info.code ||
        !call_has_room(pool->call, CALL_READ))
        return;
    list_remove(&future->link);
    list_push_front(&pool->futures.accepted, &future->link);
    start_wait(pool, 1);
}

/* ---- both ----------------------------------------------------------------------------------- */

static void refuse_list(struct muster_pool *pool, struct list *list)
{
    struct list *link;
    while ((link = list_first(list)) != NULL)
        refuse(list_entry(link, struct muster_future, link), &pool->down);
}

void futures_pump(struct muster_pool *pool)
{
    struct futures *futures = &pool->futures;
    if (pool->down.info.code) {
        refuse_list(pool, &futures->queued);
        refuse_list(pool, &futures->accepted);
        return;
    }
    while (!list_is_empty(&futures->queued) && call_has_room(pool->call, CALL_SUBMIT))
        if (!start_submit(pool))
            return;
    while (!list_is_empty(&futures->accepted) && futures->waits < waits_max(pool) &&
           !pool->calls_for_room && call_has_room(pool->call, CALL_READ))
        if (!start_wait(pool, count_for_wait(pool)))
            return;
}

int futures_deliver(struct muster_pool *pool)
{
    int told = 0;
    /* A callback may start, free and finish futures: only what is there now is told now. */
    struct list now;
    list_init(&now);
    struct list *link;
    while ((link = list_pop_front(&pool->futures.fresh)) != NULL)
        list_push_back(&now, link);
    while ((link = list_pop_front(&now)) != NULL) {
        struct muster_future *future = list_entry(link, struct muster_future, link);
        told++;
        if (!future->done)
            continue;
        muster_record_fn *done = future->done;
        pool_call_out(pool);
        done(future->phase == FUTURE_DONE ? &future->record : NULL, future->done_arg);
        pool_call_back(pool);
    }
    return told;
}

void futures_orphan(struct muster_pool *pool)
{
    struct list *link;
    while ((link = list_pop_front(&pool->futures.all)) != NULL) {
        struct muster_future *future = list_entry(link, struct muster_future, all_link);
        list_remove(&future->link);
        if (!future_is_done(future)) {
            future->code = MUSTER_ECLOSED;
            future->phase = FUTURE_REFUSED;
        }
        if (future->set)
            set_take(future->set, future->set_index);
        future->pool = NULL;
    }
}
