/*
 * call.h -- the client's requests: a pure machine that correlates, repeats and times out.
 *
 * Every request gets exactly one end: its answer, a typed refusal, or CALL_TIMED_OUT. SUBMITs carry a
 * sequence and are repeated with the same one until answered (S2); reads are simply asked again.
 * No clock, socket or memory of the caller's: time comes with each call, frames are named by handles
 * that the shell (pool.c) keeps until CALL_FX_RELEASE.
 *
 *     idle --open--> connecting --WELCOME--> ready --silence--> reopening (full jitter back-off) --'
 */
#ifndef MUSTER_LIB_CALL_H
#define MUSTER_LIB_CALL_H

#include "base/err.h"
#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

struct call_options {
    uint64_t client;           /* random, never 0 */
    uint32_t submits_max;      /* window until WELCOME says otherwise */
    int64_t connect_timeout_ns;/* until the first WELCOME */
    int64_t retry_ns;          /* no answer to a request that should answer at once: ask again */
    int64_t silence_ns;        /* nothing heard while something is owed: PING, then re-create the socket */
    int64_t backoff_min_ns, backoff_max_ns;
    uint64_t seed;
};
struct call_options call_options_default(void);

enum call_kind { CALL_SUBMIT = 1, CALL_READ };

enum call_effect_type {
    CALL_FX_SEND_HELLO = 1,
    CALL_FX_SEND,      /* frame of `request`; SUBMITs: with `sequence` and `answered_to` */
    CALL_FX_SEND_PING,
    CALL_FX_REOPEN,    /* close the socket, open a fresh one, then call_opened */
    CALL_FX_END,       /* the request ended: `refusal` OK (answer in hand), or why not */
    CALL_FX_RELEASE,   /* the frame of `request` is needed no more */
    CALL_FX_DOWN       /* never welcomed within connect_timeout, or a refusal of HELLO: see `refusal` */
};

struct call_effect {
    enum call_effect_type type;
    uint64_t request;
    uint64_t sequence, answered_to;
    enum refusal refusal;
};
typedef void call_effect_fn(void *ctx, const struct call_effect *effect);

struct call;
struct call *call_new(const struct call_options *options, muster_time now);
void call_free(struct call *call);
/* The shell's effects sink, set once before the first call below. */
void call_bind(struct call *call, call_effect_fn *effect, void *ctx);

/* A new request; returns its number, 0 if the window is full (try again after an answer).
 * `wait_ns`: how long the broker may hold the answer back (0: answers at once); `deadline`: absolute,
 * MUSTER_NEVER for none. */
uint64_t call_start(struct call *call, enum call_kind kind, int64_t wait_ns, muster_time deadline, muster_time now);
void call_abandon(struct call *call, uint64_t request); /* its answer, if it comes, is ignored */

void call_opened(struct call *call, muster_time now);                 /* a fresh socket is connecting */
void call_welcomed(struct call *call, uint32_t submits_max, muster_time now);
void call_answered(struct call *call, uint64_t request, enum refusal refusal, int64_t retry_after_ns, muster_time now); /* BUSY: repeated after the pause */
void call_heard(struct call *call, muster_time now);                  /* any message */
void call_who_are_you(struct call *call, muster_time now);
void call_refused(struct call *call, enum refusal refusal, muster_time now); /* ERROR to HELLO */
void call_bye(struct call *call, bool end, muster_time now);
void call_tick(struct call *call, muster_time now);
muster_time call_deadline(const struct call *call);
bool call_is_ready(const struct call *call);
uint32_t call_pending(const struct call *call);
bool call_check(const struct call *call, const char **ret_what);

#endif
