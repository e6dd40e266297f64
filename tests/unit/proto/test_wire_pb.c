/* The encoding's primitives: every length of number, at every distance from the end. */
#include "tests/unit/cmocka_first.h"

#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "proto/wire_pb.h"

/* Reads from a copy of exactly this size. */
static bool read_varint(const uint8_t *data, size_t size, uint64_t *ret_value, size_t *ret_used)
{
    uint8_t *copy = malloc(size + 1);
    memcpy(copy, data, size);
    uint8_t *exact = realloc(copy, size > 0 ? size : 1);
    struct pb_reader reader = {exact, exact + size};
    bool good = pb_read_varint(&reader, ret_value);
    *ret_used = (size_t)(reader.at - exact);
    free(exact);
    return good;
}

static void
test_wire_pb__numbers_of_every_length_survive_at_every_distance_from_the_end(void **state)
{
    (void)state;
    struct rand rand;
    rand_seed(&rand, 1);
    for (unsigned bits = 0; bits <= 64; bits++) {
        uint64_t value = bits == 0 ? 0 : UINT64_MAX >> (64 - bits);
        for (unsigned k = 0; k < 3; k++) {
            uint64_t number = k == 0 ? value : value & rand_next(&rand);
            uint8_t buffer[40];
            memset(buffer, 0xff, sizeof buffer);
            const uint8_t *begin = pb_write_varint(buffer + 10, number);
            size_t size = (size_t)(buffer + 10 - begin);
            assert_int_equal(size, pb_varint_size(number));
            for (size_t behind = 0; behind <= 20; behind++) {
                uint64_t again;
                size_t used;
                assert_true(read_varint(begin, size + behind, &again, &used));
                assert_int_equal(again, number);
                assert_int_equal(used, size);
            }
            for (size_t cut = 0; cut < size; cut++) {
                uint64_t again;
                size_t used;
                assert_false(read_varint(begin, cut, &again, &used));
                assert_int_equal(used, 0);
            }
        }
    }
}

static void test_wire_pb__numbers_over_64_bits_are_refused(void **state)
{
    (void)state;
    uint8_t data[16];
    uint64_t value;
    size_t used;
    memset(data, 0xff, sizeof data);
    assert_false(read_varint(data, sizeof data, &value, &used));
    data[9] = 1;
    assert_true(read_varint(data, sizeof data, &value, &used));
    assert_int_equal(value, UINT64_MAX);
    assert_int_equal(used, 10);
    data[9] = 2;
    assert_false(read_varint(data, sizeof data, &value, &used));
    memset(data, 0x80, sizeof data);
    data[10] = 0;
    assert_false(read_varint(data, sizeof data, &value, &used));
    data[9] = 0;
    assert_true(read_varint(data, sizeof data, &value, &used));
    assert_int_equal(value, 0);
}

static void test_wire_pb__signed_numbers_fold_and_unfold(void **state)
{
    (void)state;
    static const int64_t numbers[] = {0, -1, 1, -2, 2, INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX};
    static const uint64_t folded[] = {
        0, 1, 2, 3, 4, UINT32_MAX, UINT32_MAX - 1, UINT64_MAX, UINT64_MAX - 1};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        assert_int_equal(pb_zigzag(numbers[i]), folded[i]);
        assert_true(pb_unzigzag(folded[i]) == numbers[i]);
    }
}

static void test_wire_pb__fixed_numbers_are_little_endian(void **state)
{
    (void)state;
    uint8_t buffer[8];
    assert_ptr_equal(pb_write_fixed(buffer + 8, UINT64_C(0x0807060504030201), 8), buffer);
    for (uint8_t i = 0; i < 8; i++) {
        assert_int_equal(buffer[i], i + 1);
    }
    struct pb_reader reader = {buffer, buffer + 8};
    uint64_t value;
    assert_true(pb_read_fixed(&reader, 4, &value));
    assert_int_equal(value, 0x04030201);
    assert_false(pb_read_fixed(&reader, 8, &value));
    assert_true(pb_read_fixed(&reader, 4, &value));
    assert_int_equal(value, 0x08070605);
}

static void test_wire_pb__fields_are_counted_by_their_tag(void **state)
{
    (void)state;
    static const uint8_t data[] = {0x0a, 1, 'x', 0x10, 5,    0x0a, 0,   0x1d,
                                   1,    2, 3,   4,    0x0a, 2,    'a', 'b'};
    uint64_t count;
    assert_true(pb_count(pb_reader_of(bytes_of(data, sizeof data)), 0x0a, &count));
    assert_int_equal(count, 3);
    assert_true(pb_count(pb_reader_of(bytes_of(data, sizeof data)), 0x12, &count));
    assert_int_equal(count, 0);
    assert_true(pb_count(pb_reader_of(bytes_of(NULL, 0)), 0x0a, &count));
    assert_int_equal(count, 0);
    for (size_t cut = 1; cut < sizeof data; cut++) {
        bool whole = cut == 3 || cut == 5 || cut == 7 || cut == 12;
        assert_int_equal(pb_count(pb_reader_of(bytes_of(data, cut)), 0x0a, &count), whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_wire_pb__numbers_of_every_length_survive_at_every_distance_from_the_end),
        cmocka_unit_test(test_wire_pb__numbers_over_64_bits_are_refused),
        cmocka_unit_test(test_wire_pb__signed_numbers_fold_and_unfold),
        cmocka_unit_test(test_wire_pb__fixed_numbers_are_little_endian),
        cmocka_unit_test(test_wire_pb__fields_are_counted_by_their_tag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
