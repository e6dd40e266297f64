/*
 * sim_worker.c -- life of a worker, and the order inside one of its turns:
 * events into the agent, notes into the spool, the spool written, then starts and sends.
 */
#include "sim_worker.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "sim.h"

static void turn(struct sim *sim, uint32_t number, uint64_t at);

static void wake(struct sim *sim, struct sim_worker *w, muster_time at)
{
    if (!w->alive || w->paused || at >= w->wake_at)
        return;
    w->wake_at = at;
    agenda_add(&sim->agenda, at, turn, w->number, (uint64_t)at);
}

void sim_worker_wake(struct sim *sim, struct sim_worker *w)
{
    wake(sim, w, sim->now);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void keep_wish(void *ctx, const struct agent_effect *effect)
{
    struct sim_worker *w = ctx;
    struct wish wish = {.effect = *effect, .returned_from = w->returned.n};
    for (uint32_t i = 0; i < effect->n_returned; i++)
        TABLE_ADD(w->returned, effect->returned[i]);
    wish.effect.returned = NULL;
    TABLE_ADD(w->wishes, wish);
}

void sim_worker_step(struct sim *sim, struct sim_worker *w, struct agent_event *event)
{
    const char *what = "";
    event->now = sim->now;
    event->wall_ns = SIM_WALL_BASE_NS + sim->now + w->wall_skew_ns;
    agent_step(w->agent, event, keep_wish, w);
    if (!agent_check(w->agent, &what))
        laws_break(sim, "CHECK", "agent %u: %s", w->number, what);
}

static void step_simple(struct sim *sim, struct sim_worker *w, enum agent_event_type type)
{
    struct agent_event event = {.type = type};
    sim_worker_step(sim, w, &event);
}

/* ---- wishes ---------------------------------------------------------------------------------- */

/* A place where a kill may come. */
static bool is_killed_here(struct sim *sim, struct sim_worker *w)
{
    if (sim->healed || !swarm_has(&sim->swarm, FAULT_WORKER_KILL) ||
        !rand_chance(&sim->chance, 1, 1000))
        return false;
    trace_line(sim, TRACE_PROCESS, "worker %u is killed amid its turn", w->number);
    w->dead = true;
    return true;
}

static void free_bytes(struct bytes *bytes)
{
    union {
        const uint8_t *lent;
        void *own;
    } pointer = {.lent = bytes->data};
    free(pointer.own);
    *bytes = (struct bytes){0};
}

static void drop_body(struct sim_worker *w, uint64_t handle)
{
    if (handle != 0)
        free_bytes(&w->bodies.items[handle - 1]);
}

static void reopen(struct sim *sim, struct sim_worker *w, int64_t delay_ns)
{
    network_close(sim, w->number, false);
    sim_voice_reset(w);
    w->reconnected = false;
    w->reopen_at = sim->now + delay_ns;
}

static void perform(struct sim *sim, struct sim_worker *w, const struct wish *wish)
{
    const struct agent_effect *effect = &wish->effect;
    switch (effect->type) {
    case AGENT_FX_SEND_HELLO:
    case AGENT_FX_SEND_RENEW:
    case AGENT_FX_SEND_REPORT:
    case AGENT_FX_SEND_BYE:
        sim_voice_effect(sim, w, wish);
        break;
    case AGENT_FX_START:
        sim_run_start(sim, w, effect);
        break;
    case AGENT_FX_END:
        sim_run_end(sim, w, effect);
        break;
    case AGENT_FX_KILL:
        sim_run_kill(sim, w, effect);
        break;
    case AGENT_FX_DROP:
        drop_body(w, effect->body);
        break;
    case AGENT_FX_FORGET:
        sim_voice_unqueue(w, effect->record);
        notebook_forget(&w->notebook, effect->record);
        laws_answered(sim, w->number, &effect->id);
        break;
    case AGENT_FX_REOPEN:
        reopen(sim, w, effect->delay_ns);
        break;
    case AGENT_FX_EXIT:
        w->exited = true;
        break;
    case AGENT_FX_CANCEL_UNSTARTED:
        sim_run_cancel_unstarted(sim, w, effect);
        break;
    }
}

/* The planted bug: what is noted reaches the file after the sends. */
static void flush_spool(const struct sim *sim, struct sim_worker *w)
{
    if (sim->swarm.plant == PLANT_SPOOL_UNSYNCED)
        w->notebook.sync_wanted = false;
    if (sim->swarm.plant != PLANT_SPOOL_LATE)
        notebook_flush(&w->notebook);
}

/* A wish may make the agent wish more: one that cannot start, one that is cancelled. */
static void perform_wishes(struct sim *sim, struct sim_worker *w)
{
    for (size_t i = 0; i < w->wishes.n; i++) {
        struct wish wish = w->wishes.items[i];
        perform(sim, w, &wish);
    }
    w->wishes.n = 0;
    w->returned.n = 0;
}

/* Notes first, then starts; what they lead to, likewise. */
static void settle(struct sim *sim, struct sim_worker *w)
{
    do {
        perform_wishes(sim, w);
        flush_spool(sim, w);
        if (is_killed_here(sim, w))
            return;
        sim_run_begin(sim, w);
        sim_run_take_ended(sim, w);
    } while (w->wishes.n > 0);
    flush_spool(sim, w);
    sim_voice_flush(sim, w);
    if (!is_killed_here(sim, w))
        notebook_flush(&w->notebook);
}

static void plan(struct sim *sim, struct sim_worker *w)
{
    if (w->dead || w->exited) {
        bool exited = !w->dead;
        sim_worker_kill(sim, w, false);
        world_worker_ended(sim, w->number, exited);
        return;
    }
    w->wake_at = MUSTER_NEVER;
    muster_time due = agent_deadline(w->agent);
    if (w->reopen_at < due)
        due = w->reopen_at;
    if (sim->net.dealers[w->number].inbox.n > 0)
        due = sim->now;
    if (due != MUSTER_NEVER)
        wake(sim, w, due > sim->now ? due : sim->now + MUSTER_US);
}

static void turn(struct sim *sim, uint32_t number, uint64_t at)
{
    struct sim_worker *w = &sim->workers[number];
    struct frame frame;
    if (!w->alive || w->paused || w->wake_at != (muster_time)at)
        return;
    if (w->reconnected && sim->swarm.monitor)
        step_simple(sim, w, AGENT_EV_RECONNECTED);
    w->reconnected = false;
    while (frames_pop(&sim->net.dealers[number].inbox, &frame))
        sim_voice_hear(sim, w, frame);
    sim_run_take_ended(sim, w);
    if (sim->now >= w->reopen_at) {
        w->reopen_at = MUSTER_NEVER;
        network_open(sim, number);
        step_simple(sim, w, AGENT_EV_OPEN);
    }
    step_simple(sim, w, AGENT_EV_TICK);
    settle(sim, w);
    plan(sim, w);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct inheritance {
    struct sim *sim;
    struct sim_worker *worker;
};

static void inherit(void *ctx, const struct note *note)
{
    struct inheritance *to = ctx;
    struct agent_event event = {.type = note->is_record ? AGENT_EV_SPOOLED : AGENT_EV_LEFT};
    if (note->is_record) {
        event.as.spooled.id = note->id;
        event.as.spooled.record = note->handle;
    } else {
        event.as.left.id = note->id;
        event.as.left.record = note->handle;
    }
    sim_worker_step(to->sim, to->worker, &event);
}

void sim_worker_start(struct sim *sim, struct sim_worker *w)
{
    MUST(!w->alive);
    struct agent_options options = agent_options_default();
    struct inheritance to = {.sim = sim, .worker = w};
    options.slots = sim->swarm.slots[w->number];
    options.ahead_max = sim->swarm.ahead_max;
    options.spooled_max = 8;
    options.backoff_max_ns = 5 * MUSTER_S;
    options.drain_ns = 2 * MUSTER_S;
    options.grace_ns = sim->swarm.grace_ns;
    options.seed = rand_next(&sim->chance);
    w->alive = true;
    w->paused = w->dead = w->exited = w->spool_full = false;
    w->life++;
    w->wake_at = w->reopen_at = MUSTER_NEVER;
    w->reconnected = false;
    w->agent = agent_new(&options);
    trace_line(sim, TRACE_PROCESS, "worker %u starts, incarnation %u%s", w->number,
               w->notebook.incarnation + 1,
               notebook_is_unsure(&w->notebook) ? ", after a reboot" : "");
    notebook_open(&w->notebook, inherit, &to);
    laws_spool(sim, w);
    network_open(sim, w->number);
    step_simple(sim, w, AGENT_EV_OPEN);
    settle(sim, w);
    plan(sim, w);
}

void sim_worker_kill(struct sim *sim, struct sim_worker *w, bool power)
{
    if (!w->alive)
        return;
    w->alive = false;
    w->paused = false;
    sim_run_abandon(sim, w);
    network_close(sim, w->number, power);
    sim_voice_reset(w);
    for (size_t i = 0; i < w->bodies.n; i++)
        free_bytes(&w->bodies.items[i]);
    w->bodies.n = 0;
    w->wishes.n = w->returned.n = 0;
    agent_free(w->agent);
    w->agent = NULL;
    notebook_killed(&w->notebook);
    if (power) {
        notebook_lost_power(&w->notebook, &sim->chance);
        laws_lost_power(sim, w);
    }
    trace_line(sim, TRACE_PROCESS, "worker %u is gone%s", w->number,
               power ? ": its host lost power" : "");
}

void sim_worker_done(struct sim *sim, struct sim_worker *w)
{
    sim_worker_kill(sim, w, false);
    for (size_t i = 0; i < w->told.n; i++)
        free_bytes(&w->told.items[i]);
    free(w->told.items);
    free(w->wishes.items);
    free(w->returned.items);
    free(w->bodies.items);
    free(w->given_back.items);
    free(w->reports.items);
    notebook_done(&w->notebook);
}

void sim_worker_term(struct sim *sim, struct sim_worker *w, bool hurry)
{
    if (!w->alive || w->paused)
        return;
    struct agent_event event = {.type = AGENT_EV_DRAIN};
    event.as.drain.hurry = hurry;
    trace_line(sim, TRACE_PROCESS, "worker %u drains", w->number);
    sim_worker_step(sim, w, &event);
    settle(sim, w);
    plan(sim, w);
}

void sim_worker_pause(struct sim_worker *w)
{
    w->paused = true;
}

void sim_worker_resume(struct sim *sim, struct sim_worker *w)
{
    if (!w->paused)
        return;
    w->paused = false;
    w->paused_to = sim->now;
    w->wake_at = MUSTER_NEVER;
    wake(sim, w, sim->now);
}

void sim_worker_spool(struct sim *sim, struct sim_worker *w, bool full)
{
    if (!w->alive || w->paused)
        return;
    struct agent_event event = {.type = AGENT_EV_SPOOL};
    event.as.spool.full = full;
    w->spool_full = full;
    sim_worker_step(sim, w, &event);
    settle(sim, w);
    plan(sim, w);
}

void sim_worker_connected(struct sim *sim, struct sim_worker *w, bool again)
{
    w->reconnected = w->reconnected || again;
    sim_worker_wake(sim, w);
}
