/* Which hosts a selector takes. */
#include "tests/unit/cmocka_first.h"

#include "cli/targets.h"

static const char *const labels[] = {"role=db", "disk=ssd", NULL};

static void test_targets__no_selector_takes_every_host(void **state)
{
    (void)state;
    assert_true(targets_match(NULL, "db1", NULL));
    assert_true(targets_match("", "db1", labels));
    assert_true(targets_match("all", "db1", labels));
    assert_true(targets_match("@all", "db1", NULL));
}

static void test_targets__a_name_takes_that_host_alone(void **state)
{
    (void)state;
    assert_true(targets_match("db1", "db1", labels));
    assert_false(targets_match("db", "db1", labels));
    assert_false(targets_match("db11", "db1", labels));
    assert_false(targets_match("DB1", "db1", labels));
}

static void test_targets__a_label_takes_the_hosts_that_have_it(void **state)
{
    (void)state;
    assert_true(targets_match("role=db", "x", labels));
    assert_true(targets_match("disk=ssd", "x", labels));
    assert_false(targets_match("role=web", "x", labels));
    assert_false(targets_match("role=", "x", labels));
    assert_false(targets_match("role=db", "x", NULL));
}

static void test_targets__of_a_list_one_must_match(void **state)
{
    (void)state;
    assert_true(targets_match("web1,db1", "db1", NULL));
    assert_true(targets_match("web1, role=db", "db1", labels));
    assert_false(targets_match("web1,web2", "db1", labels));
    assert_false(targets_match(",", "db1", labels));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets__no_selector_takes_every_host),
        cmocka_unit_test(test_targets__a_name_takes_that_host_alone),
        cmocka_unit_test(test_targets__a_label_takes_the_hosts_that_have_it),
        cmocka_unit_test(test_targets__of_a_list_one_must_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
