/*
 * Peers that mean no good, or do not know better: they flood the broker, or ask and never read. The
 * broker goes on serving everybody else, in time and in bounded memory.
 */
#include "cluster.h"

#include "base/fs.h"
#include "base/time.h"
#include "net/sock.h"
#include "proto/wire.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum { FLOODERS = 3, BULK_BYTES = 200000, BULK_COMMANDS = 5, UNREAD = 3000 };

/* ---- peers ---------------------------------------------------------------------------------- */

static void *dealer(void *context, const char *endpoint)
{
    struct sock_options options = sock_options_default();
    options.receive_max = 4; /* what is not read stays with the broker */
    options.linger_ms = 0;
    void *sock = sock_dealer_new(context, &options);
    assert_non_null(sock);
    assert_int_equal(sock_connect(sock, endpoint, NULL), 0);
    return sock;
}

static void send_message(void *sock, const struct wire_message *m)
{
    zmq_pollitem_t item = {.socket = sock, .events = ZMQ_POLLOUT};
    size_t size = wire_encoded_size(m);
    zmq_msg_t frame;
    assert_int_equal(zmq_msg_init_size(&frame, size), 0);
    wire_encode(m, zmq_msg_data(&frame), size);
    assert_int_equal(zmq_poll(&item, 1, 60000), 1);
    assert_int_equal(sock_send(sock, &frame), 0);
}

static enum wire_type receive_type(void *sock)
{
    zmq_pollitem_t item = {.socket = sock, .events = ZMQ_POLLIN};
    struct wire_message m = {0};
    struct wire_error error;
    struct arena arena;
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    arena_init(&arena, WIRE_DECODE_MEMORY_MAX);
    assert_int_equal(zmq_poll(&item, 1, 60000), 1);
    assert_int_equal(sock_receive(sock, &frame), 0);
    assert_int_equal(wire_decode(zmq_msg_data(&frame), zmq_msg_size(&frame), &arena, &m, &error),
                     0);
    zmq_msg_close(&frame);
    arena_done(&arena);
    return m.type;
}

struct flood {
    const struct cluster *cluster;
    const void *first; /* frames of each message; second may be NULL */
    const char *second;
    size_t first_bytes;
    atomic_bool stop;
    atomic_ulong sent;
};

/* Sends as fast as it can and reads nothing. */
static void *flood(void *arg)
{
    struct flood *f = arg;
    void *context = sock_context_new();
    void *sock = dealer(context, f->cluster->clients);
    while (!atomic_load(&f->stop)) {
        zmq_pollitem_t item = {.socket = sock, .events = ZMQ_POLLOUT};
        zmq_poll(&item, 1, 100);
        for (int i = 0; i < 64; i++)
            if (zmq_send(sock, f->first, f->first_bytes,
                         ZMQ_DONTWAIT | (f->second != NULL ? ZMQ_SNDMORE : 0)) >= 0) {
                if (f->second != NULL)
                    zmq_send(sock, f->second, strlen(f->second), ZMQ_DONTWAIT);
                atomic_fetch_add(&f->sent, 1);
            }
    }
    sock_close(&sock);
    sock_context_free(context);
    return NULL;
}

/* While they flood: a command is stored and acknowledged, a wait ends when its time is over, and
 * SIGTERM is heard. */
static void serve_through(struct cluster *c, struct flood *f)
{
    pthread_t threads[FLOODERS];
    struct stat log;
    cluster_start_broker(c);
    c->pool = cluster_open(c, "flood");
    for (int i = 0; i < FLOODERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, flood, f), 0);
    while (atomic_load(&f->sent) < 20000)
        sleep_ms(5);
    int64_t id = submit_echo(c, 1);
    assert_int_equal(id, 1);
    muster_time began = time_boot_ns();
    assert_int_equal(muster_wait(c->pool, &id, 1, 200, 0, NULL, NULL), MUSTER_ETIMEDOUT);
    assert_true(time_boot_ns() - began < 30 * MUSTER_S);
    cluster_kill_broker(c, SIGTERM);
    atomic_store(&f->stop, true);
    for (int i = 0; i < FLOODERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(stat(c->log, &log), 0);
    assert_true(log.st_size < 64 * 1024); /* nor is the log filled by them */
}

static void test_s13__a_flood_of_malformed_messages_holds_up_nobody(void **state)
{
    struct flood f = {.cluster = *state, .first = "x", .first_bytes = 1, .second = "y"};
    serve_through(*state, &f);
}

static void test_s13__a_flood_of_requests_holds_up_no_timer(void **state)
{
    struct wire_message ping = {.type = WIRE_PING};
    uint8_t frame[64];
    ping.as.ping.request = 1;
    struct flood f = {.cluster = *state, .first = frame, .first_bytes = wire_encoded_size(&ping)};
    assert_true(f.first_bytes <= sizeof frame);
    wire_encode(&ping, frame, f.first_bytes);
    serve_through(*state, &f);
}

/* ---- memory --------------------------------------------------------------------------------- */

static long resident_kib(pid_t pid)
{
    char path[64];
    struct buffer text = BUFFER_EMPTY;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    assert_int_equal(fs_read_file(path, 65536, &text), 0);
    const char *line = strstr(buffer_str(&text), "VmRSS:");
    assert_non_null(line);
    long kib = strtol(line + 6, NULL, 10);
    buffer_done(&text);
    return kib;
}

static void make_bulk(struct cluster *c)
{
    char *bulk = malloc(BULK_BYTES);
    memset(bulk, 'b', BULK_BYTES);
    for (int i = 0; i < BULK_COMMANDS; i++) {
        muster_command *command = muster_command_call("echo");
        assert_int_equal(muster_command_arg_bytes(command, bulk, BULK_BYTES), 0);
        good(c->pool, muster_submit(c->pool, command));
        muster_command_free(command);
    }
    free(bulk);
    good(c->pool, muster_wait_all(c->pool, 60000));
}

static void test_s13__a_client_that_reads_no_answer_takes_bounded_memory(void **state)
{
    struct cluster *c = *state;
    cluster_start_broker(c);
    cluster_start_worker(c, 0, "a", "2", NULL);
    c->pool = cluster_open(c, "bulk");
    make_bulk(c);
    long before = resident_kib(c->broker);
    void *context = sock_context_new();
    void *sock = dealer(context, c->clients);
    struct wire_message m = {.type = WIRE_CLIENT_HELLO};
    m.as.client_hello =
        (struct wire_client_hello){.request = 1, .client = 99, .pool = bytes_of_str("bulk")};
    send_message(sock, &m);
    assert_int_equal(receive_type(sock), WIRE_WELCOME);
    for (uint64_t i = 0; i < UNREAD; i++) {
        m = (struct wire_message){.type = WIRE_READ};
        m.as.read = (struct wire_read){.request = 2 + i, .max = 1000};
        send_message(sock, &m);
        if (i % 50 == 0)
            good(c->pool, muster_queue_length(c->pool)); /* the broker has taken what was sent */
    }
    good(c->pool, muster_queue_length(c->pool));
    assert_true(resident_kib(c->broker) - before < 700L * 1024);
    /* Whoever reads is served as before. */
    cluster_read_all(c);
    assert_int_equal(c->n_seen, BULK_COMMANDS);
    sock_close(&sock);
    sock_context_free(context);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, cluster_setup, cluster_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_s13__a_flood_of_malformed_messages_holds_up_nobody),
        TEST(test_s13__a_flood_of_requests_holds_up_no_timer),
        TEST(test_s13__a_client_that_reads_no_answer_takes_bounded_memory),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
