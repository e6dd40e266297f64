/* system.c -- starts a broker and workers as a user would, and looks at the broker from outside. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Starts a program with --ready-fd and returns when it has said that it is ready. */
static pid_t start(const char *const *argv, const char *log, bool wait_ready)
{
    const char *full[40];
    char number[16];
    int pipes[2];
    size_t n = 0;
    pid_t pid;
    if (pipe(pipes) < 0)
        die("pipe: %s", strerror(errno));
    fcntl(pipes[0], F_SETFD, FD_CLOEXEC);
    for (; argv[n] != NULL; n++)
        full[n] = argv[n];
    snprintf(number, sizeof number, "%d", pipes[1]);
    full[n++] = "--ready-fd";
    full[n++] = number;
    full[n] = NULL;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, log, O_CREAT | O_WRONLY | O_APPEND, 0600);
    int r = posix_spawn(&pid, full[0], &actions, NULL, (char *const *)full, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipes[1]);
    if (r != 0)
        die("cannot start %s: %s", full[0], strerror(r));
    char ready[8];
    if (wait_ready && read(pipes[0], ready, sizeof ready) <= 0)
        die("%s did not become ready; see %s", full[0], log);
    close(pipes[0]);
    return pid;
}

void system_start_broker(struct system *s)
{
    char program[600], log[600];
    snprintf(program, sizeof program, "%s/muster-broker", s->options->programs);
    snprintf(log, sizeof log, "%s/broker.log", s->options->dir);
    const char *argv[] = {program,    "--store",
                          s->store,   "--clients",
                          s->clients, "--workers",
                          s->workers, "--log-level",
                          "warn",     s->options->tcp ? "--insecure-network" : NULL,
                          NULL};
    s->broker = start(argv, log, true);
}

static void start_worker(struct system *s, unsigned i, unsigned slots)
{
    char program[600], log[600], host[32], spool[600], number[16];
    snprintf(program, sizeof program, "%s/muster-worker", s->options->programs);
    snprintf(log, sizeof log, "%s/worker.log", s->options->dir);
    snprintf(host, sizeof host, "bench%u", i);
    snprintf(spool, sizeof spool, "%s-spool%u", s->store, i);
    snprintf(number, sizeof number, "%u", slots);
    const char *argv[] = {program, "--broker", s->workers, "--host",      host,   "--slots",
                          number,  "--spool",  spool,      "--log-level", "warn", NULL};
    s->worker[i] = start(argv, log, true);
}

void system_start(struct system *s, const struct options *options, const char *name,
                  unsigned workers, unsigned slots)
{
    *s = (struct system){.options = options, .n_workers = workers};
    snprintf(s->store, sizeof s->store, "%s/%s", options->dir, name);
    if (options->tcp) {
        unsigned a = free_port(), b = free_port();
        while (b == a)
            b = free_port();
        snprintf(s->clients, sizeof s->clients, "tcp://127.0.0.1:%u", a);
        snprintf(s->workers, sizeof s->workers, "tcp://127.0.0.1:%u", b);
    } else {
        snprintf(s->clients, sizeof s->clients, "ipc://%s/clients", options->dir);
        snprintf(s->workers, sizeof s->workers, "ipc://%s/workers", options->dir);
    }
    system_start_broker(s);
    for (unsigned i = 0; i < workers; i++)
        start_worker(s, i, slots);
}

static void end(pid_t pid, int signal)
{
    if (pid == 0)
        return;
    kill(pid, signal);
    waitpid(pid, NULL, 0);
}

void system_kill_broker(struct system *s)
{
    end(s->broker, SIGKILL);
    s->broker = 0;
}

void system_stop(struct system *s)
{
    for (unsigned i = 0; i < s->n_workers; i++)
        end(s->worker[i], SIGKILL);
    end(s->broker, SIGKILL);
    s->broker = 0;
}

double system_broker_cpu(const struct system *s)
{
    char path[64], text[1024];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)s->broker);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    const char *after = strrchr(text, ')');
    if (after == NULL || sscanf(after + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                                &user, &system) != 2)
        return 0;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

size_t system_broker_rss(const struct system *s)
{
    char path[64];
    unsigned long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)s->broker);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%*u %lu", &pages) != 1)
        pages = 0;
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}
