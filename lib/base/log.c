/* Log lines: each is built on the stack and written by one write(), so that lines of several
 * processes on one pipe do not mix. Whatever a caller passes, a line stays one line. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/time.h"

enum { QUOTES = 8, QUOTED_MAX = 96, QUOTED_TEXT_MAX = QUOTED_MAX * 4 + 8 };

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *log_program = "muster";
static enum log_level log_least = LEVEL_INFO;

void log_init(const char *program, enum log_level level)
{
    log_program = program;
    log_least = level;
}

int log_parse_level(const char *text, enum log_level *ret_level)
{
    for (int i = LEVEL_DEBUG; i <= LEVEL_ERROR; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

bool log_is_on(enum log_level level)
{
    return level >= log_least;
}

/* Ends the line at `size` (cut when it was longer) and writes it. */
static void emit(char *line, size_t size)
{
    if (size > LOG_LINE_MAX - 1)
        size = LOG_LINE_MAX - 1;
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = ' ';
    }
    line[size++] = '\n';
    ssize_t n;
    do
        n = write(STDERR_FILENO, line, size);
    while (n < 0 && errno == EINTR);
}

static size_t append_head(char line[LOG_LINE_MAX], enum log_level level, const char *event)
{
    char now[TIME_TEXT_MAX];
    time_format_iso(now, time_wall_ns());
    int n = snprintf(line, LOG_LINE_MAX, "ts=%s level=%s prog=%s event=%s", now, level_names[level],
                     log_program, event);
    return n < 0 ? 0 : n < LOG_LINE_MAX ? (size_t)n : LOG_LINE_MAX - 1;
}

void log_event(enum log_level level, const char *event, const char *fields, ...)
{
    if (!log_is_on(level))
        return;
    int saved = errno;
    char line[LOG_LINE_MAX];
    size_t size = append_head(line, level, event);
    if (size < LOG_LINE_MAX - 1) {
        line[size++] = ' ';
        va_list args;
        va_start(args, fields);
        int n = vsnprintf(line + size, LOG_LINE_MAX - size, fields, args);
        va_end(args);
        if (n > 0)
            size += (size_t)n;
    }
    emit(line, size);
    errno = saved;
}

void log_note(enum log_level level, const char *event)
{
    if (!log_is_on(level))
        return;
    int saved = errno;
    char line[LOG_LINE_MAX];
    emit(line, append_head(line, level, event));
    errno = saved;
}

/* The next of the thread's texts, overwritten in turn. */
static char *next_quote(void)
{
    static _Thread_local char quotes[QUOTES][QUOTED_TEXT_MAX];
    static _Thread_local unsigned next;
    return quotes[next++ % QUOTES];
}

const char *log_quote(struct bytes bytes)
{
    char *quote = next_quote();
    int saved = errno;
    struct buffer buffer;
    buffer_init(&buffer, QUOTED_TEXT_MAX - 1);
    if (text_append_quoted(&buffer, bytes, QUOTED_MAX) == 0)
        memcpy(quote, buffer.data, buffer.size + 1);
    else
        snprintf(quote, QUOTED_TEXT_MAX, "\"?\"");
    buffer_done(&buffer);
    errno = saved;
    return quote;
}

const char *log_quote_str(const char *text)
{
    return log_quote(bytes_of_str(text));
}

const char *log_errno(int error)
{
    char *quote = next_quote();
    int number = abs(error);
    const char *name = strerrorname_np(number);
    const char *text = strerrordesc_np(number);
    if (name && text)
        snprintf(quote, QUOTED_TEXT_MAX, "\"%s (%s)\"", name, text);
    else
        snprintf(quote, QUOTED_TEXT_MAX, "\"errno %d\"", number);
    return quote;
}
