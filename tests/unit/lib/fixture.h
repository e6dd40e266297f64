/* A pool of the library at a fake broker, and what was seen of its records. */
#ifndef TESTS_UNIT_LIB_FIXTURE_H
#define TESTS_UNIT_LIB_FIXTURE_H

#include <muster.h>
#include <stdint.h>

#include "fake_broker.h"

struct fixture {
    struct fake *fake;
    muster_pool *pool;
};

struct seen {
    int64_t pos[64];
    int64_t result[64];
    char error[64][32];
    int n;
    int stop_at; /* stop with the n-th, 0: never */
};

/* cmocka: *state is the struct fixture. */
int setup(void **state);
int teardown(void **state);

muster_command *echo(int64_t i);
int64_t submit_echo(struct fixture *f, int64_t i);
/* A muster_record_fn for a struct seen. */
int see(const muster_record *record, void *arg);

#endif
