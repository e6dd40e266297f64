/* What the verbs print as JSON, schema by schema. Fields are only ever added.
 *
 * Not responsible for arrays and lines around the objects: see emit.c. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/json.h"

bool json_has_exit(const muster_record *record)
{
    if (strcmp(record->function, "exec") != 0 || record->start_wall_ns == 0 ||
        record->signal != 0) {
        return false;
    }
    switch (record->state) {
    case MUSTER_STATE_OK:
    case MUSTER_FAILED:
    case MUSTER_TIMEOUT:
    case MUSTER_STALLED:
    case MUSTER_SKIPPED:
    case MUSTER_CANCELLED:
        return true;
    default:
        return false;
    }
}

static void field_text_or_null(struct buffer *buffer, const char *key, const char *text)
{
    json_field_text(buffer, key, text != NULL && text[0] != '\0' ? text : NULL);
}

static void field_batch(struct buffer *buffer, int64_t batch)
{
    char name[24];
    snprintf(name, sizeof name, "B%lld", (long long)batch);
    json_field_text(buffer, "batch", batch != 0 ? name : NULL);
}

/* Where the middle of a text was left out, a character may have been cut in two: the pieces of it
 * would make the whole text unreadable, so they are left out as well. */
static size_t whole_characters(const char *data, size_t size)
{
    size_t whole = bytes_utf8_prefix(bytes_of(data, size));
    return size - whole < 4 ? whole : size;
}

static size_t skip_continuation(const char *data, size_t size)
{
    size_t skip = 0;
    while (skip < size && skip < 3 && ((unsigned char)data[skip] & 0xc0u) == 0x80u) {
        skip++;
    }
    return skip;
}

static void field_output(struct buffer *buffer, const char *key, const muster_output *output)
{
    size_t kept = output->head_size + output->tail_size;
    json_key(buffer, key);
    json_open(buffer, '{');
    json_field_int(buffer, "bytes", (int64_t)output->total);
    if (output->total == 0 && kept == 0) {
        json_close(buffer, '}');
        return;
    }
    if (output->total > kept && output->tail_size > 0) {
        size_t head_size = whole_characters(output->head, output->head_size);
        size_t skip = skip_continuation(output->tail, output->tail_size);
        json_field_int(buffer, "kept", (int64_t)(head_size + output->tail_size - skip));
        json_field_bytes(buffer, "text", output->head, head_size);
        json_field_bytes(buffer, "tail", output->tail + skip, output->tail_size - skip);
    } else {
        struct buffer whole = BUFFER_EMPTY;
        buffer_append(&whole, output->head, output->head_size);
        buffer_append(&whole, output->tail, output->tail_size);
        json_field_int(buffer, "kept", (int64_t)kept);
        json_field_bytes(buffer, "text", whole.data, whole.size);
        buffer_done(&whole);
    }
    if (output->incomplete) {
        json_field_bool(buffer, "incomplete", true);
    }
    json_close(buffer, '}');
}

static void field_trace_back(struct buffer *buffer, const char *trace_back)
{
    json_key(buffer, "trace_back");
    json_open(buffer, '[');
    for (const char *line = trace_back; line != NULL && *line != '\0';) {
        size_t size = strcspn(line, "\n");
        struct buffer copy = BUFFER_EMPTY;
        buffer_append(&copy, line, size);
        json_text(buffer, buffer_str(&copy));
        buffer_done(&copy);
        line += size + (line[size] == '\n' ? 1 : 0);
    }
    json_close(buffer, ']');
}

static void field_error(struct buffer *buffer, const muster_record *record)
{
    json_key(buffer, "error");
    if (record->error_type == NULL) {
        json_null(buffer);
        return;
    }
    json_open(buffer, '{');
    json_field_text(buffer, "type", record->error_type);
    json_field_text(buffer, "message", record->error_message);
    json_field_int(buffer, "code", record->error_code);
    field_trace_back(buffer, record->trace_back);
    json_close(buffer, '}');
}

static void field_value(struct buffer *buffer, const char *key, const muster_value *value)
{
    json_key(buffer, key);
    json_value(buffer, value);
}

/* What was asked for, where it came with the record. */
static void fields_asked(struct buffer *buffer, const char *const *argv, const muster_value *args,
                         const muster_value *kwargs, const char *label)
{
    if (argv != NULL) {
        json_field_argv(buffer, "argv", argv);
    }
    if (muster_value_count(args) > 0) {
        field_value(buffer, "args", args);
    }
    if (muster_value_count(kwargs) > 0) {
        field_value(buffer, "kwargs", kwargs);
    }
    if (label != NULL && label[0] != '\0') {
        json_field_text(buffer, "label", label);
    }
}

static void fields_times(struct buffer *buffer, const muster_record *record)
{
    json_field_time(buffer, "submitted", record->submitted_wall_ns);
    json_field_time(buffer, "start_time", record->start_wall_ns);
    json_field_time(buffer, "stop_time", record->start_wall_ns != 0 ? record->stop_wall_ns : 0);
    json_field_seconds(buffer, "waited_s", record->waited_s);
    json_field_seconds(buffer, "run_s", record->run_s);
    json_field_seconds(buffer, "throttled_s", record->throttled_s);
    json_field_seconds(buffer, "skew_ms", record->skew_ms);
    json_key(buffer, "rusage");
    json_open(buffer, '{');
    json_field_seconds(buffer, "utime_s", record->utime_s);
    json_field_seconds(buffer, "stime_s", record->stime_s);
    json_field_int(buffer, "maxrss_kb", record->maxrss_kb);
    json_close(buffer, '}');
}

void json_record(struct buffer *buffer, const char *pool, const muster_record *record)
{
    json_open(buffer, '{');
    json_field_text(buffer, "schema", "muster.record/1");
    json_field_text(buffer, "pool", pool);
    json_field_int(buffer, "track_id", record->track_id);
    json_field_int(buffer, "pos", record->pos);
    field_batch(buffer, record->batch);
    json_field_int(buffer, "attempt", record->attempt);
    json_field_text(buffer, "state", muster_state_name(record->state));
    json_field_text(buffer, "function", record->function);
    fields_asked(buffer, record->argv, record->args, record->kwargs, record->label);
    json_key(buffer, "exit");
    if (json_has_exit(record)) {
        json_int(buffer, record->exit);
    } else {
        json_null(buffer);
    }
    json_key(buffer, "signal");
    if (record->signal != 0) {
        json_int(buffer, record->signal);
    } else {
        json_null(buffer);
    }
    field_text_or_null(buffer, "reason", record->reason);
    field_text_or_null(buffer, "warn", record->warning);
    field_text_or_null(buffer, "host", record->host);
    field_text_or_null(buffer, "worker", record->worker);
    json_field_int(buffer, "slot", record->slot);
    json_field_int(buffer, "pid", record->pid);
    field_text_or_null(buffer, "log_prefix", record->log_prefix);
    fields_times(buffer, record);
    field_output(buffer, "stdout", &record->out);
    field_output(buffer, "stderr", &record->err);
    json_field_int(buffer, "tries", record->tries);
    field_value(buffer, "result", record->result);
    field_error(buffer, record);
    json_field_int(buffer, "crc", record->crc);
    json_close(buffer, '}');
}

void json_command(struct buffer *buffer, const char *pool, const muster_command_info *info)
{
    json_open(buffer, '{');
    json_field_text(buffer, "schema", "muster.command/1");
    json_field_text(buffer, "pool", pool);
    json_field_int(buffer, "track_id", info->track_id);
    json_key(buffer, "pos");
    if (info->pos != 0) {
        json_int(buffer, info->pos);
    } else {
        json_null(buffer);
    }
    field_batch(buffer, info->batch);
    json_field_text(buffer, "state", muster_state_name(info->state));
    field_text_or_null(buffer, "why", info->why);
    json_field_text(buffer, "function", info->function);
    fields_asked(buffer, info->argv, info->args, info->kwargs, info->label);
    field_text_or_null(buffer, "selector", info->selector);
    field_text_or_null(buffer, "host", info->host);
    json_field_int(buffer, "attempt", info->attempt);
    json_field_int(buffer, "starts", info->starts);
    json_field_int(buffer, "priority", info->priority);
    json_field_time(buffer, "submitted", info->submitted_wall_ns);
    json_field_time(buffer, "since", info->since_wall_ns);
    json_field_seconds(buffer, "age_s", info->age_s);
    json_field_seconds(buffer, "run_s", info->run_s);
    json_close(buffer, '}');
}

static void field_words(struct buffer *buffer, const char *key, const char *const *words)
{
    static const char *const none[] = {NULL};
    json_field_argv(buffer, key, words != NULL ? words : none);
}

void json_host(struct buffer *buffer, const muster_host_info *host)
{
    json_open(buffer, '{');
    json_field_text(buffer, "schema", "muster.host/1");
    json_field_text(buffer, "host", host->host);
    json_field_text(buffer, "worker", host->worker);
    json_field_bool(buffer, "present", host->present != 0);
    json_field_bool(buffer, "draining", host->draining != 0);
    json_field_int(buffer, "slots", host->slots);
    json_field_int(buffer, "running", host->running);
    field_words(buffer, "labels", host->labels);
    field_words(buffer, "functions", host->functions);
    field_text_or_null(buffer, "version", host->version);
    field_text_or_null(buffer, "tree_kill", host->tree_kill);
    json_field_time(buffer, "seen", host->seen_wall_ns);
    json_field_seconds(buffer, "skew_ms", host->skew_ms);
    json_key(buffer, "round_trip_ms");
    if (host->round_trip_ms < 0) {
        json_null(buffer);
    } else {
        json_double(buffer, host->round_trip_ms);
    }
    json_close(buffer, '}');
}

static void field_spread(struct buffer *buffer, const char *key, const muster_spread *spread)
{
    json_key(buffer, key);
    json_open(buffer, '{');
    json_field_seconds(buffer, "avg", spread->avg);
    json_field_seconds(buffer, "max", spread->max);
    json_field_seconds(buffer, "min", spread->min);
    json_field_seconds(buffer, "p50", spread->p50);
    json_field_seconds(buffer, "p90", spread->p90);
    json_field_seconds(buffer, "p99", spread->p99);
    json_close(buffer, '}');
}

static void field_usage(struct buffer *buffer, const muster_stats *stats)
{
    json_key(buffer, "pool_usage");
    json_open(buffer, '{');
    for (size_t i = 0; i < stats->n_pool_usage; i++) {
        json_field_int(buffer, stats->pool_usage[i].log_prefix, stats->pool_usage[i].count);
    }
    json_close(buffer, '}');
}

void json_stats(struct buffer *buffer, const char *pool, const muster_stats *stats)
{
    json_open(buffer, '{');
    json_field_text(buffer, "schema", "muster.stats/1");
    json_field_text(buffer, "pool", pool);
    json_field_int(buffer, "count", stats->count);
    field_spread(buffer, "time", &stats->time);
    field_spread(buffer, "throttle", &stats->throttle);
    field_spread(buffer, "waited", &stats->waited);
    field_usage(buffer, stats);
    json_field_int(buffer, "peak_in_queue", stats->peak_in_queue);
    json_field_int(buffer, "submitted", stats->submitted);
    json_field_int(buffer, "held", stats->held);
    json_field_int(buffer, "queued", stats->queued);
    json_field_int(buffer, "running", stats->running);
    json_key(buffer, "ended");
    json_open(buffer, '{');
    for (int state = MUSTER_STATE_OK; state <= MUSTER_REJECTED; state++) {
        json_field_int(buffer, muster_state_name(state), stats->ended[state]);
    }
    json_close(buffer, '}');
    json_field_int(buffer, "final_to", stats->final_to);
    json_field_int(buffer, "ok_to", stats->ok_to);
    json_field_int(buffer, "head", stats->head);
    json_field_int(buffer, "oldest", stats->oldest);
    json_field_int(buffer, "hosts", stats->hosts);
    json_field_int(buffer, "slots", stats->slots);
    json_field_bool(buffer, "insecure", stats->insecure != 0);
    json_field_bool(buffer, "disk_low", stats->disk_low != 0);
    json_field_int(buffer, "disk_free", stats->disk_free);
    json_field_seconds(buffer, "uptime_s", stats->uptime_s);
    json_field_text(buffer, "version", stats->broker_version);
    json_close(buffer, '}');
}
