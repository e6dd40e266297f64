/*
 * check.c -- every invariant of the state, by recounting what the other files keep.
 *
 * Responsible for finding what does not fit. Used by tests, the simulator and fuzzers after each
 * step, so it takes time linear in what there is.
 */
#include <stdlib.h>

#include "broker/core/machine.h"

struct check {
    const struct core *core;
    const char *what;
    uint64_t (*live)[LIVE_STATES]; /* by pool */
    uint64_t *of_client;
    uint32_t *of_batch;
    uint32_t *refs;             /* by class */
    uint32_t *held, *held_long; /* by worker */
    int64_t *short_sum;
};

static bool fail(struct check *check, const char *what)
{
    check->what = what;
    return false;
}

#define HOLDS(cond, text)                                                                          \
    do {                                                                                           \
        if (!(cond))                                                                               \
            return fail(check, text);                                                              \
    } while (0)

/* ---- commands ------------------------------------------------------------------------------- */

static bool check_running(struct check *check, const struct command *c, const struct more *more)
{
    const struct core *core = check->core;
    HOLDS(more != NULL && more->attempt > 0, "a running command has an attempt");
    uint32_t w = worker_by_name(core, more->worker);
    HOLDS(w != 0, "the worker of a running command is known");
    HOLDS(list_is_linked(&more->held), "a running command is in its worker's list");
    HOLDS(more->starts > 0 && more->starts <= more->attempt, "starts are attempts");
    bool is_rerunnable = (c->flags & COMMAND_RERUNNABLE) != 0;
    HOLDS(!is_rerunnable || more->starts <= c->max_attempts, "no more starts than allowed");
    check->held[w]++;
    check->held_long[w] += more->estimate_ns == 0;
    check->short_sum[w] += more->estimate_ns;
    return true;
}

static bool check_command(struct check *check, uint32_t index)
{
    const struct core *core = check->core;
    const struct command *c = command_at(&core->commands, index);
    const struct more *more = command_more(&core->commands, c);
    HOLDS(slab_is_live(&core->queue.classes, c->class_index), "a command has a class");
    const struct class_ *class_ = class_at(&core->queue, c->class_index);
    const struct pool *pool = pool_at(&core->pools, class_->pool);
    uint64_t id = command_id(c);
    HOLDS(id >= 1 && id < pool->totals.next_track_id, "ids lie below the next one");
    HOLDS(command_find(core, class_->pool, id) == index, "a command is found by its id");
    HOLDS(more == NULL || more->command == index, "more leads back to its command");
    HOLDS(c->place == PLACE_TIME || c->place == PLACE_READY || c->place == PLACE_RUNNING,
          "a live command has a place");
    HOLDS((c->flags & COMMAND_STOPPING) == 0 || c->place == PLACE_RUNNING,
          "only running commands are stopping");
    HOLDS(c->client == 0 || slab_is_live(&core->clients.items, c->client),
          "the client of a live command is remembered");
    HOLDS(c->batch == 0 || slab_is_live(&core->batches.items, c->batch),
          "the batch of a live command is remembered");
    check->live[class_->pool][command_state(core, c)]++;
    check->of_client[c->client]++;
    check->of_batch[c->batch]++;
    check->refs[c->class_index]++;
    if (c->place == PLACE_RUNNING)
        return check_running(check, c, more);
    HOLDS(more == NULL || !list_is_linked(&more->held), "only running commands are held");
    return true;
}

static bool check_pages(struct check *check, uint32_t index)
{
    const struct core *core = check->core;
    const struct pool *pool = pool_at(&core->pools, index);
    uint64_t n = 0;
    for (uint64_t id = 0; pages_after(core->commands.pages, &pool->pages, index, id, &id) != 0; n++)
        HOLDS(n <= pool_live(pool), "no id leads nowhere");
    HOLDS(n == pool_live(pool), "as many ids as live commands");
    return true;
}

static bool check_pool(struct check *check, uint32_t index)
{
    const struct core *core = check->core;
    const struct pool *pool = pool_at(&core->pools, index);
    const struct pool_totals *t = &pool->totals;
    uint64_t ended = 0;
    for (uint32_t i = 0; i < STATE_COUNT; i++)
        ended += t->ended[i];
    for (uint32_t i = 0; i < LIVE_STATES; i++)
        HOLDS(pool->counts[i] == check->live[index][i], "the counters of a pool are right");
    HOLDS(ended == t->head, "every final command has one record");
    HOLDS(t->next_track_id - 1 == pool_live(pool) + t->head,
          "submitted = held + queued + running + final");
    HOLDS(t->oldest <= t->head, "the oldest position is not beyond the head");
    HOLDS(t->run.count == t->waited.count && t->run.count == t->throttle.count,
          "the spreads count the same records");
    HOLDS(pool_ok_to(core, index) <= pool_final_to(core, index), "ok_to is not ahead of final_to");
    bool is_busy = (core->pools.busy[index / 64] >> (index % 64) & 1) != 0;
    HOLDS(is_busy == (pool->active != 0), "a pool is busy while one of its classes is active");
    return check_pages(check, index);
}

/* ---- classes -------------------------------------------------------------------------------- */

static bool check_class(struct check *check, uint32_t index)
{
    const struct core *core = check->core;
    const struct class_ *class_ = class_at(&core->queue, index);
    const struct slab *workers = &core->roster.workers;
    uint32_t members = 0;
    uint32_t slots = 0;
    HOLDS(ready_check(&class_->ready, &core->commands), "ready commands are in order");
    HOLDS(class_->refs == check->refs[index], "references to a class are counted");
    HOLDS(list_is_linked(&class_->idle) == (class_->refs == 0), "idle classes are listed");
    HOLDS(class_->index == index &&
              class_find(core, (struct class_key){class_->pool, class_->selector, class_->function,
                                                  class_->host}) == index,
          "a class is found by its key");
    for (uint32_t w = slab_next(workers, 0); w != 0; w = slab_next(workers, w)) {
        bool matches = worker_at(&core->roster, w)->is_present && class_matches(core, class_, w);
        HOLDS(class_has_member(&core->queue, index, w) == matches,
              "the members of a class are the present workers that match");
        members += matches;
        slots += matches ? worker_at(&core->roster, w)->slots : 0;
    }
    HOLDS(members == class_->members && slots == class_->slots, "members are counted");
    HOLDS(class_->is_active == (class_->ready.count > 0 && members > 0),
          "a class is active while it has something and somebody");
    return true;
}

/* ---- workers -------------------------------------------------------------------------------- */

static bool check_room(struct check *check, uint32_t w)
{
    const struct core *core = check->core;
    const struct worker *worker = worker_at(&core->roster, w);
    bool is_free = (core->roster.free_slots[w / 64] >> (w % 64) & 1) != 0;
    bool is_roomy = (core->roster.roomy[w / 64] >> (w % 64) & 1) != 0;
    HOLDS(!is_free || (worker->is_present && worker->n_held < worker->slots &&
                       worker->n_held < worker->credit),
          "a worker with a free slot is here and has credit");
    HOLDS(!is_roomy || (worker->is_present && worker->n_held < worker->credit),
          "a worker with room is here and has credit");
    bool takes =
        worker->is_present && worker->n_held < worker->slots && worker->n_held < worker->credit;
    HOLDS(is_free == takes, "a free slot is known");
    return true;
}

static bool check_worker(struct check *check, uint32_t w)
{
    const struct core *core = check->core;
    const struct worker *worker = worker_at(&core->roster, w);
    uint32_t index;
    uint32_t listed = 0;
    list_each (link, &worker->held) {
        const struct more *more = list_entry(link, struct more, held);
        HOLDS(more->worker == worker->name, "what a worker holds is its own");
        listed++;
    }
    HOLDS(listed == worker->n_held && listed == check->held[w], "what a worker holds is counted");
    HOLDS(worker->n_long == check->held_long[w] && worker->short_sum_ns == check->short_sum[w],
          "estimates are summed up");
    HOLDS(worker_by_name(core, worker->name) == w, "a worker is found by its name");
    HOLDS(worker->peer == 0 ||
              (session_of(core, worker->peer, &index) == SESSION_WORKER && index == w),
          "a worker's session leads back to it");
    HOLDS(!worker->is_present || (worker->peer != 0 && worker->lease_timer != 0),
          "a present worker has a session and a lease");
    HOLDS(worker->slots > 0 || worker->peer == 0, "a replaced worker has no session");
    HOLDS(worker->n_held == 0 || worker->lease_timer != 0 || worker->is_silent,
          "who holds something has a lease or is silent");
    bool is_current = host_at(&core->roster, worker->host)->worker == w;
    HOLDS(is_current == (worker->slots > 0), "a host has one worker that was not replaced");
    return check_room(check, w);
}

/* ---- clients, batches, waits ---------------------------------------------------------------- */

static bool check_window(struct check *check, const struct client *client)
{
    const struct window *window = &client->window;
    HOLDS(window->highest <= window->answered_to ||
              window->highest - window->answered_to <= window->width,
          "a window holds all its sequences");
    for (uint64_t s = window->answered_to + 1; s <= window->highest; s++) {
        const struct window_entry *entry = window_find(window, s);
        HOLDS(entry == NULL || entry->first > 0, "an answer names commands");
    }
    return true;
}

static bool check_client(struct check *check, uint32_t index)
{
    const struct core *core = check->core;
    const struct client *client = client_at(&core->clients, index);
    uint32_t bound;
    uint32_t waits = 0;
    list_each (link, &client->waits) {
        const struct wait *wait = list_entry(link, struct wait, of_client);
        HOLDS(wait->client == index && wait->peer == client->peer, "a wait is its client's");
        waits++;
    }
    HOLDS(waits == client->n_waits, "waits are counted");
    HOLDS(client->live == check->of_client[index], "unfinished commands of a client are counted");
    HOLDS(client->peer == 0 ||
              (session_of(core, client->peer, &bound) == SESSION_CLIENT && bound == index),
          "a client's session leads back to it");
    HOLDS(client->live == 0 || client->stored.is_made, "who has commands is durable");
    HOLDS(!list_is_linked(&client->idle) || (client->peer == 0 && client->live == 0),
          "idle clients are idle");
    return check_window(check, client);
}

static bool check_batch(struct check *check, uint32_t index)
{
    const struct batch *batch = batch_at(&check->core->batches, index);
    uint32_t ended = 0;
    for (uint32_t i = 0; i < STATE_COUNT; i++)
        ended += batch->ended[i];
    HOLDS(ended == batch->n_ended, "ends of a batch are summed up");
    HOLDS(batch->count == ended + check->of_batch[index], "a batch counts its commands");
    return true;
}

static bool check_registration(struct check *check, uint32_t index)
{
    const struct core *core = check->core;
    const struct registration *r = slab_at(&core->waits.registrations, index);
    HOLDS(slab_is_live(&core->waits.items, r->wait), "a registration has a wait");
    if (r->command == 0)
        return true;
    HOLDS(slab_is_live(&core->commands.items, r->command), "it waits for a live command");
    HOLDS(command_id(command_at(&core->commands, r->command)) == r->track_id,
          "it waits for the command that it names");
    return true;
}

/* ---- all ------------------------------------------------------------------------------------ */

static bool each(struct check *check, const struct slab *slab,
                 bool (*one)(struct check *check, uint32_t index))
{
    for (uint32_t i = slab_next(slab, 0); i != 0; i = slab_next(slab, i))
        if (!one(check, i))
            return false;
    return true;
}

static bool count_rooms(struct check *check, uint32_t index)
{
    const struct wait *wait = wait_at(&check->core->waits, index);
    if (wait->kind == WAITING_ROOM && wait->as.room.class_index != 0)
        check->refs[wait->as.room.class_index]++;
    return true;
}

static bool check_turn(struct check *check)
{
    const struct core *core = check->core;
    HOLDS(core->n_receivers == 0 && core->n_outs == 0, "hand-outs are sent in their turn");
    HOLDS(map_count(&core->clients.by_id) == slab_count(&core->clients.items),
          "clients are found by their ids");
    HOLDS(strmap_count(&core->roster.by_uuid) == slab_count(&core->roster.workers),
          "workers are found by their uuids");
    return true;
}

static void *table(const struct slab *slab, size_t size)
{
    void *made = calloc((size_t)slab->top + 1, size);
    MUST(made != NULL);
    return made;
}

bool core_check(const struct core *core, const char **ret_what)
{
    struct check check = {.core = core,
                          .live = table(&core->pools.items, sizeof *check.live),
                          .of_client = table(&core->clients.items, sizeof *check.of_client),
                          .of_batch = table(&core->batches.items, sizeof *check.of_batch),
                          .refs = table(&core->queue.classes, sizeof *check.refs),
                          .held = table(&core->roster.workers, sizeof *check.held),
                          .held_long = table(&core->roster.workers, sizeof *check.held_long),
                          .short_sum = table(&core->roster.workers, sizeof *check.short_sum)};
    bool good = each(&check, &core->commands.items, check_command) &&
                each(&check, &core->waits.items, count_rooms) &&
                each(&check, &core->pools.items, check_pool) &&
                each(&check, &core->queue.classes, check_class) &&
                each(&check, &core->roster.workers, check_worker) &&
                each(&check, &core->clients.items, check_client) &&
                each(&check, &core->batches.items, check_batch) &&
                each(&check, &core->waits.registrations, check_registration) && check_turn(&check);
    free(check.live);
    free(check.of_client);
    free(check.of_batch);
    free(check.refs);
    free(check.held);
    free(check.held_long);
    free(check.short_sum);
    if (ret_what != NULL)
        *ret_what = good ? NULL : check.what;
    return good;
}
