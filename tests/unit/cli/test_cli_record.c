/* A final record as one line. */
#include "tests/unit/cmocka_first.h"

#include <stdlib.h>
#include <string.h>

#include "cli/record.h"

struct fixture {
    struct buffer line;
    muster_record record;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->record = (muster_record){.size = sizeof(muster_record),
                                      .track_id = 5,
                                      .state = MUSTER_STATE_OK,
                                      .function = "exec",
                                      .host = "db1",
                                      .start_wall_ns = 1,
                                      .run_s = 723,
                                      .reason = "",
                                      .warning = "",
                                      .out = {.head = "", .tail = ""},
                                      .err = {.head = "", .tail = ""}};
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    buffer_done(&fixture->line);
    free(fixture);
    return 0;
}

static const char *line_of(struct fixture *fixture)
{
    buffer_reset(&fixture->line);
    record_append_line(&fixture->line, &fixture->record, 4, false);
    return buffer_str(&fixture->line);
}

static void set_stderr(struct fixture *fixture, const char *text)
{
    fixture->record.err.head = text;
    fixture->record.err.head_size = strlen(text);
    fixture->record.err.total = strlen(text);
}

static void test_record__a_good_end_says_how_long_and_how_much(void **state)
{
    struct fixture *fixture = *state;
    fixture->record.out.total = 1229;
    assert_string_equal(line_of(fixture), "db1   ok        12m03s   out 1.2k");
}

static void test_record__a_failure_ends_with_the_last_line_of_its_stderr(void **state)
{
    struct fixture *fixture = *state;
    fixture->record.state = MUSTER_FAILED;
    fixture->record.exit = 1;
    set_stderr(fixture, "reading\npg_dump: error: connection refused\n\n");
    assert_string_equal(line_of(fixture),
                        "db1   failed    exit 1   pg_dump: error: connection refused");
}

static void test_record__stderr_cannot_move_the_cursor(void **state)
{
    struct fixture *fixture = *state;
    fixture->record.state = MUSTER_FAILED;
    fixture->record.exit = 1;
    set_stderr(fixture, "\033[2Jgone");
    assert_string_equal(line_of(fixture), "db1   failed    exit 1   ?[2Jgone");
}

static void test_record__stderr_is_left_out_where_it_was_shown(void **state)
{
    struct fixture *fixture = *state;
    fixture->record.state = MUSTER_FAILED;
    fixture->record.exit = 7;
    set_stderr(fixture, "problem\n");
    record_append_what(&fixture->line, &fixture->record, false);
    assert_string_equal(buffer_str(&fixture->line), "exit 7");
}

static void test_record__a_failed_function_says_its_error(void **state)
{
    struct fixture *fixture = *state;
    fixture->record.state = MUSTER_FAILED;
    fixture->record.function = "put";
    fixture->record.error_type = "BackendError";
    fixture->record.error_message = "no such file\nmore";
    fixture->record.run_s = 0.25;
    assert_string_equal(line_of(fixture), "db1   failed    after 250ms   no such file");
}

static void test_record__an_end_without_a_run_says_its_reason(void **state)
{
    struct fixture *fixture = *state;
    fixture->record.state = MUSTER_CANCELLED;
    fixture->record.host = "";
    fixture->record.start_wall_ns = 0;
    fixture->record.reason = "it was cancelled before it started";
    assert_string_equal(line_of(fixture), "-     cancelled it was cancelled before it started");
}

static void test_record__a_warning_is_told(void **state)
{
    struct fixture *fixture = *state;
    fixture->record.run_s = 1;
    fixture->record.warning = "some files changed";
    assert_string_equal(line_of(fixture), "db1   ok        1.0s   warning: some files changed");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_record__##name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_good_end_says_how_long_and_how_much),
        TEST(a_failure_ends_with_the_last_line_of_its_stderr),
        TEST(stderr_cannot_move_the_cursor),
        TEST(stderr_is_left_out_where_it_was_shown),
        TEST(a_failed_function_says_its_error),
        TEST(an_end_without_a_run_says_its_reason),
        TEST(a_warning_is_told),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
