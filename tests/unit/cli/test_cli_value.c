/* Words as values, and results as tables. */
#include "tests/unit/cmocka_first.h"

#include <stdlib.h>
#include <string.h>

#include "cli/value.h"

static enum muster_kind kind_of(const char *word)
{
    muster_value *value = value_parse(word);
    assert_non_null(value);
    enum muster_kind kind = muster_value_kind(value);
    muster_value_free(value);
    return kind;
}

static void test_value__numbers_words_and_texts_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(kind_of("12"), MUSTER_INT);
    assert_int_equal(kind_of("-12"), MUSTER_INT);
    assert_int_equal(kind_of("0"), MUSTER_INT);
    assert_int_equal(kind_of("0.5"), MUSTER_DOUBLE);
    assert_int_equal(kind_of("1e3"), MUSTER_DOUBLE);
    assert_int_equal(kind_of("true"), MUSTER_BOOL);
    assert_int_equal(kind_of("null"), MUSTER_NULL);
    assert_int_equal(kind_of("hello"), MUSTER_STRING);
    assert_int_equal(kind_of(""), MUSTER_STRING);
    assert_int_equal(kind_of("\xff"), MUSTER_BYTES);
}

static void test_value__what_only_looks_like_a_number_is_a_text(void **state)
{
    (void)state;
    static const char *const words[] = {"+1",  "007", "0x10", "1.",  ".5", "inf",   "nan", "1e",
                                        "1 2", " 1",  "1-2",  "--1", "-",  "1_000", "True"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        assert_int_equal(kind_of(words[i]), MUSTER_STRING);
    }
}

static void test_value__quotes_make_a_text_of_a_number(void **state)
{
    (void)state;
    muster_value *value = value_parse("\"12\"");
    assert_int_equal(muster_value_kind(value), MUSTER_STRING);
    size_t size;
    assert_string_equal(muster_value_data(value, &size), "12");
    assert_int_equal(size, 2);
    muster_value_free(value);
}

static void test_value__a_whole_number_too_large_for_64_bits_is_a_double(void **state)
{
    (void)state;
    assert_int_equal(kind_of("9223372036854775807"), MUSTER_INT);
    assert_int_equal(kind_of("9223372036854775808"), MUSTER_DOUBLE);
}

static muster_value *row(const char *name, int64_t size)
{
    muster_value *map = muster_value_new_map();
    assert_int_equal(muster_value_set(map, "name", muster_value_new_string(name)), 0);
    assert_int_equal(muster_value_set(map, "size", muster_value_new_int(size)), 0);
    return map;
}

static void assert_table(const muster_value *value, const char *wanted)
{
    struct table table;
    struct buffer text = BUFFER_EMPTY;
    assert_true(value_tabulate(value, &table));
    assert_int_equal(table_render(&table, 0, false, &text), 0);
    assert_string_equal(buffer_str(&text), wanted);
    buffer_done(&text);
    table_done(&table);
}

static void test_value__a_list_of_maps_is_a_table(void **state)
{
    (void)state;
    muster_value *list = muster_value_new_list();
    assert_int_equal(muster_value_append(list, row("a", 5)), 0);
    assert_int_equal(muster_value_append(list, row("longer", 12345)), 0);
    assert_table(list, "NAME     SIZE\na           5\nlonger  12345\n");
    muster_value_free(list);
}

static void test_value__a_map_of_maps_has_its_keys_in_front(void **state)
{
    (void)state;
    muster_value *map = muster_value_new_map();
    muster_value *inner = muster_value_new_map();
    assert_int_equal(muster_value_set(inner, "size", muster_value_new_int(-1)), 0);
    assert_int_equal(muster_value_set(map, "vol1", inner), 0);
    assert_table(map, "NAME    SIZE\nvol1  absent\n");
    muster_value_free(map);
}

static void test_value__a_plain_map_is_one_row(void **state)
{
    (void)state;
    muster_value *map = row("x", 1);
    assert_table(map, "NAME  SIZE\nx        1\n");
    muster_value_free(map);
}

static void test_value__a_plain_value_is_no_table(void **state)
{
    (void)state;
    struct table table;
    muster_value *value = muster_value_new_int(1);
    assert_false(value_tabulate(value, &table));
    muster_value_free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value__numbers_words_and_texts_are_told_apart),
        cmocka_unit_test(test_value__what_only_looks_like_a_number_is_a_text),
        cmocka_unit_test(test_value__quotes_make_a_text_of_a_number),
        cmocka_unit_test(test_value__a_whole_number_too_large_for_64_bits_is_a_double),
        cmocka_unit_test(test_value__a_list_of_maps_is_a_table),
        cmocka_unit_test(test_value__a_map_of_maps_has_its_keys_in_front),
        cmocka_unit_test(test_value__a_plain_map_is_one_row),
        cmocka_unit_test(test_value__a_plain_value_is_no_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
