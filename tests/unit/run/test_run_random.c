/* Many commands of all kinds at once, ended at random: every start gets exactly one record, slots
 * come back, nothing stays. The seed is printed; give it as the only argument to repeat a run. */
#include "tests/unit/cmocka_first.h"

#include "base/rand.h"
#include "base/time.h"
#include "tests/unit/run/rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS = 12, COMMANDS = 500 };

static uint64_t seed;

struct running {
    uint64_t token; /* 0: the slot is free */
    const char *kind;
};

static uint64_t start_exec(struct rig *rig, struct rand *rand, uint32_t slot, const char *marker,
                           const char **ret_kind)
{
    static const char *const kinds[][2] = {
        {"exit", "0"},         {"exit", "3"},  {"signal", "9"},     {"hang", NULL},
        {"ignore-term", NULL}, {"daemon", ""}, {"daemon-stay", ""}, {"daemon-ignore-term", ""},
        {"pipe-holder", NULL}, {"hop", "10"},  {"bush", "3"},       {"churn", "3"},
        {"flood", "300000"},   {"report", ""}, {"no such kind", ""}};
    size_t i = rand_below(rand, sizeof kinds / sizeof kinds[0]);
    struct bytes argv[] = {bytes_of_str(rig_zoo()), bytes_of_str(kinds[i][0]),
                           bytes_of_str(kinds[i][1])};
    struct bytes env[] = {bytes_of_str(marker)};
    struct wire_command_body body = {.argv = argv,
                                     .n_argv = kinds[i][1] ? 3 : 2,
                                     .env = env,
                                     .n_env = 1,
                                     .timeout_ns = rand_between(rand, 1, 400) * MUSTER_MS,
                                     .grace_ns = rand_between(rand, 1, 50) * MUSTER_MS};
    if (rand_chance(rand, 1, 10))
        body.cwd = bytes_of_str("/no/such/directory");
    *ret_kind = kinds[i][0];
    return rig_start(rig, slot, "exec", &body);
}

static uint64_t start_call(struct rig *rig, struct rand *rand, uint32_t slot, const char **ret_kind)
{
    static const char *const functions[] = {"test_sleep", "test_signal", "test_exit",
                                            "test_leave", "list",        "query"};
    struct wire_value args[] = {
        {.kind = WIRE_VALUE_INT, .integer = rand_chance(rand, 1, 2) ? SIGKILL : 50}};
    struct wire_value name = {.kind = WIRE_VALUE_STRING, .data = bytes_of_str("x")};
    size_t i = rand_below(rand, 6);
    struct wire_command_body body = {.args = i < 4 ? args : &name,
                                     .n_args = 1,
                                     .url = bytes_of_str("file:."),
                                     .timeout_ns = rand_between(rand, 1, 400) * MUSTER_MS,
                                     .grace_ns = rand_between(rand, 1, 50) * MUSTER_MS};
    *ret_kind = functions[i];
    return rig_start(rig, slot, functions[i], &body);
}

static bool is_consistent(const struct run_ended *ended)
{
    switch ((int)ended->state) {
    case STATE_OK:
        return ended->exit == 0 && ended->signal == 0;
    case STATE_FAILED:
        return ended->exit != 0 && ended->signal == 0;
    case STATE_SIGNALED:
        return ended->signal != 0;
    case STATE_TIMEOUT:
        return ended->reason == REASON_TIMEOUT;
    case STATE_CANCELLED:
        return ended->reason == REASON_CANCELLED_RUNNING;
    default:
        return false;
    }
}

/* Takes all records that are there; each must be of what runs in its slot. */
static int take_records(struct rig *rig, struct running *running)
{
    int taken = 0;
    while (rig->n_records > 0) {
        const struct rig_record *record = &rig->records[--rig->n_records];
        uint32_t slot = record->ended.slot;
        assert_true(slot >= 1 && slot <= SLOTS);
        struct running *one = &running[slot - 1];
        if (record->ended.token != one->token || !is_consistent(&record->ended))
            fail_msg("slot %u, %s: token %llu for %llu, %s because %s, exit %d, signal %u", slot,
                     one->kind ? one->kind : "free", (unsigned long long)record->ended.token,
                     (unsigned long long)one->token, state_name(record->ended.state),
                     reason_name(record->ended.reason), record->ended.exit, record->ended.signal);
        one->token = 0;
        taken++;
    }
    return taken;
}

static void play(bool no_cgroup)
{
    struct rig rig;
    struct rand rand;
    struct running running[SLOTS] = {{.token = 0}};
    char marker[64];
    rig_init(&rig, SLOTS);
    rig.options.no_cgroup = no_cgroup;
    rig.options.drain_output_ns = 20 * MUSTER_MS;
    rig_open(&rig);
    rand_seed(&rand, seed);
    print_message("seed=%llu tree_kill=%s\n", (unsigned long long)seed, run_tree_kill(rig.run));
    snprintf(marker, sizeof marker, "ZOO_MARK=random-%d-%d", (int)getpid(), no_cgroup);
    int started = 0, ended = 0;
    muster_time until = time_boot_ns() + 240 * MUSTER_S;
    while (ended < COMMANDS) {
        assert_true(time_boot_ns() < until);
        struct running *one = &running[rand_below(&rand, SLOTS)];
        uint32_t slot = (uint32_t)(one - running) + 1;
        if (one->token == 0 && started < COMMANDS) {
            one->token = rand_chance(&rand, 1, 4)
                             ? start_call(&rig, &rand, slot, &one->kind)
                             : start_exec(&rig, &rand, slot, marker, &one->kind);
            started++;
        } else if (one->token != 0 && rand_chance(&rand, 1, 20)) {
            assert_int_equal(
                run_end(rig.run, one->token, REASON_CANCELLED_RUNNING, rand_chance(&rand, 1, 3)),
                0);
        }
        rig_poll(&rig, (int)rand_below(&rand, 4));
        ended += take_records(&rig, running);
        arena_reset(&rig.arena);
    }
    assert_int_equal(ended, COMMANDS);
    assert_int_equal(rig_count_marked(marker), 0);
    assert_false(rig_poll(&rig, 50));
    rig_done(&rig);
}

static void test_run__every_start_gets_one_record_whatever_happens(void **state)
{
    (void)state;
    setenv("MUSTER_TEST_FUNCTIONS", "1", 1);
    play(true);
    play(false);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run__every_start_gets_one_record_whatever_happens),
    };
    if (argc > 1)
        seed = strtoull(argv[1], NULL, 10);
    else
        rand_os(&seed, sizeof seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
