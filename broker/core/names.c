/*
 * names.c -- strings <-> 32-bit ids.
 *
 * Responsible for: one id per text, for ever. Not for the facts that make a name durable
 * (intern.c). Invariant: the map leads from each text to the id at which the table holds it.
 */
#include "broker/core/names.h"

#include "base/assert.h"
#include "base/reserve.h"

void names_init(struct names *names, uint32_t names_max, uint64_t seed)
{
    MUST(names_max >= 1 && names_max <= NAMES_LIMIT);
    *names = (struct names){.names_max = names_max,
                            .items_bytes = ((size_t)names_max + 1) * sizeof(struct name)};
    strmap_init(&names->ids, names_max, SIZE_MAX, seed);
    names->items = reserve_map(names->items_bytes);
    MUST(names->items != NULL);
}

void names_done(struct names *names)
{
    strmap_done(&names->ids);
    reserve_unmap(names->items, names->items_bytes);
    *names = (struct names){0};
}

uint32_t names_find(const struct names *names, struct bytes text)
{
    return strmap_get(&names->ids, text);
}

bool names_have_room(const struct names *names, uint32_t count)
{
    return names->names_max - names->top >= count;
}

void names_put(struct names *names, uint32_t id, struct bytes text)
{
    MUST(id >= 1 && id <= names->names_max);
    MUST(names->items[id].text.data == NULL && names_find(names, text) == 0);
    MUST(strmap_put(&names->ids, text, id, &names->items[id].text) == 0);
    if (id > names->top)
        names->top = id;
}

struct bytes names_text(const struct names *names, uint32_t id)
{
    return id >= 1 && id <= names->top ? names->items[id].text : (struct bytes){0};
}
