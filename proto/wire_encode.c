/* Plain structs to packed bytes, driven by the tables (PROTOCOL.md section 3).
 *
 * Not here: whether a message obeys the rules (wire_check.c); what is written is what is there.
 * Fields go out in the order of their numbers, those that are zero or empty not at all, lists of
 * numbers packed: byte for byte what protobuf-c packs. Invariant: wire_pack_before writes exactly
 * wire_packed_size bytes, from the end to the beginning. */
#include "proto/wire_encode.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "proto/wire_pb.h"

/* ---- reading our structs -------------------------------------------------------------------- */

/* The number as it goes on the wire; zero is left out. */
static uint64_t load_number(const struct wire_field *field, ProtobufCType type, const uint8_t *at)
{
    if (field->bytes == sizeof(uint64_t)) {
        uint64_t value;
        memcpy(&value, at, sizeof value);
        return type == PROTOBUF_C_TYPE_SINT64 ? pb_zigzag((int64_t)value) : value;
    }
    if (field->bytes == sizeof(uint32_t)) {
        uint32_t value;
        memcpy(&value, at, sizeof value);
        return type == PROTOBUF_C_TYPE_SINT32 ? pb_zigzag((int32_t)value) : value;
    }
    bool flag;
    memcpy(&flag, at, sizeof flag);
    return flag;
}

static uint32_t load_count(const struct wire_field *field, const uint8_t *message)
{
    uint32_t n;
    memcpy(&n, message + field->count_offset, sizeof n);
    return n;
}

static const uint8_t *load_items(const struct wire_field *field, const uint8_t *message)
{
    const uint8_t *items;
    memcpy(&items, message + field->offset, sizeof items);
    return items;
}

static struct bytes load_bytes(const uint8_t *at)
{
    struct bytes bytes;
    memcpy(&bytes, at, sizeof bytes);
    return bytes;
}

static bool is_number(ProtobufCType type)
{
    return type != PROTOBUF_C_TYPE_BYTES && type != PROTOBUF_C_TYPE_MESSAGE;
}

/* ---- sizes ---------------------------------------------------------------------------------- */

static size_t tag_size(unsigned number)
{
    return number < 16 ? 1 : 2;
}

static size_t number_size(ProtobufCType type, uint64_t value)
{
    if (type == PROTOBUF_C_TYPE_DOUBLE) {
        return 8;
    }
    return type == PROTOBUF_C_TYPE_FIXED32 ? 4 : pb_varint_size(value);
}

/* Of a bytes field's or nested message's content, without its length. */
static size_t content_size(const struct wire_field *field, const uint8_t *at)
{
    return field->sub != NULL ? wire_packed_size(field->sub, at) : load_bytes(at).size;
}

static size_t packed_numbers_size(const struct wire_field *field, const uint8_t *message)
{
    const uint8_t *items = load_items(field, message);
    uint32_t n = load_count(field, message);
    size_t size = 0;
    for (uint32_t i = 0; i < n; i++) {
        size += pb_varint_size(
            load_number(field, PROTOBUF_C_TYPE_UINT64, items + (size_t)i * field->bytes));
    }
    return size;
}

static size_t list_size(const struct wire_field *field, ProtobufCType type, unsigned number,
                        const uint8_t *message)
{
    uint32_t n = load_count(field, message);
    if (n == 0) {
        return 0;
    }
    if (is_number(type)) {
        size_t content = packed_numbers_size(field, message);
        return tag_size(number) + pb_varint_size(content) + content;
    }
    const uint8_t *items = load_items(field, message);
    size_t size = n * tag_size(number);
    for (uint32_t i = 0; i < n; i++) {
        size_t content = content_size(field, items + (size_t)i * field->bytes);
        size += pb_varint_size(content) + content;
    }
    return size;
}

size_t wire_packed_size(const struct wire_layout *layout, const void *message)
{
    const uint8_t *base = message;
    size_t size = 0;
    for (unsigned i = 0; i < layout->n_fields; i++) {
        const struct wire_field *field = &layout->fields[i];
        ProtobufCType type = layout->schema->fields[i].type;
        if (field->count_offset != 0) {
            size += list_size(field, type, i + 1, base);
        } else if (is_number(type)) {
            uint64_t value = load_number(field, type, base + field->offset);
            size += value != 0 ? tag_size(i + 1) + number_size(type, value) : 0;
        } else {
            size_t content = content_size(field, base + field->offset);
            size += content != 0 ? tag_size(i + 1) + pb_varint_size(content) + content : 0;
        }
    }
    return size;
}

/* ---- writing, from the end to the beginning -------------------------------------------------- */

static uint8_t *write_tag(uint8_t *end, unsigned number, unsigned kind)
{
    return pb_write_varint(end, (uint64_t)number << 3 | kind);
}

static uint8_t *write_number(uint8_t *end, ProtobufCType type, unsigned number, uint64_t value)
{
    if (type == PROTOBUF_C_TYPE_DOUBLE) {
        return write_tag(pb_write_fixed(end, value, 8), number, PB_FIXED64);
    }
    if (type == PROTOBUF_C_TYPE_FIXED32) {
        return write_tag(pb_write_fixed(end, value, 4), number, PB_FIXED32);
    }
    return write_tag(pb_write_varint(end, value), number, PB_VARINT);
}

/* Content, length and tag. */
static uint8_t *write_content(uint8_t *end, const struct wire_field *field, unsigned number,
                              const uint8_t *at)
{
    uint8_t *begin = field->sub != NULL ? wire_pack_before(field->sub, at, end)
                                        : pb_write_bytes(end, load_bytes(at));
    return write_tag(pb_write_varint(begin, (uint64_t)(end - begin)), number, PB_LENGTH);
}

static uint8_t *write_list(uint8_t *end, const struct wire_field *field, ProtobufCType type,
                           unsigned number, const uint8_t *message)
{
    uint32_t n = load_count(field, message);
    const uint8_t *items = load_items(field, message);
    if (n > 0 && is_number(type)) {
        uint8_t *at = end;
        for (uint32_t i = n; i > 0; i--) {
            const uint8_t *item = items + (size_t)(i - 1) * field->bytes;
            at = pb_write_varint(at, load_number(field, PROTOBUF_C_TYPE_UINT64, item));
        }
        return write_tag(pb_write_varint(at, (uint64_t)(end - at)), number, PB_LENGTH);
    }
    for (uint32_t i = n; i > 0; i--) {
        end = write_content(end, field, number, items + (size_t)(i - 1) * field->bytes);
    }
    return end;
}

uint8_t *wire_pack_before(const struct wire_layout *layout, const void *message, uint8_t *end)
{
    const uint8_t *base = message;
    for (unsigned i = layout->n_fields; i-- > 0;) {
        const struct wire_field *field = &layout->fields[i];
        ProtobufCType type = layout->schema->fields[i].type;
        const uint8_t *at = base + field->offset;
        if (field->count_offset != 0) {
            end = write_list(end, field, type, i + 1, base);
        } else if (is_number(type)) {
            uint64_t value = load_number(field, type, at);
            end = value != 0 ? write_number(end, type, i + 1, value) : end;
        } else if (field->sub == NULL) {
            end = load_bytes(at).size > 0 ? write_content(end, field, i + 1, at) : end;
        } else {
            /* A nested message that would be empty is left out. */
            uint8_t *begin = wire_pack_before(field->sub, at, end);
            if (begin != end) {
                begin = pb_write_varint(begin, (uint64_t)(end - begin));
                end = write_tag(begin, i + 1, PB_LENGTH);
            }
        }
    }
    return end;
}
