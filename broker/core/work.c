/*
 * work.c -- what a worker says while it serves: renewals, records, goodbye.
 *
 * A record is accepted iff its command is not final, its attempt is the current one, and its sender
 * holds that attempt, or held it last and it was not issued again (S6). Everything else is stale,
 * unless it is the repeat of what was accepted.
 */
#include "broker/core/machine.h"

/* The live command whose current attempt this is, of this worker; else 0. */
static uint32_t current(const struct core *core, const struct worker *worker, uint32_t pool_id,
                        uint64_t track_id, uint32_t attempt, uint32_t epoch)
{
    uint32_t index = command_find(core, pool_find(&core->pools, pool_id), track_id);
    if (index == 0)
        return 0;
    const struct more *more = command_more(&core->commands, command_at(&core->commands, index));
    bool is_current = more != NULL && attempt > 0 && more->attempt == attempt &&
                      more->epoch == epoch && more->worker == worker->name;
    return is_current ? index : 0;
}

/* ---- renewal -------------------------------------------------------------------------------- */

void work_renew(struct core *core, const struct event *event, uint32_t index)
{
    const struct event_renew *renew = &event->as.renew;
    struct worker *worker = worker_at(&core->roster, index);
    for (uint32_t i = 0; i < renew->n_returned; i++) {
        const struct event_worker_attempt *a = &renew->returned[i];
        uint32_t c = current(core, worker, a->pool, a->track_id, a->attempt, a->epoch);
        if (c != 0 && command_at(&core->commands, c)->place == PLACE_RUNNING)
            command_give_back(core, c);
    }
    if (renew->wall_ns != 0)
        worker->skew_now_ns = renew->wall_ns - core->wall_ns;
    if (renew->round_trip_ns > 0)
        worker->round_trip_now_ns = renew->round_trip_ns;
    if (worker->credit != renew->credit) {
        worker->credit = renew->credit;
        worker_room(core, index);
    }
    struct send pong = {.type = SEND_PONG, .peer = event->peer};
    pong.as.pong.sent_ns = renew->sent_ns;
    send_add(core, &pong);
}

/* ---- records -------------------------------------------------------------------------------- */

static void answer(struct core *core, const struct event *event, uint64_t pos)
{
    const struct event_report *r = &event->as.report;
    struct send send = {.type = SEND_RECORDED, .peer = event->peer, .pool = r->pool};
    send.as.recorded.track_id = r->track_id;
    send.as.recorded.attempt = r->attempt;
    send.as.recorded.epoch = r->epoch;
    send.as.recorded.pos = pos;
    send.as.recorded.stale = pos == 0;
    send_add(core, &send);
}

/* The pos under which exactly this record was committed before; 0 when it was not, or long ago. */
static uint64_t repeated(const struct core *core, const struct event_report *r, uint32_t worker)
{
    const struct recent *recent =
        &core->recent[(r->track_id + (uint64_t)r->pool * 0x9e37u) % RECENT_MAX];
    if (recent->pool == r->pool && recent->track_id == r->track_id &&
        recent->attempt == r->attempt && recent->epoch == r->epoch && recent->worker == worker)
        return recent->pos;
    if (r->prior.found && r->prior.attempt == r->attempt && r->prior.worker == worker)
        return r->prior.pos;
    return 0;
}

bool core_report_is_past(const struct core *core, uint32_t pool, uint64_t track_id,
                         uint32_t attempt)
{
    uint32_t index = pool_find(&core->pools, pool);
    if (index == 0 || track_id == 0 ||
        track_id >= pool_at(&core->pools, index)->totals.next_track_id)
        return false;
    const struct recent *recent = &core->recent[(track_id + (uint64_t)pool * 0x9e37u) % RECENT_MAX];
    bool is_recent =
        recent->pool == pool && recent->track_id == track_id && recent->attempt == attempt;
    return !is_recent && command_find(core, index, track_id) == 0;
}

static void refuse_stale(struct core *core, const struct event *event, uint32_t worker)
{
    const struct event_report *r = &event->as.report;
    answer(core, event, 0);
    if (pool_find(&core->pools, r->pool) == 0)
        return;
    struct fact *fact = fact_add(core, FACT_AUDIT);
    fact->as.audit = (struct fact_audit){.pool = r->pool,
                                         .track_id = r->track_id,
                                         .attempt = r->attempt,
                                         .epoch = r->epoch,
                                         .worker = worker,
                                         .state = r->state,
                                         .wall_ns = core->wall_ns};
    apply(core, fact);
}

static bool may_claim(enum state state)
{
    return state_is_final(state) && state != STATE_EXPIRED;
}

static void sample(struct core *core, const struct command *c, const struct event_report *r)
{
    if (r->start_wall_ns == 0)
        return; /* it never ran: that says nothing about the function */
    function_add(function_need(core, class_at(&core->queue, c->class_index)->function), r->run_ns);
}

void work_report(struct core *core, const struct event *event, uint32_t index)
{
    const struct event_report *r = &event->as.report;
    const struct worker *worker = worker_at(&core->roster, index);
    uint32_t c = current(core, worker, r->pool, r->track_id, r->attempt, r->epoch);
    if (c == 0) {
        uint64_t pos = repeated(core, r, worker->name);
        if (pos != 0)
            answer(core, event, pos);
        else
            refuse_stale(core, event, worker->name);
        return;
    }
    if (!may_claim(r->state)) {
        struct say say = {.size = 0};
        say_str(&say, "A worker cannot end a command as ");
        say_str(&say, state_name(r->state));
        say_str(&say, "; it is still expected to report how the attempt ended.");
        send_refused(core, event->peer, 0,
                     (struct refused){.refusal = REFUSAL_BAD_REQUEST, .text = &say});
        return;
    }
    const struct command *command = command_at(&core->commands, c);
    bool is_lost_to_worker = r->state == STATE_LOST && (command->flags & COMMAND_RERUNNABLE) != 0 &&
                             (command->flags & COMMAND_STOPPING) == 0 &&
                             command_more(&core->commands, command)->starts < command->max_attempts;
    if (is_lost_to_worker) {
        /* Else it is a repeat, and the command is queued again already. */
        if (command->place == PLACE_RUNNING)
            command_lose(core, c, r->reason);
        answer(core, event, 0);
        return;
    }
    sample(core, command, r);
    struct ending ending = {.state = r->state, .reason = r->reason, .report = r};
    answer(core, event, command_end(core, c, &ending));
}

/* ---- goodbye -------------------------------------------------------------------------------- */

/* What it still holds, it holds until its lease runs out or it says hello again. */
void bye_worker(struct core *core, const struct event *event, uint32_t index)
{
    send_close(core, event->peer);
    worker_depart(core, index);
    worker_forget_if_over(core, index);
}
