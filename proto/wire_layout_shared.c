/* Tables of the shared messages and of the two bodies (PROTOCOL.md sections 7 and 8).
 *
 * Not here: how a table is walked (wire_decode.c, wire_encode.c, wire_check.c). Invariant: one line
 * per field, in the order of the schema; test_wire_layout compares every line with the descriptor.
 */
#include "proto/wire_layout.h"

#include "proto/body.h"
#include "proto/limits.h"
#include "proto/muster.pb-c.h"

/* ---- bodies --------------------------------------------------------------------------------- */

static const struct wire_field value_fields[] = {
    {WIRE_FIELD(wire_value, kind), .max = WIRE_VALUE_MAP},
    {WIRE_FIELD(wire_value, integer)},
    {WIRE_FIELD(wire_value, real)},
    {WIRE_FIELD(wire_value, data)},
    {WIRE_FIELD(wire_value, count)},
};

/* What else a value must be depends on its neighbours: wire_values.c. */
const struct wire_layout wire_layout_value =
    WIRE_LAYOUT(wire_value, muster__wire__value__descriptor, value_fields, 0, NULL);

static const struct wire_field command_body_fields[] = {
    {WIRE_REPEATED(wire_command_body, args, WIRE_VALUES_MAX), .rule = RULE_VALUES_MANY,
     .sub = &wire_layout_value},
    {WIRE_REPEATED(wire_command_body, kwargs, WIRE_VALUES_MAX), .rule = RULE_VALUES_PAIRS,
     .sub = &wire_layout_value},
    {WIRE_REPEATED(wire_command_body, argv, WIRE_ARGV_MAX), .rule = RULE_C_STRING,
     .max = WIRE_ARG_BYTES_MAX},
    {WIRE_REPEATED(wire_command_body, env, WIRE_ENV_MAX), .rule = RULE_ENV,
     .max = WIRE_ARG_BYTES_MAX},
    {WIRE_FIELD(wire_command_body, cwd), .rule = RULE_C_STRING, .max = WIRE_PATH_MAX},
    {WIRE_FIELD(wire_command_body, stdin), .max = WIRE_COMMAND_BODY_MAX},
    {WIRE_FIELD(wire_command_body, url), .rule = RULE_C_STRING, .max = WIRE_URL_MAX},
    {WIRE_FIELD(wire_command_body, timeout_ns), .max = WIRE_DURATION_MAX_NS},
    {WIRE_FIELD(wire_command_body, grace_ns), .max = WIRE_DURATION_MAX_NS},
    {WIRE_FIELD(wire_command_body, throttled_ns), .max = WIRE_DURATION_MAX_NS},
    {WIRE_FIELD(wire_command_body, label), .rule = RULE_TEXT, .max = WIRE_LABEL_TEXT_MAX},
    {WIRE_FIELD(wire_command_body, stall_timeout_ns), .max = WIRE_DURATION_MAX_NS},
};

const struct wire_layout wire_layout_command_body = WIRE_LAYOUT(
    wire_command_body, muster__wire__command_body__descriptor, command_body_fields, 0, NULL);

static const struct wire_field output_fields[] = {
    {WIRE_FIELD(wire_output, total)},
    {WIRE_FIELD(wire_output, head), .max = WIRE_OUTPUT_PART_MAX},
    {WIRE_FIELD(wire_output, tail), .max = WIRE_OUTPUT_PART_MAX},
    {WIRE_FIELD(wire_output, incomplete)},
};

static const char *check_output(const void *message, uint32_t *ret_index)
{
    const struct wire_output *output = message;
    (void)ret_index;
    return output->total < output->head.size + output->tail.size
               ? "total is less than what head and tail hold"
               : NULL;
}

static const struct wire_layout output_layout =
    WIRE_LAYOUT(wire_output, muster__wire__output__descriptor, output_fields, 0, check_output);

static const struct wire_field failure_fields[] = {
    {WIRE_FIELD(wire_failure, type), .max = WIRE_FAILURE_TYPE_MAX},
    {WIRE_FIELD(wire_failure, message), .max = WIRE_FAILURE_MESSAGE_MAX},
    {WIRE_FIELD(wire_failure, code)},
    {WIRE_REPEATED(wire_failure, trace_back, WIRE_TRACE_LINES_MAX), .max = WIRE_TRACE_LINE_MAX},
};

static const struct wire_layout failure_layout =
    WIRE_LAYOUT(wire_failure, muster__wire__failure__descriptor, failure_fields, 0, NULL);

static const struct wire_field record_body_fields[] = {
    {WIRE_REPEATED(wire_record_body, result, WIRE_VALUES_MAX), .rule = RULE_VALUES_ONE,
     .sub = &wire_layout_value},
    {WIRE_FIELD(wire_record_body, failure), .sub = &failure_layout},
    {WIRE_FIELD(wire_record_body, out), .sub = &output_layout},
    {WIRE_FIELD(wire_record_body, err), .sub = &output_layout},
    {WIRE_FIELD(wire_record_body, utime_ns), .max = WIRE_DURATION_MAX_NS},
    {WIRE_FIELD(wire_record_body, stime_ns), .max = WIRE_DURATION_MAX_NS},
    {WIRE_FIELD(wire_record_body, maxrss_bytes)},
    {WIRE_FIELD(wire_record_body, tries)},
    {WIRE_FIELD(wire_record_body, warning), .max = WIRE_TEXT_MAX},
};

const struct wire_layout wire_layout_record_body = WIRE_LAYOUT(
    wire_record_body, muster__wire__record_body__descriptor, record_body_fields, 0, NULL);

/* ---- parts of several messages -------------------------------------------------------------- */

static const struct wire_field attempt_fields[] = {
    {WIRE_FIELD(wire_attempt, pool)},
    {WIRE_FIELD(wire_attempt, track_id)},
    {WIRE_FIELD(wire_attempt, attempt)},
    {WIRE_FIELD(wire_attempt, epoch)},
    {WIRE_FIELD(wire_attempt, phase), .max = WIRE_PHASE_GONE},
};

const struct wire_layout wire_layout_attempt =
    WIRE_LAYOUT(wire_attempt, muster__wire__attempt__descriptor, attempt_fields,
                WIRE_BIT(1) | WIRE_BIT(2) | WIRE_BIT(3) | WIRE_BIT(4), NULL);

static const struct wire_field range_fields[] = {
    {WIRE_FIELD(wire_range, first)},
    {WIRE_FIELD(wire_range, last)},
};

static const char *check_range(const void *message, uint32_t *ret_index)
{
    const struct wire_range *range = message;
    (void)ret_index;
    return range->first > range->last ? "first is greater than last" : NULL;
}

const struct wire_layout wire_layout_range =
    WIRE_LAYOUT(wire_range, muster__wire__range__descriptor, range_fields,
                WIRE_BIT(1) | WIRE_BIT(2), check_range);

static const struct wire_field limits_fields[] = {
    {WIRE_FIELD(wire_limits, message_max)}, {WIRE_FIELD(wire_limits, submissions_max)},
    {WIRE_FIELD(wire_limits, submits_max)}, {WIRE_FIELD(wire_limits, reads_max)},
    {WIRE_FIELD(wire_limits, name_max)},
};

const struct wire_layout wire_layout_limits =
    WIRE_LAYOUT(wire_limits, muster__wire__limits__descriptor, limits_fields, 0, NULL);

/* ---- messages to both ----------------------------------------------------------------------- */

static const struct wire_field refused_fields[] = {
    {WIRE_FIELD(wire_refused, request)},
    {WIRE_FIELD(wire_refused, refusal)},
    {WIRE_FIELD(wire_refused, text), .rule = RULE_TEXT, .max = WIRE_TEXT_MAX},
    {WIRE_FIELD(wire_refused, limit)},
    {WIRE_FIELD(wire_refused, retry_after_ns), .max = WIRE_DURATION_MAX_NS},
    {WIRE_FIELD(wire_refused, index)},
};

const struct wire_layout wire_layout_refused =
    WIRE_LAYOUT(wire_refused, muster__wire__error__descriptor, refused_fields, WIRE_BIT(2), NULL);

static const struct wire_field bye_fields[] = {
    {WIRE_FIELD(wire_bye, why), .rule = RULE_TEXT, .max = WIRE_TEXT_MAX},
    {WIRE_FIELD(wire_bye, end)},
};

const struct wire_layout wire_layout_bye =
    WIRE_LAYOUT(wire_bye, muster__wire__bye__descriptor, bye_fields, 0, NULL);
