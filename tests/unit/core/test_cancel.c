/* CANCEL and SHUTDOWN (S10, S11). */
#include "tests/unit/core/scene.h"

static struct scene *with_commands(void **state, uint32_t n)
{
    static const struct submission many[1000];
    struct scene *s = *state;
    worker(s, 101, "web1", 1);
    hello(s, 1, 11, "work");
    submit_all(s, 1, 1, 0, many, n);
    turn(s);
    return s;
}

static void assert_cancelled(struct scene *s, uint64_t cancelled, uint64_t stopping,
                             uint64_t already_final, uint64_t running, uint64_t unknown)
{
    const struct send *send = sent(s, SEND_CANCELLED, 1, 0);
    assert_non_null(send);
    assert_int_equal(send->as.cancelled.cancelled, cancelled);
    assert_int_equal(send->as.cancelled.stopping, stopping);
    assert_int_equal(send->as.cancelled.already_final, already_final);
    assert_int_equal(send->as.cancelled.running, running);
    assert_int_equal(send->as.cancelled.unknown, unknown);
}

static void cancel_event(struct scene *s, struct event_cancel what)
{
    struct event event = {.type = EVENT_CANCEL, .peer = 1, .request = 5};
    event.as.cancel = what;
    step(s, event);
}

static void shutdown_event(struct scene *s, bool wait, bool queued, bool running, int64_t wait_ns)
{
    struct event event = {.type = EVENT_SHUTDOWN, .peer = 1, .request = 6};
    event.as.shutdown.wait = wait;
    event.as.shutdown.cancel_queued = queued;
    event.as.shutdown.cancel_running = running;
    event.as.shutdown.wait_ns = wait_ns;
    step(s, event);
}

/* S11: of a queued command: immediate, final, with the canceller's words. */
static void test_cancel__queued_ones_end_at_once(void **state)
{
    struct scene *s = with_commands(state, 3);
    cancel_range(s, 1, 2, 3, false, "not needed");
    turn(s);
    assert_cancelled(s, 2, 0, 0, 0, 0);
    assert_ended(s, 2, STATE_CANCELLED, REASON_CANCELLED_QUEUED);
    assert_ended(s, 3, STATE_CANCELLED, REASON_CANCELLED_QUEUED);
    const struct fact_recorded *r = vault_record(s->vault, pool_of(s, 1), 2);
    assert_true(bytes_equal_str(r->why, "not needed"));
    assert_int_equal(r->attempt, 0);
    assert_int_equal(r->body, 0);
    restart(s);
}

/* S11: every command of a range is accounted for. */
static void test_cancel__the_answer_counts_every_id(void **state)
{
    struct scene *s = with_commands(state, 4);
    report_ok(s, 101, 1, 1);
    turn(s);
    cancel_range(s, 1, 0, 9, false, "");
    turn(s);
    assert_cancelled(s, 2, 0, 1, 1, 6);
    cancel_range(s, 1, 1, 4, true, "");
    turn(s);
    assert_cancelled(s, 0, 1, 3, 0, 0);
    cancel_range(s, 1, 9, 3, true, "");
    turn(s);
    assert_cancelled(s, 0, 0, 0, 0, 0);
}

/* S11: the worker is told, and its record decides. */
static void test_cancel__a_running_one_is_stopped(void **state)
{
    struct scene *s = with_commands(state, 1);
    cancel_range(s, 1, 1, 1, true, "too slow");
    turn(s);
    assert_cancelled(s, 0, 1, 0, 0, 0);
    const struct send *stop = sent(s, SEND_STOP, 101, 0);
    assert_non_null(stop);
    assert_int_equal(stop->as.stop.track_id, 1);
    assert_int_equal(stop->as.stop.reason, REASON_CANCELLED_RUNNING);
    assert_int_equal(vault_seen(s->vault, FACT_STOPPING), 1);
    restart(s);
    hello(s, 1, 11, "work");
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
}

/* S11: a race with completion has one winner, and the record says which. */
static void test_cancel__completion_may_win(void **state)
{
    struct scene *s = with_commands(state, 1);
    cancel_range(s, 1, 1, 1, true, "too slow");
    report_ok(s, 101, 1, 1);
    turn(s);
    assert_ended(s, 1, STATE_OK, REASON_NONE);
    assert_cancelled(s, 0, 0, 1, 0, 0);
    submit(s, 1, 2, 1);
    turn(s);
    cancel_range(s, 1, 2, 2, true, "too slow");
    turn(s);
    report(s, 101,
           (struct report){.track_id = 2,
                           .attempt = 1,
                           .state = STATE_CANCELLED,
                           .reason = REASON_CANCELLED_RUNNING});
    turn(s);
    assert_ended(s, 2, STATE_CANCELLED, REASON_CANCELLED_RUNNING);
    assert_true(bytes_equal_str(vault_record(s->vault, pool_of(s, 1), 2)->why, "too slow"));
}

/* Nobody is there to be told: the order waits for the hello. */
static void test_cancel__a_running_one_of_an_absent_worker(void **state)
{
    struct scene *s = with_commands(state, 1);
    simple(s, EVENT_GONE, 101);
    cancel_range(s, 1, 1, 1, true, "");
    turn(s);
    assert_cancelled(s, 0, 1, 0, 0, 0);
    assert_int_equal(count_sent(s, SEND_STOP, 0), 0);
    struct event_worker_attempt listed = {
        .pool = pool_of(s, 1), .track_id = 1, .attempt = 1, .epoch = 1, .phase = PHASE_RUNNING};
    greet(s, 102,
          (struct being){
              .host = "web1", .incarnation = 1, .slots = 1, .attempts = &listed, .n_attempts = 1});
    turn(s);
    assert_int_equal(count_sent(s, SEND_STOP, 102), 1);
}

static void test_cancel__a_batch(void **state)
{
    struct scene *s = with_commands(state, 1);
    submit_this(s, 1, 2, (struct submission){.each = true});
    submit(s, 1, 3, 2);
    turn(s);
    cancel_event(s, (struct event_cancel){.batch = 1});
    turn(s);
    assert_cancelled(s, 1, 0, 0, 0, 0);
    assert_int_equal(state_of(s, 3), STATE_QUEUED);
    cancel_event(s, (struct event_cancel){.batch = 1});
    turn(s);
    assert_cancelled(s, 0, 0, 0, 0, 0);
    cancel_event(s, (struct event_cancel){.batch = 2});
    assert_refused(s, REFUSAL_UNKNOWN_BATCH, "B2");
    turn(s);
}

static void test_cancel__mine_leaves_the_others(void **state)
{
    struct scene *s = with_commands(state, 3);
    hello(s, 2, 22, "work");
    submit(s, 2, 1, 0);
    turn(s);
    cancel_event(s, (struct event_cancel){.mine = true, .running = true});
    turn(s);
    assert_cancelled(s, 2, 1, 0, 0, 0);
    assert_int_equal(state_of(s, 4), STATE_QUEUED);
    cancel_event(s, (struct event_cancel){.all = true});
    turn(s);
    assert_int_equal(state_of(s, 4), STATE_NONE);
}

static void test_cancel__nothing_named_is_a_bad_request(void **state)
{
    struct scene *s = with_commands(state, 1);
    cancel_event(s, (struct event_cancel){.running = true});
    assert_refused(s, REFUSAL_BAD_REQUEST, "what to cancel");
    turn(s);
}

/* A very large one takes several turns; nothing of the pool is handed out meanwhile. */
static void test_cancel__a_large_one_goes_on_in_the_next_turn(void **state)
{
    static const struct submission many[1000];
    struct scene *s = *state;
    s->skips_check = true;
    hello(s, 1, 11, "work");
    for (uint64_t i = 1; i <= 15; i++)
        submit_all(s, 1, i, i - 1, many, 1000);
    turn(s);
    cancel_event(s, (struct event_cancel){.all = true});
    worker(s, 101, "web1", 4);
    turn(s);
    assert_int_equal(count_sent(s, SEND_CANCELLED, 1), 0);
    assert_int_equal(count_sent(s, SEND_COMMAND, 101), 0);
    assert_int_equal(stats_of(s).totals->head, 10000);
    assert_int_equal(core_deadline(s->core), s->now);
    submit(s, 1, 16, 15);
    turn(s);
    assert_cancelled(s, 15000, 0, 0, 0, 0);
    assert_handed_out(s, 101, 15001, 1);
    assert_true(core_deadline(s->core) > s->now);
    s->skips_check = false;
    turn(s);
}

/* S13: as many as a client may have waiting. */
static void test_cancel__too_many_at_once_are_busy(void **state)
{
    static const struct submission many[1000];
    struct scene *s = *state;
    s->skips_check = true;
    hello(s, 1, 11, "work");
    for (uint64_t i = 1; i <= 11; i++)
        submit_all(s, 1, i, i - 1, many, 1000);
    turn(s);
    for (int i = 0; i < 8; i++)
        cancel_event(s, (struct event_cancel){.all = true});
    cancel_event(s, (struct event_cancel){.all = true});
    assert_refused(s, REFUSAL_BUSY, "worked on");
    turn(s);
    turn(s);
    assert_int_equal(count_sent(s, SEND_CANCELLED, 1), 8);
}

static void test_cancel__it_goes_on_when_its_client_leaves(void **state)
{
    static const struct submission many[1000];
    struct scene *s = *state;
    s->skips_check = true;
    hello(s, 1, 11, "work");
    for (uint64_t i = 1; i <= 11; i++)
        submit_all(s, 1, i, i - 1, many, 1000);
    turn(s);
    cancel_event(s, (struct event_cancel){.mine = true});
    turn(s);
    simple(s, EVENT_GONE, 1);
    turn(s);
    assert_int_equal(count_sent(s, SEND_CANCELLED, 0), 0);
    s->skips_check = false;
    hello(s, 1, 11, "work");
    turn(s);
    assert_int_equal(stats_of(s).totals->head, 11000);
}

/* S10: wait returns when every command of the handle is final, behind that commit. */
static void test_cancel__shutdown_waits_for_this_handles_commands(void **state)
{
    struct scene *s = with_commands(state, 1);
    hello(s, 2, 22, "work");
    submit(s, 2, 1, 0);
    shutdown_event(s, true, false, false, 60 * MUSTER_S);
    turn(s);
    assert_int_equal(count_sent(s, SEND_DONE, 1), 0);
    report_ok(s, 101, 1, 1);
    turn(s);
    assert_int_equal(count_sent(s, SEND_DONE, 1), 1);
    assert_false(sent(s, SEND_DONE, 1, 0)->as.done.timed_out);
    shutdown_event(s, true, false, false, 60 * MUSTER_S);
    assert_int_equal(count_sent(s, SEND_DONE, 1), 1);
    turn(s);
}

/* S10: cancel ends queued commands with a record each and leaves running ones. */
static void test_cancel__shutdown_may_cancel_the_queued(void **state)
{
    struct scene *s = with_commands(state, 3);
    shutdown_event(s, false, true, false, 0);
    turn(s);
    assert_int_equal(sent(s, SEND_DONE, 1, 0)->as.done.value, 1);
    assert_ended(s, 2, STATE_CANCELLED, REASON_SHUTDOWN);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
    assert_int_equal(count_sent(s, SEND_STOP, 101), 0);
    shutdown_event(s, true, true, true, 60 * MUSTER_S);
    turn(s);
    assert_int_equal(sent(s, SEND_STOP, 101, 0)->as.stop.reason, REASON_SHUTDOWN);
    assert_int_equal(count_sent(s, SEND_DONE, 1), 0);
    report(s, 101,
           (struct report){
               .track_id = 1, .attempt = 1, .state = STATE_CANCELLED, .reason = REASON_SHUTDOWN});
    turn(s);
    assert_int_equal(sent(s, SEND_DONE, 1, 0)->as.done.value, 0);
}

static void test_cancel__shutdown_may_cancel_only_what_runs(void **state)
{
    struct scene *s = with_commands(state, 2);
    shutdown_event(s, false, false, true, 0);
    turn(s);
    assert_int_equal(count_sent(s, SEND_STOP, 101), 1);
    assert_int_equal(state_of(s, 2), STATE_QUEUED);
}

static void test_cancel__shutdown_gives_up_after_its_time(void **state)
{
    struct scene *s = with_commands(state, 1);
    shutdown_event(s, true, false, false, 5 * MUSTER_S);
    turn(s);
    pass(s, 5 * MUSTER_S);
    tick(s);
    assert_true(sent(s, SEND_DONE, 1, 0)->as.done.timed_out);
    assert_int_equal(sent(s, SEND_DONE, 1, 0)->as.done.value, 1);
}

static void test_cancel__shutdown_of_the_broker_says_goodbye_to_all(void **state)
{
    struct scene *s = with_commands(state, 1);
    struct event event = {.type = EVENT_SHUTDOWN, .peer = 1, .request = 6};
    event.as.shutdown.broker = true;
    step(s, event);
    turn(s);
    assert_int_equal(count_sent(s, SEND_DONE, 1), 1);
    assert_true(sent(s, SEND_BYE, 101, 0)->as.bye.end);
    assert_int_equal(count_sent(s, SEND_BYE, 1), 1);
    assert_int_equal(count_sent(s, SEND_STOP_BROKER, 0), 1);
    restart(s);
    hello(s, 1, 11, "work");
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_cancel__queued_ones_end_at_once),
        SCENE_TEST(test_cancel__the_answer_counts_every_id),
        SCENE_TEST(test_cancel__a_running_one_is_stopped),
        SCENE_TEST(test_cancel__completion_may_win),
        SCENE_TEST(test_cancel__a_running_one_of_an_absent_worker),
        SCENE_TEST(test_cancel__a_batch),
        SCENE_TEST(test_cancel__mine_leaves_the_others),
        SCENE_TEST(test_cancel__nothing_named_is_a_bad_request),
        SCENE_TEST(test_cancel__a_large_one_goes_on_in_the_next_turn),
        SCENE_TEST(test_cancel__too_many_at_once_are_busy),
        SCENE_TEST(test_cancel__it_goes_on_when_its_client_leaves),
        SCENE_TEST(test_cancel__shutdown_waits_for_this_handles_commands),
        SCENE_TEST(test_cancel__shutdown_may_cancel_the_queued),
        SCENE_TEST(test_cancel__shutdown_may_cancel_only_what_runs),
        SCENE_TEST(test_cancel__shutdown_gives_up_after_its_time),
        SCENE_TEST(test_cancel__shutdown_of_the_broker_says_goodbye_to_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
