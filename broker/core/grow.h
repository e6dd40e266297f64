/* Arrays that grow as needed. */
#ifndef MUSTER_BROKER_CORE_GROW_H
#define MUSTER_BROKER_CORE_GROW_H

#include <stddef.h>
#include <stdint.h>

/* Room for one more item: when `count` has reached *max, a copy with twice the room (`first` at the
 * beginning); the old one is freed. Aborts when memory is out. */
void *grow(void *items, uint32_t count, uint32_t *max, uint32_t first, size_t size);

#endif
