/*
 * Submitting: one, many, throttled, for each host. A call returns when the broker has said that the
 * commands are durably queued, and not before (S1); repeating after a lost answer is call.c's.
 */
#include "submit.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "command.h"
#include "events.h"
#include "pool.h"
#include "proto/limits.h"
#include "proto/wire.h"
#include "request.h"

/* ---- messages ------------------------------------------------------------------------------- */

struct submit_room submit_room_of(const struct muster_pool *pool)
{
    uint32_t message_max = pool->session.limits.message_max;
    uint32_t count = pool->session.limits.submissions_max;
    return (struct submit_room){
        .bytes = (message_max ? message_max : WIRE_MESSAGE_MAX) - WIRE_ENVELOPE_MAX,
        .count = count ? count : WIRE_SUBMISSIONS_MAX,
    };
}

bool submit_fits(struct submit_room *room, const struct packed *packed)
{
    bool alone = packed->request_id.size > 0 || packed->submission.each;
    if (room->any && (alone || room->full || packed->size > room->bytes || room->count == 0))
        return false;
    room->any = true;
    room->full = alone;
    room->bytes -= packed->size < room->bytes ? packed->size : room->bytes;
    room->count--;
    return true;
}

struct request *submit_request_new(uint32_t n)
{
    struct request *request = request_new(WIRE_SUBMIT, WIRE_SUBMITTED);
    if (!request)
        return NULL;
    /* One block: the pointers, then the submissions that the message names. */
    struct block {
        struct packed *packed;
        struct wire_submission submission;
    };
    request->packed = calloc(n, sizeof(struct block));
    if (!request->packed) {
        request_free(NULL, request);
        return NULL;
    }
    request->n_packed = n;
    request->message.as.submit.submissions = (struct wire_submission *)(request->packed + n);
    request->message.as.submit.n_submissions = n;
    return request;
}

void submit_put(struct request *request, uint32_t index, struct packed *packed)
{
    struct wire_submission *submissions =
        (struct wire_submission *)(request->packed + request->n_packed);
    request->packed[index] = packed;
    submissions[index] = packed->submission;
    if (packed->request_id.size)
        request->message.as.submit.request_id = packed->request_id;
}

int submit_pack(const struct muster_pool *pool, const muster_command *command, int64_t throttled_ns,
                struct packed **ret_packed, struct error *error)
{
    if (pool->shut)
        return error_set(error, MUSTER_ESHUTTINGDOWN, "this handle was shut down");
    int rc = command_pack(command, pool->options.url, throttled_ns, ret_packed, error);
    if (rc != MUSTER_OK)
        return rc;
    size_t most = submit_room_of(pool).bytes;
    if ((*ret_packed)->size <= most)
        return MUSTER_OK;
    error_set(error, MUSTER_ETOOLARGE,
              "the command is %zu bytes long, the broker takes %zu: pass large things as files",
              (*ret_packed)->size, most);
    error->info.limit = most;
    packed_free(*ret_packed);
    *ret_packed = NULL;
    return MUSTER_ETOOLARGE;
}

bool submit_blames_one(int code)
{
    return code == MUSTER_EINVAL || code == MUSTER_EBADREQUEST || code == MUSTER_ETOOLARGE ||
           code == MUSTER_EDENIED || code == MUSTER_ENOMATCH || code == MUSTER_EUNKNOWNFUNCTION ||
           code == MUSTER_EREQUESTREUSED || code == MUSTER_EUNKNOWNPOOL;
}

/* ---- one ------------------------------------------------------------------------------------ */

/* Submits one command and gives the broker's answer. */
static int submit_one(struct muster_pool *pool, const muster_command *command, int64_t throttled_ns,
                      struct wire_submitted *ret_submitted)
{
    struct packed *packed;
    int rc = submit_pack(pool, command, throttled_ns, &packed, &pool->error);
    if (rc != MUSTER_OK)
        return rc;
    struct request *request = submit_request_new(1);
    if (!request) {
        packed_free(packed);
        return error_set(&pool->error, MUSTER_ENOMEM, "out of memory");
    }
    submit_put(request, 0, packed);
    rc = request_run(pool, request, 0, pool_request_deadline(pool));
    if (rc == MUSTER_OK)
        *ret_submitted = request->reply->message.as.submitted;
    request_free(pool, request);
    events_arm(pool);
    return rc;
}

static int64_t submit_single(struct muster_pool *pool, const muster_command *command,
                             int64_t throttled_ns)
{
    if (command && command->each)
        return error_set(&pool->error, MUSTER_EINVAL,
                         "a command for each host makes a batch: use muster_submit_batch");
    struct wire_submitted submitted;
    int rc = submit_one(pool, command, throttled_ns, &submitted);
    return rc == MUSTER_OK ? (int64_t)submitted.first : rc;
}

int64_t muster_submit(muster_pool *pool, const muster_command *command)
{
    int rc = pool_enter(pool);
    return rc == MUSTER_OK ? submit_single(pool, command, 0) : rc;
}

int64_t muster_submit_batch(muster_pool *pool, const muster_command *command, int64_t *ret_first,
                            int64_t *ret_count)
{
    int rc = pool_enter(pool);
    if (rc != MUSTER_OK)
        return rc;
    if (!command || (!command->each && command->code == MUSTER_OK))
        return error_set(&pool->error, MUSTER_EINVAL,
                         "the command is not for each host: see muster_command_set_each");
    struct wire_submitted submitted;
    rc = submit_one(pool, command, 0, &submitted);
    if (rc != MUSTER_OK)
        return rc;
    if (ret_first)
        *ret_first = (int64_t)submitted.first;
    if (ret_count)
        *ret_count = submitted.count;
    return (int64_t)submitted.batch;
}

/* ---- throttled ------------------------------------------------------------------------------ */

/* Waits until this handle has room for one more: 0, MUSTER_ETIMEDOUT … */
static int wait_for_room(struct muster_pool *pool, const muster_command *command, uint32_t buffer,
                         muster_time deadline)
{
    bool room = false;
    int rc = MUSTER_OK;
    while (rc == MUSTER_OK && !room) {
        struct request *request = request_new(WIRE_ROOM, WIRE_ROOM_REPLY);
        if (!request)
            return error_set(&pool->error, MUSTER_ENOMEM, "out of memory");
        struct wire_room *ask = &request->message.as.room;
        ask->selector = command->selector;
        ask->function = command->function;
        ask->buffer = buffer;
        ask->wait_ns = pool_wait_ns(deadline);
        rc = request_run(pool, request, ask->wait_ns, pool_answer_deadline(deadline));
        if (rc == MUSTER_OK)
            room = request->reply->message.as.room_reply.room;
        request_free(pool, request);
        if (rc == MUSTER_OK && !room && time_boot_ns() >= deadline)
            rc = MUSTER_ETIMEDOUT;
    }
    if (rc == MUSTER_ETIMEDOUT)
        error_set(&pool->error, rc,
                  "the commands in progress did not become fewer in time; nothing was submitted");
    return rc;
}

int64_t muster_submit_throttled(muster_pool *pool, const muster_command *command,
                                int commands_in_buffer, int timeout_ms)
{
    int rc = pool_enter(pool);
    if (rc != MUSTER_OK)
        return rc;
    if (!command || commands_in_buffer < 0 || commands_in_buffer > WIRE_BUFFER_MAX ||
        timeout_ms < -1)
        return error_set(&pool->error, MUSTER_EINVAL,
                         "commands_in_buffer is 0 to %d, the time-out -1 or more", WIRE_BUFFER_MAX);
    if (command->code)
        return error_set(&pool->error, command->code, "the command is unfit: %s", command->what);
    if (pool->shut)
        return error_set(&pool->error, MUSTER_ESHUTTINGDOWN, "this handle was shut down");
    muster_time started = time_boot_ns();
    rc = wait_for_room(pool, command, (uint32_t)commands_in_buffer, pool_deadline(timeout_ms));
    events_arm(pool);
    if (rc != MUSTER_OK)
        return rc;
    return submit_single(pool, command, time_boot_ns() - started);
}

/* ---- many ----------------------------------------------------------------------------------- */

struct many {
    const muster_command *const *commands;
    int64_t *ids; /* > 0: accepted, < 0: refused, 0: not sent */
    size_t n;
    size_t next;
    size_t in_flight;
    bool stopped;                  /* one was refused: nothing new is sent */
    size_t fault_at;               /* the first refused one */
    struct error fault;            /* why */
    size_t again_first, again_end; /* stood before it in its message: to be sent without it */
};

struct part {
    struct many *many;
    size_t first;
};

static void refuse_range(struct many *many, size_t first, size_t end, const struct error *why)
{
    for (size_t i = first; i < end; i++)
        many->ids[i] = why->info.code;
    if (!many->stopped || first < many->fault_at) {
        many->fault_at = first;
        error_copy(&many->fault, why);
    }
    many->stopped = true;
}

/* One of the part is at fault; those before it were refused only with it. */
static void refuse_one(struct many *many, size_t first, size_t fault_at, const struct error *why)
{
    if (!many->stopped || fault_at < many->fault_at) {
        many->again_first = first;
        many->again_end = fault_at;
    }
    refuse_range(many, fault_at, fault_at + 1, why);
}

static void part_ended(struct muster_pool *pool, struct request *request)
{
    struct part *part = request->ctx;
    struct many *many = part->many;
    size_t first = part->first, n = request->n_packed;
    many->in_flight--;
    if (request->code == MUSTER_OK) {
        const struct wire_submitted *submitted = &request->reply->message.as.submitted;
        for (size_t i = 0; i < n && i < submitted->count; i++)
            many->ids[first + i] = (int64_t)(submitted->first + i);
    } else if (submit_blames_one(request->code) && request->index < n) {
        refuse_one(many, first, first + request->index, &request->error);
    } else {
        refuse_range(many, first, first + n, &request->error);
    }
    free(part);
    request_free(pool, request);
}

/* Packs commands from `first` on until the message is full or `end`; returns how many. */
static size_t pack_part(struct muster_pool *pool, struct many *many, size_t first, size_t end,
                        struct packed **packs)
{
    struct submit_room room = submit_room_of(pool);
    size_t n = 0;
    for (; first + n < end; n++) {
        const muster_command *command = many->commands[first + n];
        struct error why = {.info = {.code = 0}};
        if (command && command->each)
            error_set(&why, MUSTER_EINVAL,
                      "a command for each host makes a batch: use muster_submit_batch");
        else
            submit_pack(pool, command, 0, &packs[n], &why);
        if (why.info.code) {
            refuse_range(many, first + n, first + n + 1, &why);
            break;
        }
        if (!submit_fits(&room, packs[n])) {
            packed_free(packs[n]);
            break;
        }
    }
    return n;
}

/* Starts one SUBMIT of commands first … end - 1, as many as fit; returns how many. */
static size_t start_part(struct muster_pool *pool, struct many *many, size_t first, size_t end)
{
    struct packed *packs[WIRE_SUBMISSIONS_MAX + 1];
    size_t n = pack_part(pool, many, first, end, packs);
    if (n == 0)
        return 0;
    struct request *request = submit_request_new((uint32_t)n);
    struct part *part = malloc(sizeof *part);
    if (!request || !part) {
        for (size_t i = 0; i < n; i++)
            packed_free(packs[i]);
        request_free(pool, request);
        free(part);
        struct error why;
        error_set(&why, MUSTER_ENOMEM, "out of memory");
        refuse_range(many, first, first + n, &why);
        return n;
    }
    for (size_t i = 0; i < n; i++)
        submit_put(request, (uint32_t)i, packs[i]);
    *part = (struct part){many, first};
    request->done = part_ended;
    request->ctx = part;
    many->in_flight++;
    if (request_start(pool, request, 0, pool_request_deadline(pool)) != MUSTER_OK)
        part_ended(pool, request);
    return n;
}

/* Sends what the window takes. False when there is nothing more to do. */
static bool advance(struct muster_pool *pool, struct many *many)
{
    while (!pool->down.info.code && call_has_room(pool->call, CALL_SUBMIT)) {
        if (!many->stopped && many->next < many->n) {
            many->next += start_part(pool, many, many->next, many->n);
        } else if (many->in_flight == 0 && many->again_first < many->again_end) {
            size_t first = many->again_first;
            many->again_first = many->again_end; /* unless a fault sets it anew */
            start_part(pool, many, first, many->again_end);
        } else {
            break;
        }
    }
    if (pool->down.info.code) {
        if (!many->stopped && many->next < many->n)
            refuse_range(many, many->next, many->n, &pool->down);
        many->again_first = many->again_end;
    }
    return many->in_flight > 0 || many->again_first < many->again_end ||
           (!many->stopped && many->next < many->n);
}

int64_t muster_submit_many(muster_pool *pool, const muster_command *const *commands, size_t n,
                           int64_t *ret_ids)
{
    int rc = pool_enter(pool);
    if (rc != MUSTER_OK)
        return rc;
    if (n && (!commands || !ret_ids))
        return error_set(&pool->error, MUSTER_EINVAL, "no commands, or no place for their ids");
    struct many many = {.commands = commands, .ids = ret_ids, .n = n};
    if (n)
        memset(ret_ids, 0, n * sizeof *ret_ids);
    while (advance(pool, &many))
        pool_turn(pool, MUSTER_NEVER);
    events_arm(pool);
    int64_t accepted = 0;
    for (size_t i = 0; i < n; i++)
        accepted += ret_ids[i] > 0;
    if (many.stopped)
        error_copy(&pool->error, &many.fault);
    return many.stopped && accepted == 0 ? many.fault.info.code : accepted;
}
