/*
 * repeat.c -- a SUBMIT that was seen before (S2): by its sequence within the client's window, or by
 * the caller's own request id, which ingress looked up in the store and which is compared here with
 * those of this turn.
 *
 * Responsible for answering it as before, or refusing what only looks like a repeat.
 */
#include "broker/core/grow.h"
#include "broker/core/submit.h"

enum { TURN_REQUESTS_FIRST = 16 };

void submit_answer(const struct submit *s, uint64_t first, uint32_t count, uint64_t batch,
                   bool is_duplicate)
{
    struct send send = {.type = SEND_SUBMITTED,
                        .peer = s->event->peer,
                        .request = s->event->request,
                        .pool = pool_at(&s->core->pools, s->pool)->id};
    send.as.submitted.first = first;
    send.as.submitted.count = count;
    send.as.submitted.batch = batch;
    send.as.submitted.duplicate = is_duplicate;
    send_add(s->core, &send);
}

/* Request ids of this turn, which the store does not know yet. */
static struct bytes turn_key(const struct submit *s)
{
    const struct bytes id = s->event->as.submit.request_id;
    uint8_t *key = turn_alloc(s->core, 4 + id.size);
    for (size_t i = 0; i < 4; i++)
        key[i] = (uint8_t)(s->pool >> (8 * i));
    for (size_t i = 0; i < id.size; i++)
        key[4 + i] = id.data[i];
    return bytes_of(key, 4 + id.size);
}

static bool check_same_request(struct submit *s, uint64_t digest, uint64_t first, uint32_t count,
                               uint64_t batch)
{
    if (digest != s->event->as.submit.digest) {
        say_str(&s->say, "The request id \"");
        say_name(&s->say, s->event->as.submit.request_id);
        say_str(&s->say, "\" was used for another request: choose a new one.");
        return submit_refuse(s, REFUSAL_REQUEST_REUSED, 0);
    }
    submit_answer(s, first, count, batch, true);
    return true;
}

bool submit_repeat(struct submit *s)
{
    const struct core *core = s->core;
    const struct event_submit *e = &s->event->as.submit;
    const struct client *client = client_at(&core->clients, s->client);
    const struct window_entry *entry = window_find(&client->window, e->sequence);
    if (entry != NULL) {
        submit_answer(s, entry->first, entry->count, entry->batch, true);
        return true;
    }
    if (e->sequence <= client->window.answered_to) {
        say_str(&s->say, "This sequence was confirmed as answered before: a new request needs a "
                         "new one.");
        submit_refuse(s, REFUSAL_BAD_REQUEST, 0);
        return true;
    }
    if (e->request_id.size == 0)
        return false;
    if (e->prior.found) {
        check_same_request(s, e->prior.digest, e->prior.first, e->prior.count, e->prior.batch);
        return true;
    }
    uint32_t known = strmap_get(&core->turn_ids, turn_key(s));
    if (known == 0)
        return false;
    const struct turn_request *r = &core->turn_requests[known - 1];
    check_same_request(s, r->digest, r->first, r->count, r->batch);
    return true;
}

void submit_note_id(const struct submit *s, uint64_t first, uint32_t count, uint64_t batch)
{
    struct core *core = s->core;
    const struct event_submit *e = &s->event->as.submit;
    core->turn_requests = grow(core->turn_requests, core->n_turn_requests, &core->turn_requests_max,
                               TURN_REQUESTS_FIRST, sizeof *core->turn_requests);
    core->turn_requests[core->n_turn_requests++] =
        (struct turn_request){.digest = e->digest, .first = first, .count = count, .batch = batch};
    MUST(strmap_put(&core->turn_ids, turn_key(s), core->n_turn_requests, NULL) == 0);
    struct bytes id = turn_copy(core, e->request_id);
    struct fact *fact = fact_add(core, FACT_REQUEST_ID);
    fact->as.request_id = (struct fact_request_id){.pool = pool_at(&core->pools, s->pool)->id,
                                                   .id = id,
                                                   .digest = e->digest,
                                                   .first = first,
                                                   .count = count,
                                                   .batch = batch,
                                                   .wall_ns = core->wall_ns};
    apply(core, fact);
}
