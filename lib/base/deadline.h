/* Deadlines, earliest first: (time, 64-bit payload), each removable by its handle. */
#ifndef BASE_DEADLINE_H
#define BASE_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/slab.h"
#include "base/time.h"

/* Fields are private. Not to be copied or moved: the heap points back to it. */
struct deadlines {
    struct slab entries;
    struct heap heap;
};

/* 0 or -ENOMEM (no address space). */
int deadlines_init(struct deadlines *deadlines, uint32_t entries_max);
void deadlines_done(struct deadlines *deadlines);

/* A handle, valid until removed or popped; 0 when full. MUSTER_NEVER is allowed and sorts last. */
uint32_t deadlines_add(struct deadlines *deadlines, muster_time at, uint64_t payload);
void deadlines_move(struct deadlines *deadlines, uint32_t handle, muster_time at);
void deadlines_remove(struct deadlines *deadlines, uint32_t handle);

muster_time deadlines_at(const struct deadlines *deadlines, uint32_t handle);
uint64_t deadlines_payload(const struct deadlines *deadlines, uint32_t handle);

/* The earliest time, MUSTER_NEVER when there is none. */
muster_time deadlines_next(const struct deadlines *deadlines);

/* Takes out the earliest entry if it is due (at <= now): false when none is. Equal times come out
 * in the order of their handles. */
bool deadlines_pop_due(struct deadlines *deadlines, muster_time now, uint64_t *ret_payload);

uint32_t deadlines_count(const struct deadlines *deadlines);

#endif
