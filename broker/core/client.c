/*
 * client.c -- pool handles: their window, what is durable of them, when they are forgotten.
 *
 * FACT_CLIENT is lazy: written before a handle's first command, when it shuts down, when it has
 * confirmed ANSWERED_EVERY more answers, or when it has confirmed one that is stored as a
 * FACT_REQUEST. After a restart answered_to may therefore lag; that only keeps more of the window.
 *
 * Invariants: a handle in the list of idle ones has no session and no live command; what the store
 * knows of it is in `stored`.
 */
#include <stdlib.h>

#include "base/reserve.h"
#include "broker/core/grow.h"
#include "broker/core/machine.h"

enum { ANSWERED_EVERY = 256, SWEEP_MAX = 1024, FINALS_FIRST = 256 };

/* When there is no room: a handle that was silent for this long may go. */
static const int64_t SILENT_NS = 60 * MUSTER_S;

void clients_init(struct clients *clients, uint32_t clients_max, uint64_t seed)
{
    *clients = (struct clients){0};
    MUST(slab_init(&clients->items, sizeof(struct client), clients_max) == 0);
    map_init(&clients->by_id, clients_max, seed);
    list_init(&clients->idle);
    clients->dirty = reserve_map(((size_t)clients_max + 1) * sizeof *clients->dirty);
    MUST(clients->dirty != NULL);
}

void clients_done(struct clients *clients)
{
    const struct slab *items = &clients->items;
    for (uint32_t i = slab_next(items, 0); i != 0; i = slab_next(items, i))
        window_done(&client_at(clients, i)->window);
    reserve_unmap(clients->dirty, ((size_t)clients->items.items_max + 1) * sizeof *clients->dirty);
    slab_done(&clients->items);
    map_done(&clients->by_id);
    free(clients->finals);
}

uint32_t client_find(const struct clients *clients, uint64_t id)
{
    return map_get(&clients->by_id, id);
}

void client_dirty(struct core *core, uint32_t index)
{
    struct client *client = client_at(&core->clients, index);
    if (client->is_dirty)
        return;
    client->is_dirty = true;
    core->clients.dirty[core->clients.n_dirty++] = index;
}

/* ---- what is durable ------------------------------------------------------------------------ */

static void store(struct core *core, uint32_t index)
{
    struct client *client = client_at(&core->clients, index);
    struct fact *fact = fact_add(core, FACT_CLIENT);
    fact->as.client = (struct fact_client){.client = client->id,
                                           .pool = pool_at(&core->pools, client->pool)->id,
                                           .answered_to = client->window.answered_to,
                                           .shutting_down = client->is_shutting_down,
                                           .seen_wall_ns = client->seen_wall_ns};
    client->stored_passed = 0;
    apply(core, fact);
}

void client_store(struct core *core, uint32_t index)
{
    if (!client_at(&core->clients, index)->stored.is_made)
        store(core, index);
}

static bool must_store(const struct client *client)
{
    if (client->stored_passed > 0 || client->is_shutting_down != client->stored.is_shutting_down)
        return true;
    return client->stored.is_made &&
           client->window.answered_to - client->stored.answered_to >= ANSWERED_EVERY;
}

void client_answered(struct core *core, uint32_t index, uint64_t answered_to)
{
    struct client *client = client_at(&core->clients, index);
    if (answered_to <= client->window.answered_to)
        return;
    client->stored_passed += window_pass(&client->window, answered_to);
    if (must_store(client))
        client_dirty(core, index);
}

void client_ended(struct core *core, uint32_t index, uint16_t sequence)
{
    struct clients *clients = &core->clients;
    struct client *client = client_at(clients, index);
    client->has_ended = true;
    client_dirty(core, index);
    uint64_t full = window_sequence(&client->window, sequence);
    const struct window_entry *entry = window_find(&client->window, full);
    if (entry == NULL || entry->is_stored)
        return;
    clients->finals = grow(clients->finals, clients->n_finals, &clients->finals_max, FINALS_FIRST,
                           sizeof *clients->finals);
    clients->finals[clients->n_finals++] = (struct client_final){.client = index, .sequence = full};
}

static void flush_finals(struct core *core)
{
    struct clients *clients = &core->clients;
    for (uint32_t i = 0; i < clients->n_finals; i++) {
        uint32_t index = clients->finals[i].client;
        uint64_t sequence = clients->finals[i].sequence;
        if (!slab_is_live(&clients->items, index))
            continue;
        const struct client *client = client_at(clients, index);
        const struct window_entry *entry = window_find(&client->window, sequence);
        if (entry == NULL || entry->is_stored)
            continue;
        struct fact *fact = fact_add(core, FACT_REQUEST);
        fact->as.request = (struct fact_request){.client = client->id,
                                                 .sequence = sequence,
                                                 .first = entry->first,
                                                 .count = entry->count,
                                                 .batch = entry->batch};
        apply(core, fact);
    }
    clients->n_finals = 0;
}

void clients_flush(struct core *core)
{
    struct clients *clients = &core->clients;
    flush_finals(core);
    for (uint32_t i = 0; i < clients->n_dirty; i++)
        if (must_store(client_at(clients, clients->dirty[i])))
            store(core, clients->dirty[i]);
}

void clients_end_turn(struct core *core)
{
    struct clients *clients = &core->clients;
    while (clients->n_dirty > 0) {
        uint32_t index = clients->dirty[--clients->n_dirty];
        struct client *client = client_at(clients, index);
        client->is_dirty = false;
        client->has_ended = false;
        client_settle(core, index);
    }
}

/* ---- coming and going ----------------------------------------------------------------------- */

/* The handle that may be forgotten first: idle, or silent for a while with nothing in hand. */
static uint32_t oldest(const struct core *core)
{
    const struct clients *clients = &core->clients;
    struct list *first = list_first(&clients->idle);
    if (first != NULL)
        return client_find(clients, list_entry(first, struct client, idle)->id);
    uint32_t best = 0;
    for (uint32_t i = slab_next(&clients->items, 0); i != 0; i = slab_next(&clients->items, i)) {
        const struct client *client = client_at(clients, i);
        if (client->live > 0 || client->n_waits > 0 || client->n_cancels > 0 ||
            core->wall_ns - client->seen_wall_ns < SILENT_NS)
            continue;
        if (best == 0 || client->seen_wall_ns < client_at(clients, best)->seen_wall_ns)
            best = i;
    }
    return best;
}

/* Its program may still be there: it is asked who it is, should it speak again. */
static void dismiss(struct core *core, uint32_t index)
{
    struct client *client = client_at(&core->clients, index);
    client->said_bye = true;
    if (client->peer == 0) {
        client_forget(core, index);
        return;
    }
    send_close(core, client->peer);
    client_detach(core, index);
}

uint32_t client_make(struct core *core, uint64_t id, uint32_t pool)
{
    struct clients *clients = &core->clients;
    MUST(pool != 0);
    uint32_t index = slab_alloc(&clients->items);
    if (index == 0) {
        uint32_t old = oldest(core);
        if (old == 0)
            return 0;
        dismiss(core, old);
        index = slab_alloc(&clients->items);
    }
    MUST(index != 0 && map_put(&clients->by_id, id, index) == 0);
    struct client *client = client_at(clients, index);
    client->id = id;
    client->pool = pool;
    list_init(&client->waits);
    list_init(&client->idle);
    list_push_back(&pool_at(&core->pools, pool)->clients, &client->of_pool);
    return index;
}

void client_detach(struct core *core, uint32_t index)
{
    struct client *client = client_at(&core->clients, index);
    wait_drop_all(core, index);
    cancels_drop(core, index);
    if (client->n_cursors > 0)
        cursors_disown(core, index);
    session_unbind(core, client->peer);
    client_settle(core, index);
}

void client_settle(struct core *core, uint32_t index)
{
    struct client *client = client_at(&core->clients, index);
    bool is_idle = client->peer == 0 && client->live == 0;
    if (is_idle && client->said_bye) {
        client_forget(core, index);
    } else if (is_idle && !list_is_linked(&client->idle)) {
        list_push_back(&core->clients.idle, &client->idle);
    } else if (!is_idle) {
        list_remove(&client->idle);
    }
}

void client_forget(struct core *core, uint32_t index)
{
    struct client *client = client_at(&core->clients, index);
    MUST(client->peer == 0 && client->live == 0);
    if (client->stored.is_made) {
        struct fact *fact = fact_add(core, FACT_CLIENT_GONE);
        fact->as.client_gone = client->id;
        apply(core, fact);
    } else {
        client_apply_gone(core, client->id);
    }
}

void clients_sweep(struct core *core)
{
    struct clients *clients = &core->clients;
    for (uint32_t n = 0; n < SWEEP_MAX; n++) {
        core->sweep_client = slab_next(&clients->items, core->sweep_client);
        if (core->sweep_client == 0)
            break;
        const struct client *client = client_at(clients, core->sweep_client);
        bool is_busy = client->live > 0 || client->n_waits > 0 || client->n_cancels > 0;
        if (!is_busy && core->wall_ns - client->seen_wall_ns > core->limits.keep_client_ns)
            dismiss(core, core->sweep_client);
    }
}

/* ---- applied facts -------------------------------------------------------------------------- */

void client_apply(struct core *core, const struct fact_client *fact)
{
    struct clients *clients = &core->clients;
    uint32_t index = client_find(clients, fact->client);
    if (index == 0)
        index = client_make(core, fact->client, pool_find(&core->pools, fact->pool));
    MUST(index != 0);
    struct client *client = client_at(clients, index);
    client->stored.is_made = true;
    client->stored.answered_to = fact->answered_to;
    client->stored.is_shutting_down = fact->shutting_down;
    client->stored.seen_wall_ns = fact->seen_wall_ns;
    client->is_shutting_down = fact->shutting_down;
    client->seen_wall_ns = fact->seen_wall_ns;
    window_pass(&client->window, fact->answered_to);
}

void client_apply_gone(struct core *core, uint64_t id)
{
    struct clients *clients = &core->clients;
    uint32_t index = client_find(clients, id);
    MUST(index != 0);
    struct client *client = client_at(clients, index);
    MUST(client->live == 0);
    for (uint32_t i = 0; client->is_dirty && i < clients->n_dirty; i++)
        if (clients->dirty[i] == index) {
            clients->dirty[i] = clients->dirty[--clients->n_dirty];
            break;
        }
    list_remove(&client->of_pool);
    list_remove(&client->idle);
    window_done(&client->window);
    map_remove(&clients->by_id, id);
    slab_free(&clients->items, index);
}

void client_apply_request(struct core *core, const struct fact_request *fact)
{
    uint32_t index = client_find(&core->clients, fact->client);
    MUST(index != 0);
    struct client *client = client_at(&core->clients, index);
    if (fact->sequence <= client->window.answered_to)
        return; /* in a replay of a whole history: passed since */
    struct window_entry *entry = window_find(&client->window, fact->sequence);
    if (entry == NULL)
        entry = window_put(&client->window, fact->sequence, UINT32_MAX);
    entry->first = fact->first;
    entry->count = fact->count;
    entry->batch = fact->batch;
    entry->is_stored = true;
}

void client_apply_submitted(struct core *core, uint32_t index, const struct fact_submitted *fact)
{
    struct client *client = client_at(&core->clients, index);
    if (fact->sequence <= client->window.answered_to)
        return;
    struct window_entry *entry = window_find(&client->window, fact->sequence);
    if (entry == NULL) {
        entry = window_put(&client->window, fact->sequence, UINT32_MAX);
        entry->first = fact->track_id;
        entry->count = 1;
        entry->batch = fact->batch;
    } else if (!entry->is_stored && fact->track_id == entry->first + entry->count) {
        entry->count++;
    }
}
