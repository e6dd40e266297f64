/* Spans of bytes that somebody else owns. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed. `data` may be NULL when `size` is 0. Not NUL-terminated. */
struct bytes {
    const uint8_t *data;
    size_t size;
};

struct bytes bytes_of(const void *data, size_t size);

/* Without the NUL; NULL gives the empty span. */
struct bytes bytes_of_str(const char *text);

bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_equal_str(struct bytes a, const char *text);

/* Order of unsigned bytes, the shorter first: < 0, 0, > 0. */
int bytes_compare(struct bytes a, struct bytes b);

bool bytes_starts_with(struct bytes a, struct bytes prefix);

/* The part from `from` on of at most `size_max` bytes, cut to what is there. */
struct bytes bytes_slice(struct bytes a, size_t from, size_t size_max);

/* Index of the first such byte, or -1. */
ptrdiff_t bytes_find(struct bytes a, uint8_t byte);

/* Well-formed UTF-8 (no overlong form, no surrogate, at most U+10FFFF). NUL is allowed. */
bool bytes_is_utf8(struct bytes a);

/* Size of the longest well-formed prefix; equal to a.size when all is well-formed. */
size_t bytes_utf8_prefix(struct bytes a);

/* A span that can be used as a C string: no NUL inside. */
bool bytes_is_text(struct bytes a);

/* A copy with a NUL behind it, to be freed with free(); NULL when out of memory. */
char *bytes_dup(struct bytes a);

#endif
