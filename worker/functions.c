/*
 * functions.c -- the registry: function name -> how it is run; and the functions that the agent
 * runs itself.
 *
 *   echo ARG… NAME=VALUE…   nothing -> null; one ARG -> it; several -> a list of them; NAME=VALUE…
 * -> a map; both -> a list whose last element is that map sleep SECONDS           a number of
 * seconds, or a duration such as "250ms"; also seconds=…
 *
 * Not here: what runners do, and when anything is run. Everything here is a function of its
 * arguments.
 */
#include "worker/functions.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/time.h"
#include "proto/limits.h"
#include "proto/wire.h"

enum { FUNCTIONS_MAX = 256, MESSAGE_MAX = 1024 };

static const double SECONDS_MAX = 3155760000.0; /* 100 years */

struct functions {
    struct function all[FUNCTIONS_MAX];
    struct bytes names[FUNCTIONS_MAX];
    uint32_t count;
};

/* ---- failures -------------------------------------------------------------------------------- */

void function_fail(struct function_outcome *outcome, enum reason reason, const char *type,
                   struct bytes message)
{
    *outcome = (struct function_outcome){.state = STATE_FAILED, .reason = reason};
    outcome->body.failure.type = bytes_of_str(type);
    outcome->body.failure.message = message;
    outcome->body.tries = 1;
}

__attribute__((format(printf, 4, 5))) static void fail_arguments(struct function_outcome *outcome,
                                                                 struct arena *arena,
                                                                 const char *type,
                                                                 const char *format, ...)
{
    char text[MESSAGE_MAX];
    struct bytes message;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!arena_copy(arena, bytes_of_str(text), &message))
        message = bytes_of_str("the arguments are wrong");
    function_fail(outcome, REASON_BAD_ARGUMENTS, type, message);
}

static const char *kind_name(enum wire_value_kind kind)
{
    static const char *const NAMES[] = {"null",     "a bool",        "an int", "a double",
                                        "a string", "a byte string", "a list", "a map"};
    return (size_t)kind < sizeof NAMES / sizeof *NAMES ? NAMES[kind] : "an unknown value";
}

/* ---- echo ------------------------------------------------------------------------------------ */

static void echo(const struct wire_command_body *command, struct arena *arena,
                 struct function_outcome *ret_outcome)
{
    uint32_t n_args = command->n_args, n_kwargs = command->n_kwargs;
    uint32_t values = wire_values_count(command->args, n_args);
    uint32_t pairs = wire_values_count(command->kwargs, n_kwargs) / 2;
    *ret_outcome = (struct function_outcome){.state = STATE_OK};
    ret_outcome->body.tries = 1;
    if (values == 1 && pairs == 0) {
        ret_outcome->body.result = command->args;
        ret_outcome->body.n_result = n_args;
        return;
    }
    struct wire_value *result =
        arena_alloc(arena, ((size_t)n_args + n_kwargs + 2) * sizeof *result);
    uint32_t n = 0;
    if (!result) {
        fail_arguments(ret_outcome, arena, "MemoryError", "the arguments are too many to echo");
        return;
    }
    if (values == 0 && pairs == 0)
        result[n++] = (struct wire_value){.kind = WIRE_VALUE_NULL};
    if (values > 0)
        result[n++] = (struct wire_value){.kind = WIRE_VALUE_LIST, .count = values + (pairs > 0)};
    if (n_args > 0)
        memcpy(result + n, command->args, n_args * sizeof *result);
    n += n_args;
    if (pairs > 0)
        result[n++] = (struct wire_value){.kind = WIRE_VALUE_MAP, .count = pairs};
    if (n_kwargs > 0)
        memcpy(result + n, command->kwargs, n_kwargs * sizeof *result);
    n += n_kwargs;
    ret_outcome->body.result = result;
    ret_outcome->body.n_result = n;
    /* One level deeper and a few bytes longer than the arguments were. */
    const char *what;
    if (!wire_values_check(result, n, WIRE_VALUES_ONE, &what))
        fail_arguments(ret_outcome, arena, "ValueError",
                       "echo cannot return its arguments as one value: %s", what);
    else if (wire_record_body_size(&ret_outcome->body) > WIRE_RESULT_MAX)
        fail_arguments(ret_outcome, arena, "ValueError",
                       "echo cannot return its arguments as one value: it would be larger than %d "
                       "bytes",
                       WIRE_RESULT_MAX);
}

/* ---- sleep ----------------------------------------------------------------------------------- */

/* The one argument, positional or named; NULL with the failure when it is not that. */
static const struct wire_value *sleep_argument(const struct wire_command_body *command,
                                               struct arena *arena,
                                               struct function_outcome *outcome)
{
    uint32_t values = wire_values_count(command->args, command->n_args);
    uint32_t pairs = wire_values_count(command->kwargs, command->n_kwargs) / 2;
    if (values + pairs != 1) {
        fail_arguments(outcome, arena, "TypeError", "sleep takes one argument: SECONDS; it got %u",
                       values + pairs);
        return NULL;
    }
    if (values == 1)
        return command->args;
    if (bytes_equal_str(command->kwargs[0].data, "seconds"))
        return command->kwargs + 1;
    fail_arguments(outcome, arena, "TypeError", "sleep has no argument \"%.*s\"; it has: seconds",
                   (int)command->kwargs[0].data.size, (const char *)command->kwargs[0].data.data);
    return NULL;
}

/* "250ms", or digits as they come from a command line. */
static bool parse_sleep_text(struct bytes text, double *ret_seconds)
{
    char copy[64];
    muster_time ns;
    if (text.size == 0 || text.size >= sizeof copy || !bytes_is_text(text))
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    if (time_parse_duration(copy, &ns) == 0) {
        *ret_seconds = (double)ns / (double)MUSTER_S;
        return true;
    }
    char *rest;
    if (strspn(copy, "0123456789.") != text.size)
        return false;
    *ret_seconds = strtod(copy, &rest);
    return *rest == '\0';
}

static int sleep_timer(const struct wire_command_body *command, struct arena *arena,
                       int64_t *ret_ns, struct function_outcome *ret_outcome)
{
    const struct wire_value *value = sleep_argument(command, arena, ret_outcome);
    double seconds = -1;
    if (!value)
        return -EINVAL;
    bool is_number = true;
    if (value->kind == WIRE_VALUE_INT)
        seconds = (double)value->integer;
    else if (value->kind == WIRE_VALUE_DOUBLE)
        seconds = value->real;
    else
        is_number = value->kind == WIRE_VALUE_STRING && parse_sleep_text(value->data, &seconds);
    if (!is_number) {
        fail_arguments(ret_outcome, arena, "TypeError",
                       "sleep takes a number of seconds or a duration such as \"250ms\", not %s",
                       value->kind == WIRE_VALUE_STRING ? "this string" : kind_name(value->kind));
        return -EINVAL;
    }
    /* Written so that a NaN is refused. */
    if (!(seconds >= 0 && seconds <= SECONDS_MAX)) {
        fail_arguments(ret_outcome, arena, "ValueError",
                       "sleep takes 0 seconds to 100 years, not %g s", seconds);
        return -EINVAL;
    }
    *ret_ns = (int64_t)(seconds * (double)MUSTER_S);
    return 0;
}

/* ---- the registry ---------------------------------------------------------------------------- */

static void add(struct functions *functions, const struct function *function)
{
    MUST(functions->count < FUNCTIONS_MAX);
    functions->names[functions->count] = function->name;
    functions->all[functions->count++] = *function;
}

struct functions *functions_new(const char *const *runner_functions)
{
    struct functions *functions = calloc(1, sizeof *functions);
    MUST(functions != NULL);
    struct function echo_function = {
        .name = bytes_of_str("echo"), .how = FUNCTION_INLINE, .call = echo};
    struct function sleep_function = {
        .name = bytes_of_str("sleep"), .how = FUNCTION_TIMER, .timer = sleep_timer};
    add(functions, &echo_function);
    add(functions, &sleep_function);
    for (; runner_functions && *runner_functions; runner_functions++) {
        struct function function = {.name = bytes_of_str(*runner_functions),
                                    .how = FUNCTION_RUNNER};
        if (!functions_find(functions, function.name))
            add(functions, &function);
    }
    return functions;
}

void functions_free(struct functions *functions)
{
    free(functions);
}

const struct function *functions_find(const struct functions *functions, struct bytes name)
{
    for (uint32_t i = 0; i < functions->count; i++) {
        if (bytes_equal(functions->names[i], name))
            return &functions->all[i];
    }
    return NULL;
}

const struct bytes *functions_names(const struct functions *functions, uint32_t *ret_count)
{
    *ret_count = functions->count;
    return functions->names;
}

void functions_refuse(const struct functions *functions, struct bytes name, const char *host,
                      struct arena *arena, struct function_outcome *ret_outcome)
{
    struct buffer text = BUFFER_EMPTY;
    struct bytes message = bytes_of_str("the worker does not offer this function");
    buffer_printf(&text, "host %s does not offer the function \"", host);
    buffer_append_bytes(&text, name);
    buffer_append_str(&text, "\"; it offers:");
    for (uint32_t i = 0; i < functions->count && text.size < WIRE_TEXT_MAX / 2; i++) {
        buffer_append_char(&text, ' ');
        buffer_append_bytes(&text, functions->names[i]);
    }
    if (!text.failed)
        (void)arena_copy(arena, buffer_bytes(&text), &message);
    buffer_done(&text);
    function_fail(ret_outcome, REASON_UNKNOWN_FUNCTION, "UnknownFunction", message);
    ret_outcome->body.tries = 0;
}
