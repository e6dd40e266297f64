/* The DEALER of a pool with its monitor, and the one libzmq context of the process. */
#ifndef MUSTER_LIB_LINK_H
#define MUSTER_LIB_LINK_H

#include <stdbool.h>

#include "error.h"
#include "net/monitor.h"

struct link {
    void *sock;
    struct monitor *monitor;
};

/* A socket that connects to `uri` in the background. 0 or MUSTER_E… */
int link_open(const char *uri, struct link **ret_link, struct error *error);
/* Everything of one link_open; *link becomes NULL. */
void link_close(struct link **link);
/* Looks at the sockets (which consumes their edges): there is something to receive, or `to_send`
 * and room for it. NULL: false. */
bool link_is_ready(const struct link *link, bool to_send);
/* In a forked child: frees our memory, touches nothing of libzmq's. */
void link_forget(struct link **link);

#endif
