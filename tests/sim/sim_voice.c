/*
 * sim_voice.c -- a worker's frames: what it hears becomes events, what it has to say leaves when
 * the socket takes it: HELLO, RENEW, records, BYE, in this order, as worker/egress.c does.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "sim.h"

enum { MEMORY = 4 << 20, REPORT_RECORDS_MAX = 16, TOLD_MAX = 32, ATTEMPTS_LISTED_MAX = 512 };

/* ---- hearing --------------------------------------------------------------------------------- */

static struct bytes keep(struct bytes bytes)
{
    uint8_t *copy = malloc(bytes.size + 1);
    MUST(copy != NULL);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return bytes_of(copy, bytes.size);
}

static void hear_commands(struct sim *sim, struct sim_worker *w, const struct wire_commands *m)
{
    for (uint32_t i = 0; i < m->n_commands; i++) {
        const struct wire_hand_out *h = &m->commands[i];
        struct agent_event event = {.type = AGENT_EV_COMMAND};
        TABLE_ADD(w->bodies, keep(h->body));
        event.as.command.id = (struct agent_id){
            .pool = h->pool, .attempt = h->attempt, .epoch = h->epoch, .track_id = h->track_id};
        event.as.command.body = w->bodies.n;
        event.as.command.rerunnable = h->rerunnable;
        sim_worker_step(sim, w, &event);
    }
}

static void hear_recorded(struct sim *sim, struct sim_worker *w, const struct wire_recorded *m)
{
    for (uint32_t i = 0; i < m->n_verdicts; i++) {
        const struct wire_verdict *v = &m->verdicts[i];
        struct agent_event event = {.type = AGENT_EV_RECORDED};
        laws_verdict(sim, w->number, v);
        event.as.recorded.id = (struct agent_id){
            .pool = v->pool, .attempt = v->attempt, .epoch = v->epoch, .track_id = v->track_id};
        event.as.recorded.stale = v->stale;
        sim_worker_step(sim, w, &event);
    }
}

static void hear_stop(struct sim *sim, struct sim_worker *w, const struct wire_stop *m)
{
    for (uint32_t i = 0; i < m->n_attempts; i++) {
        const struct wire_attempt *a = &m->attempts[i];
        struct agent_event event = {.type = AGENT_EV_STOP};
        event.as.stop.id = (struct agent_id){
            .pool = a->pool, .attempt = a->attempt, .epoch = a->epoch, .track_id = a->track_id};
        event.as.stop.reason =
            m->reason == REASON_NONE ? REASON_CANCELLED_RUNNING : (enum reason)m->reason;
        event.as.stop.forget = m->forget;
        sim_worker_step(sim, w, &event);
    }
}

static void hear_small(struct sim *sim, struct sim_worker *w, const struct wire_message *m)
{
    struct agent_event event = {0};
    switch ((int)m->type) {
    case WIRE_WORKER_WELCOME:
        w->notebook.boot_known = w->notebook.boot;
        event.type = AGENT_EV_WELCOME;
        event.as.welcome.epoch = m->as.worker_welcome.epoch;
        event.as.welcome.lease_ns = m->as.worker_welcome.lease_ns;
        event.as.welcome.renew_ns = m->as.worker_welcome.renew_ns;
        break;
    case WIRE_PONG:
        event.type = AGENT_EV_PONG;
        event.as.pong.sent_ns = m->as.pong.sent_ns;
        break;
    case WIRE_WHO_ARE_YOU:
        event.type = AGENT_EV_WHO_ARE_YOU;
        break;
    case WIRE_BYE:
        event.type = AGENT_EV_BYE;
        event.as.bye.end = m->as.bye.end;
        break;
    case WIRE_ERROR:
        event.type = AGENT_EV_REFUSED;
        event.as.refused.retryable = refusal_is_retryable((enum refusal)m->as.error.refusal);
        break;
    default:
        laws_break(sim, "WIRE", "worker %u was sent %s", w->number, wire_type_name(m->type));
        return;
    }
    sim_worker_step(sim, w, &event);
}

void sim_voice_hear(struct sim *sim, struct sim_worker *w, struct frame frame)
{
    struct arena arena;
    struct wire_message m;
    struct wire_error error;
    arena_init(&arena, MEMORY);
    if (wire_decode(frame.data, frame.size, &arena, &m, &error) < 0)
        laws_break(sim, "WIRE", "worker %u cannot read a frame: %s", w->number, error.text);
    else if (m.type == WIRE_COMMANDS)
        hear_commands(sim, w, &m.as.commands);
    else if (m.type == WIRE_RECORDED)
        hear_recorded(sim, w, &m.as.recorded);
    else if (m.type == WIRE_STOP)
        hear_stop(sim, w, &m.as.stop);
    else
        hear_small(sim, w, &m);
    arena_done(&arena);
    free(frame.data);
}

/* ---- what is to be said ---------------------------------------------------------------------- */

void sim_voice_reset(struct sim_worker *w)
{
    w->wants_hello = w->wants_renew = w->wants_bye = false;
    w->given_back.n = w->reports.n = 0;
}

void sim_voice_unqueue(struct sim_worker *w, uint64_t handle)
{
    for (size_t i = 0; i < w->reports.n; i++)
        if (w->reports.items[i] == handle)
            w->reports.items[i] = 0;
}

static void queue_report(struct sim *sim, struct sim_worker *w, uint64_t handle)
{
    const struct note *note = notebook_note(&w->notebook, handle);
    if (note == NULL || note->record.state == STATE_NONE) {
        laws_break(sim, "S6", "worker %u reports what is not in its spool", w->number);
        return;
    }
    for (size_t i = 0; i < w->reports.n; i++)
        if (w->reports.items[i] == handle)
            return;
    TABLE_ADD(w->reports, handle);
}

void sim_voice_effect(struct sim *sim, struct sim_worker *w, const struct wish *wish)
{
    const struct agent_effect *effect = &wish->effect;
    if (effect->type == AGENT_FX_SEND_HELLO) {
        w->wants_hello = true;
        w->hello_credit = effect->credit;
    } else if (effect->type == AGENT_FX_SEND_RENEW) {
        w->wants_renew = true;
        w->renew = *effect;
        for (uint32_t i = 0; i < effect->n_returned; i++)
            TABLE_ADD(w->given_back, w->returned.items[wish->returned_from + i]);
    } else if (effect->type == AGENT_FX_SEND_REPORT) {
        queue_report(sim, w, effect->record);
    } else {
        w->wants_bye = true;
    }
}

/* ---- saying ---------------------------------------------------------------------------------- */

static bool say(struct sim *sim, struct sim_worker *w, const struct wire_message *m)
{
    return world_send(sim, w->number, m);
}

static struct wire_attempt attempt_of(const struct agent_id *id, enum agent_phase phase)
{
    return (struct wire_attempt){.track_id = id->track_id,
                                 .pool = id->pool,
                                 .attempt = id->attempt,
                                 .epoch = id->epoch,
                                 .phase = (enum wire_phase)phase};
}

static struct wire_worker_hello hello_of(struct sim *sim, const struct sim_worker *w,
                                         struct bytes uuid)
{
    static struct bytes shared;
    shared = bytes_of_str("shared");
    bool picky = sim->swarm.picky && w->number == 1;
    return (struct wire_worker_hello){.uuid = uuid,
                                      .incarnation = w->notebook.incarnation,
                                      .rebooted = notebook_is_unsure(&w->notebook) &&
                                                  sim->swarm.plant != PLANT_REBOOT_NOT_TOLD,
                                      .host = bytes_of_str(world_host_name(w->number)),
                                      .slots = sim->swarm.slots[w->number],
                                      .labels = world_labels(w->number),
                                      .n_labels = world_has_role(w->number) ? 1 : 0,
                                      .functions = world_functions(),
                                      .n_functions = world_has_rare(w->number) ? 2 : 1,
                                      .pools = &shared,
                                      .n_pools = picky ? 1 : 0,
                                      .transient = sim->swarm.transient && w->number == 3,
                                      .credit = w->hello_credit,
                                      .software = bytes_of_str("sim"),
                                      .tree_kill = bytes_of_str("subreaper"),
                                      .wall_ns = SIM_WALL_BASE_NS + sim->now + w->wall_skew_ns};
}

/* In parts, all of one moment. */
static bool say_hello(struct sim *sim, struct sim_worker *w)
{
    struct agent_attempt listed[ATTEMPTS_LISTED_MAX];
    struct wire_attempt attempts[ATTEMPTS_LISTED_MAX];
    size_t n = agent_attempts(w->agent, listed, ATTEMPTS_LISTED_MAX), at = 0;
    uint8_t uuid[WIRE_UUID_BYTES];
    struct wire_message m = {.type = WIRE_WORKER_HELLO};
    struct wire_worker_hello *hello = &m.as.worker_hello;
    MUST(n == agent_attempts_count(w->agent));
    for (size_t i = 0; i < n; i++)
        attempts[i] = attempt_of(&listed[i].id, listed[i].phase);
    world_uuid(sim, w->number, uuid);
    *hello = hello_of(sim, w, bytes_of(uuid, sizeof uuid));
    do {
        size_t left = n - at;
        hello->attempts = attempts + at;
        hello->n_attempts =
            (uint32_t)left < sim->swarm.hello_max ? (uint32_t)left : sim->swarm.hello_max;
        at += hello->n_attempts;
        hello->more = at < n;
        if (!say(sim, w, &m))
            return false;
        hello->part++;
    } while (at < n);
    return true;
}

static bool say_renew(struct sim *sim, struct sim_worker *w)
{
    struct wire_message m = {.type = WIRE_RENEW};
    struct wire_attempt *returned = calloc(w->given_back.n + 1, sizeof *returned);
    MUST(returned != NULL);
    for (size_t i = 0; i < w->given_back.n; i++)
        returned[i] = attempt_of(&w->given_back.items[i], AGENT_WAITING);
    m.as.renew = (struct wire_renew){.credit = w->renew.credit,
                                     .wall_ns = SIM_WALL_BASE_NS + sim->now + w->wall_skew_ns,
                                     .sent_ns = w->renew.sent_ns,
                                     .round_trip_ns = w->renew.round_trip_ns,
                                     .returned = returned,
                                     .n_returned = (uint32_t)w->given_back.n};
    bool said = say(sim, w, &m);
    if (said)
        w->given_back.n = 0;
    free(returned);
    return said;
}

/* A copy for a liar, encoded as it is sent. */
static void remember(struct sim *sim, struct sim_worker *w, const struct wire_message *m)
{
    if (!swarm_has(&sim->swarm, FAULT_LIAR) || w->told.n == TOLD_MAX)
        return;
    size_t size = wire_encoded_size(m);
    uint8_t *frame = malloc(size);
    MUST(frame != NULL);
    wire_encode(m, frame, size);
    TABLE_ADD(w->told, bytes_of(frame, size));
}

static bool say_reports(struct sim *sim, struct sim_worker *w)
{
    size_t at = 0;
    bool said = true;
    while (said && at < w->reports.n) {
        struct wire_record_head records[REPORT_RECORDS_MAX];
        struct wire_message m = {.type = WIRE_REPORT};
        size_t to = at;
        uint32_t n = 0;
        for (; to < w->reports.n && n < REPORT_RECORDS_MAX; to++)
            if (w->reports.items[to] != 0)
                records[n++] = notebook_note(&w->notebook, w->reports.items[to])->record;
        m.as.report = (struct wire_report){.records = records, .n_records = n};
        said = n == 0 || say(sim, w, &m);
        if (!said)
            break;
        for (; at < to; at++)
            laws_reported(sim, w->reports.items[at] == 0
                                   ? 0
                                   : notebook_note(&w->notebook, w->reports.items[at])->token);
        if (n > 0)
            remember(sim, w, &m);
    }
    memmove(w->reports.items, w->reports.items + at,
            (w->reports.n - at) * sizeof *w->reports.items);
    w->reports.n -= at;
    return said;
}

void sim_voice_flush(struct sim *sim, struct sim_worker *w)
{
    struct wire_message bye = {.type = WIRE_WORKER_BYE};
    if (w->wants_hello)
        w->wants_hello = !say_hello(sim, w);
    if (!w->wants_hello && w->wants_renew)
        w->wants_renew = !say_renew(sim, w);
    if (!w->wants_hello && !w->wants_renew && w->reports.n > 0)
        (void)say_reports(sim, w);
    if (w->wants_bye)
        w->wants_bye = !say(sim, w, &bye);
}

/* ---- lies ------------------------------------------------------------------------------------ */

static void invent(struct sim *sim, struct sim_worker *w)
{
    const struct laws *laws = &sim->laws;
    uint8_t buffer[64];
    if (laws->pools.n == 0)
        return;
    const struct law_pool *pool = &laws->pools.items[rand_below(&sim->chance, laws->pools.n)];
    if (pool->lives.n == 0)
        return;
    uint64_t track_id = rand_below(&sim->chance, pool->lives.n) + 1;
    const struct law_life *life = &pool->lives.items[track_id - 1];
    if (life->lease != 0 &&
        laws_worker(laws, laws->leases.items[life->lease - 1].worker) == w->number)
        return;
    struct wire_record_head record = {
        .pool = pool->pool,
        .attempt = life->attempt + (uint32_t)rand_below(&sim->chance, 2),
        .track_id = track_id,
        .epoch = sim->vault.epoch,
        .state = STATE_OK,
        .run_ns = 1,
        .body = bytes_of(buffer, sim_run_body(-1, buffer, sizeof buffer))};
    struct wire_message m = {.type = WIRE_REPORT};
    m.as.report = (struct wire_report){.records = &record, .n_records = 1};
    record.attempt = record.attempt == 0 ? 1 : record.attempt;
    (void)say(sim, w, &m);
}

void sim_voice_lie(struct sim *sim, struct sim_worker *w)
{
    if (!w->alive || w->paused)
        return;
    if (w->told.n == 0 || rand_chance(&sim->chance, 1, 3)) {
        invent(sim, w);
        return;
    }
    struct bytes frame = w->told.items[rand_below(&sim->chance, w->told.n)];
    trace_line(sim, TRACE_PROCESS, "worker %u repeats an old record", w->number);
    (void)network_send(sim, w->number, frame);
}
