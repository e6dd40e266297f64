/*
 * spool.c -- keeps what a worker must not forget, in memory and in an appended log.
 *
 * Responsible for: every entry in at most one write per flush, repeated until it succeeds;
 * shrinking. It does not decide when an attempt starts or a record is sent: its callers flush first
 * (S6).
 *
 * Invariants: memory holds at least what the log says. `file_bytes` is the end of the last complete
 * write; bytes beyond it are of no account and are overwritten. After a failed sync nothing in the
 * file is trusted: the next flush writes all of it anew, into another file.
 */
#include "worker/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "worker/spool_state.h"

enum { WRITE_STEP = 1 << 20 };

static const uint64_t TRUNCATE_BYTES = UINT64_C(1) << 20; /* all is acknowledged */
static const uint64_t REWRITE_BYTES = UINT64_C(8) << 20;  /* … and four times what is needed */

static uint64_t handle_of(const struct spool *spool, const struct spool_entry *entry)
{
    return (uint64_t)((const uint8_t *)entry - spool->slab.items) / spool->slab.item_size;
}

/* ---- what is kept ---------------------------------------------------------------------------- */

uint64_t spool_entry_add(struct spool *spool, const struct agent_id *id)
{
    uint32_t index = slab_alloc(&spool->slab);
    if (index == 0)
        return 0;
    struct spool_entry *entry = slab_at(&spool->slab, index);
    entry->id = *id;
    list_push_back(&spool->entries, &entry->link);
    return index;
}

void spool_entry_set_record(struct spool *spool, struct spool_entry *entry,
                            const struct wire_record_head *record)
{
    uint8_t *body = entry->small;
    MUST(!entry->has_record);
    if (record->body.size > SPOOL_INLINE_BYTES) {
        body = entry->large = malloc(record->body.size);
        MUST(body != NULL);
    }
    if (record->body.size > 0)
        memcpy(body, record->body.data, record->body.size);
    entry->record = *record;
    entry->record.body.data = body;
    entry->has_record = true;
    spool->bytes += record->body.size;
}

void spool_entry_remove(struct spool *spool, struct spool_entry *entry)
{
    spool->bytes -= entry->has_record ? entry->record.body.size : 0;
    free(entry->large);
    list_remove(&entry->link);
    slab_free(&spool->slab, (uint32_t)handle_of(spool, entry));
}

uint64_t spool_start(struct spool *spool, const struct agent_id *id)
{
    uint64_t handle = spool_entry_add(spool, id);
    MUST(handle != 0);
    MUST(buffer_append(&spool->started, id, sizeof *id) == 0);
    return handle;
}

uint64_t spool_end(struct spool *spool, uint64_t handle, const struct wire_record_head *record)
{
    struct agent_id id = {.pool = record->pool,
                          .attempt = record->attempt,
                          .epoch = record->epoch,
                          .track_id = record->track_id};
    if (handle == 0)
        handle = spool_entry_add(spool, &id);
    MUST(handle != 0);
    spool_entry_set_record(spool, spool_entry_at(spool, handle), record);
    spool_log_add_record(&spool->records, record);
    MUST(!spool->records.failed);
    if (record->run_ns >= MUSTER_S)
        spool->wants_sync = true;
    return handle;
}

void spool_forget(struct spool *spool, uint64_t handle)
{
    if (handle == 0)
        return;
    struct spool_entry *entry = spool_entry_at(spool, handle);
    MUST(buffer_append(&spool->forgotten, &entry->id, sizeof entry->id) == 0);
    spool_entry_remove(spool, entry);
}

uint64_t spool_next(const struct spool *spool, uint64_t handle)
{
    const struct list *link = handle == 0 ? &spool->entries : &spool_entry_at(spool, handle)->link;
    return link->next == &spool->entries
               ? 0
               : handle_of(spool, list_entry(link->next, struct spool_entry, link));
}

struct agent_id spool_id(const struct spool *spool, uint64_t handle)
{
    return spool_entry_at(spool, handle)->id;
}

const struct wire_record_head *spool_record(const struct spool *spool, uint64_t handle)
{
    const struct spool_entry *entry = spool_entry_at(spool, handle);
    return entry->has_record ? &entry->record : NULL;
}

/* ---- writing --------------------------------------------------------------------------------- */

static const struct agent_id *ids_of(const struct buffer *ids, size_t *ret_count)
{
    *ret_count = ids->size / sizeof(struct agent_id);
    return (const struct agent_id *)(const void *)ids->data;
}

static void encode_ids(struct buffer *encoded, enum spool_type type, const struct buffer *ids)
{
    size_t count;
    const struct agent_id *first = ids_of(ids, &count);
    buffer_reset(encoded);
    if (count > 0)
        spool_log_add_ids(encoded, type, first, count);
    MUST(!encoded->failed);
}

static void forget_pending(struct spool *spool)
{
    buffer_reset(&spool->started);
    buffer_reset(&spool->records);
    buffer_reset(&spool->forgotten);
    spool->wants_sync = false;
}

bool spool_is_flushed(const struct spool *spool)
{
    return spool->started.size == 0 && spool->records.size == 0 && spool->forgotten.size == 0 &&
           !spool->wants_sync && !spool->is_suspect;
}

/* Order inside one write: an attempt's STARTED comes before its RECORD before its FORGET. */
static int append_pending(struct spool *spool)
{
    encode_ids(&spool->ids_before, SPOOL_STARTED, &spool->started);
    encode_ids(&spool->ids_after, SPOOL_FORGET, &spool->forgotten);
    struct iovec parts[3] = {
        {.iov_base = spool->ids_before.data, .iov_len = spool->ids_before.size},
        {.iov_base = spool->records.data, .iov_len = spool->records.size},
        {.iov_base = spool->ids_after.data, .iov_len = spool->ids_after.size}};
    uint64_t size = parts[0].iov_len + parts[1].iov_len + parts[2].iov_len;
    if (size > 0) {
        int r = spool_file_write(spool->log_fd, parts, 3, spool->file_bytes);
        if (r < 0) {
            /* Best effort: the next write goes to the same place anyway. */
            if (ftruncate(spool->log_fd, (off_t)spool->file_bytes) < 0)
                spool->is_suspect = true;
            return r;
        }
    }
    spool->file_bytes += size;
    buffer_reset(&spool->started);
    buffer_reset(&spool->records);
    buffer_reset(&spool->forgotten);
    if (spool->wants_sync && fdatasync(spool->log_fd) < 0) {
        int r = -errno;
        spool->is_suspect = true;
        return r;
    }
    spool->wants_sync = false;
    return 0;
}

static int write_live(const struct spool *spool, int fd, uint64_t *ret_bytes)
{
    struct buffer step = BUFFER_EMPTY;
    uint64_t offset = 0;
    int r = buffer_append(&step, SPOOL_HEAD, SPOOL_HEAD_BYTES);
    list_each (link, &spool->entries) {
        const struct spool_entry *entry = list_entry(link, struct spool_entry, link);
        if (entry->has_record)
            spool_log_add_record(&step, &entry->record);
        else
            spool_log_add_ids(&step, SPOOL_STARTED, &entry->id, 1);
        if (step.size >= WRITE_STEP || step.failed) {
            struct iovec part = {.iov_base = step.data, .iov_len = step.size};
            r = step.failed ? -ENOMEM : spool_file_write(fd, &part, 1, offset);
            offset += step.size;
            buffer_reset(&step);
        }
        if (r < 0)
            break;
    }
    struct iovec part = {.iov_base = step.data, .iov_len = step.size};
    if (r == 0)
        r = step.failed ? -ENOMEM : spool_file_write(fd, &part, 1, offset);
    *ret_bytes = offset + step.size;
    buffer_done(&step);
    return r;
}

/* The log anew, holding what is kept and nothing else; the old one stands until the new one is
 * durable. */
static int rewrite(struct spool *spool)
{
    uint64_t size = 0;
    int fd = open(spool->new_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int r = write_live(spool, fd, &size);
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (r == 0 && rename(spool->new_path, spool->log_path) < 0)
        r = -errno;
    if (r < 0) {
        fs_close(fd);
        unlink(spool->new_path);
        return r;
    }
    fs_close(spool->log_fd);
    spool->log_fd = fd;
    spool->file_bytes = size;
    forget_pending(spool);
    /* Until this is durable a power failure may bring the old log back, with what it lacks. */
    r = fs_sync_parent(spool->log_path);
    spool->is_suspect = r < 0;
    return r;
}

/* Nothing is kept: neither the log nor what is pending says anything that is needed. */
static int truncate_log(struct spool *spool)
{
    if (ftruncate(spool->log_fd, SPOOL_HEAD_BYTES) < 0)
        return -errno;
    spool->file_bytes = SPOOL_HEAD_BYTES;
    forget_pending(spool);
    return 0;
}

static bool rewrite_is_due(const struct spool *spool)
{
    uint64_t needed = spool->bytes + (uint64_t)slab_count(&spool->slab) * 128;
    return spool->file_bytes >= REWRITE_BYTES && spool->file_bytes / 4 >= needed;
}

int spool_flush(struct spool *spool)
{
    if (spool_is_flushed(spool))
        return 0;
    if (spool->is_suspect)
        return rewrite(spool);
    if (slab_count(&spool->slab) == 0 &&
        spool->file_bytes + spool->forgotten.size + spool->records.size >= TRUNCATE_BYTES)
        return truncate_log(spool);
    int r = append_pending(spool);
    /* A log that could not be shrunk is still a good log. */
    if (r == 0 && rewrite_is_due(spool))
        (void)rewrite(spool);
    return r;
}

int spool_welcomed(struct spool *spool)
{
    if (!spool->unsure)
        return 0;
    spool->unsure = false;
    memcpy(spool->identity.boot, spool->boot, sizeof spool->boot);
    return spool_identity_write(spool->identity_path, &spool->identity);
}

const uint8_t *spool_uuid(const struct spool *spool)
{
    return spool->identity.uuid;
}

uint32_t spool_incarnation(const struct spool *spool)
{
    return spool->identity.incarnation;
}

bool spool_is_unsure(const struct spool *spool)
{
    return spool->unsure;
}

uint64_t spool_bytes(const struct spool *spool)
{
    return spool->bytes;
}

uint32_t spool_count(const struct spool *spool)
{
    return slab_count(&spool->slab);
}

uint64_t spool_file_bytes(const struct spool *spool)
{
    return spool->file_bytes;
}

uint64_t spool_damaged_bytes(const struct spool *spool)
{
    return spool->damaged_bytes;
}
