/* The ready commands of one class in the order (priority, track_id): a list of those that came in
 * order, which are nearly all, and a heap of the rest. */
#ifndef MUSTER_BROKER_CORE_READY_H
#define MUSTER_BROKER_CORE_READY_H

#include "broker/core/command.h"

/* All zero is empty. */
struct ready {
    uint32_t head, tail;
    uint32_t count; /* both parts */
    uint32_t *heap;
    uint32_t heap_count, heap_max;
};

void ready_done(struct ready *ready);
void ready_push(struct ready *ready, struct commands *commands, uint32_t index);
void ready_remove(struct ready *ready, struct commands *commands, uint32_t index);
/* The first one; 0 when there is none. */
uint32_t ready_first(const struct ready *ready, const struct commands *commands);
/* False when the order or a count is wrong. */
bool ready_check(const struct ready *ready, const struct commands *commands);

#endif
