/*
 * One turn: messages in, the request machine's wishes out. Not here: what answers mean (request.c
 * and the files of the calls), when to repeat (call.c).
 *
 * The machine's effects only leave marks (due, outgoing, ended); pool_settle acts on them after the
 * machine has returned. Sends are tried at once, and kept while there is no connection.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "embedded.h"
#include "events.h"
#include "link.h"
#include "net/poll.h"
#include "net/sock.h"
#include "pool.h"
#include "proto/wire.h"
#include "request.h"

enum { MESSAGES_PER_TURN = 256, POLL_ITEMS_MAX = 2 + EMBEDDED_CHILDREN };

static struct request *find_request(struct muster_pool *pool, uint64_t number)
{
    struct request *request = pool->requests[number % CALL_REQUESTS_MAX];
    return request && request->number == number ? request : NULL;
}

/* ---- effects -------------------------------------------------------------------------------- */

static void queue_frame(struct muster_pool *pool, const struct call_effect *effect)
{
    struct request *request = find_request(pool, effect->request);
    if (!request)
        request = pool->starting;
    MUST(request != NULL);
    if (request->message.type == WIRE_SUBMIT) {
        request->message.as.submit.sequence = effect->sequence;
        request->message.as.submit.answered_to = effect->answered_to;
    }
    if (!list_is_linked(&request->out_link))
        list_push_back(&pool->outgoing, &request->out_link);
}

static void release_frame(struct muster_pool *pool, uint64_t number)
{
    struct request *request = find_request(pool, number);
    MUST(request != NULL);
    list_remove(&request->out_link);
    pool->requests[number % CALL_REQUESTS_MAX] = NULL;
}

static void go_down_by(struct muster_pool *pool, enum refusal refusal)
{
    struct error why = {.info = {.code = 0}};
    if (pool->down.info.code)
        return; /* the reason is known better already */
    if (refusal == REFUSAL_UNREACHABLE)
        error_set(&why, MUSTER_EUNREACHABLE, "no broker answered at %s within %g s: %s", pool->uri,
                  pool->options.connect_timeout_ms / 1000.0,
                  pool->met_stranger ? "what answers there is no broker"
                                     : "is it running, and is the address right?");
    else if (refusal == REFUSAL_SHUTTING_DOWN)
        error_set(&why, MUSTER_ECLOSED, "the broker at %s has ended for good", pool->uri);
    else
        error_set_refusal(&why, refusal, (struct bytes){0}, 0);
    pool_go_down(pool, &why);
}

static void on_effect(void *ctx, const struct call_effect *effect)
{
    struct muster_pool *pool = ctx;
    struct request *request;
    switch (effect->type) {
    case CALL_FX_SEND_HELLO:
        pool->hello_due = effect->request;
        break;
    case CALL_FX_SEND:
        queue_frame(pool, effect);
        break;
    case CALL_FX_SEND_PING:
        pool->ping_due = effect->request;
        break;
    case CALL_FX_REOPEN:
        pool->reopen_due = true;
        break;
    case CALL_FX_END:
        request = find_request(pool, effect->request);
        MUST(request != NULL);
        request_end(pool, request, effect->refusal);
        break;
    case CALL_FX_RELEASE:
        release_frame(pool, effect->request);
        break;
    case CALL_FX_DOWN:
        go_down_by(pool, effect->refusal);
        break;
    default:
        must_fail("an effect of a known type", __FILE__, __LINE__);
    }
}

/* ---- out ------------------------------------------------------------------------------------ */

static int send_message(struct muster_pool *pool, const struct wire_message *message)
{
    zmq_msg_t frame;
    size_t size = wire_encoded_size(message);
    if (zmq_msg_init_size(&frame, size) < 0)
        return -ENOMEM;
    wire_encode(message, zmq_msg_data(&frame), size);
    int rc = sock_send(pool->link->sock, &frame);
    zmq_msg_close(&frame);
    return rc;
}

static int send_hello(struct muster_pool *pool)
{
    struct wire_message message = {.type = WIRE_CLIENT_HELLO};
    struct wire_client_hello *hello = &message.as.client_hello;
    hello->request = pool->hello_due;
    hello->client = pool->client;
    hello->pool = bytes_of_str(pool->options.pool);
    hello->software = bytes_of_str(pool_software());
    if (pool->session.known) {
        hello->log_id = pool->session.log_id;
        hello->pool_id = pool->private_pool ? pool->session.pool_id : 0;
    }
    return send_message(pool, &message);
}

static int send_ping(struct muster_pool *pool)
{
    struct wire_message message = {.type = WIRE_PING};
    message.as.ping.request = pool->ping_due;
    return send_message(pool, &message);
}

static int send_request(struct muster_pool *pool, struct request *request)
{
    zmq_msg_t frame;
    int rc = request_encode(request, &frame);
    if (rc < 0)
        return rc;
    rc = sock_send(pool->link->sock, &frame);
    zmq_msg_close(&frame);
    return rc;
}

bool pool_wants_to_send(const struct muster_pool *pool)
{
    return pool->hello_due || pool->ping_due || !list_is_empty(&pool->outgoing);
}

/* -EAGAIN and a short memory end the round; the next turn goes on. */
static void send_due(struct muster_pool *pool)
{
    if (!pool->link)
        return;
    if (pool->hello_due) {
        if (send_hello(pool) < 0)
            return;
        pool->hello_sent = pool->hello_due;
        pool->hello_due = 0;
    }
    struct list *link;
    while ((link = list_first(&pool->outgoing)) != NULL) {
        struct request *request = list_entry(link, struct request, out_link);
        if (send_request(pool, request) < 0)
            return;
        request->sent = true;
        list_remove(link);
    }
    if (pool->ping_due && send_ping(pool) == 0)
        pool->ping_due = 0;
}

/* The new socket first, so that the context lives on. What lingers in the old one is not wanted:
 * the machine sends everything again after WELCOME. */
static void reopen(struct muster_pool *pool)
{
    struct error why = {.info = {.code = 0}};
    struct link *old = pool->link;
    pool->reopen_due = false;
    pool->hello_due = pool->hello_sent = pool->ping_due = 0;
    while (list_pop_front(&pool->outgoing))
        continue;
    events_socket_closed(pool);
    pool->link = NULL;
    if (link_open(pool->uri, &pool->link, &why) == MUSTER_OK) {
        events_socket_opened(pool);
        call_opened(pool->call, time_boot_ns());
    } else {
        pool_go_down(pool, &why);
    }
    if (old)
        sock_set_linger(old->sock, 0);
    link_close(&old);
}

void pool_settle(struct muster_pool *pool)
{
    do {
        if (pool->reopen_due && !pool->down.info.code)
            reopen(pool);
        struct list *link;
        while ((link = list_pop_front(&pool->ended)) != NULL) {
            struct request *request = list_entry(link, struct request, ended_link);
            request->done(pool, request);
        }
        futures_pump(pool);
    } while (!list_is_empty(&pool->ended) || pool->reopen_due);
    send_due(pool);
}

/* ---- in ------------------------------------------------------------------------------------- */

static uint32_t limit_or(uint32_t told, uint32_t most)
{
    return told > 0 && told < most ? told : most;
}

static void take_welcome(struct muster_pool *pool, const struct wire_welcome *welcome,
                         muster_time now)
{
    struct session *session = &pool->session;
    if (session->known && session->log_id != welcome->log_id) {
        struct error why = {.info = {.code = 0}};
        error_set(&why, MUSTER_ELOGMISMATCH,
                  "the broker at %s now has another store than before: what this handle has "
                  "submitted and read is not in it; close the pool and open it again",
                  pool->uri);
        why.info.limit = welcome->head;
        pool_go_down(pool, &why);
        return;
    }
    if (!session->known) {
        char *name = bytes_dup(welcome->pool);
        if (name) {
            free(pool->name);
            pool->name = name;
        }
        /* A private pool is read from its beginning, a shared one from now on. */
        pool->since_pos = pool->private_pool ? 0 : (int64_t)welcome->head;
    }
    session->known = true;
    session->pool_id = welcome->pool_id;
    session->log_id = welcome->log_id;
    session->limits = (struct wire_limits){
        .message_max = limit_or(welcome->limits.message_max, WIRE_MESSAGE_MAX),
        .submissions_max = limit_or(welcome->limits.submissions_max, WIRE_SUBMISSIONS_MAX),
        .submits_max = welcome->limits.submits_max,
        .reads_max = welcome->limits.reads_max,
        .name_max = limit_or(welcome->limits.name_max, WIRE_NAME_MAX),
    };
    call_limit_reads(pool->call, welcome->limits.reads_max);
    call_welcomed(pool->call, welcome->limits.submits_max, now);
}

static void take_error(struct muster_pool *pool, const struct wire_refused *refused,
                       muster_time now)
{
    enum refusal refusal =
        refusal_is_known(refused->refusal) ? (enum refusal)refused->refusal : REFUSAL_BAD_REQUEST;
    if (refusal == REFUSAL_OK)
        refusal = REFUSAL_INTERNAL;
    struct request *request = find_request(pool, refused->request);
    if (request && refusal != REFUSAL_BUSY) {
        request->index = refused->index;
        error_set_refusal(&request->error, refusal, refused->text, refused->limit);
    }
    if (request) {
        call_answered(pool->call, refused->request, refusal, refused->retry_after_ns, now);
        return;
    }
    bool about_hello =
        refused->request != 0 ? refused->request == pool->hello_sent : refusal == REFUSAL_VERSION;
    if (!about_hello)
        return; /* of an abandoned request */
    if (!refusal_is_retryable(refusal)) {
        struct error why = {.info = {.code = 0}};
        error_set_refusal(&why, refusal, refused->text, refused->limit);
        pool_go_down(pool, &why);
        return;
    }
    call_refused(pool->call, refusal, now);
}

/* The reply goes to its request, or nowhere. */
static void take_answer(struct muster_pool *pool, struct reply *reply, muster_time now)
{
    uint64_t number = wire_request(&reply->message);
    struct request *request = find_request(pool, number);
    if (!request)
        return;
    if (request->expects != reply->message.type) {
        error_set(&request->error, MUSTER_EBADANSWER, "the broker answered %s with %s",
                  wire_type_name(request->message.type), wire_type_name(reply->message.type));
        request->undecodable = true;
        call_answered(pool->call, number, REFUSAL_INTERNAL, 0, now);
        return;
    }
    request->reply = reply_ref(reply);
    call_answered(pool->call, number, REFUSAL_OK, 0, now);
}

static void take_rubbish(struct muster_pool *pool, const struct wire_error *fault, muster_time now)
{
    struct request *request = find_request(pool, fault->request);
    if (request) {
        error_set(&request->error, MUSTER_EBADANSWER, "the broker's answer cannot be read: %s",
                  fault->text);
        request->undecodable = true;
        call_answered(pool->call, fault->request, REFUSAL_INTERNAL, 0, now);
    } else if (fault->refusal == REFUSAL_VERSION && !pool->session.known) {
        struct error why = {.info = {.code = 0}};
        error_set(&why, MUSTER_EPROTOCOL, "the broker at %s: its message %s", pool->uri,
                  fault->text);
        pool_go_down(pool, &why);
    }
}

static void take_message(struct muster_pool *pool, struct reply *reply, muster_time now)
{
    struct wire_error fault;
    int rc = wire_decode(zmq_msg_data(&reply->frame), zmq_msg_size(&reply->frame), &reply->arena,
                         &reply->message, &fault);
    call_heard(pool->call, now);
    if (rc < 0) {
        take_rubbish(pool, &fault, now);
        return;
    }
    const struct wire_message *message = &reply->message;
    if (!wire_type_is_to_client(message->type))
        return;
    if (message->type == WIRE_WELCOME)
        take_welcome(pool, &message->as.welcome, now);
    else if (message->type == WIRE_ERROR)
        take_error(pool, &message->as.error, now);
    else if (message->type == WIRE_WHO_ARE_YOU)
        call_who_are_you(pool->call, now);
    else if (message->type == WIRE_BYE)
        call_bye(pool->call, message->as.bye.end && !pool->embedded, now);
    else
        take_answer(pool, reply, now);
}

/* A new connection is a new session: who was in flight on the old one has to be sent again. */
static void hear_monitor(struct muster_pool *pool)
{
    enum monitor_news news;
    while (pool->link && (news = monitor_next(pool->link->monitor)) != MONITOR_NOTHING) {
        if (news == MONITOR_RECONNECTED)
            call_reconnected(pool->call, time_boot_ns());
        else if (news == MONITOR_STRANGER)
            pool->met_stranger = true;
    }
}

/* True when the socket was drained empty. */
static bool receive(struct muster_pool *pool)
{
    for (int i = 0; i < MESSAGES_PER_TURN && pool->link; i++) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        int rc = sock_receive(pool->link->sock, &frame);
        if (rc == -EBADMSG) {
            zmq_msg_close(&frame);
            continue;
        }
        if (rc < 0) {
            zmq_msg_close(&frame);
            return true;
        }
        struct reply *reply = reply_new(&frame);
        zmq_msg_close(&frame);
        if (reply) /* else it counts as lost, and is asked for again */
            take_message(pool, reply, time_boot_ns());
        reply_unref(reply);
    }
    return false;
}

/* ---- the turn ------------------------------------------------------------------------------- */

static int wait_for_news(struct muster_pool *pool, muster_time until)
{
    zmq_pollitem_t items[POLL_ITEMS_MAX] = {
        {.socket = pool->link->sock, .events = ZMQ_POLLIN},
        {.socket = monitor_sock(pool->link->monitor), .events = ZMQ_POLLIN},
    };
    int n = 2;
    int fds[EMBEDDED_CHILDREN];
    if (pool_wants_to_send(pool))
        items[0].events |= ZMQ_POLLOUT;
    size_t children = embedded_fds(pool->embedded, fds);
    for (size_t i = 0; i < children; i++)
        items[n++] = (zmq_pollitem_t){.fd = fds[i], .events = ZMQ_POLLIN};
    return poll_wait(items, n, time_boot_ns(), until);
}

int pool_turn(struct muster_pool *pool, muster_time until)
{
    pool_settle(pool);
    if (pool->down.info.code)
        return pool->down.info.code;
    muster_time due = call_deadline(pool->call);
    muster_time child_due = embedded_deadline(pool->embedded);
    if (child_due < due)
        due = child_due;
    if (until < due)
        due = until;
    if (due > time_boot_ns()) {
        int rc = wait_for_news(pool, due);
        if (rc < 0) {
            struct error why = {.info = {.code = 0}};
            error_set(&why, MUSTER_ESYSTEM, "waiting for the broker failed: %s", strerror(-rc));
            pool_go_down(pool, &why);
        }
    }
    hear_monitor(pool);
    if (receive(pool))
        call_tick(pool->call, time_boot_ns());
    struct error why = {.info = {.code = 0}};
    if (embedded_supervise(pool->embedded, time_boot_ns(), &why) != MUSTER_OK)
        pool_go_down(pool, &why);
    pool_settle(pool);
    return pool->down.info.code;
}

int pool_connect(struct muster_pool *pool)
{
    struct error why = {.info = {.code = 0}};
    call_bind(pool->call, on_effect, pool);
    int rc = link_open(pool->uri, &pool->link, &why);
    if (rc != MUSTER_OK) {
        error_copy(&pool->error, &why);
        return rc;
    }
    call_opened(pool->call, time_boot_ns());
    while (rc == MUSTER_OK && !call_is_ready(pool->call))
        rc = pool_turn(pool, MUSTER_NEVER);
    if (rc != MUSTER_OK)
        error_copy(&pool->error, &pool->down);
    return rc;
}

void pool_say_bye(struct muster_pool *pool)
{
    struct wire_message message = {.type = WIRE_CLIENT_BYE};
    if (pool->link && call_is_ready(pool->call))
        send_message(pool, &message); /* a courtesy: the broker copes without */
}
