/* Requests that wait: READ, WAIT, ROOM, SHUTDOWN, and cancels too long for one turn. */
#ifndef MUSTER_BROKER_CORE_WAIT_H
#define MUSTER_BROKER_CORE_WAIT_H

#include "base/list.h"
#include "base/slab.h"
#include "broker/core/core.h"

enum wait_kind {
    WAITING_READ,
    WAITING_COMMANDS,
    WAITING_BATCH,
    WAITING_ALL,
    WAITING_MINE,
    WAITING_ROOM,
    WAITING_SHUTDOWN,
    WAITING_KINDS
};

enum { WAITS_LIMIT = 1 << 20, WAIT_IDS_MAX = 1024, REGISTRATIONS_MAX = 1 << 22 };

struct wait {
    uint32_t index;
    enum wait_kind kind;
    uint32_t client, pool;
    peer_id peer;
    uint64_t request;
    uint32_t timer; /* 0: none */
    struct list of_client;
    struct list of_subject; /* of its pool, batch, or all of its kind */
    bool is_hit;            /* COMMANDS: one is final; in the list of this turn */
    bool with_command;
    union {
        struct {
            uint64_t from_pos;
            uint32_t cursor; /* 0: none */
            uint32_t max;
        } read;
        struct {
            uint32_t first, n; /* registrations */
        } commands;
        struct {
            uint32_t batch;
        } batch;
        struct {
            uint32_t class_index, buffer;
        } room;
    } as;
};

/* That one wait waits for one live command. */
struct registration {
    uint32_t wait;
    uint32_t command; /* 0: final */
    uint64_t track_id;
    uint32_t next_of_command, next_of_wait;
};

struct waits {
    struct slab items, registrations;
    struct list rooms;
    uint32_t *hits;
    uint32_t n_hits, hits_max;
};

void waits_init(struct waits *waits, const struct core_limits *limits);
void waits_done(struct waits *waits);

static inline struct wait *wait_at(const struct waits *waits, uint32_t index)
{
    return slab_at(&waits->items, index);
}

void wait_drop(struct core *core, struct wait *wait);

/* ROOM (S10's throttle): slots of the workers that match, and whether one more has room. */
uint32_t room_slots(const struct core *core, uint32_t class_index);
bool room_is_there(uint64_t live, uint32_t slots, uint32_t buffer);

/* A command ends: tells whoever waits for it. */
void wait_command_ended(struct core *core, uint32_t command);
void wait_drop_all(struct core *core, uint32_t client);
/* Waits that hang on a cursor and not on this client. */
void wait_cursor_taken(struct core *core, uint32_t cursor, uint32_t client);
void wait_timed_out(struct core *core, uint32_t index);
/* The batch is complete, whoever waits for it is told; it is about to be forgotten. */
void wait_batch_done(struct core *core, uint32_t batch);
void waits_flush(struct core *core);

#endif
