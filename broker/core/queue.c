/*
 * queue.c -- classes of ready commands and the workers that match them.
 *
 * Responsible for which worker may run what, kept up to date when workers come and go, so that
 * dispatch only looks at bits. Not for the order (ready.c) nor for who gets what (dispatch.c).
 * Invariants: bit w of a class is set iff worker w is present and matches; `members` and `slots`
 * are their sums; a class is active iff something is ready and it has a member; classes without
 * references are in the list of idle ones, of which a bounded number is kept for the next use.
 */
#include <assert.h>

#include "base/reserve.h"
#include "broker/core/machine.h"

void queue_init(struct queue *queue, const struct core_limits *limits, uint64_t seed)
{
    *queue = (struct queue){.member_words = limits->workers_max / 64 + 1};
    MUST(slab_init(&queue->classes, sizeof(struct class_), limits->classes_max) == 0);
    MUST(slab_init(&queue->selections, sizeof(struct selection), limits->names_max) == 0);
    strmap_init(&queue->by_key, limits->classes_max, SIZE_MAX, seed);
    list_init(&queue->idle);
    list_init(&queue->open);
    queue->members_bytes =
        ((size_t)limits->classes_max + 1) * queue->member_words * sizeof *queue->members;
    queue->members = reserve_map(queue->members_bytes);
    queue->dirty = reserve_map(((size_t)limits->classes_max + 1) * sizeof *queue->dirty);
    MUST(queue->members != NULL && queue->dirty != NULL);
}

void queue_done(struct queue *queue)
{
    for (uint32_t i = slab_next(&queue->classes, 0); i != 0; i = slab_next(&queue->classes, i))
        ready_done(&class_at(queue, i)->ready);
    for (uint32_t i = slab_next(&queue->selections, 0); i != 0;
         i = slab_next(&queue->selections, i))
        selector_done(&((struct selection *)slab_at(&queue->selections, i))->selector);
    reserve_unmap(queue->members, queue->members_bytes);
    reserve_unmap(queue->dirty, ((size_t)queue->classes.items_max + 1) * sizeof *queue->dirty);
    slab_done(&queue->classes);
    slab_done(&queue->selections);
    strmap_done(&queue->by_key);
}

struct selection *queue_selection(struct core *core, uint32_t selector)
{
    uint32_t *index = &names_at(&core->names, selector)->of[NAME_SELECTOR];
    if (*index == 0) {
        struct say why = {.size = 0};
        *index = slab_alloc(&core->queue.selections);
        MUST(*index != 0); /* as many as names */
        struct selection *made = slab_at(&core->queue.selections, *index);
        MUST(selector_compile(name_text(core, selector), &made->selector, &why) == 0);
        made->host = names_find(&core->names, selector_literal(&made->selector));
    }
    return slab_at(&core->queue.selections, *index);
}

/* ---- activity ------------------------------------------------------------------------------- */

static uint32_t *active_list(struct core *core, const struct class_ *class_)
{
    return class_->pinned != 0 ? &host_at(&core->roster, class_->pinned)->active
                               : &pool_at(&core->pools, class_->pool)->active;
}

static void mark_busy(struct core *core, uint32_t pool)
{
    uint64_t bit = UINT64_C(1) << (pool % 64);
    if (pool_at(&core->pools, pool)->active != 0)
        core->pools.busy[pool / 64] |= bit;
    else
        core->pools.busy[pool / 64] &= ~bit;
}

static void settle(struct core *core, uint32_t index)
{
    struct queue *queue = &core->queue;
    struct class_ *class_ = class_at(queue, index);
    bool is_active = class_->ready.count > 0 && class_->members > 0;
    if (is_active == class_->is_active)
        return;
    uint32_t *first = active_list(core, class_);
    class_->is_active = is_active;
    if (is_active) {
        class_->active_prev = 0;
        class_->active_next = *first;
        if (*first != 0)
            class_at(queue, *first)->active_prev = index;
        *first = index;
    } else {
        if (class_->active_prev != 0)
            class_at(queue, class_->active_prev)->active_next = class_->active_next;
        else
            *first = class_->active_next;
        if (class_->active_next != 0)
            class_at(queue, class_->active_next)->active_prev = class_->active_prev;
    }
    mark_busy(core, class_->pool);
}

void class_dirty(struct core *core, uint32_t index)
{
    struct class_ *class_ = class_at(&core->queue, index);
    if (class_->is_dirty || !class_->is_active)
        return;
    class_->is_dirty = true;
    core->queue.dirty[core->queue.n_dirty++] = index;
}

void class_push(struct core *core, uint32_t index, uint32_t command)
{
    ready_push(&class_at(&core->queue, index)->ready, &core->commands, command);
    settle(core, index);
    class_dirty(core, index);
}

void class_remove(struct core *core, uint32_t index, uint32_t command)
{
    ready_remove(&class_at(&core->queue, index)->ready, &core->commands, command);
    settle(core, index);
}

/* ---- members -------------------------------------------------------------------------------- */

bool class_matches(const struct core *core, const struct class_ *class_, uint32_t worker_index)
{
    const struct worker *worker = worker_at(&core->roster, worker_index);
    if (worker->slots == 0)
        return false;
    if (class_->function != 0 && !name_set_has(&worker->functions, class_->function))
        return false;
    if (worker->pools.n > 0 &&
        !name_set_has(&worker->pools, pool_at(&core->pools, class_->pool)->name))
        return false;
    if (class_->pinned != 0)
        return class_->pinned == worker->host;
    return worker_matches(core, worker, class_->selector);
}

/* How many of its ready commands change between held and queued. */
static void count_hosted(struct core *core, const struct class_ *class_, bool has_host)
{
    struct pool *pool = pool_at(&core->pools, class_->pool);
    if (class_->ready.count == 0)
        return;
    pool->counts[has_host ? STATE_HELD : STATE_QUEUED] -= class_->ready.count;
    pool->counts[has_host ? STATE_QUEUED : STATE_HELD] += class_->ready.count;
    trace_class(core, class_, has_host);
}

static void add_member(struct core *core, uint32_t index, uint32_t worker)
{
    struct class_ *class_ = class_at(&core->queue, index);
    class_members(&core->queue, index)[worker / 64] |= UINT64_C(1) << (worker % 64);
    class_->slots += worker_at(&core->roster, worker)->slots;
    if (class_->members++ == 0)
        count_hosted(core, class_, true);
    settle(core, index);
    class_dirty(core, index);
}

static void remove_member(struct core *core, uint32_t index, uint32_t worker)
{
    struct class_ *class_ = class_at(&core->queue, index);
    if (!class_has_member(&core->queue, index, worker))
        return;
    class_members(&core->queue, index)[worker / 64] &= ~(UINT64_C(1) << (worker % 64));
    class_->slots -= worker_at(&core->roster, worker)->slots;
    if (--class_->members == 0)
        count_hosted(core, class_, false);
    settle(core, index);
}

void queue_join(struct core *core, uint32_t worker)
{
    struct queue *queue = &core->queue;
    list_each (link, &queue->open) {
        struct class_ *class_ = list_entry(link, struct class_, open);
        if (class_matches(core, class_, worker))
            add_member(core, class_->index, worker);
    }
    uint32_t at = host_at(&core->roster, worker_at(&core->roster, worker)->host)->pinned;
    for (; at != 0; at = class_at(queue, at)->host_next)
        if (class_matches(core, class_at(queue, at), worker))
            add_member(core, at, worker);
}

void queue_leave(struct core *core, uint32_t worker)
{
    struct queue *queue = &core->queue;
    list_each (link, &queue->open) {
        remove_member(core, list_entry(link, struct class_, open)->index, worker);
    }
    uint32_t at = host_at(&core->roster, worker_at(&core->roster, worker)->host)->pinned;
    for (; at != 0; at = class_at(queue, at)->host_next)
        remove_member(core, at, worker);
}

static void find_members(struct core *core, uint32_t index)
{
    struct class_ *class_ = class_at(&core->queue, index);
    if (class_->pinned != 0) {
        uint32_t worker = host_at(&core->roster, class_->pinned)->worker;
        if (worker != 0 && worker_at(&core->roster, worker)->is_present &&
            class_matches(core, class_, worker))
            add_member(core, index, worker);
        return;
    }
    const struct slab *workers = &core->roster.workers;
    for (uint32_t w = slab_next(workers, 0); w != 0; w = slab_next(workers, w))
        if (worker_at(&core->roster, w)->is_present && class_matches(core, class_, w))
            add_member(core, index, w);
}

/* ---- classes -------------------------------------------------------------------------------- */

static_assert(sizeof(struct class_key) == 4 * sizeof(uint32_t), "a key has no padding");

static struct bytes key_bytes(const struct class_key *key)
{
    return bytes_of(key, sizeof *key);
}

static struct class_key key_of(const struct class_ *class_)
{
    return (struct class_key){class_->pool, class_->selector, class_->function, class_->host};
}

uint32_t class_find(const struct core *core, struct class_key key)
{
    return strmap_get(&core->queue.by_key, key_bytes(&key));
}

static void link_class(struct core *core, uint32_t index)
{
    struct queue *queue = &core->queue;
    struct class_ *class_ = class_at(queue, index);
    struct class_key key = key_of(class_);
    MUST(strmap_put(&queue->by_key, key_bytes(&key), index, NULL) == 0);
    struct pool *pool = pool_at(&core->pools, class_->pool);
    class_->pool_next = pool->classes;
    if (pool->classes != 0)
        class_at(queue, pool->classes)->pool_prev = index;
    pool->classes = index;
    list_init(&class_->open);
    if (class_->pinned == 0) {
        list_push_back(&queue->open, &class_->open);
        return;
    }
    struct host *host = host_at(&core->roster, class_->pinned);
    class_->host_next = host->pinned;
    if (host->pinned != 0)
        class_at(queue, host->pinned)->host_prev = index;
    host->pinned = index;
}

static void unlink_class(struct core *core, uint32_t index)
{
    struct queue *queue = &core->queue;
    struct class_ *class_ = class_at(queue, index);
    struct class_key key = key_of(class_);
    strmap_remove(&queue->by_key, key_bytes(&key));
    if (class_->pool_prev != 0)
        class_at(queue, class_->pool_prev)->pool_next = class_->pool_next;
    else
        pool_at(&core->pools, class_->pool)->classes = class_->pool_next;
    if (class_->pool_next != 0)
        class_at(queue, class_->pool_next)->pool_prev = class_->pool_prev;
    list_remove(&class_->open);
    if (class_->pinned == 0)
        return;
    if (class_->host_prev != 0)
        class_at(queue, class_->host_prev)->host_next = class_->host_next;
    else
        host_at(&core->roster, class_->pinned)->pinned = class_->host_next;
    if (class_->host_next != 0)
        class_at(queue, class_->host_next)->host_prev = class_->host_prev;
}

static void free_class(struct core *core, uint32_t index)
{
    struct queue *queue = &core->queue;
    struct class_ *class_ = class_at(queue, index);
    MUST(class_->refs == 0 && class_->ready.count == 0);
    unlink_class(core, index);
    list_remove(&class_->idle);
    queue->n_idle--;
    for (uint32_t i = 0; class_->is_dirty && i < queue->n_dirty; i++)
        if (queue->dirty[i] == index) {
            queue->dirty[i] = queue->dirty[--queue->n_dirty];
            class_->is_dirty = false;
        }
    ready_done(&class_->ready);
    for (uint32_t i = 0; i < queue->member_words; i++)
        class_members(queue, index)[i] = 0;
    slab_free(&queue->classes, index);
}

uint32_t class_room(const struct core *core)
{
    const struct slab *classes = &core->queue.classes;
    return classes->items_max - slab_count(classes) + core->queue.n_idle;
}

static void free_oldest_idle(struct core *core)
{
    struct list *oldest = list_first(&core->queue.idle);
    MUST(oldest != NULL);
    free_class(core, list_entry(oldest, struct class_, idle)->index);
}

uint32_t class_need(struct core *core, struct class_key key)
{
    uint32_t index = class_find(core, key);
    if (index != 0)
        return index;
    if (slab_is_full(&core->queue.classes))
        free_oldest_idle(core);
    index = slab_alloc(&core->queue.classes);
    struct class_ *class_ = class_at(&core->queue, index);
    class_->index = index;
    class_->pool = key.pool;
    class_->selector = key.selector;
    class_->function = key.function;
    class_->host = key.host;
    uint32_t only = key.host;
    if (only == 0 && key.selector != 0)
        only = queue_selection(core, key.selector)->host;
    class_->pinned = only == 0 ? 0 : host_need(core, only);
    list_init(&class_->idle);
    list_push_back(&core->queue.idle, &class_->idle);
    core->queue.n_idle++;
    link_class(core, index);
    find_members(core, index);
    return index;
}

void class_ref(struct core *core, uint32_t index)
{
    struct class_ *class_ = class_at(&core->queue, index);
    if (class_->refs++ > 0)
        return;
    list_remove(&class_->idle);
    core->queue.n_idle--;
}

void class_unref(struct core *core, uint32_t index)
{
    struct class_ *class_ = class_at(&core->queue, index);
    MUST(class_->refs > 0);
    if (--class_->refs > 0)
        return;
    list_push_back(&core->queue.idle, &class_->idle);
    if (++core->queue.n_idle > CLASSES_IDLE_MAX)
        free_oldest_idle(core);
}

void class_drop_pool(struct core *core, uint32_t pool)
{
    while (pool_at(&core->pools, pool)->classes != 0)
        free_class(core, pool_at(&core->pools, pool)->classes);
}
