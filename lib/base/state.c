/* Names and texts of states, holds and reasons, made from the tables in state.h. */
#include "base/state.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static const struct {
    const char *name;
    bool final;
} states[] = {
#define X(name, number, text, final) [number] = {text, final},
    STATE_TABLE(X)
#undef X
};

struct named {
    const char *name;
    const char *text;
};

static const struct named holds[] = {
#define X(name, number, text, sentence) [number] = {text, sentence},
    HOLD_TABLE(X)
#undef X
};

static const struct named reasons[] = {
#define X(name, number, text, sentence) [number] = {text, sentence},
    REASON_TABLE(X)
#undef X
};

static_assert(sizeof states / sizeof states[0] == STATE_COUNT, "STATE_COUNT is the table's size");
static_assert(sizeof holds / sizeof holds[0] == HOLD_COUNT, "HOLD_COUNT is the table's size");
static_assert(sizeof reasons / sizeof reasons[0] == REASON_COUNT,
              "REASON_COUNT is the table's size");

static const char unknown[] = "unknown";

bool state_is_known(unsigned number)
{
    return number < STATE_COUNT;
}

bool hold_is_known(unsigned number)
{
    return number < HOLD_COUNT;
}

bool reason_is_known(unsigned number)
{
    return number < REASON_COUNT;
}

const char *state_name(enum state state)
{
    return state_is_known((unsigned)state) ? states[state].name : unknown;
}

const char *hold_name(enum hold hold)
{
    return hold_is_known((unsigned)hold) ? holds[hold].name : unknown;
}

const char *reason_name(enum reason reason)
{
    return reason_is_known((unsigned)reason) ? reasons[reason].name : unknown;
}

const char *hold_text(enum hold hold)
{
    return hold_is_known((unsigned)hold) ? holds[hold].text : unknown;
}

const char *reason_text(enum reason reason)
{
    return reason_is_known((unsigned)reason) ? reasons[reason].text : unknown;
}

bool state_is_final(enum state state)
{
    return state_is_known((unsigned)state) && states[state].final;
}

int state_parse(const char *name, enum state *ret_state)
{
    for (unsigned i = 1; i < STATE_COUNT; i++) {
        if (strcmp(name, states[i].name) == 0) {
            *ret_state = (enum state)i;
            return 0;
        }
    }
    return -EINVAL;
}
