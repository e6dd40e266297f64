/* grow.c -- the one way in which arrays of the core grow. */
#include "broker/core/grow.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

void *grow(void *items, uint32_t count, uint32_t *max, uint32_t first, size_t size)
{
    if (count < *max)
        return items;
    MUST(*max <= UINT32_MAX / 2);
    *max = *max == 0 ? first : 2 * *max;
    void *grown = calloc(*max, size);
    MUST(grown != NULL);
    if (items != NULL)
        memcpy(grown, items, count * size);
    free(items);
    return grown;
}
