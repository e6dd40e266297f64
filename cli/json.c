/* The JSON writer and the plain fields. The schemas are in schema.c.
 *
 * Everything goes through a buffer whose failure is sticky, so that no call needs a check. */
#include "cli/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "base/time.h"

/* A comma stands before everything but the first of its kind and what follows a key. */
static void comma(struct buffer *buffer)
{
    if (buffer->size == 0) {
        return;
    }
    uint8_t before = buffer->data[buffer->size - 1];
    if (before != '{' && before != '[' && before != ':' && before != '\n') {
        buffer_append_char(buffer, ',');
    }
}

void json_open(struct buffer *buffer, char bracket)
{
    comma(buffer);
    buffer_append_char(buffer, bracket);
}

void json_close(struct buffer *buffer, char bracket)
{
    buffer_append_char(buffer, bracket);
}

void json_key(struct buffer *buffer, const char *key)
{
    comma(buffer);
    text_append_json(buffer, bytes_of_str(key));
    buffer_append_char(buffer, ':');
}

void json_null(struct buffer *buffer)
{
    comma(buffer);
    buffer_append_str(buffer, "null");
}

void json_bool(struct buffer *buffer, bool value)
{
    comma(buffer);
    buffer_append_str(buffer, value ? "true" : "false");
}

void json_int(struct buffer *buffer, int64_t value)
{
    comma(buffer);
    buffer_printf(buffer, "%lld", (long long)value);
}

void json_double(struct buffer *buffer, double value)
{
    char text[40];
    if (!isfinite(value)) {
        json_null(buffer);
        return;
    }
    comma(buffer);
    snprintf(text, sizeof text, "%.15g", value);
    /* Fifteen digits are exact both ways for most numbers, seventeen for all. */
    double read = strtod(text, NULL);
    if (memcmp(&read, &value, sizeof read) != 0) {
        snprintf(text, sizeof text, "%.17g", value);
    }
    buffer_append_str(buffer, text);
}

static void put_string(struct buffer *buffer, const void *data, size_t size)
{
    comma(buffer);
    text_append_json(buffer, bytes_of(data, size));
}

static void put_base64(struct buffer *buffer, const void *data, size_t size)
{
    comma(buffer);
    buffer_append_char(buffer, '"');
    text_append_base64(buffer, bytes_of(data, size));
    buffer_append_char(buffer, '"');
}

void json_text(struct buffer *buffer, const char *text)
{
    if (text == NULL) {
        json_null(buffer);
        return;
    }
    put_string(buffer, text, strlen(text));
}

static void key_b64(struct buffer *buffer, const char *key, size_t size)
{
    comma(buffer);
    buffer_append_char(buffer, '"');
    struct buffer quoted = BUFFER_EMPTY;
    text_append_json(&quoted, bytes_of(key, size));
    if (!quoted.failed && quoted.size >= 2) {
        buffer_append(buffer, quoted.data + 1, quoted.size - 2);
    }
    buffer_done(&quoted);
    buffer_append_str(buffer, "_b64\":");
}

void json_field_bytes(struct buffer *buffer, const char *key, const void *data, size_t size)
{
    if (bytes_is_utf8(bytes_of(data, size))) {
        json_key(buffer, key);
        put_string(buffer, data, size);
    } else {
        key_b64(buffer, key, strlen(key));
        put_base64(buffer, data, size);
    }
}

void json_field_text(struct buffer *buffer, const char *key, const char *text)
{
    if (text == NULL) {
        json_field_null(buffer, key);
    } else {
        json_field_bytes(buffer, key, text, strlen(text));
    }
}

void json_field_int(struct buffer *buffer, const char *key, int64_t value)
{
    json_key(buffer, key);
    json_int(buffer, value);
}

void json_field_bool(struct buffer *buffer, const char *key, bool value)
{
    json_key(buffer, key);
    json_bool(buffer, value);
}

void json_field_null(struct buffer *buffer, const char *key)
{
    json_key(buffer, key);
    json_null(buffer);
}

void json_field_seconds(struct buffer *buffer, const char *key, double seconds)
{
    char text[64];
    json_key(buffer, key);
    if (!isfinite(seconds)) {
        json_null(buffer);
        return;
    }
    /* Microseconds, without the zeros behind: 3.2, 723.4, 0. */
    int size = snprintf(text, sizeof text, "%.6f", seconds);
    while (size > 0 && text[size - 1] == '0') {
        size--;
    }
    if (size > 0 && text[size - 1] == '.') {
        size--;
    }
    buffer_append(buffer, text, (size_t)size);
}

void json_field_time(struct buffer *buffer, const char *key, int64_t wall_ns)
{
    char text[TIME_TEXT_MAX];
    if (wall_ns == 0) {
        json_field_null(buffer, key);
        return;
    }
    time_format_iso(text, wall_ns);
    json_field_text(buffer, key, text);
}

void json_field_argv(struct buffer *buffer, const char *key, const char *const *argv)
{
    bool is_utf8 = true;
    for (const char *const *word = argv; *word != NULL; word++) {
        is_utf8 = is_utf8 && bytes_is_utf8(bytes_of_str(*word));
    }
    if (is_utf8) {
        json_key(buffer, key);
    } else {
        key_b64(buffer, key, strlen(key));
    }
    json_open(buffer, '[');
    for (const char *const *word = argv; *word != NULL; word++) {
        if (is_utf8) {
            put_string(buffer, *word, strlen(*word));
        } else {
            put_base64(buffer, *word, strlen(*word));
        }
    }
    json_close(buffer, ']');
}

static bool is_raw(const muster_value *value)
{
    size_t size;
    if (muster_value_kind(value) != MUSTER_BYTES) {
        return false;
    }
    const char *data = muster_value_data(value, &size);
    return !bytes_is_utf8(bytes_of(data, size));
}

static void put_raw(struct buffer *buffer, const muster_value *value)
{
    size_t size;
    const char *data = muster_value_data(value, &size);
    put_base64(buffer, data, size);
}

static void put_list(struct buffer *buffer, const muster_value *value)
{
    json_open(buffer, '[');
    for (size_t i = 0; i < muster_value_count(value); i++) {
        json_value(buffer, muster_value_at(value, i));
    }
    json_close(buffer, ']');
}

static void put_map(struct buffer *buffer, const muster_value *value)
{
    json_open(buffer, '{');
    for (size_t i = 0; i < muster_value_count(value); i++) {
        size_t size;
        const char *key = muster_value_key_at(value, i, &size);
        const muster_value *item = muster_value_at(value, i);
        if (is_raw(item)) {
            key_b64(buffer, key, size);
            put_raw(buffer, item);
        } else {
            put_string(buffer, key, size);
            buffer_append_char(buffer, ':');
            json_value(buffer, item);
        }
    }
    json_close(buffer, '}');
}

void json_value(struct buffer *buffer, const muster_value *value)
{
    size_t size;
    switch (muster_value_kind(value)) {
    case MUSTER_NULL:
        json_null(buffer);
        break;
    case MUSTER_BOOL:
        json_bool(buffer, muster_value_bool(value) != 0);
        break;
    case MUSTER_INT:
        json_int(buffer, muster_value_int(value));
        break;
    case MUSTER_DOUBLE:
        json_double(buffer, muster_value_double(value));
        break;
    case MUSTER_STRING:
    case MUSTER_BYTES:
        if (is_raw(value)) {
            /* Where no key can carry the suffix. */
            json_open(buffer, '{');
            key_b64(buffer, "bytes", 5);
            put_raw(buffer, value);
            json_close(buffer, '}');
        } else {
            const char *data = muster_value_data(value, &size);
            put_string(buffer, data, size);
        }
        break;
    case MUSTER_LIST:
        put_list(buffer, value);
        break;
    case MUSTER_MAP:
        put_map(buffer, value);
        break;
    default:
        json_null(buffer);
        break;
    }
}
