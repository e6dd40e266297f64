/*
 * handout.h -- the commands that were handed out to this worker, from COMMANDS until DONE: a table.
 */
#ifndef MUSTER_WORKER_HANDOUT_H
#define MUSTER_WORKER_HANDOUT_H

#include "base/list.h"
#include "base/slab.h"
#include "base/time.h"
#include "proto/message.h"
#include "worker/core/agent.h"
#include "worker/functions.h"

enum handout_stage {
    HANDOUT_WAITING,  /* the agent has it */
    HANDOUT_READY,    /* to be run or ended inline, as soon as the step has returned */
    HANDOUT_STARTING, /* its note must be in the spool first */
    HANDOUT_TIMING,
    HANDOUT_RUNNING /* the spawner has it */
};

struct handout {
    struct list link; /* READY, STARTING: in the shell's queue */
    struct agent_id id;
    const struct function *function; /* NULL: not offered */
    uint32_t index;
    uint32_t slot;
    enum handout_stage stage;
    enum reason end_reason;   /* somebody wants its end; READY: nothing is run */
    enum reason timer_reason; /* TIMING: what its time is up for; NONE: it has slept */
    uint32_t timer;           /* handle */
    uint64_t spool;           /* handle of its note */
    muster_time start_at;
    int64_t start_wall_ns; /* 0: never started */
    uint8_t *large;        /* the texts, when they do not fit into `small` */
    uint32_t body_bytes;
    uint16_t pool_bytes, function_bytes;
    uint8_t small[304];
};

struct handouts {
    struct slab slab;
};

/* Aborts when there is no address space. */
void handouts_init(struct handouts *handouts);
void handouts_done(struct handouts *handouts);

/* Copies what the message says. NULL when HANDOUTS_MAX are there. */
enum { HANDOUTS_MAX = 1 << 15 };
struct handout *handouts_add(struct handouts *handouts, const struct wire_hand_out *message);
void handouts_remove(struct handouts *handouts, struct handout *handout);
struct handout *handouts_at(const struct handouts *handouts, uint64_t index);
/* NULL when there is none. */
struct handout *handouts_find(const struct handouts *handouts, uint64_t index);

struct bytes handout_body(const struct handout *handout);
struct bytes handout_pool(const struct handout *handout);
struct bytes handout_function(const struct handout *handout);

#endif
