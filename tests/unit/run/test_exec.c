/* exec through a whole spawner: exit, signal, output, input, environment, directory, failures. */
#include "tests/unit/cmocka_first.h"

#include "base/time.h"
#include "tests/unit/run/rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int set_up(void **state)
{
    struct rig *rig = malloc(sizeof *rig);
    setenv("SECRET_OF_THE_WORKER", "x", 1);
    rig_init(rig, 4);
    rig_open(rig);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    rig_done(*state);
    free(*state);
    return 0;
}

static void assert_ended(const struct rig_record *record, enum state state, enum reason reason)
{
    if (record->ended.state != state || record->ended.reason != reason)
        fail_msg("ended %s because %s (exit %d, signal %u): %.*s", state_name(record->ended.state),
                 reason_name(record->ended.reason), record->ended.exit, record->ended.signal,
                 (int)record->body.failure.message.size,
                 (const char *)record->body.failure.message.data);
}

static void test_exec__exit_0_is_ok_with_times_usage_and_output(void **state)
{
    struct rig *rig = *state;
    int64_t before = time_wall_ns();
    const struct rig_record *record = rig_wait(rig, rig_shell(rig, 2, "echo out; echo err >&2", 0));
    assert_ended(record, STATE_OK, REASON_NONE);
    assert_int_equal(record->ended.exit, 0);
    assert_int_equal(record->ended.signal, 0);
    assert_int_equal(record->ended.slot, 2);
    assert_true(record->ended.pid > 1);
    assert_true(record->ended.start_wall_ns >= before);
    assert_true(record->ended.run_ns > 0);
    assert_true(record->body.maxrss_bytes > 0);
    assert_string_equal(rig_text(rig, &record->body.out), "out\n");
    assert_string_equal(rig_text(rig, &record->body.err), "err\n");
    assert_int_equal(record->body.out.total, 4);
    assert_false(record->body.out.incomplete);
}

static void test_exec__exit_status_is_in_the_record(void **state)
{
    struct rig *rig = *state;
    static const int statuses[] = {1, 2, 74, 76, 100, 126, 127, 255};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        char number[8];
        snprintf(number, sizeof number, "%d", statuses[i]);
        const struct rig_record *record =
            rig_wait(rig, rig_exec(rig, 1, rig_zoo(), "exit", number, NULL));
        assert_ended(record, STATE_FAILED, REASON_EXIT);
        assert_int_equal(record->ended.exit, statuses[i]);
    }
}

static void test_exec__status_75_is_skipped(void **state)
{
    struct rig *rig = *state;
    const struct rig_record *record =
        rig_wait(rig, rig_exec(rig, 1, rig_zoo(), "exit", "75", NULL));
    assert_ended(record, STATE_SKIPPED, REASON_SKIP_75);
    assert_int_equal(record->ended.exit, 75);
}

static void test_exec__signal_is_in_the_record(void **state)
{
    struct rig *rig = *state;
    static const int signals[] = {SIGHUP, SIGKILL, SIGSEGV, SIGPIPE, SIGTERM, SIGXFSZ};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        char number[8];
        snprintf(number, sizeof number, "%d", signals[i]);
        const struct rig_record *record =
            rig_wait(rig, rig_exec(rig, 1, rig_zoo(), "signal", number, NULL));
        assert_ended(record, STATE_SIGNALED, REASON_SIGNAL);
        assert_int_equal(record->ended.signal, signals[i]);
    }
}

static void test_exec__missing_program_is_127_not_found(void **state)
{
    struct rig *rig = *state;
    const struct rig_record *record =
        rig_wait(rig, rig_exec(rig, 1, "no-such-program-here", "x", NULL));
    assert_ended(record, STATE_FAILED, REASON_NOT_FOUND);
    assert_int_equal(record->ended.exit, 127);
    assert_int_equal(record->ended.pid, 0);
    const char *text = rig_bytes_text(rig, record->body.failure.message);
    assert_non_null(strstr(text, "no-such-program-here: not found in PATH="));

    record = rig_wait(rig, rig_exec(rig, 1, "/no/such/place/program", NULL));
    assert_ended(record, STATE_FAILED, REASON_NOT_FOUND);
    assert_int_equal(record->ended.exit, 127);
}

static void test_exec__file_without_x_is_126_not_executable(void **state)
{
    struct rig *rig = *state;
    rig_write(rig, "plain", "#!/bin/sh\n", 10);
    static const char *const programs[] = {"./plain", "/etc", "/etc/passwd"};
    for (size_t i = 0; i < 3; i++) {
        const struct rig_record *record = rig_wait(rig, rig_exec(rig, 1, programs[i], NULL));
        assert_ended(record, STATE_FAILED, REASON_NOT_EXECUTABLE);
        assert_int_equal(record->ended.exit, 126);
        assert_non_null(strstr(rig_bytes_text(rig, record->body.failure.message), programs[i]));
    }
}

static void test_exec__missing_interpreter_is_126_and_says_so(void **state)
{
    struct rig *rig = *state;
    rig_write(rig, "script", "#!/no/such/interpreter\n", 23);
    assert_int_equal(chmod(rig_path(rig, "script"), 0755), 0);
    const struct rig_record *record = rig_wait(rig, rig_exec(rig, 1, "./script", NULL));
    assert_ended(record, STATE_FAILED, REASON_NOT_EXECUTABLE);
    assert_int_equal(record->ended.exit, 126);
    assert_non_null(strstr(rig_bytes_text(rig, record->body.failure.message), "interpreter"));
}

static void test_exec__script_without_interpreter_line_is_run_by_sh(void **state)
{
    struct rig *rig = *state;
    rig_write(rig, "bare", "echo bare $1\n", 13);
    assert_int_equal(chmod(rig_path(rig, "bare"), 0755), 0);
    const struct rig_record *record = rig_wait(rig, rig_exec(rig, 1, "./bare", "one", NULL));
    assert_ended(record, STATE_OK, REASON_NONE);
    assert_string_equal(rig_text(rig, &record->body.out), "bare one\n");
}

static void test_exec__missing_directory_is_a_clear_failure(void **state)
{
    struct rig *rig = *state;
    struct bytes argv[] = {bytes_of_str("/bin/true")};
    struct wire_command_body body = {
        .argv = argv, .n_argv = 1, .cwd = bytes_of_str("/no/such/directory")};
    const struct rig_record *record = rig_wait(rig, rig_start(rig, 1, "exec", &body));
    assert_ended(record, STATE_FAILED, REASON_START_FAILED);
    assert_string_equal(rig_bytes_text(rig, record->body.failure.message),
                        "cannot change to directory /no/such/directory: No such file or directory");
}

static void test_exec__directory_is_the_commands_else_the_workers(void **state)
{
    struct rig *rig = *state;
    struct bytes argv[] = {bytes_of_str("/bin/pwd")};
    struct wire_command_body body = {.argv = argv, .n_argv = 1, .cwd = bytes_of_str("/")};
    const struct rig_record *record = rig_wait(rig, rig_start(rig, 1, "exec", &body));
    assert_string_equal(rig_text(rig, &record->body.out), "/\n");
    record = rig_wait(rig, rig_exec(rig, 1, "/bin/pwd", NULL));
    size_t size = strlen(rig->dir);
    assert_memory_equal(rig_text(rig, &record->body.out), rig->dir, size);
}

static void test_exec__environment_is_base_attempt_and_the_commands(void **state)
{
    struct rig *rig = *state;
    struct bytes argv[] = {bytes_of_str("/usr/bin/env")};
    struct bytes env[] = {bytes_of_str("GREETING=hello world"), bytes_of_str("MUSTER_POOL=mine"),
                          bytes_of_str("EMPTY="), bytes_of_str("MUSTER_COOKIE=forged")};
    struct wire_command_body body = {.argv = argv, .n_argv = 1, .env = env, .n_env = 4};
    const struct rig_record *record = rig_wait(rig, rig_start(rig, 3, "exec", &body));
    const char *text = rig_text(rig, &record->body.out);
    assert_non_null(strstr(text, "GREETING=hello world\n"));
    assert_non_null(strstr(text, "EMPTY=\n"));
    assert_non_null(strstr(text, "MUSTER_POOL=mine\n"));
    assert_null(strstr(text, "MUSTER_POOL=pool1"));
    assert_non_null(strstr(text, "MUSTER_TRACK_ID=7\n"));
    assert_non_null(strstr(text, "MUSTER_ATTEMPT=2\n"));
    assert_non_null(strstr(text, "MUSTER_HOST=testhost\n"));
    assert_non_null(strstr(text, "MUSTER_SLOT=3\n"));
    assert_non_null(strstr(text, "PATH="));
    assert_non_null(strstr(text, "HOME="));
    assert_null(strstr(text, "SECRET_OF_THE_WORKER"));
    assert_null(strstr(text, "forged"));
}

static void test_exec__program_is_searched_in_the_commands_path(void **state)
{
    struct rig *rig = *state;
    rig_write(rig, "only-here", "#!/bin/sh\necho found\n", 21);
    assert_int_equal(chmod(rig_path(rig, "only-here"), 0755), 0);
    char path[256];
    snprintf(path, sizeof path, "PATH=/nowhere:%s:/bin", rig->dir);
    struct bytes argv[] = {bytes_of_str("only-here")};
    struct bytes env[] = {bytes_of_str(path)};
    struct wire_command_body body = {.argv = argv, .n_argv = 1, .env = env, .n_env = 1};
    const struct rig_record *record = rig_wait(rig, rig_start(rig, 1, "exec", &body));
    assert_ended(record, STATE_OK, REASON_NONE);
    assert_string_equal(rig_text(rig, &record->body.out), "found\n");
}

static void test_exec__malformed_commands_are_bad_arguments(void **state)
{
    struct rig *rig = *state;
    struct bytes nul[] = {bytes_of_str("/bin/echo"), bytes_of("a\0b", 3)};
    struct bytes one[] = {bytes_of_str("/bin/true")};
    struct bytes env[] = {bytes_of_str("=x")};
    struct wire_command_body bodies[] = {{.n_argv = 0},
                                         {.argv = nul, .n_argv = 2},
                                         {.argv = one, .n_argv = 1, .env = env, .n_env = 1}};
    for (size_t i = 0; i < 3; i++) {
        const struct rig_record *record = rig_wait(rig, rig_start(rig, 1, "exec", &bodies[i]));
        assert_ended(record, STATE_FAILED, REASON_BAD_ARGUMENTS);
        assert_true(record->body.failure.message.size > 0);
    }
}

static void test_exec__stdin_is_empty_unless_given(void **state)
{
    struct rig *rig = *state;
    const struct rig_record *record = rig_wait(rig, rig_exec(rig, 1, "/bin/cat", NULL));
    assert_ended(record, STATE_OK, REASON_NONE);
    assert_int_equal(record->body.out.total, 0);
}

static void test_exec__large_stdin_arrives_whole_also_when_nobody_reads_it(void **state)
{
    struct rig *rig = *state;
    enum { SIZE = 200 * 1024 };
    uint8_t *input = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        input[i] = (uint8_t)(i * 7);
    struct bytes count[] = {bytes_of_str("/usr/bin/wc"), bytes_of_str("-c")};
    struct bytes nobody[] = {bytes_of_str("/bin/true")};
    struct wire_command_body body = {.argv = count, .n_argv = 2, .stdin = bytes_of(input, SIZE)};
    uint64_t counted = rig_start(rig, 1, "exec", &body);
    body.argv = nobody;
    body.n_argv = 1;
    uint64_t ignored = rig_start(rig, 2, "exec", &body);
    assert_string_equal(rig_text(rig, &rig_wait(rig, counted)->body.out), "204800\n");
    assert_ended(rig_wait(rig, ignored), STATE_OK, REASON_NONE);
    free(input);
}

static void test_exec__long_output_keeps_its_first_and_last_part(void **state)
{
    struct rig *rig = *state;
    const struct rig_record *record =
        rig_wait(rig, rig_exec(rig, 1, rig_zoo(), "flood", "1000000", NULL));
    assert_ended(record, STATE_OK, REASON_NONE);
    const struct wire_output *out = &record->body.out;
    assert_int_equal(out->total, 1000000);
    assert_int_equal(out->head.size, 65536);
    assert_int_equal(out->tail.size, 65536);
    for (size_t i = 0; i < 65536; i++) {
        assert_int_equal(out->head.data[i], 'a' + i % 26);
        assert_int_equal(out->tail.data[i], 'a' + (1000000 - 65536 + i) % 65536 % 26);
    }
}

static void test_exec__child_is_clean(void **state)
{
    struct rig *rig = *state;
    const struct rig_record *record = rig_wait(rig, rig_exec(rig, 1, rig_zoo(), "report", NULL));
    assert_string_equal(rig_text(rig, &record->body.out), "fd 0\nfd 1\nfd 2\nleader 1\n");
    record = rig_wait(rig, rig_shell(rig, 1, "umask", 0));
    assert_string_equal(rig_text(rig, &record->body.out), "0022\n");
}

static void test_exec__slots_run_at_the_same_time(void **state)
{
    struct rig *rig = *state;
    /* Each waits for the other through a pair of fifos. */
    assert_int_equal(mkfifo(rig_path(rig, "a"), 0600), 0);
    assert_int_equal(mkfifo(rig_path(rig, "b"), 0600), 0);
    uint64_t one = rig_shell(rig, 1, "echo x >a; read y <b", 0);
    uint64_t two = rig_shell(rig, 2, "read y <a; echo x >b", 0);
    assert_ended(rig_wait(rig, one), STATE_OK, REASON_NONE);
    assert_ended(rig_wait(rig, two), STATE_OK, REASON_NONE);
}

static void test_exec__busy_slot_is_refused(void **state)
{
    struct rig *rig = *state;
    uint64_t first = rig_exec(rig, 1, rig_zoo(), "hang", NULL);
    uint64_t second = rig_exec(rig, 1, "/bin/true", NULL);
    assert_ended(rig_wait(rig, second), STATE_FAILED, REASON_START_FAILED);
    assert_int_equal(run_end(rig->run, first, REASON_CANCELLED_RUNNING, true), 0);
    assert_ended(rig_wait(rig, first), STATE_CANCELLED, REASON_CANCELLED_RUNNING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exec__exit_0_is_ok_with_times_usage_and_output),
        cmocka_unit_test(test_exec__exit_status_is_in_the_record),
        cmocka_unit_test(test_exec__status_75_is_skipped),
        cmocka_unit_test(test_exec__signal_is_in_the_record),
        cmocka_unit_test(test_exec__missing_program_is_127_not_found),
        cmocka_unit_test(test_exec__file_without_x_is_126_not_executable),
        cmocka_unit_test(test_exec__missing_interpreter_is_126_and_says_so),
        cmocka_unit_test(test_exec__script_without_interpreter_line_is_run_by_sh),
        cmocka_unit_test(test_exec__missing_directory_is_a_clear_failure),
        cmocka_unit_test(test_exec__directory_is_the_commands_else_the_workers),
        cmocka_unit_test(test_exec__environment_is_base_attempt_and_the_commands),
        cmocka_unit_test(test_exec__program_is_searched_in_the_commands_path),
        cmocka_unit_test(test_exec__malformed_commands_are_bad_arguments),
        cmocka_unit_test(test_exec__stdin_is_empty_unless_given),
        cmocka_unit_test(test_exec__large_stdin_arrives_whole_also_when_nobody_reads_it),
        cmocka_unit_test(test_exec__long_output_keeps_its_first_and_last_part),
        cmocka_unit_test(test_exec__child_is_clean),
        cmocka_unit_test(test_exec__slots_run_at_the_same_time),
        cmocka_unit_test(test_exec__busy_slot_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
