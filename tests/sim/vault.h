/*
 * The model of the store: what store.h promises, in memory, with what has been synced and nothing
 * else. It outlives the broker's process; the planted bugs of a store live here.
 */
#ifndef TESTS_SIM_VAULT_H
#define TESTS_SIM_VAULT_H

#include "table.h"

struct sim;

struct vault {
    struct table table; /* committed and synced */
    uint32_t epoch;
    uint64_t log_id;
};

void vault_init(struct vault *vault, uint64_t log_id);
void vault_done(struct vault *vault);
/* A start of the broker: raises the epoch. */
void vault_open(struct vault *vault);

/* The sequence of facts that leads to the state, in the order that store_load promises. */
void vault_load(struct sim *sim, void (*emit)(void *ctx, const struct fact *fact), void *ctx);

typedef struct bytes vault_body_fn(void *ctx, uint64_t handle);
/* All facts or none: a crash before this call loses them, after it they are kept. */
void vault_commit(struct sim *sim, const struct fact *facts, size_t n, vault_body_fn *body,
                  void *ctx);

/* When the kept records were made, as hints.c of the broker tells the core: a few of each pool. */
void vault_hints(struct sim *sim);

typedef bool vault_record_fn(void *ctx, const struct row_record *record, struct bytes command);

/* Each returns when `each` says false or `max` were seen. */
void vault_records(struct vault *vault, uint32_t pool, uint64_t from_pos, uint32_t max,
                   vault_record_fn *each, void *ctx);
void vault_records_of(struct vault *vault, uint32_t pool, const uint64_t *track_ids, uint32_t n,
                      vault_record_fn *each, void *ctx);
/* In track_id order. */
void vault_records_between(struct vault *vault, uint32_t pool, uint64_t first, uint64_t last,
                           vault_record_fn *each, void *ctx);
/* Empty when there is none. */
struct bytes vault_command(struct vault *vault, uint32_t pool, uint64_t track_id);
const struct row_request_id *vault_request_id(struct vault *vault, uint32_t pool, struct bytes id);

#endif
