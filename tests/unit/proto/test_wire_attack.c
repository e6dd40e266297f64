/* Frames made to cost more than they weigh: memory stays within the stated bounds. */
#include "tests/unit/cmocka_first.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/crc32c.h"
#include "proto/wire.h"
#include "tests/unit/proto/fill.h"

struct fixture {
    struct arena arena;
    struct buffer frame;
    struct wire_message message;
    struct wire_error error;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    arena_init(&fixture->arena, WIRE_DECODE_MEMORY_MAX);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    arena_done(&fixture->arena);
    buffer_done(&fixture->frame);
    free(fixture);
    return 0;
}

/* A head and what stands at the beginning of the body. */
static void begin(struct fixture *fixture, unsigned type, const void *body, size_t size)
{
    buffer_reset(&fixture->frame);
    const uint8_t head[] = {'M', 'U', WIRE_VERSION, (uint8_t)type};
    assert_int_equal(buffer_append(&fixture->frame, head, sizeof head), 0);
    assert_int_equal(buffer_append(&fixture->frame, body, size), 0);
}

/* Repeats the piece until the buffer holds `size_max` bytes. */
static void repeat(struct buffer *buffer, const void *piece, size_t size, size_t size_max)
{
    while (buffer->size + size <= size_max) {
        assert_int_equal(buffer_append(buffer, piece, size), 0);
    }
}

static int decode(struct fixture *fixture)
{
    arena_reset(&fixture->arena);
    return wire_decode(fixture->frame.data, fixture->frame.size, &fixture->arena, &fixture->message,
                       &fixture->error);
}

static void test_wire_attack__unknown_fields_cost_no_memory(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        uint8_t bytes[4];
        size_t size;
    } pieces[] = {
        {{0xf8, 0x01, 0x01}, 3}, /* field 31, a number */
        {{0xfa, 0x01, 0x00}, 3}, /* field 31, nothing */
        {{0x78, 0x00}, 2},       /* field 15 */
    };
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        begin(fixture, WIRE_PING, "\x08\x01", 2);
        repeat(&fixture->frame, pieces[i].bytes, pieces[i].size, WIRE_MESSAGE_MAX);
        assert_int_equal(decode(fixture), 0);
        assert_int_equal(fixture->arena.used_bytes, 0);
        assert_int_equal(fixture->arena.allocs, 0);
    }
}

static void test_wire_attack__a_known_field_again_and_again_is_refused_at_once(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture, WIRE_PING, "", 0);
    repeat(&fixture->frame, "\x08\x01", 2, WIRE_MESSAGE_MAX);
    assert_int_equal(decode(fixture), -EBADMSG);
    assert_int_equal(fixture->arena.used_bytes, 0);
}

/* Every list of every message, filled with empty items up to the size of a frame. */
static void test_wire_attack__lists_of_empty_items_stay_within_the_bound(void **state)
{
    struct fixture *fixture = *state;
    for (const unsigned *type = fill_types; *type != 0; type++) {
        const struct wire_layout *layout = wire_layout_of(*type);
        for (unsigned i = 0; layout != NULL && i < layout->n_fields; i++) {
            if (layout->fields[i].count_offset == 0) {
                continue;
            }
            uint8_t tag = (uint8_t)((i + 1) << 3 | 2);
            uint8_t item[] = {tag, 0};
            bool two = i + 1 > 15;
            uint8_t wide[] = {(uint8_t)(tag | 0x80), (uint8_t)((i + 1) >> 4), 0};
            begin(fixture, *type, "", 0);
            repeat(&fixture->frame, two ? wide : item, two ? 3 : 2, WIRE_MESSAGE_MAX);
            assert_true(decode(fixture) < 0);
            assert_true(fixture->arena.used_bytes <= WIRE_DECODE_MEMORY_MAX);
        }
    }
}

/* The most expensive frames that are accepted: as many of the smallest items as allowed. */
static void test_wire_attack__the_longest_lists_stay_within_the_bound(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        unsigned type;
        const char *body;
        size_t body_size;
        const char *item;
        size_t item_size;
        unsigned count;
    } cases[] = {
        {WIRE_SUBMIT, "\x08\x01\x10\x01", 4, "\x2a\x03\x0a\x01x", 5, WIRE_SUBMISSIONS_MAX},
        {WIRE_RECORDS, "\x08\x01", 2, "\x12\x06\x08\x01\x10\x01\x20\x04", 8, WIRE_ROWS_MAX},
        {WIRE_LIST_REPLY, "\x08\x01", 2, "\x12\x04\x08\x01\x10\x01", 6, WIRE_ROWS_MAX},
        {WIRE_HOSTS_REPLY, "\x08\x01", 2, "\x12\x03\x0a\x01x", 5, WIRE_HOST_ROWS_MAX},
        {WIRE_REPORT, "", 0, "\x0a\x0a\x08\x01\x10\x01\x18\x01\x20\x01\x28\x04", 12,
         WIRE_RECORDS_MAX},
        {WIRE_COMMANDS, "", 0, "\x0a\x0b\x08\x01\x10\x01\x18\x01\x20\x01\x2a\x01x", 13,
         WIRE_COMMANDS_MAX},
        {WIRE_RECORDED, "", 0, "\x0a\x0a\x08\x01\x10\x01\x18\x01\x20\x01\x30\x01", 12,
         WIRE_RECORDS_MAX},
        {WIRE_STOP, "", 0, "\x0a\x08\x08\x01\x10\x01\x18\x01\x20\x01", 10, WIRE_ATTEMPTS_MAX},
        {WIRE_LIST, "\x08\x01", 2, "\x22\x04\x08\x01\x10\x01", 6, WIRE_RANGES_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(fixture, cases[i].type, cases[i].body, cases[i].body_size);
        for (unsigned k = 0; k < cases[i].count; k++) {
            buffer_append(&fixture->frame, cases[i].item, cases[i].item_size);
        }
        if (decode(fixture) != 0) {
            fail_msg("%s", fixture->error.text);
        }
        assert_true(fixture->arena.used_bytes <= WIRE_DECODE_MEMORY_MAX);
        assert_true(fixture->arena.allocs <= 1);
        buffer_append(&fixture->frame, cases[i].item, cases[i].item_size);
        assert_int_equal(decode(fixture), -EMSGSIZE);
        assert_int_equal(fixture->error.limit, cases[i].count);
        assert_int_equal(fixture->arena.used_bytes, 0);
    }
}

/* Rows of hosts have lists themselves: the frame bounds all of them together. */
static void test_wire_attack__lists_inside_of_lists_stay_within_the_bound(void **state)
{
    struct fixture *fixture = *state;
    struct buffer row = BUFFER_EMPTY;
    assert_int_equal(buffer_append(&row, "\x0a\x01x", 3), 0);
    for (int i = 0; i < WIRE_FUNCTIONS_MAX / 3; i++) {
        assert_int_equal(buffer_append(&row, "\x3a\x01x", 3), 0);
    }
    begin(fixture, WIRE_HOSTS_REPLY, "\x08\x01", 2);
    uint8_t head[] = {0x12, (uint8_t)(row.size | 0x80), (uint8_t)(row.size >> 7)};
    while (fixture->frame.size + row.size + 3 <= WIRE_MESSAGE_MAX) {
        assert_int_equal(buffer_append(&fixture->frame, head, sizeof head), 0);
        assert_int_equal(buffer_append_bytes(&fixture->frame, buffer_bytes(&row)), 0);
    }
    buffer_done(&row);
    /* Three bytes on the wire become a span of sixteen: nothing grows more. */
    assert_int_equal(decode(fixture), 0);
    assert_true(fixture->message.as.hosts_reply.n_rows > 1000);
    assert_true(fixture->arena.used_bytes > 5 * WIRE_MESSAGE_MAX);
    assert_true(fixture->arena.used_bytes <= WIRE_DECODE_MEMORY_MAX);
}

static void test_wire_attack__an_arena_that_is_used_up_is_an_answer(void **state)
{
    struct fixture *fixture = *state;
    struct arena small;
    arena_init(&small, 64);
    begin(fixture, WIRE_SUBMIT, "\x08\x05\x10\x01\x2a\x03\x0a\x01x", 9);
    assert_int_equal(wire_decode(fixture->frame.data, fixture->frame.size, &small,
                                 &fixture->message, &fixture->error),
                     -ENOMEM);
    assert_int_equal(fixture->error.refusal, REFUSAL_BUSY);
    assert_int_equal(fixture->error.request, 5);
    arena_done(&small);
}

static void test_wire_attack__bodies_full_of_values_stay_within_their_bound(void **state)
{
    struct fixture *fixture = *state;
    struct arena arena;
    arena_init(&arena, WIRE_BODY_MEMORY_MAX);
    static const char *const pieces[] = {"\x0a", "\x12", "\x1a", "\x22"};
    for (size_t i = 0; i < 4; i++) {
        struct wire_command_body body;
        uint8_t item[2] = {(uint8_t)pieces[i][0], 0};
        buffer_reset(&fixture->frame);
        repeat(&fixture->frame, item, sizeof item, WIRE_COMMAND_BODY_MAX);
        arena_reset(&arena);
        assert_true(wire_command_body_decode(buffer_bytes(&fixture->frame), &arena, &body,
                                             &fixture->error) < 0);
        assert_true(arena.used_bytes <= WIRE_BODY_MEMORY_MAX);
        assert_true(wire_command_body_check(buffer_bytes(&fixture->frame), &fixture->error) < 0);
    }
    /* Values from both lists count together. */
    struct wire_command_body body;
    buffer_reset(&fixture->frame);
    repeat(&fixture->frame, "\x0a\x00", 2, WIRE_VALUES_MAX);
    assert_int_equal(fixture->frame.size, WIRE_VALUES_MAX);
    repeat(&fixture->frame, "\x1a\x00", 2, WIRE_VALUES_MAX + 2 * WIRE_ARGV_MAX);
    repeat(&fixture->frame, "\x22\x02x=", 4,
           WIRE_VALUES_MAX + 2 * WIRE_ARGV_MAX + 4 * WIRE_ENV_MAX);
    arena_reset(&arena);
    assert_int_equal(
        wire_command_body_decode(buffer_bytes(&fixture->frame), &arena, &body, &fixture->error), 0);
    assert_int_equal(body.n_args, WIRE_VALUES_MAX / 2);
    assert_int_equal(body.n_argv, WIRE_ARGV_MAX);
    assert_int_equal(body.n_env, WIRE_ENV_MAX);
    assert_true(arena.used_bytes <= WIRE_BODY_MEMORY_MAX);
    repeat(&fixture->frame, "\x12\x00", 2, fixture->frame.size + WIRE_VALUES_MAX + 2);
    arena_reset(&arena);
    assert_int_equal(
        wire_command_body_decode(buffer_bytes(&fixture->frame), &arena, &body, &fixture->error),
        -EMSGSIZE);
    assert_true(arena.used_bytes <= WIRE_BODY_MEMORY_MAX);
    arena_done(&arena);
}

/* Thirty thousand levels of a recursive type would overflow a stack; here there is none. */
static void test_wire_attack__deep_nesting_takes_no_stack(void **state)
{
    struct fixture *fixture = *state;
    buffer_reset(&fixture->frame);
    repeat(&fixture->frame, "\x0a\x04\x08\x06\x28\x01", 6, WIRE_COMMAND_BODY_MAX);
    assert_int_equal(wire_command_body_check(buffer_bytes(&fixture->frame), &fixture->error),
                     -EBADMSG);
    assert_non_null(strstr(fixture->error.text, "nested too deeply"));
    assert_non_null(strstr(fixture->error.text, "args[32]"));
}

static void test_wire_attack__a_body_over_its_limit_is_too_large(void **state)
{
    struct fixture *fixture = *state;
    buffer_reset(&fixture->frame);
    repeat(&fixture->frame, "\xf8\x01\x01", 3, WIRE_COMMAND_BODY_MAX + 3);
    assert_int_equal(wire_command_body_check(buffer_bytes(&fixture->frame), &fixture->error),
                     -EMSGSIZE);
    assert_int_equal(fixture->error.limit, WIRE_COMMAND_BODY_MAX);
    repeat(&fixture->frame, "\xf8\x01\x01", 3, WIRE_RECORD_BODY_MAX + 3);
    assert_int_equal(wire_record_body_check(buffer_bytes(&fixture->frame), &fixture->error),
                     -EMSGSIZE);
    assert_int_equal(fixture->error.limit, WIRE_RECORD_BODY_MAX);
}

/* Frames with a good head and a random body. */
static void test_wire_attack__random_bodies_never_break_anything(void **state)
{
    struct fixture *fixture = *state;
    struct rand rand;
    rand_seed(&rand, 4711);
    unsigned accepted = 0;
    uint32_t crc = 0;
    for (unsigned i = 0; i < 200000; i++) {
        uint8_t frame[64] = {'M', 'U', WIRE_VERSION};
        frame[3] = (uint8_t)rand_below(&rand, 0x80);
        size_t size = WIRE_HEAD_BYTES + rand_below(&rand, sizeof frame - WIRE_HEAD_BYTES);
        for (size_t at = WIRE_HEAD_BYTES; at < size; at++) {
            /* Small bytes are plausible tags and lengths. */
            frame[at] =
                (uint8_t)(rand_chance(&rand, 3, 4) ? rand_below(&rand, 48) : rand_next(&rand));
        }
        arena_reset(&fixture->arena);
        int result = wire_decode(frame, size, &fixture->arena, &fixture->message, &fixture->error);
        accepted += result == 0;
        crc = crc32c(crc, &result, sizeof result);
    }
    assert_true(accepted > 0);
    assert_int_not_equal(crc, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_wire_attack__unknown_fields_cost_no_memory),
        TEST(test_wire_attack__a_known_field_again_and_again_is_refused_at_once),
        TEST(test_wire_attack__lists_of_empty_items_stay_within_the_bound),
        TEST(test_wire_attack__the_longest_lists_stay_within_the_bound),
        TEST(test_wire_attack__lists_inside_of_lists_stay_within_the_bound),
        TEST(test_wire_attack__an_arena_that_is_used_up_is_an_answer),
        TEST(test_wire_attack__bodies_full_of_values_stay_within_their_bound),
        TEST(test_wire_attack__deep_nesting_takes_no_stack),
        TEST(test_wire_attack__a_body_over_its_limit_is_too_large),
        TEST(test_wire_attack__random_bodies_never_break_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
