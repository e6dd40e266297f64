/* muster query: ask for the size of objects. */
#include "cli/options.h"
#include "cli/say.h"
#include "cli/store.h"
#include "cli/verb.h"

static int run(const struct opt_result *args)
{
    if (args->operand_count == 0) {
        return say_usage("query",
                         "which objects? As in: muster query backup.tar --url file:///srv/store");
    }
    return store_run_names("query", args, NULL);
}

const struct verb verb_query = {
    .name = "query",
    .summary = "ask for the size of objects",
    .usage = (const char *const[]){"[OPTION…] --url URL NAME…", NULL},
    .about = "Asks the store for each name: its size in bytes, -1 where it is absent, nothing "
             "where the store cannot tell.",
    .examples =
        (const char *const[]){"muster query backup.tar --url file:///srv/store --json", NULL},
    .groups = OPTIONS_STORE | OPTIONS_TARGET | OPTIONS_COMMAND,
    .exits = VERB_EXITS_COMMANDS,
    .run = run};
