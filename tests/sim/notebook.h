/*
 * The model of a worker's spool: what was noted, what of it was written, what of that was synced.
 *
 * A killed process keeps what was written; a host that loses power keeps what was synced and some
 * beginning of the rest. The identity (uuid, incarnation, the boot that the broker knows) is synced
 * whenever it changes.
 */
#ifndef TESTS_SIM_NOTEBOOK_H
#define TESTS_SIM_NOTEBOOK_H

#include "base/rand.h"
#include "proto/message.h"
#include "table.h"
#include "worker/core/agent.h"

struct note {
    uint64_t handle; /* 0: gone */
    struct agent_id id;
    bool is_record;
    bool forgotten;
    struct wire_record_head record;
    struct bytes body; /* owned; the record's */
    uint32_t token;    /* of the execution; 0: none */
};

/* One line of the log. */
struct notebook_entry {
    enum { NOTE_STARTED = 1, NOTE_RECORD, NOTE_FORGET } type;
    uint64_t handle;
};

struct notebook {
    uint32_t incarnation;
    uint32_t boot, boot_known;
    uint32_t install; /* makes another uuid */
    uint64_t next_handle;
    TABLE_LIST(struct note) notes; /* by handle - 1; of all time */
    TABLE_LIST(struct notebook_entry) log;
    size_t written, synced;
    bool sync_wanted;
};

void notebook_done(struct notebook *notebook);

uint64_t notebook_start(struct notebook *notebook, const struct agent_id *id);
/* The execution that came of it, for the laws. */
void notebook_token(struct notebook *notebook, uint64_t handle, uint32_t token);
uint64_t notebook_end(struct notebook *notebook, uint64_t handle,
                      const struct wire_record_head *record, uint32_t token);
void notebook_forget(struct notebook *notebook, uint64_t handle);
/* Writes what was noted; synced when a record wants it. */
void notebook_flush(struct notebook *notebook);
const struct note *notebook_note(const struct notebook *notebook, uint64_t handle);

/* The process was killed: what was noted and not written is gone. */
void notebook_killed(struct notebook *notebook);
/* The host lost power. */
void notebook_lost_power(struct notebook *notebook, struct rand *rand);
/* The next incarnation reads what is there: calls back for each note in the order of their making.
 */
void notebook_open(struct notebook *notebook, void (*each)(void *ctx, const struct note *note),
                   void *ctx);
/* The directory is gone; the next incarnation is the first of another worker. */
void notebook_wipe(struct notebook *notebook);
bool notebook_is_unsure(const struct notebook *notebook);

#endif
