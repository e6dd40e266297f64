/* Packed bytes to plain structs, driven by the tables (PROTOCOL.md section 3).
 *
 * Protocol Buffers' own unpacker allocates for each field, known or not, and so lets a small frame
 * take sixty times its size. This one allocates arrays only, after counting and bounding them;
 * everything else points into the frame. Not here: rules (wire_rules.c, wire_values.c), the head of
 * a frame (wire.c). Invariants: nothing is read beyond the span; a refusal has been put into words
 * before any negative value is returned; recursion follows the tables, whose depth is fixed. */
#include "proto/wire_parse.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "proto/wire_pb.h"

/* A field that is there but empty or zero counts as absent. */
enum { ABSENT = 0, FILLED = 1 };

static int fail_malformed(struct wire_parse *parse, const struct wire_field *field)
{
    return wire_fail(&parse->trail, REFUSAL_BAD_REQUEST, 0, field, 0,
                     field != NULL ? "is malformed or cut short" : "is cut short");
}

static unsigned kind_of(ProtobufCType type)
{
    if (type == PROTOBUF_C_TYPE_BYTES || type == PROTOBUF_C_TYPE_MESSAGE) {
        return PB_LENGTH;
    }
    if (type == PROTOBUF_C_TYPE_DOUBLE) {
        return PB_FIXED64;
    }
    return type == PROTOBUF_C_TYPE_FIXED32 ? PB_FIXED32 : PB_VARINT;
}

/* The list itself is meant, not one of its items. */
static int fail_many(struct wire_parse *parse, const struct wire_field *field, uint32_t max)
{
    struct wire_field list = *field;
    list.count_offset = 0;
    return wire_fail(&parse->trail, REFUSAL_TOO_LARGE, max, &list, 0,
                     "has more than %" PRIu32 " items", max);
}

static int fail_memory(struct wire_parse *parse)
{
    return wire_fail(&parse->trail, REFUSAL_BUSY, 0, NULL, 0, "finds no memory left for now");
}

/* ---- numbers -------------------------------------------------------------------------------- */

static bool read_number(struct pb_reader *reader, ProtobufCType type, uint64_t *ret_value)
{
    if (type == PROTOBUF_C_TYPE_DOUBLE) {
        return pb_read_fixed(reader, 8, ret_value);
    }
    if (type == PROTOBUF_C_TYPE_FIXED32) {
        return pb_read_fixed(reader, 4, ret_value);
    }
    return pb_read_varint(reader, ret_value);
}

/* The width that the schema gives to the type. */
static bool number_fits(ProtobufCType type, uint64_t raw)
{
    if (type == PROTOBUF_C_TYPE_BOOL) {
        return raw <= 1;
    }
    if (type == PROTOBUF_C_TYPE_UINT32 || type == PROTOBUF_C_TYPE_SINT32 ||
        type == PROTOBUF_C_TYPE_ENUM) {
        return raw <= UINT32_MAX;
    }
    return true;
}

static void store_number(const struct wire_field *field, uint64_t value, uint8_t *at)
{
    if (field->bytes == sizeof(uint64_t)) {
        memcpy(at, &value, sizeof value);
    } else if (field->bytes == sizeof(uint32_t)) {
        uint32_t narrow = (uint32_t)value;
        memcpy(at, &narrow, sizeof narrow);
    } else {
        bool flag = value != 0;
        memcpy(at, &flag, sizeof flag);
    }
}

static int parse_number(struct wire_parse *parse, const struct wire_field *field,
                        ProtobufCType type, struct pb_reader *reader, uint8_t *at)
{
    uint64_t value;
    if (!read_number(reader, type, &value)) {
        return fail_malformed(parse, field);
    }
    if (!number_fits(type, value)) {
        return wire_fail(&parse->trail, REFUSAL_BAD_REQUEST, 0, field, 0,
                         "is not a number of its type");
    }
    if (type == PROTOBUF_C_TYPE_SINT32 || type == PROTOBUF_C_TYPE_SINT64) {
        value = (uint64_t)pb_unzigzag(value);
    }
    if (field->max != 0 || field->rule != RULE_NONE) {
        int result = wire_rule_number(&parse->trail, field, type, value);
        if (result < 0) {
            return result;
        }
    }
    store_number(field, value, at);
    return value != 0 ? FILLED : ABSENT;
}

/* A packed list of uint64. */
static int parse_numbers(struct wire_parse *parse, const struct wire_field *field,
                         struct pb_reader *reader, uint8_t *message)
{
    struct bytes packed;
    if (!pb_read_length(reader, &packed)) {
        return fail_malformed(parse, field);
    }
    uint64_t count = 0;
    for (size_t i = 0; i < packed.size; i++) {
        count += packed.data[i] < 0x80;
    }
    if (count > field->count_max) {
        return fail_many(parse, field, field->count_max);
    }
    MUST(parse->arena != NULL && field->bytes == sizeof(uint64_t));
    uint64_t *numbers = arena_alloc(parse->arena, (size_t)count * sizeof *numbers);
    if (numbers == NULL) {
        return fail_memory(parse);
    }
    struct pb_reader inner = pb_reader_of(packed);
    uint32_t n = 0;
    while (inner.at < inner.end) {
        if (!pb_read_varint(&inner, &numbers[n])) {
            return fail_malformed(parse, field);
        }
        n++;
    }
    memcpy(message + field->offset, &numbers, sizeof numbers);
    memcpy(message + field->count_offset, &n, sizeof n);
    return n > 0 ? FILLED : ABSENT;
}

/* ---- bytes and messages --------------------------------------------------------------------- */

/* A value as every encoder of ours writes it: its kind, then the one field of that kind. False when
 * it is anything else; the tables judge it then. Values are the most frequent message by far. */
static bool parse_plain_value(struct bytes packed, struct wire_value *ret)
{
    enum { TAG_KIND = 1 << 3, TAG_INTEGER = 2 << 3, TAG_DATA = 4 << 3 | 2, TAG_COUNT = 5 << 3 };
    if (packed.size < 4 || packed.data[0] != TAG_KIND || packed.data[1] > WIRE_VALUE_MAP) {
        return false;
    }
    struct pb_reader reader = {packed.data + 3, packed.data + packed.size};
    uint64_t number = 0;
    *ret = (struct wire_value){.kind = (enum wire_value_kind)packed.data[1]};
    switch (packed.data[2]) {
    case TAG_INTEGER:
        if (!pb_read_varint(&reader, &number)) {
            return false;
        }
        ret->integer = pb_unzigzag(number);
        break;
    case TAG_DATA:
        if (!pb_read_length(&reader, &ret->data)) {
            return false;
        }
        break;
    case TAG_COUNT:
        if (!pb_read_varint(&reader, &number) || number > UINT32_MAX) {
            return false;
        }
        ret->count = (uint32_t)number;
        break;
    default:
        return false;
    }
    return reader.at == reader.end;
}

static int parse_value(struct wire_parse *parse, const struct wire_field *field, uint32_t index,
                       struct bytes packed, void *ret)
{
    struct values_check *values = &parse->values[field->rule == RULE_VALUES_PAIRS ? 1 : 0];
    parse->value_bytes += packed.size;
    if (parse->value_bytes > WIRE_RESULT_MAX) {
        return wire_fail(&parse->trail, REFUSAL_TOO_LARGE, WIRE_RESULT_MAX, field, index,
                         "and the values before it are longer than %d bytes", WIRE_RESULT_MAX);
    }
    if (!parse_plain_value(packed, ret)) {
        wire_trail_push(&parse->trail, field, index);
        int result = wire_parse_message(parse, field->sub, packed, ret);
        wire_trail_pop(&parse->trail);
        if (result < 0) {
            return result;
        }
    }
    const char *what = values_check_feed(values, ret);
    return what == NULL
               ? FILLED
               : wire_fail(&parse->trail, REFUSAL_BAD_REQUEST, 0, field, index, "%s", what);
}

static int parse_content(struct wire_parse *parse, const struct wire_field *field, uint32_t index,
                         struct bytes content, void *ret)
{
    if (field->rule >= RULE_VALUES_MANY) {
        return parse_value(parse, field, index, content, ret);
    }
    if (field->sub != NULL) {
        wire_trail_push(&parse->trail, field, index);
        int result = wire_parse_message(parse, field->sub, content, ret);
        wire_trail_pop(&parse->trail);
        return result < 0 ? result : FILLED;
    }
    int result = wire_rule_bytes(&parse->trail, field, index, content);
    if (result == 0 && (field->rule == RULE_COMMAND_BODY || field->rule == RULE_RECORD_BODY)) {
        result = wire_parse_inner_body(parse, field, index, content);
    }
    if (result < 0) {
        return result;
    }
    *(struct bytes *)ret = content;
    return content.size > 0 ? FILLED : ABSENT;
}

/* ---- repeated fields ------------------------------------------------------------------------ */

/* Bounds the number of items and makes room for them. `reader` stands behind the first tag. */
static int open_list(struct wire_parse *parse, const struct wire_field *field, uint64_t tag,
                     const struct pb_reader *reader, uint8_t *message)
{
    struct pb_reader rest = *reader;
    uint64_t count;
    if (!pb_skip(&rest, (unsigned)(tag & 7)) || !pb_count(rest, tag, &count)) {
        return fail_malformed(parse, field);
    }
    count++;
    bool values = field->rule >= RULE_VALUES_MANY;
    uint64_t max = values ? WIRE_VALUES_MAX - parse->tokens : field->count_max;
    if (count > max) {
        return fail_many(parse, field, field->count_max);
    }
    parse->tokens += values ? (uint32_t)count : 0;
    if (parse->arena == NULL) {
        return 0;
    }
    void *items = arena_alloc(parse->arena, (size_t)count * field->bytes);
    if (items == NULL) {
        return fail_memory(parse);
    }
    memcpy(message + field->offset, &items, sizeof items);
    return 0;
}

static int parse_item(struct wire_parse *parse, const struct wire_field *field, uint64_t tag,
                      struct pb_reader *reader, bool first, uint8_t *message)
{
    int result = first ? open_list(parse, field, tag, reader, message) : 0;
    if (result < 0) {
        return result;
    }
    struct bytes content;
    if (!pb_read_length(reader, &content)) {
        return fail_malformed(parse, field);
    }
    uint32_t n;
    memcpy(&n, message + field->count_offset, sizeof n);
    struct wire_value scratch;
    void *item = &scratch;
    if (parse->arena != NULL) {
        uint8_t *items;
        memcpy(&items, message + field->offset, sizeof items);
        item = items + (size_t)n * field->bytes;
    } else {
        MUST(field->bytes <= sizeof scratch);
    }
    result = parse_content(parse, field, n, content, item);
    n++;
    memcpy(message + field->count_offset, &n, sizeof n);
    return result < 0 ? result : FILLED;
}

/* ---- messages ------------------------------------------------------------------------------- */

static int parse_field(struct wire_parse *parse, const struct wire_field *field, ProtobufCType type,
                       uint64_t tag, struct pb_reader *reader, bool again, uint8_t *message)
{
    bool repeated = field->count_offset != 0;
    bool packed = repeated && kind_of(type) != PB_LENGTH;
    if ((tag & 7) != (packed ? PB_LENGTH : kind_of(type))) {
        return fail_malformed(parse, field);
    }
    if (again && (packed || !repeated)) {
        return wire_fail(&parse->trail, REFUSAL_BAD_REQUEST, 0, field, 0, "occurs twice");
    }
    if (packed) {
        return parse_numbers(parse, field, reader, message);
    }
    if (repeated) {
        return parse_item(parse, field, tag, reader, !again, message);
    }
    if (kind_of(type) != PB_LENGTH) {
        return parse_number(parse, field, type, reader, message + field->offset);
    }
    struct bytes content;
    if (!pb_read_length(reader, &content)) {
        return fail_malformed(parse, field);
    }
    return parse_content(parse, field, 0, content, message + field->offset);
}

int wire_parse_rules_between(struct wire_parse *parse, const struct wire_layout *layout,
                             const void *message)
{
    uint32_t index = 0;
    const char *what = layout->check(message, &index);
    if (what == NULL) {
        return 0;
    }
    int result = wire_fail(&parse->trail, REFUSAL_BAD_REQUEST, 0, NULL, 0, ": %s", what);
    if (parse->trail.depth == 0) {
        parse->trail.error->index = index;
    }
    return result;
}

/* The usual case by itself, for speed: an unsigned number that is there once and good. False when
 * it is anything else, nothing is read then. */
static inline bool parse_plain_number(const struct wire_layout *layout, struct pb_reader *reader,
                                      uint8_t *message, uint32_t *seen, uint32_t *filled)
{
    uint8_t tag = *reader->at;
    uint32_t number = tag >> 3;
    if ((tag & 0x87) != PB_VARINT || number == 0 || number > layout->n_fields ||
        (*seen & WIRE_BIT(number)) != 0) {
        return false;
    }
    const struct wire_field *field = &layout->fields[number - 1];
    ProtobufCType type = layout->schema->fields[number - 1].type;
    bool is_unsigned = type == PROTOBUF_C_TYPE_UINT32 || type == PROTOBUF_C_TYPE_UINT64;
    if (!is_unsigned || field->count_offset != 0 || field->rule != RULE_NONE) {
        return false;
    }
    struct pb_reader behind = {reader->at + 1, reader->end};
    uint64_t max = field->bytes == sizeof(uint32_t) ? UINT32_MAX : UINT64_MAX;
    uint64_t value;
    if (!pb_read_varint(&behind, &value) || value > (field->max != 0 ? field->max : max)) {
        return false;
    }
    reader->at = behind.at;
    if (field->bytes == sizeof(uint32_t)) {
        uint32_t narrow = (uint32_t)value;
        memcpy(message + field->offset, &narrow, sizeof narrow);
    } else {
        memcpy(message + field->offset, &value, sizeof value);
    }
    *seen |= WIRE_BIT(number);
    *filled |= value != 0 ? WIRE_BIT(number) : 0;
    return true;
}

int wire_parse_message(struct wire_parse *parse, const struct wire_layout *layout,
                       struct bytes packed, void *ret)
{
    memset(ret, 0, layout->bytes);
    struct pb_reader reader = pb_reader_of(packed);
    uint32_t seen = 0;
    uint32_t filled = 0;
    while (reader.at < reader.end) {
        if (parse_plain_number(layout, &reader, ret, &seen, &filled)) {
            continue;
        }
        uint64_t tag;
        if (!pb_read_varint(&reader, &tag) || tag < 8 || tag > UINT32_MAX) {
            return fail_malformed(parse, NULL);
        }
        uint64_t number = tag >> 3;
        if (number > layout->n_fields) {
            if (!pb_skip(&reader, (unsigned)(tag & 7))) {
                return fail_malformed(parse, NULL);
            }
            continue;
        }
        uint32_t bit = WIRE_BIT(number);
        int result =
            parse_field(parse, &layout->fields[number - 1], layout->schema->fields[number - 1].type,
                        tag, &reader, (seen & bit) != 0, ret);
        if (result < 0) {
            return result;
        }
        seen |= bit;
        filled |= result == FILLED ? bit : 0;
    }
    int result = wire_rule_required(&parse->trail, layout, filled);
    if (result < 0 || layout->check == NULL) {
        return result;
    }
    return wire_parse_rules_between(parse, layout, ret);
}

/* ---- bodies --------------------------------------------------------------------------------- */

int wire_parse_body(struct wire_parse *parse, const struct wire_layout *layout, struct bytes packed,
                    void *ret)
{
    bool command = layout == &wire_layout_command_body;
    uint32_t max = command ? WIRE_COMMAND_BODY_MAX : WIRE_RECORD_BODY_MAX;
    if (packed.size > max) {
        return wire_fail(&parse->trail, REFUSAL_TOO_LARGE, max, NULL, 0,
                         "is longer than %" PRIu32 " bytes", max);
    }
    values_check_init(&parse->values[0], command ? WIRE_VALUES_MANY : WIRE_VALUES_ONE);
    values_check_init(&parse->values[1], WIRE_VALUES_PAIRS);
    parse->tokens = 0;
    parse->value_bytes = 0;
    int result = wire_parse_message(parse, layout, packed, ret);
    for (unsigned i = 0; i < (command ? 2 : 1) && result == 0; i++) {
        const char *what = values_check_end(&parse->values[i]);
        if (what != NULL) {
            struct wire_field field = layout->fields[i];
            field.count_offset = 0; /* the list itself is meant, not an item */
            result = wire_fail(&parse->trail, REFUSAL_BAD_REQUEST, 0, &field, 0, "%s", what);
        }
    }
    return result;
}

int wire_parse_inner_body(struct wire_parse *parse, const struct wire_field *field, uint32_t index,
                          struct bytes packed)
{
    union {
        struct wire_command_body command;
        struct wire_record_body record;
    } kept;
    bool command = field->rule == RULE_COMMAND_BODY;
    struct arena *arena = parse->arena;
    parse->arena = NULL;
    wire_trail_push(&parse->trail, field, index);
    int result = wire_parse_body(
        parse, command ? &wire_layout_command_body : &wire_layout_record_body, packed, &kept);
    wire_trail_pop(&parse->trail);
    parse->arena = arena;
    return result;
}
