/* Records: exactly one final one per command (S6), and what a worker says besides. */
#include "tests/unit/core/scene.h"

static struct scene *with_running(void **state, struct submission what)
{
    struct scene *s = *state;
    worker(s, 101, "web1", 1);
    hello(s, 1, 11, "work");
    submit_this(s, 1, 1, what);
    turn(s);
    return s;
}

static void assert_stale(struct scene *s, peer_id peer)
{
    const struct send *send = sent(s, SEND_RECORDED, peer, 0);
    assert_non_null(send);
    assert_true(send->as.recorded.stale);
    assert_int_equal(send->as.recorded.pos, 0);
}

static void assert_kept(struct scene *s, peer_id peer, uint64_t pos)
{
    const struct send *send = sent(s, SEND_RECORDED, peer, 0);
    assert_non_null(send);
    assert_false(send->as.recorded.stale);
    assert_int_equal(send->as.recorded.pos, pos);
}

/* S6: a repeat gets the same answer. */
static void test_work__a_repeated_record_gets_the_same_pos(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    report_ok(s, 101, 1, 1);
    turn(s);
    assert_kept(s, 101, 1);
    report_ok(s, 101, 1, 1);
    turn(s);
    assert_kept(s, 101, 1);
    assert_int_equal(vault_records(s->vault), 1);
    assert_int_equal(vault_audits(s->vault), 0);
}

/* S6: … after a restart with what ingress found in the store. */
static void test_work__a_repeat_after_a_restart_is_known_by_the_store(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    report_ok(s, 101, 1, 1);
    turn(s);
    uint32_t pool = pool_of(s, 1);
    assert_false(core_report_is_past(s->core, pool, 1, 1));
    restart(s);
    hello(s, 1, 11, "work");
    worker(s, 102, "web1", 1);
    turn(s);
    assert_true(core_report_is_past(s->core, pool, 1, 1));
    assert_false(core_report_is_past(s->core, pool, 2, 1));
    assert_false(core_report_is_past(s->core, pool + 1, 1, 1));
    const struct fact_recorded *r = vault_record(s->vault, pool, 1);
    struct event event = {.type = EVENT_REPORT, .peer = 102};
    event.as.report = (struct event_report){
        .pool = pool, .track_id = 1, .attempt = 1, .epoch = 1, .state = STATE_OK};
    event.as.report.prior.found = true;
    event.as.report.prior.attempt = r->attempt;
    event.as.report.prior.worker = r->worker;
    event.as.report.prior.pos = r->pos;
    step(s, event);
    assert_kept(s, 102, 1);
    event.as.report.attempt = 2;
    step(s, event);
    turn(s);
    assert_true(sent(s, SEND_RECORDED, 102, 1)->as.recorded.stale);
    assert_int_equal(vault_audits(s->vault), 1);
}

/* S6: not the current attempt, not this worker, not this epoch: stale, and audited. */
static void test_work__what_is_not_the_current_attempt_is_stale(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    worker(s, 102, "web2", 1);
    report_ok(s, 102, 1, 1);
    turn(s);
    assert_stale(s, 102);
    report_ok(s, 101, 1, 2);
    turn(s);
    assert_stale(s, 101);
    report(s, 101, (struct report){.track_id = 1, .attempt = 1, .epoch = 9});
    turn(s);
    assert_stale(s, 101);
    report_ok(s, 101, 5, 1);
    turn(s);
    assert_stale(s, 101);
    assert_int_equal(vault_audits(s->vault), 4);
    assert_int_equal(vault_records(s->vault), 0);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
}

static void test_work__a_pool_that_is_not_there_is_stale(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    report(s, 101, (struct report){.track_id = 1, .attempt = 1, .pool = 4242});
    turn(s);
    assert_stale(s, 101);
    assert_int_equal(vault_audits(s->vault), 0);
}

/* S6: an expired attempt that was not issued again is still accepted. */
static void test_work__a_late_record_is_accepted_until_it_is_issued_again(void **state)
{
    struct scene *s = with_running(state, (struct submission){.rerunnable = true});
    pass(s, 30 * MUSTER_S);
    tick(s);
    struct event_worker_attempt listed = {
        .pool = pool_of(s, 1), .track_id = 1, .attempt = 1, .epoch = 1, .phase = PHASE_SPOOLED};
    greet(s, 102,
          (struct being){.host = "web1",
                         .incarnation = 1,
                         .slots = 1,
                         .credit = NO_CREDIT,
                         .attempts = &listed,
                         .n_attempts = 1});
    turn(s);
    assert_int_equal(count_sent(s, SEND_STOP, 102), 0);
    report_ok(s, 102, 1, 1);
    turn(s);
    assert_kept(s, 102, 1);
    assert_ended(s, 1, STATE_OK, REASON_NONE);
}

static void test_work__a_late_record_of_a_reissued_attempt_is_stale(void **state)
{
    struct scene *s = with_running(state, (struct submission){.rerunnable = true});
    worker(s, 102, "web2", 1);
    pass(s, 29 * MUSTER_S);
    renew(s, 102, 1);
    pass(s, MUSTER_S);
    tick(s);
    assert_handed_out(s, 102, 1, 2);
    greet(s, 103,
          (struct being){.host = "web1", .incarnation = 1, .slots = 1, .credit = NO_CREDIT});
    report_ok(s, 103, 1, 1);
    turn(s);
    assert_stale(s, 103);
    report_ok(s, 102, 1, 2);
    turn(s);
    assert_kept(s, 102, 1);
}

/* S5: the late record of a command that may not be run again counts. */
static void test_work__a_silent_workers_record_is_accepted(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    pass(s, 600 * MUSTER_S);
    tick(s);
    struct event_worker_attempt listed = {
        .pool = pool_of(s, 1), .track_id = 1, .attempt = 1, .epoch = 1, .phase = PHASE_RUNNING};
    greet(s, 102,
          (struct being){
              .host = "web1", .incarnation = 1, .slots = 1, .attempts = &listed, .n_attempts = 1});
    turn(s);
    pass(s, 25 * MUSTER_S);
    renew(s, 102, 1);
    pass(s, 3600 * MUSTER_S - 25 * MUSTER_S);
    renew(s, 102, 1);
    tick(s);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
    report_ok(s, 102, 1, 1);
    turn(s);
    assert_ended(s, 1, STATE_OK, REASON_NONE);
}

/* Every end that a worker may claim, and no other. */
static void test_work__every_end_of_a_worker_is_taken(void **state)
{
    static const enum state ends[] = {STATE_OK,        STATE_FAILED,   STATE_SIGNALED,
                                      STATE_TIMEOUT,   STATE_STALLED,  STATE_SKIPPED,
                                      STATE_CANCELLED, STATE_REJECTED, STATE_LOST};
    struct scene *s = *state;
    worker(s, 101, "web1", 16);
    hello(s, 1, 11, "work");
    for (uint64_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        submit(s, 1, i + 1, i);
    submit(s, 1, 10, 9);
    turn(s);
    for (uint64_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        report(s, 101, (struct report){.track_id = i + 1, .attempt = 1, .state = ends[i]});
        turn(s);
        assert_ended(s, i + 1, ends[i], REASON_NONE);
        assert_int_equal(stats_of(s).totals->ended[ends[i]], 1);
    }
    report(s, 101, (struct report){.track_id = 10, .attempt = 1, .state = STATE_EXPIRED});
    assert_refused(s, REFUSAL_BAD_REQUEST, "expired");
    report(s, 101, (struct report){.track_id = 10, .attempt = 1, .state = STATE_RUNNING});
    turn(s);
    assert_int_equal(state_of(s, 10), STATE_RUNNING);
    assert_int_equal(stats_of(s).totals->head, 9);
}

/* A worker that cannot know the outcome says lost: what may run again does. */
static void test_work__lost_to_its_worker_runs_again_when_it_may(void **state)
{
    struct scene *s =
        with_running(state, (struct submission){.rerunnable = true, .max_attempts = 2});
    report(s, 101, (struct report){.track_id = 1, .attempt = 1, .state = STATE_LOST});
    turn(s);
    assert_stale(s, 101);
    assert_handed_out(s, 101, 1, 2);
    report(s, 101, (struct report){.track_id = 1, .attempt = 2, .state = STATE_LOST});
    turn(s);
    assert_ended(s, 1, STATE_LOST, REASON_NONE);
}

/* The answer to such a record may be lost: its repeat must not end what is queued again. */
static void test_work__a_repeated_lost_record_ends_nothing(void **state)
{
    struct scene *s =
        with_running(state, (struct submission){.rerunnable = true, .max_attempts = 2});
    renew(s, 101, 0);
    report(s, 101, (struct report){.track_id = 1, .attempt = 1, .state = STATE_LOST});
    turn(s);
    assert_int_equal(state_of(s, 1), STATE_QUEUED);
    report(s, 101, (struct report){.track_id = 1, .attempt = 1, .state = STATE_LOST});
    turn(s);
    assert_stale(s, 101);
    assert_int_equal(state_of(s, 1), STATE_QUEUED);
}

/* S6: a record that comes behind the broker's own is no repeat of it. */
static void test_work__a_record_of_what_was_declared_lost_is_stale(void **state)
{
    struct scene *s = with_running(state, (struct submission){.lost_after_ns = 1});
    pass(s, 31 * MUSTER_S);
    tick(s);
    pass(s, 1 * MUSTER_S);
    tick(s);
    assert_int_equal(vault_records(s->vault), 1);
    worker(s, 101, "web1", 1);
    report_ok(s, 101, 1, 1);
    turn(s);
    assert_stale(s, 101);
    assert_int_equal(vault_records(s->vault), 1);
}

/* S4: a renewal is answered with what it was sent with. */
static void test_work__a_renewal_is_answered(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    renew(s, 101, 1);
    assert_int_equal(sent(s, SEND_PONG, 101, 0)->as.pong.sent_ns, 5);
    turn(s);
}

/* S10: draining takes nothing more. */
static void test_work__no_credit_takes_nothing(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    renew(s, 101, 0);
    submit(s, 1, 2, 1);
    report_ok(s, 101, 1, 1);
    turn(s);
    assert_int_equal(count_sent(s, SEND_COMMAND, 101), 0);
    assert_int_equal(state_of(s, 2), STATE_QUEUED);
    renew(s, 101, 1);
    turn(s);
    assert_handed_out(s, 101, 2, 1);
}

static void test_work__goodbye_ends_the_session_and_keeps_what_is_held(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    simple(s, EVENT_WORKER_BYE, 101);
    turn(s);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
    assert_int_equal(stats_of(s).hosts, 0);
    renew(s, 101, 1);
    assert_int_equal(count_sent(s, SEND_WHO_ARE_YOU, 101), 1);
    turn(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_work__a_repeated_record_gets_the_same_pos),
        SCENE_TEST(test_work__a_repeat_after_a_restart_is_known_by_the_store),
        SCENE_TEST(test_work__what_is_not_the_current_attempt_is_stale),
        SCENE_TEST(test_work__a_pool_that_is_not_there_is_stale),
        SCENE_TEST(test_work__a_late_record_is_accepted_until_it_is_issued_again),
        SCENE_TEST(test_work__a_late_record_of_a_reissued_attempt_is_stale),
        SCENE_TEST(test_work__a_silent_workers_record_is_accepted),
        SCENE_TEST(test_work__every_end_of_a_worker_is_taken),
        SCENE_TEST(test_work__lost_to_its_worker_runs_again_when_it_may),
        SCENE_TEST(test_work__a_repeated_lost_record_ends_nothing),
        SCENE_TEST(test_work__a_record_of_what_was_declared_lost_is_stale),
        SCENE_TEST(test_work__a_renewal_is_answered),
        SCENE_TEST(test_work__no_credit_takes_nothing),
        SCENE_TEST(test_work__goodbye_ends_the_session_and_keeps_what_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
