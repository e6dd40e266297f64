/*
 * muster-sim -- runs seeds, and says of the first that breaks a law how to repeat it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/opt.h"
#include "sim.h"

enum { LINE_MAX = 200, OPERANDS_MAX = 32 };

static char repeat[LINE_MAX]; /* the command line of the seed that runs */

/* The product's own assertions end the process: say which seed it was. */
static void on_abort(int number)
{
    (void)number;
    ssize_t ignored = write(STDERR_FILENO, repeat, strlen(repeat));
    (void)ignored;
}

/* Of the sanitizers, when they are there: they do not end with a signal. */
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void on_death(void)
{
    on_abort(0);
}

struct totals {
    uint64_t broken; /* seeds */
    uint64_t steps, commands, records, executions, acks, rows, duplicates, stale, lost;
    uint64_t faults[FAULT_COUNT];
};

struct options {
    uint64_t seeds, first, steps;
    bool trace, core, hash, keep_on;
    const char *plant;
    const char *store;
};

static void add(struct totals *totals, const struct sim *sim)
{
    totals->steps += sim->steps;
    totals->commands += sim->laws.commands;
    totals->records += sim->laws.records;
    totals->executions += sim->laws.executions;
    totals->acks += sim->laws.acks;
    totals->rows += sim->laws.rows;
    totals->duplicates += sim->laws.duplicates;
    totals->stale += sim->laws.stale;
    totals->lost += sim->laws.lost;
    for (int i = 0; i < FAULT_COUNT; i++)
        totals->faults[i] += sim->faults[i];
}

static void report(const struct options *options, const struct totals *totals)
{
    printf("%llu of %llu seeds kept every law: %llu steps, %llu commands, %llu executions, %llu "
           "records "
           "(%llu lost), %llu acknowledged submits (%llu repeated), %llu stale records, %llu rows "
           "read\n",
           (unsigned long long)(options->seeds - totals->broken),
           (unsigned long long)options->seeds, (unsigned long long)totals->steps,
           (unsigned long long)totals->commands, (unsigned long long)totals->executions,
           (unsigned long long)totals->records, (unsigned long long)totals->lost,
           (unsigned long long)totals->acks, (unsigned long long)totals->duplicates,
           (unsigned long long)totals->stale, (unsigned long long)totals->rows);
    printf("faults:");
    for (int i = 0; i < FAULT_COUNT; i++)
        if (totals->faults[i] > 0)
            printf(" %s %llu", fault_name((enum fault)i), (unsigned long long)totals->faults[i]);
    printf("\n");
}

static bool run_seed(const struct options *options, enum plant plant, uint64_t seed,
                     struct totals *totals)
{
    struct swarm swarm;
    unsigned print = options->trace ? ~0u & ~(unsigned)TRACE_CORE : 0;
    snprintf(repeat, sizeof repeat, "muster-sim --seeds 1 --first %llu --steps %llu%s%s\n",
             (unsigned long long)seed, (unsigned long long)options->steps,
             plant == PLANT_NONE ? "" : " --plant ", plant == PLANT_NONE ? "" : plant_name(plant));
    swarm_draw(&swarm, seed, plant);
    struct sim *sim =
        sim_new(seed, &swarm, options->steps, print | (options->core ? TRACE_CORE : 0));
    if (options->store != NULL) {
        sim->mirror = mirror_new(options->store);
        if (sim->mirror == NULL)
            exit(2);
    }
    sim_run(sim);
    bool kept = !sim_failed(sim);
    if (!kept)
        printf("seed %llu breaks %s: %s -- repeat: %s", (unsigned long long)seed, sim->laws.law,
               sim->laws.text, repeat);
    fflush(stdout);
    if (options->hash)
        printf("seed %llu hash %016llx lines %llu\n", (unsigned long long)seed,
               (unsigned long long)sim->trace.hash, (unsigned long long)sim->trace.lines);
    add(totals, sim);
    struct mirror *mirror = sim->mirror;
    sim_free(sim);
    mirror_free(mirror);
    return kept;
}

/* 0 when every seed kept every law; with --plant, when one did not. */
static int run_seeds(const struct options *options)
{
    struct totals totals = {0};
    enum plant plant = plant_find(options->plant);
    if (plant == PLANT_COUNT) {
        fprintf(stderr, "muster-sim: there is no bug named %s; there are:", options->plant);
        for (int i = 0; i < PLANT_COUNT; i++)
            fprintf(stderr, " %s", plant_name((enum plant)i));
        fprintf(stderr, "\n");
        return 2;
    }
    for (uint64_t i = 0; i < options->seeds; i++) {
        if (run_seed(options, plant, options->first + i, &totals))
            continue;
        if (plant != PLANT_NONE)
            printf("%s was found by seed %llu of %llu\n", plant_name(plant),
                   (unsigned long long)i + 1, (unsigned long long)options->seeds);
        if (plant != PLANT_NONE || !options->keep_on)
            return plant == PLANT_NONE;
        totals.broken++;
    }
    if (plant == PLANT_NONE) {
        report(options, &totals);
        return totals.broken > 0;
    }
    printf("%s was not found by %llu seeds\n", plant_name(plant),
           (unsigned long long)options->seeds);
    return 1;
}

int main(int argc, char **argv)
{
    struct options options = {.seeds = 100, .first = 1, .steps = 4000, .plant = "none"};
    bool help = false;
    const struct opt_spec table[] = {
        {.name = "seeds",
         .kind = OPT_U64,
         .help = "how many seeds to run; 100",
         .target = &options.seeds,
         .min = 1,
         .max = UINT64_MAX},
        {.name = "first",
         .kind = OPT_U64,
         .help = "the first seed; 1",
         .target = &options.first,
         .max = UINT64_MAX},
        {.name = "steps",
         .kind = OPT_U64,
         .help = "how many steps of a seed may go wrong, before it has to come to rest; 4000",
         .target = &options.steps,
         .min = 1,
         .max = UINT64_MAX},
        {.name = "plant",
         .kind = OPT_STRING,
         .metavar = "NAME",
         .help = "plant this bug, and succeed when a seed finds it",
         .target = &options.plant},
        {.name = "store",
         .kind = OPT_STRING,
         .metavar = "DIR",
         .help = "let a real store in this directory follow the model, and compare them",
         .target = &options.store},
        {.name = "trace", .kind = OPT_FLAG, .help = "print what happens", .target = &options.trace},
        {.name = "core",
         .kind = OPT_FLAG,
         .help = "print the core's own lines too",
         .target = &options.core},
        {.name = "hash",
         .kind = OPT_FLAG,
         .help = "print a hash of each seed's trace",
         .target = &options.hash},
        {.name = "keep-on",
         .kind = OPT_FLAG,
         .help = "do not stop at the first failing seed",
         .target = &options.keep_on},
        {.name = "help", .letter = 'h', .kind = OPT_FLAG, .help = "print this", .target = &help},
        OPT_END};
    struct opt_result result;
    struct buffer message = BUFFER_EMPTY;
    const char *words[OPERANDS_MAX];
    int n = 0;
    for (; n < argc && n < OPERANDS_MAX - 1; n++)
        words[n] = argv[n];
    words[n] = NULL;
    if (opt_parse(table, 0, n, words, &result, &message) < 0 || result.operand_count > 0) {
        fprintf(stderr, "muster-sim: %s\n",
                message.size > 0 ? buffer_str(&message) : "it takes options only");
        buffer_done(&message);
        return 2;
    }
    if (help) {
        opt_append_help(&message, table, 0);
        printf("usage: muster-sim [OPTION…]\n\n%s", buffer_str(&message));
        buffer_done(&message);
        return 0;
    }
    buffer_done(&message);
    signal(SIGABRT, on_abort);
    if (__sanitizer_set_death_callback != NULL)
        __sanitizer_set_death_callback(on_death);
    if (options.trace)
        setvbuf(stdout, NULL, _IOLBF, 0);
    return run_seeds(&options);
}
