/*
 * spool.h -- what a worker must not forget: who it is, what it started, which records no broker has
 * acknowledged.
 *
 * One directory (mode 0700) of one running worker:
 *     lock       held while a worker uses the directory
 *     identity   uuid, made once; incarnation, raised and synced at each start; the boot of which
 *                the broker knows
 *     log        appended entries STARTED, RECORD, FORGET; see spool_log.h
 *
 * Everything is in memory too: a failed write loses nothing while the process lives, and is
 * repeated by the next spool_flush.
 */
#ifndef MUSTER_WORKER_SPOOL_H
#define MUSTER_WORKER_SPOOL_H

#include "base/buffer.h"
#include "proto/message.h"
#include "worker/core/agent.h"

struct spool;

/* Takes the directory (made if missing) and reads what an earlier incarnation left. 0, or -errno
 * with a sentence in `message` that says what to do: -EWOULDBLOCK another worker has it, -EBADMSG
 * it is damaged in a way that nothing explains, -EPERM others can enter it, … */
int spool_open(struct spool **ret_spool, const char *dir, struct buffer *message);
/* Does not flush. NULL is fine. */
void spool_close(struct spool *spool);

const uint8_t *spool_uuid(const struct spool *spool); /* 16 bytes */
uint32_t spool_incarnation(const struct spool *spool);
/* What earlier incarnations had started is not surely known: the host was booted since the last
 * welcome, or the end of the log was damaged. HELLO says so until spool_welcomed. */
bool spool_is_unsure(const struct spool *spool);
/* A broker has heard that. 0 or -errno (then it is said again next time). */
int spool_welcomed(struct spool *spool);

/* Entries in the order of their making: the first with handle 0, then the next; 0 at the end. */
uint64_t spool_next(const struct spool *spool, uint64_t handle);
struct agent_id spool_id(const struct spool *spool, uint64_t handle);
/* NULL: it was started and has not ended. Valid until spool_forget. */
const struct wire_record_head *spool_record(const struct spool *spool, uint64_t handle);

/* Notes that an attempt is about to start; returns its handle. */
uint64_t spool_start(struct spool *spool, const struct agent_id *id);
/* Its record, copied. `handle` 0: it was never noted as started. Returns the handle. A record of an
 * attempt that ran a second or longer makes the next flush sync. */
uint64_t spool_end(struct spool *spool, uint64_t handle, const struct wire_record_head *record);
/* 0 is fine. */
void spool_forget(struct spool *spool, uint64_t handle);

/* Writes what was noted since the last one, in one write, synced if wanted. Shrinks the log now and
 * then. 0, or -errno: nothing of it is surely on disk, the next call tries again. */
int spool_flush(struct spool *spool);
bool spool_is_flushed(const struct spool *spool);

/* Of the kept records, in memory. */
uint64_t spool_bytes(const struct spool *spool);
uint32_t spool_count(const struct spool *spool);
uint64_t spool_file_bytes(const struct spool *spool);
/* Bytes at the end of the log that could not be read at the start; a copy of them is in `damaged`.
 */
uint64_t spool_damaged_bytes(const struct spool *spool);

#endif
