/*
 * work.c -- commands and their attempts: taken, started slot by slot, stopped, ended, reported.
 *
 * Responsible for every move of an attempt. It asks the shell to start and to end; what an attempt
 * really does is told by DONE alone.
 *
 * Invariant: of one command at most one attempt runs; a newer one is BLOCKED until the older ended.
 */
#include "base/assert.h"
#include "worker/core/machine.h"

/* How long a slot rests whose processes survived KILL. */
static const int64_t REST_NS = 60 * MUSTER_S;

/* One of an earlier epoch was handed out before the broker restarted: what it then did not find in
 * our HELLO it has queued again. */
static bool takes(const struct agent *agent, const struct agent_id *id)
{
    return agent->session == SESSION_SERVING && id->epoch == agent->epoch &&
           agent->drain == DRAIN_NO && !agent->spool_full;
}

static void drop_body(struct agent *agent, const struct agent_id *id, uint64_t body)
{
    struct agent_effect effect = {.type = AGENT_FX_DROP, .id = *id, .body = body};
    agent->effect(agent->ctx, &effect);
}

/* It never started here; the next RENEW or HELLO says so. */
static void give_back(struct agent *agent, struct attempt *attempt)
{
    drop_body(agent, &attempt->id, attempt->body);
    attempt->body = 0;
    attempt_move(&agent->attempts, attempt, ATTEMPT_RETURNING);
}

/* Waits, or waited, and was not started. */
static bool is_unstarted(const struct attempt *attempt)
{
    return attempt->kind == ATTEMPT_WAITING || attempt->kind == ATTEMPT_BLOCKED;
}

static void discard_unstarted(struct agent *agent, struct attempt *attempt)
{
    drop_body(agent, &attempt->id, attempt->body);
    attempts_remove(&agent->attempts, attempt);
}

/* A newer attempt of the same command has come: older ones that wait are void, one that runs must
 * end first. True when it has to wait for that. */
static bool supersede(struct agent *agent, const struct agent_id *id)
{
    bool blocked = false;
    struct attempt *next;
    for (struct attempt *old = attempts_first_of(&agent->attempts, id->pool, id->track_id); old;
         old = next) {
        next = attempts_next_of(&agent->attempts, old);
        if (is_unstarted(old)) {
            discard_unstarted(agent, old);
        } else if (old->kind == ATTEMPT_RUNNING) {
            old->superseded = true;
            work_end(agent, old, REASON_CUT_OFF);
            blocked = true;
        }
    }
    return blocked;
}

/* Known already, as a repeat or because a newer attempt has overtaken it. */
static bool is_outdated(const struct agent *agent, const struct attempt *known,
                        const struct agent_id *id)
{
    for (; known; known = attempts_next_of(&agent->attempts, known)) {
        int order = agent_id_order(&known->id, id);
        if (order == 0 || (order > 0 && known->kind != ATTEMPT_RETURNING))
            return true;
    }
    return false;
}

void work_command(struct agent *agent, const struct agent_event *event)
{
    const struct agent_id *id = &event->as.command.id;
    uint64_t body = event->as.command.body;
    struct attempt *known = attempts_first_of(&agent->attempts, id->pool, id->track_id);
    if (known && is_outdated(agent, known, id)) {
        drop_body(agent, id, body);
        return;
    }
    /* More than twice the credit that was given is not kept: the table is bounded. */
    uint32_t room = 2 * (agent->options.slots + agent->options.ahead_max);
    enum attempt_kind kind = ATTEMPT_WAITING;
    if (!takes(agent, id) || agent_waiting(agent) >= room)
        kind = ATTEMPT_RETURNING;
    else if (known && supersede(agent, id))
        kind = ATTEMPT_BLOCKED;
    struct attempt *attempt = attempts_add(&agent->attempts, id, kind);
    if (!attempt || kind == ATTEMPT_RETURNING) {
        drop_body(agent, id, body);
        return;
    }
    attempt->body = body;
    attempt->rerunnable = event->as.command.rerunnable;
}

void work_recorded(struct agent *agent, const struct agent_id *id)
{
    struct attempt *attempt = attempts_find(&agent->attempts, id);
    if (!attempt || attempt->kind != ATTEMPT_SPOOLED)
        return;
    machine_emit(agent, AGENT_FX_FORGET, attempt);
    attempts_remove(&agent->attempts, attempt);
    if (attempts_count(&agent->attempts, ATTEMPT_SPOOLED) <= agent->options.spooled_max / 2)
        agent->too_many = false;
}

void work_end(struct agent *agent, struct attempt *attempt, enum reason reason)
{
    if (attempt->ended)
        return;
    attempt->ended = true;
    attempt->cut = reason == REASON_CUT_OFF;
    struct agent_effect effect = {.type = AGENT_FX_END,
                                  .id = attempt->id,
                                  .slot = attempt->slot,
                                  .body = attempt->body,
                                  .reason = reason};
    agent->effect(agent->ctx, &effect);
}

void work_stop(struct agent *agent, const struct agent_id *id, enum reason reason, bool forget)
{
    struct attempt *attempt = attempts_find(&agent->attempts, id);
    if (!attempt)
        return;
    if (attempt->kind == ATTEMPT_RUNNING) {
        attempt->forget = attempt->forget || forget;
        work_end(agent, attempt, reason);
    } else if (is_unstarted(attempt) && forget) {
        discard_unstarted(agent, attempt);
    } else if (is_unstarted(attempt)) {
        struct agent_effect effect = {.type = AGENT_FX_CANCEL_UNSTARTED,
                                      .id = attempt->id,
                                      .body = attempt->body,
                                      .reason = reason};
        attempt->body = 0;
        attempt_move(&agent->attempts, attempt, ATTEMPT_CANCELLED);
        agent->effect(agent->ctx, &effect);
    } else if (forget && attempt->kind == ATTEMPT_SPOOLED) {
        work_recorded(agent, id);
    } else if (forget && attempt->kind == ATTEMPT_CANCELLED) {
        attempt->forget = true;
    }
}

/* The older attempt has ended: the newer one of the same command may start. */
static void unblock(struct agent *agent, uint32_t pool, uint64_t track_id)
{
    struct attempt *blocked = NULL;
    for (struct attempt *other = attempts_first_of(&agent->attempts, pool, track_id); other;
         other = attempts_next_of(&agent->attempts, other)) {
        if (other->kind == ATTEMPT_RUNNING)
            return;
        if (other->kind == ATTEMPT_BLOCKED)
            blocked = other;
    }
    if (blocked)
        attempt_move(&agent->attempts, blocked, ATTEMPT_WAITING);
}

static void forget(struct agent *agent, struct attempt *attempt)
{
    machine_emit(agent, AGENT_FX_FORGET, attempt);
    attempts_remove(&agent->attempts, attempt);
}

void work_done(struct agent *agent, const struct agent_event *event)
{
    const struct agent_id id = event->as.done.id;
    struct attempt *attempt = attempts_find(&agent->attempts, &id);
    if (!attempt || (attempt->kind != ATTEMPT_RUNNING && attempt->kind != ATTEMPT_CANCELLED)) {
        struct agent_effect effect = {
            .type = AGENT_FX_FORGET, .id = id, .record = event->as.done.record};
        if (!attempt)
            agent->effect(agent->ctx, &effect);
        return;
    }
    bool nothing_to_report = event->as.done.cut_off && attempt->kind == ATTEMPT_RUNNING;
    attempt->record = event->as.done.record;
    if (event->as.done.is_quarantined && attempt->kind == ATTEMPT_RUNNING) {
        attempt->rests = true;
        agent->rest_until = time_add(agent->now, REST_NS);
    }
    if (attempt->forget || (nothing_to_report && attempt->superseded)) {
        forget(agent, attempt);
    } else if (nothing_to_report) {
        attempt_move(&agent->attempts, attempt, ATTEMPT_GONE);
        /* A HELLO that was said while it was ending listed it as running. */
        agent->hello_wanted =
            agent->session == SESSION_GREETING || agent->session == SESSION_SERVING;
    } else {
        attempt_move(&agent->attempts, attempt, ATTEMPT_SPOOLED);
        if (attempts_count(&agent->attempts, ATTEMPT_SPOOLED) > agent->options.spooled_max)
            agent->too_many = true;
        if (agent->session == SESSION_SERVING)
            machine_emit(agent, AGENT_FX_SEND_REPORT, attempt);
    }
    unblock(agent, id.pool, id.track_id);
}

void work_unstarted(struct agent *agent, const struct agent_id *id)
{
    struct attempt *attempt = attempts_find(&agent->attempts, id);
    if (!attempt || attempt->kind != ATTEMPT_RUNNING)
        return;
    if (attempt->forget || attempt->superseded) {
        uint32_t pool = id->pool;
        uint64_t track_id = id->track_id;
        discard_unstarted(agent, attempt);
        unblock(agent, pool, track_id);
        return;
    }
    attempt->ended = attempt->cut = attempt->killed = false;
    attempt_move(&agent->attempts, attempt, ATTEMPT_WAITING);
    if (agent->drain != DRAIN_NO || agent->spool_full)
        give_back(agent, attempt);
}

void work_inherited(struct agent *agent, const struct agent_id *id, uint64_t record,
                    enum attempt_kind kind)
{
    if (attempts_find(&agent->attempts, id))
        return;
    struct attempt *attempt = attempts_add(&agent->attempts, id, kind);
    MUST(attempt != NULL);
    attempt->record = record;
    if (attempts_count(&agent->attempts, ATTEMPT_SPOOLED) > agent->options.spooled_max)
        agent->too_many = true;
}

void work_judge(struct agent *agent)
{
    if (agent->rest_until != 0 && agent->now >= agent->rest_until) {
        agent->rest_until = 0;
        attempts_end_rest(&agent->attempts);
    }
}

void work_start(struct agent *agent)
{
    if (agent->cut_off || agent->hold != 0 || agent->spool_full || agent->drain != DRAIN_NO)
        return;
    while (agent->attempts.slots_free > 0) {
        struct attempt *attempt = attempts_front(&agent->attempts, ATTEMPT_WAITING);
        if (!attempt)
            return;
        attempt_move(&agent->attempts, attempt, ATTEMPT_RUNNING);
        machine_emit(agent, AGENT_FX_START, attempt);
    }
}

void work_return_all(struct agent *agent)
{
    struct attempt *attempt;
    while ((attempt = attempts_front(&agent->attempts, ATTEMPT_WAITING)) != NULL)
        give_back(agent, attempt);
    while ((attempt = attempts_front(&agent->attempts, ATTEMPT_BLOCKED)) != NULL)
        give_back(agent, attempt);
}

/* Re-runnable ones that wait are given back: a HELLO may have listed them already, or no HELLO may
 * come. */
static void return_rerunnable(struct agent *agent, enum attempt_kind kind)
{
    list_each_safe (link, after, &agent->attempts.kinds[kind].all) {
        struct attempt *attempt = list_entry(link, struct attempt, link);
        if (attempt->rerunnable)
            give_back(agent, attempt);
    }
}

void work_cut_off(struct agent *agent)
{
    return_rerunnable(agent, ATTEMPT_WAITING);
    return_rerunnable(agent, ATTEMPT_BLOCKED);
    list_each (link, &agent->attempts.kinds[ATTEMPT_RUNNING].all) {
        struct attempt *attempt = list_entry(link, struct attempt, link);
        if (attempt->rerunnable)
            work_end(agent, attempt, REASON_CUT_OFF);
    }
}

void work_cut_kill(struct agent *agent)
{
    list_each (link, &agent->attempts.kinds[ATTEMPT_RUNNING].all) {
        struct attempt *attempt = list_entry(link, struct attempt, link);
        if (!attempt->rerunnable || attempt->killed)
            continue;
        work_end(agent, attempt, REASON_CUT_OFF);
        attempt->killed = true;
        machine_emit(agent, AGENT_FX_KILL, attempt);
    }
}
