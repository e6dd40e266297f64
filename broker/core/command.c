/*
 * command.c -- live commands: where each is, and the one function that moves them.
 *
 * Responsible for the table of allowed moves, for the counters that follow from them (the
 * statistics invariant: submitted = held + queued + running + final), and for what a command is
 * reachable by. Not for whether a move is right: that was decided before.
 */
#include <assert.h>
#include <stdlib.h>

#include "broker/core/machine.h"

static_assert(sizeof(struct command) == 48, "a queued command stays small");

#define TO(place) (1u << PLACE_##place)

/* The table of allowed moves. */
static const unsigned allowed[PLACE_COUNT] = {
    [PLACE_NONE] = TO(TIME) | TO(READY),
    [PLACE_TIME] = TO(READY) | TO(FINAL) | TO(RUNNING), /* RUNNING: at replay, its time had come */
    [PLACE_READY] = TO(RUNNING) | TO(FINAL),
    [PLACE_RUNNING] = TO(READY) | TO(FINAL),
    [PLACE_FINAL] = 0,
};

void commands_init(struct commands *commands, uint32_t commands_max, uint64_t seed)
{
    *commands = (struct commands){0};
    MUST(slab_init(&commands->items, sizeof(struct command), commands_max) == 0);
    MUST(slab_init(&commands->mores, sizeof(struct more), commands_max) == 0);
    commands->pages = calloc(1, sizeof *commands->pages);
    MUST(commands->pages != NULL);
    pages_init(commands->pages, commands_max, seed);
}

void commands_done(struct commands *commands)
{
    slab_done(&commands->items);
    slab_done(&commands->mores);
    pages_done(commands->pages);
    free(commands->pages);
}

struct more *command_need_more(struct commands *commands, uint32_t index)
{
    struct command *c = command_at(commands, index);
    if (c->more == 0) {
        c->more = slab_alloc(&commands->mores);
        MUST(c->more != 0); /* there are as many as commands */
        struct more *more = slab_at(&commands->mores, c->more);
        more->command = index;
        list_init(&more->held);
    }
    return slab_at(&commands->mores, c->more);
}

uint32_t command_find(const struct core *core, uint32_t pool, uint64_t track_id)
{
    return pool == 0 ? 0 : pages_get(core->commands.pages, pool, track_id);
}

enum state command_state(const struct core *core, const struct command *c)
{
    switch ((enum place)c->place) {
    case PLACE_TIME:
        return STATE_HELD;
    case PLACE_READY:
        return class_at(&core->queue, c->class_index)->members > 0 ? STATE_QUEUED : STATE_HELD;
    case PLACE_RUNNING:
        return STATE_RUNNING;
    case PLACE_NONE:
    case PLACE_FINAL:
    case PLACE_COUNT:
        break;
    }
    return STATE_NONE;
}

enum hold command_hold(const struct core *core, const struct command *c)
{
    if (command_state(core, c) != STATE_HELD)
        return HOLD_NONE;
    return c->place == PLACE_TIME ? HOLD_TIME : HOLD_NO_HOST;
}

struct worker *command_holder(const struct core *core, const struct command *c, uint32_t *ret_index)
{
    const struct more *more = command_more(&core->commands, c);
    MUST(c->place == PLACE_RUNNING && more != NULL);
    *ret_index = worker_by_name(core, more->worker);
    MUST(*ret_index != 0); /* a worker that holds something is not forgotten */
    return worker_at(&core->roster, *ret_index);
}

/* ---- what a worker holds -------------------------------------------------------------------- */

/* At load the store says of a queued command that it was handed out, and only then that it came
 * back: its worker may have been forgotten since. */
static bool is_forgotten(const struct core *core, const struct command *c)
{
    return !core->is_started && worker_by_name(core, command_more(&core->commands, c)->worker) == 0;
}

static void hold(struct core *core, struct command *c)
{
    struct more *more = command_more(&core->commands, c);
    uint32_t index;
    if (is_forgotten(core, c))
        return;
    struct worker *worker = command_holder(core, c, &index);
    list_push_back(&worker->held, &more->held);
    worker->n_held++;
    if (more->estimate_ns == 0)
        worker->n_long++;
    else
        worker->short_sum_ns += more->estimate_ns;
    worker_room(core, index);
}

static void release(struct core *core, struct command *c)
{
    struct more *more = command_more(&core->commands, c);
    uint32_t index;
    if (is_forgotten(core, c))
        return;
    struct worker *worker = command_holder(core, c, &index);
    list_remove(&more->held);
    worker->n_held--;
    if (more->estimate_ns == 0)
        worker->n_long--;
    else
        worker->short_sum_ns -= more->estimate_ns;
    more->estimate_ns = 0;
    worker_room(core, index);
}

/* ---- the mover ------------------------------------------------------------------------------ */

static void leave(struct core *core, uint32_t index, struct command *c)
{
    if (c->place == PLACE_READY)
        class_remove(core, c->class_index, index);
    else if (c->place == PLACE_RUNNING)
        release(core, c);
}

static void enter(struct core *core, uint32_t index, struct command *c)
{
    if (c->place == PLACE_READY)
        class_push(core, c->class_index, index);
    else if (c->place == PLACE_RUNNING)
        hold(core, c);
}

static void drop(struct core *core, uint32_t index, struct command *c, enum state state)
{
    uint32_t pool = class_at(&core->queue, c->class_index)->pool;
    if (c->client != 0)
        client_at(&core->clients, c->client)->live--;
    if (c->batch != 0)
        batch_end(core, c->batch, state);
    pages_remove(core->commands.pages, &pool_at(&core->pools, pool)->pages, pool, command_id(c));
    struct more *more = command_more(&core->commands, c);
    if (more != NULL) {
        command_disarm(core, more);
        why_drop(core, more->why);
        slab_free(&core->commands.mores, c->more);
    }
    class_unref(core, c->class_index);
    slab_free(&core->commands.items, index);
}

void command_move(struct core *core, uint32_t index, enum place place, enum state state)
{
    struct command *c = command_at(&core->commands, index);
    MUST((allowed[c->place] & 1u << place) != 0);
    MUST((place == PLACE_FINAL) == state_is_final(state));
    struct pool *pool = pool_at(&core->pools, class_at(&core->queue, c->class_index)->pool);
    enum state from = command_state(core, c);
    leave(core, index, c);
    if (from != STATE_NONE)
        pool->counts[from]--;
    c->place = (uint8_t)place;
    if (place != PLACE_FINAL) {
        state = command_state(core, c);
        pool->counts[state]++;
        enter(core, index, c);
    }
    trace_move(core, c, from, state);
    if (place == PLACE_FINAL)
        drop(core, index, c, state);
}
