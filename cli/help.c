/* Help pages. Every word of them comes from a table that also makes the parser work. */
#include "cli/help.h"

#include <errno.h>

#include "cli/exit.h"
#include "cli/options.h"

static int print(FILE *out, struct buffer *page)
{
    int rc = page->failed ? -ENOMEM : 0;
    if (rc == 0) {
        fwrite(buffer_str(page), 1, page->size, out);
    }
    buffer_done(page);
    return rc;
}

int help_overview(FILE *out)
{
    struct buffer page = BUFFER_EMPTY;
    buffer_append_str(&page, "Usage: muster [OPTION…] VERB …\n\n"
                             "Run commands on many hosts and know, truthfully, what became of "
                             "each.\n\nVerbs:\n");
    for (const struct verb *const *verb = verbs; *verb != NULL; verb++) {
        buffer_printf(&page, "  %-10s%s\n", (*verb)->name, (*verb)->summary);
    }
    buffer_append_char(&page, '\n');
    opt_append_help(&page, options_global, 0);
    buffer_append_str(&page,
                      "\nFirst steps:\n"
                      "  muster up\n"
                      "  muster run -- hostname\n"
                      "  muster put backup.tar --url file:///srv/store\n"
                      "  muster stats\n\n"
                      "muster VERB --help tells more about a verb, man muster everything.\n");
    return print(out, &page);
}

/* Paragraphs are separated by an empty line; the wrapping works on one at a time. */
static void append_paragraphs(struct buffer *page, const char *text)
{
    while (*text != '\0') {
        struct buffer paragraph = BUFFER_EMPTY;
        size_t size = 0;
        while (text[size] != '\0' && !(text[size] == '\n' && text[size + 1] == '\n')) {
            size++;
        }
        buffer_append(&paragraph, text, size);
        opt_append_wrapped(page, buffer_str(&paragraph), 0, 0);
        buffer_done(&paragraph);
        text += size;
        while (*text == '\n') {
            text++;
        }
        if (*text != '\0') {
            buffer_append_char(page, '\n');
        }
    }
}

static void append_exits(struct buffer *page, enum verb_exits exits)
{
    buffer_append_str(page, "\nExit status:\n");
    if (exits != VERB_EXITS_COMMANDS) {
        buffer_append_str(page, "    0      done\n");
        if (exits == VERB_EXITS_WAITING) {
            buffer_append_str(page, "    124    the time-out passed, the work goes on\n");
        }
        buffer_append_str(page, "    125    usage, connection, refused\n");
        return;
    }
    buffer_append_str(page, "  for one command\n");
    for (size_t i = 0; i < exit_row_count; i++) {
        if (exit_rows[i].shown_one != NULL) {
            buffer_printf(page, "    %-7s%s\n", exit_rows[i].shown_one, exit_rows[i].one);
        }
    }
    buffer_append_str(page, "  for several; the worst wins: 1, then 2, then 3\n");
    for (size_t i = 0; i < exit_row_count; i++) {
        if (exit_rows[i].shown_several != NULL) {
            buffer_printf(page, "    %-7s%s\n", exit_rows[i].shown_several, exit_rows[i].several);
        }
    }
}

int help_verb(FILE *out, const struct verb *verb, const struct opt_spec *table)
{
    struct buffer page = BUFFER_EMPTY;
    const char *lead = "Usage:";
    for (const char *const *line = verb->usage; *line != NULL; line++) {
        buffer_printf(&page, "%s muster %s%s%s\n", lead, verb->name, (*line)[0] != '\0' ? " " : "",
                      *line);
        lead = "      ";
    }
    buffer_append_char(&page, '\n');
    append_paragraphs(&page, verb->about);
    buffer_append_char(&page, '\n');
    opt_append_help(&page, table, 0);
    buffer_append_str(&page, "\nExamples:\n");
    for (const char *const *line = verb->examples; *line != NULL; line++) {
        buffer_printf(&page, "  %s\n", *line);
    }
    append_exits(&page, verb->exits);
    return print(out, &page);
}
