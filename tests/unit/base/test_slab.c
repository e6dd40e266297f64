/* The slab: indices, reuse, bounds, liveness. */
#include "tests/unit/cmocka_first.h"

#include <stdlib.h>
#include <string.h>

#include "base/slab.h"

struct item {
    uint64_t a;
    uint64_t b;
};

enum { ITEMS_MAX = 300 };

static int setup(void **state)
{
    struct slab *slab = malloc(sizeof *slab);
    *state = slab;
    return slab ? slab_init(slab, sizeof(struct item), ITEMS_MAX) : -1;
}

static int teardown(void **state)
{
    slab_done(*state);
    free(*state);
    return 0;
}

static void test_slab__indices_begin_at_one_and_end_when_full(void **state)
{
    struct slab *slab = *state;
    for (uint32_t i = 1; i <= ITEMS_MAX; i++) {
        assert_int_equal(slab_alloc(slab), i);
        struct item *item = slab_at(slab, i);
        item->a = i;
    }
    assert_true(slab_is_full(slab));
    assert_int_equal(slab_alloc(slab), 0);
    assert_int_equal(slab_count(slab), ITEMS_MAX);
    for (uint32_t i = 1; i <= ITEMS_MAX; i++)
        assert_int_equal(((struct item *)slab_at(slab, i))->a, i);
}

static void test_slab__the_last_freed_is_reused_first_and_zeroed(void **state)
{
    struct slab *slab = *state;
    for (int i = 0; i < 5; i++)
        memset(slab_at(slab, slab_alloc(slab)), 0xff, sizeof(struct item));
    slab_free(slab, 2);
    slab_free(slab, 4);
    assert_int_equal(slab_alloc(slab), 4);
    const struct item *item = slab_at(slab, 4);
    assert_true(item->a == 0 && item->b == 0);
    assert_int_equal(slab_alloc(slab), 2);
    assert_int_equal(slab_alloc(slab), 6);
}

static void test_slab__liveness_follows_alloc_and_free(void **state)
{
    struct slab *slab = *state;
    assert_false(slab_is_live(slab, 0));
    assert_false(slab_is_live(slab, 1));
    assert_int_equal(slab_alloc(slab), 1);
    assert_true(slab_is_live(slab, 1));
    assert_false(slab_is_live(slab, 2));
    assert_false(slab_is_live(slab, UINT32_MAX));
    slab_free(slab, 1);
    assert_false(slab_is_live(slab, 1));
}

static void test_slab__walk_visits_the_live_items_in_order(void **state)
{
    struct slab *slab = *state;
    assert_int_equal(slab_next(slab, 0), 0);
    for (int i = 0; i < 200; i++)
        slab_alloc(slab);
    for (uint32_t i = 1; i <= 200; i++) {
        if (i % 7 != 0)
            slab_free(slab, i);
    }
    uint32_t expected = 7;
    for (uint32_t i = slab_next(slab, 0); i != 0; i = slab_next(slab, i)) {
        assert_int_equal(i, expected);
        expected += 7;
    }
    assert_int_equal(expected, 203);
    assert_int_equal(slab_next(slab, UINT32_MAX), 0);
}

static void test_slab__a_drained_peak_starts_afresh(void **state)
{
    (void)state;
    struct slab slab;
    enum { MANY = 400000 };
    assert_int_equal(slab_init(&slab, sizeof(struct item), 100000000), 0);
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 1; i <= MANY; i++) {
            assert_int_equal(slab_alloc(&slab), i);
            struct item *item = slab_at(&slab, i);
            assert_int_equal(item->b, 0);
            item->b = i;
        }
        for (uint32_t i = MANY; i >= 1; i--)
            slab_free(&slab, i);
        assert_int_equal(slab_count(&slab), 0);
        assert_int_equal(slab_next(&slab, 0), 0);
    }
    slab_done(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_slab__indices_begin_at_one_and_end_when_full, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_slab__the_last_freed_is_reused_first_and_zeroed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_slab__liveness_follows_alloc_and_free, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_slab__walk_visits_the_live_items_in_order, setup,
                                        teardown),
        cmocka_unit_test(test_slab__a_drained_peak_starts_afresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
