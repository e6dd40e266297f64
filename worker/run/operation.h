/* The functions that a runner offers: operations on backends. */
#ifndef MUSTER_WORKER_RUN_OPERATION_H
#define MUSTER_WORKER_RUN_OPERATION_H

#include "base/arena.h"
#include "base/state.h"
#include "proto/body.h"
#include "worker/backend/backend.h"

#include <stdbool.h>
#include <stdint.h>

/* X(NAME): each is a function operation_NAME. */
#define OPERATION_TABLE(X)                                                                         \
    X(put)                                                                                         \
    X(put_validated)                                                                               \
    X(get)                                                                                         \
    X(list)                                                                                        \
    X(delete)                                                                                      \
    X(query)                                                                                       \
    X(move)

/* One command in a runner. */
struct operation {
    /* given */
    const char *function;
    const struct wire_command_body *command;
    const char *host, *workdir;
    uint64_t track_id;
    int64_t now_wall_ns;
    struct arena *arena;
    struct backend **backend; /* kept from command to command, with its URL */
    char **backend_url;

    /* result; the record's spans are in the arena */
    enum state state;
    enum reason reason;
    struct wire_record_body record;
};

/* Runs it. Unknown names end as UNKNOWN_FUNCTION. */
void operation_run(struct operation *operation);

/* Fills state, reason and failure; message and trace are copied. */
void operation_fail(struct operation *operation, enum reason reason, const char *type,
                    uint32_t code, const char *message);

/* Replaces {host} {date} {time} {id} in a name; date and time are UTC (2026-11-22, 200102). Other
 * braces stay. False without memory. */
bool operation_expand(const struct operation *operation, struct bytes name, struct bytes *ret_name);

#endif
