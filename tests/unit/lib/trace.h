/* A call machine whose effects are written down, one word each, and whose shell is the test. */
#ifndef TESTS_UNIT_LIB_TRACE_H
#define TESTS_UNIT_LIB_TRACE_H

#include "base/buffer.h"
#include "call.h"

struct trace {
    struct call *call;
    muster_time now;
    struct buffer text;   /* what happened since the last trace_expect */
    uint64_t hello, ping; /* the last numbers of theirs */
    uint32_t reopens;
};

/* Opens the machine at second 0 with round numbers: retry 3 s, silence 2 s, back-off 1 s … 8 s. */
void trace_start(struct trace *trace, struct call_options options);
void trace_stop(struct trace *trace);
struct call_options trace_options(void);

/* Compares what happened since the last time, checks the invariants, forgets it. */
void trace_expect(struct trace *trace, const char *expected);

/* Jumps from deadline to deadline until that second. A REOPEN is answered by call_opened at once.
 */
void trace_run_to(struct trace *trace, double second);

uint64_t trace_submit(struct trace *trace);
uint64_t trace_read(struct trace *trace, double wait_s);
void trace_ready(struct trace *trace, uint32_t submits_max);
void trace_answer(struct trace *trace, uint64_t request, enum refusal refusal);

#endif
