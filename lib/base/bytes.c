/* Spans of bytes: comparison, search, UTF-8. */
#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

struct bytes bytes_of(const void *data, size_t size)
{
    return (struct bytes){data, size};
}

struct bytes bytes_of_str(const char *text)
{
    return bytes_of(text, text ? strlen(text) : 0);
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool bytes_equal_str(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_of_str(text));
}

int bytes_compare(struct bytes a, struct bytes b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

bool bytes_starts_with(struct bytes a, struct bytes prefix)
{
    return a.size >= prefix.size && bytes_equal(bytes_slice(a, 0, prefix.size), prefix);
}

struct bytes bytes_slice(struct bytes a, size_t from, size_t size_max)
{
    if (from >= a.size)
        return bytes_of(NULL, 0);
    size_t rest = a.size - from;
    return bytes_of(a.data + from, rest < size_max ? rest : size_max);
}

ptrdiff_t bytes_find(struct bytes a, uint8_t byte)
{
    const uint8_t *at = a.size == 0 ? NULL : memchr(a.data, byte, a.size);
    return at ? at - a.data : -1;
}

/* Size of the well-formed sequence at the start of `a`, 0 when there is none (Unicode 15, table
 * 3-7: the second byte's range rules out overlong forms, surrogates and what is over U+10FFFF). */
static size_t utf8_sequence(struct bytes a)
{
    uint8_t lead = a.data[0];
    if (lead < 0x80)
        return 1;
    size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || a.size < size)
        return 0;
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (a.data[1] < low || a.data[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++) {
        if ((a.data[i] & 0xc0) != 0x80)
            return 0;
    }
    return size;
}

size_t bytes_utf8_prefix(struct bytes a)
{
    size_t at = 0;
    while (at < a.size) {
        /* Eight bytes of ASCII at once: most texts are nothing else. */
        uint64_t eight;
        if (a.size - at >= sizeof eight) {
            memcpy(&eight, a.data + at, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof eight;
                continue;
            }
        }
        size_t size = utf8_sequence(bytes_slice(a, at, SIZE_MAX));
        if (size == 0)
            break;
        at += size;
    }
    return at;
}

bool bytes_is_utf8(struct bytes a)
{
    return bytes_utf8_prefix(a) == a.size;
}

bool bytes_is_text(struct bytes a)
{
    return bytes_find(a, 0) < 0;
}

char *bytes_dup(struct bytes a)
{
    char *copy = malloc(a.size + 1);
    if (!copy)
        return NULL;
    if (a.size > 0)
        memcpy(copy, a.data, a.size);
    copy[a.size] = '\0';
    return copy;
}
