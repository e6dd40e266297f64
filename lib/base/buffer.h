/* A growable byte buffer for shells and tools (never for the pure cores' state). */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* All zero is a valid empty buffer without a limit. `failed` is sticky: once an append was refused
 * the buffer takes nothing more until buffer_reset, so one check at the end is enough. */
struct buffer {
    uint8_t *data; /* owned; always has a NUL behind `size` bytes when not NULL */
    size_t size;
    size_t capacity;
    size_t size_max; /* 0: no limit */
    bool failed;
};

#define BUFFER_EMPTY ((struct buffer){0})

void buffer_init(struct buffer *buffer, size_t size_max);
void buffer_done(struct buffer *buffer);

/* Empties it and clears `failed`; keeps the memory. */
void buffer_reset(struct buffer *buffer);

/* Room for `extra` more bytes. 0, -ENOMEM, or -EFBIG over size_max; so do all appends. */
int buffer_reserve(struct buffer *buffer, size_t extra);
int buffer_append(struct buffer *buffer, const void *data, size_t size);
int buffer_append_bytes(struct buffer *buffer, struct bytes bytes);
int buffer_append_str(struct buffer *buffer, const char *text);
int buffer_append_char(struct buffer *buffer, char c);
int buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int buffer_vprintf(struct buffer *buffer, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Removes the first `size` bytes (at most all). */
void buffer_consume(struct buffer *buffer, size_t size);

/* Cuts it to `size` bytes when it is longer. */
void buffer_truncate(struct buffer *buffer, size_t size);

/* The content, valid until the next change; buffer_str is never NULL. */
struct bytes buffer_bytes(const struct buffer *buffer);
const char *buffer_str(const struct buffer *buffer);

/* Moves the NUL-terminated content to the caller (free()); the buffer is empty afterwards.
 * NULL when it has failed or memory is out. */
char *buffer_take(struct buffer *buffer);

#endif
