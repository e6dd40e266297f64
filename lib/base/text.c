/* Numbers, sizes and spelling hints as text. The codecs and quotings are in quote.c. */
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int text_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;
    bool is_large = false;
    if (*text == '\0')
        return -EINVAL;
    for (; *text != '\0'; text++) {
        if (!isdigit((unsigned char)*text))
            return -EINVAL;
        uint64_t digit = (uint64_t)(*text - '0');
        is_large = is_large || __builtin_mul_overflow(value, (uint64_t)10, &value) ||
                   __builtin_add_overflow(value, digit, &value);
    }
    if (is_large || value < min || value > max)
        return -ERANGE;
    *ret_value = value;
    return 0;
}

int text_parse_size(const char *text, uint64_t *ret_bytes)
{
    static const char letters[] = "KMGTP";
    char digits[24];
    size_t size = strspn(text, "0123456789");
    const char *suffix = text + size;
    unsigned shift = 0;
    if (*suffix != '\0') {
        const char *letter = strchr(letters, toupper((unsigned char)*suffix));
        if (letter) {
            shift = (unsigned)(letter - letters + 1) * 10;
            suffix++;
            if (*suffix == 'i' && suffix[1] == 'B')
                suffix++;
        }
        if (*suffix == 'B')
            suffix++;
    }
    if (size == 0 || *suffix != '\0')
        return -EINVAL;
    if (size >= sizeof digits)
        return -ERANGE;
    memcpy(digits, text, size);
    digits[size] = '\0';
    uint64_t value;
    int r = text_parse_u64(digits, 0, UINT64_MAX >> shift, &value);
    if (r < 0)
        return r;
    *ret_bytes = value << shift;
    return 0;
}

void text_format_size(char text[TEXT_SIZE_MAX], uint64_t bytes)
{
    static const char letters[] = "kMGTPE";
    if (bytes < 1000) {
        snprintf(text, TEXT_SIZE_MAX, "%u", (unsigned)bytes);
        return;
    }
    double value = (double)bytes / 1024;
    size_t i = 0;
    /* From 999.5 on it would be shown with four figures. */
    for (; value >= 999.5 && letters[i + 1] != '\0'; i++)
        value /= 1024;
    snprintf(text, TEXT_SIZE_MAX, value < 9.95 ? "%.1f%c" : "%.0f%c", value, letters[i]);
}

enum { DISTANCE_MAX = 64 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t text_distance(const char *a, const char *b)
{
    size_t a_size = strlen(a);
    size_t b_size = strlen(b);
    if (a_size > DISTANCE_MAX || b_size > DISTANCE_MAX)
        return SIZE_MAX;
    /* Optimal string alignment: three rows of the usual matrix are enough. */
    size_t rows[3][DISTANCE_MAX + 1];
    for (size_t j = 0; j <= b_size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        const size_t *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t cost = a[i - 1] != b[j - 1];
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], above2[j - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

const char *text_nearest(const char *word, const char *const words[])
{
    const char *nearest = NULL;
    size_t size = strlen(word);
    size_t allowed = size < 3 ? 0 : size < 6 ? 1 : size < 10 ? 2 : 3;
    for (; *words; words++) {
        size_t distance = text_distance(word, *words);
        /* The beginning of a word counts as near too. */
        if (size >= 3 && strncmp(word, *words, size) == 0)
            distance = least(distance, 1);
        if (distance <= allowed) {
            allowed = distance == 0 ? 0 : distance - 1;
            nearest = *words;
            if (distance <= 1)
                break;
        }
    }
    return nearest;
}
