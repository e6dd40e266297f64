/*
 * intern.c -- names that become durable, and what goes by a name: functions, words of cancellers.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/core/machine.h"

uint32_t intern(struct core *core, struct bytes text)
{
    if (text.size == 0)
        return 0;
    uint32_t id = names_find(&core->names, text);
    if (id != 0)
        return id;
    struct fact *fact = fact_add(core, FACT_NAME);
    fact->as.name.id = names_next(&core->names);
    fact->as.name.text = text;
    apply(core, fact);
    id = fact->as.name.id;
    fact->as.name.text = name_text(core, id); /* what the event held is gone before the commit */
    return id;
}

struct function *function_get(const struct core *core, uint32_t name)
{
    uint32_t index = name == 0 ? 0 : names_at(&core->names, name)->of[NAME_FUNCTION];
    return index == 0 ? NULL : slab_at(&core->functions, index);
}

struct function *function_need(struct core *core, uint32_t name)
{
    uint32_t *index = &names_at(&core->names, name)->of[NAME_FUNCTION];
    if (*index == 0) {
        *index = slab_alloc(&core->functions);
        MUST(*index != 0); /* there are as many as names */
        ((struct function *)slab_at(&core->functions, *index))->name = name;
    }
    return slab_at(&core->functions, *index);
}

static struct why *why_at(const struct core *core, uint32_t index)
{
    return slab_at(&core->whys, index);
}

uint32_t why_add(struct core *core, struct bytes text)
{
    if (text.size == 0)
        return 0;
    uint32_t index = slab_alloc(&core->whys);
    MUST(index != 0); /* as many as commands, and one per cancel */
    struct why *why = why_at(core, index);
    uint8_t *copy = calloc(1, text.size);
    MUST(copy != NULL);
    memcpy(copy, text.data, text.size);
    why->text = bytes_of(copy, text.size);
    return index;
}

void why_drop(struct core *core, uint32_t index)
{
    if (index == 0)
        return;
    free((void *)(uintptr_t)why_at(core, index)->text.data);
    slab_free(&core->whys, index);
}

struct bytes why_text(const struct core *core, uint32_t index)
{
    return index == 0 ? (struct bytes){0} : why_at(core, index)->text;
}
