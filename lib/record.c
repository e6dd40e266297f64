/*
 * Rows → muster_record. Spans of the message become NUL-terminated texts in an arena, flat tokens
 * become trees, numbers their public units. Nothing is decided here.
 */
#include "record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/state.h"
#include "proto/wire.h"
#include "value.h"

const char *record_text(struct bytes from, struct arena *arena)
{
    struct bytes copy;
    return arena_copy(arena, from, &copy) ? (const char *)copy.data : NULL;
}

const char *const *record_texts(const struct bytes *from, uint32_t n, struct arena *arena)
{
    const char **texts = arena_zalloc(arena, (size_t)n + 1, sizeof *texts);
    for (uint32_t i = 0; texts && i < n; i++) {
        texts[i] = record_text(from[i], arena);
        if (!texts[i])
            return NULL;
    }
    return texts;
}

static double seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

/* "db1/2: " */
static const char *log_prefix(const struct wire_row *row, struct arena *arena)
{
    if (row->host.size == 0)
        return "";
    size_t size = row->host.size + 16;
    char *prefix = arena_alloc(arena, size);
    if (prefix)
        snprintf(prefix, size, "%.*s/%u: ", (int)row->host.size, (const char *)row->host.data,
                 (unsigned)row->slot);
    return prefix;
}

static const char *reason(const struct wire_row *row, struct arena *arena)
{
    if (row->why.size)
        return record_text(row->why, arena);
    return reason_text((enum reason)row->reason);
}

/* The head: what the broker itself knows. */
static int build_head(const struct wire_row *row, struct arena *arena, muster_record *record)
{
    *record = (muster_record){
        .size = sizeof *record,
        .pos = (int64_t)row->pos,
        .track_id = (int64_t)row->track_id,
        .batch = (int64_t)row->batch,
        .state = (int)row->state,
        .attempt = (int)row->attempt,
        .exit = row->exit,
        .signal = (int)row->signal,
        .slot = (int)row->slot,
        .pid = row->pid,
        .submitted_wall_ns = row->submitted_wall_ns,
        .start_wall_ns = row->start_wall_ns,
        .stop_wall_ns = row->start_wall_ns ? row->start_wall_ns + row->run_ns : 0,
        .waited_s = seconds(row->waited_ns),
        .run_s = seconds(row->run_ns),
        .throttled_s = seconds(row->throttled_ns),
        .skew_ms = (double)row->skew_ns / 1e6,
        .warning = "",
        .label = "",
        .crc = row->crc,
        .out = {.head = "", .tail = ""},
        .err = {.head = "", .tail = ""},
    };
    record->function = record_text(row->function, arena);
    record->host = record_text(row->host, arena);
    record->worker = record_text(row->worker, arena);
    record->log_prefix = log_prefix(row, arena);
    record->reason = reason(row, arena);
    bool complete =
        record->function && record->host && record->worker && record->log_prefix && record->reason;
    return complete ? 0 : -ENOMEM;
}

static int build_output(const struct wire_output *from, struct arena *arena, muster_output *output)
{
    output->total = from->total;
    output->head = record_text(from->head, arena);
    output->head_size = from->head.size;
    output->tail = record_text(from->tail, arena);
    output->tail_size = from->tail.size;
    output->incomplete = from->incomplete;
    return output->head && output->tail ? 0 : -ENOMEM;
}

/* The lines of a trace back, one below the other. */
static const char *trace_back(const struct wire_failure *failure, struct arena *arena)
{
    size_t size = 1;
    for (uint32_t i = 0; i < failure->n_trace_back; i++)
        size += failure->trace_back[i].size + 1;
    char *text = arena_alloc(arena, size);
    char *at = text;
    for (uint32_t i = 0; text && i < failure->n_trace_back; i++) {
        struct bytes line = failure->trace_back[i];
        if (line.size)
            memcpy(at, line.data, line.size);
        at += line.size;
        *at++ = '\n';
    }
    if (text)
        *at = '\0';
    return text;
}

static int build_failure(const struct wire_failure *failure, struct arena *arena,
                         muster_record *record)
{
    if (failure->type.size == 0 && failure->message.size == 0 && failure->n_trace_back == 0)
        return 0;
    record->error_type = record_text(failure->type, arena);
    record->error_message = record_text(failure->message, arena);
    record->error_code = (int)failure->code;
    record->trace_back = trace_back(failure, arena);
    return record->error_type && record->error_message && record->trace_back ? 0 : -ENOMEM;
}

static int build_body(const struct wire_record_body *body, struct arena *arena,
                      muster_record *record)
{
    record->utime_s = seconds(body->utime_ns);
    record->stime_s = seconds(body->stime_ns);
    record->maxrss_kb = (int64_t)(body->maxrss_bytes / 1024);
    record->tries = (int)body->tries;
    record->warning = record_text(body->warning, arena);
    int rc = record->warning ? 0 : -ENOMEM;
    if (rc == 0)
        rc = build_output(&body->out, arena, &record->out);
    if (rc == 0)
        rc = build_output(&body->err, arena, &record->err);
    if (rc == 0)
        rc = build_failure(&body->failure, arena, record);
    if (rc == 0)
        rc = value_read_one(body->result, body->n_result, arena, &record->result);
    return rc;
}

static void mark_undecodable(muster_record *record, const char *what)
{
    record->error_type = "muster.undecodable";
    record->error_message = what;
    record->trace_back = "";
}

int record_command_build(struct bytes function, struct bytes packed, struct arena *arena,
                         struct record_command *ret)
{
    struct wire_command_body body;
    struct wire_error fault;
    int rc = wire_command_body_decode(packed, arena, &body, &fault);
    if (rc < 0)
        return rc == -ENOMEM ? rc : -EBADMSG;
    *ret = (struct record_command){.label = record_text(body.label, arena)};
    if (bytes_equal_str(function, "exec")) {
        ret->argv = record_texts(body.argv, body.n_argv, arena);
        if (!ret->argv)
            return -ENOMEM;
    }
    rc = value_read_list(body.args, body.n_args, arena, &ret->args);
    if (rc == 0)
        rc = value_read_map(body.kwargs, body.n_kwargs, arena, &ret->kwargs);
    return rc == 0 && !ret->label ? -ENOMEM : rc;
}

static int build_command(const struct wire_row *row, struct arena *arena, muster_record *record)
{
    struct record_command command;
    int rc = record_command_build(row->function, row->command, arena, &command);
    if (rc == 0) {
        record->argv = command.argv;
        record->args = command.args;
        record->kwargs = command.kwargs;
        record->label = command.label;
    }
    return rc;
}

int record_build(const struct wire_row *row, struct arena *arena, muster_record *ret_record)
{
    int rc = build_head(row, arena, ret_record);
    if (rc < 0)
        return rc;
    struct wire_record_body body;
    struct wire_error fault;
    rc = wire_record_body_decode(row->body, arena, &body, &fault);
    if (rc == -ENOMEM)
        return rc;
    if (rc < 0) {
        const char *what = record_text(bytes_of_str(fault.text), arena);
        mark_undecodable(ret_record, what ? what : "the body of the record");
    } else {
        rc = build_body(&body, arena, ret_record);
        if (rc < 0)
            return rc;
    }
    if (row->command.size == 0)
        return 0;
    rc = build_command(row, arena, ret_record);
    if (rc == -EBADMSG)
        mark_undecodable(ret_record, "the stored command cannot be decoded");
    return rc == -ENOMEM ? rc : 0;
}

void record_build_unreadable(int64_t pos, const char *what, muster_record *ret_record)
{
    *ret_record = (muster_record){
        .size = sizeof *ret_record,
        .pos = pos,
        .function = "",
        .host = "",
        .worker = "",
        .log_prefix = "",
        .reason = "",
        .warning = "",
        .label = "",
        .out = {.head = "", .tail = ""},
        .err = {.head = "", .tail = ""},
    };
    mark_undecodable(ret_record, what);
}
