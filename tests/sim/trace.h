/* What happened, line by line: hashed always, printed or kept when somebody wants to read it. */
#ifndef TESTS_SIM_TRACE_H
#define TESTS_SIM_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct sim;

enum trace_kind {
    TRACE_PROCESS = 1, /* starts, ends, faults */
    TRACE_FRAME = 2,   /* what leaves towards a peer */
    TRACE_FACT = 4,    /* what was committed */
    TRACE_RUN = 8,     /* executions on workers */
    TRACE_CLIENT = 16, /* how requests end */
    TRACE_CORE = 32,   /* the core's own lines */
    TRACE_LAW = 64,
    TRACE_NOISE = 128 /* frames that only say that somebody is there */
};

struct trace {
    uint64_t hash;
    uint64_t lines;
    unsigned print; /* kinds that go to stdout */
    unsigned keep;  /* kinds that go to `kept`, for golden scenarios */
    struct buffer kept;
};

void trace_init(struct trace *trace, unsigned print);
void trace_done(struct trace *trace);
void trace_line(struct sim *sim, enum trace_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
