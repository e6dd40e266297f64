/*
 * Bad input, full and damaged stores, foreign peers: a clear error, and nothing is lost. Each test
 * names the sentence that it covers.
 */
#include "cluster.h"

#include "base/fs.h"
#include "net/sock.h"
#include "proto/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void test_s13__every_refusal_is_typed_and_says_what_to_do(void **state)
{
    struct cluster *c = *state;
    static const char *const small[] = {"--queue-max", "3"};
    memcpy(c->broker_args, small, sizeof small);
    cluster_start_broker(c);
    cluster_start_worker(c, 0, "a", "1", NULL);
    c->pool = cluster_open(c, "s13");
    muster_command *command = muster_command_call("no_such_function");
    assert_int_equal(muster_submit(c->pool, command), MUSTER_EUNKNOWNFUNCTION);
    assert_non_null(strstr(muster_error(c->pool)->text, "no_such_function"));
    muster_command_free(command);
    command = shell("sleep 1000");
    muster_command_set_selector(command, "nowhere");
    assert_int_equal(muster_submit(c->pool, command), MUSTER_ENOMATCH);
    assert_non_null(strstr(muster_error(c->pool)->text, "nowhere"));
    muster_command_set_selector(command, "a b");
    assert_int_equal(muster_submit(c->pool, command), MUSTER_EBADREQUEST);
    muster_command_set_selector(command, NULL);
    for (int i = 0; i < 3; i++)
        good(c->pool, muster_submit(c->pool, command));
    assert_int_equal(muster_submit(c->pool, command), MUSTER_EQUEUEFULL);
    assert_true(muster_error(c->pool)->retryable);
    int64_t unknown = 99;
    assert_int_equal(muster_wait(c->pool, &unknown, 1, 1000, 0, NULL, NULL),
                     MUSTER_EUNKNOWNCOMMAND);
    assert_int_equal(good(c->pool, muster_queue_length(c->pool)), 3);
    muster_command_free(command);
}

static void test_s14__low_disk_space_refuses_commands_and_recovers(void **state)
{
    struct cluster *c = *state;
    static const char *const huge[] = {"--disk-low", "1000T"};
    memcpy(c->broker_args, huge, sizeof huge);
    cluster_start_broker(c);
    c->pool = cluster_open(c, "s14");
    muster_command *command = muster_command_call("echo");
    assert_int_equal(muster_submit(c->pool, command), MUSTER_EDISKLOW);
    muster_pool_close(&c->pool);
    cluster_kill_broker(c, SIGKILL);
    memset(c->broker_args, 0, sizeof c->broker_args);
    cluster_start_broker(c);
    c->pool = cluster_open(c, "s14");
    assert_int_equal(good(c->pool, muster_submit(c->pool, command)), 1);
    muster_command_free(command);
}

static void test_s14__a_damaged_store_is_refused_and_left_alone(void **state)
{
    struct cluster *c = *state;
    char text[1024], path[160];
    struct stat before, after;
    cluster_start_broker(c);
    c->pool = cluster_open(c, "s14b");
    for (int i = 0; i < 50; i++)
        submit_echo(c, i);
    muster_pool_close(&c->pool);
    cluster_kill_broker(c, SIGTERM);
    snprintf(path, sizeof path, "%s/muster.db", c->store);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "this is not a database", 22, 0), 22);
    close(fd);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(cluster_try_broker(c, c->store, c->clients, c->workers, text), 74);
    assert_true(strlen(text) > 20);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    assert_int_equal(before.st_size, after.st_size);
}

static void test_bad_input__a_second_broker_is_refused_on_the_store_and_on_the_path(void **state)
{
    struct cluster *c = *state;
    char text[1024], other[128], elsewhere[128];
    cluster_start_broker(c);
    snprintf(other, sizeof other, "%s/other", c->dir);
    snprintf(elsewhere, sizeof elsewhere, "ipc://%s/elsewhere", c->dir);
    assert_int_equal(cluster_try_broker(c, c->store, elsewhere, elsewhere, text), 125);
    assert_non_null(strstr(text, c->store));
    assert_int_equal(cluster_try_broker(c, other, c->clients, c->workers, text), 125);
    assert_non_null(strstr(text, "serves there already"));
    c->pool = cluster_open(c, "two"); /* the first one serves on */
    assert_int_equal(submit_echo(c, 1), 1);
}

static void test_bad_input__a_queue_that_is_longer_than_its_limit_is_refused_and_kept(void **state)
{
    struct cluster *c = *state;
    char text[1024];
    cluster_start_broker(c);
    c->pool = cluster_open(c, "long");
    for (int i = 0; i < 5; i++)
        submit_echo(c, i);
    muster_pool_close(&c->pool);
    cluster_kill_broker(c, SIGKILL);
    c->broker_args[0] = "--queue-max";
    c->broker_args[1] = "4";
    assert_int_equal(cluster_try_broker(c, c->store, c->clients, c->workers, text), 125);
    assert_non_null(strstr(text, "--queue-max"));
    c->broker_args[1] = "5";
    cluster_start_broker(c);
    c->pool = cluster_open(c, "long");
    assert_int_equal(good(c->pool, muster_queue_length(c->pool)), 5);
}

static void test_bad_input__a_ready_descriptor_that_is_not_open_is_refused(void **state)
{
    struct cluster *c = *state;
    char text[1024];
    c->broker_args[0] = "--ready-fd";
    c->broker_args[1] = "59"; /* the broker would close it: one of its own by then */
    assert_int_equal(cluster_try_broker(c, c->store, c->clients, c->workers, text), 125);
    assert_non_null(strstr(text, "59"));
}

static void
test_bad_input__a_directory_that_cannot_be_made_and_a_network_address_are_refused(void **state)
{
    struct cluster *c = *state;
    char text[1024], file[128];
    snprintf(file, sizeof file, "%s/file", c->dir);
    fclose(fopen(file, "w"));
    strcat(file, "/store");
    assert_true(cluster_try_broker(c, file, c->clients, c->workers, text) > 0);
    assert_non_null(strstr(text, file));
    assert_int_equal(cluster_try_broker(c, c->store, "tcp://127.0.0.1:7700", c->workers, text),
                     125);
    assert_non_null(strstr(text, "--insecure-network"));
    assert_int_equal(cluster_try_broker(c, c->store, "udp://x", c->workers, text), 125);
    assert_non_null(strstr(text, "udp://x"));
}

static void
test_bad_input__an_absent_broker_and_a_stranger_are_told_apart_from_a_slow_one(void **state)
{
    struct cluster *c = *state;
    muster_pool *pool = NULL;
    muster_options *options = muster_options_new();
    muster_options_set_connect_timeout(options, 300);
    assert_true(muster_pool_open(&pool, c->clients, options) < 0);
    assert_null(pool);
    assert_int_equal(muster_error(NULL)->code, MUSTER_EUNREACHABLE);
    assert_non_null(strstr(muster_error(NULL)->text, c->clients));
    /* Somebody else listens there and never speaks. */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/clients", c->dir);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_true(muster_pool_open(&pool, c->clients, options) < 0);
    assert_null(pool);
    close(fd);
    muster_options_free(options);
}

/* ---- a peer on the wire --------------------------------------------------------------------- */

struct raw {
    void *context, *sock;
    struct arena arena;
    zmq_msg_t frame;
};

static void raw_open(struct raw *raw, const char *endpoint)
{
    struct sock_options options = sock_options_default();
    arena_init(&raw->arena, 8u << 20);
    zmq_msg_init(&raw->frame);
    raw->context = sock_context_new();
    raw->sock = sock_dealer_new(raw->context, &options);
    assert_int_equal(sock_connect(raw->sock, endpoint, NULL), 0);
}

static void raw_close(struct raw *raw)
{
    zmq_msg_close(&raw->frame);
    sock_close(&raw->sock);
    sock_context_free(raw->context);
    arena_done(&raw->arena);
}

static void raw_send(struct raw *raw, const void *data, size_t size)
{
    zmq_pollitem_t item = {.socket = raw->sock, .events = ZMQ_POLLOUT};
    zmq_msg_t frame;
    assert_int_equal(zmq_msg_init_size(&frame, size), 0);
    memcpy(zmq_msg_data(&frame), data, size);
    assert_int_equal(zmq_poll(&item, 1, 60000), 1);
    assert_int_equal(sock_send(raw->sock, &frame), 0);
}

static void raw_send_message(struct raw *raw, const struct wire_message *m)
{
    size_t size = wire_encoded_size(m);
    uint8_t *data = malloc(size);
    wire_encode(m, data, size);
    raw_send(raw, data, size);
    free(data);
}

static struct wire_message raw_receive(struct raw *raw)
{
    zmq_pollitem_t item = {.socket = raw->sock, .events = ZMQ_POLLIN};
    struct wire_message m = {0};
    struct wire_error error;
    zmq_msg_close(&raw->frame);
    zmq_msg_init(&raw->frame);
    assert_int_equal(zmq_poll(&item, 1, 60000), 1);
    assert_int_equal(sock_receive(raw->sock, &raw->frame), 0);
    arena_reset(&raw->arena);
    if (wire_decode(zmq_msg_data(&raw->frame), zmq_msg_size(&raw->frame), &raw->arena, &m, &error) <
        0)
        fail_msg("the broker's message is malformed: %s", error.text);
    return m;
}

static void hello(struct raw *raw, uint64_t client)
{
    struct wire_message m = {.type = WIRE_CLIENT_HELLO};
    m.as.client_hello =
        (struct wire_client_hello){.request = 1, .client = client, .pool = bytes_of_str("raw")};
    raw_send_message(raw, &m);
    assert_int_equal(raw_receive(raw).type, WIRE_WELCOME);
}

static void test_s16__malformed_frames_get_an_error_and_the_connection_goes_on(void **state)
{
    struct cluster *c = *state;
    struct raw raw;
    static const struct {
        const char *bytes;
        size_t size;
        enum refusal refusal;
    } bad[] = {
        {"", 0, REFUSAL_BAD_REQUEST},
        {"GET / HTTP/1.1\r\n", 16, REFUSAL_BAD_REQUEST},
        {"MU\x09\x02", 4, REFUSAL_VERSION},
        {"MU\x01\xff", 4, REFUSAL_BAD_REQUEST},
        {"MU\x01\x02\xff\xff\xff\xff\xff", 9, REFUSAL_BAD_REQUEST},
        {"MU\x01\x41", 4, REFUSAL_BAD_REQUEST}, /* a worker's message */
    };
    cluster_start_broker(c);
    raw_open(&raw, c->clients);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        raw_send(&raw, bad[i].bytes, bad[i].size);
        struct wire_message m = raw_receive(&raw);
        assert_int_equal(m.type, WIRE_ERROR);
        assert_int_equal(m.as.error.refusal, bad[i].refusal);
        assert_true(m.as.error.text.size > 0);
    }
    /* A request before hello is asked who it is. */
    struct wire_message ping = {.type = WIRE_PING};
    ping.as.ping.request = 7;
    raw_send_message(&raw, &ping);
    assert_int_equal(raw_receive(&raw).type, WIRE_WHO_ARE_YOU);
    hello(&raw, 4711);
    raw_send_message(&raw, &ping);
    struct wire_message m = raw_receive(&raw);
    assert_int_equal(m.type, WIRE_DONE);
    assert_int_equal(m.as.done.request, 7);
    raw_close(&raw);
}

static void submit_raw(struct raw *raw, uint64_t request, uint64_t sequence, uint64_t answered_to)
{
    struct wire_message m = {.type = WIRE_SUBMIT};
    struct wire_submission submission = {.function = bytes_of_str("echo")};
    m.as.submit = (struct wire_submit){.request = request,
                                       .sequence = sequence,
                                       .answered_to = answered_to,
                                       .submissions = &submission,
                                       .n_submissions = 1};
    raw_send_message(raw, &m);
}

static void test_s2__a_lost_answer_is_never_a_doubled_command(void **state)
{
    struct cluster *c = *state;
    struct raw raw;
    cluster_start_broker(c);
    for (int round = 0; round < 5; round++) {
        raw_open(&raw, c->clients);
        hello(&raw, 4711);
        submit_raw(&raw, 2, 1, 0); /* its answer is never read but in the last round */
        if (round < 4) {
            raw_close(&raw);
            if (round == 2) {
                cluster_kill_broker(c, SIGKILL);
                cluster_start_broker(c);
            }
            continue;
        }
        struct wire_message m = raw_receive(&raw);
        assert_int_equal(m.type, WIRE_SUBMITTED);
        assert_int_equal(m.as.submitted.first, 1);
        assert_true(m.as.submitted.duplicate);
        submit_raw(&raw, 3, 2, 1);
        m = raw_receive(&raw);
        assert_int_equal(m.as.submitted.first, 2);
        assert_false(m.as.submitted.duplicate);
        raw_close(&raw);
    }
    c->pool = cluster_open(c, "raw");
    assert_int_equal(good(c->pool, muster_queue_length(c->pool)), 2);
}

static void test_bad_input__two_workers_cannot_be_one_host(void **state)
{
    struct cluster *c = *state;
    struct raw raw;
    struct bytes function = bytes_of_str("echo");
    cluster_start_broker(c);
    cluster_start_worker(c, 0, "a", "1", NULL);
    raw_open(&raw, c->workers);
    struct wire_message m = {.type = WIRE_WORKER_HELLO};
    m.as.worker_hello = (struct wire_worker_hello){.uuid = bytes_of("0123456789abcdef", 16),
                                                   .incarnation = 1,
                                                   .host = bytes_of_str("a"),
                                                   .slots = 1,
                                                   .credit = 1,
                                                   .functions = &function,
                                                   .n_functions = 1,
                                                   .software = bytes_of_str("test"),
                                                   .tree_kill = bytes_of_str("none"),
                                                   .wall_ns = 1};
    raw_send_message(&raw, &m);
    m = raw_receive(&raw);
    assert_int_equal(m.type, WIRE_ERROR);
    assert_int_equal(m.as.error.refusal, REFUSAL_BUSY); /* until the other is gone or silent */
    assert_true(m.as.error.retry_after_ns > 0 && m.as.error.text.size > 20);
    raw_close(&raw);
    c->pool = cluster_open(c, "host");
    int64_t id = submit_echo(c, 1);
    good(c->pool, muster_wait(c->pool, &id, 1, 60000, 0, cluster_see, c));
    assert_int_equal(c->seen[0].state, MUSTER_STATE_OK);
}

/* The broker may hang up at any byte; that is its right. */
static void tell(int fd, const void *data, size_t size)
{
    (void)!send(fd, data, size, MSG_NOSIGNAL);
}

static void test_bad_input__a_client_that_vanishes_mid_submit_harms_nobody(void **state)
{
    struct cluster *c = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    cluster_start_broker(c);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/clients", c->dir);
    /* A ZMTP greeting and the beginning of a frame of half a megabyte, then nothing. */
    static const unsigned char greeting[64] = {0xff, 0,    0, 0, 0,   0,   0,   0,
                                               1,    0x7f, 3, 0, 'N', 'U', 'L', 'L'};
    static const unsigned char ready[] = {4,   28,  5,   'R', 'E', 'A', 'D', 'Y', 11,  'S',
                                          'o', 'c', 'k', 'e', 't', '-', 'T', 'y', 'p', 'e',
                                          0,   0,   0,   6,   'D', 'E', 'A', 'L', 'E', 'R'};
    static const unsigned char half[] = {2, 0, 0, 0, 0, 0, 8, 0, 0, 'M', 'U', 1, 2, 'x'};
    for (int i = 0; i < 20; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
        tell(fd, greeting, sizeof greeting);
        if (i % 2 == 0) {
            tell(fd, ready, sizeof ready);
            tell(fd, half, sizeof half);
        }
        close(fd);
    }
    c->pool = cluster_open(c, "vanish");
    assert_int_equal(submit_echo(c, 1), 1);
}

static void test_s15__records_show_durations_and_the_skew_of_clocks(void **state)
{
    struct cluster *c = *state;
    muster_stats stats;
    cluster_start_broker(c);
    cluster_start_worker(c, 0, "a", "1", NULL);
    c->pool = cluster_open(c, "s15");
    int64_t id = submit_shell(c, "sleep 0.2");
    good(c->pool, muster_wait(c->pool, &id, 1, 60000, 0, NULL, NULL));
    good(c->pool, muster_get_stats(c->pool, 1, &stats));
    assert_int_equal(stats.count, 1);
    assert_true(stats.time.min >= 0.2 && stats.time.max >= stats.time.min && stats.waited.min >= 0);
    assert_int_equal(muster_get_stats(c->pool, -1, &stats), MUSTER_EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, cluster_setup, cluster_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_s2__a_lost_answer_is_never_a_doubled_command),
        TEST(test_s13__every_refusal_is_typed_and_says_what_to_do),
        TEST(test_s14__low_disk_space_refuses_commands_and_recovers),
        TEST(test_s14__a_damaged_store_is_refused_and_left_alone),
        TEST(test_s15__records_show_durations_and_the_skew_of_clocks),
        TEST(test_s16__malformed_frames_get_an_error_and_the_connection_goes_on),
        TEST(test_bad_input__a_second_broker_is_refused_on_the_store_and_on_the_path),
        TEST(test_bad_input__a_queue_that_is_longer_than_its_limit_is_refused_and_kept),
        TEST(test_bad_input__a_ready_descriptor_that_is_not_open_is_refused),
        TEST(test_bad_input__a_directory_that_cannot_be_made_and_a_network_address_are_refused),
        TEST(test_bad_input__an_absent_broker_and_a_stranger_are_told_apart_from_a_slow_one),
        TEST(test_bad_input__two_workers_cannot_be_one_host),
        TEST(test_bad_input__a_client_that_vanishes_mid_submit_harms_nobody),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("refusals", tests, NULL, NULL);
}
