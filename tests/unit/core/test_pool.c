/* Pools: names, ids, loading. */
#include "tests/unit/core/scene.h"

static struct fact pool_fact(uint32_t id, const char *name, bool is_private,
                             const struct pool_totals *totals)
{
    struct fact fact = {.type = FACT_POOL};
    fact.as.pool = (struct fact_pool){
        .pool = id, .name = bytes_of_str(name), .private_ = is_private, .totals = totals};
    return fact;
}

/* The store may emit pools in any order, and ids may leave gaps. */
static void test_pool__they_load_in_any_order(void **state)
{
    static const char *const names[] = {"a", "b", "c"};
    static const uint32_t ids[] = {9, 2, 5};
    struct core_limits limits = scene_limits();
    struct core *core = core_new(&limits);
    struct pool_totals totals = {.next_track_id = 1, .next_batch = 1};
    struct core_pool_stats stats;
    const char *what;
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        struct fact fact = {.type = FACT_NAME};
        fact.as.name.id = i + 1;
        fact.as.name.text = bytes_of_str(names[i]);
        core_replay(core, &fact);
        fact = pool_fact(ids[i], names[i], false, &totals);
        core_replay(core, &fact);
    }
    struct fact fact = pool_fact(77u << 20 | 7, "~0123456789abcdef", true, &totals);
    core_replay(core, &fact);
    core_start(core, 1, 1, 1, 1);
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(core_pool_stats(core, ids[i], &stats));
        assert_true(bytes_equal_str(stats.name, names[i]));
    }
    assert_true(core_pool_stats(core, 77u << 20 | 7, &stats));
    assert_false(core_pool_stats(core, 7, &stats));
    assert_false(core_pool_stats(core, 0, &stats));
    assert_false(core_pool_stats(core, 1, &stats));
    assert_true(core_check(core, &what));
    core_free(core);
}

/* New pools take the places that are free. */
static void test_pool__new_ones_fill_the_gaps_that_a_load_left(void **state)
{
    struct scene *s = *state;
    for (uint32_t i = 0; i < 5; i++)
        hello(s, 1 + i, 11 + i, i % 2 == 0 ? "" : "shared");
    turn(s);
    restart(s);
    for (uint32_t i = 0; i < 5; i++)
        hello(s, 10 + i, 100 + i, "");
    turn(s);
    restart(s);
    assert_int_equal(vault_pools(s->vault), 9);
}

/* A pool's totals are written once per turn, and only when they changed. */
static void test_pool__totals_are_written_once_per_turn(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "work");
    turn(s);
    size_t before = vault_seen(s->vault, FACT_POOL);
    for (uint64_t i = 1; i <= 10; i++)
        submit(s, 1, i, i - 1);
    turn(s);
    assert_int_equal(vault_seen(s->vault, FACT_POOL), before + 1);
    read_from(s, 1, 0, 0);
    simple(s, EVENT_PING, 1);
    turn(s);
    assert_int_equal(vault_seen(s->vault, FACT_POOL), before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool__they_load_in_any_order),
        SCENE_TEST(test_pool__new_ones_fill_the_gaps_that_a_load_left),
        SCENE_TEST(test_pool__totals_are_written_once_per_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
