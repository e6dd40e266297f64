/* PROTOCOL.md against the tables: no message, field, number or limit is missing or told wrong. */
#include "tests/unit/cmocka_first.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/state.h"
#include "proto/wire.h"
#include "tests/unit/proto/fill.h"

static struct buffer page;

static int set_up(void **state)
{
    (void)state;
    return fs_read_file(PROTOCOL_PATH, 1024 * 1024, &page);
}

static int tear_down(void **state)
{
    (void)state;
    buffer_done(&page);
    return 0;
}

static void assert_line(const char *line)
{
    if (strstr(buffer_str(&page), line) == NULL) {
        fail_msg("PROTOCOL.md has no line that begins with \"%s\"", line + 1);
    }
}

static void assert_row(const char *name, unsigned number)
{
    char line[128];
    snprintf(line, sizeof line, "\n| %s | %u |", name, number);
    assert_line(line);
}

/* The rows of `layout` in the table that begins behind `heading`: every field, in the order of the
 * schema, "required" where it is, and not one more. */
static void compare_table(const char *heading, const struct wire_layout *layout)
{
    const char *at = strstr(buffer_str(&page), heading);
    if (at == NULL) {
        fail_msg("PROTOCOL.md has no \"%s\"", heading + 1);
        return;
    }
    at = strstr(at, "|---|---|---|\n");
    assert_non_null(at);
    at += strlen("|---|---|---|\n");
    for (unsigned i = 0; i < layout->n_fields; i++) {
        char row[96];
        snprintf(row, sizeof row, "| %s | ", layout->fields[i].name);
        if (strncmp(at, row, strlen(row)) != 0) {
            fail_msg("%s: expected the row of %s, found %.60s", heading + 1, layout->fields[i].name,
                     at);
        }
        const char *end = strchr(at, '\n');
        const char *meaning = strstr(at + strlen(row), " | ");
        assert_true(end != NULL && meaning != NULL && meaning < end);
        bool required = strncmp(meaning + 3, "required", 8) == 0 &&
                        strncmp(meaning + 3, "required in part 0", 18) != 0;
        if (required != ((layout->required & WIRE_BIT(i + 1)) != 0)) {
            fail_msg("%s: %s is told wrongly to be required or not", heading + 1,
                     layout->fields[i].name);
        }
        at = end + 1;
    }
    assert_int_not_equal(*at, '|');
}

static void test_protocol__every_message_has_its_number(void **state)
{
    (void)state;
    for (const unsigned *type = fill_types; *type != 0; type++) {
        char line[128];
        snprintf(line, sizeof line, "\n| %s | 0x%02x |", wire_type_name(*type), *type);
        assert_line(line);
    }
}

static void test_protocol__every_field_of_every_message_is_told(void **state)
{
    (void)state;
    for (const unsigned *type = fill_types; *type != 0; type++) {
        char heading[64];
        snprintf(heading, sizeof heading, "\n### %s\n", wire_type_name(*type));
        if (wire_layout_of(*type) != NULL) {
            compare_table(heading, wire_layout_of(*type));
        }
    }
}

static void test_protocol__every_field_of_the_parts_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *heading;
        const struct wire_layout *layout;
    } parts[] = {
        {"\n| field of Attempt |", &wire_layout_attempt},
        {"\n| field of Range |", &wire_layout_range},
        {"\n| field of Limits |", &wire_layout_limits},
        {"\n| field of Submission |", &wire_layout_submission},
        {"\n| field of Row |", &wire_layout_row},
        {"\n| field of CommandRow |", &wire_layout_command_row},
        {"\n| field of HostRow |", &wire_layout_host_row},
        {"\n| field of RecordHead |", &wire_layout_record_head},
        {"\n| field of HandOut |", &wire_layout_hand_out},
        {"\n### CommandBody", &wire_layout_command_body},
        {"\n### RecordBody", &wire_layout_record_body},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        compare_table(parts[i].heading, parts[i].layout);
    }
    compare_table("\n| field of Verdict |", wire_layout_of(WIRE_RECORDED)->fields[0].sub);
}

static void test_protocol__every_state_hold_and_reason_has_its_number(void **state)
{
    (void)state;
    for (unsigned i = 1; i < STATE_COUNT; i++) {
        assert_row(state_name((enum state)i), i);
    }
    for (unsigned i = 0; i < HOLD_COUNT; i++) {
        assert_row(hold_name((enum hold)i), i);
    }
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        assert_row(reason_name((enum reason)i), i);
    }
}

static void test_protocol__every_refusal_has_its_number(void **state)
{
    (void)state;
    unsigned known = 0;
    for (unsigned i = 1; i < 256; i++) {
        if (refusal_is_known(i)) {
            char line[128];
            snprintf(line, sizeof line, "\n| %s | %u | %s |", refusal_name((enum refusal)i), i,
                     refusal_is_retryable((enum refusal)i) ? "yes" : "no");
            assert_line(line);
            known++;
        }
    }
    assert_true(known > 20);
}

static void test_protocol__every_limit_has_its_value(void **state)
{
    (void)state;
#define LIMIT(name)                                                                                \
    {                                                                                              \
#name, name                                                                                \
    }
    static const struct {
        const char *name;
        long value;
    } limits[] = {
        LIMIT(WIRE_MESSAGE_MAX),      LIMIT(WIRE_NAME_MAX),
        LIMIT(WIRE_SELECTOR_MAX),     LIMIT(WIRE_HOST_MAX),
        LIMIT(WIRE_TEXT_MAX),         LIMIT(WIRE_SOFTWARE_MAX),
        LIMIT(WIRE_SUBMISSIONS_MAX),  LIMIT(WIRE_TRACK_IDS_MAX),
        LIMIT(WIRE_RANGES_MAX),       LIMIT(WIRE_ROWS_MAX),
        LIMIT(WIRE_HOST_ROWS_MAX),    LIMIT(WIRE_LABELS_MAX),
        LIMIT(WIRE_FUNCTIONS_MAX),    LIMIT(WIRE_POOLS_MAX),
        LIMIT(WIRE_ATTEMPTS_MAX),     LIMIT(WIRE_RECORDS_MAX),
        LIMIT(WIRE_COMMANDS_MAX),     LIMIT(WIRE_USAGES_MAX),
        LIMIT(WIRE_PRIORITY_MAX),     LIMIT(WIRE_ATTEMPT_COUNT_MAX),
        LIMIT(WIRE_SLOTS_MAX),        LIMIT(WIRE_CREDIT_MAX),
        LIMIT(WIRE_BUFFER_MAX),       LIMIT(WIRE_PARTS_MAX),
        LIMIT(WIRE_COMMAND_BODY_MAX), LIMIT(WIRE_RECORD_BODY_MAX),
        LIMIT(WIRE_RESULT_MAX),       LIMIT(WIRE_VALUES_MAX),
        LIMIT(WIRE_VALUE_DEPTH_MAX),  LIMIT(WIRE_ARGV_MAX),
        LIMIT(WIRE_ARG_BYTES_MAX),    LIMIT(WIRE_ENV_MAX),
        LIMIT(WIRE_PATH_MAX),         LIMIT(WIRE_URL_MAX),
        LIMIT(WIRE_LABEL_TEXT_MAX),   LIMIT(WIRE_OUTPUT_PART_MAX),
        LIMIT(WIRE_FAILURE_TYPE_MAX), LIMIT(WIRE_FAILURE_MESSAGE_MAX),
        LIMIT(WIRE_TRACE_LINES_MAX),  LIMIT(WIRE_TRACE_LINE_MAX),
    };
#undef LIMIT
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        char begin[64];
        char value[32];
        snprintf(begin, sizeof begin, "\n| %s", limits[i].name);
        snprintf(value, sizeof value, " | %ld |\n", limits[i].value);
        const char *row = strstr(buffer_str(&page), begin);
        assert_non_null(row);
        char after = row[strlen(begin)];
        assert_true(after == ':' || after == ' ');
        const char *end = strchr(row + 1, '\n');
        assert_non_null(end);
        if (strncmp(end - strlen(value) + 1, value, strlen(value)) != 0) {
            fail_msg("%s is not told to be %ld", limits[i].name, limits[i].value);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_protocol__every_message_has_its_number),
        cmocka_unit_test(test_protocol__every_field_of_every_message_is_told),
        cmocka_unit_test(test_protocol__every_field_of_the_parts_is_told),
        cmocka_unit_test(test_protocol__every_state_hold_and_reason_has_its_number),
        cmocka_unit_test(test_protocol__every_refusal_has_its_number),
        cmocka_unit_test(test_protocol__every_limit_has_its_value),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
