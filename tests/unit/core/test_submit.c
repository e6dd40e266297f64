/* SUBMIT: what is refused, and how it is said (S1, S13). */
#include "tests/unit/core/scene.h"

static struct scene *with_worker(void **state)
{
    struct scene *s = *state;
    worker(s, 101, "web1", 1);
    hello(s, 1, 11, "work");
    turn(s);
    return s;
}

/* S3: track_ids are 1, 2, 3 … per pool. */
static void test_submit__ids_are_dense_from_one(void **state)
{
    struct scene *s = with_worker(state);
    struct submission three[3] = {{0}, {0}, {0}};
    submit(s, 1, 1, 0);
    submit_all(s, 1, 2, 0, three, 3);
    assert_int_equal(sent(s, SEND_SUBMITTED, 1, 0)->as.submitted.first, 1);
    assert_int_equal(sent(s, SEND_SUBMITTED, 1, 1)->as.submitted.first, 2);
    assert_int_equal(sent(s, SEND_SUBMITTED, 1, 1)->as.submitted.count, 3);
    turn(s);
    restart(s);
    hello(s, 1, 11, "work");
    submit(s, 1, 3, 2);
    assert_int_equal(sent(s, SEND_SUBMITTED, 1, 0)->as.submitted.first, 5);
    turn(s);
}

/* S13: all or nothing, and the refusal names the one that is wrong. */
static void test_submit__one_wrong_command_refuses_all(void **state)
{
    struct scene *s = with_worker(state);
    struct submission list[3] = {{0}, {.selector = "web1 web2"}, {0}};
    submit_all(s, 1, 1, 0, list, 3);
    assert_refused(s, REFUSAL_BAD_REQUEST, "character 6");
    assert_int_equal(sent(s, SEND_ERROR, 1, 0)->as.error.index, 1);
    turn(s);
    assert_int_equal(vault_live(s->vault), 0);
    assert_int_equal(stats_of(s).totals->next_track_id, 1);
}

/* S13: NO_MATCH says which hosts there are. */
static void test_submit__a_selector_that_no_known_host_matches(void **state)
{
    struct scene *s = with_worker(state);
    submit_this(s, 1, 1, (struct submission){.selector = "db1"});
    assert_refused(s, REFUSAL_NO_MATCH, "Known hosts: web1.");
    submit_this(s, 1, 1, (struct submission){.selector = "role=db", .each = true});
    turn(s);
    assert_int_equal(count_sent(s, SEND_ERROR, 1), 2);
}

/* S13: that other commands go to any host changes nothing for a selector never seen before. */
static void test_submit__an_unknown_host_is_refused_beside_commands_for_any_host(void **state)
{
    struct scene *s = with_worker(state);
    submit(s, 1, 1, 0);
    turn(s);
    submit_this(s, 1, 2, (struct submission){.selector = "nobody"});
    assert_refused(s, REFUSAL_NO_MATCH, "Known hosts: web1.");
    turn(s);
}

/* S13: a host that is away is known still. */
static void test_submit__a_host_that_is_away_is_known(void **state)
{
    struct scene *s = with_worker(state);
    simple(s, EVENT_GONE, 101);
    submit_this(s, 1, 1, (struct submission){.selector = "web1"});
    turn(s);
    assert_int_equal(state_of(s, 1), STATE_HELD);
    assert_int_equal(hold_of(s, 1), HOLD_NO_HOST);
}

static void test_submit__a_function_that_nobody_ever_offered(void **state)
{
    struct scene *s = with_worker(state);
    submit_this(s, 1, 1, (struct submission){.function = "ehco"});
    assert_refused(s, REFUSAL_UNKNOWN_FUNCTION, "\"ehco\"");
    turn(s);
}

/* A broker may be started before its first worker. */
static void test_submit__before_the_first_worker_any_function_is_held(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "work");
    submit(s, 1, 1, 0);
    assert_int_equal(count_sent(s, SEND_SUBMITTED, 1), 1);
    submit_this(s, 1, 2, (struct submission){.selector = "web1"});
    assert_refused(s, REFUSAL_NO_MATCH, "No host is known yet");
    turn(s);
    assert_int_equal(hold_of(s, 1), HOLD_NO_HOST);
    worker(s, 101, "web1", 1);
    turn(s);
    assert_handed_out(s, 101, 1, 1);
}

/* S13: the queue is bounded; what was accepted stays. */
static void test_submit__a_full_queue_refuses_and_keeps_what_it_has(void **state)
{
    struct core_limits limits = scene_limits();
    struct submission three[3] = {{0}, {0}, {0}};
    limits.commands_max = 3;
    struct scene *s = scene_new(&limits);
    (void)state;
    hello(s, 1, 11, "work");
    submit(s, 1, 1, 0);
    submit_all(s, 1, 2, 0, three, 3);
    assert_refused(s, REFUSAL_QUEUE_FULL, "full");
    assert_int_equal(sent(s, SEND_ERROR, 1, 0)->as.error.limit, 3);
    submit_all(s, 1, 3, 0, three, 2);
    turn(s);
    assert_int_equal(stats_of(s).held, 3);
    scene_free(s);
}

/* S14: decided before a command is accepted; recovers by itself. */
static void test_submit__a_low_disk_refuses_until_there_is_room(void **state)
{
    struct scene *s = with_worker(state);
    disk(s, 10);
    submit(s, 1, 1, 0);
    assert_refused(s, REFUSAL_DISK_LOW, "free");
    assert_true(core_disk_low(s->core));
    disk(s, 1 << 20);
    submit(s, 1, 1, 0);
    assert_int_equal(count_sent(s, SEND_SUBMITTED, 1), 1);
    turn(s);
}

static void test_submit__numbers_out_of_range_are_bad_requests(void **state)
{
    struct scene *s = with_worker(state);
    static const struct submission wrong[] = {
        {.priority = 1001}, {.priority = -1001},      {.max_attempts = 10001},
        {.delay_ns = -1},   {.start_within_ns = -1},  {.lost_after_ns = -1},
        {.at_wall_ns = -1}, {.start_by_wall_ns = -1},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        submit_this(s, 1, 1, wrong[i]);
        assert_refused(s, REFUSAL_BAD_REQUEST, "");
        turn(s);
    }
    submit_all(s, 1, 1, 0, wrong, 0);
    assert_refused(s, REFUSAL_BAD_REQUEST, "without commands");
    turn(s);
    struct submission two[2] = {{.each = true}, {0}};
    submit_all(s, 1, 1, 0, two, 2);
    assert_refused(s, REFUSAL_BAD_REQUEST, "alone");
    turn(s);
}

static void test_submit__too_many_commands_in_one(void **state)
{
    static struct submission many[1025];
    struct scene *s = with_worker(state);
    submit_all(s, 1, 1, 0, many, 1025);
    assert_refused(s, REFUSAL_TOO_LARGE, "several");
    submit_all(s, 1, 1, 0, many, 1024);
    assert_int_equal(count_sent(s, SEND_SUBMITTED, 1), 1);
    turn(s);
}

/* S13: names and classes are bounded too, and nothing of a refused submit stays. */
static void test_submit__too_many_different_names(void **state)
{
    struct core_limits limits = scene_limits();
    limits.names_max = 3;
    struct scene *s = scene_new(&limits);
    (void)state;
    hello(s, 1, 11, "work");
    submit_this(s, 1, 1, (struct submission){.function = "a"});
    submit_this(s, 1, 2, (struct submission){.function = "b"});
    submit_this(s, 1, 3, (struct submission){.function = "c"});
    assert_refused(s, REFUSAL_LIMIT_REACHED, "limits");
    submit_this(s, 1, 3, (struct submission){.function = "a"});
    assert_int_equal(count_sent(s, SEND_SUBMITTED, 1), 3);
    turn(s);
    restart(s);
    scene_free(s);
}

/* S10: SHUTTING_DOWN for this handle; others go on. */
static void test_submit__a_handle_that_was_shut_down(void **state)
{
    struct scene *s = with_worker(state);
    simple(s, EVENT_SHUTDOWN, 1);
    submit(s, 1, 1, 0);
    assert_refused(s, REFUSAL_SHUTTING_DOWN, "open another");
    turn(s);
    hello(s, 2, 22, "work");
    submit(s, 2, 1, 0);
    assert_int_equal(count_sent(s, SEND_SUBMITTED, 2), 1);
    turn(s);
    restart(s);
    hello(s, 1, 11, "work");
    submit(s, 1, 1, 0);
    assert_refused(s, REFUSAL_SHUTTING_DOWN, "");
    turn(s);
}

static void test_submit__without_a_session_it_is_asked_who_it_is(void **state)
{
    struct scene *s = *state;
    submit(s, 1, 1, 0);
    assert_int_equal(count_sent(s, SEND_WHO_ARE_YOU, 1), 1);
    turn(s);
    assert_int_equal(vault_live(s->vault), 0);
}

static void test_submit__the_names_of_hosts_are_cut_short(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "work");
    for (uint32_t i = 0; i < 12; i++) {
        char host[] = {'h', (char)('a' + i), '\0'};
        worker(s, 101 + i, host, 1);
    }
    submit_this(s, 1, 1, (struct submission){.selector = "nobody"});
    assert_refused(s, REFUSAL_NO_MATCH, "ha, hb, hc, hd, he, hf, hg, hh, ...");
    turn(s);
}

/* A pool that was closed for all refuses, from its first load on. */
static void test_submit__a_closed_pool(void **state)
{
    struct core_limits limits = scene_limits();
    struct core *core = core_new(&limits);
    struct outbox *box = outbox_new();
    struct pool_totals totals = {.next_track_id = 1, .next_batch = 1};
    struct fact fact = {.type = FACT_NAME};
    size_t n;
    (void)state;
    fact.as.name.id = 1;
    fact.as.name.text = bytes_of_str("work");
    core_replay(core, &fact);
    fact = (struct fact){.type = FACT_POOL};
    fact.as.pool = (struct fact_pool){
        .pool = 3, .name = bytes_of_str("work"), .closed = true, .totals = &totals};
    core_replay(core, &fact);
    core_start(core, 1, 1, 1, 1);
    struct event event = {.type = EVENT_CLIENT_HELLO, .peer = 1, .now = 1, .wall_ns = 1};
    event.as.client_hello.client = 11;
    event.as.client_hello.pool = bytes_of_str("work");
    core_step(core, &event, box);
    struct event_submission one = {.function = bytes_of_str("echo")};
    event = (struct event){.type = EVENT_SUBMIT, .peer = 1, .now = 1, .wall_ns = 1};
    event.as.submit = (struct event_submit){.sequence = 1, .submissions = &one, .n_submissions = 1};
    core_step(core, &event, box);
    const struct send *sends = outbox_sends(box, &n);
    assert_int_equal(n, 2);
    assert_int_equal(sends[0].pool, 3);
    assert_int_equal(sends[1].as.error.refusal, REFUSAL_SHUTTING_DOWN);
    core_free(core);
    outbox_free(box);
}

/* An `each` makes ten thousand commands at most. */
static void test_submit__an_each_for_too_many_hosts(void **state)
{
    struct core_limits limits = scene_limits();
    limits.workers_max = 10010;
    limits.names_max = 50000;
    limits.classes_max = 20000;
    struct scene *s = scene_new(&limits);
    (void)state;
    s->skips_check = true;
    hello(s, 1, 11, "work");
    for (uint32_t i = 0; i < 10001; i++) {
        char host[8] = {'n'};
        for (uint32_t k = 0, rest = i; k < 5; k++, rest /= 10)
            host[5 - k] = (char)('0' + rest % 10);
        worker(s, 100000 + i, host, 1);
    }
    submit_this(s, 1, 1, (struct submission){.each = true});
    assert_refused(s, REFUSAL_TOO_LARGE, "10000 hosts");
    submit_this(s, 1, 1, (struct submission){.each = true, .selector = "not n00001"});
    assert_int_equal(sent(s, SEND_SUBMITTED, 1, 0)->as.submitted.count, 10000);
    core_flush(s->core, s->now, s->wall_ns, s->box);
    assert_int_equal(count_sent(s, SEND_COMMAND, 0), 10000);
    scene_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_submit__ids_are_dense_from_one),
        SCENE_TEST(test_submit__one_wrong_command_refuses_all),
        SCENE_TEST(test_submit__a_selector_that_no_known_host_matches),
        SCENE_TEST(test_submit__an_unknown_host_is_refused_beside_commands_for_any_host),
        SCENE_TEST(test_submit__a_host_that_is_away_is_known),
        SCENE_TEST(test_submit__a_function_that_nobody_ever_offered),
        SCENE_TEST(test_submit__before_the_first_worker_any_function_is_held),
        cmocka_unit_test(test_submit__a_full_queue_refuses_and_keeps_what_it_has),
        SCENE_TEST(test_submit__a_low_disk_refuses_until_there_is_room),
        SCENE_TEST(test_submit__numbers_out_of_range_are_bad_requests),
        SCENE_TEST(test_submit__too_many_commands_in_one),
        cmocka_unit_test(test_submit__too_many_different_names),
        SCENE_TEST(test_submit__a_handle_that_was_shut_down),
        SCENE_TEST(test_submit__the_names_of_hosts_are_cut_short),
        cmocka_unit_test(test_submit__a_closed_pool),
        cmocka_unit_test(test_submit__an_each_for_too_many_hosts),
        SCENE_TEST(test_submit__without_a_session_it_is_asked_who_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
