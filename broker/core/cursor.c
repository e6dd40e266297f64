/*
 * cursor.c -- durable cursors: where a named reader of a result log stands (S8).
 *
 * Responsible for their positions. Who moves them and when is read.c. Names of cursors are not
 * interned: programs invent them.
 */
#include <string.h>

#include "broker/core/machine.h"

void cursors_init(struct cursors *cursors, uint64_t seed)
{
    MUST(slab_init(&cursors->items, sizeof(struct cursor), CURSORS_MAX) == 0);
    strmap_init(&cursors->by_key, CURSORS_MAX, SIZE_MAX, seed);
}

void cursors_done(struct cursors *cursors)
{
    slab_done(&cursors->items);
    strmap_done(&cursors->by_key);
}

/* A key of at most 4 + CURSOR_NAME_MAX bytes. */
struct cursor_key {
    uint8_t bytes[4 + CURSOR_NAME_MAX];
    size_t size;
};

static struct cursor_key key_of(uint32_t pool, struct bytes name)
{
    struct cursor_key key = {.size = 4 + name.size};
    MUST(name.size > 0 && name.size <= CURSOR_NAME_MAX);
    memcpy(key.bytes, &pool, 4);
    memcpy(key.bytes + 4, name.data, name.size);
    return key;
}

uint32_t cursor_find(const struct cursors *cursors, uint32_t pool, struct bytes name)
{
    struct cursor_key key = key_of(pool, name);
    return strmap_get(&cursors->by_key, bytes_of(key.bytes, key.size));
}

struct bytes cursor_name(const struct cursor *cursor)
{
    return bytes_slice(cursor->key, 4, SIZE_MAX);
}

void cursors_disown(struct core *core, uint32_t client)
{
    const struct slab *items = &core->cursors.items;
    for (uint32_t i = slab_next(items, 0); i != 0; i = slab_next(items, i))
        if (cursor_at(&core->cursors, i)->owner == client)
            cursor_at(&core->cursors, i)->owner = 0;
}

void cursors_drop_pool(struct core *core, uint32_t pool)
{
    const struct slab *items = &core->cursors.items;
    for (uint32_t i = slab_next(items, 0); i != 0; i = slab_next(items, i)) {
        if (cursor_at(&core->cursors, i)->pool != pool)
            continue;
        strmap_remove(&core->cursors.by_key, cursor_at(&core->cursors, i)->key);
        slab_free(&core->cursors.items, i);
    }
}

void cursor_apply(struct core *core, const struct fact_cursor *fact)
{
    uint32_t pool = pool_find(&core->pools, fact->pool);
    MUST(pool != 0);
    uint32_t index = cursor_find(&core->cursors, pool, fact->name);
    if (index == 0) {
        struct cursor_key key = key_of(pool, fact->name);
        index = slab_alloc(&core->cursors.items);
        MUST(index != 0);
        struct cursor *cursor = cursor_at(&core->cursors, index);
        cursor->pool = pool;
        MUST(strmap_put(&core->cursors.by_key, bytes_of(key.bytes, key.size), index,
                        &cursor->key) == 0);
    }
    cursor_at(&core->cursors, index)->pos = fact->pos;
}
