/* What of the worker's environment reaches a command, and what does not. */
#include "tests/unit/cmocka_first.h"

#include "worker/run/environ.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    struct environ_base base;
    struct arena arena;
    struct environ_attempt attempt;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    arena_init(&fixture->arena, 1024 * 1024);
    fixture->attempt = (struct environ_attempt){.pool_name = bytes_of_str("p"),
                                                .host = "h",
                                                .cookie = "c.1",
                                                .track_id = 1,
                                                .attempt = 1,
                                                .slot = 1};
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    environ_base_done(&fixture->base);
    arena_done(&fixture->arena);
    free(fixture);
    return 0;
}

static char **build(struct fixture *fixture, const struct bytes *env, size_t n)
{
    char **envp = NULL;
    size_t bad = 99;
    assert_int_equal(
        environ_build(&fixture->base, &fixture->attempt, env, n, &fixture->arena, &envp, &bad), 0);
    return envp;
}

static size_t count(char **envp, const char *name)
{
    size_t n = 0;
    for (; *envp; envp++)
        n += strncmp(*envp, name, strlen(name)) == 0 && (*envp)[strlen(name)] == '=';
    return n;
}

static void test_environ__passes_only_the_base(void **state)
{
    struct fixture *fixture = *state;
    setenv("PATH", "/my/bin", 1);
    setenv("LC_TIME", "C", 1);
    setenv("TZ", "UTC", 1);
    setenv("LD_PRELOAD", "", 1);
    setenv("PATHOLOGIC", "x", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "x", 1);
    assert_int_equal(environ_base_init(&fixture->base), 0);
    char **envp = build(fixture, NULL, 0);
    assert_string_equal(environ_get(envp, "PATH"), "/my/bin");
    assert_string_equal(environ_get(envp, "LC_TIME"), "C");
    assert_string_equal(environ_get(envp, "TZ"), "UTC");
    assert_null(environ_get(envp, "LD_PRELOAD"));
    assert_null(environ_get(envp, "PATHOLOGIC"));
    assert_null(environ_get(envp, "AWS_SECRET_ACCESS_KEY"));
}

static void test_environ__makes_up_what_is_missing(void **state)
{
    struct fixture *fixture = *state;
    unsetenv("PATH");
    unsetenv("HOME");
    unsetenv("SHELL");
    assert_int_equal(environ_base_init(&fixture->base), 0);
    char **envp = build(fixture, NULL, 0);
    assert_non_null(strstr(environ_get(envp, "PATH"), "/usr/bin:"));
    assert_int_equal(environ_get(envp, "HOME")[0], '/');
    assert_string_equal(environ_get(envp, "SHELL"), "/bin/sh");
}

static void test_environ__the_commands_own_replace_but_not_the_cookie(void **state)
{
    struct fixture *fixture = *state;
    struct bytes env[] = {bytes_of_str("PATH=/theirs"), bytes_of_str("MUSTER_SLOT=9"),
                          bytes_of_str("A=1"), bytes_of_str("A=2=3"),
                          bytes_of_str("MUSTER_COOKIE=forged")};
    assert_int_equal(environ_base_init(&fixture->base), 0);
    char **envp = build(fixture, env, 5);
    assert_string_equal(environ_get(envp, "PATH"), "/theirs");
    assert_string_equal(environ_get(envp, "MUSTER_SLOT"), "9");
    assert_string_equal(environ_get(envp, "A"), "2=3");
    assert_string_equal(environ_get(envp, "MUSTER_COOKIE"), "c.1");
    assert_int_equal(count(envp, "A"), 1);
    assert_int_equal(count(envp, "PATH"), 1);
    assert_int_equal(count(envp, "MUSTER_COOKIE"), 1);
}

static void test_environ__malformed_entries_are_named_by_index(void **state)
{
    struct fixture *fixture = *state;
    struct bytes bad[] = {bytes_of_str("NOVALUE"), bytes_of_str("=x"), bytes_of_str(""),
                          bytes_of("A=\0", 3)};
    assert_int_equal(environ_base_init(&fixture->base), 0);
    for (size_t i = 0; i < 4; i++) {
        struct bytes env[] = {bytes_of_str("GOOD=1"), bad[i]};
        char **envp = NULL;
        size_t index = 99;
        assert_int_equal(environ_build(&fixture->base, &fixture->attempt, env, 2, &fixture->arena,
                                       &envp, &index),
                         -EINVAL);
        assert_int_equal(index, 1);
        assert_null(envp);
    }
}

static void test_environ__little_memory_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct arena small;
    char **envp = NULL;
    size_t bad = 0;
    assert_int_equal(environ_base_init(&fixture->base), 0);
    for (size_t bytes = 16; bytes <= 512; bytes += 16) {
        arena_init(&small, bytes);
        int error = environ_build(&fixture->base, &fixture->attempt, NULL, 0, &small, &envp, &bad);
        assert_true(error == 0 || error == -ENOMEM);
        arena_done(&small);
    }
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_environ__passes_only_the_base),
        EACH(test_environ__makes_up_what_is_missing),
        EACH(test_environ__the_commands_own_replace_but_not_the_cookie),
        EACH(test_environ__malformed_entries_are_named_by_index),
        EACH(test_environ__little_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
