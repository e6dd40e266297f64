/* One voice for all messages to people. */
#include "cli/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/progress.h"

/* One write per message, so that those of several processes do not mix within a line. */
__attribute__((format(printf, 2, 0))) static void speak(const char *verb, const char *format,
                                                        va_list args)
{
    struct buffer line = BUFFER_EMPTY;
    buffer_append_str(&line, "muster");
    if (verb != NULL) {
        buffer_printf(&line, " %s", verb);
    }
    buffer_append_str(&line, ": ");
    buffer_vprintf(&line, format, args);
    buffer_append_char(&line, '\n');
    if (verb != NULL) {
        buffer_printf(&line, "Try: muster %s --help\n", verb);
    }
    progress_hide();
    fwrite(buffer_str(&line), 1, line.size, stderr);
    fflush(stderr);
    buffer_done(&line);
}

void say(const char *format, ...)
{
    va_list args;
    if (globals.quiet) {
        return;
    }
    va_start(args, format);
    speak(NULL, format, args);
    va_end(args);
}

int say_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    speak(NULL, format, args);
    va_end(args);
    return EXIT_OURS;
}

int say_usage(const char *verb, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    speak(verb, format, args);
    va_end(args);
    return EXIT_OURS;
}

int say_failed(const muster_pool *pool, int64_t code, const char *doing)
{
    const muster_error_info *error = muster_error(pool);
    const char *text = error != NULL && error->text != NULL ? error->text : "";
    const char *name = muster_code_name((int)code);
    if (text[0] == '\0') {
        text = "no details are known";
    }
    say_error("cannot %s: %s (%s)", doing, text, name);
    return exit_of_error((int)code);
}

int say_no_memory(void)
{
    return say_error("out of memory");
}
