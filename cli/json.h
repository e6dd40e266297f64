/* JSON for programs: a small writer, and the schemas of what the verbs print. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <muster.h>

#include "base/buffer.h"

/* The writer. Commas are its business: it looks at what stands before. Errors are the buffer's. */
void json_open(struct buffer *buffer, char bracket);  /* '{' or '[' */
void json_close(struct buffer *buffer, char bracket); /* '}' or ']' */
void json_key(struct buffer *buffer, const char *key);
void json_null(struct buffer *buffer);
void json_bool(struct buffer *buffer, bool value);
void json_int(struct buffer *buffer, int64_t value);
void json_double(struct buffer *buffer, double value);   /* shortest that reads back the same */
void json_text(struct buffer *buffer, const char *text); /* NULL: null */
void json_value(struct buffer *buffer, const muster_value *value);

/* A key and its value. Bytes that are not UTF-8 appear as base64 under "KEY_b64". */
void json_field_text(struct buffer *buffer, const char *key, const char *text); /* NULL: null */
void json_field_bytes(struct buffer *buffer, const char *key, const void *data, size_t size);
void json_field_int(struct buffer *buffer, const char *key, int64_t value);
void json_field_bool(struct buffer *buffer, const char *key, bool value);
void json_field_null(struct buffer *buffer, const char *key);
void json_field_seconds(struct buffer *buffer, const char *key, double seconds);
void json_field_time(struct buffer *buffer, const char *key, int64_t wall_ns); /* 0: null */
void json_field_argv(struct buffer *buffer, const char *key, const char *const *argv);

/* Schema muster.record/1, muster.command/1, muster.host/1, muster.stats/1: one object each. */
void json_record(struct buffer *buffer, const char *pool, const muster_record *record);
void json_command(struct buffer *buffer, const char *pool, const muster_command_info *info);
void json_host(struct buffer *buffer, const muster_host_info *host);
void json_stats(struct buffer *buffer, const char *pool, const muster_stats *stats);

/* A command has an exit status of its own: it was an argv, was started and was not ended by a
 * signal. */
bool json_has_exit(const muster_record *record);

#endif
