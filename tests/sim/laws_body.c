/* laws_body.c -- the simulator's own marks inside the bodies that the broker only passes on. */
#include "base/arena.h"
#include "laws.h"
#include "proto/wire.h"

enum { MARK_MEMORY = 64 * 1024 };

uint32_t laws_nonce_of(struct bytes command_body)
{
    struct arena arena;
    struct wire_command_body body;
    struct wire_error error;
    uint32_t nonce = 0;
    arena_init(&arena, MARK_MEMORY);
    if (wire_command_body_decode(command_body, &arena, &body, &error) == 0 && body.n_args > 0)
        nonce = (uint32_t)body.args[0].integer;
    arena_done(&arena);
    return nonce;
}

int64_t laws_token_of(struct bytes record_body)
{
    struct arena arena;
    struct wire_record_body body;
    struct wire_error error;
    int64_t token = 0;
    arena_init(&arena, MARK_MEMORY);
    if (wire_record_body_decode(record_body, &arena, &body, &error) == 0 && body.n_result > 0)
        token = body.result[0].integer;
    arena_done(&arena);
    return token;
}
