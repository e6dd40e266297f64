/*
 * stats.c -- running sums of durations, and the median run time of a function.
 *
 * Buckets: durations up to 1 us fall into bucket 0. Above, with u = ns / 1000 (whole microseconds,
 * u ≥ 1) and p = floor(log2 u), bucket = 1 + 4 p + floor(4 (u / 2^p - 1)), at most
 * SPREAD_BUCKETS - 1: four buckets per power of two, so a bucket is at most 25 % wide. Bucket
 * b = 1 + 4 p + i covers [2^p (1 + i/4), 2^p (1 + (i+1)/4)) microseconds. The quantile is linear
 * within its bucket and kept within the extremes.
 *
 * The median is that of the last FUNCTION_SAMPLES run times: what commands do now counts, not what
 * they did last week.
 */
#include "broker/core/stats.h"

#include "broker/core/core.h"

static uint32_t bucket_of(uint64_t ns)
{
    uint64_t us = ns / 1000;
    if (us == 0)
        return 0;
    unsigned power = 63u - (unsigned)__builtin_clzll(us);
    uint64_t quarter = power >= 2 ? (us >> (power - 2)) & 3 : (us << (2 - power)) & 3;
    uint64_t bucket = 1 + 4 * (uint64_t)power + quarter;
    return bucket < SPREAD_BUCKETS ? (uint32_t)bucket : SPREAD_BUCKETS - 1;
}

/* Where a bucket begins, in ns. */
static double bucket_begin_ns(uint32_t bucket)
{
    if (bucket == 0)
        return 0;
    uint32_t power = (bucket - 1) / 4;
    double begin_us = (double)(UINT64_C(1) << power) * (1.0 + (double)((bucket - 1) % 4) / 4.0);
    return begin_us * 1000.0;
}

void spread_add(struct spread_totals *spread, int64_t ns)
{
    uint64_t value = ns > 0 ? (uint64_t)ns : 0;
    if (spread->count == 0 || value < spread->min_ns)
        spread->min_ns = value;
    if (value > spread->max_ns)
        spread->max_ns = value;
    spread->count++;
    spread->sum_ns = spread->sum_ns > UINT64_MAX - value ? UINT64_MAX : spread->sum_ns + value;
    uint32_t bucket = bucket_of(value);
    if (spread->buckets[bucket] < UINT32_MAX)
        spread->buckets[bucket]++;
}

int64_t spread_quantile_ns(const struct spread_totals *spread, double q)
{
    if (spread->count == 0)
        return 0;
    uint64_t in_buckets = 0;
    for (uint32_t b = 0; b < SPREAD_BUCKETS; b++)
        in_buckets += spread->buckets[b];
    double rank = (q < 0 ? 0 : q > 1 ? 1 : q) * (double)in_buckets;
    double below = 0;
    double at = (double)spread->max_ns;
    for (uint32_t b = 0; b < SPREAD_BUCKETS; b++) {
        double here = (double)spread->buckets[b];
        if (here > 0 && below + here >= rank) {
            double begin = bucket_begin_ns(b);
            double end = b + 1 < SPREAD_BUCKETS ? bucket_begin_ns(b + 1) : (double)spread->max_ns;
            at = begin + (end - begin) * ((rank - below) / here);
            break;
        }
        below += here;
    }
    if (at < (double)spread->min_ns)
        return (int64_t)spread->min_ns;
    return at >= (double)spread->max_ns ? (int64_t)spread->max_ns : (int64_t)at;
}

void function_add(struct function *function, int64_t run_ns)
{
    uint32_t sorted[FUNCTION_SAMPLES] = {0};
    uint32_t n = 0;
    uint32_t sample = run_ns < 1 ? 1 : run_ns > UINT32_MAX ? UINT32_MAX : (uint32_t)run_ns;
    function->samples[function->added++ % FUNCTION_SAMPLES] = sample;
    uint32_t have = function->added < FUNCTION_SAMPLES ? function->added : FUNCTION_SAMPLES;
    for (; n < have; n++) {
        uint32_t at = n;
        for (; at > 0 && sorted[at - 1] > function->samples[n]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = function->samples[n];
    }
    function->median_ns = sorted[n / 2];
    if (function->added == 2 * FUNCTION_SAMPLES)
        function->added = FUNCTION_SAMPLES;
}
