/*
 * The pool handle, as the files of the library see it: one DEALER, one request machine, and what
 * the calls of muster.h leave behind in between.
 *
 *   pool.c      open, close, what every call checks first   loop.c    one turn: socket and machine
 *   request.c   one request: its message, its end           link.c    the socket and its context
 *   embedded.c  the private broker and worker               events.c  the descriptor for event
 * loops
 *
 * A turn never calls back into the caller's program: results are set aside, and handed over by the
 * call that the program made (muster_process, a wait, a read).
 */
#ifndef MUSTER_LIB_POOL_H
#define MUSTER_LIB_POOL_H

#include <muster.h>

#include <stdbool.h>
#include <sys/types.h>

#include "base/list.h"
#include "base/time.h"
#include "call.h"
#include "error.h"
#include "futures.h"
#include "options.h"
#include "proto/message.h"

struct embedded;
struct events;
struct link;
struct request;

/* What the last WELCOME said. */
struct session {
    bool known; /* there was one */
    uint32_t pool_id;
    uint64_t log_id;
    struct wire_limits limits; /* never 0: the protocol's where the broker did not tell */
};

struct muster_pool {
    struct list registry_link;
    pid_t pid;          /* of the process that opened it */
    uint32_t callbacks; /* of the caller's program, that are running */
    struct error error;
    struct error down; /* info.code not 0: no request can succeed any more, and why */
    struct muster_options options;
    char *uri;
    char *name;
    struct embedded *embedded; /* NULL: somebody else's broker */
    bool private_pool;
    bool shut; /* muster_shutdown was called: no more submits */

    /* the connection */
    struct link *link;
    struct call *call;
    uint64_t client; /* random, names this handle to the broker */
    struct session session;
    bool reopen_due;
    uint64_t hello_due, hello_sent; /* request numbers, 0 = none */
    uint64_t ping_due;
    bool met_stranger;    /* something answers at the address, but no broker */
    struct list outgoing; /* requests whose frame is to be sent */
    struct list ended;    /* requests whose end is to be handled */
    struct request *requests[CALL_REQUESTS_MAX]; /* by number % CALL_REQUESTS_MAX */
    uint32_t calls_for_room;                     /* wait for a place in the window */
    struct request *starting;                    /* inside call_start, before it has its number */

    /* what calls leave behind */
    int64_t since_pos; /* muster_results_since_last_call goes on here */
    bool reading_since;
    struct futures futures;
    struct list consumers;
    struct events *events;         /* NULL until muster_fd is called */
    struct stats_keep *stats_keep; /* texts of the last muster_get_stats */
};

/* What every public call does first: 0, or why the handle cannot be used (also in pool->error). A
 * handle that was closed, NULL, or of a parent process is refused without being touched. */
int pool_enter(struct muster_pool *pool);
/* The same for calls that have something to say although the handle went down. */
int pool_enter_any(struct muster_pool *pool);
/* Around every callback of the caller's program: a close meanwhile is refused. */
void pool_call_out(struct muster_pool *pool);
void pool_call_back(struct muster_pool *pool);

/* The handle is of no use any more; the reason becomes the error of every later call. */
void pool_go_down(struct muster_pool *pool, const struct error *why);

/* One turn (loop.c): wait for the broker at most until then, do what is due. A past time: do not
 * wait. 0, or the code that the handle went down with. */
int pool_turn(struct muster_pool *pool, muster_time until);
/* Sends what is due and handles what has ended, without waiting. */
void pool_settle(struct muster_pool *pool);
/* Something waits for room at the socket. */
bool pool_wants_to_send(const struct muster_pool *pool);
/* Connects for the first time. */
int pool_connect(struct muster_pool *pool);
void pool_say_bye(struct muster_pool *pool);

/* Absolute time of a time-out: -1 = MUSTER_NEVER. */
muster_time pool_deadline(int timeout_ms);
/* When an ordinary request of this pool is given up. */
muster_time pool_request_deadline(const struct muster_pool *pool);

/* How long the broker is asked to wait for something until `deadline`: an hour at most, then it is
 * asked again. */
int64_t pool_wait_ns(muster_time deadline);
/* When an answer that says "the time is up" is itself given up. */
muster_time pool_answer_deadline(muster_time deadline);
/* "libmuster/0.1.0" */
const char *pool_software(void);

#endif
