/* What an accepted submit makes: commands, batches, times. */
#include "tests/unit/core/scene.h"

static void two_workers(struct scene *s)
{
    greet(s, 101,
          (struct being){.host = "db1", .incarnation = 1, .slots = 1, .labels = {"role=db"}});
    greet(s, 102,
          (struct being){.host = "web1", .incarnation = 1, .slots = 1, .labels = {"role=web"}});
    hello(s, 1, 11, "work");
    turn(s);
}

/* One command per known host, present or away, in one batch, with one body. */
static void test_accept__each_makes_one_command_per_known_host(void **state)
{
    struct scene *s = *state;
    two_workers(s);
    simple(s, EVENT_GONE, 102);
    submit_this(s, 1, 1, (struct submission){.each = true});
    turn(s);
    const struct send *send = sent(s, SEND_SUBMITTED, 1, 0);
    assert_int_equal(send->as.submitted.count, 2);
    assert_int_equal(send->as.submitted.batch, 1);
    assert_handed_out(s, 101, 1, 1);
    assert_int_equal(sent(s, SEND_COMMAND, 101, 0)->as.command.body, 1000);
    assert_int_equal(hold_of(s, 2), HOLD_NO_HOST);
    restart(s);
    worker(s, 102, "web1", 1);
    turn(s);
    assert_handed_out(s, 102, 2, 1);
    assert_int_equal(sent(s, SEND_COMMAND, 102, 0)->as.command.body_of, 1);
    assert_int_equal(sent(s, SEND_COMMAND, 102, 0)->as.command.body, 0);
}

/* The set of hosts is frozen when the batch is made. */
static void test_accept__each_keeps_to_the_hosts_that_it_found(void **state)
{
    struct scene *s = *state;
    two_workers(s);
    submit_this(s, 1, 1, (struct submission){.each = true, .selector = "role=db"});
    turn(s);
    assert_int_equal(sent(s, SEND_SUBMITTED, 1, 0)->as.submitted.count, 1);
    greet(s, 103,
          (struct being){.host = "db2", .incarnation = 1, .slots = 1, .labels = {"role=db"}});
    turn(s);
    assert_int_equal(count_sent(s, SEND_COMMAND, 103), 0);
}

static void test_accept__each_asks_hosts_that_offer_the_function(void **state)
{
    struct scene *s = *state;
    two_workers(s);
    greet(s, 103,
          (struct being){.host = "x1", .incarnation = 1, .slots = 1, .functions = {"only"}});
    hello(s, 1, 11, "work");
    submit_this(s, 1, 1, (struct submission){.each = true, .function = "only"});
    turn(s);
    assert_int_equal(sent(s, SEND_SUBMITTED, 1, 0)->as.submitted.count, 1);
    assert_handed_out(s, 103, 1, 1);
    submit_this(s, 1, 2,
                (struct submission){.each = true, .function = "only", .selector = "role=db"});
    assert_refused(s, REFUSAL_NO_MATCH, "offers the function");
    turn(s);
}

static void test_accept__each_asks_hosts_that_serve_the_pool(void **state)
{
    struct scene *s = *state;
    two_workers(s);
    greet(s, 103, (struct being){.host = "x1", .incarnation = 1, .slots = 1, .pool = "elsewhere"});
    submit_this(s, 1, 1, (struct submission){.each = true});
    turn(s);
    assert_int_equal(sent(s, SEND_SUBMITTED, 1, 0)->as.submitted.count, 2);
    submit_this(s, 1, 2, (struct submission){.each = true, .selector = "x1"});
    assert_refused(s, REFUSAL_NO_MATCH, "serves this pool");
    turn(s);
}

static void test_accept__transient_hosts_that_went_are_not_expected(void **state)
{
    struct scene *s = *state;
    two_workers(s);
    greet(s, 103, (struct being){.host = "pod1", .incarnation = 1, .slots = 1, .transient = true});
    turn(s);
    simple(s, EVENT_WORKER_BYE, 103);
    turn(s);
    assert_int_equal(vault_hosts(s->vault), 2);
    submit_this(s, 1, 1, (struct submission){.each = true});
    assert_int_equal(sent(s, SEND_SUBMITTED, 1, 0)->as.submitted.count, 2);
    turn(s);
}

/* A batch of one is a batch, and its answer survives a restart. */
static void test_accept__a_batch_of_one_is_remembered(void **state)
{
    struct scene *s = *state;
    two_workers(s);
    submit_this(s, 1, 1, (struct submission){.each = true, .selector = "db1"});
    turn(s);
    report_ok(s, 101, 1, 1);
    turn(s);
    restart(s);
    hello(s, 1, 11, "work");
    submit_this(s, 1, 1, (struct submission){.each = true, .selector = "db1"});
    assert_true(sent(s, SEND_SUBMITTED, 1, 0)->as.submitted.duplicate);
    assert_int_equal(sent(s, SEND_SUBMITTED, 1, 0)->as.submitted.batch, 1);
    submit_this(s, 1, 2, (struct submission){.each = true, .selector = "db1"});
    assert_int_equal(sent(s, SEND_SUBMITTED, 1, 1)->as.submitted.batch, 2);
    turn(s);
}

/* Origin, defect 6: one command gives a peak of one. */
static void test_accept__the_peak_counts_the_command_that_made_it(void **state)
{
    struct scene *s = *state;
    two_workers(s);
    submit(s, 1, 1, 0);
    turn(s);
    report_ok(s, 101, 1, 1);
    turn(s);
    assert_int_equal(stats_of(s).totals->peak_in_queue, 1);
}

/* A handle's first command makes the handle durable before it. */
static void test_accept__a_handle_is_stored_with_its_first_command(void **state)
{
    struct scene *s = *state;
    two_workers(s);
    assert_int_equal(vault_clients(s->vault), 0);
    submit(s, 1, 1, 0);
    turn(s);
    assert_int_equal(vault_clients(s->vault), 1);
    restart(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_accept__each_makes_one_command_per_known_host),
        SCENE_TEST(test_accept__each_keeps_to_the_hosts_that_it_found),
        SCENE_TEST(test_accept__each_asks_hosts_that_offer_the_function),
        SCENE_TEST(test_accept__each_asks_hosts_that_serve_the_pool),
        SCENE_TEST(test_accept__transient_hosts_that_went_are_not_expected),
        SCENE_TEST(test_accept__a_batch_of_one_is_remembered),
        SCENE_TEST(test_accept__the_peak_counts_the_command_that_made_it),
        SCENE_TEST(test_accept__a_handle_is_stored_with_its_first_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
