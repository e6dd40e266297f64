/* Hello, renewal, silence and the cut-off (S4, S5) as golden traces. */
#include "tests/unit/cmocka_first.h"

#include "stage.h"

static int setup(void **state)
{
    static struct stage stage;
    struct agent_options options = stage_options();
    stage_open(&stage, &options);
    *state = &stage;
    return 0;
}

static int teardown(void **state)
{
    stage_close(*state);
    return 0;
}

static void test_session__renews_every_period_and_knows_the_round_trip(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_pass(s, 5 * MUSTER_S);
    stage_expect(s, "RENEW credit=5");
    uint64_t sent = s->token;
    s->now += 3 * MUSTER_MS;
    stage_pong(s, sent);
    stage_pass(s, 5 * MUSTER_S);
    stage_expect(s, "RENEW credit=5");
    assert_true(agent_deadline(s->agent) < MUSTER_NEVER);
}

static void test_session__silence_reopens_the_socket(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_pass(s, 14 * MUSTER_S);
    stage_expect(s, "RENEW credit=5\nRENEW credit=5");
    stage_pass(s, 1 * MUSTER_S);
    stage_expect(s, "RENEW credit=5\nREOPEN");
    assert_true(s->delay_ns >= 0 && s->delay_ns <= 100 * MUSTER_MS);
    stage_pass(s, s->delay_ns);
    stage_event(s, AGENT_EV_OPEN);
    stage_expect(s, "HELLO credit=5");
    /* What the old socket still delivers is no word of the broker. */
    assert_false(agent_is_serving(s->agent));
}

static void test_session__any_word_of_the_broker_is_a_sign_of_life(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    for (int i = 0; i < 4; i++) {
        stage_pass(s, 14 * MUSTER_S);
        stage_recorded(s, 99, 1, false);
    }
    assert_true(agent_is_serving(s->agent));
    buffer_reset(&s->trace);
}

static void test_session__greeting_that_nobody_answers_backs_off_with_jitter(void **state)
{
    struct stage *s = *state;
    int64_t ceiling = 100 * MUSTER_MS, longest = 0;
    stage_event(s, AGENT_EV_OPEN);
    for (int try = 0; try < 40; try++) {
        stage_expect(s, "HELLO credit=5");
        stage_pass(s, 15 * MUSTER_S);
        stage_expect(s, "REOPEN");
        assert_true(s->delay_ns >= (try == 0 ? 0 : 100 * MUSTER_MS));
        assert_true(s->delay_ns <= ceiling);
        longest = s->delay_ns > longest ? s->delay_ns : longest;
        ceiling = 2 * ceiling < 30 * MUSTER_S ? 2 * ceiling : 30 * MUSTER_S;
        stage_pass(s, s->delay_ns);
        stage_event(s, AGENT_EV_OPEN);
    }
    /* Forty tries reach into the upper half of the range. */
    assert_true(longest > 15 * MUSTER_S);
    buffer_reset(&s->trace);
    /* A welcome begins anew. */
    stage_welcome(s);
    stage_bye(s, false);
    stage_expect(s, "RENEW credit=5\nREOPEN");
    assert_true(s->delay_ns <= 100 * MUSTER_MS);
}

static void test_session__first_refusal_for_good_ends_the_worker(void **state)
{
    struct stage *s = *state;
    stage_event(s, AGENT_EV_OPEN);
    stage_refused(s, true);
    stage_expect(s, "HELLO credit=5\nREOPEN");
    stage_event(s, AGENT_EV_OPEN);
    stage_refused(s, false);
    stage_expect(s, "HELLO credit=5\nEXIT");
    assert_true(agent_is_refused(s->agent));
    assert_true(agent_deadline(s->agent) == MUSTER_NEVER);
}

static void test_session__later_refusal_does_not_end_what_runs(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, false);
    stage_event(s, AGENT_EV_WHO_ARE_YOU);
    stage_refused(s, false);
    stage_expect(s, "START 1/1.1 slot=1 b101\nHELLO credit=5\nREOPEN");
    assert_false(agent_is_refused(s->agent));
}

static void test_session__broker_that_comes_back_is_greeted_again(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, false);
    stage_bye(s, false);
    stage_expect(s, "START 1/1.1 slot=1 b101\nREOPEN");
    stage_done(s, 1, 1, false);
    stage_expect_nothing(s);
    stage_event(s, AGENT_EV_OPEN);
    stage_welcome(s);
    stage_expect(s, "HELLO credit=5\nRENEW credit=5\nREPORT 1/1.1 r201");
}

static void test_session__many_who_are_you_are_one_hello(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    for (int i = 0; i < 20; i++)
        stage_event(s, AGENT_EV_WHO_ARE_YOU);
    stage_expect(s, "HELLO credit=5");
    stage_welcome(s);
    stage_expect(s, "RENEW credit=5");
}

static void test_session__hello_that_was_lost_is_said_again_when_asked(void **state)
{
    struct stage *s = *state;
    stage_event(s, AGENT_EV_OPEN);
    stage_event(s, AGENT_EV_WHO_ARE_YOU);
    stage_expect(s, "HELLO credit=5");
    stage_pass(s, 1 * MUSTER_S);
    stage_expect(s, "HELLO credit=5\nRENEW credit=5");
    /* It cannot know which HELLO this answers: the PONG behind it tells. */
    stage_welcome(s);
    assert_false(agent_is_serving(s->agent));
    stage_pong(s, s->token);
    assert_true(agent_is_serving(s->agent));
}

static void test_session__command_of_an_ended_session_is_given_back_not_run(void **state)
{
    struct stage *s = *state;
    /* HELLO 1 is answered late; meanwhile WHO_ARE_YOU makes the worker say HELLO 2. */
    stage_event(s, AGENT_EV_OPEN);
    stage_event(s, AGENT_EV_WHO_ARE_YOU);
    stage_pass(s, 1 * MUSTER_S);
    stage_expect(s, "HELLO credit=5\nHELLO credit=5\nRENEW credit=5");
    uint64_t barrier = s->token;
    /* WELCOME and a command of the session that HELLO 1 made and HELLO 2, which does not list the
     * command, has ended: the broker hands it out again. Running it here would run it twice. */
    stage_welcome(s);
    stage_command(s, 1, 1, false);
    stage_expect(s, "DROP 1/1.1 b101");
    stage_welcome(s);
    stage_pong(s, barrier);
    stage_expect(s, "RENEW credit=5 returned 1/1.1");
    stage_command(s, 1, 2, false);
    stage_expect(s, "START 1/1.2 slot=1 b101");
}

static void test_session__renewal_of_an_earlier_token_is_no_barrier(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    uint64_t old = s->token;
    stage_event(s, AGENT_EV_RECONNECTED);
    stage_event(s, AGENT_EV_RECONNECTED);
    stage_welcome(s);
    stage_pong(s, old);
    assert_false(agent_is_serving(s->agent));
    stage_pong(s, s->token + 1000000); /* never sent */
    assert_false(agent_is_serving(s->agent));
    stage_pong(s, s->token);
    assert_true(agent_is_serving(s->agent));
}

static void test_session__cut_off_ends_only_rerunnable_work(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, true);
    stage_command(s, 2, 1, false);
    stage_command(s, 3, 1, true);
    stage_command(s, 4, 1, false);
    stage_expect(s, "START 1/1.1 slot=1 b101\nSTART 1/2.1 slot=2 b102");
    /* Half a lease after the last answered renewal was sent: TERM to what may run elsewhere soon.
     */
    stage_pass(s, 15 * MUSTER_S - 1);
    stage_expect(s, "RENEW credit=5\nRENEW credit=5");
    stage_pass(s, 1);
    stage_expect(s, "DROP 1/3.1 b103\nEND 1/1.1 cut_off\nRENEW credit=5 returned 1/3.1\nREOPEN");
    /* Five sixths: KILL. */
    stage_pass(s, 10 * MUSTER_S - 1);
    stage_expect_nothing(s);
    stage_pass(s, 1);
    stage_expect(s, "KILL 1/1.1");
    /* What ends while cut off makes room, but nothing new starts. */
    stage_done(s, 1, 1, true);
    stage_expect_nothing(s);
    stage_event(s, AGENT_EV_OPEN);
    stage_expect(s, "HELLO credit=5");
    stage_expect_attempts(s, "1/2.1 running\n1/4.1 waiting\n1/1.1 gone");
    /* The broker may have cancelled what waits: its STOP comes before the answer to the RENEW. */
    stage_welcome(s);
    stage_expect(s, "FORGET 1/1.1 r201\nRENEW credit=5");
    uint64_t sent = s->token;
    stage_pong(s, sent);
    stage_expect(s, "START 1/4.1 slot=1 b104");
}

static void test_session__what_the_cut_off_gives_back_is_told(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    for (uint64_t i = 1; i <= 3; i++)
        stage_command(s, i, 1, true);
    stage_pass(s, 14 * MUSTER_S);
    stage_recorded(s, 99, 1, false); /* it lives, but has not answered a renewal */
    buffer_reset(&s->trace);
    stage_pass(s, 1 * MUSTER_S);
    /* The third waits. No HELLO will follow that could leave it out. */
    stage_expect(s, "DROP 1/3.1 b103\nEND 1/1.1 cut_off\nEND 1/2.1 cut_off\n"
                    "RENEW credit=5 returned 1/3.1");
}

static void test_session__stop_before_the_pong_keeps_a_held_command_from_starting(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, false);
    stage_command(s, 2, 1, false);
    stage_command(s, 3, 1, false);
    stage_pass(s, 15 * MUSTER_S);
    stage_done(s, 1, 1, false);
    buffer_reset(&s->trace);
    stage_event(s, AGENT_EV_OPEN);
    stage_welcome(s);
    stage_stop(s, 3, 1, true);
    stage_pong(s, s->token);
    stage_expect(s, "HELLO credit=5\nRENEW credit=5\nREPORT 1/1.1 r201\nDROP 1/3.1 b103");
}

static void test_session__late_answer_to_a_recent_renewal_ends_the_cut_off(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, true);
    stage_pass(s, 14 * MUSTER_S);
    stage_recorded(s, 99, 1, false); /* it lives, but has not answered a renewal */
    stage_pass(s, 1 * MUSTER_S);
    stage_expect(s, "START 1/1.1 slot=1 b101\nRENEW credit=5\nRENEW credit=5\n"
                    "END 1/1.1 cut_off\nRENEW credit=5");
    stage_command(s, 2, 1, false);
    stage_expect_nothing(s);
    stage_pong(s, s->token);
    stage_expect(s, "START 1/2.1 slot=2 b102");
    stage_pass(s, 2 * MUSTER_S);
    stage_expect_nothing(s);
}

static void test_session__work_that_the_cut_off_ended_is_told_although_serving_again(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, true);
    stage_pass(s, 15 * MUSTER_S);
    stage_event(s, AGENT_EV_OPEN);
    stage_welcome(s);
    stage_pong(s, s->token);
    buffer_reset(&s->trace);
    /* The HELLO listed it as running; now it has ended without an outcome. */
    stage_done(s, 1, 1, true);
    stage_event(s, AGENT_EV_TICK);
    stage_expect(s, "HELLO credit=5");
    stage_expect_attempts(s, "1/1.1 gone");
    stage_welcome(s);
    stage_expect(s, "FORGET 1/1.1 r201\nRENEW credit=5");
}

static void test_session__cut_off_work_that_goes_after_the_hello_is_in_the_next_one(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, true);
    stage_pass(s, 15 * MUSTER_S);
    stage_event(s, AGENT_EV_OPEN);
    stage_done(s, 1, 1, true);
    buffer_reset(&s->trace);
    stage_welcome(s);
    stage_expect(s, "RENEW credit=5");
    stage_event(s, AGENT_EV_TICK);
    stage_expect(s, "HELLO credit=5");
    stage_welcome(s);
    stage_expect(s, "FORGET 1/1.1 r201\nRENEW credit=5");
}

static void test_session__cut_off_work_that_succeeded_is_reported(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, true);
    stage_pass(s, 15 * MUSTER_S);
    stage_done(s, 1, 1, false);
    buffer_reset(&s->trace);
    stage_event(s, AGENT_EV_OPEN);
    stage_expect_attempts(s, "1/1.1 spooled");
    stage_welcome(s);
    stage_expect(s, "HELLO credit=5\nRENEW credit=5\nREPORT 1/1.1 r201");
}

static void test_session__absurd_lease_is_bounded(void **state)
{
    struct stage *s = *state;
    stage_event(s, AGENT_EV_OPEN);
    struct agent_event event = {.type = AGENT_EV_WELCOME};
    event.as.welcome.lease_ns = 0;
    event.as.welcome.renew_ns = INT64_MAX;
    stage_step(s, &event);
    buffer_reset(&s->trace);
    muster_time next = agent_deadline(s->agent);
    assert_true(next > s->now && next <= s->now + 5 * MUSTER_MS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_session__renews_every_period_and_knows_the_round_trip),
        TEST(test_session__silence_reopens_the_socket),
        TEST(test_session__any_word_of_the_broker_is_a_sign_of_life),
        TEST(test_session__greeting_that_nobody_answers_backs_off_with_jitter),
        TEST(test_session__first_refusal_for_good_ends_the_worker),
        TEST(test_session__later_refusal_does_not_end_what_runs),
        TEST(test_session__broker_that_comes_back_is_greeted_again),
        TEST(test_session__many_who_are_you_are_one_hello),
        TEST(test_session__hello_that_was_lost_is_said_again_when_asked),
        TEST(test_session__command_of_an_ended_session_is_given_back_not_run),
        TEST(test_session__renewal_of_an_earlier_token_is_no_barrier),
        TEST(test_session__cut_off_ends_only_rerunnable_work),
        TEST(test_session__what_the_cut_off_gives_back_is_told),
        TEST(test_session__stop_before_the_pong_keeps_a_held_command_from_starting),
        TEST(test_session__late_answer_to_a_recent_renewal_ends_the_cut_off),
        TEST(test_session__work_that_the_cut_off_ended_is_told_although_serving_again),
        TEST(test_session__cut_off_work_that_goes_after_the_hello_is_in_the_next_one),
        TEST(test_session__cut_off_work_that_succeeded_is_reported),
        TEST(test_session__absurd_lease_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
