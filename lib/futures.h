/* The futures of a pool: queued → submitted → accepted → covered by a WAIT → done. */
#ifndef MUSTER_LIB_FUTURES_H
#define MUSTER_LIB_FUTURES_H

#include <muster.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/time.h"

struct futures {
    struct list all;
    struct list queued;   /* to be submitted */
    struct list accepted; /* have a track id, no WAIT covers them */
    struct list fresh;    /* ended, not yet told to the program */
    size_t unfinished;
    uint32_t submits, waits; /* in flight */
    muster_time until;       /* when the call that waits gives up: no WAIT shall outlast it */
};

void futures_init(struct futures *futures);
/* Starts what can be started: SUBMITs of queued, WAITs of accepted ones. Never waits. */
void futures_pump(struct muster_pool *pool);
/* Tells the program what has ended: the number of futures. Calls their callbacks. */
int futures_deliver(struct muster_pool *pool);
/* The pool closes: its futures stay the program's, without a pool. */
void futures_orphan(struct muster_pool *pool);

/* A future for a command that was submitted otherwise; NULL when memory is short. */
struct muster_future *future_adopt(struct muster_pool *pool, int64_t track_id, bool with_command);
bool future_is_done(const struct muster_future *future);

#endif
