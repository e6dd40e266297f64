/* turn.c -- memory of one turn; everything is given back at once. */
#include "broker/turn.h"

#include "base/assert.h"

#include <stdlib.h>

void turn_init(struct turn *turn)
{
    *turn = (struct turn){0};
    turn->frames = calloc(TURN_FRAMES_MAX, sizeof *turn->frames);
    MUST(turn->frames != NULL);
    arena_init(&turn->arena, TURN_ARENA_BYTES);
}

void turn_done(struct turn *turn)
{
    turn_reset(turn);
    arena_done(&turn->arena);
    free(turn->frames);
    free(turn->bodies);
}

void turn_reset(struct turn *turn)
{
    for (uint32_t i = 0; i < turn->n_frames; i++)
        zmq_msg_close(&turn->frames[i]);
    turn->n_frames = 0;
    turn->bytes = 0;
    turn->n_bodies = 0;
    arena_reset(&turn->arena);
}

bool turn_is_full(const struct turn *turn)
{
    return turn->n_frames == TURN_FRAMES_MAX || turn->bytes >= TURN_BYTES_MAX ||
           turn->arena.used_bytes >= TURN_ARENA_SOFT;
}

struct bytes turn_keep(struct turn *turn, zmq_msg_t *frame)
{
    MUST(turn->n_frames < TURN_FRAMES_MAX);
    zmq_msg_t *kept = &turn->frames[turn->n_frames++];
    zmq_msg_init(kept);
    zmq_msg_move(kept, frame);
    turn->bytes += zmq_msg_size(kept);
    return bytes_of(zmq_msg_data(kept), zmq_msg_size(kept));
}

uint64_t turn_body(struct turn *turn, struct bytes body)
{
    if (turn->n_bodies == turn->bodies_max) {
        turn->bodies_max = turn->bodies_max == 0 ? 4096 : turn->bodies_max * 2;
        turn->bodies = realloc(turn->bodies, turn->bodies_max * sizeof *turn->bodies);
        MUST(turn->bodies != NULL);
    }
    turn->bodies[turn->n_bodies++] = body;
    return turn->n_bodies;
}

struct bytes turn_body_of(void *ctx, uint64_t handle)
{
    const struct turn *turn = ctx;
    MUST(handle != 0 && handle <= turn->n_bodies);
    return turn->bodies[handle - 1];
}
