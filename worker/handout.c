/*
 * handout.c -- keeps the commands in hand. It copies them out of the frames, so that one long-lived
 * command does not hold a whole message.
 *
 * Not here: what becomes of them (perform.c).
 */
#include "worker/handout.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

void handouts_init(struct handouts *handouts)
{
    MUST(slab_init(&handouts->slab, sizeof(struct handout), HANDOUTS_MAX) == 0);
}

void handouts_done(struct handouts *handouts)
{
    if (!handouts || !handouts->slab.items)
        return;
    for (uint32_t i = slab_next(&handouts->slab, 0); i != 0; i = slab_next(&handouts->slab, i))
        free(handouts_at(handouts, i)->large);
    slab_done(&handouts->slab);
}

static uint8_t *append(uint8_t *at, struct bytes bytes)
{
    if (bytes.size > 0)
        memcpy(at, bytes.data, bytes.size);
    return at + bytes.size;
}

struct handout *handouts_add(struct handouts *handouts, const struct wire_hand_out *message)
{
    size_t size = message->body.size + message->pool_name.size + message->function.size;
    uint32_t index = slab_alloc(&handouts->slab);
    if (index == 0)
        return NULL;
    struct handout *handout = slab_at(&handouts->slab, index);
    uint8_t *at = handout->small;
    if (size > sizeof handout->small) {
        at = handout->large = malloc(size);
        MUST(at != NULL);
    }
    list_init(&handout->link);
    handout->index = index;
    handout->id = (struct agent_id){.pool = message->pool,
                                    .attempt = message->attempt,
                                    .epoch = message->epoch,
                                    .track_id = message->track_id};
    handout->body_bytes = (uint32_t)message->body.size;
    handout->pool_bytes = (uint16_t)message->pool_name.size;
    handout->function_bytes = (uint16_t)message->function.size;
    at = append(at, message->body);
    at = append(at, message->pool_name);
    append(at, message->function);
    return handout;
}

void handouts_remove(struct handouts *handouts, struct handout *handout)
{
    free(handout->large);
    list_remove(&handout->link);
    slab_free(&handouts->slab, handout->index);
}

struct handout *handouts_find(const struct handouts *handouts, uint64_t index)
{
    if (index > UINT32_MAX || !slab_is_live(&handouts->slab, (uint32_t)index))
        return NULL;
    return slab_at(&handouts->slab, (uint32_t)index);
}

struct handout *handouts_at(const struct handouts *handouts, uint64_t index)
{
    struct handout *handout = handouts_find(handouts, index);
    MUST(handout != NULL);
    return handout;
}

static struct bytes texts(const struct handout *handout, size_t from, size_t size)
{
    const uint8_t *all = handout->large ? handout->large : handout->small;
    return bytes_of(all + from, size);
}

struct bytes handout_body(const struct handout *handout)
{
    return texts(handout, 0, handout->body_bytes);
}

struct bytes handout_pool(const struct handout *handout)
{
    return texts(handout, handout->body_bytes, handout->pool_bytes);
}

struct bytes handout_function(const struct handout *handout)
{
    return texts(handout, (size_t)handout->body_bytes + handout->pool_bytes,
                 handout->function_bytes);
}
