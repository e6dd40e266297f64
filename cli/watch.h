/* Waits for commands to end, shows how they do, and turns Ctrl-C into a decision. */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <muster.h>

#include "base/time.h"
#include "cli/record.h"

struct watch {
    muster_pool *pool;
    const int64_t *ids; /* ascending, each once */
    size_t count;
    int64_t batch; /* 0: none */
    bool is_several;
    bool is_embedded;       /* what is left ends with this program */
    bool can_cancel;        /* Ctrl-C cancels first; else it only stops the waiting */
    bool shows_output;      /* stdout and stderr of the commands */
    muster_time timeout;    /* MUSTER_NEVER: none */
    muster_record_fn *each; /* called for each end, may be NULL */
    void *arg;
};

/* Returns the exit status: of the command, or of several; 124 when the time-out passed; 130 after
 * Ctrl-C; 125 after an error that it told. */
int watch_run(const struct watch *watch);

#endif
