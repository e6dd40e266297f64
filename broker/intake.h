/*
 * intake.h -- what lives for one turn of the broker: the frames that came, the arena that their
 * decoded structs lie in, and the bodies that the core knows by handle.
 */
#ifndef MUSTER_BROKER_INTAKE_H
#define MUSTER_BROKER_INTAKE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "broker/core/core.h"

#include <zmq.h>

enum {
    INTAKE_FRAMES_MAX = 4096,
    INTAKE_BYTES_MAX = 16 * 1024 * 1024, /* of frames; the last one may exceed it */
    INTAKE_ARENA_BYTES = 64 * 1024 * 1024,
    INTAKE_ARENA_SOFT = 32 * 1024 * 1024, /* no further frame is taken beyond this */
};

struct intake {
    muster_time now;
    int64_t wall_ns;
    zmq_msg_t *frames;
    uint32_t n_frames;
    size_t bytes;
    struct arena arena;
    struct bytes *bodies; /* handle h is bodies[h - 1] */
    size_t n_bodies, bodies_max;
};

void intake_init(struct intake *intake);
void intake_done(struct intake *intake);
/* Frees the frames and everything made of them. */
void intake_reset(struct intake *intake);
bool intake_is_full(const struct intake *intake);
/* Keeps the frame until the reset; `frame` is empty afterwards. */
struct bytes intake_keep(struct intake *intake, zmq_msg_t *frame);
/* A handle for the core, never 0. */
uint64_t intake_body(struct intake *intake, struct bytes body);
/* The bytes behind a handle (a store_body_fn with the turn as ctx). */
struct bytes intake_body_of(void *turn, uint64_t handle);

#endif
