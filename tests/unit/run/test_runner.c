/* Functions in runner processes: operations on a store, crashes, ends. */
#include "tests/unit/cmocka_first.h"

#include "base/fs.h"
#include "base/time.h"
#include "tests/unit/run/rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool no_cgroup;

static int set_up(void **state)
{
    struct rig *rig = malloc(sizeof *rig);
    setenv("MUSTER_TEST_FUNCTIONS", "1", 1);
    rig_init(rig, 3);
    rig->options.no_cgroup = no_cgroup;
    rig_open(rig);
    assert_int_equal(fs_mkdir_p(rig_path(rig, "store"), 0755), 0);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    rig_done(*state);
    free(*state);
    return 0;
}

static struct wire_value text(const char *value)
{
    return (struct wire_value){.kind = WIRE_VALUE_STRING, .data = bytes_of_str(value)};
}

static struct wire_value number(int64_t value)
{
    return (struct wire_value){.kind = WIRE_VALUE_INT, .integer = value};
}

static struct wire_value yes(void)
{
    return (struct wire_value){.kind = WIRE_VALUE_BOOL, .integer = 1};
}

/* A call with at most two positional arguments and one named one. */
static uint64_t call(struct rig *rig, uint32_t slot, const char *function,
                     const struct wire_value *args, uint32_t n_args, const char *name,
                     struct wire_value value, int64_t timeout_ns)
{
    struct wire_value kwargs[] = {text(name ? name : ""), value};
    struct wire_command_body body = {.args = args,
                                     .n_args = n_args,
                                     .kwargs = kwargs,
                                     .n_kwargs = name ? 2 : 0,
                                     .url = bytes_of_str("file:store"),
                                     .timeout_ns = timeout_ns,
                                     .grace_ns = 50 * MUSTER_MS};
    return rig_start(rig, slot, function, &body);
}

static uint64_t call_text(struct rig *rig, const char *function, const char *one, const char *two)
{
    struct wire_value args[] = {text(one ? one : ""), text(two ? two : "")};
    return call(rig, 1, function, args, two ? 2 : one ? 1 : 0, NULL, number(0), 0);
}

static uint64_t call_number(struct rig *rig, uint32_t slot, const char *function, int64_t value,
                            int64_t timeout_ns)
{
    struct wire_value args[] = {number(value)};
    return call(rig, slot, function, args, 1, NULL, number(0), timeout_ns);
}

static void assert_ended(const struct rig_record *record, enum state state, enum reason reason)
{
    if (record->ended.state != state || record->ended.reason != reason)
        fail_msg("ended %s because %s: %.*s", state_name(record->ended.state),
                 reason_name(record->ended.reason), (int)record->body.failure.message.size,
                 (const char *)record->body.failure.message.data);
}

/* The value behind this key of a flat map (its values are single tokens). */
static const struct wire_value *field(const struct rig_record *record, uint32_t map,
                                      const char *key)
{
    const struct wire_value *tokens = record->body.result;
    assert_int_equal(tokens[map].kind, WIRE_VALUE_MAP);
    for (uint32_t i = 0; i < tokens[map].count; i++) {
        if (bytes_equal_str(tokens[map + 1 + 2 * i].data, key))
            return &tokens[map + 2 + 2 * i];
    }
    fail_msg("there is no key %s", key);
    return NULL;
}

static const char *message(struct rig *rig, const struct rig_record *record)
{
    return rig_bytes_text(rig, record->body.failure.message);
}

static void test_runner__put_returns_a_typed_result(void **state)
{
    struct rig *rig = *state;
    rig_write(rig, "volume", "hello", 5);
    const struct rig_record *record = rig_wait(rig, call_text(rig, "put", "volume", NULL));
    assert_ended(record, STATE_OK, REASON_NONE);
    assert_int_equal(record->ended.exit, 0);
    assert_int_equal(record->body.tries, 1);
    assert_int_equal(field(record, 0, "bytes")->integer, 5);
    assert_true(
        bytes_equal_str(field(record, 0, "sha256")->data,
                        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"));
    assert_true(bytes_equal_str(field(record, 0, "name")->data, "volume"));
    assert_int_equal(field(record, 0, "tries")->integer, 1);
    assert_int_equal(field(record, 0, "already")->integer, 0);
    assert_int_equal(field(record, 0, "verified")->integer, 1);
    assert_int_equal(field(record, 0, "rate")->kind, WIRE_VALUE_DOUBLE);

    record = rig_wait(rig, call_text(rig, "put_validated", "volume", "volume"));
    assert_ended(record, STATE_OK, REASON_NONE);
    assert_int_equal(field(record, 0, "already")->integer, 1);
}

static void test_runner__round_trip_of_all_operations(void **state)
{
    struct rig *rig = *state;
    struct buffer content = BUFFER_EMPTY;
    rig_write(rig, "one", "first", 5);
    rig_write(rig, "two", "second", 6);
    assert_ended(rig_wait(rig, call_text(rig, "put", "one", "a-{host}-{id}")), STATE_OK,
                 REASON_NONE);
    assert_ended(rig_wait(rig, call_text(rig, "move", "two", "b")), STATE_OK, REASON_NONE);
    assert_int_equal(access(rig_path(rig, "two"), F_OK), -1);

    const struct rig_record *record = rig_wait(rig, call_text(rig, "list", NULL, NULL));
    assert_ended(record, STATE_OK, REASON_NONE);
    assert_int_equal(record->body.result[0].kind, WIRE_VALUE_LIST);
    assert_int_equal(record->body.result[0].count, 2);
    assert_true(bytes_equal_str(field(record, 1, "name")->data, "a-testhost-7"));
    assert_int_equal(field(record, 1, "size")->integer, 5);
    assert_true(field(record, 1, "mtime")->real > 1.6e9);
    assert_true(bytes_equal_str(field(record, 8, "name")->data, "b"));

    record = rig_wait(rig, call_text(rig, "query", "b", "absent"));
    assert_ended(record, STATE_OK, REASON_NONE);
    assert_int_equal(field(record, 1, "size")->integer, 6);
    assert_int_equal(field(record, 8, "size")->integer, -1);
    assert_int_equal(field(record, 8, "mtime")->kind, WIRE_VALUE_NULL);

    assert_ended(rig_wait(rig, call_text(rig, "get", "b", "back")), STATE_OK, REASON_NONE);
    assert_int_equal(fs_read_file(rig_path(rig, "back"), 100, &content), 0);
    assert_string_equal(buffer_str(&content), "second");
    buffer_done(&content);

    record = rig_wait(rig, call_text(rig, "delete", "b", "absent"));
    assert_ended(record, STATE_OK, REASON_NONE);
    assert_int_equal(field(record, 1, "already")->integer, 0);
    assert_int_equal(field(record, 8, "already")->integer, 1);
}

static void test_runner__failures_have_class_text_and_trace(void **state)
{
    struct rig *rig = *state;
    const struct rig_record *record = rig_wait(rig, call_text(rig, "put", "no-such-file", NULL));
    assert_ended(record, STATE_FAILED, REASON_FUNCTION_ERROR);
    assert_int_equal(record->body.failure.code, 52);
    assert_true(bytes_equal_str(record->body.failure.type, "BackendError"));
    assert_string_equal(message(rig, record), "the source no-such-file does not exist");
    assert_true(record->body.failure.n_trace_back >= 1);

    record = rig_wait(rig, call_text(rig, "delete", "fine", ".hidden"));
    assert_ended(record, STATE_FAILED, REASON_FUNCTION_ERROR);
    assert_non_null(strstr(message(rig, record), "1 of 2 could not be deleted"));
    assert_int_equal(field(record, 1, "ok")->integer, 1);
    assert_int_equal(field(record, 8, "ok")->integer, 0);
}

static void test_runner__bad_arguments_are_told(void **state)
{
    struct rig *rig = *state;
    struct wire_value three[] = {text("a"), text("b"), yes(), yes(), yes(), yes()};
    static const char *const wanted[] = {
        "put: the argument local is missing", "put: local must be a path",
        "put takes no argument named colour", "put takes at most 5 arguments",
        "put: local is given twice"};
    struct wire_value one[] = {number(1)};
    uint64_t tokens[5];
    for (int i = 0; i < 5; i++) {
        switch (i) {
        case 0:
            tokens[i] = call(rig, 1, "put", NULL, 0, NULL, number(0), 0);
            break;
        case 1:
            tokens[i] = call(rig, 1, "put", one, 1, NULL, number(0), 0);
            break;
        case 2:
            tokens[i] = call(rig, 1, "put", three, 1, "colour", text("red"), 0);
            break;
        case 3:
            tokens[i] = call(rig, 1, "put", three, 6, NULL, number(0), 0);
            break;
        default:
            tokens[i] = call(rig, 1, "put", three, 1, "local", text("x"), 0);
        }
        const struct rig_record *record = rig_wait(rig, tokens[i]);
        assert_ended(record, STATE_FAILED, REASON_BAD_ARGUMENTS);
        assert_string_equal(message(rig, record), wanted[i]);
    }
}

static void test_runner__missing_or_foreign_url_is_told(void **state)
{
    struct rig *rig = *state;
    struct wire_command_body body = {.n_args = 0};
    const struct rig_record *record = rig_wait(rig, rig_start(rig, 1, "list", &body));
    assert_ended(record, STATE_FAILED, REASON_BAD_ARGUMENTS);
    assert_non_null(strstr(message(rig, record), "--url"));
    body.url = bytes_of_str("gopher://user:secret@host/x?token=secret");
    record = rig_wait(rig, rig_start(rig, 1, "list", &body));
    assert_ended(record, STATE_FAILED, REASON_FUNCTION_ERROR);
    assert_string_equal(message(rig, record), "gopher://…@host/x?…: this worker has no backend for "
                                              "gopher: URLs");
    assert_null(memmem(record->ended.body.data, record->ended.body.size, "secret", 6));
}

static void test_runner__unknown_function_is_told(void **state)
{
    struct rig *rig = *state;
    const struct rig_record *record = rig_wait(rig, call_text(rig, "dance", NULL, NULL));
    assert_ended(record, STATE_FAILED, REASON_UNKNOWN_FUNCTION);
    assert_string_equal(message(rig, record), "this worker has no function dance");
}

static void test_runner__is_kept_from_command_to_command(void **state)
{
    struct rig *rig = *state;
    const struct rig_record *first = rig_wait(rig, call_text(rig, "list", NULL, NULL));
    assert_ended(rig_wait(rig, rig_exec(rig, 1, "/bin/true", NULL)), STATE_OK, REASON_NONE);
    const struct rig_record *second = rig_wait(rig, call_text(rig, "list", NULL, NULL));
    assert_int_equal(first->ended.pid, second->ended.pid);
    assert_true(first->ended.pid > 1);
}

static void test_runner__crash_is_one_record_and_the_next_command_runs(void **state)
{
    struct rig *rig = *state;
    const struct rig_record *record = rig_wait(rig, call_number(rig, 1, "test_signal", SIGKILL, 0));
    assert_ended(record, STATE_SIGNALED, REASON_FUNCTION_CRASHED);
    assert_int_equal(record->ended.signal, SIGKILL);
    assert_string_equal(message(rig, record),
                        "the process that ran the function was ended by signal 9 (Killed)");
    const struct rig_record *next = rig_wait(rig, call_text(rig, "list", NULL, NULL));
    assert_ended(next, STATE_OK, REASON_NONE);
    assert_int_not_equal(next->ended.pid, record->ended.pid);

    record = rig_wait(rig, call_number(rig, 1, "test_exit", 3, 0));
    assert_ended(record, STATE_FAILED, REASON_FUNCTION_CRASHED);
    assert_int_equal(record->ended.exit, 3);
    assert_ended(rig_wait(rig, call_text(rig, "list", NULL, NULL)), STATE_OK, REASON_NONE);
}

static void test_runner__crash_in_one_slot_leaves_the_others_alone(void **state)
{
    struct rig *rig = *state;
    uint64_t sleeper = call_number(rig, 2, "test_sleep", 300, 0);
    assert_ended(rig_wait(rig, call_number(rig, 3, "test_signal", SIGABRT, 0)), STATE_SIGNALED,
                 REASON_FUNCTION_CRASHED);
    assert_ended(rig_wait(rig, sleeper), STATE_OK, REASON_NONE);
}

static void test_runner__timeout_ends_it(void **state)
{
    struct rig *rig = *state;
    const struct rig_record *record =
        rig_wait(rig, call_number(rig, 1, "test_sleep", 3600000, 150 * MUSTER_MS));
    assert_ended(record, STATE_TIMEOUT, REASON_TIMEOUT);
    assert_true(record->ended.run_ns >= 150 * MUSTER_MS);
    assert_ended(rig_wait(rig, call_text(rig, "list", NULL, NULL)), STATE_OK, REASON_NONE);
}

static void test_runner__that_ignores_term_is_killed(void **state)
{
    struct rig *rig = *state;
    struct wire_value args[] = {number(3600000)};
    uint64_t token = call(rig, 1, "test_sleep", args, 1, "ignore_term", yes(), 100 * MUSTER_MS);
    const struct rig_record *record = rig_wait(rig, token);
    assert_ended(record, STATE_TIMEOUT, REASON_TIMEOUT);
    assert_int_equal(record->ended.signal, SIGKILL);
}

static void test_runner__cancel_ends_what_it_started_too(void **state)
{
    struct rig *rig = *state;
    struct wire_value args[] = {number(3600000)};
    uint64_t token = call(rig, 1, "test_leave", args, 1, NULL, number(0), 0);
    pid_t left = (pid_t)atoi(rig_wait_file(rig, "left.pid"));
    assert_int_equal(kill(left, 0), 0);
    assert_int_equal(run_end(rig->run, token, REASON_CANCELLED_RUNNING, false), 0);
    const struct rig_record *record = rig_wait(rig, token);
    assert_ended(record, STATE_CANCELLED, REASON_CANCELLED_RUNNING);
    assert_int_equal(kill(left, 0), -1);
    assert_ended(rig_wait(rig, call_text(rig, "list", NULL, NULL)), STATE_OK, REASON_NONE);
}

static void test_runner__listing_too_large_for_a_record_is_refused_and_paged(void **state)
{
    struct rig *rig = *state;
    enum { OBJECTS = 2500 };
    for (int i = 0; i < OBJECTS; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/store/object-with-a-rather-long-name-%06d", rig->dir, i);
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        fclose(file);
    }
    const struct rig_record *record = rig_wait(rig, call_text(rig, "list", NULL, NULL));
    assert_ended(record, STATE_FAILED, REASON_FUNCTION_ERROR);
    assert_non_null(strstr(message(rig, record), "limit and after"));
    char after[256] = "";
    int seen = 0;
    for (;;) {
        struct wire_value args[] = {text("object"), text(after)};
        record = rig_wait(rig, call(rig, 1, "list", args, 2, "limit", number(700), 0));
        assert_ended(record, STATE_OK, REASON_NONE);
        uint32_t count = record->body.result[0].count;
        seen += (int)count;
        if (count < 700)
            break;
        struct bytes last = field(record, 1 + 7 * (count - 1), "name")->data;
        snprintf(after, sizeof after, "%.*s", (int)last.size, (const char *)last.data);
    }
    assert_int_equal(seen, OBJECTS);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_runner__put_returns_a_typed_result),
        EACH(test_runner__round_trip_of_all_operations),
        EACH(test_runner__failures_have_class_text_and_trace),
        EACH(test_runner__bad_arguments_are_told),
        EACH(test_runner__missing_or_foreign_url_is_told),
        EACH(test_runner__unknown_function_is_told),
        EACH(test_runner__is_kept_from_command_to_command),
        EACH(test_runner__crash_is_one_record_and_the_next_command_runs),
        EACH(test_runner__crash_in_one_slot_leaves_the_others_alone),
        EACH(test_runner__timeout_ends_it),
        EACH(test_runner__that_ignores_term_is_killed),
        EACH(test_runner__cancel_ends_what_it_started_too),
        EACH(test_runner__listing_too_large_for_a_record_is_refused_and_paged),
    };
    no_cgroup = true;
    int failed = cmocka_run_group_tests_name("without control groups", tests, NULL, NULL);
    no_cgroup = false;
    return failed +
           cmocka_run_group_tests_name("with control groups if possible", tests, NULL, NULL);
}
