/*
 * say.c -- short texts without printf.
 *
 * Responsible for cutting and cleaning what peers sent before it is shown to others. Not
 * responsible for what is said. Invariant: size < SAY_MAX and text[size] is NUL after each call.
 */
#include "broker/core/say.h"

#include <string.h>

static void append(struct say *say, const char *data, size_t size)
{
    size_t room = SAY_MAX - 1 - say->size;
    if (size > room)
        size = room;
    memcpy(say->text + say->size, data, size);
    say->size += size;
    say->text[say->size] = '\0';
}

void say_str(struct say *say, const char *text)
{
    append(say, text, strlen(text));
}

void say_name(struct say *say, struct bytes name)
{
    bool is_cut = name.size > SAY_NAME_MAX;
    struct bytes shown = bytes_slice(name, 0, SAY_NAME_MAX);
    if (is_cut)
        shown.size = bytes_utf8_prefix(shown);
    bool is_utf8 = bytes_is_utf8(shown);
    for (size_t i = 0; i < shown.size; i++) {
        char c = (char)shown.data[i];
        bool is_plain = shown.data[i] >= ' ' && shown.data[i] < 0x7f;
        bool is_beyond = shown.data[i] >= 0x80 && is_utf8;
        append(say, is_plain || is_beyond ? &c : "?", 1);
    }
    if (is_cut)
        append(say, "...", 3);
}

void say_u64(struct say *say, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    append(say, digits + at, sizeof digits - at);
}

void say_i64(struct say *say, int64_t number)
{
    if (number < 0)
        append(say, "-", 1);
    say_u64(say, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

struct bytes say_bytes(const struct say *say)
{
    return bytes_of(say->text, say->size);
}
