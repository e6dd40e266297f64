/* Exit statuses: one table for the code, the help pages and the manual. */
#ifndef CLI_EXIT_H
#define CLI_EXIT_H

#include <stdbool.h>
#include <stddef.h>

#include <muster.h>

/* X(NAME, status, how it is shown and what it means for one command, the same for several); NULL:
 * it does not occur there. */
#define EXIT_TABLE(X)                                                                              \
    X(OK, 0, "0", "it ended ok", "0", "every expected command ended ok")                           \
    X(FAILED, 1, "1-123", "its own exit status (1 for a function that failed)", "1",               \
      "at least one failed, signaled, timeout, stalled or rejected")                               \
    X(LOST, 2, NULL, NULL, "2", "none failed, but at least one lost, expired or skipped")          \
    X(CANCELLED, 3, NULL, NULL, "3", "the others ok, at least one cancelled")                      \
    X(NO_MATCH, 4, "4", "no host matches", "4", "no host matches")                                 \
    X(TIMED_OUT, 124, "124", "timeout or stalled; or the wait's own time-out passed", "124",       \
      "the wait's own time-out passed, the work goes on")                                          \
    X(OURS, 125, "125", "usage, connection, refused; lost, expired, skipped, rejected, cancelled", \
      "125", "usage, connection, refused")                                                         \
    X(NOT_EXECUTABLE, 126, "126", "not executable on the worker", NULL, NULL)                      \
    X(NOT_FOUND, 127, "127", "not found on the worker", NULL, NULL)                                \
    X(SIGNALED, 128, "128+N", "ended by signal N; 130 after Ctrl-C", "130", "after Ctrl-C")

enum exit_status {
#define X(name, status, shown_one, one, shown_several, several) EXIT_##name = (status),
    EXIT_TABLE(X)
#undef X
        EXIT_INTERRUPTED = 130
};

struct exit_row {
    const char *shown_one, *one;
    const char *shown_several, *several;
};

/* The table as rows. */
extern const struct exit_row exit_rows[];
extern const size_t exit_row_count;

/* What one command's end means as an exit status. `exit` and `signal` as in its record. */
int exit_of_one(int state, int exit, int signal);

/* Of several: `worst` is the status so far (EXIT_OK to begin with); 1 > 2 > 3 > 0. */
int exit_of_several(int worst, int state);

/* What an error of the library means: no host matches, the time passed, or ours. */
int exit_of_error(int code);

#endif
