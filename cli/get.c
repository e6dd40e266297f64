/* muster get: fetch an object from a store. */
#include <stdlib.h>
#include <string.h>

#include "cli/exit.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/store.h"
#include "cli/targets.h"
#include "cli/verb.h"

static const char *sha256;

static const struct opt_spec options[] = {{"sha256", 0, OPT_STRING, "HEX",
                                           "what its content must be, else it fails", &sha256, NULL,
                                           0, 0},
                                          OPT_END};

static int run(const struct opt_result *args)
{
    struct broker broker;
    bool is_local = false;
    if (args->operand_count < 1 || args->operand_count > 2) {
        return say_usage("get", "it takes the name in the store, and where to write it: muster get "
                                "REMOTE [LOCAL]");
    }
    if (sha256 != NULL &&
        (strlen(sha256) != 64 || strspn(sha256, "0123456789abcdefABCDEF") != 64)) {
        return say_usage("get", "--sha256 takes 64 hexadecimal digits, not \"%s\"", sha256);
    }
    if (shared.dry_run) {
        return targets_print();
    }
    int status = store_open("get", &broker, &is_local);
    if (status != 0) {
        return status;
    }
    const char *remote = args->operands[0];
    muster_command *command = muster_command_call("get");
    char *path = store_path(args->operand_count == 2 ? args->operands[1] : remote, is_local);
    if (command == NULL || path == NULL) {
        muster_command_free(command);
        status = say_no_memory();
    } else {
        store_add_name(command, remote);
        store_add_name(command, path);
        if (sha256 != NULL) {
            (void)muster_command_kw_string(command, "sha256", sha256);
        }
        status = store_run(&broker, command, NULL);
    }
    free(path);
    return store_close(&broker, status);
}

const struct verb verb_get = {
    .name = "get",
    .summary = "fetch an object from a store",
    .usage = (const char *const[]){"[OPTION…] --url URL REMOTE [LOCAL]", NULL},
    .about = "The worker fetches the object REMOTE to the file LOCAL (default: the same name, "
             "here), which appears when it is complete. It runs on this host unless --on or --each "
             "say otherwise.",
    .examples =
        (const char *const[]){"muster get backup.tar --url file:///srv/store",
                              "muster get backup.tar /tmp/b.tar --url file:///srv/store", NULL},
    .groups = OPTIONS_STORE | OPTIONS_TARGET | OPTIONS_COMMAND,
    .options = options,
    .exits = VERB_EXITS_COMMANDS,
    .run = run};
