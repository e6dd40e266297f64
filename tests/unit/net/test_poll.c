/* Waiting: deadlines, signals through a descriptor, the end of a process. */
#include "tests/unit/cmocka_first.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "net/poll.h"

static void test_poll__a_ready_descriptor_ends_the_wait(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    zmq_pollitem_t items[] = {{.fd = ends[0], .events = ZMQ_POLLIN}};
    muster_time now = time_boot_ns();
    assert_int_equal(poll_wait(items, 1, now, MUSTER_NEVER), 1);
    assert_int_equal(items[0].revents, ZMQ_POLLIN);
    fs_close(ends[0]);
    fs_close(ends[1]);
}

static void test_poll__it_never_returns_before_the_deadline_and_never_waits_after_it(void **state)
{
    (void)state;
    muster_time now = time_boot_ns();
    muster_time due = now + 1500 * MUSTER_US; /* not a whole number of milliseconds */
    assert_int_equal(poll_wait(NULL, 0, now, due), 0);
    assert_true(time_boot_ns() >= due);
    assert_int_equal(poll_wait(NULL, 0, now, now), 0);
    assert_int_equal(poll_wait(NULL, 0, now, now - 5 * MUSTER_S), 0);
}

static void test_poll__a_blocked_signal_arrives_through_the_descriptor(void **state)
{
    (void)state;
    int fd = poll_signals_open();
    assert_true(fd >= 0);
    assert_int_equal(poll_signals_next(fd), 0);
    assert_int_equal(raise(SIGTERM), 0);
    assert_int_equal(raise(SIGHUP), 0);
    zmq_pollitem_t items[] = {{.fd = fd, .events = ZMQ_POLLIN}};
    assert_int_equal(poll_wait(items, 1, time_boot_ns(), MUSTER_NEVER), 1);
    int first = poll_signals_next(fd);
    int second = poll_signals_next(fd);
    assert_int_equal(first + second, SIGTERM + SIGHUP);
    assert_int_equal(poll_signals_next(fd), 0);
    fs_close(fd);
}

static void test_poll__writing_into_nothing_is_an_error_and_no_signal(void **state)
{
    (void)state;
    int fd = poll_signals_open();
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fs_close(ends[0]);
    assert_int_equal(write(ends[1], "x", 1), -1);
    assert_int_equal(errno, EPIPE);
    fs_close(ends[1]);
    fs_close(fd);
}

static void test_poll__the_end_of_a_process_makes_its_descriptor_readable(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        fs_close(ends[1]);
        _exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
    }
    int fd = poll_process_open(pid);
    assert_true(fd >= 0);
    zmq_pollitem_t items[] = {{.fd = fd, .events = ZMQ_POLLIN}};
    muster_time now = time_boot_ns();
    assert_int_equal(poll_wait(items, 1, now, now), 0);
    fs_close(ends[0]);
    fs_close(ends[1]);
    assert_int_equal(poll_wait(items, 1, time_boot_ns(), MUSTER_NEVER), 1);
    fs_close(fd);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(poll_process_open(pid), -ESRCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_poll__a_ready_descriptor_ends_the_wait),
        cmocka_unit_test(test_poll__it_never_returns_before_the_deadline_and_never_waits_after_it),
        cmocka_unit_test(test_poll__a_blocked_signal_arrives_through_the_descriptor),
        cmocka_unit_test(test_poll__writing_into_nothing_is_an_error_and_no_signal),
        cmocka_unit_test(test_poll__the_end_of_a_process_makes_its_descriptor_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
