/*
 * sim.h -- the simulated world: one broker, some workers and clients, a network, virtual time.
 *
 * One seed decides everything; nothing here reads a clock, a file or an address. Each process is
 * the product's own machine behind a small shell of the simulator's.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "agenda.h"
#include "laws.h"
#include "mirror.h"
#include "network.h"
#include "sim_broker.h"
#include "sim_client.h"
#include "sim_worker.h"
#include "swarm.h"
#include "trace.h"
#include "vault.h"

#define SIM_WALL_BASE_NS (INT64_C(1800000000) * MUSTER_S)

struct sim {
    uint64_t seed;
    struct swarm swarm;
    struct rand chance; /* the world's */
    struct rand work;   /* what clients want */
    struct rand fate;   /* when which fault comes */
    muster_time now;
    uint64_t steps, steps_max;
    bool script; /* a golden scenario: nothing happens by itself */
    bool healed;
    muster_time healed_at;
    struct agenda agenda;
    struct trace trace;
    struct network net;
    struct vault vault;
    struct mirror *mirror; /* the real store beside it; NULL: none */
    struct laws laws;
    struct sim_broker broker;
    struct sim_worker workers[WORKERS_MAX];
    struct sim_client clients[CLIENTS_MAX];
    uint64_t faults[FAULT_COUNT]; /* how often each came */
};

/* world.c */
struct sim *sim_new(uint64_t seed, const struct swarm *swarm, uint64_t steps_max, unsigned print);
void sim_free(struct sim *sim);
/* A whole seed: faults for a while, then peace until everything has ended, then the last laws. */
void sim_run(struct sim *sim);
/* Lets virtual time pass (golden scenarios). */
void sim_pass(struct sim *sim, int64_t ns);
bool sim_failed(const struct sim *sim);

int64_t swarm_latency(struct sim *sim);

/* What stands in a routing id. */
uint32_t world_route(const uint8_t route[ROUTE_BYTES]);
/* Frames through the codec. */
int world_send_to(struct sim *sim, const uint8_t route[ROUTE_BYTES], const struct wire_message *m);
bool world_send(struct sim *sim, uint32_t dealer, const struct wire_message *m);
void world_broker_frame_came(struct sim *sim);
void world_dealer_frame_came(struct sim *sim, uint32_t dealer);
void world_connected(struct sim *sim, uint32_t dealer, bool again);

/* A process has ended by itself; somebody starts it again. */
void world_broker_ended(struct sim *sim);
void world_worker_ended(struct sim *sim, uint32_t number, bool exited);
void world_client_ended(struct sim *sim, uint32_t number);

/* Who the workers are. */
void world_uuid(const struct sim *sim, uint32_t number, uint8_t ret_uuid[16]);
uint32_t world_worker_of(const struct sim *sim, const uint8_t uuid[16]);
const char *world_host_name(uint32_t number);
bool world_has_role(uint32_t number);
bool world_has_rare(uint32_t number);
const struct bytes *world_labels(uint32_t number);
const struct bytes *world_functions(void);
/* It may have missed that it was cut off: it was paused, or is. */
bool world_was_paused(const struct sim *sim, uint32_t number);
bool world_has_retention(const struct sim *sim);

/* faults.c */
void faults_begin(struct sim *sim);
/* Ends all of them; every process runs again. */
void faults_heal(struct sim *sim);

/* laws_seen.c */
void laws_reported(struct sim *sim, uint32_t token);
void laws_answered(struct sim *sim, uint32_t worker, const struct agent_id *id);
/* A worker has read its spool. */
void laws_spool(struct sim *sim, const struct sim_worker *w);
void laws_lost_power(struct sim *sim, const struct sim_worker *w);
void laws_lost_spool(struct sim *sim, const struct sim_worker *w);

/* story.c: lines about frames and facts */
void trace_frame(struct sim *sim, const char *who, uint32_t number, const struct wire_message *m);
void trace_fact(struct sim *sim, const struct fact *fact);

#endif
