/* A stage for golden scenarios: a quiet world, a story told step by step, the trace that it must
 * leave. Renewals and the like are left out of the trace. */
#ifndef TESTS_SIM_STAGE_H
#define TESTS_SIM_STAGE_H

#include "sim.h"

struct stage {
    struct sim *sim;
    uint32_t workers;
};

/* Everybody is there and has said hello; the trace is empty. One client, with pool 1. */
void stage_open(struct stage *stage, uint32_t workers);
void stage_close(struct stage *stage);

void stage_pass(struct stage *stage, int64_t ms);
/* One command that runs for so long and ends ok. */
void stage_submit(struct stage *stage, int64_t run_ms, bool rerunnable);
/* One that must not run twice and is lost as soon as its worker's lease expires. */
void stage_submit_brittle(struct stage *stage, int64_t run_ms);
/* One that has to start soon. */
void stage_submit_within(struct stage *stage, int64_t within_ms);
/* Everything of this client. */
void stage_cancel(struct stage *stage, bool running);
void stage_read(struct stage *stage);
/* Nothing passes between this worker, or the client, and the broker. */
void stage_cut_worker(struct stage *stage, uint32_t worker);
void stage_cut_client(struct stage *stage);
/* … and what was in flight is lost with the connection. */
void stage_mend_worker(struct stage *stage, uint32_t worker);
void stage_mend_client(struct stage *stage);

/* The whole trace since the last call. */
void stage_expect(struct stage *stage, const char *lines);
/* Every law was kept. */
void stage_expect_order(struct stage *stage);

#endif
