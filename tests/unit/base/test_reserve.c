/* Reserved address space: zeroed, large, forgettable. */
#include "tests/unit/cmocka_first.h"

#include <string.h>

#include "base/reserve.h"

static void test_reserve__much_can_be_reserved_and_reads_as_zero(void **state)
{
    (void)state;
    size_t size = (size_t)1 << 36;
    unsigned char *region = reserve_map(size);
    assert_non_null(region);
    assert_int_equal(region[0], 0);
    assert_int_equal(region[size - 1], 0);
    reserve_unmap(region, size);
    assert_null(reserve_map(SIZE_MAX / 2));
    reserve_unmap(NULL, size);
}

static void test_reserve__forgotten_memory_reads_as_zero_again(void **state)
{
    (void)state;
    size_t size = 1 << 20;
    unsigned char *region = reserve_map(size);
    memset(region, 0xff, size);
    reserve_forget(region, size);
    for (size_t i = 0; i < size; i += 1000)
        assert_int_equal(region[i], 0);
    reserve_unmap(region, size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reserve__much_can_be_reserved_and_reads_as_zero),
        cmocka_unit_test(test_reserve__forgotten_memory_reads_as_zero_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
