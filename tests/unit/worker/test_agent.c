/* The agent's work as golden traces: the story, then what it asks its shell to do. */
#include "tests/unit/cmocka_first.h"

#include <string.h>

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

static void test_agent__runs_reports_and_forgets(void **state)
{
    struct stage *s = *state;
    /* The socket opens, the broker welcomes. */
    stage_event(s, AGENT_EV_OPEN);
    stage_expect(s, "HELLO credit=5");
    stage_welcome(s);
    stage_expect(s, "RENEW credit=5");
    /* Two slots, three commands: the third waits for the first free slot. */
    stage_command(s, 1, 1, false);
    stage_command(s, 2, 1, false);
    stage_command(s, 3, 1, false);
    stage_expect(s, "START 1/1.1 slot=1 b101\n"
                    "START 1/2.1 slot=2 b102");
    stage_done(s, 2, 1, false);
    stage_expect(s, "REPORT 1/2.1 r202\n"
                    "START 1/3.1 slot=2 b103");
    /* The record is kept until the broker has it. */
    stage_expect_attempts(s, "1/1.1 running\n1/3.1 running\n1/2.1 spooled");
    stage_recorded(s, 2, 1, false);
    stage_expect(s, "FORGET 1/2.1 r202");
    stage_done(s, 1, 1, false);
    stage_done(s, 3, 1, false);
    stage_recorded(s, 3, 1, true);
    stage_recorded(s, 1, 1, false);
    stage_expect(s, "REPORT 1/1.1 r201\nREPORT 1/3.1 r203\n"
                    "FORGET 1/3.1 r203\nFORGET 1/1.1 r201");
    stage_expect_attempts(s, "");
}

static void test_agent__starts_in_hand_out_order(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    for (uint64_t id = 9; id >= 5; id--)
        stage_command(s, id, 1, false);
    stage_expect(s, "START 1/9.1 slot=1 b109\nSTART 1/8.1 slot=2 b108");
    stage_done(s, 8, 1, false);
    stage_done(s, 9, 1, false);
    stage_done(s, 7, 1, false);
    stage_expect(s, "REPORT 1/8.1 r208\nSTART 1/7.1 slot=2 b107\n"
                    "REPORT 1/9.1 r209\nSTART 1/6.1 slot=1 b106\n"
                    "REPORT 1/7.1 r207\nSTART 1/5.1 slot=2 b105");
}

static void test_agent__repeated_command_is_ignored(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, false);
    stage_expect(s, "START 1/1.1 slot=1 b101");
    stage_command(s, 1, 1, false);
    stage_expect(s, "DROP 1/1.1 b101");
    stage_done(s, 1, 1, false);
    stage_command(s, 1, 1, false);
    stage_expect(s, "REPORT 1/1.1 r201\nDROP 1/1.1 b101");
}

static void test_agent__record_without_verdict_is_sent_again_after_each_hello(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, false);
    stage_command(s, 2, 1, false);
    stage_done(s, 1, 1, false);
    stage_done(s, 2, 1, false);
    stage_recorded(s, 2, 1, false);
    stage_expect(s, "START 1/1.1 slot=1 b101\nSTART 1/2.1 slot=2 b102\n"
                    "REPORT 1/1.1 r201\nREPORT 1/2.1 r202\nFORGET 1/2.1 r202");
    /* RECORDED of the first is lost with its connection. */
    stage_event(s, AGENT_EV_RECONNECTED);
    stage_expect(s, "HELLO credit=5");
    stage_expect_attempts(s, "1/1.1 spooled");
    stage_welcome(s);
    stage_expect(s, "RENEW credit=5\nREPORT 1/1.1 r201");
    stage_recorded(s, 1, 1, false);
    stage_expect(s, "FORGET 1/1.1 r201");
}

static void test_agent__restarted_broker_adopts_what_runs(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, false);
    stage_command(s, 2, 1, true);
    stage_command(s, 3, 1, false);
    stage_expect(s, "START 1/1.1 slot=1 b101\nSTART 1/2.1 slot=2 b102");
    /* The next renewal reaches a broker that has just started. */
    stage_pass(s, 5 * MUSTER_S);
    stage_expect(s, "RENEW credit=5");
    stage_event(s, AGENT_EV_WHO_ARE_YOU);
    stage_expect(s, "HELLO credit=5");
    stage_expect_attempts(s, "1/1.1 running\n1/2.1 running\n1/3.1 waiting");
    /* Meanwhile work goes on; the record waits for the welcome. */
    stage_done(s, 1, 1, false);
    stage_expect(s, "START 1/3.1 slot=1 b103");
    stage_welcome(s);
    stage_expect(s, "RENEW credit=5\nREPORT 1/1.1 r201");
    stage_done(s, 2, 1, false);
    stage_expect(s, "REPORT 1/2.1 r202");
}

static void test_agent__stop_of_a_running_attempt_ends_it_once(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, false);
    stage_stop(s, 1, 1, false);
    stage_stop(s, 1, 1, false);
    stage_expect(s, "START 1/1.1 slot=1 b101\nEND 1/1.1 cancelled_running");
    stage_done(s, 1, 1, false);
    stage_expect(s, "REPORT 1/1.1 r201");
}

static void test_agent__stop_of_a_waiting_attempt_is_a_record_without_a_run(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    for (uint64_t id = 1; id <= 4; id++)
        stage_command(s, id, 1, false);
    stage_expect(s, "START 1/1.1 slot=1 b101\nSTART 1/2.1 slot=2 b102");
    stage_stop(s, 3, 1, false);
    stage_expect(s, "CANCEL 1/3.1 cancelled_running b103");
    stage_done(s, 3, 1, false);
    stage_expect(s, "REPORT 1/3.1 r203");
    stage_done(s, 1, 1, false);
    stage_expect(s, "REPORT 1/1.1 r201\nSTART 1/4.1 slot=1 b104");
}

static void test_agent__stop_with_forget_leaves_no_record(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    for (uint64_t id = 1; id <= 3; id++)
        stage_command(s, id, 1, false);
    stage_done(s, 2, 1, false);
    stage_command(s, 4, 1, false);
    stage_expect(s, "START 1/1.1 slot=1 b101\nSTART 1/2.1 slot=2 b102\n"
                    "REPORT 1/2.1 r202\nSTART 1/3.1 slot=2 b103");
    stage_stop(s, 1, 1, true); /* runs */
    stage_stop(s, 2, 1, true); /* has its record in the spool */
    stage_stop(s, 4, 1, true); /* waits */
    stage_stop(s, 5, 1, true); /* was never here */
    stage_expect(s, "END 1/1.1 cancelled_running\nFORGET 1/2.1 r202\nDROP 1/4.1 b104");
    stage_done(s, 1, 1, false);
    stage_expect(s, "FORGET 1/1.1 r201");
    stage_expect_attempts(s, "1/3.1 running");
}

static void test_agent__newer_attempt_starts_after_the_older_has_ended(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, false);
    stage_command(s, 1, 2, false);
    stage_expect(s, "START 1/1.1 slot=1 b101\nEND 1/1.1 cut_off");
    stage_command(s, 2, 1, false);
    stage_expect(s, "START 1/2.1 slot=2 b102");
    /* A late repeat of the old one changes nothing. */
    stage_command(s, 1, 1, false);
    stage_expect(s, "DROP 1/1.1 b101");
    stage_done(s, 1, 1, true);
    stage_expect(s, "FORGET 1/1.1 r201\nSTART 1/1.2 slot=1 b101");
    stage_done(s, 1, 2, false);
    stage_recorded(s, 1, 2, false);
    stage_expect(s, "REPORT 1/1.2 r201\nFORGET 1/1.2 r201");
}

static void test_agent__older_attempt_that_still_succeeds_is_reported(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, false);
    stage_command(s, 1, 2, false);
    stage_done(s, 1, 1, false);
    stage_expect(s, "START 1/1.1 slot=1 b101\nEND 1/1.1 cut_off\n"
                    "REPORT 1/1.1 r201\nSTART 1/1.2 slot=1 b101");
    stage_recorded(s, 1, 1, true);
    stage_expect(s, "FORGET 1/1.1 r201");
}

static void test_agent__newer_attempt_replaces_one_that_waits(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    for (uint64_t id = 1; id <= 3; id++)
        stage_command(s, id, 1, false);
    stage_expect(s, "START 1/1.1 slot=1 b101\nSTART 1/2.1 slot=2 b102");
    stage_command(s, 3, 2, false);
    stage_expect(s, "DROP 1/3.1 b103");
    stage_expect_attempts(s, "1/1.1 running\n1/2.1 running\n1/3.2 waiting");
}

static void test_agent__same_attempt_of_another_epoch_is_another_attempt(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, false);
    stage_expect(s, "START 1/1.1 slot=1 b101");
    /* The broker was restored from a copy of its store: it counts this attempt again. */
    s->epoch = 2;
    stage_event(s, AGENT_EV_WHO_ARE_YOU);
    stage_welcome(s);
    stage_command(s, 1, 1, false);
    stage_expect(s, "HELLO credit=5\nRENEW credit=5\nEND 1/1.1 cut_off");
    stage_recorded(s, 1, 1, false); /* runs: no verdict can be about it */
    stage_expect_nothing(s);
}

static void test_agent__command_of_an_earlier_epoch_is_given_back(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    s->epoch = 2;
    stage_event(s, AGENT_EV_RECONNECTED);
    stage_welcome(s);
    stage_expect(s, "HELLO credit=5\nRENEW credit=5");
    /* Handed out before the broker restarted, and read late: the HELLO did not list it. */
    s->epoch = 1;
    stage_command(s, 1, 1, false);
    stage_event(s, AGENT_EV_TICK);
    stage_expect(s, "DROP 1/1.1 b101\nRENEW credit=5 returned 1/1.1");
}

static void test_agent__records_of_the_predecessor_are_sent_and_lost_ones_are_told(void **state)
{
    struct stage *s = *state;
    struct agent_event event = {.type = AGENT_EV_SPOOLED};
    event.as.spooled.id = stage_id(1, 1);
    event.as.spooled.record = 11;
    stage_step(s, &event);
    event = (struct agent_event){.type = AGENT_EV_LEFT};
    event.as.left.id = stage_id(2, 3);
    event.as.left.record = 12;
    stage_step(s, &event);
    stage_expect_nothing(s);
    stage_event(s, AGENT_EV_OPEN);
    stage_expect(s, "HELLO credit=5");
    stage_expect_attempts(s, "1/1.1 spooled\n1/2.3 gone");
    stage_welcome(s);
    stage_expect(s, "FORGET 1/2.3 r12\nRENEW credit=5\nREPORT 1/1.1 r11");
    stage_recorded(s, 1, 1, true);
    stage_expect(s, "FORGET 1/1.1 r11");
    stage_expect_attempts(s, "");
}

static void test_agent__too_many_unanswered_records_stop_the_credit(void **state)
{
    struct stage *s = *state;
    stage_close(s);
    struct agent_options options = stage_options();
    options.spooled_max = 4;
    stage_open(s, &options);
    stage_serve(s);
    for (uint64_t id = 1; id <= 5; id++) {
        stage_command(s, id, 1, false);
        stage_done(s, id, 1, false);
    }
    buffer_reset(&s->trace);
    stage_event(s, AGENT_EV_TICK);
    stage_expect(s, "RENEW credit=0");
    /* It takes commands again at half. */
    stage_recorded(s, 1, 1, false);
    stage_recorded(s, 2, 1, false);
    stage_event(s, AGENT_EV_TICK);
    stage_expect(s, "FORGET 1/1.1 r201\nFORGET 1/2.1 r202");
    stage_recorded(s, 3, 1, false);
    stage_event(s, AGENT_EV_TICK);
    stage_expect(s, "FORGET 1/3.1 r203\nRENEW credit=5");
}

static void test_agent__command_beyond_all_credit_is_given_back(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    /* Two run, ten wait: twice the credit of five. */
    for (uint64_t id = 1; id <= 12; id++)
        stage_command(s, id, 1, false);
    buffer_reset(&s->trace);
    stage_command(s, 13, 1, false);
    stage_expect(s, "DROP 1/13.1 b113");
    stage_event(s, AGENT_EV_TICK);
    stage_expect(s, "RENEW credit=5 returned 1/13.1");
}

static void test_agent__full_spool_gives_back_and_starts_nothing(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    for (uint64_t id = 1; id <= 3; id++)
        stage_command(s, id, 1, false);
    stage_expect(s, "START 1/1.1 slot=1 b101\nSTART 1/2.1 slot=2 b102");
    /* The note `started` of the second cannot be written: it did not start. */
    struct agent_event event = {.type = AGENT_EV_SPOOL};
    event.as.spool.full = true;
    stage_step(s, &event);
    stage_expect(s, "DROP 1/3.1 b103");
    event = (struct agent_event){.type = AGENT_EV_UNSTARTED};
    event.as.unstarted.id = stage_id(2, 1);
    stage_step(s, &event);
    stage_expect(s, "DROP 1/2.1 b102");
    stage_event(s, AGENT_EV_TICK);
    stage_expect(s, "RENEW credit=0 returned 1/3.1, 1/2.1");
    stage_command(s, 4, 1, false);
    stage_event(s, AGENT_EV_TICK);
    stage_expect(s, "DROP 1/4.1 b104\nRENEW credit=0 returned 1/4.1");
    event = (struct agent_event){.type = AGENT_EV_SPOOL};
    stage_step(s, &event);
    stage_event(s, AGENT_EV_TICK);
    stage_expect(s, "RENEW credit=5");
    stage_command(s, 4, 2, false);
    stage_expect(s, "START 1/4.2 slot=2 b104");
}

static void test_agent__what_could_not_be_started_is_started_again(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    stage_command(s, 1, 1, false);
    stage_command(s, 2, 1, false);
    stage_command(s, 3, 1, false);
    buffer_reset(&s->trace);
    struct agent_event event = {.type = AGENT_EV_UNSTARTED};
    event.as.unstarted.id = stage_id(2, 1);
    stage_step(s, &event);
    stage_expect(s, "START 1/2.1 slot=2 b102");
}

static void test_agent__slot_with_unkillable_processes_rests_a_minute(void **state)
{
    struct stage *s = *state;
    stage_serve(s);
    for (uint64_t id = 1; id <= 4; id++)
        stage_command(s, id, 1, false);
    buffer_reset(&s->trace);
    struct agent_event event = {.type = AGENT_EV_DONE};
    event.as.done.id = stage_id(1, 1);
    event.as.done.record = 201;
    event.as.done.is_quarantined = true;
    stage_step(s, &event);
    stage_expect(s, "REPORT 1/1.1 r201");
    stage_done(s, 2, 1, false);
    stage_expect(s, "REPORT 1/2.1 r202\nSTART 1/3.1 slot=2 b103");
    for (int i = 0; i < 12; i++) {
        assert_int_equal(agent_waiting(s->agent), 1);
        stage_pass(s, 5 * MUSTER_S);
        stage_pong(s, s->token);
    }
    assert_int_equal(agent_waiting(s->agent), 0);
    assert_non_null(strstr(buffer_str(&s->trace), "START 1/4.1 slot=1"));
    buffer_reset(&s->trace);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_agent__runs_reports_and_forgets),
        TEST(test_agent__starts_in_hand_out_order),
        TEST(test_agent__repeated_command_is_ignored),
        TEST(test_agent__record_without_verdict_is_sent_again_after_each_hello),
        TEST(test_agent__restarted_broker_adopts_what_runs),
        TEST(test_agent__stop_of_a_running_attempt_ends_it_once),
        TEST(test_agent__stop_of_a_waiting_attempt_is_a_record_without_a_run),
        TEST(test_agent__stop_with_forget_leaves_no_record),
        TEST(test_agent__newer_attempt_starts_after_the_older_has_ended),
        TEST(test_agent__older_attempt_that_still_succeeds_is_reported),
        TEST(test_agent__newer_attempt_replaces_one_that_waits),
        TEST(test_agent__same_attempt_of_another_epoch_is_another_attempt),
        TEST(test_agent__command_of_an_earlier_epoch_is_given_back),
        TEST(test_agent__records_of_the_predecessor_are_sent_and_lost_ones_are_told),
        TEST(test_agent__too_many_unanswered_records_stop_the_credit),
        TEST(test_agent__command_beyond_all_credit_is_given_back),
        TEST(test_agent__full_spool_gives_back_and_starts_nothing),
        TEST(test_agent__slot_with_unkillable_processes_rests_a_minute),
        TEST(test_agent__what_could_not_be_started_is_started_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
