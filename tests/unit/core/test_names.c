/* Strings that are known once. */
#include "tests/unit/cmocka_first.h"

#include "broker/core/names.h"

static void test_names__a_text_has_one_id(void **state)
{
    struct names names;
    (void)state;
    names_init(&names, 10, 1);
    assert_int_equal(names_find(&names, bytes_of_str("db1")), 0);
    names_put(&names, names_next(&names), bytes_of_str("db1"));
    names_put(&names, names_next(&names), bytes_of_str("db2"));
    assert_int_equal(names_find(&names, bytes_of_str("db1")), 1);
    assert_int_equal(names_find(&names, bytes_of_str("db2")), 2);
    assert_true(bytes_equal_str(names_text(&names, 2), "db2"));
    assert_int_equal(names_text(&names, 0).size, 0);
    assert_int_equal(names_text(&names, 3).size, 0);
    names_done(&names);
}

/* S1: at restart names come with the ids that they had, in any order. */
static void test_names__ids_may_come_in_any_order(void **state)
{
    struct names names;
    (void)state;
    names_init(&names, 10, 1);
    names_put(&names, 7, bytes_of_str("seven"));
    names_put(&names, 3, bytes_of_str("three"));
    assert_int_equal(names_next(&names), 8);
    assert_int_equal(names_find(&names, bytes_of_str("three")), 3);
    assert_int_equal(names_text(&names, 4).size, 0);
    names_done(&names);
}

static void test_names__room_is_bounded(void **state)
{
    struct names names;
    (void)state;
    names_init(&names, 2, 1);
    assert_true(names_have_room(&names, 2));
    assert_false(names_have_room(&names, 3));
    names_put(&names, 1, bytes_of_str("a"));
    names_put(&names, 2, bytes_of_str("b"));
    assert_false(names_have_room(&names, 1));
    names_done(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names__a_text_has_one_id),
        cmocka_unit_test(test_names__ids_may_come_in_any_order),
        cmocka_unit_test(test_names__room_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
