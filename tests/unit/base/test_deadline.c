/* Deadlines: order, removal by handle, what "due" means. */
#include "tests/unit/cmocka_first.h"

#include <stdlib.h>

#include "base/deadline.h"

static int setup(void **state)
{
    struct deadlines *deadlines = malloc(sizeof *deadlines);
    *state = deadlines;
    return deadlines ? deadlines_init(deadlines, 100) : -1;
}

static int teardown(void **state)
{
    deadlines_done(*state);
    free(*state);
    return 0;
}

static void test_deadline__none_means_never(void **state)
{
    struct deadlines *deadlines = *state;
    uint64_t payload;
    assert_true(deadlines_next(deadlines) == MUSTER_NEVER);
    assert_false(deadlines_pop_due(deadlines, INT64_MAX, &payload));
}

static void test_deadline__the_earliest_due_comes_first(void **state)
{
    struct deadlines *deadlines = *state;
    deadlines_add(deadlines, 30, 3);
    deadlines_add(deadlines, 10, 1);
    deadlines_add(deadlines, 20, 2);
    uint64_t payload = 0;
    assert_int_equal(deadlines_next(deadlines), 10);
    assert_false(deadlines_pop_due(deadlines, 9, &payload));
    assert_true(deadlines_pop_due(deadlines, 10, &payload));
    assert_int_equal(payload, 1);
    assert_true(deadlines_pop_due(deadlines, 25, &payload));
    assert_int_equal(payload, 2);
    assert_false(deadlines_pop_due(deadlines, 25, &payload));
    assert_int_equal(deadlines_count(deadlines), 1);
}

static void test_deadline__a_handle_moves_or_removes_its_entry(void **state)
{
    struct deadlines *deadlines = *state;
    uint32_t a = deadlines_add(deadlines, 10, 100);
    uint32_t b = deadlines_add(deadlines, 20, 200);
    uint32_t c = deadlines_add(deadlines, 30, 300);
    deadlines_move(deadlines, a, 40);
    assert_int_equal(deadlines_at(deadlines, a), 40);
    assert_int_equal(deadlines_payload(deadlines, c), 300);
    deadlines_remove(deadlines, b);
    uint64_t payload = 0;
    assert_true(deadlines_pop_due(deadlines, 100, &payload));
    assert_int_equal(payload, 300);
    assert_true(deadlines_pop_due(deadlines, 100, &payload));
    assert_int_equal(payload, 100);
    assert_int_equal(deadlines_count(deadlines), 0);
}

static void test_deadline__never_is_never_due(void **state)
{
    struct deadlines *deadlines = *state;
    uint64_t payload;
    deadlines_add(deadlines, MUSTER_NEVER, 1);
    assert_true(deadlines_next(deadlines) == MUSTER_NEVER);
    assert_false(deadlines_pop_due(deadlines, INT64_MAX, &payload));
}

static void test_deadline__full_gives_no_handle(void **state)
{
    struct deadlines *deadlines = *state;
    for (int i = 0; i < 100; i++)
        assert_int_not_equal(deadlines_add(deadlines, 100 - i, (uint64_t)i), 0);
    assert_int_equal(deadlines_add(deadlines, 5, 5), 0);
    uint64_t payload = 0;
    for (int i = 99; i >= 0; i--) {
        assert_true(deadlines_pop_due(deadlines, 1000, &payload));
        assert_int_equal(payload, i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_deadline__none_means_never, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deadline__the_earliest_due_comes_first, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_deadline__a_handle_moves_or_removes_its_entry, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_deadline__never_is_never_due, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deadline__full_gives_no_handle, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
