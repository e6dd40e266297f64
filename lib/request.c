/*
 * Requests: from a message to its answer, a typed refusal, or a time-out that says whether the
 * request had left at all. The repeating itself is decided in call.c.
 *
 * Invariants: a started request is in pool->requests until the machine has released its frame; an
 * ended one is in pool->ended exactly while nobody has handled its end.
 */
#include "request.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "command.h"
#include "pool.h"
#include "proto/wire.h"

/* A page of records as trees: every token of a full message becomes a node. */
static const size_t reply_memory_max = (size_t)128 << 20;

struct reply *reply_new(zmq_msg_t *frame)
{
    struct reply *reply = malloc(sizeof *reply);
    if (!reply)
        return NULL;
    reply->refs = 1;
    arena_init(&reply->arena, reply_memory_max);
    zmq_msg_init(&reply->frame);
    zmq_msg_move(&reply->frame, frame);
    return reply;
}

struct reply *reply_ref(struct reply *reply)
{
    reply->refs++;
    return reply;
}

void reply_unref(struct reply *reply)
{
    if (!reply || --reply->refs > 0)
        return;
    zmq_msg_close(&reply->frame);
    arena_done(&reply->arena);
    free(reply);
}

struct request *request_new(enum wire_type type, enum wire_type expects)
{
    struct request *request = calloc(1, sizeof *request);
    if (!request)
        return NULL;
    list_init(&request->out_link);
    list_init(&request->ended_link);
    request->message.type = type;
    request->expects = expects;
    return request;
}

void request_free(struct muster_pool *pool, struct request *request)
{
    if (!request)
        return;
    if (pool && request->number && !request->ended)
        call_abandon(pool->call, request->number);
    list_remove(&request->out_link);
    list_remove(&request->ended_link);
    for (size_t i = 0; i < request->n_packed; i++)
        packed_free(request->packed[i]);
    free(request->packed);
    reply_unref(request->reply);
    free(request);
}

static enum call_kind kind_of(const struct request *request)
{
    return request->message.type == WIRE_SUBMIT ? CALL_SUBMIT : CALL_READ;
}

bool request_has_room(const struct muster_pool *pool, const struct request *request)
{
    return call_has_room(pool->call, kind_of(request));
}

#define NUMBER_COMES_FIRST(type)                                                                   \
    static_assert(offsetof(struct type, request) == 0, #type " begins with its number")
NUMBER_COMES_FIRST(wire_client_hello);
NUMBER_COMES_FIRST(wire_submit);
NUMBER_COMES_FIRST(wire_read);
NUMBER_COMES_FIRST(wire_wait);
NUMBER_COMES_FIRST(wire_cursor);
NUMBER_COMES_FIRST(wire_stats);
NUMBER_COMES_FIRST(wire_list);
NUMBER_COMES_FIRST(wire_hosts);
NUMBER_COMES_FIRST(wire_cancel);
NUMBER_COMES_FIRST(wire_room);
NUMBER_COMES_FIRST(wire_shutdown);
NUMBER_COMES_FIRST(wire_ping);

static int refuse(struct request *request, const struct wire_error *fault)
{
    request->index = fault->index;
    request->code =
        error_set_refusal(&request->error, fault->refusal, bytes_of_str(fault->text), fault->limit);
    if (fault->refusal == REFUSAL_BAD_REQUEST)
        request->code = request->error.info.code = MUSTER_EINVAL;
    return request->code;
}

int request_start(struct muster_pool *pool, struct request *request, int64_t wait_ns,
                  muster_time deadline)
{
    MUST(request->number == 0);
    if (pool->down.info.code) {
        error_copy(&request->error, &pool->down);
        return request->code = pool->down.info.code;
    }
    struct wire_error fault;
    uint64_t number = 1;
    if (request->message.type == WIRE_SUBMIT)
        request->message.as.submit.sequence = 1; /* the machine gives the real one */
    memcpy(&request->message.as, &number, sizeof number);
    if (wire_check(&request->message, &fault) < 0)
        return refuse(request, &fault);
    pool->starting = request;
    number = call_start(pool->call, kind_of(request), wait_ns, deadline, time_boot_ns());
    pool->starting = NULL;
    MUST(number != 0);
    MUST(pool->requests[number % CALL_REQUESTS_MAX] == NULL);
    memcpy(&request->message.as, &number, sizeof number);
    request->number = number;
    pool->requests[number % CALL_REQUESTS_MAX] = request;
    return MUSTER_OK;
}

int request_encode(const struct request *request, zmq_msg_t *ret_frame)
{
    size_t size = wire_encoded_size(&request->message);
    if (zmq_msg_init_size(ret_frame, size) < 0)
        return -ENOMEM;
    wire_encode(&request->message, zmq_msg_data(ret_frame), size);
    return 0;
}

static void tell_timeout(struct muster_pool *pool, struct request *request)
{
    const char *what = wire_type_name(request->message.type);
    if (!request->sent)
        error_set(&request->error, MUSTER_EUNREACHABLE,
                  "%s was not sent: there is no connection to the broker at %s", what, pool->uri);
    else if (request->message.type == WIRE_SUBMIT)
        error_set(&request->error, MUSTER_ETIMEDOUT,
                  "the broker at %s did not confirm the submit in time: its outcome is unknown; "
                  "look with muster_list, or repeat it with the same request id",
                  pool->uri);
    else
        error_set(&request->error, MUSTER_ETIMEDOUT, "the broker at %s did not answer %s in time",
                  pool->uri, what);
}

void request_end(struct muster_pool *pool, struct request *request, enum refusal refusal)
{
    MUST(!request->ended);
    request->ended = true;
    if (refusal != REFUSAL_OK && pool->down.info.code)
        error_copy(&request->error, &pool->down);
    else if (refusal == REFUSAL_TIMED_OUT && !request->error.info.code)
        tell_timeout(pool, request);
    else if (refusal != REFUSAL_OK && !request->error.info.code)
        error_set_refusal(&request->error, refusal, (struct bytes){0}, 0);
    request->code = refusal == REFUSAL_OK ? MUSTER_OK : request->error.info.code;
    list_remove(&request->out_link);
    if (request->done)
        list_push_back(&pool->ended, &request->ended_link);
}

/* Futures leave the next free place to us meanwhile. */
static int await_room(struct muster_pool *pool, const struct request *request, muster_time deadline)
{
    int rc = MUSTER_OK;
    pool->calls_for_room++;
    while (!request_has_room(pool, request) && rc == MUSTER_OK) {
        if (time_boot_ns() >= deadline)
            rc = error_set(&pool->error, MUSTER_EBUSY,
                           "too many requests of this handle are unanswered");
        else
            rc = pool_turn(pool, deadline);
    }
    pool->calls_for_room--;
    return rc;
}

int request_run(struct muster_pool *pool, struct request *request, int64_t wait_ns,
                muster_time deadline)
{
    int rc = await_room(pool, request, deadline);
    if (rc == MUSTER_OK)
        rc = request_start(pool, request, wait_ns, deadline);
    while (rc == MUSTER_OK && !request->ended)
        rc = pool_turn(pool, MUSTER_NEVER);
    if (request->ended)
        rc = request->code;
    if (request->error.info.code)
        error_copy(&pool->error, &request->error);
    else if (rc != MUSTER_OK && pool->down.info.code)
        error_copy(&pool->error, &pool->down);
    return rc;
}
