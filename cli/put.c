/* muster put: store files under names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exit.h"
#include "cli/listing.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/record.h"
#include "cli/say.h"
#include "cli/store.h"
#include "cli/table.h"
#include "cli/targets.h"
#include "cli/value.h"
#include "cli/verb.h"
#include "cli/watch.h"

static const char *name;
static bool overwrite, validated = true, make_dir;

static const struct opt_spec options[] = {
    {"name", 0, OPT_STRING, "NAME", "its name in the store; default: the file's own", &name, NULL,
     0, 0},
    {"overwrite", 0, OPT_FLAG, NULL, "replace what has this name and other content", &overwrite,
     NULL, 0, 0},
    {"validated", 0, OPT_FLAG, NULL,
     "read back and compare before it is published (the default; "
     "--no-validated trusts the store)",
     &validated, NULL, 0, 0},
    {"mkdir", 0, OPT_FLAG, NULL, "make the store's own directory if it is missing", &make_dir, NULL,
     0, 0},
    OPT_END};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static int submit_file(struct broker *broker, const char *file, bool is_local,
                       struct store_sent *sent)
{
    muster_command *command = muster_command_call("put");
    char *path = store_path(file, is_local);
    int status = command != NULL && path != NULL ? 0 : say_no_memory();
    if (status == 0) {
        store_add_name(command, path);
        store_add_name(command, name != NULL ? name : base_name(file));
        (void)muster_command_kw_bool(command, "validate", validated);
        if (overwrite) {
            (void)muster_command_kw_bool(command, "overwrite", 1);
        }
        if (make_dir) {
            (void)muster_command_kw_bool(command, "mkdir", 1);
        }
        status = store_submit(broker, command, sent);
    }
    muster_command_free(command);
    free(path);
    return status;
}

static void add_text(struct table *table, const muster_value *value)
{
    struct buffer text = BUFFER_EMPTY;
    value_append_plain(&text, value);
    table_add(table, buffer_str(&text));
    buffer_done(&text);
}

static int add_row(const muster_record *record, void *arg)
{
    struct table *table = arg;
    const muster_value *already = muster_value_get(record->result, "already");
    table_add_state(table, record->state);
    table_add(table, record->host);
    const muster_value *stored = muster_value_get(record->result, "name");
    add_text(table, stored != NULL ? stored : muster_value_at(record->args, 1));
    add_text(table, muster_value_get(record->result, "bytes"));
    add_text(table, muster_value_get(record->result, "sha256"));
    table_add(table, muster_value_bool(already) ? "was there already" : record->warning);
    return 0;
}

static int check(const struct opt_result *args)
{
    if (args->operand_count == 0) {
        return say_usage("put", "which file? As in: muster put backup.tar --url file:///srv/store");
    }
    if (name != NULL && args->operand_count > 1) {
        return say_usage("put", "--name gives one name, but there are %d files",
                         args->operand_count);
    }
    if (name != NULL && name[0] == '\0') {
        return say_usage("put", "--name is empty: leave it out to take the file's own");
    }
    if (shared.each && shared.throttled) {
        return say_usage("put", "--each submits all at once: it cannot be --throttled");
    }
    for (int i = 0; i < args->operand_count; i++) {
        const char *file = args->operands[i];
        if (strcmp(file, "-") == 0) {
            return say_usage("put", "- cannot be stored: a stream that breaks looks like one that "
                                    "ends; write a file first");
        }
        if (name == NULL && base_name(file)[0] == '\0') {
            return say_usage("put", "\"%s\" has no file name: give one with --name", file);
        }
    }
    return 0;
}

static int run(const struct opt_result *args)
{
    struct broker broker;
    struct store_sent sent = {0};
    struct table table;
    bool is_local = false;
    int status = check(args);
    if (status != 0) {
        return status;
    }
    if (shared.dry_run) {
        return targets_print();
    }
    status = store_open("put", &broker, &is_local);
    if (status != 0) {
        return status;
    }
    for (int i = 0; i < args->operand_count && status == 0; i++) {
        status = submit_file(&broker, args->operands[i], is_local, &sent);
    }
    table_init(&table, "STATE|HOST|NAME|>BYTES|SHA256|NOTE");
    if (sent.count > 0) {
        /* What was submitted before one was refused is waited for all the same. */
        int ended = watch_run(&(struct watch){.pool = broker.pool,
                                              .ids = sent.ids,
                                              .count = sent.count,
                                              .batch = args->operand_count == 1 ? sent.batch : 0,
                                              .is_several = args->operand_count > 1 || shared.each,
                                              .is_embedded = broker.is_embedded,
                                              .can_cancel = true,
                                              .timeout = MUSTER_NEVER,
                                              .each = add_row,
                                              .arg = &table});
        status = status == 0 ? ended : status;
        if (!emit_is_wanted() && table_rows(&table) > 0) {
            (void)listing_print(&table);
        }
    }
    table_done(&table);
    free(sent.ids);
    return store_close(&broker, status);
}

const struct verb verb_put = {
    .name = "put",
    .summary = "store files under names",
    .usage = (const char *const[]){"[OPTION…] --url URL FILE…", NULL},
    .about = "The worker reads FILE, writes it under a temporary name, compares what it wrote, and "
             "only then gives it its name: no reader ever sees a part of it. The same name with "
             "the same content is success, with other content it is refused unless --overwrite is "
             "given.\n\n"
             "It runs on this host unless --on or --each say otherwise; on other hosts a relative "
             "FILE is below the worker's own directory.",
    .examples = (const char *const[]){"muster put backup.tar --url file:///srv/store",
                                      "muster put vol*.zst --throttled --url file:///srv/store",
                                      "muster put --each --on role=db /etc/fstab --name "
                                      "fstab-{host} --url file:///srv/store",
                                      NULL},
    .groups = OPTIONS_STORE | OPTIONS_THROTTLE | OPTIONS_TARGET | OPTIONS_COMMAND,
    .options = options,
    .exits = VERB_EXITS_COMMANDS,
    .run = run};
