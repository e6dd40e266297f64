/* What is kept of one output stream: its first and its last 64 KiB; the middle is only counted. */
#ifndef MUSTER_WORKER_RUN_CAPTURE_H
#define MUSTER_WORKER_RUN_CAPTURE_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CAPTURE_PART_MAX = 64 * 1024 };

/* All zero is a valid empty capture. Memory is allocated when bytes come: at most 128 KiB. */
struct capture {
    uint64_t total;
    uint8_t *head;
    uint8_t *tail; /* ring of CAPTURE_PART_MAX bytes */
    size_t head_size, head_capacity;
    size_t tail_size, tail_at; /* tail_at: where the next byte goes */
    bool incomplete;           /* somebody still held the stream when it was given up */
};

void capture_done(struct capture *capture);

/* Forgets the bytes, keeps the memory. */
void capture_reset(struct capture *capture);

/* Never fails: without memory the bytes are counted as discarded. */
void capture_take(struct capture *capture, const void *data, size_t size);

/* Reads a non-blocking pipe through `scratch`, at most `reads_max` times. Returns 1 while more may
 * come, 0 at end of file (or when the stream cannot be read any more). */
int capture_read(struct capture *capture, int fd, void *scratch, size_t scratch_size,
                 unsigned reads_max);

/* Valid until the next change. capture_tail brings the ring into order. */
struct bytes capture_head(const struct capture *capture);
struct bytes capture_tail(struct capture *capture);

#endif
