/* ROUTER and DEALER sockets: the only place that sets options of libzmq. Each has its reason beside
 * it.
 *
 * Not here: what a frame means, and when to connect again. Invariants: nothing blocks; nothing that
 * makes libzmq 4.3.4 abort or lose messages silently is ever set (ZMQ_HEARTBEAT_*, routing ids,
 * ZMQ_ROUTER_HANDOVER); options are set before the first bind or connect, never after. */
#include "net/sock.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/fs.h"
#include "net/endpoint.h"

/* ---- contexts and options ------------------------------------------------------------------- */

struct sock_options sock_options_default(void)
{
    return (struct sock_options){
        .message_max = 1024 * 1024, .send_max = 1000, .receive_max = 1000, .linger_ms = 500};
}

void *sock_context_new(void)
{
    void *context = zmq_ctx_new();
    if (context == NULL) {
        return NULL;
    }
    /* zmq_ctx_term must not wait for messages to peers that never come back. */
    MUST(zmq_ctx_set(context, ZMQ_BLOCKY, 0) == 0);
    return context;
}

void sock_context_free(void *context)
{
    if (context == NULL) {
        return;
    }
    while (zmq_ctx_term(context) < 0 && errno == EINTR) {
        continue;
    }
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
    /* Room for a storm of reconnecting peers. */
    set_int(sock, ZMQ_BACKLOG, 1024);
}

void *sock_router_new(void *context, const struct sock_options *options)
{
    void *sock = zmq_socket(context, ZMQ_ROUTER);
    if (sock == NULL) {
        return NULL;
    }
    set_common(sock, options);
    /* A send to a peer that is gone or full must be an error, not a silent drop. */
    set_int(sock, ZMQ_ROUTER_MANDATORY, 1);
    return sock;
}

void *sock_dealer_new(void *context, const struct sock_options *options)
{
    void *sock = zmq_socket(context, ZMQ_DEALER);
    if (sock == NULL) {
        return NULL;
    }
    set_common(sock, options);
    /* Nothing is queued for a connection that is not there: it would be lost or come late. */
    set_int(sock, ZMQ_IMMEDIATE, 1);
    /* Short silences are libzmq's to bridge; after a long one the owner makes a new socket. */
    set_int(sock, ZMQ_RECONNECT_IVL, 50);
    set_int(sock, ZMQ_RECONNECT_IVL_MAX, 2000);
    set_int(sock, ZMQ_HANDSHAKE_IVL, 5000);
    return sock;
}

void sock_close(void **sock)
{
    if (sock == NULL || *sock == NULL) {
        return;
    }
    MUST(zmq_close(*sock) == 0);
    *sock = NULL;
}

/* ---- binding and connecting ----------------------------------------------------------------- */

static int make_dir(const char *path, struct buffer *message)
{
    char *dir = strdup(path);
    if (dir == NULL) {
        return -ENOMEM;
    }
    char *slash = strrchr(dir, '/');
    MUST(slash != NULL); /* endpoint_parse takes absolute paths only */
    *slash = '\0';
    const char *name = slash == dir ? "/" : dir;
    int result = fs_mkdir_private(name);
    if (result == -EPERM) {
        buffer_printf(message,
                      "ipc://%s: other users can enter %s: serve in a directory of yours with "
                      "mode 0700",
                      path, name);
    } else if (result < 0) {
        buffer_printf(message, "ipc://%s: cannot make the directory %s: %s", path, name,
                      strerror(-result));
    }
    free(dir);
    return result;
}

/* The lock is what says who serves; libzmq then replaces a stale socket file by itself. */
static int take_lock(const char *path, int *ret_lock, struct buffer *message)
{
    struct buffer lock = BUFFER_EMPTY;
    int result = buffer_printf(&lock, "%s.lock", path);
    if (result == 0) {
        result = fs_lock(buffer_str(&lock));
    }
    if (result >= 0) {
        *ret_lock = result;
        result = 0;
    } else if (result == -EWOULDBLOCK) {
        struct buffer holder = BUFFER_EMPTY;
        (void)fs_read_file(buffer_str(&lock), 32, &holder);
        buffer_printf(message,
                      "ipc://%s: another process (pid %.*s) serves there already: end it first, "
                      "or choose another path",
                      path, (int)strcspn(buffer_str(&holder), "\n"), buffer_str(&holder));
        buffer_done(&holder);
        result = -EADDRINUSE;
    } else {
        buffer_printf(message, "ipc://%s: cannot lock %s: %s", path, buffer_str(&lock),
                      strerror(-result));
    }
    buffer_done(&lock);
    return result;
}

static const char *bind_hint(int error)
{
    if (error == EADDRINUSE) {
        return " (another program uses that port)";
    }
    return error == ENODEV || error == EADDRNOTAVAIL
               ? " (use an address of this machine, or * for all)"
               : "";
}

int sock_bind(void *sock, const char *endpoint, int *ret_lock, struct buffer *message)
{
    struct endpoint parsed;
    int lock = -1;
    int result = endpoint_parse(endpoint, &parsed, message);
    if (result == 0 && parsed.is_ipc) {
        result = make_dir(parsed.path, message);
        if (result == 0) {
            result = take_lock(parsed.path, &lock, message);
        }
    }
    if (result < 0) {
        return result;
    }
    if (zmq_bind(sock, endpoint) < 0) {
        int error = errno;
        buffer_printf(message, "%s: cannot serve there: %s%s", endpoint, zmq_strerror(error),
                      bind_hint(error));
        fs_close(lock);
        return -error;
    }
    *ret_lock = lock;
    return 0;
}

int sock_bound_endpoint(void *sock, struct buffer *ret_endpoint)
{
    char text[ENDPOINT_TEXT_MAX + 64];
    size_t size = sizeof text;
    if (zmq_getsockopt(sock, ZMQ_LAST_ENDPOINT, text, &size) < 0) {
        return -errno;
    }
    /* IPv4 addresses come back mapped into IPv6: tcp://[::ffff:127.0.0.1]:5701. */
    static const char mapped[] = "tcp://[::ffff:";
    char *bracket = strrchr(text, ']');
    if (strncmp(text, mapped, strlen(mapped)) == 0 && bracket != NULL) {
        return buffer_printf(ret_endpoint, "tcp://%.*s%s", (int)(bracket - (text + strlen(mapped))),
                             text + strlen(mapped), bracket + 1);
    }
    return buffer_append_str(ret_endpoint, text);
}

int sock_connect(void *sock, const char *endpoint, struct buffer *message)
{
    struct endpoint parsed;
    int result = endpoint_parse(endpoint, &parsed, message);
    if (result == 0 && !parsed.is_ipc && parsed.port == 0) {
        buffer_printf(message, "%s: there is no port to connect to", endpoint);
        result = -EINVAL;
    }
    if (result == 0 && zmq_connect(sock, endpoint) < 0) {
        result = -errno;
        buffer_printf(message, "%s: cannot connect: %s", endpoint, zmq_strerror(errno));
    }
    return result;
}

/* ---- sending and receiving ------------------------------------------------------------------ */

int sock_send(void *dealer, zmq_msg_t *message)
{
    while (zmq_msg_send(message, dealer, ZMQ_DONTWAIT) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

static int receive_frame(void *sock, zmq_msg_t *message)
{
    while (zmq_msg_recv(message, sock, ZMQ_DONTWAIT) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

/* Takes the rest of a message that has more frames than it may have. */
static void drop_rest(void *sock)
{
    bool more = true;
    while (more) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        more = receive_frame(sock, &frame) == 0 && zmq_msg_more(&frame);
        zmq_msg_close(&frame);
    }
}

int sock_receive(void *dealer, zmq_msg_t *message)
{
    int result = receive_frame(dealer, message);
    if (result == 0 && zmq_msg_more(message)) {
        drop_rest(dealer);
        return -EBADMSG;
    }
    return result;
}

int sock_send_to(void *router, const void *route, size_t route_bytes, zmq_msg_t *message)
{
    /* The judgement falls on the first frame; if that one is refused the other must not follow. */
    while (zmq_send(router, route, route_bytes, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return sock_send(router, message);
}

int sock_receive_from(void *router, zmq_msg_t *route, zmq_msg_t *message)
{
    int result = receive_frame(router, route);
    if (result < 0) {
        return result;
    }
    /* libzmq delivers whole messages: what follows the route is there. */
    if (!zmq_msg_more(route) || receive_frame(router, message) < 0) {
        return -EBADMSG;
    }
    if (zmq_msg_more(message)) {
        drop_rest(router);
        return -EBADMSG;
    }
    return 0;
}

int sock_events(void *sock)
{
    int events = 0;
    size_t size = sizeof events;
    while (zmq_getsockopt(sock, ZMQ_EVENTS, &events, &size) < 0) {
        if (errno != EINTR) {
            return 0;
        }
    }
    return events;
}

bool sock_has_input(void *sock)
{
    return (sock_events(sock) & ZMQ_POLLIN) != 0;
}

void sock_set_linger(void *sock, int linger_ms)
{
    set_int(sock, ZMQ_LINGER, linger_ms);
}

int sock_fd(void *sock)
{
    int fd = -1;
    size_t size = sizeof fd;
    MUST(zmq_getsockopt(sock, ZMQ_FD, &fd, &size) == 0);
    return fd;
}
