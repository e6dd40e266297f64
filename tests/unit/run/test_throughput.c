/* How many programs a second, beside bare posix_spawn with pidfd and output pipe in the same run.
 *
 * Prints figures; asserts only what holds on any machine: every command ended ok with its output
 * streams, and nothing is left open. */
#include "tests/unit/cmocka_first.h"

#include "base/time.h"
#include "tests/unit/run/rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMMANDS = 2000, SLOTS = 2, ROUNDS = 3 };

extern char **environ;

struct bare {
    pid_t pid;
    int pidfd, out;
};

static void bare_start(struct bare *bare)
{
    char *argv[] = {(char[]){"/bin/true"}, NULL};
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    assert_int_equal(posix_spawn(&bare->pid, argv[0], &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    bare->out = ends[0];
    bare->pidfd = (int)syscall(SYS_pidfd_open, bare->pid, 0);
    assert_true(bare->pidfd >= 0);
}

static void bare_finish(struct bare *bare)
{
    char byte;
    int status;
    while (read(bare->out, &byte, 1) > 0)
        continue;
    assert_int_equal(waitpid(bare->pid, &status, 0), bare->pid);
    close(bare->out);
    close(bare->pidfd);
    bare->pid = 0;
}

static double bare_rate(void)
{
    struct bare bares[SLOTS] = {{.pid = 0}};
    int started = 0, ended = 0;
    muster_time begun = time_boot_ns();
    while (ended < COMMANDS) {
        struct pollfd ready[SLOTS];
        for (int i = 0; i < SLOTS; i++) {
            if (bares[i].pid == 0 && started < COMMANDS) {
                bare_start(&bares[i]);
                started++;
            }
            ready[i] = (struct pollfd){.fd = bares[i].pid ? bares[i].pidfd : -1, .events = POLLIN};
        }
        if (poll(ready, SLOTS, -1) < 0)
            assert_int_equal(errno, EINTR);
        for (int i = 0; i < SLOTS; i++) {
            if (ready[i].revents) {
                bare_finish(&bares[i]);
                ended++;
            }
        }
    }
    return COMMANDS / ((double)(time_boot_ns() - begun) / 1e9);
}

static double run_rate(struct rig *rig)
{
    int started = 0, ended = 0;
    muster_time begun = time_boot_ns();
    for (uint32_t slot = 1; slot <= SLOTS; slot++, started++)
        rig_exec(rig, slot, "/bin/true", NULL);
    while (ended < COMMANDS) {
        rig_poll(rig, 1000);
        for (; rig->n_records > 0; ended++) {
            const struct rig_record *record = &rig->records[--rig->n_records];
            assert_int_equal(record->ended.state, STATE_OK);
            assert_false(record->body.out.incomplete);
            if (started < COMMANDS) {
                rig_exec(rig, record->ended.slot, "/bin/true", NULL);
                started++;
            }
        }
        arena_reset(&rig->arena);
    }
    return COMMANDS / ((double)(time_boot_ns() - begun) / 1e9);
}

static void measure(bool no_cgroup)
{
    struct rig rig;
    rig_init(&rig, SLOTS);
    rig.options.no_cgroup = no_cgroup;
    rig_open(&rig);
    for (int round = 0; round < ROUNDS; round++) {
        double bare = bare_rate(), ours = run_rate(&rig);
        print_message("tree_kill=%s slots=%d commands=%d bare=%.0f/s spawner=%.0f/s ratio=%.2f\n",
                      run_tree_kill(rig.run), SLOTS, COMMANDS, bare, ours, ours / bare);
    }
    rig_done(&rig);
}

static void test_throughput__every_command_of_thousands_ends_ok(void **state)
{
    (void)state;
    measure(true);
    measure(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_throughput__every_command_of_thousands_ends_ok),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
