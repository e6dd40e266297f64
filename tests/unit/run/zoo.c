/*
 * zoo.c -- processes that do not behave: zoo KIND [ARGUMENT].
 *
 * Each kind writes the word "ready" (or what is said below) to the file $ZOO_READY, if set, once
 * its whole family is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void ready(void)
{
    const char *path = getenv("ZOO_READY");
    if (!path)
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, "ready\n", 6) != 6)
        exit(99);
    close(fd);
}

static void hang(void)
{
    for (;;)
        pause();
}

static void detach_output(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
}

/* A daemon as in the books. The pipe tells the first parent that it is there. */
static void daemonize(int keep_output, int ignore_term)
{
    int ends[2];
    char byte;
    if (pipe(ends) < 0)
        exit(98);
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            if (ignore_term)
                signal(SIGTERM, SIG_IGN);
            if (!keep_output)
                detach_output();
            if (write(ends[1], "x", 1) != 1)
                _exit(97);
            close(ends[0]);
            close(ends[1]);
            ready();
            hang();
        }
        _exit(0);
    }
    close(ends[1]);
    if (read(ends[0], &byte, 1) != 1)
        exit(96);
    close(ends[0]);
}

/* `generations` processes, each the child of the one before in a session of its own, which then
 * ends: at any moment one is alive. */
static void hop(int generations)
{
    signal(SIGTERM, SIG_IGN);
    for (int i = 0; i < generations; i++) {
        if (fork() > 0)
            _exit(0);
        setsid();
        usleep(1000);
    }
    ready();
    hang();
}

/* A fork loop within bounds: every process makes two, `depth` deep, and all stay. */
static void bush(int depth)
{
    signal(SIGTERM, SIG_IGN);
    for (int i = 0; i < 2 && depth > 0; i++) {
        if (fork() == 0) {
            if (depth % 2)
                setsid();
            bush(depth - 1);
            hang();
        }
    }
}

/* Forks as fast as it can, but never more than `most` are alive: children end at once. */
static void churn(int most)
{
    signal(SIGTERM, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    ready();
    for (;;) {
        for (int i = 0; i < most; i++) {
            if (fork() == 0) {
                usleep(2000);
                _exit(0);
            }
        }
        usleep(1000);
    }
}

static void flood(unsigned long long bytes)
{
    char block[65536];
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (char)('a' + i % 26);
    while (bytes > 0) {
        size_t size = bytes < sizeof block ? (size_t)bytes : sizeof block;
        ssize_t put = write(1, block, size);
        if (put <= 0)
            exit(95);
        bytes -= (unsigned long long)put;
    }
}

/* Open descriptors, the blocked and the ignored signals, the session, the umask. */
static void report(void)
{
    for (int fd = 0; fd < 4096; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            printf("fd %d\n", fd);
    }
    sigset_t blocked;
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    for (int i = 1; i < NSIG; i++) {
        struct sigaction action;
        if (sigismember(&blocked, i) == 1)
            printf("blocked %d\n", i);
        if (sigaction(i, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            printf("ignored %d\n", i);
    }
    printf("leader %d\n", getsid(0) == getpid());
}

int main(int argc, char **argv)
{
    const char *kind = argc > 1 ? argv[1] : "";
    unsigned long long number = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    if (strcmp(kind, "hang") == 0) {
        ready();
        hang();
    } else if (strcmp(kind, "ignore-term") == 0) {
        signal(SIGTERM, SIG_IGN);
        ready();
        hang();
    } else if (strcmp(kind, "daemon") == 0) {
        daemonize(0, 0);
    } else if (strcmp(kind, "daemon-stay") == 0) {
        daemonize(0, 1);
        hang();
    } else if (strcmp(kind, "daemon-ignore-term") == 0) {
        daemonize(0, 1);
    } else if (strcmp(kind, "pipe-holder") == 0) {
        daemonize(1, 1);
        printf("leader\n");
    } else if (strcmp(kind, "hop") == 0) {
        hop((int)number);
    } else if (strcmp(kind, "bush") == 0) {
        bush((int)number);
        ready();
        hang();
    } else if (strcmp(kind, "churn") == 0) {
        churn((int)number);
    } else if (strcmp(kind, "flood") == 0) {
        flood(number);
    } else if (strcmp(kind, "report") == 0) {
        report();
    } else if (strcmp(kind, "signal") == 0) {
        kill(getpid(), (int)number);
    } else if (strcmp(kind, "exit") == 0) {
        return (int)number;
    } else {
        fprintf(stderr, "zoo: no kind %s\n", kind);
        return 94;
    }
    return 0;
}
