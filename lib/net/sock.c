/*
 * sock.c -- the only place that sets socket options. Each one has its reason beside it.
 */
#include "net/sock.h"

#include "base/assert.h"
#include "base/fs.h"
#include "net/endpoint.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct sock_options sock_options_default(void)
{
    return (struct sock_options){
        .message_max = 1024 * 1024, .send_max = 1000, .receive_max = 1000, .linger_ms = 500};
}

void *sock_context_new(void)
{
    void *context = zmq_ctx_new();
    if (context == NULL)
        return NULL;
    /* zmq_ctx_term must not wait for messages to peers that never come back. */
    MUST(zmq_ctx_set(context, ZMQ_BLOCKY, 0) == 0);
    return context;
}

void sock_context_free(void *context)
{
    if (context == NULL)
        return;
    while (zmq_ctx_term(context) < 0 && errno == EINTR)
        continue;
}

static void set_int(void *sock, int option, int value)
{
    MUST(zmq_setsockopt(sock, option, &value, sizeof value) == 0);
}

static void set_common(void *sock, const struct sock_options *options)
{
    int64_t message_max = options->message_max;
    /* Without it unauthenticated peers can park memory without bound. */
    MUST(zmq_setsockopt(sock, ZMQ_MAXMSGSIZE, &message_max, sizeof message_max) == 0);
    set_int(sock, ZMQ_SNDHWM, options->send_max);
    set_int(sock, ZMQ_RCVHWM, options->receive_max);
    set_int(sock, ZMQ_LINGER, options->linger_ms);
    /* Sees a dead link in about 6 s, without libzmq's own heartbeats, which abort. */
    set_int(sock, ZMQ_TCP_KEEPALIVE, 1);
    set_int(sock, ZMQ_TCP_KEEPALIVE_IDLE, 3);
    set_int(sock, ZMQ_TCP_KEEPALIVE_INTVL, 1);
    set_int(sock, ZMQ_TCP_KEEPALIVE_CNT, 3);
    set_int(sock, ZMQ_TCP_MAXRT, 6000);
    set_int(sock, ZMQ_IPV6, 1);
    set_int(sock, ZMQ_BACKLOG, 1024);
}

void *sock_router_new(void *context, const struct sock_options *options)
{
    void *sock = zmq_socket(context, ZMQ_ROUTER);
    if (sock == NULL)
        return NULL;
    set_common(sock, options);
    /* A send to a peer that is gone or full must be an error, not a silent drop. */
    set_int(sock, ZMQ_ROUTER_MANDATORY, 1);
    return sock;
}

void *sock_dealer_new(void *context, const struct sock_options *options)
{
    void *sock = zmq_socket(context, ZMQ_DEALER);
    if (sock == NULL)
        return NULL;
    set_common(sock, options);
    /* Nothing is queued for a connection that is not there: it would be lost or come late. */
    set_int(sock, ZMQ_IMMEDIATE, 1);
    set_int(sock, ZMQ_RECONNECT_IVL, 50);
    set_int(sock, ZMQ_RECONNECT_IVL_MAX, 2000);
    set_int(sock, ZMQ_HANDSHAKE_IVL, 5000);
    return sock;
}

void sock_close(void **sock)
{
    if (sock == NULL || *sock == NULL)
        return;
    MUST(zmq_close(*sock) == 0);
    *sock = NULL;
}

static int prepare_ipc(const char *path, int *ret_lock, struct buffer *message)
{
    char *dir = strdup(path);
    MUST(dir != NULL);
    char *slash = strrchr(dir, '/');
    int r = 0;
    if (slash == NULL || slash == dir) {
        buffer_printf(message, "ipc://%s: give an absolute path in a directory of your own", path);
        r = -EINVAL;
    } else {
        *slash = '\0';
        r = fs_mkdir_private(dir);
        if (r == -EPERM)
            buffer_printf(
                message,
                "ipc://%s: other users can enter %s: serve in a directory of yours with mode 0700",
                path, dir);
        else if (r < 0)
            buffer_printf(message, "ipc://%s: cannot make the directory %s: %s", path, dir,
                          strerror(-r));
    }
    free(dir);
    if (r < 0)
        return r;
    struct buffer lock = BUFFER_EMPTY;
    buffer_printf(&lock, "%s.lock", path);
    r = fs_lock(buffer_str(&lock));
    if (r == -EWOULDBLOCK) {
        struct buffer holder = BUFFER_EMPTY;
        fs_read_file(buffer_str(&lock), 32, &holder);
        buffer_printf(message,
                      "ipc://%s: another process (pid %.*s) serves there already: end it first, or "
                      "choose another path",
                      path, (int)strcspn(buffer_str(&holder), "\n"), buffer_str(&holder));
        buffer_done(&holder);
        r = -EADDRINUSE;
    } else if (r < 0) {
        buffer_printf(message, "ipc://%s: cannot lock %s: %s", path, buffer_str(&lock),
                      strerror(-r));
    } else {
        *ret_lock = r;
        r = 0;
    }
    buffer_done(&lock);
    return r;
}

int sock_bind(void *sock, const char *endpoint, int *ret_lock, struct buffer *message)
{
    struct endpoint parsed;
    int lock = -1;
    int r = endpoint_parse(endpoint, &parsed, message);
    if (r == 0 && parsed.is_ipc)
        r = prepare_ipc(parsed.path, &lock, message);
    if (r < 0)
        return r;
    if (zmq_bind(sock, endpoint) < 0) {
        int error = errno;
        buffer_printf(message, "%s: cannot serve there: %s%s", endpoint, zmq_strerror(error),
                      error == EADDRINUSE ? " (another program uses that port)"
                      : error == ENODEV   ? " (use an address of this machine, or * for all)"
                                          : "");
        fs_close(lock);
        return -error;
    }
    *ret_lock = lock;
    return 0;
}

int sock_bound_endpoint(void *sock, struct buffer *ret_endpoint)
{
    char text[512];
    size_t size = sizeof text;
    if (zmq_getsockopt(sock, ZMQ_LAST_ENDPOINT, text, &size) < 0)
        return -errno;
    return buffer_append_str(ret_endpoint, text);
}

int sock_connect(void *sock, const char *endpoint, struct buffer *message)
{
    struct endpoint parsed;
    int r = endpoint_parse(endpoint, &parsed, message);
    if (r < 0)
        return r;
    if (zmq_connect(sock, endpoint) < 0) {
        int error = errno;
        if (message != NULL)
            buffer_printf(message, "%s: %s", endpoint, zmq_strerror(error));
        return -error;
    }
    return 0;
}

int sock_send(void *dealer, zmq_msg_t *message)
{
    while (zmq_msg_send(message, dealer, ZMQ_DONTWAIT) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

/* Takes the rest of a message that has more frames than it may have. */
static void drop_rest(void *sock)
{
    int more = 1;
    size_t size = sizeof more;
    while (more != 0) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        int r = zmq_msg_recv(&frame, sock, ZMQ_DONTWAIT);
        zmq_msg_close(&frame);
        if (r < 0 && errno != EINTR)
            return;
        MUST(zmq_getsockopt(sock, ZMQ_RCVMORE, &more, &size) == 0);
    }
}

static int receive_frame(void *sock, zmq_msg_t *message)
{
    while (zmq_msg_recv(message, sock, ZMQ_DONTWAIT) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

int sock_receive(void *dealer, zmq_msg_t *message)
{
    int r = receive_frame(dealer, message);
    if (r == 0 && zmq_msg_more(message)) {
        drop_rest(dealer);
        return -EBADMSG;
    }
    return r;
}

int sock_send_to(void *router, const void *route, size_t route_bytes, zmq_msg_t *message)
{
    /* The judgement falls on the first frame; if that one is refused the other must not follow. */
    while (zmq_send(router, route, route_bytes, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        if (errno != EINTR)
            return -errno;
    while (zmq_msg_send(message, router, ZMQ_DONTWAIT) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

int sock_receive_from(void *router, zmq_msg_t *route, zmq_msg_t *message)
{
    int r = receive_frame(router, route);
    if (r < 0)
        return r;
    if (!zmq_msg_more(route))
        return -EBADMSG;
    r = receive_frame(router, message);
    MUST(r == 0); /* libzmq delivers whole messages */
    if (zmq_msg_more(message)) {
        drop_rest(router);
        return -EBADMSG;
    }
    return 0;
}

bool sock_has_input(void *sock)
{
    int events = 0;
    size_t size = sizeof events;
    while (zmq_getsockopt(sock, ZMQ_EVENTS, &events, &size) < 0)
        if (errno != EINTR)
            return false;
    return (events & ZMQ_POLLIN) != 0;
}

int sock_fd(void *sock)
{
    int fd = -1;
    size_t size = sizeof fd;
    MUST(zmq_getsockopt(sock, ZMQ_FD, &fd, &size) == 0);
    return fd;
}
