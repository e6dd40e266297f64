/* What libzmq knows about the connection of one connecting socket, and does not tell by itself.
 *
 * libzmq bridges short breaks silently; whoever waits for an answer learns here at once that what
 * was in flight is gone, instead of at its next sign of life. */
#ifndef NET_MONITOR_H
#define NET_MONITOR_H

#include <zmq.h>

enum monitor_news {
    MONITOR_NOTHING,
    MONITOR_CONNECTED,   /* the first connection of this socket */
    MONITOR_RECONNECTED, /* a later one: what was in flight on the one before is gone */
    MONITOR_DISCONNECTED,
    MONITOR_STRANGER /* what answers there speaks no ZeroMQ, or refuses our certificate */
};

struct monitor;

/* Before the socket connects. Both belong to one context. NULL with errno on failure. */
struct monitor *monitor_new(void *context, void *sock);

/* Before the socket is closed, in the thread that uses the socket. */
void monitor_free(struct monitor *monitor);

/* To be polled for ZMQ_POLLIN. */
void *monitor_sock(const struct monitor *monitor);

/* Takes one piece of news; MONITOR_NOTHING when there is none. */
enum monitor_news monitor_next(struct monitor *monitor);

#endif
