/* MUST: silent when it holds, the end of the process when not. */
#include "tests/unit/cmocka_first.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"

static void test_assert__a_true_condition_is_evaluated_once(void **state)
{
    (void)state;
    int calls = 0;
    MUST(++calls == 1);
    assert_int_equal(calls, 1);
}

static void test_assert__a_false_one_says_where_and_aborts(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        MUST(1 + 1 == 3);
        _exit(0);
    }
    close(ends[1]);
    char said[512] = "";
    size_t size = 0;
    for (ssize_t n; (n = read(ends[0], said + size, sizeof said - 1 - size)) > 0;)
        size += (size_t)n;
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(said, "tests/unit/base/test_assert.c:"));
    assert_non_null(strstr(said, "must hold: 1 + 1 == 3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_assert__a_true_condition_is_evaluated_once),
        cmocka_unit_test(test_assert__a_false_one_says_where_and_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
