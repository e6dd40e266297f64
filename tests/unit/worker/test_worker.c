/* The real program against a broker's desk that the test plays. */
#include "tests/unit/cmocka_first.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/time.h"
#include "desk.h"

static int setup(void **state)
{
    struct desk *desk = malloc(sizeof *desk);
    assert_non_null(desk);
    desk_open(desk);
    *state = desk;
    return 0;
}

static int teardown(void **state)
{
    desk_close(*state);
    free(*state);
    return 0;
}

static void test_worker__says_who_it_is_and_what_it_offers(void **state)
{
    struct desk *desk = *state;
    struct wire_message hello;
    desk_hire(desk, (const char *[]){"--label", "role=db", "--label", "site=x", "--pool", "night",
                                     "--transient", NULL});
    desk_welcome(desk, &hello);
    const struct wire_worker_hello *h = &hello.as.worker_hello;
    assert_int_equal(h->uuid.size, 16);
    assert_int_equal(h->incarnation, 1);
    assert_false(h->rebooted);
    assert_true(bytes_equal_str(h->host, "desk-host"));
    assert_int_equal(h->slots, 2);
    assert_int_equal(h->n_labels, 2);
    assert_true(bytes_equal_str(h->labels[0], "role=db"));
    assert_int_equal(h->n_pools, 1);
    assert_true(bytes_equal_str(h->pools[0], "night"));
    assert_true(h->transient);
    assert_true(h->credit > 2);
    assert_true(bytes_starts_with(h->software, bytes_of_str("muster-worker ")));
    bool echo = false, sleep = false, exec = false;
    for (uint32_t i = 0; i < h->n_functions; i++) {
        echo = echo || bytes_equal_str(h->functions[i], "echo");
        sleep = sleep || bytes_equal_str(h->functions[i], "sleep");
        exec = exec || bytes_equal_str(h->functions[i], "exec");
    }
    assert_true(echo && sleep && exec);
    /* Only now it is ready. */
    char text[16] = {0};
    assert_int_equal(read(desk->ready_fd, text, sizeof text), 6);
    assert_string_equal(text, "ready\n");
    desk_signal(desk, SIGTERM);
    desk_expect(desk, WIRE_WORKER_BYE, &hello);
    assert_int_equal(desk_wait(desk), 0);
}

static void test_worker__runs_echo_inline(void **state)
{
    struct desk *desk = *state;
    struct wire_message hello;
    struct wire_record_body body;
    struct wire_value args[] = {{.kind = WIRE_VALUE_STRING, .data = bytes_of_str("x")},
                                {.kind = WIRE_VALUE_INT, .integer = -3}};
    desk_hire(desk, NULL);
    desk_welcome(desk, &hello);
    desk_command(desk, 1, "echo",
                 &(struct wire_command_body){.args = args, .n_args = 2, .throttled_ns = 99});
    struct wire_record_head head = desk_record(desk, &body);
    assert_int_equal(head.track_id, 1);
    assert_int_equal(head.state, STATE_OK);
    assert_int_equal(head.exit, 0);
    assert_int_equal(head.throttled_ns, 99);
    assert_in_range(head.slot, 1, 2);
    assert_true(head.start_wall_ns > 0);
    assert_int_equal(body.n_result, 3);
    assert_int_equal(body.result[0].kind, WIRE_VALUE_LIST);
    assert_true(bytes_equal_str(body.result[1].data, "x"));
    assert_int_equal(body.result[2].integer, -3);
}

static void test_worker__runs_programs(void **state)
{
    struct desk *desk = *state;
    struct wire_message hello;
    struct wire_record_body body;
    desk_hire(desk, NULL);
    desk_welcome(desk, &hello);
    desk_exec(desk, 1, "echo out; echo err >&2; exit 3");
    struct wire_record_head head = desk_record(desk, &body);
    assert_int_equal(head.state, STATE_FAILED);
    assert_int_equal(head.reason, REASON_EXIT);
    assert_int_equal(head.exit, 3);
    assert_true(head.pid > 0);
    assert_true(bytes_equal_str(body.out.head, "out\n"));
    assert_true(bytes_equal_str(body.err.head, "err\n"));
}

static void test_worker__sleep_is_a_timer_that_can_be_stopped_or_time_out(void **state)
{
    struct desk *desk = *state;
    struct wire_message hello;
    struct wire_record_body body;
    desk_hire(desk, NULL);
    desk_welcome(desk, &hello);
    desk_call_sleep(desk, 1, 0.02, 0);
    struct wire_record_head head = desk_record(desk, &body);
    assert_int_equal(head.state, STATE_OK);
    assert_true(head.run_ns >= 20 * MUSTER_MS);
    assert_int_equal(head.throttled_ns, 5);
    assert_int_equal(head.pid, 0);
    desk_call_sleep(desk, 2, 3600, 0);
    /* It has started once a later one has ended. */
    desk_call_sleep(desk, 4, 0, 0);
    assert_int_equal(desk_record(desk, &body).track_id, 4);
    desk_stop(desk, 2, false);
    head = desk_record(desk, &body);
    assert_int_equal(head.state, STATE_CANCELLED);
    assert_int_equal(head.reason, REASON_CANCELLED_RUNNING);
    desk_call_sleep(desk, 3, 3600, 30 * MUSTER_MS);
    head = desk_record(desk, &body);
    assert_int_equal(head.state, STATE_TIMEOUT);
    assert_int_equal(head.reason, REASON_TIMEOUT);
}

static void test_worker__refuses_what_it_cannot_run_with_clear_words(void **state)
{
    struct desk *desk = *state;
    struct wire_message hello;
    struct wire_record_body body;
    struct wire_command_body nothing = {0};
    desk_hire(desk, NULL);
    desk_welcome(desk, &hello);
    desk_command(desk, 1, "frobnicate", &nothing);
    struct wire_record_head head = desk_record(desk, &body);
    assert_int_equal(head.state, STATE_FAILED);
    assert_int_equal(head.reason, REASON_UNKNOWN_FUNCTION);
    assert_true(bytes_starts_with(
        body.failure.message,
        bytes_of_str(
            "host desk-host does not offer the function \"frobnicate\"; it offers: echo")));
    desk_command(desk, 2, "sleep", &nothing);
    head = desk_record(desk, &body);
    assert_int_equal(head.state, STATE_FAILED);
    assert_int_equal(head.reason, REASON_BAD_ARGUMENTS);
    assert_true(bytes_equal_str(body.failure.type, "TypeError"));
}

static void test_worker__stop_of_a_waiting_command_is_reported_without_a_run(void **state)
{
    struct desk *desk = *state;
    struct wire_message hello;
    struct wire_record_body body;
    desk_hire(desk, NULL);
    desk_welcome(desk, &hello);
    for (uint64_t id = 1; id <= 3; id++)
        desk_call_sleep(desk, id, 3600, 0);
    desk_stop(desk, 3, false);
    struct wire_record_head head = desk_record(desk, &body);
    assert_int_equal(head.track_id, 3);
    assert_int_equal(head.state, STATE_CANCELLED);
    assert_int_equal(head.reason, REASON_CANCELLED_QUEUED);
    assert_int_equal(head.start_wall_ns, 0);
}

static void test_worker__killed_worker_reports_its_records_and_its_losses(void **state)
{
    struct desk *desk = *state;
    struct wire_message message;
    struct wire_record_body body;
    uint8_t uuid[16];
    desk_hire(desk, NULL);
    desk_welcome(desk, &message);
    memcpy(uuid, message.as.worker_hello.uuid.data, sizeof uuid);
    desk_exec(desk, 1, "exec sleep 600");
    desk_exec(desk, 2, "echo done");
    assert_int_equal(desk_record(desk, &body).track_id, 2);
    /* Killed before the verdict: the next incarnation knows both. */
    desk_signal(desk, SIGKILL);
    assert_int_equal(desk_wait(desk), 128 + SIGKILL);
    desk_hire(desk, NULL);
    desk_welcome(desk, &message);
    const struct wire_worker_hello *hello = &message.as.worker_hello;
    assert_memory_equal(uuid, hello->uuid.data, sizeof uuid);
    assert_int_equal(hello->incarnation, 2);
    assert_false(hello->rebooted);
    assert_int_equal(hello->n_attempts, 2);
    assert_int_equal(hello->attempts[0].track_id, 2);
    assert_int_equal(hello->attempts[0].phase, WIRE_PHASE_SPOOLED);
    assert_int_equal(hello->attempts[1].track_id, 1);
    assert_int_equal(hello->attempts[1].phase, WIRE_PHASE_GONE);
    struct wire_record_head head = desk_record(desk, &body);
    assert_int_equal(head.track_id, 2);
    assert_true(bytes_equal_str(body.out.head, "done\n"));
    desk_acknowledge(desk, &head);
    desk_signal(desk, SIGTERM);
    desk_expect(desk, WIRE_WORKER_BYE, &message);
    assert_int_equal(desk_wait(desk), 0);
    /* Both are settled. */
    desk_hire(desk, NULL);
    desk_welcome(desk, &message);
    assert_int_equal(message.as.worker_hello.n_attempts, 0);
    assert_int_equal(message.as.worker_hello.incarnation, 3);
}

static void test_worker__restarted_broker_is_greeted_and_told_what_runs(void **state)
{
    struct desk *desk = *state;
    struct wire_message message;
    struct wire_record_body body;
    desk->renew_ms = 500;
    desk_hire(desk, NULL);
    desk_welcome(desk, &message);
    desk_call_sleep(desk, 1, 3600, 0);
    desk_call_sleep(desk, 2, 0, 0);
    assert_int_equal(desk_record(desk, &body).track_id, 2);
    desk_restart(desk);
    desk_welcome(desk, &message);
    assert_int_equal(message.as.worker_hello.n_attempts, 2);
    assert_int_equal(message.as.worker_hello.attempts[0].track_id, 1);
    assert_int_equal(message.as.worker_hello.attempts[0].phase, WIRE_PHASE_RUNNING);
    assert_int_equal(message.as.worker_hello.attempts[1].phase, WIRE_PHASE_SPOOLED);
    struct wire_record_head head = desk_record(desk, &body);
    assert_int_equal(head.track_id, 2);
    desk_acknowledge(desk, &head);
    desk_stop(desk, 1, false);
    assert_int_equal(desk_record(desk, &body).track_id, 1);
}

static void test_worker__drain_gives_back_ends_and_reports(void **state)
{
    struct desk *desk = *state;
    struct wire_message message;
    struct wire_record_body body;
    desk_hire(desk, (const char *[]){"--drain", "100ms", "--grace", "1s", NULL});
    desk_welcome(desk, &message);
    desk_exec(desk, 1, "exec sleep 600");
    desk_call_sleep(desk, 2, 3600, 0);
    desk_call_sleep(desk, 3, 3600, 0);
    /* All three are here once a fourth, which is stopped, has been reported. */
    desk_call_sleep(desk, 4, 3600, 0);
    desk_stop(desk, 4, false);
    struct wire_record_head head = desk_record(desk, &body);
    desk_acknowledge(desk, &head);
    desk_signal(desk, SIGTERM);
    uint64_t seen = 0;
    while (seen != 3) {
        desk_expect(desk, WIRE_REPORT, &message);
        for (uint32_t i = 0; i < message.as.report.n_records; i++) {
            head = message.as.report.records[i];
            assert_int_equal(head.state, STATE_CANCELLED);
            assert_int_equal(head.reason, REASON_WORKER_SHUTDOWN);
            seen |= head.track_id;
        }
    }
    const struct wire_attempt *returned = (const void *)desk->returned.data;
    assert_int_equal(desk->returned.size, sizeof *returned);
    assert_int_equal(returned[0].track_id, 3);
    /* Nobody acknowledges: it leaves all the same, the spool keeps them. */
    desk_expect(desk, WIRE_WORKER_BYE, &message);
    assert_int_equal(desk_wait(desk), 0);
    desk_hire(desk, NULL);
    desk_welcome(desk, &message);
    assert_int_equal(message.as.worker_hello.n_attempts, 2);
}

static void test_worker__refusal_for_good_ends_it(void **state)
{
    struct desk *desk = *state;
    struct wire_message message;
    desk_hire(desk, NULL);
    desk_expect(desk, WIRE_WORKER_HELLO, &message);
    message = (struct wire_message){.type = WIRE_ERROR};
    message.as.error.refusal = REFUSAL_DENIED;
    message.as.error.text = bytes_of_str("The host name desk-host is taken.");
    desk_send(desk, &message);
    assert_int_equal(desk_wait(desk), 125);
    char log[4096] = {0};
    assert_true(fs_read_all(desk->log_fd, log, sizeof log - 1) > 0);
    assert_non_null(strstr(log, "The host name desk-host is taken."));
}

static void test_worker__second_one_on_a_spool_is_told_so(void **state)
{
    struct desk *desk = *state;
    struct wire_message message;
    desk_hire(desk, NULL);
    desk_welcome(desk, &message);
    desk->current = 1;
    desk_hire(desk, NULL);
    assert_int_equal(desk_wait(desk), 74);
    char log[4096] = {0};
    assert_true(fs_read_all(desk->log_fd, log, sizeof log - 1) > 0);
    assert_non_null(strstr(log, "another worker uses the spool"));
}

static void test_worker__ends_with_its_host_process(void **state)
{
    struct desk *desk = *state;
    struct wire_message message;
    char pid[24];
    pid_t host = fork();
    assert_true(host >= 0);
    if (host == 0) {
        pause();
        _exit(0);
    }
    snprintf(pid, sizeof pid, "%d", (int)host);
    desk_hire(desk, (const char *[]){"--die-with", pid, NULL});
    desk_welcome(desk, &message);
    desk_call_sleep(desk, 1, 3600, 0);
    desk_call_sleep(desk, 2, 0, 0);
    desk_expect(desk, WIRE_REPORT, &message);
    kill(host, SIGKILL);
    assert_int_equal(waitpid(host, NULL, 0), host);
    assert_int_equal(desk_wait(desk), 0);
}

static void test_worker__cut_off_ends_what_may_run_elsewhere(void **state)
{
    struct desk *desk = *state;
    struct wire_message message;
    desk->lease_ms = 2000;
    desk->renew_ms = 200;
    desk_hire(desk, NULL);
    desk_welcome(desk, &message);
    struct wire_value value = {.kind = WIRE_VALUE_INT, .integer = 3600};
    struct wire_command_body body = {.args = &value, .n_args = 1};
    uint8_t packed[64];
    size_t size = wire_command_body_size(&body);
    assert_true(size <= sizeof packed);
    wire_command_body_encode(&body, packed, size);
    struct wire_hand_out hand_outs[2];
    for (uint64_t i = 0; i < 2; i++)
        hand_outs[i] = (struct wire_hand_out){.pool = 1,
                                              .attempt = 1,
                                              .track_id = i + 1,
                                              .epoch = 1,
                                              .rerunnable = i == 0,
                                              .function = bytes_of_str("sleep"),
                                              .body = bytes_of(packed, size),
                                              .pool_name = bytes_of_str("p")};
    message = (struct wire_message){.type = WIRE_COMMANDS};
    message.as.commands.commands = hand_outs;
    message.as.commands.n_commands = 2;
    desk_send(desk, &message);
    /* It hears nothing from here on, gives up the socket and comes with another. */
    desk->is_mute = true;
    desk_expect(desk, WIRE_WORKER_HELLO, &message);
    desk->is_mute = false;
    assert_int_equal(message.as.worker_hello.n_attempts, 2);
    assert_int_equal(message.as.worker_hello.attempts[0].track_id, 2);
    assert_int_equal(message.as.worker_hello.attempts[0].phase, WIRE_PHASE_RUNNING);
    assert_int_equal(message.as.worker_hello.attempts[1].track_id, 1);
    assert_int_equal(message.as.worker_hello.attempts[1].phase, WIRE_PHASE_GONE);
}

static void send_echoes(struct desk *desk, uint32_t count)
{
    struct wire_value value = {.kind = WIRE_VALUE_STRING, .data = bytes_of_str("payload")};
    struct wire_command_body body = {.args = &value, .n_args = 1};
    struct wire_hand_out *hand_outs = calloc(count, sizeof *hand_outs);
    struct wire_message message = {.type = WIRE_COMMANDS};
    uint8_t packed[64];
    size_t size = wire_command_body_size(&body);
    assert_non_null(hand_outs);
    wire_command_body_encode(&body, packed, size);
    for (uint32_t i = 0; i < count; i++)
        hand_outs[i] = (struct wire_hand_out){.pool = 1,
                                              .attempt = 1,
                                              .track_id = i + 1,
                                              .epoch = 1,
                                              .function = bytes_of_str("echo"),
                                              .body = bytes_of(packed, size),
                                              .pool_name = bytes_of_str("p")};
    for (uint32_t i = 0; i < count; i += 1000) {
        message.as.commands.commands = hand_outs + i;
        message.as.commands.n_commands = count - i < 1000 ? count - i : 1000;
        desk_send(desk, &message);
    }
    free(hand_outs);
}

/* REPORTs until the records 1 … count have come, in order. */
static void expect_echoes(struct desk *desk, uint32_t count)
{
    struct wire_message message;
    for (uint64_t next = 1; next <= count;) {
        desk_expect(desk, WIRE_REPORT, &message);
        for (uint32_t i = 0; i < message.as.report.n_records; i++) {
            assert_int_equal(message.as.report.records[i].track_id, next++);
            assert_int_equal(message.as.report.records[i].state, STATE_OK);
        }
    }
}

static void test_worker__a_thousand_echoes_come_back_in_order(void **state)
{
    struct desk *desk = *state;
    struct wire_message message;
    desk_hire(desk, NULL);
    desk_welcome(desk, &message);
    send_echoes(desk, 1000);
    expect_echoes(desk, 1000);
}

static void test_worker__many_unacknowledged_records_make_a_hello_in_parts(void **state)
{
    enum { COUNT = WIRE_ATTEMPTS_MAX + 900 };
    struct desk *desk = *state;
    struct wire_message message;
    desk->renew_ms = 500;
    desk_hire(desk, NULL);
    desk_welcome(desk, &message);
    send_echoes(desk, COUNT);
    expect_echoes(desk, COUNT);
    desk_restart(desk);
    desk_expect(desk, WIRE_WORKER_HELLO, &message);
    assert_int_equal(message.as.worker_hello.part, 0);
    assert_true(message.as.worker_hello.more);
    assert_int_equal(message.as.worker_hello.n_attempts, WIRE_ATTEMPTS_MAX);
    desk_welcome(desk, &message);
    assert_int_equal(message.as.worker_hello.part, 1);
    assert_false(message.as.worker_hello.more);
    assert_int_equal(message.as.worker_hello.n_attempts, 900);
    expect_echoes(desk, COUNT);
}

static void test_worker__full_disk_gives_back_and_recovers(void **state)
{
    struct desk *desk = *state;
    struct wire_message message;
    struct wire_record_body body;
    struct rlimit all, none;
    desk->renew_ms = 200;
    desk_hire(desk, NULL);
    desk_welcome(desk, &message);
    desk_exec(desk, 1, "exit 0");
    struct wire_record_head head = desk_record(desk, &body);
    assert_int_equal(head.state, STATE_OK);
    assert_int_equal(prlimit(desk->workers[0], RLIMIT_FSIZE, NULL, &all), 0);
    none = (struct rlimit){.rlim_cur = 16, .rlim_max = all.rlim_max};
    assert_int_equal(prlimit(desk->workers[0], RLIMIT_FSIZE, &none, NULL), 0);
    /* The note that it starts cannot be written: it does not start. */
    desk_exec(desk, 2, "exit 0");
    while (desk->returned.size == 0 || desk->credit != 0)
        desk_renewal(desk);
    const struct wire_attempt *returned = (const void *)desk->returned.data;
    assert_int_equal(returned[0].track_id, 2);
    assert_int_equal(prlimit(desk->workers[0], RLIMIT_FSIZE, &all, NULL), 0);
    while (desk->credit == 0)
        desk_renewal(desk);
    desk_exec(desk, 3, "exit 0");
    assert_int_equal(desk_record(desk, &body).track_id, 3);
}

static void test_worker__file_and_command_line_agree(void **state)
{
    struct desk *desk = *state;
    struct wire_message hello;
    char path[96], text[] = "host = from-file\nlabel = role=db\nslots = 3\ntransient = true\n";
    snprintf(path, sizeof path, "%s/worker.conf", desk->dir);
    assert_int_equal(fs_write_file_atomic(path, text, strlen(text), 0600), 0);
    /* The desk gives --host and --slots itself: they win. */
    desk_hire(desk, (const char *[]){"--config", path, NULL});
    desk_welcome(desk, &hello);
    assert_true(bytes_equal_str(hello.as.worker_hello.host, "desk-host"));
    assert_int_equal(hello.as.worker_hello.slots, 2);
    assert_true(hello.as.worker_hello.transient);
    assert_int_equal(hello.as.worker_hello.n_labels, 1);
}

struct usage_case {
    const char *const args[4];
    const char *says;
};

static void test_worker__wrong_usage_is_explained(void **state)
{
    static const struct usage_case CASES[] = {
        {{"--slot", "3"}, "unknown option --slot, did you mean --slots?"},
        {{"--slots", "0"}, "--slots"},
        {{"--label", "db"}, "a label is KEY=VALUE, such as role=db"},
        {{"--host", "two words"}, "cannot be used: a host is 1 to"},
        {{"--workdir", "/nowhere/at/all"}, "--workdir /nowhere/at/all: No such file or directory"},
        {{"--broker", "udp://x"}, "udp://x"},
        {{"--config", "/nowhere.conf"}, "cannot read the configuration file /nowhere.conf"},
        {{"serve"}, "unexpected \"serve\": muster-worker takes options only"},
        {{"--die-with", "1073741823"}, "there is no such process"},
    };
    struct desk *desk = *state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char log[4096] = {0};
        desk_hire(desk, CASES[i].args);
        assert_int_equal(desk_wait(desk), 125);
        assert_true(fs_read_all(desk->log_fd, log, sizeof log - 1) > 0);
        if (!strstr(log, CASES[i].says))
            fail_msg("%s: %s", CASES[i].args[0], log);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_worker__says_who_it_is_and_what_it_offers),
        TEST(test_worker__runs_echo_inline),
        TEST(test_worker__runs_programs),
        TEST(test_worker__sleep_is_a_timer_that_can_be_stopped_or_time_out),
        TEST(test_worker__refuses_what_it_cannot_run_with_clear_words),
        TEST(test_worker__stop_of_a_waiting_command_is_reported_without_a_run),
        TEST(test_worker__killed_worker_reports_its_records_and_its_losses),
        TEST(test_worker__restarted_broker_is_greeted_and_told_what_runs),
        TEST(test_worker__drain_gives_back_ends_and_reports),
        TEST(test_worker__refusal_for_good_ends_it),
        TEST(test_worker__second_one_on_a_spool_is_told_so),
        TEST(test_worker__ends_with_its_host_process),
        TEST(test_worker__cut_off_ends_what_may_run_elsewhere),
        TEST(test_worker__a_thousand_echoes_come_back_in_order),
        TEST(test_worker__many_unacknowledged_records_make_a_hello_in_parts),
        TEST(test_worker__full_disk_gives_back_and_recovers),
        TEST(test_worker__file_and_command_line_agree),
        TEST(test_worker__wrong_usage_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
