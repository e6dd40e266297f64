/* The view of running commands.
 *
 * Counts what ended by the records that pass, and asks the broker about the rest: on a terminal
 * at most once a second, elsewhere once, to say what is held. Invariant: `drawn` lines stand above
 * the cursor, which is in column 1.
 */
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/opt.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/listing.h"
#include "cli/options.h"
#include "cli/record.h"
#include "cli/table.h"

enum {
    STATES = 16,
    FIRST_LOOK_MS = 400,
    LOOK_MS = 1000,
    TELL_MS = 2000,
    HOST_BYTES = 64,
    TEXT_BYTES = 240
};

struct row {
    int64_t track_id;
    int state;
    char host[HOST_BYTES];
    char text[TEXT_BYTES];
};

static struct {
    struct progress_plan plan;
    bool is_on, is_live, has_color, has_told;
    size_t rows_used;
    struct row rows[PROGRESS_ROWS_MAX];
    size_t ended[STATES], final_count;
    size_t live[STATES]; /* unfinished ones at the last look */
    char why[TEXT_BYTES];
    size_t host_width, drawn;
    muster_time began, next_look;
    struct table bad; /* those that did not end ok, for the table at the end */
} view;

static bool is_terminal(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) == 1 && (term == NULL || strcmp(term, "dumb") != 0);
}

static struct row *find_row(int64_t track_id)
{
    for (size_t i = 0; i < view.rows_used; i++) {
        if (view.rows[i].track_id == track_id) {
            return &view.rows[i];
        }
    }
    return NULL;
}

static void note_host(struct row *row, const char *host)
{
    if (host == NULL || host[0] == '\0') {
        return;
    }
    snprintf(row->host, sizeof row->host, "%s", host);
    size_t width = table_text_width(row->host);
    if (width > view.host_width) {
        view.host_width = width;
    }
}

void progress_begin(const struct progress_plan *plan)
{
    memset(&view, 0, sizeof view);
    view.plan = *plan;
    view.is_on = !globals.quiet;
    view.is_live = view.is_on && is_terminal();
    view.has_color = view.is_live && !globals.no_color && getenv("NO_COLOR") == NULL;
    view.began = time_boot_ns();
    view.next_look = view.began + FIRST_LOOK_MS * MUSTER_MS;
    view.host_width = 4;
    table_init(&view.bad, "HOST|>ID|STATE|WHAT");
    if (plan->count <= PROGRESS_ROWS_MAX) {
        for (size_t i = 0; i < plan->count; i++) {
            view.rows[view.rows_used++].track_id = plan->ids[i];
        }
    }
}

void progress_hide(void)
{
    if (view.drawn == 0) {
        return;
    }
    fprintf(stderr, "\033[%zuA\033[J", view.drawn);
    fflush(stderr);
    view.drawn = 0;
}

/* "B17  2 hosts   ok 1  failed 1" */
static void append_summary(struct buffer *line, bool is_live)
{
    size_t count = view.plan.count;
    if (view.plan.batch != 0) {
        buffer_printf(line, "B%lld  %zu %s ", (long long)view.plan.batch, count,
                      count == 1 ? "host" : "hosts");
    } else {
        buffer_printf(line, "%zu %s ", count, count == 1 ? "command" : "commands");
    }
    for (int state = 1; state < STATES; state++) {
        size_t n = view.ended[state] + (is_live ? view.live[state] : 0);
        if (n > 0) {
            const char *color = view.has_color ? table_state_color(state) : "";
            buffer_printf(line, "  %s%s %zu%s", color, muster_state_name(state), n,
                          color[0] != '\0' ? TABLE_COLOR_END : "");
        }
    }
    if (!is_live && view.final_count < count) {
        buffer_printf(line, "  not ended %zu", count - view.final_count);
    }
    if (is_live) {
        char text[TIME_TEXT_MAX];
        time_format_duration(text, (time_boot_ns() - view.began) / MUSTER_S * MUSTER_S);
        buffer_printf(line, "   %s", text);
    }
}

static void note_bad(const muster_record *record)
{
    struct buffer what = BUFFER_EMPTY;
    record_append_what(&what, record, true);
    table_add(&view.bad, record->host != NULL && record->host[0] != '\0' ? record->host : "-");
    table_addf(&view.bad, "%lld", (long long)record->track_id);
    table_add_state(&view.bad, record->state);
    table_add(&view.bad, buffer_str(&what));
    buffer_done(&what);
}

/* "muster: 12 failed on db1: exit 7": what it wrote to stderr has been shown already. */
static void append_single(struct buffer *line, const muster_record *record)
{
    bool has_host = record->host != NULL && record->host[0] != '\0';
    struct buffer what = BUFFER_EMPTY;
    record_append_what(&what, record, false);
    buffer_printf(line, "muster: %lld %s%s%s", (long long)record->track_id,
                  muster_state_name(record->state), has_host ? " on " : "",
                  has_host ? record->host : "");
    if (what.size > 0) {
        buffer_printf(line, ": %s", buffer_str(&what));
    }
    buffer_done(&what);
}

static void print_end(const muster_record *record)
{
    struct buffer line = BUFFER_EMPTY;
    if (view.plan.is_several) {
        record_append_line(&line, record, view.host_width, view.has_color);
    } else {
        append_single(&line, record);
    }
    buffer_append_char(&line, '\n');
    progress_hide();
    fwrite(buffer_str(&line), 1, line.size, stderr);
    fflush(stderr);
    buffer_done(&line);
}

void progress_record(const muster_record *record)
{
    bool is_ok = record->state == MUSTER_STATE_OK;
    if (record->state > 0 && record->state < STATES) {
        view.ended[record->state]++;
    }
    view.final_count++;
    struct row *row = find_row(record->track_id);
    if (row != NULL) {
        struct buffer what = BUFFER_EMPTY;
        note_host(row, record->host);
        row->state = record->state;
        record_append_what(&what, record, true);
        snprintf(row->text, sizeof row->text, "%s", buffer_str(&what));
        buffer_done(&what);
    }
    if (!is_ok && view.plan.is_several) {
        note_bad(record);
    }
    if (view.is_on && (view.plan.is_several ? !view.is_live : !is_ok)) {
        print_end(record);
    }
}

static int look_at(const muster_command_info *info, void *arg)
{
    (void)arg;
    if (info->state <= 0 || info->state >= MUSTER_STATE_OK) {
        return 0;
    }
    view.live[info->state]++;
    bool is_first_held = info->state == MUSTER_HELD && view.live[MUSTER_HELD] == 1;
    if (info->why != NULL && info->why[0] != '\0' && (is_first_held || view.why[0] == '\0')) {
        snprintf(view.why, sizeof view.why, "%s", info->why);
    }
    struct row *row = find_row(info->track_id);
    if (row == NULL || row->state >= MUSTER_STATE_OK) {
        return 0;
    }
    row->state = info->state;
    note_host(row, info->host != NULL && info->host[0] != '\0' ? info->host : info->selector);
    if (info->state == MUSTER_RUNNING) {
        time_format_duration(row->text, listing_ns(info->run_s));
    } else {
        snprintf(row->text, sizeof row->text, "%s", info->why != NULL ? info->why : "");
    }
    return 0;
}

static void look(void)
{
    const struct progress_plan *plan = &view.plan;
    memset(view.live, 0, sizeof view.live);
    view.why[0] = '\0';
    (void)muster_list(plan->pool, plan->ids[0], plan->ids[plan->count - 1], 0, plan->batch, look_at,
                      NULL);
}

static void draw_line(const struct buffer *line, unsigned columns, bool has_escapes)
{
    const char *text = buffer_str(line);
    /* Colours take no room, but cutting might cut one: such lines are short by construction. */
    size_t size = has_escapes ? line->size : table_text_cut(text, columns - 1);
    fwrite(text, 1, size, stderr);
    fputs("\n", stderr);
    view.drawn++;
}

static void draw_row(const struct row *row, unsigned columns)
{
    struct buffer line = BUFFER_EMPTY;
    int state = row->state != 0 ? row->state : MUSTER_QUEUED;
    buffer_printf(&line, "%-*s  %-9s %s", (int)view.host_width,
                  row->host[0] != '\0' ? row->host : "-", muster_state_name(state), row->text);
    draw_line(&line, columns, false);
    buffer_done(&line);
}

static void draw(bool is_last)
{
    struct buffer line = BUFFER_EMPTY;
    unsigned columns = opt_columns();
    progress_hide();
    if (view.plan.is_several) {
        for (size_t i = 0; i < view.rows_used; i++) {
            draw_row(&view.rows[i], columns);
        }
        append_summary(&line, !is_last);
        draw_line(&line, columns, view.has_color);
    } else if (view.rows_used == 1 && !is_last) {
        const struct row *row = &view.rows[0];
        char text[TIME_TEXT_MAX];
        time_format_duration(text, (time_boot_ns() - view.began) / MUSTER_S * MUSTER_S);
        const char *why = row->state == MUSTER_RUNNING ? "" : view.why;
        buffer_printf(&line, "%lld  %s  %s%s%s%s  %s", (long long)row->track_id,
                      muster_state_name(row->state != 0 ? row->state : MUSTER_QUEUED),
                      row->host[0] != '\0' ? "on " : "", row->host,
                      row->host[0] != '\0' && why[0] != '\0' ? "  " : "", why, text);
        draw_line(&line, columns, false);
    }
    fflush(stderr);
    buffer_done(&line);
}

/* Without a terminal nothing moves, and a host that is away would look like a hang. */
static void tell_held(void)
{
    look();
    view.has_told = true;
    if (view.live[MUSTER_HELD] > 0) {
        fprintf(stderr, "muster: %zu of %zu held: %s\n", view.live[MUSTER_HELD], view.plan.count,
                view.why);
        fflush(stderr);
    }
}

void progress_tick(void)
{
    muster_time now = time_boot_ns();
    if (view.is_on && !view.is_live && !view.has_told && view.final_count < view.plan.count &&
        now - view.began >= TELL_MS * MUSTER_MS) {
        tell_held();
    }
    if (!view.is_live || view.plan.count == 0 || now < view.next_look) {
        return;
    }
    view.next_look = now + LOOK_MS * MUSTER_MS;
    if (view.final_count < view.plan.count) {
        look();
    }
    draw(false);
}

void progress_end(void)
{
    struct buffer text = BUFFER_EMPTY;
    if (view.is_on && view.plan.is_several && view.plan.count > 0) {
        if (view.is_live) {
            draw(true);
            view.drawn = 0; /* the last picture stays */
        }
        if (table_rows(&view.bad) > 0 && view.plan.count > PROGRESS_ROWS_MAX) {
            table_render(&view.bad, 0, view.has_color, &text);
        }
        if (!view.is_live) {
            append_summary(&text, false);
            buffer_append_char(&text, '\n');
        }
        fwrite(buffer_str(&text), 1, text.size, stderr);
        fflush(stderr);
    } else {
        progress_hide();
    }
    buffer_done(&text);
    table_done(&view.bad);
    memset(&view, 0, sizeof view);
}
