/* faults.c -- what goes wrong when, and the end of it. */
#include "sim.h"

static void next_fault(struct sim *sim, uint32_t unused, uint64_t also_unused);

static int64_t between(struct sim *sim, int64_t low, int64_t high)
{
    return rand_between(&sim->fate, low, high);
}

/* Mostly short, sometimes several leases. */
static int64_t some_while(struct sim *sim)
{
    int64_t lease_ns = sim->swarm.limits.lease_ns;
    switch (rand_below(&sim->fate, 3)) {
    case 0:
        return between(sim, 0, MUSTER_S);
    case 1:
        return between(sim, 0, lease_ns);
    default:
        return between(sim, lease_ns / 2, 3 * lease_ns);
    }
}

static uint32_t some_worker(struct sim *sim)
{
    return (uint32_t)rand_below(&sim->fate, sim->swarm.workers);
}

static uint32_t some_dealer(struct sim *sim)
{
    uint32_t drawn = (uint32_t)rand_below(&sim->fate, sim->swarm.workers + sim->swarm.clients);
    return drawn < sim->swarm.workers ? drawn : WORKERS_MAX + drawn - sim->swarm.workers;
}

/* ---- ends of faults -------------------------------------------------------------------------- */

static void mend(struct sim *sim, uint32_t dealer, uint64_t broken)
{
    if (!sim->healed)
        network_mend(sim, dealer, broken != 0);
}

static void resume_broker(struct sim *sim, uint32_t unused, uint64_t life)
{
    (void)unused;
    if (sim->broker.life == life)
        sim_broker_resume(sim);
}

static void resume_worker(struct sim *sim, uint32_t number, uint64_t life)
{
    if (sim->workers[number].life == life)
        sim_worker_resume(sim, &sim->workers[number]);
}

static void disk_is_free(struct sim *sim, uint32_t unused, uint64_t also_unused)
{
    (void)unused;
    (void)also_unused;
    sim->broker.disk_free = UINT64_C(1) << 40;
    sim->broker.disk_full = false;
}

static void sync_is_fast(struct sim *sim, uint32_t unused, uint64_t also_unused)
{
    (void)unused;
    (void)also_unused;
    sim->broker.slow_sync_ns = 0;
}

static void spool_is_free(struct sim *sim, uint32_t number, uint64_t life)
{
    if (sim->workers[number].life == life)
        sim_worker_spool(sim, &sim->workers[number], false);
}

/* ---- faults ---------------------------------------------------------------------------------- */

static void cut(struct sim *sim, bool one_way)
{
    uint32_t dealer = some_dealer(sim);
    int64_t lasts = some_while(sim);
    bool up = !one_way || rand_chance(&sim->fate, 1, 2);
    bool broken = lasts > 6 * MUSTER_S || rand_chance(&sim->fate, 1, 3);
    network_cut(sim, dealer, up, !one_way || !up);
    agenda_add(&sim->agenda, sim->now + lasts, mend, dealer, broken);
    trace_line(sim, TRACE_PROCESS, "dealer %u is cut%s for %lld ms", dealer,
               one_way ? up ? " upwards" : " downwards" : "", (long long)(lasts / MUSTER_MS));
}

static void pause_broker(struct sim *sim)
{
    int64_t lasts = some_while(sim);
    sim_broker_pause(sim);
    agenda_add(&sim->agenda, sim->now + lasts, resume_broker, 0, sim->broker.life);
    trace_line(sim, TRACE_PROCESS, "broker pauses for %lld ms", (long long)(lasts / MUSTER_MS));
}

static void pause_worker(struct sim *sim)
{
    struct sim_worker *w = &sim->workers[some_worker(sim)];
    int64_t lasts = some_while(sim);
    if (!w->alive || w->paused)
        return;
    sim_worker_pause(w);
    agenda_add(&sim->agenda, sim->now + lasts, resume_worker, w->number, w->life);
    trace_line(sim, TRACE_PROCESS, "worker %u pauses for %lld ms", w->number,
               (long long)(lasts / MUSTER_MS));
}

static void kill_worker(struct sim *sim, bool power)
{
    struct sim_worker *w = &sim->workers[some_worker(sim)];
    if (!w->alive)
        return;
    sim_worker_kill(sim, w, power);
    world_worker_ended(sim, w->number, false);
}

static void drain_worker(struct sim *sim)
{
    struct sim_worker *w = &sim->workers[some_worker(sim)];
    sim_worker_term(sim, w, rand_chance(&sim->fate, 1, 4));
}

static void reinstall_worker(struct sim *sim)
{
    struct sim_worker *w = &sim->workers[some_worker(sim)];
    if (!w->alive || w->notebook.install == UINT8_MAX)
        return;
    sim_worker_kill(sim, w, true);
    notebook_wipe(&w->notebook);
    laws_lost_spool(sim, w);
    trace_line(sim, TRACE_PROCESS, "the host of worker %u is installed anew", w->number);
    world_worker_ended(sim, w->number, false);
}

static void kill_client(struct sim *sim)
{
    struct sim_client *c = &sim->clients[rand_below(&sim->fate, sim->swarm.clients)];
    if (!c->alive)
        return;
    sim_client_kill(sim, c, rand_chance(&sim->fate, 1, 2));
    world_client_ended(sim, c->number);
}

static void step_clock(struct sim *sim)
{
    sim->broker.wall_skew_ns = between(sim, -3600 * MUSTER_S, 3600 * MUSTER_S);
    trace_line(sim, TRACE_PROCESS, "the broker's clock steps, skew %lld s",
               (long long)(sim->broker.wall_skew_ns / MUSTER_S));
}

static void fill_disk(struct sim *sim, bool full)
{
    sim->broker.disk_free = full ? 0 : 1 << 20;
    sim->broker.disk_full = full;
    agenda_add(&sim->agenda, sim->now + between(sim, 0, 20 * MUSTER_S), disk_is_free, 0, 0);
    trace_line(sim, TRACE_PROCESS, "the disk is %s", full ? "full" : "low");
}

static void slow_sync(struct sim *sim)
{
    sim->broker.slow_sync_ns = between(sim, 200 * MUSTER_MS, 5 * MUSTER_S);
    agenda_add(&sim->agenda, sim->now + between(sim, 0, 15 * MUSTER_S), sync_is_fast, 0, 0);
    trace_line(sim, TRACE_PROCESS, "a sync takes %lld ms",
               (long long)(sim->broker.slow_sync_ns / MUSTER_MS));
}

static void fill_spool(struct sim *sim)
{
    struct sim_worker *w = &sim->workers[some_worker(sim)];
    if (!w->alive || w->paused || w->spool_full)
        return;
    uint32_t life = w->life;
    trace_line(sim, TRACE_PROCESS, "the spool of worker %u is full", w->number);
    sim_worker_spool(sim, w, true);
    agenda_add(&sim->agenda, sim->now + some_while(sim), spool_is_free, w->number, life);
}

static void kill_broker(struct sim *sim, bool politely)
{
    if (!sim->broker.alive)
        return;
    if (politely && !sim->broker.paused && !sim->broker.committing)
        sim_broker_term(sim);
    world_broker_ended(sim);
}

static void strike(struct sim *sim, enum fault fault)
{
    switch (fault) {
    case FAULT_BREAK:
        network_break(sim, some_dealer(sim));
        break;
    case FAULT_CUT:
    case FAULT_ONE_WAY:
        cut(sim, fault == FAULT_ONE_WAY);
        break;
    case FAULT_BROKER_KILL:
    case FAULT_BROKER_TERM:
        kill_broker(sim, fault == FAULT_BROKER_TERM);
        break;
    case FAULT_BROKER_PAUSE:
        if (sim->broker.alive && !sim->broker.paused)
            pause_broker(sim);
        break;
    case FAULT_WORKER_KILL:
    case FAULT_WORKER_REBOOT:
        kill_worker(sim, fault == FAULT_WORKER_REBOOT);
        break;
    case FAULT_WORKER_REINSTALL:
        reinstall_worker(sim);
        break;
    case FAULT_WORKER_PAUSE:
        pause_worker(sim);
        break;
    case FAULT_WORKER_TERM:
        drain_worker(sim);
        break;
    case FAULT_CLIENT_KILL:
        kill_client(sim);
        break;
    case FAULT_CLOCK:
        step_clock(sim);
        break;
    case FAULT_DISK_LOW:
    case FAULT_DISK_FULL:
        fill_disk(sim, fault == FAULT_DISK_FULL);
        break;
    case FAULT_SYNC_FAILS:
        sim->broker.sync_fails = true;
        break;
    case FAULT_SLOW_SYNC:
        slow_sync(sim);
        break;
    case FAULT_LIAR:
        sim_voice_lie(sim, &sim->workers[some_worker(sim)]);
        break;
    case FAULT_SPOOL_FULL:
        fill_spool(sim);
        break;
    case FAULT_FULL_PIPE:
    case FAULT_UNSTARTABLE:
    case FAULT_SLOW_NET:
    case FAULT_COUNT:
        break; /* all the time, by chance */
    }
}

static void plan_next(struct sim *sim)
{
    agenda_add(&sim->agenda, sim->now + between(sim, 1, 2 * sim->swarm.fault_every_ns), next_fault,
               0, 0);
}

static void next_fault(struct sim *sim, uint32_t unused, uint64_t also_unused)
{
    (void)unused;
    (void)also_unused;
    if (sim->healed)
        return;
    enum fault fault;
    do
        fault = (enum fault)rand_below(&sim->fate, FAULT_COUNT);
    while (!swarm_has(&sim->swarm, fault));
    sim->faults[fault]++;
    strike(sim, fault);
    plan_next(sim);
}

void faults_begin(struct sim *sim)
{
    if (sim->swarm.faults != 0)
        plan_next(sim);
}

void faults_heal(struct sim *sim)
{
    sim->healed = true;
    sim->healed_at = sim->now;
    trace_line(sim, TRACE_PROCESS, "peace");
    disk_is_free(sim, 0, 0);
    sync_is_fast(sim, 0, 0);
    sim->broker.sync_fails = false;
    sim->broker.wall_skew_ns = 0; /* else `--at` may lie days ahead */
    for (uint32_t i = 0; i < DEALERS_MAX; i++)
        network_mend(sim, i, rand_chance(&sim->fate, 1, 2));
    sim_broker_resume(sim);
    for (uint32_t i = 0; i < sim->swarm.workers; i++) {
        sim_worker_resume(sim, &sim->workers[i]);
        if (sim->workers[i].spool_full)
            sim_worker_spool(sim, &sim->workers[i], false);
    }
    for (uint32_t i = 0; i < sim->swarm.clients; i++)
        sim_client_wake(sim, &sim->clients[i]);
}
