/* vault.c -- commit, load and reads of the model store. */
#include "vault.h"

#include <stdlib.h>

#include "sim.h"

void vault_init(struct vault *vault, uint64_t log_id)
{
    *vault = (struct vault){.log_id = log_id};
}

void vault_done(struct vault *vault)
{
    table_done(&vault->table);
}

void vault_open(struct vault *vault)
{
    vault->epoch++;
}

/* ---- commit ---------------------------------------------------------------------------------- */

static uint64_t body_handle(const struct fact *fact)
{
    if (fact->type == FACT_SUBMITTED)
        return fact->as.submitted.body;
    return fact->type == FACT_RECORDED ? fact->as.recorded.body : 0;
}

void vault_commit(struct sim *sim, const struct fact *facts, size_t n, vault_body_fn *body,
                  void *ctx)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t handle = body_handle(&facts[i]);
        struct bytes bytes = handle != 0 ? body(ctx, handle) : (struct bytes){0};
        laws_fact(sim, &facts[i], bytes);
        const char *wrong = table_apply(&sim->vault.table, &facts[i], bytes);
        if (wrong != NULL)
            laws_break(sim, "STORE", "%s", wrong);
    }
    if (sim->mirror != NULL)
        mirror_commit(sim, sim->mirror, facts, n, body, ctx);
}

/* ---- load ------------------------------------------------------------------------------------ */

struct load {
    struct sim *sim;
    void (*emit)(void *ctx, const struct fact *fact);
    void *ctx;
};

static bool planted(const struct load *load, enum plant plant)
{
    return load->sim->swarm.plant == plant;
}

static void load_pool(const struct load *load, const struct row_pool *pool)
{
    struct pool_totals totals = pool->totals;
    if (pool->oldest > totals.oldest && !planted(load, PLANT_TAIL_BEFORE_OLDEST))
        totals.oldest = pool->oldest;
    if (planted(load, PLANT_TAIL_BEFORE_OLDEST))
        totals.oldest = 0;
    if (planted(load, PLANT_POS_BY_COUNTING))
        totals.head -= pool->oldest;
    if (planted(load, PLANT_WATERMARK_AHEAD) && totals.final_to + 1 < totals.next_track_id)
        totals.final_to++;
    struct fact fact = {.type = FACT_POOL};
    fact.as.pool = (struct fact_pool){.pool = pool->pool,
                                      .name = pool->name,
                                      .private_ = pool->is_private,
                                      .closed = pool->closed,
                                      .made_wall_ns = pool->made_wall_ns,
                                      .used_wall_ns = pool->used_wall_ns,
                                      .totals = &totals};
    load->emit(load->ctx, &fact);
}

static void load_command(const struct load *load, const struct row_command *row)
{
    struct fact fact = {.type = FACT_SUBMITTED};
    fact.as.submitted = row->submitted;
    if (planted(load, PLANT_WINDOW_LOST))
        fact.as.submitted.sequence = 0;
    load->emit(load->ctx, &fact);
    if (row->leased && !planted(load, PLANT_LEASE_LOST)) {
        fact = (struct fact){.type = FACT_LEASED};
        fact.as.leased = row->lease;
        load->emit(load->ctx, &fact);
    }
    if (row->queued && !planted(load, PLANT_LEASE_LOST)) {
        fact = (struct fact){.type = FACT_QUEUED};
        fact.as.queued = (struct fact_queued){.pool = row->submitted.pool,
                                              .track_id = row->submitted.track_id,
                                              .starts = row->starts};
        load->emit(load->ctx, &fact);
    }
    if (row->stopping) {
        fact = (struct fact){.type = FACT_STOPPING};
        fact.as.stopping = (struct fact_stopping){.pool = row->submitted.pool,
                                                  .track_id = row->submitted.track_id,
                                                  .reason = row->reason,
                                                  .why = row->why};
        load->emit(load->ctx, &fact);
    }
}

static void load_cursors(const struct load *load, const struct row_pool *pool)
{
    for (size_t i = 0; i < pool->cursors.n; i++) {
        struct fact fact = {.type = FACT_CURSOR};
        fact.as.cursor = (struct fact_cursor){.pool = pool->pool,
                                              .name = pool->cursors.items[i].name,
                                              .pos = pool->cursors.items[i].pos};
        if (planted(load, PLANT_CURSOR_SKIPS) && fact.as.cursor.pos < pool->records.n)
            fact.as.cursor.pos++;
        load->emit(load->ctx, &fact);
    }
}

static void load_hosts(const struct load *load, const struct table *table)
{
    for (size_t i = 0; i < table->hosts.n; i++) {
        struct fact fact = {.type = FACT_HOST};
        fact.as.host = table->hosts.items[i].host;
        load->emit(load->ctx, &fact);
    }
}

static void load_clients(const struct load *load, const struct table *table)
{
    struct fact fact = {.type = FACT_CLIENT};
    for (size_t i = 0; i < table->clients.n; i++) {
        fact.as.client = table->clients.items[i];
        load->emit(load->ctx, &fact);
    }
    fact.type = FACT_REQUEST;
    for (size_t i = 0; i < table->requests.n && !planted(load, PLANT_WINDOW_LOST); i++) {
        fact.as.request = table->requests.items[i];
        load->emit(load->ctx, &fact);
    }
}

static void load_batches(const struct load *load, const struct row_pool *pool)
{
    for (size_t i = 0; i < pool->batches.n; i++) {
        struct fact fact = {.type = FACT_BATCH};
        fact.as.batch = pool->batches.items[i];
        load->emit(load->ctx, &fact);
    }
}

void vault_load(struct sim *sim, void (*emit)(void *ctx, const struct fact *fact), void *ctx)
{
    struct table *table = &sim->vault.table;
    struct load load = {.sim = sim, .emit = emit, .ctx = ctx};
    for (size_t i = 0; i < table->names.n; i++) {
        struct fact fact = {.type = FACT_NAME};
        fact.as.name =
            (struct fact_name){.id = table->names.items[i].id, .text = table->names.items[i].text};
        emit(ctx, &fact);
    }
    for (size_t i = 0; i < table->pools.n; i++)
        if (!table->pools.items[i].gone)
            load_pool(&load, &table->pools.items[i]);
    load_clients(&load, table);
    for (size_t i = 0; i < table->pools.n; i++)
        if (!table->pools.items[i].gone)
            load_batches(&load, &table->pools.items[i]);
    load_hosts(&load, table);
    for (size_t i = 0; i < table->pools.n; i++)
        if (!table->pools.items[i].gone)
            load_cursors(&load, &table->pools.items[i]);
    for (size_t i = 0; i < table->pools.n; i++) {
        const struct row_pool *pool = &table->pools.items[i];
        for (size_t k = 0; k < pool->commands.n; k++)
            if (!pool->commands.items[k].final)
                load_command(&load, &pool->commands.items[k]);
    }
}

void vault_hints(struct sim *sim)
{
    enum { LOOKS = 4 };
    const struct table *table = &sim->vault.table;
    for (size_t i = 0; i < table->pools.n; i++) {
        const struct row_pool *pool = &table->pools.items[i];
        uint64_t kept = pool->records.n - pool->oldest;
        uint64_t looks = kept < LOOKS ? kept : LOOKS;
        for (uint64_t k = 1; !pool->gone && k <= looks; k++) {
            uint64_t pos = pool->oldest + kept * k / looks;
            core_retention_hint(sim->broker.core, pool->pool, pos,
                                pool->records.items[pos - 1].recorded.recorded_wall_ns);
        }
    }
}

/* ---- reads ----------------------------------------------------------------------------------- */

struct bytes vault_command(struct vault *vault, uint32_t pool, uint64_t track_id)
{
    struct row_pool *row = table_pool(&vault->table, pool);
    struct row_command *command = row != NULL ? table_command(row, track_id) : NULL;
    if (command != NULL && command->submitted.body_of != 0)
        command = table_command(row, command->submitted.body_of);
    return command != NULL ? command->body : (struct bytes){0};
}

static bool show(struct vault *vault, struct row_pool *pool, uint64_t pos, vault_record_fn *each,
                 void *ctx)
{
    const struct row_record *record = &pool->records.items[pos - 1];
    return record->gone ||
           each(ctx, record, vault_command(vault, pool->pool, record->recorded.track_id));
}

void vault_records(struct vault *vault, uint32_t pool, uint64_t from_pos, uint32_t max,
                   vault_record_fn *each, void *ctx)
{
    struct row_pool *row = table_pool(&vault->table, pool);
    if (row == NULL)
        return;
    for (uint64_t pos = from_pos + 1; pos <= row->records.n && pos - from_pos <= max; pos++)
        if (!show(vault, row, pos, each, ctx))
            return;
}

void vault_records_of(struct vault *vault, uint32_t pool, const uint64_t *track_ids, uint32_t n,
                      vault_record_fn *each, void *ctx)
{
    struct row_pool *row = table_pool(&vault->table, pool);
    for (uint32_t i = 0; row != NULL && i < n; i++) {
        const struct row_command *command = table_command(row, track_ids[i]);
        if (command != NULL && command->final && !show(vault, row, command->pos, each, ctx))
            return;
    }
}

void vault_records_between(struct vault *vault, uint32_t pool, uint64_t first, uint64_t last,
                           vault_record_fn *each, void *ctx)
{
    struct row_pool *row = table_pool(&vault->table, pool);
    if (row == NULL)
        return;
    if (last > row->commands.n)
        last = row->commands.n;
    for (uint64_t id = first > 0 ? first : 1; id <= last; id++) {
        const struct row_command *command = table_command(row, id);
        if (command->final && !show(vault, row, command->pos, each, ctx))
            return;
    }
}

const struct row_request_id *vault_request_id(struct vault *vault, uint32_t pool, struct bytes id)
{
    struct row_pool *row = table_pool(&vault->table, pool);
    for (size_t i = 0; row != NULL && i < row->request_ids.n; i++)
        if (bytes_equal(row->request_ids.items[i].id, id))
            return &row->request_ids.items[i];
    return NULL;
}
