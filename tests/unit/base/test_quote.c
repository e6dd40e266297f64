/* Codecs and quotings: each is a table of what goes in and what must come out. */
#include "tests/unit/cmocka_first.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "base/text.h"

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct buffer));
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    buffer_done(*state);
    free(*state);
    return 0;
}

static void test_quote__base64_matches_rfc_4648(void **state)
{
    struct buffer *buffer = *state;
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"},
                                             {"\xfb\xff", "+/8="}};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        buffer_reset(buffer);
        assert_int_equal(text_append_base64(buffer, bytes_of_str(vectors[i][0])), 0);
        assert_string_equal(buffer_str(buffer), vectors[i][1]);
        buffer_reset(buffer);
        assert_int_equal(text_decode_base64(buffer, bytes_of_str(vectors[i][1])), 0);
        assert_string_equal(buffer_str(buffer), vectors[i][0]);
    }
}

static void test_quote__base64_refuses_all_but_the_one_right_form(void **state)
{
    struct buffer *buffer = *state;
    static const char *const wrong[] = {"Z",    "Zg",       "Zg=",  "====",   "Z===", "Zh==",
                                        "Zm9=", "Zg==Zg==", "Z g=", "Zm9v\n", "=m9v", "Zm\x80v"};
    buffer_append_str(buffer, "kept");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(text_decode_base64(buffer, bytes_of_str(wrong[i])), -EINVAL);
        assert_string_equal(buffer_str(buffer), "kept");
    }
    assert_int_equal(text_decode_base64(buffer, bytes_of("Zm\0v", 4)), -EINVAL);
}

static void test_quote__codecs_bring_back_random_bytes(void **state)
{
    struct buffer *buffer = *state;
    struct buffer back = BUFFER_EMPTY;
    struct rand rand;
    rand_seed(&rand, 3);
    for (size_t size = 0; size < 100; size++) {
        uint8_t bytes[100];
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)rand_next(&rand);
        buffer_reset(buffer);
        buffer_reset(&back);
        assert_int_equal(text_append_base64(buffer, bytes_of(bytes, size)), 0);
        assert_int_equal(text_decode_base64(&back, buffer_bytes(buffer)), 0);
        assert_true(bytes_equal(buffer_bytes(&back), bytes_of(bytes, size)));
        buffer_reset(buffer);
        buffer_reset(&back);
        assert_int_equal(text_append_hex(buffer, bytes_of(bytes, size)), 0);
        assert_int_equal(text_decode_hex(&back, buffer_bytes(buffer)), 0);
        assert_true(bytes_equal(buffer_bytes(&back), bytes_of(bytes, size)));
    }
    buffer_done(&back);
}

static void test_quote__hex_takes_both_cases_and_whole_bytes_only(void **state)
{
    struct buffer *buffer = *state;
    assert_int_equal(text_append_hex(buffer, bytes_of("\x00\xab\x7f", 3)), 0);
    assert_string_equal(buffer_str(buffer), "00ab7f");
    buffer_reset(buffer);
    assert_int_equal(text_decode_hex(buffer, bytes_of_str("4Aa4")), 0);
    assert_true(bytes_equal_str(buffer_bytes(buffer), "\x4a\xa4"));
    assert_int_equal(text_decode_hex(buffer, bytes_of_str("4")), -EINVAL);
    assert_int_equal(text_decode_hex(buffer, bytes_of_str("4g")), -EINVAL);
}

static void test_quote__log_text_is_quoted_and_cut(void **state)
{
    struct buffer *buffer = *state;
    static const struct {
        const char *in;
        const char *out;
    } cases[] = {
        {"db1", "db1"},
        {"tcp://h:5,x", "tcp://h:5,x"},
        {"", "\"\""},
        {"a b", "\"a b\""},
        {"a=b", "\"a=b\""},
        {"say \"hi\" \\", "\"say \\\"hi\\\" \\\\\""},
        {"line\nnxt\tt\r", "\"line\\nnxt\\tt\\r\""},
        {"\x1b[31mred", "\"\\x1b[31mred\""},
        {"\xc3\xa4", "\"\xc3\xa4\""},
        {"\xc2\x9b", "\"\\xc2\\x9b\""},          /* C1 control */
        {"\xe2\x80\xae", "\"\\xe2\\x80\\xae\""}, /* right-to-left override */
        {"\xff\x80", "\"\\xff\\x80\""},
        {"0123456789abcdef", "\"0123456789ab…\""},
        {"0123456789a\xc3\xa4", "\"0123456789a…\""}, /* not cut in two */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buffer_reset(buffer);
        assert_int_equal(text_append_quoted(buffer, bytes_of_str(cases[i].in), 12), 0);
        assert_string_equal(buffer_str(buffer), cases[i].out);
    }
    buffer_reset(buffer);
    assert_int_equal(text_append_quoted(buffer, bytes_of("a\0b", 3), 12), 0);
    assert_string_equal(buffer_str(buffer), "\"a\\x00b\"");
}

static void test_quote__shell_words_are_safe_to_paste(void **state)
{
    struct buffer *buffer = *state;
    const char *const plain[] = {"tar", "-c", "/etc", "--exclude=x", "", NULL};
    assert_int_equal(text_append_argv(buffer, plain), 0);
    assert_string_equal(buffer_str(buffer), "tar -c /etc --exclude=x ''");
    buffer_reset(buffer);
    const char *const special[] = {"A=b", "it's", "$HOME", "a b", "~", "x\ny'", NULL};
    assert_int_equal(text_append_argv(buffer, special), 0);
    assert_string_equal(buffer_str(buffer), "'A=b' 'it'\\''s' '$HOME' 'a b' '~' $'x\\ny\\''");
    buffer_reset(buffer);
    const char *const none[] = {NULL};
    assert_int_equal(text_append_argv(buffer, none), 0);
    assert_string_equal(buffer_str(buffer), "");
}

static void test_quote__json_strings_are_well_formed_whatever_comes(void **state)
{
    struct buffer *buffer = *state;
    static const struct {
        const char *in;
        const char *out;
    } cases[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"\"\\/", "\"\\\"\\\\/\""},
        {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
        {"\x01\x1f", "\"\\u0001\\u001f\""},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"a\xff\xc3", "\"a\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buffer_reset(buffer);
        assert_int_equal(text_append_json(buffer, bytes_of_str(cases[i].in)), 0);
        assert_string_equal(buffer_str(buffer), cases[i].out);
    }
    buffer_reset(buffer);
    assert_int_equal(text_append_json(buffer, bytes_of("\0", 1)), 0);
    assert_string_equal(buffer_str(buffer), "\"\\u0000\"");
}

static void test_quote__a_full_buffer_is_an_error(void **state)
{
    struct buffer *buffer = *state;
    struct bytes text = bytes_of_str("some longer text 'here'");
    for (size_t size_max = 1; size_max < 8; size_max++) {
        buffer_init(buffer, size_max);
        assert_int_equal(text_append_json(buffer, text), -EFBIG);
        buffer_done(buffer);
        assert_int_equal(text_append_quoted(buffer, text, 96), -EFBIG);
        buffer_done(buffer);
        assert_int_equal(text_append_shell(buffer, text), -EFBIG);
        buffer_done(buffer);
        assert_int_equal(text_append_base64(buffer, text), -EFBIG);
        buffer_done(buffer);
        assert_int_equal(text_append_hex(buffer, text), -EFBIG);
        buffer_done(buffer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_quote__base64_matches_rfc_4648, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quote__base64_refuses_all_but_the_one_right_form,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_quote__codecs_bring_back_random_bytes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_quote__hex_takes_both_cases_and_whole_bytes_only,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_quote__log_text_is_quoted_and_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quote__shell_words_are_safe_to_paste, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quote__json_strings_are_well_formed_whatever_comes,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_quote__a_full_buffer_is_an_error, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
