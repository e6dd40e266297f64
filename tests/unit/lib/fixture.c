/* fixture.c -- what the tests of pools, submits and results share. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/cmocka_first.h"

int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->fake = fake_start();
    assert_int_equal(muster_pool_open(&f->pool, f->fake->uri, NULL), 0);
    *state = f;
    return 0;
}

int teardown(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(muster_pool_close(&f->pool), 0);
    fake_stop(f->fake);
    free(f);
    return 0;
}

muster_command *echo(int64_t i)
{
    muster_command *command = muster_command_call("echo");
    assert_non_null(command);
    assert_int_equal(muster_command_arg_int(command, i), 0);
    return command;
}

int64_t submit_echo(struct fixture *f, int64_t i)
{
    muster_command *command = echo(i);
    int64_t id = muster_submit(f->pool, command);
    muster_command_free(command);
    return id;
}

int see(const muster_record *record, void *arg)
{
    struct seen *seen = arg;
    assert_true(seen->n < 64);
    seen->pos[seen->n] = record->pos;
    seen->result[seen->n] = muster_value_int(record->result);
    snprintf(seen->error[seen->n], sizeof seen->error[0], "%s",
             record->error_type ? record->error_type : "");
    seen->n++;
    return seen->n == seen->stop_at;
}
