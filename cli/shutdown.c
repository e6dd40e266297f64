/* muster shutdown: end what a pool has to do, or the broker. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "cli/broker.h"
#include "cli/daemon.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/place.h"
#include "cli/record.h"
#include "cli/say.h"
#include "cli/verb.h"

/* How long the broker, and a worker that still ends what it runs, may take. */
#define BROKER_WITHIN (10 * MUSTER_S)
#define WORKER_WITHIN (60 * MUSTER_S)

static bool waits, cancels, cancels_running;
static muster_time timeout = MUSTER_NEVER;

static const struct opt_spec options[] = {
    {"wait", 'w', OPT_FLAG, NULL, "return when every command of the pool has ended", &waits, NULL,
     0, 0},
    {"cancel", 0, OPT_FLAG, NULL, "cancel what has not started", &cancels, NULL, 0, 0},
    {"cancel-running", 0, OPT_FLAG, NULL, "end what runs too", &cancels_running, NULL, 0, 0},
    {"timeout", 0, OPT_DURATION, "DURATION", "with --wait: at most so long", &timeout, NULL, 0, 0},
    OPT_END};

static pid_t await(const struct place *place, enum place_program program, muster_time within)
{
    char *pid_file = place_pid_file(place, program);
    pid_t pid = pid_file != NULL ? daemon_await(pid_file, within) : -ENOMEM;
    free(pid_file);
    return pid;
}

/* When it is the one that `up` started: a new `up` right behind this must not meet it dying. */
static int await_own(const char *endpoint)
{
    struct place place;
    struct buffer message = BUFFER_EMPTY;
    bool has_place = place_find(&place, false, &message) == 0;
    int status = EXIT_OK;
    buffer_done(&message);
    if (!has_place) {
        return EXIT_OK;
    }
    if (place.is_noted && strcmp(place.clients, endpoint) == 0) {
        if (await(&place, PLACE_BROKER, BROKER_WITHIN) == -ETIMEDOUT) {
            status = say_error("the broker was told to end and has not yet: muster down");
        } else if (await(&place, PLACE_WORKER, WORKER_WITHIN) == -ETIMEDOUT) {
            status = say_error("the broker has ended, its worker has not yet: muster down");
        } else {
            (void)place_forget(&place);
        }
    }
    place_done(&place);
    return status;
}

static int shut_broker(struct broker *broker)
{
    char *endpoint = strdup(muster_pool_broker(broker->pool));
    if (endpoint == NULL) {
        return say_no_memory();
    }
    int code = muster_shutdown_broker(broker->pool);
    int status = EXIT_OK;
    if (code < 0) {
        status = say_failed(broker->pool, code, "shut the broker down");
    } else {
        say("the broker ends, and its workers with it");
        status = await_own(endpoint);
    }
    free(endpoint);
    return status;
}

static int wait_ms(void)
{
    muster_time ms = timeout == MUSTER_NEVER ? -1 : timeout / MUSTER_MS;
    return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

static int shut_pool(struct broker *broker)
{
    const char *name = muster_pool_name(broker->pool);
    int code = 0;
    if (cancels || cancels_running) {
        muster_cancelled counts = {0};
        code = muster_cancel_range(broker->pool, 0, 0, cancels_running, "its pool was shut down",
                                   &counts);
        if (code < 0) {
            return say_failed(broker->pool, code, "cancel");
        }
        say("pool %s: %lld cancelled, %lld running ones being ended", name,
            (long long)counts.cancelled, (long long)counts.stopping);
    }
    if (waits) {
        code = muster_wait_all(broker->pool, wait_ms());
        if (code < 0) {
            return say_failed(broker->pool, code, "wait until the pool is empty");
        }
    }
    int64_t left = muster_queue_length(broker->pool);
    if (left < 0) {
        return say_failed(broker->pool, left, "ask what is unfinished");
    }
    say("pool %s: %lld unfinished", name, (long long)left);
    return EXIT_OK;
}

static int run(const struct opt_result *args)
{
    struct broker broker;
    bool is_broker = args->operand_count == 1 && strcmp(args->operands[0], "broker") == 0;
    if (args->operand_count > 0 && !is_broker) {
        return say_usage("shutdown",
                         "unexpected \"%s\": it is `muster shutdown` for the pool, or "
                         "`muster shutdown broker`",
                         args->operands[is_broker ? 1 : 0]);
    }
    if (is_broker && (waits || cancels || cancels_running || timeout != MUSTER_NEVER)) {
        return say_usage("shutdown", "`shutdown broker` takes none of --wait, --cancel, "
                                     "--cancel-running, --timeout: shut the pool down first");
    }
    if (!is_broker && !waits && !cancels && !cancels_running) {
        return say_usage("shutdown", "what is to happen to unfinished commands? --wait for them, "
                                     "--cancel those that have not started, or --cancel-running");
    }
    if (timeout != MUSTER_NEVER && !waits) {
        return say_usage("shutdown", "--timeout goes with --wait");
    }
    int status = broker_open(BROKER_RUNNING, &broker);
    if (status != 0) {
        return status;
    }
    status = is_broker ? shut_broker(&broker) : shut_pool(&broker);
    return broker_close(&broker, status);
}

const struct verb verb_shutdown = {
    .name = "shutdown",
    .summary = "bring a pool, or the broker, to its end",
    .usage =
        (const char *const[]){"[--wait] [--cancel] [--cancel-running] [OPTION…]", "broker", NULL},
    .about = "Brings the work of the pool to its end: waits for it, cancels what has not started, "
             "or ends what runs too, whole process trees. Each command gets its final record. The "
             "pool is shared: others may go on submitting to it.\n\n"
             "`shutdown broker` ends the broker and its workers. What it had promised is on disk, "
             "and goes on after the next start.",
    .examples = (const char *const[]){"muster shutdown --wait --pool backup",
                                      "muster shutdown --cancel --wait --timeout 10m",
                                      "muster shutdown broker", NULL},
    .options = options,
    .exits = VERB_EXITS_WAITING,
    .run = run};
