/*
 * value.c -- arguments and results as flat tokens.
 *
 * The sequences that it reads were accepted by the codec (complete, pairs with STRING names); what
 * a function takes is said by its table of parameters. What it builds stays within the wire's
 * bounds, or value_is_good says so.
 */
#include "value.h"

#include "base/assert.h"
#include "proto/limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { TOKEN_OVERHEAD = 24, PARAMETERS_MAX = 32 };

static const char *const kind_names[] = {[VALUE_TEXT] = "a text",
                                         [VALUE_PATH] = "a path",
                                         [VALUE_BOOL] = "true or false",
                                         [VALUE_COUNT] = "a number that is not negative",
                                         [VALUE_TEXTS] = "a list of texts"};

static bool is_text(const struct wire_value *value)
{
    return value->kind == WIRE_VALUE_STRING || value->kind == WIRE_VALUE_BYTES;
}

/* The texts of a LIST, or one text. NULL: they are none, or memory is out. */
static int take_texts(const struct wire_value *value, struct arena *arena,
                      struct value_texts *ret_texts)
{
    uint32_t count = value->kind == WIRE_VALUE_LIST ? value->count : 1;
    const struct wire_value *first = value->kind == WIRE_VALUE_LIST ? value + 1 : value;
    struct bytes *items = arena_zalloc(arena, count, sizeof *items);
    if (!items)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        /* A text is one token, so the first item that is none ends the walk in time. */
        if (!is_text(&first[i]))
            return -EINVAL;
        items[i] = first[i].data;
    }
    *ret_texts = (struct value_texts){.items = items, .count = count};
    return 0;
}

static int take(const struct value_parameter *parameter, const struct wire_value *value,
                struct arena *arena)
{
    struct bytes copy;
    if (value->kind == WIRE_VALUE_NULL && !parameter->is_required)
        return 0;
    switch (parameter->kind) {
    case VALUE_TEXT:
        if (!is_text(value))
            return -EINVAL;
        *(struct bytes *)parameter->target = value->data;
        return 0;
    case VALUE_PATH:
        if (!is_text(value) || value->data.size == 0 || !bytes_is_text(value->data))
            return -EINVAL;
        if (!arena_copy(arena, value->data, &copy))
            return -ENOMEM;
        *(const char **)parameter->target = (const char *)copy.data;
        return 0;
    case VALUE_BOOL:
        if (is_text(value) && bytes_equal_str(value->data, "true"))
            *(bool *)parameter->target = true;
        else if (is_text(value) && bytes_equal_str(value->data, "false"))
            *(bool *)parameter->target = false;
        else if (value->kind == WIRE_VALUE_BOOL || value->kind == WIRE_VALUE_INT)
            *(bool *)parameter->target = value->integer != 0;
        else
            return -EINVAL;
        return 0;
    case VALUE_COUNT:
        if (value->kind != WIRE_VALUE_INT || value->integer < 0)
            return -EINVAL;
        *(uint64_t *)parameter->target = (uint64_t)value->integer;
        return 0;
    case VALUE_TEXTS:
        return take_texts(value, arena, parameter->target);
    }
    must_fail("the kind is known", __FILE__, __LINE__);
}

struct binding {
    const char *function;
    const struct value_parameter *parameters;
    struct arena *arena;
    bool is_given[PARAMETERS_MAX];
    char *error;
};

static int bind_one(struct binding *binding, size_t place, const struct wire_value *value)
{
    const struct value_parameter *parameter = &binding->parameters[place];
    if (binding->is_given[place]) {
        snprintf(binding->error, VALUE_ERROR_MAX, "%s: %s is given twice", binding->function,
                 parameter->name);
        return -EINVAL;
    }
    binding->is_given[place] = true;
    int error = take(parameter, value, binding->arena);
    if (error == -EINVAL)
        snprintf(binding->error, VALUE_ERROR_MAX, "%s: %s must be %s", binding->function,
                 parameter->name, kind_names[parameter->kind]);
    return error;
}

/* All positional arguments from `at` on are texts of the last parameter. */
static int bind_rest(struct binding *binding, size_t place, const struct wire_command_body *body,
                     uint32_t at)
{
    uint32_t count = body->n_args - at;
    bool is_list = body->args[at].kind == WIRE_VALUE_LIST &&
                   wire_value_skip(body->args, body->n_args, at) == body->n_args;
    if (is_list)
        return bind_one(binding, place, &body->args[at]);
    struct wire_value *list = arena_zalloc(binding->arena, (size_t)count + 1, sizeof *list);
    if (!list)
        return -ENOMEM;
    list[0] = (struct wire_value){.kind = WIRE_VALUE_LIST, .count = count};
    memcpy(list + 1, &body->args[at], count * sizeof *list);
    return bind_one(binding, place, list);
}

static int bind_positional(struct binding *binding, const struct wire_command_body *body)
{
    size_t place = 0;
    for (uint32_t at = 0; at < body->n_args;
         at = wire_value_skip(body->args, body->n_args, at), place++) {
        const struct value_parameter *parameter = &binding->parameters[place];
        if (!parameter->name) {
            snprintf(binding->error, VALUE_ERROR_MAX, "%s takes at most %zu argument%s",
                     binding->function, place, place == 1 ? "" : "s");
            return -EINVAL;
        }
        if (parameter->is_rest)
            return bind_rest(binding, place, body, at);
        int error = bind_one(binding, place, &body->args[at]);
        if (error < 0)
            return error;
    }
    return 0;
}

static int bind_named(struct binding *binding, const struct wire_command_body *body)
{
    for (uint32_t at = 0; at < body->n_kwargs;
         at = wire_value_skip(body->kwargs, body->n_kwargs, at + 1)) {
        struct bytes name = body->kwargs[at].data;
        size_t place = 0;
        while (binding->parameters[place].name &&
               !bytes_equal_str(name, binding->parameters[place].name))
            place++;
        if (!binding->parameters[place].name) {
            snprintf(binding->error, VALUE_ERROR_MAX, "%s takes no argument named %.*s",
                     binding->function, (int)(name.size > 64 ? 64 : name.size),
                     (const char *)name.data);
            return -EINVAL;
        }
        int error = bind_one(binding, place, &body->kwargs[at + 1]);
        if (error < 0)
            return error;
    }
    return 0;
}

int value_bind(const char *function, const struct value_parameter *parameters,
               const struct wire_command_body *body, struct arena *arena,
               char ret_error[VALUE_ERROR_MAX])
{
    struct binding binding = {
        .function = function, .parameters = parameters, .arena = arena, .error = ret_error};
    snprintf(ret_error, VALUE_ERROR_MAX, "%s: out of memory", function);
    int error = bind_positional(&binding, body);
    if (error == 0)
        error = bind_named(&binding, body);
    for (size_t i = 0; error == 0 && parameters[i].name; i++) {
        MUST(i < PARAMETERS_MAX);
        if (parameters[i].is_required && !binding.is_given[i]) {
            snprintf(ret_error, VALUE_ERROR_MAX, "%s: the argument %s is missing", function,
                     parameters[i].name);
            error = -EINVAL;
        }
    }
    return error;
}

/* ---- results ---- */

static uint32_t add(struct value_builder *builder, struct wire_value token)
{
    if (builder->count == builder->capacity && !builder->has_failed) {
        uint32_t capacity = builder->capacity ? builder->capacity * 2 : 32;
        struct wire_value *tokens = arena_zalloc(builder->arena, capacity, sizeof *tokens);
        if (tokens && builder->count > 0)
            memcpy(tokens, builder->tokens, builder->count * sizeof *tokens);
        builder->has_failed = !tokens;
        builder->tokens = tokens;
        builder->capacity = capacity;
    }
    if (builder->has_failed)
        return 0;
    builder->bytes += TOKEN_OVERHEAD + token.data.size;
    builder->tokens[builder->count] = token;
    return builder->count++;
}

void value_null(struct value_builder *builder)
{
    add(builder, (struct wire_value){.kind = WIRE_VALUE_NULL});
}

void value_bool(struct value_builder *builder, bool value)
{
    add(builder, (struct wire_value){.kind = WIRE_VALUE_BOOL, .integer = value});
}

void value_int(struct value_builder *builder, int64_t value)
{
    add(builder, (struct wire_value){.kind = WIRE_VALUE_INT, .integer = value});
}

void value_double(struct value_builder *builder, double value)
{
    add(builder, (struct wire_value){.kind = WIRE_VALUE_DOUBLE, .real = value});
}

void value_text(struct value_builder *builder, struct bytes text)
{
    struct bytes copy;
    if (!arena_copy(builder->arena, text, &copy)) {
        builder->has_failed = true;
        return;
    }
    add(builder,
        (struct wire_value){.kind = bytes_is_utf8(text) ? WIRE_VALUE_STRING : WIRE_VALUE_BYTES,
                            .data = copy});
}

uint32_t value_list(struct value_builder *builder, uint32_t count)
{
    return add(builder, (struct wire_value){.kind = WIRE_VALUE_LIST, .count = count});
}

uint32_t value_map(struct value_builder *builder, uint32_t count)
{
    return add(builder, (struct wire_value){.kind = WIRE_VALUE_MAP, .count = count});
}

void value_set_count(struct value_builder *builder, uint32_t token, uint32_t count)
{
    if (!builder->has_failed)
        builder->tokens[token].count = count;
}

void value_key(struct value_builder *builder, const char *name)
{
    value_text(builder, bytes_of_str(name));
}

bool value_is_good(const struct value_builder *builder)
{
    return !builder->has_failed && builder->count <= WIRE_VALUES_MAX &&
           builder->bytes <= WIRE_RESULT_MAX;
}
