/*
 * The network as ZeroMQ shows it: dealers (workers, clients) that connect to the broker's two
 * routers.
 *
 * Per connection and direction frames keep their order; what is in flight dies with the connection,
 * except a beginning of it that had arrived already. A new connection is a new route. A dealer
 * without a connection refuses to send (ZMQ_IMMEDIATE) and connects again by itself without telling
 * its owner; a router learns of an end some time later and then refuses with EHOSTUNREACH, or with
 * EAGAIN when too much waits.
 */
#ifndef TESTS_SIM_NETWORK_H
#define TESTS_SIM_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/time.h"
#include "broker/peers.h"
#include "swarm.h"

struct sim;

enum { DEALERS_MAX = WORKERS_MAX + CLIENTS_MAX };

/* Owned by whoever holds it; freed with free(data). */
struct frame {
    uint8_t *data;
    size_t size;
    muster_time due;
    uint32_t route; /* in the routers' inboxes */
};

/* First in, first out. All zero is empty. */
struct frames {
    struct frame *items;
    uint32_t first, n, max;
};

void frames_push(struct frames *frames, struct frame frame);
bool frames_pop(struct frames *frames, struct frame *ret);
/* Keeps the first `n`. */
void frames_cut(struct frames *frames, uint32_t n);
void frames_done(struct frames *frames);

struct pipe {
    struct frames frames;
    muster_time last_due;
};

struct conn {
    bool used;
    bool broken;       /* nothing more enters it */
    bool router_knows; /* that it is broken */
    bool greeted;      /* a worker's HELLO has arrived over it */
    uint32_t generation;
    uint32_t route;
    uint32_t dealer, socket;
    struct pipe up, down;
};

struct dealer {
    bool open;
    bool cut_up, cut_down;
    bool connected_before; /* this socket had another connection */
    uint32_t socket;       /* generation: each open makes another */
    uint32_t conn;         /* index + 1; 0: none */
    uint32_t route;        /* of its newest connection: nothing of an older one arrives any more */
    uint32_t tries;
    struct frames inbox;
};

struct network {
    struct conn *conns;
    uint32_t n_conns, conns_max;
    struct dealer dealers[DEALERS_MAX];
    struct frames inbox[SIDE_COUNT]; /* of the routers */
    bool listening;
    uint32_t next_route;
};

void network_done(struct sim *sim);

/* Workers come first. */
enum side network_side(uint32_t dealer);

/* The broker's sockets. After network_shut every connection is broken and the inboxes are empty. */
void network_listen(struct sim *sim);
void network_shut(struct sim *sim);
/* 0, -EHOSTUNREACH or -EAGAIN. */
int network_send_to(struct sim *sim, uint32_t route, struct bytes frame);

/* The broker has forgotten who this is: its frames renew nothing until it says hello again. */
void network_forget(struct sim *sim, uint32_t route);

/* A dealer's socket. */
void network_open(struct sim *sim, uint32_t dealer);
/* `violent`: nothing of what is in flight arrives, and the router learns of it late. */
void network_close(struct sim *sim, uint32_t dealer, bool violent);
/* 0, or -EAGAIN while there is no connection. */
int network_send(struct sim *sim, uint32_t dealer, struct bytes frame);

/* Faults. A dealer without a connection does not mind. */
void network_break(struct sim *sim, uint32_t dealer);
void network_cut(struct sim *sim, uint32_t dealer, bool up, bool down);
/* Ends all cuts of this dealer; `broken`: its connection did not survive. */
void network_mend(struct sim *sim, uint32_t dealer, bool broken);

#endif
