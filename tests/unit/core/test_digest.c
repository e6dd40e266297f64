/* The digest sees every durable change, and nothing else. */
#include "tests/unit/core/scene.h"

static void assert_changes(struct scene *s, uint32_t *digest)
{
    turn(s);
    uint32_t now = core_digest(s->core);
    assert_int_not_equal(now, *digest);
    *digest = now;
}

static void test_digest__every_durable_change_shows(void **state)
{
    struct scene *s = *state;
    uint32_t digest = core_digest(s->core);
    worker(s, 101, "web1", 1);
    assert_changes(s, &digest);
    hello(s, 1, 11, "work");
    assert_changes(s, &digest);
    submit_this(s, 1, 1, (struct submission){.each = true});
    assert_changes(s, &digest);
    cancel_range(s, 1, 1, 1, true, "why");
    assert_changes(s, &digest);
    read_cursor(s, 1, "reader", 0);
    assert_changes(s, &digest);
    report_ok(s, 101, 1, 1);
    assert_changes(s, &digest);
    submit(s, 1, 2, 1);
    assert_changes(s, &digest);
    simple(s, EVENT_SHUTDOWN, 1);
    assert_changes(s, &digest);
    move(s, 1, "reader", 1);
    assert_changes(s, &digest);
    restart(s);
}

static void test_digest__what_is_not_durable_does_not_show(void **state)
{
    struct scene *s = *state;
    worker(s, 101, "web1", 1);
    hello(s, 1, 11, "work");
    submit(s, 1, 1, 0);
    turn(s);
    uint32_t digest = core_digest(s->core);
    read_from(s, 1, 0, 10 * MUSTER_S);
    room(s, 1, "", "echo", 0, 10 * MUSTER_S);
    renew(s, 101, 7);
    simple(s, EVENT_PING, 1);
    simple(s, EVENT_GONE, 101);
    turn(s);
    assert_int_equal(core_digest(s->core), digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_digest__every_durable_change_shows),
        SCENE_TEST(test_digest__what_is_not_durable_does_not_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
