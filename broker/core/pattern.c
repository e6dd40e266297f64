/*
 * pattern.c -- patterns, matched without backtracking.
 *
 * The set of places in the text that the pattern read so far may have reached is carried from one
 * element of the pattern to the next, so that no pattern from outside can make this slow.
 */
#include "broker/core/pattern.h"

#include <stdint.h>
#include <string.h>

enum { DIGITS_MAX = 18 };

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* ---- brackets ------------------------------------------------------------------------------- */

/* One alternative: a text, or a range of numbers. */
struct item {
    struct bytes text;
    bool is_range;
    uint64_t low, high;
    size_t width; /* 0: numbers without leading zeros; else this many digits */
};

/* The number that all of the text is; false when it is none or too long. */
static bool number_of(struct bytes text, uint64_t *ret_number)
{
    if (text.size == 0 || text.size > DIGITS_MAX)
        return false;
    *ret_number = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (!is_digit(text.data[i]))
            return false;
        *ret_number = *ret_number * 10 + (uint64_t)(text.data[i] - '0');
    }
    return true;
}

/* The alternative at `at`, which is behind "[" or ","; false when it is malformed. */
static bool read_item(struct bytes pattern, size_t at, struct item *ret_item)
{
    size_t end = at;
    while (end < pattern.size && pattern.data[end] != ',' && pattern.data[end] != ']')
        end++;
    struct bytes text = bytes_slice(pattern, at, end - at);
    *ret_item = (struct item){.text = text};
    ptrdiff_t dash = bytes_find(text, '-');
    if (dash > 0) {
        struct bytes low = bytes_slice(text, 0, (size_t)dash);
        struct bytes high = bytes_slice(text, (size_t)dash + 1, SIZE_MAX);
        ret_item->is_range = number_of(low, &ret_item->low) && number_of(high, &ret_item->high);
        if (ret_item->is_range && low.size > 1 && low.data[0] == '0')
            ret_item->width = low.size;
        if (ret_item->is_range && ret_item->low > ret_item->high)
            return false;
    }
    return text.size > 0 && bytes_find(text, '[') < 0 && bytes_find(text, '*') < 0 &&
           bytes_find(text, '?') < 0;
}

/* Marks every place that is reached from `at` by one number of the range. */
static void mark_range(const struct item *item, struct bytes text, size_t at, bool *reached)
{
    for (size_t size = 1; size <= DIGITS_MAX && at + size <= text.size; size++) {
        uint64_t number;
        struct bytes digits = bytes_slice(text, at, size);
        if (!number_of(digits, &number))
            return;
        bool is_padded = size > 1 && digits.data[0] == '0';
        bool is_wide = item->width > 0 ? size == item->width : !is_padded;
        if (is_wide && number >= item->low && number <= item->high)
            reached[at + size] = true;
    }
}

/* Sets `next` from `reached` by the bracket at `at`; returns the place behind its "]". */
static size_t step_bracket(struct bytes pattern, size_t at, struct bytes text, const bool *reached,
                           bool *next)
{
    do {
        struct item item;
        at++;
        read_item(pattern, at, &item);
        for (size_t i = 0; i <= text.size; i++) {
            if (!reached[i])
                continue;
            if (item.is_range)
                mark_range(&item, text, i, next);
            else if (bytes_starts_with(bytes_slice(text, i, SIZE_MAX), item.text))
                next[i + item.text.size] = true;
        }
        at += item.text.size;
    } while (pattern.data[at] == ',');
    return at + 1;
}

/* ---- patterns ------------------------------------------------------------------------------- */

const char *pattern_check(struct bytes pattern, size_t *ret_at)
{
    for (size_t at = 0; at < pattern.size; at++) {
        *ret_at = at;
        if (pattern.data[at] == ']')
            return "there is no \"[\" for this \"]\"";
        if (pattern.data[at] != '[')
            continue;
        do {
            struct item item;
            at++;
            if (!read_item(pattern, at, &item))
                return "between \"[\" and \"]\" stand names or ranges like 1-8, with commas";
            at += item.text.size;
        } while (at < pattern.size && pattern.data[at] == ',');
        if (at == pattern.size)
            return "\"]\" is missing for this \"[\"";
    }
    return NULL;
}

bool pattern_is_plain(struct bytes pattern)
{
    return bytes_find(pattern, '*') < 0 && bytes_find(pattern, '?') < 0 &&
           bytes_find(pattern, '[') < 0;
}

bool pattern_matches(struct bytes pattern, struct bytes text)
{
    bool sets[2][PATTERN_TEXT_MAX + 1] = {{true}};
    unsigned now = 0;
    if (text.size > PATTERN_TEXT_MAX)
        return false;
    for (size_t at = 0; at < pattern.size; now ^= 1u) {
        const bool *reached = sets[now];
        bool *next = sets[now ^ 1u];
        uint8_t c = pattern.data[at];
        memset(next, 0, sizeof sets[0]);
        if (c == '[') {
            at = step_bracket(pattern, at, text, reached, next);
            continue;
        }
        bool any = false;
        for (size_t i = 0; i <= text.size; i++) {
            any = any || reached[i];
            if (c == '*')
                next[i] = any;
            else if (reached[i] && i < text.size && (c == '?' || text.data[i] == c))
                next[i + 1] = true;
        }
        at++;
    }
    return sets[now][text.size];
}
