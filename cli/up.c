/* muster up: a broker and a worker in the background for this user.
 *
 * Nothing is configured and nobody is root: sockets and pid files stand in the runtime directory,
 * store, spool and logs in the state directory (place.h). What this call started and cannot bring
 * to readiness is ended again, so that there is no half of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/broker.h"
#include "cli/daemon.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/place.h"
#include "cli/record.h"
#include "cli/say.h"
#include "cli/verb.h"

enum { SLOTS_MAX = 4096, ARGV_ROOM = 24, LOOK_MS = 50, LOOKS_MAX = 100 };

#define READY_WITHIN (30 * MUSTER_S)
#define END_WITHIN (20 * MUSTER_S)

static struct {
    uint64_t slots;
    const char *host, *store, *clients, *workers;
    struct opt_list labels;
    bool no_worker, insecure_network;
} opt;

static const struct opt_spec options[] = {
    {"slots", 0, OPT_U64, "N", "commands that the worker runs at a time; default: its processors",
     &opt.slots, NULL, 1, SLOTS_MAX},
    {"host", 0, OPT_STRING, "NAME", "the worker's host name; default: that of this machine",
     &opt.host, NULL, 0, 0},
    {"label", 0, OPT_LIST, "KEY=VALUE", "a label of the worker, for --on KEY=VALUE", &opt.labels,
     NULL, 0, 0},
    {"store", 0, OPT_STRING, "DIR",
     "where the broker keeps its queue and results; default: in "
     "$XDG_STATE_HOME/muster, else ~/.local/state/muster",
     &opt.store, NULL, 0, 0},
    {"clients", 0, OPT_STRING, "ENDPOINT",
     "where the broker serves clients; default: ipc, for "
     "this user only",
     &opt.clients, NULL, 0, 0},
    {"workers", 0, OPT_STRING, "ENDPOINT", "where it serves workers; default: likewise",
     &opt.workers, NULL, 0, 0},
    {"insecure-network", 0, OPT_FLAG, NULL,
     "allow a tcp endpoint, which is open to everybody who "
     "reaches it",
     &opt.insecure_network, NULL, 0, 0},
    {"no-worker", 0, OPT_FLAG, NULL, "the broker alone", &opt.no_worker, NULL, 0, 0},
    OPT_END};

/* What is true after the start, for the lines that are printed. */
struct report {
    bool broker_was_there, worker_was_there;
    pid_t broker, worker;
    int slots;
};

static int start(const struct place *place, enum place_program program, const char **argv,
                 const char *directory, pid_t *ret_pid)
{
    struct buffer message = BUFFER_EMPTY;
    char *dir = place_program_dir();
    char *path = dir != NULL ? place_path(dir, argv[0]) : NULL;
    char *pid_file = place_pid_file(place, program);
    char *log_file = place_log_file(place, program);
    int rc = -ENOMEM;
    if (path != NULL && pid_file != NULL && log_file != NULL) {
        rc = daemon_start(&(struct daemon){.program = path,
                                           .argv = argv,
                                           .pid_file = pid_file,
                                           .log_file = log_file,
                                           .directory = directory,
                                           .ready_within = READY_WITHIN},
                          ret_pid, &message);
    }
    if (rc == -EEXIST) {
        /* Somebody else's `up` was faster: what was wanted is there. */
        *ret_pid = daemon_find(pid_file);
        rc = 0;
    } else if (rc < 0) {
        (void)say_error("%s", message.size > 0 ? buffer_str(&message) : strerror(-rc));
    }
    buffer_done(&message);
    free(dir);
    free(path);
    free(pid_file);
    free(log_file);
    return rc < 0 ? EXIT_OURS : 0;
}

static pid_t find(const struct place *place, enum place_program program)
{
    char *pid_file = place_pid_file(place, program);
    pid_t pid = pid_file != NULL ? daemon_find(pid_file) : -ENOMEM;
    free(pid_file);
    return pid > 0 ? pid : 0;
}

static void end(const struct place *place, enum place_program program)
{
    char *pid_file = place_pid_file(place, program);
    if (pid_file != NULL) {
        (void)daemon_end(pid_file, END_WITHIN);
    }
    free(pid_file);
}

/* An address that binds to every interface is reached on the loopback one. */
static char *connectable(const char *endpoint)
{
    static const char *const any[] = {"tcp://*:", "tcp://0.0.0.0:"};
    for (size_t i = 0; i < sizeof any / sizeof any[0]; i++) {
        size_t size = strlen(any[i]);
        if (strncmp(endpoint, any[i], size) == 0) {
            struct buffer text = BUFFER_EMPTY;
            buffer_printf(&text, "tcp://127.0.0.1:%s", endpoint + size);
            char *taken = buffer_take(&text);
            buffer_done(&text);
            return taken;
        }
    }
    return strdup(endpoint);
}

static int take_endpoint(char **target, const char *name, const char *endpoint)
{
    if (endpoint == NULL) {
        return 0;
    }
    size_t size = strlen(endpoint);
    if (strncmp(endpoint, "ipc:///", 7) != 0 && strncmp(endpoint, "tcp://", 6) != 0) {
        return say_usage("up", "--%s %s is no endpoint: write ipc:///PATH or tcp://ADDRESS:PORT",
                         name, endpoint);
    }
    if (size >= 2 && strcmp(endpoint + size - 2, ":*") == 0) {
        return say_usage("up", "--%s %s: name the port, so that others can find it", name,
                         endpoint);
    }
    char *copy = connectable(endpoint);
    if (copy == NULL) {
        return say_no_memory();
    }
    free(*target);
    *target = copy;
    return 0;
}

static int start_broker(struct place *place, struct report *report)
{
    const char *argv[ARGV_ROOM] = {"muster-broker"};
    size_t n = 1;
    char *store = NULL;
    int status = take_endpoint(&place->clients, "clients", opt.clients);
    status = status == 0 ? take_endpoint(&place->workers, "workers", opt.workers) : status;
    if (status != 0) {
        return status;
    }
    store = opt.store != NULL ? realpath(opt.store, NULL) : place_path(place->state, "store");
    if (store == NULL && opt.store != NULL) {
        /* Not there yet: the broker makes it, but runs elsewhere than we do. */
        char *here = opt.store[0] == '/' ? strdup("/") : getcwd(NULL, 0);
        store = here != NULL ? place_path(here, opt.store) : NULL;
        free(here);
    }
    if (store == NULL) {
        return say_no_memory();
    }
    argv[n++] = "--store";
    argv[n++] = store;
    argv[n++] = "--clients";
    argv[n++] = opt.clients != NULL ? opt.clients : place->clients;
    argv[n++] = "--workers";
    argv[n++] = opt.workers != NULL ? opt.workers : place->workers;
    if (opt.insecure_network) {
        argv[n++] = "--insecure-network";
    }
    argv[n] = NULL;
    status = start(place, PLACE_BROKER, argv, place->state, &report->broker);
    free(store);
    return status;
}

static int start_worker(struct place *place, struct report *report)
{
    char slots[24];
    const char **argv = calloc(ARGV_ROOM + 2 * opt.labels.count, sizeof *argv);
    const char *home = getenv("HOME");
    char *spool = place_path(place->state, "spool");
    size_t n = 0;
    int status;
    if (argv == NULL || spool == NULL) {
        free(argv);
        free(spool);
        return say_no_memory();
    }
    argv[n++] = "muster-worker";
    argv[n++] = "--broker";
    argv[n++] = place->workers;
    argv[n++] = "--host";
    argv[n++] = place->host;
    argv[n++] = "--spool";
    argv[n++] = spool;
    if (opt.slots > 0) {
        snprintf(slots, sizeof slots, "%llu", (unsigned long long)opt.slots);
        argv[n++] = "--slots";
        argv[n++] = slots;
    }
    for (size_t i = 0; i < opt.labels.count; i++) {
        argv[n++] = "--label";
        argv[n++] = opt.labels.items[i];
    }
    /* Commands that say nothing about their directory start where a login does. */
    status = start(place, PLACE_WORKER, argv,
                   home != NULL && home[0] == '/' && access(home, X_OK) == 0 ? home : "/",
                   &report->worker);
    free(argv);
    free(spool);
    return status;
}

struct looked_for {
    const char *host;
    int slots;
};

static int on_host(const muster_host_info *host, void *arg)
{
    struct looked_for *looked_for = arg;
    if (strcmp(host->host, looked_for->host) == 0 && host->present) {
        looked_for->slots += host->slots;
    }
    return 0;
}

/* A worker that outlived its broker needs a moment to find the new one. */
static int ask_slots(const struct place *place, struct report *report)
{
    struct broker broker;
    struct looked_for looked_for = {.host = place->host};
    const struct timespec pause = {.tv_nsec = LOOK_MS * MUSTER_MS};
    int status = broker_open_at(place->clients, &broker);
    if (status != 0) {
        return status;
    }
    int64_t code = muster_hosts(broker.pool, on_host, &looked_for);
    for (int i = 0; code >= 0 && looked_for.slots == 0 && i < LOOKS_MAX; i++) {
        (void)nanosleep(&pause, NULL);
        code = muster_hosts(broker.pool, on_host, &looked_for);
    }
    if (code < 0) {
        status = say_failed(broker.pool, code, "list the hosts");
    }
    report->slots = looked_for.slots;
    return broker_close(&broker, status);
}

static void print(const struct place *place, const struct report *report)
{
    struct emit emit;
    struct buffer object = BUFFER_EMPTY;
    if (!emit_is_wanted()) {
        printf("broker  ready   %s\n", place->clients);
        if (report->worker > 0) {
            printf("worker  %-7s %d slots%s\n", place->host, report->slots,
                   report->slots == 0 ? " (it has not reached the broker yet)" : "");
        }
        return;
    }
    json_open(&object, '{');
    json_field_text(&object, "schema", "muster.up/1");
    json_field_text(&object, "broker", place->clients);
    json_field_text(&object, "workers", place->workers);
    json_field_int(&object, "broker_pid", report->broker);
    json_field_bool(&object, "broker_was_running", report->broker_was_there);
    json_field_text(&object, "host", report->worker > 0 ? place->host : NULL);
    json_field_int(&object, "worker_pid", report->worker);
    json_field_bool(&object, "worker_was_running", report->worker_was_there);
    json_field_int(&object, "slots", report->slots);
    json_close(&object, '}');
    emit_begin(&emit, NULL, false);
    emit_object(&emit, &object);
    emit_end(&emit);
    buffer_done(&object);
}

static void tell_what_was_there(const struct report *report)
{
    bool gave_broker = opt.store != NULL || opt.clients != NULL || opt.workers != NULL;
    bool gave_worker = opt.host != NULL || opt.slots != 0 || opt.labels.count > 0;
    if (report->broker_was_there && (report->worker_was_there || opt.no_worker)) {
        say("running already");
    } else if (report->broker_was_there && report->worker > 0) {
        say("the broker was running already, the worker was not: it is now");
    } else if (report->worker_was_there) {
        say("the worker was running already, the broker was not: it is now");
    }
    if ((report->broker_was_there && gave_broker) || (report->worker_was_there && gave_worker)) {
        say("options of `up` change nothing of what runs already: muster down, then muster up");
    }
    const char *other = getenv("MUSTER_BROKER");
    if (other != NULL && other[0] != '\0') {
        say("$MUSTER_BROKER is set: other verbs talk to %s", other);
    }
}

/* The name that the worker gets: as asked for, as before, or that of the machine. */
static int settle_host(struct place *place)
{
    if (opt.host != NULL) {
        free(place->host);
        place->host = strdup(opt.host);
    } else if (place->host == NULL) {
        place->host = place_host_name();
    }
    return place->host != NULL ? 0 : say_no_memory();
}

static int bring_up(struct place *place, struct report *report)
{
    int status = 0;
    report->broker = find(place, PLACE_BROKER);
    report->worker = find(place, PLACE_WORKER);
    report->broker_was_there = report->broker > 0;
    report->worker_was_there = report->worker > 0;
    if (!report->broker_was_there) {
        char *served = place_served(place);
        if (served != NULL) {
            status = say_error("a broker that was not started by `muster up` serves %s: use it as "
                               "it is, or end it first: muster shutdown broker",
                               served);
            free(served);
            return status;
        }
        status = start_broker(place, report);
    }
    if (status == 0 && !report->worker_was_there && !opt.no_worker) {
        status = settle_host(place);
    }
    if (status == 0 && (!report->broker_was_there || !report->worker_was_there)) {
        int rc = place_note(place);
        if (rc < 0) {
            status = say_error("cannot write to %s: %s", place->runtime, strerror(-rc));
        }
    }
    if (status == 0 && !report->worker_was_there && !opt.no_worker) {
        status = start_worker(place, report);
    }
    if (status == 0 && report->worker > 0) {
        status = ask_slots(place, report);
    }
    if (status != 0 && !report->worker_was_there && report->worker > 0) {
        end(place, PLACE_WORKER);
    }
    if (status != 0 && !report->broker_was_there && report->broker > 0) {
        end(place, PLACE_BROKER);
        (void)place_forget(place);
    }
    return status;
}

static int run(const struct opt_result *args)
{
    struct place place;
    struct report report = {0};
    struct buffer message = BUFFER_EMPTY;
    int status;
    if (args->operand_count > 0) {
        status = say_usage("up", "unexpected \"%s\"", args->operands[0]);
    } else if (globals.broker != NULL) {
        status = say_usage("up", "--broker names a broker that is there: `up` starts one, and "
                                 "--clients says where it serves");
    } else if (opt.no_worker && (opt.host != NULL || opt.slots != 0 || opt.labels.count > 0)) {
        status = say_usage("up", "--host, --slots and --label are about the worker, --no-worker "
                                 "is for none");
    } else if (place_find(&place, true, &message) < 0) {
        status = say_error("%s", buffer_str(&message));
    } else {
        status = bring_up(&place, &report);
        if (status == 0) {
            tell_what_was_there(&report);
            print(&place, &report);
        }
        place_done(&place);
    }
    buffer_done(&message);
    opt_list_done(&opt.labels);
    return status;
}

const struct verb verb_up = {
    .name = "up",
    .summary = "start a broker and a worker in the background, for this user",
    .usage = (const char *const[]){"[OPTION…]", NULL},
    .about = "Starts muster-broker and one muster-worker for this user, waits until both are ready "
             "and says where they are. No root and no configuration is needed. A second `up` "
             "finds them running; when only the worker is gone, it starts that.\n\n"
             "Sockets and pid files are in $XDG_RUNTIME_DIR/muster, else in a private muster-UID "
             "under $TMPDIR or /tmp; store, spool and logs in $XDG_STATE_HOME/muster, else in "
             "~/.local/state/muster.",
    .examples = (const char *const[]){"muster up", "muster up --slots 8 --label role=db",
                                      "muster up --no-worker --store /srv/muster", NULL},
    .options = options,
    .exits = VERB_EXITS_PLAIN,
    .run = run};
