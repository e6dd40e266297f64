/* intake.c -- memory of one turn; everything is given back at once. */
#include "broker/intake.h"

#include "base/assert.h"

#include <stdlib.h>

void intake_init(struct intake *intake)
{
    *intake = (struct intake){0};
    intake->frames = calloc(INTAKE_FRAMES_MAX, sizeof *intake->frames);
    MUST(intake->frames != NULL);
    arena_init(&intake->arena, INTAKE_ARENA_BYTES);
}

void intake_done(struct intake *intake)
{
    intake_reset(intake);
    arena_done(&intake->arena);
    free(intake->frames);
    free(intake->bodies);
}

void intake_reset(struct intake *intake)
{
    for (uint32_t i = 0; i < intake->n_frames; i++)
        zmq_msg_close(&intake->frames[i]);
    intake->n_frames = 0;
    intake->bytes = 0;
    intake->n_bodies = 0;
    arena_reset(&intake->arena);
}

bool intake_is_full(const struct intake *intake)
{
    return intake->n_frames == INTAKE_FRAMES_MAX || intake->bytes >= INTAKE_BYTES_MAX ||
           intake->arena.used_bytes >= INTAKE_ARENA_SOFT;
}

struct bytes intake_keep(struct intake *intake, zmq_msg_t *frame)
{
    MUST(intake->n_frames < INTAKE_FRAMES_MAX);
    zmq_msg_t *kept = &intake->frames[intake->n_frames++];
    zmq_msg_init(kept);
    zmq_msg_move(kept, frame);
    intake->bytes += zmq_msg_size(kept);
    return bytes_of(zmq_msg_data(kept), zmq_msg_size(kept));
}

uint64_t intake_body(struct intake *intake, struct bytes body)
{
    if (intake->n_bodies == intake->bodies_max) {
        intake->bodies_max = intake->bodies_max == 0 ? 4096 : intake->bodies_max * 2;
        intake->bodies = realloc(intake->bodies, intake->bodies_max * sizeof *intake->bodies);
        MUST(intake->bodies != NULL);
    }
    intake->bodies[intake->n_bodies++] = body;
    return intake->n_bodies;
}

struct bytes intake_body_of(void *ctx, uint64_t handle)
{
    const struct intake *intake = ctx;
    MUST(handle != 0 && handle <= intake->n_bodies);
    return intake->bodies[handle - 1];
}
