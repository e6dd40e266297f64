/* The tables against the descriptors that protoc-c made of the schema. */
#include "tests/unit/cmocka_first.h"

#include <string.h>

#include "proto/limits.h"
#include "proto/wire.h"
#include "proto/wire_layout.h"
#include "tests/unit/proto/fill.h"

/* Bytes that a field of this type takes in our structs. */
static size_t width_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_ENUM:
        return 4;
    case PROTOBUF_C_TYPE_BOOL:
        return 1;
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(struct bytes);
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        break;
    }
    return 0;
}

static void compare_field(const struct wire_field *field, const ProtobufCFieldDescriptor *schema)
{
    assert_string_equal(field->name, schema->name);
    bool repeated = schema->label == PROTOBUF_C_LABEL_REPEATED;
    assert_int_equal(field->count_offset != 0, repeated);
    assert_int_equal(field->count_max > 0, repeated);
    if (schema->type == PROTOBUF_C_TYPE_MESSAGE) {
        assert_non_null(field->sub);
        assert_ptr_equal(field->sub->schema, schema->descriptor);
        assert_int_equal(field->bytes, field->sub->bytes);
        return;
    }
    assert_null(field->sub);
    assert_int_not_equal(width_of(schema->type), 0);
    assert_int_equal(field->bytes, width_of(schema->type));
    if (repeated && schema->type != PROTOBUF_C_TYPE_BYTES) {
        assert_true(schema->flags & PROTOBUF_C_FIELD_FLAG_PACKED);
        assert_int_equal(schema->type, PROTOBUF_C_TYPE_UINT64);
    }
    if (schema->type == PROTOBUF_C_TYPE_ENUM) {
        const ProtobufCEnumDescriptor *values = schema->descriptor;
        assert_int_equal(field->max, values->n_values - 1);
    }
}

/* Counts the tables on the way down: the depth is bounded, no message contains itself. */
static void compare(const struct wire_layout *layout, unsigned depth)
{
    assert_in_range(depth, 0, 3);
    assert_int_equal(layout->n_fields, layout->schema->n_fields);
    assert_in_range(layout->n_fields, 1, 31);
    assert_int_equal(layout->required & 1u, 0);
    assert_true(layout->required < WIRE_BIT(layout->n_fields + 1) || layout->n_fields == 31);
    for (unsigned i = 0; i < layout->n_fields; i++) {
        assert_int_equal(layout->schema->fields[i].id, i + 1);
        compare_field(&layout->fields[i], &layout->schema->fields[i]);
        if (layout->fields[i].sub != NULL) {
            compare(layout->fields[i].sub, depth + 1);
        }
    }
}

static void test_wire_layout__every_table_agrees_with_the_schema(void **state)
{
    (void)state;
    for (const unsigned *type = fill_types; *type != 0; type++) {
        if (wire_layout_of(*type) != NULL) {
            compare(wire_layout_of(*type), 0);
        }
    }
    compare(&wire_layout_command_body, 0);
    compare(&wire_layout_record_body, 0);
}

static void test_wire_layout__every_struct_fits_into_the_message(void **state)
{
    (void)state;
    for (const unsigned *type = fill_types; *type != 0; type++) {
        const struct wire_layout *layout = wire_layout_of(*type);
        if (layout != NULL) {
            assert_true(layout->bytes <= sizeof(((struct wire_message *)0)->as));
        }
    }
}

static void test_wire_layout__only_messages_without_fields_have_no_table(void **state)
{
    (void)state;
    for (const unsigned *type = fill_types; *type != 0; type++) {
        bool empty =
            *type == WIRE_CLIENT_BYE || *type == WIRE_WORKER_BYE || *type == WIRE_WHO_ARE_YOU;
        assert_int_equal(wire_layout_of(*type) == NULL, empty);
    }
    assert_null(wire_layout_of(0));
    assert_null(wire_layout_of(0x80));
    assert_null(wire_layout_of(UINT32_MAX));
}

static void test_wire_layout__every_request_and_answer_begins_with_its_number(void **state)
{
    (void)state;
    for (const unsigned *type = fill_types; *type != 0; type++) {
        const struct wire_layout *layout = wire_layout_of(*type);
        bool client = wire_type_is_from_client((enum wire_type) * type) ||
                      (*type > WIRE_WORKER_HELLO - 0x20 && *type < WIRE_WORKER_HELLO);
        if (client && layout != NULL) {
            assert_string_equal(layout->fields[0].name, "request");
            assert_true(layout->required & WIRE_BIT(1));
        }
    }
}

static void test_wire_layout__types_lie_in_the_range_of_their_direction(void **state)
{
    (void)state;
    for (const unsigned *number = fill_types; *number != 0; number++) {
        enum wire_type type = (enum wire_type) * number;
        assert_true(wire_type_is_known(*number));
        assert_string_not_equal(wire_type_name(*number), "UNKNOWN");
        bool both = *number >= 0x71 && *number < 0x80;
        assert_int_equal(wire_type_is_from_client(type), *number >= 0x01 && *number < 0x21);
        assert_int_equal(wire_type_is_to_client(type), (*number >= 0x21 && *number < 0x41) || both);
        assert_int_equal(wire_type_is_from_worker(type), *number >= 0x41 && *number < 0x61);
        assert_int_equal(wire_type_is_to_worker(type), (*number >= 0x61 && *number < 0x71) || both);
    }
    assert_false(wire_type_is_known(0));
    assert_string_equal(wire_type_name(0xff), "UNKNOWN");
}

static void test_wire_layout__a_full_body_of_each_kind_fits_into_a_frame(void **state)
{
    (void)state;
    assert_true(WIRE_COMMAND_BODY_MAX + WIRE_RECORD_BODY_MAX + 8 * WIRE_NAME_MAX + WIRE_TEXT_MAX +
                    WIRE_ENVELOPE_MAX <
                WIRE_MESSAGE_MAX);
    assert_true(4 * WIRE_OUTPUT_PART_MAX + WIRE_RESULT_MAX + WIRE_FAILURE_MESSAGE_MAX +
                    WIRE_TRACE_LINES_MAX * (WIRE_TRACE_LINE_MAX + 4) + WIRE_TEXT_MAX + 1024 <
                WIRE_RECORD_BODY_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wire_layout__every_table_agrees_with_the_schema),
        cmocka_unit_test(test_wire_layout__every_struct_fits_into_the_message),
        cmocka_unit_test(test_wire_layout__only_messages_without_fields_have_no_table),
        cmocka_unit_test(test_wire_layout__every_request_and_answer_begins_with_its_number),
        cmocka_unit_test(test_wire_layout__types_lie_in_the_range_of_their_direction),
        cmocka_unit_test(test_wire_layout__a_full_body_of_each_kind_fits_into_a_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
