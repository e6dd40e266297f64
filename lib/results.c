/*
 * Results: contiguous pages of the log, handed to a callback record by record (S8). Reading changes
 * nothing at the broker; a position moves only past records whose callback has returned.
 *
 * A record that cannot be decoded is handed over as such, with its pos, and passed: it never stops
 * the log. A page that cannot be decoded is read again record by record to find it.
 */
#include "results.h"

#include <stdlib.h>

#include "base/assert.h"
#include "events.h"
#include "pool.h"
#include "proto/limits.h"
#include "proto/wire.h"
#include "record.h"

static const size_t record_memory_max = (size_t)64 << 20;

int results_page(struct muster_pool *pool, const struct page_query *query,
                 struct request **ret_request, bool *ret_undecodable)
{
    struct request *request = request_new(WIRE_READ, WIRE_RECORDS);
    if (!request)
        return error_set(&pool->error, MUSTER_ENOMEM, "out of memory");
    struct wire_read *read = &request->message.as.read;
    read->from_pos = (uint64_t)query->from_pos;
    read->cursor = bytes_of_str(query->cursor);
    read->max = query->max;
    read->wait_ns = pool_wait_ns(query->deadline);
    read->with_command = query->with_command;
    read->log_id = pool->session.log_id;
    muster_time give_up =
        read->wait_ns ? pool_answer_deadline(query->deadline) : pool_request_deadline(pool);
    int rc = request_run(pool, request, read->wait_ns, give_up);
    *ret_undecodable = request->undecodable;
    if (rc == MUSTER_OK)
        *ret_request = request;
    else
        request_free(pool, request);
    return rc;
}

int results_head(struct muster_pool *pool, int64_t *ret_head)
{
    struct request *request = request_new(WIRE_STATS, WIRE_STATS_REPLY);
    if (!request)
        return error_set(&pool->error, MUSTER_ENOMEM, "out of memory");
    request->message.as.stats.all = true;
    int rc = request_run(pool, request, 0, pool_request_deadline(pool));
    if (rc == MUSTER_OK)
        *ret_head = (int64_t)request->reply->message.as.stats_reply.head;
    request_free(pool, request);
    return rc;
}

/* ---- handing over --------------------------------------------------------------------------- */

struct reader {
    struct muster_pool *pool;
    struct arena arena; /* of the record in hand */
    int64_t *pos;       /* the last record that was processed */
    muster_record_fn *each;
    void *arg;
    int64_t count;
    bool stopped; /* by the callback */
};

static void hand_over(struct reader *reader, const muster_record *record)
{
    pool_call_out(reader->pool);
    reader->stopped = reader->each(record, reader->arg) != 0;
    pool_call_back(reader->pool);
    *reader->pos = record->pos;
    reader->count++;
}

static int hand_over_rows(struct reader *reader, const struct wire_records *records, int64_t max)
{
    for (uint32_t i = 0; i < records->n_rows && !reader->stopped && reader->count < max; i++) {
        muster_record record;
        arena_reset(&reader->arena);
        if (record_build(&records->rows[i], &reader->arena, &record) < 0)
            return error_set(&reader->pool->error, MUSTER_ENOMEM,
                             "out of memory for the record at pos %llu",
                             (unsigned long long)records->rows[i].pos);
        if (record.pos <= *reader->pos)
            return error_set(&reader->pool->error, MUSTER_EBADANSWER,
                             "the broker sent pos %lld after pos %lld", (long long)record.pos,
                             (long long)*reader->pos);
        hand_over(reader, &record);
    }
    return MUSTER_OK;
}

/* The record behind *pos cannot be read, not even alone. */
static int hand_over_unreadable(struct reader *reader)
{
    struct error what;
    error_copy(&what, &reader->pool->error);
    int64_t head;
    int rc = results_head(reader->pool, &head);
    if (rc != MUSTER_OK)
        return rc;
    if (*reader->pos >= head) { /* there is no such record: the answer itself is rubbish */
        error_copy(&reader->pool->error, &what);
        return what.info.code;
    }
    muster_record record;
    record_build_unreadable(*reader->pos + 1, what.text, &record);
    hand_over(reader, &record);
    return MUSTER_OK;
}

/* All there is, at most `max`; waits until `deadline` for the first. */
static int read_on(struct reader *reader, int64_t max, muster_time deadline, bool with_command)
{
    struct page_query query = {.with_command = with_command, .deadline = deadline};
    int rc = MUSTER_OK;
    bool more = true;
    uint32_t page_max = WIRE_ROWS_MAX;
    while (rc == MUSTER_OK && more && !reader->stopped && reader->count < max) {
        int64_t left = max - reader->count;
        struct request *request = NULL;
        bool undecodable;
        query.from_pos = *reader->pos;
        query.max = left < page_max ? (uint32_t)left : page_max;
        query.deadline = reader->count ? 0 : deadline;
        rc = results_page(reader->pool, &query, &request, &undecodable);
        if (rc != MUSTER_OK && undecodable) {
            rc = query.max == 1 ? hand_over_unreadable(reader) : MUSTER_OK;
            page_max = 1;
            continue;
        }
        if (rc != MUSTER_OK)
            break;
        const struct wire_records *records = &request->reply->message.as.records;
        rc = hand_over_rows(reader, records, max);
        more = records->n_rows > 0 ? *reader->pos < (int64_t)records->head
                                   : reader->count == 0 && time_boot_ns() < deadline;
        if (page_max < WIRE_ROWS_MAX)
            page_max *= 2;
        request_free(reader->pool, request);
    }
    return rc;
}

/* The number of records, also when an error came after some; the next call tells it again. */
static int64_t read_records(struct muster_pool *pool, int64_t *pos, int64_t max,
                            muster_time deadline, bool with_command, muster_record_fn *each,
                            void *arg)
{
    struct reader reader = {.pool = pool, .pos = pos, .each = each, .arg = arg};
    arena_init(&reader.arena, record_memory_max);
    int rc = read_on(&reader, max, deadline, with_command);
    arena_done(&reader.arena);
    events_arm(pool);
    return rc == MUSTER_OK || reader.count > 0 ? reader.count : rc;
}

/* ---- calls ---------------------------------------------------------------------------------- */

int64_t muster_results_since_last_call(muster_pool *pool, int64_t from_pos, muster_record_fn *each,
                                       void *arg)
{
    int rc = pool_enter(pool);
    if (rc != MUSTER_OK)
        return rc;
    if (!each || from_pos < MUSTER_SINCE_LAST)
        return error_set(&pool->error, MUSTER_EINVAL,
                         "no callback, or a position below 0 that is not MUSTER_SINCE_LAST");
    if (pool->reading_since)
        return error_set(&pool->error, MUSTER_EINVAL,
                         "muster_results_since_last_call was called from its own callback");
    int64_t before = pool->since_pos;
    if (from_pos != MUSTER_SINCE_LAST)
        pool->since_pos = from_pos;
    pool->reading_since = true;
    int64_t count = read_records(pool, &pool->since_pos, MUSTER_ALL, 0, false, each, arg);
    pool->reading_since = false;
    if (count < 0)
        pool->since_pos = before; /* a position that was refused is not remembered */
    return count;
}

int64_t muster_results_read(muster_pool *pool, int64_t from_pos, int64_t max, int timeout_ms,
                            unsigned flags, muster_record_fn *each, void *arg, int64_t *ret_next)
{
    int rc = pool_enter(pool);
    if (rc != MUSTER_OK)
        return rc;
    if (!each || from_pos < 0 || max < 1 || timeout_ms < -1 || (flags & ~MUSTER_WITH_COMMAND))
        return error_set(&pool->error, MUSTER_EINVAL,
                         "no callback, or a wrong position, number, time-out or flag");
    int64_t pos = from_pos;
    int64_t count = read_records(pool, &pos, max, timeout_ms ? pool_deadline(timeout_ms) : 0,
                                 (flags & MUSTER_WITH_COMMAND) != 0, each, arg);
    if (ret_next && count >= 0)
        *ret_next = pos;
    return count;
}
