/* Selectors: which hosts they take, and how they say what is wrong with them. */
#include "tests/unit/cmocka_first.h"

#include <errno.h>
#include <string.h>

#include "broker/core/selector.h"

/* web1 with role=web; db1 with role=db and site=north. */
static bool takes(const char *text, const char *host)
{
    struct selector selector;
    struct say why = {.size = 0};
    struct bytes web[] = {bytes_of_str("role=web")};
    struct bytes db[] = {bytes_of_str("role=db"), bytes_of_str("site=north")};
    if (selector_compile(bytes_of_str(text), &selector, &why) < 0)
        fail_msg("%s: %s", text, why.text);
    bool is_web = strcmp(host, "web1") == 0;
    bool result =
        selector_matches(&selector, bytes_of_str(host), is_web ? web : db, is_web ? 1 : 2);
    selector_done(&selector);
    return result;
}

static const struct {
    const char *text;
    bool web1, db1;
} table[] = {
    {"all", true, true},
    {"@all", true, true},
    {"web1", true, false},
    {"web[1-8]", true, false},
    {"web1,db1", true, true},
    {"web1 , db1", true, true},
    {"web1 or db1", true, true},
    {"role=db", false, true},
    {"role=*", true, true},
    {"not role=db", true, false},
    {"not not role=db", false, true},
    {"role=db and site=north", false, true},
    {"role=db and site=south", false, false},
    {"role=web or role=db and site=south", true, false},
    {"(role=web or role=db) and site=south", false, false},
    {"(role=web or role=db) and not site=north", true, false},
    {"not (web1 or db1)", false, false},
    {"not(web1)", false, true},
    {"  web1  ", true, false},
    {"android", false, false},
    {"order", false, false},
};

static void test_selector__takes_hosts_as_its_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (takes(table[i].text, "web1") != table[i].web1 ||
            takes(table[i].text, "db1") != table[i].db1)
            fail_msg("%s", table[i].text);
}

/* S13: a refusal says what is wrong, and where. */
static void test_selector__a_wrong_one_says_where(void **state)
{
    static const struct {
        const char *text, *where;
    } wrong[] = {
        {"", "character 1"},           {"web1 web2", "character 6"}, {"web1 and", "character 9"},
        {"and web1", "character 1"},   {"(web1", "character 2"},     {"web1)", "character 5"},
        {"web[1-", "character 4"},     {"=db", "character 1"},       {"@db", "character 1"},
        {"web1,,web2", "character 6"}, {"not", "character 4"},       {"a or or b", "character 6"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct selector selector;
        struct say why = {.size = 0};
        assert_int_equal(selector_compile(bytes_of_str(wrong[i].text), &selector, &why), -EINVAL);
        if (strstr(why.text, wrong[i].where) == NULL)
            fail_msg("\"%s\": %s", wrong[i].text, why.text);
    }
}

static void refused(const char *text, size_t size)
{
    struct selector selector;
    struct say why = {.size = 0};
    assert_int_equal(selector_compile(bytes_of(text, size), &selector, &why), -EINVAL);
    assert_true(why.size > 0);
}

static void test_selector__depth_parts_and_length_are_bounded(void **state)
{
    char text[SELECTOR_BYTES_MAX + 10];
    struct selector selector;
    struct say why = {.size = 0};
    (void)state;
    memset(text, '(', sizeof text);
    refused(text, 100);
    refused(text, sizeof text);
    for (size_t i = 0; i < sizeof text - 1; i += 2)
        memcpy(text + i, "a,", 2);
    refused(text, 1001);
    assert_int_equal(selector_compile(bytes_of(text, 201), &selector, &why), 0);
    assert_true(selector_matches(&selector, bytes_of_str("a"), NULL, 0));
    selector_done(&selector);
    memset(text, 'a', sizeof text);
    refused(text, 300);
}

/* The deepest nesting that is allowed, each level with two terms in hand. */
static void test_selector__the_deepest_nesting_is_evaluated(void **state)
{
    char text[SELECTOR_BYTES_MAX];
    struct selector selector;
    struct say why = {.size = 0};
    (void)state;
    text[0] = '\0';
    for (int i = 0; i < SELECTOR_DEPTH_MAX - 1; i++)
        strcat(text, "x or y and (");
    strcat(text, "h");
    for (int i = 0; i < SELECTOR_DEPTH_MAX - 1; i++)
        strcat(text, ")");
    assert_int_equal(selector_compile(bytes_of_str(text), &selector, &why), 0);
    assert_true(selector_matches(&selector, bytes_of_str("x"), NULL, 0));
    assert_false(selector_matches(&selector, bytes_of_str("h"), NULL, 0));
    selector_done(&selector);
}

static void test_selector__a_plain_host_name_is_a_literal(void **state)
{
    struct selector selector;
    struct say why = {.size = 0};
    static const char *const others[] = {"web*", "role=db", "all", "web1,web2", "not web1"};
    (void)state;
    assert_int_equal(selector_compile(bytes_of_str(" web1 "), &selector, &why), 0);
    assert_true(bytes_equal_str(selector_literal(&selector), "web1"));
    selector_done(&selector);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(selector_compile(bytes_of_str(others[i]), &selector, &why), 0);
        assert_int_equal(selector_literal(&selector).size, 0);
        selector_done(&selector);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_selector__takes_hosts_as_its_table_says),
        cmocka_unit_test(test_selector__a_wrong_one_says_where),
        cmocka_unit_test(test_selector__depth_parts_and_length_are_bounded),
        cmocka_unit_test(test_selector__the_deepest_nesting_is_evaluated),
        cmocka_unit_test(test_selector__a_plain_host_name_is_a_literal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
