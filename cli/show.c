/* muster show: everything that is known of a command. */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/broker.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/listing.h"
#include "cli/options.h"
#include "cli/record.h"
#include "cli/say.h"
#include "cli/select.h"
#include "cli/verb.h"

enum { NAME_WIDTH = 12 };

static void field(struct buffer *text, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0') {
        buffer_printf(text, "%-*s", NAME_WIDTH, name);
        /* What came from elsewhere must not move the cursor of a terminal. */
        for (const char *c = value; *c != '\0'; c++) {
            buffer_append_char(text, (unsigned char)*c < 0x20 || *c == 0x7f ? ' ' : *c);
        }
        buffer_append_char(text, '\n');
    }
}

static void field_time(struct buffer *text, const char *name, int64_t wall_ns)
{
    char time[TIME_TEXT_MAX];
    if (wall_ns != 0) {
        time_format_iso(time, wall_ns);
        field(text, name, time);
    }
}

static void field_duration(struct buffer *text, const char *name, double seconds)
{
    char time[TIME_TEXT_MAX];
    time_format_duration(time, listing_ns(seconds));
    field(text, name, time);
}

static void field_number(struct buffer *text, const char *name, int64_t number)
{
    buffer_printf(text, "%-*s%lld\n", NAME_WIDTH, name, (long long)number);
}

static void append_stream(struct buffer *text, const char *name, const muster_output *output)
{
    if (output->total == 0) {
        return;
    }
    char total[TEXT_SIZE_MAX];
    text_format_size(total, output->total);
    buffer_printf(text, "\n%s, %s:\n", name, total);
    buffer_append(text, output->head, output->head_size);
    if (output->total > output->head_size + output->tail_size) {
        text_format_size(total, output->total - output->head_size - output->tail_size);
        buffer_printf(text, "\n… %s were not kept …\n", total);
    }
    buffer_append(text, output->tail, output->tail_size);
    if (text->data[text->size - 1] != '\n') {
        buffer_append_char(text, '\n');
    }
}

static void append_error(struct buffer *text, const muster_record *record)
{
    if (record->error_type == NULL) {
        return;
    }
    buffer_printf(text, "%-*s%s: %s (%d)\n", NAME_WIDTH, "error", record->error_type,
                  record->error_message != NULL ? record->error_message : "", record->error_code);
    if (record->trace_back != NULL && record->trace_back[0] != '\0') {
        buffer_printf(text, "\ntrace back:\n%s\n", record->trace_back);
    }
}

static void append_result(struct buffer *text, const muster_value *result)
{
    if (muster_value_kind(result) != MUSTER_NULL) {
        struct buffer json = BUFFER_EMPTY;
        json_value(&json, result);
        field(text, "result", buffer_str(&json));
        buffer_done(&json);
    }
}

static void append_record(struct buffer *text, const muster_record *record)
{
    struct buffer what = BUFFER_EMPTY;
    listing_append_what(&what, record->function, record->argv, record->args, record->kwargs);
    field_number(text, "command", record->track_id);
    field(text, "what", buffer_str(&what));
    buffer_done(&what);
    field(text, "label", record->label);
    if (record->batch != 0) {
        buffer_printf(text, "%-*sB%lld\n", NAME_WIDTH, "batch", (long long)record->batch);
    }
    field(text, "state", muster_state_name(record->state));
    field(text, "reason", record->reason);
    field(text, "warning", record->warning);
    if (json_has_exit(record)) {
        field_number(text, "exit", record->exit);
    }
    if (record->signal != 0) {
        field_number(text, "signal", record->signal);
    }
    field(text, "host", record->host);
    field(text, "worker", record->worker);
    field_number(text, "attempt", record->attempt);
    field_number(text, "position", record->pos);
    field_time(text, "submitted", record->submitted_wall_ns);
    field_time(text, "started", record->start_wall_ns);
    field_time(text, "ended", record->start_wall_ns != 0 ? record->stop_wall_ns : 0);
    field_duration(text, "waited", record->waited_s);
    field_duration(text, "ran", record->run_s);
    append_result(text, record->result);
    append_error(text, record);
    append_stream(text, "stdout", &record->out);
    append_stream(text, "stderr", &record->err);
}

static void append_info(struct buffer *text, const muster_command_info *info)
{
    struct buffer what = BUFFER_EMPTY;
    listing_append_what(&what, info->function, info->argv, info->args, info->kwargs);
    field_number(text, "command", info->track_id);
    field(text, "what", buffer_str(&what));
    buffer_done(&what);
    field(text, "label", info->label);
    if (info->batch != 0) {
        buffer_printf(text, "%-*sB%lld\n", NAME_WIDTH, "batch", (long long)info->batch);
    }
    field(text, "state", muster_state_name(info->state));
    field(text, "why", info->why);
    field(text, "selector", info->selector);
    field(text, "host", info->host);
    field_number(text, "attempt", info->attempt);
    field_number(text, "priority", info->priority);
    field_time(text, "submitted", info->submitted_wall_ns);
    field_time(text, "since", info->since_wall_ns);
    if (info->state == MUSTER_RUNNING) {
        field_duration(text, "running for", info->run_s);
    }
}

struct shown {
    struct broker *broker;
    struct emit emit;
    int64_t *positions; /* of final commands, looked up once the list is read */
    size_t count, room;
    size_t printed;
    bool failed;
};

static void print(struct shown *shown, struct buffer *text)
{
    if (shown->printed++ > 0) {
        putchar('\n');
    }
    if (text->failed) {
        shown->failed = true;
    }
    fwrite(buffer_str(text), 1, text->size, stdout);
}

/* Final ones are read from the result log afterwards: a request cannot be made inside another. */
static int on_command(const muster_command_info *info, void *arg)
{
    struct shown *shown = arg;
    struct buffer text = BUFFER_EMPTY;
    if (info->pos != 0) {
        if (shown->count == shown->room) {
            size_t room = shown->room == 0 ? 16 : shown->room * 2;
            int64_t *positions = realloc(shown->positions, room * sizeof *positions);
            if (positions == NULL) {
                shown->failed = true;
                return 1;
            }
            shown->positions = positions;
            shown->room = room;
        }
        shown->positions[shown->count++] = info->pos;
        return 0;
    }
    if (emit_is_wanted()) {
        json_command(&text, shown->emit.pool, info);
        emit_object(&shown->emit, &text);
    } else {
        append_info(&text, info);
        print(shown, &text);
    }
    buffer_done(&text);
    return 0;
}

static int on_record(const muster_record *record, void *arg)
{
    struct shown *shown = arg;
    struct buffer text = BUFFER_EMPTY;
    if (emit_is_wanted()) {
        emit_record(&shown->emit, record);
    } else {
        append_record(&text, record);
        print(shown, &text);
    }
    buffer_done(&text);
    return 0;
}

static int show_records(struct shown *shown)
{
    for (size_t i = 0; i < shown->count; i++) {
        int64_t code = muster_results_read(shown->broker->pool, shown->positions[i] - 1, 1, 0,
                                           MUSTER_WITH_COMMAND, on_record, shown, NULL);
        if (code < 0) {
            return say_failed(shown->broker->pool, code, "read the record");
        }
    }
    return EXIT_OK;
}

static int show_all(struct shown *shown, const struct id_set *set)
{
    int64_t code = 0;
    unsigned states = listing_every_state();
    for (size_t i = 0; i < set->range_count && code >= 0; i++) {
        code = muster_list(shown->broker->pool, set->ranges[i].first, set->ranges[i].last, states,
                           0, on_command, shown);
    }
    for (size_t i = 0; i < set->batch_count && code >= 0; i++) {
        code = muster_list(shown->broker->pool, 0, 0, states, set->batches[i], on_command, shown);
    }
    if (shown->failed) {
        return say_no_memory();
    }
    if (code < 0) {
        return say_failed(shown->broker->pool, code, "look at the command");
    }
    int status = show_records(shown);
    if (status == EXIT_OK && shown->printed + shown->emit.count == 0) {
        status = say_error("there is no such command in pool %s: muster ps -a lists them",
                           muster_pool_name(shown->broker->pool));
    }
    return status;
}

static int run(const struct opt_result *args)
{
    struct id_set set = {0};
    struct broker broker;
    struct shown shown = {.broker = &broker};
    if (args->operand_count == 0) {
        return say_usage("show", "which command? Name an id, as in: muster show last");
    }
    int status = select_parse("show", args, &set);
    if (status != 0) {
        return status;
    }
    status = broker_open(BROKER_RUNNING, &broker);
    if (status == 0) {
        status = select_resolve(broker.pool, &set);
        if (status == 0) {
            emit_begin(&shown.emit, muster_pool_name(broker.pool), !ids_is_single(&set));
            status = show_all(&shown, &set);
            if (emit_is_wanted()) {
                emit_end(&shown.emit);
            }
        }
        status = broker_close(&broker, status);
    }
    free(shown.positions);
    ids_done(&set);
    return status;
}

const struct verb verb_show = {
    .name = "show",
    .summary = "show all that is known of a command",
    .usage = (const char *const[]){"[OPTION…] ID…", NULL},
    .about = "Shows what was asked for, its state with the reason, where and when it ran, and what "
             "it wrote, as far as it was kept. ID is a track_id (12), a range (12-20), last, or a "
             "batch (B17).",
    .examples = (const char *const[]){"muster show last", "muster show 12 --json", NULL},
    .exits = VERB_EXITS_PLAIN,
    .run = run};
