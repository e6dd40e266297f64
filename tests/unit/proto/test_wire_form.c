/* Heads and forms of fields: what another program may send, and what it must not. */
#include "tests/unit/cmocka_first.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "proto/wire.h"
#include "tests/unit/proto/fill.h"

struct fixture {
    struct arena decoded;
    struct buffer frame;
    struct wire_error error;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    arena_init(&fixture->decoded, WIRE_DECODE_MEMORY_MAX);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    arena_done(&fixture->decoded);
    buffer_done(&fixture->frame);
    free(fixture);
    return 0;
}

static int decode(struct fixture *fixture, const void *frame, size_t size)
{
    return fill_decode(frame, size, &fixture->decoded, &fixture->error);
}

static int decode_hex(struct fixture *fixture, const char *hex)
{
    buffer_reset(&fixture->frame);
    assert_int_equal(text_decode_hex(&fixture->frame, bytes_of_str(hex)), 0);
    return decode(fixture, fixture->frame.data, fixture->frame.size);
}

/* ---- heads ---------------------------------------------------------------------------------- */

static void test_wire_form__a_foreign_head_is_a_bad_request(void **state)
{
    struct fixture *fixture = *state;
    static const char *const heads[] = {"",         "4d",       "4d55",     "4d5501",   "4d560102",
                                        "6d750102", "00000000", "4d550100", "4d55010e", "4d550120",
                                        "4d55012a", "4d550180", "4d5501ff"};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        assert_int_equal(decode_hex(fixture, heads[i]), -EBADMSG);
        assert_int_equal(fixture->error.refusal, REFUSAL_BAD_REQUEST);
        assert_int_equal(fixture->error.request, 0);
    }
}

static void test_wire_form__another_version_is_told_which_one_is_spoken(void **state)
{
    struct fixture *fixture = *state;
    static const char *const heads[] = {"4d550002", "4d550202", "4d55ff020801"};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        assert_int_equal(decode_hex(fixture, heads[i]), -EPROTONOSUPPORT);
        assert_int_equal(fixture->error.refusal, REFUSAL_VERSION);
        assert_int_equal(fixture->error.limit, WIRE_VERSION);
    }
}

static void
test_wire_form__a_frame_over_the_limit_is_too_large_and_its_request_is_read(void **state)
{
    struct fixture *fixture = *state;
    size_t size = WIRE_MESSAGE_MAX + 1;
    uint8_t *frame = calloc(1, size);
    static const uint8_t head[] = {'M', 'U', 1, WIRE_SUBMIT, 0x08, 0xac, 0x02};
    memcpy(frame, head, sizeof head);
    assert_int_equal(decode(fixture, frame, size), -EMSGSIZE);
    assert_int_equal(fixture->error.refusal, REFUSAL_TOO_LARGE);
    assert_int_equal(fixture->error.limit, WIRE_MESSAGE_MAX);
    assert_int_equal(fixture->error.request, 300);
    free(frame);
}

static void test_wire_form__messages_without_fields_skip_what_a_later_version_adds(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(decode_hex(fixture, "4d55010d"), 0);
    assert_int_equal(decode_hex(fixture, "4d55017208011202"
                                         "6162"),
                     0);
    assert_int_equal(decode_hex(fixture, "4d5501720a05"), -EBADMSG);
}

/* ---- forms of fields ------------------------------------------------------------------------ */

/* A READ with request 1, and something behind it. */
static void test_wire_form__forms_of_fields(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *hex;
        const char *why;
        bool accepted;
    } cases[] = {
        {"0801", "the smallest", true},
        {"1005 0801", "any order", true},
        {"0801 2a00", "wrong type of a known field", false},
        {"0d01000000", "fixed where a varint belongs", false},
        {"0801 0802", "a field twice", false},
        {"0801 1a0161 1a0162", "a text twice", false},
        {"0801 a00601", "unknown varint", true},
        {"0801 a206020102", "unknown bytes", true},
        {"0801 a5060000 0000", "unknown fixed 32", true},
        {"0801 a106 0000000000000000", "unknown fixed 64", true},
        {"0801 a306 a406", "an unknown group", false},
        {"0801 a4 06", "the end of a group", false},
        {"0801 a7 06", "kind 7", false},
        {"0801 00 01", "field 0", false},
        {"0801 0001", "field 0 again", false},
        {"0801 f8ffffff0f 01", "the highest field number", true},
        {"0801 f8ffffff1f 01", "a field number over 29 bits", false},
        {"0801 88808080808080808001 01", "a tag over 32 bits", false},
        {"88 00 01", "a long tag", true},
        {"08 8100", "a long number", true},
        {"08 ffffffffffffffffff01", "the highest number", true},
        {"08 ffffffffffffffffff02", "a number over 64 bits", false},
        {"08 8080808080808080808001", "eleven bytes of number", false},
        {"0801 20ffffffff0f", "the highest max", true},
        {"0801 208080808010", "max over 32 bits", false},
        {"0801 3000", "a bool of 0", true},
        {"0801 3001", "a bool of 1", true},
        {"0801 3002", "a bool of 2", false},
        {"0801 1a05 61", "a text longer than the frame", false},
        {"0801 1affffffff0f", "a text of 4 GiB", false},
        {"0801 1affffffffffffffffff01", "a text of 16 EiB", false},
        {"0801 1a", "a length is missing", false},
        {"0801 10", "a number is missing", false},
        {"0800", "request 0 is none", false},
        {"", "nothing at all", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char hex[128] = "4d550103";
        for (const char *from = cases[i].hex; *from != '\0'; from++) {
            if (*from != ' ') {
                hex[strlen(hex) + 1] = '\0';
                hex[strlen(hex)] = *from;
            }
        }
        int result = decode_hex(fixture, hex);
        if ((result == 0) != cases[i].accepted) {
            fail_msg("%s: %d %s", cases[i].why, result, fixture->error.text);
        }
    }
}

static void test_wire_form__a_list_of_numbers_is_packed_and_in_one_piece(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(decode_hex(fixture, "4d5501040801"
                                         "1a03010203"),
                     0);
    assert_int_equal(decode_hex(fixture, "4d5501040801"
                                         "1a0101"
                                         "1a0102"),
                     -EBADMSG);
    assert_int_equal(decode_hex(fixture, "4d5501040801"
                                         "1801"),
                     -EBADMSG);
    assert_int_equal(decode_hex(fixture, "4d5501040801"
                                         "1a020180"),
                     -EBADMSG);
    assert_int_equal(decode_hex(fixture, "4d5501040801"
                                         "1a020100"),
                     -EBADMSG);
    assert_int_equal(decode_hex(fixture, "4d5501040801"
                                         "1a00"),
                     -EBADMSG);
}

static void test_wire_form__items_of_a_list_need_not_stand_together(void **state)
{
    struct fixture *fixture = *state;
    /* LIST: ranges 1-2 and 4-5 with other fields between them. */
    assert_int_equal(decode_hex(fixture, "4d550107"
                                         "220408011002"
                                         "0801"
                                         "220408041005"),
                     0);
    assert_int_equal(decode_hex(fixture, "4d550107"
                                         "220408011002"
                                         "0801"
                                         "220408051004"),
                     -EBADMSG);
    assert_non_null(strstr(fixture->error.text, "ranges[1]"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_wire_form__a_foreign_head_is_a_bad_request),
        TEST(test_wire_form__another_version_is_told_which_one_is_spoken),
        TEST(test_wire_form__a_frame_over_the_limit_is_too_large_and_its_request_is_read),
        TEST(test_wire_form__messages_without_fields_skip_what_a_later_version_adds),
        TEST(test_wire_form__forms_of_fields),
        TEST(test_wire_form__a_list_of_numbers_is_packed_and_in_one_piece),
        TEST(test_wire_form__items_of_a_list_need_not_stand_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
