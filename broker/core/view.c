/*
 * view.c -- what egress asks for: names, statistics, lists, hosts. Reads only.
 */
#include <string.h>

#include "base/assert.h"
#include "broker/core/machine.h"

struct bytes core_name(const struct core *core, uint32_t id)
{
    return name_text(core, id);
}

bool core_disk_low(const struct core *core)
{
    return core->is_disk_low;
}

/* ---- statistics ----------------------------------------------------------------------------- */

bool core_pool_stats(const struct core *core, uint32_t pool_id, struct core_pool_stats *ret)
{
    const struct slab *workers = &core->roster.workers;
    uint32_t index = pool_find(&core->pools, pool_id);
    if (index == 0)
        return false;
    const struct pool *pool = pool_at(&core->pools, index);
    *ret = (struct core_pool_stats){.name = pool_name(core, pool),
                                    .totals = &pool->totals,
                                    .held = pool->counts[STATE_HELD],
                                    .queued = pool->counts[STATE_QUEUED],
                                    .running = pool->counts[STATE_RUNNING],
                                    .ok_to = pool_ok_to(core, index),
                                    .final_to = pool_final_to(core, index),
                                    .usage_from = pool->usage_from};
    for (uint32_t w = slab_next(workers, 0); w != 0; w = slab_next(workers, w)) {
        const struct worker *worker = worker_at(&core->roster, w);
        bool serves = worker->pools.n == 0 || name_set_has(&worker->pools, pool->name);
        if (!worker->is_present || !serves)
            continue;
        ret->hosts++;
        ret->slots += worker->slots;
    }
    return true;
}

void core_pool_usage(const struct core *core, uint32_t pool_id,
                     void (*each)(void *ctx, struct bytes host, uint32_t slot, uint64_t count),
                     void *ctx)
{
    uint32_t index = pool_find(&core->pools, pool_id);
    for (uint32_t i = slab_next(&core->usages, 0); i != 0; i = slab_next(&core->usages, i)) {
        const struct usage *usage = slab_at(&core->usages, i);
        if (usage->pool == index)
            each(ctx, name_text(core, usage->host), usage->slot, usage->count);
    }
}

void core_usage_add(struct core *core, uint32_t pool_id, uint32_t host, uint32_t slot,
                    uint64_t count)
{
    uint32_t index = pool_find(&core->pools, pool_id);
    if (index != 0)
        usage_add(core, index, host, slot, count);
}

void core_usage_done(struct core *core, uint32_t pool_id)
{
    uint32_t index = pool_find(&core->pools, pool_id);
    if (index != 0)
        pool_at(&core->pools, index)->usage_from = 0;
}

/* ---- commands ------------------------------------------------------------------------------- */

static void fill_row(const struct core *core, const struct command *c, struct core_command_row *row)
{
    const struct class_ *class_ = class_at(&core->queue, c->class_index);
    const struct more *more = command_more(&core->commands, c);
    const struct batch *batch = c->batch == 0 ? NULL : batch_at(&core->batches, c->batch);
    uint64_t id = command_id(c);
    *row = (struct core_command_row){.track_id = id,
                                     .batch = batch == NULL ? 0 : batch->number,
                                     .body_of = class_->host != 0 ? batch->first : id,
                                     .state = command_state(core, c),
                                     .hold = command_hold(core, c),
                                     .function = name_text(core, class_->function),
                                     .selector = name_text(core, class_->selector),
                                     .host = name_text(core, class_->host),
                                     .submitted_wall_ns = c->submitted_wall_ns,
                                     .since_wall_ns = c->submitted_wall_ns,
                                     .priority = c->priority};
    if (more != NULL) {
        row->attempt = more->attempt;
        row->starts = more->starts;
    }
    if (c->place == PLACE_RUNNING) {
        uint32_t index;
        const struct worker *worker = command_holder(core, c, &index);
        row->silent = worker->is_silent;
        row->host = name_text(core, worker->host_name);
        row->since_wall_ns = more->leased_wall_ns;
    } else if (c->place == PLACE_TIME) {
        row->since_wall_ns = more->not_before_wall_ns;
    }
    row->age_ns = core->wall_ns > row->since_wall_ns ? core->wall_ns - row->since_wall_ns : 0;
}

static bool is_wanted(const struct core *core, const struct event_list *list,
                      const struct command *c)
{
    if (list->states != 0 && (list->states & 1u << command_state(core, c)) == 0)
        return false;
    if (list->batch == 0)
        return true;
    return c->batch != 0 && batch_at(&core->batches, c->batch)->number == list->batch;
}

/* The lowest id above `after` that one of the ranges holds, less one; UINT64_MAX beyond all. */
static uint64_t skip_to_range(const struct event_list *list, uint64_t after)
{
    uint64_t best = UINT64_MAX;
    if (list->n_ranges == 0)
        return after;
    for (uint32_t i = 0; i < list->n_ranges; i++) {
        const struct core_range *range = &list->ranges[i];
        if (range->last <= after || range->last < range->first)
            continue;
        uint64_t from = range->first > after + 1 ? range->first - 1 : after;
        if (from < best)
            best = from;
    }
    return best;
}

size_t core_list(const struct core *core, uint32_t pool_id, const struct event_list *list,
                 struct core_command_row *rows, size_t max, bool *ret_more)
{
    uint32_t pool = pool_find(&core->pools, pool_id);
    uint64_t after = list->after;
    size_t n = 0;
    *ret_more = false;
    while (pool != 0) {
        uint64_t id;
        uint64_t from = skip_to_range(list, after);
        const struct page_list *pages = &pool_at(&core->pools, pool)->pages;
        if (from >= TRACK_ID_MAX)
            break;
        uint32_t index = pages_after(core->commands.pages, pages, pool, from, &id);
        if (index == 0)
            break;
        after = id - 1;
        if (skip_to_range(list, after) != after)
            continue; /* between two ranges */
        after = id;
        const struct command *c = command_at(&core->commands, index);
        if (!is_wanted(core, list, c))
            continue;
        if (n == max) {
            *ret_more = true;
            break;
        }
        fill_row(core, c, &rows[n++]);
    }
    return n;
}

/* ---- hosts ---------------------------------------------------------------------------------- */

enum { HOST_ROWS_MAX = 1024 };

static bool host_is_before(const struct core *core, uint32_t a, uint32_t b)
{
    const struct worker *x = worker_at(&core->roster, a);
    const struct worker *y = worker_at(&core->roster, b);
    int order = bytes_compare(name_text(core, x->host_name), name_text(core, y->host_name));
    if (order == 0)
        order = bytes_compare(name_text(core, x->name), name_text(core, y->name));
    return order < 0;
}

static void fill_host(const struct core *core, const struct worker *worker,
                      struct core_host_row *row)
{
    *row = (struct core_host_row){.host = name_text(core, worker->host_name),
                                  .worker = name_text(core, worker->name),
                                  .software = name_text(core, worker->software),
                                  .tree_kill = name_text(core, worker->tree_kill),
                                  .present = worker->is_present,
                                  .draining = worker->is_present && worker->credit == 0,
                                  .transient = worker->is_transient,
                                  .slots = worker->slots,
                                  .running = worker->n_held,
                                  .labels = worker->labels.ids,
                                  .n_labels = worker->labels.n,
                                  .functions = worker->functions.ids,
                                  .n_functions = worker->functions.n,
                                  .seen_wall_ns = worker->seen_now_wall_ns,
                                  .skew_ns = worker->skew_now_ns,
                                  .round_trip_ns = worker->round_trip_now_ns};
}

static bool host_is_wanted(const struct core *core, const struct selector *selector,
                           const struct worker *worker)
{
    enum { LABELS_MAX = 256 };
    struct bytes labels[LABELS_MAX];
    uint32_t n = worker->labels.n < LABELS_MAX ? worker->labels.n : LABELS_MAX;
    if (!worker_is_known(worker))
        return false;
    if (selector == NULL)
        return true;
    for (uint32_t i = 0; i < n; i++)
        labels[i] = name_text(core, worker->labels.ids[i]);
    return selector_matches(selector, name_text(core, worker->host_name), labels, n);
}

size_t core_hosts(const struct core *core, struct bytes selector, struct bytes after,
                  struct core_host_row *rows, size_t max, bool *ret_more)
{
    const struct slab *workers = &core->roster.workers;
    uint32_t lowest[HOST_ROWS_MAX];
    struct selector compiled;
    struct say why = {.size = 0};
    bool has_selector = selector.size > 0;
    size_t n = 0;
    *ret_more = false;
    if (max > HOST_ROWS_MAX)
        max = HOST_ROWS_MAX;
    if (has_selector)
        MUST(selector_compile(selector, &compiled, &why) == 0);
    for (uint32_t w = slab_next(workers, 0); w != 0; w = slab_next(workers, w)) {
        const struct worker *worker = worker_at(&core->roster, w);
        if (bytes_compare(name_text(core, worker->host_name), after) <= 0 ||
            !host_is_wanted(core, has_selector ? &compiled : NULL, worker))
            continue;
        size_t at = n;
        while (at > 0 && host_is_before(core, w, lowest[at - 1]))
            at--;
        *ret_more = *ret_more || n == max;
        if (at == max)
            continue;
        n -= n == max;
        memmove(lowest + at + 1, lowest + at, (n - at) * sizeof *lowest);
        lowest[at] = w;
        n++;
    }
    if (has_selector)
        selector_done(&compiled);
    for (size_t i = 0; i < n; i++)
        fill_host(core, worker_at(&core->roster, lowest[i]), &rows[i]);
    return n;
}
