/*
 * link.h -- the DEALER to the broker, with its monitor.
 */
#ifndef MUSTER_WORKER_LINK_H
#define MUSTER_WORKER_LINK_H

#include <stdbool.h>

#include "base/buffer.h"
#include "net/monitor.h"

struct link {
    void *sock; /* NULL: closed */
    struct monitor *monitor;
    bool is_connected, met_stranger;
};

/* Connects in the background. 0 or -errno with a sentence in `message`. */
int link_open(struct link *link, void *context, const char *endpoint, struct buffer *message);
void link_close(struct link *link);
/* Takes all news of the monitor: true when another connection has replaced the one before, so that
 * what was in flight is gone. */
bool link_has_reconnected(struct link *link);

#endif
