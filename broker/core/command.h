/*
 * command.h -- the live commands: 48 bytes each, and more only for those that need more.
 *
 *     TIME ----> READY <----> RUNNING          TIME: its start time has not come
 *       `----------+------------+--> final     READY: in the queue of its class
 *
 * What people see follows from it: TIME and READY without a present host are `held`, other READY
 * ones `queued`.
 */
#ifndef MUSTER_BROKER_CORE_COMMAND_H
#define MUSTER_BROKER_CORE_COMMAND_H

#include "base/list.h"
#include "broker/core/core.h"
#include "broker/core/pages.h"

enum place { PLACE_NONE, PLACE_TIME, PLACE_READY, PLACE_RUNNING, PLACE_FINAL, PLACE_COUNT };

enum {
    COMMAND_RERUNNABLE = 1,
    COMMAND_STOPPING = 2,
    COMMAND_IN_HEAP = 4, /* of its class; else, when READY, in its list */
};

#define TRACK_ID_MAX ((UINT64_C(1) << 40) - 1)
#define COMMAND_BYTES_MAX ((1u << 24) - 1)

struct command {
    uint64_t id_and_bytes; /* track_id << 24 | bytes of the body */
    int64_t submitted_wall_ns;
    uint32_t class_index;
    uint32_t client;
    uint32_t batch;
    uint32_t more; /* struct more, 0 = none */
    uint32_t next; /* READY: in the list of its class */
    uint32_t prev; /* READY: likewise, or its place in the heap */
    int16_t priority;
    uint16_t max_attempts;
    uint16_t sequence; /* the low bits of its SUBMIT's sequence */
    uint8_t place;
    uint8_t flags;
};

/* Of commands that were handed out, have times, are stopped or waited for. */
struct more {
    uint32_t command;
    uint32_t attempt, epoch, starts;
    uint32_t worker;      /* name of who holds it, or held it last */
    uint32_t estimate_ns; /* while it runs; 0 counts as long */
    int64_t leased_wall_ns;
    int64_t not_before_wall_ns, start_by_wall_ns, lost_after_ns;
    struct list held; /* while it runs: in its worker's list */
    uint32_t timer_hold, timer_end;
    uint32_t mark;    /* the HELLO that listed it */
    uint32_t waiting; /* registrations of waits */
    uint32_t why;     /* text, 0 = none */
    enum reason stopping;
};

struct commands {
    struct slab items, mores;
    struct pages *pages; /* owned; finding something changes what it remembers */
};

static inline uint64_t command_id(const struct command *c)
{
    return c->id_and_bytes >> 24;
}

static inline uint32_t command_bytes(const struct command *c)
{
    return (uint32_t)(c->id_and_bytes & COMMAND_BYTES_MAX);
}

static inline struct command *command_at(const struct commands *commands, uint32_t index)
{
    return slab_at(&commands->items, index);
}

/* NULL when it has none. */
static inline struct more *command_more(const struct commands *commands, const struct command *c)
{
    return c->more == 0 ? NULL : slab_at(&commands->mores, c->more);
}

void commands_init(struct commands *commands, uint32_t commands_max, uint64_t seed);
void commands_done(struct commands *commands);

/* Makes sure that it has one. */
struct more *command_need_more(struct commands *commands, uint32_t index);

/* The live command (pool, track_id), or 0. */
uint32_t command_find(const struct core *core, uint32_t pool, uint64_t track_id);

/* The state and hold that people see. */
enum state command_state(const struct core *core, const struct command *c);
enum hold command_hold(const struct core *core, const struct command *c);

/* The one mover: asserts that the move is allowed, keeps queues and counters, traces. `state` is
 * the end when the place is FINAL (the command is freed), else NONE. */
void command_move(struct core *core, uint32_t index, enum place place, enum state state);

/* In the order of dispatch: priority, then track_id. */
static inline bool command_is_before(const struct command *a, const struct command *b)
{
    if (a->priority != b->priority)
        return a->priority < b->priority;
    return a->id_and_bytes >> 24 < b->id_and_bytes >> 24;
}

#endif
