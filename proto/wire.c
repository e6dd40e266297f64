/* Frames: the head, which message it is, and the public functions (PROTOCOL.md sections 2 and 3).
 *
 * Not here: how bodies are decoded and encoded (wire_decode.c, wire_encode.c). Invariant: a frame
 * is looked at only after its size and head have been judged. */
#include "proto/wire.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "proto/wire_encode.h"
#include "proto/wire_layout.h"
#include "proto/wire_parse.h"
#include "proto/wire_pb.h"

/* ---- types ---------------------------------------------------------------------------------- */

enum direction { NOBODY, CLIENT, TO_CLIENT, WORKER, TO_WORKER, TO_BOTH };

enum { TYPES = 0x80 };

static const struct wire_layout wire_layout_empty;

static const struct type {
    const char *name;
    const struct wire_layout *layout; /* wire_layout_empty: a message without fields */
    enum direction direction;
} types[TYPES] = {
#define X(type_name, number, member, sender)                                                       \
    [number] = {.name = #type_name, .layout = &wire_layout_##member, .direction = (sender)},
#define wire_layout_error wire_layout_refused
    WIRE_TYPE_TABLE(X)
#undef wire_layout_error
#undef X
};

static const struct type *type_of(unsigned number)
{
    static const struct type unknown = {.name = "UNKNOWN"};
    return number < TYPES && types[number].name != NULL ? &types[number] : &unknown;
}

const struct wire_layout *wire_layout_of(unsigned type)
{
    const struct wire_layout *layout = type_of(type)->layout;
    return layout == &wire_layout_empty ? NULL : layout;
}

const char *wire_type_name(unsigned type)
{
    return type_of(type)->name;
}

bool wire_type_is_known(unsigned type)
{
    return type_of(type)->direction != NOBODY;
}

bool wire_type_is_from_client(enum wire_type type)
{
    return type_of(type)->direction == CLIENT;
}

bool wire_type_is_from_worker(enum wire_type type)
{
    return type_of(type)->direction == WORKER;
}

bool wire_type_is_to_client(enum wire_type type)
{
    return type_of(type)->direction == TO_CLIENT || type_of(type)->direction == TO_BOTH;
}

bool wire_type_is_to_worker(enum wire_type type)
{
    return type_of(type)->direction == TO_WORKER || type_of(type)->direction == TO_BOTH;
}

/* Every message that has a request has it as its first field. */
static bool has_request(const struct wire_layout *layout)
{
    return layout != NULL && strcmp(layout->fields[0].name, "request") == 0;
}

uint64_t wire_request(const struct wire_message *message)
{
    const struct wire_layout *layout = wire_layout_of(message->type);
    uint64_t request = 0;
    if (has_request(layout)) {
        memcpy(&request, (const uint8_t *)&message->as + layout->fields[0].offset, sizeof request);
    }
    return request;
}

/* ---- decoding ------------------------------------------------------------------------------- */

/* The request's number, even if the rest of the body is bad: it stands first. */
static uint64_t peek_request(const struct wire_layout *layout, struct bytes body)
{
    struct pb_reader reader = pb_reader_of(body);
    uint64_t tag;
    uint64_t request;
    bool found = has_request(layout) && pb_read_varint(&reader, &tag) && tag == (1 << 3) &&
                 pb_read_varint(&reader, &request);
    return found ? request : 0;
}

static int judge_head(struct wire_trail *trail, const uint8_t *frame, size_t size)
{
    if (size < WIRE_HEAD_BYTES || frame[0] != 'M' || frame[1] != 'U') {
        return wire_fail(trail, REFUSAL_BAD_REQUEST, 0, NULL, 0,
                         "is not a message of Muster: its head is not \"MU\", version, type");
    }
    if (frame[2] != WIRE_VERSION) {
        return wire_fail(trail, REFUSAL_VERSION, WIRE_VERSION, NULL, 0,
                         "has protocol version %u and only version %d is spoken here", frame[2],
                         WIRE_VERSION);
    }
    if (!wire_type_is_known(frame[3])) {
        return wire_fail(trail, REFUSAL_BAD_REQUEST, 0, NULL, 0,
                         "has message type 0x%02x, which this version does not know", frame[3]);
    }
    trail->root = wire_type_name(frame[3]);
    if (size > WIRE_MESSAGE_MAX) {
        return wire_fail(trail, REFUSAL_TOO_LARGE, WIRE_MESSAGE_MAX, NULL, 0,
                         "is longer than %d bytes", WIRE_MESSAGE_MAX);
    }
    return 0;
}

int wire_decode(const void *frame, size_t size, struct arena *arena, struct wire_message *ret,
                struct wire_error *ret_error)
{
    const uint8_t *head = frame;
    struct wire_parse parse = {.trail = {.error = ret_error, .root = "the frame"}, .arena = arena};
    int result = judge_head(&parse.trail, head, size);
    if (result < 0 && result != -EMSGSIZE) {
        return result;
    }
    const struct wire_layout *layout = wire_layout_of(head[3]);
    struct bytes body = bytes_of(head + WIRE_HEAD_BYTES, size - WIRE_HEAD_BYTES);
    struct wire_message message;
    message.type = (enum wire_type)head[3];
    if (result == 0) {
        /* Fields that a later version may give to an empty message are unknown ones here. */
        result = layout != NULL ? wire_parse_message(&parse, layout, body, &message.as)
                                : wire_parse_message(&parse, &wire_layout_empty, body, &message.as);
    }
    if (result < 0) {
        ret_error->request = peek_request(layout, body);
        return result;
    }
    *ret = message;
    return 0;
}

/* ---- encoding ------------------------------------------------------------------------------- */

size_t wire_encoded_size(const struct wire_message *message)
{
    const struct wire_layout *layout = wire_layout_of(message->type);
    return WIRE_HEAD_BYTES + (layout != NULL ? wire_packed_size(layout, &message->as) : 0);
}

void wire_encode(const struct wire_message *message, uint8_t *buffer, size_t size)
{
    MUST(wire_type_is_known(message->type));
    const struct wire_layout *layout = wire_layout_of(message->type);
    uint8_t *begin = buffer + size;
    if (layout != NULL) {
        begin = wire_pack_before(layout, &message->as, begin);
    }
    MUST(begin == buffer + WIRE_HEAD_BYTES);
    buffer[0] = 'M';
    buffer[1] = 'U';
    buffer[2] = WIRE_VERSION;
    buffer[3] = (uint8_t)message->type;
}

/* Every list of items has a field number below 16: one byte of tag. */
static size_t item_size(const struct wire_layout *layout, const void *item)
{
    size_t size = wire_packed_size(layout, item);
    return 1 + pb_varint_size(size) + size;
}

size_t wire_submission_size(const struct wire_submission *submission)
{
    return item_size(&wire_layout_submission, submission);
}

size_t wire_hand_out_size(const struct wire_hand_out *hand_out)
{
    return item_size(&wire_layout_hand_out, hand_out);
}

size_t wire_record_head_size(const struct wire_record_head *record)
{
    return item_size(&wire_layout_record_head, record);
}

size_t wire_row_size(const struct wire_row *row)
{
    return item_size(&wire_layout_row, row);
}

size_t wire_command_row_size(const struct wire_command_row *row)
{
    return item_size(&wire_layout_command_row, row);
}

size_t wire_host_row_size(const struct wire_host_row *row)
{
    return item_size(&wire_layout_host_row, row);
}

/* ---- bodies --------------------------------------------------------------------------------- */

static int decode_body(const struct wire_layout *layout, const char *root, struct bytes body,
                       struct arena *arena, void *ret, struct wire_error *ret_error)
{
    struct wire_parse parse = {.trail = {.error = ret_error, .root = root}, .arena = arena};
    union {
        struct wire_command_body command;
        struct wire_record_body record;
    } kept;
    int result = wire_parse_body(&parse, layout, body, &kept);
    if (result == 0 && ret != NULL) {
        memcpy(ret, &kept, layout->bytes);
    }
    return result;
}

int wire_command_body_decode(struct bytes body, struct arena *arena, struct wire_command_body *ret,
                             struct wire_error *ret_error)
{
    return decode_body(&wire_layout_command_body, "command body", body, arena, ret, ret_error);
}

int wire_record_body_decode(struct bytes body, struct arena *arena, struct wire_record_body *ret,
                            struct wire_error *ret_error)
{
    return decode_body(&wire_layout_record_body, "record body", body, arena, ret, ret_error);
}

int wire_command_body_check(struct bytes body, struct wire_error *ret_error)
{
    return decode_body(&wire_layout_command_body, "command body", body, NULL, NULL, ret_error);
}

int wire_record_body_check(struct bytes body, struct wire_error *ret_error)
{
    return decode_body(&wire_layout_record_body, "record body", body, NULL, NULL, ret_error);
}

size_t wire_command_body_size(const struct wire_command_body *body)
{
    return wire_packed_size(&wire_layout_command_body, body);
}

void wire_command_body_encode(const struct wire_command_body *body, uint8_t *buffer, size_t size)
{
    MUST(wire_pack_before(&wire_layout_command_body, body, buffer + size) == buffer);
}

size_t wire_record_body_size(const struct wire_record_body *body)
{
    return wire_packed_size(&wire_layout_record_body, body);
}

void wire_record_body_encode(const struct wire_record_body *body, uint8_t *buffer, size_t size)
{
    MUST(wire_pack_before(&wire_layout_record_body, body, buffer + size) == buffer);
}
