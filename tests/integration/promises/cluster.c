/* cluster.c -- starts, kills and watches real programs for the promises' tests. */
#include "cluster.h"

#include "base/fs.h"
#include "base/time.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { PATIENCE_MS = 60000 };

int cluster_setup(void **state)
{
    struct cluster *c = calloc(1, sizeof *c);
    strcpy(c->dir, "/tmp/muster-test-XXXXXX");
    if (c == NULL || mkdtemp(c->dir) == NULL)
        return -1;
    snprintf(c->store, sizeof c->store, "%s/store", c->dir);
    snprintf(c->clients, sizeof c->clients, "ipc://%s/clients", c->dir);
    snprintf(c->workers, sizeof c->workers, "ipc://%s/workers", c->dir);
    snprintf(c->log, sizeof c->log, "%s/log", c->dir);
    *state = c;
    return 0;
}

int cluster_teardown(void **state)
{
    struct cluster *c = *state;
    muster_pool_close(&c->pool);
    for (int i = 0; i < CLUSTER_WORKERS_MAX; i++)
        cluster_kill_worker(c, i, SIGKILL);
    cluster_kill_broker(c, SIGKILL);
    fs_remove_tree(c->dir);
    free(c);
    return 0;
}

void sleep_ms(int ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

/* Starts the program of this build; `err` is where its stderr goes. Returns its pid and the end of
 * a pipe on which it says "ready". */
static pid_t start(const char *program, const char *const *args, const char *err, int *ret_ready)
{
    const char *dir = getenv("MUSTER_PROGRAM_DIR");
    const char *argv[48];
    char path[512], number[16];
    int pipes[2];
    size_t n = 0;
    pid_t pid;
    assert_non_null(dir);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    int told = fcntl(pipes[1], F_DUPFD, 60);
    snprintf(path, sizeof path, "%s/%s", dir, program);
    snprintf(number, sizeof number, "%d", told);
    argv[n++] = path;
    for (; *args != NULL; args++)
        argv[n++] = *args;
    argv[n++] = "--ready-fd";
    argv[n++] = number;
    argv[n] = NULL;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 2, err, O_CREAT | O_WRONLY | O_APPEND, 0600);
    assert_int_equal(posix_spawn(&pid, path, &actions, NULL, (char *const *)argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(told);
    close(pipes[1]);
    *ret_ready = pipes[0];
    return pid;
}

/* True when it has said that it is ready, false when it has ended without. */
static bool await_ready(int fd)
{
    struct pollfd item = {.fd = fd, .events = POLLIN};
    char text[8];
    assert_int_equal(poll(&item, 1, PATIENCE_MS), 1);
    bool ready = read(fd, text, sizeof text) > 0;
    close(fd);
    return ready;
}

void cluster_start_broker(struct cluster *c)
{
    const char *args[CLUSTER_ARGS_MAX + 16] = {"--store",   c->store,   "--clients",   c->clients,
                                               "--workers", c->workers, "--log-level", "warn"};
    size_t n = 8;
    int ready;
    for (size_t i = 0; c->broker_args[i] != NULL; i++)
        args[n++] = c->broker_args[i];
    args[n] = NULL;
    c->broker = start("muster-broker", args, c->log, &ready);
    assert_true(await_ready(ready));
}

int cluster_try_broker(struct cluster *c, const char *store, const char *clients,
                       const char *workers, char text[1024])
{
    char err[128];
    int ready;
    struct buffer said = BUFFER_EMPTY;
    const char *args[CLUSTER_ARGS_MAX + 8] = {"--store", store,       "--clients",
                                              clients,   "--workers", workers};
    for (size_t i = 0; c->broker_args[i] != NULL; i++)
        args[6 + i] = c->broker_args[i];
    snprintf(err, sizeof err, "%s/err", c->dir);
    unlink(err);
    pid_t pid = start("muster-broker", args, err, &ready);
    if (await_ready(ready)) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return -1;
    }
    int status = cluster_wait_exit(pid);
    fs_read_file(err, 65536, &said);
    snprintf(text, 1024, "%s", buffer_str(&said));
    buffer_done(&said);
    return status;
}

int cluster_wait_exit(pid_t pid)
{
    int status = 0;
    for (int waited = 0; waited < PATIENCE_MS; waited += 5) {
        pid_t r = waitpid(pid, &status, WNOHANG);
        assert_true(r >= 0);
        if (r == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        sleep_ms(5);
    }
    fail_msg("process %d does not end", (int)pid);
    return -1;
}

static void end(pid_t *pid, int signal)
{
    if (*pid == 0)
        return;
    kill(*pid, signal);
    if (signal == SIGKILL || signal == SIGTERM) {
        if (signal == SIGKILL)
            waitpid(*pid, NULL, 0);
        else
            cluster_wait_exit(*pid);
        *pid = 0;
    }
}

void cluster_kill_broker(struct cluster *c, int signal)
{
    end(&c->broker, signal);
}

void cluster_kill_worker(struct cluster *c, int i, int signal)
{
    end(&c->worker[i].pid, signal);
}

void cluster_start_worker(struct cluster *c, int i, const char *host, const char *slots,
                          const char *label)
{
    char spool[128];
    int ready;
    snprintf(spool, sizeof spool, "%s/spool-%s", c->dir, host);
    snprintf(c->worker[i].host, sizeof c->worker[i].host, "%s", host);
    const char *args[] = {
        "--broker", c->workers, "--host",      host,        "--slots",
        slots,      "--spool",  spool,         "--workdir", c->dir,
        "--grace",  "1s",       "--log-level", "warn",      label != NULL ? "--label" : NULL,
        label,      NULL};
    c->worker[i].pid = start("muster-worker", args, c->log, &ready);
    assert_true(await_ready(ready));
}

muster_pool *cluster_open(struct cluster *c, const char *name)
{
    muster_pool *pool = NULL;
    muster_options *options = muster_options_new();
    assert_non_null(options);
    assert_int_equal(muster_options_set_pool(options, name), 0);
    assert_int_equal(muster_options_set_connect_timeout(options, PATIENCE_MS), 0);
    int r = muster_pool_open(&pool, c->clients, options);
    if (r < 0)
        fail_msg("cannot open: %s", muster_error(NULL)->text);
    muster_options_free(options);
    return pool;
}

int64_t good(const muster_pool *pool, int64_t value)
{
    if (value < 0)
        fail_msg("%s: %s", muster_code_name((int)value), muster_error(pool)->text);
    return value;
}

muster_command *shell(const char *line)
{
    const char *argv[] = {"sh", "-c", line, NULL};
    muster_command *command = muster_command_exec(argv);
    assert_non_null(command);
    return command;
}

int64_t submit_shell(struct cluster *c, const char *line)
{
    muster_command *command = shell(line);
    int64_t id = good(c->pool, muster_submit(c->pool, command));
    muster_command_free(command);
    return id;
}

int64_t submit_echo(struct cluster *c, int64_t value)
{
    muster_command *command = muster_command_call("echo");
    muster_command_arg_int(command, value);
    int64_t id = good(c->pool, muster_submit(c->pool, command));
    muster_command_free(command);
    return id;
}

int cluster_see(const muster_record *record, void *arg)
{
    struct cluster *c = arg;
    assert_non_null(record);
    assert_true(c->n_seen < CLUSTER_SEEN_MAX);
    int i = c->n_seen++;
    c->seen[i].pos = record->pos;
    c->seen[i].track_id = record->track_id;
    c->seen[i].state = record->state;
    c->seen[i].attempt = record->attempt;
    c->seen[i].crc = record->crc;
    snprintf(c->seen[i].host, sizeof c->seen[i].host, "%s", record->host);
    snprintf(c->seen[i].reason, sizeof c->seen[i].reason, "%s", record->reason);
    snprintf(c->seen[i].out, sizeof c->seen[i].out, "%.*s", (int)record->out.head_size,
             record->out.head != NULL ? record->out.head : "");
    return 0;
}

void cluster_read_all(struct cluster *c)
{
    int64_t next = 0, n;
    c->n_seen = 0;
    do
        n = good(c->pool, muster_results_read(c->pool, next, 1000, 0, 0, cluster_see, c, &next));
    while (n > 0);
    for (int i = 0; i < c->n_seen; i++)
        assert_int_equal(c->seen[i].pos, i + 1); /* S7: no gap, no repetition */
}

int cluster_find(const struct cluster *c, int64_t track_id)
{
    int found = -1;
    for (int i = 0; i < c->n_seen; i++)
        if (c->seen[i].track_id == track_id) {
            assert_int_equal(found, -1); /* S6: one final record */
            found = i;
        }
    return found;
}

static int note_state(const muster_command_info *info, void *arg)
{
    *(int *)arg = info->state;
    return 0;
}

void cluster_await_state(struct cluster *c, int64_t track_id, int state)
{
    int now = -1;
    for (int waited = 0; waited < PATIENCE_MS; waited += 20) {
        now = -1;
        good(c->pool, muster_list(c->pool, track_id, track_id, 0, 0, note_state, &now));
        if (now == state)
            return;
        sleep_ms(20);
    }
    fail_msg("command %lld is %s, not %s", (long long)track_id,
             now < 0 ? "final" : muster_state_name(now), muster_state_name(state));
}

void cluster_await_file(const char *path)
{
    for (int waited = 0; waited < PATIENCE_MS; waited += 10) {
        if (access(path, F_OK) == 0)
            return;
        sleep_ms(10);
    }
    fail_msg("%s does not appear", path);
}

long cluster_count_lines(const char *path)
{
    struct buffer text = BUFFER_EMPTY;
    long lines = 0;
    if (fs_read_file(path, 1 << 20, &text) == 0)
        for (size_t i = 0; i < text.size; i++)
            lines += text.data[i] == '\n';
    buffer_done(&text);
    return lines;
}
