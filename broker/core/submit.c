/*
 * submit.c -- SUBMIT: all of it or nothing (S1, S13).
 *
 *     a repeat? (repeat.c) -> refused as a whole? -> each submission: form, function, selector
 *     -> room for all -> facts (accept.c)
 *
 * The check makes plans and changes nothing; what it lets pass is accepted without fail. Dispatch
 * comes in the flush, so that SUBMITTED and LEASED of one turn are adjacent.
 */
#include "broker/core/submit.h"

enum { PRIORITY_MAX = 1000, ATTEMPTS_MAX = 10000, HOSTS_NAMED = 8, LABELS_MAX = 256 };

bool submit_refuse(struct submit *s, enum refusal refusal, uint32_t index)
{
    s->refused.refusal = refusal;
    s->refused.index = index;
    s->refused.text = &s->say;
    return false;
}

static bool refuse_text(struct submit *s, enum refusal refusal, uint32_t index, const char *text)
{
    say_str(&s->say, text);
    return submit_refuse(s, refusal, index);
}

/* ---- the check ------------------------------------------------------------------------------ */

static bool check_whole(struct submit *s)
{
    const struct core *core = s->core;
    const struct event_submit *e = &s->event->as.submit;
    const struct client *client = client_at(&core->clients, s->client);
    const struct pool *pool = pool_at(&core->pools, s->pool);
    if (e->sequence - client->window.answered_to > core->limits.submits_max) {
        s->refused.limit = core->limits.submits_max;
        s->refused.retry_after_ns = 10 * MUSTER_MS;
        return refuse_text(
            s, REFUSAL_BUSY, 0,
            "Too many submits of this client are unanswered: wait for some answers.");
    }
    if (client->is_shutting_down)
        return refuse_text(s, REFUSAL_SHUTTING_DOWN, 0,
                           "This pool handle was shut down: open another one.");
    if (pool->is_closed) {
        say_str(&s->say, "The pool ");
        say_name(&s->say, pool_name(core, pool));
        say_str(&s->say, " is closed: open it with `muster pool open`.");
        return submit_refuse(s, REFUSAL_SHUTTING_DOWN, 0);
    }
    if (core->is_disk_low) {
        s->refused.retry_after_ns = MUSTER_S;
        return refuse_text(s, REFUSAL_DISK_LOW, 0,
                           "The broker's disk has too little free space to accept commands: free "
                           "some.");
    }
    if (e->n_submissions == 0)
        return refuse_text(s, REFUSAL_BAD_REQUEST, 0, "A submit without commands was sent.");
    if (e->n_submissions > core->limits.submissions_max) {
        s->refused.limit = core->limits.submissions_max;
        return refuse_text(s, REFUSAL_TOO_LARGE, 0,
                           "Too many commands in one submit: send them in several.");
    }
    return true;
}

static bool check_form(struct submit *s, const struct event_submission *e, uint32_t index)
{
    const char *text = NULL;
    if (e->function.size == 0 || e->function.size > 255)
        text = "A function's name has 1 to 255 bytes.";
    else if (e->priority < -PRIORITY_MAX || e->priority > PRIORITY_MAX)
        text = "A priority lies between -1000 and 1000.";
    else if (e->max_attempts > ATTEMPTS_MAX)
        text = "At most 10000 attempts are allowed.";
    else if (e->delay_ns < 0 || e->at_wall_ns < 0 || e->start_within_ns < 0 ||
             e->start_by_wall_ns < 0 || e->lost_after_ns < 0)
        text = "A time must not be negative.";
    else if (e->body_bytes > COMMAND_BYTES_MAX)
        text = "The command's body is too large.";
    else if (e->each && s->event->as.submit.n_submissions != 1)
        text = "A submission for each host stands alone in its submit.";
    return text == NULL || refuse_text(s, REFUSAL_BAD_REQUEST, index, text);
}

/* "Known hosts: db1, web1, …" */
static void say_hosts(struct submit *s)
{
    const struct slab *workers = &s->core->roster.workers;
    uint32_t named = 0;
    for (uint32_t w = slab_next(workers, 0); w != 0; w = slab_next(workers, w)) {
        const struct worker *worker = worker_at(&s->core->roster, w);
        if (!worker_is_known(worker))
            continue;
        if (named == HOSTS_NAMED) {
            say_str(&s->say, ", ...");
            break;
        }
        say_str(&s->say, named++ == 0 ? " Known hosts: " : ", ");
        say_name(&s->say, name_text(s->core, worker->host_name));
    }
    say_str(&s->say, named == 0 ? " No host is known yet: start a worker." : ".");
}

static bool refuse_selector(struct submit *s, const struct event_submission *e, uint32_t index,
                            const char *begin, const char *end)
{
    say_str(&s->say, begin);
    if (e->selector.size > 0) {
        say_str(&s->say, " that matches \"");
        say_name(&s->say, e->selector);
        say_str(&s->say, "\"");
    }
    say_str(&s->say, end);
    say_hosts(s);
    return submit_refuse(s, REFUSAL_NO_MATCH, index);
}

static bool has_hosts(const struct core *core)
{
    return slab_count(&core->roster.workers) > 0;
}

static bool check_function(struct submit *s, const struct event_submission *e, uint32_t index,
                           struct plan *plan)
{
    plan->function = names_find(&s->core->names, e->function);
    const struct function *function = function_get(s->core, plan->function);
    if (!has_hosts(s->core) || (function != NULL && function->is_offered))
        return true;
    say_str(&s->say, "No host ever offered the function \"");
    say_name(&s->say, e->function);
    say_str(&s->say, "\": check its name, or start a worker that offers it.");
    return submit_refuse(s, REFUSAL_UNKNOWN_FUNCTION, index);
}

/* Hosts of an `each`: known, matching, serving the pool, and with this function. */
bool submit_is_expected(const struct core *core, uint32_t w, uint32_t pool,
                        const struct selector *selector, uint32_t function)
{
    struct bytes labels[LABELS_MAX];
    const struct worker *worker = worker_at(&core->roster, w);
    if (!worker_is_known(worker) || (function != 0 && !name_set_has(&worker->functions, function)))
        return false;
    if (pool != 0 && worker->pools.n > 0 &&
        !name_set_has(&worker->pools, pool_at(&core->pools, pool)->name))
        return false;
    if (selector == NULL)
        return true;
    uint32_t n = worker->labels.n < LABELS_MAX ? worker->labels.n : LABELS_MAX;
    for (uint32_t i = 0; i < n; i++)
        labels[i] = name_text(core, worker->labels.ids[i]);
    return selector_matches(selector, name_text(core, worker->host_name), labels, n);
}

static uint32_t count_expected(const struct core *core, uint32_t pool,
                               const struct selector *selector, uint32_t function, uint32_t enough)
{
    const struct slab *workers = &core->roster.workers;
    uint32_t n = 0;
    for (uint32_t w = slab_next(workers, 0); w != 0 && n < enough; w = slab_next(workers, w))
        n += submit_is_expected(core, w, pool, selector, function);
    return n;
}

/* Some member of its class is here: it matches, nothing else need be looked at. */
static bool has_member(const struct submit *s, const struct plan *plan)
{
    /* A text that was never seen has no name yet: 0 is the name of "any host". */
    if (plan->function == 0 || plan->selector == 0)
        return false;
    uint32_t index = class_find(s->core, (struct class_key){.pool = s->pool,
                                                            .selector = plan->selector,
                                                            .function = plan->function});
    return index != 0 && class_at(&s->core->queue, index)->members > 0;
}

static bool check_hosts(struct submit *s, const struct event_submission *e, uint32_t index,
                        struct plan *plan, const struct selector *selector)
{
    const struct core *core = s->core;
    if (e->each) {
        plan->hosts = count_expected(core, s->pool, selector, plan->function, EACH_MAX + 1);
        if (plan->hosts == 0)
            return refuse_selector(s, e, index, "There is no known host",
                                   ", serves this pool and offers the function.");
        if (plan->hosts > EACH_MAX) {
            s->refused.limit = EACH_MAX;
            return refuse_text(s, REFUSAL_TOO_LARGE, index,
                               "More than 10000 hosts match: narrow the selector.");
        }
        return true;
    }
    if (selector != NULL && !has_member(s, plan) && count_expected(core, 0, selector, 0, 1) == 0)
        return refuse_selector(s, e, index, "There is no known host", ".");
    return true;
}

static bool check_selector(struct submit *s, const struct event_submission *e, uint32_t index,
                           struct plan *plan)
{
    if (e->selector.size == 0)
        return check_hosts(s, e, index, plan, NULL);
    plan->selector = names_find(&s->core->names, e->selector);
    if (plan->selector != 0 && names_at(&s->core->names, plan->selector)->of[NAME_SELECTOR] != 0)
        return check_hosts(s, e, index, plan, &queue_selection(s->core, plan->selector)->selector);
    struct selector compiled;
    if (selector_compile(e->selector, &compiled, &s->say) < 0)
        return submit_refuse(s, REFUSAL_BAD_REQUEST, index);
    bool good = check_hosts(s, e, index, plan, &compiled);
    selector_done(&compiled);
    return good;
}

static bool check_each(struct submit *s)
{
    const struct event_submit *event = &s->event->as.submit;
    for (uint32_t i = 0; i < event->n_submissions; i++) {
        const struct event_submission *e = &event->submissions[i];
        const struct event_submission *last = i > 0 ? e - 1 : NULL;
        struct plan *plan = &s->core->plans[i];
        *plan = (struct plan){.hosts = 1};
        if (!check_form(s, e, i))
            return false;
        s->commands++;
        if (last != NULL && bytes_equal(last->function, e->function) &&
            bytes_equal(last->selector, e->selector)) {
            *plan = s->core->plans[i - 1];
            plan->is_like_last = true;
            continue;
        }
        if (!check_function(s, e, i, plan) || !check_selector(s, e, i, plan))
            return false;
        if (e->each)
            s->commands = plan->hosts;
    }
    return true;
}

/* Its class exists and cannot be given up for another one. */
static bool is_in_use(const struct submit *s, const struct plan *plan)
{
    uint32_t index = class_find(s->core, (struct class_key){.pool = s->pool,
                                                            .selector = plan->selector,
                                                            .function = plan->function});
    return index != 0 && class_at(&s->core->queue, index)->refs > 0;
}

static bool check_room(struct submit *s)
{
    const struct core *core = s->core;
    const struct pool *pool = pool_at(&core->pools, s->pool);
    const struct event_submit *e = &s->event->as.submit;
    const struct slab *commands = &core->commands.items;
    if (s->commands > commands->items_max - slab_count(commands)) {
        s->refused.limit = core->limits.commands_max;
        s->refused.retry_after_ns = 100 * MUSTER_MS;
        return refuse_text(s, REFUSAL_QUEUE_FULL, 0,
                           "The broker's queue is full: wait until some commands have ended.");
    }
    uint64_t new_names = 0;
    uint64_t classes = 0; /* that are to be made, or to be kept from being given up */
    for (uint32_t i = 0; i < e->n_submissions; i++) {
        const struct plan *plan = &core->plans[i];
        if (plan->is_like_last)
            continue;
        new_names += plan->function == 0 ? 1 : 0;
        new_names += plan->selector == 0 && e->submissions[i].selector.size > 0 ? 1 : 0;
        bool is_new_name =
            plan->function == 0 || (plan->selector == 0 && e->submissions[i].selector.size > 0);
        if (e->submissions[i].each)
            classes += plan->hosts;
        else
            classes += is_new_name || !is_in_use(s, plan) ? 1 : 0;
    }
    bool is_each = e->submissions[0].each;
    if ((new_names > 0 && !names_have_room(&core->names, (uint32_t)new_names)) ||
        classes > class_room(core) || (is_each && slab_is_full(&core->batches.items)) ||
        pool->totals.next_track_id + s->commands > TRACK_ID_MAX)
        return refuse_text(s, REFUSAL_LIMIT_REACHED, 0,
                           "The broker has as many different names, selectors or batches as it "
                           "can: raise its limits, or use fewer different ones.");
    return true;
}

void submit_commands(struct core *core, const struct event *event, uint32_t client)
{
    struct submit s = {.core = core,
                       .event = event,
                       .client = client,
                       .pool = client_at(&core->clients, client)->pool};
    client_answered(core, client, event->as.submit.answered_to);
    if (!submit_repeat(&s) && check_whole(&s) && check_each(&s) && check_room(&s))
        submit_accept(&s);
    if (s.refused.refusal != REFUSAL_OK)
        send_refused(core, event->peer, event->request, s.refused);
}
