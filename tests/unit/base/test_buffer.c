/* The growable buffer: growth, limit, sticky failure. */
#include "tests/unit/cmocka_first.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

static int setup(void **state)
{
    struct buffer *buffer = malloc(sizeof *buffer);
    if (!buffer)
        return -1;
    buffer_init(buffer, 0);
    *state = buffer;
    return 0;
}

static int teardown(void **state)
{
    buffer_done(*state);
    free(*state);
    return 0;
}

static void test_buffer__empty_one_is_an_empty_string(void **state)
{
    struct buffer *buffer = *state;
    assert_string_equal(buffer_str(buffer), "");
    assert_int_equal(buffer_bytes(buffer).size, 0);
    buffer_truncate(buffer, 0);
    buffer_consume(buffer, 5);
    buffer_reset(buffer);
    assert_string_equal(buffer_str(buffer), "");
}

static void test_buffer__appends_stay_one_string(void **state)
{
    struct buffer *buffer = *state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buffer_printf(buffer, "%03d,", i), 0);
    assert_int_equal(buffer->size, 4000);
    assert_int_equal(strlen(buffer_str(buffer)), 4000);
    assert_memory_equal(buffer->data + 3996, "999,", 4);
    buffer_consume(buffer, 3996);
    assert_string_equal(buffer_str(buffer), "999,");
    buffer_truncate(buffer, 3);
    assert_string_equal(buffer_str(buffer), "999");
}

static void test_buffer__keeps_nul_bytes(void **state)
{
    struct buffer *buffer = *state;
    assert_int_equal(buffer_append(buffer, "a\0b", 3), 0);
    assert_int_equal(buffer_append_char(buffer, '\0'), 0);
    assert_true(bytes_equal(buffer_bytes(buffer), bytes_of("a\0b\0", 4)));
}

static void test_buffer__limit_refuses_and_the_refusal_sticks(void **state)
{
    struct buffer *buffer = *state;
    buffer_init(buffer, 5);
    assert_int_equal(buffer_append_str(buffer, "12345"), 0);
    assert_int_equal(buffer_append_str(buffer, "6"), -EFBIG);
    assert_true(buffer->failed);
    assert_int_equal(buffer_append_str(buffer, ""), -EFBIG);
    assert_string_equal(buffer_str(buffer), "12345");
    assert_null(buffer_take(buffer));
    buffer_reset(buffer);
    assert_int_equal(buffer_printf(buffer, "%s", "abcde"), 0);
    assert_int_equal(buffer_reserve(buffer, SIZE_MAX), -EFBIG);
}

static void test_buffer__take_hands_the_string_over(void **state)
{
    struct buffer *buffer = *state;
    buffer_append_str(buffer, "mine");
    char *text = buffer_take(buffer);
    assert_string_equal(text, "mine");
    assert_int_equal(buffer->size, 0);
    free(text);
    text = buffer_take(buffer);
    assert_string_equal(text, "");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_buffer__empty_one_is_an_empty_string, setup, teardown),
        cmocka_unit_test_setup_teardown(test_buffer__appends_stay_one_string, setup, teardown),
        cmocka_unit_test_setup_teardown(test_buffer__keeps_nul_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_buffer__limit_refuses_and_the_refusal_sticks, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_buffer__take_hands_the_string_over, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
