/* Commands that a person named, resolved with the broker's help. */
#ifndef CLI_SELECT_H
#define CLI_SELECT_H

#include <muster.h>

#include "base/opt.h"
#include "cli/ids.h"

/* Parses the operands. 0, or an exit status after it said what is wrong with them. */
int select_parse(const char *verb, const struct opt_result *args, struct id_set *ret_set);

/* Puts the highest track_id in the place of "last". 0, or an exit status after it said why not. */
int select_resolve(muster_pool *pool, struct id_set *set);

#endif
