/*
 * The simulator finds what it is there to find: each planted bug within a bounded number of seeds.
 * A bug that is not found any more means that a law, a fault or the workload has become blind.
 */
#include "tests/unit/cmocka_first.h"

#include <stdio.h>
#include <string.h>

#include "sim.h"

enum { SEEDS_MAX = 1000, STEPS = 3000 };

static void is_found(enum plant plant)
{
    for (uint64_t seed = 1; seed <= SEEDS_MAX; seed++) {
        struct swarm swarm;
        swarm_draw(&swarm, seed, plant);
        struct sim *sim = sim_new(seed, &swarm, STEPS, 0);
        sim_run(sim);
        bool found = sim_failed(sim);
        if (found)
            printf("%s: seed %llu breaks %s: %s\n", plant_name(plant), (unsigned long long)seed,
                   sim->laws.law, sim->laws.text);
        sim_free(sim);
        if (found)
            return;
    }
    fail_msg("%s was not found by %d seeds", plant_name(plant), SEEDS_MAX);
}

#define PLANT(NAME, text)                                                                          \
    static void finds_##NAME(void **state)                                                         \
    {                                                                                              \
        (void)state;                                                                               \
        if (PLANT_##NAME != PLANT_NONE)                                                            \
            is_found(PLANT_##NAME);                                                                \
    }
PLANT_TABLE(PLANT)

int main(void)
{
    const struct CMUnitTest tests[] = {
#define X(NAME, text) cmocka_unit_test(finds_##NAME),
        PLANT_TABLE(X)
#undef X
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
