/* Bytes as text: base64, hex, and quotings for logs, shells and JSON (declared in text.h). */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char hex_digits[] = "0123456789abcdef";

int text_append_base64(struct buffer *buffer, struct bytes bytes)
{
    /* Four digits for three bytes: division first, so that no size overflows. */
    int r = buffer_reserve(buffer, bytes.size > SIZE_MAX / 4 ? SIZE_MAX : (bytes.size + 2) / 3 * 4);
    for (size_t i = 0; r == 0 && i < bytes.size; i += 3) {
        struct bytes part = bytes_slice(bytes, i, 3);
        uint32_t word = (uint32_t)part.data[0] << 16;
        if (part.size > 1)
            word |= (uint32_t)part.data[1] << 8;
        if (part.size > 2)
            word |= part.data[2];
        char digits[4];
        for (size_t d = 0; d < 4; d++)
            digits[d] = d <= part.size ? base64_digits[word >> (18 - 6 * d) & 63] : '=';
        r = buffer_append(buffer, digits, sizeof digits);
    }
    return r;
}

static int base64_value(uint8_t digit)
{
    const char *at = digit == '\0' ? NULL : strchr(base64_digits, digit);
    return at ? (int)(at - base64_digits) : -1;
}

int text_decode_base64(struct buffer *buffer, struct bytes text)
{
    if (text.size % 4 != 0)
        return -EINVAL;
    size_t padding = 0;
    while (padding < 2 && padding < text.size && text.data[text.size - 1 - padding] == '=')
        padding++;
    int r = buffer_reserve(buffer, text.size / 4 * 3);
    size_t start = buffer->size;
    for (size_t i = 0; r == 0 && i < text.size; i += 4) {
        size_t count = i + 4 == text.size ? 4 - padding : 4;
        uint32_t word = 0;
        for (size_t d = 0; d < 4; d++) {
            int value = d < count ? base64_value(text.data[i + d]) : 0;
            if (value < 0)
                r = -EINVAL;
            word = word << 6 | (uint32_t)(value & 63);
        }
        /* The bits behind the last byte must be zero: one text only for each content. */
        if (count < 4 && (word & (count == 3 ? 0xffu : 0xffffu)) != 0)
            r = -EINVAL;
        uint8_t part[3] = {(uint8_t)(word >> 16), (uint8_t)(word >> 8), (uint8_t)word};
        if (r == 0)
            r = buffer_append(buffer, part, count - 1);
    }
    if (r == -EINVAL)
        buffer_truncate(buffer, start);
    return r;
}

int text_append_hex(struct buffer *buffer, struct bytes bytes)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < bytes.size; i++) {
        char digits[2] = {hex_digits[bytes.data[i] >> 4], hex_digits[bytes.data[i] & 15]};
        r = buffer_append(buffer, digits, sizeof digits);
    }
    return r;
}

static int hex_value(uint8_t digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

int text_decode_hex(struct buffer *buffer, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (hex_value(text.data[i]) < 0)
            return -EINVAL;
    }
    if (text.size % 2 != 0)
        return -EINVAL;
    int r = 0;
    for (size_t i = 0; r == 0 && i < text.size; i += 2) {
        int value = hex_value(text.data[i]) * 16 + hex_value(text.data[i + 1]);
        r = buffer_append_char(buffer, (char)value);
    }
    return r;
}

/* Only letters, digits and the given other characters, and at least one. */
static bool is_plain(struct bytes bytes, const char *others)
{
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t c = bytes.data[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && (c == '\0' || !strchr(others, c)))
            return false;
    }
    return bytes.size > 0;
}

/* Size of the sequence at `i` if a terminal may see it as it is: printable ASCII or well-formed
 * UTF-8 outside the C1 controls and the marks that reorder or break lines. Else 0. */
static size_t printable_sequence(struct bytes bytes, size_t i)
{
    uint8_t lead = bytes.data[i];
    if (lead < 0x80)
        return lead >= 0x20 && lead != 0x7f;
    size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    struct bytes sequence = bytes_slice(bytes, i, size);
    if (sequence.size != size || !bytes_is_utf8(sequence))
        return 0;
    uint32_t second = sequence.data[1];
    if (lead == 0xc2 && second < 0xa0)
        return 0;
    if (lead == 0xe2 && second == 0x80 && sequence.data[2] >= 0x8e && sequence.data[2] <= 0xae &&
        (sequence.data[2] <= 0x8f || sequence.data[2] >= 0xa8))
        return 0;
    if (lead == 0xe2 && second == 0x81 && sequence.data[2] >= 0xa6 && sequence.data[2] <= 0xa9)
        return 0;
    return size;
}

/* As it is where a terminal may see it, with a backslash before `quote` and "\", else escaped. */
static int append_escaped(struct buffer *buffer, struct bytes bytes, char quote)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < bytes.size;) {
        uint8_t c = bytes.data[i];
        size_t size = printable_sequence(bytes, i);
        if (c == quote || c == '\\')
            r = buffer_printf(buffer, "\\%c", c);
        else if (size > 0)
            r = buffer_append(buffer, bytes.data + i, size);
        else if (c == '\n' || c == '\t' || c == '\r')
            r = buffer_append_str(buffer, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
        else
            r = buffer_printf(buffer, "\\x%02x", c);
        i += size > 0 ? size : 1;
    }
    return r;
}

int text_append_quoted(struct buffer *buffer, struct bytes bytes, size_t shown_max)
{
    bool is_cut = bytes.size > shown_max;
    if (!is_cut && is_plain(bytes, "_-./:@%+,"))
        return buffer_append_bytes(buffer, bytes);
    struct bytes shown = bytes_slice(bytes, 0, shown_max);
    /* Does not cut a character in two. */
    for (int i = 0; is_cut && i < 3 && shown.size > 0 && (bytes.data[shown.size] & 0xc0) == 0x80;
         i++)
        shown.size--;
    int r = buffer_append_char(buffer, '"');
    if (r == 0)
        r = append_escaped(buffer, shown, '"');
    if (r == 0 && is_cut)
        r = buffer_append_str(buffer, "…");
    if (r == 0)
        r = buffer_append_char(buffer, '"');
    return r;
}

static bool is_printable(struct bytes bytes)
{
    for (size_t i = 0; i < bytes.size;) {
        size_t size = printable_sequence(bytes, i);
        if (size == 0)
            return false;
        i += size;
    }
    return true;
}

int text_append_shell(struct buffer *buffer, struct bytes word)
{
    if (is_plain(word, "_-./:@%+,="))
        return buffer_append_bytes(buffer, word);
    if (!is_printable(word)) {
        int r = buffer_append_str(buffer, "$'");
        if (r == 0)
            r = append_escaped(buffer, word, '\'');
        return r == 0 ? buffer_append_char(buffer, '\'') : r;
    }
    int r = buffer_append_char(buffer, '\'');
    for (size_t i = 0; r == 0 && i < word.size; i++) {
        if (word.data[i] == '\'')
            r = buffer_append_str(buffer, "'\\''");
        else
            r = buffer_append(buffer, word.data + i, 1);
    }
    return r == 0 ? buffer_append_char(buffer, '\'') : r;
}

int text_append_argv(struct buffer *buffer, const char *const argv[])
{
    int r = 0;
    for (size_t i = 0; r == 0 && argv[i]; i++) {
        if (i > 0)
            r = buffer_append_char(buffer, ' ');
        if (r < 0)
            return r;
        /* A first word with "=" would be read as an assignment. */
        if (i == 0 && strchr(argv[0], '=') && is_plain(bytes_of_str(argv[0]), "_-./:@%+,="))
            r = buffer_printf(buffer, "'%s'", argv[0]);
        else
            r = text_append_shell(buffer, bytes_of_str(argv[i]));
    }
    return r;
}

int text_append_json(struct buffer *buffer, struct bytes bytes)
{
    static const char named[] = "\"\\\b\f\n\r\t";
    static const char names[] = "\"\\bfnrt";
    int r = buffer_append_char(buffer, '"');
    size_t at = 0;
    while (r == 0 && at < bytes.size) {
        size_t plain = at;
        while (plain < bytes.size && bytes.data[plain] >= 0x20 && bytes.data[plain] < 0x80 &&
               bytes.data[plain] != '"' && bytes.data[plain] != '\\')
            plain++;
        r = buffer_append(buffer, bytes.data + at, plain - at);
        if (r < 0 || (at = plain) == bytes.size)
            break;
        uint8_t c = bytes.data[at];
        const char *special = c == '\0' ? NULL : strchr(named, c);
        size_t size = 1;
        if (special) {
            r = buffer_printf(buffer, "\\%c", names[special - named]);
        } else if (c < 0x20) {
            r = buffer_printf(buffer, "\\u%04x", c);
        } else {
            size = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
            struct bytes sequence = bytes_slice(bytes, at, size);
            if (sequence.size == size && bytes_is_utf8(sequence)) {
                r = buffer_append_bytes(buffer, sequence);
            } else {
                size = 1;
                r = buffer_append_str(buffer, "\xef\xbf\xbd");
            }
        }
        at += size;
    }
    return r == 0 ? buffer_append_char(buffer, '"') : r;
}
