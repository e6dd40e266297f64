/* Classes: who may run what, as workers come and go and change. */
#include "tests/unit/core/scene.h"

static void test_queue__a_worker_that_changes_matches_anew(void **state)
{
    struct scene *s = *state;
    greet(s, 101,
          (struct being){.host = "web1", .incarnation = 1, .slots = 1, .labels = {"role=web"}});
    greet(s, 102,
          (struct being){.host = "db1", .incarnation = 1, .slots = 1, .labels = {"role=db"}});
    hello(s, 1, 11, "work");
    turn(s);
    simple(s, EVENT_GONE, 102);
    submit_this(s, 1, 1, (struct submission){.selector = "role=db"});
    turn(s);
    assert_int_equal(hold_of(s, 1), HOLD_NO_HOST);
    greet(s, 103,
          (struct being){.host = "web1", .incarnation = 1, .slots = 1, .labels = {"role=db"}});
    turn(s);
    assert_handed_out(s, 103, 1, 1);
}

static void test_queue__a_worker_that_offers_more_gets_more(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "work");
    submit_this(s, 1, 1, (struct submission){.function = "later"});
    worker(s, 101, "web1", 1);
    turn(s);
    assert_int_equal(hold_of(s, 1), HOLD_NO_HOST);
    greet(s, 101,
          (struct being){.host = "web1", .incarnation = 1, .slots = 1, .functions = {"later"}});
    turn(s);
    assert_handed_out(s, 101, 1, 1);
}

/* The counters follow without a look at each command. */
static void test_queue__commands_are_held_while_no_host_is_here(void **state)
{
    static const struct submission many[1000];
    struct scene *s = *state;
    worker(s, 101, "web1", 1);
    hello(s, 1, 11, "work");
    submit_all(s, 1, 1, 0, many, 1000);
    turn(s);
    assert_int_equal(stats_of(s).queued, 999);
    simple(s, EVENT_GONE, 101);
    turn(s);
    assert_int_equal(stats_of(s).held, 999);
    assert_int_equal(stats_of(s).queued, 0);
    worker(s, 102, "web2", 1);
    turn(s);
    assert_int_equal(stats_of(s).held, 0);
    assert_int_equal(stats_of(s).queued, 998);
}

/* Classes that nobody uses make room for new ones; those in use do not. */
static void test_queue__idle_classes_make_room(void **state)
{
    struct core_limits limits = scene_limits();
    limits.classes_max = 4;
    struct scene *s = scene_new(&limits);
    (void)state;
    worker(s, 101, "web1", 1);
    hello(s, 1, 11, "work");
    turn(s);
    for (uint64_t i = 1; i <= 20; i++) {
        char selector[] = "web1,x?";
        selector[6] = (char)('a' + i);
        submit_this(s, 1, i, (struct submission){.selector = selector});
        turn(s);
        report_ok(s, 101, i, 1);
        turn(s);
    }
    for (uint64_t i = 21; i <= 24; i++) {
        char selector[] = "web1,y?";
        selector[6] = (char)('a' + i - 20);
        submit_this(s, 1, i, (struct submission){.selector = selector});
        turn(s);
    }
    submit_this(s, 1, 25, (struct submission){.selector = "web1,z"});
    assert_refused(s, REFUSAL_LIMIT_REACHED, "selectors");
    turn(s);
    restart(s);
    scene_free(s);
}

/* A class may become idle and be given up in the turn in which it was made. */
static void test_queue__a_class_may_come_and_go_in_one_turn(void **state)
{
    struct core_limits limits = scene_limits();
    limits.classes_max = 2;
    struct scene *s = scene_new(&limits);
    (void)state;
    worker(s, 101, "web1", 1);
    renew(s, 101, 0);
    hello(s, 1, 11, "work");
    turn(s);
    submit_this(s, 1, 1, (struct submission){.selector = "web1,a", .start_within_ns = 1});
    submit_this(s, 1, 2, (struct submission){.selector = "web1,b", .start_within_ns = 1});
    pass(s, MUSTER_S);
    simple(s, EVENT_TICK, 0);
    submit_this(s, 1, 3, (struct submission){.selector = "web1,c"});
    submit_this(s, 1, 4, (struct submission){.selector = "web1,d"});
    renew(s, 101, 1);
    turn(s);
    assert_handed_out(s, 101, 3, 1);
    assert_ended(s, 1, STATE_EXPIRED, REASON_START_BY);
    scene_free(s);
}

/* A submit needs room for all its classes, those that are idle now included. */
static void test_queue__a_submit_keeps_its_own_idle_class(void **state)
{
    struct core_limits limits = scene_limits();
    limits.classes_max = 2;
    struct scene *s = scene_new(&limits);
    struct submission three[] = {{.selector = "web1,b"}, {.selector = "web1,a"}, {0}};
    (void)state;
    worker(s, 101, "web1", 1);
    hello(s, 1, 11, "work");
    submit_this(s, 1, 1, (struct submission){.selector = "web1,a"});
    turn(s);
    report_ok(s, 101, 1, 1);
    turn(s);
    submit_all(s, 1, 2, 1, three, 3);
    assert_refused(s, REFUSAL_LIMIT_REACHED, "selectors");
    submit_all(s, 1, 2, 1, three, 2);
    assert_int_equal(count_sent(s, SEND_SUBMITTED, 1), 1);
    turn(s);
    scene_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_queue__a_worker_that_changes_matches_anew),
        SCENE_TEST(test_queue__a_worker_that_offers_more_gets_more),
        SCENE_TEST(test_queue__commands_are_held_while_no_host_is_here),
        cmocka_unit_test(test_queue__idle_classes_make_room),
        cmocka_unit_test(test_queue__a_class_may_come_and_go_in_one_turn),
        cmocka_unit_test(test_queue__a_submit_keeps_its_own_idle_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
