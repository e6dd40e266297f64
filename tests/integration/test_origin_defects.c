/*
 * The fifteen defects of the process pool that Muster grows from, each as a test of the same
 * number, on the embedded default: the behaviour of a plain process pool.
 */
#include "tests/unit/cmocka_first.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/time.h"
#include "embed.h"

static void test_origin__01_keywords_are_not_dropped(void **state)
{
    struct embed *embed = *state;
    muster_command *command = muster_command_call("echo");
    muster_command_arg_int(command, 7);
    muster_command_kw_string(command, "mode", "fast");
    muster_command_kw_bool(command, "sync", 1);
    int64_t id = embed_submit(embed, command);
    embed_read_all(embed);
    assert_string_equal(embed_find(embed, id)->json, "[7,[mode=\"fast\",sync=true]]");
}

static void test_origin__02_submit_neither_blocks_nor_raises_earlier_failures(void **state)
{
    struct embed *embed = *state;
    int64_t bad = embed_submit(embed, embed_shell("exit 3"));
    embed_good(embed->pool, muster_wait(embed->pool, &bad, 1, -1, 0, NULL, NULL));
    embed_sleep(embed, 3600); /* unfinished all the while */
    enum { SUBMITS = 200 };
    muster_time before = time_boot_ns();
    for (int i = 0; i < SUBMITS; i++)
        assert_int_equal(embed_echo(embed, i), bad + 2 + i);
    assert_true(time_boot_ns() - before < SUBMITS * 100 * MUSTER_MS);
    embed_good(embed->pool, muster_shutdown(embed->pool, MUSTER_WAIT | MUSTER_CANCEL_RUNNING));
}

static void test_origin__03_a_failed_command_leaves_the_queue_and_is_counted(void **state)
{
    struct embed *embed = *state;
    int64_t bad = embed_submit(embed, embed_shell("echo out; exit 3"));
    assert_int_equal(embed_read_all(embed), 1);
    const struct seen *seen = embed_find(embed, bad);
    assert_int_equal(seen->state, MUSTER_FAILED);
    assert_int_equal(seen->exit, 3);
    assert_string_equal(seen->out, "out\n");
    assert_int_equal(embed_good(embed->pool, muster_queue_length(embed->pool)), 0);
    assert_int_equal(embed_read(embed), 0); /* it is not raised again and again */
    int64_t good = embed_echo(embed, 1);
    assert_int_equal(embed_read_all(embed), 1);
    assert_int_equal(embed_find(embed, good)->state, MUSTER_STATE_OK);
    muster_stats stats;
    embed_good(embed->pool, muster_get_stats(embed->pool, MUSTER_ALL, &stats));
    assert_int_equal(stats.count, 2);
    assert_int_equal(stats.ended[MUSTER_FAILED], 1);
    assert_int_equal(stats.ended[MUSTER_STATE_OK], 1);
    assert_int_equal(stats.submitted, 2);
    assert_int_equal(stats.final_to, 2);
    assert_int_equal(stats.ok_to, bad - 1);
}

static void test_origin__04_leaving_the_loop_early_loses_and_repeats_nothing(void **state)
{
    struct embed *embed = *state;
    for (int i = 0; i < 20; i++)
        embed_echo(embed, i);
    embed_good(embed->pool, muster_wait_all(embed->pool, -1));
    for (int n = 5; n <= 20; n += 5) {
        embed->stop_at = n;
        assert_int_equal(embed_read(embed), 5);
    }
    assert_int_equal(embed_read(embed), 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(embed->seen[i].pos, i + 1);
}

static void test_origin__05_results_have_one_order_for_everybody(void **state)
{
    struct embed *embed = *state;
    enum { COMMANDS = 300 };
    for (int i = 0; i < COMMANDS; i++)
        embed_echo(embed, i);
    assert_int_equal(embed_read_all(embed), COMMANDS);
    for (int i = 0; i < COMMANDS; i++)
        assert_int_equal(embed->seen[i].pos, i + 1);
    /* Read once more from the beginning: the same records in the same order. */
    assert_int_equal(
        embed_good(embed->pool, muster_results_since_last_call(embed->pool, 0, embed_see, embed)),
        COMMANDS);
    for (int i = 0; i < COMMANDS; i++)
        assert_memory_equal(&embed->seen[i], &embed->seen[COMMANDS + i], sizeof embed->seen[0]);
}

static void test_origin__06_peak_and_length_count_what_is_there(void **state)
{
    struct embed *embed = *state;
    muster_stats stats;
    embed_good(embed->pool, muster_get_stats(embed->pool, MUSTER_ALL, &stats));
    assert_int_equal(stats.peak_in_queue, -1); /* nothing yet */
    int64_t id = embed_sleep(embed, 3600);
    assert_int_equal(embed_good(embed->pool, muster_queue_length(embed->pool)), 1);
    embed_good(embed->pool, muster_cancel(embed->pool, id, "enough"));
    embed_read_all(embed);
    assert_int_equal(embed_good(embed->pool, muster_queue_length(embed->pool)), 0);
    embed_good(embed->pool, muster_get_stats(embed->pool, MUSTER_ALL, &stats));
    assert_int_equal(stats.peak_in_queue, 1);
}

static void test_origin__07_last_index_is_checked(void **state)
{
    struct embed *embed = *state;
    muster_stats stats;
    for (int i = 0; i < 4; i++)
        embed_echo(embed, i);
    embed_read_all(embed);
    assert_int_equal(muster_get_stats(embed->pool, -1, &stats), MUSTER_EINVAL);
    assert_int_equal(muster_get_stats(embed->pool, 5, &stats), MUSTER_EINVAL);
    for (int64_t n = 0; n <= 4; n++) {
        embed_good(embed->pool, muster_get_stats(embed->pool, n, &stats));
        assert_int_equal(stats.count, n);
        int64_t used = 0;
        for (size_t i = 0; i < stats.n_pool_usage; i++)
            used += stats.pool_usage[i].count;
        assert_int_equal(used, n);
        assert_true(n ? stats.time.avg >= 0 : stats.time.avg == -1);
        assert_true(n ? stats.time.max >= stats.time.min : stats.time.max == -1);
        assert_true(n ? stats.throttle.avg == 0 : stats.throttle.min == -1);
    }
    embed_good(embed->pool, muster_get_stats(embed->pool, MUSTER_ALL, &stats));
    assert_int_equal(stats.count, 4);
}

static void test_origin__08_times_are_true_and_waiting_is_known(void **state)
{
    struct embed *embed = *state;
    int64_t ids[3];
    muster_time before = time_wall_ns();
    for (int i = 0; i < 3; i++) /* on two slots: one has to wait */
        ids[i] = embed_submit(embed, embed_shell("sleep 0.4"));
    embed_read_all(embed);
    double longest = 0;
    for (int i = 0; i < 3; i++) {
        const struct seen *seen = embed_find(embed, ids[i]);
        assert_true(seen->run_s >= 0.4);
        assert_true(seen->waited_s >= 0);
        assert_true(seen->start_wall_ns >= before - MUSTER_S);
        assert_true(seen->stop_wall_ns - seen->start_wall_ns >= 400 * MUSTER_MS);
        double waited = (double)(seen->start_wall_ns - seen->submitted_wall_ns) / 1e9;
        longest = waited > longest ? waited : longest;
    }
    assert_true(longest >= 0.4);
}

static void test_origin__09_one_killed_worker_does_not_break_the_pool(void **state)
{
    struct embed *embed = *state;
    char mark[128];
    snprintf(mark, sizeof mark, "%s/started", embed->work);
    muster_command *command = embed_shell("echo $$ >> started; sleep 1");
    muster_command_set_idempotent(command, 1);
    int64_t id = embed_submit(embed, command);
    while (!fs_exists(mark))
        usleep(10000);
    pid_t worker = embed_child(getpid(), "muster-worker");
    assert_true(worker > 0);
    assert_int_equal(kill(worker, SIGKILL), 0);
    /* What may be run again is; the pool goes on with a new worker. */
    int64_t after = embed_echo(embed, 5);
    embed_read_all(embed);
    assert_int_equal(embed_find(embed, id)->state, MUSTER_STATE_OK);
    assert_int_equal(embed_find(embed, id)->attempt, 2);
    assert_int_equal(embed_find(embed, after)->state, MUSTER_STATE_OK);
    assert_true(embed_child(getpid(), "muster-worker") != worker);
}

static void test_origin__10_shutdown_cancels_and_leaves_no_orphan(void **state)
{
    struct embed *embed = *state;
    int64_t ids[6];
    for (int i = 0; i < 6; i++)
        ids[i] = embed_submit(embed, embed_shell("sleep 3600 & echo $! > pid.$!; wait"));
    while (embed_count_files(embed->work) < 2)
        usleep(10000);
    embed_good(embed->pool, muster_shutdown(embed->pool, MUSTER_WAIT | MUSTER_CANCEL_QUEUED |
                                                             MUSTER_CANCEL_RUNNING));
    assert_int_equal(embed_read(embed), 6);
    int ran = 0;
    for (int i = 0; i < 6; i++) {
        const struct seen *seen = embed_find(embed, ids[i]);
        assert_int_equal(seen->state, MUSTER_CANCELLED);
        if (seen->attempt > 0 && seen->pid > 0) {
            ran++;
            assert_false(embed_is_alive((pid_t)seen->pid));
        }
    }
    assert_true(ran >= 2);
    /* The grandchildren too, whose pids are in the names of the files. */
    DIR *dir = opendir(embed->work);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strncmp(entry->d_name, "pid.", 4) == 0)
            embed_await_gone(atoi(entry->d_name + 4));
    closedir(dir);
    muster_command *command = muster_command_call("echo");
    assert_int_equal(muster_submit(embed->pool, command), MUSTER_ESHUTTINGDOWN);
    muster_command_free(command);
    assert_int_equal(muster_shutdown(embed->pool, MUSTER_WAIT), 0);
}

static void test_origin__11_results_outlive_a_crash_and_have_many_readers(void **state)
{
    struct embed *embed = *state;
    char kept[128];
    snprintf(kept, sizeof kept, "%s/kept", embed->dir);
    muster_options *options = embed_options(embed);
    muster_options_set_store_dir(options, kept);
    muster_options_set_pool(options, "nightly");
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) { /* a program that is killed after its commands have ended */
        if (muster_pool_open(&embed->pool, "local:2", options) != 0)
            _exit(1);
        for (int i = 0; i < 5; i++)
            embed_echo(embed, i);
        muster_wait_all(embed->pool, -1);
        raise(SIGKILL);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    /* Its broker and worker notice and end, and give the store free. */
    int rc;
    muster_time deadline = time_boot_ns() + 60 * MUSTER_S;
    while ((rc = muster_pool_open(&embed->pool, "local:2", options)) != 0 &&
           time_boot_ns() < deadline)
        usleep(50000);
    embed_good(NULL, rc);
    assert_int_equal(
        embed_good(embed->pool, muster_results_since_last_call(embed->pool, 0, embed_see, embed)),
        5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(embed->seen[i].pos, i + 1);
    /* A second reader, with another handle on the same pool. */
    muster_pool *other = NULL;
    embed_good(NULL, muster_pool_open(&other, muster_pool_broker(embed->pool), options));
    assert_int_equal(embed_good(other, muster_results_since_last_call(other, 0, embed_see, embed)),
                     5);
    muster_pool_close(&other);
    muster_options_free(options);
    embed_good(NULL, muster_pool_close(&embed->pool));
    /* The crashed program's private directory is what a crash leaves: sockets and logs. */
    char command[160];
    snprintf(command, sizeof command, "rm -rf %s/muster-*", embed->dir);
    assert_int_equal(system(command), 0);
}

static void test_origin__12_the_log_prefix_names_the_host(void **state)
{
    struct embed *embed = *state;
    char host[64] = "", expected[96];
    int64_t id = embed_echo(embed, 1);
    gethostname(host, sizeof host - 1);
    embed_read_all(embed);
    const struct seen *seen = embed_find(embed, id);
    assert_string_equal(seen->host, host);
    snprintf(expected, sizeof expected, "%s/", host);
    assert_int_equal(strncmp(seen->log_prefix, expected, strlen(expected)), 0);
    assert_string_equal(seen->log_prefix + strlen(seen->log_prefix) - 2, ": ");
}

static void test_origin__13_no_secret_of_a_url_appears_anywhere(void **state)
{
    struct embed *embed = *state;
    static const char *const urls[] = {"file://user:geheim@localhost/nowhere",
                                       "gopher://user:geheim@localhost/x"};
    embed_write_file(embed->work, "volume", "data", 4);
    for (size_t i = 0; i < 2; i++) {
        muster_command *command = muster_command_call("put");
        muster_command_arg_string(command, "volume");
        muster_command_set_url(command, urls[i]);
        int64_t id = embed_submit(embed, command);
        embed_read_all(embed);
        const struct seen *seen = embed_find(embed, id);
        assert_int_equal(seen->state, MUSTER_FAILED);
        assert_null(strstr(seen->error, "geheim"));
        assert_null(strstr(seen->reason, "geheim"));
        assert_null(strstr(seen->json, "geheim"));
    }
}

static int64_t backend(struct embed *embed, const char *function, const char *a, const char *b)
{
    muster_command *command = muster_command_call(function);
    if (a)
        muster_command_arg_string(command, a);
    if (b)
        muster_command_arg_string(command, b);
    return embed_submit(embed, command);
}

static void test_origin__14_stores_are_verified_and_failures_are_failures(void **state)
{
    struct embed *embed = *state;
    char path[128];
    embed_write_file(embed->work, "volume", "data", 4);
    int64_t put = backend(embed, "put", "volume", "vol1");
    embed_good(embed->pool, muster_wait(embed->pool, &put, 1, -1, 0, NULL, NULL));
    /* Only the final name is there, nothing temporary. */
    assert_int_equal(embed_count_files(embed->store), 1);
    snprintf(path, sizeof path, "%s/vol1", embed->store);
    assert_true(fs_exists(path));
    embed_write_file(embed->work, "other", "DATA", 4);
    int64_t clash = backend(embed, "put", "other", "vol1");
    int64_t missing = backend(embed, "put", "none", "vol2");
    int64_t absent = backend(embed, "query", "vol9", NULL);
    int64_t deleted = backend(embed, "delete", "vol9", NULL);
    snprintf(path, sizeof path, "%s/directory", embed->store);
    assert_int_equal(mkdir(path, 0700), 0);
    int64_t undeletable = backend(embed, "delete", "directory", NULL);
    embed_read_all(embed);
    assert_int_equal(embed_find(embed, put)->state, MUSTER_STATE_OK);
    assert_non_null(strstr(embed_find(embed, put)->json, "bytes=4"));
    assert_non_null(strstr(embed_find(embed, put)->json, "verified=true"));
    assert_int_equal(embed_find(embed, clash)->state, MUSTER_FAILED);
    assert_int_equal(embed_find(embed, missing)->state, MUSTER_FAILED);
    assert_int_equal(embed_find(embed, missing)->error_code, 52);
    assert_int_equal(embed_find(embed, absent)->state, MUSTER_STATE_OK);
    assert_non_null(strstr(embed_find(embed, absent)->json, "-1"));
    assert_int_equal(embed_find(embed, deleted)->state, MUSTER_STATE_OK);
    assert_int_equal(embed_find(embed, undeletable)->state, MUSTER_FAILED);
}

static void test_origin__15_every_attempt_has_a_time_limit(void **state)
{
    struct embed *embed = *state;
    muster_command *command = embed_shell("sleep 3600");
    muster_command_set_timeout(command, 300);
    int64_t id = embed_submit(embed, command);
    embed_read_all(embed);
    const struct seen *seen = embed_find(embed, id);
    assert_int_equal(seen->state, MUSTER_TIMEOUT);
    assert_true(seen->run_s >= 0.3 && seen->run_s < 60);
    assert_false(embed_is_alive((pid_t)seen->pid));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, embed_setup, embed_teardown)
        TEST(test_origin__01_keywords_are_not_dropped),
        TEST(test_origin__02_submit_neither_blocks_nor_raises_earlier_failures),
        TEST(test_origin__03_a_failed_command_leaves_the_queue_and_is_counted),
        TEST(test_origin__04_leaving_the_loop_early_loses_and_repeats_nothing),
        TEST(test_origin__05_results_have_one_order_for_everybody),
        TEST(test_origin__06_peak_and_length_count_what_is_there),
        TEST(test_origin__07_last_index_is_checked),
        TEST(test_origin__08_times_are_true_and_waiting_is_known),
        TEST(test_origin__09_one_killed_worker_does_not_break_the_pool),
        TEST(test_origin__10_shutdown_cancels_and_leaves_no_orphan),
        cmocka_unit_test_setup_teardown(
            test_origin__11_results_outlive_a_crash_and_have_many_readers, embed_setup_without_pool,
            embed_teardown),
        TEST(test_origin__12_the_log_prefix_names_the_host),
        TEST(test_origin__13_no_secret_of_a_url_appears_anywhere),
        TEST(test_origin__14_stores_are_verified_and_failures_are_failures),
        TEST(test_origin__15_every_attempt_has_a_time_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
