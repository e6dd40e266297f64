/* muster list: what a store holds. */
#include <string.h>

#include "cli/options.h"
#include "cli/say.h"
#include "cli/store.h"
#include "cli/targets.h"
#include "cli/verb.h"

static const char *after;
static uint64_t limit;

static const struct opt_spec options[] = {
    {"after", 0, OPT_STRING, "NAME", "only names behind this one, in the order of their bytes",
     &after, NULL, 0, 0},
    {"limit", 0, OPT_U64, "N", "at most so many", &limit, NULL, 1, INT64_MAX},
    OPT_END};

static int run(const struct opt_result *args)
{
    struct broker broker;
    bool is_local = false;
    if (args->operand_count > 1) {
        return say_usage("list", "it takes one prefix at most, not %d words", args->operand_count);
    }
    if (shared.dry_run) {
        return targets_print();
    }
    int status = store_open("list", &broker, &is_local);
    if (status != 0) {
        return status;
    }
    muster_command *command = muster_command_call("list");
    if (command == NULL) {
        return store_close(&broker, say_no_memory());
    }
    if (args->operand_count == 1) {
        store_add_name(command, args->operands[0]);
    }
    if (after != NULL) {
        (void)muster_command_kw_bytes(command, "after", after, strlen(after));
    }
    if (limit != 0) {
        (void)muster_command_kw_int(command, "limit", (int64_t)limit);
    }
    status = store_run(&broker, command, "the store holds nothing of the kind");
    return store_close(&broker, status);
}

const struct verb verb_list = {
    .name = "list",
    .summary = "list the objects of a store",
    .usage = (const char *const[]){"[OPTION…] --url URL [PREFIX]", NULL},
    .about = "Lists name, size and time of the objects whose name begins with PREFIX, or of all. "
             "What does not fit into one record (some thousands) is listed in parts, with --limit "
             "and --after.",
    .examples = (const char *const[]){"muster list --url file:///srv/store",
                                      "muster list db1- --url file:///srv/store --json", NULL},
    .options = options,
    .groups = OPTIONS_STORE | OPTIONS_TARGET | OPTIONS_COMMAND,
    .exits = VERB_EXITS_COMMANDS,
    .run = run};
