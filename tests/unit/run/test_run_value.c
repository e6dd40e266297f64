/* Arguments by position and name, and results within the wire's bounds. */
#include "tests/unit/cmocka_first.h"

#include "proto/limits.h"
#include "worker/run/value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    struct arena arena;
    char error[VALUE_ERROR_MAX];
    /* targets */
    struct bytes name;
    const char *path;
    bool flag;
    uint64_t count;
    struct value_texts texts;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    arena_init(&fixture->arena, 32 * 1024 * 1024);
    fixture->count = 42;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    arena_done(&fixture->arena);
    free(fixture);
    return 0;
}

static struct wire_value text(const char *value)
{
    return (struct wire_value){.kind = WIRE_VALUE_STRING, .data = bytes_of_str(value)};
}

static struct wire_value number(int64_t value)
{
    return (struct wire_value){.kind = WIRE_VALUE_INT, .integer = value};
}

static struct wire_value list(uint32_t count)
{
    return (struct wire_value){.kind = WIRE_VALUE_LIST, .count = count};
}

/* f(name, path=, flag=, count=) */
static int bind(struct fixture *fixture, const struct wire_value *args, uint32_t n_args,
                const struct wire_value *kwargs, uint32_t n_kwargs)
{
    const struct value_parameter parameters[] = {
        {"name", VALUE_TEXT, true, false, &fixture->name},
        {"path", VALUE_PATH, false, false, &fixture->path},
        {"flag", VALUE_BOOL, false, false, &fixture->flag},
        {"count", VALUE_COUNT, false, false, &fixture->count},
        {NULL, VALUE_TEXT, false, false, NULL}};
    struct wire_command_body body = {
        .args = args, .n_args = n_args, .kwargs = kwargs, .n_kwargs = n_kwargs};
    return value_bind("f", parameters, &body, &fixture->arena, fixture->error);
}

static void test_value__binds_by_position_and_by_name(void **state)
{
    struct fixture *fixture = *state;
    struct wire_value args[] = {text("one"), text("/a/path")};
    struct wire_value kwargs[] = {text("count"), number(7), text("flag"), number(1)};
    assert_int_equal(bind(fixture, args, 2, kwargs, 4), 0);
    assert_true(bytes_equal_str(fixture->name, "one"));
    assert_string_equal(fixture->path, "/a/path");
    assert_true(fixture->flag);
    assert_int_equal(fixture->count, 7);
}

static void test_value__null_keeps_the_default(void **state)
{
    struct fixture *fixture = *state;
    struct wire_value null = {.kind = WIRE_VALUE_NULL};
    struct wire_value args[] = {text("one"), null, null, null};
    assert_int_equal(bind(fixture, args, 4, NULL, 0), 0);
    assert_null(fixture->path);
    assert_int_equal(fixture->count, 42);
    assert_int_equal(bind(fixture, &null, 1, NULL, 0), -EINVAL);
    assert_string_equal(fixture->error, "f: name must be a text");
}

static void test_value__texts_say_true_and_false(void **state)
{
    struct fixture *fixture = *state;
    struct wire_value kwargs[] = {text("name"), text("x"), text("flag"), text("true")};
    assert_int_equal(bind(fixture, NULL, 0, kwargs, 4), 0);
    assert_true(fixture->flag);
    kwargs[3] = text("false");
    assert_int_equal(bind(fixture, NULL, 0, kwargs, 4), 0);
    assert_false(fixture->flag);
    kwargs[3] = text("perhaps");
    assert_int_equal(bind(fixture, NULL, 0, kwargs, 4), -EINVAL);
    assert_string_equal(fixture->error, "f: flag must be true or false");
}

static void test_value__wrong_arguments_are_told(void **state)
{
    struct fixture *fixture = *state;
    struct wire_value nul = {.kind = WIRE_VALUE_BYTES, .data = bytes_of("a\0b", 3)};
    const struct {
        struct wire_value args[5];
        uint32_t n_args;
        struct wire_value kwargs[2];
        uint32_t n_kwargs;
        const char *error;
    } wrong[] = {
        {{number(0)}, 0, {number(0)}, 0, "f: the argument name is missing"},
        {{number(5)}, 1, {number(0)}, 0, "f: name must be a text"},
        {{text("a"), text("")}, 2, {number(0)}, 0, "f: path must be a path"},
        {{text("a"), nul}, 2, {number(0)}, 0, "f: path must be a path"},
        {{text("a")}, 1, {text("name"), text("b")}, 2, "f: name is given twice"},
        {{text("a")}, 1, {text("size"), text("b")}, 2, "f takes no argument named size"},
        {{text("a")},
         1,
         {text("count"), number(-1)},
         2,
         "f: count must be a number that is not negative"},
        {{text("a"), text("b"), number(1), number(1), number(1)},
         5,
         {number(0)},
         0,
         "f takes at most 4 arguments"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(
            bind(fixture, wrong[i].args, wrong[i].n_args, wrong[i].kwargs, wrong[i].n_kwargs),
            -EINVAL);
        assert_string_equal(fixture->error, wrong[i].error);
    }
}

/* g(names…) */
static int bind_rest(struct fixture *fixture, const struct wire_value *args, uint32_t n_args)
{
    const struct value_parameter parameters[] = {
        {"names", VALUE_TEXTS, true, true, &fixture->texts},
        {NULL, VALUE_TEXT, false, false, NULL}};
    struct wire_command_body body = {.args = args, .n_args = n_args};
    return value_bind("g", parameters, &body, &fixture->arena, fixture->error);
}

static void test_value__rest_is_a_list_or_all_that_follows(void **state)
{
    struct fixture *fixture = *state;
    struct wire_value three[] = {text("a"), text("b"), text("c")};
    struct wire_value as_list[] = {list(2), text("x"), text("y")};
    struct wire_value empty[] = {list(0)};
    struct wire_value nested[] = {list(1), list(1), text("x")};
    struct wire_value mixed[] = {list(1), text("x"), text("y")};
    assert_int_equal(bind_rest(fixture, three, 3), 0);
    assert_int_equal(fixture->texts.count, 3);
    assert_true(bytes_equal_str(fixture->texts.items[2], "c"));
    assert_int_equal(bind_rest(fixture, as_list, 3), 0);
    assert_int_equal(fixture->texts.count, 2);
    assert_true(bytes_equal_str(fixture->texts.items[1], "y"));
    assert_int_equal(bind_rest(fixture, empty, 1), 0);
    assert_int_equal(fixture->texts.count, 0);
    assert_int_equal(bind_rest(fixture, nested, 3), -EINVAL);
    assert_int_equal(bind_rest(fixture, mixed, 3), -EINVAL);
    assert_int_equal(bind_rest(fixture, NULL, 0), -EINVAL);
}

static void test_value__result_is_what_the_wire_takes(void **state)
{
    struct fixture *fixture = *state;
    struct value_builder builder = {.arena = &fixture->arena};
    const char *what = NULL;
    value_map(&builder, 4);
    value_key(&builder, "list");
    uint32_t head = value_list(&builder, 0);
    value_int(&builder, -5);
    value_double(&builder, 0.5);
    value_set_count(&builder, head, 2);
    value_key(&builder, "text");
    value_text(&builder, bytes_of_str("größe"));
    value_key(&builder, "bytes");
    value_text(&builder, bytes_of_str("\xff\xfe"));
    value_key(&builder, "none");
    value_null(&builder);
    assert_true(value_is_good(&builder));
    assert_true(wire_values_check(builder.tokens, builder.count, WIRE_VALUES_ONE, &what));
    assert_int_equal(builder.tokens[6].kind, WIRE_VALUE_STRING);
    assert_int_equal(builder.tokens[8].kind, WIRE_VALUE_BYTES);
}

static void test_value__result_over_the_bounds_is_no_good(void **state)
{
    struct fixture *fixture = *state;
    struct value_builder many = {.arena = &fixture->arena}, large = many, poor;
    for (uint32_t i = 0; i <= WIRE_VALUES_MAX; i++)
        value_null(&many);
    assert_false(value_is_good(&many));
    char block[4096];
    memset(block, 'x', sizeof block);
    for (size_t bytes = 0; bytes <= WIRE_RESULT_MAX; bytes += sizeof block)
        value_text(&large, bytes_of(block, sizeof block));
    assert_false(value_is_good(&large));
    struct arena small;
    arena_init(&small, 256);
    poor = (struct value_builder){.arena = &small};
    for (int i = 0; i < 100; i++)
        value_text(&poor, bytes_of_str("some text"));
    value_set_count(&poor, 0, 1);
    assert_false(value_is_good(&poor));
    arena_done(&small);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_value__binds_by_position_and_by_name),
        EACH(test_value__null_keeps_the_default),
        EACH(test_value__texts_say_true_and_false),
        EACH(test_value__wrong_arguments_are_told),
        EACH(test_value__rest_is_a_list_or_all_that_follows),
        EACH(test_value__result_is_what_the_wire_takes),
        EACH(test_value__result_over_the_bounds_is_no_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
