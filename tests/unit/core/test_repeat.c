/* A submit that was seen before (S2). */
#include "tests/unit/core/scene.h"

static struct scene *with_client(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "work");
    turn(s);
    return s;
}

static void assert_submitted(struct scene *s, size_t n, uint64_t first, uint32_t count,
                             bool duplicate)
{
    const struct send *send = sent(s, SEND_SUBMITTED, 1, n);
    assert_non_null(send);
    assert_int_equal(send->as.submitted.first, first);
    assert_int_equal(send->as.submitted.count, count);
    assert_int_equal(send->as.submitted.duplicate, duplicate);
}

/* S2, L6: one request, one command. */
static void test_repeat__the_same_sequence_gets_the_same_ids(void **state)
{
    struct scene *s = with_client(state);
    submit(s, 1, 1, 0);
    submit(s, 1, 1, 0);
    assert_submitted(s, 1, 1, 1, true);
    turn(s);
    submit(s, 1, 1, 0);
    assert_submitted(s, 0, 1, 1, true);
    turn(s);
    assert_int_equal(vault_live(s->vault), 1);
}

static void test_repeat__after_a_restart_too(void **state)
{
    struct scene *s = with_client(state);
    struct submission three[3] = {{0}, {0}, {0}};
    submit(s, 1, 1, 0);
    submit_all(s, 1, 2, 0, three, 3);
    turn(s);
    restart(s);
    hello(s, 2, 11, "work");
    submit(s, 2, 1, 0);
    submit_all(s, 2, 2, 0, three, 3);
    assert_int_equal(sent(s, SEND_SUBMITTED, 2, 0)->as.submitted.first, 1);
    assert_true(sent(s, SEND_SUBMITTED, 2, 0)->as.submitted.duplicate);
    assert_int_equal(sent(s, SEND_SUBMITTED, 2, 1)->as.submitted.first, 2);
    assert_int_equal(sent(s, SEND_SUBMITTED, 2, 1)->as.submitted.count, 3);
    turn(s);
    assert_int_equal(vault_live(s->vault), 4);
}

/* S2: a command that became final while its answer was under way leaves its answer behind. */
static void test_repeat__after_its_command_is_final_and_a_restart(void **state)
{
    struct scene *s = with_client(state);
    worker(s, 101, "web1", 1);
    submit(s, 1, 1, 0);
    turn(s);
    report_ok(s, 101, 1, 1);
    turn(s);
    assert_int_equal(vault_requests(s->vault), 1);
    restart(s);
    hello(s, 1, 11, "work");
    submit(s, 1, 1, 0);
    assert_submitted(s, 0, 1, 1, true);
    submit(s, 1, 2, 1);
    turn(s);
    assert_int_equal(vault_requests(s->vault), 0);
    restart(s);
}

/* A single command whose answer was seen costs no row of its own. */
static void test_repeat__a_confirmed_answer_is_not_stored(void **state)
{
    struct scene *s = with_client(state);
    worker(s, 101, "web1", 4);
    submit(s, 1, 1, 0);
    turn(s);
    submit(s, 1, 2, 1);
    report_ok(s, 101, 1, 1);
    turn(s);
    assert_int_equal(vault_requests(s->vault), 0);
    restart(s);
}

/* The confirmation may come in the turn of the record, behind it. */
static void test_repeat__a_confirmation_in_the_same_turn_is_in_time(void **state)
{
    struct scene *s = with_client(state);
    worker(s, 101, "web1", 4);
    submit(s, 1, 1, 0);
    turn(s);
    report_ok(s, 101, 1, 1);
    submit(s, 1, 2, 1);
    turn(s);
    assert_int_equal(vault_requests(s->vault), 0);
}

static void test_repeat__a_confirmed_sequence_is_a_bad_request(void **state)
{
    struct scene *s = with_client(state);
    submit(s, 1, 1, 0);
    submit(s, 1, 2, 1);
    submit(s, 1, 1, 0);
    assert_refused(s, REFUSAL_BAD_REQUEST, "confirmed");
    turn(s);
}

static void test_repeat__sequences_may_come_out_of_order(void **state)
{
    struct scene *s = with_client(state);
    submit(s, 1, 3, 0);
    submit(s, 1, 1, 0);
    submit(s, 1, 3, 0);
    assert_submitted(s, 1, 2, 1, false);
    assert_submitted(s, 2, 1, 1, true);
    turn(s);
    restart(s);
}

/* S13: BUSY beyond the window. */
static void test_repeat__too_far_ahead_is_busy(void **state)
{
    struct scene *s = with_client(state);
    submit(s, 1, 64, 0);
    submit(s, 1, 65, 0);
    assert_refused(s, REFUSAL_BUSY, "unanswered");
    assert_true(sent(s, SEND_ERROR, 1, 0)->as.error.retry_after_ns > 0);
    submit(s, 1, 65, 1);
    assert_int_equal(count_sent(s, SEND_SUBMITTED, 1), 2);
    turn(s);
}

/* answered_to is written now and then only, and a restart may remember more than it must. */
static void test_repeat__answered_to_is_stored_lazily(void **state)
{
    struct scene *s = with_client(state);
    for (uint64_t i = 1; i <= 600; i++) {
        submit(s, 1, i, i - 1);
        turn(s);
    }
    assert_int_equal(vault_seen(s->vault, FACT_CLIENT), 3);
    restart(s);
    hello(s, 1, 11, "work");
    submit(s, 1, 600, 599);
    assert_submitted(s, 0, 600, 1, true);
    turn(s);
}

/* S2: the caller's own id, found by ingress in the store. */
static void test_repeat__a_request_id_that_the_store_knows(void **state)
{
    struct scene *s = with_client(state);
    struct event_submission one = {.function = bytes_of_str("echo"), .body = 1};
    struct event event = {.type = EVENT_SUBMIT, .peer = 1};
    event.as.submit = (struct event_submit){.sequence = 9,
                                            .request_id = bytes_of_str("nightly"),
                                            .digest = 5,
                                            .submissions = &one,
                                            .n_submissions = 1};
    event.as.submit.prior.found = true;
    event.as.submit.prior.digest = 5;
    event.as.submit.prior.first = 7;
    event.as.submit.prior.count = 1;
    step(s, event);
    assert_submitted(s, 0, 7, 1, true);
    event.as.submit.digest = 6;
    step(s, event);
    assert_refused(s, REFUSAL_REQUEST_REUSED, "nightly");
    turn(s);
    assert_int_equal(vault_live(s->vault), 0);
}

static void test_repeat__a_request_id_of_the_same_turn(void **state)
{
    struct scene *s = with_client(state);
    hello(s, 2, 22, "work");
    hello(s, 3, 33, "other");
    submit_id(s, 1, 1, "nightly", 5);
    submit_id(s, 2, 1, "nightly", 5);
    submit_id(s, 3, 1, "nightly", 5);
    assert_true(sent(s, SEND_SUBMITTED, 2, 0)->as.submitted.duplicate);
    assert_int_equal(sent(s, SEND_SUBMITTED, 2, 0)->as.submitted.first, 1);
    assert_false(sent(s, SEND_SUBMITTED, 3, 0)->as.submitted.duplicate);
    submit_id(s, 2, 2, "nightly", 6);
    assert_refused(s, REFUSAL_REQUEST_REUSED, "nightly");
    turn(s);
    assert_int_equal(vault_seen(s->vault, FACT_REQUEST_ID), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_repeat__the_same_sequence_gets_the_same_ids),
        SCENE_TEST(test_repeat__after_a_restart_too),
        SCENE_TEST(test_repeat__after_its_command_is_final_and_a_restart),
        SCENE_TEST(test_repeat__a_confirmed_answer_is_not_stored),
        SCENE_TEST(test_repeat__a_confirmation_in_the_same_turn_is_in_time),
        SCENE_TEST(test_repeat__a_confirmed_sequence_is_a_bad_request),
        SCENE_TEST(test_repeat__sequences_may_come_out_of_order),
        SCENE_TEST(test_repeat__too_far_ahead_is_busy),
        SCENE_TEST(test_repeat__answered_to_is_stored_lazily),
        SCENE_TEST(test_repeat__a_request_id_that_the_store_knows),
        SCENE_TEST(test_repeat__a_request_id_of_the_same_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
