/* Retention by age goes on where it was, although the broker was restarted. */
#include "tests/unit/store/facts.h"

#include "base/time.h"
#include "broker/hints.h"

enum { RECORDS = 500 };

static const int64_t start_wall_ns = 1000 * 86400 * MUSTER_S;

struct load {
    struct core *core;
    struct hints *hints;
};

static void emit(void *ctx, const struct fact *fact)
{
    struct load *load = ctx;
    core_replay(load->core, fact);
    hints_note(load->hints, fact);
}

/* The names that facts.c uses. */
static void add_names(struct fixture *f)
{
    static const char *const names[] = {"a", "b", "echo", "host", "default", "x", "y", "z", "w"};
    for (uint32_t i = 0; i < sizeof names / sizeof *names; i++)
        fixture_add(f, FACT_NAME)->as.name =
            (struct fact_name){.id = i + 1, .text = bytes_of_str(names[i])};
}

/* Record i is `age_s - i` seconds old at start_wall_ns. */
static void fill(struct fixture *f, uint32_t pool, int64_t age_s)
{
    add_names(f);
    add_pool(f, pool, RECORDS, RECORDS);
    for (uint64_t id = 1; id <= RECORDS; id++)
        add_submitted(f, pool, id);
    fixture_commit(f);
    for (uint64_t id = 1; id <= RECORDS; id++)
        add_recorded(f, pool, id, id)->recorded_wall_ns =
            start_wall_ns - (age_s - (int64_t)id) * MUSTER_S;
    fixture_commit(f);
}

/* Starts a core on the store and lets it judge retention some times: the oldest pos it then keeps.
 */
static uint64_t oldest_after_start(struct fixture *f, uint32_t pool, int64_t keep_s)
{
    struct core_limits limits = core_limits_default();
    struct hints hints = HINTS_EMPTY;
    struct core_pool_stats stats;
    limits.keep_ns = keep_s * MUSTER_S;
    fixture_reopen(f);
    struct load load = {.core = core_new(&limits), .hints = &hints};
    struct outbox *box = outbox_new();
    assert_int_equal(store_load(f->store, emit, &load, &f->error), 0);
    hints_tell(&hints, f->store, load.core);
    core_start(load.core, store_epoch(f->store), store_log_id(f->store), MUSTER_S, start_wall_ns);
    for (int sweep = 1; sweep <= 10; sweep++) {
        struct event tick = {
            .type = EVENT_TICK, .now = sweep * 100 * MUSTER_S, .wall_ns = start_wall_ns};
        core_step(load.core, &tick, box);
        core_flush(load.core, tick.now, tick.wall_ns, box);
        outbox_reset(box);
    }
    assert_true(core_pool_stats(load.core, pool, &stats));
    uint64_t oldest = stats.totals->oldest;
    hints_done(&hints);
    outbox_free(box);
    core_free(load.core);
    return oldest;
}

static void test_hints__records_older_than_the_keep_time_go_after_a_restart(void **state)
{
    fill(*state, 1, 86400);
    assert_int_equal(oldest_after_start(*state, 1, 3600), RECORDS);
}

static void test_hints__young_records_stay_after_a_restart(void **state)
{
    fill(*state, 1, RECORDS + 10);
    assert_int_equal(oldest_after_start(*state, 1, 3600), 0);
}

static void test_hints__of_a_log_that_is_half_old_about_half_goes(void **state)
{
    fill(*state, 1, RECORDS);
    uint64_t oldest = oldest_after_start(*state, 1, RECORDS / 2);
    assert_in_range(oldest, RECORDS / 4, RECORDS / 2); /* never one that is younger */
}

static void test_hints__a_store_without_records_needs_none(void **state)
{
    struct fixture *f = *state;
    add_names(f);
    add_pool(f, 1, 0, 0);
    fixture_commit(f);
    assert_int_equal(oldest_after_start(f, 1, 3600), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_hints__records_older_than_the_keep_time_go_after_a_restart),
        STORE_TEST(test_hints__young_records_stay_after_a_restart),
        STORE_TEST(test_hints__of_a_log_that_is_half_old_about_half_goes),
        STORE_TEST(test_hints__a_store_without_records_needs_none),
    };
    return cmocka_run_group_tests_name("hints", tests, NULL, NULL);
}
