/* Flattened values: which sequences are complete values, and walking over them. */
#include "tests/unit/cmocka_first.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "proto/wire.h"

enum { TOKENS_MAX = 64 };

/* A sequence in short: n null, t true, i int, d double, s "key", e "" (STRING), b bytes, lN a list
 * of N, mN a map of N, and bad ones: K unknown kind, B bool of 2, U text that is not UTF-8, I int
 * with data, N null with an integer, S text with a count, D bytes with a double. */
static uint32_t parse(const char *text, struct wire_value *values)
{
    uint32_t n = 0;
    for (; *text != '\0'; text++) {
        struct wire_value value = {.kind = WIRE_VALUE_NULL};
        switch (*text) {
        case ' ':
            continue;
        case 't':
            value = (struct wire_value){.kind = WIRE_VALUE_BOOL, .integer = 1};
            break;
        case 'i':
            value = (struct wire_value){.kind = WIRE_VALUE_INT, .integer = -5};
            break;
        case 'd':
            value = (struct wire_value){.kind = WIRE_VALUE_DOUBLE, .real = 1.5};
            break;
        case 's':
            value = (struct wire_value){.kind = WIRE_VALUE_STRING, .data = bytes_of_str("key")};
            break;
        case 'e':
            value.kind = WIRE_VALUE_STRING;
            break;
        case 'b':
            value = (struct wire_value){.kind = WIRE_VALUE_BYTES, .data = bytes_of("\xff\0", 2)};
            break;
        case 'l':
        case 'm':
            value.kind = *text == 'l' ? WIRE_VALUE_LIST : WIRE_VALUE_MAP;
            value.count = (uint32_t)(*++text - '0');
            break;
        case 'K':
            value.kind = (enum wire_value_kind)8;
            break;
        case 'B':
            value = (struct wire_value){.kind = WIRE_VALUE_BOOL, .integer = 2};
            break;
        case 'U':
            value = (struct wire_value){.kind = WIRE_VALUE_STRING, .data = bytes_of("\xc0\x80", 2)};
            break;
        case 'I':
            value = (struct wire_value){.kind = WIRE_VALUE_INT, .data = bytes_of_str("x")};
            break;
        case 'N':
            value.integer = 1;
            break;
        case 'S':
            value = (struct wire_value){.kind = WIRE_VALUE_STRING, .count = 1};
            break;
        case 'D':
            value = (struct wire_value){.kind = WIRE_VALUE_BYTES, .real = 1.5};
            break;
        default:
            break;
        }
        assert_in_range(n, 0, TOKENS_MAX - 1);
        values[n++] = value;
    }
    return n;
}

static const struct sequence {
    const char *tokens;
    bool many, pairs, one; /* accepted in this shape */
} sequences[] = {
    {"", true, true, true},
    {"n", true, false, true},
    {"t", true, false, true},
    {"i", true, false, true},
    {"d", true, false, true},
    {"s", true, false, true},
    {"e", true, false, true},
    {"b", true, false, true},
    {"l0", true, false, true},
    {"m0", true, false, true},
    {"n n", true, false, false},
    {"s n", true, true, false},
    {"e n", true, false, false}, /* a name is not empty */
    {"s s", true, true, false},
    {"s l2 i i", true, true, false},
    {"s m1 s i s n", true, true, false},
    {"s n i", true, false, false},
    {"i s", true, false, false},
    {"l1 n", true, false, true},
    {"l3 i s b", true, false, true},
    {"l2 l1 i l0", true, false, true},
    {"m1 s i", true, false, true},
    {"m1 e i", true, false, true}, /* a key of a map may be empty */
    {"m2 s i s m1 s l1 n", true, false, true},
    {"l1 i n", true, false, false},
    {"l1", false, false, false},
    {"l2 i", false, false, false},
    {"m1", false, false, false},
    {"m1 s", false, false, false},
    {"m1 i i", false, false, false},
    {"m1 b i", false, false, false},
    {"m2 s i", false, false, false},
    {"m2 s i i i", false, false, false},
    {"m1 l0 i", false, false, false},
    {"l1 m1 s", false, false, false},
    {"K", false, false, false},
    {"B", false, false, false},
    {"U", false, false, false},
    {"I", false, false, false},
    {"N", false, false, false},
    {"S", false, false, false},
    {"D", false, false, false},
    {"l1 U", false, false, false},
};

/* Through the array and, packed into the body, through the decoder: both must agree. */
static bool is_accepted(const struct wire_value *values, uint32_t n, enum wire_values_shape shape)
{
    const char *what = NULL;
    bool accepted = wire_values_check(values, n, shape, &what);
    assert_int_equal(accepted, what == NULL);
    struct wire_command_body command = {0};
    struct wire_record_body record = {0};
    uint8_t packed[2048];
    struct wire_error error = {.text = ""};
    int result;
    if (shape == WIRE_VALUES_ONE) {
        record.result = values;
        record.n_result = n;
        size_t size = wire_record_body_size(&record);
        wire_record_body_encode(&record, packed, size);
        result = wire_record_body_check(bytes_of(packed, size), &error);
    } else {
        bool many = shape == WIRE_VALUES_MANY;
        command.args = many ? values : NULL;
        command.n_args = many ? n : 0;
        command.kwargs = many ? NULL : values;
        command.n_kwargs = many ? 0 : n;
        size_t size = wire_command_body_size(&command);
        wire_command_body_encode(&command, packed, size);
        result = wire_command_body_check(bytes_of(packed, size), &error);
    }
    assert_int_equal(result == 0, accepted);
    assert_int_equal(error.text[0] == '\0', accepted);
    return accepted;
}

static void test_wire_values__only_complete_values_in_their_shape_are_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sequences / sizeof sequences[0]; i++) {
        struct wire_value values[TOKENS_MAX];
        uint32_t n = parse(sequences[i].tokens, values);
        assert_int_equal(is_accepted(values, n, WIRE_VALUES_MANY), sequences[i].many);
        assert_int_equal(is_accepted(values, n, WIRE_VALUES_PAIRS), sequences[i].pairs);
        assert_int_equal(is_accepted(values, n, WIRE_VALUES_ONE), sequences[i].one);
    }
}

static void test_wire_values__nesting_ends_at_thirty_two(void **state)
{
    (void)state;
    struct wire_value values[WIRE_VALUE_DEPTH_MAX + 2];
    for (uint32_t i = 0; i <= WIRE_VALUE_DEPTH_MAX; i++) {
        values[i] = (struct wire_value){.kind = WIRE_VALUE_LIST, .count = 1};
    }
    values[WIRE_VALUE_DEPTH_MAX] = (struct wire_value){.kind = WIRE_VALUE_NULL};
    assert_true(is_accepted(values, WIRE_VALUE_DEPTH_MAX + 1, WIRE_VALUES_ONE));
    values[WIRE_VALUE_DEPTH_MAX] = (struct wire_value){.kind = WIRE_VALUE_LIST, .count = 1};
    values[WIRE_VALUE_DEPTH_MAX + 1] = (struct wire_value){.kind = WIRE_VALUE_NULL};
    assert_false(is_accepted(values, WIRE_VALUE_DEPTH_MAX + 2, WIRE_VALUES_ONE));
}

static void test_wire_values__there_are_at_most_65536(void **state)
{
    (void)state;
    struct wire_value *values = calloc(WIRE_VALUES_MAX + 1, sizeof *values);
    assert_non_null(values);
    const char *what = NULL;
    assert_true(wire_values_check(values, WIRE_VALUES_MAX, WIRE_VALUES_MANY, &what));
    assert_false(wire_values_check(values, WIRE_VALUES_MAX + 1, WIRE_VALUES_MANY, &what));
    values[0] = (struct wire_value){.kind = WIRE_VALUE_LIST, .count = WIRE_VALUES_MAX + 1};
    assert_false(wire_values_check(values, WIRE_VALUES_MAX, WIRE_VALUES_MANY, &what));
    values[0] = (struct wire_value){.kind = WIRE_VALUE_MAP, .count = UINT32_MAX};
    assert_false(wire_values_check(values, 2, WIRE_VALUES_MANY, &what));
    free(values);
}

static void test_wire_values__walking_goes_from_value_to_value(void **state)
{
    (void)state;
    struct wire_value values[TOKENS_MAX];
    uint32_t n = parse("i l2 m1 s l1 n t s l0", values);
    assert_int_equal(wire_value_skip(values, n, 0), 1);
    assert_int_equal(wire_value_skip(values, n, 1), 7);
    assert_int_equal(wire_value_skip(values, n, 2), 6);
    assert_int_equal(wire_value_skip(values, n, 7), 8);
    assert_int_equal(wire_value_skip(values, n, 8), 9);
    assert_int_equal(wire_values_count(values, n), 4);
    assert_int_equal(wire_values_count(values, 0), 0);
}

static void test_wire_values__walking_never_leaves_a_broken_sequence(void **state)
{
    (void)state;
    struct wire_value values[] = {{.kind = WIRE_VALUE_MAP, .count = UINT32_MAX},
                                  {.kind = WIRE_VALUE_LIST, .count = UINT32_MAX}};
    assert_int_equal(wire_value_skip(values, 2, 0), 2);
    assert_int_equal(wire_value_skip(values, 2, 1), 2);
    assert_int_equal(wire_value_skip(values, 2, 2), 2);
    assert_int_equal(wire_values_count(values, 2), 1);
}

/* Forms that another encoder may choose: any order, explicit zeros, unknown fields. */
static void test_wire_values__other_forms_of_a_value_mean_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        int result;
        int64_t integer;
    } cases[] = {
        {"0a0408021004", 0, 2},                /* kind, integer */
        {"0a0410040802", 0, 2},                /* integer, kind */
        {"0a06080210042800", 0, 2},            /* an explicit zero */
        {"0a080802100422002800", 0, 2},        /* explicit empty ones */
        {"0a0708021004f80101", 0, 2},          /* field 31 is unknown and skipped */
        {"0a0808021004f8010122", -EBADMSG, 0}, /* a tag without content */
        {"0a0408021080", -EBADMSG, 0},         /* integer is cut short */
        {"0a050802108000", 0, 0},              /* a long zero */
        {"0a06080210041004", -EBADMSG, 0},     /* twice */
        {"0a020808", -EBADMSG, 0},             /* kind 8 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer packed = BUFFER_EMPTY;
        assert_int_equal(text_decode_hex(&packed, bytes_of_str(cases[i].hex)), 0);
        struct arena arena;
        arena_init(&arena, WIRE_BODY_MEMORY_MAX);
        struct wire_command_body body;
        struct wire_error error;
        int result = wire_command_body_decode(buffer_bytes(&packed), &arena, &body, &error);
        assert_int_equal(result, cases[i].result);
        if (result == 0) {
            assert_int_equal(body.n_args, 1);
            assert_int_equal(body.args[0].kind, WIRE_VALUE_INT);
            assert_int_equal(body.args[0].integer, cases[i].integer);
        }
        arena_done(&arena);
        buffer_done(&packed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire_values__only_complete_values_in_their_shape_are_accepted),
        cmocka_unit_test(test_wire_values__nesting_ends_at_thirty_two),
        cmocka_unit_test(test_wire_values__there_are_at_most_65536),
        cmocka_unit_test(test_wire_values__walking_goes_from_value_to_value),
        cmocka_unit_test(test_wire_values__walking_never_leaves_a_broken_sequence),
        cmocka_unit_test(test_wire_values__other_forms_of_a_value_mean_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
