/* Length-prefixed frames over a stream socket pair, between processes of ours on one host. */
#ifndef MUSTER_WORKER_RUN_FRAME_H
#define MUSTER_WORKER_RUN_FRAME_H

#include "base/buffer.h"
#include "base/bytes.h"

#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_PAYLOAD_MAX = 4 * 1024 * 1024,
    FRAME_READ_MAX = 256 * 1024 /* what one frame_read takes at most */
};

struct frame {
    uint32_t type;
    struct bytes payload; /* valid until the next frame_read or frame_next */
};

/* Received bytes that are not yet a whole frame, and whole frames not yet taken. */
struct frame_in {
    struct buffer buffer;
    size_t taken;
};

void frame_in_init(struct frame_in *in);
void frame_in_done(struct frame_in *in);

/* One read from a non-blocking socket: bytes read, 0 at end of file, -EAGAIN, or -errno. */
int frame_read(struct frame_in *in, int fd);

/* 1 and the next whole frame, 0 when there is none yet, -EPROTO when the peer broke the format. */
int frame_next(struct frame_in *in, struct frame *ret_frame);

/* Appends one frame made of a fixed head and `n_parts` spans behind it. 0, -ENOMEM, -EMSGSIZE. */
int frame_push(struct buffer *out, uint32_t type, const void *head, size_t head_size,
               const struct bytes *parts, size_t n_parts);

/* Writes as much as the non-blocking socket takes: 0 when all is gone, 1 when some is left, or
 * -errno (the peer is gone: -EPIPE, never SIGPIPE). */
int frame_flush(struct buffer *out, int fd);

/* The fixed head of a payload and the rest behind it: 0, or -EPROTO when it is too short. */
int frame_head(struct bytes payload, void *head, size_t head_size, struct bytes *ret_rest);

/* Cuts `size` bytes off the front of *rest: 0 or -EPROTO. */
int frame_part(struct bytes *rest, size_t size, struct bytes *ret_part);

#endif
