/* The arena: alignment, budget, reset. */
#include "tests/unit/cmocka_first.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum { BUDGET = 1 << 20 };

static int setup(void **state)
{
    struct arena *arena = malloc(sizeof *arena);
    if (!arena)
        return -1;
    arena_init(arena, BUDGET);
    *state = arena;
    return 0;
}

static int teardown(void **state)
{
    arena_done(*state);
    free(*state);
    return 0;
}

static void test_arena__items_are_aligned_and_apart(void **state)
{
    struct arena *arena = *state;
    unsigned char *items[200];
    for (size_t i = 0; i < 200; i++) {
        items[i] = arena_alloc(arena, i);
        assert_non_null(items[i]);
        assert_int_equal((uintptr_t)items[i] % alignof(max_align_t), 0);
        memset(items[i], (int)i, i);
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t at = 0; at < i; at++)
            assert_int_equal(items[i][at], i);
    }
    assert_int_equal(arena->allocs, 200);
}

static void test_arena__budget_is_a_wall_until_the_reset(void **state)
{
    struct arena *arena = *state;
    assert_null(arena_alloc(arena, BUDGET + 1));
    assert_null(arena_alloc(arena, SIZE_MAX));
    assert_non_null(arena_alloc(arena, BUDGET - 16));
    assert_non_null(arena_alloc(arena, 1));
    assert_null(arena_alloc(arena, 1));
    assert_int_equal(arena->used_bytes, BUDGET);
    arena_reset(arena);
    assert_int_equal(arena->used_bytes, 0);
    assert_non_null(arena_alloc(arena, BUDGET));
}

static void test_arena__zeroed_items_check_their_product(void **state)
{
    struct arena *arena = *state;
    memset(arena_alloc(arena, 4096), 0xff, 4096);
    arena_reset(arena);
    const unsigned char *items = arena_zalloc(arena, 64, 64);
    for (size_t i = 0; i < 4096; i++)
        assert_int_equal(items[i], 0);
    assert_null(arena_zalloc(arena, SIZE_MAX / 2, 3));
    assert_non_null(arena_zalloc(arena, 0, 64));
}

static void test_arena__a_copy_is_nul_terminated(void **state)
{
    struct arena *arena = *state;
    struct bytes copy;
    assert_true(arena_copy(arena, bytes_of("abcdef", 3), &copy));
    assert_string_equal((const char *)copy.data, "abc");
    assert_true(arena_copy(arena, bytes_of(NULL, 0), &copy));
    assert_string_equal((const char *)copy.data, "");
    assert_false(arena_copy(arena, bytes_of("", SIZE_MAX), &copy));
    assert_false(arena_copy(arena, bytes_of("", BUDGET), &copy));
}

static void test_arena__reset_keeps_the_first_chunk_only(void **state)
{
    struct arena *arena = *state;
    void *first = arena_alloc(arena, 64);
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_alloc(arena, 4000));
    arena_reset(arena);
    assert_ptr_equal(arena_alloc(arena, 64), first);
    arena_done(arena);
    assert_non_null(arena_alloc(arena, 64));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_arena__items_are_aligned_and_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_arena__budget_is_a_wall_until_the_reset, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_arena__zeroed_items_check_their_product, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_arena__a_copy_is_nul_terminated, setup, teardown),
        cmocka_unit_test_setup_teardown(test_arena__reset_keeps_the_first_chunk_only, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
