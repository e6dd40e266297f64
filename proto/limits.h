/* Bounds of the wire: what a receiver of protocol version 1 accepts at most.
 *
 * Counts are per message, sizes are bytes. A broker may be set to accept less: WELCOME tells. */
#ifndef PROTO_LIMITS_H
#define PROTO_LIMITS_H

enum {
    WIRE_VERSION = 1,
    WIRE_HEAD_BYTES = 4, /* 'M' 'U' version type */

    WIRE_MESSAGE_MAX = 1024 * 1024, /* a frame, head included; ZMQ_MAXMSGSIZE of every socket */

    /* texts */
    WIRE_NAME_MAX = 255, /* host, worker, label, function, pool, cursor, request id */
    WIRE_HOST_MAX = 200, /* a worker's own: with the broker's ending it is still a name */
    WIRE_SELECTOR_MAX = 4096,
    WIRE_TEXT_MAX = 4096,       /* why, reason, error text, warning */
    WIRE_LABEL_TEXT_MAX = 1024, /* CommandBody.label */
    WIRE_SOFTWARE_MAX = 255,
    WIRE_LOG_PREFIX_MAX = WIRE_NAME_MAX + 11, /* host/slot */
    WIRE_UUID_BYTES = 16,

    /* counts per message */
    WIRE_SUBMISSIONS_MAX = 1024,
    WIRE_TRACK_IDS_MAX = 1024, /* WAIT */
    WIRE_RANGES_MAX = 1024,    /* LIST, CANCEL */
    WIRE_ROWS_MAX = 4096,      /* RECORDS, LIST_REPLY */
    WIRE_HOST_ROWS_MAX = 1024,
    WIRE_LABELS_MAX = 64,
    WIRE_FUNCTIONS_MAX = 1024,
    WIRE_POOLS_MAX = 64,
    WIRE_ATTEMPTS_MAX = 4096, /* a part of WORKER_HELLO, RENEW, STOP */
    WIRE_RECORDS_MAX = 4096,  /* REPORT, RECORDED */
    WIRE_COMMANDS_MAX = 4096, /* COMMANDS */
    WIRE_USAGES_MAX = 4096,
    WIRE_ENDED_MAX = 32,
    WIRE_PARTS_MAX = 65535, /* parts of a WORKER_HELLO */

    /* numbers */
    WIRE_PRIORITY_MAX = 1000,       /* and as much below zero */
    WIRE_ATTEMPT_COUNT_MAX = 10000, /* Submission.max_attempts */
    WIRE_SLOTS_MAX = 4096,
    WIRE_CREDIT_MAX = 65536,
    WIRE_BUFFER_MAX = 1000000, /* ROOM */

    /* bodies */
    WIRE_COMMAND_BODY_MAX = 256 * 1024,
    WIRE_RECORD_BODY_MAX = 704 * 1024,
    WIRE_RESULT_MAX = 256 * 1024, /* all packed values of a body */
    WIRE_VALUES_MAX = 65536,      /* tokens in one body */
    WIRE_VALUE_DEPTH_MAX = 32,    /* lists and maps inside each other */
    WIRE_ARGV_MAX = 16384,
    WIRE_ARG_BYTES_MAX = 128 * 1024 - 1, /* what Linux takes as one argument, its NUL excluded */
    WIRE_ENV_MAX = 1024,
    WIRE_PATH_MAX = 4095,
    WIRE_URL_MAX = 4096,
    WIRE_OUTPUT_PART_MAX = 64 * 1024, /* head and tail of one stream, each */
    WIRE_FAILURE_TYPE_MAX = 255,
    WIRE_FAILURE_MESSAGE_MAX = 16 * 1024,
    WIRE_TRACE_LINES_MAX = 128,
    WIRE_TRACE_LINE_MAX = 1024,

    /* what one call may take from the arena */
    WIRE_DECODE_MEMORY_MAX = 8 * 1024 * 1024, /* wire_decode */
    WIRE_BODY_MEMORY_MAX = 4 * 1024 * 1024 /* wire_command_body_decode, wire_record_body_decode */
};

/* Longest duration on the wire, about 100 years; every time fits int64_t. */
#define WIRE_DURATION_MAX_NS INT64_C(3155760000000000000)

#endif
