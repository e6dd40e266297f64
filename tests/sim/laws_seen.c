/*
 * laws_seen.c -- what clients and workers saw, held against what was committed.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "base/crc32c.h"
#include "laws.h"
#include "sim.h"

/* ---- clients --------------------------------------------------------------------------------- */

uint32_t laws_order(struct sim *sim, const struct law_order *order)
{
    TABLE_ADD(sim->laws.orders, *order);
    return (uint32_t)sim->laws.orders.n;
}

void laws_acked(struct sim *sim, uint32_t pool_number, const uint32_t *nonces, uint32_t n,
                uint64_t first, uint32_t count, uint64_t batch)
{
    struct laws *laws = &sim->laws;
    struct law_pool *pool = laws_pool(sim, pool_number);
    bool each = laws->orders.items[nonces[0] - 1].each;
    laws->acks++;
    if (!each && count != n)
        laws_break(sim, "S1", "%u commands were submitted, %u acknowledged", n, count);
    for (uint32_t i = 0; i < count && !laws->broken; i++) {
        struct law_life *life = laws_life(pool, first + i);
        uint32_t nonce = nonces[each ? 0 : i];
        if (life == NULL)
            laws_break(sim, "L1", "command %u.%llu was acknowledged and is not in the store",
                       pool_number, (unsigned long long)(first + i));
        else if (life->nonce != nonce)
            laws_break(sim, "L6", "command %u.%llu was acknowledged, but it is another one's",
                       pool_number, (unsigned long long)(first + i));
        else
            life->acked = true;
    }
    const struct law_order *order = &laws->orders.items[nonces[0] - 1];
    if (each && !laws->broken && (order->made != count || order->batch != batch))
        laws_break(sim, "L6", "batch %llu of %u was acknowledged, batch %llu of %u was made",
                   (unsigned long long)batch, count, (unsigned long long)order->batch, order->made);
}

static uint64_t hash_bytes(uint64_t hash, struct bytes bytes)
{
    return hash * UINT64_C(0x100000001b3) ^
           ((uint64_t)bytes.size << 32 | crc32c(0, bytes.data, bytes.size));
}

static uint64_t hash_of(const struct wire_row *row)
{
    const int64_t numbers[] = {(int64_t)row->pos,
                               (int64_t)row->track_id,
                               row->attempt,
                               row->state,
                               row->reason,
                               row->exit,
                               row->signal,
                               row->submitted_wall_ns,
                               row->start_wall_ns,
                               row->run_ns,
                               row->waited_ns,
                               row->slot,
                               row->pid,
                               row->throttled_ns,
                               (int64_t)row->batch,
                               row->skew_ns,
                               row->crc};
    uint64_t hash = hash_bytes(1, bytes_of(numbers, sizeof numbers));
    hash = hash_bytes(hash, row->host);
    hash = hash_bytes(hash, row->worker);
    hash = hash_bytes(hash, row->function);
    hash = hash_bytes(hash, row->why);
    return hash_bytes(hash, row->body) | 1;
}

void laws_row(struct sim *sim, uint32_t pool_number, const struct wire_row *row, bool with_command)
{
    struct law_pool *pool = laws_pool(sim, pool_number);
    unsigned long long pos = row->pos;
    sim->laws.rows++;
    if (pool == NULL || row->pos == 0 || row->pos > pool->records.n) {
        laws_break(sim, "L4", "a reader of pool %u saw pos %llu, which was never committed",
                   pool_number, pos);
        return;
    }
    struct law_record *record = &pool->records.items[row->pos - 1];
    const struct law_life *life = laws_life(pool, record->fact.track_id);
    MUST(life != NULL);
    if (row->track_id != record->fact.track_id || row->attempt != record->fact.attempt ||
        row->state != record->fact.state || row->reason != record->fact.reason ||
        row->crc != record->fact.crc || row->batch != record->fact.batch)
        laws_break(sim, "L4",
                   "a reader of pool %u saw at pos %llu another record than the "
                   "committed one",
                   pool_number, pos);
    if (with_command && laws_nonce_of(row->command) != life->nonce)
        laws_break(sim, "L4", "a reader of pool %u saw at pos %llu another command", pool_number,
                   pos);
    uint64_t hash = hash_of(row);
    if (record->seen != 0 && record->seen != hash)
        laws_break(sim, "L4", "a reader of pool %u saw pos %llu change", pool_number, pos);
    record->seen = hash;
}

void laws_all_final(struct sim *sim, uint32_t pool_number, const uint64_t *track_ids, uint32_t n,
                    const char *what)
{
    struct law_pool *pool = laws_pool(sim, pool_number);
    for (uint32_t i = 0; i < n; i++) {
        const struct law_life *life = laws_life(pool, track_ids[i]);
        if (life == NULL || life->pos == 0)
            laws_break(sim, "S10", "%s was answered, but command %u.%llu has no record", what,
                       pool_number, (unsigned long long)track_ids[i]);
    }
}

void laws_batch_final(struct sim *sim, uint32_t pool_number, uint64_t batch)
{
    const struct law_pool *pool = laws_pool(sim, pool_number);
    for (size_t i = 0; pool != NULL && i < pool->lives.n; i++)
        if (pool->lives.items[i].batch == batch && pool->lives.items[i].pos == 0)
            laws_break(sim, "S10",
                       "a wait for batch %llu was answered, but command %u.%zu has no record",
                       (unsigned long long)batch, pool_number, i + 1);
}

/* ---- workers --------------------------------------------------------------------------------- */

static const struct law_lease *find_lease(const struct laws *laws, const struct law_life *life,
                                          const struct agent_id *id)
{
    for (uint32_t i = life->lease; i != 0; i = laws->leases.items[i - 1].before) {
        const struct law_lease *lease = &laws->leases.items[i - 1];
        if (lease->attempt == id->attempt && lease->epoch == id->epoch)
            return lease;
    }
    return NULL;
}

static void judge_place(struct sim *sim, uint32_t worker, const struct law_life *life,
                        const struct agent_id *id)
{
    const struct law_order *order = &sim->laws.orders.items[life->nonce - 1];
    bool right = order->place != PLACE_HOST || order->host == worker;
    if (order->place == PLACE_ROLE)
        right = world_has_role(worker);
    if (order->rare && !world_has_rare(worker))
        right = false;
    if (!right)
        laws_break(sim, "PLACE", "command %u.%llu must not run on worker %u", id->pool,
                   (unsigned long long)id->track_id, worker);
}

/* A second execution beside one that still runs: only if that one's worker could not know better.
 */
static void judge_overlap(struct sim *sim, const struct law_life *life, const struct agent_id *id)
{
    for (uint32_t i = life->deed; i != 0; i = sim->laws.deeds.items[i - 1].before) {
        const struct law_deed *deed = &sim->laws.deeds.items[i - 1];
        if (deed->running && !world_was_paused(sim, deed->worker))
            laws_break(sim, "S5",
                       "command %u.%llu starts as attempt %u while attempt %u runs on "
                       "worker %u",
                       id->pool, (unsigned long long)id->track_id, id->attempt, deed->id.attempt,
                       deed->worker);
    }
}

uint32_t laws_started(struct sim *sim, uint32_t worker, const struct agent_id *id, uint32_t nonce)
{
    struct laws *laws = &sim->laws;
    struct law_pool *pool = laws_pool(sim, id->pool);
    struct law_life *life = laws_life(pool, id->track_id);
    unsigned long long track_id = id->track_id;
    const struct law_lease *lease = life != NULL ? find_lease(laws, life, id) : NULL;
    struct law_deed deed = {.id = *id, .track_id = id->track_id, .worker = worker, .running = true};
    laws->executions++;
    if (lease == NULL || laws_worker(laws, lease->worker) != worker) {
        laws_break(sim, "L7",
                   "worker %u starts %u.%llu attempt %u, which was not handed out to it "
                   "durably",
                   worker, id->pool, track_id, id->attempt);
    } else {
        const struct law_order *order = &laws->orders.items[life->nonce - 1];
        life->executions++;
        if (life->nonce != nonce)
            laws_break(sim, "L7", "worker %u runs %u.%llu with the body of another command", worker,
                       id->pool, track_id);
        if (life->executions > order->max_attempts)
            laws_break(sim, "L5", "command %u.%llu runs for the %u. time of at most %u", id->pool,
                       track_id, life->executions, order->max_attempts);
        judge_place(sim, worker, life, id);
        judge_overlap(sim, life, id);
        deed.before = life->deed;
        deed.pool_index = (uint32_t)(pool - laws->pools.items);
        life->deed = (uint32_t)laws->deeds.n + 1;
    }
    TABLE_ADD(laws->deeds, deed);
    return (uint32_t)laws->deeds.n;
}

void laws_ended(struct sim *sim, uint32_t token, enum state state, int64_t run_ns)
{
    struct law_deed *deed = &sim->laws.deeds.items[token - 1];
    deed->running = false;
    deed->state = state;
    deed->run_ns = run_ns;
}

void laws_verdict(struct sim *sim, uint32_t worker, const struct wire_verdict *verdict)
{
    struct law_pool *pool = laws_pool(sim, verdict->pool);
    const struct law_life *life = laws_life(pool, verdict->track_id);
    unsigned long long id = verdict->track_id;
    if (pool == NULL || pool->gone || life == NULL)
        return;
    if (!verdict->stale && verdict->pos != life->pos) {
        laws_break(sim, "S6",
                   "worker %u is told that %u.%llu is recorded at pos %llu, it is at %llu", worker,
                   verdict->pool, id, (unsigned long long)verdict->pos,
                   (unsigned long long)life->pos);
        return;
    }
    if (life->pos == 0)
        return;
    const struct fact_recorded *fact = &pool->records.items[life->pos - 1].fact;
    bool can_tell = !verdict->stale && !swarm_has(&sim->swarm, FAULT_LIAR);
    for (uint32_t i = life->deed; i != 0; i = sim->laws.deeds.items[i - 1].before) {
        const struct law_deed *deed = &sim->laws.deeds.items[i - 1];
        if (can_tell && deed->worker == worker && deed->id.attempt == verdict->attempt &&
            deed->state != fact->state)
            laws_break(sim, "S6",
                       "worker %u is told that its record of %u.%llu is kept, but it says %s",
                       worker, verdict->pool, id, state_name(fact->state));
    }
    bool is_his = fact->body_bytes > 0 && fact->attempt == verdict->attempt &&
                  laws_worker(&sim->laws, fact->worker) == worker &&
                  laws_is_present(sim, fact->worker);
    if (verdict->stale && is_his && life->pos > pool->oldest)
        laws_break(sim, "S6", "worker %u is told that its record of %u.%llu is stale, it is kept",
                   worker, verdict->pool, id);
}

/* ---- spools (S6) ----------------------------------------------------------------------------- */

void laws_reported(struct sim *sim, uint32_t token)
{
    if (token != 0)
        sim->laws.deeds.items[token - 1].sent = true;
}

void laws_answered(struct sim *sim, uint32_t worker, const struct agent_id *id)
{
    for (size_t i = sim->laws.deeds.n; i-- > 0;) {
        struct law_deed *deed = &sim->laws.deeds.items[i];
        if (deed->worker == worker && deed->id.pool == id->pool &&
            deed->id.track_id == id->track_id && deed->id.attempt == id->attempt) {
            deed->answered = true;
            return;
        }
    }
}

/* Records of short executions are not synced: a power loss may take them. */
void laws_lost_power(struct sim *sim, const struct sim_worker *w)
{
    for (size_t i = 0; i < sim->laws.deeds.n; i++) {
        struct law_deed *deed = &sim->laws.deeds.items[i];
        if (deed->worker == w->number && deed->run_ns < MUSTER_S)
            deed->answered = true;
    }
}

void laws_lost_spool(struct sim *sim, const struct sim_worker *w)
{
    for (size_t i = 0; i < sim->laws.deeds.n; i++)
        if (sim->laws.deeds.items[i].worker == w->number)
            sim->laws.deeds.items[i].answered = true;
}

static bool is_in_spool(const struct sim_worker *w, uint32_t token)
{
    for (size_t i = 0; i < w->notebook.notes.n; i++) {
        const struct note *note = &w->notebook.notes.items[i];
        if (note->token == token && note->is_record && !note->forgotten)
            return true;
    }
    return false;
}

void laws_spool(struct sim *sim, const struct sim_worker *w)
{
    for (size_t i = 0; i < sim->laws.deeds.n; i++) {
        const struct law_deed *deed = &sim->laws.deeds.items[i];
        if (deed->worker == w->number && deed->sent && !deed->answered &&
            !is_in_spool(w, (uint32_t)i + 1))
            laws_break(sim, "S6",
                       "worker %u had sent the record of %u.%llu attempt %u and has "
                       "forgotten it",
                       w->number, deed->id.pool, (unsigned long long)deed->id.track_id,
                       deed->id.attempt);
    }
}
