/*
 * pack.h -- numbers to bytes and back: the encoding inside `data` and `totals`.
 *
 * Unsigned numbers as LEB128 (7 bits a byte, lowest first), signed ones zigzag first, fixed ones
 * little-endian: the same on every machine. The writer's room is the caller's affair; the reader
 * never leaves its span and turns `bad` for good when the bytes do not fit.
 */
#ifndef MUSTER_BROKER_STORE_PACK_H
#define MUSTER_BROKER_STORE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

enum { PACK_NUMBER_MAX = 10 }; /* bytes of the longest number */

static inline uint8_t *pack_u(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static inline uint8_t *pack_s(uint8_t *at, int64_t value)
{
    return pack_u(at, ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0));
}

static inline uint8_t *pack_fixed32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
    return at + 4;
}

static inline uint8_t *pack_fixed64(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> (8 * i));
    return at + 8;
}

static inline uint8_t *pack_bytes(uint8_t *at, struct bytes bytes)
{
    at = pack_u(at, bytes.size);
    if (bytes.size > 0)
        memcpy(at, bytes.data, bytes.size);
    return at + bytes.size;
}

struct unpack {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static inline struct unpack unpack_of(struct bytes bytes)
{
    const uint8_t *end = bytes.size > 0 ? bytes.data + bytes.size : bytes.data;
    return (struct unpack){.at = bytes.data, .end = end};
}

static inline uint64_t unpack_u(struct unpack *in)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && in->at < in->end; shift += 7) {
        uint8_t byte = *in->at++;
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    in->bad = true;
    return 0;
}

/* At most `max`. */
static inline uint64_t unpack_u_max(struct unpack *in, uint64_t max)
{
    uint64_t value = unpack_u(in);
    if (value > max)
        in->bad = true;
    return in->bad ? 0 : value;
}

static inline uint32_t unpack_u32(struct unpack *in)
{
    return (uint32_t)unpack_u_max(in, UINT32_MAX);
}

static inline int64_t unpack_s(struct unpack *in)
{
    uint64_t value = unpack_u(in);
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static inline uint32_t unpack_fixed32(struct unpack *in)
{
    if (in->end - in->at < 4) {
        in->bad = true;
        return 0;
    }
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value |= (uint32_t)in->at[i] << (8 * i);
    in->at += 4;
    return value;
}

static inline uint64_t unpack_fixed64(struct unpack *in)
{
    uint64_t low = unpack_fixed32(in);
    return low | (uint64_t)unpack_fixed32(in) << 32;
}

static inline struct bytes unpack_bytes(struct unpack *in)
{
    uint64_t size = unpack_u(in);
    if (in->bad || size > (uint64_t)(in->end - in->at)) {
        in->bad = true;
        return (struct bytes){0};
    }
    struct bytes bytes = {.data = in->at, .size = (size_t)size};
    in->at += size;
    return bytes;
}

/* Everything was read and fitted. */
static inline bool unpack_is_done(const struct unpack *in)
{
    return !in->bad && in->at == in->end;
}

#endif
