/* SUBMIT messages: how much fits, and whose fault a refusal is. */
#ifndef MUSTER_LIB_SUBMIT_H
#define MUSTER_LIB_SUBMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <muster.h>

#include "error.h"

struct packed;
struct request;

struct submit_room {
    size_t bytes;
    uint32_t count;
    bool any;  /* something is in it */
    bool full; /* what is in it travels alone */
};
struct submit_room submit_room_of(const struct muster_pool *pool);
/* Takes the room if the submission fits; the first one always does. One with a request id of its
 * own or for each host travels alone. */
bool submit_fits(struct submit_room *room, const struct packed *packed);

/* A submission within the limits that the broker announced. 0 or MUSTER_E… with `error`. */
int submit_pack(const struct muster_pool *pool, const muster_command *command, int64_t throttled_ns,
                struct packed **ret_packed, struct error *error);

/* A SUBMIT of `n` submissions, to be filled with submit_put; it owns them. NULL: no memory. */
struct request *submit_request_new(uint32_t n);
void submit_put(struct request *request, uint32_t index, struct packed *packed);

/* The refusal of a SUBMIT is about the one submission at request->index, not about all. */
bool submit_blames_one(int code);

#endif
