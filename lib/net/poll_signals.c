/* Signals of the programs as a descriptor. In a file of its own: the client library, which must not
 * touch the signals of its host program, does not link it.
 *
 * Invariant: signals arrive through the descriptor only, so that no call of libzmq is ever
 * interrupted by one of them. */
#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "net/poll.h"

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
