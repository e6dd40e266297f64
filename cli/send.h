/* Submits one command, or one for each host, and says what was made of it. */
#ifndef CLI_SEND_H
#define CLI_SEND_H

#include <stdint.h>

#include <muster.h>

#include "base/opt.h"
#include "cli/broker.h"

struct sent {
    int64_t batch; /* 0: one command */
    int64_t first, count;
};

/* An argv from what stands behind "--", or from -c. 0, or an exit status after it said why not. */
int send_compose_exec(const char *verb, const struct opt_result *args,
                      muster_command **ret_command);

struct send_how {
    bool detach;       /* print what was made, do not wait */
    bool shows_output; /* stdout and stderr of the commands */
    muster_record_fn *each;
    void *arg;
};

/* The whole way of run, submit and call: finds the broker, submits, prints or waits; with --dry-run
 * prints the hosts instead. Frees the command. Returns the exit status. */
int send_and_follow(muster_command *command, const struct send_how *how);

/* Submits a command that has its options (options_apply). 0, or an exit status after it said why
 * not. */
int send_command(struct broker *broker, muster_command *command, struct sent *ret_sent);

/* Prints the track_id, or the batch, or both as JSON. */
void send_print(const struct broker *broker, const struct sent *sent);

#endif
