/*
 * outbox.c -- facts and sends of one turn, and the memory that they point to.
 *
 * Responsible for order and life time. Not for what is said. Grows as needed and keeps its memory,
 * because a turn is bounded by the shell.
 */
#include "broker/core/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/assert.h"
#include "broker/core/grow.h"

enum { ITEMS_FIRST = 256 };

struct outbox {
    struct fact *facts;
    uint32_t n_facts, facts_max;
    struct send *sends;
    uint32_t n_sends, sends_max;
    struct arena arena;
};

struct outbox *outbox_new(void)
{
    struct outbox *box = calloc(1, sizeof *box);
    MUST(box != NULL);
    arena_init(&box->arena, SIZE_MAX);
    return box;
}

void outbox_free(struct outbox *box)
{
    if (box == NULL)
        return;
    free(box->facts);
    free(box->sends);
    arena_done(&box->arena);
    free(box);
}

void outbox_reset(struct outbox *box)
{
    box->n_facts = 0;
    box->n_sends = 0;
    arena_reset(&box->arena);
}

const struct fact *outbox_facts(const struct outbox *box, size_t *ret_count)
{
    *ret_count = box->n_facts;
    return box->facts;
}

const struct send *outbox_sends(const struct outbox *box, size_t *ret_count)
{
    *ret_count = box->n_sends;
    return box->sends;
}

struct fact *outbox_add_fact(struct outbox *box, enum fact_type type)
{
    box->facts = grow(box->facts, box->n_facts, &box->facts_max, ITEMS_FIRST, sizeof *box->facts);
    struct fact *fact = &box->facts[box->n_facts++];
    memset(fact, 0, sizeof *fact);
    fact->type = type;
    return fact;
}

void outbox_add_send(struct outbox *box, const struct send *send)
{
    box->sends = grow(box->sends, box->n_sends, &box->sends_max, ITEMS_FIRST, sizeof *box->sends);
    box->sends[box->n_sends++] = *send;
}

void *outbox_alloc(struct outbox *box, size_t size)
{
    void *memory = arena_alloc(&box->arena, size);
    MUST(memory != NULL);
    return memory;
}
