/* One request: its message until it is answered, and its answer. */
#ifndef MUSTER_LIB_REQUEST_H
#define MUSTER_LIB_REQUEST_H

#include <zmq.h>

#include "base/arena.h"
#include "base/list.h"
#include "call.h"
#include "error.h"
#include "proto/message.h"

struct muster_pool;
struct packed; /* command.h */
struct request;

/* One received message, shared by those who hold spans of it. */
struct reply {
    uint32_t refs;
    zmq_msg_t frame;
    struct arena arena;
    struct wire_message message;
};
/* The frame moves into the reply. NULL when memory is short. */
struct reply *reply_new(zmq_msg_t *frame);
struct reply *reply_ref(struct reply *reply);
void reply_unref(struct reply *reply);

/* Called from pool_settle, in the middle of any call: it must not wait. It owns the request. */
typedef void request_done_fn(struct muster_pool *pool, struct request *request);

struct request {
    struct list out_link;        /* in pool.outgoing */
    struct list ended_link;      /* in pool.ended */
    uint64_t number;             /* 0: not started */
    struct wire_message message; /* its spans are owned by whoever made it, or by `packed` */
    struct packed **packed;      /* SUBMIT: owned, one per submission */
    size_t n_packed;
    enum wire_type expects; /* the answer's type */
    request_done_fn *done;  /* NULL: somebody waits in request_run */
    void *ctx;
    bool sent; /* has left at least once: its outcome may be unknown */
    bool ended;
    bool undecodable; /* there is an answer, but not one that can be read */
    int code;         /* MUSTER_E…, once it has ended */
    uint32_t index;   /* SUBMIT refused: which submission */
    struct error error;
    struct reply *reply; /* code MUSTER_OK */
};

/* NULL when memory is short. */
struct request *request_new(enum wire_type type, enum wire_type expects);
/* Abandons it if it is pending. NULL is fine. */
void request_free(struct muster_pool *pool, struct request *request);

/* Room for one more of its kind; when not, wait for an answer (pool_turn). */
bool request_has_room(const struct muster_pool *pool, const struct request *request);
/* Checks the message and starts it; ask for room before. 0 or MUSTER_E… with request->error. */
int request_start(struct muster_pool *pool, struct request *request, int64_t wait_ns,
                  muster_time deadline);
/* Starts it when there is room and waits for its end: its code; pool->error is set. */
int request_run(struct muster_pool *pool, struct request *request, int64_t wait_ns,
                muster_time deadline);

/* For loop.c: the end, as the machine told it. */
void request_end(struct muster_pool *pool, struct request *request, enum refusal refusal);
/* Its frame, encoded. 0 or -ENOMEM. */
int request_encode(const struct request *request, zmq_msg_t *ret_frame);

#endif
