/* Common to put, get, list, delete and query.
 *
 * A store's URL means something on the host that uses it (file:///srv is another directory on
 * each), so these verbs run here unless they are told otherwise. */
#include "cli/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/exit.h"
#include "cli/listing.h"
#include "cli/options.h"
#include "cli/place.h"
#include "cli/progress.h"
#include "cli/record.h"
#include "cli/say.h"
#include "cli/send.h"
#include "cli/table.h"
#include "cli/targets.h"
#include "cli/value.h"
#include "cli/watch.h"

/* Kept while the command line's options point to it. */
static char *own_host;
static bool is_implied;

/* The name under which a worker of this host is known here: the host that a command of ours runs
 * on, what `up` called it, or the machine's name. */
static char *find_own_host(const struct broker *broker)
{
    const char *inside = getenv("MUSTER_HOST");
    if (inside != NULL && inside[0] != '\0') {
        return strdup(inside);
    }
    return broker->host != NULL ? strdup(broker->host) : place_host_name();
}

int store_open(const char *verb, struct broker *ret_broker, bool *ret_is_local)
{
    if (shared.url == NULL) {
        return say_usage(verb, "which store? As in: --url file:///srv/store");
    }
    int status = broker_open(BROKER_OR_EMBEDDED, ret_broker);
    if (status != 0) {
        return status;
    }
    own_host = find_own_host(ret_broker);
    if (own_host == NULL) {
        return broker_close(ret_broker, say_no_memory());
    }
    is_implied = shared.on == NULL && !shared.each && !ret_broker->is_embedded;
    if (is_implied) {
        shared.on = own_host;
    }
    *ret_is_local =
        ret_broker->is_embedded || (shared.on != NULL && strcmp(shared.on, own_host) == 0);
    return 0;
}

int store_close(struct broker *broker, int status)
{
    if (status == EXIT_NO_MATCH && is_implied) {
        (void)say_error("no worker of this host (%s) was ever here: --on HOST names another",
                        own_host);
    }
    if (is_implied) {
        shared.on = NULL;
    }
    free(own_host);
    own_host = NULL;
    return broker_close(broker, status);
}

char *store_path(const char *path, bool is_local)
{
    if (path[0] == '/' || !is_local) {
        return strdup(path);
    }
    char *here = getcwd(NULL, 0);
    char *absolute = here != NULL ? place_path(here, path) : NULL;
    free(here);
    return absolute;
}

void store_add_name(muster_command *command, const char *name)
{
    (void)muster_command_arg_bytes(command, name, strlen(name));
}

static int push(struct store_sent *sent, int64_t id)
{
    if (sent->count == sent->room) {
        size_t room = sent->room == 0 ? 64 : sent->room * 2;
        int64_t *ids = realloc(sent->ids, room * sizeof *ids);
        if (ids == NULL) {
            return -ENOMEM;
        }
        sent->ids = ids;
        sent->room = room;
    }
    sent->ids[sent->count++] = id;
    return 0;
}

int store_submit(struct broker *broker, muster_command *command, struct store_sent *sent)
{
    struct sent one;
    int status = options_apply(command);
    if (status == 0) {
        status = send_command(broker, command, &one);
    }
    if (status != 0) {
        return status;
    }
    sent->batch = one.batch;
    for (int64_t i = 0; i < one.count; i++) {
        if (push(sent, one.first + i) < 0) {
            return say_no_memory();
        }
    }
    return 0;
}

struct rows {
    size_t printed;
    bool failed;
};

static int print_rows(const muster_record *record, void *arg)
{
    struct rows *rows = arg;
    if (emit_is_wanted() || muster_value_kind(record->result) == MUSTER_NULL) {
        return 0;
    }
    struct table table;
    if (!value_tabulate(record->result, &table)) {
        value_print(record->result);
        rows->printed++;
        return 0;
    }
    progress_hide();
    if (shared.each && table_rows(&table) > 0) {
        printf("%s:\n", record->host != NULL ? record->host : "-");
    }
    if (table_rows(&table) > 0) {
        rows->failed = listing_print(&table) != EXIT_OK;
        fflush(stdout);
    }
    rows->printed += table_rows(&table);
    table_done(&table);
    return 0;
}

int store_run(struct broker *broker, muster_command *command, const char *empty)
{
    struct store_sent sent = {0};
    struct rows rows = {0};
    int status = store_submit(broker, command, &sent);
    if (status == 0) {
        status = watch_run(&(struct watch){.pool = broker->pool,
                                           .ids = sent.ids,
                                           .count = sent.count,
                                           .batch = sent.batch,
                                           .is_several = sent.batch != 0,
                                           .is_embedded = broker->is_embedded,
                                           .can_cancel = true,
                                           .timeout = MUSTER_NEVER,
                                           .each = print_rows,
                                           .arg = &rows});
    }
    if (status == EXIT_OK && rows.printed == 0 && !emit_is_wanted() && empty != NULL) {
        say("%s", empty);
    }
    free(sent.ids);
    muster_command_free(command);
    return rows.failed ? EXIT_OURS : status;
}

int store_run_names(const char *verb, const struct opt_result *args, const char *empty)
{
    struct broker broker;
    bool is_local = false;
    if (shared.dry_run) {
        return targets_print();
    }
    int status = store_open(verb, &broker, &is_local);
    if (status != 0) {
        return status;
    }
    muster_command *command = muster_command_call(verb);
    if (command == NULL) {
        return store_close(&broker, say_no_memory());
    }
    for (int i = 0; i < args->operand_count; i++) {
        store_add_name(command, args->operands[i]);
    }
    return store_close(&broker, store_run(&broker, command, empty));
}
