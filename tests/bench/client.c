/*
 * client.c -- the load: a client on the wire itself, so that a figure is the broker's and not the
 * client library's. Every record is read and counted; a missing or doubled one ends the program.
 */
#include "bench.h"

#include "base/arena.h"
#include "base/rand.h"
#include "net/sock.h"
#include "proto/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 4000, SUBMISSIONS = 1000 };

struct client {
    void *context, *sock;
    struct arena arena;
    uint64_t request, sequence, answered_to;
    uint8_t body[512]; /* an echo's packed CommandBody */
    size_t body_size;
    zmq_msg_t frame; /* the last one received */
};

static void send_message(struct client *c, const struct wire_message *m)
{
    size_t size = wire_encoded_size(m);
    zmq_msg_t frame;
    if (zmq_msg_init_size(&frame, size) < 0)
        die("out of memory");
    wire_encode(m, zmq_msg_data(&frame), size);
    int r;
    while ((r = sock_send(c->sock, &frame)) == -EAGAIN) {
        zmq_pollitem_t item = {.socket = c->sock, .events = ZMQ_POLLOUT};
        zmq_poll(&item, 1, 1000);
    }
    if (r < 0)
        die("send: %s", strerror(-r));
}

/* The next message, or false when there is none and `wait` is not set. */
static bool receive_message(struct client *c, bool wait, struct wire_message *ret)
{
    struct wire_error error;
    zmq_msg_close(&c->frame);
    zmq_msg_init(&c->frame);
    int r;
    while ((r = sock_receive(c->sock, &c->frame)) == -EAGAIN) {
        zmq_pollitem_t item = {.socket = c->sock, .events = ZMQ_POLLIN};
        if (!wait)
            return false;
        if (zmq_poll(&item, 1, 60000) == 0)
            die("the broker has not answered for a minute");
    }
    if (r < 0)
        die("receive: %s", strerror(-r));
    arena_reset(&c->arena);
    if (wire_decode(zmq_msg_data(&c->frame), zmq_msg_size(&c->frame), &c->arena, ret, &error) < 0)
        die("the broker sent something wrong: %s", error.text);
    if (ret->type == WIRE_ERROR)
        die("refused: %.*s", (int)ret->as.error.text.size, (const char *)ret->as.error.text.data);
    return true;
}

static void client_open(struct client *c, const struct system *system)
{
    struct sock_options options = sock_options_default();
    struct wire_message m = {.type = WIRE_CLIENT_HELLO};
    uint8_t payload[PAYLOAD];
    struct wire_value value = {.kind = WIRE_VALUE_BYTES, .data = bytes_of(payload, sizeof payload)};
    struct wire_command_body body = {.args = &value, .n_args = 1};
    *c = (struct client){0};
    memset(payload, 'x', sizeof payload);
    c->body_size = wire_command_body_size(&body);
    if (c->body_size > sizeof c->body)
        die("the body is larger than thought");
    wire_command_body_encode(&body, c->body, c->body_size);
    arena_init(&c->arena, 8u << 20);
    zmq_msg_init(&c->frame);
    c->context = sock_context_new();
    options.send_max = options.receive_max = 100000;
    c->sock = sock_dealer_new(c->context, &options);
    if (c->sock == NULL || sock_connect(c->sock, system->clients, NULL) < 0)
        die("cannot connect to %s", system->clients);
    uint64_t id;
    rand_os(&id, sizeof id);
    m.as.client_hello = (struct wire_client_hello){
        .request = ++c->request, .client = id | 1, .software = bytes_of_str("muster-bench")};
    send_message(c, &m);
    if (!receive_message(c, true, &m) || m.type != WIRE_WELCOME)
        die("no WELCOME");
}

static void client_close(struct client *c)
{
    zmq_msg_close(&c->frame);
    sock_close(&c->sock);
    sock_context_free(c->context);
    arena_done(&c->arena);
}

static void submit(struct client *c, unsigned n)
{
    static struct wire_submission submissions[SUBMISSIONS];
    struct wire_message m = {.type = WIRE_SUBMIT};
    for (unsigned i = 0; i < n; i++)
        submissions[i] = (struct wire_submission){.function = bytes_of_str("echo"),
                                                  .rerunnable = true,
                                                  .body = bytes_of(c->body, c->body_size)};
    m.as.submit = (struct wire_submit){.request = ++c->request,
                                       .sequence = ++c->sequence,
                                       .answered_to = c->answered_to,
                                       .submissions = submissions,
                                       .n_submissions = n};
    send_message(c, &m);
}

static void ask_records(struct client *c, uint64_t from)
{
    struct wire_message m = {.type = WIRE_READ};
    m.as.read = (struct wire_read){
        .request = ++c->request, .from_pos = from, .max = PAGE, .wait_ns = INT64_C(60000000000)};
    send_message(c, &m);
}

/* Marks the records' track_ids; each must be ok and come once. */
static void count_records(const struct wire_records *records, uint8_t *seen, unsigned n)
{
    for (uint32_t i = 0; i < records->n_rows; i++) {
        const struct wire_row *row = &records->rows[i];
        if (row->track_id == 0 || row->track_id > n || seen[row->track_id - 1] != 0 ||
            row->state != 4)
            die("command %llu came twice or did not end ok", (unsigned long long)row->track_id);
        seen[row->track_id - 1] = 1;
    }
}

double client_throughput(const struct system *system, unsigned n, unsigned batch,
                         unsigned outstanding)
{
    struct client c;
    uint8_t *seen = calloc(n, 1);
    unsigned sent = 0, read = 0, window = 2000;
    if (batch > SUBMISSIONS)
        batch = SUBMISSIONS;
    client_open(&c, system);
    double start = seconds_now();
    ask_records(&c, 0);
    while (read < n) {
        struct wire_message m;
        while (sent < n && sent - read < outstanding && c.sequence - c.answered_to < window) {
            unsigned k = n - sent < batch ? n - sent : batch;
            submit(&c, k);
            sent += k;
        }
        for (bool wait = true; receive_message(&c, wait, &m); wait = false) {
            if (m.type == WIRE_SUBMITTED) {
                c.answered_to++; /* answers come in order on one connection */
            } else if (m.type == WIRE_RECORDS) {
                count_records(&m.as.records, seen, n);
                read += m.as.records.n_rows;
                if (read < n)
                    ask_records(&c, m.as.records.next);
            }
        }
    }
    double seconds = seconds_now() - start;
    client_close(&c);
    free(seen);
    return seconds;
}

void client_round_trips(const struct system *system, double *samples, size_t n)
{
    struct client c;
    uint64_t pos = 0;
    client_open(&c, system);
    for (size_t i = 0; i < n + 50; i++) { /* the first ones teach the broker how short an echo is */
        struct wire_message m;
        double start = seconds_now();
        submit(&c, 1);
        ask_records(&c, pos);
        for (bool answered = false, read = false; !answered || !read;) {
            receive_message(&c, true, &m);
            if (m.type == WIRE_SUBMITTED)
                answered = true;
            if (m.type == WIRE_RECORDS) {
                read = true;
                pos = m.as.records.next;
            }
        }
        c.answered_to = c.sequence;
        if (i >= 50)
            samples[i - 50] = seconds_now() - start;
    }
    client_close(&c);
}

void client_submit_only(const struct system *system, unsigned n, double *samples, size_t n_samples)
{
    struct client c;
    struct wire_message m;
    client_open(&c, system);
    while (n > 0) {
        unsigned k = n < SUBMISSIONS ? n : SUBMISSIONS;
        submit(&c, k);
        receive_message(&c, true, &m);
        c.answered_to = c.sequence;
        n -= k;
    }
    for (size_t i = 0; i < n_samples; i++) {
        double start = seconds_now();
        submit(&c, 1);
        receive_message(&c, true, &m);
        c.answered_to = c.sequence;
        samples[i] = seconds_now() - start;
    }
    client_close(&c);
}

double client_spawn(const struct system *system, unsigned n)
{
    struct client c;
    struct wire_message m = {.type = WIRE_SUBMIT};
    struct bytes argv = bytes_of_str("/bin/true");
    struct wire_command_body body = {.argv = &argv, .n_argv = 1};
    uint8_t packed[64];
    size_t size = wire_command_body_size(&body);
    unsigned sent = 0, read = 0;
    if (size > sizeof packed)
        die("the body is larger than thought");
    wire_command_body_encode(&body, packed, size);
    client_open(&c, system);
    double start = seconds_now();
    while (sent < n) {
        static struct wire_submission submissions[SUBMISSIONS];
        unsigned k = n - sent < SUBMISSIONS ? n - sent : SUBMISSIONS;
        for (unsigned i = 0; i < k; i++)
            submissions[i] = (struct wire_submission){.function = bytes_of_str("exec"),
                                                      .body = bytes_of(packed, size)};
        m = (struct wire_message){.type = WIRE_SUBMIT};
        m.as.submit = (struct wire_submit){.request = ++c.request,
                                           .sequence = ++c.sequence,
                                           .submissions = submissions,
                                           .n_submissions = k};
        send_message(&c, &m);
        sent += k;
    }
    ask_records(&c, 0);
    while (read < n) {
        receive_message(&c, true, &m);
        if (m.type != WIRE_RECORDS)
            continue;
        for (uint32_t i = 0; i < m.as.records.n_rows; i++)
            if (m.as.records.rows[i].state != 4)
                die("/bin/true did not end ok");
        read += m.as.records.n_rows;
        if (read < n)
            ask_records(&c, m.as.records.next);
    }
    double seconds = seconds_now() - start;
    client_close(&c);
    return n / seconds;
}
