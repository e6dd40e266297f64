/* The embedded default as a guest in a host program: what it starts, what it leaves alone, how it
 * ends, also when the host is killed. */
#include "tests/unit/cmocka_first.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/time.h"
#include "embed.h"

/* ---- what it leaves alone ------------------------------------------------------------------- */

static int count_threads(void)
{
    return embed_count_files("/proc/self/task");
}

static void test_embedded__no_thread_but_those_of_libzmq(void **state)
{
    struct embed *embed = *state;
    int before = count_threads();
    muster_options *options = embed_options(embed);
    embed_open(embed, "local:1", options);
    muster_options_free(options);
    embed_echo(embed, 1);
    /* The I/O thread and the reaper. */
    assert_int_equal(count_threads(), before + 2);
    embed_good(NULL, muster_pool_close(&embed->pool));
    assert_int_equal(count_threads(), before);
}

static void test_embedded__no_signal_is_touched(void **state)
{
    struct embed *embed = *state;
    struct sigaction before[NSIG], after;
    sigset_t mask_before, mask_after;
    for (int i = 1; i < NSIG; i++)
        sigaction(i, NULL, &before[i]);
    /* The kernel writes only the part of the set that it knows. */
    sigemptyset(&mask_before);
    sigemptyset(&mask_after);
    sigprocmask(SIG_BLOCK, NULL, &mask_before);
    muster_options *options = embed_options(embed);
    embed_open(embed, "local:1", options);
    muster_options_free(options);
    embed_echo(embed, 1);
    embed_read_all(embed);
    for (int round = 0; round < 2; round++) {
        for (int i = 1; i < NSIG; i++) {
            if (sigaction(i, NULL, &after) == 0) {
                assert_true(after.sa_handler == before[i].sa_handler);
                assert_int_equal(after.sa_flags, before[i].sa_flags);
            }
        }
        sigprocmask(SIG_BLOCK, NULL, &mask_after);
        for (int i = 1; i < NSIG; i++)
            assert_int_equal(sigismember(&mask_after, i), sigismember(&mask_before, i));
        embed_good(NULL, muster_pool_close(&embed->pool));
    }
}

/* Calls back for every descriptor of this process. */
static int each_descriptor(void (*look)(int fd))
{
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd == dirfd(dir))
            continue;
        n++;
        if (look)
            look(fd);
    }
    closedir(dir);
    return n;
}

static void must_be_close_on_exec(int fd)
{
    if (fd > 2)
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void mark_close_on_exec(int fd)
{
    if (fd > 2)
        fcntl(fd, F_SETFD, FD_CLOEXEC); /* those of the test's own parents are none of ours */
}

static void test_embedded__descriptors_are_close_on_exec_and_given_back(void **state)
{
    struct embed *embed = *state;
    int before = each_descriptor(mark_close_on_exec);
    muster_options *options = embed_options(embed);
    for (int round = 0; round < 2; round++) {
        embed_open(embed, "local:1", options);
        assert_true(muster_fd(embed->pool) >= 0);
        embed_echo(embed, 1);
        each_descriptor(must_be_close_on_exec);
        embed_good(NULL, muster_pool_close(&embed->pool));
        assert_int_equal(each_descriptor(NULL), before);
    }
    muster_options_free(options);
}

static void test_embedded__children_inherit_nothing(void **state)
{
    struct embed *embed = *state;
    int leak = open("/dev/null", O_RDONLY); /* not close-on-exec, as hosts have them */
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    muster_options *options = embed_options(embed);
    embed_open(embed, "local:1", options);
    muster_options_free(options);
    sigprocmask(SIG_UNBLOCK, &mask, NULL);
    static const char *const programs[] = {"muster-broker", "muster-worker"};
    for (int i = 0; i < 2; i++) {
        char path[64], target[128];
        pid_t pid = embed_child(getpid(), programs[i]);
        assert_true(pid > 0);
        assert_int_equal(getsid(pid), pid); /* Ctrl-C at the terminal is not for it */
        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, leak);
        ssize_t n = readlink(path, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        assert_string_not_equal(target, "/dev/null");
    }
    close(leak);
    /* TERM was blocked here, but not there: the close must not need KILL. */
    muster_time before = time_boot_ns();
    embed_good(NULL, muster_pool_close(&embed->pool));
    assert_true(time_boot_ns() - before < 25 * MUSTER_S);
}

/* ---- SIGCHLD -------------------------------------------------------------------------------- */

static volatile sig_atomic_t reaped;

static void reap_everything(int signal)
{
    (void)signal;
    int error = errno;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        reaped++;
    errno = error;
}

static void use_and_close(struct embed *embed)
{
    muster_options *options = embed_options(embed);
    embed_open(embed, "local:1", options);
    muster_options_free(options);
    int64_t id = embed_echo(embed, 1);
    embed_read_all(embed);
    assert_int_equal(embed_find(embed, id)->state, MUSTER_STATE_OK);
    embed_good(NULL, muster_pool_close(&embed->pool));
}

static void test_embedded__a_host_that_reaps_everything_is_tolerated(void **state)
{
    struct sigaction action = {.sa_handler = reap_everything, .sa_flags = SA_RESTART}, old;
    sigaction(SIGCHLD, &action, &old);
    use_and_close(*state);
    sigaction(SIGCHLD, &old, NULL);
    assert_true(reaped >= 0);
}

static void test_embedded__a_host_that_ignores_its_children_is_tolerated(void **state)
{
    struct sigaction action = {.sa_handler = SIG_IGN}, old;
    sigaction(SIGCHLD, &action, &old);
    use_and_close(*state);
    sigaction(SIGCHLD, &old, NULL);
}

static void test_embedded__children_of_the_host_are_not_reaped(void **state)
{
    struct embed *embed = *state;
    muster_options *options = embed_options(embed);
    embed_open(embed, "local:1", options);
    muster_options_free(options);
    pid_t pid = fork();
    if (pid == 0)
        _exit(42);
    embed_echo(embed, 1);
    embed_read_all(embed);
    embed_good(NULL, muster_pool_close(&embed->pool));
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 42);
}

/* ---- start and end -------------------------------------------------------------------------- */

static void test_embedded__missing_programs_are_named_with_all_that_was_tried(void **state)
{
    struct embed *embed = *state;
    muster_options *options = embed_options(embed);
    muster_options_set_program_dir(options, "/nowhere/bin");
    assert_int_equal(muster_pool_open(&embed->pool, "local:1", options), MUSTER_ESYSTEM);
    assert_null(embed->pool);
    assert_non_null(strstr(muster_error(NULL)->text, "/nowhere/bin"));
    assert_non_null(strstr(muster_error(NULL)->text, "muster-broker"));
    muster_options_free(options);
}

static void test_embedded__programs_are_found_beside_the_library(void **state)
{
    struct embed *embed = *state;
    const char *said = getenv("MUSTER_PROGRAM_DIR");
    char *kept = said ? strdup(said) : NULL;
    unsetenv("MUSTER_PROGRAM_DIR");
    use_and_close(embed); /* lib/libmuster.so, so bin/muster-broker */
    if (kept)
        setenv("MUSTER_PROGRAM_DIR", kept, 1);
    free(kept);
}

static void test_embedded__a_long_runtime_directory_is_passed_over(void **state)
{
    struct embed *embed = *state;
    char *kept = strdup(getenv("XDG_RUNTIME_DIR"));
    char deep[128];
    snprintf(deep, sizeof deep, "/tmp/%0100d", 0);
    setenv("XDG_RUNTIME_DIR", deep, 1);
    setenv("TMPDIR", embed->dir, 1);
    muster_options *options = embed_options(embed);
    embed_open(embed, "local", options);
    assert_non_null(strstr(muster_pool_broker(embed->pool), embed->dir));
    embed_good(NULL, muster_pool_close(&embed->pool));
    muster_options_free(options);
    unsetenv("TMPDIR");
    setenv("XDG_RUNTIME_DIR", kept, 1);
    free(kept);
}

static void test_embedded__a_broker_that_cannot_start_is_quoted(void **state)
{
    struct embed *embed = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/kept", embed->dir);
    muster_options *options = embed_options(embed);
    muster_options_set_store_dir(options, path);
    embed_open(embed, "local:1", options);
    /* The same store a second time: it is in use. */
    muster_pool *second = NULL;
    int rc = muster_pool_open(&second, "local:1", options);
    assert_int_equal(rc, MUSTER_ESYSTEM);
    assert_non_null(strstr(muster_error(NULL)->text, "last words"));
    muster_options_free(options);
}

static void test_embedded__closing_ends_what_runs(void **state)
{
    struct embed *embed = *state;
    muster_options *options = embed_options(embed);
    embed_open(embed, "local:2", options);
    muster_options_free(options);
    embed_submit(embed, embed_shell("trap '' TERM; echo > pid.$$; while :; do sleep 1; done"));
    while (embed_count_files(embed->work) < 1)
        usleep(10000);
    pid_t pid = 0;
    DIR *dir = opendir(embed->work);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strncmp(entry->d_name, "pid.", 4) == 0)
            pid = atoi(entry->d_name + 4);
    closedir(dir);
    assert_true(embed_is_alive(pid));
    muster_time before = time_boot_ns();
    embed_good(NULL, muster_pool_close(&embed->pool));
    assert_true(time_boot_ns() - before < 40 * MUSTER_S);
    assert_false(embed_is_alive(pid));
}

static void test_embedded__a_killed_host_leaves_no_process(void **state)
{
    struct embed *embed = *state;
    int pids[2];
    assert_int_equal(pipe(pids), 0);
    pid_t host = fork();
    assert_true(host >= 0);
    if (host == 0) {
        muster_options *options = embed_options(embed);
        if (muster_pool_open(&embed->pool, "local:1", options) != 0)
            _exit(1);
        embed_submit(embed, embed_shell("echo > pid.$$; sleep 3600"));
        while (embed_count_files(embed->work) < 1)
            usleep(10000);
        pid_t children[2] = {embed_child(getpid(), "muster-broker"),
                             embed_child(getpid(), "muster-worker")};
        if (write(pids[1], children, sizeof children) != sizeof children)
            _exit(1);
        pause();
        _exit(1);
    }
    pid_t children[2];
    assert_int_equal(read(pids[0], children, sizeof children), sizeof children);
    close(pids[0]);
    close(pids[1]);
    pid_t command = 0;
    DIR *dir = opendir(embed->work);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strncmp(entry->d_name, "pid.", 4) == 0)
            command = atoi(entry->d_name + 4);
    closedir(dir);
    assert_true(children[0] > 0 && children[1] > 0 && command > 0);
    assert_int_equal(kill(host, SIGKILL), 0);
    waitpid(host, NULL, 0);
    embed_await_gone(children[0]);
    embed_await_gone(children[1]);
    embed_await_gone(command);
    char line[160];
    snprintf(line, sizeof line, "rm -rf %s/muster-*", embed->dir);
    assert_int_equal(system(line), 0);
}

/* ---- deaths --------------------------------------------------------------------------------- */

static void test_embedded__a_killed_broker_is_started_again_and_loses_nothing(void **state)
{
    struct embed *embed = *state;
    muster_options *options = embed_options(embed);
    embed_open(embed, "local:2", options);
    muster_options_free(options);
    for (int i = 0; i < 30; i++) {
        embed_echo(embed, i);
        if (i % 10 == 5)
            assert_int_equal(kill(embed_child(getpid(), "muster-broker"), SIGKILL), 0);
    }
    assert_int_equal(embed_read_all(embed), 30);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(embed->seen[i].pos, i + 1);
        assert_int_equal(embed_find(embed, i + 1)->state, MUSTER_STATE_OK);
    }
}

static void test_embedded__a_death_wakes_the_event_loop(void **state)
{
    struct embed *embed = *state;
    muster_options *options = embed_options(embed);
    embed_open(embed, "local:1", options);
    muster_options_free(options);
    pid_t worker = embed_child(getpid(), "muster-worker");
    int fd = muster_fd(embed->pool);
    assert_int_equal(kill(worker, SIGKILL), 0);
    muster_command *command = muster_command_call("echo");
    muster_command_set_idempotent(command, 1);
    muster_future *future = NULL;
    embed_good(embed->pool, muster_start(embed->pool, command, &future));
    muster_command_free(command);
    int done = 0;
    while (done == 0) {
        struct pollfd item = {.fd = fd, .events = POLLIN};
        assert_true(poll(&item, 1, 60000) > 0);
        done = (int)embed_good(embed->pool, muster_process(embed->pool));
    }
    assert_int_equal(muster_future_error(future), 0);
    muster_future_free(future);
}

static void test_embedded__a_store_that_keeps_its_broker_from_living_is_named(void **state)
{
    struct embed *embed = *state;
    char store[160] = "", path[512];
    muster_options *options = embed_options(embed);
    embed_open(embed, "local:1", options);
    muster_options_free(options);
    embed_echo(embed, 1);
    /* The store is damaged behind the broker's back, then the broker dies. */
    const char *uri = muster_pool_broker(embed->pool);
    snprintf(store, sizeof store, "%.*s/store", (int)(strlen(uri) - 6 - strlen("/clients")),
             uri + 6);
    assert_true(fs_exists(store));
    DIR *dir = opendir(store);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.' || strstr(entry->d_name, "lock"))
            continue;
        snprintf(path, sizeof path, "%s/%s", store, entry->d_name);
        int file = open(path, O_WRONLY | O_CLOEXEC);
        char rubbish[8192];
        memset(rubbish, 0x5a, sizeof rubbish);
        if (file >= 0 && pwrite(file, rubbish, sizeof rubbish, 0) < 0)
            fail();
        fs_close(file);
    }
    closedir(dir);
    assert_int_equal(kill(embed_child(getpid(), "muster-broker"), SIGKILL), 0);
    muster_command *command = muster_command_call("echo");
    assert_int_equal(muster_submit(embed->pool, command), MUSTER_ECLOSED);
    muster_command_free(command);
    assert_non_null(strstr(muster_error(embed->pool)->text, "muster-broker"));
    assert_int_equal(muster_pool_close(&embed->pool), MUSTER_ESYSTEM);
    assert_non_null(strstr(muster_error(NULL)->text, store));
    assert_true(fs_exists(store));
    snprintf(path, sizeof path, "rm -rf %s/muster-*", embed->dir);
    assert_int_equal(system(path), 0);
}

static void test_embedded__a_forked_child_leaves_the_parents_processes_alone(void **state)
{
    struct embed *embed = *state;
    muster_options *options = embed_options(embed);
    embed_open(embed, "local:1", options);
    muster_options_free(options);
    pid_t pid = fork();
    if (pid == 0) {
        int bad = muster_pool_close(&embed->pool) != MUSTER_EFORKED;
        _exit(bad);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    int64_t id = embed_echo(embed, 1);
    embed_read_all(embed);
    assert_int_equal(embed_find(embed, id)->state, MUSTER_STATE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, embed_setup_without_pool, embed_teardown)
        TEST(test_embedded__no_thread_but_those_of_libzmq),
        TEST(test_embedded__no_signal_is_touched),
        TEST(test_embedded__descriptors_are_close_on_exec_and_given_back),
        TEST(test_embedded__children_inherit_nothing),
        TEST(test_embedded__a_host_that_reaps_everything_is_tolerated),
        TEST(test_embedded__a_host_that_ignores_its_children_is_tolerated),
        TEST(test_embedded__children_of_the_host_are_not_reaped),
        TEST(test_embedded__missing_programs_are_named_with_all_that_was_tried),
        TEST(test_embedded__programs_are_found_beside_the_library),
        TEST(test_embedded__a_long_runtime_directory_is_passed_over),
        TEST(test_embedded__a_broker_that_cannot_start_is_quoted),
        TEST(test_embedded__closing_ends_what_runs),
        TEST(test_embedded__a_killed_host_leaves_no_process),
        TEST(test_embedded__a_killed_broker_is_started_again_and_loses_nothing),
        TEST(test_embedded__a_death_wakes_the_event_loop),
        TEST(test_embedded__a_store_that_keeps_its_broker_from_living_is_named),
        TEST(test_embedded__a_forked_child_leaves_the_parents_processes_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
