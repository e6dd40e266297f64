/* muster call: a function by name, with its arguments from the command line. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "cli/progress.h"
#include "cli/record.h"
#include "cli/say.h"
#include "cli/send.h"
#include "cli/value.h"
#include "cli/verb.h"

static bool detach;

static const struct opt_spec options[] = {
    {"detach", 'd', OPT_FLAG, NULL, "do not wait: print the id and leave", &detach, NULL, 0, 0},
    OPT_END};

/* Size of NAME in "NAME=value", 0 when it is no such word. */
static size_t keyword_size(const char *word)
{
    size_t size = 0;
    while (isalnum((unsigned char)word[size]) || word[size] == '_') {
        size++;
    }
    return size > 0 && word[size] == '=' && !isdigit((unsigned char)word[0]) ? size : 0;
}

static int add_keyword(muster_command *command, const char *word, size_t name_size)
{
    char *name = strndup(word, name_size);
    muster_value *value = value_parse(word + name_size + 1);
    int status = name != NULL && value != NULL ? 0 : say_no_memory();
    if (status == 0) {
        (void)muster_command_kw_value(command, name, value);
    }
    muster_value_free(value);
    free(name);
    return status;
}

static int add_argument(muster_command *command, const char *word)
{
    muster_value *value = value_parse(word);
    int status = value != NULL ? 0 : say_no_memory();
    if (status == 0) {
        (void)muster_command_arg_value(command, value);
    }
    muster_value_free(value);
    return status;
}

static int compose(const struct opt_result *args, muster_command **ret_command)
{
    int status = 0;
    if (args->operand_count == 0 || args->dashes_at == 0) {
        return say_usage("call", "which function? As in: muster call echo hello");
    }
    muster_command *command = muster_command_call(args->operands[0]);
    if (command == NULL) {
        return say_usage("call", "\"%s\" is no name of a function", args->operands[0]);
    }
    for (int i = 1; i < args->operand_count && status == 0; i++) {
        const char *word = args->operands[i];
        bool is_plain = args->has_dashes && i >= args->dashes_at;
        size_t name_size = is_plain ? 0 : keyword_size(word);
        status = name_size > 0 ? add_keyword(command, word, name_size)
                 : is_plain    ? (muster_command_arg_string(command, word), 0)
                               : add_argument(command, word);
    }
    if (status != 0) {
        muster_command_free(command);
        return status;
    }
    *ret_command = command;
    return 0;
}

/* A text is printed as it is, everything else as JSON; nothing where there is no result. */
static int print_result(const muster_record *record, void *arg)
{
    (void)arg;
    if (emit_is_wanted() || muster_value_kind(record->result) == MUSTER_NULL) {
        return 0;
    }
    progress_hide();
    if (shared.each && record->host != NULL) {
        printf("%s: ", record->host[0] != '\0' ? record->host : "-");
    }
    value_print(record->result);
    fflush(stdout);
    return 0;
}

static int run(const struct opt_result *args)
{
    muster_command *command = NULL;
    int status = compose(args, &command);
    if (status != 0) {
        return status;
    }
    return send_and_follow(command, &(struct send_how){.detach = detach, .each = print_result});
}

const struct verb verb_call = {
    .name = "call",
    .summary = "call a function of the workers",
    .usage = (const char *const[]){"[OPTION…] FUNCTION [ARG…] [NAME=VALUE…] [-- TEXT…]", NULL},
    .about = "Calls a built-in or registered function and prints its result: a text as it is, "
             "anything else as JSON. `muster hosts --json` lists the functions of each host.\n\n"
             "An argument that reads as a whole or decimal number, true, false or null is passed "
             "as such; in double quotes, or behind --, it is a text. NAME=VALUE passes a keyword "
             "argument.",
    .examples = (const char *const[]){"muster call echo hello", "muster call sleep 0.5",
                                      "muster call --each --on role=web echo '\"12\"'", NULL},
    .groups = OPTIONS_STORE | OPTIONS_TARGET | OPTIONS_COMMAND,
    .options = options,
    .exits = VERB_EXITS_COMMANDS,
    .run = run};
