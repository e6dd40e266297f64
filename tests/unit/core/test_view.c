/* What egress asks for: statistics, usage, lists, hosts (S9). */
#include "tests/unit/core/scene.h"

#include <string.h>

static struct scene *with_commands(void **state)
{
    struct scene *s = *state;
    worker(s, 101, "web1", 2);
    hello(s, 1, 11, "work");
    for (uint64_t i = 1; i <= 6; i++)
        submit_this(s, 1, i,
                    (struct submission){.delay_ns = i == 6 ? 100 * MUSTER_S : 0, .priority = 3});
    turn(s);
    return s;
}

/* The statistics invariant: submitted = held + queued + running + final. */
static void test_view__counters_add_up(void **state)
{
    struct scene *s = with_commands(state);
    report_ok(s, 101, 1, 1);
    turn(s);
    struct core_pool_stats stats = stats_of(s);
    assert_int_equal(stats.held, 1);
    assert_int_equal(stats.queued, 2);
    assert_int_equal(stats.running, 2);
    assert_int_equal(stats.totals->head, 1);
    assert_int_equal(stats.totals->next_track_id - 1, 6);
    assert_int_equal(stats.hosts, 1);
    assert_int_equal(stats.slots, 2);
    assert_int_equal(stats.totals->run.count, 1);
    assert_int_equal(stats.totals->run.sum_ns, MUSTER_S);
    assert_false(core_pool_stats(s->core, 4242, &stats));
}

/* S9: final_to and ok_to. */
static void test_view__watermarks_wait_for_what_is_before_them(void **state)
{
    struct scene *s = with_commands(state);
    report_ok(s, 101, 2, 1);
    turn(s);
    assert_int_equal(stats_of(s).final_to, 0);
    assert_int_equal(stats_of(s).ok_to, 0);
    report_ok(s, 101, 1, 1);
    turn(s);
    assert_int_equal(stats_of(s).final_to, 2);
    assert_int_equal(stats_of(s).ok_to, 2);
    report(s, 101, (struct report){.track_id = 4, .attempt = 1, .state = STATE_FAILED});
    turn(s);
    assert_int_equal(stats_of(s).final_to, 2);
    report_ok(s, 101, 3, 1);
    turn(s);
    assert_int_equal(stats_of(s).final_to, 4);
    assert_int_equal(stats_of(s).ok_to, 3);
    restart(s);
    hello(s, 1, 11, "work");
    assert_int_equal(stats_of(s).final_to, 4);
    assert_int_equal(stats_of(s).ok_to, 3);
}

struct usage_seen {
    size_t n;
    uint64_t records;
};

static void see_usage(void *ctx, struct bytes host, uint32_t slot, uint64_t count)
{
    struct usage_seen *seen = ctx;
    assert_true(bytes_equal_str(host, "web1"));
    assert_int_equal(slot, 1);
    seen->n++;
    seen->records += count;
}

static void test_view__usage_counts_records_per_prefix(void **state)
{
    struct scene *s = with_commands(state);
    struct usage_seen seen = {0};
    report_ok(s, 101, 1, 1);
    report_ok(s, 101, 2, 1);
    turn(s);
    report(s, 101, (struct report){.track_id = 3, .attempt = 1, .never_ran = true});
    turn(s);
    core_pool_usage(s->core, pool_of(s, 1), see_usage, &seen);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.records, 2);
    assert_int_equal(stats_of(s).totals->run.count, 2);
}

static size_t list(struct scene *s, struct event_list what, struct core_command_row *rows,
                   size_t max, bool *ret_more)
{
    return core_list(s->core, pool_of(s, 1), &what, rows, max, ret_more);
}

static void test_view__lists_follow_the_ids(void **state)
{
    struct scene *s = with_commands(state);
    struct core_command_row rows[8];
    bool more;
    assert_int_equal(list(s, (struct event_list){0}, rows, 8, &more), 6);
    assert_false(more);
    for (uint64_t i = 0; i < 6; i++)
        assert_int_equal(rows[i].track_id, i + 1);
    assert_int_equal(rows[0].state, STATE_RUNNING);
    assert_true(bytes_equal_str(rows[0].host, "web1"));
    assert_int_equal(rows[0].attempt, 1);
    assert_int_equal(rows[0].starts, 1);
    assert_int_equal(rows[0].priority, 3);
    assert_int_equal(rows[0].body_of, 1);
    assert_int_equal(rows[5].hold, HOLD_TIME);
    assert_int_equal(list(s, (struct event_list){.after = 2}, rows, 2, &more), 2);
    assert_true(more);
    assert_int_equal(rows[0].track_id, 3);
}

static void test_view__lists_are_filtered(void **state)
{
    struct scene *s = with_commands(state);
    struct core_command_row rows[8];
    bool more;
    static const struct core_range ranges[] = {{5, 9}, {1, 2}, {4, 3}};
    submit_this(s, 1, 7, (struct submission){.each = true});
    turn(s);
    struct event_list what = {.ranges = ranges, .n_ranges = 3};
    assert_int_equal(list(s, what, rows, 8, &more), 5);
    assert_int_equal(rows[0].track_id, 1);
    assert_int_equal(rows[2].track_id, 5);
    what.after = 5;
    assert_int_equal(list(s, what, rows, 8, &more), 2);
    assert_int_equal(list(s, (struct event_list){.states = 1u << STATE_RUNNING}, rows, 8, &more),
                     2);
    assert_int_equal(list(s, (struct event_list){.batch = 1}, rows, 8, &more), 1);
    assert_int_equal(rows[0].track_id, 7);
    assert_int_equal(rows[0].batch, 1);
    assert_int_equal(core_list(s->core, 4242, &what, rows, 8, &more), 0);
}

static void test_view__hosts_come_by_name(void **state)
{
    struct scene *s = *state;
    struct core_host_row rows[8];
    bool more;
    worker(s, 101, "web2", 2);
    greet(s, 102,
          (struct being){.host = "db1", .incarnation = 1, .slots = 1, .labels = {"role=db"}});
    worker(s, 103, "web1", 3);
    hello(s, 1, 11, "work");
    submit_this(s, 1, 1, (struct submission){.selector = "web2"});
    turn(s);
    simple(s, EVENT_GONE, 103);
    renew(s, 102, 0);
    turn(s);
    assert_int_equal(core_hosts(s->core, bytes_of_str(""), bytes_of_str(""), rows, 8, &more), 3);
    assert_false(more);
    assert_true(bytes_equal_str(rows[0].host, "db1"));
    assert_true(bytes_equal_str(rows[1].host, "web1"));
    assert_true(bytes_equal_str(rows[2].host, "web2"));
    assert_true(rows[0].draining);
    assert_int_equal(rows[0].n_labels, 1);
    assert_true(bytes_equal_str(core_name(s->core, rows[0].labels[0]), "role=db"));
    assert_false(rows[1].present);
    assert_int_equal(rows[2].running, 1);
    assert_int_equal(core_hosts(s->core, bytes_of_str(""), bytes_of_str("db1"), rows, 1, &more), 1);
    assert_true(more);
    assert_true(bytes_equal_str(rows[0].host, "web1"));
    assert_int_equal(core_hosts(s->core, bytes_of_str(""), bytes_of_str("web1"), rows, 8, &more),
                     1);
    assert_int_equal(core_hosts(s->core, bytes_of_str(""), bytes_of_str("web2"), rows, 8, &more),
                     0);
}

/* A dry run asks by the rules of a submit, and gets the same refusal. */
static void test_view__hosts_are_chosen_by_a_selector(void **state)
{
    struct scene *s = *state;
    struct core_host_row rows[8];
    bool more;
    worker(s, 101, "web2", 2);
    greet(s, 102,
          (struct being){.host = "db1", .incarnation = 1, .slots = 1, .labels = {"role=db"}});
    worker(s, 103, "web1", 3);
    hello(s, 1, 11, "work");
    turn(s);
    struct bytes none = bytes_of_str("");
    assert_int_equal(core_hosts(s->core, bytes_of_str("role=db"), none, rows, 8, &more), 1);
    assert_true(bytes_equal_str(rows[0].host, "db1"));
    assert_int_equal(core_hosts(s->core, bytes_of_str("not web1"), none, rows, 1, &more), 1);
    assert_true(more);
    assert_int_equal(
        core_hosts(s->core, bytes_of_str("not web1"), bytes_of_str("db1"), rows, 8, &more), 1);
    assert_true(bytes_equal_str(rows[0].host, "web2"));
    assert_false(more);
    assert_int_equal(core_hosts(s->core, bytes_of_str("web[3-9]"), none, rows, 8, &more), 0);
    struct event event = {.type = EVENT_HOSTS, .peer = 1, .request = 7};
    event.as.hosts.selector = bytes_of_str("web[1-");
    step(s, event);
    assert_refused(s, REFUSAL_BAD_REQUEST, "character 4");
    turn(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_view__counters_add_up),
        SCENE_TEST(test_view__watermarks_wait_for_what_is_before_them),
        SCENE_TEST(test_view__usage_counts_records_per_prefix),
        SCENE_TEST(test_view__lists_follow_the_ids),
        SCENE_TEST(test_view__lists_are_filtered),
        SCENE_TEST(test_view__hosts_come_by_name),
        SCENE_TEST(test_view__hosts_are_chosen_by_a_selector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
