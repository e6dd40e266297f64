/* The list of verbs, in the order of the overview. */
#include "cli/verb.h"

const struct verb *const verbs[] = {
    &verb_up,    &verb_down,   &verb_run,    &verb_submit,   &verb_call, &verb_put,     &verb_get,
    &verb_list,  &verb_delete, &verb_query,  &verb_ps,       &verb_show, &verb_results, &verb_wait,
    &verb_stats, &verb_hosts,  &verb_cancel, &verb_shutdown, &verb_ping, NULL};
