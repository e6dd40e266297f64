/* The arena: a list of chunks, each filled from its start.
 *
 * Invariants: used_bytes ≤ budget_bytes; the first chunk survives a reset, the others do not.
 * A request that fits in no regular chunk gets one of its own size. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_FIRST = 4096, CHUNK_LARGEST = 1 << 20 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    size_t used;
    alignas(max_align_t) unsigned char data[];
};

void arena_init(struct arena *arena, size_t budget_bytes)
{
    *arena = (struct arena){.budget_bytes = budget_bytes, .chunk_bytes = CHUNK_FIRST};
}

static void free_from(struct arena_chunk *chunk)
{
    while (chunk) {
        struct arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

void arena_done(struct arena *arena)
{
    if (!arena)
        return;
    free_from(arena->first);
    arena_init(arena, arena->budget_bytes);
}

static struct arena_chunk *chunk_add(struct arena *arena, size_t size)
{
    size_t data_bytes = size > arena->chunk_bytes ? size : arena->chunk_bytes;
    struct arena_chunk *chunk = malloc(sizeof *chunk + data_bytes);
    if (!chunk)
        return NULL;
    chunk->next = NULL;
    chunk->size = data_bytes;
    chunk->used = 0;
    if (arena->last)
        arena->last->next = chunk;
    else
        arena->first = chunk;
    arena->last = chunk;
    if (arena->chunk_bytes < CHUNK_LARGEST)
        arena->chunk_bytes *= 2;
    return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t mask = alignof(max_align_t) - 1;
    if (size > arena->budget_bytes)
        return NULL;
    size = size == 0 ? mask + 1 : (size + mask) & ~mask;
    if (size > arena->budget_bytes - arena->used_bytes)
        return NULL;
    struct arena_chunk *chunk = arena->last;
    if (!chunk || chunk->size - chunk->used < size) {
        chunk = chunk_add(arena, size);
        if (!chunk)
            return NULL;
    }
    void *item = chunk->data + chunk->used;
    chunk->used += size;
    arena->used_bytes += size;
    arena->allocs++;
    return item;
}

void *arena_zalloc(struct arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    void *items = arena_alloc(arena, count * size);
    if (items)
        memset(items, 0, count * size);
    return items;
}

bool arena_copy(struct arena *arena, struct bytes bytes, struct bytes *ret_copy)
{
    if (bytes.size == SIZE_MAX)
        return false;
    uint8_t *copy = arena_alloc(arena, bytes.size + 1);
    if (!copy)
        return false;
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    copy[bytes.size] = '\0';
    *ret_copy = bytes_of(copy, bytes.size);
    return true;
}

void arena_reset(struct arena *arena)
{
    arena->used_bytes = 0;
    arena->allocs = 0;
    if (!arena->first)
        return;
    free_from(arena->first->next);
    arena->first->next = NULL;
    arena->first->used = 0;
    arena->last = arena->first;
    arena->chunk_bytes = CHUNK_FIRST;
}
