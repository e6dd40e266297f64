/* The rules of decoding, for a message of our own that is about to be sent.
 *
 * The client library finds a caller's mistake here, before the broker has to. Not here: the rules
 * themselves (wire_rules.c and the tables). Invariant: what wire_check accepts, wire_decode accepts
 * after wire_encode, and the other way round. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "proto/wire.h"
#include "proto/wire_layout.h"
#include "proto/wire_parse.h"
#include "proto/wire_rules.h"

static int check_message(struct wire_parse *parse, const struct wire_layout *layout,
                         const uint8_t *message);

/* FILLED as in wire_decode.c: 1 when the field is there and not empty. */
static int check_number(struct wire_parse *parse, const struct wire_field *field,
                        ProtobufCType type, const uint8_t *at)
{
    uint64_t value = 0;
    if (field->bytes == sizeof(uint64_t)) {
        memcpy(&value, at, sizeof value);
    } else if (field->bytes == sizeof(uint32_t)) {
        uint32_t narrow;
        memcpy(&narrow, at, sizeof narrow);
        int64_t wide = type == PROTOBUF_C_TYPE_SINT32 ? (int64_t)(int32_t)narrow : narrow;
        value = (uint64_t)wide;
    } else {
        value = *at != 0;
    }
    if (value != 0 && (field->max != 0 || field->rule != RULE_NONE)) {
        int result = wire_rule_number(&parse->trail, field, type, value);
        if (result < 0) {
            return result;
        }
    }
    return value != 0;
}

static int check_content(struct wire_parse *parse, const struct wire_field *field, uint32_t index,
                         const uint8_t *at)
{
    MUST(field->rule < RULE_VALUES_MANY);
    if (field->sub != NULL) {
        wire_trail_push(&parse->trail, field, index);
        int result = check_message(parse, field->sub, at);
        wire_trail_pop(&parse->trail);
        return result < 0 ? result : 1;
    }
    struct bytes content;
    memcpy(&content, at, sizeof content);
    int result = wire_rule_bytes(&parse->trail, field, index, content);
    if (result == 0 && (field->rule == RULE_COMMAND_BODY || field->rule == RULE_RECORD_BODY)) {
        result = wire_parse_inner_body(parse, field, index, content);
    }
    return result < 0 ? result : content.size > 0;
}

static int check_list(struct wire_parse *parse, const struct wire_field *field, ProtobufCType type,
                      const uint8_t *message)
{
    uint32_t n;
    const uint8_t *items;
    memcpy(&n, message + field->count_offset, sizeof n);
    memcpy(&items, message + field->offset, sizeof items);
    if (n > field->count_max) {
        struct wire_field list = *field;
        list.count_offset = 0;
        return wire_fail(&parse->trail, REFUSAL_TOO_LARGE, field->count_max, &list, 0,
                         "has more than %" PRIu32 " items", field->count_max);
    }
    bool numbers = type != PROTOBUF_C_TYPE_BYTES && type != PROTOBUF_C_TYPE_MESSAGE;
    for (uint32_t i = 0; i < n && !numbers; i++) {
        int result = check_content(parse, field, i, items + (size_t)i * field->bytes);
        if (result < 0) {
            return result;
        }
    }
    return n > 0;
}

static int check_message(struct wire_parse *parse, const struct wire_layout *layout,
                         const uint8_t *message)
{
    uint32_t filled = 0;
    for (unsigned i = 0; i < layout->n_fields; i++) {
        const struct wire_field *field = &layout->fields[i];
        ProtobufCType type = layout->schema->fields[i].type;
        int result;
        if (field->count_offset != 0) {
            result = check_list(parse, field, type, message);
        } else if (type == PROTOBUF_C_TYPE_BYTES || type == PROTOBUF_C_TYPE_MESSAGE) {
            result = check_content(parse, field, 0, message + field->offset);
        } else {
            result = check_number(parse, field, type, message + field->offset);
        }
        if (result < 0) {
            return result;
        }
        filled |= result > 0 ? WIRE_BIT(i + 1) : 0;
    }
    int result = wire_rule_required(&parse->trail, layout, filled);
    if (result < 0 || layout->check == NULL) {
        return result;
    }
    return wire_parse_rules_between(parse, layout, message);
}

int wire_check(const struct wire_message *message, struct wire_error *ret_error)
{
    struct wire_parse parse = {
        .trail = {.error = ret_error, .root = wire_type_name(message->type)}};
    if (!wire_type_is_known(message->type)) {
        return wire_fail(&parse.trail, REFUSAL_BAD_REQUEST, 0, NULL, 0,
                         "is a message type that this version does not know");
    }
    const struct wire_layout *layout = wire_layout_of(message->type);
    int result = layout == NULL ? 0 : check_message(&parse, layout, (const uint8_t *)&message->as);
    if (result < 0) {
        ret_error->request = wire_request(message);
        return result;
    }
    if (wire_encoded_size(message) > WIRE_MESSAGE_MAX) {
        result = wire_fail(&parse.trail, REFUSAL_TOO_LARGE, WIRE_MESSAGE_MAX, NULL, 0,
                           "is longer than %d bytes", WIRE_MESSAGE_MAX);
        ret_error->request = wire_request(message);
    }
    return result;
}
