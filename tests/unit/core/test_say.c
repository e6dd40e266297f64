/* Short texts of refusals and traces. */
#include "tests/unit/cmocka_first.h"

#include <string.h>

#include "broker/core/say.h"

static void test_say__numbers_of_any_size(void **state)
{
    struct say say = {.size = 0};
    (void)state;
    say_u64(&say, 0);
    say_str(&say, " ");
    say_u64(&say, UINT64_MAX);
    say_str(&say, " ");
    say_i64(&say, INT64_MIN);
    assert_string_equal(say.text, "0 18446744073709551615 -9223372036854775808");
    assert_int_equal(say_bytes(&say).size, strlen(say.text));
}

/* S13: a text from outside is shown, and cannot break a terminal or a log. */
static void test_say__foreign_bytes_are_cleaned_and_cut(void **state)
{
    char many[200];
    struct say say = {.size = 0};
    (void)state;
    say_name(&say, bytes_of("a\n\x1b[m\xff", 6));
    assert_string_equal(say.text, "a??[m?");
    memset(many, 'x', sizeof many);
    say = (struct say){.size = 0};
    say_name(&say, bytes_of(many, sizeof many));
    assert_int_equal(say.size, SAY_NAME_MAX + 3);
    assert_string_equal(say.text + SAY_NAME_MAX, "...");
}

static void test_say__utf8_is_kept_and_not_cut_in_the_middle(void **state)
{
    char text[2 * SAY_NAME_MAX];
    struct say say = {.size = 0};
    (void)state;
    text[0] = 'a';
    for (size_t i = 1; i + 1 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    say_name(&say, bytes_of(text, sizeof text - 1));
    assert_int_equal(say.size, SAY_NAME_MAX - 1 + 3);
    assert_true(bytes_is_utf8(say_bytes(&say)));
}

static void test_say__what_does_not_fit_is_left_out(void **state)
{
    struct say say = {.size = 0};
    (void)state;
    for (int i = 0; i < 2 * SAY_MAX; i++)
        say_str(&say, "ab");
    assert_int_equal(say.size, SAY_MAX - 1);
    assert_int_equal(say.text[say.size], '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_say__numbers_of_any_size),
        cmocka_unit_test(test_say__foreign_bytes_are_cleaned_and_cut),
        cmocka_unit_test(test_say__utf8_is_kept_and_not_cut_in_the_middle),
        cmocka_unit_test(test_say__what_does_not_fit_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
