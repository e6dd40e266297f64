/*
 * laws.c -- what the broker promised: judged fact by fact at each commit, by counting after it, and
 * as a whole at the end.
 */
#include "laws.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "sim.h"

void laws_done(struct laws *laws)
{
    for (size_t i = 0; i < laws->pools.n; i++) {
        free(laws->pools.items[i].lives.items);
        free(laws->pools.items[i].records.items);
    }
    free(laws->pools.items);
    free(laws->orders.items);
    free(laws->leases.items);
    free(laws->deeds.items);
    free(laws->worker_of.items);
    *laws = (struct laws){0};
}

void laws_break(struct sim *sim, const char *law, const char *format, ...)
{
    struct laws *laws = &sim->laws;
    if (laws->broken)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(laws->text, sizeof laws->text, format, args);
    va_end(args);
    laws->broken = true;
    laws->law = law;
    trace_line(sim, TRACE_LAW, "BROKEN %s: %s", law, laws->text);
}

struct law_pool *laws_pool(struct sim *sim, uint32_t pool)
{
    for (size_t i = sim->laws.pools.n; i-- > 0;)
        if (sim->laws.pools.items[i].pool == pool)
            return &sim->laws.pools.items[i];
    return NULL;
}

struct law_life *laws_life(struct law_pool *pool, uint64_t track_id)
{
    return pool == NULL || track_id == 0 || track_id > pool->lives.n
               ? NULL
               : &pool->lives.items[track_id - 1];
}

uint32_t laws_worker(const struct laws *laws, uint32_t name)
{
    uint8_t number = name < laws->worker_of.n ? (uint8_t)laws->worker_of.items[name] : 0;
    return number == 0 ? WORKERS_MAX : number - 1u;
}

bool laws_is_present(const struct sim *sim, uint32_t name)
{
    uint32_t number = laws_worker(&sim->laws, name);
    return number < WORKERS_MAX &&
           sim->laws.worker_of.items[name] >> 8 == sim->workers[number].notebook.install;
}

static struct law_pool *pool_of(struct sim *sim, uint32_t number)
{
    struct law_pool *pool = laws_pool(sim, number);
    if (pool != NULL && !pool->gone)
        return pool;
    TABLE_ADD(sim->laws.pools, ((struct law_pool){.pool = number}));
    return &sim->laws.pools.items[sim->laws.pools.n - 1];
}

/* ---- facts ----------------------------------------------------------------------------------- */

static bool order_agrees(const struct law_order *order, const struct fact_submitted *fact)
{
    return fact->rerunnable == order->rerunnable && fact->priority == order->priority &&
           fact->max_attempts == order->max_attempts && (fact->host != 0) == order->each;
}

static void on_submitted(struct sim *sim, struct law_pool *pool, const struct fact_submitted *fact,
                         struct bytes body)
{
    struct laws *laws = &sim->laws;
    const struct law_life *shared = laws_life(pool, fact->body_of);
    uint32_t nonce = fact->body_of == 0 ? laws_nonce_of(body) : shared != NULL ? shared->nonce : 0;
    uint32_t index = (uint32_t)(pool - laws->pools.items);
    if (nonce == 0 || nonce > laws->orders.n) {
        laws_break(sim, "L6", "command %u.%llu has a body that nobody submitted", fact->pool,
                   (unsigned long long)fact->track_id);
        return;
    }
    struct law_order *order = &laws->orders.items[nonce - 1];
    if (!order_agrees(order, fact))
        laws_break(sim, "L6", "command %u.%llu is not as it was submitted", fact->pool,
                   (unsigned long long)fact->track_id);
    if (order->made > 0 &&
        (!order->each || order->batch != fact->batch || order->pool_index != index + 1))
        laws_break(sim, "L6", "submission %u made command %u.%llu beside another one", nonce,
                   fact->pool, (unsigned long long)fact->track_id);
    for (uint64_t id = fact->track_id - order->made; order->each && id < fact->track_id; id++) {
        const struct law_life *sibling = laws_life(pool, id);
        if (sibling != NULL && sibling->host == fact->host)
            laws_break(sim, "PLACE", "batch %llu has two commands for one host",
                       (unsigned long long)fact->batch);
    }
    order->made++;
    order->batch = fact->batch;
    order->pool_index = index + 1;
    TABLE_ADD(pool->lives, ((struct law_life){.nonce = nonce,
                                              .batch = fact->batch,
                                              .host = fact->host,
                                              .submitted = sim->broker.turn_now}));
    laws->commands++;
}

/* In the plain world: everything queued could have been handed out instead (L10). */
static void judge_order(struct sim *sim, const struct law_pool *pool, uint64_t track_id)
{
    const struct law_order *orders = sim->laws.orders.items;
    const struct law_life *chosen = &pool->lives.items[track_id - 1];
    int32_t priority = orders[chosen->nonce - 1].priority;
    for (uint64_t i = 0; i < pool->lives.n; i++) {
        const struct law_life *other = &pool->lives.items[i];
        int32_t others = orders[other->nonce - 1].priority;
        if (other->running || other->pos != 0 || i + 1 == track_id)
            continue;
        if (others < priority || (others == priority && i + 1 < track_id))
            laws_break(sim, "L10", "command %u.%llu (priority %d) went before %u.%llu (%d)",
                       pool->pool, (unsigned long long)track_id, priority, pool->pool,
                       (unsigned long long)i + 1, others);
    }
}

/* Neither before its time nor after its deadline (S15). */
static void judge_time(struct sim *sim, const struct law_life *life, const struct law_order *order,
                       const struct fact_leased *fact)
{
    const struct sim_broker *b = &sim->broker;
    bool steady = !swarm_has(&sim->swarm, FAULT_CLOCK);
    int64_t age_ns = b->turn_now - life->submitted;
    bool early = steady && (age_ns < order->delay_ns - 1 ||
                            b->turn_wall_ns < order->at_wall_ns - 1); /* stored to 2 ns */
    bool late =
        steady && order->within_ns != 0 && fact->starts == 1 && age_ns > order->within_ns + 1;
    if (early || late)
        laws_break(sim, "S15",
                   "command %u.%llu was handed out %s: %lld ns after its submit, at %lld by the "
                   "wall clock; delay %lld ns, at %lld, within %lld ns",
                   fact->pool, (unsigned long long)fact->track_id,
                   early ? "before its time" : "after its deadline", (long long)age_ns,
                   (long long)b->turn_wall_ns, (long long)order->delay_ns,
                   (long long)order->at_wall_ns, (long long)order->within_ns);
}

static void on_leased(struct sim *sim, struct law_pool *pool, const struct fact_leased *fact)
{
    struct laws *laws = &sim->laws;
    struct law_life *life = laws_life(pool, fact->track_id);
    if (life == NULL || life->pos != 0) {
        laws_break(sim, "L2", "command %u.%llu was handed out, but it is not live", fact->pool,
                   (unsigned long long)fact->track_id);
        return;
    }
    const struct law_order *order = &laws->orders.items[life->nonce - 1];
    if (fact->attempt <= life->attempt)
        laws_break(sim, "L5", "command %u.%llu: attempt %u after attempt %u", fact->pool,
                   (unsigned long long)fact->track_id, fact->attempt, life->attempt);
    if (fact->starts > order->max_attempts)
        laws_break(sim, "L5", "command %u.%llu: start %u of at most %u", fact->pool,
                   (unsigned long long)fact->track_id, fact->starts, order->max_attempts);
    if (fact->epoch != sim->vault.epoch)
        laws_break(sim, "L5", "command %u.%llu: hand-out of epoch %u in epoch %u", fact->pool,
                   (unsigned long long)fact->track_id, fact->epoch, sim->vault.epoch);
    if (life->running)
        laws_break(sim, "L5", "command %u.%llu is held, and was handed out again", fact->pool,
                   (unsigned long long)fact->track_id);
    judge_time(sim, life, order, fact);
    if (sim->swarm.plain)
        judge_order(sim, pool, fact->track_id);
    TABLE_ADD(laws->leases, ((struct law_lease){.attempt = fact->attempt,
                                                .epoch = fact->epoch,
                                                .worker = fact->worker,
                                                .before = life->lease}));
    life->lease = (uint32_t)laws->leases.n;
    life->attempt = fact->attempt;
    life->starts = fact->starts;
    life->running = true;
    pool->running++;
}

static void on_queued(struct sim *sim, struct law_pool *pool, const struct fact_queued *fact)
{
    struct law_life *life = laws_life(pool, fact->track_id);
    if (life == NULL || life->pos != 0 || !life->running) {
        laws_break(sim, "L2", "command %u.%llu went back to the queue without being held",
                   fact->pool, (unsigned long long)fact->track_id);
        return;
    }
    if (fact->starts > life->starts)
        laws_break(sim, "L5", "command %u.%llu: starts rose by going back", fact->pool,
                   (unsigned long long)fact->track_id);
    life->starts = fact->starts;
    life->running = false;
    pool->running--;
}

/* A record that a worker wrote must be of the attempt that this worker holds. */
static void judge_record(struct sim *sim, const struct law_life *life,
                         const struct fact_recorded *fact, struct bytes body)
{
    const struct laws *laws = &sim->laws;
    if (body.size == 0) /* the broker's own words */
        return;
    unsigned long long id = fact->track_id;
    int64_t token = laws_token_of(body);
    const struct law_lease *lease = life->lease != 0 ? &laws->leases.items[life->lease - 1] : NULL;
    if (lease == NULL || fact->attempt != lease->attempt || fact->worker != lease->worker) {
        laws_break(sim, "L5", "command %u.%llu: a record of attempt %u that is not the current one",
                   fact->pool, id, fact->attempt);
        return;
    }
    if (token <= 0 || (uint64_t)token > laws->deeds.n) {
        bool liar = token < 0 && (sim->swarm.faults & 1u << FAULT_LIAR) != 0;
        if (!liar && fact->state != STATE_CANCELLED)
            laws_break(sim, "L5", "command %u.%llu: a record of no execution", fact->pool, id);
        return;
    }
    const struct law_deed *deed = &laws->deeds.items[token - 1];
    if (deed->track_id != fact->track_id || deed->id.pool != fact->pool ||
        deed->id.attempt != fact->attempt || deed->id.epoch != lease->epoch ||
        deed->state != fact->state)
        laws_break(sim, "L5",
                   "command %u.%llu: the record of attempt %u, %s, is that of %u.%llu "
                   "attempt %u, %s",
                   fact->pool, id, fact->attempt, state_name(fact->state), deed->id.pool,
                   (unsigned long long)deed->track_id, deed->id.attempt, state_name(deed->state));
}

static uint8_t *put(uint8_t *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *at++ = (uint8_t)(value >> (8 * i));
    return at;
}

/* As PROTOCOL.md says how to reckon it. */
static void judge_crc(struct sim *sim, struct law_pool *pool, const struct fact_recorded *fact,
                      struct bytes body)
{
    uint8_t packed[36];
    uint8_t *at = put(packed, fact->pos, 8);
    at = put(at, fact->track_id, 8);
    at = put(at, fact->attempt, 4);
    at = put(at, (uint32_t)fact->state, 4);
    at = put(at, (uint32_t)fact->exit, 4);
    at = put(at, fact->signal, 4);
    at = put(at, body.size > 0 ? crc32c(0, body.data, body.size) : 0, 4);
    pool->crc = crc32c(pool->crc, packed, (size_t)(at - packed));
    if (fact->crc != pool->crc)
        laws_break(sim, "CRC", "pool %u: the checksum at pos %llu is %08x, should be %08x",
                   fact->pool, (unsigned long long)fact->pos, fact->crc, pool->crc);
}

static void on_recorded(struct sim *sim, struct law_pool *pool, const struct fact_recorded *fact,
                        struct bytes body)
{
    struct law_life *life = laws_life(pool, fact->track_id);
    if (life == NULL || life->pos != 0) {
        laws_break(sim, "L2", "command %u.%llu: a final record, but it is not live", fact->pool,
                   (unsigned long long)fact->track_id);
        return;
    }
    if (fact->pos != pool->records.n + 1)
        laws_break(sim, "L3", "pool %u: pos %llu after %zu", fact->pool,
                   (unsigned long long)fact->pos, pool->records.n);
    if (!state_is_final(fact->state))
        laws_break(sim, "L2", "command %u.%llu: a record that is not final", fact->pool,
                   (unsigned long long)fact->track_id);
    judge_record(sim, life, fact, body);
    judge_crc(sim, pool, fact, body);
    struct law_record record = {.fact = *fact};
    record.fact.why = (struct bytes){0};
    TABLE_ADD(pool->records, record);
    life->pos = fact->pos;
    life->state = fact->state;
    if (life->running)
        pool->running--;
    life->running = false;
    sim->laws.records++;
    sim->laws.lost += fact->state == STATE_LOST;
    while (pool->final_to < pool->lives.n && pool->lives.items[pool->final_to].pos != 0)
        pool->final_to++;
    while (pool->ok_to < pool->final_to && pool->lives.items[pool->ok_to].state == STATE_OK)
        pool->ok_to++;
}

static void on_host(struct sim *sim, const struct fact_host *fact)
{
    struct laws *laws = &sim->laws;
    while (laws->worker_of.n <= fact->worker)
        TABLE_ADD(laws->worker_of, 0);
    laws->worker_of.items[fact->worker] =
        (uint16_t)((uint32_t)fact->uuid[1] << 8 | (world_worker_of(sim, fact->uuid) + 1));
}

static void on_oldest(struct sim *sim, struct law_pool *pool, const struct fact_oldest *fact)
{
    if (fact->oldest > pool->records.n)
        laws_break(sim, "S12", "pool %u: oldest pos %llu is beyond the head", fact->pool,
                   (unsigned long long)fact->oldest);
    if (fact->oldest > pool->oldest)
        pool->oldest = fact->oldest;
}

static void on_gone(struct sim *sim, struct law_pool *pool)
{
    for (size_t i = 0; i < pool->lives.n; i++)
        if (pool->lives.items[i].pos == 0)
            laws_break(sim, "S12", "pool %u went with a live command", pool->pool);
    pool->gone = true;
}

void laws_fact(struct sim *sim, const struct fact *fact, struct bytes body)
{
    switch ((int)fact->type) {
    case FACT_POOL:
        (void)pool_of(sim, fact->as.pool.pool);
        break;
    case FACT_POOL_GONE:
        on_gone(sim, pool_of(sim, fact->as.pool_gone));
        break;
    case FACT_SUBMITTED:
        on_submitted(sim, pool_of(sim, fact->as.submitted.pool), &fact->as.submitted, body);
        break;
    case FACT_LEASED:
        on_leased(sim, pool_of(sim, fact->as.leased.pool), &fact->as.leased);
        break;
    case FACT_QUEUED:
        on_queued(sim, pool_of(sim, fact->as.queued.pool), &fact->as.queued);
        break;
    case FACT_RECORDED:
        on_recorded(sim, pool_of(sim, fact->as.recorded.pool), &fact->as.recorded, body);
        break;
    case FACT_HOST:
        on_host(sim, &fact->as.host);
        break;
    case FACT_OLDEST:
        on_oldest(sim, pool_of(sim, fact->as.oldest.pool), &fact->as.oldest);
        break;
    case FACT_AUDIT:
        sim->laws.stale++;
        break;
    default:
        break;
    }
    trace_fact(sim, fact);
}

/* ---- leases ---------------------------------------------------------------------------------- */

void laws_ticked(struct sim *sim, const struct fact *fact)
{
    const struct laws *laws = &sim->laws;
    bool is_lost = fact->type == FACT_RECORDED && fact->as.recorded.state == STATE_LOST;
    /* A peer that had to make room, or was forgotten amid its HELLO, has to say hello again. */
    bool half = swarm_has(&sim->swarm, FAULT_FULL_PIPE) && sim->swarm.hello_max < 512;
    if ((fact->type != FACT_QUEUED && !is_lost) || sim->swarm.peers_max < 256 || half)
        return;
    uint32_t number = is_lost ? fact->as.recorded.pool : fact->as.queued.pool;
    uint64_t track_id = is_lost ? fact->as.recorded.track_id : fact->as.queued.track_id;
    const struct law_life *life = laws_life(laws_pool(sim, number), track_id);
    if (life == NULL || life->lease == 0)
        return;
    uint32_t name = laws->leases.items[life->lease - 1].worker;
    uint32_t worker = laws_worker(laws, name);
    if (!laws_is_present(sim, name))
        return;
    muster_time heard = sim->workers[worker].arrived;
    if (heard < sim->broker.started)
        heard = sim->broker.started;
    if (sim->broker.turn_now - heard < sim->swarm.limits.lease_ns)
        laws_break(sim, "S4",
                   "command %u.%llu is taken from worker %u, which was heard %lld ms ago", number,
                   (unsigned long long)track_id, worker,
                   (long long)((sim->broker.turn_now - heard) / MUSTER_MS));
}

/* ---- as a whole ------------------------------------------------------------------------------ */

static void judge_counts(struct sim *sim, const struct law_pool *pool,
                         const struct core_pool_stats *stats)
{
    uint64_t ended = 0, submitted = stats->totals->next_track_id - 1;
    for (int i = 0; i < STATE_COUNT; i++)
        ended += stats->totals->ended[i];
    if (submitted != stats->held + stats->queued + stats->running + stats->totals->head ||
        ended != stats->totals->head)
        laws_break(sim, "L8",
                   "pool %u: submitted %llu, held %llu, queued %llu, running %llu, final %llu",
                   pool->pool, (unsigned long long)submitted, (unsigned long long)stats->held,
                   (unsigned long long)stats->queued, (unsigned long long)stats->running,
                   (unsigned long long)stats->totals->head);
    if (submitted != pool->lives.n || stats->totals->head != pool->records.n ||
        stats->running != pool->running)
        laws_break(sim, "L8",
                   "pool %u: it counts %llu submitted, %llu running, %llu final; "
                   "committed were %zu, %llu, %zu",
                   pool->pool, (unsigned long long)submitted, (unsigned long long)stats->running,
                   (unsigned long long)stats->totals->head, pool->lives.n,
                   (unsigned long long)pool->running, pool->records.n);
    if (stats->final_to != pool->final_to || stats->ok_to != pool->ok_to)
        laws_break(sim, "S9", "pool %u: final_to %llu and ok_to %llu, should be %llu and %llu",
                   pool->pool, (unsigned long long)stats->final_to,
                   (unsigned long long)stats->ok_to, (unsigned long long)pool->final_to,
                   (unsigned long long)pool->ok_to);
}

void laws_turn(struct sim *sim)
{
    for (size_t i = 0; i < sim->laws.pools.n; i++) {
        const struct law_pool *pool = &sim->laws.pools.items[i];
        struct core_pool_stats stats;
        if (pool->gone)
            continue;
        if (core_pool_stats(sim->broker.core, pool->pool, &stats))
            judge_counts(sim, pool, &stats);
        else
            laws_break(sim, "L1", "pool %u is not known any more", pool->pool);
    }
}

/* What the broker says about a command that should have ended. */
static void break_unfinished(struct sim *sim, const struct law_pool *pool, uint64_t track_id)
{
    const struct law_life *life = &pool->lives.items[track_id - 1];
    const struct law_order *order = &sim->laws.orders.items[life->nonce - 1];
    struct core_command_row row = {.state = STATE_NONE};
    struct event_list what = {.after = track_id - 1};
    bool more;
    if (sim->broker.alive)
        (void)core_list(sim->broker.core, pool->pool, &what, &row, 1, &more);
    laws_break(sim, "L11",
               "command %u.%llu has no final record: %s %s%s, attempt %u, place %d host %u%s%s%s",
               pool->pool, (unsigned long long)track_id, state_name(row.state), hold_name(row.hold),
               row.silent ? " silent" : "", life->attempt, (int)order->place, order->host,
               order->each ? " each" : "", order->rare ? " rare" : "",
               order->rerunnable ? " rerunnable" : "");
}

bool laws_all_ended(const struct sim *sim)
{
    for (size_t i = 0; i < sim->laws.pools.n; i++) {
        const struct law_pool *pool = &sim->laws.pools.items[i];
        if (!pool->gone && pool->final_to != pool->lives.n)
            return false;
    }
    return true;
}

void laws_final(struct sim *sim)
{
    for (size_t i = 0; i < sim->laws.pools.n; i++) {
        const struct law_pool *pool = &sim->laws.pools.items[i];
        for (size_t k = 0; k < pool->lives.n && !pool->gone; k++)
            if (pool->lives.items[k].pos == 0)
                break_unfinished(sim, pool, k + 1);
    }
}
