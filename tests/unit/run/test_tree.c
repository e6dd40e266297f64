/* The process zoo: whatever a command leaves running is gone when its record comes.
 *
 * All of it twice: with control groups, where this machine allows them, and without. */
#include "tests/unit/cmocka_first.h"

#include "base/time.h"
#include "tests/unit/run/rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    struct rig rig;
    char marker[64]; /* in the environment of everything that the test starts */
    const char *ready;
};

static bool no_cgroup;
static int serial;

static int set_up(void **state)
{
    struct fixture *fixture = malloc(sizeof *fixture);
    rig_init(&fixture->rig, 4);
    fixture->rig.options.no_cgroup = no_cgroup;
    rig_open(&fixture->rig);
    snprintf(fixture->marker, sizeof fixture->marker, "ZOO_MARK=%d-%d", (int)getpid(), ++serial);
    fixture->ready = rig_path(&fixture->rig, "ready");
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    rig_done(&fixture->rig);
    free(fixture);
    return 0;
}

/* zoo KIND ARGUMENT in slot 1, marked; with a time-out and a grace. */
static uint64_t start(struct fixture *fixture, const char *kind, const char *argument,
                      int64_t timeout_ns, int64_t grace_ns)
{
    char ready[128];
    snprintf(ready, sizeof ready, "ZOO_READY=%s", fixture->ready);
    struct bytes argv[] = {bytes_of_str(rig_zoo()), bytes_of_str(kind), bytes_of_str(argument)};
    struct bytes env[] = {bytes_of_str(fixture->marker), bytes_of_str(ready)};
    struct wire_command_body body = {.argv = argv,
                                     .n_argv = argument ? 3 : 2,
                                     .env = env,
                                     .n_env = 2,
                                     .timeout_ns = timeout_ns,
                                     .grace_ns = grace_ns};
    return rig_start(&fixture->rig, 1, "exec", &body);
}

static uint64_t start_shell(struct fixture *fixture, const char *text, int64_t grace_ns)
{
    char ready[128];
    snprintf(ready, sizeof ready, "ZOO_READY=%s", fixture->ready);
    struct bytes argv[] = {bytes_of_str("/bin/sh"), bytes_of_str("-c"), bytes_of_str(text)};
    struct bytes env[] = {bytes_of_str(fixture->marker), bytes_of_str(ready)};
    struct wire_command_body body = {
        .argv = argv, .n_argv = 3, .env = env, .n_env = 2, .grace_ns = grace_ns};
    return rig_start(&fixture->rig, 1, "exec", &body);
}

static void cancel(struct fixture *fixture, uint64_t token, bool kill_now)
{
    assert_int_equal(run_end(fixture->rig.run, token, REASON_CANCELLED_RUNNING, kill_now), 0);
}

/* The record must not come before the last process is gone. */
static const struct rig_record *wait_alone(struct fixture *fixture, uint64_t token)
{
    const struct rig_record *record = rig_wait(&fixture->rig, token);
    assert_int_equal(rig_count_marked(fixture->marker), 0);
    return record;
}

static void assert_state(const struct rig_record *record, enum state state, enum reason reason)
{
    if (record->ended.state != state || record->ended.reason != reason)
        fail_msg("ended %s because %s", state_name(record->ended.state),
                 reason_name(record->ended.reason));
}

static void test_tree__timeout_sends_term(void **state)
{
    struct fixture *fixture = *state;
    uint64_t token = start(fixture, "hang", NULL, 200 * MUSTER_MS, 60 * MUSTER_S);
    const struct rig_record *record = wait_alone(fixture, token);
    assert_state(record, STATE_TIMEOUT, REASON_TIMEOUT);
    assert_int_equal(record->ended.signal, SIGTERM);
    assert_true(record->ended.run_ns >= 200 * MUSTER_MS);
}

static void test_tree__timeout_kills_who_ignores_term(void **state)
{
    struct fixture *fixture = *state;
    uint64_t token = start(fixture, "ignore-term", NULL, 200 * MUSTER_MS, 100 * MUSTER_MS);
    rig_wait_file(&fixture->rig, "ready");
    const struct rig_record *record = wait_alone(fixture, token);
    assert_state(record, STATE_TIMEOUT, REASON_TIMEOUT);
    assert_int_equal(record->ended.signal, SIGKILL);
}

static void test_tree__exit_0_upon_term_stays_a_timeout(void **state)
{
    struct fixture *fixture = *state;
    struct bytes argv[] = {
        bytes_of_str("/bin/sh"), bytes_of_str("-c"),
        bytes_of_str("trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done")};
    struct wire_command_body body = {
        .argv = argv, .n_argv = 3, .timeout_ns = 300 * MUSTER_MS, .grace_ns = 60 * MUSTER_S};
    uint64_t token = rig_start(&fixture->rig, 1, "exec", &body);
    const struct rig_record *record = wait_alone(fixture, token);
    assert_state(record, STATE_TIMEOUT, REASON_TIMEOUT);
    assert_int_equal(record->ended.exit, 0);
    assert_string_equal(rig_text(&fixture->rig, &record->body.out), "bye\n");
}

static void test_tree__cancel_ends_leader_and_children(void **state)
{
    struct fixture *fixture = *state;
    uint64_t token = start_shell(fixture, "sleep 1000 & sleep 1000 & echo x >$ZOO_READY; wait", 0);
    rig_wait_file(&fixture->rig, "ready");
    cancel(fixture, token, false);
    assert_state(wait_alone(fixture, token), STATE_CANCELLED, REASON_CANCELLED_RUNNING);
}

static void test_tree__stopped_processes_get_the_term_too(void **state)
{
    struct fixture *fixture = *state;
    uint64_t token =
        start_shell(fixture, "echo x >$ZOO_READY; kill -STOP $$; sleep 1000", 60 * MUSTER_S);
    rig_wait_file(&fixture->rig, "ready");
    cancel(fixture, token, false);
    const struct rig_record *record = wait_alone(fixture, token);
    assert_state(record, STATE_CANCELLED, REASON_CANCELLED_RUNNING);
    assert_int_equal(record->ended.signal, SIGTERM);
}

static void test_tree__kill_now_does_not_wait_for_the_grace(void **state)
{
    struct fixture *fixture = *state;
    uint64_t token = start(fixture, "ignore-term", NULL, 0, 3600 * MUSTER_S);
    rig_wait_file(&fixture->rig, "ready");
    cancel(fixture, token, false);
    cancel(fixture, token, true);
    const struct rig_record *record = wait_alone(fixture, token);
    assert_state(record, STATE_CANCELLED, REASON_CANCELLED_RUNNING);
    assert_int_equal(record->ended.signal, SIGKILL);
}

static void test_tree__daemon_in_a_session_of_its_own_is_ended_after_its_leader(void **state)
{
    struct fixture *fixture = *state;
    uint64_t token = start(fixture, "daemon", NULL, 0, 60 * MUSTER_S);
    const struct rig_record *record = wait_alone(fixture, token);
    assert_state(record, STATE_OK, REASON_NONE);
    assert_false(record->body.out.incomplete);
    assert_string_equal(rig_bytes_text(&fixture->rig, record->body.warning),
                        "1 process that it left behind was ended");
}

static void test_tree__daemon_that_ignores_term_is_killed_after_the_grace(void **state)
{
    struct fixture *fixture = *state;
    uint64_t token = start(fixture, "daemon-ignore-term", NULL, 0, 50 * MUSTER_MS);
    assert_state(wait_alone(fixture, token), STATE_OK, REASON_NONE);
}

static void test_tree__daemon_of_a_running_command_dies_with_its_cancel(void **state)
{
    struct fixture *fixture = *state;
    uint64_t token = start(fixture, "daemon-stay", NULL, 0, 50 * MUSTER_MS);
    rig_wait_file(&fixture->rig, "ready");
    cancel(fixture, token, false);
    assert_state(wait_alone(fixture, token), STATE_CANCELLED, REASON_CANCELLED_RUNNING);
}

static void test_tree__pipe_holder_makes_the_output_incomplete(void **state)
{
    struct fixture *fixture = *state;
    uint64_t token = start(fixture, "pipe-holder", NULL, 0, 50 * MUSTER_MS);
    const struct rig_record *record = wait_alone(fixture, token);
    assert_state(record, STATE_OK, REASON_NONE);
    assert_true(record->body.out.incomplete);
    assert_true(record->body.err.incomplete);
    assert_string_equal(rig_text(&fixture->rig, &record->body.out), "leader\n");
    assert_true(record->ended.run_ns < 30 * MUSTER_S);
}

static void test_tree__process_that_hops_between_sessions_is_caught(void **state)
{
    struct fixture *fixture = *state;
    uint64_t token = start(fixture, "hop", "60", 0, 50 * MUSTER_MS);
    assert_state(wait_alone(fixture, token), STATE_OK, REASON_NONE);
}

static void test_tree__process_without_mark_and_session_is_caught(void **state)
{
    struct fixture *fixture = *state;
    /* No environment, no session, no parent: told by elimination. */
    uint64_t token =
        start_shell(fixture,
                    "setsid env -i /bin/sh -c 'echo $$ >\"$1\"; exec sleep 1000' x \"$ZOO_READY\" "
                    "</dev/null >/dev/null 2>&1 & while ! [ -s $ZOO_READY ]; do sleep 0.02; done",
                    0);
    pid_t pid = (pid_t)atoi(rig_wait_file(&fixture->rig, "ready"));
    assert_state(rig_wait(&fixture->rig, token), STATE_OK, REASON_NONE);
    assert_int_equal(kill(pid, 0), -1);
}

static void test_tree__bush_of_processes_in_many_sessions_is_gone(void **state)
{
    struct fixture *fixture = *state;
    uint64_t token = start(fixture, "bush", "6", 0, 50 * MUSTER_MS);
    rig_wait_file(&fixture->rig, "ready");
    cancel(fixture, token, false);
    assert_state(wait_alone(fixture, token), STATE_CANCELLED, REASON_CANCELLED_RUNNING);
}

static void test_tree__fork_loop_is_ended(void **state)
{
    struct fixture *fixture = *state;
    uint64_t token = start(fixture, "churn", "20", 0, 50 * MUSTER_MS);
    rig_wait_file(&fixture->rig, "ready");
    cancel(fixture, token, false);
    assert_state(wait_alone(fixture, token), STATE_CANCELLED, REASON_CANCELLED_RUNNING);
}

static void test_tree__neighbour_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    const char *fifo = rig_path(&fixture->rig, "fifo");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    uint64_t neighbour = rig_shell(&fixture->rig, 2,
                                   "setsid sleep 1000 >/dev/null 2>&1 & (setsid env -i sleep 1000 "
                                   ">/dev/null 2>&1 &); read x <fifo; kill -0 $!",
                                   0);
    uint64_t token = start(fixture, "daemon-stay", NULL, 0, 50 * MUSTER_MS);
    rig_wait_file(&fixture->rig, "ready");
    cancel(fixture, token, true);
    assert_state(wait_alone(fixture, token), STATE_CANCELLED, REASON_CANCELLED_RUNNING);
    FILE *file = fopen(fifo, "we");
    assert_non_null(file);
    fputs("go\n", file);
    fclose(file);
    const struct rig_record *record = rig_wait(&fixture->rig, neighbour);
    assert_state(record, STATE_OK, REASON_NONE);
    assert_string_equal(rig_bytes_text(&fixture->rig, record->body.warning),
                        "2 processes that it left behind were ended");
}

static void test_tree__silent_command_is_stalled(void **state)
{
    struct fixture *fixture = *state;
    struct bytes argv[] = {bytes_of_str(rig_zoo()), bytes_of_str("hang")};
    struct wire_command_body body = {
        .argv = argv, .n_argv = 2, .stall_timeout_ns = 300 * MUSTER_MS};
    uint64_t token = rig_start(&fixture->rig, 1, "exec", &body);
    assert_state(rig_wait(&fixture->rig, token), STATE_STALLED, REASON_STALL);
}

static void test_tree__command_that_writes_somewhere_is_not_stalled(void **state)
{
    struct fixture *fixture = *state;
    struct bytes argv[] = {
        bytes_of_str("/bin/sh"), bytes_of_str("-c"),
        bytes_of_str("i=0; while [ $i -lt 30 ]; do echo x >>file; sleep 0.1; i=$((i+1)); done")};
    struct wire_command_body body = {.argv = argv, .n_argv = 3, .stall_timeout_ns = 2 * MUSTER_S};
    uint64_t token = rig_start(&fixture->rig, 1, "exec", &body);
    assert_state(rig_wait(&fixture->rig, token), STATE_OK, REASON_NONE);
}

static void test_tree__end_of_an_unknown_token_is_ignored(void **state)
{
    struct fixture *fixture = *state;
    cancel(fixture, 4711, true);
    uint64_t token = rig_exec(&fixture->rig, 1, "/bin/true", NULL);
    assert_state(rig_wait(&fixture->rig, token), STATE_OK, REASON_NONE);
}

static void test_tree__first_reason_counts(void **state)
{
    struct fixture *fixture = *state;
    uint64_t token = start(fixture, "ignore-term", NULL, 0, 3600 * MUSTER_S);
    rig_wait_file(&fixture->rig, "ready");
    assert_int_equal(run_end(fixture->rig.run, token, REASON_CUT_OFF, false), 0);
    assert_int_equal(run_end(fixture->rig.run, token, REASON_CANCELLED_RUNNING, true), 0);
    assert_state(wait_alone(fixture, token), STATE_LOST, REASON_CUT_OFF);
}

static void test_tree__gigabytes_of_output_cost_no_memory(void **state)
{
    struct fixture *fixture = *state;
    uint64_t before = rig_spawner_peak_bytes(&fixture->rig);
    uint64_t token = start(fixture, "flood", "1073741824", 0, 0);
    const struct rig_record *record = wait_alone(fixture, token);
    assert_state(record, STATE_OK, REASON_NONE);
    assert_int_equal(record->body.out.total, 1073741824);
    assert_true(record->ended.body.size < 200 * 1024);
    assert_true(rig_spawner_peak_bytes(&fixture->rig) - before < 16 * 1024 * 1024);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_tree__timeout_sends_term),
        EACH(test_tree__timeout_kills_who_ignores_term),
        EACH(test_tree__exit_0_upon_term_stays_a_timeout),
        EACH(test_tree__cancel_ends_leader_and_children),
        EACH(test_tree__stopped_processes_get_the_term_too),
        EACH(test_tree__kill_now_does_not_wait_for_the_grace),
        EACH(test_tree__daemon_in_a_session_of_its_own_is_ended_after_its_leader),
        EACH(test_tree__daemon_that_ignores_term_is_killed_after_the_grace),
        EACH(test_tree__daemon_of_a_running_command_dies_with_its_cancel),
        EACH(test_tree__pipe_holder_makes_the_output_incomplete),
        EACH(test_tree__process_that_hops_between_sessions_is_caught),
        EACH(test_tree__process_without_mark_and_session_is_caught),
        EACH(test_tree__bush_of_processes_in_many_sessions_is_gone),
        EACH(test_tree__fork_loop_is_ended),
        EACH(test_tree__neighbour_is_left_alone),
        EACH(test_tree__silent_command_is_stalled),
        EACH(test_tree__command_that_writes_somewhere_is_not_stalled),
        EACH(test_tree__end_of_an_unknown_token_is_ignored),
        EACH(test_tree__first_reason_counts),
        EACH(test_tree__gigabytes_of_output_cost_no_memory),
    };
    no_cgroup = true;
    int failed = cmocka_run_group_tests_name("without control groups", tests, NULL, NULL);
    no_cgroup = false;
    return failed +
           cmocka_run_group_tests_name("with control groups if possible", tests, NULL, NULL);
}
