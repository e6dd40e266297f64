/* What the backend verbs share: which host, which path, and how results are shown. */
#ifndef CLI_STORE_H
#define CLI_STORE_H

#include <stdbool.h>

#include <muster.h>

#include "base/opt.h"
#include "cli/broker.h"

/* Opens the broker for a backend verb, and makes this host the target unless --on names others.
 * Says what is wrong when --url is missing. 0 or an exit status; then store_close. */
int store_open(const char *verb, struct broker *ret_broker, bool *ret_is_local);
int store_close(struct broker *broker, int status);

/* The path as the worker is to see it: absolute when that runs on this host. NULL: out of memory.
 */
char *store_path(const char *path, bool is_local);

/* A name of bytes, not of characters. */
void store_add_name(muster_command *command, const char *name);

/* Submits one command and waits for it; the result is shown as a table of its rows, or as JSON.
 * `empty` is said when it has none. Frees the command. */
int store_run(struct broker *broker, muster_command *command, const char *empty);

/* The whole of a verb that is about names: opens, passes every operand on, runs, closes; with
 * --dry-run prints the hosts instead. Returns the exit status. */
int store_run_names(const char *verb, const struct opt_result *args, const char *empty);

/* Adds what is unfinished to a list, one after the other. */
struct store_sent {
    int64_t *ids;
    size_t count, room;
    int64_t batch; /* of the last --each */
};
int store_submit(struct broker *broker, muster_command *command, struct store_sent *sent);

#endif
