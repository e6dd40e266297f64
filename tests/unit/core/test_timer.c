/* What happens because time passes (S3, S15). */
#include "tests/unit/core/scene.h"

static struct scene *with_worker(void **state)
{
    struct scene *s = *state;
    worker(s, 101, "web1", 4);
    hello(s, 1, 11, "work");
    turn(s);
    return s;
}

static void later(struct scene *s, int64_t ns)
{
    pass(s, ns);
    renew(s, 101, 4);
    tick(s);
}

/* S3: held until its time; others overtake it. */
static void test_timer__a_delayed_command_waits(void **state)
{
    struct scene *s = with_worker(state);
    submit_this(s, 1, 1, (struct submission){.delay_ns = 10 * MUSTER_S});
    submit(s, 1, 2, 1);
    turn(s);
    assert_int_equal(hold_of(s, 1), HOLD_TIME);
    assert_handed_out(s, 101, 2, 1);
    later(s, 9 * MUSTER_S);
    assert_int_equal(state_of(s, 1), STATE_HELD);
    later(s, 2 * MUSTER_S);
    assert_handed_out(s, 101, 1, 1);
}

/* S15: relative times follow the clock of durations, not steps of the wall clock. */
static void test_timer__a_step_of_the_wall_clock_moves_no_delay(void **state)
{
    struct scene *s = with_worker(state);
    submit_this(s, 1, 1, (struct submission){.delay_ns = 10 * MUSTER_S});
    turn(s);
    s->wall_ns += 3600 * MUSTER_S;
    later(s, MUSTER_S);
    assert_int_equal(state_of(s, 1), STATE_HELD);
    s->wall_ns -= 7200 * MUSTER_S;
    later(s, 10 * MUSTER_S);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
}

/* S15: only `--at` follows the wall clock. */
static void test_timer__at_follows_the_wall_clock(void **state)
{
    struct scene *s = with_worker(state);
    submit_this(s, 1, 1, (struct submission){.at_wall_ns = s->wall_ns + 100 * MUSTER_S});
    submit_this(s, 1, 2, (struct submission){.at_wall_ns = s->wall_ns + 7200 * MUSTER_S});
    turn(s);
    later(s, MUSTER_S);
    s->wall_ns -= 50 * MUSTER_S;
    later(s, 100 * MUSTER_S);
    assert_int_equal(state_of(s, 1), STATE_HELD);
    s->wall_ns += 3600 * MUSTER_S;
    later(s, MUSTER_S);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
    assert_int_equal(state_of(s, 2), STATE_HELD);
}

/* S15: a restart re-arms each time on the clock that it follows. */
static void test_timer__times_survive_a_restart(void **state)
{
    struct scene *s = with_worker(state);
    submit_this(s, 1, 1, (struct submission){.delay_ns = 100 * MUSTER_S});
    submit_this(s, 1, 2, (struct submission){.at_wall_ns = s->wall_ns + 100 * MUSTER_S});
    turn(s);
    pass(s, 50 * MUSTER_S);
    restart(s);
    hello(s, 1, 11, "work");
    worker(s, 101, "web1", 4);
    s->wall_ns += 60 * MUSTER_S;
    later(s, MUSTER_S);
    assert_int_equal(state_of(s, 1), STATE_HELD);
    assert_int_equal(state_of(s, 2), STATE_RUNNING);
    later(s, 49 * MUSTER_S);
    later(s, MUSTER_S);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
}

static void test_timer__what_did_not_start_in_time_expires(void **state)
{
    struct scene *s = with_worker(state);
    renew(s, 101, 0);
    submit_this(s, 1, 1, (struct submission){.start_within_ns = 10 * MUSTER_S});
    submit_this(s, 1, 2,
                (struct submission){.start_by_wall_ns = s->wall_ns + 10 * MUSTER_S,
                                    .delay_ns = 100 * MUSTER_S});
    turn(s);
    pass(s, 11 * MUSTER_S);
    renew(s, 101, 0);
    tick(s);
    assert_ended(s, 1, STATE_EXPIRED, REASON_START_BY);
    assert_ended(s, 2, STATE_EXPIRED, REASON_START_BY);
    assert_int_equal(vault_record(s->vault, pool_of(s, 1), 1)->attempt, 0);
}

static void test_timer__a_start_in_time_lifts_the_deadline(void **state)
{
    struct scene *s = with_worker(state);
    submit_this(s, 1, 1, (struct submission){.rerunnable = true, .start_within_ns = 10 * MUSTER_S});
    turn(s);
    later(s, 11 * MUSTER_S);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
    pass(s, 30 * MUSTER_S);
    tick(s);
    assert_int_equal(state_of(s, 1), STATE_HELD);
    pass(s, 30 * MUSTER_S);
    tick(s);
    assert_int_equal(state_of(s, 1), STATE_HELD);
}

/* A hand-out that never started is no start. */
static void test_timer__a_hand_out_that_never_started_does_not_lift_it(void **state)
{
    struct scene *s = with_worker(state);
    submit_this(s, 1, 1, (struct submission){.start_within_ns = 10 * MUSTER_S});
    turn(s);
    struct event_worker_attempt mine = {
        .pool = pool_of(s, 1), .track_id = 1, .attempt = 1, .epoch = 1};
    give_back(s, 101, &mine, 1, 0);
    turn(s);
    pass(s, 11 * MUSTER_S);
    renew(s, 101, 0);
    tick(s);
    assert_ended(s, 1, STATE_EXPIRED, REASON_START_BY);
}

/* The shell sleeps until the next thing is due. */
static void test_timer__the_deadline_is_the_next_thing(void **state)
{
    struct scene *s = *state;
    assert_int_equal(core_deadline(s->core), MUSTER_NEVER);
    hello(s, 1, 11, "work");
    submit_this(s, 1, 1, (struct submission){.delay_ns = 100 * MUSTER_S});
    turn(s);
    assert_in_range(core_deadline(s->core), s->now + 100 * MUSTER_S, s->now + 101 * MUSTER_S);
    submit_this(s, 1, 2, (struct submission){.at_wall_ns = s->wall_ns + 60 * MUSTER_S});
    turn(s);
    assert_in_range(core_deadline(s->core), s->now + 59 * MUSTER_S, s->now + 60 * MUSTER_S);
    worker(s, 101, "web1", 1);
    turn(s);
    assert_int_equal(core_deadline(s->core), s->now + 30 * MUSTER_S);
    read_from(s, 1, 0, MUSTER_S);
    turn(s);
    assert_int_equal(core_deadline(s->core), s->now + MUSTER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_timer__a_delayed_command_waits),
        SCENE_TEST(test_timer__a_step_of_the_wall_clock_moves_no_delay),
        SCENE_TEST(test_timer__at_follows_the_wall_clock),
        SCENE_TEST(test_timer__times_survive_a_restart),
        SCENE_TEST(test_timer__what_did_not_start_in_time_expires),
        SCENE_TEST(test_timer__a_start_in_time_lifts_the_deadline),
        SCENE_TEST(test_timer__a_hand_out_that_never_started_does_not_lift_it),
        SCENE_TEST(test_timer__the_deadline_is_the_next_thing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
