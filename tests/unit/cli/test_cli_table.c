/* Aligned columns. */
#include "tests/unit/cmocka_first.h"

#include <stdlib.h>
#include <string.h>

#include <muster.h>

#include "cli/table.h"

struct fixture {
    struct table table;
    struct buffer text;
};

static int set_up(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    return *state == NULL;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    table_done(&fixture->table);
    buffer_done(&fixture->text);
    free(fixture);
    return 0;
}

static const char *render(struct fixture *fixture, unsigned width, bool color)
{
    buffer_reset(&fixture->text);
    assert_int_equal(table_render(&fixture->table, width, color, &fixture->text), 0);
    return buffer_str(&fixture->text);
}

static void test_table__columns_are_as_wide_as_their_widest_cell(void **state)
{
    struct fixture *fixture = *state;
    table_init(&fixture->table, "HOST|>RUN|WHAT");
    table_add(&fixture->table, "db1");
    table_add(&fixture->table, "5");
    table_add(&fixture->table, "tar");
    table_add(&fixture->table, "web-long");
    table_addf(&fixture->table, "%d", 12345);
    table_add(&fixture->table, "");
    assert_string_equal(render(fixture, 0, false), "HOST        RUN  WHAT\n"
                                                   "db1           5  tar\n"
                                                   "web-long  12345\n");
    assert_int_equal(table_rows(&fixture->table), 2);
}

static void test_table__width_counts_characters_and_not_bytes(void **state)
{
    struct fixture *fixture = *state;
    table_init(&fixture->table, "NAME|X");
    table_add(&fixture->table, "Müller");
    table_add(&fixture->table, "1");
    assert_string_equal(render(fixture, 0, false), "NAME    X\nMüller  1\n");
}

static void test_table__lines_are_cut_at_the_terminals_width(void **state)
{
    struct fixture *fixture = *state;
    table_init(&fixture->table, "ID|WHAT");
    table_add(&fixture->table, "1");
    table_add(&fixture->table, "a very long command");
    assert_string_equal(render(fixture, 10, false), "ID  WHAT\n1   a ver…\n");
}

static void test_table__a_narrow_terminal_cuts_whole_columns(void **state)
{
    struct fixture *fixture = *state;
    table_init(&fixture->table, "LONGHEAD|B|C");
    table_add(&fixture->table, "a");
    table_add(&fixture->table, "b");
    table_add(&fixture->table, "c");
    for (unsigned width = 1; width < 20; width++) {
        const char *line = render(fixture, width, false);
        while (*line != '\0') {
            size_t size = strcspn(line, "\n");
            char *copy = strndup(line, size);
            assert_non_null(copy);
            assert_true(table_text_width(copy) <= width);
            free(copy);
            line += size + 1;
        }
    }
}

static void test_table__control_bytes_cannot_move_the_cursor(void **state)
{
    struct fixture *fixture = *state;
    table_init(&fixture->table, "A");
    table_add(&fixture->table, "x\033[2Jy\tz\rw");
    table_add(&fixture->table, "first\nsecond");
    table_add(&fixture->table, "bad\xff\xfe");
    table_add(&fixture->table, "c1\xc2\x9b!");
    assert_string_equal(render(fixture, 0, false), "A\nx?[2Jy?z?w\nfirst\nbad??\nc1?\?!\n");
}

static void test_table__a_state_has_its_colour_and_keeps_its_width(void **state)
{
    struct fixture *fixture = *state;
    table_init(&fixture->table, "STATE|X");
    table_add_state(&fixture->table, MUSTER_STATE_OK);
    table_add(&fixture->table, "1");
    assert_string_equal(render(fixture, 0, true), "STATE  X\n\033[32mok\033[0m     1\n");
    assert_string_equal(render(fixture, 0, false), "STATE  X\nok     1\n");
}

static void test_table__null_is_an_empty_cell(void **state)
{
    struct fixture *fixture = *state;
    table_init(&fixture->table, "A|B");
    table_add(&fixture->table, NULL);
    table_add(&fixture->table, "b");
    assert_string_equal(render(fixture, 0, false), "A  B\n   b\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_table__columns_are_as_wide_as_their_widest_cell,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_table__width_counts_characters_and_not_bytes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_table__lines_are_cut_at_the_terminals_width, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_table__a_narrow_terminal_cuts_whole_columns, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_table__control_bytes_cannot_move_the_cursor, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_table__a_state_has_its_colour_and_keeps_its_width,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_table__null_is_an_empty_cell, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
