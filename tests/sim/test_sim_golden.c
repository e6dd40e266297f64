/*
 * Golden scenarios: a story, then the trace that it must leave. Times are left out; the order of
 * what is said, committed and run is the whole of it. Lease 30 s, renewal 5 s, two slots a worker;
 * a frame takes 1 ms, a sync 1 ms.
 */
#include "tests/unit/cmocka_first.h"

#include <stdlib.h>

#include "base/assert.h"
#include "stage.h"

static int open_stage(void **state, uint32_t workers)
{
    struct stage *stage = calloc(1, sizeof *stage);
    MUST(stage != NULL);
    stage_open(stage, workers);
    *state = stage;
    return 0;
}

static int one_worker(void **state)
{
    return open_stage(state, 1);
}

static int two_workers(void **state)
{
    return open_stage(state, 2);
}

static int close_stage(void **state)
{
    stage_close(*state);
    free(*state);
    return 0;
}

/* Submitted, handed out in the same turn, run, recorded, read. */
static void a_command_runs_and_is_read(void **state)
{
    struct stage *stage = *state;
    stage_submit(stage, 100, false);
    stage_pass(stage, 500);
    stage_read(stage);
    stage_pass(stage, 100);
    stage_expect(stage, "");
}

/* The answer to a submit is lost. The client asks again under the same sequence and gets the same
 * command. */
static void a_lost_answer_is_asked_for_again(void **state)
{
    struct stage *stage = *state;
    stage_submit(stage, 20000, false);
    sim_pass(stage->sim, 2 * MUSTER_MS); /* it has arrived, the answer has not */
    stage_cut_client(stage);
    stage_pass(stage, 100);
    stage_mend_client(stage);
    stage_pass(stage, 10000);
    stage_expect(stage, "");
}

/* The broker dies while a command runs. The next one adopts it: nothing runs twice. */
static void a_restarted_broker_adopts_what_runs(void **state)
{
    struct stage *stage = *state;
    stage_submit(stage, 5000, false);
    stage_pass(stage, 1000);
    sim_broker_kill(stage->sim);
    stage_pass(stage, 2000);
    sim_broker_start(stage->sim);
    stage_pass(stage, 10000);
    stage_expect(stage, "");
}

/* A hand-out is lost with the connection. HELLO does not list it: it goes out again as another
 * attempt, and no start is spent. */
static void a_hand_out_that_never_arrived_is_handed_out_again(void **state)
{
    struct stage *stage = *state;
    stage_cut_worker(stage, 0);
    stage_submit(stage, 100, false);
    stage_pass(stage, 500);
    stage_mend_worker(stage, 0);
    stage_pass(stage, 10000);
    stage_expect(stage, "");
}

/* A worker is cut off for longer than its lease. What must not run twice stays running, and its
 * late record is accepted. */
static void a_late_record_is_accepted(void **state)
{
    struct stage *stage = *state;
    stage_submit(stage, 20000, false);
    stage_pass(stage, 1000);
    stage_cut_worker(stage, 0);
    stage_pass(stage, 60000);
    stage_mend_worker(stage, 0);
    stage_pass(stage, 10000);
    stage_expect(stage, "");
}

/* A worker is cut off for longer than its lease. What may run twice ends there before it starts
 * elsewhere. */
static void a_rerunnable_command_moves_to_another_worker(void **state)
{
    struct stage *stage = *state;
    stage_submit(stage, 25000, true);
    stage_pass(stage, 1000);
    stage_cut_worker(stage, 0);
    stage_pass(stage, 60000);
    stage_mend_worker(stage, 0);
    stage_pass(stage, 10000);
    stage_expect(stage, "");
}

/* A paused worker comes back after its command was run by another: its record is stale. */
static void a_record_of_an_old_attempt_is_stale(void **state)
{
    struct stage *stage = *state;
    stage_submit(stage, 10000, true);
    stage_pass(stage, 1000);
    sim_worker_pause(&stage->sim->workers[0]);
    stage_pass(stage, 60000);
    sim_worker_resume(stage->sim, &stage->sim->workers[0]);
    stage_pass(stage, 10000);
    stage_expect(stage, "");
}

/* A worker is killed while a command runs. Its next incarnation knows that it had started: lost. */
static void a_worker_that_restarts_reports_what_is_lost(void **state)
{
    struct stage *stage = *state;
    stage_submit(stage, 20000, false);
    stage_pass(stage, 1000);
    sim_worker_kill(stage->sim, &stage->sim->workers[0], false);
    stage_pass(stage, 1000);
    sim_worker_start(stage->sim, &stage->sim->workers[0]);
    stage_pass(stage, 10000);
    stage_expect(stage, "");
}

/* A worker is killed after a command has ended and before anybody has heard of it. The record is in
 * its spool. */
static void a_record_survives_its_worker(void **state)
{
    struct stage *stage = *state;
    stage_submit(stage, 2000, false);
    stage_pass(stage, 1000);
    stage_cut_worker(stage, 0);
    stage_pass(stage, 2000);
    sim_worker_kill(stage->sim, &stage->sim->workers[0], false);
    stage_mend_worker(stage, 0);
    sim_worker_start(stage->sim, &stage->sim->workers[0]);
    stage_pass(stage, 10000);
    stage_expect(stage, "");
}

/* A cancel meets a command that has just ended: one wins, and the record says which. */
static void a_cancel_races_with_the_end(void **state)
{
    struct stage *stage = *state;
    stage_submit(stage, 1000, false);
    sim_pass(stage->sim, 1003 * MUSTER_MS);
    stage_cancel(stage, true);
    stage_pass(stage, 5000);
    stage_expect(stage, "");
}

/* A cancel of one that runs and one that waits: the first is ended, the second never starts. */
static void a_cancel_ends_what_runs(void **state)
{
    struct stage *stage = *state;
    for (int i = 0; i < 3; i++)
        stage_submit(stage, 20000, false);
    stage_pass(stage, 1000);
    stage_cancel(stage, true);
    stage_pass(stage, 5000);
    stage_expect(stage, "");
}

/* The broker is paused for two leases. Everybody was there all the time: nothing expires. */
static void a_late_turn_expires_nothing(void **state)
{
    struct stage *stage = *state;
    stage_submit(stage, 90000, true);
    stage_pass(stage, 1000);
    sim_broker_pause(stage->sim);
    stage_pass(stage, 10000);
    sim_broker_resume(stage->sim);
    stage_pass(stage, 100000);
    stage_expect(stage, "");
}

int main(void)
{
#define STORY(story, workers) cmocka_unit_test_setup_teardown(story, workers, close_stage)
    const struct CMUnitTest tests[] = {
        STORY(a_command_runs_and_is_read, one_worker),
        STORY(a_lost_answer_is_asked_for_again, one_worker),
        STORY(a_restarted_broker_adopts_what_runs, one_worker),
        STORY(a_hand_out_that_never_arrived_is_handed_out_again, one_worker),
        STORY(a_late_record_is_accepted, one_worker),
        STORY(a_rerunnable_command_moves_to_another_worker, two_workers),
        STORY(a_record_of_an_old_attempt_is_stale, two_workers),
        STORY(a_worker_that_restarts_reports_what_is_lost, one_worker),
        STORY(a_record_survives_its_worker, one_worker),
        STORY(a_cancel_races_with_the_end, one_worker),
        STORY(a_cancel_ends_what_runs, one_worker),
        STORY(a_late_turn_expires_nothing, one_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
