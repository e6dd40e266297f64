/* muster run: submit, wait, show the output, exit with the command's status. */
#include "cli/options.h"
#include "cli/send.h"
#include "cli/verb.h"

static bool detach;

static const struct opt_spec options[] = {
    {"detach", 'd', OPT_FLAG, NULL, "do not wait: print the id and leave", &detach, NULL, 0, 0},
    OPT_END};

static int run(const struct opt_result *args)
{
    muster_command *command = NULL;
    int status = send_compose_exec("run", args, &command);
    if (status != 0) {
        return status;
    }
    return send_and_follow(command, &(struct send_how){.detach = detach, .shows_output = true});
}

const struct verb verb_run = {
    .name = "run",
    .summary = "run a command, show its output, exit with its status",
    .usage =
        (const char *const[]){"[OPTION…] -- PROGRAM [ARG…]", "[OPTION…] -c STRING [-- ARG…]", NULL},
    .about = "Submits a command, waits until it has ended and prints what it wrote, as far as it "
             "was kept: the first and last 64k of each stream. What follows -- is run as it is, "
             "without a shell. With --each it is run on every matching host, and each line of "
             "output begins with the host's name.\n\n"
             "Without a running broker a private broker and worker on this host serve this one "
             "call.\n\n"
             "Ctrl-C cancels what is unfinished and waits for its records; a second Ctrl-C leaves "
             "at once, and the work goes on.",
    .examples = (const char *const[]){"muster run -- hostname",
                                      "muster run --on role=db --each -- df -h /srv",
                                      "muster run --timeout 1h -c 'pg_dump app | zstd > app.zst'",
                                      "muster run -d --at 22:30 -- backup.sh", NULL},
    .groups = OPTIONS_PROCESS | OPTIONS_TARGET | OPTIONS_COMMAND,
    .options = options,
    .exits = VERB_EXITS_COMMANDS,
    .run = run};
