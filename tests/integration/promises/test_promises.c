/*
 * What Muster promises, kept by real programs that are killed, stopped and restarted. Each test
 * names the sentence that it covers.
 */
#include "cluster.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MANY = 300 };

static void test_s1__what_was_acknowledged_survives_kill_9_of_the_broker(void **state)
{
    struct cluster *c = *state;
    cluster_start_broker(c);
    c->pool = cluster_open(c, "s1");
    for (int i = 0; i < MANY; i++)
        assert_int_equal(submit_echo(c, i), i + 1);
    cluster_kill_broker(c, SIGKILL);
    cluster_start_broker(c);
    cluster_start_worker(c, 0, "a", "2", NULL);
    good(c->pool, muster_wait_all(c->pool, 60000));
    cluster_read_all(c);
    assert_int_equal(c->n_seen, MANY);
    for (int i = 1; i <= MANY; i++)
        assert_int_equal(c->seen[cluster_find(c, i)].state, MUSTER_STATE_OK);
}

static void test_s2__a_request_id_is_one_command_also_after_a_restart(void **state)
{
    struct cluster *c = *state;
    cluster_start_broker(c);
    c->pool = cluster_open(c, "s2");
    muster_command *command = shell("echo one");
    assert_int_equal(muster_command_set_request_id(command, "nightly-2026-11-28"), 0);
    int64_t id = good(c->pool, muster_submit(c->pool, command));
    assert_int_equal(good(c->pool, muster_submit(c->pool, command)), id);
    cluster_kill_broker(c, SIGKILL);
    cluster_start_broker(c);
    muster_pool *other = cluster_open(c, "s2");
    assert_int_equal(good(other, muster_submit(other, command)), id);
    muster_command *another = shell("echo two");
    assert_int_equal(muster_command_set_request_id(another, "nightly-2026-11-28"), 0);
    assert_int_equal(muster_submit(other, another), MUSTER_EREQUESTREUSED);
    assert_int_equal(good(other, muster_queue_length(other)), 1);
    muster_command_free(command);
    muster_command_free(another);
    muster_pool_close(&other);
}

static void test_s3__one_slot_runs_by_priority_then_track_id(void **state)
{
    struct cluster *c = *state;
    static const int priority[] = {5, 0, -5, 0, 5, -5, 0};
    static const int64_t expected[] = {3, 6, 2, 4, 7, 1, 5};
    cluster_start_broker(c);
    c->pool = cluster_open(c, "s3");
    for (int i = 0; i < 7; i++) {
        muster_command *command = shell("true");
        muster_command_set_priority(command, priority[i]);
        good(c->pool, muster_submit(c->pool, command));
        muster_command_free(command);
    }
    cluster_start_worker(c, 0, "a", "1", NULL);
    good(c->pool, muster_wait_all(c->pool, 60000));
    cluster_read_all(c);
    for (int i = 0; i < 7; i++)
        assert_int_equal(c->seen[i].track_id, expected[i]);
}

static void test_s4__running_work_is_adopted_by_a_restarted_broker_not_repeated(void **state)
{
    struct cluster *c = *state;
    char line[512], go[96], trail[96], begun[96];
    snprintf(go, sizeof go, "%s/go", c->dir);
    snprintf(trail, sizeof trail, "%s/trail", c->dir);
    snprintf(begun, sizeof begun, "%s/begun", c->dir);
    snprintf(line, sizeof line,
             "echo x >> %s; touch %s; while [ ! -e %s ]; do sleep 0.05; done; echo done", trail,
             begun, go);
    cluster_start_broker(c);
    cluster_start_worker(c, 0, "a", "1", NULL);
    c->pool = cluster_open(c, "s4");
    int64_t id = submit_shell(c, line);
    cluster_await_file(begun);
    for (int i = 0; i < 3; i++) {
        cluster_kill_broker(c, SIGKILL);
        cluster_start_broker(c);
    }
    fclose(fopen(go, "w"));
    good(c->pool, muster_wait(c->pool, &id, 1, 60000, 0, cluster_see, c));
    assert_int_equal(c->n_seen, 1);
    assert_int_equal(c->seen[0].state, MUSTER_STATE_OK);
    assert_int_equal(c->seen[0].attempt, 1);
    assert_string_equal(c->seen[0].out, "done\n");
    assert_int_equal(cluster_count_lines(trail), 1);
}

static void test_s5__a_lost_attempt_is_run_again_only_where_it_may_be(void **state)
{
    struct cluster *c = *state;
    char once[512], twice[512], begun[96], trail[96];
    snprintf(begun, sizeof begun, "%s/begun", c->dir);
    snprintf(trail, sizeof trail, "%s/trail", c->dir);
    snprintf(once, sizeof once, "touch %s1; sleep 1000", begun);
    snprintf(twice, sizeof twice, "echo x >> %s; touch %s2; [ $(wc -l < %s) -ge 2 ] || sleep 1000",
             trail, begun, trail);
    cluster_start_broker(c);
    cluster_start_worker(c, 0, "a", "2", NULL);
    c->pool = cluster_open(c, "s5");
    int64_t may_not = submit_shell(c, once);
    muster_command *command = shell(twice);
    muster_command_set_idempotent(command, 1);
    int64_t may = good(c->pool, muster_submit(c->pool, command));
    muster_command_free(command);
    snprintf(once, sizeof once, "%s1", begun);
    cluster_await_file(once);
    snprintf(once, sizeof once, "%s2", begun);
    cluster_await_file(once);
    cluster_kill_worker(c, 0, SIGKILL);
    cluster_start_worker(c, 0, "a", "2", NULL);
    int64_t ids[] = {may_not, may};
    good(c->pool, muster_wait(c->pool, ids, 2, 60000, 0, cluster_see, c));
    int lost = cluster_find(c, may_not), again = cluster_find(c, may);
    assert_int_equal(c->seen[lost].state, MUSTER_LOST);
    assert_true(strlen(c->seen[lost].reason) > 0);
    assert_int_equal(c->seen[again].state, MUSTER_STATE_OK);
    assert_int_equal(c->seen[again].attempt, 2);
    assert_int_equal(cluster_count_lines(trail), 2);
}

static void test_s5__silence_is_not_loss(void **state)
{
    struct cluster *c = *state;
    char go[96], line[512];
    static const char *const short_lease[] = {"--lease", "1s", "--renew", "200ms"};
    memcpy(c->broker_args, short_lease, sizeof short_lease);
    snprintf(go, sizeof go, "%s/go", c->dir);
    snprintf(line, sizeof line, "while [ ! -e %s ]; do sleep 0.05; done; echo late", go);
    cluster_start_broker(c);
    cluster_start_worker(c, 0, "a", "1", NULL);
    c->pool = cluster_open(c, "s5b");
    int64_t id = submit_shell(c, line);
    cluster_await_state(c, id, MUSTER_RUNNING);
    cluster_kill_worker(c, 0, SIGSTOP);
    sleep_ms(2500); /* longer than the lease: that is the story */
    cluster_await_state(c, id, MUSTER_RUNNING);
    cluster_kill_worker(c, 0, SIGCONT);
    fclose(fopen(go, "w"));
    good(c->pool, muster_wait(c->pool, &id, 1, 60000, 0, cluster_see, c));
    assert_int_equal(c->seen[0].state, MUSTER_STATE_OK);
    assert_int_equal(c->seen[0].attempt, 1);
}

static void test_s6__a_record_in_the_spool_survives_kill_9_and_comes_once(void **state)
{
    struct cluster *c = *state;
    char trail[96], line[512];
    snprintf(trail, sizeof trail, "%s/trail", c->dir);
    snprintf(line, sizeof line, "sleep 0.5; echo x >> %s; echo kept", trail);
    cluster_start_broker(c);
    cluster_start_worker(c, 0, "a", "1", NULL);
    c->pool = cluster_open(c, "s6");
    int64_t id = submit_shell(c, line);
    cluster_await_state(c, id, MUSTER_RUNNING);
    cluster_kill_broker(c, SIGKILL);
    cluster_await_file(trail);
    sleep_ms(500); /* the record reaches the spool; nobody says when */
    cluster_kill_worker(c, 0, SIGKILL);
    cluster_start_broker(c);
    cluster_start_worker(c, 0, "a", "1", NULL);
    good(c->pool, muster_wait(c->pool, &id, 1, 60000, 0, NULL, NULL));
    cluster_read_all(c);
    assert_int_equal(c->n_seen, 1);
    assert_int_equal(c->seen[0].state, MUSTER_STATE_OK);
    assert_string_equal(c->seen[0].out, "kept\n");
    assert_int_equal(cluster_count_lines(trail), 1);
}

static void test_s7_s8__the_log_that_was_read_is_unchanged_after_a_restart(void **state)
{
    struct cluster *c = *state;
    struct cluster *before = calloc(1, sizeof *before);
    cluster_start_broker(c);
    cluster_start_worker(c, 0, "a", "4", NULL);
    c->pool = cluster_open(c, "s7");
    for (int i = 0; i < MANY; i++)
        submit_echo(c, i);
    good(c->pool, muster_wait_all(c->pool, 60000));
    cluster_read_all(c);
    *before = *c;
    cluster_kill_broker(c, SIGKILL);
    cluster_start_broker(c);
    cluster_read_all(c);
    assert_int_equal(c->n_seen, before->n_seen);
    assert_memory_equal(c->seen, before->seen, (size_t)c->n_seen * sizeof c->seen[0]);
    /* Beyond the head is an error, never silently empty. */
    assert_int_equal(muster_results_read(c->pool, MANY + 1, 10, 0, 0, cluster_see, c, NULL),
                     MUSTER_ELOGMISMATCH);
    free(before);
}

static int stop_at_once(const muster_record *record, void *arg)
{
    *(int64_t *)arg = record->pos;
    return 1;
}

static void test_s8__a_named_cursor_redelivers_until_acknowledged_also_after_a_restart(void **state)
{
    struct cluster *c = *state;
    const muster_record *record;
    muster_consumer *consumer;
    int64_t pos = 0;
    cluster_start_broker(c);
    cluster_start_worker(c, 0, "a", "1", NULL);
    c->pool = cluster_open(c, NULL);
    for (int i = 0; i < 5; i++)
        submit_echo(c, i);
    good(c->pool, muster_wait_all(c->pool, 60000));
    good(c->pool, muster_consumer_open(c->pool, "nightly", &consumer));
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(good(c->pool, muster_consumer_next(consumer, &record, 30000)), 1);
        assert_int_equal(record->pos, i);
    }
    good(c->pool, muster_consumer_ack(consumer, 2));
    muster_consumer_close(consumer);
    cluster_kill_broker(c, SIGKILL);
    cluster_start_broker(c);
    good(c->pool, muster_consumer_open(c->pool, "nightly", &consumer));
    assert_int_equal(good(c->pool, muster_consumer_next(consumer, &record, 30000)), 1);
    assert_int_equal(record->pos, 3);
    muster_consumer_close(consumer);
    /* The handle's own position: stopping early loses nothing and repeats nothing. */
    assert_int_equal(good(c->pool, muster_results_since_last_call(c->pool, MUSTER_SINCE_LAST,
                                                                  stop_at_once, &pos)),
                     1);
    assert_int_equal(pos, 1);
    good(c->pool, muster_results_since_last_call(c->pool, MUSTER_SINCE_LAST, stop_at_once, &pos));
    assert_int_equal(pos, 2);
}

static void test_s9__ok_to_stops_before_the_first_that_did_not_end_ok(void **state)
{
    struct cluster *c = *state;
    muster_stats stats;
    cluster_start_broker(c);
    cluster_start_worker(c, 0, "a", "1", NULL);
    c->pool = cluster_open(c, "s9");
    submit_shell(c, "true");
    submit_shell(c, "true");
    submit_shell(c, "false");
    submit_shell(c, "true");
    good(c->pool, muster_wait_all(c->pool, 60000));
    for (int i = 0; i < 2; i++) {
        good(c->pool, muster_get_stats(c->pool, MUSTER_ALL, &stats));
        assert_int_equal(stats.final_to, 4);
        assert_int_equal(stats.ok_to, 2);
        /* The invariant: submitted = held + queued + running + final. */
        assert_int_equal(stats.submitted, stats.held + stats.queued + stats.running + stats.count);
        assert_int_equal(stats.ended[MUSTER_STATE_OK], 3);
        assert_int_equal(stats.ended[MUSTER_FAILED], 1);
        cluster_kill_broker(c, SIGKILL);
        cluster_start_broker(c);
    }
}

static void test_s10__a_shut_down_handle_refuses_and_its_queue_ends_cancelled(void **state)
{
    struct cluster *c = *state;
    cluster_start_broker(c);
    c->pool = cluster_open(c, "s10");
    muster_pool *other = cluster_open(c, "s10");
    muster_command *command = muster_command_call("echo");
    muster_command_arg_int(command, 1);
    for (int i = 0; i < 10; i++)
        good(c->pool, muster_submit(c->pool, command));
    int64_t theirs = good(other, muster_submit(other, command));
    good(c->pool, muster_shutdown(c->pool, MUSTER_WAIT | MUSTER_CANCEL_QUEUED));
    good(c->pool, muster_shutdown(c->pool, MUSTER_WAIT | MUSTER_CANCEL_QUEUED)); /* idempotent */
    assert_int_equal(muster_submit(c->pool, command), MUSTER_ESHUTTINGDOWN);
    cluster_read_all(c);
    assert_int_equal(c->n_seen, 10);
    for (int i = 0; i < 10; i++)
        assert_int_equal(c->seen[i].state, MUSTER_CANCELLED);
    assert_int_equal(cluster_find(c, theirs), -1); /* another handle's command is untouched */
    assert_int_equal(good(other, muster_queue_length(other)), 1);
    muster_command_free(command);
    muster_pool_close(&other);
}

static void test_s10__sigterm_ends_the_broker_and_work_goes_on(void **state)
{
    struct cluster *c = *state;
    char go[96], line[512];
    snprintf(go, sizeof go, "%s/go", c->dir);
    snprintf(line, sizeof line, "while [ ! -e %s ]; do sleep 0.05; done", go);
    cluster_start_broker(c);
    cluster_start_worker(c, 0, "a", "1", NULL);
    c->pool = cluster_open(c, "s10b");
    int64_t id = submit_shell(c, line);
    cluster_await_state(c, id, MUSTER_RUNNING);
    pid_t broker = c->broker;
    c->broker = 0;
    kill(broker, SIGTERM);
    assert_int_equal(cluster_wait_exit(broker), 0);
    cluster_start_broker(c);
    fclose(fopen(go, "w"));
    good(c->pool, muster_wait(c->pool, &id, 1, 60000, 0, cluster_see, c));
    assert_int_equal(c->seen[0].state, MUSTER_STATE_OK);
    assert_int_equal(c->seen[0].attempt, 1);
}

static void test_s11__a_cancel_ends_the_whole_tree_with_one_record(void **state)
{
    struct cluster *c = *state;
    char begun[96], line[512];
    muster_cancelled result;
    snprintf(begun, sizeof begun, "%s/begun", c->dir);
    snprintf(line, sizeof line,
             "trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$ > %s; while :; do sleep 1; done' "
             "& wait",
             begun);
    cluster_start_broker(c);
    cluster_start_worker(c, 0, "a", "1", NULL);
    c->pool = cluster_open(c, "s11");
    int64_t running = submit_shell(c, line), queued = submit_shell(c, "true");
    cluster_await_file(begun);
    good(c->pool, muster_cancel_range(c->pool, queued, queued, 0, "not today", &result));
    assert_int_equal(result.cancelled, 1);
    good(c->pool, muster_cancel(c->pool, running, "enough"));
    int64_t ids[] = {running, queued};
    good(c->pool, muster_wait(c->pool, ids, 2, 60000, 0, cluster_see, c));
    assert_int_equal(c->seen[cluster_find(c, running)].state, MUSTER_CANCELLED);
    assert_int_equal(c->seen[cluster_find(c, queued)].state, MUSTER_CANCELLED);
    FILE *file = fopen(begun, "r");
    int pid = 0;
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    for (int waited = 0; kill(pid, 0) == 0 && waited < 20000; waited += 20)
        sleep_ms(20);
    assert_int_not_equal(kill(pid, 0), 0);
}

static void test_s11__a_cancel_of_a_running_command_survives_a_restart_of_the_broker(void **state)
{
    struct cluster *c = *state;
    cluster_start_broker(c);
    cluster_start_worker(c, 0, "a", "1", NULL);
    c->pool = cluster_open(c, "s11b");
    int64_t id = submit_shell(c, "sleep 1000");
    cluster_await_state(c, id, MUSTER_RUNNING);
    cluster_kill_worker(c, 0, SIGSTOP); /* it cannot hear the STOP */
    good(c->pool, muster_cancel(c->pool, id, "enough"));
    cluster_kill_broker(c, SIGKILL);
    cluster_start_broker(c);
    cluster_kill_worker(c, 0, SIGCONT);
    good(c->pool, muster_wait(c->pool, &id, 1, 60000, 0, cluster_see, c));
    assert_int_equal(c->seen[0].state, MUSTER_CANCELLED);
}

static void test_each__every_known_host_is_a_row_also_the_one_that_is_away(void **state)
{
    struct cluster *c = *state;
    int64_t first, count;
    cluster_start_broker(c);
    cluster_start_worker(c, 0, "db1", "1", "role=db");
    cluster_start_worker(c, 1, "db2", "1", "role=db");
    cluster_start_worker(c, 2, "web1", "1", "role=web");
    cluster_kill_worker(c, 1, SIGTERM);
    c->pool = cluster_open(c, "each");
    const char *argv[] = {"hostname", NULL};
    muster_command *command = muster_command_exec(argv);
    muster_command_set_selector(command, "role=db");
    muster_command_set_each(command, 1);
    int64_t batch = good(c->pool, muster_submit_batch(c->pool, command, &first, &count));
    assert_int_equal(count, 2);
    assert_int_equal(muster_wait_batch(c->pool, batch, 1000), MUSTER_ETIMEDOUT); /* db2 waits */
    cluster_kill_broker(c, SIGKILL);
    cluster_start_broker(c);
    cluster_start_worker(c, 1, "db2", "1", "role=db");
    good(c->pool, muster_wait_batch(c->pool, batch, 60000));
    cluster_read_all(c);
    assert_int_equal(c->n_seen, 2);
    assert_string_not_equal(c->seen[0].host, c->seen[1].host);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(c->seen[i].state, MUSTER_STATE_OK);
        assert_memory_equal(c->seen[i].host, "db", 2);
    }
    muster_command_free(command);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, cluster_setup, cluster_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_s1__what_was_acknowledged_survives_kill_9_of_the_broker),
        TEST(test_s2__a_request_id_is_one_command_also_after_a_restart),
        TEST(test_s3__one_slot_runs_by_priority_then_track_id),
        TEST(test_s4__running_work_is_adopted_by_a_restarted_broker_not_repeated),
        TEST(test_s5__a_lost_attempt_is_run_again_only_where_it_may_be),
        TEST(test_s5__silence_is_not_loss),
        TEST(test_s6__a_record_in_the_spool_survives_kill_9_and_comes_once),
        TEST(test_s7_s8__the_log_that_was_read_is_unchanged_after_a_restart),
        TEST(test_s8__a_named_cursor_redelivers_until_acknowledged_also_after_a_restart),
        TEST(test_s9__ok_to_stops_before_the_first_that_did_not_end_ok),
        TEST(test_s10__a_shut_down_handle_refuses_and_its_queue_ends_cancelled),
        TEST(test_s10__sigterm_ends_the_broker_and_work_goes_on),
        TEST(test_s11__a_cancel_ends_the_whole_tree_with_one_record),
        TEST(test_s11__a_cancel_of_a_running_command_survives_a_restart_of_the_broker),
        TEST(test_each__every_known_host_is_a_row_also_the_one_that_is_away),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("promises", tests, NULL, NULL);
}
