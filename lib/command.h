/* A command as the program describes it, and as it is packed for the wire. */
#ifndef MUSTER_LIB_COMMAND_H
#define MUSTER_LIB_COMMAND_H

#include <muster.h>

#include <stdbool.h>

#include "base/arena.h"
#include "error.h"
#include "proto/body.h"
#include "proto/message.h"

enum tristate { BY_DEFAULT, YES, NO };

struct tokens {
    struct wire_value *items; /* malloc; their data lives in the command's arena */
    uint32_t count, capacity;
};

struct texts {
    struct bytes *items;
    uint32_t count, capacity;
};

struct muster_command {
    int code; /* the first error of a setter, sticky */
    char what[200];
    struct arena arena; /* every text below */
    struct bytes function, selector, request_id;
    struct tokens args, kwargs;
    struct texts argv, env;
    struct wire_command_body body; /* all but the arrays */
    bool each;
    enum tristate idempotent;
    int32_t priority;
    uint32_t max_attempts;
    int64_t delay_ns, at_wall_ns, start_within_ns, start_by_wall_ns, lost_after_ns;
};

/* A submission that stands by itself. */
struct packed {
    struct wire_submission submission; /* spans point into `data` */
    struct bytes request_id;
    size_t size; /* what it adds to a SUBMIT */
    uint8_t data[];
};
/* `url`: the pool's, or NULL. 0 or MUSTER_E… with `error`. */
int command_pack(const struct muster_command *command, const char *url, int64_t throttled_ns,
                 struct packed **ret_packed, struct error *error);
void packed_free(struct packed *packed);

/* put, put_validated, get, list, delete, query, move: they take a URL, and may be run again. */
bool command_is_backend(struct bytes function);

#endif
