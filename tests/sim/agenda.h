/* The virtual future: what is to happen when, earliest first, first come first at equal times. */
#ifndef TESTS_SIM_AGENDA_H
#define TESTS_SIM_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

struct sim;

/* `who` and `what` mean what the function takes them for; what has become void by the time it is
 * due is recognised by a generation in `what`. */
typedef void agenda_fn(struct sim *sim, uint32_t who, uint64_t what);

struct agenda_entry {
    muster_time at;
    uint64_t order;
    agenda_fn *fn;
    uint64_t what;
    uint32_t who;
};

/* All zero is an empty agenda. */
struct agenda {
    struct agenda_entry *entries; /* a binary heap */
    size_t n, max;
    uint64_t next_order;
};

void agenda_done(struct agenda *agenda);
void agenda_add(struct agenda *agenda, muster_time at, agenda_fn *fn, uint32_t who, uint64_t what);
/* The next entry, taken out; false when there is none. */
bool agenda_pop(struct agenda *agenda, struct agenda_entry *ret);

#endif
