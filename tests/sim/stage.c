/* stage.c -- see stage.h. */
#include "tests/unit/cmocka_first.h"

#include "stage.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

void stage_open(struct stage *stage, uint32_t workers)
{
    struct swarm swarm;
    swarm_quiet(&swarm);
    swarm.workers = workers;
    struct sim *sim = stage->sim = sim_new(4, &swarm, 0, 0);
    sim->script = true;
    sim->clients[0].pool = "default"; /* pool 1 */
    sim_broker_start(sim);
    for (uint32_t i = 0; i < workers; i++)
        sim_worker_start(sim, &sim->workers[i]);
    sim_client_start(sim, &sim->clients[0]);
    stage_pass(stage, 2000);
    sim->trace.keep = TRACE_PROCESS | TRACE_FRAME | TRACE_FACT | TRACE_RUN;
}

void stage_close(struct stage *stage)
{
    sim_free(stage->sim);
}

void stage_pass(struct stage *stage, int64_t ms)
{
    sim_pass(stage->sim, ms * MUSTER_MS);
    stage_expect_order(stage);
}

static void submit(struct stage *stage, int64_t run_ms, const struct law_order *order)
{
    MUST(sim_ask_submit(stage->sim, &stage->sim->clients[0], order, 1, run_ms * MUSTER_MS,
                        HOW_OK) != NULL);
}

void stage_submit(struct stage *stage, int64_t run_ms, bool rerunnable)
{
    submit(stage, run_ms, &(struct law_order){.rerunnable = rerunnable});
}

void stage_submit_brittle(struct stage *stage, int64_t run_ms)
{
    submit(stage, run_ms, &(struct law_order){.lost_after_ns = 1});
}

void stage_submit_within(struct stage *stage, int64_t within_ms)
{
    submit(stage, 100, &(struct law_order){.within_ns = within_ms * MUSTER_MS});
}

void stage_cancel(struct stage *stage, bool running)
{
    struct sim_client *c = &stage->sim->clients[0];
    struct op *op = sim_client_op(c, OP_CANCEL, WIRE_CANCEL);
    MUST(op != NULL);
    op->message.as.cancel.mine = true;
    op->message.as.cancel.running = running;
    MUST(sim_client_begin(stage->sim, c, op, 0, MUSTER_NEVER));
}

void stage_read(struct stage *stage)
{
    struct sim_client *c = &stage->sim->clients[0];
    struct op *op = sim_client_op(c, OP_READ, WIRE_READ);
    MUST(op != NULL);
    op->message.as.read.from_pos = c->read_to;
    MUST(sim_client_begin(stage->sim, c, op, 0, MUSTER_NEVER));
}

void stage_cut_worker(struct stage *stage, uint32_t worker)
{
    network_cut(stage->sim, worker, true, true);
}

void stage_cut_client(struct stage *stage)
{
    network_cut(stage->sim, WORKERS_MAX, true, true);
}

void stage_mend_worker(struct stage *stage, uint32_t worker)
{
    network_mend(stage->sim, worker, true);
}

void stage_mend_client(struct stage *stage)
{
    network_mend(stage->sim, WORKERS_MAX, true);
}

void stage_expect(struct stage *stage, const char *lines)
{
    struct buffer *kept = &stage->sim->trace.kept;
    if (strcmp(buffer_str(kept), lines) != 0)
        fprintf(stderr, "---- expected\n%s---- got\n%s----\n", lines, buffer_str(kept));
    assert_string_equal(buffer_str(kept), lines);
    buffer_reset(kept);
}

void stage_expect_order(struct stage *stage)
{
    const struct laws *laws = &stage->sim->laws;
    if (laws->broken)
        fail_msg("%s: %s", laws->law, laws->text);
}
