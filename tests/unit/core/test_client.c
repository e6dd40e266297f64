/* Pool handles: when they are forgotten. */
#include "tests/unit/core/scene.h"

static const int64_t WEEK_NS = 7 * 24 * 3600 * MUSTER_S;

static void test_client__goodbye_forgets_a_handle_without_commands(void **state)
{
    struct scene *s = *state;
    worker(s, 101, "web1", 1);
    hello(s, 1, 11, "work");
    submit(s, 1, 1, 0);
    turn(s);
    uint32_t pool = pool_of(s, 1);
    client_bye(s, 1);
    turn(s);
    assert_int_equal(vault_clients(s->vault), 1);
    report(s, 101, (struct report){.track_id = 1, .attempt = 1, .pool = pool});
    turn(s);
    assert_int_equal(vault_clients(s->vault), 0);
    assert_int_equal(vault_requests(s->vault), 0);
    restart(s);
}

/* S2: the window outlives the connection. */
static void test_client__a_silent_handle_is_kept_for_a_week(void **state)
{
    struct scene *s = *state;
    worker(s, 101, "web1", 1);
    hello(s, 1, 11, "work");
    submit(s, 1, 1, 0);
    turn(s);
    report_ok(s, 101, 1, 1);
    turn(s);
    simple(s, EVENT_GONE, 1);
    pass(s, WEEK_NS - MUSTER_S);
    tick(s);
    assert_int_equal(vault_clients(s->vault), 1);
    pass(s, 2 * MUSTER_S);
    tick(s);
    assert_int_equal(vault_clients(s->vault), 0);
    assert_int_equal(vault_requests(s->vault), 0);
}

static void test_client__a_handle_with_commands_is_never_forgotten(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "work");
    submit(s, 1, 1, 0);
    turn(s);
    simple(s, EVENT_GONE, 1);
    pass(s, 2 * WEEK_NS);
    tick(s);
    assert_int_equal(vault_clients(s->vault), 1);
    restart(s);
    hello(s, 1, 11, "work");
    submit(s, 1, 1, 0);
    assert_true(sent(s, SEND_SUBMITTED, 1, 0)->as.submitted.duplicate);
    turn(s);
}

/* A client that was killed never says goodbye, and must not keep its place for ever. */
static void test_client__a_session_that_is_silent_for_a_week_ends(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "work");
    turn(s);
    pass(s, WEEK_NS + MUSTER_S);
    tick(s);
    assert_int_equal(count_sent(s, SEND_CLOSE, 1), 1);
    simple(s, EVENT_PING, 1);
    assert_int_equal(count_sent(s, SEND_WHO_ARE_YOU, 1), 1);
    turn(s);
}

static struct scene *with_two_places(void)
{
    struct core_limits limits = scene_limits();
    limits.clients_max = 2;
    return scene_new(&limits);
}

static void test_client__the_longest_idle_one_makes_room(void **state)
{
    struct scene *s = with_two_places();
    (void)state;
    hello(s, 1, 11, "work");
    hello(s, 2, 22, "work");
    simple(s, EVENT_GONE, 2);
    simple(s, EVENT_GONE, 1);
    hello(s, 3, 33, "work");
    assert_int_equal(count_sent(s, SEND_WELCOME, 3), 1);
    hello(s, 1, 11, "work");
    assert_int_equal(count_sent(s, SEND_ERROR, 0), 0);
    turn(s);
    scene_free(s);
}

static void test_client__a_silent_session_makes_room(void **state)
{
    struct scene *s = with_two_places();
    (void)state;
    hello(s, 1, 11, "work");
    hello(s, 2, 22, "work");
    hello(s, 3, 33, "work");
    assert_refused(s, REFUSAL_LIMIT_REACHED, "clients");
    turn(s);
    pass(s, 61 * MUSTER_S);
    simple(s, EVENT_PING, 2);
    hello(s, 3, 33, "work");
    assert_int_equal(count_sent(s, SEND_CLOSE, 1), 1);
    assert_int_equal(count_sent(s, SEND_WELCOME, 3), 1);
    turn(s);
    scene_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_client__goodbye_forgets_a_handle_without_commands),
        SCENE_TEST(test_client__a_silent_handle_is_kept_for_a_week),
        SCENE_TEST(test_client__a_handle_with_commands_is_never_forgotten),
        SCENE_TEST(test_client__a_session_that_is_silent_for_a_week_ends),
        cmocka_unit_test(test_client__the_longest_idle_one_makes_room),
        cmocka_unit_test(test_client__a_silent_session_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
