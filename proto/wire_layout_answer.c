/* Tables of what the broker answers to clients (PROTOCOL.md section 10).
 *
 * Not here: how a table is walked (wire_decode.c, wire_encode.c, wire_check.c). Invariant: one line
 * per field, in the order of the schema; test_wire_layout compares every line with the descriptor.
 * Numbers that later versions may add (reason, hold) are not bounded here, so that an older client
 * can read a newer broker. */
#include "proto/wire_layout.h"

#include "proto/limits.h"
#include "proto/muster.pb-c.h"

static const struct wire_field welcome_fields[] = {
    {WIRE_FIELD(wire_welcome, request)},
    {WIRE_FIELD(wire_welcome, pool_id)},
    {WIRE_FIELD(wire_welcome, pool), .rule = RULE_NAME},
    {WIRE_FIELD(wire_welcome, log_id)},
    {WIRE_FIELD(wire_welcome, epoch)},
    {WIRE_FIELD(wire_welcome, head)},
    {WIRE_FIELD(wire_welcome, oldest)},
    {WIRE_FIELD(wire_welcome, limits), .sub = &wire_layout_limits},
    {WIRE_FIELD(wire_welcome, features)},
    {WIRE_FIELD(wire_welcome, software), .rule = RULE_LINE, .max = WIRE_SOFTWARE_MAX},
    {WIRE_FIELD(wire_welcome, insecure)},
    {WIRE_FIELD(wire_welcome, wall_ns), .max = INT64_MAX},
};

const struct wire_layout wire_layout_welcome =
    WIRE_LAYOUT(wire_welcome, muster__wire__welcome__descriptor, welcome_fields,
                WIRE_BIT(1) | WIRE_BIT(2) | WIRE_BIT(3) | WIRE_BIT(4) | WIRE_BIT(5), NULL);

static const struct wire_field submitted_fields[] = {
    {WIRE_FIELD(wire_submitted, request)},   {WIRE_FIELD(wire_submitted, first)},
    {WIRE_FIELD(wire_submitted, count)},     {WIRE_FIELD(wire_submitted, batch)},
    {WIRE_FIELD(wire_submitted, duplicate)},
};

const struct wire_layout wire_layout_submitted =
    WIRE_LAYOUT(wire_submitted, muster__wire__submitted__descriptor, submitted_fields,
                WIRE_BIT(1) | WIRE_BIT(2) | WIRE_BIT(3), NULL);

static const struct wire_field row_fields[] = {
    {WIRE_FIELD(wire_row, pos)},
    {WIRE_FIELD(wire_row, track_id)},
    {WIRE_FIELD(wire_row, attempt)},
    {WIRE_FIELD(wire_row, state), .rule = RULE_FINAL_STATE},
    {WIRE_FIELD(wire_row, reason)},
    {WIRE_FIELD(wire_row, exit)},
    {WIRE_FIELD(wire_row, signal)},
    {WIRE_FIELD(wire_row, submitted_wall_ns), .max = INT64_MAX},
    {WIRE_FIELD(wire_row, start_wall_ns), .max = INT64_MAX},
    {WIRE_FIELD(wire_row, run_ns), .max = INT64_MAX},
    {WIRE_FIELD(wire_row, waited_ns), .max = INT64_MAX},
    {WIRE_FIELD(wire_row, slot)},
    {WIRE_FIELD(wire_row, pid)},
    {WIRE_FIELD(wire_row, throttled_ns), .max = INT64_MAX},
    {WIRE_FIELD(wire_row, host), .rule = RULE_WORD},
    {WIRE_FIELD(wire_row, worker), .rule = RULE_WORD},
    {WIRE_FIELD(wire_row, function), .rule = RULE_WORD},
    {WIRE_FIELD(wire_row, batch)},
    {WIRE_FIELD(wire_row, skew_ns)},
    {WIRE_FIELD(wire_row, crc)},
    {WIRE_FIELD(wire_row, body), .rule = RULE_RECORD_BODY, .max = WIRE_RECORD_BODY_MAX},
    {WIRE_FIELD(wire_row, command), .rule = RULE_COMMAND_BODY, .max = WIRE_COMMAND_BODY_MAX},
    {WIRE_FIELD(wire_row, why), .rule = RULE_TEXT, .max = WIRE_TEXT_MAX},
};

const struct wire_layout wire_layout_row =
    WIRE_LAYOUT(wire_row, muster__wire__row__descriptor, row_fields,
                WIRE_BIT(1) | WIRE_BIT(2) | WIRE_BIT(4), NULL);

static const struct wire_field records_fields[] = {
    {WIRE_FIELD(wire_records, request)},
    {WIRE_REPEATED(wire_records, rows, WIRE_ROWS_MAX), .sub = &wire_layout_row},
    {WIRE_FIELD(wire_records, next)},
    {WIRE_FIELD(wire_records, head)},
    {WIRE_FIELD(wire_records, oldest)},
    {WIRE_FIELD(wire_records, cursor)},
    {WIRE_FIELD(wire_records, timed_out)},
};

const struct wire_layout wire_layout_records =
    WIRE_LAYOUT(wire_records, muster__wire__records__descriptor, records_fields, WIRE_BIT(1), NULL);

static const struct wire_field done_fields[] = {
    {WIRE_FIELD(wire_done, request)},
    {WIRE_FIELD(wire_done, value)},
    {WIRE_FIELD(wire_done, timed_out)},
};

const struct wire_layout wire_layout_done =
    WIRE_LAYOUT(wire_done, muster__wire__done__descriptor, done_fields, WIRE_BIT(1), NULL);

static const struct wire_field spread_fields[] = {
    {WIRE_FIELD(wire_spread, count)}, {WIRE_FIELD(wire_spread, avg)},
    {WIRE_FIELD(wire_spread, max)},   {WIRE_FIELD(wire_spread, min)},
    {WIRE_FIELD(wire_spread, p50)},   {WIRE_FIELD(wire_spread, p90)},
    {WIRE_FIELD(wire_spread, p99)},
};

static const struct wire_layout spread_layout =
    WIRE_LAYOUT(wire_spread, muster__wire__spread__descriptor, spread_fields, 0, NULL);

static const struct wire_field usage_fields[] = {
    {WIRE_FIELD(wire_usage, log_prefix), .rule = RULE_LOG_PREFIX, .max = WIRE_LOG_PREFIX_MAX},
    {WIRE_FIELD(wire_usage, count)},
};

static const struct wire_layout usage_layout =
    WIRE_LAYOUT(wire_usage, muster__wire__usage__descriptor, usage_fields, WIRE_BIT(1), NULL);

static const struct wire_field stats_reply_fields[] = {
    {WIRE_FIELD(wire_stats_reply, request)},
    {WIRE_FIELD(wire_stats_reply, count)},
    {WIRE_FIELD(wire_stats_reply, time), .sub = &spread_layout},
    {WIRE_FIELD(wire_stats_reply, throttle), .sub = &spread_layout},
    {WIRE_FIELD(wire_stats_reply, waited), .sub = &spread_layout},
    {WIRE_REPEATED(wire_stats_reply, pool_usage, WIRE_USAGES_MAX), .sub = &usage_layout},
    {WIRE_FIELD(wire_stats_reply, peak_in_queue)},
    {WIRE_FIELD(wire_stats_reply, submitted)},
    {WIRE_FIELD(wire_stats_reply, held)},
    {WIRE_FIELD(wire_stats_reply, queued)},
    {WIRE_FIELD(wire_stats_reply, running)},
    {WIRE_REPEATED(wire_stats_reply, ended, WIRE_ENDED_MAX)},
    {WIRE_FIELD(wire_stats_reply, final_to)},
    {WIRE_FIELD(wire_stats_reply, ok_to)},
    {WIRE_FIELD(wire_stats_reply, head)},
    {WIRE_FIELD(wire_stats_reply, oldest)},
    {WIRE_FIELD(wire_stats_reply, hosts)},
    {WIRE_FIELD(wire_stats_reply, slots)},
    {WIRE_FIELD(wire_stats_reply, pool), .rule = RULE_NAME},
    {WIRE_FIELD(wire_stats_reply, insecure)},
    {WIRE_FIELD(wire_stats_reply, disk_free)},
    {WIRE_FIELD(wire_stats_reply, disk_low)},
    {WIRE_FIELD(wire_stats_reply, uptime_ns), .max = INT64_MAX},
    {WIRE_FIELD(wire_stats_reply, software), .rule = RULE_LINE, .max = WIRE_SOFTWARE_MAX},
    {WIRE_FIELD(wire_stats_reply, records_bytes)},
};

const struct wire_layout wire_layout_stats_reply = WIRE_LAYOUT(
    wire_stats_reply, muster__wire__stats_reply__descriptor, stats_reply_fields, WIRE_BIT(1), NULL);

static const struct wire_field command_row_fields[] = {
    {WIRE_FIELD(wire_command_row, track_id)},
    {WIRE_FIELD(wire_command_row, state), .rule = RULE_STATE},
    {WIRE_FIELD(wire_command_row, hold)},
    {WIRE_FIELD(wire_command_row, function), .rule = RULE_WORD},
    {WIRE_FIELD(wire_command_row, selector), .rule = RULE_LINE, .max = WIRE_SELECTOR_MAX},
    {WIRE_FIELD(wire_command_row, host), .rule = RULE_WORD},
    {WIRE_FIELD(wire_command_row, attempt)},
    {WIRE_FIELD(wire_command_row, submitted_wall_ns), .max = INT64_MAX},
    {WIRE_FIELD(wire_command_row, since_wall_ns), .max = INT64_MAX},
    {WIRE_FIELD(wire_command_row, priority), .max = WIRE_PRIORITY_MAX},
    {WIRE_FIELD(wire_command_row, batch)},
    {WIRE_FIELD(wire_command_row, pos)},
    {WIRE_FIELD(wire_command_row, reason)},
    {WIRE_FIELD(wire_command_row, age_ns), .max = INT64_MAX},
    {WIRE_FIELD(wire_command_row, command), .rule = RULE_COMMAND_BODY,
     .max = WIRE_COMMAND_BODY_MAX},
    {WIRE_FIELD(wire_command_row, exit)},
    {WIRE_FIELD(wire_command_row, signal)},
    {WIRE_FIELD(wire_command_row, run_ns), .max = INT64_MAX},
    {WIRE_FIELD(wire_command_row, starts)},
};

const struct wire_layout wire_layout_command_row =
    WIRE_LAYOUT(wire_command_row, muster__wire__command_row__descriptor, command_row_fields,
                WIRE_BIT(1) | WIRE_BIT(2), NULL);

static const struct wire_field list_reply_fields[] = {
    {WIRE_FIELD(wire_list_reply, request)},
    {WIRE_REPEATED(wire_list_reply, rows, WIRE_ROWS_MAX), .sub = &wire_layout_command_row},
    {WIRE_FIELD(wire_list_reply, more)},
    {WIRE_FIELD(wire_list_reply, next)},
};

const struct wire_layout wire_layout_list_reply = WIRE_LAYOUT(
    wire_list_reply, muster__wire__list_reply__descriptor, list_reply_fields, WIRE_BIT(1), NULL);

static const struct wire_field host_row_fields[] = {
    {WIRE_FIELD(wire_host_row, host), .rule = RULE_WORD},
    {WIRE_FIELD(wire_host_row, worker), .rule = RULE_WORD},
    {WIRE_FIELD(wire_host_row, present)},
    {WIRE_FIELD(wire_host_row, slots)},
    {WIRE_FIELD(wire_host_row, running)},
    {WIRE_REPEATED(wire_host_row, labels, WIRE_LABELS_MAX), .rule = RULE_LABEL},
    {WIRE_REPEATED(wire_host_row, functions, WIRE_FUNCTIONS_MAX), .rule = RULE_WORD},
    {WIRE_FIELD(wire_host_row, software), .rule = RULE_LINE, .max = WIRE_SOFTWARE_MAX},
    {WIRE_FIELD(wire_host_row, seen_wall_ns), .max = INT64_MAX},
    {WIRE_FIELD(wire_host_row, skew_ns)},
    {WIRE_FIELD(wire_host_row, round_trip_ns), .max = INT64_MAX},
    {WIRE_FIELD(wire_host_row, tree_kill), .rule = RULE_WORD},
    {WIRE_FIELD(wire_host_row, draining)},
};

const struct wire_layout wire_layout_host_row = WIRE_LAYOUT(
    wire_host_row, muster__wire__host_row__descriptor, host_row_fields, WIRE_BIT(1), NULL);

static const struct wire_field hosts_reply_fields[] = {
    {WIRE_FIELD(wire_hosts_reply, request)},
    {WIRE_REPEATED(wire_hosts_reply, rows, WIRE_HOST_ROWS_MAX), .sub = &wire_layout_host_row},
    {WIRE_FIELD(wire_hosts_reply, more)},
};

const struct wire_layout wire_layout_hosts_reply = WIRE_LAYOUT(
    wire_hosts_reply, muster__wire__hosts_reply__descriptor, hosts_reply_fields, WIRE_BIT(1), NULL);

static const struct wire_field cancelled_fields[] = {
    {WIRE_FIELD(wire_cancelled, request)},  {WIRE_FIELD(wire_cancelled, cancelled)},
    {WIRE_FIELD(wire_cancelled, stopping)}, {WIRE_FIELD(wire_cancelled, already_final)},
    {WIRE_FIELD(wire_cancelled, running)},  {WIRE_FIELD(wire_cancelled, unknown)},
};

const struct wire_layout wire_layout_cancelled = WIRE_LAYOUT(
    wire_cancelled, muster__wire__cancelled__descriptor, cancelled_fields, WIRE_BIT(1), NULL);

static const struct wire_field room_reply_fields[] = {
    {WIRE_FIELD(wire_room_reply, request)},
    {WIRE_FIELD(wire_room_reply, room)},
    {WIRE_FIELD(wire_room_reply, unfinished)},
    {WIRE_FIELD(wire_room_reply, slots)},
};

const struct wire_layout wire_layout_room_reply = WIRE_LAYOUT(
    wire_room_reply, muster__wire__room_reply__descriptor, room_reply_fields, WIRE_BIT(1), NULL);
