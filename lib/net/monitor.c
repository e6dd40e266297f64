/* Reads libzmq's monitor of one socket.
 *
 * Not here: what follows from the news; leases and acknowledgements are the truth, this only
 * shortens the way to them. Invariant: the monitored socket outlives the monitor. */
#include "net/monitor.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum {
    FAILED = ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
             ZMQ_EVENT_HANDSHAKE_FAILED_AUTH,
    EVENTS = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | FAILED,
    EVENT_BYTES = 6 /* a number of 16 bits, a value of 32; the address is the second frame */
};

struct monitor {
    void *sock; /* the monitored one, borrowed */
    void *pair; /* owned */
    bool was_connected;
};

struct monitor *monitor_new(void *context, void *sock)
{
    struct monitor *monitor = calloc(1, sizeof *monitor);
    if (monitor == NULL) {
        return NULL;
    }
    /* The name is unique in the process for as long as the monitor lives. */
    char name[64];
    snprintf(name, sizeof name, "inproc://monitor-%p", (void *)monitor);
    int linger_ms = 0;
    if (zmq_socket_monitor(sock, name, EVENTS) < 0) {
        free(monitor);
        return NULL;
    }
    monitor->sock = sock;
    monitor->pair = zmq_socket(context, ZMQ_PAIR);
    if (monitor->pair == NULL ||
        zmq_setsockopt(monitor->pair, ZMQ_LINGER, &linger_ms, sizeof linger_ms) < 0 ||
        zmq_connect(monitor->pair, name) < 0) {
        int error = errno;
        monitor_free(monitor);
        errno = error;
        return NULL;
    }
    return monitor;
}

void monitor_free(struct monitor *monitor)
{
    if (monitor == NULL) {
        return;
    }
    (void)zmq_socket_monitor(monitor->sock, NULL, 0);
    if (monitor->pair != NULL) {
        MUST(zmq_close(monitor->pair) == 0);
    }
    free(monitor);
}

void *monitor_sock(const struct monitor *monitor)
{
    return monitor->pair;
}

/* The number of the next event, 0 when there is none. */
static unsigned next_event(void *pair)
{
    uint8_t event[EVENT_BYTES];
    int size;
    while ((size = zmq_recv(pair, event, sizeof event, ZMQ_DONTWAIT)) < 0 && errno == EINTR) {
        continue;
    }
    if (size != EVENT_BYTES) {
        return 0;
    }
    zmq_msg_t address;
    zmq_msg_init(&address);
    (void)zmq_msg_recv(&address, pair, ZMQ_DONTWAIT);
    zmq_msg_close(&address);
    uint16_t number;
    memcpy(&number, event, sizeof number);
    return number;
}

enum monitor_news monitor_next(struct monitor *monitor)
{
    unsigned event = next_event(monitor->pair);
    if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
        bool again = monitor->was_connected;
        monitor->was_connected = true;
        return again ? MONITOR_RECONNECTED : MONITOR_CONNECTED;
    }
    if (event == ZMQ_EVENT_DISCONNECTED) {
        return MONITOR_DISCONNECTED;
    }
    return (event & FAILED) != 0 ? MONITOR_STRANGER : MONITOR_NOTHING;
}
