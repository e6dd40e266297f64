/* muster list: what a store holds. */
#include "cli/options.h"
#include "cli/say.h"
#include "cli/store.h"
#include "cli/verb.h"

static int run(const struct opt_result *args)
{
    if (args->operand_count > 1) {
        return say_usage("list", "it takes one prefix at most, not %d words", args->operand_count);
    }
    return store_run_names("list", args, "the store holds nothing of the kind");
}

const struct verb verb_list = {
    .name = "list",
    .summary = "list the objects of a store",
    .usage = (const char *const[]){"[OPTION…] --url URL [PREFIX]", NULL},
    .about = "Lists name, size and time of the objects whose name begins with PREFIX, or of all.",
    .examples = (const char *const[]){"muster list --url file:///srv/store",
                                      "muster list db1- --url file:///srv/store --json", NULL},
    .groups = OPTIONS_STORE | OPTIONS_TARGET | OPTIONS_COMMAND,
    .exits = VERB_EXITS_COMMANDS,
    .run = run};
