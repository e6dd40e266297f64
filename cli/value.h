/* Values from words of a command line, and back. */
#ifndef CLI_VALUE_H
#define CLI_VALUE_H

#include <stdbool.h>

#include <muster.h>

#include "base/buffer.h"
#include "cli/table.h"

/* A number, true, false, null, or else a text; "…" in double quotes is the text between them.
 * NULL: out of memory. */
muster_value *value_parse(const char *word);

/* A text as it is, anything else as JSON, nothing for NULL. */
void value_append_plain(struct buffer *text, const muster_value *value);

/* A list of maps as rows, their keys as columns; a map of maps or numbers the same with a first
 * column NAME; one map of plain values as one row. False when it has no such shape: then there is
 * no table to free. */
bool value_tabulate(const muster_value *value, struct table *ret_table);

/* On stdout with a line end: a text as it is, other values as JSON, nothing for NULL. */
void value_print(const muster_value *value);

#endif
