/* Log lines, read back from a pipe in place of stderr. */
#include "tests/unit/cmocka_first.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

struct fixture {
    int saved_stderr;
    int read_end;
    char text[2 * LOG_LINE_MAX];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    int ends[2];
    if (!f || pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
        return -1;
    f->saved_stderr = dup(STDERR_FILENO);
    f->read_end = ends[0];
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    log_init("muster-test", LEVEL_INFO);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    dup2(f->saved_stderr, STDERR_FILENO);
    close(f->saved_stderr);
    close(f->read_end);
    free(f);
    return 0;
}

/* What was logged since the last call. */
static const char *logged(struct fixture *f)
{
    ssize_t n = read(f->read_end, f->text, sizeof f->text - 1);
    f->text[n < 0 ? 0 : n] = '\0';
    return f->text;
}

static void test_log__an_event_is_one_logfmt_line(void **state)
{
    struct fixture *f = *state;
    errno = EAGAIN;
    log_event(LEVEL_WARN, "worker_hello", "host=%s slots=%u", "db1", 4u);
    assert_int_equal(errno, EAGAIN);
    const char *line = logged(f);
    assert_int_equal(strncmp(line, "ts=20", 5), 0);
    assert_string_equal(line + strlen("ts=2026-11-22T20:01:02.113Z"),
                        " level=warn prog=muster-test event=worker_hello host=db1 slots=4\n");
    log_note(LEVEL_INFO, "ready");
    assert_non_null(strstr(logged(f), " level=info prog=muster-test event=ready\n"));
}

static void test_log__levels_below_the_least_are_silent(void **state)
{
    struct fixture *f = *state;
    assert_false(log_is_on(LEVEL_DEBUG));
    log_event(LEVEL_DEBUG, "detail", "n=%d", 1);
    log_note(LEVEL_DEBUG, "detail");
    assert_string_equal(logged(f), "");
    enum log_level level = LEVEL_ERROR;
    assert_int_equal(log_parse_level("debug", &level), 0);
    log_init("muster-test", level);
    log_note(LEVEL_DEBUG, "detail");
    assert_non_null(strstr(logged(f), "level=debug"));
    assert_int_equal(log_parse_level("loud", &level), -EINVAL);
}

static void test_log__a_line_stays_one_line_whatever_is_in_it(void **state)
{
    struct fixture *f = *state;
    log_event(LEVEL_INFO, "odd", "text=%s", "a\nb\x1b[m");
    const char *line = logged(f);
    assert_non_null(strstr(line, "text=a b [m\n"));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void test_log__a_long_line_is_cut(void **state)
{
    struct fixture *f = *state;
    char *text = malloc(LOG_LINE_MAX + 1);
    memset(text, 'x', LOG_LINE_MAX);
    text[LOG_LINE_MAX] = '\0';
    log_event(LEVEL_INFO, "long", "text=%s", text);
    free(text);
    const char *line = logged(f);
    assert_int_equal(strlen(line), LOG_LINE_MAX);
    assert_string_equal(line + LOG_LINE_MAX - 3, "xx\n");
}

static void test_log__quotes_of_one_line_do_not_overwrite_each_other(void **state)
{
    struct fixture *f = *state;
    char many[200];
    memset(many, 0x01, sizeof many);
    log_event(LEVEL_INFO, "two", "a=%s b=%s c=%s e=%s", log_quote_str("first"),
              log_quote(bytes_of("sec\0nd", 6)), log_quote(bytes_of(many, sizeof many)),
              log_errno(-ENOENT));
    const char *line = logged(f);
    assert_non_null(strstr(line, " a=first b=\"sec\\x00nd\" c=\"\\x01"));
    assert_non_null(strstr(line, "\\x01…\" e=\"ENOENT (No such file or directory)\"\n"));
    assert_string_equal(log_errno(99999), "\"errno 99999\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_log__an_event_is_one_logfmt_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log__levels_below_the_least_are_silent, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_log__a_line_stays_one_line_whatever_is_in_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_log__a_long_line_is_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log__quotes_of_one_line_do_not_overwrite_each_other,
                                        setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
