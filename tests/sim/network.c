/*
 * network.c -- connections between dealers and routers in virtual time.
 *
 * It knows no message. Owners are told of nothing but frames (world_frame_came), new connections of
 * a socket (world_connected), and are refused when they send into nothing.
 */
#include "network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "sim.h"

enum { PIPE_MAX = 1000, CONNS_MAX = 1 << 16 };

static const int64_t RETRY_MIN_NS = 50 * MUSTER_MS;
static const int64_t RETRY_MAX_NS = 2 * MUSTER_S;
static const int64_t KEEPALIVE_NS = 6500 * MUSTER_MS;

/* ---- queues ---------------------------------------------------------------------------------- */

void frames_push(struct frames *frames, struct frame frame)
{
    if (frames->n == frames->max) {
        uint32_t max = frames->max == 0 ? 8 : frames->max * 2;
        struct frame *items = calloc(max, sizeof *items);
        MUST(items != NULL);
        for (uint32_t i = 0; i < frames->n; i++)
            items[i] = frames->items[(frames->first + i) % frames->max];
        free(frames->items);
        frames->items = items;
        frames->first = 0;
        frames->max = max;
    }
    frames->items[(frames->first + frames->n++) % frames->max] = frame;
}

bool frames_pop(struct frames *frames, struct frame *ret)
{
    if (frames->n == 0)
        return false;
    *ret = frames->items[frames->first];
    frames->first = (frames->first + 1) % frames->max;
    frames->n--;
    return true;
}

void frames_cut(struct frames *frames, uint32_t n)
{
    while (frames->n > n)
        free(frames->items[(frames->first + --frames->n) % frames->max].data);
}

void frames_done(struct frames *frames)
{
    frames_cut(frames, 0);
    free(frames->items);
    *frames = (struct frames){0};
}

static struct frame frame_of(struct bytes bytes)
{
    struct frame frame = {.data = malloc(bytes.size > 0 ? bytes.size : 1), .size = bytes.size};
    MUST(frame.data != NULL);
    if (bytes.size > 0)
        memcpy(frame.data, bytes.data, bytes.size);
    return frame;
}

/* ---- connections ----------------------------------------------------------------------------- */

void network_done(struct sim *sim)
{
    struct network *net = &sim->net;
    for (uint32_t i = 0; i < net->n_conns; i++) {
        frames_done(&net->conns[i].up.frames);
        frames_done(&net->conns[i].down.frames);
    }
    for (uint32_t i = 0; i < DEALERS_MAX; i++)
        frames_done(&net->dealers[i].inbox);
    for (int i = 0; i < SIDE_COUNT; i++)
        frames_done(&net->inbox[i]);
    free(net->conns);
}

enum side network_side(uint32_t dealer)
{
    return dealer < WORKERS_MAX ? SIDE_WORKERS : SIDE_CLIENTS;
}

static struct conn *conn_of(struct sim *sim, const struct dealer *dealer)
{
    return dealer->conn == 0 ? NULL : &sim->net.conns[dealer->conn - 1];
}

static struct conn *conn_by_route(struct network *net, uint32_t route)
{
    for (uint32_t i = 0; i < net->n_conns; i++)
        if (net->conns[i].used && net->conns[i].route == route)
            return &net->conns[i];
    return NULL;
}

static uint32_t index_of(const struct sim *sim, const struct conn *conn)
{
    return (uint32_t)(conn - sim->net.conns);
}

static uint64_t tag_of(const struct conn *conn, uint32_t more)
{
    return (uint64_t)conn->generation << 32 | more;
}

/* NULL when the entry was about an earlier connection in this place. */
static struct conn *conn_due(struct sim *sim, uint32_t index, uint64_t what)
{
    struct conn *conn = &sim->net.conns[index];
    return conn->used && conn->generation == what >> 32 ? conn : NULL;
}

static struct conn *conn_new(struct sim *sim, uint32_t dealer)
{
    struct network *net = &sim->net;
    uint32_t i = 0;
    while (i < net->n_conns && net->conns[i].used)
        i++;
    if (i == net->conns_max) {
        net->conns_max = net->conns_max == 0 ? 16 : net->conns_max * 2;
        MUST(net->conns_max <= CONNS_MAX);
        net->conns = realloc(net->conns, net->conns_max * sizeof *net->conns);
        MUST(net->conns != NULL);
    }
    if (i == net->n_conns)
        net->conns[net->n_conns++] = (struct conn){0};
    struct conn *conn = &net->conns[i];
    *conn = (struct conn){.used = true,
                          .generation = conn->generation + 1,
                          .route = net->next_route++,
                          .dealer = dealer,
                          .socket = net->dealers[dealer].socket};
    return conn;
}

/* Freed once both ends know and nothing is left in it. */
static void release(struct sim *sim, struct conn *conn)
{
    const struct dealer *dealer = &sim->net.dealers[conn->dealer];
    if (!conn->broken || !conn->router_knows || conn->up.frames.n > 0 || conn->down.frames.n > 0 ||
        conn_of(sim, dealer) == conn)
        return;
    frames_done(&conn->up.frames);
    frames_done(&conn->down.frames);
    conn->used = false;
}

/* ---- connecting ------------------------------------------------------------------------------ */

static void try_connect(struct sim *sim, uint32_t number, uint64_t socket);

static void connect_later(struct sim *sim, uint32_t number, int64_t delay_ns)
{
    agenda_add(&sim->agenda, sim->now + delay_ns, try_connect, number,
               sim->net.dealers[number].socket);
}

static void try_connect(struct sim *sim, uint32_t number, uint64_t socket)
{
    struct dealer *dealer = &sim->net.dealers[number];
    if (!dealer->open || dealer->socket != socket || dealer->conn != 0)
        return;
    if (!sim->net.listening || dealer->cut_up || dealer->cut_down) {
        int64_t pause = RETRY_MIN_NS << (dealer->tries < 6 ? dealer->tries : 6);
        dealer->tries++;
        connect_later(sim, number, pause < RETRY_MAX_NS ? pause : RETRY_MAX_NS);
        return;
    }
    struct conn *conn = conn_new(sim, number);
    dealer->conn = index_of(sim, conn) + 1;
    dealer->route = conn->route;
    dealer->tries = 0;
    bool again = dealer->connected_before;
    dealer->connected_before = true;
    world_connected(sim, number, again);
}

void network_open(struct sim *sim, uint32_t number)
{
    struct dealer *dealer = &sim->net.dealers[number];
    MUST(!dealer->open);
    dealer->open = true;
    dealer->connected_before = false;
    dealer->socket++;
    dealer->tries = 0;
    connect_later(sim, number, 3 * swarm_latency(sim));
}

static void dealer_learns(struct sim *sim, uint32_t index, uint64_t what)
{
    struct conn *conn = conn_due(sim, index, what);
    if (conn == NULL)
        return;
    struct dealer *dealer = &sim->net.dealers[conn->dealer];
    if (conn_of(sim, dealer) != conn)
        return;
    uint32_t number = conn->dealer;
    dealer->conn = 0;
    /* What was received and not read may go with the connection. */
    if (rand_chance(&sim->chance, 1, 2))
        frames_cut(&dealer->inbox, 0);
    release(sim, conn);
    connect_later(sim, number, rand_between(&sim->chance, 0, RETRY_MIN_NS));
}

static void router_learns(struct sim *sim, uint32_t index, uint64_t what)
{
    struct conn *conn = conn_due(sim, index, what);
    if (conn == NULL)
        return;
    conn->router_knows = true;
    release(sim, conn);
}

static void pipe_due(struct sim *sim, uint32_t index, uint64_t what);

/* Everything in it is due now. */
static void hurry(struct sim *sim, struct conn *conn, bool up)
{
    struct pipe *pipe = up ? &conn->up : &conn->down;
    for (uint32_t i = 0; i < pipe->frames.n; i++) {
        struct frame *frame = &pipe->frames.items[(pipe->frames.first + i) % pipe->frames.max];
        frame->due = sim->now;
        agenda_add(&sim->agenda, frame->due, pipe_due, index_of(sim, conn), tag_of(conn, up));
    }
    if (pipe->last_due < sim->now)
        pipe->last_due = sim->now;
}

static uint32_t some_of(struct sim *sim, uint32_t n)
{
    return (uint32_t)rand_below(&sim->chance, n + 1);
}

/* Ends a connection: `up` and `down` frames had arrived already; the ends learn of it later. */
static void sever(struct sim *sim, struct conn *conn, uint32_t up, uint32_t down,
                  int64_t dealer_after_ns, int64_t router_after_ns)
{
    const struct dealer *dealer = &sim->net.dealers[conn->dealer];
    if (conn->broken)
        return;
    conn->broken = true;
    frames_cut(&conn->up.frames, dealer->cut_up ? 0 : up);
    frames_cut(&conn->down.frames, dealer->cut_down ? 0 : down);
    hurry(sim, conn, true);
    hurry(sim, conn, false);
    uint32_t index = index_of(sim, conn);
    uint64_t what = tag_of(conn, 0);
    agenda_add(&sim->agenda, sim->now + dealer_after_ns, dealer_learns, index, what);
    agenda_add(&sim->agenda, sim->now + router_after_ns, router_learns, index, what);
}

void network_listen(struct sim *sim)
{
    struct network *net = &sim->net;
    net->listening = true;
    net->next_route = (uint32_t)rand_next(&sim->chance);
}

void network_shut(struct sim *sim)
{
    struct network *net = &sim->net;
    net->listening = false;
    for (uint32_t i = 0; i < net->n_conns; i++) {
        struct conn *conn = &net->conns[i];
        if (!conn->used)
            continue;
        int64_t after = rand_chance(&sim->chance, 1, 8) ? KEEPALIVE_NS : 2 * swarm_latency(sim);
        sever(sim, conn, 0, some_of(sim, conn->down.frames.n), after, 0);
        conn->router_knows = true;
        frames_cut(&conn->up.frames, 0);
    }
    for (int i = 0; i < SIDE_COUNT; i++)
        frames_cut(&net->inbox[i], 0);
}

void network_close(struct sim *sim, uint32_t number, bool violent)
{
    struct dealer *dealer = &sim->net.dealers[number];
    if (!dealer->open)
        return;
    struct conn *conn = conn_of(sim, dealer);
    dealer->open = false;
    dealer->conn = 0;
    frames_cut(&dealer->inbox, 0);
    if (conn == NULL)
        return;
    uint32_t up = violent ? 0 : some_of(sim, conn->up.frames.n);
    sever(sim, conn, up, 0, 0, violent || dealer->cut_up ? KEEPALIVE_NS : 4 * swarm_latency(sim));
    frames_cut(&conn->down.frames, 0);
    release(sim, conn);
}

/* ---- frames ---------------------------------------------------------------------------------- */

static void arrive_up(struct sim *sim, struct conn *conn)
{
    struct frame frame;
    if (!frames_pop(&conn->up.frames, &frame))
        return;
    frame.route = conn->route;
    if (frame.size >= WIRE_HEAD_BYTES && frame.data[WIRE_HEAD_BYTES - 1] == WIRE_WORKER_HELLO)
        conn->greeted = true;
    if (conn->greeted) {
        sim->workers[conn->dealer].route = conn->route;
        sim->workers[conn->dealer].arrived = sim->now;
    }
    enum side side = network_side(conn->dealer);
    release(sim, conn);
    if (!sim->net.listening) {
        free(frame.data);
        return;
    }
    frames_push(&sim->net.inbox[side], frame);
    world_broker_frame_came(sim);
}

static void arrive_down(struct sim *sim, struct conn *conn)
{
    struct frame frame;
    struct dealer *dealer = &sim->net.dealers[conn->dealer];
    if (!frames_pop(&conn->down.frames, &frame))
        return;
    uint32_t number = conn->dealer;
    bool ours = dealer->open && dealer->socket == conn->socket && dealer->route == conn->route;
    release(sim, conn);
    if (!ours) {
        free(frame.data);
        return;
    }
    frames_push(&dealer->inbox, frame);
    world_dealer_frame_came(sim, number);
}

static void pipe_due(struct sim *sim, uint32_t index, uint64_t what)
{
    struct conn *conn = conn_due(sim, index, what);
    if (conn == NULL)
        return;
    bool up = (what & 1) != 0;
    const struct dealer *dealer = &sim->net.dealers[conn->dealer];
    struct pipe *pipe = up ? &conn->up : &conn->down;
    /* Behind a cut it stays where it is until the cut is mended. */
    if (up ? dealer->cut_up : dealer->cut_down)
        return;
    if (pipe->frames.n == 0 || pipe->frames.items[pipe->frames.first].due > sim->now)
        return;
    if (up)
        arrive_up(sim, conn);
    else
        arrive_down(sim, conn);
}

static void put(struct sim *sim, struct conn *conn, bool up, struct bytes bytes)
{
    struct pipe *pipe = up ? &conn->up : &conn->down;
    struct frame frame = frame_of(bytes);
    frame.due = sim->now + swarm_latency(sim);
    if (frame.due <= pipe->last_due)
        frame.due = pipe->last_due + 1;
    pipe->last_due = frame.due;
    frames_push(&pipe->frames, frame);
    agenda_add(&sim->agenda, frame.due, pipe_due, index_of(sim, conn), tag_of(conn, up));
}

int network_send(struct sim *sim, uint32_t number, struct bytes frame)
{
    struct conn *conn = conn_of(sim, &sim->net.dealers[number]);
    if (conn == NULL || conn->up.frames.n >= PIPE_MAX)
        return -EAGAIN;
    if (!conn->broken)
        put(sim, conn, true, frame);
    return 0;
}

int network_send_to(struct sim *sim, uint32_t route, struct bytes frame)
{
    struct conn *conn = conn_by_route(&sim->net, route);
    if (conn == NULL || conn->router_knows)
        return -EHOSTUNREACH;
    if (conn->down.frames.n >= PIPE_MAX)
        return -EAGAIN;
    if (!conn->broken)
        put(sim, conn, false, frame);
    return 0;
}

void network_forget(struct sim *sim, uint32_t route)
{
    struct conn *conn = conn_by_route(&sim->net, route);
    if (conn != NULL)
        conn->greeted = false;
    /* What waits in the socket comes from nobody now. */
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        if (sim->workers[i].route == route) {
            sim->workers[i].arrived = sim->workers[i].taken;
            sim->workers[i].route = 0;
        }
}

/* ---- faults ---------------------------------------------------------------------------------- */

void network_break(struct sim *sim, uint32_t number)
{
    struct conn *conn = conn_of(sim, &sim->net.dealers[number]);
    if (conn == NULL || conn->broken)
        return;
    int64_t dealer_after =
        rand_chance(&sim->chance, 1, 3) ? rand_between(&sim->chance, 0, KEEPALIVE_NS) : 0;
    int64_t router_after =
        rand_chance(&sim->chance, 1, 3) ? rand_between(&sim->chance, 0, KEEPALIVE_NS) : 0;
    uint32_t up = some_of(sim, conn->up.frames.n);
    uint32_t down = some_of(sim, conn->down.frames.n);
    sever(sim, conn, up, down, dealer_after, router_after);
}

void network_cut(struct sim *sim, uint32_t number, bool up, bool down)
{
    struct dealer *dealer = &sim->net.dealers[number];
    dealer->cut_up = dealer->cut_up || up;
    dealer->cut_down = dealer->cut_down || down;
}

void network_mend(struct sim *sim, uint32_t number, bool broken)
{
    struct dealer *dealer = &sim->net.dealers[number];
    if (!dealer->cut_up && !dealer->cut_down)
        return;
    dealer->cut_up = dealer->cut_down = false;
    for (uint32_t i = 0; i < sim->net.n_conns; i++) {
        struct conn *conn = &sim->net.conns[i];
        if (!conn->used || conn->dealer != number)
            continue;
        if (broken)
            sever(sim, conn, 0, 0, 0, 0);
        hurry(sim, conn, true);
        hurry(sim, conn, false);
    }
}
