/* Retention (S12), and private pools that nobody uses. */
#include "tests/unit/core/scene.h"

static const int64_t DAY_NS = 24 * 3600 * MUSTER_S;

static struct scene *with_pool(const struct core_limits *limits, const char *pool)
{
    struct scene *s = scene_new(limits);
    s->skips_check = true;
    worker(s, 101, "web1", 1);
    hello(s, 1, 11, pool);
    turn(s);
    return s;
}

/* One record. */
static void run_one(struct scene *s, uint64_t id)
{
    renew(s, 101, 1);
    submit(s, 1, id, id - 1);
    turn(s);
    report_ok(s, 101, id, 1);
    turn(s);
}

static uint64_t oldest(struct scene *s)
{
    return stats_of(s).totals->oldest;
}

static void sweep(struct scene *s)
{
    pass(s, 61 * MUSTER_S);
    simple(s, EVENT_PING, 1);
    tick(s);
}

/* S12: from the tail only, by age. */
static void test_retain__old_records_go(void **state)
{
    struct scene *s = with_pool(NULL, "work");
    (void)state;
    run_one(s, 1);
    pass(s, 20 * DAY_NS);
    worker(s, 101, "web1", 1);
    run_one(s, 2);
    sweep(s);
    assert_int_equal(oldest(s), 0);
    pass(s, 11 * DAY_NS);
    sweep(s);
    assert_int_equal(oldest(s), 1);
    assert_true(vault_seen(s->vault, FACT_OLDEST) == 1);
    read_from(s, 1, 0, 0);
    assert_refused(s, REFUSAL_TRUNCATED, "position 1");
    assert_int_equal(sent(s, SEND_ERROR, 1, 0)->as.error.limit, 1);
    read_from(s, 1, 1, 0);
    assert_int_equal(count_sent(s, SEND_RECORDS, 1), 1);
    turn(s);
    restart(s);
    hello(s, 1, 11, "work");
    assert_int_equal(oldest(s), 1);
    scene_free(s);
}

/* S12: a command without a record is never deleted. */
static void test_retain__what_is_live_stays(void **state)
{
    struct scene *s = with_pool(NULL, "work");
    (void)state;
    submit_this(s, 1, 1, (struct submission){.function = "exec", .delay_ns = 300 * DAY_NS});
    run_one(s, 2);
    pass(s, 100 * DAY_NS);
    sweep(s);
    assert_int_equal(oldest(s), 1);
    assert_int_equal(state_of(s, 1), STATE_HELD);
    assert_int_equal(stats_of(s).totals->records_bytes, 0);
    scene_free(s);
}

/* S12: by size; what is kept stays near the limit, and never goes as a whole. */
static void test_retain__a_large_log_is_cut_at_its_tail(void **state)
{
    struct core_limits limits = scene_limits();
    limits.keep_bytes = 100000;
    struct scene *s = with_pool(&limits, "work");
    (void)state;
    for (uint64_t i = 1; i <= 1000; i++)
        run_one(s, i);
    assert_true(stats_of(s).totals->records_bytes > 400000);
    for (int i = 0; i < 20; i++)
        sweep(s);
    assert_in_range(stats_of(s).totals->records_bytes, 50000, 100000);
    assert_in_range(oldest(s), 700, 950);
    restart(s);
    hello(s, 1, 11, "work");
    uint64_t before = oldest(s);
    sweep(s);
    assert_int_equal(oldest(s), before);
    scene_free(s);
}

/* After a restart age goes on where it was, as far as the shell's hints tell. */
static void test_retain__hints_carry_age_over_a_restart(void **state)
{
    struct scene *s = with_pool(NULL, "work");
    (void)state;
    run_one(s, 1);
    run_one(s, 2);
    uint32_t pool = pool_of(s, 1);
    struct core_limits limits = s->limits;
    scene_free(s);

    for (int hinted = 0; hinted < 2; hinted++) {
        struct core *core = core_new(&limits);
        struct outbox *box = outbox_new();
        struct pool_totals totals = {
            .next_track_id = 3, .next_batch = 1, .head = 2, .final_to = 2, .records_bytes = 900};
        int64_t wall_ns = 1000 * DAY_NS;
        totals.ended[STATE_OK] = 2;
        struct fact fact = {.type = FACT_NAME};
        fact.as.name.id = 1;
        fact.as.name.text = bytes_of_str("work");
        core_replay(core, &fact);
        fact = (struct fact){.type = FACT_POOL};
        fact.as.pool.pool = pool;
        fact.as.pool.name = bytes_of_str("work");
        fact.as.pool.totals = &totals;
        core_replay(core, &fact);
        if (hinted) {
            core_retention_hint(core, pool, 1, wall_ns - 31 * DAY_NS);
            core_retention_hint(core, pool, 1, wall_ns);
            core_retention_hint(core, pool, 9, wall_ns);
            core_retention_hint(core, pool, 2, wall_ns - DAY_NS);
            core_retention_hint(core, 99, 1, wall_ns);
        }
        core_start(core, 2, 1, 1, wall_ns);
        struct event tick_event = {
            .type = EVENT_TICK, .now = 61 * MUSTER_S, .wall_ns = wall_ns + 61 * MUSTER_S};
        core_step(core, &tick_event, box);
        core_flush(core, tick_event.now, tick_event.wall_ns, box);
        struct core_pool_stats stats;
        assert_true(core_pool_stats(core, pool, &stats));
        assert_int_equal(stats.totals->oldest, hinted);
        assert_int_equal(stats.totals->records_bytes, hinted ? 450 : 900);
        core_free(core);
        outbox_free(box);
    }
}

/* S10: a private pool is kept for seven days after its last use. */
static void test_retain__an_unused_private_pool_goes(void **state)
{
    struct scene *s = with_pool(NULL, "");
    (void)state;
    read_cursor(s, 1, "reader", 0);
    run_one(s, 1);
    simple(s, EVENT_GONE, 1);
    pass(s, 6 * DAY_NS);
    tick(s);
    assert_int_equal(vault_pools(s->vault), 1);
    pass(s, 2 * DAY_NS);
    tick(s);
    assert_int_equal(vault_pools(s->vault), 0);
    assert_int_equal(vault_clients(s->vault), 0);
    assert_int_equal(vault_seen(s->vault, FACT_POOL_GONE), 1);
    const char *what;
    assert_true(core_check(s->core, &what));
    restart(s);
    hello(s, 1, 11, "");
    submit(s, 1, 1, 0);
    assert_int_equal(sent(s, SEND_SUBMITTED, 1, 0)->as.submitted.first, 1);
    turn(s);
    scene_free(s);
}

/* Somebody has it open, even if nothing happens in it. */
static void test_retain__a_private_pool_that_is_open_stays(void **state)
{
    struct scene *s = with_pool(NULL, "");
    (void)state;
    for (int day = 0; day < 10; day++) {
        pass(s, DAY_NS);
        simple(s, EVENT_PING, 1);
        tick(s);
    }
    assert_int_equal(vault_pools(s->vault), 1);
    scene_free(s);
}

static void test_retain__a_private_pool_in_use_stays(void **state)
{
    struct scene *s = with_pool(NULL, "");
    (void)state;
    submit_this(s, 1, 1, (struct submission){.delay_ns = 100 * DAY_NS});
    turn(s);
    simple(s, EVENT_GONE, 1);
    pass(s, 50 * DAY_NS);
    tick(s);
    assert_int_equal(vault_pools(s->vault), 1);
    scene_free(s);
}

/* An id of a pool that is gone must not lead to another one. */
static void test_retain__ids_of_private_pools_are_not_used_again(void **state)
{
    struct scene *s = with_pool(NULL, "");
    (void)state;
    uint32_t first = pool_of(s, 1);
    simple(s, EVENT_GONE, 1);
    turn(s);
    pass(s, 8 * DAY_NS);
    tick(s);
    hello(s, 1, 12, "");
    assert_int_not_equal(pool_of(s, 1), first);
    worker(s, 101, "web1", 1);
    report(s, 101, (struct report){.track_id = 1, .attempt = 1, .pool = first});
    assert_true(sent(s, SEND_RECORDED, 101, 0)->as.recorded.stale);
    turn(s);
    scene_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retain__old_records_go),
        cmocka_unit_test(test_retain__what_is_live_stays),
        cmocka_unit_test(test_retain__a_large_log_is_cut_at_its_tail),
        cmocka_unit_test(test_retain__hints_carry_age_over_a_restart),
        cmocka_unit_test(test_retain__an_unused_private_pool_goes),
        cmocka_unit_test(test_retain__a_private_pool_that_is_open_stays),
        cmocka_unit_test(test_retain__a_private_pool_in_use_stays),
        cmocka_unit_test(test_retain__ids_of_private_pools_are_not_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
