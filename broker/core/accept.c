/*
 * accept.c -- a checked SUBMIT becomes facts: CLIENT (before a handle's first), NAME, SUBMITTED …,
 * REQUEST, REQUEST_ID.
 *
 * Nothing here can fail: the check has made sure of room. Relative times become wall times once
 * (timer.c). An `each` makes one command per known host that matches and offers the function, in
 * one batch, and all of them share the body of the first.
 */
#include "broker/core/submit.h"

enum { ATTEMPTS_DEFAULT = 1, ATTEMPTS_RERUNNABLE = 5 };

/* The later of the two times that are asked for; 0 for none. */
static int64_t not_before(const struct core *core, const struct event_submission *e)
{
    if (e->at_wall_ns > 0)
        return time_absolute(e->at_wall_ns);
    if (e->delay_ns > 0)
        return time_relative(time_add(core->wall_ns, e->delay_ns));
    return 0;
}

static int64_t start_by(const struct core *core, const struct event_submission *e)
{
    if (e->start_by_wall_ns > 0)
        return time_absolute(e->start_by_wall_ns);
    if (e->start_within_ns > 0)
        return time_relative(time_add(core->wall_ns, e->start_within_ns));
    return 0;
}

static uint16_t attempts_of(const struct event_submission *e)
{
    if (e->max_attempts > 0)
        return (uint16_t)e->max_attempts;
    return e->rerunnable ? ATTEMPTS_RERUNNABLE : ATTEMPTS_DEFAULT;
}

static struct fact_submitted fact_of(const struct submit *s, const struct event_submission *e,
                                     const struct plan *plan)
{
    const struct core *core = s->core;
    const struct pool *pool = pool_at(&core->pools, s->pool);
    return (struct fact_submitted){.pool = pool->id,
                                   .track_id = pool->totals.next_track_id,
                                   .client = client_at(&core->clients, s->client)->id,
                                   .sequence = s->event->as.submit.sequence,
                                   .function = plan->function,
                                   .selector = plan->selector,
                                   .priority = (int16_t)e->priority,
                                   .max_attempts = attempts_of(e),
                                   .rerunnable = e->rerunnable,
                                   .submitted_wall_ns = core->wall_ns,
                                   .not_before_wall_ns = not_before(core, e),
                                   .start_by_wall_ns = start_by(core, e),
                                   .lost_after_ns = e->lost_after_ns,
                                   .body = e->body,
                                   .body_bytes = e->body_bytes};
}

static void commit_one(const struct submit *s, const struct fact_submitted *submitted,
                       uint64_t body)
{
    struct core *core = s->core;
    pool_note_body(pool_at(&core->pools, s->pool), submitted->track_id, body);
    struct fact *fact = fact_add(core, FACT_SUBMITTED);
    fact->as.submitted = *submitted;
    apply(core, fact);
}

static void commit_each(const struct submit *s, const struct event_submission *e,
                        const struct plan *plan, uint64_t batch)
{
    struct core *core = s->core;
    struct fact_submitted fact = fact_of(s, e, plan);
    const struct slab *workers = &core->roster.workers;
    const struct selector *selector =
        plan->selector == 0 ? NULL : &queue_selection(core, plan->selector)->selector;
    uint64_t first = fact.track_id;
    fact.batch = batch;
    for (uint32_t w = slab_next(workers, 0); w != 0; w = slab_next(workers, w)) {
        if (!submit_is_expected(core, w, s->pool, selector, plan->function))
            continue;
        fact.host = worker_at(&core->roster, w)->host_name;
        commit_one(s, &fact, e->body);
        fact.track_id++;
        fact.body_of = first;
        fact.body = 0;
        fact.body_bytes = 0;
    }
}

static void store_request(const struct submit *s, uint64_t first, uint32_t count, uint64_t batch)
{
    struct core *core = s->core;
    struct fact *fact = fact_add(core, FACT_REQUEST);
    fact->as.request = (struct fact_request){.client = client_at(&core->clients, s->client)->id,
                                             .sequence = s->event->as.submit.sequence,
                                             .first = first,
                                             .count = count,
                                             .batch = batch};
    apply(core, fact);
}

void submit_accept(const struct submit *s)
{
    struct core *core = s->core;
    const struct event_submit *event = &s->event->as.submit;
    struct pool *pool = pool_at(&core->pools, s->pool);
    uint64_t first = pool->totals.next_track_id;
    uint64_t batch = event->submissions[0].each ? pool->totals.next_batch : 0;
    pool_dirty(core, s->pool);
    pool_use(core, s->pool);
    client_store(core, s->client);
    for (uint32_t i = 0; i < event->n_submissions; i++) {
        const struct event_submission *e = &event->submissions[i];
        struct plan plan = core->plans[i];
        if (plan.function == 0)
            plan.function = intern(core, e->function);
        if (plan.selector == 0)
            plan.selector = intern(core, e->selector);
        if (e->each) {
            commit_each(s, e, &plan, batch);
        } else {
            struct fact_submitted fact = fact_of(s, e, &plan);
            commit_one(s, &fact, e->body);
        }
    }
    uint32_t count = (uint32_t)(pool->totals.next_track_id - first);
    if (count > 1 || batch != 0)
        store_request(s, first, count, batch);
    if (event->request_id.size > 0)
        submit_note_id(s, first, count, batch);
    submit_answer(s, first, count, batch, false);
}
