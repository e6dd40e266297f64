/*
 * sim_client.c -- the shell of the request machine: effects leave marks, a turn acts on them, as in
 * lib/loop.c.
 */
#include "sim_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "sim.h"

enum { MEMORY = 4 << 20, OP_MEMORY = 256 * 1024 };

static void turn(struct sim *sim, uint32_t number, uint64_t at);

static uint32_t dealer_of(const struct sim_client *c)
{
    return WORKERS_MAX + c->number;
}

static void wake(struct sim *sim, struct sim_client *c, muster_time at)
{
    if (!c->alive || at >= c->wake_at)
        return;
    c->wake_at = at;
    agenda_add(&sim->agenda, at, turn, c->number, (uint64_t)at);
}

void sim_client_wake(struct sim *sim, struct sim_client *c)
{
    wake(sim, c, sim->now);
}

/* ---- requests -------------------------------------------------------------------------------- */

static struct op *find(struct sim_client *c, uint64_t number)
{
    for (uint32_t i = 0; number != 0 && i < OPS_MAX; i++)
        if (c->ops[i].number == number)
            return &c->ops[i];
    return NULL;
}

uint32_t sim_client_pending(const struct sim_client *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < OPS_MAX; i++)
        n += c->ops[i].number != 0;
    return n;
}

struct op *sim_client_op(struct sim_client *c, enum op_kind kind, enum wire_type type)
{
    uint32_t i = 0;
    while (i < OPS_MAX && c->ops[i].number != 0)
        i++;
    if (i == OPS_MAX || !call_has_room(c->call, type == WIRE_SUBMIT ? CALL_SUBMIT : CALL_READ))
        return NULL;
    struct op *op = &c->ops[i];
    *op = (struct op){.kind = kind};
    op->message.type = type;
    arena_init(&op->arena, OP_MEMORY);
    return op;
}

static void free_op(struct op *op)
{
    arena_done(&op->arena);
    *op = (struct op){0};
}

bool sim_client_begin(struct sim *sim, struct sim_client *c, struct op *op, int64_t wait_ns,
                      muster_time deadline)
{
    op->deadline = deadline;
    c->starting = op;
    op->number = call_start(c->call, op->message.type == WIRE_SUBMIT ? CALL_SUBMIT : CALL_READ,
                            wait_ns, deadline, sim->now);
    c->starting = NULL;
    if (op->number == 0) {
        free_op(op);
        return false;
    }
    op->message.as.read.request = op->number; /* the number comes first in every request */
    c->asked++;
    sim_client_wake(sim, c);
    return true;
}

/* ---- effects --------------------------------------------------------------------------------- */

static void on_effect(void *ctx, const struct call_effect *effect)
{
    struct sim_client *c = ctx;
    struct op *op = find(c, effect->request);
    switch (effect->type) {
    case CALL_FX_SEND_HELLO:
        c->hello_due = effect->request;
        break;
    case CALL_FX_SEND_PING:
        c->ping_due = effect->request;
        break;
    case CALL_FX_SEND:
        op = op == NULL ? c->starting : op;
        MUST(op != NULL);
        op->to_send = true;
        if (op->message.type == WIRE_SUBMIT) {
            op->message.as.submit.sequence = effect->sequence;
            op->message.as.submit.answered_to = effect->answered_to;
        }
        break;
    case CALL_FX_REOPEN:
        c->reopen_due = true;
        break;
    case CALL_FX_END:
        MUST(op != NULL);
        sim_hear_end(c->sim, c, op, effect->refusal, c->reply);
        break;
    case CALL_FX_RELEASE:
        MUST(op != NULL);
        free_op(op);
        break;
    case CALL_FX_DOWN:
        trace_line(c->sim, TRACE_CLIENT, "client %u is down: %s", c->number,
                   refusal_name(effect->refusal));
        c->down = true;
        break;
    }
}

static void check(struct sim *sim, struct sim_client *c)
{
    const char *what = "";
    if (!call_check(c->call, &what))
        laws_break(sim, "CHECK", "call %u: %s", c->number, what);
}

/* ---- out ------------------------------------------------------------------------------------- */

static bool say(struct sim *sim, struct sim_client *c, const struct wire_message *m)
{
    return world_send(sim, dealer_of(c), m);
}

static bool say_hello(struct sim *sim, struct sim_client *c)
{
    struct wire_message m = {.type = WIRE_CLIENT_HELLO};
    m.as.client_hello = (struct wire_client_hello){.request = c->hello_due,
                                                   .client = c->client,
                                                   .pool = bytes_of_str(c->opens),
                                                   .software = bytes_of_str("sim")};
    if (c->session.known) {
        m.as.client_hello.log_id = c->session.log_id;
        m.as.client_hello.pool_id = c->opens[0] == '\0' ? c->session.pool_id : 0;
    }
    return say(sim, c, &m);
}

static void send_due(struct sim *sim, struct sim_client *c)
{
    if (c->hello_due != 0) {
        if (!say_hello(sim, c))
            return;
        c->hello_sent = c->hello_due;
        c->hello_due = 0;
    }
    for (uint32_t i = 0; i < OPS_MAX; i++) {
        struct op *op = &c->ops[i];
        if (op->number == 0 || !op->to_send)
            continue;
        if (!say(sim, c, &op->message))
            return;
        op->to_send = false;
    }
    struct wire_message ping = {.type = WIRE_PING};
    ping.as.ping.request = c->ping_due;
    if (c->ping_due != 0 && say(sim, c, &ping))
        c->ping_due = 0;
}

static void reopen(struct sim *sim, struct sim_client *c)
{
    c->reopen_due = false;
    c->hello_due = c->hello_sent = c->ping_due = 0;
    for (uint32_t i = 0; i < OPS_MAX; i++)
        c->ops[i].to_send = false; /* the machine sends them again after WELCOME */
    network_close(sim, dealer_of(c), false);
    network_open(sim, dealer_of(c));
    call_opened(c->call, sim->now);
}

/* ---- in -------------------------------------------------------------------------------------- */

static void take_welcome(struct sim *sim, struct sim_client *c, const struct wire_welcome *m)
{
    if (c->session.known && (c->session.log_id != m->log_id || c->session.pool_id != m->pool_id)) {
        laws_break(sim, "S8", "client %u is welcomed in another log than before", c->number);
        return;
    }
    if (!c->session.known && c->opens[0] != '\0')
        c->read_to = m->head;
    c->session.known = true;
    c->session.log_id = m->log_id;
    c->session.pool_id = m->pool_id;
    c->session.submissions_max = m->limits.submissions_max;
    snprintf(c->session.pool, sizeof c->session.pool, "%.*s", (int)m->pool.size,
             (const char *)m->pool.data);
    call_limit_reads(c->call, m->limits.reads_max);
    call_welcomed(c->call, m->limits.submits_max, sim->now);
}

static void take_error(struct sim *sim, struct sim_client *c, const struct wire_refused *m)
{
    enum refusal refusal = (enum refusal)m->refusal;
    if (find(c, m->request) != NULL) {
        if (refusal != REFUSAL_BUSY)
            trace_line(sim, TRACE_CLIENT, "client %u is refused: %s %.*s", c->number,
                       refusal_name(refusal), (int)m->text.size, (const char *)m->text.data);
        call_answered(c->call, m->request, refusal, m->retry_after_ns, sim->now);
    } else if (m->request != 0 && m->request == c->hello_sent) {
        trace_line(sim, TRACE_CLIENT, "client %u is not welcome: %s %.*s", c->number,
                   refusal_name(refusal), (int)m->text.size, (const char *)m->text.data);
        call_refused(c->call, refusal, sim->now);
    }
}

static void take_frame(struct sim *sim, struct sim_client *c, struct frame frame)
{
    struct arena arena;
    struct wire_message m;
    struct wire_error error;
    arena_init(&arena, MEMORY);
    call_heard(c->call, sim->now);
    if (wire_decode(frame.data, frame.size, &arena, &m, &error) < 0) {
        laws_break(sim, "WIRE", "client %u cannot read a frame: %s", c->number, error.text);
    } else if (m.type == WIRE_WELCOME) {
        take_welcome(sim, c, &m.as.welcome);
    } else if (m.type == WIRE_ERROR) {
        take_error(sim, c, &m.as.error);
    } else if (m.type == WIRE_WHO_ARE_YOU) {
        call_who_are_you(c->call, sim->now);
    } else if (m.type == WIRE_BYE) {
        call_bye(c->call, m.as.bye.end, sim->now);
    } else if (find(c, wire_request(&m)) != NULL) {
        c->reply = &m;
        call_answered(c->call, wire_request(&m), REFUSAL_OK, 0, sim->now);
        c->reply = NULL;
    }
    check(sim, c);
    arena_done(&arena);
    free(frame.data);
}

/* ---- the turn -------------------------------------------------------------------------------- */

static void think(struct sim *sim, struct sim_client *c)
{
    if (sim->script || c->down || sim->now < c->think_at || !call_is_ready(c->call))
        return;
    if (sim->healed) {
        sim_ask_epilogue(sim, c);
        c->think_at = sim->now + 200 * MUSTER_MS;
        return;
    }
    sim_ask_something(sim, c);
    c->think_at = sim->now + rand_between(&sim->work, MUSTER_MS, sim->swarm.think_max_ns);
}

static void turn(struct sim *sim, uint32_t number, uint64_t at)
{
    struct sim_client *c = &sim->clients[number];
    struct frame frame;
    if (!c->alive || c->wake_at != (muster_time)at)
        return;
    c->wake_at = MUSTER_NEVER;
    while (!c->down && frames_pop(&sim->net.dealers[dealer_of(c)].inbox, &frame))
        take_frame(sim, c, frame);
    if (!c->down)
        call_tick(c->call, sim->now);
    think(sim, c);
    if (c->reopen_due && !c->down)
        reopen(sim, c);
    if (c->down) {
        sim_client_kill(sim, c, false);
        world_client_ended(sim, number);
        return;
    }
    send_due(sim, c);
    check(sim, c);
    muster_time due = call_deadline(c->call);
    if (call_is_ready(c->call) && c->think_at < due && !sim->script && !c->finished)
        due = c->think_at;
    if (due != MUSTER_NEVER)
        wake(sim, c, due > sim->now ? due : sim->now + MUSTER_US);
}

/* ---- life ------------------------------------------------------------------------------------ */

void sim_client_start(struct sim *sim, struct sim_client *c)
{
    MUST(!c->alive);
    struct call_options options = call_options_default();
    options.submits_max = 4;
    options.reads_max = 4;
    options.connect_timeout_ns = MUSTER_NEVER;
    options.backoff_max_ns = 5 * MUSTER_S;
    options.seed = rand_next(&sim->chance);
    c->sim = sim;
    c->alive = true;
    c->life++;
    c->client = rand_next(&sim->chance) | 1;
    c->call = call_new(&options, sim->now);
    MUST(c->call != NULL);
    call_bind(c->call, on_effect, c);
    bool again =
        c->pool[0] == '\0' && c->session.known && !sim->script && rand_chance(&sim->chance, 1, 2);
    snprintf(c->opens, sizeof c->opens, "%s", again ? c->session.pool : c->pool);
    memset(&c->session, 0, sizeof c->session);
    c->batch = 0;
    c->hello_due = c->hello_sent = c->ping_due = 0;
    c->reopen_due = c->down = c->shut = c->finished = c->in_epilogue = false;
    c->wake_at = MUSTER_NEVER;
    c->think_at = sim->now;
    c->commands = 0;
    c->mine.n = 0;
    c->read_to = c->cursor_next = 0;
    c->idle_waits = 0;
    trace_line(sim, TRACE_PROCESS, "client %u opens %s", c->number,
               c->opens[0] == '\0' ? "a private pool" : c->opens);
    network_open(sim, dealer_of(c));
    call_opened(c->call, sim->now);
    sim_client_wake(sim, c);
}

void sim_client_kill(struct sim *sim, struct sim_client *c, bool politely)
{
    struct wire_message bye = {.type = WIRE_CLIENT_BYE};
    if (!c->alive)
        return;
    if (politely)
        (void)say(sim, c, &bye);
    c->alive = false;
    for (uint32_t i = 0; i < OPS_MAX; i++)
        if (c->ops[i].number != 0)
            free_op(&c->ops[i]);
    call_free(c->call);
    c->call = NULL;
    network_close(sim, dealer_of(c), false);
    trace_line(sim, TRACE_PROCESS, "client %u is gone", c->number);
}

void sim_client_done(struct sim *sim, struct sim_client *c)
{
    sim_client_kill(sim, c, false);
    free(c->mine.items);
}
