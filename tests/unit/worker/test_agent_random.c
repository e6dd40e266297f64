/* The agent against a random world. After every step: its own invariants (agent_check) and laws
 * that are written down here a second time, from effects and events alone:
 *   - an attempt is started at most once, and only one of a command runs at a time;
 *   - no slot has two attempts;
 *   - every command is accounted for: started, given back, dropped as void, or in the next HELLO;
 *   - a record is reported until its verdict, and forgotten once.
 */
#include "tests/unit/cmocka_first.h"

#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "worker/core/agent.h"

enum { SLOTS = 3, AHEAD = 5, COMMANDS = 12, ATTEMPTS = 512, STEPS = 4000, SEEDS = 60 };

enum fate {
    FATE_NONE,
    FATE_HELD, /* taken, not started */
    FATE_RUNNING,
    FATE_CANCELLED, /* its record is due */
    FATE_ENDED,     /* DONE was fed */
    FATE_OVER       /* given back, dropped, forgotten */
};

struct world {
    struct agent *agent;
    struct rand rand;
    muster_time now;
    uint64_t seed, step;
    enum fate fate[COMMANDS + 1][ATTEMPTS];
    uint64_t body[COMMANDS + 1][ATTEMPTS]; /* of the first hand-out */
    uint64_t bodies;
    bool was_started[COMMANDS + 1][ATTEMPTS];
    uint32_t next_attempt[COMMANDS + 1];
    bool slot_taken[SLOTS + 1];
    uint32_t slot_of[COMMANDS + 1];
    bool is_open, is_done;
    uint64_t token, pong;
};

static void law(const struct world *world, bool holds, const char *what)
{
    if (!holds)
        fail_msg("seed %llu step %llu: %s", (unsigned long long)world->seed,
                 (unsigned long long)world->step, what);
}

static enum fate *fate_of(struct world *world, const struct agent_id *id)
{
    law(world, id->track_id >= 1 && id->track_id <= COMMANDS && id->attempt < ATTEMPTS,
        "an effect names an attempt that never was");
    return &world->fate[id->track_id][id->attempt];
}

static uint64_t *body_of(struct world *world, const struct agent_id *id)
{
    return &world->body[id->track_id][id->attempt];
}

static void on_start(struct world *world, const struct agent_effect *effect)
{
    enum fate *fate = fate_of(world, &effect->id);
    law(world, *fate == FATE_HELD, "something was started that was not held");
    law(world, effect->body == *body_of(world, &effect->id), "started with another body");
    law(world, !world->was_started[effect->id.track_id][effect->id.attempt], "started twice");
    law(world, effect->slot >= 1 && effect->slot <= SLOTS, "no such slot");
    law(world, !world->slot_taken[effect->slot], "the slot is taken");
    for (uint32_t i = 0; i < ATTEMPTS; i++)
        law(world, world->fate[effect->id.track_id][i] != FATE_RUNNING,
            "another attempt of the command runs");
    *fate = FATE_RUNNING;
    world->was_started[effect->id.track_id][effect->id.attempt] = true;
    world->slot_taken[effect->slot] = true;
    world->slot_of[effect->id.track_id] = effect->slot;
}

static void on_effect(void *ctx, const struct agent_effect *effect)
{
    struct world *world = ctx;
    switch (effect->type) {
    case AGENT_FX_SEND_RENEW:
        law(world, effect->sent_ns > world->token, "a token repeats");
        world->token = effect->sent_ns;
        for (uint32_t i = 0; i < effect->n_returned; i++)
            law(world,
                !world->was_started[effect->returned[i].track_id][effect->returned[i].attempt],
                "something that was started is given back");
        break;
    case AGENT_FX_SEND_REPORT:
        law(world, *fate_of(world, &effect->id) == FATE_ENDED, "a record of what has not ended");
        break;
    case AGENT_FX_START:
        on_start(world, effect);
        break;
    case AGENT_FX_END:
    case AGENT_FX_KILL:
        law(world, *fate_of(world, &effect->id) == FATE_RUNNING, "an end of what does not run");
        break;
    case AGENT_FX_DROP:
        /* The body of a repeated hand-out is dropped while the first one lives on. */
        if (*fate_of(world, &effect->id) == FATE_HELD &&
            effect->body == *body_of(world, &effect->id))
            *fate_of(world, &effect->id) = FATE_OVER;
        break;
    case AGENT_FX_FORGET:
        law(world, *fate_of(world, &effect->id) == FATE_ENDED, "forgets what has not ended");
        *fate_of(world, &effect->id) = FATE_OVER;
        break;
    case AGENT_FX_CANCEL_UNSTARTED:
        law(world, *fate_of(world, &effect->id) == FATE_HELD, "cancels what is not held");
        *fate_of(world, &effect->id) = FATE_CANCELLED;
        break;
    case AGENT_FX_REOPEN:
        law(world, effect->delay_ns >= 0 && effect->delay_ns <= 30 * MUSTER_S, "delay");
        world->is_open = false;
        break;
    case AGENT_FX_EXIT:
        world->is_done = true;
        break;
    case AGENT_FX_SEND_HELLO:
    case AGENT_FX_SEND_BYE:
        break;
    }
}

static void check_listing(struct world *world)
{
    struct agent_attempt listed[COMMANDS * ATTEMPTS];
    size_t count = agent_attempts(world->agent, listed, COMMANDS * ATTEMPTS);
    size_t expected = 0, matching = 0;
    law(world, count == agent_attempts_count(world->agent), "the listing is miscounted");
    for (size_t i = 0; i < count; i++) {
        enum fate fate = *fate_of(world, &listed[i].id);
        bool fits =
            (listed[i].phase == AGENT_WAITING && (fate == FATE_HELD || fate == FATE_CANCELLED)) ||
            (listed[i].phase == AGENT_RUNNING && fate == FATE_RUNNING) ||
            ((listed[i].phase == AGENT_SPOOLED || listed[i].phase == AGENT_GONE) &&
             fate == FATE_ENDED);
        matching += fits;
    }
    for (uint32_t c = 1; c <= COMMANDS; c++)
        for (uint32_t a = 1; a < world->next_attempt[c]; a++)
            expected += world->fate[c][a] != FATE_NONE && world->fate[c][a] != FATE_OVER;
    law(world, matching == count, "the listing says something else than what happened");
    law(world, expected == count, "an attempt is not accounted for");
}

static void step(struct world *world, struct agent_event *event)
{
    const char *what = NULL;
    event->now = world->now;
    agent_step(world->agent, event, on_effect, world);
    law(world, agent_check(world->agent, &what), what);
    if (!world->is_done)
        check_listing(world);
}

static struct agent_id some_id(struct world *world)
{
    uint32_t command = 1 + (uint32_t)rand_below(&world->rand, COMMANDS);
    uint32_t last = world->next_attempt[command] - 1;
    uint32_t back = (uint32_t)rand_below(&world->rand, 3);
    return (struct agent_id){
        .pool = 1, .epoch = 1, .track_id = command, .attempt = last > back ? last - back : 1};
}

static void feed_command(struct world *world)
{
    struct agent_event event = {.type = AGENT_EV_COMMAND};
    event.as.command.id = some_id(world);
    event.as.command.rerunnable = rand_chance(&world->rand, 1, 3);
    if (rand_chance(&world->rand, 3, 4)) {
        uint32_t *next = &world->next_attempt[event.as.command.id.track_id];
        if (*next == ATTEMPTS)
            return;
        event.as.command.id.attempt = (*next)++;
    }
    enum fate *fate = fate_of(world, &event.as.command.id);
    if (event.as.command.id.attempt >= world->next_attempt[event.as.command.id.track_id])
        return;
    if (*fate == FATE_OVER) /* the broker never hands out one attempt twice */
        return;
    event.as.command.body = ++world->bodies;
    if (*fate == FATE_NONE) {
        *fate = FATE_HELD;
        *body_of(world, &event.as.command.id) = event.as.command.body;
    }
    step(world, &event);
}

/* The shell ends something that runs or makes the record of what was cancelled. */
static void feed_done(struct world *world, bool only_cancelled)
{
    for (uint32_t c = 1; c <= COMMANDS; c++) {
        for (uint32_t a = 1; a < world->next_attempt[c]; a++) {
            enum fate *fate = &world->fate[c][a];
            if (*fate != FATE_CANCELLED && (*fate != FATE_RUNNING || only_cancelled))
                continue;
            struct agent_event event = {.type = AGENT_EV_DONE};
            event.as.done.id =
                (struct agent_id){.pool = 1, .epoch = 1, .track_id = c, .attempt = a};
            event.as.done.cut_off = *fate == FATE_RUNNING && rand_chance(&world->rand, 1, 4);
            event.as.done.is_quarantined = rand_chance(&world->rand, 1, 10);
            if (*fate == FATE_RUNNING)
                world->slot_taken[world->slot_of[c]] = false;
            *fate = FATE_ENDED;
            step(world, &event);
            if (!only_cancelled)
                return;
        }
    }
}

static void feed_broker(struct world *world)
{
    struct agent_event event = {0};
    switch (rand_below(&world->rand, 9)) {
    case 0:
    case 1:
        event.type = AGENT_EV_WELCOME;
        event.as.welcome.epoch = 1;
        event.as.welcome.lease_ns = 30 * MUSTER_S;
        event.as.welcome.renew_ns = 5 * MUSTER_S;
        break;
    case 2:
    case 3:
        event.type = AGENT_EV_PONG;
        event.as.pong.sent_ns = world->token;
        break;
    case 4:
        event.type = AGENT_EV_WHO_ARE_YOU;
        break;
    case 5:
        event.type = AGENT_EV_STOP;
        event.as.stop.id = some_id(world);
        event.as.stop.forget = rand_chance(&world->rand, 1, 2);
        event.as.stop.reason = REASON_CANCELLED_RUNNING;
        break;
    case 6:
        event.type = rand_chance(&world->rand, 1, 8) ? AGENT_EV_REFUSED : AGENT_EV_PONG;
        event.as.refused.retryable = true;
        break;
    case 7:
        event.type = rand_chance(&world->rand, 1, 8) ? AGENT_EV_BYE : AGENT_EV_PONG;
        break;
    default:
        event.type = AGENT_EV_RECORDED;
        event.as.recorded.id = some_id(world);
        break;
    }
    step(world, &event);
}

static void feed_shell(struct world *world)
{
    struct agent_event event = {0};
    switch (rand_below(&world->rand, 8)) {
    case 0:
        event.type = AGENT_EV_RECONNECTED;
        break;
    case 1:
        event.type = AGENT_EV_SPOOL;
        event.as.spool.full = rand_chance(&world->rand, 1, 3);
        break;
    default:
        event.type = AGENT_EV_TICK;
        world->now += (muster_time)rand_below(&world->rand, 3 * MUSTER_S);
        break;
    }
    step(world, &event);
}

static void run_seed(uint64_t seed)
{
    static struct world blank;
    struct world *world = malloc(sizeof *world);
    struct agent_options options = agent_options_default();
    assert_non_null(world);
    *world = blank;
    options.slots = SLOTS;
    options.ahead_max = AHEAD;
    options.spooled_max = 6;
    options.seed = seed;
    world->seed = seed;
    world->now = 1000 * MUSTER_S;
    world->agent = agent_new(&options);
    rand_seed(&world->rand, seed);
    for (uint32_t c = 1; c <= COMMANDS; c++)
        world->next_attempt[c] = 1;
    for (world->step = 0; world->step < STEPS && !world->is_done; world->step++) {
        struct agent_event open = {.type = AGENT_EV_OPEN};
        if (!world->is_open && rand_chance(&world->rand, 1, 3)) {
            world->is_open = true;
            step(world, &open);
        }
        uint64_t what = rand_below(&world->rand, 16);
        if (what < 5)
            feed_command(world);
        else if (what < 8)
            feed_done(world, false);
        else if (what < 13)
            feed_broker(world);
        else
            feed_shell(world);
        feed_done(world, true);
        if (world->step == STEPS * 3 / 4 && rand_chance(&world->rand, 1, 2))
            step(world, &(struct agent_event){.type = AGENT_EV_DRAIN});
    }
    agent_free(world->agent);
    free(world);
}

static void test_agent__keeps_its_laws_in_a_random_world(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_seed(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agent__keeps_its_laws_in_a_random_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
