/* States of a command, why it is held, and why it ended: one table each. */
#ifndef BASE_STATE_H
#define BASE_STATE_H

#include <stdbool.h>

/* X(NAME, wire number, "name", final). Numbers are part of the protocol and the store: only add. */
#define STATE_TABLE(X)                                                                             \
    X(NONE, 0, "none", false)                                                                      \
    X(HELD, 1, "held", false)                                                                      \
    X(QUEUED, 2, "queued", false)                                                                  \
    X(RUNNING, 3, "running", false)                                                                \
    X(OK, 4, "ok", true)                                                                           \
    X(FAILED, 5, "failed", true)                                                                   \
    X(SIGNALED, 6, "signaled", true)                                                               \
    X(TIMEOUT, 7, "timeout", true)                                                                 \
    X(STALLED, 8, "stalled", true)                                                                 \
    X(EXPIRED, 9, "expired", true)                                                                 \
    X(SKIPPED, 10, "skipped", true)                                                                \
    X(CANCELLED, 11, "cancelled", true)                                                            \
    X(LOST, 12, "lost", true)                                                                      \
    X(REJECTED, 13, "rejected", true)

enum state {
#define X(name, number, text, final) STATE_##name = (number),
    STATE_TABLE(X)
#undef X
};

enum { STATE_COUNT = 14 }; /* number of rows, for arrays indexed by state */

/* X(NAME, wire number, "name", text): what a held command waits for. */
#define HOLD_TABLE(X)                                                                              \
    X(NONE, 0, "none", "it is not held")                                                           \
    X(TIME, 1, "time", "its start time has not come")                                              \
    X(DEPENDENCY, 2, "dependency", "a command that it depends on has not ended")                   \
    X(KEY, 3, "key", "a key that it needs is held by others")                                      \
    X(PAUSED, 4, "paused", "it or its pool is paused")                                             \
    X(NO_HOST, 5, "no_host", "no host that matches its selector is here")

enum hold {
#define X(name, number, text, sentence) HOLD_##name = (number),
    HOLD_TABLE(X)
#undef X
};

enum { HOLD_COUNT = 6 };

/* X(NAME, wire number, "name", text): why a command ended as it did. The text completes the
 * sentence "the command ended because …" and needs no further word to be shown. */
#define REASON_TABLE(X)                                                                            \
    X(NONE, 0, "none", "")                                                                         \
    X(EXIT, 1, "exit", "it exited with a status that means failure")                               \
    X(SIGNAL, 2, "signal", "a signal ended it")                                                    \
    X(TIMEOUT, 3, "timeout", "it ran longer than its time-out")                                    \
    X(STALL, 4, "stall", "it made no progress for its stall time-out")                             \
    X(START_BY, 5, "start_by", "it had not started by its start deadline")                         \
    X(HOST_AWAY, 6, "host_away", "its host was away")                                              \
    X(SKIP_75, 7, "skip_75", "it exited with status 75: nothing to do now")                        \
    X(DEPENDENCY, 8, "dependency", "a dependency can no longer be met")                            \
    X(CANCELLED_QUEUED, 9, "cancelled_queued", "it was cancelled before it started")               \
    X(CANCELLED_RUNNING, 10, "cancelled_running", "it was cancelled while it ran")                 \
    X(SHUTDOWN, 11, "shutdown", "its pool was shut down")                                          \
    X(WORKER_LOST, 12, "worker_lost", "its worker fell silent; the outcome is unknown")            \
    X(WORKER_RESTARTED, 13, "worker_restarted",                                                    \
      "its worker restarted and no longer knew it; the outcome is unknown")                        \
    X(ATTEMPTS_SPENT, 14, "attempts_spent", "its last allowed attempt was lost")                   \
    X(LOST_AFTER, 15, "lost_after", "its worker stayed silent longer than --lost-after")           \
    X(DECLARED_LOST, 16, "declared_lost", "an operator declared it lost")                          \
    X(NOT_ALLOWED, 17, "not_allowed", "the worker's host does not allow it")                       \
    X(NOT_FOUND, 18, "not_found", "the program was not found on the worker's host")                \
    X(NOT_EXECUTABLE, 19, "not_executable", "the program cannot be executed on the worker's host") \
    X(FUNCTION_ERROR, 20, "function_error", "the function returned an error")                      \
    X(FUNCTION_CRASHED, 21, "function_crashed", "the process that ran the function crashed")       \
    X(WORKER_SHUTDOWN, 22, "worker_shutdown", "its worker was shut down")                          \
    X(OOM, 23, "oom", "it needed more memory than it was allowed")                                 \
    X(WARNING, 24, "warning", "it ended with a status that is only a warning")                     \
    X(UNKNOWN_FUNCTION, 25, "unknown_function", "the worker does not offer this function")         \
    X(BAD_ARGUMENTS, 26, "bad_arguments", "the function does not take these arguments")            \
    X(START_FAILED, 27, "start_failed", "the worker could not start it")                           \
    X(UNKILLABLE, 28, "unkillable", "its processes survived KILL")                                 \
    X(CUT_OFF, 29, "cut_off", "its worker was cut off from the broker and ended it")               \
    X(BATCH_STOPPED, 30, "batch_stopped", "too many commands of its batch had failed")             \
    X(NO_HOST, 31, "no_host", "no host matched its selector")

enum reason {
#define X(name, number, text, sentence) REASON_##name = (number),
    REASON_TABLE(X)
#undef X
};

enum { REASON_COUNT = 32 };

/* Lower-case name as shown and as in JSON; "unknown" for a number outside the table. */
const char *state_name(enum state state);
const char *hold_name(enum hold hold);
const char *reason_name(enum reason reason);

/* Text to show a person; "" for NONE, "unknown" for a number outside the table. */
const char *hold_text(enum hold hold);
const char *reason_text(enum reason reason);

/* True for the ten ends. */
bool state_is_final(enum state state);

/* False for numbers that this version does not know (bytes from outside: check before casting). */
bool state_is_known(unsigned number);
bool hold_is_known(unsigned number);
bool reason_is_known(unsigned number);

/* 0, or -EINVAL when no state has this name. */
int state_parse(const char *name, enum state *ret_state);

#endif
