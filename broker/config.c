/*
 * config.c -- reads the configuration file (ZPL, through czmq's zconfig) and the command line.
 *
 * One table of options serves both: a line `lease = 30s` of the file means what `--lease 30s`
 * means, and the command line wins. Lists (clients, workers) given on the command line replace the
 * file's.
 */
#include "broker/config.h"

#include "base/assert.h"
#include "net/endpoint.h"
#include "proto/limits.h"

#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TABLE_MAX = 32, FILE_ARGS_MAX = 256 };

static int parse_log_level(void *target, const char *value, struct buffer *message)
{
    int r = log_parse_level(value, target);
    if (r < 0)
        buffer_printf(message, "must be debug, info, warn or error, not \"%s\"", value);
    return r;
}

static int parse_ready_fd(void *target, const char *value, struct buffer *message)
{
    struct config *config = target;
    char *end;
    unsigned long fd = strtoul(value, &end, 10);
    if (*value == '\0' || *end != '\0' || fd > 65535) {
        buffer_printf(message, "must be a file descriptor, not \"%s\"", value);
        return -EINVAL;
    }
    if (fcntl((int)fd, F_GETFD) < 0) {
        buffer_printf(message, "must be a descriptor that is open: %lu is not", fd);
        return -EINVAL;
    }
    config->ready_fd = fd;
    config->has_ready_fd = true;
    return 0;
}

/* The table; `store` to `log-level` may also stand in the file. */
static void make_table(struct config *c, struct opt_spec table[TABLE_MAX])
{
    const struct opt_spec rows[] = {
        {.kind = OPT_HEADING, .help = "What it serves"},
        {.name = "store",
         .letter = 's',
         .kind = OPT_STRING,
         .metavar = "DIR",
         .target = &c->store_dir,
         .help = "Directory of the command queue and the result log; made if missing. Required."},
        {.name = "clients",
         .kind = OPT_LIST,
         .metavar = "ENDPOINT",
         .target = &c->clients,
         .help = "Where clients connect: ipc://PATH or tcp://ADDRESS:PORT; may be repeated. "
                 "Default: ipc in the user's runtime directory."},
        {.name = "workers",
         .kind = OPT_LIST,
         .metavar = "ENDPOINT",
         .target = &c->workers,
         .help = "Where workers connect; may be repeated. Default: likewise."},
        {.name = "insecure-network",
         .kind = OPT_FLAG,
         .target = &c->insecure_network,
         .help = "Serve tcp endpoints although nothing is authenticated or encrypted: whoever "
                 "reaches the port can run commands on every host."},
        {.kind = OPT_HEADING, .help = "Workers"},
        {.name = "lease",
         .kind = OPT_DURATION,
         .target = &c->lease,
         .min = (uint64_t)MUSTER_S / 10,
         .max = (uint64_t)MUSTER_S * 86400,
         .help = "A worker that is silent for this long has lost what it holds (default 30s)."},
        {.name = "renew",
         .kind = OPT_DURATION,
         .target = &c->renew,
         .min = (uint64_t)MUSTER_MS * 10,
         .max = (uint64_t)MUSTER_S * 3600,
         .help = "How often a worker must be heard; at most a third of the lease (default 5s)."},
        {.name = "lost-after",
         .kind = OPT_DURATION,
         .target = &c->lost_after,
         .help = "How long after its worker's lease a command that may not be run again stays "
                 "running before it ends lost (default 1h)."},
        {.kind = OPT_HEADING, .help = "Limits"},
        {.name = "queue-max",
         .kind = OPT_U64,
         .target = &c->queue_max,
         .min = 1,
         .max = 50000000,
         .help = "Commands that are not final, over all pools (default 4000000)."},
        {.name = "peers-max",
         .kind = OPT_U64,
         .target = &c->peers_max,
         .min = 8,
         .max = 65000,
         .help = "Connections remembered at a time (default 16384)."},
        {.name = "disk-low",
         .kind = OPT_SIZE,
         .metavar = "BYTES",
         .target = &c->disk_low_bytes,
         .help = "Below this much free space no command is accepted (default 64M)."},
        {.name = "reserve",
         .kind = OPT_SIZE,
         .metavar = "BYTES",
         .target = &c->reserve_bytes,
         .max = 1ull << 32,
         .help = "Space kept aside so that records can be stored on a full disk (default 8M)."},
        {.name = "cache",
         .kind = OPT_SIZE,
         .metavar = "BYTES",
         .target = &c->cache_bytes,
         .min = 1 << 20,
         .max = 1ull << 36,
         .help = "Page cache of the store (default 16M)."},
        {.name = "keep",
         .kind = OPT_DURATION,
         .target = &c->keep,
         .min = (uint64_t)MUSTER_S,
         .help = "Final records older than this are deleted (default 30d)."},
        {.name = "keep-bytes",
         .kind = OPT_SIZE,
         .metavar = "BYTES",
         .target = &c->keep_bytes,
         .min = 1 << 16,
         .help = "Records kept per pool, the oldest go first (default 10G)."},
        {.name = "keep-private",
         .kind = OPT_DURATION,
         .target = &c->keep_private,
         .min = (uint64_t)MUSTER_S,
         .help = "An unused private pool is deleted after this (default 7d)."},
        {.kind = OPT_HEADING, .help = "The program"},
        {.name = "log-level",
         .kind = OPT_CALL,
         .metavar = "LEVEL",
         .target = &c->log_level,
         .call = parse_log_level,
         .help = "debug, info, warn or error (default info)."},
        {.name = "config",
         .kind = OPT_STRING,
         .metavar = "FILE",
         .target = &c->file,
         .help = "Read these options from FILE, one a line: lease = 30s. The command line wins."},
        {.name = "die-with",
         .kind = OPT_U64,
         .metavar = "PID",
         .target = &c->die_with,
         .max = 1 << 30,
         .help = "End, and end the workers, when process PID is gone."},
        {.name = "ready-fd",
         .kind = OPT_CALL,
         .metavar = "FD",
         .target = c,
         .call = parse_ready_fd,
         .help = "Write \"ready\" to this descriptor once requests are served."},
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

static void set_defaults(struct config *c)
{
    *c = (struct config){
        .queue_max = 4000000,
        .peers_max = 16384,
        .cache_bytes = 16u << 20,
        .reserve_bytes = 8u << 20,
        .disk_low_bytes = 64u << 20,
        .keep_bytes = 10ull << 30,
        .lease = 30 * MUSTER_S,
        .renew = 5 * MUSTER_S,
        .lost_after = 3600 * MUSTER_S,
        .keep = 30 * 86400 * MUSTER_S,
        .keep_private = 7 * 86400 * MUSTER_S,
        .log_level = LEVEL_INFO,
    };
}

static const char *own(struct config *config, char *text)
{
    MUST(text != NULL);
    config->owned = realloc(config->owned, (config->n_owned + 1) * sizeof *config->owned);
    MUST(config->owned != NULL);
    config->owned[config->n_owned++] = text;
    return text;
}

static const struct opt_spec *find_spec(const struct opt_spec *table, const char *name)
{
    for (const struct opt_spec *spec = table; spec->name != NULL || spec->kind == OPT_HEADING;
         spec++)
        if (spec->name != NULL && strcmp(spec->name, name) == 0)
            return spec;
    return NULL;
}

/* Turns a line of the file into the option it stands for. */
static int file_line(struct config *config, const struct opt_spec *table, zconfig_t *line,
                     const char **ret_arg, struct buffer *message)
{
    const char *name = zconfig_name(line), *value = zconfig_value(line);
    const struct opt_spec *spec = find_spec(table, name);
    struct buffer arg = BUFFER_EMPTY;
    if (spec == NULL || strcmp(name, "config") == 0 || strcmp(name, "help") == 0 ||
        strcmp(name, "version") == 0) {
        buffer_printf(message,
                      "%s: there is no setting \"%s\"; see muster-broker --help for their names",
                      config->file, name);
        return -EINVAL;
    }
    if (zconfig_child(line) != NULL) {
        buffer_printf(message, "%s: \"%s\" takes a value, not lines indented below it",
                      config->file, name);
        return -EINVAL;
    }
    if (spec->kind != OPT_FLAG) {
        buffer_printf(&arg, "--%s=%s", name, value == NULL ? "" : value);
    } else if (value != NULL && (strcmp(value, "true") == 0 || strcmp(value, "1") == 0)) {
        buffer_printf(&arg, "--%s", name);
    } else if (value != NULL && (strcmp(value, "false") == 0 || strcmp(value, "0") == 0)) {
        buffer_printf(&arg, "--no-%s", name);
    } else {
        buffer_printf(message, "%s: \"%s\" must be true or false", config->file, name);
        return -EINVAL;
    }
    *ret_arg = own(config, buffer_take(&arg));
    return 0;
}

/* Appends the file's lines as options; lists that the command line gives itself are left out. */
static int read_file(struct config *config, const struct opt_spec *table,
                     const struct config *given, const char **args, int *n_args,
                     struct buffer *message)
{
    zsys_handler_set(NULL);
    zconfig_t *root = zconfig_load(config->file);
    if (root == NULL) {
        buffer_printf(message, "cannot read the configuration file %s: %s", config->file,
                      access(config->file, R_OK) == 0
                          ? "it is not well-formed (name = value, one a line)"
                          : strerror(errno));
        return -EINVAL;
    }
    int r = 0;
    for (zconfig_t *line = zconfig_child(root); line != NULL && r == 0; line = zconfig_next(line)) {
        bool overruled = (strcmp(zconfig_name(line), "clients") == 0 && given->clients.count > 0) ||
                         (strcmp(zconfig_name(line), "workers") == 0 && given->workers.count > 0);
        if (overruled)
            continue;
        if (*n_args == FILE_ARGS_MAX) {
            buffer_printf(message, "%s has over %d lines", config->file, FILE_ARGS_MAX);
            r = -EINVAL;
            break;
        }
        r = file_line(config, table, line, &args[*n_args], message);
        if (r == 0)
            (*n_args)++;
    }
    zconfig_destroy(&root);
    return r;
}

static int parse(struct config *config, int argc, const char **argv, struct buffer *message)
{
    struct opt_spec table[TABLE_MAX];
    struct opt_result result;
    make_table(config, table);
    int r = opt_parse(table, 0, argc, argv, &result, message);
    if (r == 0 && result.operand_count > 0) {
        buffer_printf(message, "unexpected \"%s\": muster-broker takes options only",
                      result.operands[0]);
        r = -EINVAL;
    }
    return r;
}

static int add_default(struct config *config, struct opt_list *list, const char *name,
                       struct buffer *message)
{
    if (list->count > 0)
        return 0;
    struct buffer path = BUFFER_EMPTY;
    int r = endpoint_default(name, &path, message);
    if (r < 0) {
        buffer_done(&path);
        return r;
    }
    list->items = malloc(sizeof *list->items);
    MUST(list->items != NULL);
    list->items[0] = own(config, buffer_take(&path));
    list->count = 1;
    return 0;
}

static int check_endpoints(const struct config *config, const struct opt_list *list,
                           struct buffer *message)
{
    for (size_t i = 0; i < list->count; i++) {
        struct endpoint endpoint;
        int r = endpoint_parse(list->items[i], &endpoint, message);
        if (r < 0)
            return r;
        if (!endpoint.is_ipc && !config->insecure_network) {
            buffer_printf(
                message,
                "%s is a network address, where anybody who reaches it could run commands: use "
                "ipc://PATH, or add --insecure-network if the network itself keeps others out",
                list->items[i]);
            return -EINVAL;
        }
    }
    return 0;
}

static int settle(struct config *config, struct buffer *message)
{
    if (config->store_dir == NULL || *config->store_dir == '\0') {
        buffer_append_str(
            message, "--store DIR is missing: where should the queue and the results be kept?");
        return -EINVAL;
    }
    if (config->renew > config->lease / 3) {
        buffer_append_str(message, "--renew must be at most a third of --lease");
        return -EINVAL;
    }
    int r = add_default(config, &config->clients, "clients", message);
    if (r == 0)
        r = add_default(config, &config->workers, "workers", message);
    if (r == 0)
        r = check_endpoints(config, &config->clients, message);
    if (r == 0)
        r = check_endpoints(config, &config->workers, message);
    config->limits = core_limits_default();
    config->limits.commands_max = (uint32_t)config->queue_max;
    config->limits.lease_ns = config->lease;
    config->limits.renew_ns = config->renew;
    config->limits.lost_after_ns = config->lost_after;
    config->limits.disk_low_bytes = config->disk_low_bytes;
    config->limits.keep_ns = config->keep;
    config->limits.keep_bytes = config->keep_bytes;
    config->limits.keep_private_ns = config->keep_private;
    return r;
}

int config_load(struct config *config, int argc, const char **argv, struct buffer *message)
{
    set_defaults(config);
    const char **args = calloc((size_t)argc + FILE_ARGS_MAX + 2, sizeof *args);
    MUST(args != NULL);
    memcpy(args, argv, (size_t)argc * sizeof *args);
    int r = parse(config, argc, args, message);
    if (r == 0 && config->file != NULL && !config->wants_help && !config->wants_version) {
        struct config given = *config;
        struct opt_spec table[TABLE_MAX];
        int n_args = 1;
        const char *file = config->file;
        set_defaults(config);
        config->file = file;
        make_table(config, table);
        args[0] = argv[0];
        r = read_file(config, table, &given, args, &n_args, message);
        if (r == 0) {
            memcpy(args + n_args, argv + 1, (size_t)(argc - 1) * sizeof *args);
            r = parse(config, n_args + argc - 1, args, message);
        }
        opt_list_done(&given.clients);
        opt_list_done(&given.workers);
    }
    free(args);
    if (r == 0 && !config->wants_help && !config->wants_version)
        r = settle(config, message);
    return r;
}

void config_done(struct config *config)
{
    opt_list_done(&config->clients);
    opt_list_done(&config->workers);
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
    buffer_append_str(&text, "Usage: muster-broker --store DIR [OPTION]...\n\n");
    opt_append_wrapped(
        &text,
        "Keeps the ordered command queue and the result log, hands commands to workers, "
        "and stores what became of each before it tells anybody. It may be killed at any "
        "moment: a restart goes on where it was.",
        0, 0);
    buffer_append_str(&text, "\n");
    opt_append_help(&text, table, 0);
    buffer_append_str(
        &text, "\nExamples:\n"
               "  muster-broker --store ~/muster\n"
               "  muster-broker --store /var/lib/muster --clients ipc:///run/muster/clients \\\n"
               "                --workers tcp://10.0.0.1:7701 --insecure-network\n"
               "\nExit status:\n"
               "  0    ended by SIGTERM, SIGINT or a client's `muster shutdown broker`\n"
               "  74   the store's disk failed or is full\n"
               "  125  usage, or it cannot start: the message says why\n");
    fputs(buffer_str(&text), stdout);
    buffer_done(&text);
}
