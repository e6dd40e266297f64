/*
 * capture.c -- keeps the first and last part of an output stream in constant memory.
 *
 * It never makes the writer wait: what does not fit is counted and dropped. Invariant: tail is used
 * only when head is full; total ≥ head_size + tail_size.
 */
#include "capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void capture_done(struct capture *capture)
{
    free(capture->head);
    free(capture->tail);
    *capture = (struct capture){0};
}

void capture_reset(struct capture *capture)
{
    capture->total = 0;
    capture->head_size = 0;
    capture->tail_size = 0;
    capture->tail_at = 0;
    capture->incomplete = false;
}

/* Takes what still fits into the head; returns how much that was. */
static size_t take_head(struct capture *capture, const uint8_t *data, size_t size)
{
    size_t room = CAPTURE_PART_MAX - capture->head_size;
    if (capture->tail_size > 0 || room == 0)
        return 0;
    if (size > room)
        size = room;
    size_t need = capture->head_size + size;
    if (need > capture->head_capacity) {
        size_t capacity = capture->head_capacity ? capture->head_capacity : 512;
        while (capacity < need)
            capacity *= 2;
        uint8_t *head = realloc(capture->head, capacity);
        if (!head)
            return 0;
        capture->head = head;
        capture->head_capacity = capacity;
    }
    memcpy(capture->head + capture->head_size, data, size);
    capture->head_size += size;
    return size;
}

static void take_tail(struct capture *capture, const uint8_t *data, size_t size)
{
    if (!capture->tail) {
        capture->tail = malloc(CAPTURE_PART_MAX);
        if (!capture->tail)
            return;
    }
    if (size >= CAPTURE_PART_MAX) {
        memcpy(capture->tail, data + size - CAPTURE_PART_MAX, CAPTURE_PART_MAX);
        capture->tail_at = 0;
        capture->tail_size = CAPTURE_PART_MAX;
        return;
    }
    size_t first = CAPTURE_PART_MAX - capture->tail_at;
    if (first > size)
        first = size;
    memcpy(capture->tail + capture->tail_at, data, first);
    memcpy(capture->tail, data + first, size - first);
    capture->tail_at = (capture->tail_at + size) % CAPTURE_PART_MAX;
    capture->tail_size += size;
    if (capture->tail_size > CAPTURE_PART_MAX)
        capture->tail_size = CAPTURE_PART_MAX;
}

void capture_take(struct capture *capture, const void *data, size_t size)
{
    if (size == 0)
        return;
    const uint8_t *at = data;
    capture->total += size;
    size_t headed = take_head(capture, at, size);
    if (headed < size)
        take_tail(capture, at + headed, size - headed);
}

int capture_read(struct capture *capture, int fd, void *scratch, size_t scratch_size,
                 unsigned reads_max)
{
    while (reads_max-- > 0) {
        ssize_t got = read(fd, scratch, scratch_size);
        if (got > 0)
            capture_take(capture, scratch, (size_t)got);
        else if (got == 0)
            return 0;
        else if (errno == EAGAIN)
            return 1;
        else if (errno != EINTR)
            return 0;
    }
    return 1;
}

struct bytes capture_head(const struct capture *capture)
{
    return bytes_of(capture->head, capture->head_size);
}

static void reverse(uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size / 2; i++) {
        uint8_t kept = data[i];
        data[i] = data[size - 1 - i];
        data[size - 1 - i] = kept;
    }
}

struct bytes capture_tail(struct capture *capture)
{
    if (capture->tail_size == CAPTURE_PART_MAX && capture->tail_at > 0) {
        reverse(capture->tail, capture->tail_at);
        reverse(capture->tail + capture->tail_at, CAPTURE_PART_MAX - capture->tail_at);
        reverse(capture->tail, CAPTURE_PART_MAX);
        capture->tail_at = 0;
    }
    return bytes_of(capture->tail, capture->tail_size);
}
