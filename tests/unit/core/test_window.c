/* The window of unanswered submits (S2). */
#include "tests/unit/cmocka_first.h"

#include "broker/core/window.h"

static void put(struct window *window, uint64_t sequence, uint64_t first)
{
    struct window_entry *entry = window_put(window, sequence, 1000);
    entry->first = first;
    entry->count = 1;
}

static void test_window__remembers_what_is_not_answered(void **state)
{
    struct window window = {0};
    (void)state;
    put(&window, 1, 100);
    put(&window, 2, 101);
    assert_int_equal(window_find(&window, 1)->first, 100);
    assert_null(window_find(&window, 3));
    assert_int_equal(window_pass(&window, 1), 0);
    assert_null(window_find(&window, 1));
    assert_int_equal(window_find(&window, 2)->first, 101);
    window_done(&window);
}

static void test_window__sequences_may_come_in_any_order_with_gaps(void **state)
{
    struct window window = {0};
    (void)state;
    put(&window, 40, 1);
    put(&window, 3, 2);
    put(&window, 900, 3);
    assert_int_equal(window_find(&window, 3)->first, 2);
    assert_int_equal(window_find(&window, 40)->first, 1);
    assert_int_equal(window_find(&window, 900)->first, 3);
    assert_null(window_find(&window, 4));
    window_pass(&window, 40);
    assert_null(window_find(&window, 40));
    put(&window, 1030, 4);
    assert_int_equal(window_find(&window, 900)->first, 3);
    window_done(&window);
}

static void test_window__places_are_used_again(void **state)
{
    struct window window = {0};
    (void)state;
    for (uint64_t s = 1; s <= 10000; s++) {
        put(&window, s, s);
        assert_int_equal(window_find(&window, s)->first, s);
        if (s > 4)
            window_pass(&window, s - 4);
    }
    assert_true(window.width <= 16);
    window_pass(&window, UINT64_MAX - 1);
    assert_null(window_find(&window, UINT64_MAX - 1));
    window_done(&window);
}

static void test_window__counts_the_stored_ones_that_pass(void **state)
{
    struct window window = {0};
    (void)state;
    put(&window, 1, 1);
    put(&window, 2, 2);
    put(&window, 3, 3);
    window_find(&window, 2)->is_stored = true;
    window_find(&window, 3)->is_stored = true;
    assert_int_equal(window_pass(&window, 2), 1);
    assert_int_equal(window_pass(&window, 2), 0);
    assert_int_equal(window_pass(&window, 9), 1);
    window_done(&window);
}

static void test_window__a_sequence_is_known_by_its_low_bits(void **state)
{
    struct window window = {.answered_to = 0x1fffe};
    (void)state;
    assert_int_equal(window_sequence(&window, 0xffff), 0x1ffff);
    assert_int_equal(window_sequence(&window, 0x0000), 0x20000);
    assert_int_equal(window_sequence(&window, 0x0123), 0x20123);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window__remembers_what_is_not_answered),
        cmocka_unit_test(test_window__sequences_may_come_in_any_order_with_gaps),
        cmocka_unit_test(test_window__places_are_used_again),
        cmocka_unit_test(test_window__counts_the_stored_ones_that_pass),
        cmocka_unit_test(test_window__a_sequence_is_known_by_its_low_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
