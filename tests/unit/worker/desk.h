/* A broker's desk, played by the test: a ROUTER, a real muster-worker process, and their talk. */
#ifndef TESTS_UNIT_WORKER_DESK_H
#define TESTS_UNIT_WORKER_DESK_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/state.h"
#include "proto/wire.h"

enum { DESK_WORKERS_MAX = 2 };

struct desk {
    char dir[64];
    char endpoint[96];
    char spool[80];
    void *context, *router;
    int lock;
    char route[64];
    size_t route_bytes;
    pid_t workers[DESK_WORKERS_MAX];
    int current;          /* which of them is meant */
    int log_fd, ready_fd; /* read ends */
    struct arena arena;   /* of the last message */
    struct buffer frame;
    uint64_t lease_ms, renew_ms;
    uint32_t renewals;      /* PONGs given */
    uint32_t credit;        /* as the last RENEW said */
    bool is_mute;           /* gives none */
    struct buffer returned; /* struct wire_attempt of the RENEWs */
};

void desk_open(struct desk *desk);
void desk_close(struct desk *desk);
/* The router goes and comes back: every session is gone. */
void desk_restart(struct desk *desk);

/* Starts muster-worker with 2 slots on this desk and further arguments (NULL ends them). */
void desk_hire(struct desk *desk, const char *const *more);
void desk_signal(struct desk *desk, int number);
/* Waits for its end; exit status, or 128 + signal. */
int desk_wait(struct desk *desk);

/* The next message, of whatever type but RENEW, which is answered by PONG; fails after a minute. */
void desk_receive(struct desk *desk, struct wire_message *ret_message);
/* The next message, which must be a RENEW. */
void desk_renewal(struct desk *desk);
/* The next message, which must be of this type. */
void desk_expect(struct desk *desk, enum wire_type type, struct wire_message *ret_message);
void desk_send(struct desk *desk, const struct wire_message *message);

/* HELLO (one part) and WELCOME. */
void desk_welcome(struct desk *desk, struct wire_message *ret_hello);
/* One command of pool 1, epoch 1, attempt 1. */
void desk_command(struct desk *desk, uint64_t track_id, const char *function,
                  const struct wire_command_body *body);
void desk_exec(struct desk *desk, uint64_t track_id, const char *script);
void desk_call_sleep(struct desk *desk, uint64_t track_id, double seconds, int64_t timeout_ns);
void desk_stop(struct desk *desk, uint64_t track_id, bool forget);
void desk_acknowledge(struct desk *desk, const struct wire_record_head *record);
/* A REPORT of one record; its body is decoded too. */
struct wire_record_head desk_record(struct desk *desk, struct wire_record_body *ret_body);

#endif
