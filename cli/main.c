/* muster: the command line. Finds the verb, parses its options, runs it; nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <muster.h>

#include "base/text.h"
#include "cli/exit.h"
#include "cli/help.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/verb.h"

enum { VERBS_MAX = 64 };

static const struct verb *find_verb(const char *name)
{
    for (const struct verb *const *verb = verbs; *verb != NULL; verb++) {
        if (strcmp((*verb)->name, name) == 0) {
            return *verb;
        }
    }
    return NULL;
}

static int unknown_verb(const char *name)
{
    const char *names[VERBS_MAX + 1];
    size_t count = 0;
    struct buffer shown = BUFFER_EMPTY;
    for (; verbs[count] != NULL && count < VERBS_MAX; count++) {
        names[count] = verbs[count]->name;
    }
    names[count] = NULL;
    const char *hint = text_nearest(name, names);
    text_append_quoted(&shown, bytes_of_str(name), 40);
    if (hint != NULL) {
        say_error("unknown verb %s, did you mean %s?", buffer_str(&shown), hint);
    } else {
        say_error("unknown verb %s: muster --help lists all", buffer_str(&shown));
    }
    buffer_done(&shown);
    return EXIT_OURS;
}

/* Output that did not reach its place is a failure of ours, whatever the command did. */
static int finish(int status)
{
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        say_error("cannot write the output: %s",
                  errno != 0 ? strerror(errno) : "the place it goes to is closed or full");
        return EXIT_OURS;
    }
    return status;
}

static int run_verb(const struct verb *verb, int argc, const char **argv)
{
    struct options_table table;
    struct opt_result args;
    struct buffer message = BUFFER_EMPTY;
    int status;
    if (options_table_make(&table, verb->options, verb->groups) < 0) {
        return say_no_memory();
    }
    if (opt_parse(table.rows, 0, argc, argv, &args, &message) < 0) {
        status = say_usage(verb->name, "%s", buffer_str(&message));
    } else if (globals.help) {
        status = help_verb(stdout, verb, table.rows) < 0 ? say_no_memory() : EXIT_OK;
    } else if (globals.json && globals.jsonl) {
        status = say_usage(verb->name, "--json and --jsonl are two forms: give one of them");
    } else if (options_find_empty() != NULL) {
        status = say_usage(verb->name, "option %s is empty: give it a value, or leave it out",
                           options_find_empty());
    } else {
        status = verb->run(&args);
    }
    buffer_done(&message);
    options_table_done(&table);
    return status;
}

static int dispatch(int argc, const char **argv)
{
    struct opt_result result;
    struct buffer message = BUFFER_EMPTY;
    int rc = opt_parse(options_global, OPT_STOP_AT_OPERAND, argc, argv, &result, &message);
    if (rc < 0) {
        say_error("%s; options of a verb come behind it, muster --help shows the others",
                  buffer_str(&message));
        buffer_done(&message);
        return EXIT_OURS;
    }
    buffer_done(&message);
    if (globals.version) {
        printf("muster %s\n", muster_version());
        return EXIT_OK;
    }
    const char *name = result.operand_count > 0 ? result.operands[0] : NULL;
    if (name != NULL && strcmp(name, "help") == 0) {
        globals.help = true;
        name = result.operand_count > 1 ? result.operands[1] : NULL;
        result.operands++;
        result.operand_count--;
    }
    if (name == NULL) {
        if (globals.help) {
            return help_overview(stdout) < 0 ? say_no_memory() : EXIT_OK;
        }
        (void)help_overview(stderr);
        return EXIT_OURS;
    }
    const struct verb *verb = find_verb(name);
    if (verb == NULL) {
        return unknown_verb(name);
    }
    /* The verb stands where a program's own name would. */
    return run_verb(verb, result.operand_count, result.operands);
}

/* With a standard descriptor closed, a socket of the library would take its number and be written
 * to as if it were the output. A write-only stdin and read-only outputs fail as closed ones do. */
static void fill_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            (void)!open("/dev/null", (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_NOCTTY);
        }
    }
}

int main(int argc, char **argv)
{
    fill_standard_descriptors();
    const char **words = calloc((size_t)argc + 1, sizeof *words);
    if (words == NULL) {
        return say_no_memory();
    }
    for (int i = 0; i < argc; i++) {
        words[i] = argv[i];
    }
    int status = finish(dispatch(argc, words));
    options_done();
    free(words);
    return status;
}
