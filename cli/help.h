/* Help pages, made from the tables of verbs, options and exit statuses. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "cli/verb.h"

/* The overview of all verbs. 0 or -ENOMEM. */
int help_overview(FILE *out);

/* The page of one verb; `table` is its whole option table. */
int help_verb(FILE *out, const struct verb *verb, const struct opt_spec *table);

#endif
