/* muster down: end what `up` started, truthfully. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/broker.h"
#include "cli/daemon.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/place.h"
#include "cli/record.h"
#include "cli/say.h"
#include "cli/verb.h"

static muster_time timeout = 60 * MUSTER_S;

static const struct opt_spec options[] = {{"timeout", 0, OPT_DURATION, "DURATION",
                                           "how long to wait for each of the two (1m)", &timeout,
                                           NULL, MUSTER_S, 0},
                                          OPT_END};

struct ended {
    pid_t worker, broker; /* 0: was not running, negative errno: did not end */
    int64_t running;      /* commands when it began; -1: not known */
};

struct counted {
    const char *host;
    int64_t running;
};

static int on_host(const muster_host_info *host, void *arg)
{
    struct counted *counted = arg;
    if (host->present && strcmp(host->host, counted->host) == 0) {
        counted->running += host->running;
    }
    return 0;
}

/* How many commands run on our worker; -1 when nobody can tell. */
static int64_t count_running(const struct place *place)
{
    struct counted counted = {.host = place->host != NULL ? place->host : ""};
    muster_pool *pool = NULL;
    muster_options *options_of_pool = muster_options_new();
    int64_t code = options_of_pool == NULL ? MUSTER_ENOMEM : 0;
    if (code == 0) {
        (void)muster_options_set_pool(options_of_pool, broker_pool_name());
        (void)muster_options_set_connect_timeout(options_of_pool, 3000);
        code = muster_pool_open(&pool, place->clients, options_of_pool);
    }
    if (code == 0) {
        code = muster_hosts(pool, on_host, &counted);
    }
    muster_options_free(options_of_pool);
    (void)muster_pool_close(&pool);
    return code < 0 ? -1 : counted.running;
}

static pid_t end(const struct place *place, enum place_program program)
{
    char *pid_file = place_pid_file(place, program);
    pid_t pid = pid_file != NULL ? daemon_end(pid_file, timeout) : -ENOMEM;
    free(pid_file);
    return pid;
}

static bool is_there(const struct place *place, enum place_program program)
{
    char *pid_file = place_pid_file(place, program);
    bool is_running = pid_file != NULL && daemon_find(pid_file) > 0;
    free(pid_file);
    return is_running;
}

static int tell_failed(const struct place *place, enum place_program program, pid_t error)
{
    char *log_file = place_log_file(place, program);
    const char *name = program == PLACE_WORKER ? "worker" : "broker";
    int status = error == -ETIMEDOUT
                     ? say_error("the %s was told to end and has not yet: muster down waits "
                                 "further; its log is %s",
                                 name, log_file != NULL ? log_file : "")
                     : say_error("cannot end the %s: %s", name, strerror(-error));
    free(log_file);
    return status;
}

static void print(const struct place *place, const struct ended *ended)
{
    struct emit emit;
    struct buffer object = BUFFER_EMPTY;
    if (!emit_is_wanted()) {
        if (ended->worker > 0) {
            printf("worker  ended   %s (pid %d)\n", place->host != NULL ? place->host : "-",
                   (int)ended->worker);
        }
        if (ended->broker > 0) {
            printf("broker  ended   %s (pid %d)\n", place->clients, (int)ended->broker);
        }
        return;
    }
    json_open(&object, '{');
    json_field_text(&object, "schema", "muster.down/1");
    json_field_int(&object, "worker_pid", ended->worker > 0 ? ended->worker : 0);
    json_field_int(&object, "broker_pid", ended->broker > 0 ? ended->broker : 0);
    json_key(&object, "were_running");
    if (ended->running >= 0) {
        json_int(&object, ended->running);
    } else {
        json_null(&object);
    }
    json_close(&object, '}');
    emit_begin(&emit, NULL, false);
    emit_object(&emit, &object);
    emit_end(&emit);
    buffer_done(&object);
}

static int bring_down(struct place *place)
{
    struct ended ended = {.running = -1};
    int status = EXIT_OK;
    bool has_worker = is_there(place, PLACE_WORKER), has_broker = is_there(place, PLACE_BROKER);
    if (has_worker && has_broker) {
        ended.running = count_running(place);
        if (ended.running > 0) {
            say("%lld %s: the worker takes no more, waits for a moment, ends what still runs, and "
                "reports it",
                (long long)ended.running, ended.running == 1 ? "command runs" : "commands run");
        }
    }
    ended.worker = end(place, PLACE_WORKER);
    if (ended.worker < 0) {
        status = tell_failed(place, PLACE_WORKER, ended.worker);
    } else {
        /* The broker stays while the worker may still have records to hand over. */
        ended.broker = end(place, PLACE_BROKER);
        if (ended.broker < 0) {
            status = tell_failed(place, PLACE_BROKER, ended.broker);
        }
    }
    if (status == EXIT_OK) {
        (void)place_forget(place);
    }
    if (status == EXIT_OK && ended.worker == 0 && ended.broker == 0) {
        say("nothing that `muster up` started is running");
    }
    print(place, &ended);
    return status;
}

static int run(const struct opt_result *args)
{
    struct place place;
    struct buffer message = BUFFER_EMPTY;
    int status;
    if (args->operand_count > 0) {
        return say_usage("down", "unexpected \"%s\"", args->operands[0]);
    }
    if (globals.broker != NULL) {
        return say_usage("down", "`down` ends what `up` started here; another broker is ended by "
                                 "muster --broker ENDPOINT shutdown broker");
    }
    if (place_find(&place, false, &message) < 0) {
        status = say_error("%s", buffer_str(&message));
    } else {
        status = bring_down(&place);
        place_done(&place);
    }
    buffer_done(&message);
    return status;
}

const struct verb verb_down = {
    .name = "down",
    .summary = "end what `up` started",
    .usage = (const char *const[]){"[OPTION…]", NULL},
    .about = "Ends the worker, then the broker, by the process ids in the pid files that they hold "
             "locked, waits for each and says what it ended. Commands that run are given the "
             "worker's drain time, then ended and recorded. What is queued stays in the store and "
             "goes on after the next `up`.",
    .examples = (const char *const[]){"muster down", "muster down --timeout 10m", NULL},
    .options = options,
    .exits = VERB_EXITS_PLAIN,
    .run = run};
