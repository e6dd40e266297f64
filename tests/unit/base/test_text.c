/* Numbers, sizes and spelling hints. */
#include "tests/unit/cmocka_first.h"

#include <errno.h>

#include "base/text.h"

static void test_text__parses_whole_numbers_within_bounds(void **state)
{
    (void)state;
    uint64_t value = 0;
    assert_int_equal(text_parse_u64("0", 0, 10, &value), 0);
    assert_int_equal(value, 0);
    assert_int_equal(text_parse_u64("18446744073709551615", 0, UINT64_MAX, &value), 0);
    assert_true(value == UINT64_MAX);
    value = 5;
    assert_int_equal(text_parse_u64("18446744073709551616", 0, UINT64_MAX, &value), -ERANGE);
    assert_int_equal(text_parse_u64("99999999999999999999999", 0, UINT64_MAX, &value), -ERANGE);
    assert_int_equal(text_parse_u64("11", 0, 10, &value), -ERANGE);
    assert_int_equal(text_parse_u64("0", 1, 10, &value), -ERANGE);
    static const char *const wrong[] = {
        "", "-1", "+1", " 1", "1 ", "0x10", "1.0", "abc", "99999999999999999999x"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(text_parse_u64(wrong[i], 0, UINT64_MAX, &value), -EINVAL);
    assert_int_equal(value, 5);
}

static void test_text__parses_sizes_in_powers_of_1024(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t expected;
    } cases[] = {
        {"0", 0},
        {"4096", 4096},
        {"64k", 65536},
        {"64K", 65536},
        {"10M", 10 << 20},
        {"10MB", 10 << 20},
        {"10MiB", 10 << 20},
        {"512B", 512},
        {"2G", UINT64_C(2) << 30},
        {"3T", UINT64_C(3) << 40},
        {"16383P", UINT64_C(16383) << 50},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t value = 1;
        assert_int_equal(text_parse_size(cases[i].text, &value), 0);
        assert_true(value == cases[i].expected);
    }
    uint64_t value = 5;
    assert_int_equal(text_parse_size("16384P", &value), -ERANGE);
    assert_int_equal(text_parse_size("99999999999999999999999999", &value), -ERANGE);
    static const char *const wrong[] = {"", "G", "-1G", "1.5G", "1X", "1Gi", "1GBB", "1G "};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(text_parse_size(wrong[i], &value), -EINVAL);
    assert_int_equal(value, 5);
}

static void test_text__formats_sizes_in_three_figures(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *expected;
    } cases[] = {
        {0, "0"},
        {999, "999"},
        {1000, "1.0k"},
        {1229, "1.2k"},
        {10240, "10k"},
        {1023488, "1.0M"},
        {1 << 20, "1.0M"},
        {64 << 20, "64M"},
        {UINT64_C(10) << 30, "10G"},
        {UINT64_MAX, "16E"},
        {10188, "9.9k"},
        {10190, "10k"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[TEXT_SIZE_MAX];
        text_format_size(text, cases[i].bytes);
        assert_string_equal(text, cases[i].expected);
    }
}

static void test_text__distance_counts_edits(void **state)
{
    (void)state;
    assert_int_equal(text_distance("", ""), 0);
    assert_int_equal(text_distance("", "abc"), 3);
    assert_int_equal(text_distance("kitten", "sitting"), 3);
    assert_int_equal(text_distance("broker", "borker"), 1);
    assert_int_equal(text_distance("ab", "ba"), 1);
    static const char long_text[] =
        "0123456789012345678901234567890123456789012345678901234567890123456789";
    assert_true(text_distance(long_text, "a") == SIZE_MAX);
}

static void test_text__nearest_hints_only_at_near_words(void **state)
{
    (void)state;
    static const char *const words[] = {"broker", "pool", "timeout", "stall-timeout", "on", NULL};
    assert_string_equal(text_nearest("borker", words), "broker");
    assert_string_equal(text_nearest("time-out", words), "timeout");
    assert_string_equal(text_nearest("stall", words), "stall-timeout");
    assert_string_equal(text_nearest("poll", words), "pool");
    assert_null(text_nearest("zebra", words));
    assert_null(text_nearest("x", words));
    assert_null(text_nearest("", words));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text__parses_whole_numbers_within_bounds),
        cmocka_unit_test(test_text__parses_sizes_in_powers_of_1024),
        cmocka_unit_test(test_text__formats_sizes_in_three_figures),
        cmocka_unit_test(test_text__distance_counts_edits),
        cmocka_unit_test(test_text__nearest_hints_only_at_near_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
