/* Tables of the messages between workers and the broker (PROTOCOL.md sections 11 and 12).
 *
 * Not here: how a table is walked (wire_decode.c, wire_encode.c, wire_check.c). Invariant: one line
 * per field, in the order of the schema; test_wire_layout compares every line with the descriptor.
 */
#include "proto/wire_layout.h"

#include "proto/limits.h"
#include "proto/muster.pb-c.h"

/* ---- worker to broker ----------------------------------------------------------------------- */

static const struct wire_field worker_hello_fields[] = {
    {WIRE_FIELD(wire_worker_hello, uuid), .rule = RULE_UUID, .max = WIRE_UUID_BYTES},
    {WIRE_FIELD(wire_worker_hello, incarnation)},
    {WIRE_FIELD(wire_worker_hello, rebooted)},
    {WIRE_FIELD(wire_worker_hello, host), .rule = RULE_WORD, .max = WIRE_HOST_MAX},
    {WIRE_FIELD(wire_worker_hello, slots), .max = WIRE_SLOTS_MAX},
    {WIRE_REPEATED(wire_worker_hello, labels, WIRE_LABELS_MAX), .rule = RULE_LABEL},
    {WIRE_REPEATED(wire_worker_hello, functions, WIRE_FUNCTIONS_MAX), .rule = RULE_WORD},
    {WIRE_REPEATED(wire_worker_hello, pools, WIRE_POOLS_MAX), .rule = RULE_NAME},
    {WIRE_FIELD(wire_worker_hello, credit), .max = WIRE_CREDIT_MAX},
    {WIRE_FIELD(wire_worker_hello, features)},
    {WIRE_FIELD(wire_worker_hello, software), .rule = RULE_LINE, .max = WIRE_SOFTWARE_MAX},
    {WIRE_FIELD(wire_worker_hello, tree_kill), .rule = RULE_WORD},
    {WIRE_FIELD(wire_worker_hello, transient)},
    {WIRE_FIELD(wire_worker_hello, wall_ns), .max = INT64_MAX},
    {WIRE_FIELD(wire_worker_hello, part), .max = WIRE_PARTS_MAX},
    {WIRE_FIELD(wire_worker_hello, more)},
    {WIRE_REPEATED(wire_worker_hello, attempts, WIRE_ATTEMPTS_MAX), .sub = &wire_layout_attempt},
};

static const char *check_worker_hello(const void *message, uint32_t *ret_index)
{
    const struct wire_worker_hello *hello = message;
    (void)ret_index;
    if (hello->part == 0 && hello->host.size == 0) {
        return "host is missing in part 0";
    }
    if (hello->part == 0 && hello->slots == 0) {
        return "slots is missing in part 0";
    }
    return NULL;
}

const struct wire_layout wire_layout_worker_hello =
    WIRE_LAYOUT(wire_worker_hello, muster__wire__worker_hello__descriptor, worker_hello_fields,
                WIRE_BIT(1) | WIRE_BIT(2), check_worker_hello);

static const struct wire_field renew_fields[] = {
    {WIRE_FIELD(wire_renew, credit), .max = WIRE_CREDIT_MAX},
    {WIRE_FIELD(wire_renew, wall_ns), .max = INT64_MAX},
    {WIRE_FIELD(wire_renew, sent_ns)},
    {WIRE_FIELD(wire_renew, round_trip_ns), .max = WIRE_DURATION_MAX_NS},
    {WIRE_REPEATED(wire_renew, returned, WIRE_ATTEMPTS_MAX), .sub = &wire_layout_attempt},
};

const struct wire_layout wire_layout_renew =
    WIRE_LAYOUT(wire_renew, muster__wire__renew__descriptor, renew_fields, 0, NULL);

static const struct wire_field record_head_fields[] = {
    {WIRE_FIELD(wire_record_head, pool)},
    {WIRE_FIELD(wire_record_head, track_id)},
    {WIRE_FIELD(wire_record_head, attempt)},
    {WIRE_FIELD(wire_record_head, epoch)},
    {WIRE_FIELD(wire_record_head, state), .rule = RULE_FINAL_STATE},
    {WIRE_FIELD(wire_record_head, reason), .rule = RULE_REASON},
    {WIRE_FIELD(wire_record_head, exit)},
    {WIRE_FIELD(wire_record_head, signal)},
    {WIRE_FIELD(wire_record_head, start_wall_ns), .max = INT64_MAX},
    {WIRE_FIELD(wire_record_head, run_ns), .max = WIRE_DURATION_MAX_NS},
    {WIRE_FIELD(wire_record_head, slot), .max = WIRE_SLOTS_MAX},
    {WIRE_FIELD(wire_record_head, pid)},
    {WIRE_FIELD(wire_record_head, throttled_ns), .max = WIRE_DURATION_MAX_NS},
    {WIRE_FIELD(wire_record_head, body), .rule = RULE_RECORD_BODY, .max = WIRE_RECORD_BODY_MAX},
};

const struct wire_layout wire_layout_record_head =
    WIRE_LAYOUT(wire_record_head, muster__wire__record_head__descriptor, record_head_fields,
                WIRE_BIT(1) | WIRE_BIT(2) | WIRE_BIT(3) | WIRE_BIT(4) | WIRE_BIT(5), NULL);

static const struct wire_field report_fields[] = {
    {WIRE_REPEATED(wire_report, records, WIRE_RECORDS_MAX), .sub = &wire_layout_record_head},
};

const struct wire_layout wire_layout_report =
    WIRE_LAYOUT(wire_report, muster__wire__report__descriptor, report_fields, WIRE_BIT(1), NULL);

/* ---- broker to worker ----------------------------------------------------------------------- */

static const struct wire_field worker_welcome_fields[] = {
    {WIRE_FIELD(wire_worker_welcome, epoch)},
    {WIRE_FIELD(wire_worker_welcome, lease_ns), .max = WIRE_DURATION_MAX_NS},
    {WIRE_FIELD(wire_worker_welcome, renew_ns), .max = WIRE_DURATION_MAX_NS},
    {WIRE_FIELD(wire_worker_welcome, limits), .sub = &wire_layout_limits},
    {WIRE_FIELD(wire_worker_welcome, features)},
    {WIRE_FIELD(wire_worker_welcome, software), .rule = RULE_LINE, .max = WIRE_SOFTWARE_MAX},
    {WIRE_FIELD(wire_worker_welcome, wall_ns), .max = INT64_MAX},
};

static const char *check_worker_welcome(const void *message, uint32_t *ret_index)
{
    const struct wire_worker_welcome *welcome = message;
    (void)ret_index;
    return welcome->renew_ns >= welcome->lease_ns ? "renew_ns is not below lease_ns" : NULL;
}

const struct wire_layout wire_layout_worker_welcome = WIRE_LAYOUT(
    wire_worker_welcome, muster__wire__worker_welcome__descriptor, worker_welcome_fields,
    WIRE_BIT(1) | WIRE_BIT(2) | WIRE_BIT(3), check_worker_welcome);

static const struct wire_field hand_out_fields[] = {
    {WIRE_FIELD(wire_hand_out, pool)},
    {WIRE_FIELD(wire_hand_out, track_id)},
    {WIRE_FIELD(wire_hand_out, attempt)},
    {WIRE_FIELD(wire_hand_out, epoch)},
    {WIRE_FIELD(wire_hand_out, function), .rule = RULE_WORD},
    {WIRE_FIELD(wire_hand_out, body), .rule = RULE_COMMAND_BODY, .max = WIRE_COMMAND_BODY_MAX},
    {WIRE_FIELD(wire_hand_out, rerunnable)},
    {WIRE_FIELD(wire_hand_out, pool_name), .rule = RULE_NAME},
};

const struct wire_layout wire_layout_hand_out =
    WIRE_LAYOUT(wire_hand_out, muster__wire__hand_out__descriptor, hand_out_fields,
                WIRE_BIT(1) | WIRE_BIT(2) | WIRE_BIT(3) | WIRE_BIT(4) | WIRE_BIT(5), NULL);

static const struct wire_field commands_fields[] = {
    {WIRE_REPEATED(wire_commands, commands, WIRE_COMMANDS_MAX), .sub = &wire_layout_hand_out},
};

const struct wire_layout wire_layout_commands = WIRE_LAYOUT(
    wire_commands, muster__wire__commands__descriptor, commands_fields, WIRE_BIT(1), NULL);

static const struct wire_field verdict_fields[] = {
    {WIRE_FIELD(wire_verdict, pool)},    {WIRE_FIELD(wire_verdict, track_id)},
    {WIRE_FIELD(wire_verdict, attempt)}, {WIRE_FIELD(wire_verdict, epoch)},
    {WIRE_FIELD(wire_verdict, stale)},   {WIRE_FIELD(wire_verdict, pos)},
};

static const char *check_verdict(const void *message, uint32_t *ret_index)
{
    const struct wire_verdict *verdict = message;
    (void)ret_index;
    return verdict->stale != (verdict->pos == 0) ? "pos and stale contradict each other" : NULL;
}

static const struct wire_layout verdict_layout =
    WIRE_LAYOUT(wire_verdict, muster__wire__verdict__descriptor, verdict_fields,
                WIRE_BIT(1) | WIRE_BIT(2) | WIRE_BIT(3) | WIRE_BIT(4), check_verdict);

static const struct wire_field recorded_fields[] = {
    {WIRE_REPEATED(wire_recorded, verdicts, WIRE_RECORDS_MAX), .sub = &verdict_layout},
};

const struct wire_layout wire_layout_recorded = WIRE_LAYOUT(
    wire_recorded, muster__wire__recorded__descriptor, recorded_fields, WIRE_BIT(1), NULL);

static const struct wire_field stop_fields[] = {
    {WIRE_REPEATED(wire_stop, attempts, WIRE_ATTEMPTS_MAX), .sub = &wire_layout_attempt},
    {WIRE_FIELD(wire_stop, reason)},
    {WIRE_FIELD(wire_stop, forget)},
};

const struct wire_layout wire_layout_stop =
    WIRE_LAYOUT(wire_stop, muster__wire__stop__descriptor, stop_fields, WIRE_BIT(1), NULL);

static const struct wire_field pong_fields[] = {
    {WIRE_FIELD(wire_pong, sent_ns)},
};

const struct wire_layout wire_layout_pong =
    WIRE_LAYOUT(wire_pong, muster__wire__pong__descriptor, pong_fields, 0, NULL);
