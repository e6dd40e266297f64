/* Patterns of host names and labels: a table that reads as their specification. */
#include "tests/unit/cmocka_first.h"

#include <string.h>
#include <time.h>

#include "broker/core/pattern.h"

static bool matches(const char *pattern, const char *text)
{
    size_t at;
    assert_null(pattern_check(bytes_of_str(pattern), &at));
    return pattern_matches(bytes_of_str(pattern), bytes_of_str(text));
}

static const struct {
    const char *pattern, *text;
    bool matches;
} table[] = {
    {"web1", "web1", true},
    {"web1", "web10", false},
    {"web?", "web1", true},
    {"web?", "web", false},
    {"*", "", true},
    {"*", "anything", true},
    {"web*", "web", true},
    {"*1", "web1", true},
    {"a*b*c", "aXbYc", true},
    {"a*b*c", "aXbY", false},
    {"web[1-8]", "web1", true},
    {"web[1-8]", "web8", true},
    {"web[1-8]", "web9", false},
    {"web[1-8]", "web01", false},
    {"web[1-8]", "web10", false},
    {"web[01-12]", "web01", true},
    {"web[01-12]", "web12", true},
    {"web[01-12]", "web1", false},
    {"web[01-12]", "web13", false},
    {"web[1-8,12,x]", "web12", true},
    {"web[1-8,12,x]", "webx", true},
    {"web[1-8,12,x]", "web11", false},
    {"r[1-2]n[1-20]", "r2n20", true},
    {"r[1-2]n[1-20]", "r2n21", false},
    {"[1-3][1-3]", "13", true},
    {"[8-11]0", "100", true},
    {"[a-b]", "a-b", true},
    {"n[0-0]", "n0", true},
    {"role=db*", "role=db-main", true},
};

static void test_pattern__matches_as_its_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (matches(table[i].pattern, table[i].text) != table[i].matches)
            fail_msg("%s on %s", table[i].pattern, table[i].text);
}

static void test_pattern__malformed_ones_say_where(void **state)
{
    static const struct {
        const char *pattern;
        size_t at;
    } wrong[] = {{"web[1-8", 3}, {"web]", 3},    {"web[]", 3}, {"web[1,]", 3},
                 {"a[8-1]", 1},  {"a[1[2]]", 1}, {"a[*]", 1},  {"ok[1]x[", 6}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        size_t at;
        assert_non_null(pattern_check(bytes_of_str(wrong[i].pattern), &at));
        assert_int_equal(at, wrong[i].at);
    }
}

/* S13: no pattern from outside can hold the broker up. */
static void test_pattern__many_wildcards_take_linear_time(void **state)
{
    char pattern[255], text[256];
    (void)state;
    for (size_t i = 0; i + 1 < sizeof pattern; i += 2)
        memcpy(pattern + i, "*a", 2);
    pattern[254] = 'b';
    memset(text, 'a', sizeof text);
    clock_t begin = clock();
    for (int i = 0; i < 100; i++)
        assert_false(pattern_matches(bytes_of(pattern, 255), bytes_of(text, 256)));
    assert_true(clock() - begin < 60 * CLOCKS_PER_SEC);
}

static void test_pattern__texts_that_are_too_long_never_match(void **state)
{
    char text[PATTERN_TEXT_MAX + 1];
    (void)state;
    memset(text, 'a', sizeof text);
    assert_false(pattern_matches(bytes_of_str("*"), bytes_of(text, sizeof text)));
    assert_true(pattern_matches(bytes_of_str("*"), bytes_of(text, sizeof text - 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pattern__matches_as_its_table_says),
        cmocka_unit_test(test_pattern__malformed_ones_say_where),
        cmocka_unit_test(test_pattern__many_wildcards_take_linear_time),
        cmocka_unit_test(test_pattern__texts_that_are_too_long_never_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
