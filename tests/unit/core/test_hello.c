/* A client's hello and goodbye: handles, pools, sessions. */
#include "tests/unit/core/scene.h"

static void hello_with(struct scene *s, peer_id peer, struct event_client_hello what)
{
    struct event event = {.type = EVENT_CLIENT_HELLO, .peer = peer, .request = 3};
    event.as.client_hello = what;
    step(s, event);
}

static void test_hello__welcome_names_the_pool(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "work");
    const struct send *send = sent(s, SEND_WELCOME, 1, 0);
    assert_int_equal(send->pool, pool_of(s, 1));
    assert_true(bytes_equal_str(send->as.welcome.pool, "work"));
    hello(s, 2, 22, "work");
    assert_int_equal(pool_of(s, 2), pool_of(s, 1));
    hello(s, 3, 33, "other");
    assert_int_not_equal(pool_of(s, 3), pool_of(s, 1));
    turn(s);
    assert_int_equal(vault_pools(s->vault), 2);
    restart(s);
}

/* S10: a private pool is fresh, and its handle finds it again. */
static void test_hello__a_private_pool_belongs_to_its_handle(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "");
    hello(s, 2, 22, "");
    uint32_t pool = pool_of(s, 1);
    assert_int_not_equal(pool, pool_of(s, 2));
    hello(s, 1, 11, ""); /* the WELCOME was lost */
    assert_int_equal(pool_of(s, 1), pool);
    submit_this(s, 1, 1, (struct submission){0});
    turn(s);
    restart(s);
    hello_with(s, 3, (struct event_client_hello){.client = 11, .pool_id = pool});
    assert_int_equal(pool_of(s, 3), pool);
    hello(s, 4, 44, "work");
    hello_with(s, 4, (struct event_client_hello){.client = 44, .pool_id = pool});
    assert_refused(s, REFUSAL_BAD_REQUEST, "by its name");
    turn(s);
    struct core_pool_stats stats;
    assert_true(core_pool_stats(s->core, pool, &stats));
    assert_int_equal(stats.name.size, 17);
    hello_with(s, 5, (struct event_client_hello){.client = 55, .pool = stats.name});
    assert_int_equal(pool_of(s, 5), pool);
    turn(s);
}

/* A handle without commands is not stored: after a restart its pool is found by its number. */
static void test_hello__a_private_pool_is_found_again_without_commands(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "");
    uint32_t pool = pool_of(s, 1);
    turn(s);
    restart(s);
    hello_with(s, 2, (struct event_client_hello){.client = 11, .pool_id = pool});
    assert_int_equal(pool_of(s, 2), pool);
    turn(s);
    hello(s, 3, 33, "work");
    hello_with(s, 4, (struct event_client_hello){.client = 44, .pool_id = pool_of(s, 3)});
    assert_refused(s, REFUSAL_BAD_REQUEST, "by its name");
    turn(s);
}

static void test_hello__a_private_pool_that_is_gone_is_unknown(void **state)
{
    struct scene *s = *state;
    hello_with(s, 1, (struct event_client_hello){.client = 11, .pool_id = 7});
    assert_refused(s, REFUSAL_UNKNOWN_POOL, "gone");
    turn(s);
    hello(s, 1, 11, "~0123456789abcdef");
    assert_refused(s, REFUSAL_UNKNOWN_POOL, "gone");
    turn(s);
    assert_int_equal(vault_pools(s->vault), 0);
}

static void test_hello__a_handle_stays_with_its_pool(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "work");
    hello(s, 1, 11, "other");
    assert_refused(s, REFUSAL_BAD_REQUEST, "another pool");
    turn(s);
    assert_int_equal(count_sent(s, SEND_WELCOME, 1), 1);
}

/* S8: a reader of another log is told. */
static void test_hello__another_log_is_refused(void **state)
{
    struct scene *s = *state;
    hello_with(s, 1,
               (struct event_client_hello){.client = 11, .pool = bytes_of_str("a"), .log_id = 5});
    assert_refused(s, REFUSAL_LOG_MISMATCH, "replaced");
    turn(s);
    hello_with(
        s, 1,
        (struct event_client_hello){.client = 11, .pool = bytes_of_str("a"), .log_id = s->log_id});
    assert_int_equal(count_sent(s, SEND_WELCOME, 1), 1);
    hello_with(s, 2, (struct event_client_hello){.client = 0, .pool = bytes_of_str("a")});
    assert_refused(s, REFUSAL_BAD_REQUEST, "other than 0");
    turn(s);
}

/* The newest connection of a handle counts. */
static void test_hello__a_new_connection_takes_the_session(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "work");
    read_from(s, 1, 0, 100 * MUSTER_S);
    turn(s);
    hello(s, 2, 11, "work");
    assert_int_equal(count_sent(s, SEND_CLOSE, 1), 1);
    read_from(s, 1, 0, 0);
    assert_int_equal(count_sent(s, SEND_WHO_ARE_YOU, 1), 1);
    turn(s);
}

/* A peer may turn into another client. */
static void test_hello__one_peer_is_one_client(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "work");
    hello(s, 1, 22, "other");
    assert_true(bytes_equal_str(sent(s, SEND_WELCOME, 1, 1)->as.welcome.pool, "other"));
    turn(s);
    hello(s, 2, 11, "work");
    assert_int_equal(count_sent(s, SEND_CLOSE, 1), 0);
    turn(s);
}

static void test_hello__pools_are_bounded(void **state)
{
    struct core_limits limits = scene_limits();
    limits.pools_max = 1;
    struct scene *s = scene_new(&limits);
    (void)state;
    hello(s, 1, 11, "one");
    hello(s, 2, 22, "two");
    assert_refused(s, REFUSAL_LIMIT_REACHED, "pools");
    turn(s);
    scene_free(s);
}

static void test_hello__small_questions_are_answered(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "work");
    simple(s, EVENT_PING, 1);
    simple(s, EVENT_STATS, 1);
    simple(s, EVENT_LIST, 1);
    simple(s, EVENT_HOSTS, 1);
    assert_int_equal(count_sent(s, SEND_DONE, 1), 1);
    assert_int_equal(count_sent(s, SEND_STATS, 1), 1);
    assert_int_equal(count_sent(s, SEND_LIST, 1), 1);
    assert_int_equal(count_sent(s, SEND_HOSTS, 1), 1);
    turn(s);
    simple(s, EVENT_PING, 5);
    assert_int_equal(count_sent(s, SEND_WHO_ARE_YOU, 5), 1);
    turn(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_hello__welcome_names_the_pool),
        SCENE_TEST(test_hello__a_private_pool_belongs_to_its_handle),
        SCENE_TEST(test_hello__a_private_pool_is_found_again_without_commands),
        SCENE_TEST(test_hello__a_private_pool_that_is_gone_is_unknown),
        SCENE_TEST(test_hello__a_handle_stays_with_its_pool),
        SCENE_TEST(test_hello__another_log_is_refused),
        SCENE_TEST(test_hello__a_new_connection_takes_the_session),
        SCENE_TEST(test_hello__one_peer_is_one_client),
        cmocka_unit_test(test_hello__pools_are_bounded),
        SCENE_TEST(test_hello__small_questions_are_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
