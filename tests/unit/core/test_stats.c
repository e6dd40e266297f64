/* Running sums, quantiles, and the median of a function. */
#include "tests/unit/cmocka_first.h"

#include <stdlib.h>

#include "base/rand.h"
#include "broker/core/core.h"
#include "broker/core/stats.h"

static void test_stats__nothing_has_no_quantile(void **state)
{
    struct spread_totals spread = {0};
    (void)state;
    assert_int_equal(spread_quantile_ns(&spread, 0.5), 0);
}

static void test_stats__one_value_is_every_quantile(void **state)
{
    struct spread_totals spread = {0};
    (void)state;
    spread_add(&spread, 1234567);
    assert_int_equal(spread_quantile_ns(&spread, 0), 1234567);
    assert_int_equal(spread_quantile_ns(&spread, 0.5), 1234567);
    assert_int_equal(spread_quantile_ns(&spread, 1), 1234567);
    assert_int_equal(spread.min_ns, 1234567);
    assert_int_equal(spread.max_ns, 1234567);
    assert_int_equal(spread.sum_ns, 1234567);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* A bucket is at most 25 % wide: so far may a quantile be off. */
static void test_stats__quantiles_are_within_a_bucket(void **state)
{
    enum { N = 10000 };
    static int64_t values[N];
    struct spread_totals spread = {0};
    struct rand rand;
    (void)state;
    rand_seed(&rand, 9);
    for (int i = 0; i < N; i++) {
        values[i] = (int64_t)1000 << rand_below(&rand, 30);
        values[i] += (int64_t)rand_below(&rand, (uint64_t)values[i]);
        spread_add(&spread, values[i]);
    }
    qsort(values, N, sizeof values[0], by_value);
    static const double quantiles[] = {0.01, 0.1, 0.5, 0.9, 0.99};
    for (size_t i = 0; i < 5; i++) {
        double exact = (double)values[(size_t)(quantiles[i] * N)];
        double got = (double)spread_quantile_ns(&spread, quantiles[i]);
        assert_true(got > exact * 0.75 && got < exact * 1.3);
    }
    assert_int_equal(spread_quantile_ns(&spread, 1), values[N - 1]);
    assert_true(spread_quantile_ns(&spread, 0) >= values[0]);
}

/* S15: a clock that stepped back gives 0, never a negative time. */
static void test_stats__extremes_do_not_overflow(void **state)
{
    struct spread_totals spread = {0};
    (void)state;
    spread_add(&spread, -5);
    assert_int_equal(spread.max_ns, 0);
    for (int i = 0; i < 4; i++)
        spread_add(&spread, INT64_MAX);
    assert_int_equal(spread.sum_ns, UINT64_MAX);
    assert_int_equal(spread.count, 5);
    assert_true(spread_quantile_ns(&spread, 0.9) > 0);
}

static void test_stats__the_median_follows_what_is_new(void **state)
{
    struct function function = {0};
    (void)state;
    assert_int_equal(function.median_ns, 0);
    function_add(&function, 10);
    assert_int_equal(function.median_ns, 10);
    for (int i = 0; i < 100; i++)
        function_add(&function, 1000 + i % 3);
    assert_int_equal(function.median_ns, 1001);
    for (int i = 0; i < FUNCTION_SAMPLES / 2 + 1; i++)
        function_add(&function, INT64_MAX);
    assert_int_equal(function.median_ns, UINT32_MAX);
    for (int i = 0; i < FUNCTION_SAMPLES; i++)
        function_add(&function, 0);
    assert_int_equal(function.median_ns, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stats__nothing_has_no_quantile),
        cmocka_unit_test(test_stats__one_value_is_every_quantile),
        cmocka_unit_test(test_stats__quantiles_are_within_a_bucket),
        cmocka_unit_test(test_stats__extremes_do_not_overflow),
        cmocka_unit_test(test_stats__the_median_follows_what_is_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
