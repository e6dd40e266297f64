/*
 * window.c -- the request window of a client.
 *
 * Responsible for remembering what each unanswered sequence made. Not for what is durable of it.
 * Invariant: an entry for sequence s stands at place s mod width, and answered_to < s ≤ highest ≤
 * answered_to + width.
 */
#include "broker/core/window.h"

#include <stdlib.h>

#include "base/assert.h"

enum { WIDTH_FIRST = 8 };

void window_done(struct window *window)
{
    free(window->entries);
    *window = (struct window){0};
}

static struct window_entry *place(const struct window *window, uint64_t sequence)
{
    return &window->entries[sequence & (window->width - 1)];
}

struct window_entry *window_find(const struct window *window, uint64_t sequence)
{
    if (sequence <= window->answered_to || sequence > window->highest)
        return NULL;
    struct window_entry *entry = place(window, sequence);
    return entry->count > 0 ? entry : NULL;
}

static void widen(struct window *window, uint64_t span)
{
    struct window old = *window;
    uint32_t width = old.width == 0 ? WIDTH_FIRST : old.width;
    while (width < span)
        width *= 2;
    if (width == old.width)
        return;
    window->entries = calloc(width, sizeof *window->entries);
    MUST(window->entries != NULL);
    window->width = width;
    for (uint64_t s = old.answered_to + 1; s <= old.highest; s++)
        *place(window, s) = *place(&old, s);
    free(old.entries);
}

struct window_entry *window_put(struct window *window, uint64_t sequence, uint32_t width_max)
{
    MUST(sequence > window->answered_to && sequence - window->answered_to <= width_max);
    widen(window, sequence - window->answered_to);
    struct window_entry *entry = place(window, sequence);
    MUST(entry->count == 0);
    if (sequence > window->highest)
        window->highest = sequence;
    return entry;
}

uint32_t window_pass(struct window *window, uint64_t answered_to)
{
    uint32_t stored = 0;
    if (answered_to <= window->answered_to)
        return 0;
    uint64_t last = answered_to < window->highest ? answered_to : window->highest;
    for (uint64_t s = window->answered_to + 1; s <= last; s++) {
        stored += place(window, s)->count > 0 && place(window, s)->is_stored;
        *place(window, s) = (struct window_entry){0};
    }
    window->answered_to = answered_to;
    if (window->highest <= answered_to && window->width > WIDTH_FIRST) {
        free(window->entries);
        window->entries = NULL;
        window->width = 0;
    }
    return stored;
}
