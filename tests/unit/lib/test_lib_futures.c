/* Futures and the descriptor for event loops, against a broker of the test's own. */
#include "tests/unit/cmocka_first.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/time.h"
#include "fake_broker.h"

struct fixture {
    struct fake *fake;
    muster_pool *pool;
    muster_command *command;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->fake = fake_start();
    assert_int_equal(muster_pool_open(&f->pool, f->fake->uri, NULL), 0);
    f->command = muster_command_call("echo");
    assert_int_equal(muster_command_arg_int(f->command, 42), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    muster_command_free(f->command);
    assert_int_equal(muster_pool_close(&f->pool), 0);
    fake_stop(f->fake);
    free(f);
    return 0;
}

static void hold(struct fixture *f, bool on)
{
    fake_lock(f->fake);
    f->fake->hold = on;
    fake_unlock(f->fake);
}

static muster_future *start(struct fixture *f)
{
    muster_future *future = NULL;
    assert_int_equal(muster_start(f->pool, f->command, &future), 0);
    assert_non_null(future);
    return future;
}

static void test_future__start_does_not_wait_and_wait_brings_the_record(void **state)
{
    struct fixture *f = *state;
    fake_lock(f->fake); /* the broker cannot answer while we hold this */
    muster_future *future = start(f);
    assert_int_equal(muster_future_track_id(future), 0);
    assert_null(muster_future_record(future));
    fake_unlock(f->fake);
    assert_int_equal(muster_future_wait(future, -1), 0);
    assert_int_equal(muster_future_track_id(future), 1);
    assert_int_equal(muster_value_int(muster_future_record(future)->result), 42);
    assert_int_equal(muster_future_wait(future, 0), 0);
    assert_string_equal(muster_future_record(future)->log_prefix, "fake/1: ");
    muster_future_free(future);
}

/* The fake broker can only end what it has accepted; how soon that is, the machine's load decides.
 */
static int64_t await_accepted(muster_future *future)
{
    while (muster_future_track_id(future) == 0)
        muster_future_wait(future, 10);
    assert_true(muster_future_track_id(future) > 0);
    return muster_future_track_id(future);
}

static void test_future__wait_times_out_and_goes_on(void **state)
{
    struct fixture *f = *state;
    hold(f, true);
    muster_future *future = start(f);
    assert_int_equal(muster_future_wait(future, 50), MUSTER_ETIMEDOUT);
    assert_int_equal(await_accepted(future), 1);
    fake_finish(f->fake, (int64_t[]){1}, 1);
    assert_int_equal(muster_future_wait(future, -1), 0);
    muster_future_free(future);
}

static void test_future__a_refused_one_is_done_and_says_why(void **state)
{
    struct fixture *f = *state;
    fake_lock(f->fake);
    f->fake->refuse_function = "nowhere";
    fake_unlock(f->fake);
    muster_future *futures[21];
    muster_command *bad = muster_command_call("nowhere");
    fake_lock(f->fake); /* all of them pile up, so that the bad one travels among good ones */
    for (int i = 0; i < 21; i++)
        assert_int_equal(muster_start(f->pool, i == 15 ? bad : f->command, &futures[i]), 0);
    fake_unlock(f->fake);
    for (int i = 0; i < 21; i++) {
        int rc = muster_future_wait(futures[i], -1);
        assert_int_equal(rc, i == 15 ? MUSTER_EUNKNOWNFUNCTION : 0);
        if (i == 15)
            assert_string_equal(muster_error(f->pool)->text, "the fake broker refuses");
        assert_int_equal(muster_future_error(futures[i]), rc);
        muster_future_free(futures[i]);
    }
    muster_command_free(bad);
}

static void test_future__wait_any_finds_the_first_that_ends(void **state)
{
    struct fixture *f = *state;
    hold(f, true);
    muster_future *futures[10];
    for (int i = 0; i < 10; i++)
        futures[i] = start(f);
    assert_int_equal(muster_wait_any(f->pool, futures, 10, 50), MUSTER_ETIMEDOUT);
    for (int i = 0; i < 10; i++)
        assert_int_equal(await_accepted(futures[i]), i + 1);
    fake_finish(f->fake, (int64_t[]){7}, 1);
    assert_int_equal(muster_wait_any(f->pool, futures, 10, -1), 6);
    muster_future_free(futures[6]);
    futures[6] = NULL;
    fake_finish(f->fake, (int64_t[]){3}, 1);
    assert_int_equal(muster_wait_any(f->pool, futures, 10, -1), 2);
    for (int i = 0; i < 10; i++)
        muster_future_free(futures[i]);
}

static int count_and_free(const muster_record *record, void *arg)
{
    muster_future **place = arg;
    if (record)
        assert_int_equal(muster_value_int(record->result), 42);
    muster_future_free(*place);
    *place = NULL;
    return 0;
}

enum { THOUSANDS = 5000 };

static void test_future__thousands_are_cheap(void **state)
{
    struct fixture *f = *state;
    muster_future **futures = calloc(THOUSANDS, sizeof *futures);
    int64_t *ids = calloc(THOUSANDS, sizeof *ids);
    hold(f, true);
    for (int i = 0; i < THOUSANDS; i++) {
        futures[i] = start(f);
        assert_int_equal(muster_future_then(futures[i], count_and_free, &futures[i]), 0);
        ids[i] = i + 1;
    }
    int done = 0;
    /* They end in bursts, the youngest first. */
    for (int end = THOUSANDS; end > 0; end -= 500) {
        while (f->fake->n_commands < THOUSANDS)
            muster_process(f->pool);
        fake_finish(f->fake, ids + end - 500, 500);
        for (int left = end - 500; done < THOUSANDS - left;) {
            struct pollfd item = {.fd = muster_fd(f->pool), .events = POLLIN};
            poll(&item, 1, muster_timeout_ms(f->pool));
            int n = muster_process(f->pool);
            assert_true(n >= 0);
            done += n;
        }
    }
    for (int i = 0; i < THOUSANDS; i++)
        assert_null(futures[i]);
    fake_lock(f->fake);
    /* Every future is named a bounded number of times, not once per future that ends. */
    assert_true(f->fake->wait_ids < 60u * THOUSANDS);
    assert_true(f->fake->submits < THOUSANDS / 2);
    fake_unlock(f->fake);
    free(futures);
    free(ids);
}

static void test_future__one_that_no_wait_covers_gets_its_own(void **state)
{
    struct fixture *f = *state;
    muster_future *futures[8];
    hold(f, true);
    for (int i = 0; i < 8; i++) { /* accepted one by one: each takes a WAIT while there are some */
        futures[i] = start(f);
        while (muster_future_track_id(futures[i]) == 0)
            muster_process(f->pool);
    }
    fake_finish(f->fake, (int64_t[]){8}, 1);
    assert_int_equal(muster_future_wait(futures[7], 60000), 0);
    fake_finish(f->fake, (int64_t[]){1, 2, 3, 4, 5, 6, 7}, 7);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(muster_future_wait(futures[i], -1), 0);
        muster_future_free(futures[i]);
    }
}

static void test_future__long_waits_leave_room_for_other_requests(void **state)
{
    struct fixture *f = *state;
    fake_lock(f->fake);
    f->fake->limits.reads_max = 1;
    fake_unlock(f->fake);
    muster_pool *pool = NULL;
    assert_int_equal(muster_pool_open(&pool, f->fake->uri, NULL), 0);
    hold(f, true);
    muster_future *futures[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(muster_start(pool, f->command, &futures[i]), 0);
    assert_int_equal(muster_future_wait(futures[0], 20), MUSTER_ETIMEDOUT);
    muster_time before = time_boot_ns();
    assert_int_equal(muster_queue_length(pool), 3);
    assert_true(time_boot_ns() - before < 20 * MUSTER_S);
    for (int i = 0; i < 3; i++)
        muster_future_free(futures[i]);
    assert_int_equal(muster_pool_close(&pool), 0);
}

static void test_future__callback_set_afterwards_is_called_too(void **state)
{
    struct fixture *f = *state;
    muster_future *future = start(f);
    assert_int_equal(muster_future_wait(future, -1), 0);
    assert_int_equal(muster_process(f->pool), 0);
    assert_int_equal(muster_future_then(future, count_and_free, &future), 0);
    struct pollfd item = {.fd = muster_fd(f->pool), .events = POLLIN};
    assert_int_equal(poll(&item, 1, 0), 1);
    assert_int_equal(muster_process(f->pool), 1);
    assert_null(future);
}

static void test_future__freed_in_flight_does_no_harm(void **state)
{
    struct fixture *f = *state;
    hold(f, true);
    muster_future *kept = NULL;
    for (int i = 0; i < 50; i++) {
        muster_future *future = start(f);
        if (i == 25)
            kept = future;
        else if (i % 3 == 0)
            muster_future_free(future);
        else {
            muster_future_wait(future, i % 3 == 1 ? 0 : 1);
            muster_future_free(future);
        }
    }
    assert_int_equal(muster_wait_all(f->pool, 0) < 1, 1);
    int64_t id = await_accepted(kept);
    fake_finish(f->fake, &id, 1);
    assert_int_equal(muster_future_wait(kept, -1), 0);
    muster_future_free(kept);
}

static void test_future__outlives_its_pool(void **state)
{
    struct fixture *f = *state;
    muster_future *done = start(f), *open = NULL;
    assert_int_equal(muster_future_wait(done, -1), 0);
    hold(f, true);
    open = start(f);
    assert_int_equal(muster_pool_close(&f->pool), 0);
    assert_int_equal(muster_value_int(muster_future_record(done)->result), 42);
    assert_int_equal(muster_future_wait(done, 0), 0);
    assert_int_equal(muster_future_wait(open, 0), MUSTER_ECLOSED);
    assert_int_equal(muster_future_then(open, count_and_free, NULL), MUSTER_ECLOSED);
    muster_future_free(done);
    muster_future_free(open);
}

/* ---- muster_wait ---------------------------------------------------------------------------- */

static int count_records(const muster_record *record, void *arg)
{
    int *n = arg;
    assert_non_null(record);
    return ++*n == 1000;
}

static void test_wait__calls_once_for_each_and_refuses_unknown_ones(void **state)
{
    struct fixture *f = *state;
    int64_t ids[600];
    for (int i = 0; i < 600; i++)
        ids[i] = 1 + i % 300; /* each twice */
    for (int i = 0; i < 300; i++)
        muster_submit(f->pool, f->command);
    int n = 0;
    assert_int_equal(muster_wait(f->pool, ids, 600, -1, 0, count_records, &n), 0);
    assert_int_equal(n, 600);
    ids[100] = 4000;
    n = 0;
    assert_int_equal(muster_wait(f->pool, ids, 600, -1, 0, count_records, &n),
                     MUSTER_EUNKNOWNCOMMAND);
    n = 999;
    assert_int_equal(muster_wait(f->pool, ids, 100, -1, 0, count_records, &n), MUSTER_ESTOPPED);
    hold(f, true);
    ids[0] = muster_submit(f->pool, f->command);
    assert_int_equal(muster_wait(f->pool, ids, 1, 30, 0, NULL, NULL), MUSTER_ETIMEDOUT);
}

/* ---- the descriptor ------------------------------------------------------------------------- */

static int readable(int fd)
{
    struct pollfd item = {.fd = fd, .events = POLLIN};
    return poll(&item, 1, 0);
}

static void test_fd__is_level_triggered(void **state)
{
    struct fixture *f = *state;
    int fd = muster_fd(f->pool);
    assert_true(fd >= 0);
    assert_int_equal(readable(fd), 0);
    muster_future *futures[3] = {start(f), start(f), start(f)};
    struct pollfd item = {.fd = fd, .events = POLLIN};
    int done = 0;
    while (done < 3) {
        assert_true(poll(&item, 1, 60000) > 0);
        /* Still readable, however often we look, and in an epoll set of the program's too. */
        assert_int_equal(readable(fd), 1);
        assert_int_equal(readable(fd), 1);
        int outer = epoll_create1(EPOLL_CLOEXEC);
        struct epoll_event event = {.events = EPOLLIN};
        assert_int_equal(epoll_ctl(outer, EPOLL_CTL_ADD, fd, &event), 0);
        assert_int_equal(epoll_wait(outer, &event, 1, 0), 1);
        close(outer);
        done += muster_process(f->pool);
    }
    for (int i = 0; i < 3; i++)
        muster_future_free(futures[i]);
}

static void test_fd__blocking_calls_in_between_lose_no_edge(void **state)
{
    struct fixture *f = *state;
    int fd = muster_fd(f->pool);
    for (int round = 0; round < 50; round++) {
        muster_future *future = start(f);
        /* This call receives the future's messages as well as its own. */
        assert_true(muster_submit(f->pool, f->command) > 0);
        int done = 0;
        while (done == 0) {
            struct pollfd item = {.fd = fd, .events = POLLIN};
            assert_true(poll(&item, 1, 60000) > 0);
            done = muster_process(f->pool);
        }
        assert_int_equal(done, 1);
        muster_future_free(future);
    }
}

static void test_fd__becomes_readable_for_time_alone(void **state)
{
    struct fixture *f = *state;
    int fd = muster_fd(f->pool);
    fake_lock(f->fake);
    f->fake->silent = true;
    fake_unlock(f->fake);
    muster_future *future = start(f);
    struct pollfd item = {.fd = fd, .events = POLLIN};
    int timeout = muster_timeout_ms(f->pool);
    assert_true(timeout >= 0 && timeout <= 2000);
    assert_true(poll(&item, 1, 60000) > 0); /* silence: a PING is due */
    assert_int_equal(muster_process(f->pool), 0);
    fake_lock(f->fake);
    f->fake->silent = false;
    fake_unlock(f->fake);
    assert_int_equal(muster_future_wait(future, -1), 0);
    muster_future_free(future);
}

static void test_fd__survives_a_restart_of_the_broker(void **state)
{
    struct fixture *f = *state;
    int fd = muster_fd(f->pool);
    hold(f, true);
    muster_future *future = start(f);
    while (muster_future_track_id(future) == 0)
        muster_process(f->pool);
    fake_restart(f->fake);
    fake_finish(f->fake, (int64_t[]){1}, 1);
    int done = 0;
    while (done == 0) {
        struct pollfd item = {.fd = fd, .events = POLLIN};
        assert_true(poll(&item, 1, 60000) > 0);
        done = muster_process(f->pool);
    }
    assert_int_equal(muster_fd(f->pool), fd);
    muster_future_free(future);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_future__start_does_not_wait_and_wait_brings_the_record),
        TEST(test_future__wait_times_out_and_goes_on),
        TEST(test_future__a_refused_one_is_done_and_says_why),
        TEST(test_future__wait_any_finds_the_first_that_ends),
        TEST(test_future__thousands_are_cheap),
        TEST(test_future__one_that_no_wait_covers_gets_its_own),
        TEST(test_future__long_waits_leave_room_for_other_requests),
        TEST(test_future__callback_set_afterwards_is_called_too),
        TEST(test_future__freed_in_flight_does_no_harm),
        TEST(test_future__outlives_its_pool),
        TEST(test_wait__calls_once_for_each_and_refuses_unknown_ones),
        TEST(test_fd__is_level_triggered),
        TEST(test_fd__blocking_calls_in_between_lose_no_edge),
        TEST(test_fd__becomes_readable_for_time_alone),
        TEST(test_fd__survives_a_restart_of_the_broker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
