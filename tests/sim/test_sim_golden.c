/*
 * Golden scenarios: a story, then the trace that it must leave. Times are left out; the order of
 * what is said, committed and run is the whole of it.
 */
#include "tests/unit/cmocka_first.h"

#include <stdlib.h>

#include "stage.h"

static int open_one(void **state)
{
    struct stage *stage = calloc(1, sizeof *stage);
    stage_open(stage, 1);
    *state = stage;
    return 0;
}

static int open_two(void **state)
{
    struct stage *stage = calloc(1, sizeof *stage);
    stage_open(stage, 2);
    *state = stage;
    return 0;
}

static int close_stage(void **state)
{
    stage_close(*state);
    free(*state);
    return 0;
}

/* A command is submitted, handed out in the same turn, run, recorded, and read. */
static void submitted_run_recorded_read(void **state)
{
    struct stage *stage = *state;
    stage_submit(stage, 100, false);
    stage_pass(stage, 500);
    stage_read(stage);
    stage_pass(stage, 100);
    stage_expect(stage, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(submitted_run_recorded_read, open_one, close_stage),
    };
    (void)open_two;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
