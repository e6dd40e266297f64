/* Any bytes as a frame and as the two bodies. What is accepted must survive the way back and forth,
 * pass the check before sending, and be read the same by protobuf-c. */
#include "tests/fuzz/target.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "proto/wire.h"
#include "proto/wire_layout.h"
#include "tests/unit/proto/fill.h"

/* protobuf-c reads what we wrote and writes the same; only -0.0, which it takes for zero, differs.
 */
static void compare_with_protobuf(const struct wire_layout *layout, const uint8_t *packed,
                                  size_t size)
{
    static const uint8_t minus_zero[] = {0, 0, 0, 0, 0, 0, 0, 0x80};
    if (memmem(packed, size, minus_zero, sizeof minus_zero) != NULL) {
        return;
    }
    ProtobufCMessage *message = protobuf_c_message_unpack(layout->schema, NULL, size, packed);
    MUST(message != NULL);
    MUST(protobuf_c_message_get_packed_size(message) == size);
    uint8_t *again = malloc(size + 1);
    MUST(again != NULL);
    MUST(protobuf_c_message_pack(message, again) == size);
    MUST(size == 0 || memcmp(again, packed, size) == 0);
    free(again);
    protobuf_c_message_free_unpacked(message, NULL);
}

static void try_frame(const uint8_t *data, size_t size, struct arena *arena)
{
    struct wire_message message;
    struct wire_message again;
    struct wire_error error = {0};
    int result = wire_decode(data, size, arena, &message, &error);
    MUST(arena->used_bytes <= WIRE_DECODE_MEMORY_MAX);
    if (result < 0) {
        MUST(error.refusal != REFUSAL_OK && error.text[0] != '\0');
        MUST(bytes_is_utf8(bytes_of_str(error.text)));
        return;
    }
    MUST(wire_check(&message, &error) == 0);
    size_t frame_size;
    uint8_t *frame = fill_frame(&message, &frame_size);
    MUST(frame_size <= WIRE_MESSAGE_MAX);
    MUST(wire_decode(frame, frame_size, arena, &again, &error) == 0);
    const struct wire_layout *layout = wire_layout_of(message.type);
    MUST(again.type == message.type);
    if (layout != NULL) {
        MUST(fill_is_equal(layout, &message.as, &again.as));
        compare_with_protobuf(layout, frame + WIRE_HEAD_BYTES, frame_size - WIRE_HEAD_BYTES);
    }
    free(frame);
}

static void try_command_body(struct bytes body, struct arena *arena)
{
    struct wire_command_body decoded;
    struct wire_command_body again;
    struct wire_error error;
    int result = wire_command_body_decode(body, arena, &decoded, &error);
    MUST(wire_command_body_check(body, &error) == result);
    if (result < 0) {
        return;
    }
    size_t size = wire_command_body_size(&decoded);
    uint8_t *packed = malloc(size + 1);
    MUST(packed != NULL);
    wire_command_body_encode(&decoded, packed, size);
    MUST(wire_command_body_decode(bytes_of(packed, size), arena, &again, &error) == 0);
    MUST(fill_is_equal(&wire_layout_command_body, &decoded, &again));
    MUST(wire_values_count(decoded.args, decoded.n_args) <= decoded.n_args);
    compare_with_protobuf(&wire_layout_command_body, packed, size);
    free(packed);
}

static void try_record_body(struct bytes body, struct arena *arena)
{
    struct wire_record_body decoded;
    struct wire_record_body again;
    struct wire_error error;
    int result = wire_record_body_decode(body, arena, &decoded, &error);
    MUST(wire_record_body_check(body, &error) == result);
    if (result < 0) {
        return;
    }
    size_t size = wire_record_body_size(&decoded);
    uint8_t *packed = malloc(size + 1);
    MUST(packed != NULL);
    wire_record_body_encode(&decoded, packed, size);
    MUST(wire_record_body_decode(bytes_of(packed, size), arena, &again, &error) == 0);
    MUST(fill_is_equal(&wire_layout_record_body, &decoded, &again));
    MUST(wire_values_count(decoded.result, decoded.n_result) <= 1);
    compare_with_protobuf(&wire_layout_record_body, packed, size);
    free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    arena_init(&arena, 2 * (size_t)WIRE_DECODE_MEMORY_MAX);
    try_frame(data, size, &arena);
    arena_reset(&arena);
    try_command_body(bytes_of(data, size), &arena);
    arena_reset(&arena);
    try_record_body(bytes_of(data, size), &arena);
    arena_done(&arena);
    return 0;
}
