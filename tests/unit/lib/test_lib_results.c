/* Reading (S7, S8): results and durable consumers, against a broker of the test's own. */
#include "tests/unit/cmocka_first.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "fake_broker.h"
#include "fixture.h"

/* ---- results -------------------------------------------------------------------------------- */

static void test_results__results_come_once_and_in_order(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 10; i++)
        submit_echo(f, 100 + i);
    struct seen seen = {.n = 0};
    assert_int_equal(muster_results_since_last_call(f->pool, MUSTER_SINCE_LAST, see, &seen), 10);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(seen.pos[i], i + 1);
        assert_int_equal(seen.result[i], 100 + i);
    }
    assert_int_equal(muster_results_since_last_call(f->pool, MUSTER_SINCE_LAST, see, &seen), 0);
}

static void test_results__leaving_the_loop_early_loses_and_repeats_nothing(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 10; i++)
        submit_echo(f, i);
    struct seen seen = {.n = 0, .stop_at = 3};
    assert_int_equal(muster_results_since_last_call(f->pool, MUSTER_SINCE_LAST, see, &seen), 3);
    assert_int_equal(muster_results_since_last_call(f->pool, MUSTER_SINCE_LAST, see, &seen), 7);
    for (int i = 0; i < 10; i++)
        assert_int_equal(seen.pos[i], i + 1);
    seen.n = 0;
    seen.stop_at = 0;
    assert_int_equal(muster_results_since_last_call(f->pool, 8, see, &seen), 2);
    assert_int_equal(seen.pos[0], 9);
}

static void test_results__an_undecodable_record_is_told_and_passed(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 10; i++)
        submit_echo(f, i);
    fake_lock(f->fake);
    f->fake->bad_pos = 4;
    fake_unlock(f->fake);
    struct seen seen = {.n = 0};
    assert_int_equal(muster_results_since_last_call(f->pool, MUSTER_SINCE_LAST, see, &seen), 10);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(seen.pos[i], i + 1);
        assert_string_equal(seen.error[i], i == 3 ? "muster.undecodable" : "");
    }
    assert_int_equal(submit_echo(f, 1), 11);
}

static void test_results__rubbish_instead_of_records_is_an_error_not_a_record(void **state)
{
    struct fixture *f = *state;
    submit_echo(f, 1);
    fake_lock(f->fake);
    f->fake->wrong_type = true;
    fake_unlock(f->fake);
    struct seen seen = {.n = 0};
    int64_t rc = muster_results_since_last_call(f->pool, MUSTER_SINCE_LAST, see, &seen);
    fake_lock(f->fake);
    f->fake->wrong_type = false;
    fake_unlock(f->fake);
    assert_true(rc == MUSTER_EBADANSWER || seen.n == 1);
    assert_true(muster_results_since_last_call(f->pool, 0, see, &seen) == 1);
}

static void test_results__beyond_the_head_is_an_error_never_empty(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {.n = 0};
    assert_int_equal(muster_results_since_last_call(f->pool, 5, see, &seen), MUSTER_ELOGMISMATCH);
    submit_echo(f, 1);
    assert_int_equal(muster_results_since_last_call(f->pool, MUSTER_SINCE_LAST, see, &seen), 1);
    assert_int_equal(muster_results_since_last_call(f->pool, -2, see, &seen), MUSTER_EINVAL);
}

static void test_results__reading_waits_for_the_first_record(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {.n = 0};
    int64_t next = -1;
    assert_int_equal(muster_results_read(f->pool, 0, 10, 50, 0, see, &seen, &next), 0);
    assert_int_equal(next, 0);
    submit_echo(f, 1);
    submit_echo(f, 2);
    assert_int_equal(muster_results_read(f->pool, 0, 1, 1000, 0, see, &seen, &next), 1);
    assert_int_equal(next, 1);
}

/* ---- consumers ------------------------------------------------------------------------------ */

static void test_results__a_consumer_gets_again_what_it_did_not_acknowledge(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 5; i++)
        submit_echo(f, i);
    muster_consumer *consumer;
    const muster_record *record;
    assert_int_equal(muster_consumer_open(f->pool, "mail", &consumer), 0);
    for (int i = 1; i <= 4; i++) {
        assert_int_equal(muster_consumer_next(consumer, &record, 1000), 1);
        assert_int_equal(record->pos, i);
    }
    assert_int_equal(muster_consumer_ack(consumer, 5), MUSTER_EINVAL);
    assert_int_equal(muster_consumer_ack(consumer, 2), 0);
    muster_consumer_close(consumer);
    fake_lock(f->fake);
    f->fake->bad_pos = 4;
    fake_unlock(f->fake);
    assert_int_equal(muster_consumer_open(f->pool, "mail", &consumer), 0);
    for (int i = 3; i <= 5; i++) {
        assert_int_equal(muster_consumer_next(consumer, &record, 1000), 1);
        assert_int_equal(record->pos, i);
        assert_int_equal(record->error_type != NULL, i == 4);
    }
    assert_int_equal(muster_consumer_next(consumer, &record, 20), 0);
    muster_consumer_close(consumer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_results__results_come_once_and_in_order),
        TEST(test_results__leaving_the_loop_early_loses_and_repeats_nothing),
        TEST(test_results__an_undecodable_record_is_told_and_passed),
        TEST(test_results__rubbish_instead_of_records_is_an_error_not_a_record),
        TEST(test_results__beyond_the_head_is_an_error_never_empty),
        TEST(test_results__reading_waits_for_the_first_record),
        TEST(test_results__a_consumer_gets_again_what_it_did_not_acknowledge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
