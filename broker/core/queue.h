/*
 * queue.h -- classes: ready commands that the same workers may run, and who those are.
 *
 * A class is (pool, selector, function, expected host). Its members are the present workers that
 * match. A class that can be run by one host alone (an `each` command, or a selector that is a host
 * name) is pinned to that host and is looked at by that host's worker only.
 */
#ifndef MUSTER_BROKER_CORE_QUEUE_H
#define MUSTER_BROKER_CORE_QUEUE_H

#include "base/list.h"
#include "base/map.h"
#include "broker/core/ready.h"
#include "broker/core/selector.h"

enum { CLASSES_IDLE_MAX = 1024 };

struct class_ {
    uint32_t index;
    uint32_t pool, selector, function, host; /* the key; name ids, 0 = any or none */
    uint32_t pinned;                         /* struct host, 0 = any host */
    struct ready ready;
    uint32_t refs;                     /* live commands and waits */
    uint32_t members;                  /* present workers that match */
    uint32_t slots;                    /* of theirs */
    uint32_t pool_next, pool_prev;     /* all classes of the pool */
    uint32_t active_next, active_prev; /* of the pool, or of the host when pinned */
    uint32_t host_next, host_prev;     /* all classes pinned to the host */
    bool is_active;                    /* something ready and a member here */
    bool is_dirty;    /* in this turn's list: something became ready, or a member came */
    struct list open; /* unpinned ones */
    struct list idle; /* while refs is 0 */
    uint32_t at;      /* for dispatch: where the last search among the members ended */
};

/* A compiled selector, by its name. */
struct selection {
    struct selector selector;
    uint32_t host; /* name, when it is nothing but a host's name */
};

struct queue {
    struct slab classes;
    struct slab selections;
    struct strmap by_key; /* struct class_key, byte for byte */
    struct list open;     /* unpinned classes */
    struct list idle;     /* oldest first */
    uint32_t n_idle;
    uint64_t *members; /* per class `member_words` words: bit per worker */
    size_t members_bytes;
    uint32_t member_words;
    uint32_t *dirty;
    uint32_t n_dirty;
};

struct class_key {
    uint32_t pool, selector, function, host;
};

void queue_init(struct queue *queue, const struct core_limits *limits, uint64_t seed);
void queue_done(struct queue *queue);

static inline struct class_ *class_at(const struct queue *queue, uint32_t index)
{
    return slab_at(&queue->classes, index);
}

static inline uint64_t *class_members(const struct queue *queue, uint32_t index)
{
    return queue->members + (size_t)index * queue->member_words;
}

static inline bool class_has_member(const struct queue *queue, uint32_t index, uint32_t worker)
{
    return (class_members(queue, index)[worker / 64] >> (worker % 64) & 1) != 0;
}

/* The selection of a selector's name id, compiled on first use; asserts that it compiles. */
struct selection *queue_selection(struct core *core, uint32_t selector);

uint32_t class_find(const struct core *core, struct class_key key);
/* Found or made; asserts that there is room (class_room). */
uint32_t class_need(struct core *core, struct class_key key);
/* Classes that can still be made. */
uint32_t class_room(const struct core *core);
void class_ref(struct core *core, uint32_t index);
void class_unref(struct core *core, uint32_t index);
/* Every class of the pool; asserts that nothing refers to them. */
void class_drop_pool(struct core *core, uint32_t pool);

/* Moves of commands (command.c). */
void class_push(struct core *core, uint32_t index, uint32_t command);
void class_remove(struct core *core, uint32_t index, uint32_t command);
/* Something may be handed out that could not before. */
void class_dirty(struct core *core, uint32_t index);

/* May this worker, present or not, run its commands? */
bool class_matches(const struct core *core, const struct class_ *class_, uint32_t worker);
/* A worker came or went, as it is described now: every class learns of it. */
void queue_join(struct core *core, uint32_t worker);
void queue_leave(struct core *core, uint32_t worker);

#endif
