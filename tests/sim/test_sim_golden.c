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
    stage_expect(stage, "client 0 says SUBMIT 1 commands, sequence 1\n"
                        "fact submitted 1.1\n"
                        "fact leased 1.1 attempt 1 epoch 1 worker 0\n"
                        "broker says SUBMITTED 1+1\n"
                        "broker says COMMANDS 1.1\n"
                        "worker 0 starts 1.1 attempt 1\n"
                        "worker 0: 1.1 attempt 1 ended ok\n"
                        "worker 0 says REPORT 1.1 ok\n"
                        "fact recorded 1.1 attempt 1 pos 1 ok\n"
                        "fact request 1 first 1\n"
                        "broker says RECORDED 1.1 kept\n"
                        "client 0 says READ\n"
                        "broker says RECORDS 1 rows, next 1, head 1\n");
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
    stage_expect(stage, "client 0 says SUBMIT 1 commands, sequence 1\n"
                        "fact submitted 1.1\n"
                        "fact leased 1.1 attempt 1 epoch 1 worker 0\n"
                        "broker says SUBMITTED 1+1\n"
                        "broker says COMMANDS 1.1\n"
                        "worker 0 starts 1.1 attempt 1\n"
                        "broker says WHO_ARE_YOU\n"
                        "client 0 says CLIENT_HELLO\n"
                        "broker says WELCOME\n"
                        "client 0 says SUBMIT 1 commands, sequence 1\n"
                        "broker says SUBMITTED 1+1 duplicate\n");
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
    stage_expect(stage, "client 0 says SUBMIT 1 commands, sequence 1\n"
                        "fact submitted 1.1\n"
                        "fact leased 1.1 attempt 1 epoch 1 worker 0\n"
                        "broker says SUBMITTED 1+1\n"
                        "broker says COMMANDS 1.1\n"
                        "worker 0 starts 1.1 attempt 1\n"
                        "broker is gone\n"
                        "broker starts, epoch 2\n"
                        "broker says WHO_ARE_YOU\n"
                        "worker 0 says WORKER_HELLO 1.1 running\n"
                        "broker says WORKER_WELCOME\n"
                        "worker 0: 1.1 attempt 1 ended ok\n"
                        "worker 0 says REPORT 1.1 ok\n"
                        "fact recorded 1.1 attempt 1 pos 1 ok\n"
                        "fact request 1 first 1\n"
                        "broker says RECORDED 1.1 kept\n");
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
    stage_expect(stage, "client 0 says SUBMIT 1 commands, sequence 1\n"
                        "fact submitted 1.1\n"
                        "fact leased 1.1 attempt 1 epoch 1 worker 0\n"
                        "broker says SUBMITTED 1+1\n"
                        "broker says COMMANDS 1.1\n"
                        "broker says WHO_ARE_YOU\n"
                        "worker 0 says WORKER_HELLO\n"
                        "fact queued 1.1 starts 0\n"
                        "fact leased 1.1 attempt 2 epoch 1 worker 0\n"
                        "broker says WORKER_WELCOME\n"
                        "broker says COMMANDS 1.2\n"
                        "worker 0 starts 1.1 attempt 2\n"
                        "worker 0: 1.1 attempt 2 ended ok\n"
                        "worker 0 says REPORT 1.2 ok\n"
                        "fact recorded 1.1 attempt 2 pos 1 ok\n"
                        "fact request 1 first 1\n"
                        "broker says RECORDED 1.2 kept\n");
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
    stage_expect(stage, "client 0 says SUBMIT 1 commands, sequence 1\n"
                        "fact submitted 1.1\n"
                        "fact leased 1.1 attempt 1 epoch 1 worker 0\n"
                        "broker says SUBMITTED 1+1\n"
                        "broker says COMMANDS 1.1\n"
                        "worker 0 starts 1.1 attempt 1\n"
                        "worker 0: 1.1 attempt 1 ended ok\n"
                        "worker 0 says WORKER_HELLO 1.1 spooled\n"
                        "broker says WORKER_WELCOME\n"
                        "worker 0 says REPORT 1.1 ok\n"
                        "fact recorded 1.1 attempt 1 pos 1 ok\n"
                        "fact request 1 first 1\n"
                        "broker says RECORDED 1.1 kept\n");
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
    stage_expect(stage, "client 0 says SUBMIT 1 commands, sequence 1\n"
                        "fact submitted 1.1\n"
                        "fact leased 1.1 attempt 1 epoch 1 worker 0\n"
                        "broker says SUBMITTED 1+1\n"
                        "broker says COMMANDS 1.1\n"
                        "worker 0 starts 1.1 attempt 1\n"
                        "worker 0 terminates 1.1 attempt 1: cut_off\n"
                        "worker 0: 1.1 attempt 1 ended cancelled\n"
                        "worker 0 says WORKER_HELLO 1.1 gone\n"
                        "fact queued 1.1 starts 1\n"
                        "fact leased 1.1 attempt 2 epoch 1 worker 1\n"
                        "broker says COMMANDS 1.2\n"
                        "worker 1 starts 1.1 attempt 2\n"
                        "worker 1: 1.1 attempt 2 ended ok\n"
                        "worker 1 says REPORT 1.2 ok\n"
                        "fact recorded 1.1 attempt 2 pos 1 ok\n"
                        "fact request 1 first 1\n"
                        "broker says RECORDED 1.2 kept\n"
                        "worker 0 says WORKER_HELLO 1.1 gone\n"
                        "broker says WORKER_WELCOME\n");
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
    stage_expect(stage, "client 0 says SUBMIT 1 commands, sequence 1\n"
                        "fact submitted 1.1\n"
                        "fact leased 1.1 attempt 1 epoch 1 worker 0\n"
                        "broker says SUBMITTED 1+1\n"
                        "broker says COMMANDS 1.1\n"
                        "worker 0 starts 1.1 attempt 1\n"
                        "worker 0: 1.1 attempt 1 ended ok\n"
                        "fact queued 1.1 starts 1\n"
                        "fact leased 1.1 attempt 2 epoch 1 worker 1\n"
                        "broker says COMMANDS 1.2\n"
                        "worker 1 starts 1.1 attempt 2\n"
                        "worker 1: 1.1 attempt 2 ended ok\n"
                        "worker 1 says REPORT 1.2 ok\n"
                        "fact recorded 1.1 attempt 2 pos 1 ok\n"
                        "fact request 1 first 1\n"
                        "broker says RECORDED 1.2 kept\n"
                        "worker 0 says WORKER_HELLO 1.1 spooled\n"
                        "broker says WORKER_WELCOME\n"
                        "worker 0 says REPORT 1.1 ok\n"
                        "fact stale 1.1 attempt 1\n"
                        "broker says RECORDED 1.1 stale\n");
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
    stage_expect(stage, "client 0 says SUBMIT 1 commands, sequence 1\n"
                        "fact submitted 1.1\n"
                        "fact leased 1.1 attempt 1 epoch 1 worker 0\n"
                        "broker says SUBMITTED 1+1\n"
                        "broker says COMMANDS 1.1\n"
                        "worker 0 starts 1.1 attempt 1\n"
                        "worker 0 is gone\n"
                        "worker 0 starts, incarnation 2\n"
                        "worker 0 says WORKER_HELLO 1.1 gone\n"
                        "fact recorded 1.1 attempt 1 pos 1 lost worker_restarted\n"
                        "fact request 1 first 1\n"
                        "broker cannot send BYE: gone\n"
                        "broker says WORKER_WELCOME\n");
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
    stage_expect(stage, "client 0 says SUBMIT 1 commands, sequence 1\n"
                        "fact submitted 1.1\n"
                        "fact leased 1.1 attempt 1 epoch 1 worker 0\n"
                        "broker says SUBMITTED 1+1\n"
                        "broker says COMMANDS 1.1\n"
                        "worker 0 starts 1.1 attempt 1\n"
                        "worker 0: 1.1 attempt 1 ended ok\n"
                        "worker 0 says REPORT 1.1 ok\n"
                        "worker 0 is gone\n"
                        "worker 0 starts, incarnation 2\n"
                        "worker 0 says WORKER_HELLO 1.1 spooled\n"
                        "broker says BYE\n"
                        "broker says WORKER_WELCOME\n"
                        "worker 0 says REPORT 1.1 ok\n"
                        "fact recorded 1.1 attempt 1 pos 1 ok\n"
                        "fact request 1 first 1\n"
                        "broker says RECORDED 1.1 kept\n");
}

/* A cancel meets a command that has just ended: one wins, and the record says which. */
static void a_cancel_races_with_the_end(void **state)
{
    struct stage *stage = *state;
    stage_submit(stage, 1000, false);
    sim_pass(stage->sim, 1003 * MUSTER_MS);
    stage_cancel(stage, true);
    stage_pass(stage, 5000);
    stage_expect(stage, "client 0 says SUBMIT 1 commands, sequence 1\n"
                        "fact submitted 1.1\n"
                        "fact leased 1.1 attempt 1 epoch 1 worker 0\n"
                        "broker says SUBMITTED 1+1\n"
                        "broker says COMMANDS 1.1\n"
                        "worker 0 starts 1.1 attempt 1\n"
                        "client 0 says CANCEL\n"
                        "worker 0: 1.1 attempt 1 ended ok\n"
                        "worker 0 says REPORT 1.1 ok\n"
                        "fact recorded 1.1 attempt 1 pos 1 ok\n"
                        "fact request 1 first 1\n"
                        "broker says RECORDED 1.1 kept\n"
                        "broker says CANCELLED 0 cancelled, 0 stopping\n");
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
    stage_expect(stage, "client 0 says SUBMIT 1 commands, sequence 1\n"
                        "client 0 says SUBMIT 1 commands, sequence 2\n"
                        "client 0 says SUBMIT 1 commands, sequence 3\n"
                        "fact submitted 1.1\n"
                        "fact submitted 1.2\n"
                        "fact submitted 1.3\n"
                        "fact leased 1.1 attempt 1 epoch 1 worker 0\n"
                        "fact leased 1.2 attempt 1 epoch 1 worker 0\n"
                        "broker says SUBMITTED 1+1\n"
                        "broker says SUBMITTED 2+1\n"
                        "broker says SUBMITTED 3+1\n"
                        "broker says COMMANDS 1.1 2.1\n"
                        "worker 0 starts 1.1 attempt 1\n"
                        "worker 0 starts 1.2 attempt 1\n"
                        "client 0 says CANCEL\n"
                        "fact stopping 1.1 cancelled_running\n"
                        "fact stopping 1.2 cancelled_running\n"
                        "fact recorded 1.3 attempt 0 pos 1 cancelled cancelled_queued\n"
                        "fact request 3 first 3\n"
                        "broker says STOP 1.1 cancelled_running\n"
                        "broker says STOP 2.1 cancelled_running\n"
                        "broker says CANCELLED 1 cancelled, 2 stopping\n"
                        "worker 0 terminates 1.1 attempt 1: cancelled_running\n"
                        "worker 0 terminates 1.2 attempt 1: cancelled_running\n"
                        "worker 0: 1.2 attempt 1 ended cancelled\n"
                        "worker 0 says REPORT 2.1 cancelled\n"
                        "fact recorded 1.2 attempt 1 pos 2 cancelled cancelled_running\n"
                        "fact request 2 first 2\n"
                        "broker says RECORDED 2.1 kept\n"
                        "worker 0: 1.1 attempt 1 ended cancelled\n"
                        "worker 0 says REPORT 1.1 cancelled\n"
                        "fact recorded 1.1 attempt 1 pos 3 cancelled cancelled_running\n"
                        "fact request 1 first 1\n"
                        "broker says RECORDED 1.1 kept\n");
}

/* The broker is paused for two leases. Everybody was there all the time: nothing expires, although
 * the command is lost at once when its worker's lease does. */
static void a_late_turn_expires_nothing(void **state)
{
    struct stage *stage = *state;
    stage_submit_brittle(stage, 90000);
    stage_pass(stage, 1000);
    sim_broker_pause(stage->sim);
    stage_pass(stage, 60000);
    sim_broker_resume(stage->sim);
    stage_pass(stage, 100000);
    stage_expect(stage, "client 0 says SUBMIT 1 commands, sequence 1\n"
                        "fact submitted 1.1\n"
                        "fact leased 1.1 attempt 1 epoch 1 worker 0\n"
                        "broker says SUBMITTED 1+1\n"
                        "broker says COMMANDS 1.1\n"
                        "worker 0 starts 1.1 attempt 1\n"
                        "worker 0 says WORKER_HELLO 1.1 running\n"
                        "worker 0 says WORKER_HELLO 1.1 running\n"
                        "worker 0 says WORKER_HELLO 1.1 running\n"
                        "broker is late by 59000 ms\n"
                        "broker cannot send PONG: gone\n"
                        "broker cannot send PONG: gone\n"
                        "broker cannot send PONG: gone\n"
                        "broker cannot send WORKER_WELCOME: gone\n"
                        "broker cannot send WORKER_WELCOME: gone\n"
                        "broker cannot send WORKER_WELCOME: gone\n"
                        "worker 0 says WORKER_HELLO 1.1 running\n"
                        "broker says WORKER_WELCOME\n"
                        "worker 0: 1.1 attempt 1 ended ok\n"
                        "worker 0 says REPORT 1.1 ok\n"
                        "fact recorded 1.1 attempt 1 pos 1 ok\n"
                        "fact request 1 first 1\n"
                        "broker says RECORDED 1.1 kept\n");
}

/* The same command, and its worker is cut off instead: it is lost, and what the worker reports in
 * the end comes too late. */
static void silence_ends_what_may_not_wait(void **state)
{
    struct stage *stage = *state;
    stage_submit_brittle(stage, 50000);
    stage_pass(stage, 1000);
    stage_cut_worker(stage, 0);
    stage_pass(stage, 60000);
    stage_mend_worker(stage, 0);
    stage_pass(stage, 10000);
    stage_expect(stage, "client 0 says SUBMIT 1 commands, sequence 1\n"
                        "fact submitted 1.1\n"
                        "fact leased 1.1 attempt 1 epoch 1 worker 0\n"
                        "broker says SUBMITTED 1+1\n"
                        "broker says COMMANDS 1.1\n"
                        "worker 0 starts 1.1 attempt 1\n"
                        "fact recorded 1.1 attempt 1 pos 1 lost lost_after\n"
                        "fact request 1 first 1\n"
                        "worker 0: 1.1 attempt 1 ended ok\n"
                        "worker 0 says WORKER_HELLO 1.1 spooled\n"
                        "broker says WORKER_WELCOME\n"
                        "worker 0 says REPORT 1.1 ok\n"
                        "fact stale 1.1 attempt 1\n"
                        "broker says RECORDED 1.1 stale\n");
}

/* A hand-out is lost, and the start deadline passes before that is known: the command does not go
 * out again, it has expired. */
static void a_deadline_passes_while_a_hand_out_is_lost(void **state)
{
    struct stage *stage = *state;
    stage_cut_worker(stage, 0);
    stage_submit_within(stage, 2000);
    stage_pass(stage, 4000);
    stage_mend_worker(stage, 0);
    stage_pass(stage, 10000);
    stage_expect(stage, "client 0 says SUBMIT 1 commands, sequence 1\n"
                        "fact submitted 1.1\n"
                        "fact leased 1.1 attempt 1 epoch 1 worker 0\n"
                        "broker says SUBMITTED 1+1\n"
                        "broker says COMMANDS 1.1\n"
                        "broker says WHO_ARE_YOU\n"
                        "worker 0 says WORKER_HELLO\n"
                        "fact queued 1.1 starts 0\n"
                        "fact recorded 1.1 attempt 1 pos 1 expired start_by\n"
                        "fact request 1 first 1\n"
                        "broker says WORKER_WELCOME\n");
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
        STORY(silence_ends_what_may_not_wait, one_worker),
        STORY(a_deadline_passes_while_a_hand_out_is_lost, one_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
