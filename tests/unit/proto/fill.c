/* Valid messages of every type, made from the tables.
 *
 * Walks the same tables as the codec, so that no field of any message can be forgotten; what the
 * tables cannot tell (rules between fields) is repaired message by message. Not here: bad messages.
 */
#include "tests/unit/proto/fill.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/state.h"

const unsigned fill_types[] = {
#define X(name, number, member, direction) number,
    WIRE_TYPE_TABLE(X)
#undef X
        0};

static bool is_number(ProtobufCType type)
{
    return type != PROTOBUF_C_TYPE_BYTES && type != PROTOBUF_C_TYPE_MESSAGE;
}

/* ---- making values -------------------------------------------------------------------------- */

static struct bytes text_of(struct fill *fill, const char *alphabet, size_t size)
{
    struct bytes copy;
    uint8_t *text = arena_alloc(fill->arena, size + 1);
    MUST(text != NULL);
    size_t letters = strlen(alphabet);
    for (size_t i = 0; i < size; i++) {
        text[i] = (uint8_t)alphabet[rand_below(&fill->rand, letters)];
    }
    copy.data = text;
    copy.size = size;
    return copy;
}

static struct bytes raw_of(struct fill *fill, size_t size)
{
    uint8_t *data = arena_alloc(fill->arena, size);
    MUST(data != NULL);
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)rand_next(&fill->rand);
    }
    return bytes_of(data, size);
}

static struct bytes body_of(struct fill *fill, bool command)
{
    union {
        struct wire_command_body command;
        struct wire_record_body record;
    } body;
    size_t size;
    uint8_t *packed;
    if (command) {
        fill_command_body(fill, &body.command);
        size = wire_command_body_size(&body.command);
        packed = arena_alloc(fill->arena, size);
        MUST(packed != NULL);
        wire_command_body_encode(&body.command, packed, size);
    } else {
        fill_record_body(fill, &body.record);
        size = wire_record_body_size(&body.record);
        packed = arena_alloc(fill->arena, size);
        MUST(packed != NULL);
        wire_record_body_encode(&body.record, packed, size);
    }
    return bytes_of(packed, size);
}

static struct bytes bytes_by_rule(struct fill *fill, const struct wire_field *field)
{
    size_t size = 1 + rand_below(&fill->rand, 20);
    switch ((enum wire_rule)field->rule) {
    case RULE_NAME:
        return size % 3 == 0 ? bytes_of_str("gr\xc3\xbc\xc3\x9f dich")
                             : text_of(fill, "abcXYZ0189~/()!", size);
    case RULE_WORD:
        return text_of(fill, "abcXYZ0189._-:+@", size);
    case RULE_LABEL:
        return bytes_of_str(size % 2 ? "role=db" : "k=");
    case RULE_LOG_PREFIX:
        return bytes_of_str("db1/12");
    case RULE_TEXT:
        return text_of(fill, "plain\ntext\t", size);
    case RULE_LINE:
        return text_of(fill, "role=db and not x ", size);
    case RULE_C_STRING:
        return text_of(fill, "/usr\xff\n", size);
    case RULE_ENV:
        return bytes_of_str("PATH=/bin:\xff");
    case RULE_UUID:
        return raw_of(fill, WIRE_UUID_BYTES);
    case RULE_COMMAND_BODY:
        return body_of(fill, true);
    case RULE_RECORD_BODY:
        return body_of(fill, false);
    case RULE_NONE:
    case RULE_STATE:
    case RULE_FINAL_STATE:
    case RULE_REASON:
    case RULE_VALUES_MANY:
    case RULE_VALUES_PAIRS:
    case RULE_VALUES_ONE:
        break;
    }
    return raw_of(fill, size);
}

static uint64_t number_by_rule(struct fill *fill, const struct wire_field *field,
                               ProtobufCType type)
{
    if (field->rule == RULE_STATE || field->rule == RULE_FINAL_STATE) {
        return STATE_OK + rand_below(&fill->rand, STATE_COUNT - STATE_OK);
    }
    if (field->rule == RULE_REASON) {
        return 1 + rand_below(&fill->rand, REASON_COUNT - 1);
    }
    uint64_t bits = rand_next(&fill->rand) >> rand_below(&fill->rand, 64);
    if (type == PROTOBUF_C_TYPE_BOOL) {
        return 1;
    }
    if (type == PROTOBUF_C_TYPE_DOUBLE) {
        double real = 0.5 * (double)(1 + rand_below(&fill->rand, 1000));
        memcpy(&bits, &real, sizeof bits);
        return bits;
    }
    if (type == PROTOBUF_C_TYPE_SINT32 || type == PROTOBUF_C_TYPE_SINT64) {
        uint64_t max = field->max != 0 ? field->max : INT32_MAX;
        uint64_t value = 1 + bits % max;
        return rand_chance(&fill->rand, 1, 2) ? 0 - value : value;
    }
    uint64_t max = field->max != 0 ? field->max : field->bytes == 4 ? UINT32_MAX : UINT64_MAX;
    return max == UINT64_MAX ? bits | 1 : 1 + bits % max;
}

/* One complete value (or a pair with `named`), `*at` behind it. */
static void make_value(struct fill *fill, struct wire_value *values, uint32_t *at, unsigned depth,
                       bool key)
{
    struct wire_value *value = &values[(*at)++];
    memset(value, 0, sizeof *value);
    unsigned kind = (unsigned)rand_below(&fill->rand, depth < 3 ? 8 : 6);
    value->kind = key ? WIRE_VALUE_STRING : (enum wire_value_kind)kind;
    if (value->kind == WIRE_VALUE_BOOL) {
        value->integer = (int64_t)rand_below(&fill->rand, 2);
    } else if (value->kind == WIRE_VALUE_INT) {
        value->integer = (int64_t)rand_next(&fill->rand);
    } else if (value->kind == WIRE_VALUE_DOUBLE) {
        value->real = 0.25 * (double)rand_below(&fill->rand, 4000);
    } else if (value->kind == WIRE_VALUE_STRING) {
        value->data = key || rand_chance(&fill->rand, 1, 2)
                          ? text_of(fill, "name", 1 + rand_below(&fill->rand, 9))
                          : bytes_of("\xe2\x82\xac\0z", 5);
    } else if (value->kind == WIRE_VALUE_BYTES) {
        value->data = raw_of(fill, rand_below(&fill->rand, 9));
    } else if (value->kind == WIRE_VALUE_LIST || value->kind == WIRE_VALUE_MAP) {
        bool map = value->kind == WIRE_VALUE_MAP;
        value->count = (uint32_t)rand_below(&fill->rand, 4);
        for (uint32_t i = 0; i < value->count; i++) {
            if (map) {
                make_value(fill, values, at, depth + 1, true);
            }
            make_value(fill, values, at, depth + 1, false);
        }
    }
}

static const struct wire_value *make_values(struct fill *fill, enum wire_rule rule, uint32_t *ret_n)
{
    struct wire_value *values = arena_alloc(fill->arena, 2048 * sizeof *values);
    MUST(values != NULL);
    uint32_t at = 0;
    unsigned count = rule == RULE_VALUES_ONE ? 1 : 1 + (unsigned)rand_below(&fill->rand, 3);
    for (unsigned i = 0; i < count; i++) {
        if (rule == RULE_VALUES_PAIRS) {
            make_value(fill, values, &at, 3, true);
        }
        make_value(fill, values, &at, 0, false);
    }
    *ret_n = at;
    return values;
}

/* ---- walking a table ------------------------------------------------------------------------ */

static void fill_struct(struct fill *fill, const struct wire_layout *layout, uint8_t *message);

static void fill_single(struct fill *fill, const struct wire_field *field, ProtobufCType type,
                        uint8_t *at)
{
    if (field->sub != NULL) {
        fill_struct(fill, field->sub, at);
    } else if (type == PROTOBUF_C_TYPE_BYTES) {
        struct bytes bytes = bytes_by_rule(fill, field);
        memcpy(at, &bytes, sizeof bytes);
    } else {
        uint64_t value = number_by_rule(fill, field, type);
        uint32_t narrow = (uint32_t)value;
        bool flag = value != 0;
        const void *from = field->bytes == 8   ? (const void *)&value
                           : field->bytes == 4 ? (const void *)&narrow
                                               : (const void *)&flag;
        memcpy(at, from, field->bytes);
    }
}

static void fill_list(struct fill *fill, const struct wire_field *field, ProtobufCType type,
                      uint8_t *message)
{
    uint32_t n = 1 + (uint32_t)rand_below(&fill->rand, field->count_max < 4 ? field->count_max : 4);
    const void *items;
    if (field->rule >= RULE_VALUES_MANY) {
        items = make_values(fill, (enum wire_rule)field->rule, &n);
    } else {
        uint8_t *made = arena_zalloc(fill->arena, n, field->bytes);
        MUST(made != NULL);
        for (uint32_t i = 0; i < n; i++) {
            fill_single(fill, field, type, made + (size_t)i * field->bytes);
        }
        items = made;
    }
    memcpy(message + field->offset, &items, sizeof items);
    memcpy(message + field->count_offset, &n, sizeof n);
}

/* What the rules between fields ask for. */
static void repair(const struct wire_layout *layout, void *message)
{
    if (layout == &wire_layout_range) {
        struct wire_range *range = message;
        range->first = range->first > range->last ? range->last : range->first;
    } else if (layout == &wire_layout_submit) {
        struct wire_submit *submit = message;
        submit->answered_to = submit->sequence - 1;
        submit->n_submissions = 1;
    } else if (layout == &wire_layout_wait) {
        struct wire_wait *wait = message;
        wait->n_track_ids = wait->what == WIRE_WAIT_COMMANDS ? wait->n_track_ids : 0;
        wait->batch = wait->what == WIRE_WAIT_BATCH ? 17 : 0;
        if (wait->what == WIRE_WAIT_COMMANDS && wait->n_track_ids == 0) {
            wait->what = WIRE_WAIT_ALL;
        }
    } else if (layout == &wire_layout_cancel) {
        struct wire_cancel *cancel = message;
        cancel->batch = cancel->n_ranges > 0 ? 0 : cancel->batch;
        cancel->all = cancel->n_ranges == 0 && cancel->batch == 0;
        cancel->mine = false;
    } else if (layout == &wire_layout_worker_welcome) {
        struct wire_worker_welcome *welcome = message;
        welcome->lease_ns = 30000000000;
        welcome->renew_ns = 5000000000;
    } else if (layout == &wire_layout_worker_hello) {
        struct wire_worker_hello *hello = message;
        hello->host = hello->host.size > 0 ? hello->host : bytes_of_str("db1");
        hello->slots = hello->slots > 0 ? hello->slots : 1;
    }
    bool is_verdict = strcmp(layout->schema->short_name, "Verdict") == 0;
    bool is_output = strcmp(layout->schema->short_name, "Output") == 0;
    if (is_verdict) {
        struct wire_verdict *verdict = message;
        verdict->stale = verdict->pos == 0;
    } else if (is_output) {
        struct wire_output *output = message;
        output->total = output->total / 2 + output->head.size + output->tail.size;
    }
}

static void fill_struct(struct fill *fill, const struct wire_layout *layout, uint8_t *message)
{
    memset(message, 0, layout->bytes);
    for (unsigned i = 0; i < layout->n_fields; i++) {
        const struct wire_field *field = &layout->fields[i];
        ProtobufCType type = layout->schema->fields[i].type;
        bool required = (layout->required & WIRE_BIT(i + 1)) != 0;
        if (!fill->all && !required && rand_chance(&fill->rand, 1, 2)) {
            continue;
        }
        if (field->count_offset != 0) {
            fill_list(fill, field, type, message);
        } else {
            fill_single(fill, field, type, message + field->offset);
        }
    }
    repair(layout, message);
}

void fill_message(struct fill *fill, unsigned type, struct wire_message *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->type = (enum wire_type)type;
    if (wire_layout_of(type) != NULL) {
        fill_struct(fill, wire_layout_of(type), (uint8_t *)&ret->as);
    }
}

void fill_command_body(struct fill *fill, struct wire_command_body *ret)
{
    fill_struct(fill, &wire_layout_command_body, (uint8_t *)ret);
}

void fill_record_body(struct fill *fill, struct wire_record_body *ret)
{
    fill_struct(fill, &wire_layout_record_body, (uint8_t *)ret);
}

uint8_t *fill_frame(const struct wire_message *message, size_t *ret_size)
{
    size_t size = wire_encoded_size(message);
    uint8_t *frame = malloc(size);
    MUST(frame != NULL);
    wire_encode(message, frame, size);
    *ret_size = size;
    return frame;
}

int fill_decode(const void *frame, size_t size, struct arena *arena, struct wire_error *ret_error)
{
    uint8_t *copy = malloc(size);
    MUST(copy != NULL || size == 0);
    if (size > 0) {
        memcpy(copy, frame, size);
    }
    arena_reset(arena);
    memset(ret_error, 0, sizeof *ret_error);
    struct wire_message message;
    int result = wire_decode(copy, size, arena, &message, ret_error);
    if (result == 0) {
        MUST(wire_check(&message, ret_error) == 0);
    } else {
        MUST(ret_error->refusal != REFUSAL_OK && strlen(ret_error->text) > 10);
        MUST(bytes_is_utf8(bytes_of_str(ret_error->text)));
    }
    free(copy);
    return result;
}

/* ---- comparing ------------------------------------------------------------------------------ */

static bool is_equal_item(const struct wire_field *field, ProtobufCType type, const uint8_t *a,
                          const uint8_t *b)
{
    if (field->sub != NULL) {
        return fill_is_equal(field->sub, a, b);
    }
    if (is_number(type)) {
        return memcmp(a, b, field->bytes) == 0;
    }
    struct bytes left;
    struct bytes right;
    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return bytes_equal(left, right);
}

static const uint8_t *items_at(const uint8_t *at)
{
    const uint8_t *items;
    memcpy(&items, at, sizeof items);
    return items;
}

bool fill_is_equal(const struct wire_layout *layout, const void *a, const void *b)
{
    for (unsigned i = 0; i < layout->n_fields; i++) {
        const struct wire_field *field = &layout->fields[i];
        ProtobufCType type = layout->schema->fields[i].type;
        const uint8_t *left = (const uint8_t *)a + field->offset;
        const uint8_t *right = (const uint8_t *)b + field->offset;
        uint32_t n = 1;
        if (field->count_offset != 0) {
            uint32_t other;
            memcpy(&n, (const uint8_t *)a + field->count_offset, sizeof n);
            memcpy(&other, (const uint8_t *)b + field->count_offset, sizeof other);
            if (n != other) {
                return false;
            }
            left = items_at(left);
            right = items_at(right);
        }
        for (uint32_t k = 0; k < n; k++) {
            if (!is_equal_item(field, type, left + (size_t)k * field->bytes,
                               right + (size_t)k * field->bytes)) {
                return false;
            }
        }
    }
    return true;
}
