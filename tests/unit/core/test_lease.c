/* Hand-outs and the liveness of their workers (S4, S5). */
#include "tests/unit/core/scene.h"

enum { LEASE_S = 30 };

static struct scene *with_running(void **state, struct submission what)
{
    struct scene *s = *state;
    worker(s, 101, "web1", 1);
    hello(s, 1, 11, "work");
    submit_this(s, 1, 1, what);
    turn(s);
    assert_handed_out(s, 101, 1, 1);
    return s;
}

static void expire(struct scene *s)
{
    pass(s, LEASE_S * MUSTER_S);
    tick(s);
}

/* S4: the attempt is durable in the transaction behind which the hand-out leaves. */
static void test_lease__the_attempt_is_stored_with_its_hand_out(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    assert_int_equal(vault_seen(s->vault, FACT_LEASED), 1);
    restart(s);
    hello(s, 1, 11, "work");
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
}

/* S5: silence is not loss. */
static void test_lease__expiry_leaves_other_commands_running(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    expire(s);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
    struct core_command_row row;
    bool more;
    struct event_list list = {0};
    assert_int_equal(core_list(s->core, pool_of(s, 1), &list, &row, 1, &more), 1);
    assert_true(row.silent);
    assert_int_equal(count_sent(s, SEND_CLOSE, 101), 1);
}

static void test_lease__expiry_queues_rerunnable_commands_again(void **state)
{
    struct scene *s = with_running(state, (struct submission){.rerunnable = true});
    expire(s);
    assert_int_equal(state_of(s, 1), STATE_HELD);
    worker(s, 102, "web2", 1);
    turn(s);
    assert_handed_out(s, 102, 1, 2);
}

/* S5: it may come back within its time; the end is honest after that. */
static void test_lease__lost_after_counts_from_the_expiry(void **state)
{
    struct scene *s = with_running(state, (struct submission){.lost_after_ns = 60 * MUSTER_S});
    expire(s);
    pass(s, 59 * MUSTER_S);
    tick(s);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
    pass(s, MUSTER_S);
    tick(s);
    assert_ended(s, 1, STATE_LOST, REASON_LOST_AFTER);
    restart(s);
}

static void test_lease__the_default_of_lost_after_is_an_hour(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    expire(s);
    pass(s, 3599 * MUSTER_S);
    tick(s);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
    pass(s, MUSTER_S);
    tick(s);
    assert_ended(s, 1, STATE_LOST, REASON_LOST_AFTER);
}

/* S5: `--lost-after 0` is 1 ns on the wire: at expiry. */
static void test_lease__lost_after_nothing_is_lost_at_expiry(void **state)
{
    struct scene *s = with_running(state, (struct submission){.lost_after_ns = 1});
    expire(s);
    assert_ended(s, 1, STATE_LOST, REASON_LOST_AFTER);
}

/* The last allowed start is not taken back: its record may still come. */
static void test_lease__the_last_start_ends_as_spent(void **state)
{
    struct scene *s =
        with_running(state, (struct submission){.rerunnable = true, .max_attempts = 1});
    expire(s);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
    pass(s, 3600 * MUSTER_S);
    tick(s);
    assert_ended(s, 1, STATE_LOST, REASON_ATTEMPTS_SPENT);
}

/* max_attempts counts starts: five by default for what may be run again. */
static void test_lease__five_starts_are_the_default_of_rerunnable(void **state)
{
    struct scene *s = with_running(state, (struct submission){.rerunnable = true});
    for (uint32_t i = 2; i <= 5; i++) {
        expire(s);
        worker(s, 100 + i, "web1", 1);
        turn(s);
        assert_handed_out(s, 100 + i, 1, i);
    }
    expire(s);
    pass(s, 3600 * MUSTER_S);
    tick(s);
    assert_ended(s, 1, STATE_LOST, REASON_ATTEMPTS_SPENT);
}

/* S4: any message renews. */
static void test_lease__every_message_renews(void **state)
{
    struct scene *s = with_running(state, (struct submission){.rerunnable = true});
    for (int i = 0; i < 10; i++) {
        pass(s, 20 * MUSTER_S);
        renew(s, 101, 1);
        tick(s);
        assert_int_equal(state_of(s, 1), STATE_RUNNING);
    }
    pass(s, 20 * MUSTER_S);
    report(s, 101, (struct report){.track_id = 99, .attempt = 1});
    tick(s);
    pass(s, 20 * MUSTER_S);
    tick(s);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
}

/* S4: judged by TICK alone, never by the passing of time. */
static void test_lease__nothing_but_a_tick_judges(void **state)
{
    struct scene *s = with_running(state, (struct submission){.rerunnable = true});
    pass(s, 300 * MUSTER_S);
    submit(s, 1, 2, 1);
    turn(s);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
    renew(s, 101, 1);
    tick(s);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
}

/* S4: a turn that starts late gives every lease a full fresh term. */
static void test_lease__a_late_turn_renews_all(void **state)
{
    struct scene *s = with_running(state, (struct submission){.rerunnable = true});
    pass(s, 300 * MUSTER_S);
    simple(s, EVENT_LATE, 0);
    tick(s);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
    pass(s, 29 * MUSTER_S);
    tick(s);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
    pass(s, MUSTER_S);
    tick(s);
    assert_int_equal(state_of(s, 1), STATE_HELD);
}

/* S4: after a restart everybody gets a full term to say hello. */
static void test_lease__a_restart_renews_all(void **state)
{
    struct scene *s = with_running(state, (struct submission){.rerunnable = true});
    pass(s, 29 * MUSTER_S);
    restart(s);
    hello(s, 1, 11, "work");
    pass(s, 29 * MUSTER_S);
    tick(s);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
    pass(s, MUSTER_S);
    tick(s);
    assert_int_equal(state_of(s, 1), STATE_HELD);
}

/* S4: a worker, not its session, holds; a lost connection changes nothing by itself. */
static void test_lease__a_lost_session_keeps_what_is_held(void **state)
{
    struct scene *s = with_running(state, (struct submission){.rerunnable = true});
    simple(s, EVENT_GONE, 101);
    turn(s);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
    expire(s);
    assert_int_equal(state_of(s, 1), STATE_HELD);
}

/* S4: a hand-out that could not be sent never started. */
static void test_lease__unsent_spends_no_start(void **state)
{
    struct scene *s =
        with_running(state, (struct submission){.rerunnable = true, .max_attempts = 1});
    struct event event = {.type = EVENT_UNSENT, .peer = 101};
    event.as.unsent.pool = pool_of(s, 1);
    event.as.unsent.track_id = 1;
    event.as.unsent.attempt = 1;
    step(s, event);
    turn(s);
    assert_handed_out(s, 101, 1, 2);
    step(s, event); /* of an attempt that is over */
    turn(s);
    assert_int_equal(count_sent(s, SEND_COMMAND, 101), 0);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
}

/* S4: what was handed out ahead and returned goes to somebody else, and no start is spent. */
static void test_lease__returned_spends_no_start(void **state)
{
    struct scene *s =
        with_running(state, (struct submission){.rerunnable = true, .max_attempts = 1});
    struct event_worker_attempt mine = {
        .pool = pool_of(s, 1), .track_id = 1, .attempt = 1, .epoch = 1};
    give_back(s, 101, &mine, 1, 0);
    worker(s, 102, "web2", 1);
    turn(s);
    assert_handed_out(s, 102, 1, 2);
    assert_int_equal(count_sent(s, SEND_COMMAND, 101), 0);
}

/* S11: what was to be cancelled is not run again. */
static void test_lease__a_stopping_command_is_not_run_again(void **state)
{
    struct scene *s = with_running(state, (struct submission){.rerunnable = true});
    cancel_range(s, 1, 1, 1, true, "enough");
    turn(s);
    expire(s);
    assert_ended(s, 1, STATE_CANCELLED, REASON_CANCELLED_RUNNING);
    assert_true(bytes_equal_str(vault_record(s->vault, pool_of(s, 1), 1)->why, "enough"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_lease__the_attempt_is_stored_with_its_hand_out),
        SCENE_TEST(test_lease__expiry_leaves_other_commands_running),
        SCENE_TEST(test_lease__expiry_queues_rerunnable_commands_again),
        SCENE_TEST(test_lease__lost_after_counts_from_the_expiry),
        SCENE_TEST(test_lease__the_default_of_lost_after_is_an_hour),
        SCENE_TEST(test_lease__lost_after_nothing_is_lost_at_expiry),
        SCENE_TEST(test_lease__the_last_start_ends_as_spent),
        SCENE_TEST(test_lease__five_starts_are_the_default_of_rerunnable),
        SCENE_TEST(test_lease__every_message_renews),
        SCENE_TEST(test_lease__nothing_but_a_tick_judges),
        SCENE_TEST(test_lease__a_late_turn_renews_all),
        SCENE_TEST(test_lease__a_restart_renews_all),
        SCENE_TEST(test_lease__a_lost_session_keeps_what_is_held),
        SCENE_TEST(test_lease__unsent_spends_no_start),
        SCENE_TEST(test_lease__returned_spends_no_start),
        SCENE_TEST(test_lease__a_stopping_command_is_not_run_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
