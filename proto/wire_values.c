/* Flattened values: well-formed or not, and walking over them (PROTOCOL.md section 7).
 *
 * Not here: how a token is encoded. Invariant: `levels` holds exactly the lists and maps that are
 * open, each with at least one value left. Duplicate keys of a map are not looked for: the reader
 * of the map decides (the last one counts). */
#include "proto/wire_values.h"

#include "base/assert.h"

void values_check_init(struct values_check *check, enum wire_values_shape shape)
{
    check->shape = shape;
    check->complete = 0;
    check->tokens = 0;
    check->depth = 0;
}

/* Fields that belong to another kind must be empty, so that a value has one form only. */
static const char *judge_token(const struct wire_value *value)
{
    enum wire_value_kind kind = value->kind;
    bool has_integer = kind == WIRE_VALUE_BOOL || kind == WIRE_VALUE_INT;
    bool has_data = kind == WIRE_VALUE_STRING || kind == WIRE_VALUE_BYTES;
    bool has_count = kind == WIRE_VALUE_LIST || kind == WIRE_VALUE_MAP;
    if (kind > WIRE_VALUE_MAP) {
        return "has an unknown kind";
    }
    if ((!has_integer && value->integer != 0) || (!has_data && value->data.size != 0) ||
        (!has_count && value->count != 0) || (kind != WIRE_VALUE_DOUBLE && value->real != 0)) {
        return "has a field that does not belong to its kind";
    }
    if (kind == WIRE_VALUE_BOOL && value->integer != 0 && value->integer != 1) {
        return "is a BOOL that is neither 0 nor 1";
    }
    if (kind == WIRE_VALUE_STRING && !bytes_is_utf8(value->data)) {
        return "is a STRING that is not UTF-8";
    }
    if (value->count > WIRE_VALUES_MAX) {
        return "counts more values than a body may hold";
    }
    return NULL;
}

static bool is_key_next(const struct values_check *check)
{
    if (check->depth > 0) {
        return check->levels[check->depth - 1].map && check->levels[check->depth - 1].left % 2 == 0;
    }
    return check->shape == WIRE_VALUES_PAIRS && check->complete % 2 == 0;
}

static const char *judge_key(const struct values_check *check, const struct wire_value *value)
{
    if (value->kind != WIRE_VALUE_STRING) {
        return "is a key and not a STRING";
    }
    bool is_name = value->data.size > 0 && value->data.size <= WIRE_NAME_MAX;
    return check->depth == 0 && !is_name ? "is an argument's name and not 1 to 255 bytes long"
                                         : NULL;
}

/* One value has ended: so may the lists and maps around it. */
static void close_levels(struct values_check *check)
{
    while (check->depth > 0) {
        if (--check->levels[check->depth - 1].left > 0) {
            return;
        }
        check->depth--;
    }
    check->complete++;
}

const char *values_check_feed(struct values_check *check, const struct wire_value *value)
{
    if (++check->tokens > WIRE_VALUES_MAX) {
        return "is one value too many for a body";
    }
    if (check->shape == WIRE_VALUES_ONE && check->complete > 0) {
        return "follows a value that is complete";
    }
    const char *what = judge_token(value);
    if (what == NULL && is_key_next(check)) {
        what = judge_key(check, value);
    }
    if (what != NULL) {
        return what;
    }
    if (value->count == 0) {
        close_levels(check);
        return NULL;
    }
    if (check->depth == WIRE_VALUE_DEPTH_MAX) {
        return "is nested too deeply";
    }
    bool map = value->kind == WIRE_VALUE_MAP;
    check->levels[check->depth].map = map;
    check->levels[check->depth].left = map ? 2 * (uint64_t)value->count : value->count;
    check->depth++;
    return NULL;
}

const char *values_check_end(const struct values_check *check)
{
    if (check->depth > 0) {
        return "ends inside a list or map";
    }
    return check->shape == WIRE_VALUES_PAIRS && check->complete % 2 != 0
               ? "ends with a name that has no value"
               : NULL;
}

bool wire_values_check(const struct wire_value *values, uint32_t n, enum wire_values_shape shape,
                       const char **ret_what)
{
    struct values_check check;
    values_check_init(&check, shape);
    const char *what = NULL;
    for (uint32_t i = 0; i < n && what == NULL; i++) {
        what = values_check_feed(&check, &values[i]);
    }
    if (what == NULL) {
        what = values_check_end(&check);
    }
    if (what != NULL) {
        *ret_what = what;
    }
    return what == NULL;
}

uint32_t wire_value_skip(const struct wire_value *values, uint32_t n, uint32_t at)
{
    uint64_t open = 1;
    while (open > 0 && at < n) {
        const struct wire_value *value = &values[at++];
        open--;
        if (value->kind == WIRE_VALUE_LIST) {
            open += value->count;
        } else if (value->kind == WIRE_VALUE_MAP) {
            open += 2 * (uint64_t)value->count;
        }
    }
    return at;
}

uint32_t wire_values_count(const struct wire_value *values, uint32_t n)
{
    uint32_t count = 0;
    for (uint32_t at = 0; at < n; at = wire_value_skip(values, n, at)) {
        count++;
    }
    return count;
}
