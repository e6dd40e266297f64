/* The JSON writer, and a record as JSON. */
#include "tests/unit/cmocka_first.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json.h"

struct fixture {
    struct buffer text;
    muster_record record;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->record = (muster_record){.size = sizeof(muster_record),
                                      .pos = 398,
                                      .track_id = 421,
                                      .batch = 17,
                                      .state = MUSTER_STATE_OK,
                                      .attempt = 1,
                                      .function = "exec",
                                      .host = "db1",
                                      .worker = "db1-7c3e",
                                      .log_prefix = "db1/2: ",
                                      .slot = 2,
                                      .pid = 31877,
                                      .submitted_wall_ns = 1795377662113000000,
                                      .start_wall_ns = 1795377665313000000,
                                      .stop_wall_ns = 1795377665813000000,
                                      .waited_s = 3.2,
                                      .run_s = 723.4,
                                      .skew_ms = -12,
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
    buffer_done(&fixture->text);
    free(fixture);
    return 0;
}

static const char *write_record(struct fixture *fixture)
{
    buffer_reset(&fixture->text);
    json_record(&fixture->text, "default", &fixture->record);
    assert_false(fixture->text.failed);
    return buffer_str(&fixture->text);
}

static void assert_has(struct fixture *fixture, const char *part)
{
    const char *text = write_record(fixture);
    if (strstr(text, part) == NULL) {
        fail_msg("%s does not contain %s", text, part);
    }
}

static void test_json__commas_stand_between_and_nowhere_else(void **state)
{
    struct fixture *fixture = *state;
    struct buffer *text = &fixture->text;
    json_open(text, '{');
    json_field_int(text, "a", -1);
    json_key(text, "b");
    json_open(text, '[');
    json_int(text, 1);
    json_text(text, "[");
    json_null(text);
    json_open(text, '{');
    json_close(text, '}');
    json_open(text, '[');
    json_close(text, ']');
    json_bool(text, true);
    json_close(text, ']');
    json_field_null(text, "c");
    json_close(text, '}');
    assert_string_equal(buffer_str(text), "{\"a\":-1,\"b\":[1,\"[\",null,{},[],true],\"c\":null}");
}

static void test_json__seconds_lose_their_trailing_zeros(void **state)
{
    struct fixture *fixture = *state;
    json_open(&fixture->text, '{');
    json_field_seconds(&fixture->text, "a", 3.2);
    json_field_seconds(&fixture->text, "b", 0);
    json_field_seconds(&fixture->text, "c", 100);
    json_field_seconds(&fixture->text, "d", -1);
    json_field_seconds(&fixture->text, "e", 0.000001);
    json_field_seconds(&fixture->text, "f", (double)NAN);
    json_close(&fixture->text, '}');
    assert_string_equal(buffer_str(&fixture->text),
                        "{\"a\":3.2,\"b\":0,\"c\":100,\"d\":-1,\"e\":0.000001,\"f\":null}");
}

static void test_json__doubles_read_back_the_same(void **state)
{
    static const double numbers[] = {0.1, 1.0 / 3.0, 1e300, -2.5, 123456789.123456789, 5e-324};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        buffer_reset(&fixture->text);
        json_double(&fixture->text, numbers[i]);
        double read = strtod(buffer_str(&fixture->text), NULL);
        assert_memory_equal(&read, &numbers[i], sizeof read);
    }
    buffer_reset(&fixture->text);
    json_double(&fixture->text, (double)INFINITY);
    assert_string_equal(buffer_str(&fixture->text), "null");
}

static void test_json__bytes_that_are_no_text_appear_as_base64(void **state)
{
    struct fixture *fixture = *state;
    json_open(&fixture->text, '{');
    json_field_bytes(&fixture->text, "a", "gr\xc3\xbc\xc3\x9f", 6);
    json_field_bytes(&fixture->text, "b", "\xff\x00x", 3);
    json_close(&fixture->text, '}');
    assert_string_equal(buffer_str(&fixture->text), "{\"a\":\"grüß\",\"b_b64\":\"/wB4\"}");
}

static void test_json__a_record_follows_its_schema(void **state)
{
    struct fixture *fixture = *state;
    static const char *const argv[] = {"tar", "-c", "/etc", NULL};
    fixture->record.argv = argv;
    assert_has(fixture, "{\"schema\":\"muster.record/1\",\"pool\":\"default\",\"track_id\":421,"
                        "\"pos\":398,\"batch\":\"B17\",\"attempt\":1,\"state\":\"ok\","
                        "\"function\":\"exec\",\"argv\":[\"tar\",\"-c\",\"/etc\"],\"exit\":0,"
                        "\"signal\":null,\"reason\":null,");
    assert_has(fixture, "\"host\":\"db1\",\"worker\":\"db1-7c3e\",\"slot\":2,\"pid\":31877,"
                        "\"log_prefix\":\"db1/2: \",\"submitted\":\"2026-11-22T20:01:02.113Z\"");
    assert_has(fixture, "\"waited_s\":3.2,\"run_s\":723.4,");
    assert_has(fixture, "\"skew_ms\":-12,\"rusage\":{\"utime_s\":0,");
    assert_has(fixture, "\"stderr\":{\"bytes\":0},");
    assert_has(fixture, "\"result\":null,\"error\":null");
}

static void test_json__a_command_that_never_ran_has_no_times_and_no_exit(void **state)
{
    struct fixture *fixture = *state;
    fixture->record.state = MUSTER_CANCELLED;
    fixture->record.start_wall_ns = 0;
    fixture->record.batch = 0;
    fixture->record.host = "";
    fixture->record.reason = "it was cancelled before it started";
    assert_has(fixture, "\"batch\":null,");
    assert_has(fixture, "\"exit\":null,\"signal\":null,"
                        "\"reason\":\"it was cancelled before it started\"");
    assert_has(fixture, "\"start_time\":null,\"stop_time\":null,");
    assert_has(fixture, "\"host\":null,");
}

static void test_json__output_in_one_piece_is_one_text(void **state)
{
    struct fixture *fixture = *state;
    fixture->record.out = (muster_output){
        .total = 4, .head = "gr\xc3", .head_size = 3, .tail = "\xbc", .tail_size = 1};
    assert_has(fixture, "\"stdout\":{\"bytes\":4,\"kept\":4,\"text\":\"grü\"}");
}

static void test_json__a_gap_drops_the_halves_of_cut_characters(void **state)
{
    struct fixture *fixture = *state;
    fixture->record.out = (muster_output){.total = 1000,
                                          .head = "ab\xc3",
                                          .head_size = 3,
                                          .tail = "\xbc"
                                                  "cd",
                                          .tail_size = 3};
    assert_has(fixture, "\"stdout\":{\"bytes\":1000,\"kept\":4,\"text\":\"ab\",\"tail\":\"cd\"}");
}

static void test_json__output_that_is_no_text_is_base64(void **state)
{
    struct fixture *fixture = *state;
    fixture->record.out = (muster_output){
        .total = 2, .head = "\xff\xfe", .head_size = 2, .tail = "", .incomplete = 1};
    assert_has(fixture,
               "\"stdout\":{\"bytes\":2,\"kept\":2,\"text_b64\":\"//4=\",\"incomplete\":true}");
}

static void test_json__an_error_has_its_trace_back_line_by_line(void **state)
{
    struct fixture *fixture = *state;
    fixture->record.state = MUSTER_FAILED;
    fixture->record.function = "put";
    fixture->record.error_type = "NOT_FOUND";
    fixture->record.error_message = "no such file: \"x\"";
    fixture->record.error_code = 52;
    fixture->record.trace_back = "one\ntwo\n";
    assert_has(fixture, "\"exit\":null,");
    assert_has(fixture, "\"error\":{\"type\":\"NOT_FOUND\",\"message\":\"no such file: \\\"x\\\"\","
                        "\"code\":52,\"trace_back\":[\"one\",\"two\"]}");
}

static void test_json__arguments_that_are_no_text_make_the_whole_argv_base64(void **state)
{
    static const char *const argv[] = {"cat", "\xff", NULL};
    struct fixture *fixture = *state;
    fixture->record.argv = argv;
    assert_has(fixture, "\"argv_b64\":[\"Y2F0\",\"/w==\"]");
}

static void test_json__values_keep_their_kinds(void **state)
{
    struct fixture *fixture = *state;
    muster_value *map = muster_value_new_map();
    muster_value *list = muster_value_new_list();
    assert_int_equal(muster_value_append(list, muster_value_new_int(-5)), 0);
    assert_int_equal(muster_value_append(list, muster_value_new_bytes("\xff", 1)), 0);
    assert_int_equal(muster_value_append(list, muster_value_new_bytes("ok", 2)), 0);
    assert_int_equal(muster_value_set(map, "l", list), 0);
    assert_int_equal(muster_value_set(map, "b", muster_value_new_bool(0)), 0);
    assert_int_equal(muster_value_set(map, "d", muster_value_new_double(0.5)), 0);
    assert_int_equal(muster_value_set(map, "n", muster_value_new_null()), 0);
    assert_int_equal(muster_value_set(map, "r", muster_value_new_bytes("\xff", 1)), 0);
    json_value(&fixture->text, map);
    muster_value_free(map);
    assert_string_equal(buffer_str(&fixture->text),
                        "{\"l\":[-5,{\"bytes_b64\":\"/w==\"},\"ok\"],\"b\":false,\"d\":0.5,"
                        "\"n\":null,\"r_b64\":\"/w==\"}");
}

static void test_json__exit_is_only_that_of_an_argv_that_ran_to_its_end(void **state)
{
    struct fixture *fixture = *state;
    muster_record *record = &fixture->record;
    assert_true(json_has_exit(record));
    record->signal = 9;
    assert_false(json_has_exit(record));
    record->signal = 0;
    record->state = MUSTER_LOST;
    assert_false(json_has_exit(record));
    record->state = MUSTER_FAILED;
    assert_true(json_has_exit(record));
    record->function = "put";
    assert_false(json_has_exit(record));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_json__##name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(commas_stand_between_and_nowhere_else),
        TEST(seconds_lose_their_trailing_zeros),
        TEST(doubles_read_back_the_same),
        TEST(bytes_that_are_no_text_appear_as_base64),
        TEST(a_record_follows_its_schema),
        TEST(a_command_that_never_ran_has_no_times_and_no_exit),
        TEST(output_in_one_piece_is_one_text),
        TEST(a_gap_drops_the_halves_of_cut_characters),
        TEST(output_that_is_no_text_is_base64),
        TEST(an_error_has_its_trace_back_line_by_line),
        TEST(arguments_that_are_no_text_make_the_whole_argv_base64),
        TEST(values_keep_their_kinds),
        TEST(exit_is_only_that_of_an_argv_that_ran_to_its_end),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
