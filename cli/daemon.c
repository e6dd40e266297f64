/* Background programs of this user.
 *
 * The lock on the pid file is what counts: the program inherits the locked descriptor, so the lock
 * lives exactly as long as it and the processes that it forked. The pid in the file belongs to the
 * holder, because only the holder wrote it. A signal goes through a pidfd that was opened while the
 * lock was seen held, so that it cannot hit a stranger with a reused pid. */
#include "cli/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"

enum {
    LOG_TAIL_BYTES = 2048,
    LOCK_TRIES = 100, /* the processes of a killed predecessor need a moment to end */
    LOCK_PAUSE_MS = 100,
    CHILD_FAILED = 126
};

/* True when somebody holds the lock; then its pid. */
static int holder(const char *pid_file, pid_t *ret_pid)
{
    char text[32] = "";
    uint64_t pid = 0;
    int fd = open(pid_file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
    }
    int held = flock(fd, LOCK_SH | LOCK_NB) < 0 ? (errno == EWOULDBLOCK ? 1 : -errno) : 0;
    if (held == 1) {
        ssize_t size = fs_read_all(fd, text, sizeof text - 1);
        text[size > 0 ? size : 0] = '\0';
        text[strcspn(text, "\n")] = '\0';
        if (text_parse_u64(text, 1, INT32_MAX, &pid) < 0) {
            pid = 0; /* locked, not written yet */
        }
    }
    fs_close(fd);
    *ret_pid = (pid_t)pid;
    return held;
}

/* A pidfd of the lock's holder, -ESRCH when there is none. */
static int open_holder(const char *pid_file, pid_t *ret_pid)
{
    pid_t pid = 0, again = 0;
    int held = holder(pid_file, &pid);
    if (held <= 0 || pid == 0) {
        return held < 0 ? held : -ESRCH;
    }
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) {
        return -errno;
    }
    held = holder(pid_file, &again);
    if (held != 1 || again != pid) {
        fs_close(pidfd);
        return -ESRCH;
    }
    *ret_pid = pid;
    return pidfd;
}

pid_t daemon_find(const char *pid_file)
{
    pid_t pid = 0;
    int pidfd = open_holder(pid_file, &pid);
    if (pidfd < 0) {
        return pidfd == -ESRCH ? 0 : pidfd;
    }
    /* Ended, while a process that it forked still holds the lock. */
    struct pollfd gone = {.fd = pidfd, .events = POLLIN};
    bool has_ended = poll(&gone, 1, 0) == 1;
    fs_close(pidfd);
    return has_ended ? 0 : pid;
}

/* Closes the pidfd. The pid when it has gone, -ETIMEDOUT when it is still there. */
static pid_t await_end(int pidfd, pid_t pid, muster_time within)
{
    muster_time until = time_add(time_boot_ns(), within);
    struct pollfd gone = {.fd = pidfd, .events = POLLIN};
    int rc;
    do {
        rc = poll(&gone, 1, time_poll_ms(time_boot_ns(), until, 60000));
    } while (rc == 0 ? time_boot_ns() < until : rc < 0 && errno == EINTR);
    fs_close(pidfd);
    return rc == 1 ? pid : -ETIMEDOUT;
}

pid_t daemon_end(const char *pid_file, muster_time within)
{
    pid_t pid = 0;
    int pidfd = open_holder(pid_file, &pid);
    if (pidfd < 0) {
        return pidfd == -ESRCH ? 0 : pidfd;
    }
    if (syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0) < 0) {
        int error = errno;
        fs_close(pidfd);
        return error == ESRCH ? 0 : -error;
    }
    return await_end(pidfd, pid, within);
}

pid_t daemon_await(const char *pid_file, muster_time within)
{
    pid_t pid = 0;
    int pidfd = open_holder(pid_file, &pid);
    if (pidfd < 0) {
        return pidfd == -ESRCH ? 0 : pidfd;
    }
    return await_end(pidfd, pid, within);
}

/* In the child, after fork: never returns. `error_fd` gets errno when it cannot become the program;
 * a successful exec closes it. */
static void become(const struct daemon *daemon, const char **argv, int ready_fd, int error_fd)
{
    sigset_t none;
    int error = 0;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setsid();
    int lock = -EWOULDBLOCK;
    for (int i = 0; i < LOCK_TRIES && lock == -EWOULDBLOCK; i++) {
        lock = fs_lock(daemon->pid_file);
        if (lock == -EWOULDBLOCK && daemon_find(daemon->pid_file) > 0) {
            break;
        }
        if (lock == -EWOULDBLOCK) {
            (void)poll(NULL, 0, LOCK_PAUSE_MS);
        }
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int log = open(daemon->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
    if (lock < 0) {
        error = lock == -EWOULDBLOCK ? EEXIST : -lock;
    } else if (null < 0 || log < 0 || chdir(daemon->directory) < 0 || dup2(null, 0) < 0 ||
               dup2(log, 1) < 0 || dup2(log, 2) < 0 || fcntl(lock, F_SETFD, 0) < 0 ||
               fcntl(ready_fd, F_SETFD, 0) < 0) {
        error = errno;
    } else {
        umask(077);
        execv(daemon->program, (char *const *)(uintptr_t)argv);
        error = errno;
    }
    (void)fs_write_all(error_fd, &error, sizeof error);
    _exit(CHILD_FAILED);
}

static void append_log_tail(const struct daemon *daemon, off_t from, struct buffer *message)
{
    char tail[LOG_TAIL_BYTES + 1];
    int fd = open(daemon->log_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    off_t end = lseek(fd, 0, SEEK_END);
    if (end - from > LOG_TAIL_BYTES) {
        from = end - LOG_TAIL_BYTES;
    }
    ssize_t size = lseek(fd, from, SEEK_SET) < 0 ? -1 : fs_read_all(fd, tail, LOG_TAIL_BYTES);
    while (size > 0 && tail[size - 1] == '\n') {
        size--;
    }
    if (size > 0) {
        buffer_append_str(message, "; it said:\n");
        buffer_append(message, tail, (size_t)size);
    }
    fs_close(fd);
}

/* Any word on the pipe means "ready". 0, -EPIPE: it closed without one, -ETIMEDOUT. */
static int wait_ready(int fd, muster_time within)
{
    muster_time until = time_add(time_boot_ns(), within);
    for (;;) {
        char word[64];
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        int rc = poll(&readable, 1, time_poll_ms(time_boot_ns(), until, 60000));
        if (rc == 1) {
            return read(fd, word, sizeof word) > 0 ? 0 : -EPIPE;
        }
        if (rc < 0 && errno != EINTR) {
            return -errno;
        }
        if (time_boot_ns() >= until) {
            return -ETIMEDOUT;
        }
    }
}

static const char **argv_with_ready(const struct daemon *daemon, int ready_fd, char *number,
                                    size_t number_size)
{
    size_t count = 0;
    while (daemon->argv[count] != NULL) {
        count++;
    }
    const char **argv = calloc(count + 3, sizeof *argv);
    if (argv != NULL) {
        memcpy(argv, daemon->argv, count * sizeof *argv);
        snprintf(number, number_size, "%d", ready_fd);
        argv[count] = "--ready-fd";
        argv[count + 1] = number;
    }
    return argv;
}

/* The parent's half of a start: what became of the child. */
static int follow_start(const struct daemon *daemon, pid_t child, int ready_fd, int error_fd,
                        off_t log_from, struct buffer *message)
{
    int error = 0;
    ssize_t size = fs_read_all(error_fd, &error, sizeof error);
    if (size == sizeof error) {
        (void)waitpid(child, NULL, 0);
        if (error != EEXIST) {
            buffer_printf(message, "cannot start %s: %s", daemon->program, strerror(error));
        }
        return -error;
    }
    int rc = wait_ready(ready_fd, daemon->ready_within);
    if (rc == 0) {
        return 0;
    }
    if (rc == -ETIMEDOUT) {
        char text[TIME_TEXT_MAX];
        time_format_duration(text, daemon->ready_within);
        buffer_printf(message, "%s (pid %d) was not ready after %s and was ended; its log is %s",
                      daemon->argv[0], (int)child, text, daemon->log_file);
        (void)kill(child, SIGTERM);
    } else {
        buffer_printf(message, "%s ended instead of becoming ready; its log is %s", daemon->argv[0],
                      daemon->log_file);
    }
    append_log_tail(daemon, log_from, message);
    return rc;
}

int daemon_start(const struct daemon *daemon, pid_t *ret_pid, struct buffer *message)
{
    int ready[2] = {-1, -1}, errors[2] = {-1, -1};
    char number[16];
    const char **argv = NULL;
    struct stat log = {0};
    int rc = 0;
    if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(errors, O_CLOEXEC) < 0) {
        rc = -errno;
        goto done;
    }
    argv = argv_with_ready(daemon, ready[1], number, sizeof number);
    if (argv == NULL) {
        rc = -ENOMEM;
        goto done;
    }
    off_t log_from = stat(daemon->log_file, &log) == 0 ? log.st_size : 0;
    pid_t child = fork();
    if (child < 0) {
        rc = -errno;
        goto done;
    }
    if (child == 0) {
        become(daemon, argv, ready[1], errors[1]);
    }
    ready[1] = fs_close(ready[1]);
    errors[1] = fs_close(errors[1]);
    rc = follow_start(daemon, child, ready[0], errors[0], log_from, message);
    if (rc == 0) {
        *ret_pid = child;
    }
done:
    if (rc < 0 && rc != -EEXIST && message->size == 0) {
        buffer_printf(message, "cannot start %s: %s", daemon->program, strerror(-rc));
    }
    for (int i = 0; i < 2; i++) {
        fs_close(ready[i]);
        fs_close(errors[i]);
    }
    free(argv);
    return rc;
}
