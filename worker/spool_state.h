/*
 * spool_state.h -- a spool in memory, shared by spool.c and spool_load.c.
 */
#ifndef MUSTER_WORKER_SPOOL_STATE_H
#define MUSTER_WORKER_SPOOL_STATE_H

#include "base/assert.h"
#include "base/list.h"
#include "base/slab.h"
#include "worker/spool.h"
#include "worker/spool_file.h"
#include "worker/spool_log.h"

enum {
    SPOOL_ENTRIES_MAX = 1 << 18,
    SPOOL_INLINE_BYTES = 200 /* a short record needs no allocation of its own */
};

struct spool_entry {
    struct list link;
    struct agent_id id;
    bool has_record;
    uint8_t *large; /* the body, when it does not fit below */
    struct wire_record_head record;
    uint8_t small[SPOOL_INLINE_BYTES];
};

struct spool {
    char *log_path, *identity_path, *new_path, *damaged_path;
    int lock_fd, log_fd;
    struct spool_identity identity;
    char boot[SPOOL_BOOT_MAX];
    bool unsure;

    struct slab slab;
    struct list entries;
    uint64_t bytes;

    struct buffer started, forgotten; /* struct agent_id each, not yet in the log */
    struct buffer records;            /* encoded */
    struct buffer ids_before, ids_after;
    uint64_t file_bytes, damaged_bytes;
    bool wants_sync, is_suspect;
};

static inline struct spool_entry *spool_entry_at(const struct spool *spool, uint64_t handle)
{
    MUST(handle <= UINT32_MAX && slab_is_live(&spool->slab, (uint32_t)handle));
    return slab_at(&spool->slab, (uint32_t)handle);
}

/* Without a record yet; 0 when SPOOL_ENTRIES_MAX are kept. */
uint64_t spool_entry_add(struct spool *spool, const struct agent_id *id);
void spool_entry_set_record(struct spool *spool, struct spool_entry *entry,
                            const struct wire_record_head *record);
void spool_entry_remove(struct spool *spool, struct spool_entry *entry);

#endif
