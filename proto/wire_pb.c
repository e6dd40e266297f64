/* The slow paths of wire_pb.h: long varints, skipping and counting fields.
 *
 * Not here: what any field means. Invariant: a reader never moves beyond its end, and counting or
 * skipping takes time in proportion to the bytes passed. */
#include "proto/wire_pb.h"

bool pb_read_long_varint(struct pb_reader *reader, uint64_t *ret_value)
{
    uint64_t value = 0;
    const uint8_t *at = reader->at;
    for (unsigned shift = 0; shift < 7 * PB_VARINT_BYTES_MAX && at < reader->end; shift += 7) {
        uint8_t byte = *at++;
        if (shift == 63 && byte > 1) {
            return false;
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            reader->at = at;
            *ret_value = value;
            return true;
        }
    }
    return false;
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
