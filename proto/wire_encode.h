/* Encoding by table. Private to proto/. */
#ifndef PROTO_WIRE_ENCODE_H
#define PROTO_WIRE_ENCODE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/wire_layout.h"

/* Bytes of the packed message, without a head or a length. */
size_t wire_packed_size(const struct wire_layout *layout, const void *message);

/* Writes the packed message so that it ends just before `end`; returns where it begins. */
uint8_t *wire_pack_before(const struct wire_layout *layout, const void *message, uint8_t *end);

#endif
