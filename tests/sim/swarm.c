/*
 * swarm.c -- draws one world. Each fault is on in some seeds and off in others, so that a fault is
 * also met without the ones that would hide what it does.
 */
#include "swarm.h"

#include <string.h>

static const char *const fault_names[] = {
#define X(name, text) text,
    FAULT_TABLE(X)
#undef X
};

static const char *const plant_names[] = {
#define X(name, text) text,
    PLANT_TABLE(X)
#undef X
};

const char *fault_name(enum fault fault)
{
    return fault_names[fault];
}

const char *plant_name(enum plant plant)
{
    return plant_names[plant];
}

enum plant plant_find(const char *name)
{
    int i = 0;
    while (i < PLANT_COUNT && strcmp(name, plant_names[i]) != 0)
        i++;
    return (enum plant)i;
}

bool swarm_has(const struct swarm *swarm, enum fault fault)
{
    return (swarm->faults & 1u << fault) != 0;
}

static int64_t one_of(struct rand *rand, const int64_t *values, uint64_t n)
{
    return values[rand_below(rand, n)];
}

#define ONE_OF(rand, ...)                                                                          \
    one_of(rand, (const int64_t[]){__VA_ARGS__}, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

/* Small, so that bounds are met. */
static void draw_limits(struct core_limits *limits, struct rand *rand, uint64_t seed)
{
    *limits = core_limits_default();
    limits->commands_max = (uint32_t)ONE_OF(rand, 64, 400, 400, 400);
    limits->pools_max = 512;
    limits->clients_max = 512;
    limits->workers_max = 32;
    limits->names_max = 1024;
    limits->classes_max = 256;
    limits->batches_max = 64;
    limits->submissions_max = 64;
    limits->submits_max = (uint32_t)ONE_OF(rand, 1, 4, 16);
    limits->reads_max = (uint32_t)ONE_OF(rand, 2, 4, 16);
    limits->ahead_max = (uint32_t)ONE_OF(rand, 0, 4, 64);
    limits->ahead_ns = ONE_OF(rand, 50 * MUSTER_MS, 10 * MUSTER_S);
    limits->lease_ns = ONE_OF(rand, 2 * MUSTER_S, 6 * MUSTER_S, 30 * MUSTER_S);
    limits->renew_ns = limits->lease_ns / 6;
    limits->lost_after_ns = ONE_OF(rand, 0, 20 * MUSTER_S, 600 * MUSTER_S, 3600 * MUSTER_S);
    limits->disk_low_bytes = 64 << 20;
    limits->seed = seed;
    if (rand_chance(rand, 1, 3))
        limits->keep_bytes = (uint64_t)ONE_OF(rand, 1200, 3000, 10000);
    if (rand_chance(rand, 1, 6))
        limits->keep_ns = ONE_OF(rand, 30 * MUSTER_S, 120 * MUSTER_S);
    if (rand_chance(rand, 1, 6))
        limits->keep_private_ns = 60 * MUSTER_S;
}

static void draw_sizes(struct swarm *swarm, struct rand *rand)
{
    swarm->workers = (uint32_t)rand_between(rand, 1, WORKERS_MAX);
    swarm->clients = (uint32_t)rand_between(rand, 1, CLIENTS_MAX);
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        swarm->slots[i] = (uint32_t)rand_between(rand, 1, SLOTS_MAX);
    swarm->ahead_max = (uint32_t)ONE_OF(rand, 0, 2, 8, 64);
    swarm->commands_per_client = (uint32_t)ONE_OF(rand, 6, 20, 40);
    swarm->turn_frames_max = (uint32_t)ONE_OF(rand, 1, 4, 64, 4096);
    swarm->peers_max = (uint32_t)ONE_OF(rand, 16, 256);
    swarm->monitor = rand_chance(rand, 1, 2);
    swarm->picky = rand_chance(rand, 1, 6);
    swarm->transient = rand_chance(rand, 1, 4);
    swarm->hello_max = (uint32_t)ONE_OF(rand, 1, 3, 512);
}

static void draw_times(struct swarm *swarm, struct rand *rand)
{
    swarm->latency_min_ns = ONE_OF(rand, 50 * MUSTER_US, 1 * MUSTER_MS, 20 * MUSTER_MS);
    swarm->latency_max_ns = swarm->latency_min_ns * ONE_OF(rand, 1, 4, 50);
    swarm->sync_min_ns = ONE_OF(rand, 0, 100 * MUSTER_US, 5 * MUSTER_MS);
    swarm->sync_max_ns = swarm->sync_min_ns * ONE_OF(rand, 1, 10);
    swarm->run_max_ns = ONE_OF(rand, 5 * MUSTER_MS, 500 * MUSTER_MS, 5 * MUSTER_S, 40 * MUSTER_S);
    swarm->grace_ns = ONE_OF(rand, 100 * MUSTER_MS, 2 * MUSTER_S);
    swarm->think_max_ns = ONE_OF(rand, 20 * MUSTER_MS, 500 * MUSTER_MS, 4 * MUSTER_S);
    swarm->fault_every_ns = ONE_OF(rand, 500 * MUSTER_MS, 3 * MUSTER_S, 10 * MUSTER_S);
    swarm->fault_phase_ns = ONE_OF(rand, 30 * MUSTER_S, 120 * MUSTER_S, 300 * MUSTER_S);
}

void swarm_draw(struct swarm *swarm, uint64_t seed, enum plant plant)
{
    struct rand rand;
    rand_seed(&rand, seed);
    *swarm = (struct swarm){.plant = plant};
    swarm->calm = rand_chance(&rand, 1, 12);
    swarm->plain = rand_chance(&rand, 1, 10);
    draw_sizes(swarm, &rand);
    draw_times(swarm, &rand);
    draw_limits(&swarm->limits, &rand, seed);
    uint64_t share = (uint64_t)rand_between(&rand, 1, 6); /* of ten: how wild it is */
    for (int i = 0; i < FAULT_COUNT && !swarm->calm; i++)
        if (rand_chance(&rand, share, 10))
            swarm->faults |= 1u << i;
    if (swarm->plain) {
        swarm->workers = 1;
        swarm->slots[0] = 1;
        swarm->ahead_max = swarm->limits.ahead_max = 0;
    }
}

void swarm_quiet(struct swarm *swarm)
{
    *swarm = (struct swarm){
        .calm = true,
        .workers = 1,
        .clients = 1,
        .slots = {2, 2, 2, 2},
        .ahead_max = 4,
        .turn_frames_max = 4096,
        .hello_max = 512,
        .peers_max = 256,
        .latency_min_ns = 1 * MUSTER_MS,
        .latency_max_ns = 1 * MUSTER_MS,
        .sync_min_ns = 1 * MUSTER_MS,
        .sync_max_ns = 1 * MUSTER_MS,
        .run_max_ns = 1 * MUSTER_S,
        .grace_ns = 1 * MUSTER_S,
        .think_max_ns = 1 * MUSTER_S,
        .fault_every_ns = 1 * MUSTER_S,
        .limits = core_limits_default(),
    };
    swarm->limits.commands_max = 400;
    swarm->limits.clients_max = 64;
    swarm->limits.workers_max = 32;
    swarm->limits.names_max = 1024;
    swarm->limits.classes_max = 256;
    swarm->limits.seed = 1;
}
