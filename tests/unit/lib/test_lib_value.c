/* Values, commands and records: built, packed, decoded and read back. */
#include "tests/unit/cmocka_first.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/state.h"
#include "base/time.h"
#include "command.h"
#include "error.h"
#include "proto/limits.h"
#include "proto/wire.h"
#include "record.h"
#include "value.h"

static muster_value *nested(int depth)
{
    muster_value *value = muster_value_new_int(1);
    for (int i = 0; i < depth; i++) {
        muster_value *list = muster_value_new_list();
        assert_int_equal(muster_value_append(list, value), 0);
        value = list;
    }
    return value;
}

static muster_value *sample(void)
{
    muster_value *map = muster_value_new_map();
    muster_value *list = muster_value_new_list();
    assert_int_equal(muster_value_append(list, muster_value_new_int(-7)), 0);
    assert_int_equal(muster_value_append(list, muster_value_new_double(0.5)), 0);
    assert_int_equal(muster_value_append(list, muster_value_new_null()), 0);
    assert_int_equal(muster_value_set(map, "list", list), 0);
    assert_int_equal(muster_value_set(map, "bytes", muster_value_new_bytes("a\0b", 3)), 0);
    assert_int_equal(muster_value_set(map, "yes", muster_value_new_bool(7)), 0);
    assert_int_equal(muster_value_set(map, "text", muster_value_new_string("grüße")), 0);
    return map;
}

static void check_sample(const muster_value *map)
{
    size_t size;
    assert_int_equal(muster_value_kind(map), MUSTER_MAP);
    assert_int_equal(muster_value_count(map), 4);
    const muster_value *list = muster_value_get(map, "list");
    assert_int_equal(muster_value_count(list), 3);
    assert_int_equal(muster_value_int(muster_value_at(list, 0)), -7);
    assert_true(muster_value_double(muster_value_at(list, 1)) == 0.5);
    assert_int_equal(muster_value_kind(muster_value_at(list, 2)), MUSTER_NULL);
    assert_null(muster_value_at(list, 3));
    assert_memory_equal(muster_value_data(muster_value_get(map, "bytes"), &size), "a\0b\0", 4);
    assert_int_equal(size, 3);
    assert_int_equal(muster_value_bool(muster_value_get(map, "yes")), 1);
    assert_string_equal(muster_value_data(muster_value_get(map, "text"), NULL), "grüße");
    assert_string_equal(muster_value_key_at(map, 0, &size), "list");
    assert_int_equal(size, 4);
    assert_null(muster_value_get(map, "none"));
}

/* ---- values --------------------------------------------------------------------------------- */

static void test_value__readers_take_null_and_foreign_kinds(void **state)
{
    (void)state;
    size_t size = 9;
    assert_int_equal(muster_value_kind(NULL), MUSTER_NULL);
    assert_int_equal(muster_value_int(NULL), 0);
    assert_int_equal(muster_value_bool(NULL), 0);
    assert_true(muster_value_double(NULL) == 0);
    assert_null(muster_value_data(NULL, &size));
    assert_int_equal(size, 0);
    assert_int_equal(muster_value_count(NULL), 0);
    assert_null(muster_value_at(NULL, 0));
    assert_null(muster_value_get(NULL, "x"));
    assert_null(muster_value_key_at(NULL, 0, NULL));
    muster_value *text = muster_value_new_string("12");
    assert_int_equal(muster_value_int(text), 0);
    assert_int_equal(muster_value_count(text), 0);
    muster_value_free(text);
    muster_value_free(NULL);
    muster_value *number = muster_value_new_int(3);
    assert_true(muster_value_double(number) == 3.0);
    muster_value_free(number);
}

static void test_value__a_tree_reads_back_as_it_was_built(void **state)
{
    (void)state;
    muster_value *map = sample();
    check_sample(map);
    assert_int_equal(muster_value_set(map, "yes", muster_value_new_bool(0)), 0);
    assert_int_equal(muster_value_count(map), 4);
    assert_int_equal(muster_value_bool(muster_value_get(map, "yes")), 0);
    muster_value_free(map);
}

static void test_value__misuse_is_refused_and_leaks_nothing(void **state)
{
    (void)state;
    muster_value *list = muster_value_new_list(), *inner = muster_value_new_list();
    assert_null(muster_value_new_string("\xff"));
    assert_null(muster_value_new_string(NULL));
    assert_null(muster_value_new_bytes(NULL, 3));
    assert_int_equal(muster_value_append(list, NULL), MUSTER_EINVAL);
    assert_int_equal(muster_value_append(list, list), MUSTER_EINVAL);
    assert_int_equal(muster_value_append(list, inner), 0);
    /* A part of another value neither changes nor moves. */
    assert_int_equal(muster_value_append(inner, muster_value_new_int(1)), MUSTER_EINVAL);
    assert_int_equal(muster_value_append(list, inner), MUSTER_EINVAL);
    assert_int_equal(muster_value_set(list, "a", muster_value_new_int(1)), MUSTER_EINVAL);
    muster_value_free(inner);
    assert_int_equal(muster_value_count(list), 1);
    muster_value_free(list);
}

static void test_value__depth_is_bounded(void **state)
{
    (void)state;
    muster_value *deep = nested(WIRE_VALUE_DEPTH_MAX), *list = muster_value_new_list();
    assert_int_equal(muster_value_append(list, deep), MUSTER_ETOOLARGE);
    muster_value_free(list);
}

/* ---- commands ------------------------------------------------------------------------------- */

static int unpack(const muster_command *command, struct arena *arena,
                  struct wire_command_body *body, struct packed **ret_packed)
{
    struct error error;
    struct wire_error fault;
    int rc = command_pack(command, "file:///pool", 0, ret_packed, &error);
    if (rc == 0)
        assert_int_equal(
            wire_command_body_decode((*ret_packed)->submission.body, arena, body, &fault), 0);
    return rc;
}

static void test_command__arguments_and_keywords_arrive_in_order(void **state)
{
    (void)state;
    struct arena arena;
    struct wire_command_body body;
    struct packed *packed;
    arena_init(&arena, 1 << 24);
    muster_command *command = muster_command_call("f");
    muster_value *map = sample();
    assert_int_equal(muster_command_arg_string(command, "one"), 0);
    assert_int_equal(muster_command_kw_bool(command, "flag", 1), 0);
    assert_int_equal(muster_command_arg_value(command, map), 0);
    assert_int_equal(muster_command_arg_null(command), 0);
    assert_int_equal(muster_command_kw_value(command, "map", map), 0);
    assert_int_equal(muster_command_kw_bytes(command, "b", "\xff", 1), 0);
    assert_int_equal(unpack(command, &arena, &body, &packed), 0);
    const muster_value *args, *kwargs;
    assert_int_equal(value_read_list(body.args, body.n_args, &arena, &args), 0);
    assert_int_equal(value_read_map(body.kwargs, body.n_kwargs, &arena, &kwargs), 0);
    assert_int_equal(muster_value_count(args), 3);
    assert_string_equal(muster_value_data(muster_value_at(args, 0), NULL), "one");
    check_sample(muster_value_at(args, 1));
    assert_int_equal(muster_value_kind(muster_value_at(args, 2)), MUSTER_NULL);
    assert_int_equal(muster_value_count(kwargs), 3);
    assert_string_equal(muster_value_key_at(kwargs, 0, NULL), "flag");
    check_sample(muster_value_get(kwargs, "map"));
    muster_value_free(map);
    muster_command_free(command);
    packed_free(packed);
    arena_done(&arena);
}

static void test_command__options_become_what_the_wire_calls_them(void **state)
{
    (void)state;
    struct arena arena;
    struct wire_command_body body;
    struct packed *packed;
    arena_init(&arena, 1 << 20);
    const char *argv[] = {"tar", "-c", "/etc", NULL};
    muster_command *command = muster_command_exec(argv);
    muster_command_set_selector(command, "role=db");
    muster_command_set_priority(command, -3);
    muster_command_set_delay(command, 1500);
    muster_command_set_not_before(command, 77);
    muster_command_set_start_by(command, 88);
    muster_command_set_start_within(command, 2);
    muster_command_set_timeout(command, 3000);
    muster_command_set_stall_timeout(command, 4000);
    muster_command_set_grace(command, 5000);
    muster_command_set_max_attempts(command, 4);
    muster_command_set_idempotent(command, 1);
    muster_command_set_lost_after(command, 0);
    muster_command_set_request_id(command, "nightly-1");
    muster_command_set_env(command, "LANG", "C");
    muster_command_set_cwd(command, "/tmp");
    muster_command_set_stdin(command, "in\0put", 6);
    muster_command_set_label(command, "etc");
    assert_int_equal(unpack(command, &arena, &body, &packed), 0);
    const struct wire_submission *s = &packed->submission;
    assert_true(bytes_equal_str(s->function, "exec"));
    assert_true(bytes_equal_str(s->selector, "role=db"));
    assert_true(bytes_equal_str(packed->request_id, "nightly-1"));
    assert_int_equal(s->priority, -3);
    assert_int_equal(s->delay_ns, 1500 * MUSTER_MS);
    assert_int_equal(s->at_wall_ns, 77);
    assert_int_equal(s->start_by_wall_ns, 88);
    assert_int_equal(s->start_within_ns, 2 * MUSTER_MS);
    assert_int_equal(s->max_attempts, 4);
    assert_true(s->rerunnable);
    assert_int_equal(s->lost_after_ns, 1);
    assert_int_equal(body.timeout_ns, 3 * MUSTER_S);
    assert_int_equal(body.stall_timeout_ns, 4 * MUSTER_S);
    assert_int_equal(body.grace_ns, 5 * MUSTER_S);
    assert_int_equal(body.n_argv, 3);
    assert_true(bytes_equal_str(body.argv[2], "/etc"));
    assert_true(bytes_equal_str(body.env[0], "LANG=C"));
    assert_true(bytes_equal_str(body.cwd, "/tmp"));
    assert_int_equal(body.stdin.size, 6);
    assert_true(bytes_equal_str(body.label, "etc"));
    assert_int_equal(body.url.size, 0); /* the pool's URL is for backend operations */
    muster_command_free(command);
    packed_free(packed);
    arena_done(&arena);
}

static void test_command__wrong_settings_stick(void **state)
{
    (void)state;
    struct error error;
    struct packed *packed;
    assert_null(muster_command_call(""));
    assert_null(muster_command_call("with space"));
    assert_null(muster_command_call(NULL));
    assert_null(muster_command_exec((const char *const[]){NULL}));
    assert_null(muster_command_exec((const char *const[]){"", NULL}));
    assert_int_equal(muster_command_set_priority(NULL, 0), MUSTER_EINVAL);
    assert_int_equal(muster_command_set_selector(NULL, "a"), MUSTER_EINVAL);
    assert_int_equal(muster_command_arg_string(NULL, "a"), MUSTER_EINVAL);
    muster_command *command = muster_command_call("f");
    assert_int_equal(muster_command_kw_int(command, "n", 1), 0);
    assert_int_equal(muster_command_kw_int(command, "n", 2), MUSTER_EINVAL);
    assert_int_equal(muster_command_set_timeout(command, -1), MUSTER_EINVAL);
    assert_int_equal(muster_command_set_env(command, "A=B", "c"), MUSTER_EINVAL);
    assert_int_equal(command_pack(command, NULL, 0, &packed, &error), MUSTER_EINVAL);
    assert_non_null(strstr(error.text, "keyword n is given twice"));
    muster_command_free(command);
}

/* ---- records -------------------------------------------------------------------------------- */

static void test_record__everything_of_a_row_is_there(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 22);
    struct bytes lines[] = {bytes_of_str("line 1"), bytes_of_str("line 2")};
    struct wire_record_body body = {
        .failure = {bytes_of_str("OSError"), bytes_of_str("no space"), 53, lines, 2},
        .out = {10, bytes_of("he\0d", 4), bytes_of_str("tail"), true},
        .utime_ns = MUSTER_S,
        .maxrss_bytes = 2048,
        .tries = 3,
        .warning = bytes_of_str("odd"),
    };
    uint8_t packed[512];
    size_t size = wire_record_body_size(&body);
    assert_true(size <= sizeof packed);
    wire_record_body_encode(&body, packed, size);
    struct wire_row row = {
        .pos = 398,
        .track_id = 421,
        .attempt = 2,
        .state = STATE_FAILED,
        .reason = REASON_FUNCTION_ERROR,
        .start_wall_ns = 1000,
        .run_ns = 2 * MUSTER_S,
        .waited_ns = MUSTER_S / 2,
        .throttled_ns = MUSTER_S / 4,
        .skew_ns = -12 * MUSTER_MS,
        .slot = 2,
        .pid = 31877,
        .host = bytes_of_str("db1"),
        .worker = bytes_of_str("db1-7c3e"),
        .function = bytes_of_str("put"),
        .batch = 17,
        .body = bytes_of(packed, size),
    };
    muster_record record;
    assert_int_equal(record_build(&row, &arena, &record), 0);
    assert_int_equal(record.size, sizeof record);
    assert_int_equal(record.pos, 398);
    assert_int_equal(record.state, MUSTER_FAILED);
    assert_int_equal(record.stop_wall_ns, 1000 + 2 * MUSTER_S);
    assert_string_equal(record.log_prefix, "db1/2: ");
    assert_true(record.run_s == 2 && record.waited_s == 0.5 && record.throttled_s == 0.25);
    assert_true(record.skew_ms == -12);
    assert_string_equal(record.reason, "the function returned an error");
    assert_string_equal(record.error_type, "OSError");
    assert_string_equal(record.error_message, "no space");
    assert_int_equal(record.error_code, 53);
    assert_string_equal(record.trace_back, "line 1\nline 2\n");
    assert_int_equal(record.out.total, 10);
    assert_int_equal(record.out.head_size, 4);
    assert_string_equal(record.out.tail, "tail");
    assert_true(record.out.incomplete);
    assert_string_equal(record.err.head, "");
    assert_string_equal(record.warning, "odd");
    assert_int_equal(record.maxrss_kb, 2);
    assert_int_equal(record.tries, 3);
    assert_null(record.result);
    assert_null(record.argv);
    row.why = bytes_of_str("since the store is full");
    assert_int_equal(record_build(&row, &arena, &record), 0);
    assert_string_equal(record.reason, "since the store is full");
    arena_done(&arena);
}

static void test_record__a_body_that_cannot_be_decoded_is_told(void **state)
{
    (void)state;
    struct arena arena;
    muster_record record;
    arena_init(&arena, 1 << 20);
    struct wire_row row = {.pos = 5, .track_id = 6, .state = STATE_OK};
    row.body = bytes_of("\xff\xff", 2);
    assert_int_equal(record_build(&row, &arena, &record), 0);
    assert_int_equal(record.pos, 5);
    assert_int_equal(record.state, MUSTER_STATE_OK);
    assert_string_equal(record.error_type, "muster.undecodable");
    assert_true(strlen(record.error_message) > 0);
    assert_string_equal(record.log_prefix, "");
    arena_done(&arena);
}

static void test_error__every_code_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(muster_code_name(0), "OK");
    assert_string_equal(muster_code_name(MUSTER_EBUSY), "EBUSY");
    assert_string_equal(muster_code_name(MUSTER_EBADANSWER), "EBADANSWER");
    assert_string_equal(muster_code_name(-999), "UNKNOWN");
    for (int code = MUSTER_ELIMITREACHED; code < 0; code++)
        assert_string_not_equal(muster_code_name(code), "UNKNOWN");
    for (int code = MUSTER_EBADANSWER; code <= MUSTER_ETIMEDOUT; code++)
        assert_string_not_equal(muster_code_name(code), "UNKNOWN");
#define X(name, number, retryable, text)                                                           \
    assert_true(REFUSAL_##name == REFUSAL_OK || error_code_of(REFUSAL_##name) < 0);
    REFUSAL_TABLE(X)
#undef X
    assert_int_equal(error_code_of(REFUSAL_TRUNCATED), MUSTER_ETRUNCATED);
    assert_string_equal(muster_state_name(MUSTER_LOST), "lost");
    assert_string_equal(muster_state_name(-1), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value__readers_take_null_and_foreign_kinds),
        cmocka_unit_test(test_value__a_tree_reads_back_as_it_was_built),
        cmocka_unit_test(test_value__misuse_is_refused_and_leaks_nothing),
        cmocka_unit_test(test_value__depth_is_bounded),
        cmocka_unit_test(test_command__arguments_and_keywords_arrive_in_order),
        cmocka_unit_test(test_command__options_become_what_the_wire_calls_them),
        cmocka_unit_test(test_command__wrong_settings_stick),
        cmocka_unit_test(test_record__everything_of_a_row_is_there),
        cmocka_unit_test(test_record__a_body_that_cannot_be_decoded_is_told),
        cmocka_unit_test(test_error__every_code_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
