/*
 * What a store holds, as plain rows in memory: the state that facts lead to.
 *
 * Written for the simulator alone and from fact.h alone; it shares nothing with broker/store.
 */
#ifndef TESTS_SIM_TABLE_H
#define TESTS_SIM_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/core/fact.h"

/* A list that grows; items are plain structs. */
#define TABLE_LIST(type)                                                                           \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t n, max;                                                                             \
    }

void *table_grow(void *items, size_t n, size_t *max, size_t bytes);

#define TABLE_ADD(list, item)                                                                      \
    ((list).items = table_grow((list).items, (list).n, &(list).max, sizeof *(list).items),         \
     (list).items[(list).n++] = (item))

struct row_command {
    struct fact_submitted submitted;
    struct bytes body; /* owned, as all spans of rows */
    bool leased, queued, stopping, final;
    struct fact_leased lease;
    uint32_t starts;
    enum reason reason;
    struct bytes why;
    uint64_t pos;
};

struct row_record {
    struct fact_recorded recorded;
    struct bytes body;
    bool gone; /* retention deleted it */
};

struct row_cursor {
    struct bytes name;
    uint64_t pos;
};

struct row_request_id {
    struct bytes id;
    uint64_t digest, first, batch;
    uint32_t count;
};

struct row_pool {
    uint32_t pool;
    bool gone;
    struct bytes name;
    bool is_private, closed;
    int64_t made_wall_ns, used_wall_ns;
    struct pool_totals totals;
    uint64_t oldest;
    TABLE_LIST(struct row_command) commands; /* by track_id - 1 */
    TABLE_LIST(struct row_record) records;   /* by pos - 1 */
    TABLE_LIST(struct row_cursor) cursors;
    TABLE_LIST(struct row_request_id) request_ids;
    TABLE_LIST(struct fact_batch) batches;
};

struct row_host {
    struct fact_host host; /* its lists are owned */
};

struct row_name {
    uint32_t id;
    struct bytes text;
};

struct table {
    TABLE_LIST(struct row_name) names;
    TABLE_LIST(struct row_pool) pools;
    TABLE_LIST(struct fact_client) clients;
    TABLE_LIST(struct fact_request) requests;
    TABLE_LIST(struct row_host) hosts;
    uint64_t audits;
};

void table_done(struct table *table);

/* Applies one fact; `body` is what its handle stands for. A fact that does not fit the rows says so
 * in a text, else NULL. */
const char *table_apply(struct table *table, const struct fact *fact, struct bytes body);

/* NULL when there is none. */
struct row_pool *table_pool(struct table *table, uint32_t pool);
struct row_command *table_command(struct row_pool *pool, uint64_t track_id);
struct row_record *table_record(struct row_pool *pool, uint64_t pos);

#endif
