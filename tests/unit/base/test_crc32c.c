/* CRC-32C against the vectors of RFC 3720 and against itself. */
#include "tests/unit/cmocka_first.h"

#include <string.h>

#include "base/crc32c.h"
#include "base/rand.h"

static void test_crc32c__matches_the_published_vectors(void **state)
{
    (void)state;
    uint8_t bytes[32];
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x8a9136aau);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x62a8ab43u);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = i;
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x46dd794eu);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = (uint8_t)(31 - i);
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x113fdb5cu);
    assert_int_equal(crc32c(0, NULL, 0), 0);
    assert_int_equal(crc32c(0x1234, NULL, 0), 0x1234);
}

static void test_crc32c__table_and_instruction_agree_however_it_is_cut(void **state)
{
    (void)state;
    uint8_t bytes[300];
    struct rand rand;
    rand_seed(&rand, 1);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)rand_next(&rand);
    for (size_t size = 0; size < sizeof bytes; size++) {
        uint32_t whole = crc32c_by_table(0, bytes, size);
        size_t cut = (size_t)rand_below(&rand, size + 1);
        assert_int_equal(crc32c(0, bytes, size), whole);
        assert_int_equal(crc32c(crc32c(0, bytes, cut), bytes + cut, size - cut), whole);
        assert_int_equal(crc32c_by_table(crc32c(0, bytes, cut), bytes + cut, size - cut), whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32c__matches_the_published_vectors),
        cmocka_unit_test(test_crc32c__table_and_instruction_agree_however_it_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
