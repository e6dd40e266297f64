/*
 * frame.c -- frames between the agent, the spawner and the runners: {size, type} in host order and
 * a payload.
 *
 * Both ends are the same program on the same host, so the heads are plain structs. It does not know
 * what the types mean. Invariant: `taken` bytes at the front of frame_in.buffer are dead.
 */
#include "frame.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

struct prefix {
    uint32_t size; /* of the payload */
    uint32_t type;
};

void frame_in_init(struct frame_in *in)
{
    buffer_init(&in->buffer, FRAME_PAYLOAD_MAX + sizeof(struct prefix) + FRAME_READ_MAX);
    in->taken = 0;
}

void frame_in_done(struct frame_in *in)
{
    buffer_done(&in->buffer);
    in->taken = 0;
}

int frame_read(struct frame_in *in, int fd)
{
    if (in->taken > 0) {
        buffer_consume(&in->buffer, in->taken);
        in->taken = 0;
    }
    int error = buffer_reserve(&in->buffer, FRAME_READ_MAX);
    if (error < 0) {
        in->buffer.failed = false;
        return error;
    }
    ssize_t got;
    do {
        got = recv(fd, in->buffer.data + in->buffer.size, FRAME_READ_MAX, MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    in->buffer.size += (size_t)got;
    in->buffer.data[in->buffer.size] = 0;
    return (int)got;
}

int frame_next(struct frame_in *in, struct frame *ret_frame)
{
    struct prefix prefix;
    size_t have = in->buffer.size - in->taken;
    if (have < sizeof prefix)
        return 0;
    memcpy(&prefix, in->buffer.data + in->taken, sizeof prefix);
    if (prefix.size > FRAME_PAYLOAD_MAX)
        return -EPROTO;
    if (have - sizeof prefix < prefix.size)
        return 0;
    ret_frame->type = prefix.type;
    ret_frame->payload = bytes_of(in->buffer.data + in->taken + sizeof prefix, prefix.size);
    in->taken += sizeof prefix + prefix.size;
    return 1;
}

int frame_push(struct buffer *out, uint32_t type, const void *head, size_t head_size,
               const struct bytes *parts, size_t n_parts)
{
    size_t size = head_size;
    for (size_t i = 0; i < n_parts; i++) {
        if (parts[i].size > FRAME_PAYLOAD_MAX - size)
            return -EMSGSIZE;
        size += parts[i].size;
    }
    struct prefix prefix = {.size = (uint32_t)size, .type = type};
    int error = buffer_reserve(out, sizeof prefix + size);
    if (error < 0)
        return error;
    buffer_append(out, &prefix, sizeof prefix);
    buffer_append(out, head, head_size);
    for (size_t i = 0; i < n_parts; i++)
        buffer_append_bytes(out, parts[i]);
    return 0;
}

int frame_flush(struct buffer *out, int fd)
{
    size_t sent = 0;
    int result = 0;
    while (sent < out->size) {
        ssize_t n = send(fd, out->data + sent, out->size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n >= 0) {
            sent += (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            result = 1;
            break;
        } else if (errno != EINTR) {
            result = -errno;
            break;
        }
    }
    buffer_consume(out, sent);
    return result;
}

int frame_head(struct bytes payload, void *head, size_t head_size, struct bytes *ret_rest)
{
    if (payload.size < head_size)
        return -EPROTO;
    memcpy(head, payload.data, head_size);
    *ret_rest = bytes_slice(payload, head_size, payload.size);
    return 0;
}

int frame_part(struct bytes *rest, size_t size, struct bytes *ret_part)
{
    if (rest->size < size)
        return -EPROTO;
    *ret_part = bytes_slice(*rest, 0, size);
    *rest = bytes_slice(*rest, size, rest->size);
    return 0;
}
