/* Golden traces: a story, then what the core makes of it. In each an absent host has a part. */
#include "tests/unit/core/scene.h"

/* web1 is here with one slot; db1 is known and away. */
static struct scene *with_absent_host(void **state)
{
    struct scene *s = *state;
    worker(s, 101, "web1", 1);
    worker(s, 102, "db1", 1);
    hello(s, 1, 11, "work");
    turn(s);
    simple(s, EVENT_WORKER_BYE, 102);
    turn(s);
    clear_trace(s);
    return s;
}

static struct event_worker_attempt first_attempt(struct scene *s, uint64_t track_id,
                                                 enum attempt_phase phase)
{
    return (struct event_worker_attempt){
        .pool = pool_of(s, 1), .track_id = track_id, .attempt = 1, .epoch = 1, .phase = phase};
}

/* A command for everybody: the host that is here runs its own at once, the other one's waits for it
 * and runs when it comes. */
static void test_core__submit_run_record(void **state)
{
    struct scene *s = with_absent_host(state);
    submit_this(s, 1, 1, (struct submission){.each = true});
    turn(s);
    report_ok(s, 101, 1, 1);
    turn(s);
    assert_trace(s, "work/1 none -> queued\n"
                    "work/2 none -> held (no_host)\n"
                    "  SUBMITTED first 1 count 2 batch 1 -> peer 1\n"
                    "work/1 queued -> running on web1-3077 attempt 1\n"
                    "  COMMAND 1 attempt 1 epoch 1 -> peer 101\n"
                    "work/1 running -> ok\n"
                    "  RECORDED 1 attempt 1 pos 1 -> peer 101\n");
    worker(s, 103, "db1", 1);
    turn(s);
    report_ok(s, 103, 2, 1);
    turn(s);
    assert_trace(s, "  WORKER_WELCOME -> peer 103\n"
                    "work: 1 held -> queued (echo has a host)\n"
                    "work/2 queued -> running on db1-3064 attempt 1\n"
                    "  COMMAND 2 attempt 1 epoch 1 -> peer 103\n"
                    "work/2 running -> ok\n"
                    "  RECORDED 2 attempt 1 pos 2 -> peer 103\n");
    restart(s);
}

/* The answer to a submit is lost, and the broker is killed before the client asks again: it gets
 * the same number. The command waits for a host that is away all the time. */
static void test_core__lost_reply_and_retry(void **state)
{
    struct scene *s = with_absent_host(state);
    submit_this(s, 1, 1, (struct submission){.selector = "db1"});
    turn(s);
    restart(s);
    submit_this(s, 1, 1, (struct submission){.selector = "db1"});
    hello(s, 1, 11, "work");
    submit_this(s, 1, 1, (struct submission){.selector = "db1"});
    turn(s);
    assert_trace(s, "work/1 none -> held (no_host)\n"
                    "  SUBMITTED first 1 count 1 -> peer 1\n"
                    "  WHO_ARE_YOU -> peer 1\n"
                    "  WELCOME head 0 -> peer 1\n"
                    "  SUBMITTED first 1 count 1 duplicate -> peer 1\n");
    assert_int_equal(vault_live(s->vault), 1);
}

/* The broker is killed while web1 runs a command. web1 says hello and lists it: adopted, with the
 * epoch that it was handed out in. db1 never comes: its command ends as lost. */
static void test_core__restart_with_leases(void **state)
{
    struct scene *s = with_absent_host(state);
    worker(s, 103, "db1", 1);
    submit_this(s, 1, 1, (struct submission){.selector = "web1"});
    submit_this(s, 1, 2, (struct submission){.selector = "db1", .lost_after_ns = 1});
    turn(s);
    restart(s);
    clear_trace(s);
    hello(s, 1, 11, "work");
    renew(s, 101, 1);
    struct event_worker_attempt runs = first_attempt(s, 1, PHASE_RUNNING);
    greet(s, 101,
          (struct being){
              .host = "web1", .incarnation = 1, .slots = 1, .attempts = &runs, .n_attempts = 1});
    turn(s);
    pass(s, 20 * MUSTER_S);
    report(s, 101, (struct report){.track_id = 1, .attempt = 1, .epoch = 1});
    tick(s);
    pass(s, 11 * MUSTER_S);
    tick(s);
    assert_trace(s, "  WELCOME head 0 -> peer 1\n"
                    "  WHO_ARE_YOU -> peer 101\n"
                    "  WORKER_WELCOME -> peer 101\n"
                    "work/1 running -> ok\n"
                    "  RECORDED 1 attempt 1 pos 1 -> peer 101\n"
                    "work/2 running -> lost\n");
    assert_ended(s, 2, STATE_LOST, REASON_LOST_AFTER);
}

/* A hand-out was committed, and the connection broke before it arrived. The worker's hello does not
 * list it: it never started, whatever it is, and goes out again as the next attempt. What db1 was
 * given and db1 did not get waits until db1 comes. */
static void test_core__hand_out_that_never_arrived(void **state)
{
    struct scene *s = with_absent_host(state);
    worker(s, 103, "db1", 1);
    turn(s);
    clear_trace(s);
    submit_this(s, 1, 1, (struct submission){.selector = "web1"});
    submit_this(s, 1, 2, (struct submission){.selector = "db1"});
    turn(s);
    simple(s, EVENT_GONE, 101);
    struct event unsent = {.type = EVENT_UNSENT, .peer = 103};
    unsent.as.unsent.pool = pool_of(s, 1);
    unsent.as.unsent.track_id = 2;
    unsent.as.unsent.attempt = 1;
    step(s, unsent);
    simple(s, EVENT_GONE, 103);
    worker(s, 104, "web1", 1);
    turn(s);
    assert_trace(s, "work/1 none -> queued\n"
                    "  SUBMITTED first 1 count 1 -> peer 1\n"
                    "work/2 none -> queued\n"
                    "  SUBMITTED first 2 count 1 -> peer 1\n"
                    "work/1 queued -> running on web1-3077 attempt 1\n"
                    "work/2 queued -> running on db1-3064 attempt 1\n"
                    "  COMMAND 1 attempt 1 epoch 1 -> peer 101\n"
                    "  COMMAND 2 attempt 1 epoch 1 -> peer 103\n"
                    "work/2 running -> queued\n"
                    "work: 1 queued -> held (echo has no host)\n"
                    "  WORKER_WELCOME -> peer 104\n"
                    "work/1 running -> held (no_host)\n"
                    "work: 1 held -> queued (echo has a host)\n"
                    "work/1 queued -> running on web1-3077 attempt 2\n"
                    "  COMMAND 1 attempt 2 epoch 1 -> peer 104\n");
    assert_int_equal(state_of(s, 2), STATE_HELD);
}

/* web1 is cut off. Its lease runs out: what may be run again goes to web2, what may not stays with
 * it. It comes back: the record of the first is stale, that of the second counts. */
static void test_core__cut_off_worker_with_late_result(void **state)
{
    struct scene *s = with_absent_host(state);
    greet(s, 103, (struct being){.host = "web2", .incarnation = 1, .slots = 2});
    greet(s, 101, (struct being){.host = "web1", .incarnation = 1, .slots = 2});
    turn(s);
    renew(s, 103, 0);
    submit_this(s, 1, 1, (struct submission){.rerunnable = true});
    submit_this(s, 1, 2, (struct submission){0});
    submit_this(s, 1, 3, (struct submission){.selector = "db1"});
    turn(s);
    pass(s, 29 * MUSTER_S);
    renew(s, 103, 2);
    turn(s);
    clear_trace(s);
    pass(s, 2 * MUSTER_S);
    tick(s);
    report_ok(s, 101, 1, 1);
    struct event_worker_attempt listed[] = {first_attempt(s, 1, PHASE_SPOOLED),
                                            first_attempt(s, 2, PHASE_SPOOLED)};
    greet(s, 104,
          (struct being){
              .host = "web1", .incarnation = 1, .slots = 2, .attempts = listed, .n_attempts = 2});
    turn(s);
    report_ok(s, 104, 1, 1);
    report_ok(s, 104, 2, 1);
    report_ok(s, 103, 1, 2);
    turn(s);
    assert_trace(s, "  CLOSE -> peer 101\n"
                    "work/1 running -> queued\n"
                    "work/1 queued -> running on web2-3077 attempt 2\n"
                    "  COMMAND 1 attempt 2 epoch 1 -> peer 103\n"
                    "  WHO_ARE_YOU -> peer 101\n"
                    "  WORKER_WELCOME -> peer 104\n"
                    "  RECORDED 1 attempt 1 stale -> peer 104\n"
                    "work/2 running -> ok\n"
                    "  RECORDED 2 attempt 1 pos 1 -> peer 104\n"
                    "work/1 running -> ok\n"
                    "  RECORDED 1 attempt 2 pos 2 -> peer 103\n");
    assert_int_equal(vault_audits(s->vault), 1);
    assert_int_equal(state_of(s, 3), STATE_HELD);
}

/* A cancel meets a command that has just ended, one that runs, one that waits for an absent host:
 * one end each, and the answer tells them apart. */
static void test_core__cancel_race(void **state)
{
    struct scene *s = with_absent_host(state);
    greet(s, 101, (struct being){.host = "web1", .incarnation = 1, .slots = 2});
    submit(s, 1, 1, 0);
    submit(s, 1, 2, 1);
    submit_this(s, 1, 3, (struct submission){.selector = "db1"});
    turn(s);
    clear_trace(s);
    cancel_range(s, 1, 1, 3, true, "enough");
    report_ok(s, 101, 1, 1);
    turn(s);
    report(s, 101,
           (struct report){.track_id = 2,
                           .attempt = 1,
                           .state = STATE_CANCELLED,
                           .reason = REASON_CANCELLED_RUNNING});
    turn(s);
    assert_trace(s, "work/1 running -> ok\n"
                    "  RECORDED 1 attempt 1 pos 1 -> peer 101\n"
                    "  STOP 2 attempt 1 -> peer 101\n"
                    "work/3 held -> cancelled\n"
                    "  CANCELLED cancelled 1 stopping 1 -> peer 1\n"
                    "work/2 running -> cancelled\n"
                    "  RECORDED 2 attempt 1 pos 3 -> peer 101\n");
    restart(s);
}

/* A handle's life: waits, reads, goes. */
static void test_core__waiting_and_goodbye(void **state)
{
    struct scene *s = with_absent_host(state);
    static const uint64_t ids[] = {1};
    submit(s, 1, 1, 0);
    wait_ids(s, 1, ids, 1, 10 * MUSTER_S);
    room(s, 1, "db1", "echo", 0, 10 * MUSTER_S);
    turn(s);
    report_ok(s, 101, 1, 1);
    turn(s);
    read_from(s, 1, 0, 0);
    client_bye(s, 1);
    simple(s, EVENT_PING, 1);
    turn(s);
    assert_trace(s, "work/1 none -> queued\n"
                    "  SUBMITTED first 1 count 1 -> peer 1\n"
                    "work/1 queued -> running on web1-3077 attempt 1\n"
                    "  COMMAND 1 attempt 1 epoch 1 -> peer 101\n"
                    "work/1 running -> ok\n"
                    "  RECORDED 1 attempt 1 pos 1 -> peer 101\n"
                    "  RECORDS_OF 1 -> peer 1\n"
                    "  ROOM yes -> peer 1\n"
                    "  RECORDS from 0 -> peer 1\n"
                    "  CLOSE -> peer 1\n"
                    "  WHO_ARE_YOU -> peer 1\n");
    assert_int_equal(vault_clients(s->vault), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_core__submit_run_record),
        SCENE_TEST(test_core__lost_reply_and_retry),
        SCENE_TEST(test_core__restart_with_leases),
        SCENE_TEST(test_core__hand_out_that_never_arrived),
        SCENE_TEST(test_core__cut_off_worker_with_late_result),
        SCENE_TEST(test_core__cancel_race),
        SCENE_TEST(test_core__waiting_and_goodbye),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
