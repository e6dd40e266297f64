/* A store in memory: keeps state, not history, and emits the shortest sequence of facts that leads
 * there. Shares nothing with the core but the facts. */
#ifndef TESTS_UNIT_CORE_VAULT_H
#define TESTS_UNIT_CORE_VAULT_H

#include "broker/core/core.h"

struct vault;
struct vault *vault_new(void);
void vault_free(struct vault *vault);
void vault_commit(struct vault *vault, const struct fact *facts, size_t n);
void vault_load(const struct vault *vault, void (*emit)(void *ctx, const struct fact *fact),
                void *ctx);

/* The final record of a command; NULL when it has none. */
const struct fact_recorded *vault_record(const struct vault *vault, uint32_t pool,
                                         uint64_t track_id);
size_t vault_records(const struct vault *vault);
size_t vault_live(const struct vault *vault);
size_t vault_requests(const struct vault *vault);
size_t vault_audits(const struct vault *vault);
size_t vault_clients(const struct vault *vault);
size_t vault_hosts(const struct vault *vault);
size_t vault_pools(const struct vault *vault);
/* Facts of this type that were committed so far. */
size_t vault_seen(const struct vault *vault, enum fact_type type);

#endif
