/* The growable buffer. Invariant: when data is not NULL, size < capacity and data[size] is NUL. */
#include "base/buffer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 };

void buffer_init(struct buffer *buffer, size_t size_max)
{
    *buffer = BUFFER_EMPTY;
    buffer->size_max = size_max;
}

void buffer_done(struct buffer *buffer)
{
    if (!buffer)
        return;
    free(buffer->data);
    buffer_init(buffer, buffer->size_max);
}

void buffer_reset(struct buffer *buffer)
{
    buffer->failed = false;
    buffer_truncate(buffer, 0);
}

static int fail(struct buffer *buffer, int error)
{
    buffer->failed = true;
    return error;
}

int buffer_reserve(struct buffer *buffer, size_t extra)
{
    if (buffer->failed)
        return buffer->size_max != 0 ? -EFBIG : -ENOMEM;
    if (extra > SIZE_MAX / 2 - buffer->size - 1)
        return fail(buffer, buffer->size_max != 0 ? -EFBIG : -ENOMEM);
    size_t size = buffer->size + extra;
    if (buffer->size_max != 0 && size > buffer->size_max)
        return fail(buffer, -EFBIG);
    if (size < buffer->capacity)
        return 0;
    size_t capacity = buffer->capacity == 0 ? FIRST_CAPACITY : buffer->capacity;
    while (capacity <= size)
        capacity *= 2;
    uint8_t *data = realloc(buffer->data, capacity);
    if (!data)
        return fail(buffer, -ENOMEM);
    buffer->data = data;
    buffer->capacity = capacity;
    data[buffer->size] = '\0';
    return 0;
}

int buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    int r = buffer_reserve(buffer, size);
    if (r < 0)
        return r;
    if (size > 0)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
    return 0;
}

int buffer_append_bytes(struct buffer *buffer, struct bytes bytes)
{
    return buffer_append(buffer, bytes.data, bytes.size);
}

int buffer_append_str(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

int buffer_append_char(struct buffer *buffer, char c)
{
    return buffer_append(buffer, &c, 1);
}

int buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int r = buffer_vprintf(buffer, format, args);
    va_end(args);
    return r;
}

int buffer_vprintf(struct buffer *buffer, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    int r = size < 0 ? fail(buffer, -EINVAL) : buffer_reserve(buffer, (size_t)size);
    if (r == 0) {
        vsnprintf((char *)buffer->data + buffer->size, (size_t)size + 1, format, again);
        buffer->size += (size_t)size;
    }
    va_end(again);
    return r;
}

void buffer_consume(struct buffer *buffer, size_t size)
{
    if (size > buffer->size)
        size = buffer->size;
    if (size == 0)
        return;
    memmove(buffer->data, buffer->data + size, buffer->size - size + 1);
    buffer->size -= size;
}

void buffer_truncate(struct buffer *buffer, size_t size)
{
    if (size >= buffer->size)
        return;
    buffer->size = size;
    buffer->data[size] = '\0';
}

struct bytes buffer_bytes(const struct buffer *buffer)
{
    return bytes_of(buffer->data, buffer->size);
}

const char *buffer_str(const struct buffer *buffer)
{
    return buffer->data ? (const char *)buffer->data : "";
}

char *buffer_take(struct buffer *buffer)
{
    if (buffer_reserve(buffer, 0) < 0)
        return NULL;
    char *text = (char *)buffer->data;
    buffer_init(buffer, buffer->size_max);
    return text;
}
