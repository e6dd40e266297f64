/* One seed, one trace: to the last line, whatever ran before. */
#include "tests/unit/cmocka_first.h"

#include "sim.h"

enum { SEEDS = 12, STEPS = 2500 };

static uint64_t hash_of(uint64_t seed, uint64_t *ret_lines)
{
    struct swarm swarm;
    swarm_draw(&swarm, seed, PLANT_NONE);
    struct sim *sim = sim_new(seed, &swarm, STEPS, 0);
    sim_run(sim);
    if (sim_failed(sim))
        fail_msg("seed %llu: %s: %s", (unsigned long long)seed, sim->laws.law, sim->laws.text);
    uint64_t hash = sim->trace.hash;
    *ret_lines = sim->trace.lines;
    sim_free(sim);
    return hash;
}

static void a_seed_repeats_bit_for_bit(void **state)
{
    uint64_t first[SEEDS], lines[SEEDS];
    (void)state;
    for (uint64_t i = 0; i < SEEDS; i++)
        first[i] = hash_of(i + 1, &lines[i]);
    for (uint64_t i = SEEDS; i-- > 0;) {
        uint64_t again;
        assert_true(hash_of(i + 1, &again) == first[i]);
        assert_true(again == lines[i]);
        assert_true(lines[i] > 100);
    }
}

static void different_seeds_differ(void **state)
{
    uint64_t lines;
    (void)state;
    uint64_t one = hash_of(1, &lines);
    assert_true(hash_of(2, &lines) != one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_repeats_bit_for_bit),
        cmocka_unit_test(different_seeds_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
