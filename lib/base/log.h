/* Events for operators: one logfmt line each, to stderr. Only the shells log.
 *
 *   ts=2026-11-22T20:01:02.113Z level=info prog=muster-broker event=worker_hello host=db1 slots=4
 *
 * Event names and field names are words of [a-z0-9_]. Never one line per command at info. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/bytes.h"

enum log_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR };

enum { LOG_LINE_MAX = 4096 }; /* a longer line is cut */

/* `program` is kept, not copied. Before it, the level is LEVEL_INFO and the program "muster". */
void log_init(const char *program, enum log_level level);

/* "debug" "info" "warn" "error": 0 or -EINVAL. */
int log_parse_level(const char *text, enum log_level *ret_level);

/* To skip work that only a line of this level needs. */
bool log_is_on(enum log_level level);

/* Fields as one printf format: log_event(LEVEL_INFO, "worker_hello", "host=%s slots=%u", …).
 * Strings from peers or users go through log_quote. errno is left as it was. */
void log_event(enum log_level level, const char *event, const char *fields, ...)
    __attribute__((format(printf, 3, 4)));

/* An event without fields. */
void log_note(enum log_level level, const char *event);

/* The bytes quoted and cut to 96, ready for "%s". Valid until the eighth further call in the same
 * thread: use it only as an argument of log_event. */
const char *log_quote(struct bytes bytes);
const char *log_quote_str(const char *text);

/* "ENOENT (No such file or directory)", quoted; takes errno or negative errno. Validity as above.
 */
const char *log_errno(int error);

#endif
