/*
 * lease.c -- hand-outs, the liveness of their workers, and what follows from the loss of either.
 *
 * One lease per worker; any message renews it; it is judged by TICK alone (S4). Its expiry is
 * silence, not loss (S5): what may be run again goes back to the queue at once, the rest stays
 * running and is lost only after its own time. The timer of a lease is moved when it fires, not
 * with every message.
 *
 * Not responsible for who gets what (dispatch.c) nor for a worker's HELLO (greet.c).
 */
#include "broker/core/machine.h"

/* ---- one attempt ---------------------------------------------------------------------------- */

static uint32_t pool_id_of(const struct core *core, const struct command *c)
{
    return pool_at(&core->pools, class_at(&core->queue, c->class_index)->pool)->id;
}

void command_lease(struct core *core, uint32_t index, uint32_t worker, uint32_t estimate_ns)
{
    const struct command *c = command_at(&core->commands, index);
    MUST(c->place == PLACE_READY);
    struct more *more = command_need_more(&core->commands, index);
    more->estimate_ns = estimate_ns;
    struct fact *fact = fact_add(core, FACT_LEASED);
    fact->as.leased = (struct fact_leased){.pool = pool_id_of(core, c),
                                           .track_id = command_id(c),
                                           .attempt = more->attempt + 1,
                                           .epoch = core->epoch,
                                           .starts = more->starts + 1,
                                           .worker = worker_at(&core->roster, worker)->name,
                                           .leased_wall_ns = core->wall_ns};
    apply(core, fact);
}

static void queue_again(struct core *core, uint32_t index, uint32_t starts)
{
    const struct command *c = command_at(&core->commands, index);
    struct fact *fact = fact_add(core, FACT_QUEUED);
    fact->as.queued = (struct fact_queued){
        .pool = pool_id_of(core, c), .track_id = command_id(c), .starts = starts};
    apply(core, fact);
}

static bool is_stopping(const struct command *c)
{
    return (c->flags & COMMAND_STOPPING) != 0;
}

/* It was to be cancelled, and no record of its end will come. */
static void end_stopped(struct core *core, uint32_t index)
{
    const struct more *more = command_more(&core->commands, command_at(&core->commands, index));
    struct ending ending = {.state = STATE_CANCELLED, .reason = more->stopping};
    command_end(core, index, &ending);
}

void command_give_back(struct core *core, uint32_t index)
{
    const struct command *c = command_at(&core->commands, index);
    if (is_stopping(c)) {
        end_stopped(core, index);
        return;
    }
    queue_again(core, index, command_more(&core->commands, c)->starts - 1);
}

/* Another start is allowed after this one was lost. */
static bool may_run_again(const struct command *c, const struct more *more)
{
    return (c->flags & COMMAND_RERUNNABLE) != 0 && more->starts < c->max_attempts;
}

void command_lose(struct core *core, uint32_t index, enum reason reason)
{
    const struct command *c = command_at(&core->commands, index);
    const struct more *more = command_more(&core->commands, c);
    if (is_stopping(c)) {
        end_stopped(core, index);
        return;
    }
    if (may_run_again(c, more)) {
        queue_again(core, index, more->starts);
        return;
    }
    bool is_spent = (c->flags & COMMAND_RERUNNABLE) != 0;
    struct ending ending = {.state = STATE_LOST,
                            .reason = is_spent ? REASON_ATTEMPTS_SPENT : reason};
    command_end(core, index, &ending);
}

void command_cancel(struct core *core, uint32_t index, enum reason queued, enum reason running,
                    struct bytes why)
{
    const struct command *c = command_at(&core->commands, index);
    if (c->place != PLACE_RUNNING) {
        struct ending ending = {.state = STATE_CANCELLED, .reason = queued, .why = why};
        command_end(core, index, &ending);
        return;
    }
    if (!is_stopping(c)) {
        struct fact *fact = fact_add(core, FACT_STOPPING);
        fact->as.stopping = (struct fact_stopping){.pool = pool_id_of(core, c),
                                                   .track_id = command_id(c),
                                                   .reason = running,
                                                   .why = turn_copy(core, why)};
        apply(core, fact);
    }
    uint32_t holder;
    const struct worker *worker = command_holder(core, c, &holder);
    const struct more *more = command_more(&core->commands, c);
    if (!worker->is_present)
        return; /* told when it says hello */
    const struct event_worker_attempt attempt = {.attempt = more->attempt, .epoch = more->epoch};
    send_stop(core, worker->peer, pool_id_of(core, c), command_id(c), &attempt, more->stopping,
              false);
}

/* ---- leases --------------------------------------------------------------------------------- */

void lease_renew(struct core *core, uint32_t index)
{
    struct worker *worker = worker_at(&core->roster, index);
    worker->lease_until = time_add(core->now, core->limits.lease_ns);
    if (worker->lease_timer == 0)
        worker->lease_timer = timer_add(core, TIMER_LEASE, index, worker->lease_until);
}

void leases_fresh(struct core *core)
{
    const struct slab *workers = &core->roster.workers;
    for (uint32_t w = slab_next(workers, 0); w != 0; w = slab_next(workers, w))
        if (worker_at(&core->roster, w)->lease_timer != 0)
            lease_renew(core, w);
}

/* Its holder fell silent. */
static void judge_held(struct core *core, uint32_t index)
{
    const struct command *c = command_at(&core->commands, index);
    const struct more *more = command_more(&core->commands, c);
    bool is_rerunnable = (c->flags & COMMAND_RERUNNABLE) != 0;
    if ((is_rerunnable && is_stopping(c)) || may_run_again(c, more))
        command_lose(core, index, REASON_WORKER_LOST);
    else
        command_arm_lost(core, index);
}

void lease_expired(struct core *core, uint32_t index)
{
    struct worker *worker = worker_at(&core->roster, index);
    worker->lease_timer = 0;
    if (worker->lease_until > core->now) {
        worker->lease_timer = timer_add(core, TIMER_LEASE, index, worker->lease_until);
        return;
    }
    if (worker->peer != 0)
        send_close(core, worker->peer);
    worker_depart(core, index);
    worker->is_silent = worker->n_held > 0;
    list_each_safe (link, after, &worker->held) {
        judge_held(core, list_entry(link, struct more, held)->command);
    }
    worker_forget_if_over(core, index);
}
