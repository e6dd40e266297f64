/* muster delete: remove objects from a store. */
#include "cli/options.h"
#include "cli/say.h"
#include "cli/store.h"
#include "cli/verb.h"

static int run(const struct opt_result *args)
{
    if (args->operand_count == 0) {
        return say_usage("delete",
                         "which objects? As in: muster delete old1 old2 --url file:///srv/store");
    }
    return store_run_names("delete", args, NULL);
}

const struct verb verb_delete = {
    .name = "delete",
    .summary = "remove objects from a store",
    .usage = (const char *const[]){"[OPTION…] --url URL NAME…", NULL},
    .about = "Removes the objects, each with an answer of its own: an absent one is success "
             "(\"already\"), a failure is an error.",
    .examples = (const char *const[]){"muster delete old1 old2 --url file:///srv/store", NULL},
    .groups = OPTIONS_STORE | OPTIONS_TARGET | OPTIONS_COMMAND,
    .exits = VERB_EXITS_COMMANDS,
    .run = run};
