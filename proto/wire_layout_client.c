/* Tables of the messages between clients and the broker (PROTOCOL.md sections 9 and 10).
 *
 * Not here: how a table is walked (wire_decode.c, wire_encode.c, wire_check.c). Invariant: one line
 * per field, in the order of the schema; test_wire_layout compares every line with the descriptor.
 */
#include "proto/wire_layout.h"

#include "proto/limits.h"
#include "proto/muster.pb-c.h"

/* ---- client to broker ----------------------------------------------------------------------- */

static const struct wire_field client_hello_fields[] = {
    {WIRE_FIELD(wire_client_hello, request)},
    {WIRE_FIELD(wire_client_hello, client)},
    {WIRE_FIELD(wire_client_hello, pool), .rule = RULE_NAME},
    {WIRE_FIELD(wire_client_hello, features)},
    {WIRE_FIELD(wire_client_hello, software), .rule = RULE_LINE, .max = WIRE_SOFTWARE_MAX},
    {WIRE_FIELD(wire_client_hello, log_id)},
    {WIRE_FIELD(wire_client_hello, pool_id)},
};

const struct wire_layout wire_layout_client_hello =
    WIRE_LAYOUT(wire_client_hello, muster__wire__client_hello__descriptor, client_hello_fields,
                WIRE_BIT(1) | WIRE_BIT(2), NULL);

static const struct wire_field submission_fields[] = {
    {WIRE_FIELD(wire_submission, function), .rule = RULE_WORD},
    {WIRE_FIELD(wire_submission, selector), .rule = RULE_LINE, .max = WIRE_SELECTOR_MAX},
    {WIRE_FIELD(wire_submission, each)},
    {WIRE_FIELD(wire_submission, priority), .max = WIRE_PRIORITY_MAX},
    {WIRE_FIELD(wire_submission, rerunnable)},
    {WIRE_FIELD(wire_submission, max_attempts), .max = WIRE_ATTEMPT_COUNT_MAX},
    {WIRE_FIELD(wire_submission, delay_ns), .max = WIRE_DURATION_MAX_NS},
    {WIRE_FIELD(wire_submission, at_wall_ns), .max = INT64_MAX},
    {WIRE_FIELD(wire_submission, start_within_ns), .max = WIRE_DURATION_MAX_NS},
    {WIRE_FIELD(wire_submission, start_by_wall_ns), .max = INT64_MAX},
    {WIRE_FIELD(wire_submission, lost_after_ns), .max = WIRE_DURATION_MAX_NS},
    {WIRE_FIELD(wire_submission, body), .rule = RULE_COMMAND_BODY, .max = WIRE_COMMAND_BODY_MAX},
};

const struct wire_layout wire_layout_submission = WIRE_LAYOUT(
    wire_submission, muster__wire__submission__descriptor, submission_fields, WIRE_BIT(1), NULL);

static const struct wire_field submit_fields[] = {
    {WIRE_FIELD(wire_submit, request)},
    {WIRE_FIELD(wire_submit, sequence)},
    {WIRE_FIELD(wire_submit, answered_to)},
    {WIRE_FIELD(wire_submit, request_id), .rule = RULE_NAME},
    {WIRE_REPEATED(wire_submit, submissions, WIRE_SUBMISSIONS_MAX), .sub = &wire_layout_submission},
};

static const char *check_submit(const void *message, uint32_t *ret_index)
{
    const struct wire_submit *submit = message;
    if (submit->answered_to >= submit->sequence) {
        return "answered_to is not below sequence";
    }
    for (uint32_t i = 0; submit->n_submissions > 1 && i < submit->n_submissions; i++) {
        if (submit->submissions[i].each) {
            *ret_index = i;
            return "a submission with each is not alone";
        }
    }
    return NULL;
}

const struct wire_layout wire_layout_submit =
    WIRE_LAYOUT(wire_submit, muster__wire__submit__descriptor, submit_fields,
                WIRE_BIT(1) | WIRE_BIT(2) | WIRE_BIT(5), check_submit);

static const struct wire_field read_fields[] = {
    {WIRE_FIELD(wire_read, request)},
    {WIRE_FIELD(wire_read, from_pos)},
    {WIRE_FIELD(wire_read, cursor), .rule = RULE_NAME},
    {WIRE_FIELD(wire_read, max)},
    {WIRE_FIELD(wire_read, wait_ns), .max = WIRE_DURATION_MAX_NS},
    {WIRE_FIELD(wire_read, with_command)},
    {WIRE_FIELD(wire_read, log_id)},
};

const struct wire_layout wire_layout_read =
    WIRE_LAYOUT(wire_read, muster__wire__read__descriptor, read_fields, WIRE_BIT(1), NULL);

static const struct wire_field wait_fields[] = {
    {WIRE_FIELD(wire_wait, request)},
    {WIRE_FIELD(wire_wait, what), .max = WIRE_WAIT_MINE},
    {WIRE_REPEATED(wire_wait, track_ids, WIRE_TRACK_IDS_MAX)},
    {WIRE_FIELD(wire_wait, batch)},
    {WIRE_FIELD(wire_wait, wait_ns), .max = WIRE_DURATION_MAX_NS},
    {WIRE_FIELD(wire_wait, with_command)},
};

static const char *check_wait(const void *message, uint32_t *ret_index)
{
    const struct wire_wait *wait = message;
    if ((wait->what == WIRE_WAIT_COMMANDS) != (wait->n_track_ids > 0)) {
        return "track_ids and what = COMMANDS belong together";
    }
    if ((wait->what == WIRE_WAIT_BATCH) != (wait->batch > 0)) {
        return "batch and what = BATCH belong together";
    }
    for (uint32_t i = 0; i < wait->n_track_ids; i++) {
        if (wait->track_ids[i] == 0) {
            *ret_index = i;
            return "a track_id is 0";
        }
    }
    return NULL;
}

const struct wire_layout wire_layout_wait =
    WIRE_LAYOUT(wire_wait, muster__wire__wait__descriptor, wait_fields, WIRE_BIT(1), check_wait);

static const struct wire_field cursor_fields[] = {
    {WIRE_FIELD(wire_cursor, request)},
    {WIRE_FIELD(wire_cursor, name), .rule = RULE_NAME},
    {WIRE_FIELD(wire_cursor, pos)},
};

const struct wire_layout wire_layout_cursor = WIRE_LAYOUT(
    wire_cursor, muster__wire__cursor__descriptor, cursor_fields, WIRE_BIT(1) | WIRE_BIT(2), NULL);

static const struct wire_field stats_fields[] = {
    {WIRE_FIELD(wire_stats, request)},
    {WIRE_FIELD(wire_stats, last_index)},
    {WIRE_FIELD(wire_stats, all)},
};

const struct wire_layout wire_layout_stats =
    WIRE_LAYOUT(wire_stats, muster__wire__stats__descriptor, stats_fields, WIRE_BIT(1), NULL);

static const struct wire_field list_fields[] = {
    {WIRE_FIELD(wire_list, request)},
    {WIRE_FIELD(wire_list, after)},
    {WIRE_FIELD(wire_list, max)},
    {WIRE_REPEATED(wire_list, ranges, WIRE_RANGES_MAX), .sub = &wire_layout_range},
    {WIRE_FIELD(wire_list, states)},
    {WIRE_FIELD(wire_list, batch)},
    {WIRE_FIELD(wire_list, with_command)},
};

const struct wire_layout wire_layout_list =
    WIRE_LAYOUT(wire_list, muster__wire__list__descriptor, list_fields, WIRE_BIT(1), NULL);

static const struct wire_field hosts_fields[] = {
    {WIRE_FIELD(wire_hosts, request)},
    {WIRE_FIELD(wire_hosts, after), .rule = RULE_WORD},
    {WIRE_FIELD(wire_hosts, max)},
    {WIRE_FIELD(wire_hosts, selector), .rule = RULE_LINE, .max = WIRE_SELECTOR_MAX},
};

const struct wire_layout wire_layout_hosts =
    WIRE_LAYOUT(wire_hosts, muster__wire__hosts__descriptor, hosts_fields, WIRE_BIT(1), NULL);

static const struct wire_field cancel_fields[] = {
    {WIRE_FIELD(wire_cancel, request)},
    {WIRE_REPEATED(wire_cancel, ranges, WIRE_RANGES_MAX), .sub = &wire_layout_range},
    {WIRE_FIELD(wire_cancel, batch)},
    {WIRE_FIELD(wire_cancel, all)},
    {WIRE_FIELD(wire_cancel, mine)},
    {WIRE_FIELD(wire_cancel, running)},
    {WIRE_FIELD(wire_cancel, reason), .rule = RULE_TEXT, .max = WIRE_TEXT_MAX},
};

static const char *check_cancel(const void *message, uint32_t *ret_index)
{
    const struct wire_cancel *cancel = message;
    (void)ret_index;
    int named = (cancel->n_ranges > 0) + (cancel->batch > 0) + cancel->all + cancel->mine;
    return named == 1 ? NULL : "not exactly one of ranges, batch, all, mine says what to cancel";
}

const struct wire_layout wire_layout_cancel = WIRE_LAYOUT(
    wire_cancel, muster__wire__cancel__descriptor, cancel_fields, WIRE_BIT(1), check_cancel);

static const struct wire_field room_fields[] = {
    {WIRE_FIELD(wire_room, request)},
    {WIRE_FIELD(wire_room, selector), .rule = RULE_LINE, .max = WIRE_SELECTOR_MAX},
    {WIRE_FIELD(wire_room, function), .rule = RULE_WORD},
    {WIRE_FIELD(wire_room, buffer), .max = WIRE_BUFFER_MAX},
    {WIRE_FIELD(wire_room, wait_ns), .max = WIRE_DURATION_MAX_NS},
};

const struct wire_layout wire_layout_room =
    WIRE_LAYOUT(wire_room, muster__wire__room__descriptor, room_fields, WIRE_BIT(1), NULL);

static const struct wire_field shutdown_fields[] = {
    {WIRE_FIELD(wire_shutdown, request)},
    {WIRE_FIELD(wire_shutdown, wait)},
    {WIRE_FIELD(wire_shutdown, cancel_queued)},
    {WIRE_FIELD(wire_shutdown, cancel_running)},
    {WIRE_FIELD(wire_shutdown, wait_ns), .max = WIRE_DURATION_MAX_NS},
    {WIRE_FIELD(wire_shutdown, broker)},
};

const struct wire_layout wire_layout_shutdown = WIRE_LAYOUT(
    wire_shutdown, muster__wire__shutdown__descriptor, shutdown_fields, WIRE_BIT(1), NULL);

static const struct wire_field ping_fields[] = {
    {WIRE_FIELD(wire_ping, request)},
};

const struct wire_layout wire_layout_ping =
    WIRE_LAYOUT(wire_ping, muster__wire__ping__descriptor, ping_fields, WIRE_BIT(1), NULL);
