/*
 * call.h -- the client's requests: a pure machine that correlates, repeats and times out.
 *
 * Every request gets exactly one end: its answer, a typed refusal, or TIMED_OUT. SUBMITs carry a
 * sequence and are repeated with the same one until answered (S2); reads are simply asked again
 * under the same request number. No clock, no socket, no memory of the caller's: time comes with
 * each call, frames are named by request numbers, and the shell (pool.c) keeps them until
 * CALL_FX_RELEASE.
 *
 *   closed --call_opened--> connecting --WELCOME--> ready --silence, BYE--> backing off --REOPEN--.
 *     ^                        ^----- WHO_ARE_YOU ----'                                           |
 *     '-------------------------------------------------------------------------------------------'
 *   any --never welcomed in time, HELLO refused, BYE for good--> down
 *
 * While it backs off the old socket stays open: should the broker speak again on it, it is heard.
 */
#ifndef MUSTER_LIB_CALL_H
#define MUSTER_LIB_CALL_H

#include "base/err.h"
#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

enum { CALL_REQUESTS_MAX = 4096 }; /* pending ones; the windows are smaller */

struct call_options {
    uint32_t submits_max;       /* window until WELCOME says otherwise */
    uint32_t reads_max;         /* likewise for all other requests */
    int64_t connect_timeout_ns; /* from call_new to the first WELCOME; MUSTER_NEVER: no limit */
    int64_t retry_ns;           /* an answer is this late: ask again; doubles up to 8 times */
    int64_t silence_ns;         /* nothing heard while something is owed: PING; after 3, reopen */
    int64_t backoff_min_ns, backoff_max_ns; /* full jitter below a ceiling that doubles */
    uint64_t seed;
};
struct call_options call_options_default(void);

enum call_kind { CALL_SUBMIT = 1, CALL_READ };

enum call_effect_type {
    CALL_FX_SEND_HELLO = 1, /* `request`: the number that its answer will carry */
    CALL_FX_SEND,           /* frame of `request`; SUBMITs: with `sequence` and `answered_to` */
    CALL_FX_SEND_PING,      /* `request` as for HELLO */
    CALL_FX_REOPEN,         /* close the socket, open a fresh one, then call_opened */
    CALL_FX_END,            /* `request` ended: `refusal` OK (answer in hand), or why not */
    CALL_FX_RELEASE,        /* the frame of `request` is needed no more */
    CALL_FX_DOWN            /* no more requests: `refusal` says why; their ENDs follow */
};

struct call_effect {
    enum call_effect_type type;
    uint64_t request;
    uint64_t sequence, answered_to;
    enum refusal refusal;
};
/* Called in the middle of a step: it must not call back into the machine. */
typedef void call_effect_fn(void *ctx, const struct call_effect *effect);

struct call;
/* NULL when memory is short. */
struct call *call_new(const struct call_options *options, muster_time now);
void call_free(struct call *call);
/* The shell's effects sink, set once before the first call below. */
void call_bind(struct call *call, call_effect_fn *effect, void *ctx);

/* A new request; returns its number, 0 if the window is full (try again after an answer) or the
 * machine is down. `wait_ns`: how long the broker may hold the answer back (0: answers at once);
 * `deadline`: absolute, MUSTER_NEVER for none. */
uint64_t call_start(struct call *call, enum call_kind kind, int64_t wait_ns, muster_time deadline,
                    muster_time now);
bool call_has_room(const struct call *call, enum call_kind kind);
/* Its answer, if it comes, is ignored. No END follows, but a RELEASE. */
void call_abandon(struct call *call, uint64_t request);

void call_opened(struct call *call, muster_time now); /* a fresh socket is connecting */
void call_welcomed(struct call *call, uint32_t submits_max, muster_time now);
void call_limit_reads(struct call *call, uint32_t reads_max); /* 0: as it is */
/* BUSY is not an end: the request is repeated after the pause. */
void call_answered(struct call *call, uint64_t request, enum refusal refusal,
                   int64_t retry_after_ns, muster_time now);
void call_heard(struct call *call, muster_time now); /* any message, before its meaning */
void call_who_are_you(struct call *call, muster_time now);
/* The same socket has a new connection: the broker does not know it. */
void call_reconnected(struct call *call, muster_time now);
void call_refused(struct call *call, enum refusal refusal, muster_time now); /* ERROR to HELLO */
void call_bye(struct call *call, bool end, muster_time now);
/* The shell gives up: every request ends with `refusal`. */
void call_close(struct call *call, enum refusal refusal);
/* Drain the socket first: what has arrived is not late. */
void call_tick(struct call *call, muster_time now);
/* When call_tick has something to do; MUSTER_NEVER when nothing is due. */
muster_time call_deadline(const struct call *call);
bool call_is_ready(const struct call *call);
bool call_is_down(const struct call *call);
/* Requests that have not ended. */
uint32_t call_pending(const struct call *call);
bool call_is_pending(const struct call *call, uint64_t request);
/* Every invariant; false with a text. For tests and the simulator. */
bool call_check(const struct call *call, const char **ret_what);

#endif
