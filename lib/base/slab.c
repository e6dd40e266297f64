/* The slab. A free item holds the index of the next free one in its first four bytes.
 *
 * Invariants: bit i of `live` is set iff item i is live; every index in 1 … top is either live or
 * on the free list; count is the number of live items. */
#include "base/slab.h"

#include <errno.h>
#include <string.h>

#include "base/reserve.h"

enum { ITEM_SIZE_MAX = 1 << 20, FORGET_BYTES = 4 << 20 };

static size_t items_bytes(const struct slab *slab)
{
    return ((size_t)slab->items_max + 1) * slab->item_size;
}

static size_t live_bytes(const struct slab *slab)
{
    return ((size_t)slab->items_max / 64 + 1) * sizeof slab->live[0];
}

int slab_init(struct slab *slab, size_t item_size, uint32_t items_max)
{
    MUST(item_size >= sizeof(uint32_t) && item_size <= ITEM_SIZE_MAX);
    MUST(items_max >= 1 && items_max < UINT32_MAX - 1);
    *slab = (struct slab){.item_size = item_size, .items_max = items_max};
    slab->items = reserve_map(items_bytes(slab));
    slab->live = reserve_map(live_bytes(slab));
    if (slab->items && slab->live)
        return 0;
    slab_done(slab);
    return -ENOMEM;
}

void slab_done(struct slab *slab)
{
    if (!slab)
        return;
    reserve_unmap(slab->items, items_bytes(slab));
    reserve_unmap(slab->live, live_bytes(slab));
    *slab = (struct slab){0};
}

uint32_t slab_alloc(struct slab *slab)
{
    uint32_t index = slab->free;
    if (index != 0) {
        uint8_t *item = slab_at(slab, index);
        memcpy(&slab->free, item, sizeof slab->free);
        memset(item, 0, slab->item_size);
    } else {
        if (slab->top == slab->items_max)
            return 0;
        index = ++slab->top;
    }
    slab->live[index / 64] |= UINT64_C(1) << (index % 64);
    slab->count++;
    return index;
}

/* After a peak has drained, the memory goes back to the system. */
static void forget_all(struct slab *slab)
{
    reserve_forget(slab->items, items_bytes(slab));
    reserve_forget(slab->live, live_bytes(slab));
    slab->top = 0;
    slab->free = 0;
}

void slab_free(struct slab *slab, uint32_t index)
{
    MUST(slab_is_live(slab, index));
    uint8_t *item = slab_at(slab, index);
    memcpy(item, &slab->free, sizeof slab->free);
    slab->free = index;
    slab->live[index / 64] &= ~(UINT64_C(1) << (index % 64));
    slab->count--;
    if (slab->count == 0 && slab->top * slab->item_size >= FORGET_BYTES)
        forget_all(slab);
}

bool slab_is_live(const struct slab *slab, uint32_t index)
{
    return index <= slab->top && (slab->live[index / 64] >> (index % 64) & 1) != 0;
}

uint32_t slab_next(const struct slab *slab, uint32_t index)
{
    for (uint64_t at = (uint64_t)index + 1; at <= slab->top;) {
        uint64_t word = slab->live[at / 64] >> (at % 64);
        if (word != 0)
            return (uint32_t)(at + (unsigned)__builtin_ctzll(word));
        at = (at / 64 + 1) * 64;
    }
    return 0;
}
