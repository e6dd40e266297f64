/* agenda.c -- a binary heap of what is to happen; equal times keep the order of their making. */
#include "agenda.h"

#include <stdlib.h>

#include "base/assert.h"

void agenda_done(struct agenda *agenda)
{
    free(agenda->entries);
    *agenda = (struct agenda){0};
}

static bool before(const struct agenda_entry *a, const struct agenda_entry *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void agenda_add(struct agenda *agenda, muster_time at, agenda_fn *fn, uint32_t who, uint64_t what)
{
    if (agenda->n == agenda->max) {
        agenda->max = agenda->max == 0 ? 256 : agenda->max * 2;
        agenda->entries = realloc(agenda->entries, agenda->max * sizeof *agenda->entries);
        MUST(agenda->entries != NULL);
    }
    struct agenda_entry entry = {
        .at = at, .order = agenda->next_order++, .fn = fn, .what = what, .who = who};
    size_t place = agenda->n++;
    while (place > 0 && before(&entry, &agenda->entries[(place - 1) / 2])) {
        agenda->entries[place] = agenda->entries[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    agenda->entries[place] = entry;
}

bool agenda_pop(struct agenda *agenda, struct agenda_entry *ret)
{
    if (agenda->n == 0)
        return false;
    *ret = agenda->entries[0];
    struct agenda_entry last = agenda->entries[--agenda->n];
    size_t place = 0;
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= agenda->n)
            break;
        if (child + 1 < agenda->n && before(&agenda->entries[child + 1], &agenda->entries[child]))
            child++;
        if (!before(&agenda->entries[child], &last))
            break;
        agenda->entries[place] = agenda->entries[child];
        place = child;
    }
    if (agenda->n > 0)
        agenda->entries[place] = last;
    return true;
}
