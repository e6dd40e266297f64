/* poll.c -- one wait for everything that a shell listens to. */
#include "net/poll.h"

#include <errno.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

int poll_wait(zmq_pollitem_t *items, int n_items, muster_time now, muster_time deadline)
{
    /* An hour at most, so that no arithmetic of a distant deadline can overflow an int. */
    int timeout_ms = time_poll_ms(now, deadline, 3600 * 1000);
    int r = zmq_poll(items, n_items, timeout_ms);
    if (r >= 0)
        return r;
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
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || sigaction(SIGPIPE, &ignore, NULL) < 0 ||
        sigaction(SIGXFSZ, &ignore, NULL) < 0)
        return -errno;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

int poll_signals_next(int signal_fd)
{
    struct signalfd_siginfo info;
    ssize_t n = read(signal_fd, &info, sizeof info);
    return n == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

int poll_process_open(int pid)
{
    long fd = syscall(SYS_pidfd_open, pid, 0);
    return fd < 0 ? -errno : (int)fd;
}
