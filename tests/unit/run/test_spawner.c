/* The spawner's own life: nothing leaks, and when it or its agent goes nothing stays behind. */
#include "tests/unit/cmocka_first.h"

#include "base/fs.h"
#include "base/time.h"
#include "tests/unit/run/rig.h"
#include "worker/run/leftover.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool no_cgroup;
static int serial;

struct fixture {
    struct rig rig;
    char marker[64];
};

static int set_up(void **state)
{
    struct fixture *fixture = malloc(sizeof *fixture);
    setenv("MUSTER_TEST_FUNCTIONS", "1", 1);
    rig_init(&fixture->rig, 4);
    fixture->rig.options.no_cgroup = no_cgroup;
    snprintf(fixture->marker, sizeof fixture->marker, "ZOO_MARK=%d-%d", (int)getpid(), ++serial);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    rig_done(&fixture->rig);
    free(fixture);
    return 0;
}

static uint64_t start_zoo(struct fixture *fixture, uint32_t slot, const char *kind)
{
    char ready[128];
    snprintf(ready, sizeof ready, "ZOO_READY=%s/ready%u", fixture->rig.dir, slot);
    struct bytes argv[] = {bytes_of_str(rig_zoo()), bytes_of_str(kind)};
    struct bytes env[] = {bytes_of_str(fixture->marker), bytes_of_str(ready)};
    struct wire_command_body body = {
        .argv = argv, .n_argv = 2, .env = env, .n_env = 2, .grace_ns = 100 * MUSTER_MS};
    return rig_start(&fixture->rig, slot, "exec", &body);
}

/* An agent in a process of its own, with a spawner and three trees; the directory is the fixture's.
 * The test becomes the parent of what is orphaned, so that it sees all ends. */
static pid_t start_agent(struct fixture *fixture)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t agent = fork();
    assert_true(agent >= 0);
    if (agent == 0) {
        rig_open(&fixture->rig);
        start_zoo(fixture, 1, "daemon-stay");
        start_zoo(fixture, 2, "ignore-term");
        start_zoo(fixture, 3, "daemon-stay");
        char pid[16];
        rig_wait_file(&fixture->rig, "ready1");
        rig_wait_file(&fixture->rig, "ready2");
        rig_wait_file(&fixture->rig, "ready3");
        snprintf(pid, sizeof pid, "%d\n", rig_spawner_pid(&fixture->rig));
        rig_write(&fixture->rig, "spawner", pid, strlen(pid));
        for (;;)
            pause();
    }
    rig_wait_file(&fixture->rig, "spawner");
    assert_int_equal(rig_count_marked(fixture->marker), 5);
    return agent;
}

static void reap_all(void)
{
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        continue;
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void test_spawner__ends_everything_when_its_agent_is_killed(void **state)
{
    struct fixture *fixture = *state;
    pid_t agent = start_agent(fixture);
    assert_int_equal(kill(agent, SIGKILL), 0);
    assert_true(rig_wait_gone(fixture->marker, RIG_WAIT_MS));
    reap_all();
    /* A clean end leaves no note behind. */
    assert_false(fs_exists(rig_path(&fixture->rig, "spool/spawner.note")));
}

static void test_spawner__next_one_ends_what_a_killed_one_left(void **state)
{
    struct fixture *fixture = *state;
    pid_t agent = start_agent(fixture);
    pid_t spawner = (pid_t)atoi(rig_wait_file(&fixture->rig, "spawner"));
    assert_int_equal(kill(spawner, SIGKILL), 0);
    assert_int_equal(kill(agent, SIGKILL), 0);
    assert_int_equal(waitpid(agent, NULL, 0), agent);
    assert_int_equal(waitpid(spawner, NULL, 0), spawner);
    /* The death signal reached the leaders alone. */
    assert_true(rig_count_marked(fixture->marker) >= 2);
    rig_open(&fixture->rig);
    assert_int_equal(rig_count_marked(fixture->marker), 0);
    const struct rig_record *record =
        rig_wait(&fixture->rig, rig_exec(&fixture->rig, 1, "/bin/true", NULL));
    assert_int_equal(record->ended.state, STATE_OK);
    run_close(fixture->rig.run);
    fixture->rig.run = NULL;
    reap_all();
}

static void test_spawner__death_is_told_to_the_agent(void **state)
{
    struct fixture *fixture = *state;
    struct run_ended ended;
    rig_open(&fixture->rig);
    assert_int_equal(kill(rig_spawner_pid(&fixture->rig), SIGKILL), 0);
    struct pollfd readable = {.fd = run_fd(fixture->rig.run), .events = POLLIN};
    assert_int_equal(poll(&readable, 1, RIG_WAIT_MS), 1);
    assert_true(run_next(fixture->rig.run, &ended) < 0);
    struct run_start start = {.token = 1, .slot = 1, .function = bytes_of_str("exec")};
    assert_true(run_start(fixture->rig.run, &start) < 0);
    run_close(fixture->rig.run);
    rig_open(&fixture->rig);
    const struct rig_record *record =
        rig_wait(&fixture->rig, rig_exec(&fixture->rig, 1, "/bin/true", NULL));
    assert_int_equal(record->ended.state, STATE_OK);
}

static void test_spawner__close_ends_running_commands(void **state)
{
    struct fixture *fixture = *state;
    rig_open(&fixture->rig);
    start_zoo(fixture, 1, "daemon-stay");
    start_zoo(fixture, 2, "ignore-term");
    rig_wait_file(&fixture->rig, "ready1");
    rig_wait_file(&fixture->rig, "ready2");
    run_close(fixture->rig.run);
    fixture->rig.run = NULL;
    assert_int_equal(rig_count_marked(fixture->marker), 0);
}

/* One of each kind of end in slot 1 and 2. */
static void run_mixture(struct fixture *fixture)
{
    struct rig *rig = &fixture->rig;
    struct bytes argv[] = {bytes_of_str("/bin/cat")};
    struct wire_command_body input = {.argv = argv, .n_argv = 1, .stdin = bytes_of_str("text")};
    struct wire_command_body none = {.url = bytes_of_str("file:.")};
    rig_wait(rig, rig_exec(rig, 1, "/bin/true", NULL));
    rig_wait(rig, rig_exec(rig, 1, "no-such-program", NULL));
    rig_wait(rig, rig_exec(rig, 1, "/etc/passwd", NULL));
    rig_wait(rig, rig_start(rig, 1, "exec", &input));
    rig_wait(rig, rig_start(rig, 1, "list", &none));
    rig_wait(rig, rig_start(rig, 1, "test_exit", &none));
    rig_wait(rig, rig_exec(rig, 1, rig_zoo(), "pipe-holder", NULL));
    rig_wait(rig, rig_shell(rig, 2, "sleep 1000", 20 * MUSTER_MS));
    rig_wait(rig, start_zoo(fixture, 2, "daemon"));
}

static void test_spawner__leaks_no_descriptor(void **state)
{
    struct fixture *fixture = *state;
    fixture->rig.options.drain_output_ns = 20 * MUSTER_MS;
    fixture->rig.options.grace_ns = 20 * MUSTER_MS;
    rig_open(&fixture->rig);
    run_mixture(fixture);
    int before = rig_spawner_files(&fixture->rig);
    for (int i = 0; i < 10; i++)
        run_mixture(fixture);
    /* A tree that is being buried may keep its group for a moment. */
    muster_time until = time_boot_ns() + RIG_WAIT_MS * MUSTER_MS;
    while (rig_spawner_files(&fixture->rig) > before && time_boot_ns() < until)
        poll(NULL, 0, 20);
    assert_true(rig_spawner_files(&fixture->rig) <= before);
}

static void test_spawner__shares_its_directory_with_no_other(void **state)
{
    struct fixture *fixture = *state;
    rig_open(&fixture->rig);
    assert_int_equal(leftover_lock(fixture->rig.options.spool_dir, 50), -EWOULDBLOCK);
    run_close(fixture->rig.run);
    fixture->rig.run = NULL;
    int lock = leftover_lock(fixture->rig.options.spool_dir, RIG_WAIT_MS);
    assert_true(lock >= 0);
    close(lock);
}

static void test_spawner__note_of_a_stranger_harms_nobody(void **state)
{
    struct fixture *fixture = *state;
    static const char *const notes[] = {"", "\n\n", ".\n/\n", "zz\n/etc\n",
                                        "0123456789abcdef\n/tmp/muster-x/../../etc\n"};
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        rig_write(&fixture->rig, "spool/spawner.note", notes[i], strlen(notes[i]));
        assert_int_equal(leftover_end(fixture->rig.options.spool_dir, 1000), 0);
    }
}

static void test_spawner__refuses_bad_options(void **state)
{
    struct fixture *fixture = *state;
    struct run *run = NULL;
    struct run_options options = fixture->rig.options;
    options.slots = 0;
    assert_int_equal(run_open(&run, &options), -EINVAL);
    options.slots = 1000000;
    assert_int_equal(run_open(&run, &options), -EINVAL);
    options.slots = 1;
    options.workdir = NULL;
    assert_int_equal(run_open(&run, &options), -EINVAL);
    assert_null(run);
}

static void test_spawner__bytes_that_are_no_command_are_a_failure(void **state)
{
    struct fixture *fixture = *state;
    rig_open(&fixture->rig);
    struct run_start start = {.token = 5,
                              .slot = 1,
                              .function = bytes_of_str("exec"),
                              .body = bytes_of("\xff\xff\xff\xff", 4)};
    assert_int_equal(run_start(fixture->rig.run, &start), 0);
    const struct rig_record *record = rig_wait(&fixture->rig, 5);
    assert_int_equal(record->ended.state, STATE_FAILED);
    assert_int_equal(record->ended.reason, REASON_BAD_ARGUMENTS);
    assert_true(record->body.failure.message.size > 0);
}

/* A frozen v1 group is the one place from where KILL does not bring a process out. */
#define FREEZER "/sys/fs/cgroup/freezer/muster-test"

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool is_good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    fs_close(fd);
    return is_good;
}

static void test_spawner__quarantines_the_slot_of_what_survives_kill(void **state)
{
    struct fixture *fixture = *state;
    struct rig *rig = &fixture->rig;
    char group[128], text[512], path[256];
    snprintf(group, sizeof group, FREEZER "-%d-%d", (int)getpid(), serial);
    if (mkdir(group, 0755) < 0) {
        print_message("there is no freezer here\n");
        skip();
    }
    rig->options.unkillable_ns = 200 * MUSTER_MS;
    rig_open(rig);
    snprintf(text, sizeof text, "echo $$ >%s/tasks && echo $$ >in; exec sleep 1000", group);
    uint64_t token = rig_shell(rig, 1, text, 0);
    pid_t frozen = (pid_t)atoi(rig_wait_file(rig, "in"));
    snprintf(path, sizeof path, "%s/freezer.state", group);
    assert_true(write_text(path, "FROZEN"));
    assert_int_equal(run_end(rig->run, token, REASON_TIMEOUT, true), 0);
    const struct rig_record *record = rig_wait(rig, token);
    assert_int_equal(record->ended.state, STATE_TIMEOUT);
    assert_int_equal(record->ended.reason, REASON_UNKILLABLE);
    assert_true(record->ended.is_quarantined);
    assert_non_null(strstr(rig_bytes_text(rig, record->body.warning), "survived KILL"));
    assert_int_equal(kill(frozen, 0), 0);

    record = rig_wait(rig, rig_exec(rig, 1, "/bin/true", NULL));
    assert_int_equal(record->ended.state, STATE_OK);
    assert_true(record->ended.is_quarantined);
    assert_true(write_text(path, "THAWED"));
    muster_time until = time_boot_ns() + RIG_WAIT_MS * MUSTER_MS;
    do {
        record = rig_wait(rig, rig_exec(rig, 1, "/bin/true", NULL));
        assert_true(time_boot_ns() < until);
    } while (record->ended.is_quarantined);
    assert_int_equal(kill(frozen, 0), -1);
    while (rmdir(group) < 0 && errno == EBUSY && time_boot_ns() < until)
        poll(NULL, 0, 10);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_spawner__ends_everything_when_its_agent_is_killed),
        EACH(test_spawner__next_one_ends_what_a_killed_one_left),
        EACH(test_spawner__death_is_told_to_the_agent),
        EACH(test_spawner__close_ends_running_commands),
        EACH(test_spawner__leaks_no_descriptor),
        EACH(test_spawner__shares_its_directory_with_no_other),
        EACH(test_spawner__note_of_a_stranger_harms_nobody),
        EACH(test_spawner__refuses_bad_options),
        EACH(test_spawner__bytes_that_are_no_command_are_a_failure),
        EACH(test_spawner__quarantines_the_slot_of_what_survives_kill),
    };
    no_cgroup = true;
    int failed = cmocka_run_group_tests_name("without control groups", tests, NULL, NULL);
    no_cgroup = false;
    return failed +
           cmocka_run_group_tests_name("with control groups if possible", tests, NULL, NULL);
}
