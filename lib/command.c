/*
 * Commands: what is to be run, collected setter by setter. The first error of a setter sticks.
 * Not here: packing and its limits (packed.c).
 */
#include "command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/wire.h"
#include "value.h"

/* Well above what a packed body may hold; the exact limit is checked when it is packed. */
static const size_t command_memory_max = (size_t)4 << 20;

static int fail(muster_command *command, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(muster_command *command, int code, const char *format, ...)
{
    if (command->code == MUSTER_OK) {
        va_list args;
        va_start(args, format);
        vsnprintf(command->what, sizeof command->what, format, args);
        va_end(args);
        command->code = code;
    }
    return code;
}

static int copy(muster_command *command, struct bytes from, struct bytes *ret_copy)
{
    if (arena_copy(&command->arena, from, ret_copy))
        return MUSTER_OK;
    if (command->arena.used_bytes + from.size > command_memory_max)
        return fail(command, MUSTER_ETOOLARGE,
                    "the command's arguments, environment and stdin are more than %d bytes",
                    WIRE_COMMAND_BODY_MAX);
    return fail(command, MUSTER_ENOMEM, "out of memory");
}

/* ---- arrays --------------------------------------------------------------------------------- */

/* One more item at the end: its place, or NULL. */
static void *grow(void *items, uint32_t count, uint32_t *capacity, size_t item_size)
{
    if (count < *capacity)
        return items;
    uint32_t wanted = *capacity ? *capacity * 2 : 8;
    void *grown = realloc(items, wanted * item_size);
    if (grown)
        *capacity = wanted;
    return grown;
}

static int add_token(muster_command *command, struct tokens *tokens, const struct wire_value *token)
{
    if (tokens->count == WIRE_VALUES_MAX)
        return fail(command, MUSTER_ETOOLARGE, "more than %d argument values", WIRE_VALUES_MAX);
    void *grown = grow(tokens->items, tokens->count, &tokens->capacity, sizeof *tokens->items);
    if (!grown)
        return fail(command, MUSTER_ENOMEM, "out of memory");
    tokens->items = grown;
    struct wire_value *place = &tokens->items[tokens->count];
    *place = *token;
    if (token->kind == WIRE_VALUE_STRING || token->kind == WIRE_VALUE_BYTES) {
        int rc = copy(command, token->data, &place->data);
        if (rc != MUSTER_OK)
            return rc;
    }
    tokens->count++;
    return MUSTER_OK;
}

static int add_text(muster_command *command, struct texts *texts, struct bytes text,
                    uint32_t count_max, const char *what)
{
    if (texts->count == count_max)
        return fail(command, MUSTER_ETOOLARGE, "more than %u %s", (unsigned)count_max, what);
    void *grown = grow(texts->items, texts->count, &texts->capacity, sizeof *texts->items);
    if (!grown)
        return fail(command, MUSTER_ENOMEM, "out of memory");
    texts->items = grown;
    int rc = copy(command, text, &texts->items[texts->count]);
    if (rc == MUSTER_OK)
        texts->count++;
    return rc;
}

/* ---- life ----------------------------------------------------------------------------------- */

static muster_command *new_command(struct bytes function)
{
    if (!wire_is_word(function))
        return NULL;
    muster_command *command = calloc(1, sizeof *command);
    if (!command)
        return NULL;
    arena_init(&command->arena, command_memory_max);
    if (!arena_copy(&command->arena, function, &command->function)) {
        muster_command_free(command);
        return NULL;
    }
    return command;
}

muster_command *muster_command_call(const char *function)
{
    return new_command(bytes_of_str(function));
}

muster_command *muster_command_exec(const char *const argv[])
{
    if (!argv || !argv[0] || argv[0][0] == '\0')
        return NULL;
    muster_command *command = new_command(bytes_of_str("exec"));
    for (size_t i = 0; command && argv[i]; i++) {
        struct bytes arg = bytes_of_str(argv[i]);
        if (arg.size > WIRE_ARG_BYTES_MAX)
            fail(command, MUSTER_ETOOLARGE, "argument %zu is longer than %d bytes", i,
                 WIRE_ARG_BYTES_MAX);
        if (command->code ||
            add_text(command, &command->argv, arg, WIRE_ARGV_MAX, "arguments") != MUSTER_OK)
            break; /* the submit tells */
    }
    return command;
}

void muster_command_free(muster_command *command)
{
    if (!command)
        return;
    free(command->args.items);
    free(command->kwargs.items);
    free(command->argv.items);
    free(command->env.items);
    arena_done(&command->arena);
    free(command);
}

/* ---- arguments ------------------------------------------------------------------------------ */

struct sink {
    muster_command *command;
    struct tokens *tokens;
};

static int add_walked(void *ctx, const struct wire_value *token)
{
    struct sink *sink = ctx;
    return add_token(sink->command, sink->tokens, token);
}

static bool has_keyword(const struct tokens *kwargs, struct bytes name)
{
    for (uint32_t at = 0; at < kwargs->count;) {
        if (bytes_equal(kwargs->items[at].data, name))
            return true;
        at = wire_value_skip(kwargs->items, kwargs->count, at + 1);
    }
    return false;
}

static int add_name(muster_command *command, const char *name)
{
    struct wire_value token = {.kind = WIRE_VALUE_STRING, .data = bytes_of_str(name)};
    if (token.data.size == 0 || token.data.size > WIRE_NAME_MAX || !bytes_is_utf8(token.data))
        return fail(command, MUSTER_EINVAL, "a keyword's name is 1 to %d bytes of UTF-8",
                    WIRE_NAME_MAX);
    if (has_keyword(&command->kwargs, token.data))
        return fail(command, MUSTER_EINVAL, "keyword %s is given twice", name);
    return add_token(command, &command->kwargs, &token);
}

/* `name` NULL: positional. All tokens of one argument, or none. */
static int add_value(muster_command *command, bool keyword, const char *name,
                     const muster_value *value)
{
    if (!command)
        return MUSTER_EINVAL;
    struct tokens *tokens = keyword ? &command->kwargs : &command->args;
    uint32_t before = tokens->count;
    int rc = keyword ? add_name(command, name) : MUSTER_OK;
    struct sink sink = {command, tokens};
    if (rc == MUSTER_OK)
        rc = value_walk(value, add_walked, &sink);
    if (rc != MUSTER_OK)
        tokens->count = before;
    return rc;
}

/* A value on the stack: leaves only. */
static int add_leaf(muster_command *command, bool keyword, const char *name,
                    struct muster_value leaf)
{
    return add_value(command, keyword, name, &leaf);
}

static int add_string(muster_command *command, bool keyword, const char *name, const char *s)
{
    if (!command)
        return MUSTER_EINVAL;
    if (!s || !bytes_is_utf8(bytes_of_str(s)))
        return fail(command, MUSTER_EINVAL, "a string argument is not UTF-8; use bytes for it");
    struct bytes span = bytes_of_str(s);
    struct muster_value leaf = {.kind = MUSTER_STRING, .size = span.size};
    /* The walk only reads it. */
    memcpy(&leaf.data, &s, sizeof leaf.data);
    return add_leaf(command, keyword, name, leaf);
}

static int add_bytes(muster_command *command, bool keyword, const char *name, const void *data,
                     size_t size)
{
    if (!command)
        return MUSTER_EINVAL;
    if (!data && size)
        return fail(command, MUSTER_EINVAL, "a bytes argument without bytes");
    struct muster_value leaf = {.kind = MUSTER_BYTES, .size = size};
    memcpy(&leaf.data, &data, sizeof leaf.data);
    return add_leaf(command, keyword, name, leaf);
}

int muster_command_arg_null(muster_command *command)
{
    return add_leaf(command, false, NULL, (struct muster_value){.kind = MUSTER_NULL});
}

int muster_command_arg_bool(muster_command *command, int b)
{
    return add_leaf(command, false, NULL,
                    (struct muster_value){.kind = MUSTER_BOOL, .integer = b != 0});
}

int muster_command_arg_int(muster_command *command, int64_t i)
{
    return add_leaf(command, false, NULL, (struct muster_value){.kind = MUSTER_INT, .integer = i});
}

int muster_command_arg_double(muster_command *command, double d)
{
    return add_leaf(command, false, NULL, (struct muster_value){.kind = MUSTER_DOUBLE, .real = d});
}

int muster_command_arg_string(muster_command *command, const char *s)
{
    return add_string(command, false, NULL, s);
}

int muster_command_arg_bytes(muster_command *command, const void *data, size_t size)
{
    return add_bytes(command, false, NULL, data, size);
}

int muster_command_arg_value(muster_command *command, const muster_value *value)
{
    return add_value(command, false, NULL, value);
}

int muster_command_kw_null(muster_command *command, const char *name)
{
    return add_leaf(command, true, name, (struct muster_value){.kind = MUSTER_NULL});
}

int muster_command_kw_bool(muster_command *command, const char *name, int b)
{
    return add_leaf(command, true, name,
                    (struct muster_value){.kind = MUSTER_BOOL, .integer = b != 0});
}

int muster_command_kw_int(muster_command *command, const char *name, int64_t i)
{
    return add_leaf(command, true, name, (struct muster_value){.kind = MUSTER_INT, .integer = i});
}

int muster_command_kw_double(muster_command *command, const char *name, double d)
{
    return add_leaf(command, true, name, (struct muster_value){.kind = MUSTER_DOUBLE, .real = d});
}

int muster_command_kw_string(muster_command *command, const char *name, const char *s)
{
    return add_string(command, true, name, s);
}

int muster_command_kw_bytes(muster_command *command, const char *name, const void *data,
                            size_t size)
{
    return add_bytes(command, true, name, data, size);
}

int muster_command_kw_value(muster_command *command, const char *name, const muster_value *value)
{
    return add_value(command, true, name, value);
}

/* ---- options -------------------------------------------------------------------------------- */

static int set_text(muster_command *command, struct bytes *place, const char *text, size_t size_max,
                    const char *what)
{
    if (!command)
        return MUSTER_EINVAL;
    struct bytes span = bytes_of_str(text);
    if (span.size > size_max)
        return fail(command, MUSTER_ETOOLARGE, "%s is longer than %zu bytes", what, size_max);
    return copy(command, span, place);
}

static int set_duration(muster_command *command, int64_t *place, int64_t ms, const char *what)
{
    if (!command)
        return MUSTER_EINVAL;
    if (ms < 0 || ms > WIRE_DURATION_MAX_NS / 1000000)
        return fail(command, MUSTER_EINVAL, "%s must be 0 or more, and at most 100 years", what);
    *place = ms * 1000000;
    return MUSTER_OK;
}

static int set_wall(muster_command *command, int64_t *place, int64_t wall_ns, const char *what)
{
    if (!command)
        return MUSTER_EINVAL;
    if (wall_ns < 0)
        return fail(command, MUSTER_EINVAL, "%s lies before 1970", what);
    *place = wall_ns;
    return MUSTER_OK;
}

int muster_command_set_selector(muster_command *command, const char *selector)
{
    return set_text(command, command ? &command->selector : NULL, selector, WIRE_SELECTOR_MAX,
                    "the selector");
}

int muster_command_set_each(muster_command *command, int each)
{
    if (!command)
        return MUSTER_EINVAL;
    command->each = each != 0;
    return MUSTER_OK;
}

int muster_command_set_priority(muster_command *command, int priority)
{
    if (!command)
        return MUSTER_EINVAL;
    if (priority < -WIRE_PRIORITY_MAX || priority > WIRE_PRIORITY_MAX)
        return fail(command, MUSTER_EINVAL, "priority %d is not within -%d … %d", priority,
                    WIRE_PRIORITY_MAX, WIRE_PRIORITY_MAX);
    command->priority = priority;
    return MUSTER_OK;
}

int muster_command_set_delay(muster_command *command, int64_t delay_ms)
{
    return set_duration(command, command ? &command->delay_ns : NULL, delay_ms, "the delay");
}

int muster_command_set_not_before(muster_command *command, int64_t wall_ns)
{
    return set_wall(command, command ? &command->at_wall_ns : NULL, wall_ns, "the start time");
}

int muster_command_set_start_by(muster_command *command, int64_t wall_ns)
{
    return set_wall(command, command ? &command->start_by_wall_ns : NULL, wall_ns,
                    "the start deadline");
}

int muster_command_set_start_within(muster_command *command, int64_t within_ms)
{
    return set_duration(command, command ? &command->start_within_ns : NULL, within_ms,
                        "the start deadline");
}

int muster_command_set_timeout(muster_command *command, int64_t timeout_ms)
{
    return set_duration(command, command ? &command->body.timeout_ns : NULL, timeout_ms,
                        "the time-out");
}

int muster_command_set_stall_timeout(muster_command *command, int64_t timeout_ms)
{
    return set_duration(command, command ? &command->body.stall_timeout_ns : NULL, timeout_ms,
                        "the stall time-out");
}

int muster_command_set_grace(muster_command *command, int64_t grace_ms)
{
    return set_duration(command, command ? &command->body.grace_ns : NULL, grace_ms, "the grace");
}

int muster_command_set_idempotent(muster_command *command, int idempotent)
{
    if (!command)
        return MUSTER_EINVAL;
    command->idempotent = idempotent ? YES : NO;
    return MUSTER_OK;
}

int muster_command_set_max_attempts(muster_command *command, unsigned attempts)
{
    if (!command)
        return MUSTER_EINVAL;
    if (attempts > WIRE_ATTEMPT_COUNT_MAX)
        return fail(command, MUSTER_EINVAL, "at most %d attempts", WIRE_ATTEMPT_COUNT_MAX);
    command->max_attempts = attempts;
    return MUSTER_OK;
}

int muster_command_set_lost_after(muster_command *command, int64_t after_ms)
{
    int rc = set_duration(command, command ? &command->lost_after_ns : NULL, after_ms,
                          "the time until it counts as lost");
    /* On the wire 0 is "the broker's default", and 1 ns "as soon as the lease expires". */
    if (rc == MUSTER_OK && command->lost_after_ns == 0)
        command->lost_after_ns = 1;
    return rc;
}

int muster_command_set_request_id(muster_command *command, const char *id)
{
    if (command && id && !wire_is_name(bytes_of_str(id)))
        return fail(command, MUSTER_EINVAL, "a request id is 1 to %d printable characters",
                    WIRE_NAME_MAX);
    return set_text(command, command ? &command->request_id : NULL, id, WIRE_NAME_MAX,
                    "the request id");
}

int muster_command_set_env(muster_command *command, const char *name, const char *value)
{
    if (!command)
        return MUSTER_EINVAL;
    if (!name || name[0] == '\0' || strchr(name, '=') || !value)
        return fail(command, MUSTER_EINVAL, "an environment variable needs a name without =");
    size_t size = strlen(name) + 1 + strlen(value);
    char *pair = malloc(size + 1);
    if (!pair)
        return fail(command, MUSTER_ENOMEM, "out of memory");
    snprintf(pair, size + 1, "%s=%s", name, value);
    int rc = add_text(command, &command->env, bytes_of(pair, size), WIRE_ENV_MAX,
                      "environment variables");
    free(pair);
    return rc;
}

int muster_command_set_cwd(muster_command *command, const char *dir)
{
    return set_text(command, command ? &command->body.cwd : NULL, dir, WIRE_PATH_MAX,
                    "the directory");
}

int muster_command_set_stdin(muster_command *command, const void *data, size_t size)
{
    if (!command)
        return MUSTER_EINVAL;
    if (!data && size)
        return fail(command, MUSTER_EINVAL, "stdin without bytes");
    return copy(command, bytes_of(data, size), &command->body.stdin);
}

int muster_command_set_url(muster_command *command, const char *url)
{
    return set_text(command, command ? &command->body.url : NULL, url, WIRE_URL_MAX, "the URL");
}

int muster_command_set_label(muster_command *command, const char *label)
{
    return set_text(command, command ? &command->body.label : NULL, label, WIRE_LABEL_TEXT_MAX,
                    "the label");
}
