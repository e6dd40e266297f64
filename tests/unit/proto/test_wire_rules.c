/* Alphabets of names, words and labels. */
#include "tests/unit/cmocka_first.h"

#include <string.h>

#include "proto/wire.h"

static const struct text {
    const char *text;
    bool name, word, label;
} texts[] = {
    {"", false, false, false},
    {"default", true, true, false},
    {"db1", true, true, false},
    {"db1.example.org", true, true, false},
    {"app:put_validated", true, true, false},
    {"user@db1+x-y_z", true, true, false},
    {"~0123456789abcdef", true, false, false},
    {"nightly backup", true, false, false},
    {" nightly", false, false, false},
    {"nightly ", false, false, false},
    {"gr\xc3\xbc\xc3\x9f", true, false, false},
    {"a/b", true, false, false},
    {"a,b", true, false, false},
    {"role=db", true, false, true},
    {"role=", true, false, true},
    {"=db", true, false, false},
    {"ro le=db", true, false, false},
    {"role=a b", true, false, true},
    {"role=\xc3\xbc", true, false, true},
    {"role=a=b", true, false, true},
    {"role=\n", false, false, false},
    {"a\nb", false, false, false},
    {"a\x7f", false, false, false},
    {"a\x1b[31m", false, false, false},
    {"a\xc2\x9b", false, false, false}, /* a C1 control character */
    {"a\xc2\xa0", true, false, false},
    {"a\xff", false, false, false},
    {"a\xc3", false, false, false},
};

static void test_wire_rules__alphabets(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct bytes text = bytes_of_str(texts[i].text);
        assert_int_equal(wire_is_name(text), texts[i].name);
        assert_int_equal(wire_is_word(text), texts[i].word);
        assert_int_equal(wire_is_label(text), texts[i].label);
    }
}

static void test_wire_rules__nul_is_in_no_alphabet(void **state)
{
    (void)state;
    assert_false(wire_is_name(bytes_of("a\0b", 3)));
    assert_false(wire_is_word(bytes_of("a\0b", 3)));
    assert_false(wire_is_label(bytes_of("a=\0", 3)));
    assert_false(wire_is_label(bytes_of("\0=a", 3)));
}

static void test_wire_rules__all_end_at_255_bytes(void **state)
{
    (void)state;
    char text[WIRE_NAME_MAX + 1];
    memset(text, 'x', sizeof text);
    assert_true(wire_is_name(bytes_of(text, WIRE_NAME_MAX)));
    assert_false(wire_is_name(bytes_of(text, WIRE_NAME_MAX + 1)));
    assert_true(wire_is_word(bytes_of(text, WIRE_NAME_MAX)));
    assert_false(wire_is_word(bytes_of(text, WIRE_NAME_MAX + 1)));
    text[1] = '=';
    assert_true(wire_is_label(bytes_of(text, WIRE_NAME_MAX)));
    assert_false(wire_is_label(bytes_of(text, WIRE_NAME_MAX + 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire_rules__alphabets),
        cmocka_unit_test(test_wire_rules__nul_is_in_no_alphabet),
        cmocka_unit_test(test_wire_rules__all_end_at_255_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
