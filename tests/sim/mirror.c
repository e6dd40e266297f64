/*
 * mirror.c -- the real store follows the model.
 *
 * What is compared after each restart: the digest of a core that was loaded from it, every record
 * with its command, every live command's body, every request id.
 */
#include "mirror.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/fs.h"
#include "broker/store/store.h"
#include "sim.h"

enum { PATH_TEXT_MAX = 300, MAINTAIN_STEPS = 100, RECORDS_MAX = 1 << 20 };

struct mirror {
    char path[PATH_TEXT_MAX];
    struct store *store;
    struct core *core; /* of a load in progress */
};

struct mirror *mirror_new(const char *dir)
{
    struct mirror *mirror = calloc(1, sizeof *mirror);
    MUST(mirror != NULL);
    snprintf(mirror->path, sizeof mirror->path, "%s/mirror", dir);
    int r = fs_remove_tree(mirror->path);
    if (r == 0 && mkdir(mirror->path, 0700) < 0)
        r = -errno;
    if (r == 0)
        return mirror;
    fprintf(stderr, "muster-sim: %s: %s\n", mirror->path, strerror(-r));
    free(mirror);
    return NULL;
}

void mirror_free(struct mirror *mirror)
{
    if (mirror == NULL)
        return;
    store_close(mirror->store);
    (void)fs_remove_tree(mirror->path);
    free(mirror);
}

void mirror_stop(struct mirror *mirror)
{
    store_close(mirror->store);
    mirror->store = NULL;
}

static void fail(struct sim *sim, const char *what, const struct store_error *error)
{
    laws_break(sim, "MIRROR", "%s: %s", what, error->text);
}

/* ---- commit -----------------------------------------------------------------------------------
 */

void mirror_commit(struct sim *sim, struct mirror *mirror, const struct fact *facts, size_t n,
                   vault_body_fn *body, void *ctx)
{
    struct store_error error = {0};
    if (mirror->store == NULL)
        return;
    if (store_commit(mirror->store, facts, n, body, ctx, &error) < 0)
        fail(sim, "a commit failed", &error);
    for (int i = 0; i < MAINTAIN_STEPS && store_maintain(mirror->store); i++)
        continue;
}

/* ---- load -------------------------------------------------------------------------------------
 */

static void replay(void *ctx, const struct fact *fact)
{
    const struct mirror *mirror = ctx;
    core_replay(mirror->core, fact);
}

static void judge_load(struct sim *sim, struct mirror *mirror)
{
    struct store_error error = {0};
    mirror->core = core_new(&sim->swarm.limits);
    if (store_load(mirror->store, replay, mirror, &error) < 0)
        fail(sim, "it cannot be loaded", &error);
    else if (core_digest(mirror->core) != core_digest(sim->broker.core))
        laws_break(sim, "MIRROR", "the state that the store loads is not the model's");
    core_free(mirror->core);
    mirror->core = NULL;
}

struct comparison {
    struct sim *sim;
    struct row_pool *pool;
    uint64_t pos;
};

static bool is_same(const struct store_record *record, const struct row_record *row,
                    struct bytes command)
{
    const struct fact_recorded *a = &record->fact, *b = &row->recorded;
    return a->track_id == b->track_id && a->pos == b->pos && a->client == b->client &&
           a->batch == b->batch && a->attempt == b->attempt && a->state == b->state &&
           a->reason == b->reason && a->exit == b->exit && a->signal == b->signal &&
           a->function == b->function && a->host == b->host && a->worker == b->worker &&
           a->slot == b->slot && a->pid == b->pid && a->submitted_wall_ns == b->submitted_wall_ns &&
           a->start_wall_ns == b->start_wall_ns && a->recorded_wall_ns == b->recorded_wall_ns &&
           a->run_ns == b->run_ns && a->waited_ns == b->waited_ns &&
           a->throttled_ns == b->throttled_ns && a->skew_ns == b->skew_ns && a->crc == b->crc &&
           bytes_equal(a->why, b->why) && bytes_equal(record->body, row->body) &&
           bytes_equal(record->command, command);
}

static int compare_record(void *ctx, const struct store_record *record)
{
    struct comparison *c = ctx;
    const struct row_record *row = table_record(c->pool, ++c->pos);
    if (row == NULL || row->gone ||
        !is_same(record, row,
                 vault_command(&c->sim->vault, c->pool->pool, row->recorded.track_id))) {
        laws_break(c->sim, "MIRROR", "pool %u: the store's record at pos %llu is not the model's",
                   c->pool->pool, (unsigned long long)c->pos);
        return 1;
    }
    return 0;
}

static void judge_records(struct sim *sim, const struct mirror *mirror, struct row_pool *pool)
{
    struct comparison c = {.sim = sim, .pool = pool, .pos = pool->oldest};
    int n = store_records(mirror->store, pool->pool, pool->oldest, RECORDS_MAX, true,
                          compare_record, &c);
    if (n < 0 || c.pos != pool->records.n)
        laws_break(sim, "MIRROR", "pool %u: the store has records up to %llu, the model up to %zu",
                   pool->pool, (unsigned long long)c.pos, pool->records.n);
}

static void judge_commands(struct sim *sim, const struct mirror *mirror, struct row_pool *pool)
{
    for (size_t i = 0; i < pool->commands.n; i++) {
        const struct row_command *row = &pool->commands.items[i];
        struct bytes body;
        if (row->final)
            continue;
        if (store_command(mirror->store, pool->pool, i + 1, &body) < 0 ||
            !bytes_equal(body, vault_command(&sim->vault, pool->pool, i + 1)))
            laws_break(sim, "MIRROR", "the store has another body for %u.%zu", pool->pool, i + 1);
    }
    for (size_t i = 0; i < pool->request_ids.n; i++) {
        const struct row_request_id *row = &pool->request_ids.items[i];
        struct store_request_id found;
        if (store_request_id(mirror->store, pool->pool, row->id, &found) != 1 ||
            found.first != row->first || found.count != row->count || found.digest != row->digest ||
            found.batch != row->batch)
            laws_break(sim, "MIRROR", "the store has another request id than the model in pool %u",
                       pool->pool);
    }
}

void mirror_start(struct sim *sim, struct mirror *mirror)
{
    struct store_options options = {
        .dir = mirror->path, .reserve_bytes = UINT64_C(64) << 10, .cache_bytes = UINT64_C(1) << 20};
    struct store_error error = {0};
    MUST(mirror->store == NULL);
    if (store_open(&mirror->store, &options, &error) < 0) {
        fail(sim, "it cannot be opened", &error);
        return;
    }
    if (store_epoch(mirror->store) != sim->vault.epoch)
        laws_break(sim, "MIRROR", "epoch %u, should be %u", store_epoch(mirror->store),
                   sim->vault.epoch);
    judge_load(sim, mirror);
    for (size_t i = 0; i < sim->vault.table.pools.n; i++) {
        struct row_pool *pool = &sim->vault.table.pools.items[i];
        if (pool->gone)
            continue;
        judge_records(sim, mirror, pool);
        judge_commands(sim, mirror, pool);
    }
}
