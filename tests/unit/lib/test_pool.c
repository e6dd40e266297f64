/* The library against a broker of the test's own, which loses, refuses, forgets and lies. */
#include "tests/unit/cmocka_first.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/time.h"
#include "fake_broker.h"

struct fixture {
    struct fake *fake;
    muster_pool *pool;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->fake = fake_start();
    assert_int_equal(muster_pool_open(&f->pool, f->fake->uri, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(muster_pool_close(&f->pool), 0);
    fake_stop(f->fake);
    free(f);
    return 0;
}

static muster_command *echo(int64_t i)
{
    muster_command *command = muster_command_call("echo");
    assert_non_null(command);
    assert_int_equal(muster_command_arg_int(command, i), 0);
    return command;
}

static int64_t submit_echo(struct fixture *f, int64_t i)
{
    muster_command *command = echo(i);
    int64_t id = muster_submit(f->pool, command);
    muster_command_free(command);
    return id;
}

struct seen {
    int64_t pos[64];
    int64_t result[64];
    char error[64][32];
    int n;
    int stop_at; /* stop with the n-th, 0: never */
};

static int see(const muster_record *record, void *arg)
{
    struct seen *seen = arg;
    assert_true(seen->n < 64);
    seen->pos[seen->n] = record->pos;
    seen->result[seen->n] = muster_value_int(record->result);
    snprintf(seen->error[seen->n], sizeof seen->error[0], "%s",
             record->error_type ? record->error_type : "");
    seen->n++;
    return seen->n == seen->stop_at;
}

/* ---- opening -------------------------------------------------------------------------------- */

static void test_pool__open_knows_its_broker_and_its_name(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(muster_pool_broker(f->pool), f->fake->uri);
    assert_string_equal(muster_pool_name(f->pool), "private-1");
}

static void test_pool__unreachable_broker_is_told_within_the_stated_time(void **state)
{
    (void)state;
    muster_options *options = muster_options_new();
    muster_options_set_connect_timeout(options, 300);
    muster_pool *pool = NULL;
    muster_time before = time_boot_ns();
    int rc = muster_pool_open(&pool, "ipc:///tmp/muster-nobody-is-here/clients", options);
    assert_int_equal(rc, MUSTER_EUNREACHABLE);
    assert_null(pool);
    assert_true(time_boot_ns() - before >= 300 * MUSTER_MS);
    assert_int_equal(muster_error(NULL)->code, MUSTER_EUNREACHABLE);
    assert_non_null(strstr(muster_error(NULL)->text, "ipc:///tmp/muster-nobody-is-here/clients"));
    assert_non_null(strstr(muster_error(NULL)->text, "0.3 s"));
    assert_true(muster_error(NULL)->retryable);
    muster_options_free(options);
}

/* Answers everybody with a line of another protocol until it is told to stop. */
static void *serve_stranger(void *arg)
{
    int listener = *(int *)arg, peer;
    while ((peer = accept(listener, NULL, NULL)) >= 0) {
        static const char line[] = "HTTP/1.0 400 Bad Request\r\n\r\n";
        if (write(peer, line, sizeof line - 1) < 0) {
            close(peer);
            break;
        }
        close(peer);
    }
    return NULL;
}

static void test_pool__a_stranger_at_the_address_is_told_apart(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char uri[128];
    snprintf(address.sun_path, sizeof address.sun_path, "%s/stranger", f->fake->dir);
    snprintf(uri, sizeof uri, "ipc://%s", address.sun_path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 8), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, serve_stranger, &listener), 0);
    muster_options *options = muster_options_new();
    muster_options_set_connect_timeout(options, 1000);
    muster_pool *pool = NULL;
    assert_int_equal(muster_pool_open(&pool, uri, options), MUSTER_EUNREACHABLE);
    assert_non_null(strstr(muster_error(NULL)->text, "what answers there is no broker"));
    muster_options_free(options);
    shutdown(listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(listener);
}

static void test_pool__wrong_addresses_are_refused_at_once(void **state)
{
    (void)state;
    static const char *const wrong[] = {"http://x",    "tcp://host", "local:0", "local:x",
                                        "local:99999", "localhost",  "ipc://"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        muster_pool *pool = NULL;
        assert_int_equal(muster_pool_open(&pool, wrong[i], NULL), MUSTER_EINVAL);
        assert_true(strlen(muster_error(NULL)->text) > 10);
    }
}

static void test_pool__refused_hello_is_passed_on(void **state)
{
    struct fixture *f = *state;
    fake_lock(f->fake);
    f->fake->hello_refused = true;
    f->fake->refusal = REFUSAL_DENIED;
    fake_unlock(f->fake);
    muster_pool *other = NULL;
    assert_int_equal(muster_pool_open(&other, f->fake->uri, NULL), MUSTER_EDENIED);
    assert_string_equal(muster_error(NULL)->text, "the fake broker refuses");
}

/* ---- submitting ----------------------------------------------------------------------------- */

static void test_pool__submit_returns_increasing_track_ids(void **state)
{
    struct fixture *f = *state;
    for (int64_t i = 1; i <= 20; i++)
        assert_int_equal(submit_echo(f, i), i);
}

static void test_pool__lost_answer_neither_loses_nor_doubles_a_command(void **state)
{
    struct fixture *f = *state;
    fake_lock(f->fake);
    f->fake->drop_answers = 1;
    fake_unlock(f->fake);
    assert_int_equal(submit_echo(f, 5), 1);
    fake_lock(f->fake);
    assert_int_equal(f->fake->n_commands, 1);
    assert_true(f->fake->duplicates >= 1);
    fake_unlock(f->fake);
}

static void test_pool__busy_is_waited_for(void **state)
{
    struct fixture *f = *state;
    fake_lock(f->fake);
    f->fake->refuse_submits = 3;
    f->fake->refusal = REFUSAL_BUSY;
    f->fake->retry_after_ns = 20 * MUSTER_MS;
    fake_unlock(f->fake);
    assert_int_equal(submit_echo(f, 5), 1);
}

static void test_pool__refusals_come_back_with_text_and_limit(void **state)
{
    struct fixture *f = *state;
    fake_lock(f->fake);
    f->fake->refuse_submits = 1;
    f->fake->refusal = REFUSAL_QUEUE_FULL;
    fake_unlock(f->fake);
    assert_int_equal(submit_echo(f, 5), MUSTER_EQUEUEFULL);
    const muster_error_info *error = muster_error(f->pool);
    assert_int_equal(error->code, MUSTER_EQUEUEFULL);
    assert_string_equal(error->text, "the fake broker refuses");
    assert_true(error->retryable);
    assert_int_equal(error->limit, 77);
    assert_int_equal(submit_echo(f, 5), 1);
}

static void test_pool__too_large_a_command_is_refused_before_sending(void **state)
{
    struct fixture *f = *state;
    size_t size = 300 * 1024;
    char *large = calloc(1, size);
    muster_command *command = muster_command_call("echo");
    assert_int_equal(muster_command_arg_bytes(command, large, size), 0);
    assert_int_equal(muster_submit(f->pool, command), MUSTER_ETOOLARGE);
    assert_true(muster_error(f->pool)->limit > 0);
    assert_int_equal(f->fake->submits, 0);
    muster_command_free(command);
    free(large);
}

static void test_pool__first_error_of_a_setter_sticks(void **state)
{
    struct fixture *f = *state;
    muster_command *command = muster_command_call("echo");
    assert_int_equal(muster_command_set_priority(command, 1001), MUSTER_EINVAL);
    assert_int_equal(muster_command_set_priority(command, 1), 0);
    assert_int_equal(muster_submit(f->pool, command), MUSTER_EINVAL);
    assert_non_null(strstr(muster_error(f->pool)->text, "1001"));
    muster_command_free(command);
}

static void test_pool__backend_operations_get_the_url_and_may_be_run_again(void **state)
{
    struct fixture *f = *state;
    muster_options *options = muster_options_new();
    muster_options_set_url(options, "file:///store");
    muster_pool *pool;
    assert_int_equal(muster_pool_open(&pool, f->fake->uri, options), 0);
    muster_command *put = muster_command_call("put");
    muster_command *call = muster_command_call("echo");
    assert_int_equal(muster_submit(pool, put), 1);
    assert_int_equal(muster_submit(pool, call), 2);
    muster_command_set_idempotent(put, 0);
    assert_int_equal(muster_submit(pool, put), 3);
    fake_lock(f->fake);
    assert_non_null(
        memmem(f->fake->commands[0].body, f->fake->commands[0].body_size, "file:///store", 13));
    assert_true(f->fake->commands[0].rerunnable);
    assert_int_equal(f->fake->commands[0].max_attempts, 5);
    assert_null(
        memmem(f->fake->commands[1].body, f->fake->commands[1].body_size, "file:///store", 13));
    assert_false(f->fake->commands[1].rerunnable);
    assert_int_equal(f->fake->commands[1].max_attempts, 0);
    assert_false(f->fake->commands[2].rerunnable);
    fake_unlock(f->fake);
    muster_command_free(put);
    muster_command_free(call);
    muster_options_free(options);
    muster_pool_close(&pool);
}

static void test_pool__request_timeout_says_that_the_outcome_is_unknown(void **state)
{
    struct fixture *f = *state;
    muster_options *options = muster_options_new();
    muster_options_set_request_timeout(options, 200);
    muster_pool *pool;
    assert_int_equal(muster_pool_open(&pool, f->fake->uri, options), 0);
    fake_lock(f->fake);
    f->fake->silent = true;
    fake_unlock(f->fake);
    muster_command *command = echo(1);
    assert_int_equal(muster_submit(pool, command), MUSTER_ETIMEDOUT);
    assert_non_null(strstr(muster_error(pool)->text, "unknown"));
    fake_lock(f->fake);
    f->fake->silent = false;
    fake_unlock(f->fake);
    assert_int_equal(muster_submit(pool, command), 2);
    muster_command_free(command);
    muster_options_free(options);
    muster_pool_close(&pool);
}

/* ---- many ----------------------------------------------------------------------------------- */

enum { MANY = 5000 };

static void test_pool__many_are_packed_and_keep_their_order(void **state)
{
    struct fixture *f = *state;
    const muster_command **commands = calloc(MANY, sizeof *commands);
    int64_t *ids = calloc(MANY, sizeof *ids);
    muster_command *one = echo(1);
    for (int i = 0; i < MANY; i++)
        commands[i] = one;
    assert_int_equal(muster_submit_many(f->pool, commands, MANY, ids), MANY);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(ids[i], i + 1);
    fake_lock(f->fake);
    assert_int_equal(f->fake->submits, MANY / 100);
    fake_unlock(f->fake);
    muster_command_free(one);
    free(commands);
    free(ids);
}

static void test_pool__many_stop_at_the_first_refused_and_tell_which(void **state)
{
    struct fixture *f = *state;
    fake_lock(f->fake);
    f->fake->refuse_function = "nowhere";
    fake_unlock(f->fake);
    const muster_command *commands[250];
    int64_t ids[250];
    muster_command *good = echo(1), *bad = muster_command_call("nowhere");
    for (int i = 0; i < 250; i++)
        commands[i] = i == 130 ? bad : good;
    int64_t accepted = muster_submit_many(f->pool, commands, 250, ids);
    int64_t count = 0;
    for (int i = 0; i < 250; i++)
        count += ids[i] > 0;
    assert_int_equal(accepted, count);
    assert_true(accepted >= 130);
    for (int i = 0; i < 130; i++)
        assert_true(ids[i] > 0);
    assert_int_equal(ids[130], MUSTER_EUNKNOWNFUNCTION);
    for (int i = 131; i < 200; i++)
        assert_int_equal(ids[i], 0);
    assert_int_equal(muster_error(f->pool)->code, MUSTER_EUNKNOWNFUNCTION);
    /* Alone it is an error of the call. */
    assert_int_equal(muster_submit_many(f->pool, commands + 130, 1, ids), MUSTER_EUNKNOWNFUNCTION);
    muster_command_free(good);
    muster_command_free(bad);
}

static void test_pool__many_with_request_ids_travel_alone(void **state)
{
    struct fixture *f = *state;
    const muster_command *commands[4];
    int64_t ids[4];
    muster_command *plain = echo(1), *named = echo(2);
    muster_command_set_request_id(named, "once");
    commands[0] = commands[2] = commands[3] = plain;
    commands[1] = named;
    assert_int_equal(muster_submit_many(f->pool, commands, 4, ids), 4);
    fake_lock(f->fake);
    assert_int_equal(f->fake->submits, 3);
    fake_unlock(f->fake);
    muster_command_free(plain);
    muster_command_free(named);
}

/* ---- throttled ------------------------------------------------------------------------------ */

static void test_pool__throttled_waits_and_records_the_delay(void **state)
{
    struct fixture *f = *state;
    muster_command *command = echo(1);
    fake_lock(f->fake);
    f->fake->room = false;
    fake_unlock(f->fake);
    assert_int_equal(muster_submit_throttled(f->pool, command, 1, 100), MUSTER_ETIMEDOUT);
    assert_int_equal(f->fake->submits, 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    fake_lock(f->fake);
    f->fake->room = true;
    fake_unlock(f->fake);
    assert_int_equal(muster_submit_throttled(f->pool, command, 1, -1), 1);
    struct seen seen = {.n = 0};
    assert_int_equal(muster_results_since_last_call(f->pool, MUSTER_SINCE_LAST, see, &seen), 1);
    fake_lock(f->fake);
    assert_true(f->fake->commands[0].throttled_ns > 0);
    fake_unlock(f->fake);
    muster_command_free(command);
}

/* ---- the broker goes and comes -------------------------------------------------------------- */

static void test_pool__a_forgetful_broker_is_greeted_again(void **state)
{
    struct fixture *f = *state;
    fake_lock(f->fake);
    f->fake->forget = true;
    fake_unlock(f->fake);
    assert_int_equal(submit_echo(f, 1), 1);
    fake_lock(f->fake);
    assert_int_equal(f->fake->hellos, 2);
    fake_unlock(f->fake);
}

static void test_pool__a_restarted_broker_is_found_again(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(submit_echo(f, 1), 1);
    fake_restart(f->fake);
    assert_int_equal(submit_echo(f, 2), 2);
    struct seen seen = {.n = 0};
    assert_int_equal(muster_results_since_last_call(f->pool, MUSTER_SINCE_LAST, see, &seen), 2);
}

static void test_pool__another_log_after_a_restart_is_an_error(void **state)
{
    struct fixture *f = *state;
    submit_echo(f, 1);
    fake_lock(f->fake);
    f->fake->log_id = 100;
    f->fake->forget = true;
    fake_unlock(f->fake);
    assert_int_equal(submit_echo(f, 2), MUSTER_ELOGMISMATCH);
    struct seen seen = {.n = 0};
    assert_int_equal(muster_results_since_last_call(f->pool, MUSTER_SINCE_LAST, see, &seen),
                     MUSTER_ELOGMISMATCH);
    assert_non_null(strstr(muster_error(f->pool)->text, "open it again"));
}

/* ---- handles -------------------------------------------------------------------------------- */

static void test_pool__a_closed_handle_is_refused_not_touched(void **state)
{
    struct fixture *f = *state;
    muster_pool *pool = NULL, *stale;
    muster_command *command = echo(1);
    muster_future *future = NULL;
    muster_consumer *consumer = NULL;
    muster_stats stats;
    assert_int_equal(muster_pool_open(&pool, f->fake->uri, NULL), 0);
    fake_lock(f->fake);
    f->fake->hold = true;
    fake_unlock(f->fake);
    assert_int_equal(muster_start(pool, command, &future), 0);
    assert_int_equal(muster_consumer_open(pool, "c", &consumer), 0);
    stale = pool;
    assert_int_equal(muster_pool_close(&pool), 0);
    assert_null(pool);
    assert_int_equal(muster_pool_close(&pool), 0);
    for (int i = 0; i < 2; i++) {
        muster_pool *p = i ? stale : NULL;
        assert_int_equal(muster_submit(p, command), MUSTER_EINVAL);
        assert_int_equal(muster_queue_length(p), MUSTER_EINVAL);
        assert_int_equal(muster_get_stats(p, MUSTER_ALL, &stats), MUSTER_EINVAL);
        assert_int_equal(muster_results_since_last_call(p, -1, see, NULL), MUSTER_EINVAL);
        assert_int_equal(muster_shutdown(p, 0), MUSTER_EINVAL);
        assert_int_equal(muster_fd(p), MUSTER_EINVAL);
        assert_int_equal(muster_process(p), MUSTER_EINVAL);
        assert_int_equal(muster_timeout_ms(p), MUSTER_EINVAL);
        assert_int_equal(muster_cancel(p, 1, NULL), MUSTER_EINVAL);
        assert_int_equal(muster_wait_all(p, 0), MUSTER_EINVAL);
        assert_int_equal(muster_start(p, command, &future), MUSTER_EINVAL);
        assert_string_equal(muster_pool_name(p), "");
        assert_non_null(muster_error(p));
    }
    assert_int_equal(muster_pool_close(&stale), MUSTER_EINVAL);
    /* What outlives its pool says so, and is still the program's to free. */
    const muster_record *record;
    assert_int_equal(muster_future_wait(future, 0), MUSTER_ECLOSED);
    assert_null(muster_future_record(future));
    assert_int_equal(muster_consumer_next(consumer, &record, 0), MUSTER_ECLOSED);
    muster_future_free(future);
    muster_consumer_close(consumer);
    muster_command_free(command);
}

static void test_pool__a_forked_child_is_refused_and_the_parent_goes_on(void **state)
{
    struct fixture *f = *state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int bad = 0;
        bad += submit_echo(f, 1) != MUSTER_EFORKED;
        bad += muster_fd(f->pool) != MUSTER_EFORKED;
        bad += muster_pool_close(&f->pool) != MUSTER_EFORKED;
        bad += f->pool != NULL;
        /* A pool of its own works. */
        muster_pool *own = NULL;
        bad += muster_pool_open(&own, f->fake->uri, NULL) != 0;
        bad += muster_pool_close(&own) != 0;
        _exit(bad);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(submit_echo(f, 1), 1);
}

static int close_inside(const muster_record *record, void *arg)
{
    struct fixture *f = arg;
    (void)record;
    assert_int_equal(muster_pool_close(&f->pool), MUSTER_EINVAL);
    /* Everything else may be called. */
    assert_int_equal(submit_echo(f, 7), 2);
    assert_int_equal(muster_results_since_last_call(f->pool, -1, see, NULL), MUSTER_EINVAL);
    return 1;
}

static void test_pool__callbacks_may_call_all_but_close(void **state)
{
    struct fixture *f = *state;
    submit_echo(f, 1);
    assert_int_equal(muster_results_since_last_call(f->pool, -1, close_inside, f), 1);
    assert_non_null(f->pool);
}

static void test_pool__shutdown_ends_submitting(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(muster_shutdown(f->pool, MUSTER_WAIT), 0);
    assert_int_equal(muster_shutdown(f->pool, MUSTER_WAIT), 0);
    assert_int_equal(submit_echo(f, 1), MUSTER_ESHUTTINGDOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_pool__open_knows_its_broker_and_its_name),
        TEST(test_pool__unreachable_broker_is_told_within_the_stated_time),
        TEST(test_pool__a_stranger_at_the_address_is_told_apart),
        TEST(test_pool__wrong_addresses_are_refused_at_once),
        TEST(test_pool__refused_hello_is_passed_on),
        TEST(test_pool__submit_returns_increasing_track_ids),
        TEST(test_pool__lost_answer_neither_loses_nor_doubles_a_command),
        TEST(test_pool__busy_is_waited_for),
        TEST(test_pool__refusals_come_back_with_text_and_limit),
        TEST(test_pool__too_large_a_command_is_refused_before_sending),
        TEST(test_pool__first_error_of_a_setter_sticks),
        TEST(test_pool__backend_operations_get_the_url_and_may_be_run_again),
        TEST(test_pool__request_timeout_says_that_the_outcome_is_unknown),
        TEST(test_pool__many_are_packed_and_keep_their_order),
        TEST(test_pool__many_stop_at_the_first_refused_and_tell_which),
        TEST(test_pool__many_with_request_ids_travel_alone),
        TEST(test_pool__throttled_waits_and_records_the_delay),
        TEST(test_pool__a_forgetful_broker_is_greeted_again),
        TEST(test_pool__a_restarted_broker_is_found_again),
        TEST(test_pool__another_log_after_a_restart_is_an_error),
        TEST(test_pool__a_closed_handle_is_refused_not_touched),
        TEST(test_pool__a_forked_child_is_refused_and_the_parent_goes_on),
        TEST(test_pool__callbacks_may_call_all_but_close),
        TEST(test_pool__shutdown_ends_submitting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
