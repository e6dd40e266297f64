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
#include "fixture.h"

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

static void test_pool__a_broker_too_busy_to_greet_is_asked_again(void **state)
{
    struct fixture *f = *state;
    fake_lock(f->fake);
    f->fake->busy_hellos = 2;
    fake_unlock(f->fake);
    muster_pool *pool = NULL;
    assert_int_equal(muster_pool_open(&pool, f->fake->uri, NULL), 0);
    fake_lock(f->fake);
    assert_int_equal(f->fake->hellos, 4); /* the fixture's own, two refused, one welcome */
    fake_unlock(f->fake);
    assert_int_equal(muster_pool_close(&pool), 0);
}

static void test_pool__after_long_silence_a_fresh_socket_is_opened(void **state)
{
    struct fixture *f = *state;
    int fd = muster_fd(f->pool);
    muster_command *command = echo(1);
    muster_future *future = NULL;
    fake_lock(f->fake);
    f->fake->silent = true;
    fake_unlock(f->fake);
    assert_int_equal(muster_start(f->pool, command, &future), 0);
    uint32_t routes = 1;
    while (routes == 1) { /* two connections: the old and the new one */
        struct pollfd item = {.fd = fd, .events = POLLIN};
        assert_true(poll(&item, 1, 60000) > 0);
        assert_int_equal(muster_process(f->pool), 0);
        fake_lock(f->fake);
        routes = f->fake->n_routes;
        fake_unlock(f->fake);
    }
    fake_lock(f->fake);
    assert_true(f->fake->pings >= 3);
    f->fake->silent = false;
    fake_unlock(f->fake);
    assert_int_equal(muster_future_wait(future, -1), 0);
    assert_int_equal(muster_future_track_id(future), 1); /* submitted once, whatever was repeated */
    assert_int_equal(f->fake->n_commands, 1);
    muster_future_free(future);
    muster_command_free(command);
}

static void test_pool__what_never_left_is_told_apart_from_what_is_unknown(void **state)
{
    struct fixture *f = *state;
    struct fake *other = fake_start();
    muster_options *options = muster_options_new();
    muster_options_set_request_timeout(options, 300);
    muster_pool *pool = NULL;
    assert_int_equal(muster_pool_open(&pool, other->uri, options), 0);
    fake_stop(other);
    muster_command *command = echo(1);
    int64_t rc;
    do /* the first may still meet the dying connection */
        rc = muster_submit(pool, command);
    while (rc == MUSTER_ETIMEDOUT);
    assert_int_equal(rc, MUSTER_EUNREACHABLE);
    assert_non_null(strstr(muster_error(pool)->text, "was not sent"));
    muster_command_free(command);
    muster_options_free(options);
    assert_int_equal(muster_pool_close(&pool), 0);
    assert_int_equal(submit_echo(f, 1), 1);
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
        TEST(test_pool__a_forgetful_broker_is_greeted_again),
        TEST(test_pool__a_restarted_broker_is_found_again),
        TEST(test_pool__a_broker_too_busy_to_greet_is_asked_again),
        TEST(test_pool__after_long_silence_a_fresh_socket_is_opened),
        TEST(test_pool__what_never_left_is_told_apart_from_what_is_unknown),
        TEST(test_pool__another_log_after_a_restart_is_an_error),
        TEST(test_pool__a_closed_handle_is_refused_not_touched),
        TEST(test_pool__a_forked_child_is_refused_and_the_parent_goes_on),
        TEST(test_pool__callbacks_may_call_all_but_close),
        TEST(test_pool__shutdown_ends_submitting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
