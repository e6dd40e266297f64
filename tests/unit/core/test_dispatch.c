/* Who gets what (S3, S4). */
#include "tests/unit/core/scene.h"

static void greet_with(struct scene *s, peer_id peer, const char *host, uint32_t slots,
                       uint32_t credit)
{
    greet(s, peer,
          (struct being){.host = host, .incarnation = 1, .slots = slots, .credit = credit});
}

/* The function "echo" has run this long. */
static void teach(struct scene *s, int64_t run_ns)
{
    hello(s, 9, 99, "school");
    greet_with(s, 199, "teacher", 1, 1);
    submit_this(s, 9, 1, (struct submission){.selector = "teacher"});
    turn(s);
    report(s, 199,
           (struct report){.track_id = 1, .attempt = 1, .run_ns = run_ns, .pool = pool_of(s, 9)});
    turn(s);
    simple(s, EVENT_WORKER_BYE, 199);
    turn(s);
}

static void submit_n(struct scene *s, peer_id peer, uint64_t sequence, uint32_t n)
{
    static const struct submission many[1000];
    submit_all(s, peer, sequence, sequence - 1, many, n);
}

/* S3: (priority, track_id) among the eligible. */
static void test_dispatch__order_is_priority_then_id(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "work");
    static const int32_t priorities[] = {0, 5, -5, 0};
    static const uint64_t expected[] = {3, 1, 4, 2};
    for (uint64_t i = 0; i < 4; i++)
        submit_this(s, 1, i + 1, (struct submission){.priority = priorities[i]});
    worker(s, 101, "web1", 1);
    turn(s);
    for (uint64_t i = 0; i < 4; i++) {
        assert_int_equal(count_sent(s, SEND_COMMAND, 101), 1);
        assert_handed_out(s, 101, expected[i], 1);
        report_ok(s, 101, expected[i], 1);
        turn(s);
    }
}

/* S3: between classes too: another selector and another function do not change the order. */
static void test_dispatch__order_holds_across_classes(void **state)
{
    struct scene *s = *state;
    worker(s, 101, "web1", 1);
    hello(s, 1, 11, "work");
    turn(s);
    simple(s, EVENT_GONE, 101);
    submit_this(s, 1, 1, (struct submission){.selector = "web*"});
    submit_this(s, 1, 2, (struct submission){.function = "exec"});
    submit_this(s, 1, 3, (struct submission){.selector = "web1"});
    submit_this(s, 1, 4, (struct submission){.each = true});
    submit_this(s, 1, 5, (struct submission){0});
    turn(s);
    worker(s, 101, "web1", 1);
    turn(s);
    for (uint64_t id = 1; id <= 5; id++) {
        assert_handed_out(s, 101, id, 1);
        report_ok(s, 101, id, 1);
        turn(s);
    }
}

/* A long command goes to a free slot only: nothing is hoarded. */
static void test_dispatch__unknown_and_long_functions_take_free_slots_only(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "work");
    greet_with(s, 101, "web1", 2, 1000);
    submit_n(s, 1, 1, 10);
    turn(s);
    assert_int_equal(count_sent(s, SEND_COMMAND, 101), 2);
    report_ok(s, 101, 1, 1);
    turn(s);
    assert_int_equal(count_sent(s, SEND_COMMAND, 101), 1);
}

/* S4: short ones are handed out ahead as far as it makes at most 50 ms of waiting. */
static void test_dispatch__short_functions_go_ahead(void **state)
{
    struct scene *s = *state;
    teach(s, 10 * MUSTER_MS);
    hello(s, 1, 11, "work");
    greet_with(s, 101, "web1", 2, 1000);
    submit_n(s, 1, 1, 100);
    turn(s);
    assert_int_equal(count_sent(s, SEND_COMMAND, 101), 2 * 50 / 10);
}

static void test_dispatch__ahead_is_bounded_in_number_and_by_credit(void **state)
{
    struct core_limits limits = scene_limits();
    limits.ahead_max = 30;
    struct scene *s = scene_new(&limits);
    (void)state;
    teach(s, MUSTER_US);
    hello(s, 1, 11, "work");
    greet_with(s, 101, "web1", 2, 1000);
    greet_with(s, 102, "web2", 2, 7);
    submit_n(s, 1, 1, 100);
    turn(s);
    assert_int_equal(count_sent(s, SEND_COMMAND, 101), 32);
    assert_int_equal(count_sent(s, SEND_COMMAND, 102), 7);
    scene_free(s);
}

/* Nothing short overtakes a long one at the head of its pool. */
static void test_dispatch__a_blocked_head_is_not_overtaken(void **state)
{
    struct scene *s = *state;
    teach(s, MUSTER_MS);
    hello(s, 1, 11, "work");
    greet_with(s, 101, "web1", 1, 100);
    submit_this(s, 1, 1, (struct submission){.function = "exec"});
    submit_this(s, 1, 2, (struct submission){.function = "exec"});
    submit_n(s, 1, 3, 5);
    turn(s);
    assert_int_equal(count_sent(s, SEND_COMMAND, 101), 1);
    assert_handed_out(s, 101, 1, 1);
    report_ok(s, 101, 1, 1);
    turn(s);
    assert_handed_out(s, 101, 2, 1);
    assert_int_equal(count_sent(s, SEND_COMMAND, 101), 1);
}

/* Slots that long ones take do not work off what was handed out ahead. */
static void test_dispatch__long_ones_leave_less_room_ahead(void **state)
{
    struct scene *s = *state;
    teach(s, 10 * MUSTER_MS);
    hello(s, 1, 11, "work");
    greet_with(s, 101, "web1", 2, 1000);
    submit_this(s, 1, 1, (struct submission){.function = "exec"});
    submit_n(s, 1, 2, 100);
    turn(s);
    assert_int_equal(count_sent(s, SEND_COMMAND, 101), 1 + 5);
}

/* Every free slot is filled before anybody gets something ahead, and the load is spread. */
static void test_dispatch__free_slots_come_first_and_load_is_spread(void **state)
{
    struct scene *s = *state;
    teach(s, MUSTER_MS);
    hello(s, 1, 11, "work");
    for (uint32_t i = 0; i < 4; i++) {
        char host[8] = {'w', (char)('1' + i), '\0'};
        greet_with(s, 101 + i, host, 2, 1000);
    }
    turn(s);
    submit_n(s, 1, 1, 8);
    turn(s);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(count_sent(s, SEND_COMMAND, 101 + i), 2);
    submit_n(s, 1, 2, 40);
    turn(s);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(count_sent(s, SEND_COMMAND, 101 + i), 10);
}

/* The commands of one turn go to a worker in one piece, so that they become one message. */
static void test_dispatch__hand_outs_to_one_worker_are_adjacent(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "work");
    greet_with(s, 101, "web1", 4, 4);
    greet_with(s, 102, "web2", 4, 4);
    turn(s);
    submit_n(s, 1, 1, 8);
    turn(s);
    peer_id first = sent(s, SEND_COMMAND, 0, 0)->peer;
    for (size_t i = 0; i < 8; i++)
        assert_true((sent(s, SEND_COMMAND, 0, i)->peer == first) == (i < 4));
}

/* S3: pools share a worker by deficit round robin, a quantum of commands each. */
static void test_dispatch__pools_take_turns(void **state)
{
    struct scene *s = *state;
    unsigned of_pool[3] = {0};
    hello(s, 1, 11, "a");
    hello(s, 2, 22, "b");
    hello(s, 3, 33, "c");
    submit_n(s, 1, 1, 500);
    submit_n(s, 2, 1, 500);
    submit_n(s, 3, 1, 500);
    worker(s, 101, "web1", 1);
    turn(s);
    for (int i = 0; i < 240; i++) {
        const struct send *send = sent(s, SEND_COMMAND, 101, 0);
        assert_non_null(send);
        uint32_t pool = send->pool;
        of_pool[pool - 1]++;
        report(s, 101,
               (struct report){.track_id = send->as.command.track_id,
                               .attempt = 1,
                               .run_ns = MUSTER_S,
                               .pool = pool});
        turn(s);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(of_pool[i], 80);
}

/* One pool alone uses all, and one that comes back is not owed what it left. */
static void test_dispatch__an_idle_pool_saves_nothing_up(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "a");
    hello(s, 2, 22, "b");
    submit_n(s, 1, 1, 100);
    worker(s, 101, "web1", 1);
    turn(s);
    for (uint64_t id = 1; id <= 50; id++) {
        assert_handed_out(s, 101, id, 1);
        report_ok(s, 101, id, 1);
        turn(s);
    }
    submit_n(s, 2, 1, 100);
    turn(s);
    unsigned of_b = 0;
    const struct send *send = NULL;
    report_ok(s, 101, 51, 1);
    turn(s);
    for (int i = 0; i < 32; i++) {
        send = sent(s, SEND_COMMAND, 101, 0);
        assert_non_null(send);
        of_b += send->pool == pool_of(s, 2);
        report(s, 101,
               (struct report){.track_id = send->as.command.track_id,
                               .attempt = 1,
                               .run_ns = MUSTER_S,
                               .pool = send->pool});
        turn(s);
    }
    assert_in_range(of_b, 12, 20);
}

/* A worker that serves only some pools. */
static void test_dispatch__a_worker_serves_its_pools_only(void **state)
{
    struct scene *s = *state;
    greet(s, 101, (struct being){.host = "web1", .incarnation = 1, .slots = 9, .pool = "b"});
    hello(s, 1, 11, "a");
    hello(s, 2, 22, "b");
    submit(s, 1, 1, 0);
    submit(s, 2, 1, 0);
    turn(s);
    assert_int_equal(count_sent(s, SEND_COMMAND, 101), 1);
    assert_int_equal(sent(s, SEND_COMMAND, 101, 0)->pool, pool_of(s, 2));
    assert_int_equal(hold_of(s, 1), HOLD_NO_HOST);
    assert_int_equal(stats_of(s).slots, 0);
}

/* S14: no new dispatch while the disk is low; records are accepted; it goes on by itself. */
static void test_dispatch__a_low_disk_stops_hand_outs(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "work");
    worker(s, 101, "web1", 1);
    submit_n(s, 1, 1, 3);
    turn(s);
    disk(s, 10);
    report_ok(s, 101, 1, 1);
    turn(s);
    assert_ended(s, 1, STATE_OK, REASON_NONE);
    assert_int_equal(count_sent(s, SEND_COMMAND, 101), 0);
    disk(s, 1 << 20);
    turn(s);
    assert_handed_out(s, 101, 2, 1);
}

/* With ten thousand hosts a command for each of them finds its own. */
static void test_dispatch__many_hosts_each_get_their_own(void **state)
{
    struct scene *s = *state;
    s->skips_check = true;
    for (uint32_t i = 0; i < 150; i++) {
        char host[16] = {'n', (char)('0' + i / 100), (char)('0' + i / 10 % 10),
                         (char)('0' + i % 10), '\0'};
        worker(s, 1000 + i, host, 1);
    }
    hello(s, 1, 11, "work");
    submit_this(s, 1, 1, (struct submission){.each = true});
    turn(s);
    for (uint32_t i = 0; i < 150; i++)
        assert_int_equal(count_sent(s, SEND_COMMAND, 1000 + i), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_dispatch__order_is_priority_then_id),
        SCENE_TEST(test_dispatch__order_holds_across_classes),
        SCENE_TEST(test_dispatch__unknown_and_long_functions_take_free_slots_only),
        SCENE_TEST(test_dispatch__short_functions_go_ahead),
        cmocka_unit_test(test_dispatch__ahead_is_bounded_in_number_and_by_credit),
        SCENE_TEST(test_dispatch__a_blocked_head_is_not_overtaken),
        SCENE_TEST(test_dispatch__long_ones_leave_less_room_ahead),
        SCENE_TEST(test_dispatch__free_slots_come_first_and_load_is_spread),
        SCENE_TEST(test_dispatch__hand_outs_to_one_worker_are_adjacent),
        SCENE_TEST(test_dispatch__pools_take_turns),
        SCENE_TEST(test_dispatch__an_idle_pool_saves_nothing_up),
        SCENE_TEST(test_dispatch__a_worker_serves_its_pools_only),
        SCENE_TEST(test_dispatch__a_low_disk_stops_hand_outs),
        SCENE_TEST(test_dispatch__many_hosts_each_get_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
