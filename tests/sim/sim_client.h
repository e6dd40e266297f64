/*
 * A client's process in the simulator: the real request machine, with a small shell that does what
 * lib/loop.c does, and somebody who asks for things.
 */
#ifndef TESTS_SIM_CLIENT_H
#define TESTS_SIM_CLIENT_H

#include "base/arena.h"
#include "call.h"
#include "laws.h"
#include "network.h"
#include "proto/wire.h"

struct sim;

enum { OPS_MAX = 32, SUBMIT_MAX = 8, SEEN_MAX = 16, NAME_TEXT_MAX = 40 };

enum op_kind {
    OP_SUBMIT,
    OP_READ,
    OP_CURSOR_READ,
    OP_CURSOR_MOVE,
    OP_WAIT,
    OP_STATS,
    OP_LIST,
    OP_HOSTS,
    OP_CANCEL,
    OP_ROOM,
    OP_SHUTDOWN,
    OP_KINDS
};

/* A request from its making to its end. Spans of the message lie in its arena. */
struct op {
    uint64_t number; /* 0: the place is free */
    enum op_kind kind;
    bool to_send;
    struct arena arena;
    struct wire_message message;
    uint32_t nonces[SUBMIT_MAX]; /* SUBMIT: of its submissions */
    uint32_t n_nonces;
    uint64_t
        mine_to; /* WAIT, SHUTDOWN: how many acknowledged commands there were when it was made */
    muster_time deadline;
};

/* A submission under an id of the caller's own: it survives the process. */
struct errand {
    char id[NAME_TEXT_MAX];
    uint32_t nonce;
    uint32_t runs; /* of itself, for the same bytes each time */
    int64_t run_ns;
    bool open, acked;
    uint64_t first;
};

struct sim_client {
    struct sim *sim;
    const struct wire_message *reply; /* to the request that is just ending */
    uint32_t number;
    bool alive, finished;
    uint32_t life;
    uint64_t client;
    struct call *call;
    struct op ops[OPS_MAX];
    struct op *starting;
    const char *pool;          /* "" = private */
    char opens[NAME_TEXT_MAX]; /* in this life: that, or an earlier private pool by its name */
    uint64_t batch;            /* the last one that was made */
    struct {
        bool known;
        uint64_t log_id;
        uint32_t pool_id;
        uint32_t submissions_max;
        char pool[NAME_TEXT_MAX];
    } session;
    uint64_t hello_due, hello_sent, ping_due;
    bool reopen_due, down;
    bool shut; /* its handle was shut down */
    muster_time wake_at, think_at;
    uint32_t commands;         /* submitted in this life */
    TABLE_LIST(uint64_t) mine; /* track_ids acknowledged to this handle */
    /* the reader by position, and the one by cursor */
    uint64_t read_to;
    bool cursor_known; /* across lives: where the durable cursor may stand */
    uint64_t cursor_acked, cursor_asked;
    uint32_t cursor_pool;
    uint64_t cursor_next; /* to be moved to */
    struct errand errand;
    bool in_epilogue;
    uint32_t idle_waits; /* WAIT ALL that said so */
    uint64_t asked, answered, refused, timed_out;
};

void sim_client_start(struct sim *sim, struct sim_client *c);
/* `politely`: it says BYE first. */
void sim_client_kill(struct sim *sim, struct sim_client *c, bool politely);
void sim_client_wake(struct sim *sim, struct sim_client *c);
void sim_client_done(struct sim *sim, struct sim_client *c);

/* A place for a request, or NULL; then started with this wait and deadline, or given back. */
struct op *sim_client_op(struct sim_client *c, enum op_kind kind, enum wire_type type);
bool sim_client_begin(struct sim *sim, struct sim_client *c, struct op *op, int64_t wait_ns,
                      muster_time deadline);
uint32_t sim_client_pending(const struct sim_client *c);

/* sim_ask.c: what to do next; each is one request. */
void sim_ask_something(struct sim *sim, struct sim_client *c);
/* After the faults: until every command is final and every record read. */
void sim_ask_epilogue(struct sim *sim, struct sim_client *c);
struct op *sim_ask_submit(struct sim *sim, struct sim_client *c, const struct law_order *order,
                          uint32_t n, int64_t run_ns, int how);

/* sim_hear.c: what the end of a request means. `reply` is NULL when it was refused. */
void sim_hear_end(struct sim *sim, struct sim_client *c, struct op *op, enum refusal refusal,
                  const struct wire_message *reply);

#endif
