/*
 * The client's request machine, see call.h.
 *
 * Responsible for: request numbers and sequences, the windows, repeating, pausing, time-outs,
 * noticing silence, backing off, greeting again. Not for: bytes, sockets, what an answer means.
 *
 * Invariants (call_check):
 *   - a request sits in slot number % CALL_REQUESTS_MAX, and in `pending` in order of its number;
 *   - `submits` holds the pending SUBMITs in order of their sequence; every sequence below its
 *     first (or below next_sequence, when there is none) has ended: that is answered_to;
 *   - a request's timer stands at the earlier of its deadline and its repetition;
 *   - requests are in phase SENT only while the machine is ready.
 */
#include "call.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/deadline.h"
#include "base/list.h"
#include "base/rand.h"

enum { PINGS_MAX = 3, REPEAT_DOUBLINGS_MAX = 3, BACKOFF_DOUBLINGS_MAX = 20 };

static const int64_t pause_default_ns = 100 * MUSTER_MS;
static const int64_t pause_max_ns = 60 * MUSTER_S;

enum call_state { CALL_CLOSED, CALL_CONNECTING, CALL_READY, CALL_BACKING_OFF, CALL_DOWN };

enum phase {
    PHASE_WAITING, /* for WELCOME */
    PHASE_SENT,
    PHASE_PAUSED /* the broker was busy */
};

struct request {
    struct list link;        /* in call.pending */
    struct list submit_link; /* in call.submits, SUBMITs only */
    uint64_t number;         /* 0: the slot is free */
    uint64_t sequence;
    int64_t wait_ns;
    muster_time deadline;
    muster_time again_at; /* SENT: repeat, PAUSED: go on; else MUSTER_NEVER */
    uint32_t timer;
    uint32_t repeats;
    enum call_kind kind;
    enum phase phase;
};

struct call {
    struct call_options options;
    call_effect_fn *effect;
    void *effect_ctx;
    struct rand rand;
    enum call_state state;
    bool welcomed_once;
    muster_time connect_by;
    muster_time silence_at; /* READY, CONNECTING: speak or give up; BACKING_OFF: reopen */
    uint32_t pings;         /* HELLOs or PINGs since something was heard */
    uint32_t backoffs;      /* since the last WELCOME */
    uint64_t next_number;
    uint64_t next_sequence;
    struct list pending;
    struct list submits;
    uint32_t pending_count;
    uint32_t reads_count;
    struct deadlines timers;
    struct request slots[CALL_REQUESTS_MAX];
};

struct call_options call_options_default(void)
{
    return (struct call_options){
        .submits_max = 16,
        .reads_max = 16,
        .connect_timeout_ns = 5 * MUSTER_S,
        .retry_ns = 3 * MUSTER_S,
        .silence_ns = 2 * MUSTER_S,
        .backoff_min_ns = 100 * MUSTER_MS,
        .backoff_max_ns = 30 * MUSTER_S,
        .seed = 1,
    };
}

/* ---- helpers -------------------------------------------------------------------------------- */

static void emit(struct call *call, struct call_effect effect)
{
    MUST(call->effect != NULL);
    call->effect(call->effect_ctx, &effect);
}

static muster_time earlier(muster_time a, muster_time b)
{
    return a < b ? a : b;
}

static uint64_t lowest_sequence(const struct call *call)
{
    struct list *first = list_first(&call->submits);
    return first ? list_entry(first, struct request, submit_link)->sequence : call->next_sequence;
}

static struct request *find(struct call *call, uint64_t number)
{
    struct request *request = &call->slots[number % CALL_REQUESTS_MAX];
    return number != 0 && request->number == number ? request : NULL;
}

static uint64_t take_number(struct call *call)
{
    /* A slot may still be taken by a request from one round ago. */
    while (call->slots[call->next_number % CALL_REQUESTS_MAX].number != 0)
        call->next_number++;
    return call->next_number++;
}

static void set_timer(struct call *call, struct request *request)
{
    muster_time at = earlier(request->deadline, request->again_at);
    if (request->timer)
        deadlines_move(&call->timers, request->timer, at);
    else
        request->timer = deadlines_add(&call->timers, at, (uint64_t)(request - call->slots));
    MUST(request->timer != 0);
}

/* Silence counts only while somebody owes us something. */
static void watch_silence(struct call *call, muster_time now)
{
    if (call->state == CALL_READY)
        call->silence_at =
            call->pending_count ? time_add(now, call->options.silence_ns) : MUSTER_NEVER;
    else if (call->state == CALL_CONNECTING)
        call->silence_at = time_add(now, call->options.silence_ns);
}

static void drop(struct call *call, struct request *request)
{
    uint64_t number = request->number;
    list_remove(&request->link);
    if (request->kind == CALL_SUBMIT)
        list_remove(&request->submit_link);
    else
        call->reads_count--;
    if (request->timer)
        deadlines_remove(&call->timers, request->timer);
    *request = (struct request){0};
    call->pending_count--;
    if (call->state == CALL_READY && call->pending_count == 0)
        call->silence_at = MUSTER_NEVER;
    emit(call, (struct call_effect){.type = CALL_FX_RELEASE, .request = number});
}

static void end(struct call *call, struct request *request, enum refusal refusal)
{
    emit(call,
         (struct call_effect){.type = CALL_FX_END, .request = request->number, .refusal = refusal});
    drop(call, request);
}

static void send(struct call *call, struct request *request, muster_time now)
{
    uint32_t doublings =
        request->repeats < REPEAT_DOUBLINGS_MAX ? request->repeats : REPEAT_DOUBLINGS_MAX;
    muster_time patience = time_add(request->wait_ns, call->options.retry_ns << doublings);
    request->phase = PHASE_SENT;
    request->again_at = time_add(now, patience);
    request->repeats++;
    set_timer(call, request);
    if (call->silence_at == MUSTER_NEVER)
        watch_silence(call, now);
    struct call_effect effect = {.type = CALL_FX_SEND, .request = request->number};
    if (request->kind == CALL_SUBMIT) {
        effect.sequence = request->sequence;
        effect.answered_to = lowest_sequence(call) - 1;
    }
    emit(call, effect);
}

/* Everything that was sent has to be sent again after the next WELCOME. */
static void recall(struct call *call)
{
    list_each (it, &call->pending) {
        struct request *request = list_entry(it, struct request, link);
        if (request->phase != PHASE_SENT)
            continue;
        request->phase = PHASE_WAITING;
        request->again_at = MUSTER_NEVER;
        request->repeats = 0;
        set_timer(call, request);
    }
}

static void say_hello(struct call *call, muster_time now)
{
    watch_silence(call, now);
    emit(call, (struct call_effect){.type = CALL_FX_SEND_HELLO, .request = take_number(call)});
}

static void greet(struct call *call, muster_time now)
{
    recall(call);
    call->state = CALL_CONNECTING;
    call->pings = 0;
    say_hello(call, now);
}

static void back_off(struct call *call, muster_time now)
{
    int64_t ceiling = call->options.backoff_min_ns;
    for (uint32_t i = 0; i < call->backoffs && ceiling < call->options.backoff_max_ns; i++)
        ceiling *= 2;
    if (ceiling > call->options.backoff_max_ns)
        ceiling = call->options.backoff_max_ns;
    if (call->backoffs < BACKOFF_DOUBLINGS_MAX)
        call->backoffs++;
    recall(call);
    call->state = CALL_BACKING_OFF;
    call->silence_at = time_add(now, rand_between(&call->rand, 0, ceiling));
}

static void go_down(struct call *call, enum refusal refusal)
{
    call->state = CALL_DOWN;
    call->silence_at = MUSTER_NEVER;
    emit(call, (struct call_effect){.type = CALL_FX_DOWN, .refusal = refusal});
    struct list *link;
    while ((link = list_first(&call->pending)) != NULL)
        end(call, list_entry(link, struct request, link), refusal);
}

/* ---- life ----------------------------------------------------------------------------------- */

struct call *call_new(const struct call_options *options, muster_time now)
{
    MUST(options->submits_max > 0 && options->reads_max > 0);
    MUST(options->retry_ns > 0 && options->silence_ns > 0);
    MUST(options->backoff_min_ns > 0 && options->backoff_max_ns >= options->backoff_min_ns);
    struct call *call = calloc(1, sizeof(*call));
    if (!call)
        return NULL;
    if (deadlines_init(&call->timers, CALL_REQUESTS_MAX) < 0) {
        free(call);
        return NULL;
    }
    call->options = *options;
    rand_seed(&call->rand, options->seed);
    call->state = CALL_CLOSED;
    call->connect_by = time_add(now, options->connect_timeout_ns);
    call->silence_at = MUSTER_NEVER;
    call->next_number = 1;
    call->next_sequence = 1;
    list_init(&call->pending);
    list_init(&call->submits);
    return call;
}

void call_free(struct call *call)
{
    if (!call)
        return;
    deadlines_done(&call->timers);
    free(call);
}

void call_bind(struct call *call, call_effect_fn *effect, void *ctx)
{
    call->effect = effect;
    call->effect_ctx = ctx;
}

/* ---- requests ------------------------------------------------------------------------------- */

bool call_has_room(const struct call *call, enum call_kind kind)
{
    /* One slot in two stays free, so that a number is found quickly. */
    if (call->state == CALL_DOWN || call->pending_count >= CALL_REQUESTS_MAX / 2)
        return false;
    if (kind == CALL_SUBMIT)
        return call->next_sequence - lowest_sequence(call) < call->options.submits_max;
    return call->reads_count < call->options.reads_max;
}

uint64_t call_start(struct call *call, enum call_kind kind, int64_t wait_ns, muster_time deadline,
                    muster_time now)
{
    MUST(kind == CALL_SUBMIT || kind == CALL_READ);
    MUST(wait_ns >= 0);
    if (!call_has_room(call, kind))
        return 0;
    uint64_t number = take_number(call);
    struct request *request = &call->slots[number % CALL_REQUESTS_MAX];
    *request = (struct request){
        .number = number,
        .wait_ns = wait_ns,
        .deadline = deadline,
        .again_at = MUSTER_NEVER,
        .kind = kind,
        .phase = PHASE_WAITING,
    };
    list_push_back(&call->pending, &request->link);
    list_init(&request->submit_link);
    if (kind == CALL_SUBMIT) {
        request->sequence = call->next_sequence++;
        list_push_back(&call->submits, &request->submit_link);
    } else {
        call->reads_count++;
    }
    call->pending_count++;
    set_timer(call, request);
    if (call->state == CALL_READY)
        send(call, request, now);
    return number;
}

void call_abandon(struct call *call, uint64_t number)
{
    struct request *request = find(call, number);
    if (request)
        drop(call, request);
}

void call_answered(struct call *call, uint64_t number, enum refusal refusal, int64_t retry_after_ns,
                   muster_time now)
{
    struct request *request = find(call, number);
    if (!request)
        return; /* of an abandoned request, or the second answer to a repeated one */
    if (refusal != REFUSAL_BUSY) {
        end(call, request, refusal);
        return;
    }
    int64_t pause = retry_after_ns > 0 ? retry_after_ns : pause_default_ns;
    if (pause > pause_max_ns)
        pause = pause_max_ns;
    /* A little jitter: clients that were refused together do not come back together. */
    pause += rand_between(&call->rand, 0, pause / 4);
    request->phase = PHASE_PAUSED;
    request->again_at = time_add(now, pause);
    request->repeats = 0;
    set_timer(call, request);
}

/* ---- the connection ------------------------------------------------------------------------- */

void call_opened(struct call *call, muster_time now)
{
    if (call->state != CALL_DOWN)
        greet(call, now);
}

void call_welcomed(struct call *call, uint32_t submits_max, muster_time now)
{
    if (call->state == CALL_DOWN || call->state == CALL_CLOSED)
        return;
    if (submits_max > 0)
        call->options.submits_max = submits_max;
    if (call->state == CALL_READY)
        return; /* the answer to a HELLO that was repeated */
    call->state = CALL_READY;
    call->welcomed_once = true;
    call->pings = 0;
    call->backoffs = 0;
    call->silence_at = MUSTER_NEVER;
    list_each (it, &call->pending) {
        struct request *request = list_entry(it, struct request, link);
        if (request->phase == PHASE_WAITING)
            send(call, request, now);
    }
    watch_silence(call, now);
}

void call_limit_reads(struct call *call, uint32_t reads_max)
{
    if (reads_max > 0)
        call->options.reads_max = reads_max;
}

void call_heard(struct call *call, muster_time now)
{
    call->pings = 0;
    watch_silence(call, now);
}

void call_who_are_you(struct call *call, muster_time now)
{
    /* While connecting, HELLO is on its way already. */
    if (call->state == CALL_READY || call->state == CALL_BACKING_OFF)
        greet(call, now);
}

void call_reconnected(struct call *call, muster_time now)
{
    if (call->state != CALL_DOWN && call->state != CALL_CLOSED)
        greet(call, now);
}

void call_refused(struct call *call, enum refusal refusal, muster_time now)
{
    if (call->state == CALL_DOWN || call->state == CALL_CLOSED)
        return;
    if (refusal_is_retryable(refusal))
        back_off(call, now);
    else
        go_down(call, refusal);
}

void call_bye(struct call *call, bool end_of_broker, muster_time now)
{
    if (call->state == CALL_DOWN || call->state == CALL_CLOSED)
        return;
    if (end_of_broker)
        go_down(call, REFUSAL_SHUTTING_DOWN);
    else if (call->state != CALL_BACKING_OFF)
        back_off(call, now);
}

void call_close(struct call *call, enum refusal refusal)
{
    if (call->state != CALL_DOWN)
        go_down(call, refusal);
}

/* ---- time ----------------------------------------------------------------------------------- */

static void request_is_due(struct call *call, struct request *request, muster_time now)
{
    request->timer = 0;
    if (request->deadline <= now) {
        end(call, request, REFUSAL_TIMED_OUT);
        return;
    }
    if (call->state == CALL_READY) {
        send(call, request, now);
        return;
    }
    request->phase = PHASE_WAITING;
    request->again_at = MUSTER_NEVER;
    set_timer(call, request);
}

static void silence_is_due(struct call *call, muster_time now)
{
    if (call->state == CALL_BACKING_OFF) {
        call->state = CALL_CLOSED;
        call->silence_at = MUSTER_NEVER;
        emit(call, (struct call_effect){.type = CALL_FX_REOPEN});
        return;
    }
    if (call->pings == PINGS_MAX) {
        back_off(call, now);
        return;
    }
    call->pings++;
    if (call->state == CALL_CONNECTING) {
        say_hello(call, now);
        return;
    }
    watch_silence(call, now);
    emit(call, (struct call_effect){.type = CALL_FX_SEND_PING, .request = take_number(call)});
}

void call_tick(struct call *call, muster_time now)
{
    if (call->state == CALL_DOWN)
        return;
    if (!call->welcomed_once && now >= call->connect_by) {
        go_down(call, REFUSAL_UNREACHABLE);
        return;
    }
    uint64_t slot;
    while (deadlines_pop_due(&call->timers, now, &slot))
        request_is_due(call, &call->slots[slot], now);
    if (now >= call->silence_at)
        silence_is_due(call, now);
}

muster_time call_deadline(const struct call *call)
{
    if (call->state == CALL_DOWN)
        return MUSTER_NEVER;
    muster_time at = earlier(deadlines_next(&call->timers), call->silence_at);
    return call->welcomed_once ? at : earlier(at, call->connect_by);
}

/* ---- views ---------------------------------------------------------------------------------- */

bool call_is_ready(const struct call *call)
{
    return call->state == CALL_READY;
}

bool call_is_down(const struct call *call)
{
    return call->state == CALL_DOWN;
}

uint32_t call_pending(const struct call *call)
{
    return call->pending_count;
}

bool call_is_pending(const struct call *call, uint64_t request)
{
    return request != 0 && call->slots[request % CALL_REQUESTS_MAX].number == request;
}

static const char *check_request(const struct call *call, const struct request *request)
{
    if (request->number % CALL_REQUESTS_MAX != (uint64_t)(request - call->slots))
        return "a request sits in another slot than its own";
    if (request->number >= call->next_number)
        return "a request number from the future";
    if (request->timer == 0)
        return "a pending request without a timer";
    if (deadlines_at(&call->timers, request->timer) !=
        earlier(request->deadline, request->again_at))
        return "a timer does not stand at the deadline or the repetition";
    if (request->phase == PHASE_SENT && call->state != CALL_READY)
        return "a request counts as sent without a session";
    if (request->phase == PHASE_WAITING && call->state == CALL_READY)
        return "a request waits although the session is ready";
    if (request->phase == PHASE_WAITING && request->again_at != MUSTER_NEVER)
        return "a waiting request has a time to repeat";
    return NULL;
}

static const char *find_fault(const struct call *call)
{
    uint32_t pending = 0, reads = 0, submits = 0, used = 0;
    uint64_t number = 0, sequence = 0;
    list_each (it, &call->pending) {
        const struct request *request = list_entry(it, struct request, link);
        const char *what = check_request(call, request);
        if (what)
            return what;
        if (request->number <= number)
            return "pending requests are out of order";
        number = request->number;
        pending++;
        reads += request->kind == CALL_READ;
    }
    list_each (it, &call->submits) {
        const struct request *request = list_entry(it, struct request, submit_link);
        if (request->kind != CALL_SUBMIT || request->sequence <= sequence ||
            request->sequence >= call->next_sequence)
            return "sequences are out of order";
        sequence = request->sequence;
        submits++;
    }
    for (size_t i = 0; i < CALL_REQUESTS_MAX; i++)
        used += call->slots[i].number != 0;
    if (pending != call->pending_count || used != pending || reads != call->reads_count ||
        submits != pending - reads || deadlines_count(&call->timers) != pending)
        return "the counts of requests differ";
    if (call->state == CALL_READY && (call->silence_at == MUSTER_NEVER) != (pending == 0))
        return "silence is watched exactly while something is owed";
    if (call->pings > PINGS_MAX)
        return "too many pings";
    if (call->state == CALL_DOWN && pending)
        return "a request outlived the machine";
    return NULL;
}

bool call_check(const struct call *call, const char **ret_what)
{
    const char *what = find_fault(call);
    if (what && ret_what)
        *ret_what = what;
    return what == NULL;
}
