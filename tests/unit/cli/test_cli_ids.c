/* Words that name commands. */
#include "tests/unit/cmocka_first.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ids.h"

struct fixture {
    struct id_set set;
    struct buffer message;
};

static int set_up(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    return *state == NULL;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    ids_done(&fixture->set);
    buffer_done(&fixture->message);
    free(fixture);
    return 0;
}

static void take(struct fixture *fixture, const char *word)
{
    assert_int_equal(ids_parse(&fixture->set, word, &fixture->message), 0);
}

static void assert_ids(struct fixture *fixture, const int64_t *wanted, size_t count)
{
    int64_t *ids = NULL;
    size_t found = 0;
    assert_int_equal(ids_expand(&fixture->set, &ids, &found, &fixture->message), 0);
    assert_int_equal(found, count);
    assert_memory_equal(ids, wanted, count * sizeof *wanted);
    free(ids);
}

static void test_ids__numbers_and_ranges_give_each_id_once_in_order(void **state)
{
    take(*state, "7");
    take(*state, "2-4");
    take(*state, "3-5");
    take(*state, "7");
    assert_ids(*state, (const int64_t[]){2, 3, 4, 5, 7}, 5);
}

static void test_ids__a_batch_is_kept_apart_from_ids(void **state)
{
    struct fixture *fixture = *state;
    take(fixture, "B17");
    take(fixture, "b3");
    assert_int_equal(fixture->set.batch_count, 2);
    assert_int_equal(fixture->set.batches[0], 17);
    assert_int_equal(fixture->set.batches[1], 3);
    assert_int_equal(fixture->set.range_count, 0);
    assert_false(ids_is_single(&fixture->set));
}

static void test_ids__last_is_resolved_by_the_broker(void **state)
{
    struct fixture *fixture = *state;
    take(fixture, "last");
    take(fixture, "40-last");
    assert_true(ids_need_last(&fixture->set));
    assert_int_equal(ids_resolve(&fixture->set, 42, &fixture->message), 0);
    assert_false(ids_need_last(&fixture->set));
    assert_ids(fixture, (const int64_t[]){40, 41, 42}, 3);
}

static void test_ids__last_of_an_empty_pool_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    take(fixture, "last");
    assert_int_equal(ids_resolve(&fixture->set, 0, &fixture->message), -EINVAL);
    assert_non_null(strstr(buffer_str(&fixture->message), "no last command"));
}

static void test_ids__a_range_behind_the_last_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    take(fixture, "10-last");
    assert_int_equal(ids_resolve(&fixture->set, 9, &fixture->message), -EINVAL);
    assert_non_null(strstr(buffer_str(&fixture->message), "the last command is 9"));
}

static void test_ids__what_names_no_command_is_refused_with_a_hint(void **state)
{
    static const char *const words[] = {"",
                                        "0",
                                        "-",
                                        "1-",
                                        "-1",
                                        "5-4",
                                        "1.5",
                                        "0x10",
                                        " 1",
                                        "1 ",
                                        "+1",
                                        "1-2-3",
                                        "Bx",
                                        "B",
                                        "B0",
                                        "B-1",
                                        "B1-2",
                                        "first",
                                        "last-",
                                        "last-10",
                                        "lasts",
                                        "1e3",
                                        "B17:ok",
                                        "--",
                                        "９",
                                        "9999999999999999999",
                                        "9223372036854775807"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct fixture *fixture = *state;
        buffer_reset(&fixture->message);
        assert_int_equal(ids_parse(&fixture->set, words[i], &fixture->message), -EINVAL);
        assert_true(fixture->message.size > 0);
    }
}

static void test_ids__one_own_id_is_single_and_a_range_is_not(void **state)
{
    struct fixture *fixture = *state;
    take(fixture, "12");
    assert_true(ids_is_single(&fixture->set));
    take(fixture, "13");
    assert_false(ids_is_single(&fixture->set));
    ids_done(&fixture->set);
    take(fixture, "12-12");
    assert_false(ids_is_single(&fixture->set));
}

static void test_ids__a_slip_of_the_finger_cannot_eat_the_memory(void **state)
{
    struct fixture *fixture = *state;
    int64_t *ids = NULL;
    size_t count = 0;
    take(fixture, "1-9223372036854775806");
    assert_int_equal(ids_expand(&fixture->set, &ids, &count, &fixture->message), -EINVAL);
    assert_null(ids);
    assert_non_null(strstr(buffer_str(&fixture->message), "1000000"));
}

static void test_ids__the_bound_holds_for_all_ranges_together(void **state)
{
    struct fixture *fixture = *state;
    int64_t *ids = NULL;
    size_t count = 0;
    take(fixture, "1-600000");
    take(fixture, "600001-1200000");
    assert_int_equal(ids_expand(&fixture->set, &ids, &count, &fixture->message), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ids__numbers_and_ranges_give_each_id_once_in_order,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ids__a_batch_is_kept_apart_from_ids, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_ids__last_is_resolved_by_the_broker, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_ids__last_of_an_empty_pool_is_an_error, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_ids__a_range_behind_the_last_is_an_error, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_ids__what_names_no_command_is_refused_with_a_hint,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ids__one_own_id_is_single_and_a_range_is_not, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_ids__a_slip_of_the_finger_cannot_eat_the_memory,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ids__the_bound_holds_for_all_ranges_together, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
