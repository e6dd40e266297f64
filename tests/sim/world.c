/*
 * world.c -- builds a world, lets it run, ends it.
 *
 * Two phases: faults until the steps or the time are used up; then everything is healed and must
 * come to rest in bounded time (L11).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "sim.h"

static const int64_t REST_NS = 6 * 3600 * MUSTER_S; /* of virtual time until everything is final */
enum { REST_STEPS = 3000000 };

struct sim *sim_new(uint64_t seed, const struct swarm *swarm, uint64_t steps_max, unsigned print)
{
    static const char *const pools[] = {"", "shared", "shared", "other"};
    struct sim *sim = calloc(1, sizeof *sim);
    MUST(sim != NULL);
    sim->seed = seed;
    sim->swarm = *swarm;
    sim->steps_max = steps_max;
    sim->now = MUSTER_S;
    rand_seed(&sim->chance, seed * 3 + 1);
    rand_seed(&sim->work, seed * 3 + 2);
    rand_seed(&sim->fate, seed * 3 + 3);
    trace_init(&sim->trace, print);
    vault_init(&sim->vault, seed | 1);
    sim->broker.disk_free = UINT64_C(1) << 40;
    for (uint32_t i = 0; i < WORKERS_MAX; i++) {
        sim->workers[i].number = i;
        sim->workers[i].wall_skew_ns = (int64_t)i * 3 * MUSTER_S;
        sim->workers[i].notebook.boot = 1;
    }
    for (uint32_t i = 0; i < CLIENTS_MAX; i++) {
        sim->clients[i].number = i;
        sim->clients[i].pool = pools[(i + seed) % 4];
    }
    return sim;
}

void sim_free(struct sim *sim)
{
    if (sim == NULL)
        return;
    for (uint32_t i = 0; i < CLIENTS_MAX; i++)
        sim_client_done(sim, &sim->clients[i]);
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        sim_worker_done(sim, &sim->workers[i]);
    sim_broker_done(sim);
    network_done(sim);
    vault_done(&sim->vault);
    laws_done(&sim->laws);
    agenda_done(&sim->agenda);
    trace_done(&sim->trace);
    free(sim);
}

bool sim_failed(const struct sim *sim)
{
    return sim->laws.broken;
}

int64_t swarm_latency(struct sim *sim)
{
    const struct swarm *swarm = &sim->swarm;
    int64_t latency = rand_between(&sim->chance, swarm->latency_min_ns, swarm->latency_max_ns);
    if (!sim->healed && swarm_has(swarm, FAULT_SLOW_NET) && rand_chance(&sim->chance, 1, 60))
        latency += rand_between(&sim->chance, 0, 4 * MUSTER_S);
    return latency;
}

/* ---- frames ---------------------------------------------------------------------------------- */

uint32_t world_route(const uint8_t route[ROUTE_BYTES])
{
    return (uint32_t)route[1] | (uint32_t)route[2] << 8 | (uint32_t)route[3] << 16 |
           (uint32_t)route[4] << 24;
}

int world_send_to(struct sim *sim, const uint8_t route[ROUTE_BYTES], const struct wire_message *m)
{
    size_t size = wire_encoded_size(m);
    uint8_t *frame = malloc(size);
    MUST(frame != NULL);
    wire_encode(m, frame, size);
    bool full =
        !sim->healed && swarm_has(&sim->swarm, FAULT_FULL_PIPE) && rand_chance(&sim->chance, 1, 80);
    int r = full ? -EAGAIN : network_send_to(sim, world_route(route), bytes_of(frame, size));
    free(frame);
    if (r == 0)
        trace_frame(sim, "broker", 0, m);
    return r;
}

bool world_send(struct sim *sim, uint32_t dealer, const struct wire_message *m)
{
    size_t size = wire_encoded_size(m);
    uint8_t *frame = malloc(size);
    MUST(frame != NULL);
    wire_encode(m, frame, size);
    bool sent = network_send(sim, dealer, bytes_of(frame, size)) == 0;
    free(frame);
    bool is_worker = network_side(dealer) == SIDE_WORKERS;
    if (sent)
        trace_frame(sim, is_worker ? "worker" : "client", is_worker ? dealer : dealer - WORKERS_MAX,
                    m);
    return sent;
}

void world_broker_frame_came(struct sim *sim)
{
    sim_broker_frame_came(sim);
}

void world_dealer_frame_came(struct sim *sim, uint32_t dealer)
{
    if (network_side(dealer) == SIDE_WORKERS)
        sim_worker_wake(sim, &sim->workers[dealer]);
    else
        sim_client_wake(sim, &sim->clients[dealer - WORKERS_MAX]);
}

void world_connected(struct sim *sim, uint32_t dealer, bool again)
{
    if (network_side(dealer) == SIDE_WORKERS)
        sim_worker_connected(sim, &sim->workers[dealer], again);
    else
        sim_client_wake(sim, &sim->clients[dealer - WORKERS_MAX]);
}

/* ---- who is who ------------------------------------------------------------------------------ */

void world_uuid(const struct sim *sim, uint32_t number, uint8_t ret_uuid[16])
{
    memset(ret_uuid, 0xa0, 16);
    ret_uuid[0] = (uint8_t)number;
    ret_uuid[1] = (uint8_t)sim->workers[number].notebook.install;
}

uint32_t world_worker_of(const struct sim *sim, const uint8_t uuid[16])
{
    (void)sim;
    return uuid[0];
}

const char *world_host_name(uint32_t number)
{
    static const char *const names[WORKERS_MAX] = {"h0", "h1", "h2", "h3"};
    return names[number];
}

bool world_has_role(uint32_t number)
{
    return number % 2 == 0;
}

bool world_has_rare(uint32_t number)
{
    return number == 0 || number == 3;
}

const struct bytes *world_labels(uint32_t number)
{
    static struct bytes labels[1];
    labels[0] = bytes_of_str("role=db");
    (void)number;
    return labels;
}

const struct bytes *world_functions(void)
{
    static struct bytes functions[2];
    functions[0] = bytes_of_str("echo");
    functions[1] = bytes_of_str("rare");
    return functions;
}

bool world_was_paused(const struct sim *sim, uint32_t number)
{
    const struct sim_worker *w = &sim->workers[number];
    int64_t margin = sim->swarm.limits.lease_ns + sim->swarm.grace_ns + MUSTER_S;
    return w->paused || (w->paused_to != 0 && sim->now - w->paused_to < margin);
}

bool world_has_retention(const struct sim *sim)
{
    struct core_limits usual = core_limits_default();
    return sim->swarm.limits.keep_bytes != usual.keep_bytes ||
           sim->swarm.limits.keep_ns != usual.keep_ns;
}

/* ---- starting again -------------------------------------------------------------------------- */

static void broker_again(struct sim *sim, uint32_t unused, uint64_t life)
{
    (void)unused;
    if (!sim->broker.alive && sim->broker.life == life)
        sim_broker_start(sim);
}

void world_broker_ended(struct sim *sim)
{
    sim_broker_kill(sim);
    int64_t after = rand_chance(&sim->chance, 1, 4)
                        ? rand_between(&sim->chance, 0, 3 * sim->swarm.limits.lease_ns)
                        : rand_between(&sim->chance, 0, MUSTER_S);
    if (!sim->script)
        agenda_add(&sim->agenda, sim->now + after, broker_again, 0, sim->broker.life);
}

static void worker_again(struct sim *sim, uint32_t number, uint64_t life)
{
    struct sim_worker *w = &sim->workers[number];
    if (!w->alive && w->life == life)
        sim_worker_start(sim, w);
}

void world_worker_ended(struct sim *sim, uint32_t number, bool exited)
{
    int64_t after = rand_chance(&sim->chance, 1, 3)
                        ? rand_between(&sim->chance, 0, 4 * sim->swarm.limits.lease_ns)
                        : rand_between(&sim->chance, 0, 2 * MUSTER_S);
    if (exited)
        trace_line(sim, TRACE_PROCESS, "worker %u has left", number);
    if (!sim->script)
        agenda_add(&sim->agenda, sim->now + after, worker_again, number, sim->workers[number].life);
}

static void client_again(struct sim *sim, uint32_t number, uint64_t life)
{
    struct sim_client *c = &sim->clients[number];
    if (!c->alive && c->life == life)
        sim_client_start(sim, c);
}

void world_client_ended(struct sim *sim, uint32_t number)
{
    if (!sim->script)
        agenda_add(&sim->agenda, sim->now + rand_between(&sim->chance, 0, 2 * MUSTER_S),
                   client_again, number, sim->clients[number].life);
}

/* ---- running --------------------------------------------------------------------------------- */

static bool step(struct sim *sim)
{
    struct agenda_entry entry;
    if (!agenda_pop(&sim->agenda, &entry))
        return false;
    MUST(entry.at >= sim->now);
    sim->now = entry.at;
    sim->steps++;
    entry.fn(sim, entry.who, entry.what);
    return !sim->laws.broken;
}

void sim_pass(struct sim *sim, int64_t ns)
{
    muster_time until = sim->now + ns;
    while (sim->agenda.n > 0 && sim->agenda.entries[0].at <= until && step(sim))
        continue;
    if (sim->now < until)
        sim->now = until;
}

static bool is_at_rest(const struct sim *sim)
{
    for (uint32_t i = 0; i < sim->swarm.clients; i++)
        if (!sim->clients[i].finished)
            return false;
    return laws_all_ended(sim);
}

static void rest(struct sim *sim)
{
    uint64_t steps_max = sim->steps + REST_STEPS;
    while (!is_at_rest(sim)) {
        if (sim->now - sim->healed_at > REST_NS || sim->steps > steps_max) {
            laws_final(sim);
            for (uint32_t i = 0; i < sim->swarm.clients; i++)
                if (!sim->clients[i].finished)
                    laws_break(sim, "L11", "client %u is not through: %u requests unanswered", i,
                               sim_client_pending(&sim->clients[i]));
            return;
        }
        if (!step(sim))
            return;
    }
    laws_final(sim);
}

void sim_run(struct sim *sim)
{
    sim_broker_start(sim);
    for (uint32_t i = 0; i < sim->swarm.workers; i++)
        worker_again(sim, i, sim->workers[i].life);
    for (uint32_t i = 0; i < sim->swarm.clients; i++)
        sim_client_start(sim, &sim->clients[i]);
    faults_begin(sim);
    muster_time until = sim->now + sim->swarm.fault_phase_ns;
    while (sim->steps < sim->steps_max && sim->now < until)
        if (!step(sim))
            return;
    faults_heal(sim);
    rest(sim);
}
