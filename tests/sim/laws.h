/*
 * The laws, judged by code that shares nothing with the broker: from what clients were told, what
 * was committed, what workers ran and what readers saw.
 *
 *   L1  an acknowledged command is present          L2  one final record per command
 *   L3  pos is contiguous                           L4  what a reader saw never changes
 *   L5  no record of a stale attempt; attempts rise; starts <= max_attempts
 *   L6  one request, one command                    L7  no execution without a durable hand-out
 *   L8  submitted = held + queued + running + final L10 dispatch by (priority, track_id)
 *   L11 once healed, everything ends in bounded time
 *   CRC the log's checksum is that of its records
 *   S4 a lease expires by silence alone
 *   S1 … the promise of that number                 PLACE  a command runs where it may
 *   CHECK a machine's own invariants                DIGEST state before a crash = after the load
 *   STORE a fact that does not fit the rows         WIRE  a frame that its receiver cannot read
 */
#ifndef TESTS_SIM_LAWS_H
#define TESTS_SIM_LAWS_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/core/fact.h"
#include "proto/message.h"
#include "table.h"
#include "worker/core/agent.h"

struct sim;

enum { LAW_TEXT_MAX = 300 };

/* Where a command may run. */
enum place { PLACE_ANY, PLACE_HOST, PLACE_ROLE, PLACE_COUNT };

/* What a client asked for; its nonce (index + 1) is the command's first argument. */
struct law_order {
    uint32_t client;
    bool each, rerunnable, rare;
    uint32_t max_attempts; /* in effect */
    int32_t priority;
    enum place place;
    uint32_t host;                           /* PLACE_HOST: number of the worker */
    int64_t delay_ns, within_ns, at_wall_ns; /* when it may start; 0: whenever */
    int64_t lost_after_ns;
    /* what became of it */
    uint32_t pool_index; /* + 1 */
    uint64_t batch;
    uint32_t made;
};

struct law_lease {
    uint32_t attempt, epoch, worker; /* worker: name id */
    uint32_t before;                 /* index + 1 of the command's previous one */
};

/* A command, as its committed facts say. */
struct law_life {
    uint32_t nonce;
    uint64_t batch;
    uint32_t host; /* name id of the expected one */
    uint32_t attempt, starts;
    uint32_t lease; /* index + 1 of the last */
    uint32_t deed;  /* index + 1 of the last execution */
    uint32_t executions;
    muster_time submitted; /* the turn that did so */
    uint64_t pos;
    enum state state;
    bool running, acked;
};

struct law_record {
    struct fact_recorded fact; /* without spans */
    uint64_t seen;             /* hash of what the first reader saw; 0: nobody yet */
};

struct law_pool {
    uint32_t pool;
    bool gone;
    uint64_t oldest, final_to, ok_to;
    uint32_t crc; /* of the log, by our own reckoning */
    uint64_t running;
    TABLE_LIST(struct law_life) lives;
    TABLE_LIST(struct law_record) records;
};

/* One execution. Its token (index + 1) is the record's result. */
struct law_deed {
    uint32_t pool_index;
    uint64_t track_id;
    struct agent_id id;
    uint32_t worker;
    uint32_t before; /* index + 1 of the previous one of this command */
    enum state state;
    bool running;
    bool sent;     /* its record has left the worker */
    bool answered; /* … and got its verdict, or nobody wants it */
    int64_t run_ns;
};

struct laws {
    bool broken;
    const char *law;
    char text[LAW_TEXT_MAX];
    TABLE_LIST(struct law_order) orders;
    TABLE_LIST(struct law_pool) pools;
    TABLE_LIST(struct law_lease) leases;
    TABLE_LIST(struct law_deed) deeds;
    TABLE_LIST(uint16_t) worker_of; /* name id -> installation << 8 | number of the worker + 1 */
    /* figures */
    uint64_t commands, records, executions, acks, rows, duplicates, stale, lost;
};

void laws_done(struct laws *laws);
/* The first breach counts. */
void laws_break(struct sim *sim, const char *law, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* laws.c: what the broker promised */
void laws_fact(struct sim *sim, const struct fact *fact, struct bytes body);
/* What a TICK has just decided about a hand-out: its worker must have been silent for a lease. */
void laws_ticked(struct sim *sim, const struct fact *fact);
void laws_turn(struct sim *sim);            /* after each commit */
bool laws_all_ended(const struct sim *sim); /* also those that no client waits for any more */
void laws_final(struct sim *sim);

/* laws_seen.c: what others saw of it */
uint32_t laws_order(struct sim *sim, const struct law_order *order); /* the nonce */
void laws_acked(struct sim *sim, uint32_t pool, const uint32_t *nonces, uint32_t n, uint64_t first,
                uint32_t count, uint64_t batch);
void laws_row(struct sim *sim, uint32_t pool, const struct wire_row *row, bool with_command);
uint32_t laws_started(struct sim *sim, uint32_t worker, const struct agent_id *id, uint32_t nonce);
void laws_ended(struct sim *sim, uint32_t token, enum state state, int64_t run_ns);
/* A worker is told what became of its record. */
void laws_verdict(struct sim *sim, uint32_t worker, const struct wire_verdict *verdict);
/* Every one of these commands is final (an answer to a wait said so). */
void laws_all_final(struct sim *sim, uint32_t pool, const uint64_t *track_ids, uint32_t n,
                    const char *what);

void laws_batch_final(struct sim *sim, uint32_t pool, uint64_t batch);

struct law_pool *laws_pool(struct sim *sim, uint32_t pool);
struct law_life *laws_life(struct law_pool *pool, uint64_t track_id);
/* The number of the worker behind a name id, WORKERS_MAX when unknown. */
uint32_t laws_worker(const struct laws *laws, uint32_t name);
/* It is the one that this host has now, not one before it was installed anew. */
bool laws_is_present(const struct sim *sim, uint32_t name);

/* laws_body.c: 0 when it cannot be read. */
uint32_t laws_nonce_of(struct bytes command_body);
int64_t laws_token_of(struct bytes record_body);

#endif
