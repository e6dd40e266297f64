/*
 * dispatch.c -- who gets what (S3, S4): part of the flush, so that all of a turn is in the queue.
 *
 * A worker takes the first command, by (priority, track_id), of the pool whose turn it is with this
 * worker: pools share a worker by deficit round robin, where a command costs one and the quantum is
 * QUANTUM commands. If that first command cannot be handed out yet because it is long and the
 * worker's slots are taken, nothing behind it in its pool overtakes.
 *
 * Free slots take anything. Beyond them a worker gets short commands ahead, as far as they wait at
 * most ahead_ns: (sum of the estimates of short ones it holds, this one included) at most ahead_ns
 * times (slots that no long one takes). The estimate is the function's median run time; unknown, or
 * ahead_ns and more, is long.
 *
 * Work follows what changed: classes in which something became ready, and workers that may take
 * something. Free slots are filled first, everywhere; then commands go ahead, one to each worker in
 * turn. Nothing is scanned but the bits of a class's members.
 */
#include "broker/core/grow.h"
#include "broker/core/machine.h"

enum { QUANTUM = 8, OUTS_FIRST = 256 };

/* ---- estimates ------------------------------------------------------------------------------ */

/* 0: long. */
static uint32_t estimate_ns(const struct core *core, const struct class_ *class_)
{
    const struct function *function = function_get(core, class_->function);
    if (function == NULL || function->median_ns >= core->limits.ahead_ns)
        return 0;
    return function->median_ns;
}

static bool fits_ahead(const struct core *core, const struct worker *worker, uint32_t estimate)
{
    if (estimate == 0 || worker->n_long >= worker->slots)
        return false;
    int64_t most = core->limits.ahead_ns * (int64_t)(worker->slots - worker->n_long);
    return worker->short_sum_ns + (int64_t)estimate <= most;
}

/* ---- what one worker takes ------------------------------------------------------------------ */

static const struct command *head_of(const struct core *core, uint32_t class_index)
{
    const struct class_ *class_ = class_at(&core->queue, class_index);
    return command_at(&core->commands, ready_first(&class_->ready, &core->commands));
}

static uint32_t better(const struct core *core, uint32_t a, uint32_t b)
{
    if (a == 0)
        return b;
    return command_is_before(head_of(core, b), head_of(core, a)) ? b : a;
}

/* The class of this pool whose first command is the first for the worker; 0 when there is none. */
static uint32_t first_class(const struct core *core, uint32_t pool, uint32_t worker_index)
{
    const struct queue *queue = &core->queue;
    const struct worker *worker = worker_at(&core->roster, worker_index);
    uint32_t best = 0;
    for (uint32_t at = pool_at(&core->pools, pool)->active; at != 0;
         at = class_at(queue, at)->active_next)
        if (class_has_member(queue, at, worker_index))
            best = better(core, best, at);
    for (uint32_t at = host_at(&core->roster, worker->host)->active; at != 0;
         at = class_at(queue, at)->active_next)
        if (class_at(queue, at)->pool == pool && class_has_member(queue, at, worker_index))
            best = better(core, best, at);
    return best;
}

/* The next pool above `pool` that may have something for the worker; 0 when there is none. */
static uint32_t pool_above(const struct core *core, uint32_t pool, const struct worker *worker)
{
    const struct pools *pools = &core->pools;
    uint32_t found = 0;
    uint32_t from = pool + 1;
    for (uint32_t word = from / 64; word < pools->busy_words; word++) {
        uint64_t bits = pools->busy[word];
        if (word == from / 64)
            bits &= ~UINT64_C(0) << (from % 64);
        if (bits == 0)
            continue;
        found = word * 64 + (uint32_t)__builtin_ctzll(bits);
        break;
    }
    for (uint32_t at = host_at(&core->roster, worker->host)->active; at != 0;
         at = class_at(&core->queue, at)->active_next) {
        uint32_t other = class_at(&core->queue, at)->pool;
        if (other > pool && (found == 0 || other < found))
            found = other;
    }
    return found;
}

static bool has_free_slot(const struct core *core, uint32_t worker)
{
    return (core->roster.free_slots[worker / 64] >> (worker % 64) & 1) != 0;
}

static bool is_roomy(const struct core *core, uint32_t worker)
{
    return (core->roster.roomy[worker / 64] >> (worker % 64) & 1) != 0;
}

/* What the worker may take from this pool now: its first class, or 0. */
static uint32_t try_pool(const struct core *core, uint32_t pool, uint32_t worker_index,
                         uint32_t *ret_estimate)
{
    if (pool_at(&core->pools, pool)->n_cancels > 0)
        return 0;
    uint32_t found = first_class(core, pool, worker_index);
    if (found == 0)
        return 0;
    *ret_estimate = estimate_ns(core, class_at(&core->queue, found));
    bool fits = has_free_slot(core, worker_index) ||
                fits_ahead(core, worker_at(&core->roster, worker_index), *ret_estimate);
    return fits ? found : 0;
}

/* The class that the worker takes a command from, by deficit round robin; 0 when none. */
static uint32_t choose(const struct core *core, uint32_t worker_index, uint32_t *ret_estimate)
{
    struct worker *worker = worker_at(&core->roster, worker_index);
    uint32_t start = worker->pool_at;
    uint32_t found = 0;
    if (worker->quantum > 0 && slab_is_live(&core->pools.items, start))
        found = try_pool(core, start, worker_index, ret_estimate);
    if (found != 0)
        return found;
    /* Once round the others, from the next one on; the one that it came from last. */
    uint32_t pool = pool_above(core, start, worker);
    bool is_wrapped = pool == 0;
    if (is_wrapped)
        pool = pool_above(core, 0, worker);
    while (pool != 0 && !(is_wrapped && pool > start)) {
        found = try_pool(core, pool, worker_index, ret_estimate);
        if (found != 0)
            break;
        pool = pool_above(core, pool, worker);
        if (pool == 0 && !is_wrapped) {
            is_wrapped = true;
            pool = pool_above(core, 0, worker);
        }
    }
    worker->quantum = QUANTUM;
    worker->pool_at = found != 0 ? pool : start;
    return found;
}

static void hand_out(struct core *core, uint32_t class_index, uint32_t worker_index,
                     uint32_t estimate)
{
    struct worker *worker = worker_at(&core->roster, worker_index);
    uint32_t command = ready_first(&class_at(&core->queue, class_index)->ready, &core->commands);
    worker->quantum--;
    command_lease(core, command, worker_index, estimate);
    if (core->n_outs == 0)
        core->n_outs = 1; /* 0 means none */
    core->outs = grow(core->outs, core->n_outs, &core->outs_max, OUTS_FIRST, sizeof *core->outs);
    core->outs[core->n_outs] = (struct hand_out){.command = command};
    if (worker->out_first == 0) {
        worker->out_first = core->n_outs;
        core->receivers[core->n_receivers++] = worker_index;
    } else {
        core->outs[worker->out_last].next = core->n_outs;
    }
    worker->out_last = core->n_outs++;
}

/* True when the worker got a command, into a free slot or, with `ahead`, beyond. */
static bool take(struct core *core, uint32_t worker, bool ahead)
{
    uint32_t estimate;
    if (!has_free_slot(core, worker) && !(ahead && is_roomy(core, worker)))
        return false;
    uint32_t found;
    while ((found = choose(core, worker, &estimate)) != 0) {
        uint32_t command = ready_first(&class_at(&core->queue, found)->ready, &core->commands);
        if (!command_is_overdue(core, command)) {
            hand_out(core, found, worker, estimate);
            return true;
        }
        /* No TICK has come since its start deadline. */
        struct ending ending = {.state = STATE_EXPIRED, .reason = REASON_START_BY};
        command_end(core, command, &ending);
    }
    return false;
}

/* ---- from what changed ---------------------------------------------------------------------- */

/* The next member at or above `from` with a bit in `open`; 0 when there is none. */
static uint32_t next_member(const struct core *core, uint32_t class_index, const uint64_t *open,
                            uint32_t from)
{
    const uint64_t *members = class_members(&core->queue, class_index);
    for (uint32_t word = from / 64; word < core->queue.member_words; word++) {
        uint64_t bits = members[word] & open[word];
        if (word == from / 64)
            bits &= ~UINT64_C(0) << (from % 64);
        if (bits != 0)
            return word * 64 + (uint32_t)__builtin_ctzll(bits);
    }
    return 0;
}

/* Goes round the members that are open, one command for each in turn, until nothing is ready or a
 * whole round brought nothing. */
static void serve_class(struct core *core, uint32_t class_index, const uint64_t *open, bool ahead)
{
    struct class_ *class_ = class_at(&core->queue, class_index);
    uint32_t at = class_->at;
    uint32_t barren_from = 0; /* the first worker since which nothing was taken */
    while (class_->ready.count > 0) {
        uint32_t worker = next_member(core, class_index, open, at + 1);
        if (worker == 0)
            worker = next_member(core, class_index, open, 1);
        if (worker == 0 || worker == barren_from)
            break;
        at = worker;
        if (take(core, worker, ahead))
            barren_from = 0;
        else if (barren_from == 0)
            barren_from = worker;
    }
    class_->at = at;
}

static void serve_workers(struct core *core, bool ahead)
{
    bool any = true;
    while (any) {
        any = false;
        for (uint32_t i = 0; i < core->n_offers; i++)
            any = take(core, core->offers[i], ahead) || any;
    }
}

/* ---- sends ---------------------------------------------------------------------------------- */

static void send_command(struct core *core, uint32_t index, peer_id peer)
{
    const struct command *c = command_at(&core->commands, index);
    const struct more *more = command_more(&core->commands, c);
    const struct class_ *class_ = class_at(&core->queue, c->class_index);
    const struct pool *pool = pool_at(&core->pools, class_->pool);
    uint64_t id = command_id(c);
    struct send send = {.type = SEND_COMMAND, .peer = peer, .pool = pool->id};
    send.as.command.track_id = id;
    send.as.command.body_of = class_->host != 0 ? batch_at(&core->batches, c->batch)->first : id;
    send.as.command.attempt = more->attempt;
    send.as.command.epoch = more->epoch;
    send.as.command.function = name_text(core, class_->function);
    send.as.command.pool_name = pool_name(core, pool);
    send.as.command.body = pool_turn_body(pool, id);
    send.as.command.rerunnable = (c->flags & COMMAND_RERUNNABLE) != 0;
    send_add(core, &send);
}

/* Worker by worker, so that each gets one message. */
static void send_all(struct core *core)
{
    for (uint32_t i = 0; i < core->n_receivers; i++) {
        struct worker *worker = worker_at(&core->roster, core->receivers[i]);
        for (uint32_t at = worker->out_first; at != 0; at = core->outs[at].next)
            send_command(core, core->outs[at].command, worker->peer);
        worker->out_first = worker->out_last = 0;
    }
    core->n_receivers = 0;
    core->n_outs = 0;
}

void dispatch_anew(struct core *core)
{
    const struct slab *classes = &core->queue.classes;
    const struct slab *workers = &core->roster.workers;
    for (uint32_t i = slab_next(classes, 0); i != 0; i = slab_next(classes, i))
        class_dirty(core, i);
    for (uint32_t w = slab_next(workers, 0); w != 0; w = slab_next(workers, w))
        worker_room(core, w);
}

void dispatch(struct core *core)
{
    struct queue *queue = &core->queue;
    if (!core->is_disk_low && core->is_started) {
        for (uint32_t i = 0; i < queue->n_dirty; i++)
            serve_class(core, queue->dirty[i], core->roster.free_slots, false);
        serve_workers(core, false);
        serve_workers(core, true);
        for (uint32_t i = 0; i < queue->n_dirty; i++)
            serve_class(core, queue->dirty[i], core->roster.roomy, true);
    }
    send_all(core);
    for (uint32_t i = 0; i < queue->n_dirty; i++)
        class_at(queue, queue->dirty[i])->is_dirty = false;
    queue->n_dirty = 0;
    for (uint32_t i = 0; i < core->n_offers; i++)
        worker_at(&core->roster, core->offers[i])->is_offered = false;
    core->n_offers = 0;
}
