/* Pool handles: a client is one handle of one program on one pool. */
#ifndef MUSTER_BROKER_CORE_CLIENT_H
#define MUSTER_BROKER_CORE_CLIENT_H

#include "base/list.h"
#include "base/map.h"
#include "base/slab.h"
#include "broker/core/core.h"
#include "broker/core/window.h"

struct client {
    uint64_t id;
    uint32_t pool; /* index */
    peer_id peer;  /* 0: no session */
    struct window window;
    bool is_shutting_down;
    bool said_bye;
    uint64_t live; /* its unfinished commands */
    int64_t seen_wall_ns;
    struct {
        bool is_made;
        uint64_t answered_to;
        bool is_shutting_down;
        int64_t seen_wall_ns;
    } stored;
    uint32_t stored_passed; /* stored requests that were answered since the last FACT_CLIENT */
    struct list of_pool;
    struct list waits; /* all its waiting requests */
    uint32_t n_waits;
    uint32_t n_cursors; /* that it owns */
    uint32_t n_cancels; /* long ones that go on */
    struct list idle;   /* no session and nothing live: the oldest first */
    bool is_dirty;      /* in this turn's list */
    bool has_ended;     /* some of its commands ended in this turn */
};

struct client_final {
    uint64_t sequence;
    uint32_t client;
};

struct clients {
    struct slab items;
    struct map by_id;
    struct list idle;
    uint32_t *dirty;
    uint32_t n_dirty;
    /* Answers that must be durable because their command is final: looked at in the flush. */
    struct client_final *finals;
    uint32_t n_finals, finals_max;
};

static inline struct client *client_at(const struct clients *clients, uint32_t index)
{
    return slab_at(&clients->items, index);
}

void clients_init(struct clients *clients, uint32_t clients_max, uint64_t seed);
void clients_done(struct clients *clients);

/* Known, and not durable yet. When there is no room the handle that was idle longest is forgotten;
 * 0 when none is idle. `pool` is an index. */
uint32_t client_make(struct core *core, uint64_t id, uint32_t pool);
uint32_t client_find(const struct clients *clients, uint64_t id);
void client_dirty(struct core *core, uint32_t index);
/* Before its first command: what is durable of it refers to a durable handle. */
void client_store(struct core *core, uint32_t index);
void client_answered(struct core *core, uint32_t index, uint64_t answered_to);
/* One of its commands is final: its answer may have to become durable. */
void client_ended(struct core *core, uint32_t index, uint16_t sequence);
/* Its session ended. */
void client_detach(struct core *core, uint32_t index);
/* Puts it into the list of idle ones, or takes it out; forgets it when it said goodbye. */
void client_settle(struct core *core, uint32_t index);
void client_forget(struct core *core, uint32_t index);
void clients_flush(struct core *core);
void clients_end_turn(struct core *core);
void clients_sweep(struct core *core);

void client_apply(struct core *core, const struct fact_client *fact);
void client_apply_gone(struct core *core, uint64_t id);
void client_apply_request(struct core *core, const struct fact_request *fact);
/* A SUBMITTED of this client at replay or live: its part of the window. */
void client_apply_submitted(struct core *core, uint32_t index, const struct fact_submitted *fact);

#endif
