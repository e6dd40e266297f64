/*
 * Child processes of a host program that does not know of them: no signal handler, no waiting for
 * "any child", nothing inherited. They are watched and signalled through pidfds, so a pid that was
 * reused is never hit, and a host that ignores or reaps SIGCHLD is no harm: the exit status is then
 * unknown.
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "net/poll.h"

extern char **environ;

enum { READY_FD = 3, LOG_TAIL = 1024 };

void child_init(struct child *child, const char *name)
{
    *child = (struct child){
        .name = name,
        .pidfd = -1,
        .ready_fd = -1,
        .status = -1,
        .restart_at = MUSTER_NEVER,
    };
}

void child_done(struct child *child)
{
    for (int i = 0; i < CHILD_ARGS_MAX; i++)
        free(child->argv[i]);
    free(child->log_path);
    child->pidfd = fs_close(child->pidfd);
    child->ready_fd = fs_close(child->ready_fd);
    child_init(child, child->name);
}

bool child_add(struct child *child, const char *format, ...)
{
    int i = 0;
    while (i < CHILD_ARGS_MAX && child->argv[i])
        i++;
    if (i == CHILD_ARGS_MAX)
        return false;
    va_list args;
    va_start(args, format);
    int size = vasprintf(&child->argv[i], format, args);
    va_end(args);
    if (size < 0)
        child->argv[i] = NULL;
    return size >= 0;
}

static int prepare_files(posix_spawn_file_actions_t *actions, const struct child *child,
                         int ready_fd)
{
    int rc = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    if (rc == 0)
        rc = posix_spawn_file_actions_addopen(actions, 1, child->log_path,
                                              O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(actions, 1, 2);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(actions, ready_fd, READY_FD);
    if (rc == 0)
        rc = posix_spawn_file_actions_addclosefrom_np(actions, READY_FD + 1);
    return rc;
}

static int prepare_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int rc = posix_spawnattr_setsigmask(attributes, &none);
    if (rc == 0)
        rc = posix_spawnattr_setsigdefault(attributes, &all);
    if (rc == 0)
        rc = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                      POSIX_SPAWN_SETSID);
    return rc;
}

/* The child's end, out of the way of 0 to 3, whatever the host has closed; or -errno. */
static int make_ready_pipe(struct child *child)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    int high = fcntl(ends[1], F_DUPFD_CLOEXEC, 16);
    int error = high < 0 ? errno : 0;
    fs_close(ends[1]);
    if (error) {
        fs_close(ends[0]);
        return -error;
    }
    fs_close(child->ready_fd);
    child->ready_fd = ends[0];
    return high;
}

static int spawn(struct child *child, int ready_fd)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0)
        return -rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc == 0) {
        rc = prepare_files(&actions, child, ready_fd);
        if (rc == 0)
            rc = prepare_attributes(&attributes);
        if (rc == 0)
            rc = posix_spawn(&child->pid, child->argv[0], &actions, &attributes, child->argv,
                             environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0)
        child->pid = 0;
    return -rc;
}

int child_spawn(struct child *child)
{
    int ready_fd = make_ready_pipe(child);
    if (ready_fd < 0)
        return ready_fd;
    int rc = spawn(child, ready_fd);
    fs_close(ready_fd);
    if (rc < 0)
        return rc;
    child->status = -1;
    child->started_at = time_boot_ns();
    child->restart_at = MUSTER_NEVER;
    child->pidfd = poll_process_open(child->pid);
    if (child->pidfd < 0 && child->pidfd != -ESRCH) {
        rc = child->pidfd;
        kill(child->pid, SIGKILL);
        child->pidfd = -1;
        waitpid(child->pid, NULL, 0);
        child->pid = 0;
        return rc;
    }
    return 0; /* -ESRCH: it ended at once and the host reaped it; child_reap will see */
}

bool child_is_ready(struct child *child)
{
    char word[16];
    if (child->ready_fd < 0)
        return false;
    ssize_t n = read(child->ready_fd, word, sizeof word);
    if (n == 0) /* it has closed its end without a word */
        child->ready_fd = fs_close(child->ready_fd);
    return n > 0;
}

static bool has_ended(const struct child *child)
{
    struct pollfd item = {.fd = child->pidfd, .events = POLLIN};
    return child->pidfd < 0 || poll(&item, 1, 0) > 0;
}

bool child_reap(struct child *child)
{
    if (child->pid == 0)
        return true;
    if (!has_ended(child))
        return false;
    int status;
    pid_t pid;
    do
        pid = waitpid(child->pid, &status, WNOHANG);
    while (pid < 0 && errno == EINTR);
    child->status = pid == child->pid ? status : -1; /* ECHILD: the host was faster */
    child->pidfd = fs_close(child->pidfd);
    child->pid = 0;
    return true;
}

bool child_wait(struct child *child, muster_time deadline)
{
    while (!child_reap(child)) {
        muster_time now = time_boot_ns();
        if (now >= deadline)
            return false;
        struct pollfd item = {.fd = child->pidfd, .events = POLLIN};
        poll(&item, 1, time_poll_ms(now, deadline, 1000));
    }
    return true;
}

void child_signal(const struct child *child, int signal)
{
    if (child->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, child->pidfd, signal, NULL, 0);
}

void child_format_status(const struct child *child, char *text, size_t size)
{
    if (child->status == -1)
        snprintf(text, size, "its exit status is unknown");
    else if (WIFEXITED(child->status))
        snprintf(text, size, "exit status %d", WEXITSTATUS(child->status));
    else if (WIFSIGNALED(child->status))
        snprintf(text, size, "signal %d (%s)", WTERMSIG(child->status),
                 strsignal(WTERMSIG(child->status)));
    else
        snprintf(text, size, "wait status %d", child->status);
}

void child_last_words(const struct child *child, char *text, size_t size)
{
    char tail[LOG_TAIL + 1];
    ssize_t n = 0;
    int fd = open(child->log_path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        off_t end = lseek(fd, 0, SEEK_END);
        n = pread(fd, tail, LOG_TAIL, end > LOG_TAIL ? end - LOG_TAIL : 0);
        fs_close(fd);
    }
    while (n > 0 && (tail[n - 1] == '\n' || tail[n - 1] == '\0'))
        n--;
    tail[n > 0 ? n : 0] = '\0';
    const char *line = strrchr(tail, '\n');
    snprintf(text, size, "%s", line ? line + 1 : tail);
}
