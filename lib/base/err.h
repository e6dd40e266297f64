/* Muster's typed refusals: one table makes the enum, the wire numbers, the names, the texts. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

/* X(NAME, wire number, retryable, default text). Numbers are part of the protocol: only add. */
#define REFUSAL_TABLE(X)                                                                           \
    X(OK, 0, false, "The request was accepted.")                                                   \
    X(BUSY, 1, true, "The broker has too much to do now; try again later.")                        \
    X(TOO_LARGE, 2, false, "The request is larger than the limit.")                                \
    X(QUEUE_FULL, 3, true, "The pool's command queue is full.")                                    \
    X(DISK_LOW, 4, true, "The broker's disk has too little free space to accept commands.")        \
    X(SHUTTING_DOWN, 5, false, "The pool or the broker is shutting down.")                         \
    X(DENIED, 6, false, "The sender is not allowed to do this.")                                   \
    X(NO_MATCH, 7, false, "No known host matches the selector.")                                   \
    X(BAD_REQUEST, 8, false, "The request is malformed or not known to the receiver.")             \
    X(VERSION, 9, false, "The two ends have no protocol version in common.")                       \
    X(REQUEST_REUSED, 10, false, "The request id was already used for another request.")           \
    X(TRUNCATED, 11, false, "Records before the oldest position have been deleted.")               \
    X(LOG_MISMATCH, 12, false, "The position belongs to another result log or lies beyond it.")    \
    X(UNKNOWN_POOL, 13, false, "There is no pool of this name.")                                   \
    X(UNKNOWN_COMMAND, 14, false, "There is no such command in the pool.")                         \
    X(UNKNOWN_FUNCTION, 15, false, "No host ever offered this function.")                          \
    X(TIMED_OUT, 16, true, "No answer came in time; the outcome is unknown.")                      \
    X(STORAGE, 17, true, "The broker could not write to its store.")                               \
    X(INTERNAL, 18, false, "The broker met an error of its own.")                                  \
    X(UNREACHABLE, 19, true, "The broker cannot be reached.")                                      \
    X(UNKNOWN_BATCH, 20, false, "There is no such batch in the pool.")                             \
    X(UNKNOWN_HOST, 21, false, "No host of this name was ever here.")                              \
    X(UNKNOWN_KEY, 22, false, "There is no key of this name.")                                     \
    X(LIMIT_MISMATCH, 23, false, "The key already has another limit.")                             \
    X(ALREADY_FINAL, 24, false, "The command has already ended.")                                  \
    X(CURSOR_TAKEN, 25, false, "Another reader has opened this cursor since.")                     \
    X(LIMIT_REACHED, 26, false, "A limit of the broker's configuration has been reached.")         \
    X(CANCELLED, 27, false, "The request was given up before it was answered.")

enum refusal {
#define X(name, number, retryable, text) REFUSAL_##name = (number),
    REFUSAL_TABLE(X)
#undef X
};

/* "BUSY", "TOO_LARGE" …; "UNKNOWN" for a number that is not in the table. */
const char *refusal_name(enum refusal refusal);

/* One English sentence; never NULL. */
const char *refusal_text(enum refusal refusal);

/* The same request may succeed later, and repeating it is worth it. */
bool refusal_is_retryable(enum refusal refusal);

/* False for wire numbers that this version does not know. */
bool refusal_is_known(unsigned number);

#endif
