/*
 * shell.c -- puts a worker together, and takes it apart.
 *
 * The order matters: signals are blocked before any thread exists, the spool is taken before the
 * spawner ends what an earlier one left, the spawner is forked before the first ZeroMQ context.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/assert.h"
#include "base/fs.h"
#include "base/rand.h"
#include "net/poll.h"
#include "net/sock.h"
#include "worker/shell.h"
#include "worker/worker.h"

enum {
    FRAME_ARENA_BYTES = 4 * 1024 * 1024,
    SCRATCH_ARENA_BYTES = 16 * 1024 * 1024,
    EXIT_LINGER_MS = 2000
};

static void make_agent(struct worker *worker)
{
    struct agent_options options = agent_options_default();
    options.slots = (uint32_t)worker->config->slots;
    options.drain_ns = worker->config->drain;
    options.grace_ns = worker->config->grace;
    rand_os(&options.seed, sizeof options.seed);
    worker->agent = agent_new(&options);
}

static int open_spool(struct worker *worker)
{
    struct buffer message = BUFFER_EMPTY;
    int r = spool_open(&worker->spool, worker->config->spool_dir, &message);
    if (r < 0)
        log_event(LEVEL_ERROR, "spool", "text=%s", log_quote(buffer_bytes(&message)));
    buffer_done(&message);
    return r < 0 ? WORKER_EXIT_SPOOL : 0;
}

static int open_spawner(struct worker *worker)
{
    const struct config *config = worker->config;
    struct run_options options = {.slots = (uint32_t)config->slots,
                                  .host = config->host,
                                  .workdir = config->workdir,
                                  .spool_dir = config->spool_dir,
                                  .grace_ns = config->grace,
                                  .drain_output_ns = 2 * MUSTER_S};
    int r = run_open(&worker->run, &options);
    if (r < 0)
        log_event(LEVEL_ERROR, "spawner",
                  "error=%s text=\"the process that starts commands could not be started\"",
                  log_errno(r));
    return r < 0 ? WORKER_EXIT_FAILED : 0;
}

static int open_fds(struct worker *worker)
{
    const struct config *config = worker->config;
    worker->ready_fd = config->ready_fd;
    if (worker->ready_fd >= 0 && fcntl(worker->ready_fd, F_SETFD, FD_CLOEXEC) < 0) {
        log_event(LEVEL_ERROR, "ready_fd", "fd=%d error=%s", worker->ready_fd, log_errno(errno));
        worker->ready_fd = -1;
        return WORKER_EXIT_FAILED;
    }
    if (config->die_with > 0) {
        worker->host_fd = poll_process_open((int)config->die_with);
        if (worker->host_fd < 0) {
            log_event(LEVEL_ERROR, "die_with",
                      "pid=%llu error=%s text=\"there is no such process\"",
                      (unsigned long long)config->die_with, log_errno(worker->host_fd));
            return WORKER_EXIT_FAILED;
        }
    }
    worker->signal_fd = poll_signals_open();
    if (worker->signal_fd < 0)
        log_event(LEVEL_ERROR, "signals", "error=%s", log_errno(worker->signal_fd));
    return worker->signal_fd < 0 ? WORKER_EXIT_FAILED : 0;
}

int shell_open(struct worker *worker)
{
    list_init(&worker->ready);
    list_init(&worker->starting);
    arena_init(&worker->frame, FRAME_ARENA_BYTES);
    arena_init(&worker->scratch, SCRATCH_ARENA_BYTES);
    handouts_init(&worker->handouts);
    egress_init(&worker->egress);
    MUST(deadlines_init(&worker->timers, HANDOUTS_MAX) == 0);
    worker->now = time_boot_ns();
    worker->wall_ns = time_wall_ns();
    worker->functions = functions_new(run_functions());
    make_agent(worker);
    int status = open_fds(worker);
    if (status == 0)
        status = open_spool(worker);
    /* The spawner is forked before the first context exists. */
    if (status == 0)
        status = open_spawner(worker);
    if (status != 0)
        return status;
    worker->context = sock_context_new();
    MUST(worker->context != NULL);
    return 0;
}

void shell_close(struct worker *worker)
{
    /* The last words (records, BYE) get a moment on the wire; then whatever still runs is ended. */
    if (worker->link.sock)
        sock_set_linger(worker->link.sock, EXIT_LINGER_MS);
    link_close(&worker->link);
    sock_context_free(worker->context);
    run_close(worker->run);
    spool_close(worker->spool);
    agent_free(worker->agent);
    functions_free(worker->functions);
    deadlines_done(&worker->timers);
    handouts_done(&worker->handouts);
    egress_done(&worker->egress);
    arena_done(&worker->frame);
    arena_done(&worker->scratch);
    fs_close(worker->signal_fd);
    fs_close(worker->host_fd);
    fs_close(worker->ready_fd);
}
