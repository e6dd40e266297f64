/*
 * bench.h -- what the parts of muster-bench share: figures, floors, the system under test.
 *
 * A figure is always measured beside its floor in the same run, with the same sizes and number of
 * processes, because the machine is noisy: read the ratios.
 */
#ifndef MUSTER_BENCH_H
#define MUSTER_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { ROUNDS_MAX = 32, PAYLOAD = 100, WORKERS = 4 };

struct options {
    unsigned rounds;
    unsigned commands; /* per round of a throughput figure */
    unsigned queued;   /* commands queued for the memory and restart figures */
    bool quick, json, tcp;
    const char *programs; /* directory of muster-broker and muster-worker */
    const char *only;     /* substring of the figures to measure; NULL = all */
    char dir[256];        /* private, removed at the end */
};

struct series {
    double value[ROUNDS_MAX];
    unsigned n;
};
void series_add(struct series *series, double value);
double series_median(const struct series *series);
double series_min(const struct series *series);
double series_max(const struct series *series);
/* The q-quantile of unsorted samples; sorts them. */
double quantile(double *samples, size_t n, double q);

double seconds_now(void);
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
unsigned free_port(void);

/* ---- floors (floor.c) ----------------------------------------------------------------------- */

/* client DEALER -> ROUTER | ROUTER -> worker DEALERs and back through a process in the middle, raw
 * frames of `batch` x PAYLOAD bytes, `outstanding` of them at a time; `synced`: the middle appends
 * and fdatasyncs once per turn. Items per second. */
double floor_router(const struct options *options, unsigned items, unsigned batch,
                    unsigned outstanding, bool synced);
/* Round trips one at a time, in seconds. */
void floor_round_trips(const struct options *options, bool synced, double *samples, size_t n);
/* posix_spawn of /bin/true with a captured output pipe, `slots` at a time: starts per second. */
double floor_spawn(unsigned starts, unsigned slots);

/* ---- the system (system.c) ------------------------------------------------------------------ */

struct system {
    const struct options *options;
    char store[300], clients[300], workers[300];
    pid_t broker, worker[WORKERS];
    unsigned n_workers;
};
void system_start(struct system *system, const struct options *options, const char *name,
                  unsigned workers, unsigned slots);
void system_start_broker(
    struct system *system); /* again, on the same store; returns when it has answered */
void system_kill_broker(struct system *system);
void system_stop(struct system *system);
double system_broker_cpu(const struct system *system); /* seconds of user and system time so far */
size_t system_broker_rss(const struct system *system); /* bytes */

/* ---- clients (client.c) --------------------------------------------------------------------- */

/* Submits `n` echo commands in SUBMITs of `batch` with a window of `outstanding` unanswered or
 * unread ones, reads every record, checks that each track_id came once. Seconds. */
double client_throughput(const struct system *system, unsigned n, unsigned batch,
                         unsigned outstanding);
void client_round_trips(const struct system *system, double *samples, size_t n);
/* Seconds per submit of one command. */
void client_submit_only(const struct system *system, unsigned n, double *samples, size_t n_samples);
double client_spawn(const struct system *system, unsigned n);

#endif
