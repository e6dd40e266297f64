/* One wait for everything that a shell listens to: sockets, descriptors, signals, a deadline.
 *
 * Not here: what is done about it. Invariant: signals arrive through a descriptor only, so that no
 * call of libzmq is ever interrupted by one of them. */
#include "net/poll.h"

#include <errno.h>
#include <stddef.h>
#include <sys/signalfd.h>
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

int poll_signals_open(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (error != 0) {
        return -error;
    }
    if (sigaction(SIGPIPE, &ignore, NULL) < 0 || sigaction(SIGXFSZ, &ignore, NULL) < 0) {
        return -errno;
    }
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int poll_signals_next(int signal_fd)
{
    struct signalfd_siginfo info;
    ssize_t size = read(signal_fd, &info, sizeof info);
    return size == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

int poll_process_open(int pid)
{
    long fd = syscall(SYS_pidfd_open, pid, 0);
    return fd < 0 ? -errno : (int)fd;
}
