/* From states to exit statuses. */
#include "tests/unit/cmocka_first.h"

#include "cli/exit.h"

static void test_exit__one_command_gives_its_own_status(void **state)
{
    (void)state;
    assert_int_equal(exit_of_one(MUSTER_STATE_OK, 0, 0), 0);
    assert_int_equal(exit_of_one(MUSTER_FAILED, 1, 0), 1);
    assert_int_equal(exit_of_one(MUSTER_FAILED, 123, 0), 123);
    assert_int_equal(exit_of_one(MUSTER_FAILED, 126, 0), 126);
    assert_int_equal(exit_of_one(MUSTER_FAILED, 127, 0), 127);
}

static void test_exit__a_warning_is_ok(void **state)
{
    (void)state;
    assert_int_equal(exit_of_one(MUSTER_STATE_OK, 1, 0), 0);
}

static void test_exit__a_failed_function_is_1(void **state)
{
    (void)state;
    assert_int_equal(exit_of_one(MUSTER_FAILED, 0, 0), 1);
    assert_int_equal(exit_of_one(MUSTER_FAILED, -1, 0), 1);
    assert_int_equal(exit_of_one(MUSTER_FAILED, 256, 0), 1);
}

static void test_exit__a_signal_is_128_and_its_number(void **state)
{
    (void)state;
    assert_int_equal(exit_of_one(MUSTER_SIGNALED, 0, 9), 137);
    assert_int_equal(exit_of_one(MUSTER_SIGNALED, 0, 15), 143);
}

static void test_exit__time_outs_are_124_and_our_own_ends_125(void **state)
{
    (void)state;
    assert_int_equal(exit_of_one(MUSTER_TIMEOUT, 0, 15), 124);
    assert_int_equal(exit_of_one(MUSTER_STALLED, 0, 15), 124);
    static const int ours[] = {MUSTER_LOST, MUSTER_EXPIRED, MUSTER_SKIPPED, MUSTER_REJECTED,
                               MUSTER_CANCELLED};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        assert_int_equal(exit_of_one(ours[i], 0, 0), 125);
    }
}

static int worst_of(const int *states, size_t count)
{
    int worst = EXIT_OK;
    for (size_t i = 0; i < count; i++) {
        worst = exit_of_several(worst, states[i]);
    }
    return worst;
}

static void test_exit__of_several_all_ok_is_0(void **state)
{
    (void)state;
    assert_int_equal(worst_of((const int[]){MUSTER_STATE_OK, MUSTER_STATE_OK}, 2), 0);
}

static void test_exit__of_several_the_worst_wins_in_any_order(void **state)
{
    (void)state;
    assert_int_equal(worst_of((const int[]){MUSTER_CANCELLED, MUSTER_STATE_OK}, 2), 3);
    assert_int_equal(worst_of((const int[]){MUSTER_CANCELLED, MUSTER_LOST}, 2), 2);
    assert_int_equal(worst_of((const int[]){MUSTER_LOST, MUSTER_CANCELLED}, 2), 2);
    assert_int_equal(worst_of((const int[]){MUSTER_FAILED, MUSTER_LOST, MUSTER_CANCELLED}, 3), 1);
    assert_int_equal(worst_of((const int[]){MUSTER_CANCELLED, MUSTER_LOST, MUSTER_FAILED}, 3), 1);
}

static void test_exit__of_several_each_end_has_its_class(void **state)
{
    (void)state;
    static const int failed[] = {MUSTER_FAILED, MUSTER_SIGNALED, MUSTER_TIMEOUT, MUSTER_STALLED,
                                 MUSTER_REJECTED};
    static const int lost[] = {MUSTER_LOST, MUSTER_EXPIRED, MUSTER_SKIPPED};
    for (size_t i = 0; i < sizeof failed / sizeof failed[0]; i++) {
        assert_int_equal(worst_of(&failed[i], 1), 1);
    }
    for (size_t i = 0; i < sizeof lost / sizeof lost[0]; i++) {
        assert_int_equal(worst_of(&lost[i], 1), 2);
    }
}

static void test_exit__errors_of_the_library_are_4_124_or_125(void **state)
{
    (void)state;
    assert_int_equal(exit_of_error(MUSTER_ENOMATCH), 4);
    assert_int_equal(exit_of_error(MUSTER_ETIMEDOUT), 124);
    assert_int_equal(exit_of_error(MUSTER_EUNREACHABLE), 125);
    assert_int_equal(exit_of_error(MUSTER_EBADREQUEST), 125);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exit__one_command_gives_its_own_status),
        cmocka_unit_test(test_exit__a_warning_is_ok),
        cmocka_unit_test(test_exit__a_failed_function_is_1),
        cmocka_unit_test(test_exit__a_signal_is_128_and_its_number),
        cmocka_unit_test(test_exit__time_outs_are_124_and_our_own_ends_125),
        cmocka_unit_test(test_exit__of_several_all_ok_is_0),
        cmocka_unit_test(test_exit__of_several_the_worst_wins_in_any_order),
        cmocka_unit_test(test_exit__of_several_each_end_has_its_class),
        cmocka_unit_test(test_exit__errors_of_the_library_are_4_124_or_125),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
