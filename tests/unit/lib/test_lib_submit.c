/* Submitting against a broker of the test's own: one, many, throttled (S1, S2, S13). */
#include "tests/unit/cmocka_first.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "fake_broker.h"
#include "fixture.h"
#include "proto/wire.h"

/* ---- submitting ----------------------------------------------------------------------------- */

static void test_submit__submit_returns_increasing_track_ids(void **state)
{
    struct fixture *f = *state;
    for (int64_t i = 1; i <= 20; i++)
        assert_int_equal(submit_echo(f, i), i);
}

static void test_submit__lost_answer_neither_loses_nor_doubles_a_command(void **state)
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

static void test_submit__busy_is_waited_for(void **state)
{
    struct fixture *f = *state;
    fake_lock(f->fake);
    f->fake->refuse_submits = 3;
    f->fake->refusal = REFUSAL_BUSY;
    f->fake->retry_after_ns = 20 * MUSTER_MS;
    fake_unlock(f->fake);
    assert_int_equal(submit_echo(f, 5), 1);
}

static void test_submit__refusals_come_back_with_text_and_limit(void **state)
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

static void test_submit__too_large_a_command_is_refused_before_sending(void **state)
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

static void test_submit__first_error_of_a_setter_sticks(void **state)
{
    struct fixture *f = *state;
    muster_command *command = muster_command_call("echo");
    assert_int_equal(muster_command_set_priority(command, 1001), MUSTER_EINVAL);
    assert_int_equal(muster_command_set_priority(command, 1), 0);
    assert_int_equal(muster_submit(f->pool, command), MUSTER_EINVAL);
    assert_non_null(strstr(muster_error(f->pool)->text, "1001"));
    muster_command_free(command);
}

static void test_submit__backend_operations_get_the_url_and_may_be_run_again(void **state)
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

static void test_submit__request_timeout_says_that_the_outcome_is_unknown(void **state)
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

static void test_submit__many_are_packed_and_keep_their_order(void **state)
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

static void test_submit__many_stop_at_the_first_refused_and_tell_which(void **state)
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

static void test_submit__many_with_request_ids_travel_alone(void **state)
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

static void test_submit__throttled_waits_and_records_the_delay(void **state)
{
    struct fixture *f = *state;
    muster_command *command = echo(1);
    fake_lock(f->fake);
    f->fake->room = false;
    fake_unlock(f->fake);
    assert_int_equal(muster_submit_throttled(f->pool, command, 1, 100), MUSTER_ETIMEDOUT);
    assert_int_equal(f->fake->submits, 0);
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

/* ---- what the broker does not take ---------------------------------------------------------- */

static void test_submit__limits_of_the_broker_are_kept_before_sending(void **state)
{
    struct fixture *f = *state;
    fake_lock(f->fake);
    f->fake->limits.message_max = 4096;
    fake_unlock(f->fake);
    muster_pool *pool = NULL;
    assert_int_equal(muster_pool_open(&pool, f->fake->uri, NULL), 0);
    char large[5000] = "";
    muster_command *command = muster_command_call("echo");
    muster_command_arg_bytes(command, large, sizeof large);
    assert_int_equal(muster_submit(pool, command), MUSTER_ETOOLARGE);
    assert_int_equal(muster_error(pool)->limit, 4096 - WIRE_ENVELOPE_MAX);
    assert_int_equal(f->fake->submits, 0);
    muster_command_free(command);
    assert_int_equal(muster_pool_close(&pool), 0);
}

static void test_submit__what_the_wire_forbids_is_refused_before_sending(void **state)
{
    struct fixture *f = *state;
    muster_command *command = echo(1);
    assert_int_equal(muster_command_set_selector(command, "\xff\xfe"), 0);
    assert_int_equal(muster_submit(f->pool, command), MUSTER_EINVAL);
    assert_non_null(strstr(muster_error(f->pool)->text, "selector"));
    muster_future *future = NULL;
    assert_int_equal(muster_start(f->pool, command, &future), 0);
    assert_int_equal(muster_future_wait(future, -1), MUSTER_EINVAL);
    muster_future_free(future);
    assert_int_equal(f->fake->submits, 0);
    muster_command_free(command);
}

static void test_submit__a_bad_one_among_many_stops_them(void **state)
{
    struct fixture *f = *state;
    const muster_command *commands[10];
    int64_t ids[10];
    muster_command *good = echo(1), *bad = echo(2), *each = echo(3);
    muster_command_set_priority(bad, 5000);
    muster_command_set_each(each, 1);
    for (int i = 0; i < 10; i++)
        commands[i] = good;
    commands[4] = bad;
    assert_int_equal(muster_submit_many(f->pool, commands, 10, ids), 4);
    assert_int_equal(ids[4], MUSTER_EINVAL);
    assert_int_equal(ids[5], 0);
    assert_non_null(strstr(muster_error(f->pool)->text, "5000"));
    commands[0] = each;
    assert_int_equal(muster_submit_many(f->pool, commands, 10, ids), MUSTER_EINVAL);
    assert_int_equal(muster_submit_many(f->pool, NULL, 10, ids), MUSTER_EINVAL);
    assert_int_equal(muster_submit_many(f->pool, commands, 0, ids), 0);
    assert_int_equal(muster_submit(f->pool, each), MUSTER_EINVAL);
    assert_int_equal(muster_submit_batch(f->pool, good, NULL, NULL), MUSTER_EINVAL);
    assert_int_equal(muster_submit(f->pool, NULL), MUSTER_EINVAL);
    muster_command_free(good);
    muster_command_free(bad);
    muster_command_free(each);
}

static void test_submit__a_full_queue_refuses_all_of_a_message(void **state)
{
    struct fixture *f = *state;
    const muster_command *commands[10];
    int64_t ids[10];
    muster_command *good = echo(1);
    for (int i = 0; i < 10; i++)
        commands[i] = good;
    fake_lock(f->fake);
    f->fake->refuse_submits = 2;
    f->fake->refusal = REFUSAL_QUEUE_FULL;
    fake_unlock(f->fake);
    assert_int_equal(muster_submit_many(f->pool, commands, 10, ids), MUSTER_EQUEUEFULL);
    for (int i = 0; i < 10; i++)
        assert_int_equal(ids[i], MUSTER_EQUEUEFULL);
    muster_future *future = NULL;
    assert_int_equal(muster_start(f->pool, good, &future), 0);
    assert_int_equal(muster_future_wait(future, -1), MUSTER_EQUEUEFULL);
    muster_future_free(future);
    assert_int_equal(muster_submit_many(f->pool, commands, 10, ids), 10);
    muster_command_free(good);
}

static void test_submit__throttled_arguments_are_checked(void **state)
{
    struct fixture *f = *state;
    muster_command *command = echo(1);
    assert_int_equal(muster_submit_throttled(f->pool, command, -1, 0), MUSTER_EINVAL);
    assert_int_equal(muster_submit_throttled(f->pool, command, 1, -2), MUSTER_EINVAL);
    assert_int_equal(muster_submit_throttled(f->pool, NULL, 1, 0), MUSTER_EINVAL);
    assert_int_equal(muster_shutdown(f->pool, 0), 0);
    assert_int_equal(muster_submit_throttled(f->pool, command, 1, 0), MUSTER_ESHUTTINGDOWN);
    muster_command_free(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_submit__submit_returns_increasing_track_ids),
        TEST(test_submit__lost_answer_neither_loses_nor_doubles_a_command),
        TEST(test_submit__busy_is_waited_for),
        TEST(test_submit__refusals_come_back_with_text_and_limit),
        TEST(test_submit__too_large_a_command_is_refused_before_sending),
        TEST(test_submit__first_error_of_a_setter_sticks),
        TEST(test_submit__backend_operations_get_the_url_and_may_be_run_again),
        TEST(test_submit__request_timeout_says_that_the_outcome_is_unknown),
        TEST(test_submit__many_are_packed_and_keep_their_order),
        TEST(test_submit__many_stop_at_the_first_refused_and_tell_which),
        TEST(test_submit__many_with_request_ids_travel_alone),
        TEST(test_submit__throttled_waits_and_records_the_delay),
        TEST(test_submit__limits_of_the_broker_are_kept_before_sending),
        TEST(test_submit__what_the_wire_forbids_is_refused_before_sending),
        TEST(test_submit__a_bad_one_among_many_stops_them),
        TEST(test_submit__a_full_queue_refuses_all_of_a_message),
        TEST(test_submit__throttled_arguments_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
