/* Help texts made from option tables (declared in opt.h): two columns, wrapped. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/opt.h"
#include "base/text.h"

enum { COLUMNS_DEFAULT = 80, COLUMNS_MIN = 40, COLUMNS_MAX = 120, HELP_COLUMN = 28 };

unsigned opt_columns(void)
{
    struct winsize size;
    uint64_t columns = COLUMNS_DEFAULT;
    const char *variable = getenv("COLUMNS");
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        columns = size.ws_col;
    else if (!variable || text_parse_u64(variable, 1, 10000, &columns) < 0)
        columns = COLUMNS_DEFAULT;
    if (columns < COLUMNS_MIN)
        columns = COLUMNS_MIN;
    return columns > COLUMNS_MAX ? COLUMNS_MAX : (unsigned)columns;
}

/* Columns that the text takes: its characters, taken as one wide each. */
static size_t width_of(const char *text, size_t size)
{
    size_t width = 0;
    for (size_t i = 0; i < size; i++)
        width += ((unsigned char)text[i] & 0xc0) != 0x80;
    return width;
}

static int append_blanks(struct buffer *buffer, size_t count)
{
    return count == 0 ? 0 : buffer_printf(buffer, "%*s", (int)count, "");
}

/* Words of the text from column `at` on; further lines begin at `indent`. A newline in the text
 * stays one. */
static int append_words(struct buffer *buffer, const char *text, size_t at, size_t indent,
                        size_t columns)
{
    int r = 0;
    bool is_first = true;
    while (r == 0 && *text != '\0') {
        size_t size = strcspn(text, " \n");
        size_t width = width_of(text, size);
        if (!is_first && at + 1 + width > columns) {
            r = buffer_append_char(buffer, '\n');
            at = indent;
            is_first = true;
            if (r == 0)
                r = append_blanks(buffer, indent);
        }
        if (r == 0 && !is_first)
            r = buffer_append_char(buffer, ' ');
        if (r == 0)
            r = buffer_append(buffer, text, size);
        at += width + !is_first;
        is_first = false;
        text += size;
        if (r == 0 && *text == '\n') {
            text++;
            r = buffer_append_char(buffer, '\n');
            if (r == 0 && *text != '\0' && *text != '\n')
                r = append_blanks(buffer, indent);
            at = indent;
            is_first = true;
        }
        text += strspn(text, " ");
    }
    return r == 0 ? buffer_append_char(buffer, '\n') : r;
}

int opt_append_wrapped(struct buffer *buffer, const char *text, unsigned indent, unsigned columns)
{
    int r = append_blanks(buffer, indent);
    if (r < 0)
        return r;
    return append_words(buffer, text, indent, indent, columns == 0 ? opt_columns() : columns);
}

static const char *metavar_of(const struct opt_spec *spec)
{
    if (spec->metavar)
        return spec->metavar;
    switch (spec->kind) {
    case OPT_U64:
        return "N";
    case OPT_DURATION:
        return "DURATION";
    case OPT_SIZE:
        return "SIZE";
    case OPT_FLAG:
    case OPT_HEADING:
    case OPT_STRING:
    case OPT_LIST:
    case OPT_CALL:
        break;
    }
    return "VALUE";
}

static int append_option(struct buffer *buffer, const struct opt_spec *spec, unsigned columns)
{
    struct buffer left = BUFFER_EMPTY;
    if (spec->letter != '\0')
        buffer_printf(&left, "  -%c, --%s", spec->letter, spec->name);
    else
        buffer_printf(&left, "      --%s", spec->name);
    if (spec->kind != OPT_FLAG)
        buffer_printf(&left, " %s%s", metavar_of(spec), spec->kind == OPT_LIST ? "…" : "");
    size_t width = width_of(buffer_str(&left), left.size);
    int r = buffer_append_bytes(buffer, buffer_bytes(&left));
    buffer_done(&left);
    if (r == 0 && width + 2 > HELP_COLUMN) {
        r = buffer_append_char(buffer, '\n');
        width = 0;
    }
    if (r == 0)
        r = append_blanks(buffer, HELP_COLUMN - width);
    return r == 0 ? append_words(buffer, spec->help, HELP_COLUMN, HELP_COLUMN, columns) : r;
}

int opt_append_help(struct buffer *buffer, const struct opt_spec *table, unsigned columns)
{
    int r = 0;
    bool is_first = true;
    if (columns == 0)
        columns = opt_columns();
    for (; r == 0 && (table->name || table->kind == OPT_HEADING); table++) {
        if (!table->help)
            continue;
        if (table->kind == OPT_HEADING)
            r = buffer_printf(buffer, "%s%s:\n", is_first ? "" : "\n", table->help);
        else
            r = append_option(buffer, table, columns);
        is_first = false;
    }
    return r;
}
