/*
 * misbehave.c -- what a function of a runner may do wrong: test_signal(number) dies by a
 * signal, test_exit(status) exits, test_sleep(ms, ignore_term) sleeps, test_leave(ms) leaves a
 * sleeping process in another session behind, its number in the file left.pid, and sleeps itself.
 */
#include "misbehave.h"

#include "value.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void sleep_ms(uint64_t ms)
{
    poll(NULL, 0, (int)(ms > 3600000 ? 3600000 : ms));
}

static void leave_process(uint64_t ms)
{
    if (fork() == 0) {
        setsid();
        signal(SIGTERM, SIG_IGN);
        FILE *file = fopen("left.pid", "we");
        if (file) {
            fprintf(file, "%d\n", (int)getpid());
            fclose(file);
        }
        sleep_ms(ms);
        _exit(0);
    }
}

bool misbehave_run(struct operation *operation)
{
    const char *is_on = getenv("MUSTER_TEST_FUNCTIONS");
    if (!is_on || strcmp(is_on, "1") != 0 || strncmp(operation->function, "test_", 5) != 0)
        return false;
    uint64_t number = 0;
    bool ignore_term = false;
    char error[VALUE_ERROR_MAX];
    const struct value_parameter parameters[] = {
        {"number", VALUE_COUNT, true, false, &number},
        {"ignore_term", VALUE_BOOL, false, false, &ignore_term},
        {NULL, VALUE_TEXT, false, false, NULL}};
    if (value_bind(operation->function, parameters, operation->command, operation->arena, error) <
        0) {
        operation_fail(operation, REASON_BAD_ARGUMENTS, "BadArguments", 0, error);
        return true;
    }
    const char *what = operation->function + 5;
    if (ignore_term)
        signal(SIGTERM, SIG_IGN);
    if (strcmp(what, "signal") == 0) {
        signal((int)number, SIG_DFL);
        kill(getpid(), (int)number);
    } else if (strcmp(what, "exit") == 0) {
        _exit((int)number);
    } else if (strcmp(what, "leave") == 0) {
        leave_process(number);
        sleep_ms(number);
    } else if (strcmp(what, "sleep") == 0) {
        sleep_ms(number);
    } else {
        return false;
    }
    operation->state = STATE_OK;
    operation->reason = REASON_NONE;
    return true;
}
