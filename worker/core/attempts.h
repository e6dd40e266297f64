/*
 * attempts.h -- the attempts that the agent answers for, by identity and by kind. Private to
 * worker/core.
 *
 * One entry per attempt. Entries of one command (pool, track_id) are chained, because a newer
 * attempt may arrive while an older one still runs. attempt_move() is the only function that
 * changes a kind.
 */
#ifndef MUSTER_WORKER_CORE_ATTEMPTS_H
#define MUSTER_WORKER_CORE_ATTEMPTS_H

#include "base/list.h"
#include "base/map.h"
#include "base/slab.h"
#include "worker/core/agent.h"

enum { ATTEMPT_SLOTS_MAX = 4096, ATTEMPTS_MAX = 1 << 20 };

/*
 *   (COMMAND) ---> WAITING <--> RUNNING ---> SPOOLED ---> (RECORDED)
 *       |   `---> BLOCKED --^      `-------> GONE    ---> (WELCOME)
 *       v         WAITING, BLOCKED ---> CANCELLED ---> SPOOLED
 *   RETURNING <-- WAITING, BLOCKED     RETURNING ---> (RENEW or HELLO)
 */
enum attempt_kind {
    ATTEMPT_NONE,
    ATTEMPT_WAITING,   /* for a slot, in hand-out order */
    ATTEMPT_BLOCKED,   /* for the end of an older attempt of the same command */
    ATTEMPT_CANCELLED, /* never started; the shell is making its record */
    ATTEMPT_RUNNING,   /* holds a slot */
    ATTEMPT_SPOOLED,   /* ended, its record is unacknowledged */
    ATTEMPT_GONE,      /* was started and is no more, there is no record: HELLO tells the broker */
    ATTEMPT_RETURNING, /* never started, the next RENEW gives it back */
    ATTEMPT_KINDS
};

struct attempt {
    struct list link; /* in attempts.kinds[kind].all */
    struct agent_id id;
    uint64_t body;   /* of a command not yet started */
    uint64_t record; /* spool handle */
    uint32_t index;
    uint32_t next; /* of the same hash */
    uint16_t slot; /* RUNNING: 1 … slots */
    uint8_t kind;
    bool rerunnable;
    bool ended;      /* END was asked for */
    bool cut;        /* … because the broker was silent */
    bool killed;     /* KILL was asked for */
    bool forget;     /* nobody wants its record */
    bool superseded; /* a newer attempt of the same command is here */
    bool rests;      /* its slot is not to be used for a while afterwards */
};

struct attempts {
    struct slab slab;
    struct map chains; /* hash of (pool, track_id) -> first entry of the chain */
    struct {
        struct list all;
        uint32_t count;
    } kinds[ATTEMPT_KINDS];
    uint64_t free_slots[ATTEMPT_SLOTS_MAX / 64]; /* bit s - 1 of slot s */
    uint64_t resting_slots[ATTEMPT_SLOTS_MAX / 64];
    uint32_t slots, slots_free, slots_resting;
};

/* Aborts when there is no address space. */
void attempts_init(struct attempts *attempts, uint32_t slots, uint64_t seed);
void attempts_done(struct attempts *attempts);

/* NULL when there is none. */
struct attempt *attempts_find(const struct attempts *attempts, const struct agent_id *id);
/* Entries of the same command: the first, then the next; NULL at the end. */
struct attempt *attempts_first_of(const struct attempts *attempts, uint32_t pool,
                                  uint64_t track_id);
struct attempt *attempts_next_of(const struct attempts *attempts, const struct attempt *attempt);

/* A new entry at the end of its kind; NULL when ATTEMPTS_MAX are there. */
struct attempt *attempts_add(struct attempts *attempts, const struct agent_id *id,
                             enum attempt_kind kind);
void attempts_remove(struct attempts *attempts, struct attempt *attempt);

/* To the end of another kind (WAITING: to the front when it comes back from RUNNING or BLOCKED).
 * Takes a slot when it becomes RUNNING and frees it afterwards, or lets it rest. */
void attempt_move(struct attempts *attempts, struct attempt *attempt, enum attempt_kind kind);

/* Slots that rest may be used again. */
void attempts_end_rest(struct attempts *attempts);

/* The oldest of a kind, or NULL. */
struct attempt *attempts_front(const struct attempts *attempts, enum attempt_kind kind);

static inline uint32_t attempts_count(const struct attempts *attempts, enum attempt_kind kind)
{
    return attempts->kinds[kind].count;
}

/* < 0, 0, > 0: a was handed out before, is, after b (two attempts of one command). */
int agent_id_order(const struct agent_id *a, const struct agent_id *b);

bool attempts_check(const struct attempts *attempts, const char **ret_what);

#endif
