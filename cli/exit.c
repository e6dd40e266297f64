/* From states and errors to exit statuses. Pure. */
#include "cli/exit.h"

const struct exit_row exit_rows[] = {
#define X(name, status, shown_one, one, shown_several, several)                                    \
    {shown_one, one, shown_several, several},
    EXIT_TABLE(X)
#undef X
};
const size_t exit_row_count = sizeof exit_rows / sizeof exit_rows[0];

int exit_of_one(int state, int exit, int signal)
{
    switch (state) {
    case MUSTER_STATE_OK:
        return EXIT_OK;
    case MUSTER_FAILED:
        /* A function has no status of its own. */
        return exit > 0 && exit < 256 ? exit : EXIT_FAILED;
    case MUSTER_SIGNALED:
        return signal > 0 && signal < 128 ? EXIT_SIGNALED + signal : EXIT_FAILED;
    case MUSTER_TIMEOUT:
    case MUSTER_STALLED:
        return EXIT_TIMED_OUT;
    default:
        return EXIT_OURS;
    }
}

/* The statuses of several commands in order of severity, the worst first. */
static int severity(int status)
{
    switch (status) {
    case EXIT_FAILED:
        return 3;
    case EXIT_LOST:
        return 2;
    case EXIT_CANCELLED:
        return 1;
    default:
        return 0;
    }
}

static int status_among_several(int state)
{
    switch (state) {
    case MUSTER_STATE_OK:
        return EXIT_OK;
    case MUSTER_LOST:
    case MUSTER_EXPIRED:
    case MUSTER_SKIPPED:
        return EXIT_LOST;
    case MUSTER_CANCELLED:
        return EXIT_CANCELLED;
    default:
        return EXIT_FAILED;
    }
}

int exit_of_several(int worst, int state)
{
    int status = status_among_several(state);
    return severity(status) > severity(worst) ? status : worst;
}

int exit_of_error(int code)
{
    switch (code) {
    case MUSTER_ENOMATCH:
        return EXIT_NO_MATCH;
    case MUSTER_ETIMEDOUT:
        return EXIT_TIMED_OUT;
    default:
        return EXIT_OURS;
    }
}
