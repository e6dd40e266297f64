/* The two bodies that the broker passes on without looking: what to run, and what became of it.
 *
 * Values are flat: a LIST is followed by `count` complete values, a MAP by `count` pairs of a
 * STRING key and a complete value. Spans are borrowed (see wire.h). */
#ifndef PROTO_BODY_H
#define PROTO_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum wire_value_kind {
    WIRE_VALUE_NULL = 0,
    WIRE_VALUE_BOOL = 1,
    WIRE_VALUE_INT = 2,
    WIRE_VALUE_DOUBLE = 3,
    WIRE_VALUE_STRING = 4, /* UTF-8, NUL allowed */
    WIRE_VALUE_BYTES = 5,
    WIRE_VALUE_LIST = 6,
    WIRE_VALUE_MAP = 7
};

/* One token. A field that does not belong to its kind is zero. */
struct wire_value {
    enum wire_value_kind kind;
    uint32_t count;    /* LIST: values, MAP: pairs */
    int64_t integer;   /* BOOL (0 or 1), INT */
    double real;       /* DOUBLE */
    struct bytes data; /* STRING, BYTES */
};

struct wire_command_body {
    const struct wire_value *args;   /* positional arguments, one complete value after the other */
    const struct wire_value *kwargs; /* STRING name, value, STRING name, value … */
    const struct bytes *argv;
    const struct bytes *env; /* NAME=VALUE */
    uint32_t n_args;         /* tokens, not arguments */
    uint32_t n_kwargs;       /* tokens */
    uint32_t n_argv;
    uint32_t n_env;
    struct bytes cwd; /* empty = the worker's default */
    struct bytes stdin;
    struct bytes url;
    int64_t timeout_ns; /* 0 = none */
    int64_t grace_ns;   /* 0 = the worker's default */
    int64_t throttled_ns;
    struct bytes label;
    int64_t stall_timeout_ns; /* 0 = none */
};

struct wire_output {
    uint64_t total;
    struct bytes head, tail;
    bool incomplete;
};

struct wire_failure {
    struct bytes type, message;
    uint32_t code;
    const struct bytes *trace_back;
    uint32_t n_trace_back;
};

struct wire_record_body {
    const struct wire_value *result; /* one complete value, or nothing */
    uint32_t n_result;               /* tokens */
    struct wire_failure failure;     /* all empty = none */
    struct wire_output out, err;
    int64_t utime_ns, stime_ns;
    uint64_t maxrss_bytes;
    uint32_t tries;
    struct bytes warning;
};

/* Index just behind the complete value that starts at `at`; `n` when it is cut short. For a
 * sequence that wire_values_check accepted it is never beyond `n`. */
uint32_t wire_value_skip(const struct wire_value *values, uint32_t n, uint32_t at);

/* Number of complete values in an accepted sequence: the arguments in `args`, twice the pairs in
 * `kwargs`. */
uint32_t wire_values_count(const struct wire_value *values, uint32_t n);

enum wire_values_shape {
    WIRE_VALUES_MANY,  /* any number of complete values: args */
    WIRE_VALUES_PAIRS, /* STRING names (1 to 255 bytes) and values: kwargs */
    WIRE_VALUES_ONE    /* nothing or one complete value: result */
};

/* Complete, at most 32 deep and 65,536 tokens, STRING is UTF-8, map keys are STRING, BOOL is 0 or
 * 1, no field that is foreign to its kind. False with what is wrong, a text that lives for ever. */
bool wire_values_check(const struct wire_value *values, uint32_t n, enum wire_values_shape shape,
                       const char **ret_what);

#endif
