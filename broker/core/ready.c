/*
 * ready.c -- the order of ready commands.
 *
 * Responsible for the order within one class. Not for who may run them (queue.c).
 * Invariants: the list ascends; the heap is a 4-ary heap whose commands know their places; a
 * command is in exactly one of the two. The heap's memory is given back when it is empty.
 */
#include "broker/core/ready.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { CHILDREN = 4, HEAP_FIRST = 16 };

void ready_done(struct ready *ready)
{
    free(ready->heap);
    *ready = (struct ready){0};
}

/* ---- the heap ------------------------------------------------------------------------------- */

static bool is_before(const struct commands *commands, uint32_t a, uint32_t b)
{
    return command_is_before(command_at(commands, a), command_at(commands, b));
}

static void put(struct ready *ready, struct commands *commands, uint32_t pos, uint32_t index)
{
    ready->heap[pos] = index;
    command_at(commands, index)->prev = pos;
}

static void sift_up(struct ready *ready, struct commands *commands, uint32_t pos, uint32_t index)
{
    while (pos > 0) {
        uint32_t parent = (pos - 1) / CHILDREN;
        if (!is_before(commands, index, ready->heap[parent]))
            break;
        put(ready, commands, pos, ready->heap[parent]);
        pos = parent;
    }
    put(ready, commands, pos, index);
}

static void sift_down(struct ready *ready, struct commands *commands, uint32_t pos, uint32_t index)
{
    for (;;) {
        uint32_t child = pos * CHILDREN + 1;
        if (child >= ready->heap_count)
            break;
        uint32_t end = ready->heap_count - child < CHILDREN ? ready->heap_count : child + CHILDREN;
        uint32_t least = child;
        while (++child < end)
            if (is_before(commands, ready->heap[child], ready->heap[least]))
                least = child;
        if (!is_before(commands, ready->heap[least], index))
            break;
        put(ready, commands, pos, ready->heap[least]);
        pos = least;
    }
    put(ready, commands, pos, index);
}

static void heap_add(struct ready *ready, struct commands *commands, uint32_t index)
{
    if (ready->heap_count == ready->heap_max) {
        uint32_t max = ready->heap_max == 0 ? HEAP_FIRST : ready->heap_max + ready->heap_max / 2;
        uint32_t *heap = calloc(max, sizeof *heap);
        MUST(heap != NULL);
        if (ready->heap_count > 0)
            memcpy(heap, ready->heap, ready->heap_count * sizeof *heap);
        free(ready->heap);
        ready->heap = heap;
        ready->heap_max = max;
    }
    command_at(commands, index)->flags |= COMMAND_IN_HEAP;
    sift_up(ready, commands, ready->heap_count++, index);
}

static void heap_take(struct ready *ready, struct commands *commands, uint32_t pos)
{
    uint32_t last = ready->heap[--ready->heap_count];
    if (ready->heap_count == 0) {
        free(ready->heap);
        ready->heap = NULL;
        ready->heap_max = 0;
    } else if (pos < ready->heap_count) {
        bool up = pos > 0 && is_before(commands, last, ready->heap[(pos - 1) / CHILDREN]);
        (up ? sift_up : sift_down)(ready, commands, pos, last);
    }
}

/* ---- both ----------------------------------------------------------------------------------- */

void ready_push(struct ready *ready, struct commands *commands, uint32_t index)
{
    struct command *c = command_at(commands, index);
    ready->count++;
    if (ready->tail != 0 && command_is_before(c, command_at(commands, ready->tail))) {
        heap_add(ready, commands, index);
        return;
    }
    c->flags &= (uint8_t)~COMMAND_IN_HEAP;
    c->prev = ready->tail;
    c->next = 0;
    if (ready->tail == 0)
        ready->head = index;
    else
        command_at(commands, ready->tail)->next = index;
    ready->tail = index;
}

void ready_remove(struct ready *ready, struct commands *commands, uint32_t index)
{
    struct command *c = command_at(commands, index);
    ready->count--;
    if ((c->flags & COMMAND_IN_HEAP) != 0) {
        heap_take(ready, commands, c->prev);
        c->flags &= (uint8_t)~COMMAND_IN_HEAP;
    } else {
        if (c->prev == 0)
            ready->head = c->next;
        else
            command_at(commands, c->prev)->next = c->next;
        if (c->next == 0)
            ready->tail = c->prev;
        else
            command_at(commands, c->next)->prev = c->prev;
    }
    c->next = 0;
    c->prev = 0;
}

uint32_t ready_first(const struct ready *ready, const struct commands *commands)
{
    if (ready->heap_count == 0)
        return ready->head;
    if (ready->head == 0 || is_before(commands, ready->heap[0], ready->head))
        return ready->heap[0];
    return ready->head;
}

bool ready_check(const struct ready *ready, const struct commands *commands)
{
    uint32_t count = 0;
    uint32_t before = 0;
    for (uint32_t at = ready->head; at != 0; at = command_at(commands, at)->next) {
        const struct command *c = command_at(commands, at);
        if (c->prev != before || (c->flags & COMMAND_IN_HEAP) != 0 || c->place != PLACE_READY)
            return false;
        if (before != 0 && !is_before(commands, before, at))
            return false;
        before = at;
        count++;
    }
    for (uint32_t pos = 0; pos < ready->heap_count; pos++) {
        const struct command *c = command_at(commands, ready->heap[pos]);
        if (c->prev != pos || (c->flags & COMMAND_IN_HEAP) == 0 || c->place != PLACE_READY)
            return false;
        if (pos > 0 && is_before(commands, ready->heap[pos], ready->heap[(pos - 1) / CHILDREN]))
            return false;
    }
    return before == ready->tail && count + ready->heap_count == ready->count;
}
