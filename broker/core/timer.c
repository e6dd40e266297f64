/*
 * timer.c -- what happens because time passes: two heaps, one per clock, judged by TICK alone.
 *
 * `boot` holds durations (leases, waits, delays), `wall` holds what was asked for by `--at` and
 * `--start-by` as a time of day, which follows steps of the wall clock (S15). A stored time is a
 * wall time either way; its lowest bit remembers which clock it follows, so that a restart re-arms
 * it on the same one.
 *
 * Not responsible for what an expiry means: it calls the module whose timer it is.
 */
#include "broker/core/machine.h"

static const unsigned WALL_BIT = 31; /* of a timer handle that more holds */

int64_t time_relative(int64_t wall_ns)
{
    return wall_ns | 1;
}

int64_t time_absolute(int64_t wall_ns)
{
    return wall_ns <= 2 ? 2 : wall_ns & ~INT64_C(1);
}

static bool is_relative(int64_t wall_ns)
{
    return (wall_ns & 1) != 0;
}

static uint64_t payload_of(enum timer_kind kind, uint32_t index)
{
    return (uint64_t)kind << 32 | index;
}

uint32_t timer_add(struct core *core, enum timer_kind kind, uint32_t index, muster_time at)
{
    uint32_t handle = deadlines_add(&core->boot, at, payload_of(kind, index));
    MUST(handle != 0); /* there are as many as there can be owners */
    return handle;
}

/* A handle that says in which heap it is. */
static uint32_t arm(struct core *core, enum timer_kind kind, uint32_t command, int64_t wall_ns)
{
    if (!is_relative(wall_ns)) {
        uint32_t handle = deadlines_add(&core->wall, wall_ns, payload_of(kind, command));
        MUST(handle != 0);
        return handle | 1u << WALL_BIT;
    }
    int64_t left = wall_ns - core->wall_ns;
    return timer_add(core, kind, command, left <= 0 ? core->now : time_add(core->now, left));
}

static void disarm(struct core *core, uint32_t *handle)
{
    if (*handle == 0)
        return;
    bool is_wall = *handle >> WALL_BIT != 0;
    deadlines_remove(is_wall ? &core->wall : &core->boot, *handle & ~(1u << WALL_BIT));
    *handle = 0;
}

void command_arm(struct core *core, uint32_t index)
{
    struct command *c = command_at(&core->commands, index);
    struct more *more = command_more(&core->commands, c);
    if (more == NULL || !core->is_started)
        return;
    command_disarm(core, more);
    if (c->place == PLACE_TIME)
        more->timer_hold = arm(core, TIMER_HOLD, index, more->not_before_wall_ns);
    bool has_started = more->starts > 0;
    if (c->place != PLACE_RUNNING && more->start_by_wall_ns != 0 && !has_started)
        more->timer_end = arm(core, TIMER_END, index, more->start_by_wall_ns);
}

void command_disarm(struct core *core, struct more *more)
{
    disarm(core, &more->timer_hold);
    disarm(core, &more->timer_end);
}

bool command_is_overdue(const struct core *core, uint32_t index)
{
    const struct command *c = command_at(&core->commands, index);
    const struct more *more = command_more(&core->commands, c);
    if (more == NULL || more->timer_end == 0 || c->place == PLACE_RUNNING)
        return false;
    uint32_t handle = more->timer_end & ~(1u << WALL_BIT);
    if (more->timer_end >> WALL_BIT != 0)
        return deadlines_at(&core->wall, handle) <= core->wall_ns;
    return deadlines_at(&core->boot, handle) <= core->now;
}

void command_arm_lost(struct core *core, uint32_t index)
{
    struct command *c = command_at(&core->commands, index);
    struct more *more = command_more(&core->commands, c);
    int64_t after = more->lost_after_ns != 0 ? more->lost_after_ns : core->limits.lost_after_ns;
    /* 1 ns says: at once, when the lease expires. */
    muster_time at = after <= 1 ? core->now : time_add(core->now, after);
    disarm(core, &more->timer_end);
    more->timer_end = timer_add(core, TIMER_END, index, at);
}

static void command_due(struct core *core, enum timer_kind kind, uint32_t index)
{
    struct command *c = command_at(&core->commands, index);
    struct more *more = command_more(&core->commands, c);
    if (kind == TIMER_HOLD) {
        more->timer_hold = 0;
        command_move(core, index, PLACE_READY, STATE_NONE);
        return;
    }
    more->timer_end = 0;
    struct ending ending = {.state = STATE_EXPIRED, .reason = REASON_START_BY};
    if (c->place != PLACE_RUNNING) {
        command_end(core, index, &ending);
        return;
    }
    bool is_rerunnable = (c->flags & COMMAND_RERUNNABLE) != 0;
    command_lose(core, index, is_rerunnable ? REASON_ATTEMPTS_SPENT : REASON_LOST_AFTER);
}

static void expire(struct core *core, uint64_t payload)
{
    uint32_t index = (uint32_t)payload;
    switch ((enum timer_kind)(payload >> 32)) {
    case TIMER_LEASE:
        lease_expired(core, index);
        break;
    case TIMER_HOLD:
        command_due(core, TIMER_HOLD, index);
        break;
    case TIMER_END:
        command_due(core, TIMER_END, index);
        break;
    case TIMER_WAIT:
        wait_timed_out(core, index);
        break;
    }
}

void timers_judge(struct core *core)
{
    uint64_t payload;
    while (deadlines_pop_due(&core->boot, core->now, &payload))
        expire(core, payload);
    while (deadlines_pop_due(&core->wall, core->wall_ns, &payload))
        expire(core, payload);
}
