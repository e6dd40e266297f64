/*
 * The embedded default, see embedded.h. Responsible for: the directory, the two command lines,
 * start, restart, end. Not for: how a process is started (child.c), where the programs are
 * (programs.c), what the pool says to its broker.
 *
 * The directory holds the sockets, both logs, the store and the worker's spool; the last two are in
 * the caller's store directory where one was given, and then outlive the pool.
 */
#include "embedded.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fs.h"
#include "child.h"
#include "net/endpoint.h"
#include "pool.h"
#include "programs.h"
#include "request.h"

enum { BROKER, WORKER, QUICK_DEATHS_MAX = 6 };

static const muster_time start_ns = 30 * MUSTER_S; /* until the programs serve */
static const muster_time quick_ns = 1 * MUSTER_S;  /* a shorter life is a quick death */
static const muster_time restart_min_ns = 50 * MUSTER_MS;
static const muster_time ask_ns = 5 * MUSTER_S;    /* for the answer to SHUTDOWN */
static const muster_time leave_ns = 10 * MUSTER_S; /* … until it has gone by itself */
static const muster_time term_ns = 15 * MUSTER_S;  /* after TERM; a worker's grace fits in */

struct embedded {
    struct child children[EMBEDDED_CHILDREN]; /* BROKER, WORKER */
    char *dir;                                /* deleted at the end */
    char *store;                              /* inside `dir`, or the caller's */
    bool expect_end;
    bool broken; /* a child could not be kept alive: keep what is there */
};

/* ---- the directory -------------------------------------------------------------------------- */

/* A fresh directory in `parent` whose sockets' paths are short enough, or NULL. */
static char *make_dir(const char *parent, struct buffer *tried)
{
    static const char longest[] = "/muster-XXXXXX/clients.lock";
    char *dir = NULL;
    if (!parent || parent[0] != '/')
        return NULL;
    if (strlen(parent) + sizeof longest - 1 > ENDPOINT_PATH_MAX) {
        buffer_printf(tried, "%s%s (too long for a socket)", tried->size ? ", " : "", parent);
        return NULL;
    }
    if (asprintf(&dir, "%s/muster-XXXXXX", parent) < 0)
        return NULL;
    if (mkdtemp(dir))
        return dir;
    buffer_printf(tried, "%s%s (%s)", tried->size ? ", " : "", parent, strerror(errno));
    free(dir);
    return NULL;
}

static int make_private_dir(struct embedded *embedded, struct error *error)
{
    struct buffer tried = BUFFER_EMPTY;
    embedded->dir = make_dir(getenv("XDG_RUNTIME_DIR"), &tried);
    if (!embedded->dir)
        embedded->dir = make_dir(getenv("TMPDIR"), &tried);
    if (!embedded->dir)
        embedded->dir = make_dir("/tmp", &tried);
    if (!embedded->dir)
        error_set(error, MUSTER_ESYSTEM, "no directory for a private broker: %s",
                  buffer_str(&tried));
    buffer_done(&tried);
    return embedded->dir ? MUSTER_OK : MUSTER_ESYSTEM;
}

/* "dir" as an absolute path, though it need not exist yet. */
static char *absolute(const char *dir)
{
    char here[PATH_MAX];
    char *path = NULL;
    if (dir[0] == '/')
        return strdup(dir);
    if (!getcwd(here, sizeof here) || asprintf(&path, "%s/%s", here, dir) < 0)
        return NULL;
    return path;
}

/* ---- the command lines ---------------------------------------------------------------------- */

static bool describe_broker(struct embedded *embedded, const char *program)
{
    struct child *broker = &embedded->children[BROKER];
    return asprintf(&broker->log_path, "%s/broker.log", embedded->dir) >= 0 &&
           child_add(broker, "%s", program) && child_add(broker, "--store") &&
           child_add(broker, "%s", embedded->store) && child_add(broker, "--clients") &&
           child_add(broker, "ipc://%s/clients", embedded->dir) && child_add(broker, "--workers") &&
           child_add(broker, "ipc://%s/workers", embedded->dir) &&
           child_add(broker, "--die-with") && child_add(broker, "%d", (int)getpid()) &&
           child_add(broker, "--ready-fd") && child_add(broker, "3");
}

static bool describe_worker(struct embedded *embedded, const char *program, unsigned slots,
                            const char *workdir, const char *spool)
{
    struct child *worker = &embedded->children[WORKER];
    return asprintf(&worker->log_path, "%s/worker.log", embedded->dir) >= 0 &&
           child_add(worker, "%s", program) && child_add(worker, "--broker") &&
           child_add(worker, "ipc://%s/workers", embedded->dir) && child_add(worker, "--slots") &&
           child_add(worker, "%u", slots) && child_add(worker, "--die-with") &&
           child_add(worker, "%d", (int)getpid()) && child_add(worker, "--spool") &&
           child_add(worker, "%s", spool) && child_add(worker, "--workdir") &&
           child_add(worker, "%s", workdir) && child_add(worker, "--drain") &&
           child_add(worker, "0s") && child_add(worker, "--ready-fd") && child_add(worker, "3");
}

static int describe(struct embedded *embedded, const struct muster_options *options, unsigned slots,
                    struct error *error)
{
    struct programs programs;
    int rc = programs_find(options->program_dir, &programs, error);
    if (rc != MUSTER_OK)
        return rc;
    if (slots == 0) {
        long processors = sysconf(_SC_NPROCESSORS_ONLN);
        slots = processors > 0 ? (unsigned)processors : 1;
    }
    char *base = options->store_dir ? absolute(options->store_dir) : strdup(embedded->dir);
    char *workdir = absolute(options->workdir ? options->workdir : ".");
    char *spool = NULL;
    bool described = base && workdir && asprintf(&spool, "%s/spool", base) >= 0 &&
                     asprintf(&embedded->store, "%s/store", base) >= 0 &&
                     describe_broker(embedded, programs.broker) &&
                     describe_worker(embedded, programs.worker, slots, workdir, spool);
    if (described && (rc = fs_mkdir_p(base, 0700)) < 0)
        rc = error_set(error, MUSTER_ESYSTEM, "cannot make the directory %s: %s", base,
                       strerror(-rc));
    else if (!described)
        rc = error_set(error, MUSTER_ENOMEM, "out of memory");
    programs_done(&programs);
    free(base);
    free(workdir);
    free(spool);
    return rc;
}

/* ---- start ---------------------------------------------------------------------------------- */

static int tell_death(const struct child *child, const char *when, struct error *error)
{
    char status[64], words[400];
    child_format_status(child, status, sizeof status);
    child_last_words(child, words, sizeof words);
    return error_set(error, MUSTER_ECLOSED, "the private %s ended %s (%s)%s%s", child->name, when,
                     status, words[0] ? "; its last words: " : "", words);
}

/* Until the child says so, ends, or the time is up. */
static int await_ready(struct child *child, struct error *error)
{
    muster_time deadline = time_add(time_boot_ns(), start_ns);
    while (!child_is_ready(child)) {
        muster_time now = time_boot_ns();
        struct pollfd items[2] = {{.fd = child->ready_fd, .events = POLLIN},
                                  {.fd = child->pidfd, .events = POLLIN}};
        if (now >= deadline) {
            char words[400];
            child_last_words(child, words, sizeof words);
            return error_set(error, MUSTER_ETIMEDOUT,
                             "the private %s did not become ready within %d s%s%s", child->name,
                             (int)(start_ns / MUSTER_S), words[0] ? "; its last words: " : "",
                             words);
        }
        if (poll(items, 2, time_poll_ms(now, deadline, 1000)) > 0 && child_reap(child) &&
            !child_is_ready(child)) {
            tell_death(child, "before it was ready", error);
            return error->info.code = MUSTER_ESYSTEM;
        }
    }
    child->is_ready = true;
    return MUSTER_OK;
}

static int start_child(struct child *child, struct error *error)
{
    int rc = child_spawn(child);
    if (rc < 0)
        return error_set(error, MUSTER_ESYSTEM, "cannot start %s: %s", child->argv[0],
                         strerror(-rc));
    return await_ready(child, error);
}

int embedded_start(struct embedded **ret_embedded, const struct muster_options *options,
                   unsigned slots, char **ret_uri, struct error *error)
{
    struct embedded *embedded = calloc(1, sizeof *embedded);
    if (!embedded)
        return error_set(error, MUSTER_ENOMEM, "out of memory");
    child_init(&embedded->children[BROKER], "muster-broker");
    child_init(&embedded->children[WORKER], "muster-worker");
    int rc = make_private_dir(embedded, error);
    if (rc == MUSTER_OK)
        rc = describe(embedded, options, slots, error);
    if (rc == MUSTER_OK)
        rc = start_child(&embedded->children[BROKER], error);
    if (rc == MUSTER_OK)
        rc = start_child(&embedded->children[WORKER], error);
    if (rc == MUSTER_OK && asprintf(ret_uri, "ipc://%s/clients", embedded->dir) < 0) {
        *ret_uri = NULL;
        rc = error_set(error, MUSTER_ENOMEM, "out of memory");
    }
    if (rc == MUSTER_OK)
        *ret_embedded = embedded;
    else
        embedded_stop(&embedded, NULL);
    return rc;
}

/* ---- life ----------------------------------------------------------------------------------- */

size_t embedded_fds(const struct embedded *embedded, int fds[EMBEDDED_CHILDREN])
{
    size_t n = 0;
    for (int i = 0; embedded && i < EMBEDDED_CHILDREN; i++)
        if (embedded->children[i].pidfd >= 0)
            fds[n++] = embedded->children[i].pidfd;
    return n;
}

muster_time embedded_deadline(const struct embedded *embedded)
{
    muster_time at = MUSTER_NEVER;
    for (int i = 0; embedded && i < EMBEDDED_CHILDREN; i++)
        if (embedded->children[i].restart_at < at)
            at = embedded->children[i].restart_at;
    return at;
}

void embedded_expect_end(struct embedded *embedded)
{
    if (embedded)
        embedded->expect_end = true;
}

/* Notes a death and when to start the next life. A death is quick when it came before the child was
 * ready, or right after. */
static int note_death(struct child *child, muster_time now, struct error *error)
{
    bool was_ready = child->is_ready || child_is_ready(child);
    bool quick = !was_ready || now - child->started_at < quick_ns;
    child->quick_deaths = quick ? child->quick_deaths + 1 : 1;
    if (child->quick_deaths >= QUICK_DEATHS_MAX)
        return tell_death(child, "again and again", error);
    child->restart_at = now + (restart_min_ns << (child->quick_deaths - 1));
    return MUSTER_OK;
}

static int supervise_one(struct child *child, muster_time now, struct error *error)
{
    if (child->pid != 0)
        return child_reap(child) ? note_death(child, now, error) : MUSTER_OK;
    if (child->restart_at > now)
        return MUSTER_OK;
    /* Nobody waits for its word this time: the pool's machine connects when it can. */
    child->is_ready = false;
    int rc = child_spawn(child);
    if (rc < 0)
        return error_set(error, MUSTER_ECLOSED, "cannot start %s again: %s", child->argv[0],
                         strerror(-rc));
    return MUSTER_OK;
}

/* Nobody is started again; without its broker the pool is of no use. */
static int supervise_end(struct embedded *embedded, struct error *error)
{
    child_reap(&embedded->children[WORKER]);
    if (!child_reap(&embedded->children[BROKER]))
        return MUSTER_OK;
    return error_set(error, MUSTER_ECLOSED, "the private broker was shut down");
}

int embedded_supervise(struct embedded *embedded, muster_time now, struct error *error)
{
    int rc = MUSTER_OK;
    if (!embedded)
        return MUSTER_OK;
    if (embedded->expect_end)
        return supervise_end(embedded, error);
    for (int i = 0; i < EMBEDDED_CHILDREN && rc == MUSTER_OK; i++)
        rc = supervise_one(&embedded->children[i], now, error);
    if (rc != MUSTER_OK)
        embedded->broken = true;
    return rc;
}

/* ---- end ------------------------------------------------------------------------------------ */

/* By TERM, by KILL. True when it was not killed. */
static bool end_child(struct child *child)
{
    child_signal(child, SIGTERM);
    if (child_wait(child, time_add(time_boot_ns(), term_ns)))
        return true;
    child_signal(child, SIGKILL);
    child_wait(child, MUSTER_NEVER);
    return false;
}

static void free_embedded(struct embedded *embedded)
{
    child_done(&embedded->children[BROKER]);
    child_done(&embedded->children[WORKER]);
    free(embedded->dir);
    free(embedded->store);
    free(embedded);
}

/* `asked`: the broker is on its way out already. */
static int end_all(struct embedded *embedded, bool asked, struct error *error)
{
    int rc = MUSTER_OK;
    bool worker_clean = end_child(&embedded->children[WORKER]);
    if (asked)
        child_wait(&embedded->children[BROKER], time_add(time_boot_ns(), leave_ns));
    bool broker_clean = end_child(&embedded->children[BROKER]);
    if (error && (embedded->broken || !broker_clean))
        rc = error_set(error, MUSTER_ESYSTEM,
                       "the private broker did not end cleanly; its store is kept in %s",
                       embedded->store);
    else if (embedded->dir)
        fs_remove_tree(embedded->dir);
    if (rc == MUSTER_OK && error && !worker_clean)
        rc = error_set(error, MUSTER_ESYSTEM,
                       "the private worker had to be killed: what it ran may still run");
    return rc;
}

int embedded_stop(struct embedded **place, struct error *error)
{
    if (!*place)
        return MUSTER_OK;
    int rc = end_all(*place, false, error);
    free_embedded(*place);
    *place = NULL;
    return rc;
}

/* SHUTDOWN of the broker: it says goodbye to its worker too. True when it has agreed. */
static bool ask_to_end(struct muster_pool *pool)
{
    if (pool->down.info.code)
        return false;
    struct request *request = request_new(WIRE_SHUTDOWN, WIRE_DONE);
    if (!request)
        return false;
    request->message.as.shutdown.broker = true;
    int rc = request_run(pool, request, 0, time_add(time_boot_ns(), ask_ns));
    bool agreed = rc == MUSTER_OK || (rc == MUSTER_ECLOSED && request->sent);
    request_free(pool, request);
    return agreed;
}

int embedded_close(struct embedded **place, struct muster_pool *pool, struct error *error)
{
    bool was_asked = (*place)->expect_end;
    embedded_expect_end(*place);
    bool asked = was_asked || ask_to_end(pool);
    int rc = end_all(*place, asked, error);
    free_embedded(*place);
    *place = NULL;
    return rc;
}

void embedded_forget(struct embedded **place)
{
    if (!*place)
        return;
    free_embedded(*place);
    *place = NULL;
}
