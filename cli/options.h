/* The options that several verbs share: their tables, their values, and how they reach a command.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <muster.h>

#include "base/opt.h"
#include "base/time.h"

enum option_groups {
    OPTIONS_TARGET = 1,   /* --on --each --dry-run */
    OPTIONS_COMMAND = 2,  /* --priority … --label */
    OPTIONS_PROCESS = 4,  /* -c --env --cwd --stdin */
    OPTIONS_STORE = 8,    /* --url */
    OPTIONS_THROTTLE = 16 /* --throttled --buffer */
};

/* What every verb takes, before it or behind it. */
struct global_options {
    const char *broker, *pool;
    muster_time connect_timeout;
    bool json, jsonl, quiet, no_color, help, version;
};

/* A time that may be given as "+5m" or as a date. */
struct when_option {
    bool given, relative;
    muster_time ns; /* relative: from now; else since 1970 */
};

struct shared_options {
    const char *on;
    bool each, dry_run;

    int priority;
    struct when_option at, start_by;
    muster_time delay, timeout, grace, stall_timeout, lost_after; /* lost_after: -1 not given */
    bool idempotent;
    uint64_t max_attempts;
    const char *request_id, *label;

    const char *shell; /* -c */
    struct opt_list env;
    const char *cwd, *stdin_file;

    const char *url;

    bool throttled;
    uint64_t buffer;
};

/* One process has one command line. */
extern struct global_options globals;
extern struct shared_options shared;

struct options_table {
    struct opt_spec *rows; /* owned */
};

/* The whole table of a verb: its own options, its groups, the global ones. 0, -ENOMEM. */
int options_table_make(struct options_table *table, const struct opt_spec *own, unsigned groups);
void options_table_done(struct options_table *table);

/* The global ones alone. */
extern const struct opt_spec options_global[];

/* Frees what the parse allocated in `shared`. */
void options_done(void);

/* Sets what was given on the command. 0, or an exit status after it said what is wrong. */
int options_apply(muster_command *command);

/* The option whose value is empty though it must name something, NULL: none. */
const char *options_find_empty(void);

#endif
