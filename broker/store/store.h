/*
 * store.h -- what the broker keeps on disk: the interface, whatever engine is behind it.
 *
 * One process, one thread, one open store per directory (a lock file sees to that). Every commit is
 * one transaction, synced before it returns 0. A failed sync is never retried: the caller must
 * exit. Reads see committed state only.
 */
#ifndef MUSTER_BROKER_STORE_STORE_H
#define MUSTER_BROKER_STORE_STORE_H

#include "broker/core/fact.h"

#include <stddef.h>

struct store;

struct store_options {
    const char *dir;
    uint64_t reserve_bytes; /* of the reserve file that is freed when the disk is full; 8 MiB */
    uint64_t cache_bytes;   /* page cache; 16 MiB */
};

struct store_error {
    int code; /* negative errno: -EWOULDBLOCK in use, -EACCES, -ENOSPC, -EIO, -EBADMSG damaged,
                 -EPROTONOSUPPORT made by a newer version */
    char text[512]; /* one or two sentences: what is wrong, what to do */
};

/* Opens or makes the store, checks it, raises the epoch durably. Touches nothing when it refuses.
 */
int store_open(struct store **ret_store, const struct store_options *options,
               struct store_error *ret_error);
void store_close(struct store *store);

uint32_t store_epoch(const struct store *store);
uint64_t store_log_id(const struct store *store);

/* The shortest sequence of facts that leads to the stored state, in an order that core_replay
 * takes. */
int store_load(struct store *store, void (*emit)(void *ctx, const struct fact *fact), void *ctx,
               struct store_error *ret_error);

/* Commits all facts or none. `body` yields the bytes behind a handle. Returns 0; -ENOSPC when the
 * disk is full even after the reserve was freed and the commit tried once more; another negative
 * errno when the state of the disk is unknown. After any failure the process must exit. */
typedef struct bytes store_body_fn(void *ctx, uint64_t handle);
int store_commit(struct store *store, const struct fact *facts, size_t n_facts, store_body_fn *body,
                 void *ctx, struct store_error *ret_error);

/* A record as stored. Spans are valid until the next call on the store. */
struct store_record {
    struct fact_recorded fact; /* body handle 0; names by id */
    struct bytes body;
    struct bytes command; /* when asked for */
};
typedef int store_record_fn(void *ctx, const struct store_record *record); /* non-zero stops */

/* Records of `pool` with pos > from_pos in order, at most `max`. Returns the number seen or -errno.
 */
int store_records(struct store *store, uint32_t pool, uint64_t from_pos, uint32_t max,
                  bool with_command, store_record_fn *each, void *ctx);
/* The final records of track_ids, in the given order; ids without one are passed over. */
int store_records_of(struct store *store, uint32_t pool, const uint64_t *track_ids, uint32_t n,
                     bool with_command, store_record_fn *each, void *ctx);
/* Final records with first <= track_id <= last in track_id order, at most `max` (for LIST). */
int store_records_between(struct store *store, uint32_t pool, uint64_t first, uint64_t last,
                          uint32_t max, bool with_command, store_record_fn *each, void *ctx);

/* The body of a command; -ENOENT when there is none. Valid until the next call on the store. */
int store_command(struct store *store, uint32_t pool, uint64_t track_id, struct bytes *ret_body);

struct store_request_id {
    uint64_t digest, first, batch;
    uint32_t count;
};
/* 1 found, 0 not, -errno. */
int store_request_id(struct store *store, uint32_t pool, struct bytes id,
                     struct store_request_id *ret);

/* Free bytes of the file system that holds the store; -errno on failure. */
int64_t store_free_bytes(struct store *store);
/* Work that need not hold up a turn: deletes what retention has given up in small steps, restores
 * the reserve when there is room, checkpoints. True when there is more to do. */
bool store_maintain(struct store *store);
/* 0, or the code of the failure after which nothing is committed any more: of a commit, or of the
 * work in store_maintain. The process must exit then. */
int store_failure(const struct store *store, struct store_error *ret_error);

/* A complete copy of the committed state in the new file `path`: a store of its own, with another
 * log_id, that can be put in place of muster.db. -EEXIST when there is such a file. */
int store_copy(struct store *store, const char *path, struct store_error *ret_error);
/* Adds to a copy, which no broker may have open, what people want to query: the tables `commands`
 * and `records` with names, states and times as text. Takes seconds per million rows. */
int store_explain(const char *path, struct store_error *ret_error);

#endif
