/* Exit statuses: one table for the code, the help pages and the manual. */
#ifndef CLI_EXIT_H
#define CLI_EXIT_H

#include <stdbool.h>
#include <stddef.h>

#include <muster.h>

/* X(NAME, status, "as shown", "meaning for one command", "meaning for several") */
#define EXIT_TABLE(X)                                                                              \
    X(OK, 0, "0", "it ended ok", "every expected command ended ok")                                \
    X(FAILED, 1, "1-123", "its own exit status (1 for a function that failed)",                    \
      "1: at least one failed, signaled, timeout, stalled or rejected")                            \
    X(LOST, 2, "2", "(as its own exit status)",                                                    \
      "none failed, but at least one lost, expired or skipped")                                    \
    X(CANCELLED, 3, "3", "(as its own exit status)", "the others ok, at least one cancelled")      \
    X(NO_MATCH, 4, "4", "no host matches", "no host matches")                                      \
    X(TIMED_OUT, 124, "124", "timeout or stalled; or the wait's own time-out passed",              \
      "the wait's own time-out passed, the work goes on")                                          \
    X(OURS, 125, "125",                                                                            \
      "usage, connection, refused; lost, expired, skipped, rejected or cancelled",                 \
      "usage, connection, refused")                                                                \
    X(NOT_EXECUTABLE, 126, "126", "not executable on the worker", "-")                             \
    X(NOT_FOUND, 127, "127", "not found on the worker", "-")                                       \
    X(SIGNALED, 128, "128+N", "ended by signal N; 130 after Ctrl-C", "130 after Ctrl-C")

enum exit_status {
#define X(name, status, shown, one, several) EXIT_##name = (status),
    EXIT_TABLE(X)
#undef X
        EXIT_INTERRUPTED = 130
};

struct exit_row {
    const char *shown, *one, *several;
};

/* The table as rows; ends with a row of NULLs. */
extern const struct exit_row exit_rows[];

/* What one command's end means as an exit status. `exit` and `signal` as in its record. */
int exit_of_one(int state, int exit, int signal);

/* Of several: `worst` is the status so far (EXIT_OK to begin with); 1 > 2 > 3 > 0. */
int exit_of_several(int worst, int state);

/* What an error of the library means: no host matches, the time passed, or ours. */
int exit_of_error(int code);

#endif
