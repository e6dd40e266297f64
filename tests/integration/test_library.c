/* Every call of the library once with real programs: what the unit tests do against a broker of
 * their own must hold with the true one. */
#include "tests/unit/cmocka_first.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "embed.h"

enum { MANY = 20000, FUTURES = 2000 };

static void test_library__many_commands_are_accepted_run_and_read(void **state)
{
    struct embed *embed = *state;
    const muster_command **commands = calloc(MANY, sizeof *commands);
    int64_t *ids = calloc(MANY, sizeof *ids);
    muster_command *one = muster_command_call("echo");
    muster_command_arg_int(one, 1);
    for (int i = 0; i < MANY; i++)
        commands[i] = one;
    assert_int_equal(embed_good(embed->pool, muster_submit_many(embed->pool, commands, MANY, ids)),
                     MANY);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(ids[i], i + 1);
    embed_good(embed->pool, muster_wait_all(embed->pool, -1));
    int64_t read = 0;
    while (read < MANY) {
        embed->n = 0;
        embed->stop_at = EMBED_SEEN_MAX;
        int64_t n = embed_read(embed);
        assert_true(n > 0);
        for (int i = 0; i < embed->n; i++)
            assert_int_equal(embed->seen[i].pos, read + i + 1);
        read += n;
    }
    muster_command_free(one);
    free(commands);
    free(ids);
}

static void test_library__throttled_submits_keep_the_queue_short(void **state)
{
    struct embed *embed = *state;
    muster_command *command = muster_command_call("sleep");
    muster_command_arg_double(command, 0.1);
    int64_t longest = 0;
    for (int i = 0; i < 20; i++) {
        embed_good(embed->pool, muster_submit_throttled(embed->pool, command, 1, -1));
        int64_t length = embed_good(embed->pool, muster_queue_length(embed->pool));
        longest = length > longest ? length : longest;
    }
    muster_command_free(command);
    assert_true(longest <= 3); /* two slots and one in the buffer */
    embed_read_all(embed);
    double held_back = 0;
    for (int i = 0; i < embed->n; i++)
        held_back += embed->seen[i].throttled_s;
    assert_true(held_back > 0.3);
    muster_stats stats;
    embed_good(embed->pool, muster_get_stats(embed->pool, MUSTER_ALL, &stats));
    assert_true(stats.throttle.max > 0);
    assert_true(stats.time.min >= 0.1);
    /* And it gives up when told to, without submitting. */
    command = muster_command_call("sleep");
    muster_command_arg_double(command, 3600);
    for (int i = 0; i < 3; i++)
        embed_good(embed->pool, muster_submit_throttled(embed->pool, command, 1, -1));
    assert_int_equal(muster_submit_throttled(embed->pool, command, 1, 100), MUSTER_ETIMEDOUT);
    assert_int_equal(embed_good(embed->pool, muster_queue_length(embed->pool)), 3);
    muster_command_free(command);
    embed_good(embed->pool, muster_shutdown(embed->pool, MUSTER_WAIT | MUSTER_CANCEL_QUEUED |
                                                             MUSTER_CANCEL_RUNNING));
}

static int count_done(const muster_record *record, void *arg)
{
    int *done = arg;
    assert_non_null(record);
    assert_int_equal(record->state, MUSTER_STATE_OK);
    ++*done;
    return 0;
}

static void test_library__thousands_of_futures_in_a_poll_loop(void **state)
{
    struct embed *embed = *state;
    muster_future **futures = calloc(FUTURES, sizeof *futures);
    muster_command *command = muster_command_call("echo");
    int done = 0;
    for (int i = 0; i < FUTURES; i++) {
        embed_good(embed->pool, muster_start(embed->pool, command, &futures[i]));
        embed_good(embed->pool, muster_future_then(futures[i], count_done, &done));
    }
    while (done < FUTURES) {
        struct pollfd item = {.fd = muster_fd(embed->pool), .events = POLLIN};
        assert_true(poll(&item, 1, 60000) > 0);
        embed_good(embed->pool, muster_process(embed->pool));
    }
    for (int i = 0; i < FUTURES; i++)
        muster_future_free(futures[i]);
    muster_command_free(command);
    free(futures);
}

static void test_library__an_argv_runs_with_its_environment_and_input(void **state)
{
    struct embed *embed = *state;
    muster_command *command = embed_shell("read line; echo \"$line $WORD\"; pwd; echo bad >&2");
    muster_command_set_env(command, "WORD", "world");
    muster_command_set_stdin(command, "hello\n", 6);
    muster_command_set_label(command, "greeting");
    muster_command_set_cwd(command, "/");
    int64_t id = embed_submit(embed, command);
    embed_good(embed->pool,
               muster_wait(embed->pool, &id, 1, -1, MUSTER_WITH_COMMAND, embed_see, embed));
    const struct seen *seen = embed_find(embed, id);
    assert_int_equal(seen->state, MUSTER_STATE_OK);
    assert_string_equal(seen->out, "hello world\n/\n");
}

struct listed {
    int n;
    int64_t ids[16];
    int states[16];
    char why[16][128], label[16][32];
};

static int list_one(const muster_command_info *info, void *arg)
{
    struct listed *listed = arg;
    assert_true(listed->n < 16);
    listed->ids[listed->n] = info->track_id;
    listed->states[listed->n] = info->state;
    snprintf(listed->why[listed->n], sizeof listed->why[0], "%s", info->why);
    snprintf(listed->label[listed->n], sizeof listed->label[0], "%s", info->label);
    listed->n++;
    return 0;
}

static void test_library__commands_are_listed_and_cancelled(void **state)
{
    struct embed *embed = *state;
    struct listed listed = {.n = 0};
    int64_t ids[4];
    for (int i = 0; i < 4; i++) {
        muster_command *command = muster_command_call("sleep");
        muster_command_arg_int(command, 3600);
        muster_command_set_label(command, i == 3 ? "last" : "");
        ids[i] = embed_submit(embed, command);
    }
    muster_command *later = muster_command_call("echo");
    muster_command_set_delay(later, 3600 * 1000);
    int64_t held = embed_submit(embed, later);
    do {
        listed.n = 0;
        embed_good(embed->pool, muster_list(embed->pool, 0, 0, MUSTER_STATE_BIT(MUSTER_RUNNING), 0,
                                            list_one, &listed));
    } while (listed.n < 2);
    listed.n = 0;
    assert_int_equal(
        embed_good(embed->pool, muster_list(embed->pool, 0, 0, 0, 0, list_one, &listed)), 5);
    assert_int_equal(listed.ids[4], held);
    assert_int_equal(listed.states[4], MUSTER_HELD);
    assert_string_equal(listed.why[4], "its start time has not come");
    assert_string_equal(listed.label[3], "last");
    embed_good(embed->pool, muster_cancel(embed->pool, ids[0], "not needed"));
    muster_cancelled counts;
    embed_good(embed->pool, muster_cancel_range(embed->pool, 0, 0, 1, "all", &counts));
    assert_true(counts.cancelled + counts.stopping >= 3);
    embed_read_all(embed);
    for (int i = 0; i < 4; i++)
        assert_int_equal(embed_find(embed, ids[i])->state, MUSTER_CANCELLED);
    assert_int_equal(muster_cancel(embed->pool, ids[0], NULL), MUSTER_EALREADYFINAL);
    assert_int_equal(muster_cancel(embed->pool, 99, NULL), MUSTER_EUNKNOWNCOMMAND);
    listed.n = 0;
    assert_int_equal(embed_good(embed->pool, muster_list(embed->pool, ids[1], ids[2],
                                                         MUSTER_STATE_BIT(MUSTER_CANCELLED), 0,
                                                         list_one, &listed)),
                     2);
}

static int see_host(const muster_host_info *info, void *arg)
{
    muster_host_info *seen = arg;
    *seen = *info;
    assert_true(strlen(info->host) > 0);
    int has_echo = 0;
    for (int i = 0; info->functions[i]; i++)
        has_echo += strcmp(info->functions[i], "echo") == 0;
    assert_int_equal(has_echo, 1);
    return 0;
}

static void test_library__hosts_and_batches(void **state)
{
    struct embed *embed = *state;
    muster_host_info host;
    assert_int_equal(embed_good(embed->pool, muster_hosts(embed->pool, see_host, &host)), 1);
    assert_true(host.present);
    assert_int_equal(host.slots, 2);
    muster_command *command = embed_shell("hostname");
    muster_command_set_each(command, 1);
    int64_t first = 0, count = 0;
    int64_t batch =
        embed_good(embed->pool, muster_submit_batch(embed->pool, command, &first, &count));
    assert_true(batch > 0);
    assert_int_equal(count, 1);
    assert_int_equal(muster_submit(embed->pool, command), MUSTER_EINVAL);
    embed_good(embed->pool, muster_wait_batch(embed->pool, batch, -1));
    embed_read(embed);
    assert_int_equal(embed_find(embed, first)->state, MUSTER_STATE_OK);
    /* A batch is cancelled as a whole. */
    muster_command *long_one = embed_shell("sleep 3600");
    muster_command_set_each(long_one, 1);
    muster_cancelled counts;
    batch = embed_good(embed->pool, muster_submit_batch(embed->pool, long_one, NULL, NULL));
    embed_good(embed->pool, muster_cancel_batch(embed->pool, batch, 1, "enough", &counts));
    assert_int_equal(counts.cancelled + counts.stopping, 1);
    assert_int_equal(muster_cancel_batch(embed->pool, 0, 1, NULL, NULL), MUSTER_EINVAL);
    assert_int_equal(muster_cancel_range(embed->pool, 5, 2, 1, NULL, NULL), MUSTER_EINVAL);
    embed_good(embed->pool, muster_wait_batch(embed->pool, batch, -1));
    muster_command_free(long_one);
    muster_command_set_selector(command, "nobody");
    assert_int_equal(muster_submit_batch(embed->pool, command, NULL, NULL), MUSTER_ENOMATCH);
    muster_command_free(command);
    command = muster_command_call("no_such_function");
    assert_int_equal(muster_submit(embed->pool, command), MUSTER_EUNKNOWNFUNCTION);
    assert_true(strlen(muster_error(embed->pool)->text) > 10);
    muster_command_free(command);
    assert_true(muster_wait_batch(embed->pool, 99, 0) < 0);
}

static void test_library__a_caller_request_id_makes_a_submit_safe_to_repeat(void **state)
{
    struct embed *embed = *state;
    muster_command *command = muster_command_call("echo");
    muster_command_arg_int(command, 1);
    muster_command_set_request_id(command, "nightly");
    int64_t id = embed_good(embed->pool, muster_submit(embed->pool, command));
    assert_int_equal(embed_good(embed->pool, muster_submit(embed->pool, command)), id);
    muster_command_arg_int(command, 2);
    assert_int_equal(muster_submit(embed->pool, command), MUSTER_EREQUESTREUSED);
    muster_command_free(command);
}

static void test_library__a_shared_pool_has_several_handles_and_durable_cursors(void **state)
{
    struct embed *embed = *state;
    const char *uri = muster_pool_broker(embed->pool);
    muster_options *options = muster_options_new();
    muster_options_set_pool(options, "shared");
    muster_pool *a = NULL, *b = NULL;
    embed_good(NULL, muster_pool_open(&a, uri, options));
    muster_command *command = muster_command_call("echo");
    for (int i = 0; i < 5; i++)
        embed_good(a, muster_submit(a, command));
    embed_good(a, muster_wait_all(a, -1));
    /* Another handle begins at the head; what comes later is for both. */
    embed_good(NULL, muster_pool_open(&b, uri, options));
    assert_int_equal(muster_results_since_last_call(b, MUSTER_SINCE_LAST, embed_see, embed), 0);
    int64_t id = embed_good(a, muster_submit(a, command));
    embed_good(b, muster_wait(b, &id, 1, -1, 0, NULL, NULL));
    assert_int_equal(muster_results_since_last_call(b, MUSTER_SINCE_LAST, embed_see, embed), 1);
    /* A shutdown is of one handle. */
    embed_good(a, muster_shutdown(a, MUSTER_WAIT));
    assert_int_equal(muster_submit(a, command), MUSTER_ESHUTTINGDOWN);
    embed_good(b, muster_submit(b, command));
    embed_good(b, muster_wait_all(b, -1));
    muster_consumer *consumer = NULL;
    const muster_record *record = NULL;
    embed_good(b, muster_consumer_open(b, "mail", &consumer));
    muster_consumer_close(consumer);
    id = embed_good(b, muster_submit(b, command));
    embed_good(b, muster_consumer_open(b, "mail", &consumer));
    assert_int_equal(embed_good(b, muster_consumer_next(consumer, &record, 60000)), 1);
    assert_int_equal(record->track_id, id);
    int64_t pos = record->pos;
    muster_consumer_close(consumer); /* not acknowledged: delivered again */
    embed_good(b, muster_consumer_open(b, "mail", &consumer));
    assert_int_equal(embed_good(b, muster_consumer_next(consumer, &record, 60000)), 1);
    assert_int_equal(record->pos, pos);
    embed_good(b, muster_consumer_ack(consumer, pos));
    muster_consumer_close(consumer);
    embed_good(b, muster_consumer_open(b, "mail", &consumer));
    assert_int_equal(embed_good(b, muster_consumer_next(consumer, &record, 50)), 0);
    muster_consumer_close(consumer);
    muster_command_free(command);
    muster_options_free(options);
    embed_good(NULL, muster_pool_close(&a));
    embed_good(NULL, muster_pool_close(&b));
}

static void test_library__reading_is_repeatable_and_never_silently_empty(void **state)
{
    struct embed *embed = *state;
    int64_t next = 0;
    for (int i = 0; i < 10; i++)
        embed_echo(embed, i);
    embed_good(embed->pool, muster_wait_all(embed->pool, -1));
    for (int round = 0; round < 2; round++) {
        embed->n = 0;
        assert_int_equal(
            embed_good(embed->pool, muster_results_read(embed->pool, 4, 3, 0, MUSTER_WITH_COMMAND,
                                                        embed_see, embed, &next)),
            3);
        assert_int_equal(embed->seen[0].pos, 5);
        assert_int_equal(next, 7);
    }
    assert_int_equal(muster_results_read(embed->pool, 11, 3, 0, 0, embed_see, embed, &next),
                     MUSTER_ELOGMISMATCH);
    assert_int_equal(muster_results_read(embed->pool, 10, 3, 20, 0, embed_see, embed, &next), 0);
}

static void test_library__shutting_the_broker_down_ends_the_handle(void **state)
{
    struct embed *embed = *state;
    embed_sleep(embed, 3600);
    assert_int_equal(muster_shutdown_timed(embed->pool, MUSTER_WAIT, 100), MUSTER_ETIMEDOUT);
    assert_int_equal(muster_shutdown(embed->pool, 64), MUSTER_EINVAL);
    embed_good(embed->pool, muster_shutdown_broker(embed->pool));
    muster_command *command = muster_command_call("echo");
    muster_options *options = embed_options(embed);
    muster_options_set_connect_timeout(options, 300);
    muster_pool *late = NULL;
    /* It is gone for everybody, and says so instead of hanging. */
    int64_t rc;
    do
        rc = muster_queue_length(embed->pool);
    while (rc >= 0 || rc == MUSTER_ESHUTTINGDOWN);
    assert_int_equal(rc, MUSTER_ECLOSED);
    assert_int_equal(muster_submit(embed->pool, command), MUSTER_ECLOSED);
    assert_true(muster_pool_open(&late, muster_pool_broker(embed->pool), options) < 0);
    muster_options_free(options);
    muster_command_free(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, embed_setup, embed_teardown)
        TEST(test_library__many_commands_are_accepted_run_and_read),
        TEST(test_library__throttled_submits_keep_the_queue_short),
        TEST(test_library__thousands_of_futures_in_a_poll_loop),
        TEST(test_library__an_argv_runs_with_its_environment_and_input),
        TEST(test_library__commands_are_listed_and_cancelled),
        TEST(test_library__hosts_and_batches),
        TEST(test_library__a_caller_request_id_makes_a_submit_safe_to_repeat),
        TEST(test_library__a_shared_pool_has_several_handles_and_durable_cursors),
        TEST(test_library__reading_is_repeatable_and_never_silently_empty),
        TEST(test_library__shutting_the_broker_down_ends_the_handle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
