/* Round trips: every message through our codec and, byte for byte, through protobuf-c. */
#include "tests/unit/cmocka_first.h"

#include <stdlib.h>
#include <string.h>

#include "proto/wire.h"
#include "tests/unit/proto/fill.h"

enum { SEEDS = 60 };

struct fixture {
    struct arena made;    /* of the message that is sent */
    struct arena decoded; /* of the one that arrives */
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    arena_init(&fixture->made, 64 * 1024 * 1024);
    arena_init(&fixture->decoded, WIRE_DECODE_MEMORY_MAX);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    arena_done(&fixture->made);
    arena_done(&fixture->decoded);
    free(fixture);
    return 0;
}

static struct fill filler(struct fixture *fixture, uint64_t seed)
{
    arena_reset(&fixture->made);
    arena_reset(&fixture->decoded);
    struct fill fill = {.arena = &fixture->made, .all = seed == 0};
    rand_seed(&fill.rand, seed);
    return fill;
}

/* protobuf-c reads what we wrote and writes the same bytes again. */
static void assert_protobuf_agrees(const struct wire_layout *layout, const uint8_t *packed,
                                   size_t size)
{
    ProtobufCMessage *message = protobuf_c_message_unpack(layout->schema, NULL, size, packed);
    assert_non_null(message);
    assert_int_equal(message->n_unknown_fields, 0);
    size_t again_size = protobuf_c_message_get_packed_size(message);
    assert_int_equal(again_size, size);
    uint8_t *again = malloc(again_size + 1);
    assert_int_equal(protobuf_c_message_pack(message, again), size);
    assert_memory_equal(again, packed, size);
    free(again);
    protobuf_c_message_free_unpacked(message, NULL);
}

static void round_trip(struct fixture *fixture, unsigned type, uint64_t seed)
{
    struct fill fill = filler(fixture, seed);
    struct wire_message message;
    fill_message(&fill, type, &message);
    struct wire_error error = {0};
    if (wire_check(&message, &error) != 0) {
        fail_msg("seed %lu: check: %s", (unsigned long)seed, error.text);
    }
    size_t size;
    uint8_t *frame = fill_frame(&message, &size);
    struct wire_message again;
    if (wire_decode(frame, size, &fixture->decoded, &again, &error) != 0) {
        fail_msg("seed %lu: decode: %s", (unsigned long)seed, error.text);
    }
    assert_int_equal(again.type, type);
    assert_int_equal(wire_request(&again), wire_request(&message));
    const struct wire_layout *layout = wire_layout_of(type);
    if (layout != NULL) {
        assert_true(fill_is_equal(layout, &message.as, &again.as));
        assert_protobuf_agrees(layout, frame + WIRE_HEAD_BYTES, size - WIRE_HEAD_BYTES);
    } else {
        assert_int_equal(size, WIRE_HEAD_BYTES);
    }
    free(frame);
}

static void test_wire__every_message_survives_with_all_its_fields(void **state)
{
    for (const unsigned *type = fill_types; *type != 0; type++) {
        round_trip(*state, *type, 0);
    }
}

static void test_wire__every_message_survives_with_any_part_of_its_fields(void **state)
{
    for (const unsigned *type = fill_types; *type != 0; type++) {
        for (uint64_t seed = 1; seed < SEEDS; seed++) {
            round_trip(*state, *type, seed);
        }
    }
}

static void test_wire__both_bodies_survive(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t seed = 0; seed < 4 * SEEDS; seed++) {
        struct fill fill = filler(fixture, seed);
        struct wire_command_body command;
        struct wire_command_body command_again;
        struct wire_record_body record;
        struct wire_record_body record_again;
        struct wire_error error;
        fill_command_body(&fill, &command);
        size_t size = wire_command_body_size(&command);
        uint8_t *packed = malloc(size + 1);
        wire_command_body_encode(&command, packed, size);
        struct bytes span = bytes_of(packed, size);
        assert_int_equal(wire_command_body_check(span, &error), 0);
        assert_int_equal(wire_command_body_decode(span, &fixture->decoded, &command_again, &error),
                         0);
        assert_true(fill_is_equal(&wire_layout_command_body, &command, &command_again));
        assert_protobuf_agrees(&wire_layout_command_body, packed, size);
        free(packed);

        fill_record_body(&fill, &record);
        size = wire_record_body_size(&record);
        packed = malloc(size + 1);
        wire_record_body_encode(&record, packed, size);
        span = bytes_of(packed, size);
        assert_int_equal(wire_record_body_check(span, &error), 0);
        assert_int_equal(wire_record_body_decode(span, &fixture->decoded, &record_again, &error),
                         0);
        assert_true(fill_is_equal(&wire_layout_record_body, &record, &record_again));
        assert_protobuf_agrees(&wire_layout_record_body, packed, size);
        free(packed);
    }
}

static void test_wire__an_empty_body_is_a_body(void **state)
{
    struct fixture *fixture = *state;
    struct wire_command_body command;
    struct wire_record_body record;
    struct wire_error error;
    struct bytes none = {NULL, 0};
    assert_int_equal(wire_command_body_decode(none, &fixture->decoded, &command, &error), 0);
    assert_int_equal(command.n_args + command.n_kwargs + command.n_argv + command.n_env, 0);
    assert_int_equal(wire_record_body_decode(none, &fixture->decoded, &record, &error), 0);
    assert_int_equal(record.n_result, 0);
    assert_int_equal(wire_command_body_size(&command), 0);
    assert_int_equal(wire_record_body_size(&record), 0);
}

static void test_wire__a_frame_is_exactly_these_bytes(void **state)
{
    (void)state;
    static const struct wire_submission submission = {
        .function = {(const uint8_t *)"echo", 4}, .priority = -2, .delay_ns = 300};
    struct wire_message message = {.type = WIRE_SUBMIT};
    message.as.submit = (struct wire_submit){.request = 1,
                                             .sequence = 2,
                                             .answered_to = 1,
                                             .submissions = &submission,
                                             .n_submissions = 1};
    static const uint8_t expected[] = {'M',  'U', 1,    0x02, 0x08, 1,    0x10, 2,
                                       0x18, 1,   0x2a, 0x0b, 0x0a, 4,    'e',  'c',
                                       'h',  'o', 0x20, 3,    0x38, 0xac, 0x02};
    assert_int_equal(wire_encoded_size(&message), sizeof expected);
    uint8_t frame[sizeof expected];
    wire_encode(&message, frame, sizeof frame);
    assert_memory_equal(frame, expected, sizeof expected);
}

static void test_wire__spans_point_into_the_frame(void **state)
{
    struct fixture *fixture = *state;
    struct wire_message message = {.type = WIRE_CURSOR};
    message.as.cursor = (struct wire_cursor){.request = 9, .name = bytes_of_str("nightly")};
    size_t size;
    uint8_t *frame = fill_frame(&message, &size);
    struct wire_message again;
    struct wire_error error;
    assert_int_equal(wire_decode(frame, size, &fixture->decoded, &again, &error), 0);
    assert_true(again.as.cursor.name.data > frame && again.as.cursor.name.data < frame + size);
    assert_int_equal(fixture->decoded.used_bytes, 0);
    free(frame);
}

/* What an item adds is what the size function of its kind says. */
static void test_wire__item_sizes_add_up(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct fill fill = filler(fixture, seed);
        struct wire_message message;
        fill_message(&fill, WIRE_RECORDS, &message);
        size_t with = wire_encoded_size(&message);
        size_t rows = 0;
        for (uint32_t i = 0; i < message.as.records.n_rows; i++) {
            rows += wire_row_size(&message.as.records.rows[i]);
        }
        message.as.records.n_rows = 0;
        assert_int_equal(with - rows, wire_encoded_size(&message));
        assert_true(wire_encoded_size(&message) <= WIRE_ENVELOPE_MAX);

        fill_message(&fill, WIRE_COMMANDS, &message);
        size_t sum = WIRE_HEAD_BYTES;
        for (uint32_t i = 0; i < message.as.commands.n_commands; i++) {
            sum += wire_hand_out_size(&message.as.commands.commands[i]);
        }
        assert_int_equal(wire_encoded_size(&message), sum);

        fill_message(&fill, WIRE_REPORT, &message);
        sum = WIRE_HEAD_BYTES;
        for (uint32_t i = 0; i < message.as.report.n_records; i++) {
            sum += wire_record_head_size(&message.as.report.records[i]);
        }
        assert_int_equal(wire_encoded_size(&message), sum);
    }
}

static void test_wire__the_other_item_sizes_add_up_too(void **state)
{
    struct fixture *fixture = *state;
    struct fill fill = filler(fixture, 0);
    struct wire_message message;
    fill_message(&fill, WIRE_SUBMIT, &message);
    size_t with = wire_encoded_size(&message);
    size_t item = wire_submission_size(&message.as.submit.submissions[0]);
    message.as.submit.n_submissions = 0;
    assert_int_equal(with - item, wire_encoded_size(&message));

    fill_message(&fill, WIRE_LIST_REPLY, &message);
    message.as.list_reply.n_rows = 1;
    with = wire_encoded_size(&message);
    item = wire_command_row_size(&message.as.list_reply.rows[0]);
    message.as.list_reply.n_rows = 0;
    assert_int_equal(with - item, wire_encoded_size(&message));

    fill_message(&fill, WIRE_HOSTS_REPLY, &message);
    message.as.hosts_reply.n_rows = 1;
    with = wire_encoded_size(&message);
    item = wire_host_row_size(&message.as.hosts_reply.rows[0]);
    message.as.hosts_reply.n_rows = 0;
    assert_int_equal(with - item, wire_encoded_size(&message));
}

static void test_wire__extreme_numbers_survive(void **state)
{
    struct fixture *fixture = *state;
    static const int32_t exits[] = {INT32_MIN, -1, 0, 1, INT32_MAX};
    static const int64_t skews[] = {INT64_MIN, -1, 0, 1, INT64_MAX};
    for (unsigned i = 0; i < 5; i++) {
        struct wire_row row = {.pos = UINT64_MAX,
                               .track_id = UINT64_MAX,
                               .state = 4,
                               .reason = UINT32_MAX,
                               .exit = exits[i],
                               .skew_ns = skews[i],
                               .run_ns = INT64_MAX,
                               .crc = UINT32_MAX,
                               .pid = UINT32_MAX};
        struct wire_message message = {.type = WIRE_RECORDS};
        message.as.records =
            (struct wire_records){.request = UINT64_MAX, .rows = &row, .n_rows = 1};
        size_t size;
        uint8_t *frame = fill_frame(&message, &size);
        struct wire_message again;
        struct wire_error error;
        assert_int_equal(wire_decode(frame, size, &fixture->decoded, &again, &error), 0);
        assert_true(fill_is_equal(&wire_layout_row, &row, &again.as.records.rows[0]));
        free(frame);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_wire__every_message_survives_with_all_its_fields,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_wire__every_message_survives_with_any_part_of_its_fields, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wire__both_bodies_survive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wire__an_empty_body_is_a_body, set_up, tear_down),
        cmocka_unit_test(test_wire__a_frame_is_exactly_these_bytes),
        cmocka_unit_test_setup_teardown(test_wire__spans_point_into_the_frame, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wire__item_sizes_add_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wire__the_other_item_sizes_add_up_too, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_wire__extreme_numbers_survive, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
