/* Programs in the background: started detached, found and ended by their locked pid file. */
#ifndef CLI_DAEMON_H
#define CLI_DAEMON_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/time.h"

struct daemon {
    const char *program;     /* path */
    const char *const *argv; /* without "--ready-fd N", which is added; ends with NULL */
    const char *pid_file;
    const char *log_file;
    const char *directory; /* where it runs */
    muster_time ready_within;
};

/* Starts it in a session of its own with no terminal, its output appended to the log file, and
 * waits until it says that it is ready. 0; -EEXIST when one runs already; or a negative errno with
 * what is wrong and the end of its log in `message`. */
int daemon_start(const struct daemon *daemon, pid_t *ret_pid, struct buffer *message);

/* The pid of the one that holds the pid file's lock, 0 when nobody does, or a negative errno. */
pid_t daemon_find(const char *pid_file);

/* Sends TERM to the holder of the lock and waits until it has gone: its pid, 0 when there was none,
 * -ETIMEDOUT when it is still there after `within`. */
pid_t daemon_end(const char *pid_file, muster_time within);

/* The same for one that ends by itself. */
pid_t daemon_await(const char *pid_file, muster_time within);

#endif
