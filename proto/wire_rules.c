/* Rules of single fields: sizes, ranges, alphabets (PROTOCOL.md sections 4 and 5).
 *
 * Not here: rules between fields (the tables' check functions), values (wire_values.c), bodies
 * (wire_decode.c). Invariant: every refusal names the field and says what would be right. */
#include "proto/wire_rules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/state.h"

/* ---- alphabets ------------------------------------------------------------------------------ */

static bool is_word_byte(uint8_t byte)
{
    static const uint8_t other[] = ".:_-+@";
    if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
        (byte >= '0' && byte <= '9')) {
        return true;
    }
    for (size_t i = 0; i + 1 < sizeof other; i++) {
        if (byte == other[i]) {
            return true;
        }
    }
    return false;
}

static bool is_all_word_bytes(struct bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        if (!is_word_byte(bytes.data[i])) {
            return false;
        }
    }
    return true;
}

/* Printable: no C0 or C1 control character, no DEL. */
static bool is_line(struct bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t byte = bytes.data[i];
        bool c1 = byte == 0xc2 && i + 1 < bytes.size && bytes.data[i + 1] < 0xa0;
        if (byte < 0x20 || byte == 0x7f || c1) {
            return false;
        }
    }
    return bytes_is_utf8(bytes);
}

bool wire_is_name(struct bytes name)
{
    return name.size > 0 && name.size <= WIRE_NAME_MAX && name.data[0] != ' ' &&
           name.data[name.size - 1] != ' ' && is_line(name);
}

bool wire_is_word(struct bytes word)
{
    return word.size > 0 && word.size <= WIRE_NAME_MAX && is_all_word_bytes(word);
}

bool wire_is_label(struct bytes label)
{
    ptrdiff_t equals = bytes_find(label, '=');
    if (equals < 1 || label.size > WIRE_NAME_MAX) {
        return false;
    }
    size_t at = (size_t)equals;
    return is_all_word_bytes(bytes_slice(label, 0, at)) &&
           is_line(bytes_slice(label, at + 1, label.size));
}

static bool is_log_prefix(struct bytes prefix)
{
    ptrdiff_t slash = bytes_find(prefix, '/');
    if (slash < 1) {
        return false;
    }
    struct bytes slot = bytes_slice(prefix, (size_t)slash + 1, prefix.size);
    for (size_t i = 0; i < slot.size; i++) {
        if (slot.data[i] < '0' || slot.data[i] > '9') {
            return false;
        }
    }
    return slot.size > 0 && wire_is_word(bytes_slice(prefix, 0, (size_t)slash));
}

static bool is_env(struct bytes entry)
{
    return bytes_is_text(entry) && bytes_find(entry, '=') >= 1;
}

/* ---- refusing ------------------------------------------------------------------------------- */

void wire_trail_push(struct wire_trail *trail, const struct wire_field *field, uint32_t index)
{
    MUST(trail->depth < WIRE_TRAIL_MAX);
    trail->steps[trail->depth++] = (struct wire_step){.field = field, .index = index};
}

void wire_trail_pop(struct wire_trail *trail)
{
    MUST(trail->depth > 0);
    trail->depth--;
}

/* Appends to a text of WIRE_ERROR_TEXT_MAX; what does not fit is cut. */
static void append(char *text, size_t *used, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void append(char *text, size_t *used, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text + *used, WIRE_ERROR_TEXT_MAX - *used, format, args);
    va_end(args);
    *used += size > 0 ? (size_t)size : 0;
    if (*used >= WIRE_ERROR_TEXT_MAX) {
        *used = WIRE_ERROR_TEXT_MAX - 1;
    }
}

static void append_step(char *text, size_t *used, bool first, const struct wire_field *field,
                        uint32_t index)
{
    append(text, used, "%s%s", first ? "" : ".", field->name);
    if (field->count_offset != 0) {
        append(text, used, "[%" PRIu32 "]", index);
    }
}

static int errno_of(enum refusal refusal)
{
    if (refusal == REFUSAL_TOO_LARGE) {
        return -EMSGSIZE;
    }
    if (refusal == REFUSAL_VERSION) {
        return -EPROTONOSUPPORT;
    }
    return refusal == REFUSAL_BUSY ? -ENOMEM : -EBADMSG;
}

int wire_fail(struct wire_trail *trail, enum refusal refusal, uint64_t limit,
              const struct wire_field *field, uint32_t index, const char *format, ...)
{
    struct wire_error *error = trail->error;
    *error = (struct wire_error){.refusal = refusal, .limit = limit};
    char what[96];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);

    size_t used = 0;
    append(error->text, &used, "%s%s", trail->root, trail->depth > 0 || field ? ": " : "");
    for (unsigned i = 0; i < trail->depth; i++) {
        append_step(error->text, &used, i == 0, trail->steps[i].field, trail->steps[i].index);
    }
    if (field != NULL) {
        append_step(error->text, &used, trail->depth == 0, field, index);
    }
    append(error->text, &used, "%s%s", what[0] == ':' ? "" : " ", what);

    if (trail->depth > 0 && trail->steps[0].field->count_offset != 0) {
        error->index = trail->steps[0].index;
    } else if (trail->depth == 0 && field != NULL && field->count_offset != 0) {
        error->index = index;
    }
    return errno_of(refusal);
}

/* ---- rules ---------------------------------------------------------------------------------- */

static int fail_number(struct wire_trail *trail, const struct wire_field *field, const char *what)
{
    return wire_fail(trail, REFUSAL_BAD_REQUEST, 0, field, 0, "%s", what);
}

int wire_rule_number(struct wire_trail *trail, const struct wire_field *field, ProtobufCType type,
                     uint64_t value)
{
    if (field->rule != RULE_NONE) {
        unsigned number = value > UINT16_MAX ? UINT16_MAX : (unsigned)value;
        if (field->rule == RULE_REASON && !reason_is_known(number)) {
            return fail_number(trail, field, "is not a reason of this version");
        }
        if (field->rule != RULE_REASON &&
            (!state_is_known(number) || number == (unsigned)STATE_NONE)) {
            return fail_number(trail, field, "is not a state of this version");
        }
        if (field->rule == RULE_FINAL_STATE && !state_is_final((enum state)number)) {
            return fail_number(trail, field, "is not a final state");
        }
        return 0;
    }
    if (field->max == 0 || value <= field->max) {
        return 0;
    }
    bool is_signed = type == PROTOBUF_C_TYPE_SINT32 || type == PROTOBUF_C_TYPE_SINT64;
    if (is_signed && 0 - value <= field->max) {
        return 0;
    }
    return wire_fail(trail, REFUSAL_BAD_REQUEST, 0, field, 0,
                     "is not within %s%" PRIu64 " and %" PRIu64, is_signed ? "-" : "",
                     is_signed ? field->max : 0, field->max);
}

static uint64_t size_max(const struct wire_field *field)
{
    if (field->max != 0) {
        return field->max;
    }
    bool is_name =
        field->rule == RULE_NAME || field->rule == RULE_WORD || field->rule == RULE_LABEL;
    return is_name ? WIRE_NAME_MAX : UINT64_MAX;
}

/* What is wrong with bytes that are not too many, or NULL. */
static const char *judge(enum wire_rule rule, struct bytes bytes)
{
    switch (rule) {
    case RULE_NAME:
        return wire_is_name(bytes) ? NULL : "is not a name: UTF-8 without control characters";
    case RULE_WORD:
        return wire_is_word(bytes) ? NULL : "is not a word of letters, digits and . _ - : + @";
    case RULE_LABEL:
        return wire_is_label(bytes) ? NULL : "is not a label KEY=VALUE";
    case RULE_LOG_PREFIX:
        return is_log_prefix(bytes) ? NULL : "is not a log prefix HOST/SLOT";
    case RULE_TEXT:
        return bytes_is_text(bytes) && bytes_is_utf8(bytes) ? NULL : "is not UTF-8 without NUL";
    case RULE_LINE:
        return is_line(bytes) ? NULL : "is not UTF-8 without control characters";
    case RULE_C_STRING:
        return bytes_is_text(bytes) ? NULL : "contains a NUL";
    case RULE_ENV:
        return is_env(bytes) ? NULL : "is not NAME=VALUE without NUL";
    case RULE_UUID:
        return bytes.size == WIRE_UUID_BYTES ? NULL : "is not 16 bytes";
    case RULE_NONE:
    case RULE_COMMAND_BODY:
    case RULE_RECORD_BODY:
    case RULE_STATE:
    case RULE_FINAL_STATE:
    case RULE_REASON:
    case RULE_VALUES_MANY:
    case RULE_VALUES_PAIRS:
    case RULE_VALUES_ONE:
        break;
    }
    return NULL;
}

int wire_rule_bytes(struct wire_trail *trail, const struct wire_field *field, uint32_t index,
                    struct bytes bytes)
{
    uint64_t max = size_max(field);
    if (bytes.size > max) {
        return wire_fail(trail, REFUSAL_TOO_LARGE, max, field, index,
                         "is longer than %" PRIu64 " bytes", max);
    }
    /* An item of a list is there, so it must be good; a single field that is empty is not there. */
    if (bytes.size == 0 && (field->count_offset == 0 || field->rule == RULE_C_STRING)) {
        return 0;
    }
    const char *what = judge(field->rule, bytes);
    return what == NULL ? 0 : wire_fail(trail, REFUSAL_BAD_REQUEST, 0, field, index, "%s", what);
}

int wire_rule_required(struct wire_trail *trail, const struct wire_layout *layout, uint32_t filled)
{
    uint32_t missing = layout->required & ~filled;
    if (missing == 0) {
        return 0;
    }
    unsigned number = (unsigned)__builtin_ctz(missing);
    struct wire_field field = layout->fields[number - 1];
    field.count_offset = 0; /* the list itself is meant, not an item */
    return wire_fail(trail, REFUSAL_BAD_REQUEST, 0, &field, 0, "is missing");
}
