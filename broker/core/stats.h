/* Running sums of durations are in core.h (spread_add …); here the run times of one function. */
#ifndef MUSTER_BROKER_CORE_STATS_H
#define MUSTER_BROKER_CORE_STATS_H

#include <stdbool.h>
#include <stdint.h>

enum { FUNCTION_SAMPLES = 9 };

/* All zero: nothing is known. */
struct function {
    uint32_t name;
    bool is_offered; /* a host offers it, or once did */
    uint32_t added;
    uint32_t samples[FUNCTION_SAMPLES]; /* ns, cut at 4 s */
    uint32_t median_ns;                 /* 0: unknown */
};

void function_add(struct function *function, int64_t run_ns);

#endif
