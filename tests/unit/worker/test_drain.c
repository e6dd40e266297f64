/* The way out (S10) as golden traces. */
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

static void test_drain__idle_worker_leaves_at_once(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_drain(s, false);
    stage_expect(s, "BYE\nEXIT");
    assert_true(agent_deadline(s->agent) == MUSTER_NEVER);
    /* Nothing happens afterwards, and nothing is kept. */
    stage_command(s, 1, 1, false);
    stage_event(s, AGENT_EV_TICK);
    stage_expect(s, "DROP 1/1.1 b101");
}

static void test_drain__gives_back_what_waits_and_lets_the_rest_finish(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    for (uint64_t id = 1; id <= 4; id++)
        stage_command(s, id, 1, false);
    buffer_reset(&s->trace);
    stage_drain(s, false);
    stage_event(s, AGENT_EV_TICK);
    stage_expect(s, "DROP 1/3.1 b103\nDROP 1/4.1 b104\n"
                    "RENEW credit=0 returned 1/3.1, 1/4.1");
    stage_pass(s, 4 * MUSTER_S);
    stage_done(s, 1, 1, false);
    stage_expect(s, "REPORT 1/1.1 r201");
    stage_recorded(s, 1, 1, false);
    stage_done(s, 2, 1, false);
    stage_expect(s, "FORGET 1/1.1 r201\nREPORT 1/2.1 r202");
    stage_recorded(s, 2, 1, false);
    stage_expect(s, "FORGET 1/2.1 r202\nBYE\nEXIT");
}

static void test_drain__long_work_gets_term_then_kill_and_is_reported(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, false);
    buffer_reset(&s->trace);
    stage_drain(s, false);
    stage_event(s, AGENT_EV_TICK);
    stage_expect(s, "RENEW credit=0");
    stage_pass(s, 10 * MUSTER_S);
    stage_pong(s, s->token);
    stage_expect(s, "RENEW credit=0\nRENEW credit=0\nEND 1/1.1 worker_shutdown");
    stage_pass(s, 5 * MUSTER_S - 1);
    stage_expect_nothing(s);
    stage_pass(s, 1);
    stage_expect(s, "RENEW credit=0\nKILL 1/1.1");
    stage_done(s, 1, 1, false);
    stage_recorded(s, 1, 1, false);
    stage_expect(s, "REPORT 1/1.1 r201\nFORGET 1/1.1 r201\nBYE\nEXIT");
}

static void test_drain__records_without_a_verdict_are_left_in_the_spool(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, false);
    stage_bye(s, false);
    buffer_reset(&s->trace);
    stage_drain(s, false);
    stage_done(s, 1, 1, false);
    stage_pass(s, 10 * MUSTER_S - 1);
    stage_expect_nothing(s);
    stage_pass(s, 1);
    stage_expect(s, "EXIT");
    assert_int_equal(agent_spooled(s->agent), 1);
}

static void test_drain__repeated_signal_hurries(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, false);
    buffer_reset(&s->trace);
    stage_drain(s, false);
    stage_expect_nothing(s);
    stage_drain(s, false);
    stage_expect(s, "END 1/1.1 worker_shutdown");
    stage_drain(s, false);
    stage_expect(s, "KILL 1/1.1");
    stage_drain(s, false);
    stage_expect(s, "BYE\nEXIT");
}

static void test_drain__unkillable_work_does_not_hold_the_worker(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, false);
    stage_bye(s, false);
    stage_drain(s, false);
    buffer_reset(&s->trace);
    stage_pass(s, 75 * MUSTER_S - 1);
    stage_expect(s, "END 1/1.1 worker_shutdown\nKILL 1/1.1");
    stage_pass(s, 1);
    stage_expect(s, "EXIT");
}

static void test_drain__broker_that_goes_for_good_takes_the_worker_along(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, false);
    buffer_reset(&s->trace);
    stage_bye(s, true);
    stage_expect_nothing(s);
    /* Nobody will answer the record: it stays in the spool. */
    stage_done(s, 1, 1, false);
    stage_expect(s, "REPORT 1/1.1 r201\nBYE\nEXIT");
}

static void test_drain__in_a_hurry_nothing_is_waited_for(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, false);
    buffer_reset(&s->trace);
    stage_drain(s, true);
    stage_expect(s, "END 1/1.1 worker_shutdown");
    stage_done(s, 1, 1, false);
    stage_expect(s, "REPORT 1/1.1 r201\nBYE\nEXIT");
}

static void test_drain__cancelled_unstarted_command_is_reported_first(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    for (uint64_t id = 1; id <= 3; id++)
        stage_command(s, id, 1, false);
    stage_stop(s, 3, 1, false);
    stage_done(s, 1, 1, false);
    stage_done(s, 2, 1, false);
    buffer_reset(&s->trace);
    stage_drain(s, false);
    stage_done(s, 3, 1, false);
    stage_expect(s, "REPORT 1/3.1 r203");
    for (uint64_t id = 1; id <= 3; id++)
        stage_recorded(s, id, 1, false);
    stage_expect(s, "FORGET 1/1.1 r201\nFORGET 1/2.1 r202\nFORGET 1/3.1 r203\nBYE\nEXIT");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_drain__idle_worker_leaves_at_once),
        TEST(test_drain__gives_back_what_waits_and_lets_the_rest_finish),
        TEST(test_drain__long_work_gets_term_then_kill_and_is_reported),
        TEST(test_drain__records_without_a_verdict_are_left_in_the_spool),
        TEST(test_drain__repeated_signal_hurries),
        TEST(test_drain__unkillable_work_does_not_hold_the_worker),
        TEST(test_drain__broker_that_goes_for_good_takes_the_worker_along),
        TEST(test_drain__in_a_hurry_nothing_is_waited_for),
        TEST(test_drain__cancelled_unstarted_command_is_reported_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
