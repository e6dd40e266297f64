/*
 * fan_out -- one command on each host, and a table of who answered and who did not.
 *
 *     fan_out [SELECTOR] -- PROGRAM [ARGUMENT]...
 *     fan_out role=db -- df -h /srv
 *
 * What it shows:
 *
 *   1. muster_command_exec runs an argv: no shell, no quoting.
 *   2. muster_command_set_each and muster_submit_batch: one command for every host that the
 * selector matches, all of them accepted in one durable step. The set of expected hosts is fixed in
 *      that moment, so a host that never answers is a row of the table too.
 *   3. muster_wait with a callback: records in the order in which the hosts finish.
 *
 * Exit status: 0 when every expected host ended ok, 1 when one did not, 2 for wrong usage, no
 * broker or no matching host.
 */
#define _POSIX_C_SOURCE 200809L

#include <muster.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_SHOWN = 60 };

struct row {
    char host[256];
    char state[32];
    char line[LINE_MAX_SHOWN + 1];
    double run_s;
    int status, ok, known;
};

struct table {
    struct row *rows;
    int64_t first, count;
};

/* The first line of the output, or of what went wrong. */
static void copy_line(char *line, const muster_record *record)
{
    const char *text = record->out.head_size ? record->out.head : record->err.head;
    if (record->state != MUSTER_STATE_OK && !record->err.head_size)
        text = record->error_message ? record->error_message : record->reason;
    size_t size = strcspn(text, "\n");
    snprintf(line, LINE_MAX_SHOWN + 1, "%.*s", (int)(size < LINE_MAX_SHOWN ? size : LINE_MAX_SHOWN),
             text);
}

static int take_record(const muster_record *record, void *arg)
{
    struct table *table = arg;
    struct row *row = &table->rows[record->track_id - table->first];
    snprintf(row->host, sizeof row->host, "%s", record->host);
    snprintf(row->state, sizeof row->state, "%s", muster_state_name(record->state));
    copy_line(row->line, record);
    row->run_s = record->run_s;
    row->status = record->signal ? 128 + record->signal : record->exit;
    row->ok = record->state == MUSTER_STATE_OK;
    row->known = 1;
    return 0;
}

/* A command that never reached its host has no host in its record: the list still knows. */
static int take_host(const muster_command_info *info, void *arg)
{
    struct table *table = arg;
    struct row *row = &table->rows[info->track_id - table->first];
    if (row->host[0] == '\0')
        snprintf(row->host, sizeof row->host, "%s", info->host[0] ? info->host : info->selector);
    return 0;
}

static int print_table(const struct table *table)
{
    int64_t ok = 0;
    printf("%-20s %-10s %6s %8s  %s\n", "HOST", "STATE", "STATUS", "TIME", "OUTPUT");
    for (int64_t i = 0; i < table->count; i++) {
        const struct row *row = &table->rows[i];
        printf("%-20s %-10s %6d %7.2fs  %s\n", row->host, row->known ? row->state : "unknown",
               row->status, row->run_s, row->line);
        ok += row->ok;
    }
    printf("%lld of %lld hosts ok\n", (long long)ok, (long long)table->count);
    return ok == table->count ? 0 : 1;
}

static int fail(const muster_pool *pool, const char *what)
{
    fprintf(stderr, "fan_out: %s: %s\n", what, muster_error(pool)->text);
    return 2;
}

static int fan_out(muster_pool *pool, const muster_command *command)
{
    struct table table = {.rows = NULL};
    int64_t batch = muster_submit_batch(pool, command, &table.first, &table.count);
    if (batch < 0)
        return fail(pool, "submit");
    int64_t *ids = calloc((size_t)table.count + 1, sizeof *ids);
    table.rows = calloc((size_t)table.count + 1, sizeof *table.rows);
    int status = 2;
    if (ids && table.rows) {
        int64_t last = table.first + table.count - 1;
        for (int64_t i = 0; i < table.count; i++)
            ids[i] = table.first + i;
        if (muster_wait(pool, ids, (size_t)table.count, -1, 0, take_record, &table) != 0)
            status = fail(pool, "waiting");
        else if (muster_list(pool, table.first, last, ~0u, 0, take_host, &table) < 0)
            status = fail(pool, "list");
        else
            status = print_table(&table);
    }
    free(ids);
    free(table.rows);
    return status;
}

int main(int argc, char **argv)
{
    int dashes = 1;
    while (dashes < argc && strcmp(argv[dashes], "--") != 0)
        dashes++;
    if (dashes > 2 || dashes + 1 >= argc) {
        fprintf(stderr, "usage: fan_out [SELECTOR] -- PROGRAM [ARGUMENT]...\n");
        return 2;
    }
    muster_pool *pool = NULL;
    if (muster_pool_open(&pool, NULL, NULL) != 0)
        return fail(NULL, "no pool");
    muster_command *command = muster_command_exec((const char *const *)(argv + dashes + 1));
    muster_command_set_selector(command, dashes == 2 ? argv[1] : NULL);
    muster_command_set_each(command, 1);
    int status = fan_out(pool, command);
    muster_command_free(command);
    muster_pool_close(&pool);
    return status;
}
