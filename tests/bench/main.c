/*
 * main.c -- muster-bench: one line per figure, with its floor measured in the same run.
 *
 * A round of a figure measures its floor and the system one after the other; the line shows
 * medians, the spread, and the ratio of the medians.
 */
#include "bench.h"

#include "base/fs.h"
#include "base/opt.h"
#include "base/time.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libgen.h>
#include <math.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

static struct options options = {.rounds = 5, .commands = 200000, .queued = 1000000, .tcp = true};
static bool first_json = true;

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("muster-bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

double seconds_now(void)
{
    return (double)time_boot_ns() / 1e9;
}

void series_add(struct series *series, double value)
{
    if (series->n < ROUNDS_MAX)
        series->value[series->n++] = value;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double quantile(double *samples, size_t n, double q)
{
    qsort(samples, n, sizeof *samples, compare);
    return n == 0 ? 0 : samples[(size_t)(q * (double)(n - 1) + 0.5)];
}

double series_median(const struct series *series)
{
    double copy[ROUNDS_MAX];
    memcpy(copy, series->value, sizeof copy);
    return quantile(copy, series->n, 0.5);
}

double series_min(const struct series *series)
{
    double copy[ROUNDS_MAX];
    memcpy(copy, series->value, sizeof copy);
    return quantile(copy, series->n, 0);
}

double series_max(const struct series *series)
{
    double copy[ROUNDS_MAX];
    memcpy(copy, series->value, sizeof copy);
    return quantile(copy, series->n, 1);
}

/* Outside the ephemeral range, where a connecting socket could meet itself. */
unsigned free_port(void)
{
    static unsigned next;
    if (next == 0)
        next = 20000 + (unsigned)getpid() % 10000;
    for (unsigned tries = 0; tries < 2000; tries++) {
        unsigned port = 20000 + (next++ - 20000) % 12000;
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int r = fd < 0 ? -1 : bind(fd, (struct sockaddr *)&address, sizeof address);
        fs_close(fd);
        if (r == 0)
            return port;
    }
    die("no free port");
}

static bool wanted(const char *name)
{
    return options.only == NULL || strstr(name, options.only) != NULL;
}

static void report(const char *name, const char *unit, const struct series *value,
                   const char *floor_name, const struct series *floor)
{
    double median = series_median(value);
    if (options.json) {
        printf("%s{\"name\":\"%s\",\"unit\":\"%s\",\"median\":%.6g,\"min\":%.6g,\"max\":%.6g,"
               "\"rounds\":%u",
               first_json ? "" : ",\n", name, unit, median, series_min(value), series_max(value),
               value->n);
        if (floor != NULL)
            printf(",\"floor\":\"%s\",\"floor_median\":%.6g,\"ratio\":%.4g", floor_name,
                   series_median(floor), median / series_median(floor));
        printf("}");
        first_json = false;
    } else {
        printf("%-44s %12.6g %-8s (%.4g … %.4g, %u rounds)", name, median, unit, series_min(value),
               series_max(value), value->n);
        if (floor != NULL)
            printf("   %.2f x %s (%.6g)", median / series_median(floor), floor_name,
                   series_median(floor));
        printf("\n");
    }
    fflush(stdout);
}

static void throughput(const char *name, unsigned batch, unsigned outstanding)
{
    struct series rate = {0}, bare = {0}, synced = {0}, cpu = {0};
    char line[128];
    if (!wanted(name))
        return;
    for (unsigned i = 0; i < options.rounds; i++) {
        struct system system;
        series_add(&bare, floor_router(&options, options.commands, batch, outstanding, false));
        series_add(&synced, floor_router(&options, options.commands, batch, outstanding, true));
        snprintf(line, sizeof line, "through-%u-%u", batch, i);
        system_start(&system, &options, line, WORKERS, 1);
        client_throughput(&system, 2000, batch,
                          outstanding); /* teaches the broker how short an echo is */
        double before = system_broker_cpu(&system);
        double seconds = client_throughput(&system, options.commands, batch, outstanding);
        series_add(&cpu, (system_broker_cpu(&system) - before) / options.commands * 1e6);
        series_add(&rate, options.commands / seconds);
        system_stop(&system);
    }
    report(name, "/s", &rate, "bare synced ROUTER", &synced);
    snprintf(line, sizeof line, "%s, bare ROUTER", name);
    report(line, "/s", &bare, NULL, NULL);
    snprintf(line, sizeof line, "%s, broker CPU", name);
    report(line, "us each", &cpu, NULL, NULL);
}

static void round_trip(void)
{
    enum { N = 1000 };
    static double samples[N];
    struct series p50 = {0}, p99 = {0}, floor50 = {0}, floor99 = {0};
    struct system system;
    if (!wanted("round trip"))
        return;
    system_start(&system, &options, "round", WORKERS, 1);
    for (unsigned i = 0; i < options.rounds; i++) {
        floor_round_trips(&options, true, samples, N);
        series_add(&floor50, quantile(samples, N, 0.5) * 1e6);
        series_add(&floor99, quantile(samples, N, 0.99) * 1e6);
        client_round_trips(&system, samples, N);
        series_add(&p50, quantile(samples, N, 0.5) * 1e6);
        series_add(&p99, quantile(samples, N, 0.99) * 1e6);
    }
    system_stop(&system);
    report("idle round trip of one command, p50", "us", &p50, "bare synced ROUTER", &floor50);
    report("idle round trip of one command, p99", "us", &p99, "bare synced ROUTER", &floor99);
}

static void queued(void)
{
    enum { N = 500 };
    static double samples[N];
    struct series memory = {0}, restart = {0}, empty99 = {0}, full99 = {0};
    if (!wanted("queued"))
        return;
    for (unsigned i = 0; i < (options.rounds > 3 ? 3 : options.rounds); i++) {
        struct system system;
        char name[32];
        snprintf(name, sizeof name, "queued-%u", i);
        system_start(&system, &options, name, 0, 0);
        client_submit_only(&system, 1000, samples, N);
        series_add(&empty99, quantile(samples, N, 0.99) * 1e6);
        size_t before = system_broker_rss(&system);
        client_submit_only(&system, options.queued, samples, N);
        series_add(&full99, quantile(samples, N, 0.99) * 1e6);
        series_add(&memory, (double)(system_broker_rss(&system) - before) / options.queued);
        system_kill_broker(&system);
        double start = seconds_now();
        system_start_broker(&system);
        client_submit_only(&system, 1, samples, 1);
        series_add(&restart, seconds_now() - start);
        system_stop(&system);
    }
    char line[96];
    snprintf(line, sizeof line, "memory per queued command, %u queued", options.queued);
    report(line, "bytes", &memory, NULL, NULL);
    snprintf(line, sizeof line, "restart with %u queued until served", options.queued);
    report(line, "s", &restart, NULL, NULL);
    snprintf(line, sizeof line, "submit with %u queued, p99", options.queued);
    report(line, "us", &full99, "the same on an empty queue", &empty99);
}

static void spawn(void)
{
    struct series rate = {0}, bare = {0};
    struct system system;
    unsigned n = options.quick ? 500 : 3000;
    if (!wanted("spawn"))
        return;
    system_start(&system, &options, "spawn", 1, 2);
    for (unsigned i = 0; i < options.rounds; i++) {
        series_add(&bare, floor_spawn(n, 2));
        series_add(&rate, client_spawn(&system, n));
    }
    system_stop(&system);
    report("spawn: /bin/true with output, 2 slots", "/s", &rate, "bare spawn", &bare);
}

static const char *own_dir(void)
{
    static char path[512];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n < 0)
        die("/proc/self/exe: %s", strerror(errno));
    path[n] = '\0';
    return dirname(path);
}

static uint64_t rounds = 5, commands = 200000, queue = 1000000;
static bool wants_help, ipc;

static void parse(int argc, const char **argv)
{
    const struct opt_spec table[] = {
        {.name = "rounds",
         .kind = OPT_U64,
         .target = &rounds,
         .min = 1,
         .max = ROUNDS_MAX,
         .help = "Rounds of each figure (default 5)."},
        {.name = "commands",
         .kind = OPT_U64,
         .target = &commands,
         .min = 1000,
         .max = 10000000,
         .help = "Commands per round (default 200000)."},
        {.name = "queued",
         .kind = OPT_U64,
         .target = &queue,
         .min = 1000,
         .max = 4000000,
         .help = "Commands queued for memory and restart (default 1000000)."},
        {.name = "quick",
         .kind = OPT_FLAG,
         .target = &options.quick,
         .help = "One short round: shows that it works, not how fast it is."},
        {.name = "only",
         .kind = OPT_STRING,
         .metavar = "TEXT",
         .target = &options.only,
         .help =
             "Only figures with TEXT in the name: pipelined, batched, round trip, queued, spawn."},
        {.name = "ipc",
         .kind = OPT_FLAG,
         .target = &ipc,
         .help = "Measure the system over ipc instead of tcp on the loopback."},
        {.name = "programs",
         .kind = OPT_STRING,
         .metavar = "DIR",
         .target = &options.programs,
         .help = "Where muster-broker and muster-worker are (default: beside this program)."},
        {.name = "json", .kind = OPT_FLAG, .target = &options.json, .help = "Print JSON."},
        {.name = "help",
         .letter = 'h',
         .kind = OPT_FLAG,
         .target = &wants_help,
         .help = "Show this text."},
        OPT_END,
    };
    struct opt_result result;
    struct buffer text = BUFFER_EMPTY;
    if (opt_parse(table, 0, argc, argv, &result, &text) < 0)
        die("%s", buffer_str(&text));
    if (wants_help) {
        buffer_append_str(&text, "Usage: muster-bench [OPTION]...\n\nMeasures the system beside "
                                 "its floors: read the ratios.\n\n");
        opt_append_help(&text, table, 0);
        fputs(buffer_str(&text), stdout);
        exit(0);
    }
    buffer_done(&text);
    options.rounds = options.quick ? 1 : (unsigned)rounds;
    options.commands = options.quick && commands == 200000 ? 20000 : (unsigned)commands;
    options.queued = options.quick && queue == 1000000 ? 20000 : (unsigned)queue;
    options.tcp = !ipc;
}

int main(int argc, char **argv)
{
    struct utsname machine;
    const char *tmp = getenv("TMPDIR");
    parse(argc, (const char **)argv);
    if (options.programs == NULL)
        options.programs = own_dir();
    snprintf(options.dir, sizeof options.dir, "%s/muster-bench-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(options.dir) == NULL)
        die("%s: %s", options.dir, strerror(errno));
    uname(&machine);
    if (options.json)
        printf("{\"machine\":\"%s %s\",\"cpus\":%ld,\"figures\":[\n", machine.sysname,
               machine.release, sysconf(_SC_NPROCESSORS_ONLN));
    else
        printf("%s %s, %ld CPUs; medians (min … max)\n", machine.sysname, machine.release,
               sysconf(_SC_NPROCESSORS_ONLN));
    throughput("durable commands, pipelined, 1 per message", 1, 4000);
    throughput("durable commands, batched, 100 per message", 100, 20000);
    round_trip();
    queued();
    spawn();
    if (options.json)
        printf("\n]}\n");
    fs_remove_tree(options.dir);
    return 0;
}
