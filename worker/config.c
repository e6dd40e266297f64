/*
 * config.c -- the command line, the defaults, the bounds; the file is read by config_file.c.
 *
 * One table of options serves both: a line `slots = 8` of the file means what `--slots 8` means,
 * and the command line wins; `label` and `pool` lines are added to those of the command line.
 */
#include "worker/config.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/fs.h"
#include "net/endpoint.h"
#include "proto/limits.h"
#include "proto/wire.h"
#include "worker/config_file.h"

enum { TABLE_MAX = 32, FD_MAX = 65535 };

static int parse_log_level(void *target, const char *value, struct buffer *message)
{
    int r = log_parse_level(value, target);
    if (r < 0)
        buffer_printf(message, "must be debug, info, warn or error, not \"%s\"", value);
    return r;
}

static int parse_ready_fd(void *target, const char *value, struct buffer *message)
{
    int *fd = target;
    char *end;
    long number = strtol(value, &end, 10);
    if (*value == '\0' || *end != '\0' || number < 0 || number > FD_MAX) {
        buffer_printf(message, "must be the number of an open file descriptor, not \"%s\"", value);
        return -EINVAL;
    }
    *fd = (int)number;
    return 0;
}

static void make_table(struct config *c, struct opt_spec table[TABLE_MAX])
{
    const struct opt_spec rows[] = {
        {.kind = OPT_HEADING, .help = "Whom it serves"},
        {.name = "broker",
         .letter = 'b',
         .kind = OPT_STRING,
         .metavar = "ENDPOINT",
         .target = &c->broker,
         .help = "Where the broker takes workers: ipc://PATH or tcp://HOST:PORT. Default: this "
                 "user's running broker."},
        {.name = "pool",
         .kind = OPT_LIST,
         .metavar = "NAME",
         .target = &c->pools,
         .help = "Serve only this pool; may be repeated. Default: all pools."},
        {.name = "insecure-network",
         .kind = OPT_FLAG,
         .target = &c->insecure_network,
         .help = "Do not warn that nothing is authenticated or encrypted on a tcp endpoint: who "
                 "poses as the broker can run commands here."},
        {.kind = OPT_HEADING, .help = "What it offers"},
        {.name = "host",
         .kind = OPT_STRING,
         .metavar = "NAME",
         .target = &c->host,
         .help = "The name by which selectors find this host. Default: the system's host name."},
        {.name = "slots",
         .letter = 'n',
         .kind = OPT_U64,
         .metavar = "N",
         .target = &c->slots,
         .min = 1,
         .max = WIRE_SLOTS_MAX,
         .help = "How many commands run here at a time. Default: the number of processors."},
        {.name = "label",
         .letter = 'l',
         .kind = OPT_LIST,
         .metavar = "KEY=VALUE",
         .target = &c->labels,
         .help = "Something that selectors can ask for, such as role=db; may be repeated."},
        {.name = "transient",
         .kind = OPT_FLAG,
         .target = &c->transient,
         .help = "The broker forgets this host when it is gone (scaled containers)."},
        {.kind = OPT_HEADING, .help = "Where it works"},
        {.name = "workdir",
         .kind = OPT_STRING,
         .metavar = "DIR",
         .target = &c->workdir,
         .help = "Directory of commands that give none. Default: the current one."},
        {.name = "spool",
         .kind = OPT_STRING,
         .metavar = "DIR",
         .target = &c->spool_dir,
         .help = "Directory of the records that no broker has acknowledged, and of this worker's "
                 "identity; one for each worker, mode 0700. Default: "
                 "$XDG_STATE_HOME/muster/worker-HOST."},
        {.kind = OPT_HEADING, .help = "How it ends"},
        {.name = "drain",
         .kind = OPT_DURATION,
         .target = &c->drain,
         .help = "After SIGTERM running commands may go on for this long (default 10s)."},
        {.name = "grace",
         .kind = OPT_DURATION,
         .target = &c->grace,
         .help = "Between TERM and KILL, where a command says nothing else (default 5s)."},
        {.name = "die-with",
         .kind = OPT_U64,
         .metavar = "PID",
         .target = &c->die_with,
         .max = INT_MAX,
         .help = "End, with all that runs, when process PID is gone."},
        {.kind = OPT_HEADING, .help = "The program"},
        {.name = "config",
         .kind = OPT_STRING,
         .metavar = "FILE",
         .target = &c->file,
         .help = "Read these options from FILE, one a line: slots = 8. The command line wins."},
        {.name = "ready-fd",
         .kind = OPT_CALL,
         .metavar = "FD",
         .target = &c->ready_fd,
         .call = parse_ready_fd,
         .help = "Write \"ready\" to this descriptor once a broker has welcomed the worker."},
        {.name = "log-level",
         .kind = OPT_CALL,
         .metavar = "LEVEL",
         .target = &c->log_level,
         .call = parse_log_level,
         .help = "debug, info, warn or error (default info)."},
        {.name = "help",
         .letter = 'h',
         .kind = OPT_FLAG,
         .target = &c->wants_help,
         .help = "Show this text."},
        {.name = "version",
         .kind = OPT_FLAG,
         .target = &c->wants_version,
         .help = "Show the version."},
        OPT_END,
    };
    MUST(sizeof rows / sizeof rows[0] <= TABLE_MAX);
    memcpy(table, rows, sizeof rows);
}

static void set_defaults(struct config *config)
{
    *config = (struct config){
        .drain = 10 * MUSTER_S, .grace = 5 * MUSTER_S, .ready_fd = -1, .log_level = LEVEL_INFO};
}

const char *config_own(struct config *config, char *text)
{
    MUST(text != NULL);
    config->owned = realloc(config->owned, (config->n_owned + 1) * sizeof *config->owned);
    MUST(config->owned != NULL);
    config->owned[config->n_owned++] = text;
    return text;
}

/* ---- the command line ------------------------------------------------------------------------ */

static int parse(struct config *config, int argc, const char **argv, struct buffer *message)
{
    struct opt_spec table[TABLE_MAX];
    struct opt_result result;
    make_table(config, table);
    int r = opt_parse(table, 0, argc, argv, &result, message);
    if (r == 0 && result.operand_count > 0) {
        buffer_printf(message, "unexpected \"%s\": muster-worker takes options only",
                      result.operands[0]);
        r = -EINVAL;
    }
    return r;
}

/* The file's options first, so that the command line's overrule them. */
static int parse_with_file(struct config *config, int argc, const char **argv,
                           struct buffer *message)
{
    struct opt_spec table[TABLE_MAX];
    const char **args = calloc((size_t)argc + CONFIG_FILE_ARGS_MAX + 2, sizeof *args);
    const char *file = config->file;
    int n_args = 1;
    MUST(args != NULL);
    opt_list_done(&config->labels);
    opt_list_done(&config->pools);
    set_defaults(config);
    config->file = file;
    make_table(config, table);
    args[0] = argv[0];
    int r = config_read_file(config, table, args, &n_args, message);
    if (r == 0) {
        memcpy(args + n_args, argv + 1, (size_t)(argc - 1) * sizeof *args);
        r = parse(config, n_args + argc - 1, args, message);
    }
    free(args);
    return r;
}

/* ---- defaults and checks --------------------------------------------------------------------- */

static int settle_host(struct config *config, struct buffer *message)
{
    char name[HOST_NAME_MAX + 1] = "";
    bool is_given = config->host != NULL;
    if (!is_given) {
        if (gethostname(name, sizeof name - 1) < 0 || name[0] == '\0') {
            buffer_append_str(message, "the system has no host name: give one with --host NAME");
            return -EINVAL;
        }
        config->host = config_own(config, strdup(name));
    }
    if (wire_is_word(bytes_of_str(config->host)) && strlen(config->host) <= WIRE_HOST_MAX)
        return 0;
    buffer_printf(message,
                  "%s \"%s\" cannot be used: a host is 1 to 200 letters, digits and . _ - : + @%s",
                  is_given ? "--host" : "the system's host name", config->host,
                  is_given ? "" : "; give another with --host NAME");
    return -EINVAL;
}

static int settle_lists(const struct config *config, struct buffer *message)
{
    if (config->labels.count > WIRE_LABELS_MAX || config->pools.count > WIRE_POOLS_MAX) {
        buffer_printf(message, "at most %d times --label and %d times --pool", WIRE_LABELS_MAX,
                      WIRE_POOLS_MAX);
        return -EINVAL;
    }
    for (size_t i = 0; i < config->labels.count; i++) {
        if (!wire_is_label(bytes_of_str(config->labels.items[i]))) {
            buffer_printf(message, "--label %s: a label is KEY=VALUE, such as role=db",
                          config->labels.items[i]);
            return -EINVAL;
        }
    }
    for (size_t i = 0; i < config->pools.count; i++) {
        if (!wire_is_name(bytes_of_str(config->pools.items[i]))) {
            buffer_printf(message,
                          "--pool %s: that is no name of a pool (1 to 255 bytes, printable)",
                          config->pools.items[i]);
            return -EINVAL;
        }
    }
    return 0;
}

static int settle_broker(struct config *config, struct buffer *message)
{
    struct endpoint endpoint;
    if (!config->broker) {
        struct buffer text = BUFFER_EMPTY;
        int r = endpoint_default("workers", &text, message);
        if (r < 0) {
            buffer_done(&text);
            return r;
        }
        config->broker = config_own(config, buffer_take(&text));
        config->is_default_broker = true;
    }
    return endpoint_parse(config->broker, &endpoint, message);
}

static int settle_spool(struct config *config, struct buffer *message)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    struct buffer path = BUFFER_EMPTY;
    if (config->spool_dir && *config->spool_dir != '\0')
        return 0;
    if (state && state[0] == '/') {
        buffer_append_str(&path, state);
    } else if (home && home[0] == '/') {
        buffer_printf(&path, "%s/.local/state", home);
    } else {
        buffer_append_str(message,
                          "neither XDG_STATE_HOME nor HOME is set: where should records be "
                          "kept? Give --spool DIR");
        return -EINVAL;
    }
    buffer_printf(&path, "/muster/worker-%s", config->host);
    config->spool_dir = config_own(config, buffer_take(&path));
    return 0;
}

static int settle_workdir(struct config *config, struct buffer *message)
{
    const char *given = config->workdir ? config->workdir : ".";
    char *absolute = realpath(given, NULL);
    struct stat status;
    int r = absolute ? 0 : -errno;
    if (r == 0 && stat(absolute, &status) < 0)
        r = -errno;
    if (r == 0 && !S_ISDIR(status.st_mode))
        r = -ENOTDIR;
    if (r < 0) {
        buffer_printf(message, "--workdir %s: %s", given, strerror(-r));
        free(absolute);
        return -EINVAL;
    }
    config->workdir = config_own(config, absolute);
    return 0;
}

static uint64_t processors(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 1 ? 1 : count > WIRE_SLOTS_MAX ? WIRE_SLOTS_MAX : (uint64_t)count;
}

int config_load(struct config *config, int argc, const char **argv, struct buffer *message)
{
    set_defaults(config);
    const char **args = calloc((size_t)argc + 1, sizeof *args);
    MUST(args != NULL);
    memcpy(args, argv, (size_t)argc * sizeof *args);
    int r = parse(config, argc, args, message);
    free(args);
    if (r < 0 || config->wants_help || config->wants_version)
        return r;
    if (config->file)
        r = parse_with_file(config, argc, argv, message);
    if (config->slots == 0)
        config->slots = processors();
    if (r == 0)
        r = settle_host(config, message);
    if (r == 0)
        r = settle_lists(config, message);
    if (r == 0)
        r = settle_broker(config, message);
    if (r == 0)
        r = settle_spool(config, message);
    return r == 0 ? settle_workdir(config, message) : r;
}

void config_done(struct config *config)
{
    opt_list_done(&config->labels);
    opt_list_done(&config->pools);
    for (size_t i = 0; i < config->n_owned; i++)
        free(config->owned[i]);
    free(config->owned);
}

void config_print_help(void)
{
    struct config config;
    struct opt_spec table[TABLE_MAX];
    struct buffer text = BUFFER_EMPTY;
    set_defaults(&config);
    make_table(&config, table);
    buffer_append_str(&text, "Usage: muster-worker [OPTION]…\n\n");
    opt_append_wrapped(
        &text,
        "Runs commands that a muster-broker hands out to this host, and reports what "
        "became of each. A record is kept here until the broker has it, whatever "
        "is restarted in between.",
        0, opt_columns());
    buffer_append_str(&text, "\n");
    opt_append_help(&text, table, opt_columns());
    buffer_append_str(
        &text,
        "\nExamples\n"
        "  muster-worker                                 serve this user's broker (muster up)\n"
        "  muster-worker --slots 8 --label role=db       eight commands at a time, found by --on "
        "role=db\n"
        "  muster-worker --broker tcp://queue:7702 --insecure-network\n"
        "  muster-worker --host second --spool /var/tmp/second    another one on the same host\n"
        "\nSIGTERM: takes nothing more, gives back what waits, lets running commands go on for "
        "--drain,\nthen ends and reports them. A second SIGTERM ends them at once, a third kills.\n"
        "\nExit status: 0 it was drained; 74 its spool cannot be used; 125 wrong usage, or the "
        "broker refused it.\n");
    fputs(buffer_str(&text), stdout);
    buffer_done(&text);
}
