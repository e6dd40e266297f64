/* One wait for everything that a shell listens to: sockets, descriptors, a deadline.
 *
 * Not here: what is done about it, and signals (poll_signals.c). */
#include "net/poll.h"

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* An hour at most, so that no arithmetic of a distant deadline can overflow an int. */
enum { WAIT_MS_MAX = 3600 * 1000 };

int poll_wait(zmq_pollitem_t *items, int n_items, muster_time now, muster_time deadline)
{
    int result = zmq_poll(items, n_items, time_poll_ms(now, deadline, WAIT_MS_MAX));
    if (result >= 0) {
        return result;
    }
    return errno == EINTR ? 0 : -errno;
}

int poll_process_open(int pid)
{
    long fd = syscall(SYS_pidfd_open, pid, 0);
    return fd < 0 ? -errno : (int)fd;
}
