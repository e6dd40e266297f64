/* One future, as future.c and futures.c share it. */
#ifndef MUSTER_LIB_FUTURE_H
#define MUSTER_LIB_FUTURE_H

#include <muster.h>

#include <stdbool.h>

#include "base/list.h"
#include "error.h"
#include "request.h"

enum future_phase {
    FUTURE_QUEUED,
    FUTURE_SUBMITTED,
    FUTURE_ACCEPTED,
    FUTURE_COVERED,
    FUTURE_DONE,
    FUTURE_REFUSED
};

/* The futures that one request names, in the order of its submissions or track ids; a freed one
 * leaves NULL behind. */
struct future_set {
    uint32_t n;
    struct muster_future *items[];
};

struct muster_future {
    struct list link;
    struct list all_link;
    struct muster_pool *pool; /* NULL: it was closed */
    enum future_phase phase;
    bool with_command;
    bool alone; /* ask for it alone: a WAIT that named others too went wrong */
    bool no_memory;
    struct packed *packed; /* QUEUED only; SUBMITTED: the request has it */
    struct future_set *set;
    uint32_t set_index;
    int64_t track_id;
    int code;           /* REFUSED */
    struct error *why;  /* REFUSED */
    struct reply *page; /* DONE: what `record` points into */
    muster_record record;
    muster_record_fn *done;
    void *done_arg;
};

/* Somebody waits for this one: it gets a WAIT of its own when none covers it. */
void futures_cover(struct muster_pool *pool, struct muster_future *future);

#endif
