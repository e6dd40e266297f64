/* What a verb is, and the table of all of them. */
#ifndef CLI_VERB_H
#define CLI_VERB_H

#include "base/opt.h"

/* Which statuses of the exit table a verb's help shows. */
enum verb_exits {
    VERB_EXITS_PLAIN,   /* 0, 125 */
    VERB_EXITS_WAITING, /* 0, 124, 125 */
    VERB_EXITS_COMMANDS /* the whole table */
};

struct verb {
    const char *name;
    const char *summary;            /* a few words for the overview */
    const char *const *usage;       /* what follows "muster NAME", one line each; ends with NULL */
    const char *about;              /* paragraphs, separated by an empty line */
    const char *const *examples;    /* lines; ends with NULL */
    unsigned groups;                /* shared options that it takes: enum option_groups */
    const struct opt_spec *options; /* its own; NULL: none */
    enum verb_exits exits;
    int (*run)(const struct opt_result *args); /* returns the exit status */
};

/* Ends with NULL, in the order of the overview. */
extern const struct verb *const verbs[];

extern const struct verb verb_up, verb_down, verb_run, verb_submit, verb_call, verb_put, verb_get,
    verb_list, verb_delete, verb_query, verb_ps, verb_show, verb_results, verb_wait, verb_stats,
    verb_hosts, verb_cancel, verb_shutdown, verb_ping;

#endif
