/* The slow paths of wire_pb.h: long varints, skipping and counting fields.
 *
 * Not here: what any field means. Invariant: a reader never moves beyond its end, and counting or
 * skipping takes time in proportion to the bytes passed. */
#include "proto/wire_pb.h"

#include <endian.h>

/* Seven bits from each of eight bytes, together in 56 bits. */
static uint64_t squeeze(uint64_t x)
{
    x &= UINT64_C(0x7f7f7f7f7f7f7f7f);
    x = (x & UINT64_C(0x007f007f007f007f)) | (x & UINT64_C(0x7f007f007f007f00)) >> 1;
    x = (x & UINT64_C(0x00003fff00003fff)) | (x & UINT64_C(0x3fff00003fff0000)) >> 2;
    return (x & UINT64_C(0x000000000fffffff)) | (x & UINT64_C(0x0fffffff00000000)) >> 4;
}

static const uint8_t *bytewise(const uint8_t *at, const uint8_t *end, unsigned shift,
                               uint64_t value, uint64_t *ret_value)
{
    for (; shift < 7 * PB_VARINT_BYTES_MAX && at < end; shift += 7) {
        uint8_t byte = *at++;
        if (shift == 63 && byte > 1) {
            return NULL;
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return at;
        }
    }
    return NULL;
}

const uint8_t *pb_long_varint(const uint8_t *at, const uint8_t *end, uint64_t *ret_value)
{
    if (end - at < 8) {
        return bytewise(at, end, 0, 0, ret_value);
    }
    uint64_t eight;
    memcpy(&eight, at, sizeof eight);
    eight = le64toh(eight);
    uint64_t stops = ~eight & UINT64_C(0x8080808080808080);
    if (stops == 0) {
        return bytewise(at + 8, end, 56, squeeze(eight), ret_value);
    }
    /* All bits up to the last one of the byte that stops. */
    *ret_value = squeeze(eight & (stops ^ (stops - 1)));
    return at + ((unsigned)__builtin_ctzll(stops) + 1) / 8;
}

bool pb_skip(struct pb_reader *reader, unsigned kind)
{
    uint64_t number;
    struct bytes span;
    switch (kind) {
    case PB_VARINT:
        return pb_read_varint(reader, &number);
    case PB_FIXED64:
        return pb_read_span(reader, 8, &span);
    case PB_LENGTH:
        return pb_read_length(reader, &span);
    case PB_FIXED32:
        return pb_read_span(reader, 4, &span);
    default:
        return false;
    }
}

bool pb_count(struct pb_reader reader, uint64_t tag, uint64_t *ret_count)
{
    uint64_t count = 0;
    while (reader.at < reader.end) {
        uint64_t next;
        if (!pb_read_varint(&reader, &next) || !pb_skip(&reader, (unsigned)(next & 7))) {
            return false;
        }
        count += next == tag;
    }
    *ret_count = count;
    return true;
}
