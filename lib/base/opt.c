/* The parser of command lines. The help text is made in opthelp.c.
 *
 * Walks argv once. What is read is always at or behind the place where the next operand is put, so
 * the operands can be gathered in argv itself. */
#include "base/opt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct parser {
    const struct opt_spec *table;
    const char **argv;
    int argc;
    int at; /* next argument to read */
    struct buffer *message;
};

static bool is_end(const struct opt_spec *spec)
{
    return !spec->name && spec->kind != OPT_HEADING;
}

/* By long name of the given size. */
static const struct opt_spec *find_long(const struct opt_spec *table, struct bytes name)
{
    for (; !is_end(table); table++) {
        if (table->kind != OPT_HEADING && bytes_equal_str(name, table->name))
            return table;
    }
    return NULL;
}

static const struct opt_spec *find_letter(const struct opt_spec *table, char letter)
{
    for (; !is_end(table); table++) {
        if (table->kind != OPT_HEADING && table->letter == letter)
            return table;
    }
    return NULL;
}

/* The long name in the table that is nearest to the wrong one, or NULL. */
static const char *nearest(const struct opt_spec *table, struct bytes name)
{
    size_t count = 0;
    while (!is_end(&table[count]))
        count++;
    const char **names = calloc(count + 1, sizeof names[0]);
    char *wrong = bytes_dup(name);
    const char *found = NULL;
    if (names && wrong) {
        size_t n = 0;
        for (size_t i = 0; i < count; i++) {
            if (table[i].kind != OPT_HEADING && table[i].help)
                names[n++] = table[i].name;
        }
        found = text_nearest(wrong, names);
    }
    free(wrong);
    free(names);
    return found;
}

static int fail_unknown(struct parser *p, struct bytes name)
{
    const char *hint = nearest(p->table, name);
    buffer_append_str(p->message, "unknown option ");
    struct buffer shown = BUFFER_EMPTY;
    buffer_append_str(&shown, "--");
    buffer_append_bytes(&shown, name);
    text_append_quoted(p->message, buffer_bytes(&shown), 80);
    buffer_done(&shown);
    if (hint)
        buffer_printf(p->message, ", did you mean --%s?", hint);
    return -EINVAL;
}

static int fail_value(struct parser *p, const char *shown, const char *value, const char *what)
{
    buffer_printf(p->message, "option %s: ", shown);
    text_append_quoted(p->message, bytes_of_str(value), 80);
    buffer_printf(p->message, " %s", what);
    return -EINVAL;
}

static void append_bound(struct buffer *buffer, enum opt_kind kind, uint64_t bound)
{
    char text[TIME_TEXT_MAX];
    if (kind == OPT_DURATION)
        time_format_duration(text, bound > INT64_MAX ? MUSTER_NEVER : (muster_time)bound);
    else if (kind == OPT_SIZE)
        text_format_size(text, bound);
    if (kind == OPT_U64)
        buffer_printf(buffer, "%llu", (unsigned long long)bound);
    else
        buffer_append_str(buffer, text);
}

static int fail_range(struct parser *p, const struct opt_spec *spec, const char *shown,
                      const char *value)
{
    fail_value(p, shown, value, "is out of range: ");
    if (spec->max != 0) {
        append_bound(p->message, spec->kind, spec->min);
        buffer_append_str(p->message, " to ");
        append_bound(p->message, spec->kind, spec->max);
    } else if (spec->min != 0) {
        buffer_append_str(p->message, "at least ");
        append_bound(p->message, spec->kind, spec->min);
    } else {
        buffer_append_str(p->message, "too large");
    }
    return -EINVAL;
}

static int take_number(struct parser *p, const struct opt_spec *spec, const char *shown,
                       const char *value)
{
    uint64_t max = spec->max != 0 ? spec->max : UINT64_MAX;
    uint64_t number = 0;
    muster_time duration = 0;
    const char *wanted = "is not a whole number";
    int r;
    if (spec->kind == OPT_DURATION) {
        wanted = "is not a duration such as 90s, 5m, 2h or 250ms";
        r = time_parse_duration(value, &duration);
        number = (uint64_t)duration;
    } else if (spec->kind == OPT_SIZE) {
        wanted = "is not a size such as 64k, 10M or 10G";
        r = text_parse_size(value, &number);
    } else {
        r = text_parse_u64(value, 0, UINT64_MAX, &number);
    }
    if (r == -EINVAL)
        return fail_value(p, shown, value, wanted);
    if (r < 0 || number < spec->min || number > max)
        return fail_range(p, spec, shown, value);
    if (spec->kind == OPT_DURATION)
        *(muster_time *)spec->target = duration;
    else
        *(uint64_t *)spec->target = number;
    return 0;
}

static int take_item(struct opt_list *list, const char *value)
{
    const char **items = realloc(list->items, (list->count + 1) * sizeof items[0]);
    if (!items)
        return -ENOMEM;
    list->items = items;
    items[list->count++] = value;
    return 0;
}

static int take_call(struct parser *p, const struct opt_spec *spec, const char *shown,
                     const char *value)
{
    struct buffer why = BUFFER_EMPTY;
    int r = spec->call(spec->target, value, &why);
    if (r < 0) {
        buffer_printf(p->message, "option %s: ", shown);
        if (why.size > 0)
            buffer_append_bytes(p->message, buffer_bytes(&why));
        else
            text_append_quoted(p->message, bytes_of_str(value), 80);
        r = -EINVAL;
    }
    buffer_done(&why);
    return r;
}

/* Puts the value into the target. `shown` is the option as the user wrote it. */
static int take_value(struct parser *p, const struct opt_spec *spec, const char *shown,
                      const char *value)
{
    switch (spec->kind) {
    case OPT_STRING:
        *(const char **)spec->target = value;
        return 0;
    case OPT_U64:
    case OPT_DURATION:
    case OPT_SIZE:
        return take_number(p, spec, shown, value);
    case OPT_LIST:
        return take_item(spec->target, value);
    case OPT_CALL:
        return take_call(p, spec, shown, value);
    case OPT_FLAG:
    case OPT_HEADING:
        break;
    }
    return -EINVAL;
}

/* The value behind "=" or glued to the letter, else the next argument. */
static int take_argument(struct parser *p, const struct opt_spec *spec, const char *shown,
                         const char *glued)
{
    if (!glued && p->at == p->argc) {
        buffer_printf(p->message, "option %s needs a value", shown);
        return -EINVAL;
    }
    return take_value(p, spec, shown, glued ? glued : p->argv[p->at++]);
}

/* "--no-name" of a flag called "name". */
static const struct opt_spec *find_negated(const struct opt_spec *table, struct bytes name)
{
    if (!bytes_starts_with(name, bytes_of_str("no-")))
        return NULL;
    const struct opt_spec *spec = find_long(table, bytes_slice(name, 3, SIZE_MAX));
    return spec && spec->kind == OPT_FLAG ? spec : NULL;
}

static int parse_long(struct parser *p, const char *argument)
{
    struct bytes name = bytes_of_str(argument + 2);
    ptrdiff_t equals = bytes_find(name, '=');
    const char *glued = equals >= 0 ? argument + 2 + equals + 1 : NULL;
    if (equals >= 0)
        name = bytes_slice(name, 0, (size_t)equals);
    const struct opt_spec *spec = find_long(p->table, name);
    bool is_on = spec != NULL;
    if (!spec)
        spec = find_negated(p->table, name);
    if (!spec)
        return fail_unknown(p, name);

    struct buffer shown = BUFFER_EMPTY;
    int r = buffer_printf(&shown, "--%s%s", is_on ? "" : "no-", spec->name);
    if (r < 0)
        return r;
    if (spec->kind != OPT_FLAG) {
        r = take_argument(p, spec, buffer_str(&shown), glued);
    } else if (glued) {
        buffer_printf(p->message, "option %s takes no value", buffer_str(&shown));
        r = -EINVAL;
    } else {
        *(bool *)spec->target = is_on;
    }
    buffer_done(&shown);
    return r;
}

static int parse_letters(struct parser *p, const char *argument)
{
    for (const char *at = argument + 1; *at != '\0'; at++) {
        const struct opt_spec *spec = find_letter(p->table, *at);
        const char shown[] = {'-', *at, '\0'};
        if (!spec) {
            buffer_append_str(p->message, "unknown option ");
            text_append_quoted(p->message, bytes_of(shown, 2), 80);
            if (find_long(p->table, bytes_of_str(argument + 1)))
                buffer_printf(p->message, ", did you mean -%s?", argument);
            return -EINVAL;
        }
        if (spec->kind != OPT_FLAG)
            return take_argument(p, spec, shown, at[1] != '\0' ? at + 1 : NULL);
        *(bool *)spec->target = true;
    }
    return 0;
}

int opt_parse(const struct opt_spec *table, unsigned flags, int argc, const char **argv,
              struct opt_result *ret_result, struct buffer *message)
{
    struct parser parser = {table, argv, argc, 1, message};
    struct opt_result result = {.operands = argv + (argc > 0 ? 1 : 0)};
    int r = 0;
    while (r == 0 && parser.at < argc) {
        const char *argument = argv[parser.at++];
        bool is_operand = argument[0] != '-' || argument[1] == '\0';
        if (is_operand)
            result.operands[result.operand_count++] = argument;
        else if (strcmp(argument, "--") == 0)
            result.has_dashes = true;
        else if (argument[1] == '-')
            r = parse_long(&parser, argument);
        else
            r = parse_letters(&parser, argument);
        if (result.has_dashes || (is_operand && (flags & OPT_STOP_AT_OPERAND) != 0))
            break;
    }
    if (r < 0)
        return r;
    result.dashes_at = result.operand_count;
    while (parser.at < argc)
        result.operands[result.operand_count++] = argv[parser.at++];
    if (argc > 0)
        result.operands[result.operand_count] = NULL;
    *ret_result = result;
    return 0;
}

void opt_list_done(struct opt_list *list)
{
    if (!list)
        return;
    free(list->items);
    *list = (struct opt_list){0};
}
