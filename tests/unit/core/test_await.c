/* WAIT and ROOM: answered when something has come true (S8, S10, interface: submit_throttled). */
#include "tests/unit/core/scene.h"

static struct scene *with_running(void **state, uint32_t n)
{
    static const struct submission many[1000];
    struct scene *s = *state;
    worker(s, 101, "web1", n);
    hello(s, 1, 11, "work");
    submit_all(s, 1, 1, 0, many, n);
    turn(s);
    return s;
}

static void assert_final(struct scene *s, size_t n, const uint64_t *ids, bool timed_out)
{
    const struct send *send = sent(s, SEND_RECORDS_OF, 1, 0);
    assert_non_null(send);
    assert_int_equal(send->as.records_of.n, n);
    assert_int_equal(send->as.records_of.timed_out, timed_out);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(send->as.records_of.track_ids[i], ids[i]);
}

static void test_await__commands_are_answered_with_the_final_ones(void **state)
{
    static const uint64_t ids[] = {3, 1, 2}, expected[] = {3, 2};
    struct scene *s = with_running(state, 3);
    wait_ids(s, 1, ids, 3, MUSTER_S);
    turn(s);
    assert_int_equal(count_sent(s, SEND_RECORDS_OF, 1), 0);
    report_ok(s, 101, 2, 1);
    report_ok(s, 101, 3, 1);
    turn(s);
    assert_final(s, 2, expected, false);
}

static void test_await__what_is_final_is_answered_at_once(void **state)
{
    static const uint64_t ids[] = {1, 2}, expected[] = {2};
    struct scene *s = with_running(state, 2);
    report_ok(s, 101, 2, 1);
    wait_ids(s, 1, ids, 2, MUSTER_S);
    assert_final(s, 1, expected, false);
    turn(s);
}

static void test_await__commands_time_out_with_nothing(void **state)
{
    static const uint64_t ids[] = {1};
    struct scene *s = with_running(state, 1);
    wait_ids(s, 1, ids, 1, MUSTER_S);
    turn(s);
    pass(s, MUSTER_S);
    tick(s);
    assert_final(s, 0, NULL, true);
    wait_ids(s, 1, ids, 1, 0);
    assert_final(s, 0, NULL, true);
    turn(s);
}

static void test_await__two_waits_for_one_command(void **state)
{
    static const uint64_t ids[] = {1, 2};
    struct scene *s = with_running(state, 2);
    hello(s, 2, 22, "work");
    wait_ids(s, 1, ids, 2, 100 * MUSTER_S);
    wait_ids(s, 2, ids, 1, 100 * MUSTER_S);
    turn(s);
    report_ok(s, 101, 1, 1);
    turn(s);
    assert_int_equal(count_sent(s, SEND_RECORDS_OF, 1), 1);
    assert_int_equal(count_sent(s, SEND_RECORDS_OF, 2), 1);
    report_ok(s, 101, 2, 1);
    turn(s);
    assert_int_equal(count_sent(s, SEND_RECORDS_OF, 0), 0);
}

static void test_await__a_lost_session_ends_its_waits(void **state)
{
    static const uint64_t ids[] = {1};
    struct scene *s = with_running(state, 1);
    wait_ids(s, 1, ids, 1, 100 * MUSTER_S);
    wait_all(s, 1, WAIT_ALL, 0, 100 * MUSTER_S);
    read_from(s, 1, 0, 100 * MUSTER_S);
    room(s, 1, "", "echo", 0, 100 * MUSTER_S);
    turn(s);
    uint32_t pool = pool_of(s, 1);
    simple(s, EVENT_GONE, 1);
    report(s, 101, (struct report){.track_id = 1, .attempt = 1, .pool = pool});
    turn(s);
    assert_int_equal(count_sent(s, SEND_RECORDS_OF, 0), 0);
    assert_int_equal(count_sent(s, SEND_DONE, 0), 0);
    assert_int_equal(count_sent(s, SEND_RECORDS, 0), 0);
    assert_int_equal(count_sent(s, SEND_ROOM, 0), 0);
}

/* S13: an id that does not exist is a typed error. */
static void test_await__unknown_commands_are_refused(void **state)
{
    static const uint64_t ids[] = {1, 9}, none[] = {0};
    static uint64_t many[1025];
    struct scene *s = with_running(state, 1);
    wait_ids(s, 1, ids, 2, MUSTER_S);
    assert_refused(s, REFUSAL_UNKNOWN_COMMAND, "no command 9");
    turn(s);
    wait_ids(s, 1, none, 1, MUSTER_S);
    assert_refused(s, REFUSAL_UNKNOWN_COMMAND, "no command 0");
    turn(s);
    wait_ids(s, 1, none, 0, MUSTER_S);
    assert_refused(s, REFUSAL_BAD_REQUEST, "1 to 1024");
    turn(s);
    wait_ids(s, 1, many, 1025, MUSTER_S);
    assert_refused(s, REFUSAL_TOO_LARGE, "1 to 1024");
    turn(s);
}

static void test_await__all_of_the_pool(void **state)
{
    struct scene *s = with_running(state, 2);
    hello(s, 2, 22, "work");
    wait_all(s, 2, WAIT_ALL, 0, 100 * MUSTER_S);
    wait_all(s, 2, WAIT_MINE, 0, 100 * MUSTER_S);
    assert_int_equal(count_sent(s, SEND_DONE, 2), 1);
    turn(s);
    report_ok(s, 101, 1, 1);
    turn(s);
    assert_int_equal(count_sent(s, SEND_DONE, 2), 0);
    report_ok(s, 101, 2, 1);
    turn(s);
    assert_int_equal(count_sent(s, SEND_DONE, 2), 1);
}

static void test_await__mine_only(void **state)
{
    struct scene *s = with_running(state, 2);
    hello(s, 2, 22, "work");
    submit(s, 2, 1, 0);
    wait_all(s, 1, WAIT_MINE, 0, 100 * MUSTER_S);
    turn(s);
    report_ok(s, 101, 1, 1);
    report_ok(s, 101, 2, 1);
    turn(s);
    assert_int_equal(sent(s, SEND_DONE, 1, 0)->as.done.value, 0);
}

static void test_await__a_batch(void **state)
{
    struct scene *s = with_running(state, 2);
    submit_this(s, 1, 2, (struct submission){.each = true});
    turn(s);
    wait_all(s, 1, WAIT_BATCH, 1, 100 * MUSTER_S);
    wait_all(s, 1, WAIT_BATCH, 1, MUSTER_S);
    wait_all(s, 1, WAIT_BATCH, 2, MUSTER_S);
    assert_refused(s, REFUSAL_UNKNOWN_BATCH, "B1");
    turn(s);
    report_ok(s, 101, 1, 1);
    pass(s, MUSTER_S);
    tick(s);
    assert_true(sent(s, SEND_DONE, 1, 0)->as.done.timed_out);
    assert_int_equal(sent(s, SEND_DONE, 1, 0)->as.done.value, 1);
    report_ok(s, 101, 3, 1);
    turn(s);
    assert_false(sent(s, SEND_DONE, 1, 0)->as.done.timed_out);
    wait_all(s, 1, WAIT_BATCH, 1, MUSTER_S);
    assert_int_equal(sent(s, SEND_DONE, 1, 0)->as.done.value, 0);
    turn(s);
}

/* Unfinished commands of this client < matching slots + buffer. */
static void test_await__room_counts_slots_and_buffer(void **state)
{
    struct scene *s = with_running(state, 2);
    room(s, 1, "", "echo", 1, 0);
    assert_true(sent(s, SEND_ROOM, 1, 0)->as.room.room);
    assert_int_equal(sent(s, SEND_ROOM, 1, 0)->as.room.slots, 2);
    assert_int_equal(sent(s, SEND_ROOM, 1, 0)->as.room.unfinished, 2);
    turn(s);
    room(s, 1, "", "echo", 0, 0);
    assert_false(sent(s, SEND_ROOM, 1, 0)->as.room.room);
    turn(s);
    room(s, 1, "", "echo", 0, 100 * MUSTER_S);
    turn(s);
    assert_int_equal(count_sent(s, SEND_ROOM, 1), 0);
    report_ok(s, 101, 1, 1);
    turn(s);
    assert_true(sent(s, SEND_ROOM, 1, 0)->as.room.room);
}

/* Origin: command_throttled; another client's commands do not count. */
static void test_await__room_is_this_clients_own(void **state)
{
    struct scene *s = with_running(state, 2);
    hello(s, 2, 22, "work");
    room(s, 2, "", "echo", 0, 0);
    assert_true(sent(s, SEND_ROOM, 2, 0)->as.room.room);
    turn(s);
}

static void test_await__room_comes_with_a_worker(void **state)
{
    struct scene *s = with_running(state, 1);
    room(s, 1, "web*", "echo", 0, 100 * MUSTER_S);
    turn(s);
    worker(s, 102, "web2", 1);
    turn(s);
    assert_true(sent(s, SEND_ROOM, 1, 0)->as.room.room);
    assert_int_equal(sent(s, SEND_ROOM, 1, 0)->as.room.slots, 2);
}

/* At least one slot is assumed, so that a pool without workers takes something. */
static void test_await__room_without_workers_is_one(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "work");
    room(s, 1, "", "anything", 0, 0);
    assert_true(sent(s, SEND_ROOM, 1, 0)->as.room.room);
    turn(s);
    submit_this(s, 1, 1, (struct submission){.function = "anything"});
    room(s, 1, "", "anything", 0, 0);
    assert_false(sent(s, SEND_ROOM, 1, 0)->as.room.room);
    turn(s);
    room(s, 1, "a b", "anything", 0, 0);
    assert_refused(s, REFUSAL_BAD_REQUEST, "character 3");
    turn(s);
    room(s, 1, "a b", "anything", 0, 0);
    assert_refused(s, REFUSAL_BAD_REQUEST, "character 3");
    turn(s);
}

static void test_await__room_times_out(void **state)
{
    struct scene *s = with_running(state, 1);
    room(s, 1, "", "echo", 0, MUSTER_S);
    turn(s);
    pass(s, MUSTER_S);
    tick(s);
    assert_false(sent(s, SEND_ROOM, 1, 0)->as.room.room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_await__commands_are_answered_with_the_final_ones),
        SCENE_TEST(test_await__what_is_final_is_answered_at_once),
        SCENE_TEST(test_await__commands_time_out_with_nothing),
        SCENE_TEST(test_await__two_waits_for_one_command),
        SCENE_TEST(test_await__a_lost_session_ends_its_waits),
        SCENE_TEST(test_await__unknown_commands_are_refused),
        SCENE_TEST(test_await__all_of_the_pool),
        SCENE_TEST(test_await__mine_only),
        SCENE_TEST(test_await__a_batch),
        SCENE_TEST(test_await__room_counts_slots_and_buffer),
        SCENE_TEST(test_await__room_is_this_clients_own),
        SCENE_TEST(test_await__room_comes_with_a_worker),
        SCENE_TEST(test_await__room_without_workers_is_one),
        SCENE_TEST(test_await__room_times_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
