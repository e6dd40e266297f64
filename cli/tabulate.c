/* Results of functions as tables (declared in value.h).
 *
 * The columns are the keys of the first row, in its order: rows of one result have the same keys.
 */
#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/value.h"

static bool is_map(const muster_value *value)
{
    return muster_value_kind(value) == MUSTER_MAP;
}

static bool is_number(const muster_value *value)
{
    enum muster_kind kind = muster_value_kind(value);
    return kind == MUSTER_INT || kind == MUSTER_DOUBLE;
}

static void append_heading(struct buffer *headings, const char *key, size_t size, bool is_right)
{
    if (headings->size > 0) {
        buffer_append_char(headings, '|');
    }
    if (is_right) {
        buffer_append_char(headings, '>');
    }
    for (size_t i = 0; i < size; i++) {
        buffer_append_char(headings, key[i] == '|' ? ' ' : (char)toupper((unsigned char)key[i]));
    }
}

static void append_headings(struct buffer *headings, const muster_value *row)
{
    for (size_t i = 0; i < muster_value_count(row); i++) {
        size_t size;
        const char *key = muster_value_key_at(row, i, &size);
        append_heading(headings, key, size, is_number(muster_value_at(row, i)));
    }
}

/* What stores answer: a time is a number of seconds, a rate bytes in one, and an absent object has
 * the size -1. */
static void add_cell(struct table *table, const char *key, const muster_value *value)
{
    struct buffer text = BUFFER_EMPTY;
    if (strcmp(key, "mtime") == 0 && muster_value_kind(value) == MUSTER_DOUBLE) {
        char time[TIME_TEXT_MAX];
        time_format_iso(time, (muster_time)(muster_value_double(value) * 1e9));
        table_add(table, time);
        return;
    }
    if (strcmp(key, "rate") == 0 && is_number(value)) {
        char rate[TEXT_SIZE_MAX];
        double bytes = muster_value_double(value);
        text_format_size(rate, bytes > 0 && bytes < 1e18 ? (uint64_t)bytes : 0);
        table_addf(table, "%s/s", rate);
        return;
    }
    if (strcmp(key, "size") == 0 && muster_value_kind(value) == MUSTER_INT &&
        muster_value_int(value) == -1) {
        table_add(table, "absent");
        return;
    }
    value_append_plain(&text, value);
    table_add(table, buffer_str(&text));
    buffer_done(&text);
}

static void add_row(struct table *table, const muster_value *row, const muster_value *like)
{
    for (size_t i = 0; i < muster_value_count(like); i++) {
        size_t size;
        const char *key = muster_value_key_at(like, i, &size);
        add_cell(table, key, muster_value_get(row, key));
    }
}

static bool all_are_maps(const muster_value *value)
{
    for (size_t i = 0; i < muster_value_count(value); i++) {
        if (!is_map(muster_value_at(value, i))) {
            return false;
        }
    }
    return muster_value_count(value) > 0;
}

static bool has_room(const muster_value *row, size_t extra)
{
    size_t columns = muster_value_count(row) + extra;
    return columns > 0 && columns <= TABLE_COLUMNS_MAX;
}

static void tabulate_rows(const muster_value *value, bool is_named, struct table *ret_table)
{
    struct buffer headings = BUFFER_EMPTY;
    const muster_value *first = muster_value_at(value, 0);
    if (is_named) {
        append_heading(&headings, "name", 4, false);
    }
    append_headings(&headings, first);
    table_init(ret_table, buffer_str(&headings));
    buffer_done(&headings);
    for (size_t i = 0; i < muster_value_count(value); i++) {
        if (is_named) {
            size_t size;
            table_add(ret_table, muster_value_key_at(value, i, &size));
        }
        add_row(ret_table, muster_value_at(value, i), first);
    }
}

bool value_tabulate(const muster_value *value, struct table *ret_table)
{
    if (muster_value_kind(value) == MUSTER_LIST && muster_value_count(value) == 0) {
        table_init(ret_table, "NAME");
        return true;
    }
    if (muster_value_kind(value) == MUSTER_LIST && all_are_maps(value) &&
        has_room(muster_value_at(value, 0), 0)) {
        tabulate_rows(value, false, ret_table);
        return true;
    }
    if (!is_map(value)) {
        return false;
    }
    if (all_are_maps(value) && has_room(muster_value_at(value, 0), 1)) {
        tabulate_rows(value, true, ret_table);
        return true;
    }
    if (!has_room(value, 0)) {
        return false;
    }
    struct buffer headings = BUFFER_EMPTY;
    append_headings(&headings, value);
    table_init(ret_table, buffer_str(&headings));
    buffer_done(&headings);
    add_row(ret_table, value, value);
    return true;
}
