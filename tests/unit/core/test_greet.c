/* A worker's HELLO and what it settles (S4, S5). */
#include "tests/unit/core/scene.h"

static struct event_worker_attempt attempt(struct scene *s, uint64_t track_id, uint32_t number,
                                           enum attempt_phase phase)
{
    return (struct event_worker_attempt){
        .pool = pool_of(s, 1), .track_id = track_id, .attempt = number, .epoch = 1, .phase = phase};
}

/* Command 1 runs on web1, as attempt 1 of epoch 1. */
static struct scene *with_running(void **state, struct submission what)
{
    struct scene *s = *state;
    worker(s, 101, "web1", 1);
    hello(s, 1, 11, "work");
    submit_this(s, 1, 1, what);
    turn(s);
    return s;
}

static void again(struct scene *s, peer_id peer, struct being being,
                  const struct event_worker_attempt *attempts, uint32_t n)
{
    being.host = "web1";
    being.slots = 1;
    if (being.incarnation == 0)
        being.incarnation = 1;
    being.attempts = attempts;
    being.n_attempts = n;
    greet(s, peer, being);
    turn(s);
}

/* S4: running work is adopted, not repeated. */
static void test_greet__what_it_runs_is_adopted(void **state)
{
    struct scene *s = with_running(state, (struct submission){.rerunnable = true});
    restart(s);
    hello(s, 1, 11, "work");
    struct event_worker_attempt listed = attempt(s, 1, 1, PHASE_RUNNING);
    again(s, 102, (struct being){0}, &listed, 1);
    assert_int_equal(count_sent(s, SEND_WORKER_WELCOME, 102), 1);
    assert_int_equal(count_sent(s, SEND_COMMAND, 102), 0);
    assert_int_equal(count_sent(s, SEND_STOP, 102), 0);
    report(s, 102, (struct report){.track_id = 1, .attempt = 1, .epoch = 1});
    turn(s);
    assert_ended(s, 1, STATE_OK, REASON_NONE);
}

/* S4: it never started: no start is spent. */
static void test_greet__what_it_does_not_list_never_started(void **state)
{
    struct scene *s =
        with_running(state, (struct submission){.rerunnable = true, .max_attempts = 1});
    again(s, 102, (struct being){0}, NULL, 0);
    assert_handed_out(s, 102, 1, 2);
}

/* S5: that holds for commands that may not be run again, too. */
static void test_greet__what_never_started_may_start(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    again(s, 102, (struct being){.incarnation = 2}, NULL, 0);
    assert_handed_out(s, 102, 1, 2);
}

/* S4: after a reboot all is unknown. */
static void test_greet__after_a_reboot_what_it_does_not_list_is_lost(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    again(s, 102, (struct being){.incarnation = 2, .rebooted = true}, NULL, 0);
    assert_ended(s, 1, STATE_LOST, REASON_WORKER_RESTARTED);
}

static void test_greet__after_a_reboot_rerunnable_ones_run_again(void **state)
{
    struct scene *s = with_running(state, (struct submission){.rerunnable = true});
    again(s, 102, (struct being){.incarnation = 2, .rebooted = true}, NULL, 0);
    assert_handed_out(s, 102, 1, 2);
}

/* S5: an earlier incarnation had started it, and it is no more. */
static void test_greet__what_is_gone_is_lost(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    struct event_worker_attempt listed = attempt(s, 1, 1, PHASE_GONE);
    again(s, 102, (struct being){.incarnation = 2}, &listed, 1);
    assert_ended(s, 1, STATE_LOST, REASON_WORKER_RESTARTED);
}

static void test_greet__what_is_gone_and_rerunnable_runs_again_until_spent(void **state)
{
    struct scene *s =
        with_running(state, (struct submission){.rerunnable = true, .max_attempts = 2});
    struct event_worker_attempt listed = attempt(s, 1, 1, PHASE_GONE);
    again(s, 102, (struct being){.incarnation = 2}, &listed, 1);
    assert_handed_out(s, 102, 1, 2);
    listed = attempt(s, 1, 2, PHASE_GONE);
    again(s, 103, (struct being){.incarnation = 3}, &listed, 1);
    assert_ended(s, 1, STATE_LOST, REASON_ATTEMPTS_SPENT);
}

/* S4: attempts that the broker does not know are stopped, and no record is wanted. */
static void test_greet__what_it_should_not_run_is_stopped(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    struct event_worker_attempt listed[] = {
        attempt(s, 1, 1, PHASE_RUNNING),  attempt(s, 1, 9, PHASE_RUNNING),
        attempt(s, 77, 1, PHASE_WAITING), attempt(s, 78, 1, PHASE_SPOOLED),
        attempt(s, 79, 1, PHASE_GONE),
    };
    listed[3].pool = 999;
    again(s, 102, (struct being){0}, listed, 5);
    assert_int_equal(count_sent(s, SEND_STOP, 102), 2);
    assert_int_equal(sent(s, SEND_STOP, 102, 0)->as.stop.attempt, 9);
    assert_int_equal(sent(s, SEND_STOP, 102, 1)->as.stop.track_id, 77);
    assert_true(sent(s, SEND_STOP, 102, 0)->as.stop.forget);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
}

/* The epoch of the hand-out is part of its identity. */
static void test_greet__another_epoch_is_another_attempt(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    struct event_worker_attempt listed = attempt(s, 1, 1, PHASE_RUNNING);
    listed.epoch = 2;
    again(s, 102, (struct being){0}, &listed, 1);
    assert_int_equal(count_sent(s, SEND_STOP, 102), 1);
    assert_handed_out(s, 102, 1, 2);
}

/* S11: the order to stop survives a restart of the broker and a lost message. */
static void test_greet__a_stopping_attempt_is_told_again(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    cancel_range(s, 1, 1, 1, true, "");
    turn(s);
    assert_int_equal(count_sent(s, SEND_STOP, 101), 1);
    restart(s);
    hello(s, 1, 11, "work");
    struct event_worker_attempt listed = attempt(s, 1, 1, PHASE_RUNNING);
    again(s, 102, (struct being){0}, &listed, 1);
    const struct send *stop = sent(s, SEND_STOP, 102, 0);
    assert_non_null(stop);
    assert_false(stop->as.stop.forget);
    assert_int_equal(stop->as.stop.reason, REASON_CANCELLED_RUNNING);
}

static void test_greet__a_stopping_attempt_that_never_started_is_cancelled(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    cancel_range(s, 1, 1, 1, true, "");
    turn(s);
    again(s, 102, (struct being){0}, NULL, 0);
    assert_ended(s, 1, STATE_CANCELLED, REASON_CANCELLED_RUNNING);
}

/* Long lists come in parts; nothing is judged before the last. */
static void test_greet__parts_are_collected(void **state)
{
    struct scene *s = *state;
    worker(s, 101, "web1", 2);
    hello(s, 1, 11, "work");
    submit(s, 1, 1, 0);
    submit(s, 1, 2, 0);
    turn(s);
    struct event_worker_attempt one = attempt(s, 1, 1, PHASE_RUNNING);
    struct event_worker_attempt two = attempt(s, 2, 1, PHASE_RUNNING);
    struct being being = {.host = "web1",
                          .incarnation = 1,
                          .slots = 2,
                          .attempts = &one,
                          .n_attempts = 1,
                          .more = true};
    greet(s, 102, being);
    turn(s);
    assert_int_equal(count_sent(s, SEND_WORKER_WELCOME, 102), 0);
    renew(s, 102, 1);
    assert_int_equal(count_sent(s, SEND_WHO_ARE_YOU, 102), 1);
    being.part = 1;
    being.more = false;
    being.attempts = &two;
    greet(s, 102, being);
    turn(s);
    assert_int_equal(count_sent(s, SEND_WORKER_WELCOME, 102), 1);
    assert_int_equal(count_sent(s, SEND_COMMAND, 102), 0);
    assert_int_equal(stats_of(s).running, 2);
}

static void test_greet__parts_out_of_order_are_refused(void **state)
{
    struct scene *s = *state;
    struct being being = {.host = "web1", .incarnation = 1, .slots = 1, .more = true};
    greet(s, 101, being);
    being.part = 2;
    greet(s, 101, being);
    assert_refused(s, REFUSAL_BAD_REQUEST, "in order");
    being.part = 1;
    greet(s, 101, being);
    turn(s);
    assert_int_equal(count_sent(s, SEND_ERROR, 101), 2);
    being.part = 0;
    being.more = false;
    greet(s, 101, being);
    turn(s);
    assert_int_equal(count_sent(s, SEND_WORKER_WELCOME, 101), 1);
}

/* The newest incarnation wins, whatever connection comes last. */
static void test_greet__a_newer_incarnation_ends_the_older(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    again(s, 102, (struct being){.incarnation = 2}, NULL, 0);
    const struct send *bye = sent(s, SEND_BYE, 101, 0);
    assert_non_null(bye);
    assert_true(bye->as.bye.end);
    greet(s, 103, (struct being){.host = "web1", .incarnation = 1, .slots = 1});
    assert_refused(s, REFUSAL_DENIED, "newer incarnation");
    turn(s);
    renew(s, 102, 1);
    assert_int_equal(count_sent(s, SEND_PONG, 102), 1);
    turn(s);
}

static void test_greet__the_same_incarnation_moves_to_its_new_connection(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    struct event_worker_attempt listed = attempt(s, 1, 1, PHASE_RUNNING);
    again(s, 102, (struct being){0}, &listed, 1);
    assert_int_equal(count_sent(s, SEND_BYE, 101), 0);
    renew(s, 101, 1);
    assert_int_equal(count_sent(s, SEND_WHO_ARE_YOU, 101), 1);
    turn(s);
}

/* Two workers need distinct host names while both live. */
static void test_greet__a_host_name_in_use_is_refused(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    greet(s, 102, (struct being){.host = "web1", .id = 7, .incarnation = 1, .slots = 1});
    assert_refused(s, REFUSAL_BUSY, "distinct names");
    assert_true(sent(s, SEND_ERROR, 102, 0)->as.error.retry_after_ns > 0);
    turn(s);
    assert_int_equal(vault_hosts(s->vault), 1);
}

/* The old one is silent: it is replaced, and what it holds stays with it until that is lost. */
static void test_greet__a_silent_holder_of_the_name_is_replaced(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    simple(s, EVENT_GONE, 101);
    greet(s, 102, (struct being){.host = "web1", .id = 7, .incarnation = 1, .slots = 1});
    turn(s);
    assert_int_equal(count_sent(s, SEND_WORKER_WELCOME, 102), 1);
    assert_int_equal(state_of(s, 1), STATE_RUNNING);
    assert_int_equal(vault_hosts(s->vault), 2);
    restart(s);
    hello(s, 1, 11, "work");
    greet(s, 103, (struct being){.host = "web1", .id = 7, .incarnation = 1, .slots = 1});
    turn(s);
    assert_int_equal(count_sent(s, SEND_WORKER_WELCOME, 103), 1);
    pass(s, 30 * MUSTER_S);
    renew(s, 103, 1);
    tick(s);
    pass(s, 3600 * MUSTER_S);
    renew(s, 103, 1);
    tick(s);
    assert_ended(s, 1, STATE_LOST, REASON_LOST_AFTER);
    pass(s, 61 * MUSTER_S);
    tick(s);
    assert_int_equal(vault_hosts(s->vault), 1);
}

/* A worker that was replaced comes back with what it ran: its record counts. */
static void test_greet__the_replaced_worker_takes_its_name_back(void **state)
{
    struct scene *s = with_running(state, (struct submission){0});
    simple(s, EVENT_GONE, 101);
    greet(s, 102, (struct being){.host = "web1", .id = 7, .incarnation = 1, .slots = 1});
    turn(s);
    simple(s, EVENT_GONE, 102);
    struct event_worker_attempt listed = attempt(s, 1, 1, PHASE_SPOOLED);
    again(s, 103, (struct being){0}, &listed, 1);
    report_ok(s, 103, 1, 1);
    turn(s);
    assert_ended(s, 1, STATE_OK, REASON_NONE);
    assert_int_equal(vault_hosts(s->vault), 1);
}

/* A worker may be told another host name: what it holds stays its own. */
static void test_greet__another_host_name_keeps_what_is_held(void **state)
{
    struct scene *s = *state;
    greet(s, 101, (struct being){.host = "old", .id = 5, .incarnation = 1, .slots = 1});
    hello(s, 1, 11, "work");
    submit(s, 1, 1, 0);
    turn(s);
    struct event_worker_attempt listed = attempt(s, 1, 1, PHASE_RUNNING);
    greet(s, 102,
          (struct being){.host = "new",
                         .id = 5,
                         .incarnation = 2,
                         .slots = 1,
                         .attempts = &listed,
                         .n_attempts = 1});
    turn(s);
    assert_int_equal(vault_hosts(s->vault), 1);
    restart(s);
    hello(s, 1, 11, "work");
    greet(s, 103,
          (struct being){.host = "new",
                         .id = 5,
                         .incarnation = 2,
                         .slots = 1,
                         .attempts = &listed,
                         .n_attempts = 1});
    report(s, 103, (struct report){.track_id = 1, .attempt = 1, .epoch = 1});
    turn(s);
    assert_ended(s, 1, STATE_OK, REASON_NONE);
}

static void test_greet__a_description_without_sense_is_refused(void **state)
{
    struct scene *s = *state;
    greet(s, 101, (struct being){.host = "", .id = 1, .slots = 1});
    assert_refused(s, REFUSAL_BAD_REQUEST, "host");
    turn(s);
    greet(s, 101, (struct being){.host = "web1", .slots = 0, .credit = 1});
    assert_refused(s, REFUSAL_BAD_REQUEST, "slot");
    turn(s);
}

static void test_greet__workers_are_bounded(void **state)
{
    struct core_limits limits = scene_limits();
    limits.workers_max = 1;
    struct scene *s = scene_new(&limits);
    (void)state;
    worker(s, 101, "web1", 1);
    worker(s, 102, "web2", 1);
    assert_refused(s, REFUSAL_LIMIT_REACHED, "workers");
    turn(s);
    scene_free(s);
}

/* A HELLO that lists more than any worker can hold is a liar's. */
static void test_greet__an_endless_list_is_refused(void **state)
{
    enum { PER_PART = 4096, PARTS = 33 };
    static struct event_worker_attempt many[PER_PART];
    struct scene *s = *state;
    s->skips_check = true;
    for (uint32_t i = 0; i < PER_PART; i++)
        many[i] = (struct event_worker_attempt){
            .pool = 1, .track_id = i + 1, .attempt = 1, .epoch = 1, .phase = PHASE_RUNNING};
    for (uint32_t part = 0; part < PARTS; part++)
        greet(s, 101,
              (struct being){.host = "web1",
                             .incarnation = 1,
                             .slots = 1,
                             .attempts = many,
                             .n_attempts = PER_PART,
                             .part = part,
                             .more = true});
    assert_refused(s, REFUSAL_TOO_LARGE, "more attempts");
    turn(s);
}

static void test_greet__names_are_bounded(void **state)
{
    struct core_limits limits = scene_limits();
    limits.names_max = 8;
    struct scene *s = scene_new(&limits);
    (void)state;
    worker(s, 101, "web1", 1);
    worker(s, 102, "web2", 1);
    assert_refused(s, REFUSAL_LIMIT_REACHED, "names");
    turn(s);
    scene_free(s);
}

/* Names that end alike in the first digits of the uuid stay apart. */
static void test_greet__display_names_are_unique(void **state)
{
    struct scene *s = *state;
    struct core_host_row rows[4];
    bool more;
    greet(s, 101, (struct being){.host = "a", .id = 1, .incarnation = 1, .slots = 1});
    simple(s, EVENT_GONE, 101);
    greet(s, 102, (struct being){.host = "a", .id = 10, .incarnation = 1, .slots = 1});
    turn(s);
    assert_int_equal(core_hosts(s->core, bytes_of_str(""), bytes_of_str(""), rows, 4, &more), 1);
    assert_true(bytes_equal_str(rows[0].worker, "a-3130"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_greet__what_it_runs_is_adopted),
        SCENE_TEST(test_greet__what_it_does_not_list_never_started),
        SCENE_TEST(test_greet__what_never_started_may_start),
        SCENE_TEST(test_greet__after_a_reboot_what_it_does_not_list_is_lost),
        SCENE_TEST(test_greet__after_a_reboot_rerunnable_ones_run_again),
        SCENE_TEST(test_greet__what_is_gone_is_lost),
        SCENE_TEST(test_greet__what_is_gone_and_rerunnable_runs_again_until_spent),
        SCENE_TEST(test_greet__what_it_should_not_run_is_stopped),
        SCENE_TEST(test_greet__another_epoch_is_another_attempt),
        SCENE_TEST(test_greet__a_stopping_attempt_is_told_again),
        SCENE_TEST(test_greet__a_stopping_attempt_that_never_started_is_cancelled),
        SCENE_TEST(test_greet__parts_are_collected),
        SCENE_TEST(test_greet__parts_out_of_order_are_refused),
        SCENE_TEST(test_greet__a_newer_incarnation_ends_the_older),
        SCENE_TEST(test_greet__the_same_incarnation_moves_to_its_new_connection),
        SCENE_TEST(test_greet__a_host_name_in_use_is_refused),
        SCENE_TEST(test_greet__a_silent_holder_of_the_name_is_replaced),
        SCENE_TEST(test_greet__the_replaced_worker_takes_its_name_back),
        SCENE_TEST(test_greet__another_host_name_keeps_what_is_held),
        SCENE_TEST(test_greet__a_description_without_sense_is_refused),
        cmocka_unit_test(test_greet__workers_are_bounded),
        SCENE_TEST(test_greet__an_endless_list_is_refused),
        cmocka_unit_test(test_greet__names_are_bounded),
        SCENE_TEST(test_greet__display_names_are_unique),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
