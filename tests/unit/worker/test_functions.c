/* The functions that the agent runs itself, and what they say about wrong arguments. */
#include "tests/unit/cmocka_first.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/time.h"
#include "proto/wire.h"
#include "worker/functions.h"

struct fixture {
    struct functions *functions;
    struct arena arena;
};

static const char *const RUNNERS[] = {"exec", "put", "echo", NULL};

static int setup(void **state)
{
    static struct fixture fixture;
    fixture.functions = functions_new(RUNNERS);
    arena_init(&fixture.arena, 16 << 20);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    functions_free(f->functions);
    arena_done(&f->arena);
    return 0;
}

#define S(text) ((struct wire_value){.kind = WIRE_VALUE_STRING, .data = bytes_of_str(text)})
#define I(number) ((struct wire_value){.kind = WIRE_VALUE_INT, .integer = (number)})
#define D(number) ((struct wire_value){.kind = WIRE_VALUE_DOUBLE, .real = (number)})
#define L(items) ((struct wire_value){.kind = WIRE_VALUE_LIST, .count = (items)})

static struct function_outcome call_echo(struct fixture *f, const struct wire_command_body *body)
{
    struct function_outcome outcome;
    const struct function *echo = functions_find(f->functions, bytes_of_str("echo"));
    assert_int_equal(echo->how, FUNCTION_INLINE);
    echo->call(body, &f->arena, &outcome);
    return outcome;
}

static void expect_tokens(const struct function_outcome *outcome, const struct wire_value *expected,
                          uint32_t count)
{
    assert_int_equal(outcome->state, STATE_OK);
    assert_int_equal(outcome->reason, REASON_NONE);
    assert_int_equal(outcome->body.n_result, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct wire_value *got = &outcome->body.result[i];
        assert_int_equal(got->kind, expected[i].kind);
        assert_int_equal(got->count, expected[i].count);
        assert_int_equal(got->integer, expected[i].integer);
        assert_true(bytes_equal(got->data, expected[i].data));
    }
    const char *what;
    assert_true(wire_values_check(outcome->body.result, count, WIRE_VALUES_ONE, &what));
}

static void test_functions__registry_knows_each_name_once(void **state)
{
    struct fixture *f = *state;
    uint32_t count;
    functions_names(f->functions, &count);
    assert_int_equal(count, 4); /* the runner's echo does not replace the inline one */
    assert_int_equal(functions_find(f->functions, bytes_of_str("put"))->how, FUNCTION_RUNNER);
    assert_int_equal(functions_find(f->functions, bytes_of_str("sleep"))->how, FUNCTION_TIMER);
    assert_null(functions_find(f->functions, bytes_of_str("ech")));
    assert_null(functions_find(f->functions, bytes_of_str("")));
}

static void test_echo__returns_what_it_was_given(void **state)
{
    struct fixture *f = *state;
    struct wire_value args[] = {I(1), L(2), S("a"), S("b")};
    struct wire_value kwargs[] = {S("k"), I(2)};
    struct function_outcome outcome = call_echo(f, &(struct wire_command_body){0});
    expect_tokens(&outcome, (struct wire_value[]){{.kind = WIRE_VALUE_NULL}}, 1);

    outcome = call_echo(f, &(struct wire_command_body){.args = args + 1, .n_args = 3});
    expect_tokens(&outcome, args + 1, 3);

    outcome = call_echo(f, &(struct wire_command_body){.args = args, .n_args = 4});
    expect_tokens(&outcome, (struct wire_value[]){L(2), I(1), L(2), S("a"), S("b")}, 5);

    struct wire_value map = {.kind = WIRE_VALUE_MAP, .count = 1};
    outcome = call_echo(f, &(struct wire_command_body){.kwargs = kwargs, .n_kwargs = 2});
    expect_tokens(&outcome, (struct wire_value[]){map, S("k"), I(2)}, 3);

    outcome = call_echo(
        f, &(struct wire_command_body){.args = args, .n_args = 1, .kwargs = kwargs, .n_kwargs = 2});
    expect_tokens(&outcome, (struct wire_value[]){L(2), I(1), map, S("k"), I(2)}, 5);
}

static void test_echo__of_the_deepest_arguments_fails_with_clear_words(void **state)
{
    struct fixture *f = *state;
    struct wire_value args[WIRE_VALUE_DEPTH_MAX + 2];
    uint32_t n = 0;
    while (n < WIRE_VALUE_DEPTH_MAX)
        args[n++] = L(1);
    args[n++] = I(1);
    const char *what;
    assert_true(wire_values_check(args, n, WIRE_VALUES_ONE, &what));
    args[n++] = I(2);
    struct function_outcome outcome =
        call_echo(f, &(struct wire_command_body){.args = args, .n_args = n});
    assert_int_equal(outcome.state, STATE_FAILED);
    assert_int_equal(outcome.reason, REASON_BAD_ARGUMENTS);
    assert_true(bytes_equal_str(outcome.body.failure.type, "ValueError"));
    assert_true(outcome.body.failure.message.size > 0);
    assert_int_equal(outcome.body.n_result, 0);
}

struct sleep_case {
    struct wire_value value;
    int64_t ns;       /* when type is NULL */
    const char *type; /* of the failure */
    const char *message;
};

static void test_sleep__takes_seconds_or_a_duration(void **state)
{
    static const char TAKES[] =
        "sleep takes a number of seconds or a duration such as \"250ms\", not ";
    struct fixture *f = *state;
    const struct function *sleep = functions_find(f->functions, bytes_of_str("sleep"));
    struct sleep_case cases[] = {
        {I(2), 2 * MUSTER_S, NULL, NULL},
        {I(0), 0, NULL, NULL},
        {D(0.25), 250 * MUSTER_MS, NULL, NULL},
        {S("250ms"), 250 * MUSTER_MS, NULL, NULL},
        {S("2h"), 7200 * MUSTER_S, NULL, NULL},
        {S("1.5"), 1500 * MUSTER_MS, NULL, NULL},
        {S("3"), 3 * MUSTER_S, NULL, NULL},
        {S("soon"), 0, "TypeError", "this string"},
        {S("-1"), 0, "TypeError", "this string"},
        {S("1.2.3"), 0, "TypeError", "this string"},
        {S(""), 0, "TypeError", "this string"},
        {L(0), 0, "TypeError", "a list"},
        {{.kind = WIRE_VALUE_BOOL, .integer = 1}, 0, "TypeError", "a bool"},
        {{.kind = WIRE_VALUE_NULL}, 0, "TypeError", "null"},
        {I(-1), 0, "ValueError", NULL},
        {D((double)NAN), 0, "ValueError", NULL},
        {D((double)INFINITY), 0, "ValueError", NULL},
        {I(INT64_MAX), 0, "ValueError", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wire_command_body body = {.args = &cases[i].value, .n_args = 1};
        struct function_outcome outcome;
        int64_t ns = -1;
        int r = sleep->timer(&body, &f->arena, &ns, &outcome);
        if (!cases[i].type) {
            assert_int_equal(r, 0);
            assert_true(ns == cases[i].ns);
            continue;
        }
        assert_int_equal(r, -EINVAL);
        assert_int_equal(outcome.state, STATE_FAILED);
        assert_int_equal(outcome.reason, REASON_BAD_ARGUMENTS);
        assert_true(bytes_equal_str(outcome.body.failure.type, cases[i].type));
        struct bytes message = outcome.body.failure.message;
        if (cases[i].message) {
            assert_true(bytes_starts_with(message, bytes_of_str(TAKES)));
            assert_true(
                bytes_equal_str(bytes_slice(message, sizeof TAKES - 1, 99), cases[i].message));
        }
    }
}

static void test_sleep__takes_exactly_one_argument_by_either_name(void **state)
{
    struct fixture *f = *state;
    const struct function *sleep = functions_find(f->functions, bytes_of_str("sleep"));
    struct wire_value two[] = {I(1), I(2)}, named[] = {S("seconds"), I(4)},
                      wrong[] = {S("s"), I(4)};
    struct function_outcome outcome;
    int64_t ns;
    struct wire_command_body body = {.args = two, .n_args = 2};
    assert_int_equal(sleep->timer(&body, &f->arena, &ns, &outcome), -EINVAL);
    assert_true(bytes_equal_str(outcome.body.failure.message,
                                "sleep takes one argument: SECONDS; it got 2"));
    body = (struct wire_command_body){.kwargs = named, .n_kwargs = 2};
    assert_int_equal(sleep->timer(&body, &f->arena, &ns, &outcome), 0);
    assert_true(ns == 4 * MUSTER_S);
    body = (struct wire_command_body){.kwargs = wrong, .n_kwargs = 2};
    assert_int_equal(sleep->timer(&body, &f->arena, &ns, &outcome), -EINVAL);
    assert_true(bytes_equal_str(outcome.body.failure.message,
                                "sleep has no argument \"s\"; it has: seconds"));
    body = (struct wire_command_body){0};
    assert_int_equal(sleep->timer(&body, &f->arena, &ns, &outcome), -EINVAL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_functions__registry_knows_each_name_once),
        TEST(test_echo__returns_what_it_was_given),
        TEST(test_echo__of_the_deepest_arguments_fails_with_clear_words),
        TEST(test_sleep__takes_seconds_or_a_duration),
        TEST(test_sleep__takes_exactly_one_argument_by_either_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
