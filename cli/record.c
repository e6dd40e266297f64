/* How a final record is shown.
 *
 * Responsible for the words and the order of the bytes; not for when something is shown. */
#include "cli/record.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/json.h"
#include "cli/listing.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "cli/table.h"

enum { STATE_WIDTH = 9, ERROR_LINE_MAX = 160 };

/* "exit 1", "signal 9", "after 5s", or how long and how much for a good end. */
static void append_outcome(struct buffer *line, const muster_record *record)
{
    char text[TIME_TEXT_MAX], size[TEXT_SIZE_MAX];
    time_format_duration(text, listing_ns(record->run_s));
    switch (record->state) {
    case MUSTER_STATE_OK:
        buffer_append_str(line, text);
        if (record->out.total > 0) {
            text_format_size(size, record->out.total);
            buffer_printf(line, "   out %s", size);
        }
        break;
    case MUSTER_FAILED:
        if (json_has_exit(record)) {
            buffer_printf(line, "exit %d", record->exit);
        } else {
            buffer_printf(line, "after %s", text);
        }
        break;
    case MUSTER_SIGNALED:
        buffer_printf(line, "signal %d", record->signal);
        break;
    case MUSTER_TIMEOUT:
    case MUSTER_STALLED:
        buffer_printf(line, "after %s", text);
        break;
    default:
        break;
    }
}

/* The last line that a stream ended with: where tools write what went wrong. */
static void append_last_line(struct buffer *line, const muster_output *output)
{
    const char *data = output->tail_size > 0 ? output->tail : output->head;
    size_t size = output->tail_size > 0 ? output->tail_size : output->head_size;
    while (size > 0 && (data[size - 1] == '\n' || data[size - 1] == '\r')) {
        size--;
    }
    size_t start = size;
    while (start > 0 && data[start - 1] != '\n') {
        start--;
    }
    size -= start;
    if (size > ERROR_LINE_MAX) {
        size = ERROR_LINE_MAX;
    }
    for (size_t i = 0; i < size; i++) {
        char c = data[start + i];
        buffer_append_char(line, (unsigned char)c < 0x20 || c == 0x7f ? '?' : c);
    }
}

static void append_cause(struct buffer *line, const muster_record *record, bool with_stderr)
{
    if (record->error_message != NULL && record->error_message[0] != '\0') {
        buffer_append(line, record->error_message, strcspn(record->error_message, "\n"));
    } else if (record->err.head_size > 0 && record->state == MUSTER_FAILED) {
        if (with_stderr) {
            append_last_line(line, &record->err);
        }
    } else if (record->reason != NULL) {
        buffer_append_str(line, record->reason);
    }
}

void record_append_what(struct buffer *line, const muster_record *record, bool with_stderr)
{
    size_t before = line->size;
    append_outcome(line, record);
    if (record->state != MUSTER_STATE_OK) {
        size_t outcome = line->size;
        buffer_append_str(line, outcome > before ? "   " : "");
        size_t gap = line->size;
        append_cause(line, record, with_stderr);
        if (line->size == gap) {
            buffer_truncate(line, outcome);
        }
    } else if (record->warning != NULL && record->warning[0] != '\0') {
        buffer_printf(line, "   warning: %s", record->warning);
    }
}

static void append_padded(struct buffer *line, const char *text, size_t width)
{
    buffer_append_str(line, text);
    for (size_t shown = table_text_width(text); shown < width; shown++) {
        buffer_append_char(line, ' ');
    }
}

void record_append_line(struct buffer *line, const muster_record *record, size_t host_width,
                        bool color)
{
    const char *host = record->host != NULL && record->host[0] != '\0' ? record->host : "-";
    const char *start = color ? table_state_color(record->state) : "";
    append_padded(line, host, host_width);
    buffer_append_str(line, "  ");
    buffer_append_str(line, start);
    append_padded(line, muster_state_name(record->state), STATE_WIDTH);
    buffer_append_str(line, start[0] != '\0' ? TABLE_COLOR_END : "");
    buffer_append_str(line, " ");
    record_append_what(line, record, true);
    while (line->size > 0 && line->data[line->size - 1] == ' ') {
        buffer_truncate(line, line->size - 1);
    }
}

static void print_lines(FILE *stream, const char *prefix, const char *data, size_t size)
{
    while (size > 0) {
        const char *end = memchr(data, '\n', size);
        size_t line_size = end != NULL ? (size_t)(end - data) + 1 : size;
        fputs(prefix, stream);
        fwrite(data, 1, line_size, stream);
        if (end == NULL) {
            putc('\n', stream);
        }
        data += line_size;
        size -= line_size;
    }
}

static void print_stream(FILE *stream, const char *prefix, const muster_output *output)
{
    if (output->head_size + output->tail_size == 0) {
        return;
    }
    if (prefix == NULL) {
        fwrite(output->head, 1, output->head_size, stream);
        fwrite(output->tail, 1, output->tail_size, stream);
    } else {
        /* A line may begin in the head and end in the tail: they are one text unless bytes between
         * them are gone. */
        struct buffer whole = BUFFER_EMPTY;
        buffer_append(&whole, output->head, output->head_size);
        buffer_append(&whole, output->tail, output->tail_size);
        print_lines(stream, prefix, buffer_str(&whole), whole.size);
        buffer_done(&whole);
    }
    fflush(stream);
}

static void tell_missing(const muster_record *record, const char *name, const muster_output *output)
{
    uint64_t kept = output->head_size + output->tail_size;
    if (output->total > kept) {
        char missing[TEXT_SIZE_MAX];
        text_format_size(missing, output->total - kept);
        say("%lld: %s in the middle of its %s were not kept", (long long)record->track_id, missing,
            name);
    }
    if (output->incomplete) {
        say("%lld: another process still held its %s open when it had ended: it may be cut",
            (long long)record->track_id, name);
    }
}

void record_print_output(const muster_record *record, const char *prefix)
{
    progress_hide();
    print_stream(stdout, prefix, &record->out);
    print_stream(stderr, prefix, &record->err);
    tell_missing(record, "stdout", &record->out);
    tell_missing(record, "stderr", &record->err);
}

bool emit_is_wanted(void)
{
    return globals.json || globals.jsonl;
}

void emit_begin(struct emit *emit, const char *pool, bool is_several)
{
    *emit = (struct emit){.pool = pool, .is_array = globals.json && is_several};
    if (emit->is_array) {
        putchar('[');
    }
}

void emit_object(struct emit *emit, const struct buffer *object)
{
    progress_hide();
    if (object->failed) {
        (void)say_no_memory();
        return;
    }
    if (emit->is_array) {
        fputs(emit->count > 0 ? ",\n" : "\n", stdout);
    }
    fwrite(buffer_str(object), 1, object->size, stdout);
    if (!emit->is_array) {
        putchar('\n');
    }
    fflush(stdout);
    emit->count++;
}

void emit_record(struct emit *emit, const muster_record *record)
{
    struct buffer object = BUFFER_EMPTY;
    json_record(&object, emit->pool, record);
    emit_object(emit, &object);
    buffer_done(&object);
}

void emit_end(struct emit *emit)
{
    if (emit->is_array) {
        fputs(emit->count > 0 ? "\n]\n" : "]\n", stdout);
    }
    fflush(stdout);
}
