/* muster submit: the same as run, but print the id and leave. */
#include "cli/options.h"
#include "cli/send.h"
#include "cli/verb.h"

static int run(const struct opt_result *args)
{
    muster_command *command = NULL;
    int status = send_compose_exec("submit", args, &command);
    if (status != 0) {
        return status;
    }
    return send_and_follow(command, &(struct send_how){.detach = true});
}

const struct verb verb_submit = {
    .name = "submit",
    .summary = "queue a command and print its id",
    .usage =
        (const char *const[]){"[OPTION…] -- PROGRAM [ARG…]", "[OPTION…] -c STRING [-- ARG…]", NULL},
    .about = "Returns when the broker has the command on disk, and prints its track_id alone, or "
             "with --each the batch, as B17. Follow it with wait, show, ps and results.",
    .examples =
        (const char *const[]){"id=$(muster submit -- make -C /srv/app)",
                              "muster wait $id && muster show $id",
                              "muster submit --each --on role=web -- apt-get -q update", NULL},
    .groups = OPTIONS_PROCESS | OPTIONS_TARGET | OPTIONS_COMMAND,
    .exits = VERB_EXITS_PLAIN,
    .run = run};
