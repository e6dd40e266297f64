/* xoshiro256** 1.0 and splitmix64, both by Blackman and Vigna (prng.di.unimi.it, public domain). */
#include "base/rand.h"

#include "base/assert.h"

static uint64_t rotate_left(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

void rand_seed(struct rand *rand, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t z = (seed += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        rand->s[i] = z ^ (z >> 31);
    }
}

uint64_t rand_next(struct rand *rand)
{
    uint64_t *s = rand->s;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t rand_below(struct rand *rand, uint64_t n)
{
    MUST(n > 0);
    /* 2^64 mod n values at the low end would be drawn once too often: draw again. */
    uint64_t refused = (0 - n) % n;
    uint64_t x;
    do
        x = rand_next(rand);
    while (x < refused);
    return x % n;
}

int64_t rand_between(struct rand *rand, int64_t low, int64_t high)
{
    MUST(low <= high);
    uint64_t span = (uint64_t)high - (uint64_t)low;
    uint64_t offset = span == UINT64_MAX ? rand_next(rand) : rand_below(rand, span + 1);
    return (int64_t)((uint64_t)low + offset);
}

bool rand_chance(struct rand *rand, uint64_t numerator, uint64_t denominator)
{
    return rand_below(rand, denominator) < numerator;
}

double rand_unit(struct rand *rand)
{
    return (double)(rand_next(rand) >> 11) * 0x1.0p-53;
}
