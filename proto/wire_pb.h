/* Protocol Buffers' encoding, as far as muster.proto needs it: tags, varints, fixed numbers.
 *
 * The reader goes forward and never beyond `end`. The writer goes backward, from the end of a
 * buffer of the exact size, so that the length of a nested message is known when its prefix is
 * written. */
#ifndef PROTO_WIRE_PB_H
#define PROTO_WIRE_PB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

enum pb_kind { PB_VARINT = 0, PB_FIXED64 = 1, PB_LENGTH = 2, PB_FIXED32 = 5 };

enum { PB_VARINT_BYTES_MAX = 10 };

struct pb_reader {
    const uint8_t *at;
    const uint8_t *end;
};

static inline struct pb_reader pb_reader_of(struct bytes bytes)
{
    if (bytes.size == 0) {
        return (struct pb_reader){NULL, NULL};
    }
    return (struct pb_reader){bytes.data, bytes.data + bytes.size};
}

/* Where it goes on behind the number; NULL when the bytes end or no 64-bit number is there. */
const uint8_t *pb_long_varint(const uint8_t *at, const uint8_t *end, uint64_t *ret_value);

static inline bool pb_read_varint(struct pb_reader *reader, uint64_t *ret_value)
{
    if (reader->at < reader->end && *reader->at < 0x80) {
        *ret_value = *reader->at++;
        return true;
    }
    /* The reader's address does not leave: it can live in registers. */
    uint64_t value;
    const uint8_t *behind = pb_long_varint(reader->at, reader->end, &value);
    if (behind == NULL) {
        return false;
    }
    reader->at = behind;
    *ret_value = value;
    return true;
}

static inline bool pb_read_span(struct pb_reader *reader, uint64_t size, struct bytes *ret_span)
{
    if (size > (uint64_t)(reader->end - reader->at)) {
        return false;
    }
    ret_span->data = reader->at;
    ret_span->size = (size_t)size;
    reader->at += size;
    return true;
}

static inline bool pb_read_length(struct pb_reader *reader, struct bytes *ret_span)
{
    uint64_t size;
    return pb_read_varint(reader, &size) && pb_read_span(reader, size, ret_span);
}

/* Little-endian, whatever this machine is. */
static inline bool pb_read_fixed(struct pb_reader *reader, unsigned bytes, uint64_t *ret_value)
{
    struct bytes span;
    if (!pb_read_span(reader, bytes, &span)) {
        return false;
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) {
        value |= (uint64_t)span.data[i] << (8 * i);
    }
    *ret_value = value;
    return true;
}

/* Skips one field's content. False also for groups, which the schema does not have. */
bool pb_skip(struct pb_reader *reader, unsigned kind);

/* How many fields with this tag are from here to the end. False when something is malformed. */
bool pb_count(struct pb_reader reader, uint64_t tag, uint64_t *ret_count);

static inline uint64_t pb_zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

static inline int64_t pb_unzigzag(uint64_t value)
{
    uint64_t bits = (value >> 1) ^ (0 - (value & 1));
    int64_t result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

/* 1 … 10 */
static inline size_t pb_varint_size(uint64_t value)
{
    unsigned bits = 64u - (unsigned)__builtin_clzll(value | 1);
    return (bits + 6) / 7;
}

static inline uint8_t *pb_write_varint(uint8_t *end, uint64_t value)
{
    if (value < 0x80) {
        *--end = (uint8_t)value;
        return end;
    }
    size_t size = pb_varint_size(value);
    end -= size;
    for (size_t i = 0; i + 1 < size; i++) {
        end[i] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    end[size - 1] = (uint8_t)value;
    return end;
}

static inline uint8_t *pb_write_fixed(uint8_t *end, uint64_t value, unsigned bytes)
{
    end -= bytes;
    for (unsigned i = 0; i < bytes; i++) {
        end[i] = (uint8_t)(value >> (8 * i));
    }
    return end;
}

static inline uint8_t *pb_write_bytes(uint8_t *end, struct bytes bytes)
{
    if (bytes.size > 0) {
        end -= bytes.size;
        memcpy(end, bytes.data, bytes.size);
    }
    return end;
}

#endif
