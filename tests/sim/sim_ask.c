/*
 * sim_ask.c -- what clients ask for: mostly commands, with all their options, and everything else
 * in between; after the faults only what is needed to see that all is well.
 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "sim.h"

enum { BODY_MAX = 256, READ_MAX = 40 };

static const int64_t WAIT_MAX_NS = 8 * MUSTER_S;

/* ---- small helpers --------------------------------------------------------------------------- */

static struct bytes text(struct op *op, const char *words)
{
    struct bytes copy = {0};
    MUST(arena_copy(&op->arena, bytes_of_str(words), &copy));
    return copy;
}

static bool chance(struct sim *sim, uint64_t numerator, uint64_t denominator)
{
    return rand_chance(&sim->work, numerator, denominator);
}

static int64_t some_wait(struct sim *sim)
{
    return chance(sim, 1, 2) ? 0 : rand_between(&sim->work, 1, WAIT_MAX_NS);
}

/* Most requests wait for ever; some are given up. */
static muster_time some_deadline(struct sim *sim)
{
    return chance(sim, 1, 12) ? sim->now + rand_between(&sim->work, 1, 20 * MUSTER_S)
                              : MUSTER_NEVER;
}

/* ---- submit ---------------------------------------------------------------------------------- */

static struct bytes command_body(struct op *op, uint32_t nonce, int64_t run_ns, int how)
{
    struct wire_value args[] = {{.kind = WIRE_VALUE_INT, .integer = nonce},
                                {.kind = WIRE_VALUE_INT, .integer = run_ns},
                                {.kind = WIRE_VALUE_INT, .integer = how}};
    struct wire_command_body body = {.args = args, .n_args = 3};
    size_t size = wire_command_body_size(&body);
    uint8_t *packed = arena_alloc(&op->arena, size);
    MUST(packed != NULL && size <= BODY_MAX);
    wire_command_body_encode(&body, packed, size);
    return bytes_of(packed, size);
}

static uint32_t effective_attempts(uint32_t asked, bool rerunnable)
{
    return asked != 0 ? asked : rerunnable ? 5 : 1;
}

static struct bytes selector_of(struct op *op, const struct law_order *order)
{
    switch (order->place) {
    case PLACE_HOST:
        return text(op, world_host_name(order->host));
    case PLACE_ROLE:
        return text(op, "role=db");
    case PLACE_ANY:
    case PLACE_COUNT:
        break;
    }
    return text(op, order->each ? "@all" : "");
}

static struct wire_submission submission_of(struct op *op, const struct law_order *order,
                                            uint32_t nonce, int64_t run_ns, int how)
{
    return (struct wire_submission){.function = text(op, order->rare ? "rare" : "echo"),
                                    .selector = selector_of(op, order),
                                    .each = order->each,
                                    .rerunnable = order->rerunnable,
                                    .priority = order->priority,
                                    .max_attempts = order->max_attempts,
                                    .delay_ns = order->delay_ns,
                                    .start_within_ns = order->within_ns,
                                    .lost_after_ns = order->lost_after_ns,
                                    .body = command_body(op, nonce, run_ns, how)};
}

/* `order->max_attempts` as asked for; what is in effect is what the laws are told. */
static void add_submission(struct sim *sim, struct sim_client *c, struct op *op,
                           struct wire_submission *list, const struct law_order *order,
                           int64_t run_ns, int how)
{
    struct law_order effective = *order;
    effective.client = c->number;
    effective.max_attempts = effective_attempts(order->max_attempts, order->rerunnable);
    uint32_t nonce = laws_order(sim, &effective);
    list[op->n_nonces] = submission_of(op, order, nonce, run_ns, how);
    op->nonces[op->n_nonces++] = nonce;
    c->commands++;
}

static struct op *submit_op(struct sim_client *c, struct wire_submission **ret_list)
{
    struct op *op = sim_client_op(c, OP_SUBMIT, WIRE_SUBMIT);
    if (op == NULL)
        return NULL;
    *ret_list = arena_zalloc(&op->arena, SUBMIT_MAX, sizeof **ret_list);
    MUST(*ret_list != NULL);
    op->message.as.submit.submissions = *ret_list;
    return op;
}

struct op *sim_ask_submit(struct sim *sim, struct sim_client *c, const struct law_order *order,
                          uint32_t n, int64_t run_ns, int how)
{
    struct wire_submission *list;
    struct op *op = submit_op(c, &list);
    MUST(op != NULL && n <= SUBMIT_MAX);
    for (uint32_t i = 0; i < n; i++)
        add_submission(sim, c, op, list, order, run_ns, how);
    op->message.as.submit.n_submissions = n;
    return sim_client_begin(sim, c, op, 0, MUSTER_NEVER) ? op : NULL;
}

static struct law_order some_order(struct sim *sim, const struct sim_client *c)
{
    bool is_shared = strcmp(c->opens, "shared") == 0;
    struct law_order order = {.rerunnable = chance(sim, 1, 2)};
    if (chance(sim, 1, 3))
        order.priority = (int32_t)rand_between(&sim->work, -3, 3);
    if (chance(sim, 1, 4))
        order.max_attempts = (uint32_t)rand_between(&sim->work, 1, 3);
    if (sim->swarm.plain)
        return order;
    order.rare = chance(sim, 1, 6);
    if (chance(sim, 1, 5)) {
        order.place = PLACE_HOST;
        /* Only where somebody can run it: else it would be held for ever. */
        order.host = order.rare ? 0 : (uint32_t)rand_below(&sim->work, sim->swarm.workers);
        if (order.host == 1 && sim->swarm.picky && !is_shared)
            order.host = 0;
    } else if (chance(sim, 1, 5)) {
        order.place = PLACE_ROLE;
    }
    return order;
}

/* The laws hear of them too. */
static void add_times(struct sim *sim, struct wire_submission *s, uint32_t nonce)
{
    struct law_order *order = &sim->laws.orders.items[nonce - 1];
    if (sim->swarm.plain)
        return;
    if (chance(sim, 1, 8))
        s->delay_ns = rand_between(&sim->work, 1, 20 * MUSTER_S);
    else if (chance(sim, 1, 20))
        s->at_wall_ns =
            SIM_WALL_BASE_NS + sim->now + rand_between(&sim->work, -5 * MUSTER_S, 20 * MUSTER_S);
    if (chance(sim, 1, 10))
        s->start_within_ns = rand_between(&sim->work, MUSTER_S, 60 * MUSTER_S);
    else if (chance(sim, 1, 20))
        s->start_by_wall_ns =
            SIM_WALL_BASE_NS + sim->now + rand_between(&sim->work, 0, 60 * MUSTER_S);
    if (chance(sim, 1, 6))
        s->lost_after_ns = chance(sim, 1, 2) ? 1 : rand_between(&sim->work, 1, 60 * MUSTER_S);
    order->delay_ns = s->delay_ns;
    order->at_wall_ns = s->at_wall_ns;
    order->within_ns = s->start_within_ns;
}

static int64_t some_run(struct sim *sim)
{
    return chance(sim, 1, 2) ? rand_between(&sim->work, 0, 20 * MUSTER_MS)
                             : rand_between(&sim->work, 0, sim->swarm.run_max_ns);
}

static int some_end(struct sim *sim)
{
    return chance(sim, 3, 4) ? HOW_OK : (int)rand_below(&sim->work, HOW_COUNT);
}

static void ask_submit(struct sim *sim, struct sim_client *c)
{
    struct wire_submission *list;
    if (c->commands >= sim->swarm.commands_per_client || c->shut)
        return;
    struct op *op = submit_op(c, &list);
    if (op == NULL)
        return;
    bool each = !sim->swarm.plain && chance(sim, 1, 10);
    uint32_t n = each || chance(sim, 1, 2) ? 1 : (uint32_t)rand_between(&sim->work, 1, SUBMIT_MAX);
    for (uint32_t i = 0; i < n; i++) {
        struct law_order order = some_order(sim, c);
        order.each = each;
        if (each && order.place == PLACE_HOST)
            order.place = PLACE_ANY;
        int64_t run_ns = some_run(sim);
        int how = some_end(sim);
        add_submission(sim, c, op, list, &order, run_ns, how);
        add_times(sim, &list[i], op->nonces[i]);
    }
    op->message.as.submit.n_submissions = n;
    sim_client_begin(sim, c, op, 0, some_deadline(sim));
}

/* The same request under the caller's own id, until it was acknowledged in two lives or one. */
static void ask_errand(struct sim *sim, struct sim_client *c)
{
    struct errand *errand = &c->errand;
    struct wire_submission *list;
    if (c->pool[0] == '\0' || c->shut || sim->swarm.plain)
        return;
    struct op *op = submit_op(c, &list);
    if (op == NULL)
        return;
    if (!errand->open) {
        struct law_order order = {.client = c->number, .max_attempts = 1};
        uint32_t nonce = laws_order(sim, &order);
        snprintf(errand->id, sizeof errand->id, "errand-%u-%u", c->number, nonce);
        errand->nonce = nonce;
        errand->run_ns = some_run(sim);
        errand->open = true;
        errand->acked = false;
    }
    struct law_order plain = {.max_attempts = 0};
    list[0] = submission_of(op, &plain, errand->nonce, errand->run_ns, HOW_OK);
    op->nonces[0] = errand->nonce;
    op->n_nonces = 1;
    op->message.as.submit.n_submissions = 1;
    op->message.as.submit.request_id = text(op, errand->id);
    sim_client_begin(sim, c, op, 0, MUSTER_NEVER);
}

/* ---- reads ----------------------------------------------------------------------------------- */

static void ask_read(struct sim *sim, struct sim_client *c, int64_t wait_ns)
{
    struct op *op = sim_client_op(c, OP_READ, WIRE_READ);
    if (op == NULL)
        return;
    struct wire_read *m = &op->message.as.read;
    *m =
        (struct wire_read){.from_pos = c->read_to, .wait_ns = wait_ns, .log_id = c->session.log_id};
    m->max = (uint32_t)rand_between(&sim->work, 1, READ_MAX);
    m->with_command = chance(sim, 1, 2);
    /* Now and then everything from the beginning, as far as it is kept. */
    if (!sim->healed && chance(sim, 1, world_has_retention(sim) ? 3 : 8))
        m->from_pos = 0;
    sim_client_begin(sim, c, op, wait_ns, MUSTER_NEVER);
}

static void cursor_name(const struct sim_client *c, char name[NAME_TEXT_MAX])
{
    snprintf(name, NAME_TEXT_MAX, "reader-%u", c->number);
}

/* One at a time: read from where the durable cursor stands, or move it behind what was read. */
static void ask_cursor(struct sim *sim, struct sim_client *c)
{
    char name[NAME_TEXT_MAX];
    struct op *op = NULL;
    for (uint32_t i = 0; i < OPS_MAX; i++)
        if (c->ops[i].number != 0 &&
            (c->ops[i].kind == OP_CURSOR_READ || c->ops[i].kind == OP_CURSOR_MOVE))
            return;
    cursor_name(c, name);
    if (c->cursor_next != 0) {
        op = sim_client_op(c, OP_CURSOR_MOVE, WIRE_CURSOR);
        if (op == NULL)
            return;
        op->message.as.cursor = (struct wire_cursor){.name = text(op, name), .pos = c->cursor_next};
        if (c->cursor_next > c->cursor_asked)
            c->cursor_asked = c->cursor_next;
        c->cursor_next = 0;
        sim_client_begin(sim, c, op, 0, MUSTER_NEVER);
        return;
    }
    op = sim_client_op(c, OP_CURSOR_READ, WIRE_READ);
    if (op == NULL)
        return;
    int64_t wait_ns = some_wait(sim);
    op->message.as.read = (struct wire_read){.cursor = text(op, name),
                                             .max = (uint32_t)rand_between(&sim->work, 1, 5),
                                             .wait_ns = wait_ns};
    sim_client_begin(sim, c, op, wait_ns, MUSTER_NEVER);
}

static void ask_wait(struct sim *sim, struct sim_client *c, enum wire_wait_what what,
                     int64_t wait_ns)
{
    struct op *op = sim_client_op(c, OP_WAIT, WIRE_WAIT);
    if (op == NULL)
        return;
    struct wire_wait *m = &op->message.as.wait;
    *m = (struct wire_wait){.what = what, .wait_ns = wait_ns, .with_command = chance(sim, 1, 2)};
    op->mine_to = c->mine.n;
    if (what == WIRE_WAIT_COMMANDS && c->mine.n > 0) {
        uint32_t n = (uint32_t)rand_between(&sim->work, 1, 4);
        uint64_t *ids = arena_zalloc(&op->arena, n, sizeof *ids);
        MUST(ids != NULL);
        for (uint32_t i = 0; i < n; i++)
            ids[i] = c->mine.items[rand_below(&sim->work, c->mine.n)];
        m->track_ids = ids;
        m->n_track_ids = n;
    } else if (what == WIRE_WAIT_COMMANDS) {
        m->what = WIRE_WAIT_MINE;
    }
    m->batch = what == WIRE_WAIT_BATCH ? c->batch : 0;
    sim_client_begin(sim, c, op, wait_ns, some_deadline(sim));
}

static enum wire_wait_what some_subject(struct sim *sim, const struct sim_client *c)
{
    if (c->batch != 0 && chance(sim, 1, 2))
        return WIRE_WAIT_BATCH;
    return chance(sim, 1, 2) ? WIRE_WAIT_COMMANDS : WIRE_WAIT_MINE;
}

static void ask_some_wait(struct sim *sim, struct sim_client *c)
{
    enum wire_wait_what what = some_subject(sim, c);
    ask_wait(sim, c, what, some_wait(sim));
}

static void ask_stats(struct sim *sim, struct sim_client *c)
{
    struct op *op = sim_client_op(c, OP_STATS, WIRE_STATS);
    if (op == NULL)
        return;
    op->message.as.stats.all = true;
    sim_client_begin(sim, c, op, 0, MUSTER_NEVER);
}

static void ask_list(struct sim *sim, struct sim_client *c)
{
    struct op *op = sim_client_op(c, OP_LIST, WIRE_LIST);
    if (op == NULL)
        return;
    struct wire_list *m = &op->message.as.list;
    m->states = chance(sim, 1, 2) ? 0 : (1u << STATE_COUNT) - 2;
    m->after = chance(sim, 1, 2) ? 0 : rand_below(&sim->work, 50);
    m->batch = chance(sim, 1, 3) ? c->batch : 0;
    if (chance(sim, 1, 3)) {
        struct wire_range *range = arena_zalloc(&op->arena, 1, sizeof *range);
        MUST(range != NULL);
        range->first = rand_below(&sim->work, 40) + 1;
        range->last = range->first + rand_below(&sim->work, 10);
        m->ranges = range;
        m->n_ranges = 1;
    }
    sim_client_begin(sim, c, op, 0, MUSTER_NEVER);
}

static void ask_hosts(struct sim *sim, struct sim_client *c)
{
    struct op *op = sim_client_op(c, OP_HOSTS, WIRE_HOSTS);
    if (op == NULL)
        return;
    if (chance(sim, 1, 2))
        op->message.as.hosts.selector = text(op, "role=db");
    sim_client_begin(sim, c, op, 0, MUSTER_NEVER);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void ask_cancel(struct sim *sim, struct sim_client *c)
{
    struct op *op = sim_client_op(c, OP_CANCEL, WIRE_CANCEL);
    if (op == NULL)
        return;
    struct wire_cancel *m = &op->message.as.cancel;
    m->running = chance(sim, 1, 2);
    if (chance(sim, 1, 2))
        m->reason = text(op, "no longer wanted");
    if (chance(sim, 1, 8)) {
        m->mine = true;
    } else if (chance(sim, 1, 12)) {
        m->all = true;
    } else if (c->batch != 0 && chance(sim, 1, 4)) {
        m->batch = c->batch;
    } else if (c->mine.n == 0) {
        m->mine = true;
    } else {
        struct wire_range *range = arena_zalloc(&op->arena, 1, sizeof *range);
        MUST(range != NULL);
        range->first = c->mine.items[rand_below(&sim->work, c->mine.n)];
        range->last = range->first + rand_below(&sim->work, 3);
        m->ranges = range;
        m->n_ranges = 1;
    }
    sim_client_begin(sim, c, op, 0, some_deadline(sim));
}

static void ask_room(struct sim *sim, struct sim_client *c)
{
    struct op *op = sim_client_op(c, OP_ROOM, WIRE_ROOM);
    if (op == NULL)
        return;
    int64_t wait_ns = some_wait(sim);
    op->message.as.room = (struct wire_room){.function = text(op, "echo"),
                                             .buffer = (uint32_t)rand_below(&sim->work, 4),
                                             .wait_ns = wait_ns};
    sim_client_begin(sim, c, op, wait_ns, MUSTER_NEVER);
}

static void ask_shutdown(struct sim *sim, struct sim_client *c)
{
    struct op *op = sim_client_op(c, OP_SHUTDOWN, WIRE_SHUTDOWN);
    if (op == NULL)
        return;
    int64_t wait_ns = rand_between(&sim->work, 0, 60 * MUSTER_S);
    struct wire_shutdown *m = &op->message.as.shutdown;
    m->wait_ns = wait_ns;
    m->cancel_queued = chance(sim, 1, 2);
    m->cancel_running = chance(sim, 1, 4);
    m->broker = chance(sim, 1, 12);
    m->wait = !m->broker && chance(sim, 3, 4); /* the end of the broker waits for nothing */
    op->mine_to = c->mine.n;
    sim_client_begin(sim, c, op, wait_ns, MUSTER_NEVER);
}

void sim_ask_something(struct sim *sim, struct sim_client *c)
{
    static const uint8_t weights[] = {44, 14, 10, 8, 4, 4, 2, 5, 3, 5, 1};
    enum { SUBMIT, READ, CURSOR, WAIT, STATS, LIST, HOSTS, CANCEL, ROOM, ERRAND, SHUTDOWN };
    uint64_t drawn = rand_below(&sim->work, 100);
    int what = 0;
    while (drawn >= weights[what])
        drawn -= weights[what++];
    if (sim->swarm.plain && what >= HOSTS)
        what = SUBMIT;
    switch (what) {
    case SUBMIT:
        ask_submit(sim, c);
        break;
    case READ:
        ask_read(sim, c, some_wait(sim));
        break;
    case CURSOR:
        ask_cursor(sim, c);
        break;
    case WAIT:
        ask_some_wait(sim, c);
        break;
    case STATS:
        ask_stats(sim, c);
        break;
    case LIST:
        ask_list(sim, c);
        break;
    case HOSTS:
        ask_hosts(sim, c);
        break;
    case CANCEL:
        ask_cancel(sim, c);
        break;
    case ROOM:
        ask_room(sim, c);
        break;
    case ERRAND:
        ask_errand(sim, c);
        break;
    default:
        if (chance(sim, 1, 3))
            ask_shutdown(sim, c);
    }
}

void sim_ask_epilogue(struct sim *sim, struct sim_client *c)
{
    if (c->finished || sim_client_pending(c) > 0)
        return;
    if (!c->in_epilogue)
        c->read_to = 0;
    c->in_epilogue = true;
    if (c->errand.open && !c->errand.acked && !c->shut)
        ask_errand(sim, c);
    else if (c->idle_waits == 0)
        ask_wait(sim, c, WIRE_WAIT_ALL, WAIT_MAX_NS);
    else
        ask_read(sim, c, 0);
}
