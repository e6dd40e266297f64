/* Waiting for sockets, descriptors and signals together, with a deadline. */
#ifndef NET_POLL_H
#define NET_POLL_H

#include <signal.h>
#include <zmq.h>

#include "base/time.h"

/* zmq_poll until `deadline` (of `now`'s clock), rounded up to whole milliseconds, at most an hour.
 * The number of ready items, 0 when time is up or a signal came, or -errno. */
int poll_wait(zmq_pollitem_t *items, int n_items, muster_time now, muster_time deadline);

/* Blocks SIGTERM, SIGINT and SIGHUP in this thread and all it starts (call it before the context:
 * a signal can make a blocking receive miss a message) and ignores SIGPIPE and SIGXFSZ. A signalfd,
 * or -errno. */
int poll_signals_open(void);

/* The next pending signal, or 0. */
int poll_signals_next(int signal_fd);

/* A descriptor that becomes readable when process `pid` ends, or -errno (-ESRCH: it is gone). */
int poll_process_open(int pid);

#endif
