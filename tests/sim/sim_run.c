/*
 * sim_run.c -- executions: a command runs for as long as its arguments say and ends as they say,
 * unless it is told to end before; then it takes up to the grace to do so.
 */
#include <string.h>

#include "base/assert.h"
#include "sim.h"

enum { MEMORY = 64 * 1024 };

static const int64_t KILL_NS = 1 * MUSTER_MS;

/* ---- records --------------------------------------------------------------------------------- */

/* The record's body carries the token of its execution. */
size_t sim_run_body(int64_t token, uint8_t *buffer, size_t size)
{
    struct wire_value value = {.kind = WIRE_VALUE_INT, .integer = token};
    struct wire_record_body body = {.result = &value, .n_result = 1};
    size_t bytes = wire_record_body_size(&body);
    MUST(bytes <= size);
    wire_record_body_encode(&body, buffer, bytes);
    return bytes;
}

struct outcome {
    enum state state;
    enum reason reason;
    int32_t exit;
    uint32_t signal;
};

static struct outcome outcome_of(const struct run *run)
{
    if (run->ending)
        return (struct outcome){.state = run->reason == REASON_WORKER_SHUTDOWN ? STATE_FAILED
                                                                               : STATE_CANCELLED,
                                .reason = run->reason};
    switch (run->how) {
    case HOW_FAILED:
        return (struct outcome){.state = STATE_FAILED, .reason = REASON_EXIT, .exit = 3};
    case HOW_SIGNALED:
        return (struct outcome){.state = STATE_SIGNALED, .reason = REASON_SIGNAL, .signal = 11};
    case HOW_TIMEOUT:
        return (struct outcome){.state = STATE_TIMEOUT, .reason = REASON_TIMEOUT};
    case HOW_LOST: /* as when the process that starts commands has died */
        return (struct outcome){.state = STATE_LOST, .reason = REASON_WORKER_LOST};
    case HOW_OK:
    case HOW_COUNT:
        break;
    }
    return (struct outcome){.state = STATE_OK};
}

static struct wire_record_head record_of(const struct sim *sim, const struct run *run)
{
    struct outcome outcome = outcome_of(run);
    return (struct wire_record_head){.pool = run->id.pool,
                                     .attempt = run->id.attempt,
                                     .track_id = run->id.track_id,
                                     .epoch = run->id.epoch,
                                     .state = outcome.state,
                                     .reason = outcome.reason,
                                     .exit = outcome.exit,
                                     .signal = outcome.signal,
                                     .start_wall_ns = run->wall_ns,
                                     .run_ns = sim->now - run->started,
                                     .slot = run->slot,
                                     .pid = run->token};
}

/* ---- ends ------------------------------------------------------------------------------------ */

static uint64_t tag_of(const struct sim_worker *w, uint32_t index)
{
    return (uint64_t)w->runs[index].generation << 32 | index;
}

static void conclude(struct sim *sim, struct sim_worker *w, struct run *run)
{
    run->over = true;
    run->record = record_of(sim, run);
    trace_line(sim, TRACE_RUN, "worker %u: %u.%llu attempt %u ended %s", w->number, run->id.pool,
               (unsigned long long)run->id.track_id, run->id.attempt,
               state_name((enum state)run->record.state));
    if (run->token != 0)
        laws_ended(sim, run->token, (enum state)run->record.state, run->record.run_ns);
    sim_worker_wake(sim, w);
}

static void ends(struct sim *sim, uint32_t number, uint64_t what)
{
    struct sim_worker *w = &sim->workers[number];
    struct run *run = &w->runs[(uint32_t)what];
    if (run->used && !run->over && run->generation == what >> 32)
        conclude(sim, w, run);
}

/* Into the spool, then to the agent. */
static void finish(struct sim *sim, struct sim_worker *w, struct run *run)
{
    uint8_t buffer[64];
    struct agent_event event = {.type = AGENT_EV_DONE};
    bool cut_off = run->ending && run->reason == REASON_CUT_OFF;
    if (run->token != 0)
        run->record.body = bytes_of(buffer, sim_run_body(run->token, buffer, sizeof buffer));
    if (!cut_off)
        run->note = notebook_end(&w->notebook, run->note, &run->record, run->token);
    event.as.done.id = run->id;
    event.as.done.record = run->note;
    event.as.done.run_ns = run->record.run_ns;
    event.as.done.cut_off = cut_off;
    event.as.done.is_quarantined = run->killed && !sim->healed && rand_chance(&sim->chance, 1, 4);
    *run = (struct run){.generation = run->generation + 1};
    sim_worker_step(sim, w, &event);
}

void sim_run_take_ended(struct sim *sim, struct sim_worker *w)
{
    for (uint32_t i = 0; i < RUNS_MAX; i++)
        if (w->runs[i].used && w->runs[i].over)
            finish(sim, w, &w->runs[i]);
}

static struct run *find(struct sim_worker *w, const struct agent_id *id)
{
    for (uint32_t i = 0; i < RUNS_MAX; i++) {
        const struct agent_id *other = &w->runs[i].id;
        if (w->runs[i].used && other->pool == id->pool && other->track_id == id->track_id &&
            other->attempt == id->attempt && other->epoch == id->epoch)
            return &w->runs[i];
    }
    return NULL;
}

void sim_run_end(struct sim *sim, struct sim_worker *w, const struct agent_effect *effect)
{
    struct run *run = find(w, &effect->id);
    if (run == NULL || run->ending || run->over)
        return;
    run->ending = true;
    run->reason = effect->reason;
    trace_line(sim, TRACE_RUN, "worker %u terminates %u.%llu attempt %u: %s", w->number,
               run->id.pool, (unsigned long long)run->id.track_id, run->id.attempt,
               reason_name(effect->reason));
    if (run->starting) { /* nothing of it has happened */
        run->starting = false;
        conclude(sim, w, run);
        return;
    }
    int64_t takes = rand_between(&sim->chance, 0, sim->swarm.grace_ns);
    agenda_add(&sim->agenda, sim->now + takes, ends, w->number,
               tag_of(w, (uint32_t)(run - w->runs)));
}

void sim_run_kill(struct sim *sim, struct sim_worker *w, const struct agent_effect *effect)
{
    struct run *run = find(w, &effect->id);
    if (run == NULL)
        return;
    run->killed = true;
    agenda_add(&sim->agenda, sim->now + KILL_NS, ends, w->number,
               tag_of(w, (uint32_t)(run - w->runs)));
}

void sim_run_cancel_unstarted(struct sim *sim, struct sim_worker *w,
                              const struct agent_effect *effect)
{
    struct wire_record_head record = {.pool = effect->id.pool,
                                      .attempt = effect->id.attempt,
                                      .track_id = effect->id.track_id,
                                      .epoch = effect->id.epoch,
                                      .state = STATE_CANCELLED,
                                      .reason = effect->reason};
    struct agent_event event = {.type = AGENT_EV_DONE};
    event.as.done.id = effect->id;
    event.as.done.record = notebook_end(&w->notebook, 0, &record, 0);
    sim_worker_step(sim, w, &event);
}

/* ---- starts ---------------------------------------------------------------------------------- */

struct arguments {
    uint32_t nonce;
    int64_t run_ns;
    enum how how;
};

static bool read_arguments(struct bytes body, struct arguments *ret)
{
    struct arena arena;
    struct wire_command_body command;
    struct wire_error error;
    arena_init(&arena, MEMORY);
    bool read =
        wire_command_body_decode(body, &arena, &command, &error) == 0 && command.n_args == 3;
    if (read)
        *ret = (struct arguments){.nonce = (uint32_t)command.args[0].integer,
                                  .run_ns = command.args[1].integer,
                                  .how = (enum how)command.args[2].integer};
    arena_done(&arena);
    return read;
}

static bool cannot_start(struct sim *sim)
{
    return !sim->healed && swarm_has(&sim->swarm, FAULT_UNSTARTABLE) &&
           rand_chance(&sim->chance, 1, 20);
}

void sim_run_start(struct sim *sim, struct sim_worker *w, const struct agent_effect *effect)
{
    uint32_t index = 0;
    (void)sim;
    while (index < RUNS_MAX && w->runs[index].used)
        index++;
    MUST(index < RUNS_MAX);
    w->runs[index] = (struct run){.used = true,
                                  .starting = true,
                                  .generation = w->runs[index].generation,
                                  .id = effect->id,
                                  .slot = effect->slot,
                                  .body = effect->body,
                                  .note = notebook_start(&w->notebook, &effect->id)};
}

static void put_back(struct sim *sim, struct sim_worker *w, struct run *run)
{
    struct agent_event event = {.type = AGENT_EV_UNSTARTED};
    event.as.unstarted.id = run->id;
    trace_line(sim, TRACE_RUN, "worker %u cannot start %u.%llu", w->number, run->id.pool,
               (unsigned long long)run->id.track_id);
    notebook_forget(&w->notebook, run->note);
    *run = (struct run){.generation = run->generation + 1};
    sim_worker_step(sim, w, &event);
}

static void begin(struct sim *sim, struct sim_worker *w, uint32_t index)
{
    struct run *run = &w->runs[index];
    struct arguments arguments = {0};
    if (!read_arguments(w->bodies.items[run->body - 1], &arguments))
        laws_break(sim, "WIRE", "worker %u got a body that is no command", w->number);
    run->starting = false;
    run->started = sim->now;
    run->wall_ns = SIM_WALL_BASE_NS + sim->now + w->wall_skew_ns;
    run->how = arguments.how;
    trace_line(sim, TRACE_RUN, "worker %u starts %u.%llu attempt %u", w->number, run->id.pool,
               (unsigned long long)run->id.track_id, run->id.attempt);
    run->token = laws_started(sim, w->number, &run->id, arguments.nonce);
    notebook_token(&w->notebook, run->note, run->token);
    agenda_add(&sim->agenda, sim->now + arguments.run_ns, ends, w->number, tag_of(w, index));
}

void sim_run_begin(struct sim *sim, struct sim_worker *w)
{
    for (uint32_t i = 0; i < RUNS_MAX; i++) {
        if (!w->runs[i].used || !w->runs[i].starting)
            continue;
        if (cannot_start(sim))
            put_back(sim, w, &w->runs[i]);
        else
            begin(sim, w, i);
    }
}

void sim_run_abandon(struct sim *sim, struct sim_worker *w)
{
    for (uint32_t i = 0; i < RUNS_MAX; i++) {
        struct run *run = &w->runs[i];
        if (run->used && !run->over && run->token != 0)
            laws_ended(sim, run->token, STATE_LOST, 0);
        *run = (struct run){.generation = run->generation + 1};
    }
}
