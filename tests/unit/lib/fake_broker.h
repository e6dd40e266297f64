/*
 * A broker of the test's own: one ROUTER in a thread, one pool, a log in memory, and switches for
 * everything that can go wrong. Commands end ok as soon as they are submitted, with their first
 * argument as the result, unless `hold` is set.
 */
#ifndef TESTS_UNIT_LIB_FAKE_BROKER_H
#define TESTS_UNIT_LIB_FAKE_BROKER_H

#include <muster.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/err.h"
#include "proto/message.h"

enum { FAKE_COMMANDS_MAX = 40000, FAKE_PARKED_MAX = 64, FAKE_ROUTES_MAX = 64 };

struct fake_command {
    uint8_t *body;
    size_t body_size;
    char function[32];
    bool final, rerunnable;
    uint32_t max_attempts;
    int64_t throttled_ns;
};

/* A request that waits. */
struct fake_parked {
    uint8_t route[16];
    size_t route_size;
    enum wire_type type;
    uint64_t request;
    uint64_t from_pos, *ids;
    uint32_t n_ids;
    int64_t until;
    bool taken;
};

struct fake {
    char dir[64], uri[96];
    pthread_t thread;
    void *context, *router;
    atomic_bool stop;
    pthread_mutex_t lock; /* of everything below */

    /* switches */
    int drop_answers;            /* so many answers are not sent */
    bool silent;                 /* nothing is sent at all */
    bool forget;                 /* the next message of a known peer is answered by WHO_ARE_YOU */
    bool hold;                   /* commands stay running until fake_finish */
    bool hello_refused;          /* with `refusal` */
    int busy_hellos;             /* so many are refused with BUSY first */
    int refuse_submits;          /* so many SUBMITs are refused … */
    enum refusal refusal;        /* … with this … */
    const char *refuse_function; /* … or all that name this function, at its index */
    int64_t retry_after_ns;
    uint64_t bad_pos; /* the row at this pos cannot be decoded */
    bool wrong_type;  /* READs are answered by DONE */
    bool room;        /* what ROOM says; when not, after its wait time */
    uint64_t log_id;
    struct wire_limits limits;

    /* what happened */
    struct fake_command *commands; /* track id - 1 */
    uint32_t n_commands;
    uint32_t *log; /* indices into commands */
    uint32_t n_log;
    struct {
        uint64_t client, sequence, first;
        uint32_t count;
    } * answered; /* every SUBMIT ever, for S2 */
    uint32_t n_answered;
    uint32_t hellos, submits, duplicates, waits, wait_ids, reads, pings;
    uint64_t cursor;
    struct fake_parked parked[FAKE_PARKED_MAX];
    struct {
        uint8_t route[16];
        size_t size;
        uint64_t client;
    } routes[FAKE_ROUTES_MAX];
    uint32_t n_routes;
};

struct fake *fake_start(void);
void fake_stop(struct fake *fake);
/* Ends the ROUTER and binds a new one at the same place, with the same log. */
void fake_restart(struct fake *fake);
/* Makes held commands final, in the given order: track ids. */
void fake_finish(struct fake *fake, const int64_t *track_ids, size_t n);

void fake_lock(struct fake *fake);
void fake_unlock(struct fake *fake);

#endif
