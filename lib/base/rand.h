/* Random numbers: a seeded, repeatable generator (xoshiro256**), and the kernel's (os.c).
 *
 * The seeded one is for simulation and jitter, never for secrets or ids. */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rand {
    uint64_t s[4];
};

/* Every seed gives a good state (splitmix64). */
void rand_seed(struct rand *rand, uint64_t seed);

uint64_t rand_next(struct rand *rand);

/* Uniform in [0, n), without bias; n ≥ 1. */
uint64_t rand_below(struct rand *rand, uint64_t n);

/* Uniform in [low, high], low ≤ high. */
int64_t rand_between(struct rand *rand, int64_t low, int64_t high);

/* True `numerator` times out of `denominator`. */
bool rand_chance(struct rand *rand, uint64_t numerator, uint64_t denominator);

/* Uniform in [0, 1). */
double rand_unit(struct rand *rand);

/* In os.c: fills the buffer from getrandom(); aborts where the kernel has none. */
void rand_os(void *data, size_t size);

#endif
