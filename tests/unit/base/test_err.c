/* The table of refusals: numbers without gaps, texts fit to be shown. */
#include "tests/unit/cmocka_first.h"

#include <string.h>

#include "base/err.h"

static void test_err__wire_numbers_are_stable(void **state)
{
    (void)state;
    /* The protocol fixes them: this list may only grow. */
    assert_int_equal(REFUSAL_OK, 0);
    assert_int_equal(REFUSAL_BUSY, 1);
    assert_int_equal(REFUSAL_TOO_LARGE, 2);
    assert_int_equal(REFUSAL_QUEUE_FULL, 3);
    assert_int_equal(REFUSAL_DISK_LOW, 4);
    assert_int_equal(REFUSAL_SHUTTING_DOWN, 5);
    assert_int_equal(REFUSAL_DENIED, 6);
    assert_int_equal(REFUSAL_NO_MATCH, 7);
    assert_int_equal(REFUSAL_BAD_REQUEST, 8);
    assert_int_equal(REFUSAL_VERSION, 9);
    assert_int_equal(REFUSAL_REQUEST_REUSED, 10);
    assert_int_equal(REFUSAL_TRUNCATED, 11);
    assert_int_equal(REFUSAL_LOG_MISMATCH, 12);
    assert_int_equal(REFUSAL_UNKNOWN_POOL, 13);
    assert_int_equal(REFUSAL_UNKNOWN_COMMAND, 14);
    assert_int_equal(REFUSAL_UNKNOWN_FUNCTION, 15);
    assert_int_equal(REFUSAL_TIMED_OUT, 16);
    assert_int_equal(REFUSAL_STORAGE, 17);
    assert_int_equal(REFUSAL_INTERNAL, 18);
}

static void test_err__every_refusal_has_a_name_and_a_sentence(void **state)
{
    (void)state;
    unsigned number = 0;
    for (; refusal_is_known(number); number++) {
        const char *name = refusal_name((enum refusal)number);
        const char *text = refusal_text((enum refusal)number);
        assert_non_null(name);
        assert_true(strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == strlen(name));
        assert_int_equal(text[strlen(text) - 1], '.');
        for (unsigned other = 0; other < number; other++)
            assert_string_not_equal(name, refusal_name((enum refusal)other));
    }
    assert_true(number >= 19);
}

static void test_err__unknown_number_still_has_a_text(void **state)
{
    (void)state;
    assert_false(refusal_is_known(9999));
    assert_string_equal(refusal_name((enum refusal)9999), "UNKNOWN");
    assert_true(strlen(refusal_text((enum refusal)9999)) > 0);
    assert_false(refusal_is_retryable((enum refusal)9999));
}

static void test_err__only_passing_conditions_are_retryable(void **state)
{
    (void)state;
    assert_true(refusal_is_retryable(REFUSAL_BUSY));
    assert_true(refusal_is_retryable(REFUSAL_QUEUE_FULL));
    assert_true(refusal_is_retryable(REFUSAL_DISK_LOW));
    assert_true(refusal_is_retryable(REFUSAL_TIMED_OUT));
    assert_false(refusal_is_retryable(REFUSAL_DENIED));
    assert_false(refusal_is_retryable(REFUSAL_REQUEST_REUSED));
    assert_false(refusal_is_retryable(REFUSAL_TRUNCATED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err__wire_numbers_are_stable),
        cmocka_unit_test(test_err__every_refusal_has_a_name_and_a_sentence),
        cmocka_unit_test(test_err__unknown_number_still_has_a_text),
        cmocka_unit_test(test_err__only_passing_conditions_are_retryable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
