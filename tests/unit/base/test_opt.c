/* The option parser: one table, command lines and what must come of them. */
#include "tests/unit/cmocka_first.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"

enum { ARGS_MAX = 16 };

struct fixture {
    bool verbose;
    bool color;
    const char *broker;
    uint64_t slots;
    muster_time timeout;
    uint64_t memory;
    struct opt_list labels;
    int parity;
    struct opt_spec table[12];
    const char *argv[ARGS_MAX + 1];
    struct opt_result result;
    struct buffer message;
};

static int parse_parity(void *target, const char *value, struct buffer *message)
{
    if (strcmp(value, "odd") != 0 && strcmp(value, "even") != 0) {
        buffer_append_str(message, "must be odd or even");
        return -EINVAL;
    }
    *(int *)target = strcmp(value, "odd") == 0;
    return 0;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    f->color = true;
    f->slots = 4;
    const struct opt_spec table[] = {
        {.kind = OPT_HEADING, .help = "Where"},
        {.name = "broker",
         .letter = 'b',
         .kind = OPT_STRING,
         .metavar = "ENDPOINT",
         .help = "endpoint of the broker",
         .target = &f->broker},
        {.name = "label",
         .letter = 'l',
         .kind = OPT_LIST,
         .metavar = "K=V",
         .help = "a label of this host; may be given again and again",
         .target = &f->labels},
        {.kind = OPT_HEADING, .help = "How"},
        {.name = "slots",
         .letter = 'n',
         .kind = OPT_U64,
         .help = "commands at a time",
         .target = &f->slots,
         .min = 1,
         .max = 1024},
        {.name = "timeout",
         .kind = OPT_DURATION,
         .help = "longest run time",
         .target = &f->timeout,
         .min = (uint64_t)MUSTER_S},
        {.name = "memory-at-most",
         .letter = 'm',
         .kind = OPT_SIZE,
         .help = "memory that one command may use before it is ended",
         .target = &f->memory},
        {.name = "verbose",
         .letter = 'v',
         .kind = OPT_FLAG,
         .help = "say more",
         .target = &f->verbose},
        {.name = "color",
         .letter = 'c',
         .kind = OPT_FLAG,
         .help = "in colour",
         .target = &f->color},
        {.name = "parity",
         .kind = OPT_CALL,
         .help = "odd or even",
         .target = &f->parity,
         .call = parse_parity},
        {.name = "secret", .kind = OPT_FLAG, .target = &f->verbose},
        OPT_END,
    };
    memcpy(f->table, table, sizeof table);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    opt_list_done(&f->labels);
    buffer_done(&f->message);
    free(f);
    return 0;
}

/* Parses "program" and the words of the line, which are separated by single blanks. */
static int parse(struct fixture *f, unsigned flags, const char *line)
{
    static char words[256];
    int argc = 0;
    f->argv[argc++] = "program";
    strcpy(words, line);
    char *rest = words;
    while (rest && *rest != '\0')
        f->argv[argc++] = strsep(&rest, " ");
    f->argv[argc] = NULL;
    buffer_reset(&f->message);
    return opt_parse(f->table, flags, argc, f->argv, &f->result, &f->message);
}

static void assert_refused(struct fixture *f, const char *line, const char *message)
{
    assert_int_equal(parse(f, 0, line), -EINVAL);
    assert_string_equal(buffer_str(&f->message), message);
}

static void test_opt__all_spellings_of_values(void **state)
{
    struct fixture *f = *state;
    static const char *const lines[] = {"--broker x --slots 7", "--broker=x --slots=7", "-b x -n 7",
                                        "-bx -n7"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        f->broker = NULL;
        f->slots = 0;
        assert_int_equal(parse(f, 0, lines[i]), 0);
        assert_string_equal(f->broker, "x");
        assert_int_equal(f->slots, 7);
        assert_int_equal(f->result.operand_count, 0);
    }
    assert_int_equal(parse(f, 0, "--broker= --timeout 1m30s --memory-at-most 10G"), 0);
    assert_string_equal(f->broker, "");
    assert_int_equal(f->timeout, 90 * MUSTER_S);
    assert_true(f->memory == UINT64_C(10) << 30);
}

static void test_opt__flags_cluster_and_can_be_taken_back(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, 0, "--no-color"), 0);
    assert_false(f->color);
    assert_int_equal(parse(f, 0, "-vcn3"), 0);
    assert_true(f->verbose && f->color);
    assert_int_equal(f->slots, 3);
    assert_int_equal(parse(f, 0, "--verbose --no-verbose"), 0);
    assert_false(f->verbose);
    assert_int_equal(parse(f, 0, "--secret"), 0);
    assert_true(f->verbose);
}

static void test_opt__lists_grow_and_calls_parse_themselves(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, 0, "-l a=1 --label b=2 -lc --parity odd"), 0);
    assert_int_equal(f->labels.count, 3);
    assert_string_equal(f->labels.items[0], "a=1");
    assert_string_equal(f->labels.items[2], "c");
    assert_int_equal(f->parity, 1);
    assert_refused(f, "--parity=3", "option --parity: must be odd or even");
}

static void test_opt__operands_keep_their_order(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, 0, "one -v two - --slots 2 three"), 0);
    assert_int_equal(f->result.operand_count, 4);
    assert_string_equal(f->result.operands[0], "one");
    assert_string_equal(f->result.operands[1], "two");
    assert_string_equal(f->result.operands[2], "-");
    assert_string_equal(f->result.operands[3], "three");
    assert_null(f->result.operands[4]);
    assert_false(f->result.has_dashes);
}

static void test_opt__two_dashes_end_the_options(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, 0, "file -v -- ls --broker -- x"), 0);
    assert_true(f->result.has_dashes);
    assert_int_equal(f->result.dashes_at, 1);
    assert_int_equal(f->result.operand_count, 5);
    assert_string_equal(f->result.operands[1], "ls");
    assert_string_equal(f->result.operands[2], "--broker");
    assert_string_equal(f->result.operands[3], "--");
    assert_null(f->broker);
}

static void test_opt__a_verb_can_end_the_options(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, OPT_STOP_AT_OPERAND, "-v run --slots 9 -- x"), 0);
    assert_true(f->verbose);
    assert_int_equal(f->slots, 4);
    assert_int_equal(f->result.operand_count, 5);
    assert_string_equal(f->result.operands[0], "run");
    assert_string_equal(f->result.operands[3], "--");
    assert_false(f->result.has_dashes);
    assert_int_equal(parse(f, OPT_STOP_AT_OPERAND, ""), 0);
    assert_int_equal(f->result.operand_count, 0);
}

static void test_opt__refusals_say_what_is_wrong(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "--slot 3", "unknown option --slot, did you mean --slots?");
    assert_refused(f, "--bogus=3", "unknown option --bogus");
    assert_refused(f, "--no-slots", "unknown option --no-slots");
    assert_refused(f, "-x", "unknown option -x");
    assert_refused(f, "-slots", "unknown option -s, did you mean --slots?");
    assert_refused(f, "--slots", "option --slots needs a value");
    assert_refused(f, "-n", "option -n needs a value");
    assert_refused(f, "--verbose=yes", "option --verbose takes no value");
    assert_refused(f, "--slots many", "option --slots: many is not a whole number");
    assert_refused(f, "-n 0", "option -n: 0 is out of range: 1 to 1024");
    assert_refused(f, "--timeout 5",
                   "option --timeout: 5 is not a duration such as 90s, 5m, 2h or 250ms");
    assert_refused(f, "--timeout 5ms", "option --timeout: 5ms is out of range: at least 1.0s");
    assert_refused(f, "--memory-at-most 99999999P",
                   "option --memory-at-most: 99999999P is out of range: too large");
    assert_refused(f, "--\x1b[m", "unknown option \"--\\x1b[m\"");
    assert_int_equal(f->slots, 4);
}

static void test_opt__hidden_options_are_not_hinted_at(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "--secre", "unknown option --secre");
}

static void test_opt__help_is_made_from_the_table_and_wrapped(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(opt_append_help(&f->message, f->table, 60), 0);
    assert_string_equal(buffer_str(&f->message),
                        "Where:\n"
                        "  -b, --broker ENDPOINT     endpoint of the broker\n"
                        "  -l, --label K=V…          a label of this host; may be\n"
                        "                            given again and again\n"
                        "\n"
                        "How:\n"
                        "  -n, --slots N             commands at a time\n"
                        "      --timeout DURATION    longest run time\n"
                        "  -m, --memory-at-most SIZE\n"
                        "                            memory that one command may use\n"
                        "                            before it is ended\n"
                        "  -v, --verbose             say more\n"
                        "  -c, --color               in colour\n"
                        "      --parity VALUE        odd or even\n");
}

static void test_opt__wrapped_text_keeps_its_paragraphs(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        opt_append_wrapped(&f->message, "one two three\n\nfour a-very-long-word five", 2, 12), 0);
    assert_string_equal(buffer_str(&f->message),
                        "  one two\n  three\n\n  four\n  a-very-long-word\n  five\n");
    assert_true(opt_columns() >= 40 && opt_columns() <= 120);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_opt__all_spellings_of_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_opt__flags_cluster_and_can_be_taken_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_opt__lists_grow_and_calls_parse_themselves, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_opt__operands_keep_their_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_opt__two_dashes_end_the_options, setup, teardown),
        cmocka_unit_test_setup_teardown(test_opt__a_verb_can_end_the_options, setup, teardown),
        cmocka_unit_test_setup_teardown(test_opt__refusals_say_what_is_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(test_opt__hidden_options_are_not_hinted_at, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_opt__help_is_made_from_the_table_and_wrapped, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_opt__wrapped_text_keeps_its_paragraphs, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
