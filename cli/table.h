/* Aligned columns for people. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum { TABLE_COLUMNS_MAX = 16 };

struct table_cell;

/* Fields are private. */
struct table {
    struct table_cell *cells; /* the first row is the heading */
    size_t cell_count, cell_room;
    size_t columns;
    bool right[TABLE_COLUMNS_MAX];
    bool failed;
};

/* `headings` are split at '|'; one that begins with '>' is right-aligned: "ID|STATE|>RUN". */
void table_init(struct table *table, const char *headings);
void table_done(struct table *table);

/* Add the next cell, row by row. Control bytes are shown as '?', a text of several lines is cut
 * after the first. NULL is an empty cell. Running out of memory shows in table_render. */
void table_add(struct table *table, const char *text);
void table_addf(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A state's name, coloured when the table is rendered with colour. */
void table_add_state(struct table *table, int state);

/* Number of complete rows, without the heading. */
size_t table_rows(const struct table *table);

/* Appends the lines. `width` 0: as wide as it gets; else lines are cut there with "…". */
int table_render(const struct table *table, unsigned width, bool color, struct buffer *buffer);

/* Columns that `text` takes on a terminal; its first `columns` of them in bytes. */
size_t table_text_width(const char *text);
size_t table_text_cut(const char *text, size_t columns);

/* The escape sequence for a state's colour, "" where it has none. */
const char *table_state_color(int state);
#define TABLE_COLOR_END "\033[0m"

#endif
