/* One child process of the embedded default. */
#ifndef MUSTER_LIB_CHILD_H
#define MUSTER_LIB_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/time.h"

enum { CHILD_ARGS_MAX = 32 };

struct child {
    const char *name;               /* "muster-broker" */
    char *argv[CHILD_ARGS_MAX + 1]; /* owned, NULL-terminated; argv[0] is the path */
    char *log_path;                 /* owned: where its stdout and stderr go */
    pid_t pid;                      /* 0: not running */
    int pidfd;                      /* -1: not running */
    int ready_fd;                   /* it writes a word when it is ready; -1: none */
    int status;                     /* of the last one, as waitpid gives it; -1: unknown */
    muster_time started_at;
    muster_time restart_at; /* MUSTER_NEVER: not due */
    unsigned quick_deaths;  /* one after the other */
    bool is_ready;          /* it was heard, see child_is_ready */
};

void child_init(struct child *child, const char *name);
/* Frees; a running one is left alone. */
void child_done(struct child *child);
/* Adds one argument; false when memory is short. */
bool child_add(struct child *child, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Starts it in a session of its own (Ctrl-C at the terminal is not for it), with default signals,
 * stdin from /dev/null and no descriptor but the writing end of `ready_fd`, as 3. 0 or -errno. */
int child_spawn(struct child *child);
/* It has said that it is ready; the word is taken. Never waits. */
bool child_is_ready(struct child *child);
/* True when it has ended (or is not running); it is then reaped. Never waits. */
bool child_reap(struct child *child);
/* Waits until it has ended or the time has come: true when it has ended. */
bool child_wait(struct child *child, muster_time deadline);
void child_signal(const struct child *child, int signal);

/* "exit status 3", "signal 9 (Killed)" */
void child_format_status(const struct child *child, char *text, size_t size);
/* The last line of its log, cut; "" when there is none. */
void child_last_words(const struct child *child, char *text, size_t size);

#endif
