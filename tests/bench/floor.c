/*
 * floor.c -- what the transport and the kernel allow at best: the same path as a command takes,
 * without any of the work.
 */
#include "bench.h"

#include "net/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { BURST = 1024 };

struct floor {
    char front[128], back[128];
    char log[320];
    bool synced;
    pid_t middle, worker[WORKERS];
};

static void *dealer(void *context, const char *endpoint)
{
    struct sock_options options = sock_options_default();
    options.send_max = options.receive_max = 100000;
    void *sock = sock_dealer_new(context, &options);
    if (sock == NULL || sock_connect(sock, endpoint, NULL) < 0)
        die("floor: cannot connect to %s", endpoint);
    return sock;
}

static void wait_input(void *sock)
{
    zmq_pollitem_t item = {.socket = sock, .events = ZMQ_POLLIN};
    while (zmq_poll(&item, 1, -1) < 0 && errno == EINTR)
        continue;
}

static void send_all(void *sock, const void *data, size_t size)
{
    while (zmq_send(sock, data, size, 0) < 0)
        if (errno != EINTR)
            die("floor: send: %s", strerror(errno));
}

static void worker_main(const struct floor *floor)
{
    void *context = sock_context_new();
    void *sock = dealer(context, floor->back);
    send_all(sock, "hello", 5);
    for (;;) {
        zmq_msg_t m;
        zmq_msg_init(&m);
        if (zmq_msg_recv(&m, sock, 0) < 0 || zmq_msg_send(&m, sock, 0) < 0)
            _exit(1);
    }
}

/* Forwards: front to the workers in turn, back to the only client. */
static void middle_main(const struct floor *floor)
{
    struct sock_options options = sock_options_default();
    options.send_max = options.receive_max = 100000;
    void *context = sock_context_new();
    void *front = sock_router_new(context, &options), *back = sock_router_new(context, &options);
    if (zmq_bind(front, floor->front) < 0 || zmq_bind(back, floor->back) < 0)
        _exit(1);
    int log = open(floor->log, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    static char block[BURST * 2 * PAYLOAD];
    char client[ROUNDS_MAX], workers[WORKERS][ROUNDS_MAX];
    size_t client_size = 0, worker_size = 0;
    unsigned n_workers = 0, next = 0;
    for (;;) {
        zmq_pollitem_t items[2] = {{.socket = front, .events = ZMQ_POLLIN},
                                   {.socket = back, .events = ZMQ_POLLIN}};
        /* Until the workers are here nothing is taken from the client. */
        if (zmq_poll(n_workers < WORKERS ? items + 1 : items, n_workers < WORKERS ? 1 : 2, -1) < 0)
            continue;
        static struct {
            bool to_front;
            unsigned worker;
            zmq_msg_t m;
        } out[BURST];
        unsigned n = 0;
        size_t bytes = 0;
        for (bool more = true; more && n < BURST;) {
            more = false;
            for (int side = 0; side < 2 && n < BURST; side++) {
                zmq_msg_t route;
                if (side == 0 && n_workers < WORKERS)
                    continue;
                zmq_msg_init(&route);
                zmq_msg_init(&out[n].m);
                if (sock_receive_from(side == 0 ? front : back, &route, &out[n].m) == 0) {
                    more = true;
                    if (side == 0) {
                        client_size = zmq_msg_size(&route);
                        memcpy(client, zmq_msg_data(&route), client_size);
                        out[n].to_front = false;
                        out[n].worker = next++ % WORKERS;
                        bytes += zmq_msg_size(&out[n].m);
                        n++;
                    } else if (n_workers < WORKERS) {
                        worker_size = zmq_msg_size(&route);
                        memcpy(workers[n_workers++], zmq_msg_data(&route), worker_size);
                    } else {
                        out[n].to_front = true;
                        bytes += zmq_msg_size(&out[n].m);
                        n++;
                    }
                }
                zmq_msg_close(&route);
            }
        }
        if (floor->synced && n > 0) {
            if (write(log, block, bytes < sizeof block ? bytes : sizeof block) < 0 ||
                fdatasync(log) < 0)
                _exit(1);
        }
        for (unsigned i = 0; i < n; i++) {
            void *sock = out[i].to_front ? front : back;
            const char *route = out[i].to_front ? client : workers[out[i].worker];
            if (sock_send_to(sock, route, out[i].to_front ? client_size : worker_size, &out[i].m) <
                0)
                _exit(1);
        }
    }
}

static pid_t fork_into(void (*body)(const struct floor *), const struct floor *floor)
{
    pid_t pid = fork();
    if (pid < 0)
        die("fork: %s", strerror(errno));
    if (pid == 0) {
        body(floor);
        _exit(0);
    }
    return pid;
}

static void floor_open(struct floor *floor, const struct options *options, bool synced)
{
    unsigned a = free_port(), b = free_port();
    while (b == a)
        b = free_port();
    snprintf(floor->front, sizeof floor->front, "tcp://127.0.0.1:%u", a);
    snprintf(floor->back, sizeof floor->back, "tcp://127.0.0.1:%u", b);
    snprintf(floor->log, sizeof floor->log, "%s/floor.log", options->dir);
    floor->synced = synced;
    floor->middle = fork_into(middle_main, floor);
    for (unsigned i = 0; i < WORKERS; i++)
        floor->worker[i] = fork_into(worker_main, floor);
}

static void floor_close(struct floor *floor)
{
    kill(floor->middle, SIGKILL);
    waitpid(floor->middle, NULL, 0);
    for (unsigned i = 0; i < WORKERS; i++) {
        kill(floor->worker[i], SIGKILL);
        waitpid(floor->worker[i], NULL, 0);
    }
    unlink(floor->log);
}

static void receive(void *sock)
{
    zmq_msg_t m;
    zmq_msg_init(&m);
    while (sock_receive(sock, &m) == -EAGAIN)
        wait_input(sock);
    zmq_msg_close(&m);
}

double floor_router(const struct options *options, unsigned items, unsigned batch,
                    unsigned outstanding, bool synced)
{
    struct floor floor;
    unsigned messages = items / batch, sent = 0, got = 0,
             window = outstanding / batch > 0 ? outstanding / batch : 1;
    char *data = calloc(batch, PAYLOAD);
    floor_open(&floor, options, synced);
    void *context = sock_context_new();
    void *sock = dealer(context, floor.front);
    send_all(sock, data, PAYLOAD);
    receive(sock); /* everybody is connected */
    double start = seconds_now();
    while (got < messages) {
        while (sent < messages && sent - got < window) {
            send_all(sock, data, (size_t)batch * PAYLOAD);
            sent++;
        }
        receive(sock);
        got++;
        zmq_msg_t m;
        zmq_msg_init(&m);
        while (got < sent && sock_receive(sock, &m) == 0)
            got++;
        zmq_msg_close(&m);
    }
    double seconds = seconds_now() - start;
    sock_close(&sock);
    sock_context_free(context);
    floor_close(&floor);
    free(data);
    return (double)messages * batch / seconds;
}

void floor_round_trips(const struct options *options, bool synced, double *samples, size_t n)
{
    struct floor floor;
    char data[PAYLOAD] = {0};
    floor_open(&floor, options, synced);
    void *context = sock_context_new();
    void *sock = dealer(context, floor.front);
    for (size_t i = 0; i < 20; i++) {
        send_all(sock, data, sizeof data);
        receive(sock);
    }
    for (size_t i = 0; i < n; i++) {
        double start = seconds_now();
        send_all(sock, data, sizeof data);
        receive(sock);
        samples[i] = seconds_now() - start;
    }
    sock_close(&sock);
    sock_context_free(context);
    floor_close(&floor);
}

struct spawned {
    pid_t pid;
    int pidfd, out;
};

static void start_one(struct spawned *s)
{
    int pipes[2];
    char *argv[] = {"/bin/true", NULL};
    posix_spawn_file_actions_t actions;
    if (pipe2(pipes, O_CLOEXEC) < 0)
        die("pipe: %s", strerror(errno));
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
    if (posix_spawn(&s->pid, argv[0], &actions, NULL, argv, environ) != 0)
        die("posix_spawn: %s", strerror(errno));
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    s->out = pipes[0];
    s->pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0);
}

static void finish_one(struct spawned *s)
{
    char block[4096];
    while (read(s->out, block, sizeof block) > 0)
        continue;
    close(s->out);
    close(s->pidfd);
    waitpid(s->pid, NULL, 0);
}

double floor_spawn(unsigned starts, unsigned slots)
{
    struct spawned running[64];
    struct pollfd fds[64];
    unsigned started = 0, ended = 0;
    double begin = seconds_now();
    for (unsigned i = 0; i < slots; i++, started++)
        start_one(&running[i]);
    while (ended < starts) {
        for (unsigned i = 0; i < slots; i++)
            fds[i] = (struct pollfd){.fd = running[i].pid != 0 ? running[i].pidfd : -1,
                                     .events = POLLIN};
        if (poll(fds, slots, -1) < 0)
            continue;
        for (unsigned i = 0; i < slots; i++) {
            if (running[i].pid == 0 || fds[i].revents == 0)
                continue;
            finish_one(&running[i]);
            running[i].pid = 0;
            ended++;
            if (started < starts) {
                start_one(&running[i]);
                started++;
            }
        }
    }
    return starts / (seconds_now() - begin);
}
