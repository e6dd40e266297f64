/*
 * record.h -- track records that the worker itself makes or has to shorten.
 */
#ifndef MUSTER_WORKER_RECORD_H
#define MUSTER_WORKER_RECORD_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/state.h"
#include "proto/body.h"

/* How an attempt ends that was told to end for this reason. */
enum state record_state_of(enum reason reason);

/* Packs into the arena; asserts that there is room (the body is within the limits of the wire). */
struct bytes record_pack(const struct wire_record_body *body, struct arena *arena);

/* The packed RecordBody in at most `size_max` bytes. What it leaves out it says: outputs keep their
 * totals, a result that is gone is told in the warning. An empty body when nothing else fits or it
 * cannot be read. */
struct bytes record_fit(struct bytes packed, size_t size_max, struct arena *arena);

#endif
