/* How each message of the schema lies in its plain struct, and which rules its fields obey.
 *
 * The numbers and types of the fields come from the descriptors that protoc-c makes of
 * muster.proto; these tables add where a field is in our struct and what it may hold. One table
 * drives decoding, checking, sizing and encoding. Private to proto/. */
#ifndef PROTO_WIRE_LAYOUT_H
#define PROTO_WIRE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "proto/message.h"

enum wire_rule {
    RULE_NONE, /* bytes: any; numbers: up to `max` */
    RULE_NAME, /* see wire_is_name, … ; an empty span always passes: see `required` */
    RULE_WORD,
    RULE_LABEL,
    RULE_LOG_PREFIX, /* word "/" digits */
    RULE_TEXT,       /* UTF-8 without NUL */
    RULE_LINE,       /* UTF-8 without control characters */
    RULE_C_STRING,   /* without NUL */
    RULE_ENV,        /* NAME=VALUE without NUL */
    RULE_UUID,       /* exactly 16 bytes */
    RULE_COMMAND_BODY,
    RULE_RECORD_BODY,
    RULE_STATE, /* a known state, not NONE */
    RULE_FINAL_STATE,
    RULE_REASON,      /* a known reason */
    RULE_VALUES_MANY, /* see enum wire_values_shape */
    RULE_VALUES_PAIRS,
    RULE_VALUES_ONE
};

struct wire_layout;

struct wire_field {
    const char *name;
    uint16_t offset;       /* of the member; of the pointer when repeated */
    uint16_t bytes;        /* of the member; of one item when repeated */
    uint16_t count_offset; /* of n_<name>; 0 when it is not repeated */
    uint8_t rule;          /* enum wire_rule */
    uint32_t count_max;    /* items */
    uint64_t max; /* numbers: the value, for signed ones also below zero; bytes: the size; 0: no
                     bound of its own */
    const struct wire_layout *sub; /* of a nested message */
};

struct wire_layout {
    const ProtobufCMessageDescriptor *schema;
    const struct wire_field *fields; /* fields[i] has number i + 1 */
    size_t bytes;                    /* of the struct */
    uint32_t n_fields;
    uint32_t required; /* bit per field number that must be there and not be empty or zero */
    /* Rules between fields: what is wrong, or NULL. Sets *ret_index to the item that is meant. */
    const char *(*check)(const void *message, uint32_t *ret_index);
};

/* Of a message type, NULL for one without fields of its own or an unknown number. */
const struct wire_layout *wire_layout_of(unsigned type);

extern const struct wire_layout wire_layout_command_body;
extern const struct wire_layout wire_layout_record_body;
extern const struct wire_layout wire_layout_value;

extern const struct wire_layout wire_layout_attempt;
extern const struct wire_layout wire_layout_range;
extern const struct wire_layout wire_layout_limits;
extern const struct wire_layout wire_layout_refused;
extern const struct wire_layout wire_layout_bye;

extern const struct wire_layout wire_layout_client_hello;
extern const struct wire_layout wire_layout_submission;
extern const struct wire_layout wire_layout_submit;
extern const struct wire_layout wire_layout_read;
extern const struct wire_layout wire_layout_wait;
extern const struct wire_layout wire_layout_cursor;
extern const struct wire_layout wire_layout_stats;
extern const struct wire_layout wire_layout_list;
extern const struct wire_layout wire_layout_hosts;
extern const struct wire_layout wire_layout_cancel;
extern const struct wire_layout wire_layout_room;
extern const struct wire_layout wire_layout_shutdown;
extern const struct wire_layout wire_layout_ping;

extern const struct wire_layout wire_layout_welcome;
extern const struct wire_layout wire_layout_submitted;
extern const struct wire_layout wire_layout_row;
extern const struct wire_layout wire_layout_records;
extern const struct wire_layout wire_layout_done;
extern const struct wire_layout wire_layout_stats_reply;
extern const struct wire_layout wire_layout_command_row;
extern const struct wire_layout wire_layout_list_reply;
extern const struct wire_layout wire_layout_host_row;
extern const struct wire_layout wire_layout_hosts_reply;
extern const struct wire_layout wire_layout_cancelled;
extern const struct wire_layout wire_layout_room_reply;

extern const struct wire_layout wire_layout_worker_hello;
extern const struct wire_layout wire_layout_renew;
extern const struct wire_layout wire_layout_record_head;
extern const struct wire_layout wire_layout_report;
extern const struct wire_layout wire_layout_worker_welcome;
extern const struct wire_layout wire_layout_hand_out;
extern const struct wire_layout wire_layout_commands;
extern const struct wire_layout wire_layout_recorded;
extern const struct wire_layout wire_layout_stop;
extern const struct wire_layout wire_layout_pong;

/* For the tables themselves. `type` is the struct's tag. */
#define WIRE_BIT(number) (UINT32_C(1) << (number))

#define WIRE_FIELD(type, member)                                                                   \
    .name = #member, .offset = offsetof(struct type, member),                                      \
    .bytes = sizeof(((struct type *)0)->member)

#define WIRE_REPEATED(type, member, items_max)                                                     \
    .name = #member, .offset = offsetof(struct type, member),                                      \
    .bytes = sizeof(*((struct type *)0)->member),                                                  \
    .count_offset = offsetof(struct type, n_##member), .count_max = (items_max)

#define WIRE_LAYOUT(type, generated, table, required_bits, check_function)                         \
    {                                                                                              \
        .schema = &generated, .fields = (table), .bytes = sizeof(struct type),                     \
        .n_fields = sizeof(table) / sizeof((table)[0]), .required = (required_bits),               \
        .check = (check_function)                                                                  \
    }

#endif
