/*
 * link.c -- opens and closes the socket to the broker, and follows its connection.
 *
 * Not here: what is said (egress.c) and when a socket is given up (the agent decides).
 */
#include "worker/link.h"

#include <errno.h>

#include "base/assert.h"
#include "net/sock.h"

int link_open(struct link *link, void *context, const char *endpoint, struct buffer *message)
{
    struct sock_options options = sock_options_default();
    MUST(link->sock == NULL);
    link->is_connected = false;
    link->sock = sock_dealer_new(context, &options);
    link->monitor = link->sock ? monitor_new(context, link->sock) : NULL;
    int r = link->monitor ? 0 : -errno;
    if (r < 0)
        buffer_printf(message, "cannot make a socket: %s", zmq_strerror(-r));
    else
        r = sock_connect(link->sock, endpoint, message);
    if (r < 0)
        link_close(link);
    return r;
}

void link_close(struct link *link)
{
    monitor_free(link->monitor);
    link->monitor = NULL;
    sock_close(&link->sock);
    link->is_connected = false;
}

bool link_has_reconnected(struct link *link)
{
    bool again = false;
    while (link->monitor) {
        switch (monitor_next(link->monitor)) {
        case MONITOR_NOTHING:
            return again;
        case MONITOR_RECONNECTED:
            again = true;
            link->is_connected = true;
            link->met_stranger = false;
            break;
        case MONITOR_CONNECTED:
            link->is_connected = true;
            link->met_stranger = false;
            break;
        case MONITOR_DISCONNECTED:
            link->is_connected = false;
            break;
        case MONITOR_STRANGER:
            link->met_stranger = true;
            break;
        }
    }
    return again;
}
