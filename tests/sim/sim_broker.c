/*
 * sim_broker.c -- life and turns of the broker's process.
 *
 * A turn is two entries of the agenda: the steps, and after the time of a sync the commit with the
 * sends. A kill between them loses the facts; one inside the sends keeps them.
 */
#include "sim_broker.h"

#include <stdlib.h>

#include "base/assert.h"
#include "sim.h"

enum { BURST = 64, ARENA_BYTES = 64 << 20 };

static const int64_t DISK_CHECK_NS = 1000 * MUSTER_MS;
static const int64_t TICK_NS = 1000 * MUSTER_MS;
static const int64_t TURN_NS = 20 * MUSTER_US;

static void begin_turn(struct sim *sim, uint32_t life, uint64_t at);
static void end_turn(struct sim *sim, uint32_t life, uint64_t unused);

static void wake(struct sim *sim, muster_time at)
{
    struct sim_broker *b = &sim->broker;
    if (!b->alive || b->paused || b->committing || b->wake_at <= at)
        return;
    b->wake_at = at;
    agenda_add(&sim->agenda, at, begin_turn, b->life, (uint64_t)at);
}

void sim_broker_frame_came(struct sim *sim)
{
    wake(sim, sim->now + TURN_NS);
}

/* ---- bodies ---------------------------------------------------------------------------------- */

uint64_t sim_broker_body(struct sim *sim, struct bytes body)
{
    TABLE_ADD(sim->broker.bodies, body);
    return sim->broker.bodies.n;
}

struct bytes sim_broker_body_of(void *ctx, uint64_t handle)
{
    const struct sim *sim = ctx;
    MUST(handle != 0 && handle <= sim->broker.bodies.n);
    return sim->broker.bodies.items[handle - 1];
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void check(struct sim *sim)
{
    const char *what = "";
    if (!core_check(sim->broker.core, &what))
        laws_break(sim, "CHECK", "the core: %s", what);
}

void sim_broker_step(struct sim *sim, struct event *event)
{
    size_t before, n;
    event->now = sim->broker.turn_now;
    event->wall_ns = sim->broker.turn_wall_ns;
    (void)outbox_facts(sim->broker.box, &before);
    core_step(sim->broker.core, event, sim->broker.box);
    const struct fact *facts = outbox_facts(sim->broker.box, &n);
    for (size_t i = before; event->type == EVENT_TICK && i < n; i++)
        laws_ticked(sim, &facts[i]);
    check(sim);
}

static void step_simple(struct sim *sim, enum event_type type, peer_id peer)
{
    struct event event = {.type = type, .peer = peer};
    sim_broker_step(sim, &event);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void core_line(void *ctx, const char *text)
{
    trace_line(ctx, TRACE_CORE, "core %s", text);
}

static void replay(void *ctx, const struct fact *fact)
{
    struct sim *sim = ctx;
    core_replay(sim->broker.core, fact);
}

static int64_t wall(const struct sim *sim)
{
    return SIM_WALL_BASE_NS + sim->now + sim->broker.wall_skew_ns;
}

void sim_broker_start(struct sim *sim)
{
    struct sim_broker *b = &sim->broker;
    MUST(!b->alive);
    bool first = sim->vault.epoch == 0;
    b->alive = true;
    b->paused = b->committing = b->commit_is_due = b->stop = false;
    b->life++;
    struct core_limits limits = sim->swarm.limits;
    limits.seed = sim->seed << 20 | b->life; /* else the same pool ids would come again */
    b->core = core_new(&limits);
    b->box = outbox_new();
    b->peers = peers_new(sim->swarm.peers_max, sim->seed);
    arena_init(&b->arena, ARENA_BYTES);
    vault_open(&sim->vault);
    trace_line(sim, TRACE_PROCESS, "broker starts, epoch %u", sim->vault.epoch);
    if (b->life > 0 && (sim->trace.print & TRACE_CORE) != 0)
        core_trace(b->core, core_line, sim);
    vault_load(sim, replay, sim);
    vault_hints(sim);
    /* A planted bug has to be found by what it does. */
    if (!first && sim->swarm.plant == PLANT_NONE && core_digest(b->core) != b->digest)
        laws_break(sim, "DIGEST", "the state after the load is not the one before the crash");
    if (sim->mirror != NULL)
        mirror_start(sim, sim->mirror);
    b->turn_now = b->started = sim->now;
    b->turn_wall_ns = wall(sim);
    core_start(b->core, sim->vault.epoch, sim->vault.log_id, sim->now, b->turn_wall_ns);
    check(sim);
    b->digest = core_digest(b->core);
    b->planned = sim->now;
    b->disk_due = b->tick_due = 0;
    b->wake_at = MUSTER_NEVER;
    network_listen(sim);
    wake(sim, sim->now);
}

static void reset_turn(struct sim_broker *b)
{
    for (size_t i = 0; i < b->frames.n; i++)
        free(b->frames.items[i].data);
    b->frames.n = 0;
    b->bodies.n = 0;
    outbox_reset(b->box);
    arena_reset(&b->arena);
}

void sim_broker_kill(struct sim *sim)
{
    struct sim_broker *b = &sim->broker;
    if (!b->alive)
        return;
    if (sim->mirror != NULL)
        mirror_stop(sim->mirror);
    reset_turn(b);
    b->alive = b->committing = false;
    b->unsent.n = 0;
    b->pending.hand_outs.n = b->pending.verdicts.n = 0;
    core_free(b->core);
    outbox_free(b->box);
    peers_free(b->peers);
    arena_done(&b->arena);
    b->core = NULL;
    b->box = NULL;
    b->peers = NULL;
    network_shut(sim);
    trace_line(sim, TRACE_PROCESS, "broker is gone");
}

void sim_broker_done(struct sim *sim)
{
    struct sim_broker *b = &sim->broker;
    sim_broker_kill(sim);
    free(b->frames.items);
    free(b->bodies.items);
    free(b->unsent.items);
    free(b->pending.hand_outs.items);
    free(b->pending.verdicts.items);
}

static void bye_to(void *ctx, peer_id peer)
{
    struct sim *sim = ctx;
    struct wire_message m = {.type = WIRE_BYE};
    m.as.bye =
        (struct wire_bye){.why = bytes_of_str("the broker is stopped"), .end = sim->broker.stop};
    enum side side;
    uint8_t route[ROUTE_BYTES];
    /* Not by egress: a failure must not change the table that is walked. */
    if (peers_find(sim->broker.peers, peer, &side, route))
        (void)world_send_to(sim, route, &m);
}

void sim_broker_term(struct sim *sim)
{
    if (!sim->broker.alive)
        return;
    peers_each(sim->broker.peers, bye_to, sim);
    sim_broker_kill(sim);
}

void sim_broker_pause(struct sim *sim)
{
    sim->broker.paused = true;
}

void sim_broker_resume(struct sim *sim)
{
    struct sim_broker *b = &sim->broker;
    if (!b->paused)
        return;
    b->paused = false;
    if (!b->alive)
        return;
    b->wake_at = MUSTER_NEVER;
    if (b->commit_is_due)
        end_turn(sim, b->life, 0);
    else
        wake(sim, sim->now);
}

/* ---- the turn, until the sync ---------------------------------------------------------------- */

static void take_frame(struct sim *sim, enum side side, struct frame frame)
{
    struct sim_broker *b = &sim->broker;
    uint8_t route[ROUTE_BYTES] = {0, (uint8_t)frame.route, (uint8_t)(frame.route >> 8),
                                  (uint8_t)(frame.route >> 16), (uint8_t)(frame.route >> 24)};
    peer_id evicted;
    struct wire_error error;
    peer_id peer = peers_of(b->peers, side, bytes_of(route, sizeof route), &evicted);
    if (evicted != 0)
        step_simple(sim, EVENT_GONE, evicted);
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        if (sim->workers[i].route == frame.route)
            sim->workers[i].taken = sim->now;
    TABLE_ADD(b->frames, frame);
    if (!sim_ingress(sim, side, peer, bytes_of(frame.data, frame.size), &error)) {
        laws_break(sim, "WIRE", "the broker cannot read a frame: %s", error.text);
        sim_egress_refuse(sim, peer, &error);
    }
}

static uint32_t drain_side(struct sim *sim, enum side side, uint32_t most)
{
    uint32_t taken = 0;
    struct frame frame;
    while (taken < most && frames_pop(&sim->net.inbox[side], &frame)) {
        take_frame(sim, side, frame);
        taken++;
    }
    return taken;
}

static void drain(struct sim *sim)
{
    struct sim_broker *b = &sim->broker;
    uint32_t left = sim->swarm.turn_frames_max, taken;
    do {
        taken = drain_side(sim, SIDE_WORKERS, left < BURST ? left : BURST);
        taken += drain_side(sim, SIDE_CLIENTS, left - taken < BURST ? left - taken : BURST);
        left -= taken;
    } while (taken > 0 && left > 0);
    b->drained = sim->net.inbox[SIDE_WORKERS].n == 0 && sim->net.inbox[SIDE_CLIENTS].n == 0;
}

/* What the sends of the last turn could not deliver. */
static void tell_unsent(struct sim *sim)
{
    struct sim_broker *b = &sim->broker;
    for (size_t i = 0; i < b->unsent.n; i++) {
        const struct unsent *u = &b->unsent.items[i];
        struct event event = {.type = u->track_id == 0 ? EVENT_GONE : EVENT_UNSENT,
                              .peer = u->peer};
        if (u->track_id != 0) {
            event.as.unsent.pool = u->pool;
            event.as.unsent.attempt = u->attempt;
            event.as.unsent.track_id = u->track_id;
        }
        sim_broker_step(sim, &event);
    }
    b->unsent.n = 0;
}

static void check_disk(struct sim *sim)
{
    struct sim_broker *b = &sim->broker;
    if (b->turn_now < b->disk_due)
        return;
    b->disk_due = b->turn_now + DISK_CHECK_NS;
    struct event event = {.type = EVENT_DISK};
    event.as.disk.free_bytes = b->disk_free;
    sim_broker_step(sim, &event);
}

static void judge_time(struct sim *sim)
{
    struct sim_broker *b = &sim->broker;
    bool told = sim->swarm.plant != PLANT_LATE_NOT_TOLD;
    if (sim->now < b->planned)
        b->planned = sim->now;
    if (b->turn_now - b->planned > sim->swarm.limits.late_ns && told) {
        trace_line(sim, TRACE_PROCESS, "broker is late by %lld ms",
                   (long long)((b->turn_now - b->planned) / MUSTER_MS));
        step_simple(sim, EVENT_LATE, 0);
    }
    if (!told)
        step_simple(sim, EVENT_TICK, 0);
}

static int64_t sync_time(struct sim *sim)
{
    const struct swarm *swarm = &sim->swarm;
    int64_t usual = rand_between(&sim->chance, swarm->sync_min_ns, swarm->sync_max_ns);
    return usual + sim->broker.slow_sync_ns;
}

bool sim_broker_is_early(const struct sim *sim, const struct send *send)
{
    switch ((int)sim->swarm.plant) {
    case PLANT_ACK_BEFORE_SYNC:
        return send->type == SEND_SUBMITTED;
    case PLANT_HAND_OUT_NOT_DURABLE:
        return send->type == SEND_COMMAND;
    case PLANT_VERDICT_BEFORE_COMMIT:
        return send->type == SEND_RECORDED;
    case PLANT_DONE_BEFORE_COMMIT:
        return send->type == SEND_DONE;
    default:
        return false;
    }
}

/* Planted bugs: some sends leave before the sync. */
static void send_early(struct sim *sim, const struct send *sends, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (sim_broker_is_early(sim, &sends[i]))
            sim_egress(sim, i, i + 1);
    sim->broker.sent_early = true;
}

static void begin_turn(struct sim *sim, uint32_t life, uint64_t at)
{
    struct sim_broker *b = &sim->broker;
    if (!b->alive || b->life != life || b->paused || b->committing || b->wake_at != (muster_time)at)
        return;
    b->wake_at = MUSTER_NEVER;
    b->turn_now = sim->now;
    b->turn_wall_ns = wall(sim);
    b->turns++;
    judge_time(sim);
    check_disk(sim);
    tell_unsent(sim);
    drain(sim);
    if (b->drained && (b->turn_now >= b->tick_due || b->turn_now >= core_deadline(b->core))) {
        step_simple(sim, EVENT_TICK, 0);
        b->tick_due = b->turn_now + TICK_NS;
    }
    core_flush(b->core, b->turn_now, b->turn_wall_ns, b->box);
    check(sim);
    size_t n_facts, n_sends;
    (void)outbox_facts(b->box, &n_facts);
    const struct send *sends = outbox_sends(b->box, &n_sends);
    b->committing = true;
    b->sent_early = false;
    if (n_facts == 0) {
        end_turn(sim, life, 0);
        return;
    }
    send_early(sim, sends, n_sends);
    agenda_add(&sim->agenda, sim->now + sync_time(sim), end_turn, life, 0);
}

/* ---- the turn, from the sync on -------------------------------------------------------------- */

/* False when the process has ended. */
static bool commit(struct sim *sim)
{
    struct sim_broker *b = &sim->broker;
    size_t n_facts;
    const struct fact *facts = outbox_facts(b->box, &n_facts);
    if (n_facts == 0)
        return true;
    if (b->disk_full) {
        trace_line(sim, TRACE_PROCESS, "broker: the disk is full");
        world_broker_ended(sim);
        return false;
    }
    bool fails = b->sync_fails;
    b->sync_fails = false;
    bool kept = !fails || rand_chance(&sim->chance, 1, 2);
    if (kept) {
        vault_commit(sim, facts, n_facts, sim_broker_body_of, sim);
        b->digest = core_digest(b->core);
    }
    if (!fails)
        return true;
    trace_line(sim, TRACE_PROCESS, "broker: the sync failed, the facts are %s",
               kept ? "kept" : "lost");
    world_broker_ended(sim);
    return false;
}

/* A kill may come between two sends. */
static size_t sends_before_kill(struct sim *sim, size_t n)
{
    if (sim->healed || !swarm_has(&sim->swarm, FAULT_BROKER_KILL) || n == 0 ||
        !rand_chance(&sim->chance, 1, 200))
        return n;
    return (size_t)rand_below(&sim->chance, n);
}

/* As wait_for_work of the product plans it. */
static void plan(struct sim *sim)
{
    struct sim_broker *b = &sim->broker;
    bool busy = !b->drained || b->unsent.n > 0;
    muster_time due = core_deadline(b->core);
    if (b->disk_due < due)
        due = b->disk_due;
    b->planned = busy || due < sim->now ? sim->now : due;
    if (sim->now - b->turn_now > sim->swarm.limits.late_ns)
        b->planned = b->turn_now;
    bool more = sim->net.inbox[SIDE_WORKERS].n > 0 || sim->net.inbox[SIDE_CLIENTS].n > 0;
    wake(sim, busy || more || due <= sim->now ? sim->now + TURN_NS : due);
}

static void end_turn(struct sim *sim, uint32_t life, uint64_t unused)
{
    struct sim_broker *b = &sim->broker;
    (void)unused;
    if (!b->alive || b->life != life || !b->committing)
        return;
    b->commit_is_due = b->paused;
    if (b->paused || !commit(sim))
        return;
    size_t n_sends, n_facts;
    (void)outbox_facts(b->box, &n_facts);
    (void)outbox_sends(b->box, &n_sends);
    if (n_facts > 0 || b->turns % 16 == 0)
        laws_turn(sim);
    if (core_digest(b->core) != b->digest)
        laws_break(sim, "DIGEST", "durable state changed without a fact");
    size_t to = sends_before_kill(sim, n_sends);
    sim_egress(sim, 0, to);
    if (to < n_sends) {
        trace_line(sim, TRACE_PROCESS, "broker is killed amid its sends");
        world_broker_ended(sim);
        return;
    }
    b->committing = false;
    reset_turn(b);
    if (b->stop) {
        trace_line(sim, TRACE_PROCESS, "broker was told to stop");
        sim_broker_term(sim);
        world_broker_ended(sim);
        return;
    }
    plan(sim);
}
