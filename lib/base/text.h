/* Texts made from bytes: base64, hex, quoting for logs, for a shell and for JSON; numbers.
 *
 * All appends return 0 or the buffer's error (see buffer.h). */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/bytes.h"

/* RFC 4648 section 4 with padding. Decode takes the padded form only: -EINVAL otherwise. */
int text_append_base64(struct buffer *buffer, struct bytes bytes);
int text_decode_base64(struct buffer *buffer, struct bytes text);

/* Lower case, two digits a byte. Decode takes both cases: -EINVAL otherwise. */
int text_append_hex(struct buffer *buffer, struct bytes bytes);
int text_decode_hex(struct buffer *buffer, struct bytes text);

/* For logs: in double quotes when it is not a plain word, control bytes, quotes and bytes that are
 * not UTF-8 escaped (\n \t \" \\ \xHH), cut after `shown_max` bytes of input with "…". */
int text_append_quoted(struct buffer *buffer, struct bytes bytes, size_t shown_max);

/* For people and for sh: as it is when no shell would touch it, else in single quotes. */
int text_append_shell(struct buffer *buffer, struct bytes word);
int text_append_argv(struct buffer *buffer, const char *const argv[]); /* ends with NULL */

/* A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD: check bytes_is_utf8
 * first where that matters (such bytes are then shown as base64). */
int text_append_json(struct buffer *buffer, struct bytes bytes);

/* A whole decimal number without sign, blank or rest, within [min, max]:
 * 0, -EINVAL (not a number), -ERANGE (outside). */
int text_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value);

/* A size: "4096" "64k" "10M" "10G" "2T", powers of 1024, an optional "B" or "iB" behind the letter.
 * -EINVAL, -ERANGE. */
int text_parse_size(const char *text, uint64_t *ret_bytes);

/* "0" "912" "1.2k" "64M" "10G": at most three figures, powers of 1024. */
enum { TEXT_SIZE_MAX = 16 };
void text_format_size(char text[TEXT_SIZE_MAX], uint64_t bytes);

/* Edit distance (insert, delete, replace, swap of neighbours), for "did you mean". Texts over 64
 * bytes give SIZE_MAX. */
size_t text_distance(const char *a, const char *b);

/* The entry of `words` (ends with NULL) that is nearest to `word`, or NULL when none is near. */
const char *text_nearest(const char *word, const char *const words[]);

#endif
