/* Spans and the growable buffer's small relatives: compare, cut, search, UTF-8. */
#include "tests/unit/cmocka_first.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static void test_bytes__null_and_empty_are_the_same_span(void **state)
{
    (void)state;
    struct bytes none = bytes_of_str(NULL);
    assert_int_equal(none.size, 0);
    assert_true(bytes_equal(none, bytes_of_str("")));
    assert_int_equal(bytes_compare(none, bytes_of_str("")), 0);
    assert_true(bytes_is_utf8(none));
    assert_int_equal(bytes_find(none, 'x'), -1);
}

static void test_bytes__order_is_unsigned_and_the_shorter_comes_first(void **state)
{
    (void)state;
    assert_true(bytes_compare(bytes_of_str("a"), bytes_of_str("ab")) < 0);
    assert_true(bytes_compare(bytes_of_str("b"), bytes_of_str("ab")) > 0);
    assert_true(bytes_compare(bytes_of_str("\xff"), bytes_of_str("a")) > 0);
    assert_int_equal(bytes_compare(bytes_of_str("ab"), bytes_of_str("ab")), 0);
    assert_false(bytes_equal(bytes_of("a\0b", 3), bytes_of("a\0c", 3)));
}

static void test_bytes__a_slice_never_leaves_the_span(void **state)
{
    (void)state;
    struct bytes text = bytes_of_str("hello");
    assert_true(bytes_equal_str(bytes_slice(text, 1, 3), "ell"));
    assert_true(bytes_equal_str(bytes_slice(text, 3, SIZE_MAX), "lo"));
    assert_int_equal(bytes_slice(text, 5, 1).size, 0);
    assert_int_equal(bytes_slice(text, SIZE_MAX, SIZE_MAX).size, 0);
    assert_true(bytes_starts_with(text, bytes_of_str("he")));
    assert_false(bytes_starts_with(text, bytes_of_str("hello!")));
}

static void test_bytes__utf8_accepts_well_formed_text_only(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_utf8;
    } cases[] = {
        {"plain", true},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", true}, /* two, three and four bytes */
        {"\xf4\x8f\xbf\xbf", true},                     /* U+10FFFF */
        {"\xed\x9f\xbf\xee\x80\x80", true},             /* around the surrogates */
        {"\xc0\x80", false},                            /* overlong NUL */
        {"\xe0\x9f\xbf", false},                        /* overlong, three bytes */
        {"\xf0\x8f\xbf\xbf", false},                    /* overlong, four bytes */
        {"\xed\xa0\x80", false},                        /* surrogate */
        {"\xf4\x90\x80\x80", false},                    /* over U+10FFFF */
        {"\xf5\x80\x80\x80", false},
        {"\x80", false},
        {"abc\xe2\x82", false}, /* cut */
        {"\xff", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(bytes_is_utf8(bytes_of_str(cases[i].text)), cases[i].is_utf8);
    assert_int_equal(bytes_utf8_prefix(bytes_of_str("abc\xe2\x82")), 3);
    assert_true(bytes_is_utf8(bytes_of("a\0b", 3)));
    assert_false(bytes_is_text(bytes_of("a\0b", 3)));
}

static void test_bytes__a_copy_is_a_string_of_its_own(void **state)
{
    (void)state;
    char source[] = {'a', 'b', 'c'};
    char *copy = bytes_dup(bytes_of(source, 2));
    source[0] = 'x';
    assert_string_equal(copy, "ab");
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes__null_and_empty_are_the_same_span),
        cmocka_unit_test(test_bytes__order_is_unsigned_and_the_shorter_comes_first),
        cmocka_unit_test(test_bytes__a_slice_never_leaves_the_span),
        cmocka_unit_test(test_bytes__utf8_accepts_well_formed_text_only),
        cmocka_unit_test(test_bytes__a_copy_is_a_string_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
