/* The seeded generator and the kernel's. */
#include "tests/unit/cmocka_first.h"

#include <string.h>

#include "base/rand.h"

static void test_rand__follows_the_reference_sequence(void **state)
{
    (void)state;
    /* First outputs of the authors' xoshiro256** for the state 1, 2, 3, 4. */
    static const uint64_t expected[] = {11520u, 0u, 1509978240u, 1215971899390074240u};
    struct rand rand = {{1, 2, 3, 4}};
    for (size_t i = 0; i < 4; i++)
        assert_true(rand_next(&rand) == expected[i]);
    /* First output of splitmix64 for the seed 0. */
    rand_seed(&rand, 0);
    assert_true(rand.s[0] == 0xe220a8397b1dcdafu);
}

static void test_rand__one_seed_gives_one_sequence(void **state)
{
    (void)state;
    struct rand a;
    struct rand b;
    rand_seed(&a, 123);
    rand_seed(&b, 123);
    for (int i = 0; i < 100; i++)
        assert_true(rand_next(&a) == rand_next(&b));
    rand_seed(&b, 124);
    assert_true(rand_next(&a) != rand_next(&b));
}

static void test_rand__stays_in_its_bounds(void **state)
{
    (void)state;
    struct rand rand;
    rand_seed(&rand, 5);
    int seen[3] = {0};
    for (int i = 0; i < 3000; i++) {
        seen[rand_below(&rand, 3)]++;
        int64_t between = rand_between(&rand, -2, 2);
        assert_true(between >= -2 && between <= 2);
        double unit = rand_unit(&rand);
        assert_true(unit >= 0.0 && unit < 1.0);
        assert_false(rand_chance(&rand, 0, 10));
        assert_true(rand_chance(&rand, 10, 10));
    }
    for (int i = 0; i < 3; i++)
        assert_in_range(seen[i], 850, 1150);
    assert_int_equal(rand_below(&rand, 1), 0);
    assert_true(rand_between(&rand, INT64_MAX, INT64_MAX) == INT64_MAX);
    rand_between(&rand, INT64_MIN, INT64_MAX);
}

static void test_rand__the_kernel_fills_the_whole_buffer(void **state)
{
    (void)state;
    unsigned char a[512] = {0};
    unsigned char b[512] = {0};
    rand_os(a, sizeof a);
    rand_os(b, sizeof b);
    assert_true(memcmp(a, b, sizeof a) != 0);
    assert_true(memcmp(a + 256, b + 256, 256) != 0);
    rand_os(a, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rand__follows_the_reference_sequence),
        cmocka_unit_test(test_rand__one_seed_gives_one_sequence),
        cmocka_unit_test(test_rand__stays_in_its_bounds),
        cmocka_unit_test(test_rand__the_kernel_fills_the_whole_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
