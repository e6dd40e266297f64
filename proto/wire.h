/* Frames to plain structs and back. See PROTOCOL.md for the contract, limits.h for the bounds.
 *
 * Spans in decoded structs point into the frame, arrays into the arena: both must outlive them. No
 * function here aborts on, trusts, or allocates in proportion to bytes from outside beyond the
 * bounds of limits.h. Unknown fields are skipped, a known singular field must not occur twice. */
#ifndef PROTO_WIRE_H
#define PROTO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "proto/body.h"
#include "proto/limits.h"
#include "proto/message.h"

enum { WIRE_ERROR_TEXT_MAX = 192 };

/* Why a frame is refused, ready to be answered with ERROR. */
struct wire_error {
    enum refusal refusal; /* BAD_REQUEST, VERSION, TOO_LARGE, or BUSY when the arena is used up */
    uint64_t request;     /* 0 when it could not be read */
    uint64_t limit;       /* TOO_LARGE: what would have been accepted */
    uint32_t index;       /* SUBMIT: which submission is meant, from 0 */
    char text[WIRE_ERROR_TEXT_MAX]; /* "SUBMIT: submissions[3].function is empty" */
};

/* One whole frame. 0, or with ret_error filled: -EBADMSG (BAD_REQUEST), -EPROTONOSUPPORT (VERSION),
 * -EMSGSIZE (TOO_LARGE), -ENOMEM (BUSY: the arena refused; at most WIRE_DECODE_MEMORY_MAX is
 * taken). *ret is set only on success. */
int wire_decode(const void *frame, size_t size, struct arena *arena, struct wire_message *ret,
                struct wire_error *ret_error);

/* Every rule that wire_decode enforces, for a message that is about to be sent. Errors as above
 * (never VERSION or BUSY). */
int wire_check(const struct wire_message *message, struct wire_error *ret_error);

/* Bytes of the frame, head included. */
size_t wire_encoded_size(const struct wire_message *message);

/* Writes the frame; `size` is what wire_encoded_size gave. The message may be one that wire_check
 * would refuse: the receiver then does. */
void wire_encode(const struct wire_message *message, uint8_t *buffer, size_t size);

/* What one item adds to its message, to fill messages up to WIRE_MESSAGE_MAX (leave
 * WIRE_ENVELOPE_MAX for the rest). */
enum { WIRE_ENVELOPE_MAX = 512 };
size_t wire_submission_size(const struct wire_submission *submission);
size_t wire_hand_out_size(const struct wire_hand_out *hand_out);
size_t wire_record_head_size(const struct wire_record_head *record);
size_t wire_row_size(const struct wire_row *row);
size_t wire_command_row_size(const struct wire_command_row *row);
size_t wire_host_row_size(const struct wire_host_row *row);

/* The bodies. Decoding takes at most WIRE_BODY_MEMORY_MAX from the arena; an empty span is an empty
 * body. Errors as for wire_decode; `request` and `index` are 0. Check does the same without memory.
 */
int wire_command_body_decode(struct bytes body, struct arena *arena, struct wire_command_body *ret,
                             struct wire_error *ret_error);
int wire_record_body_decode(struct bytes body, struct arena *arena, struct wire_record_body *ret,
                            struct wire_error *ret_error);
int wire_command_body_check(struct bytes body, struct wire_error *ret_error);
int wire_record_body_check(struct bytes body, struct wire_error *ret_error);

size_t wire_command_body_size(const struct wire_command_body *body);
void wire_command_body_encode(const struct wire_command_body *body, uint8_t *buffer, size_t size);
size_t wire_record_body_size(const struct wire_record_body *body);
void wire_record_body_encode(const struct wire_record_body *body, uint8_t *buffer, size_t size);

/* "SUBMIT"; "UNKNOWN" for a number without a message. */
const char *wire_type_name(unsigned type);
bool wire_type_is_known(unsigned type);

/* Who may send it. WHO_ARE_YOU, ERROR, BYE: the broker, to both. */
bool wire_type_is_from_client(enum wire_type type);
bool wire_type_is_from_worker(enum wire_type type);
bool wire_type_is_to_client(enum wire_type type);
bool wire_type_is_to_worker(enum wire_type type);

/* The `request` of a client's request or of the answer to one; 0 for all other messages. */
uint64_t wire_request(const struct wire_message *message);

/* 1 to 255 bytes of these alphabets (ABNF in PROTOCOL.md). */
bool wire_is_name(struct bytes name);   /* pool, cursor, request id: printable UTF-8 */
bool wire_is_word(struct bytes word);   /* host, worker, function: letters digits . _ - : + @ */
bool wire_is_label(struct bytes label); /* KEY=VALUE */

#endif
