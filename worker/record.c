/*
 * record.c -- makes and shortens packed records. Pure in its arguments.
 *
 * Not here: when a record is made (perform.c) and where it goes (egress.c).
 */
#include "worker/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "proto/wire.h"

enum { WARNING_MAX = 256, OUTPUT_LEAST = 512 };

enum state record_state_of(enum reason reason)
{
    switch ((int)reason) {
    case REASON_TIMEOUT:
        return STATE_TIMEOUT;
    case REASON_STALL:
        return STATE_STALLED;
    case REASON_CUT_OFF:
    case REASON_WORKER_LOST:
    case REASON_WORKER_RESTARTED:
        return STATE_LOST;
    default:
        return STATE_CANCELLED;
    }
}

struct bytes record_pack(const struct wire_record_body *body, struct arena *arena)
{
    size_t size = wire_record_body_size(body);
    uint8_t *packed = arena_alloc(arena, size);
    MUST(packed != NULL);
    wire_record_body_encode(body, packed, size);
    return bytes_of(packed, size);
}

static void shorten_output(struct wire_output *output, size_t part_max)
{
    if (output->head.size > part_max)
        output->head.size = part_max;
    if (output->tail.size > part_max) {
        output->tail.data += output->tail.size - part_max;
        output->tail.size = part_max;
    }
}

/* A result is whole or not there. */
static void drop_result(struct wire_record_body *body, struct arena *arena)
{
    char text[WARNING_MAX];
    struct wire_record_body only = {.result = body->result, .n_result = body->n_result};
    snprintf(text, sizeof text,
             "the result (%zu bytes packed) is larger than the broker takes and was left out",
             wire_record_body_size(&only));
    body->n_result = 0;
    body->result = NULL;
    if (!arena_copy(arena, bytes_of_str(text), &body->warning))
        body->warning = bytes_of_str("the result was left out");
}

struct bytes record_fit(struct bytes packed, size_t size_max, struct arena *arena)
{
    struct wire_record_body body;
    struct wire_error error;
    if (packed.size <= size_max)
        return packed;
    if (wire_record_body_decode(packed, arena, &body, &error) < 0)
        return bytes_of(NULL, 0);
    for (size_t part = WIRE_OUTPUT_PART_MAX; part >= OUTPUT_LEAST; part /= 2) {
        shorten_output(&body.out, part);
        shorten_output(&body.err, part);
        if (wire_record_body_size(&body) <= size_max)
            return record_pack(&body, arena);
    }
    shorten_output(&body.out, 0);
    shorten_output(&body.err, 0);
    if (wire_record_body_size(&body) > size_max && body.n_result > 0)
        drop_result(&body, arena);
    if (wire_record_body_size(&body) > size_max)
        body.failure.n_trace_back = 0;
    if (wire_record_body_size(&body) > size_max) {
        struct bytes *message = &body.failure.message;
        message->size = message->size > OUTPUT_LEAST ? OUTPUT_LEAST : message->size;
        message->size = bytes_utf8_prefix(*message);
    }
    return wire_record_body_size(&body) <= size_max ? record_pack(&body, arena) : bytes_of(NULL, 0);
}
