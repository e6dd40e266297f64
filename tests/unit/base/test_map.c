/* Both maps against plain arrays. */
#include "tests/unit/cmocka_first.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/rand.h"

static void test_map__empty_one_knows_nothing(void **state)
{
    (void)state;
    struct map map;
    map_init(&map, 10, 1);
    uint32_t cursor = 0;
    uint64_t key;
    uint32_t value;
    assert_int_equal(map_get(&map, 7), 0);
    assert_int_equal(map_remove(&map, 7), 0);
    assert_false(map_next(&map, &cursor, &key, &value));
    map_done(&map);
}

static void test_map__refuses_more_than_its_limit_but_replaces(void **state)
{
    (void)state;
    struct map map;
    map_init(&map, 3, 1);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(map_put(&map, i, i + 1), 0);
    assert_int_equal(map_put(&map, 99, 1), -ENOSPC);
    assert_int_equal(map_put(&map, 2, 77), 0);
    assert_int_equal(map_get(&map, 2), 77);
    assert_int_equal(map_remove(&map, 0), 1);
    assert_int_equal(map_put(&map, 99, 5), 0);
    assert_int_equal(map_count(&map), 3);
    map_done(&map);
}

enum { KEYS = 3000 };

/* Key i of the model: some dense, some far apart, 0 and the largest among them. */
static uint64_t key_of(uint32_t i)
{
    return i % 2 == 0 ? i / 2 : UINT64_MAX - (uint64_t)i * 0x100000001u;
}

static void test_map__agrees_with_a_model_through_random_changes(void **state)
{
    (void)state;
    static uint32_t model[KEYS];
    struct map map;
    struct rand rand;
    rand_seed(&rand, 7);
    map_init(&map, KEYS, rand_next(&rand));
    uint32_t count = 0;
    for (int step = 0; step < 200000; step++) {
        uint32_t i = (uint32_t)rand_below(&rand, KEYS);
        /* Phases of growth and of decline. */
        bool is_growing = step / 20000 % 2 == 0;
        if (rand_chance(&rand, is_growing ? 3 : 1, 4)) {
            uint32_t value = (uint32_t)rand_below(&rand, UINT32_MAX) + 1;
            assert_int_equal(map_put(&map, key_of(i), value), 0);
            count += model[i] == 0;
            model[i] = value;
        } else {
            assert_int_equal(map_remove(&map, key_of(i)), model[i]);
            count -= model[i] != 0;
            model[i] = 0;
        }
        assert_int_equal(map_count(&map), count);
        i = (uint32_t)rand_below(&rand, KEYS);
        assert_int_equal(map_get(&map, key_of(i)), model[i]);
    }
    uint32_t cursor = 0;
    uint64_t key;
    uint32_t value;
    uint32_t visited = 0;
    for (; map_next(&map, &cursor, &key, &value); visited++)
        assert_int_equal(map_get(&map, key), value);
    assert_int_equal(visited, count);
    map_done(&map);
}

static void test_map__grows_large_without_losing_an_entry(void **state)
{
    (void)state;
    enum { MANY = 300000 };
    struct map map;
    map_init(&map, MANY, 3);
    for (uint32_t i = 1; i <= MANY; i++)
        assert_int_equal(map_put(&map, i, i), 0);
    for (uint32_t i = 1; i <= MANY; i++)
        assert_int_equal(map_get(&map, i), i);
    assert_true((uint64_t)map.places * 64 <= (uint64_t)MANY * 100);
    map_done(&map);
}

static struct bytes name_of(char text[24], uint32_t i)
{
    return bytes_of(text, (size_t)snprintf(text, 24, "host-%u", (unsigned)i));
}

static void test_strmap__agrees_with_a_model_through_random_changes(void **state)
{
    (void)state;
    enum { NAMES = 500 };
    uint32_t model[NAMES] = {0};
    struct strmap map;
    struct rand rand;
    rand_seed(&rand, 11);
    strmap_init(&map, NAMES, 1 << 20, 5);
    for (int step = 0; step < 50000; step++) {
        char text[24];
        uint32_t i = (uint32_t)rand_below(&rand, NAMES);
        struct bytes name = name_of(text, i);
        if (rand_chance(&rand, 1, 2)) {
            uint32_t value = (uint32_t)step + 1;
            struct bytes kept;
            assert_int_equal(strmap_put(&map, name, value, &kept), 0);
            assert_true(bytes_equal(kept, name));
            assert_ptr_not_equal(kept.data, name.data);
            model[i] = value;
        } else {
            assert_int_equal(strmap_remove(&map, name), model[i]);
            model[i] = 0;
        }
        i = (uint32_t)rand_below(&rand, NAMES);
        assert_int_equal(strmap_get(&map, name_of(text, i)), model[i]);
    }
    uint32_t cursor = 0;
    struct bytes key;
    uint32_t value;
    uint32_t visited = 0;
    for (; strmap_next(&map, &cursor, &key, &value); visited++)
        assert_int_equal(strmap_get(&map, key), value);
    assert_int_equal(visited, strmap_count(&map));
    strmap_done(&map);
}

static void test_strmap__keys_of_any_bytes_are_told_apart(void **state)
{
    (void)state;
    struct strmap map;
    strmap_init(&map, 100, 1000, 9);
    assert_int_equal(strmap_put(&map, bytes_of("", 0), 1, NULL), 0);
    assert_int_equal(strmap_put(&map, bytes_of("\0", 1), 2, NULL), 0);
    assert_int_equal(strmap_put(&map, bytes_of("\0\0", 2), 3, NULL), 0);
    assert_int_equal(strmap_put(&map, bytes_of("12345678", 8), 4, NULL), 0);
    assert_int_equal(strmap_put(&map, bytes_of("12345678\0", 9), 5, NULL), 0);
    assert_int_equal(strmap_get(&map, bytes_of(NULL, 0)), 1);
    assert_int_equal(strmap_get(&map, bytes_of("\0", 1)), 2);
    assert_int_equal(strmap_get(&map, bytes_of("\0\0", 2)), 3);
    assert_int_equal(strmap_get(&map, bytes_of("12345678", 8)), 4);
    assert_int_equal(strmap_get(&map, bytes_of("12345678\0", 9)), 5);
    strmap_done(&map);
}

static void test_strmap__bounds_entries_and_bytes_of_keys(void **state)
{
    (void)state;
    struct strmap map;
    strmap_init(&map, 2, 10, 9);
    assert_int_equal(strmap_put(&map, bytes_of_str("12345678901"), 1, NULL), -ENOSPC);
    assert_int_equal(strmap_put(&map, bytes_of_str("123456"), 1, NULL), 0);
    assert_int_equal(strmap_put(&map, bytes_of_str("78901"), 2, NULL), -ENOSPC);
    assert_int_equal(strmap_put(&map, bytes_of_str("7890"), 2, NULL), 0);
    assert_int_equal(strmap_put(&map, bytes_of_str(""), 3, NULL), -ENOSPC);
    assert_int_equal(strmap_remove(&map, bytes_of_str("123456")), 1);
    assert_int_equal(strmap_put(&map, bytes_of_str("abcdef"), 4, NULL), 0);
    strmap_done(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map__empty_one_knows_nothing),
        cmocka_unit_test(test_map__refuses_more_than_its_limit_but_replaces),
        cmocka_unit_test(test_map__agrees_with_a_model_through_random_changes),
        cmocka_unit_test(test_map__grows_large_without_losing_an_entry),
        cmocka_unit_test(test_strmap__agrees_with_a_model_through_random_changes),
        cmocka_unit_test(test_strmap__keys_of_any_bytes_are_told_apart),
        cmocka_unit_test(test_strmap__bounds_entries_and_bytes_of_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
