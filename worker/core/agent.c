/*
 * agent.c -- the interface of the agent: one step for each event, the deadline, the views.
 *
 * Responsible for the order inside a step: the event's own handler (session.c, work.c, drain.c),
 * then starts, then the way out. Deliberately without any knowledge of frames, files and processes.
 *
 * Invariants: see agent_check.
 */
#include "worker/core/agent.h"

#include <stdlib.h>

#include "base/assert.h"
#include "worker/core/machine.h"

struct agent_options agent_options_default(void)
{
    return (struct agent_options){.slots = 1,
                                  .ahead_max = 1024,
                                  .spooled_max = 65536,
                                  .silence_ns = 15 * MUSTER_S,
                                  .backoff_min_ns = 100 * MUSTER_MS,
                                  .backoff_max_ns = 30 * MUSTER_S,
                                  .drain_ns = 10 * MUSTER_S,
                                  .grace_ns = 5 * MUSTER_S,
                                  .seed = 1};
}

struct agent *agent_new(const struct agent_options *options)
{
    struct agent *agent = calloc(1, sizeof *agent);
    MUST(agent != NULL);
    MUST(options->backoff_min_ns > 0 && options->backoff_max_ns >= options->backoff_min_ns);
    MUST(options->drain_ns >= 0 && options->grace_ns >= 0 && options->silence_ns > 0);
    MUST(options->ahead_max <= ATTEMPTS_MAX / 8 && options->spooled_max <= ATTEMPTS_MAX / 4);
    agent->options = *options;
    agent->lease_ns = 30 * MUSTER_S;
    agent->renew_ns = 5 * MUSTER_S;
    rand_seed(&agent->rand, options->seed);
    attempts_init(&agent->attempts, options->slots, rand_next(&agent->rand));
    return agent;
}

void agent_free(struct agent *agent)
{
    if (!agent)
        return;
    attempts_done(&agent->attempts);
    free(agent);
}

void machine_emit(struct agent *agent, enum agent_effect_type type, const struct attempt *attempt)
{
    struct agent_effect effect = {.type = type};
    if (attempt) {
        effect.id = attempt->id;
        effect.slot = attempt->slot;
        effect.body = attempt->body;
        effect.record = attempt->record;
    }
    agent->effect(agent->ctx, &effect);
}

/* The broker's words, as opposed to what happens here. */
static bool is_from_broker(enum agent_event_type type)
{
    switch (type) {
    case AGENT_EV_WELCOME:
    case AGENT_EV_COMMAND:
    case AGENT_EV_RECORDED:
    case AGENT_EV_STOP:
    case AGENT_EV_PONG:
    case AGENT_EV_WHO_ARE_YOU:
    case AGENT_EV_REFUSED:
    case AGENT_EV_BYE:
        return true;
    case AGENT_EV_OPEN:
    case AGENT_EV_DONE:
    case AGENT_EV_SPOOLED:
    case AGENT_EV_LEFT:
    case AGENT_EV_DRAIN:
    case AGENT_EV_TICK:
    case AGENT_EV_RECONNECTED:
    case AGENT_EV_UNSTARTED:
    case AGENT_EV_SPOOL:
        break;
    }
    return false;
}

static void bye(struct agent *agent, bool end)
{
    if (end) {
        agent->for_good = true;
        if (agent->drain == DRAIN_NO)
            drain_begin(agent, false);
    } else if (agent->session == SESSION_GREETING || agent->session == SESSION_SERVING) {
        session_reopen(agent);
    }
}

static void reconnected(struct agent *agent)
{
    if (agent->session != SESSION_GREETING && agent->session != SESSION_SERVING)
        return;
    agent->heard = agent->now; /* the new connection gets its own time to answer */
    session_hello(agent);
}

static void spool(struct agent *agent, bool full)
{
    agent->spool_full = full;
    if (full)
        work_return_all(agent);
}

static void tick(struct agent *agent)
{
    session_judge(agent);
    work_judge(agent);
    drain_judge(agent);
}

static void dispatch(struct agent *agent, const struct agent_event *event)
{
    switch (event->type) {
    case AGENT_EV_OPEN:
        session_open(agent);
        break;
    case AGENT_EV_WELCOME:
        session_welcome(agent, event->as.welcome.epoch, event->as.welcome.lease_ns,
                        event->as.welcome.renew_ns);
        break;
    case AGENT_EV_COMMAND:
        work_command(agent, event);
        break;
    case AGENT_EV_RECORDED:
        work_recorded(agent, &event->as.recorded.id);
        break;
    case AGENT_EV_STOP:
        work_stop(agent, &event->as.stop.id, event->as.stop.reason, event->as.stop.forget);
        break;
    case AGENT_EV_PONG:
        session_pong(agent, event->as.pong.sent_ns);
        break;
    case AGENT_EV_WHO_ARE_YOU:
        session_who_are_you(agent);
        break;
    case AGENT_EV_REFUSED:
        session_refused(agent, event->as.refused.retryable);
        break;
    case AGENT_EV_BYE:
        bye(agent, event->as.bye.end);
        break;
    case AGENT_EV_DONE:
        work_done(agent, event);
        break;
    case AGENT_EV_SPOOLED:
        work_inherited(agent, &event->as.spooled.id, event->as.spooled.record, ATTEMPT_SPOOLED);
        break;
    case AGENT_EV_LEFT:
        work_inherited(agent, &event->as.left.id, event->as.left.record, ATTEMPT_GONE);
        break;
    case AGENT_EV_DRAIN:
        drain_begin(agent, event->as.drain.hurry);
        break;
    case AGENT_EV_TICK:
        tick(agent);
        break;
    case AGENT_EV_RECONNECTED:
        reconnected(agent);
        break;
    case AGENT_EV_UNSTARTED:
        work_unstarted(agent, &event->as.unstarted.id);
        break;
    case AGENT_EV_SPOOL:
        spool(agent, event->as.spool.full);
        break;
    }
}

void agent_step(struct agent *agent, const struct agent_event *event, agent_effect_fn *effect,
                void *ctx)
{
    if (agent->session == SESSION_DONE) {
        /* Nobody will start it; the next HELLO of this worker does not list it. */
        struct agent_effect drop = {.type = AGENT_FX_DROP};
        if (event->type == AGENT_EV_COMMAND) {
            drop.id = event->as.command.id;
            drop.body = event->as.command.body;
            effect(ctx, &drop);
        }
        return;
    }
    agent->effect = effect;
    agent->ctx = ctx;
    if (event->now > agent->now)
        agent->now = event->now;
    if (is_from_broker(event->type) && agent->session != SESSION_CLOSED)
        agent->heard = agent->now;
    dispatch(agent, event);
    if (agent->session != SESSION_DONE)
        work_start(agent);
    drain_progress(agent);
    agent->effect = NULL;
}

muster_time agent_deadline(const struct agent *agent)
{
    muster_time at = session_deadline(agent);
    if (agent->session != SESSION_DONE && agent->drain != DRAIN_NO && agent->drain_at < at)
        at = agent->drain_at;
    if (agent->session != SESSION_DONE && agent->rest_until != 0 && agent->rest_until < at)
        at = agent->rest_until;
    return at;
}

/* ---- views ----------------------------------------------------------------------------------- */

static size_t list_kind(const struct agent *agent, enum attempt_kind kind, enum agent_phase phase,
                        struct agent_attempt *ret, size_t count, size_t max)
{
    list_each (link, &agent->attempts.kinds[kind].all) {
        if (count == max)
            return count;
        ret[count++] = (struct agent_attempt){.id = list_entry(link, struct attempt, link)->id,
                                              .phase = phase};
    }
    return count;
}

size_t agent_attempts(const struct agent *agent, struct agent_attempt *ret, size_t max)
{
    size_t n = 0;
    n = list_kind(agent, ATTEMPT_RUNNING, AGENT_RUNNING, ret, n, max);
    n = list_kind(agent, ATTEMPT_WAITING, AGENT_WAITING, ret, n, max);
    n = list_kind(agent, ATTEMPT_BLOCKED, AGENT_WAITING, ret, n, max);
    n = list_kind(agent, ATTEMPT_CANCELLED, AGENT_WAITING, ret, n, max);
    n = list_kind(agent, ATTEMPT_SPOOLED, AGENT_SPOOLED, ret, n, max);
    return list_kind(agent, ATTEMPT_GONE, AGENT_GONE, ret, n, max);
}

size_t agent_attempts_count(const struct agent *agent)
{
    return slab_count(&agent->attempts.slab) - attempts_count(&agent->attempts, ATTEMPT_RETURNING);
}

uint32_t agent_credit(const struct agent *agent)
{
    if (agent->drain != DRAIN_NO || agent->spool_full || agent->too_many)
        return 0;
    return agent->options.slots + agent->options.ahead_max;
}

bool agent_is_serving(const struct agent *agent)
{
    return agent->session == SESSION_SERVING;
}

bool agent_is_refused(const struct agent *agent)
{
    return agent->refused;
}

uint32_t agent_running(const struct agent *agent)
{
    return attempts_count(&agent->attempts, ATTEMPT_RUNNING);
}

uint32_t agent_waiting(const struct agent *agent)
{
    return attempts_count(&agent->attempts, ATTEMPT_WAITING) +
           attempts_count(&agent->attempts, ATTEMPT_BLOCKED);
}

uint32_t agent_spooled(const struct agent *agent)
{
    return attempts_count(&agent->attempts, ATTEMPT_SPOOLED);
}

/* ---- check ----------------------------------------------------------------------------------- */

static const char *check_session(const struct agent *agent)
{
    uint32_t waiting = attempts_count(&agent->attempts, ATTEMPT_WAITING);
    bool starts = !agent->cut_off && agent->hold == 0 && !agent->spool_full &&
                  agent->drain == DRAIN_NO && agent->session != SESSION_DONE;
    if (starts && waiting > 0 && agent->attempts.slots_free > 0)
        return "a command waits although a slot is free";
    if (agent->session == SESSION_SERVING && (agent->hellos != 0 || agent->barrier != 0))
        return "serving with an unanswered HELLO";
    if (agent->session == SESSION_GREETING && agent->hellos == 0)
        return "greeting without a HELLO";
    if (agent->session == SESSION_GREETING && agent->hellos > 1 && agent->barrier == 0)
        return "several HELLOs and no barrier";
    if (agent->answered > agent->now)
        return "answered in the future";
    if (agent->drain != DRAIN_NO && agent_waiting(agent) > 0)
        return "draining with commands that wait";
    if (agent->cut_killed && !agent->cut_off)
        return "killed without having been cut off";
    return NULL;
}

/* Of one command one attempt runs at most, and only such a one blocks another. */
static const char *check_commands(const struct agent *agent)
{
    list_each (link, &agent->attempts.kinds[ATTEMPT_RUNNING].all) {
        const struct attempt *runs = list_entry(link, struct attempt, link);
        const struct attempt *other =
            attempts_first_of(&agent->attempts, runs->id.pool, runs->id.track_id);
        for (; other; other = attempts_next_of(&agent->attempts, other)) {
            if (other != runs && other->kind == ATTEMPT_RUNNING)
                return "two attempts of one command run";
            if (other->kind == ATTEMPT_WAITING)
                return "an attempt waits for a slot while another of its command runs";
        }
    }
    list_each (link, &agent->attempts.kinds[ATTEMPT_BLOCKED].all) {
        const struct attempt *waits = list_entry(link, struct attempt, link);
        const struct attempt *other =
            attempts_first_of(&agent->attempts, waits->id.pool, waits->id.track_id);
        while (other && other->kind != ATTEMPT_RUNNING)
            other = attempts_next_of(&agent->attempts, other);
        if (!other)
            return "an attempt is blocked by nothing";
    }
    return NULL;
}

bool agent_check(const struct agent *agent, const char **ret_what)
{
    if (!attempts_check(&agent->attempts, ret_what))
        return false;
    *ret_what = check_session(agent);
    if (!*ret_what)
        *ret_what = check_commands(agent);
    return *ret_what == NULL;
}
