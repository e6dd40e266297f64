/* Aligned columns.
 *
 * Responsible for widths, alignment and cutting; not for what is in a cell nor for where it goes.
 * Invariant: cell_count is a multiple of `columns` after each complete row. */
#include "cli/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <muster.h>

#include "base/bytes.h"

struct table_cell {
    char *text; /* owned */
    int state;  /* 0: no colour */
};

static const char gap[] = "  ";

const char *table_state_color(int state)
{
    switch (state) {
    case MUSTER_STATE_OK:
        return "\033[32m";
    case MUSTER_FAILED:
    case MUSTER_SIGNALED:
    case MUSTER_TIMEOUT:
    case MUSTER_STALLED:
    case MUSTER_LOST:
    case MUSTER_REJECTED:
        return "\033[31m";
    case MUSTER_EXPIRED:
    case MUSTER_SKIPPED:
    case MUSTER_CANCELLED:
        return "\033[33m";
    case MUSTER_RUNNING:
        return "\033[36m";
    default:
        return "";
    }
}

/* Bytes of the character at `text`; each character counts as one column. */
static size_t char_size(const char *text)
{
    size_t size = 1;
    while (((unsigned char)text[size] & 0xc0u) == 0x80u) {
        size++;
    }
    return size;
}

size_t table_text_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text += char_size(text)) {
        width++;
    }
    return width;
}

size_t table_text_cut(const char *text, size_t columns)
{
    size_t size = 0;
    while (columns > 0 && text[size] != '\0') {
        size += char_size(text + size);
        columns--;
    }
    return size;
}

/* What came from elsewhere must not move the cursor of a terminal. */
static char *clean_copy(const char *text, size_t size)
{
    const char *line_end = memchr(text, '\n', size);
    if (line_end != NULL) {
        size = (size_t)(line_end - text);
    }
    char *copy = malloc(size + 1);
    if (copy == NULL) {
        return NULL;
    }
    bool is_utf8 = bytes_is_utf8(bytes_of(text, size));
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        bool fit = c >= 0x20 && c != 0x7f && (c < 0x80 || is_utf8);
        /* U+0080 … U+009F are control characters too. */
        if (fit && c == 0xc2 && i + 1 < size && (unsigned char)text[i + 1] < 0xa0) {
            fit = false;
            copy[i++] = '?';
        }
        copy[i] = fit ? text[i] : '?';
    }
    copy[size] = '\0';
    return copy;
}

static void add_cell(struct table *table, const char *text, size_t size, int state)
{
    if (table->failed) {
        return;
    }
    if (table->cell_count == table->cell_room) {
        size_t room = table->cell_room == 0 ? 64 : table->cell_room * 2;
        struct table_cell *cells = realloc(table->cells, room * sizeof *cells);
        if (cells == NULL) {
            table->failed = true;
            return;
        }
        table->cells = cells;
        table->cell_room = room;
    }
    char *copy = clean_copy(text, size);
    if (copy == NULL) {
        table->failed = true;
        return;
    }
    table->cells[table->cell_count++] = (struct table_cell){.text = copy, .state = state};
}

void table_init(struct table *table, const char *headings)
{
    *table = (struct table){0};
    for (;;) {
        size_t size = strcspn(headings, "|");
        bool right = headings[0] == '>';
        add_cell(table, headings + (right ? 1 : 0), size - (right ? 1 : 0), 0);
        table->right[table->columns++] = right;
        if (headings[size] == '\0' || table->columns == TABLE_COLUMNS_MAX) {
            return;
        }
        headings += size + 1;
    }
}

void table_done(struct table *table)
{
    for (size_t i = 0; i < table->cell_count; i++) {
        free(table->cells[i].text);
    }
    free(table->cells);
    *table = (struct table){0};
}

void table_add(struct table *table, const char *text)
{
    text = text != NULL ? text : "";
    add_cell(table, text, strlen(text), 0);
}

void table_addf(struct table *table, const char *format, ...)
{
    struct buffer text = BUFFER_EMPTY;
    va_list args;
    va_start(args, format);
    int rc = buffer_vprintf(&text, format, args);
    va_end(args);
    if (rc < 0) {
        table->failed = true;
    }
    add_cell(table, buffer_str(&text), text.size, 0);
    buffer_done(&text);
}

void table_add_state(struct table *table, int state)
{
    const char *name = muster_state_name(state);
    add_cell(table, name, strlen(name), state);
}

size_t table_rows(const struct table *table)
{
    size_t rows = table->columns != 0 ? table->cell_count / table->columns : 0;
    return rows != 0 ? rows - 1 : 0;
}

static void append_spaces(struct buffer *buffer, size_t count)
{
    while (count-- > 0) {
        buffer_append_char(buffer, ' ');
    }
}

/* One cell within what is left of the line; returns the columns that it took. */
static size_t append_cell(struct buffer *buffer, const struct table_cell *cell, size_t column_width,
                          bool right, bool last, size_t room, bool color)
{
    size_t width = table_text_width(cell->text);
    size_t shown = strlen(cell->text);
    bool cut = width > room;
    if (cut) {
        width = room;
        shown = room > 0 ? table_text_cut(cell->text, room - 1) : 0;
    }
    size_t padding = column_width > width ? column_width - width : 0;
    if (padding > room - width) {
        padding = room - width;
    }
    const char *start = color && cell->state != 0 ? table_state_color(cell->state) : "";
    if (right) {
        append_spaces(buffer, padding);
    }
    buffer_append_str(buffer, start);
    buffer_append(buffer, cell->text, shown);
    if (cut && room > 0) {
        buffer_append_str(buffer, "…");
    }
    buffer_append_str(buffer, start[0] != '\0' ? TABLE_COLOR_END : "");
    if (!right && !last) {
        append_spaces(buffer, padding);
    }
    return width + (right || !last ? padding : 0);
}

int table_render(const struct table *table, unsigned width, bool color, struct buffer *buffer)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    size_t columns = table->columns;
    if (table->failed) {
        return -ENOMEM;
    }
    size_t rows = table->cell_count / columns;
    for (size_t i = 0; i < rows * columns; i++) {
        size_t cell_width = table_text_width(table->cells[i].text);
        if (cell_width > widths[i % columns]) {
            widths[i % columns] = cell_width;
        }
    }
    for (size_t row = 0; row < rows; row++) {
        size_t room = width != 0 ? width : SIZE_MAX;
        for (size_t column = 0; column < columns && room > 0; column++) {
            const struct table_cell *cell = &table->cells[row * columns + column];
            if (column > 0) {
                if (room <= sizeof gap - 1) {
                    break;
                }
                buffer_append_str(buffer, gap);
                room -= sizeof gap - 1;
            }
            room -= append_cell(buffer, cell, widths[column], table->right[column],
                                column + 1 == columns, room, color);
        }
        while (buffer->size > 0 && buffer->data[buffer->size - 1] == ' ') {
            buffer_truncate(buffer, buffer->size - 1);
        }
        buffer_append_char(buffer, '\n');
    }
    return buffer->failed ? -ENOMEM : 0;
}
