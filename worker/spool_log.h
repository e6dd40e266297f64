/*
 * spool_log.h -- the bytes of the spool's log.
 *
 *   log    = head *entry
 *   head   = "MUSPOOL1"
 *   entry  = length crc type payload     length of type and payload; crc: CRC-32C of length, type
 *                                        and payload; all numbers are little-endian
 *   STARTED (1), FORGET (3) payload = 1*id
 *   RECORD (2)              payload = id state reason exit signal start_wall run slot pid throttled
 * body id     = pool u32, attempt u32, epoch u32, track_id u64
 */
#ifndef MUSTER_WORKER_SPOOL_LOG_H
#define MUSTER_WORKER_SPOOL_LOG_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "proto/limits.h"
#include "proto/message.h"
#include "worker/core/agent.h"

enum {
    SPOOL_HEAD_BYTES = 8,
    SPOOL_PREFIX_BYTES = 8, /* length and crc */
    SPOOL_ID_BYTES = 20,
    SPOOL_IDS_MAX = 32768, /* per entry */
    SPOOL_RECORD_FIXED_BYTES = 72,
    SPOOL_ENTRY_MAX = SPOOL_PREFIX_BYTES + 1 + SPOOL_RECORD_FIXED_BYTES + WIRE_RECORD_BODY_MAX
};

extern const char SPOOL_HEAD[SPOOL_HEAD_BYTES];

enum spool_type { SPOOL_STARTED = 1, SPOOL_RECORD = 2, SPOOL_FORGET = 3 };

struct spool_log_entry {
    enum spool_type type;
    struct bytes ids; /* see spool_log_id; RECORD: the one of its attempt */
    uint32_t n_ids;
    struct wire_record_head record; /* RECORD; its body points into the log */
};

struct agent_id spool_log_id(struct bytes ids, uint32_t index);

/* The entry at the beginning of `log`. Its size; 0 when more bytes are needed; -EBADMSG when no
 * entry that this version writes begins here. */
int spool_log_parse(struct bytes log, struct spool_log_entry *ret_entry);

/* Appends entries; errors of the buffer are sticky in it. Many ids become several entries. */
void spool_log_add_ids(struct buffer *buffer, enum spool_type type, const struct agent_id *ids,
                       size_t count);
void spool_log_add_record(struct buffer *buffer, const struct wire_record_head *record);

#endif
