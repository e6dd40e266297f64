/* Golden traces of the client's request machine (S2, S13): the story, then what it sent and told.
 */
#include "tests/unit/cmocka_first.h"

#include <stdlib.h>

#include "trace.h"

static int setup(void **state)
{
    struct trace *trace = malloc(sizeof(*trace));
    assert_non_null(trace);
    trace_start(trace, trace_options());
    *state = trace;
    return 0;
}

static int teardown(void **state)
{
    trace_stop(*state);
    free(*state);
    return 0;
}

static void test_call__submit_before_welcome_is_sent_after_it(void **state)
{
    struct trace *trace = *state;
    uint64_t a = trace_submit(trace);
    uint64_t b = trace_read(trace, 0);
    trace_expect(trace, "HELLO");
    assert_false(call_is_ready(trace->call));
    call_welcomed(trace->call, 4, trace->now);
    assert_true(call_is_ready(trace->call));
    trace_expect(trace, "send#2(1,0) send#3");
    trace_answer(trace, b, REFUSAL_OK);
    trace_answer(trace, a, REFUSAL_OK);
    trace_expect(trace, "end#3=OK free#3 end#2=OK free#2");
    assert_int_equal(call_pending(trace->call), 0);
    assert_true(call_deadline(trace->call) == MUSTER_NEVER);
}

static void test_call__lost_reply_is_asked_again_with_the_same_sequence(void **state)
{
    struct trace *trace = *state;
    trace_ready(trace, 4);
    uint64_t a = trace_submit(trace);
    trace_expect(trace, "send#2(1,0)");
    /* The reply is lost, but the connection lives: PINGs are answered. */
    trace_run_to(trace, 2.5);
    trace_expect(trace, "PING");
    call_heard(trace->call, trace->now);
    trace_run_to(trace, 3.5);
    trace_expect(trace, "send#2(1,0)");
    trace_answer(trace, a, REFUSAL_OK);
    trace_expect(trace, "end#2=OK free#2");
    /* The first reply was only late: it belongs to nobody any more. */
    trace_answer(trace, a, REFUSAL_OK);
    trace_expect(trace, "");
}

static void test_call__repetitions_become_rarer(void **state)
{
    struct trace *trace = *state;
    trace_ready(trace, 4);
    trace_submit(trace);
    trace_expect(trace, "send#2(1,0)");
    int sends = 0;
    for (double t = 1; t <= 60; t += 1) {
        trace_run_to(trace, t);
        call_heard(trace->call, trace->now);
        sends += trace->text.size > 0;
        buffer_reset(&trace->text);
    }
    /* After 3, 6, 12, 24 and then every 24 seconds. */
    assert_int_equal(sends, 4);
}

static void test_call__busy_pauses_and_repeats_with_the_same_sequence(void **state)
{
    struct trace *trace = *state;
    trace_ready(trace, 4);
    uint64_t a = trace_submit(trace);
    uint64_t b = trace_submit(trace);
    trace_expect(trace, "send#2(1,0) send#3(2,0)");
    call_heard(trace->call, trace->now);
    call_answered(trace->call, a, REFUSAL_BUSY, MUSTER_S, trace->now);
    trace_expect(trace, "");
    trace_answer(trace, b, REFUSAL_OK);
    trace_expect(trace, "end#3=OK free#3");
    trace_run_to(trace, 0.99);
    trace_expect(trace, "");
    trace_run_to(trace, 1.25);
    /* answered_to stays below the one that is still open. */
    trace_expect(trace, "send#2(1,0)");
    trace_answer(trace, a, REFUSAL_OK);
    trace_expect(trace, "end#2=OK free#2");
    trace_submit(trace);
    trace_expect(trace, "send#4(3,2)");
}

static void test_call__busy_without_a_time_pauses_too(void **state)
{
    struct trace *trace = *state;
    trace_ready(trace, 4);
    uint64_t a = trace_read(trace, 0);
    trace_answer(trace, a, REFUSAL_BUSY);
    trace_expect(trace, "send#2");
    trace_run_to(trace, 0.09);
    trace_expect(trace, "");
    trace_run_to(trace, 0.13);
    trace_expect(trace, "send#2");
}

static void test_call__full_window_takes_no_more_until_an_answer(void **state)
{
    struct trace *trace = *state;
    trace_ready(trace, 2);
    uint64_t a = trace_submit(trace);
    uint64_t b = trace_submit(trace);
    assert_int_equal(trace_submit(trace), 0);
    assert_false(call_has_room(trace->call, CALL_SUBMIT));
    /* Reads have a window of their own. */
    assert_true(call_has_room(trace->call, CALL_READ));
    trace_expect(trace, "send#2(1,0) send#3(2,0)");
    /* The window is measured from the oldest open sequence: b does not make room. */
    trace_answer(trace, b, REFUSAL_OK);
    assert_int_equal(trace_submit(trace), 0);
    trace_answer(trace, a, REFUSAL_OK);
    trace_expect(trace, "end#3=OK free#3 end#2=OK free#2");
    assert_int_not_equal(trace_submit(trace), 0);
    trace_expect(trace, "send#4(3,2)");
}

static void test_call__reads_have_a_window(void **state)
{
    struct trace *trace = *state;
    trace_ready(trace, 2);
    call_limit_reads(trace->call, 1);
    uint64_t a = trace_read(trace, 0);
    assert_int_equal(trace_read(trace, 0), 0);
    trace_answer(trace, a, REFUSAL_OK);
    assert_int_not_equal(trace_read(trace, 0), 0);
    trace_expect(trace, "send#2 end#2=OK free#2 send#3");
}

static void test_call__silence_pings_then_reopens_and_repeats(void **state)
{
    struct trace *trace = *state;
    trace_ready(trace, 4);
    uint64_t a = trace_submit(trace);
    trace_expect(trace, "send#2(1,0)");
    trace_run_to(trace, 2);
    trace_expect(trace, "PING");
    trace_run_to(trace, 6);
    trace_expect(trace, "send#2(1,0) PING PING");
    /* Three PINGs without a word: back off (full jitter below 1 s), then a fresh socket. */
    trace_run_to(trace, 7.99);
    trace_expect(trace, "");
    trace_run_to(trace, 9);
    trace_expect(trace, "REOPEN HELLO");
    call_welcomed(trace->call, 4, trace->now);
    trace_expect(trace, "send#2(1,0)");
    trace_answer(trace, a, REFUSAL_OK);
    trace_expect(trace, "end#2=OK free#2");
}

static void test_call__nothing_owed_means_nothing_sent(void **state)
{
    struct trace *trace = *state;
    trace_ready(trace, 4);
    trace_run_to(trace, 3600);
    trace_expect(trace, "");
    assert_true(call_deadline(trace->call) == MUSTER_NEVER);
}

static void test_call__waiting_read_is_kept_alive_by_pings_not_repeated(void **state)
{
    struct trace *trace = *state;
    trace_ready(trace, 4);
    uint64_t a = trace_read(trace, 30);
    trace_expect(trace, "send#2");
    for (double t = 2; t <= 20; t += 2) {
        trace_run_to(trace, t);
        trace_expect(trace, "PING");
        call_heard(trace->call, trace->now);
    }
    trace_answer(trace, a, REFUSAL_OK);
    trace_expect(trace, "end#2=OK free#2");
}

static void test_call__reopening_backs_off_with_full_jitter(void **state)
{
    (void)state;
    /* 200 machines lose their broker at the same moment; when do they come back first? */
    double sum = 0, least = 1e9, most = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct call_options options = trace_options();
        options.seed = seed;
        struct trace trace;
        trace_start(&trace, options);
        trace_ready(&trace, 4);
        call_bye(trace.call, false, 0);
        double delay = (double)call_deadline(trace.call) / (double)MUSTER_S;
        sum += delay;
        least = delay < least ? delay : least;
        most = delay > most ? delay : most;
        trace_stop(&trace);
    }
    assert_true(least < 0.05 && most > 0.95 && most <= 1.0);
    assert_true(sum / 200 > 0.4 && sum / 200 < 0.6);
}

static void test_call__back_off_ceiling_doubles_up_to_its_maximum(void **state)
{
    struct trace *trace = *state;
    trace_ready(trace, 4);
    trace_submit(trace);
    int64_t longest = 0;
    for (int i = 0; i < 40; i++) {
        call_bye(trace->call, false, trace->now);
        int64_t delay = call_deadline(trace->call) - trace->now;
        longest = delay > longest ? delay : longest;
        assert_true(delay >= 0 && delay <= 8 * MUSTER_S);
        trace_run_to(trace, (double)(trace->now + delay) / (double)MUSTER_S + 0.001);
    }
    assert_true(longest > 6 * MUSTER_S);
}

static void test_call__who_are_you_greets_once_and_repeats_in_order(void **state)
{
    struct trace *trace = *state;
    trace_ready(trace, 4);
    trace_submit(trace);
    trace_read(trace, 10);
    trace_submit(trace);
    trace_expect(trace, "send#2(1,0) send#3 send#4(2,0)");
    /* The broker was restarted: each of the three frames is answered by WHO_ARE_YOU. */
    for (int i = 0; i < 3; i++) {
        call_heard(trace->call, trace->now);
        call_who_are_you(trace->call, trace->now);
    }
    trace_expect(trace, "HELLO");
    call_welcomed(trace->call, 4, trace->now);
    trace_expect(trace, "send#2(1,0) send#3 send#4(2,0)");
}

static void test_call__answers_come_out_of_order(void **state)
{
    struct trace *trace = *state;
    trace_ready(trace, 4);
    uint64_t a = trace_submit(trace), b = trace_submit(trace), c = trace_submit(trace);
    trace_expect(trace, "send#2(1,0) send#3(2,0) send#4(3,0)");
    trace_answer(trace, c, REFUSAL_OK);
    trace_submit(trace);
    trace_expect(trace, "end#4=OK free#4 send#5(4,0)");
    trace_answer(trace, a, REFUSAL_OK);
    trace_answer(trace, b, REFUSAL_NO_MATCH);
    trace_submit(trace);
    trace_expect(trace, "end#2=OK free#2 end#3=NO_MATCH free#3 send#6(5,3)");
}

static void test_call__abandoned_request_is_released_and_its_answer_ignored(void **state)
{
    struct trace *trace = *state;
    trace_ready(trace, 4);
    uint64_t a = trace_submit(trace), b = trace_read(trace, 0);
    trace_expect(trace, "send#2(1,0) send#3");
    call_abandon(trace->call, a);
    call_abandon(trace->call, b);
    call_abandon(trace->call, b);
    trace_expect(trace, "free#2 free#3");
    assert_false(call_is_pending(trace->call, a));
    trace_answer(trace, a, REFUSAL_OK);
    trace_expect(trace, "");
    trace_submit(trace);
    trace_expect(trace, "send#4(2,1)");
}

static void test_call__deadline_ends_a_request_sent_or_not(void **state)
{
    struct trace *trace = *state;
    call_start(trace->call, CALL_SUBMIT, 0, 5 * MUSTER_S, trace->now);
    trace_expect(trace, "HELLO");
    trace_run_to(trace, 5);
    trace_expect(trace, "HELLO HELLO end#2=TIMED_OUT free#2");
    call_welcomed(trace->call, 4, trace->now);
    call_start(trace->call, CALL_READ, 60 * MUSTER_S, 6 * MUSTER_S, trace->now);
    trace_expect(trace, "send#5");
    trace_run_to(trace, 6);
    trace_expect(trace, "end#5=TIMED_OUT free#5");
}

static void test_call__never_welcomed_ends_all_at_the_connect_timeout(void **state)
{
    (void)state;
    struct call_options options = trace_options();
    options.connect_timeout_ns = 5 * MUSTER_S;
    struct trace trace;
    trace_start(&trace, options);
    trace_submit(&trace);
    trace_run_to(&trace, 4.9);
    trace_expect(&trace, "HELLO HELLO HELLO");
    trace_run_to(&trace, 5);
    trace_expect(&trace, "DOWN=UNREACHABLE end#2=UNREACHABLE free#2");
    assert_true(call_is_down(trace.call));
    assert_int_equal(trace_submit(&trace), 0);
    assert_true(call_deadline(trace.call) == MUSTER_NEVER);
    trace_stop(&trace);
}

static void test_call__connect_timeout_holds_only_until_the_first_welcome(void **state)
{
    (void)state;
    struct call_options options = trace_options();
    options.connect_timeout_ns = 5 * MUSTER_S;
    struct trace trace;
    trace_start(&trace, options);
    trace_ready(&trace, 4);
    uint64_t a = trace_submit(&trace);
    trace_run_to(&trace, 600);
    assert_false(call_is_down(trace.call));
    assert_true(call_is_pending(trace.call, a));
    trace_stop(&trace);
}

static void test_call__refused_hello_is_the_end_unless_it_is_retryable(void **state)
{
    struct trace *trace = *state;
    trace_submit(trace);
    trace_expect(trace, "HELLO");
    call_refused(trace->call, REFUSAL_BUSY, trace->now);
    trace_expect(trace, "");
    trace_run_to(trace, 1);
    trace_expect(trace, "REOPEN HELLO");
    call_refused(trace->call, REFUSAL_LOG_MISMATCH, trace->now);
    trace_expect(trace, "DOWN=LOG_MISMATCH end#2=LOG_MISMATCH free#2");
    call_opened(trace->call, trace->now);
    call_welcomed(trace->call, 4, trace->now);
    trace_expect(trace, "");
}

static void test_call__bye_backs_off_and_bye_for_good_is_the_end(void **state)
{
    struct trace *trace = *state;
    trace_ready(trace, 4);
    trace_submit(trace);
    call_bye(trace->call, false, trace->now);
    trace_expect(trace, "send#2(1,0)");
    trace_run_to(trace, 1);
    trace_expect(trace, "REOPEN HELLO");
    call_welcomed(trace->call, 4, trace->now);
    trace_expect(trace, "send#2(1,0)");
    call_bye(trace->call, true, trace->now);
    trace_expect(trace, "DOWN=SHUTTING_DOWN end#2=SHUTTING_DOWN free#2");
}

static void test_call__a_late_word_is_heard_while_backing_off(void **state)
{
    struct trace *trace = *state;
    trace_ready(trace, 4);
    uint64_t a = trace_submit(trace);
    trace_expect(trace, "send#2(1,0)");
    call_bye(trace->call, false, trace->now);
    trace_answer(trace, a, REFUSAL_OK);
    trace_expect(trace, "end#2=OK free#2");
    call_who_are_you(trace->call, trace->now);
    trace_expect(trace, "HELLO");
}

static void test_call__pause_that_ends_without_a_session_waits_for_welcome(void **state)
{
    struct trace *trace = *state;
    trace_ready(trace, 4);
    uint64_t a = trace_submit(trace);
    trace_answer(trace, a, REFUSAL_BUSY);
    call_who_are_you(trace->call, trace->now);
    trace_expect(trace, "send#2(1,0) HELLO");
    trace_run_to(trace, 1);
    trace_expect(trace, "");
    call_welcomed(trace->call, 4, trace->now);
    trace_expect(trace, "send#2(1,0)");
}

static void test_call__new_connection_greets_again_even_while_greeting(void **state)
{
    struct trace *trace = *state;
    trace_ready(trace, 4);
    trace_submit(trace);
    call_reconnected(trace->call, trace->now);
    trace_expect(trace, "send#2(1,0) HELLO");
    /* HELLO was lost with that connection too. */
    call_reconnected(trace->call, trace->now);
    trace_expect(trace, "HELLO");
    call_welcomed(trace->call, 4, trace->now);
    trace_expect(trace, "send#2(1,0)");
}

static void test_call__closing_ends_every_request(void **state)
{
    struct trace *trace = *state;
    trace_ready(trace, 4);
    trace_submit(trace);
    trace_read(trace, 10);
    trace_expect(trace, "send#2(1,0) send#3");
    call_close(trace->call, REFUSAL_CANCELLED);
    call_close(trace->call, REFUSAL_INTERNAL);
    trace_expect(trace, "DOWN=CANCELLED end#2=CANCELLED free#2 end#3=CANCELLED free#3");
    call_tick(trace->call, 3600 * MUSTER_S);
    trace_expect(trace, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_call__submit_before_welcome_is_sent_after_it),
        TEST(test_call__lost_reply_is_asked_again_with_the_same_sequence),
        TEST(test_call__repetitions_become_rarer),
        TEST(test_call__busy_pauses_and_repeats_with_the_same_sequence),
        TEST(test_call__busy_without_a_time_pauses_too),
        TEST(test_call__full_window_takes_no_more_until_an_answer),
        TEST(test_call__reads_have_a_window),
        TEST(test_call__silence_pings_then_reopens_and_repeats),
        TEST(test_call__nothing_owed_means_nothing_sent),
        TEST(test_call__waiting_read_is_kept_alive_by_pings_not_repeated),
        TEST(test_call__reopening_backs_off_with_full_jitter),
        TEST(test_call__back_off_ceiling_doubles_up_to_its_maximum),
        TEST(test_call__who_are_you_greets_once_and_repeats_in_order),
        TEST(test_call__answers_come_out_of_order),
        TEST(test_call__abandoned_request_is_released_and_its_answer_ignored),
        TEST(test_call__deadline_ends_a_request_sent_or_not),
        TEST(test_call__never_welcomed_ends_all_at_the_connect_timeout),
        TEST(test_call__connect_timeout_holds_only_until_the_first_welcome),
        TEST(test_call__refused_hello_is_the_end_unless_it_is_retryable),
        TEST(test_call__bye_backs_off_and_bye_for_good_is_the_end),
        TEST(test_call__a_late_word_is_heard_while_backing_off),
        TEST(test_call__pause_that_ends_without_a_session_waits_for_welcome),
        TEST(test_call__new_connection_greets_again_even_while_greeting),
        TEST(test_call__closing_ends_every_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
