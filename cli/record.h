/* Records for people and for programs: one line, the output of the command, or JSON. */
#ifndef CLI_RECORD_H
#define CLI_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include <muster.h>

#include "base/buffer.h"

/* What there is to say about an end besides its state: "exit 1   pg_dump: error: …", the last line
 * of its stderr being part of it where that is wanted. */
void record_append_what(struct buffer *line, const muster_record *record, bool with_stderr);

/* "db1  failed  exit 1   pg_dump: error: connection refused", without a line end. */
void record_append_line(struct buffer *line, const muster_record *record, size_t host_width,
                        bool color);

/* Its stdout to stdout, its stderr to stderr, as far as they were kept. `prefix` (NULL: none)
 * stands before every line. */
void record_print_output(const muster_record *record, const char *prefix);

/* JSON on stdout: emit_begin, any number of emit_record, emit_end. With --json several records
 * become an array and one an object; with --jsonl each is a line. */
struct emit {
    const char *pool;
    bool is_array;
    size_t count;
};

/* True when --json or --jsonl was given. */
bool emit_is_wanted(void);
void emit_begin(struct emit *emit, const char *pool, bool is_several);
void emit_record(struct emit *emit, const muster_record *record);
void emit_object(struct emit *emit, const struct buffer *object);
void emit_end(struct emit *emit);

#endif
