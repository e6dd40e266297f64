/*
 * Durable consumers: a named cursor at the broker. A consumer reads on from where the cursor stood
 * when it was opened; what it has not acknowledged is delivered again to the next one of that name.
 */
#include "consumer.h"

#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "pool.h"
#include "proto/wire.h"
#include "record.h"
#include "results.h"

static const size_t record_memory_max = (size_t)64 << 20;

struct muster_consumer {
    struct list link;
    struct muster_pool *pool; /* NULL: it was closed */
    char *name;
    int64_t pos;          /* the last one that was delivered */
    struct request *page; /* what came with the last READ */
    uint32_t row;         /* the next one of the page */
    struct arena arena;   /* of the record in hand */
    muster_record record;
    char unreadable[ERROR_TEXT_MAX];
};

static void drop_page(struct muster_consumer *consumer)
{
    request_free(consumer->pool, consumer->page);
    consumer->page = NULL;
    consumer->row = 0;
}

/* Asks for the next page; `deadline` in the past: without waiting. */
static int next_page(struct muster_consumer *consumer, muster_time deadline, bool first,
                     uint32_t max, bool *ret_undecodable)
{
    struct page_query query = {
        .from_pos = first ? 0 : consumer->pos,
        .cursor = first ? consumer->name : NULL,
        .max = max,
        .deadline = deadline,
    };
    drop_page(consumer);
    return results_page(consumer->pool, &query, &consumer->page, ret_undecodable);
}

int muster_consumer_open(muster_pool *pool, const char *name, muster_consumer **ret_consumer)
{
    int rc = pool_enter(pool);
    if (rc != MUSTER_OK)
        return rc;
    if (!ret_consumer || !name || !wire_is_name(bytes_of_str(name)))
        return error_set(&pool->error, MUSTER_EINVAL,
                         "a cursor's name is 1 to 255 printable characters");
    struct muster_consumer *consumer = calloc(1, sizeof *consumer);
    if (consumer)
        consumer->name = strdup(name);
    if (!consumer || !consumer->name) {
        free(consumer);
        return error_set(&pool->error, MUSTER_ENOMEM, "out of memory");
    }
    consumer->pool = pool;
    arena_init(&consumer->arena, record_memory_max);
    list_push_back(&pool->consumers, &consumer->link);
    bool undecodable;
    rc = next_page(consumer, 0, true, 1, &undecodable);
    if (rc != MUSTER_OK) {
        muster_consumer_close(consumer);
        return rc;
    }
    consumer->pos = (int64_t)consumer->page->reply->message.as.records.cursor;
    drop_page(consumer); /* it is asked for again, as much as fits */
    events_arm(pool);
    *ret_consumer = consumer;
    return MUSTER_OK;
}

static const struct wire_row *row_in_hand(const struct muster_consumer *consumer)
{
    if (!consumer->page)
        return NULL;
    const struct wire_records *records = &consumer->page->reply->message.as.records;
    return consumer->row < records->n_rows ? &records->rows[consumer->row] : NULL;
}

/* 1: the record is built, 0: there is none yet. */
static int take_row(struct muster_consumer *consumer)
{
    const struct wire_row *row = row_in_hand(consumer);
    if (!row)
        return 0;
    arena_reset(&consumer->arena);
    if (record_build(row, &consumer->arena, &consumer->record) < 0)
        return error_set(&consumer->pool->error, MUSTER_ENOMEM, "out of memory for the record");
    consumer->row++;
    return 1;
}

/* The page could not be read: the next record alone, and if that fails too, a word in its place. */
static int take_unreadable(struct muster_consumer *consumer)
{
    bool undecodable;
    int64_t head;
    int rc = next_page(consumer, 0, false, 1, &undecodable);
    if (rc == MUSTER_OK)
        return take_row(consumer);
    if (!undecodable)
        return rc;
    struct error what;
    error_copy(&what, &consumer->pool->error);
    rc = results_head(consumer->pool, &head);
    if (rc == MUSTER_OK && consumer->pos >= head) {
        error_copy(&consumer->pool->error, &what);
        rc = what.info.code;
    }
    if (rc != MUSTER_OK)
        return rc;
    memcpy(consumer->unreadable, what.text, sizeof consumer->unreadable);
    record_build_unreadable(consumer->pos + 1, consumer->unreadable, &consumer->record);
    return 1;
}

static int next_record(struct muster_consumer *consumer, muster_time deadline)
{
    int rc = take_row(consumer);
    while (rc == 0) {
        bool undecodable;
        bool last = time_boot_ns() >= deadline;
        rc = next_page(consumer, deadline, false, 0, &undecodable);
        if (rc == MUSTER_OK)
            rc = take_row(consumer);
        else if (undecodable)
            rc = take_unreadable(consumer);
        if (last)
            break;
    }
    return rc;
}

int muster_consumer_next(muster_consumer *consumer, const muster_record **ret_record,
                         int timeout_ms)
{
    if (!consumer || !ret_record || timeout_ms < -1)
        return MUSTER_EINVAL;
    if (!consumer->pool)
        return MUSTER_ECLOSED;
    int rc = pool_enter(consumer->pool);
    if (rc != MUSTER_OK)
        return rc;
    rc = next_record(consumer, timeout_ms ? pool_deadline(timeout_ms) : 0);
    events_arm(consumer->pool);
    if (rc != 1)
        return rc;
    consumer->pos = consumer->record.pos;
    *ret_record = &consumer->record;
    return 1;
}

int muster_consumer_ack(muster_consumer *consumer, int64_t pos)
{
    if (!consumer)
        return MUSTER_EINVAL;
    if (!consumer->pool)
        return MUSTER_ECLOSED;
    struct muster_pool *pool = consumer->pool;
    int rc = pool_enter(pool);
    if (rc != MUSTER_OK)
        return rc;
    if (pos < 0 || pos > consumer->pos)
        return error_set(&pool->error, MUSTER_EINVAL,
                         "pos %lld was not delivered by this consumer, which stands at %lld",
                         (long long)pos, (long long)consumer->pos);
    struct request *request = request_new(WIRE_CURSOR, WIRE_DONE);
    if (!request)
        return error_set(&pool->error, MUSTER_ENOMEM, "out of memory");
    request->message.as.cursor.name = bytes_of_str(consumer->name);
    request->message.as.cursor.pos = (uint64_t)pos;
    rc = request_run(pool, request, 0, pool_request_deadline(pool));
    request_free(pool, request);
    events_arm(pool);
    return rc;
}

void muster_consumer_close(muster_consumer *consumer)
{
    if (!consumer)
        return;
    drop_page(consumer);
    if (consumer->pool)
        list_remove(&consumer->link);
    arena_done(&consumer->arena);
    free(consumer->name);
    free(consumer);
}

void consumers_orphan(struct muster_pool *pool)
{
    struct list *link;
    while ((link = list_pop_front(&pool->consumers)) != NULL) {
        struct muster_consumer *consumer = list_entry(link, struct muster_consumer, link);
        drop_page(consumer);
        consumer->pool = NULL;
    }
}
