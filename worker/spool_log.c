/*
 * spool_log.c -- encodes and decodes the entries of the spool's log; see spool_log.h for the
 * format.
 *
 * Not here: files. Invariant: whatever the bytes are, parsing ends with an entry that this version
 * could have written, or refuses it.
 */
#include "worker/spool_log.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "base/crc32c.h"

const char SPOOL_HEAD[SPOOL_HEAD_BYTES] = {'M', 'U', 'S', 'P', 'O', 'O', 'L', '1'};

/* ---- numbers --------------------------------------------------------------------------------- */

static uint8_t *put32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        *at++ = (uint8_t)(value >> (8 * i));
    return at;
}

static uint8_t *put64(uint8_t *at, uint64_t value)
{
    return put32(put32(at, (uint32_t)value), (uint32_t)(value >> 32));
}

static uint32_t get32(const uint8_t **at)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value |= (uint32_t)(*at)[i] << (8 * i);
    *at += 4;
    return value;
}

static uint64_t get64(const uint8_t **at)
{
    uint64_t low = get32(at);
    return low | (uint64_t)get32(at) << 32;
}

static int32_t signed32(uint32_t bits)
{
    int32_t value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint8_t *put_id(uint8_t *at, const struct agent_id *id)
{
    at = put32(at, id->pool);
    at = put32(at, id->attempt);
    at = put32(at, id->epoch);
    return put64(at, id->track_id);
}

static struct agent_id get_id(const uint8_t **at)
{
    struct agent_id id = {0};
    id.pool = get32(at);
    id.attempt = get32(at);
    id.epoch = get32(at);
    id.track_id = get64(at);
    return id;
}

/* ---- encoding -------------------------------------------------------------------------------- */

/* Room for an entry at the end of the buffer; NULL when the buffer has failed. */
static uint8_t *begin(struct buffer *buffer, enum spool_type type, size_t payload_bytes)
{
    size_t size = SPOOL_PREFIX_BYTES + 1 + payload_bytes;
    if (buffer_reserve(buffer, size) < 0)
        return NULL;
    uint8_t *at = buffer->data + buffer->size;
    put32(at, (uint32_t)(payload_bytes + 1));
    at[SPOOL_PREFIX_BYTES] = (uint8_t)type;
    return at + SPOOL_PREFIX_BYTES + 1;
}

static uint32_t crc_of(const uint8_t *entry, size_t size)
{
    uint32_t crc = crc32c(0, entry, 4);
    return crc32c(crc, entry + SPOOL_PREFIX_BYTES, size - SPOOL_PREFIX_BYTES);
}

static void end(struct buffer *buffer, const uint8_t *entry_end)
{
    uint8_t *entry = buffer->data + buffer->size;
    size_t size = (size_t)(entry_end - entry);
    put32(entry + 4, crc_of(entry, size));
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
}

void spool_log_add_ids(struct buffer *buffer, enum spool_type type, const struct agent_id *ids,
                       size_t count)
{
    while (count > 0) {
        size_t part = count < SPOOL_IDS_MAX ? count : SPOOL_IDS_MAX;
        uint8_t *at = begin(buffer, type, part * SPOOL_ID_BYTES);
        if (!at)
            return;
        for (size_t i = 0; i < part; i++)
            at = put_id(at, &ids[i]);
        end(buffer, at);
        ids += part;
        count -= part;
    }
}

void spool_log_add_record(struct buffer *buffer, const struct wire_record_head *record)
{
    MUST(record->body.size <= WIRE_RECORD_BODY_MAX);
    struct agent_id id = {.pool = record->pool,
                          .attempt = record->attempt,
                          .epoch = record->epoch,
                          .track_id = record->track_id};
    uint8_t *at = begin(buffer, SPOOL_RECORD, SPOOL_RECORD_FIXED_BYTES + record->body.size);
    if (!at)
        return;
    at = put_id(at, &id);
    at = put32(at, record->state);
    at = put32(at, record->reason);
    at = put32(at, (uint32_t)record->exit);
    at = put32(at, record->signal);
    at = put64(at, (uint64_t)record->start_wall_ns);
    at = put64(at, (uint64_t)record->run_ns);
    at = put32(at, record->slot);
    at = put32(at, record->pid);
    at = put64(at, (uint64_t)record->throttled_ns);
    at = put32(at, (uint32_t)record->body.size);
    if (record->body.size > 0)
        memcpy(at, record->body.data, record->body.size);
    end(buffer, at + record->body.size);
}

/* ---- decoding -------------------------------------------------------------------------------- */

struct agent_id spool_log_id(struct bytes ids, uint32_t index)
{
    MUST((size_t)index * SPOOL_ID_BYTES + SPOOL_ID_BYTES <= ids.size);
    const uint8_t *at = ids.data + (size_t)index * SPOOL_ID_BYTES;
    return get_id(&at);
}

static bool is_duration(int64_t value)
{
    return value >= 0 && value <= WIRE_DURATION_MAX_NS;
}

static bool parse_record(struct bytes payload, struct wire_record_head *ret)
{
    const uint8_t *at = payload.data;
    if (payload.size < SPOOL_RECORD_FIXED_BYTES)
        return false;
    struct agent_id id = get_id(&at);
    struct wire_record_head record = {
        .pool = id.pool, .attempt = id.attempt, .epoch = id.epoch, .track_id = id.track_id};
    record.state = get32(&at);
    record.reason = get32(&at);
    record.exit = signed32(get32(&at));
    record.signal = get32(&at);
    record.start_wall_ns = (int64_t)get64(&at);
    record.run_ns = (int64_t)get64(&at);
    record.slot = get32(&at);
    record.pid = get32(&at);
    record.throttled_ns = (int64_t)get64(&at);
    size_t body_bytes = get32(&at);
    if (body_bytes != payload.size - SPOOL_RECORD_FIXED_BYTES || body_bytes > WIRE_RECORD_BODY_MAX)
        return false;
    if (!state_is_known(record.state) || !state_is_final((enum state)record.state) ||
        !reason_is_known(record.reason))
        return false;
    if (record.start_wall_ns < 0 || !is_duration(record.run_ns) ||
        !is_duration(record.throttled_ns))
        return false;
    record.body = bytes_of(at, body_bytes);
    *ret = record;
    return true;
}

static bool parse_ids(struct bytes payload, struct spool_log_entry *entry)
{
    if (payload.size == 0 || payload.size % SPOOL_ID_BYTES != 0 ||
        payload.size / SPOOL_ID_BYTES > SPOOL_IDS_MAX)
        return false;
    entry->ids = payload;
    entry->n_ids = (uint32_t)(payload.size / SPOOL_ID_BYTES);
    return true;
}

int spool_log_parse(struct bytes log, struct spool_log_entry *ret_entry)
{
    struct spool_log_entry entry = {0};
    if (log.size < SPOOL_PREFIX_BYTES)
        return 0;
    const uint8_t *at = log.data;
    size_t length = get32(&at);
    uint32_t crc = get32(&at);
    size_t size = SPOOL_PREFIX_BYTES + length;
    if (length < 1 || size > SPOOL_ENTRY_MAX)
        return -EBADMSG;
    if (log.size < size)
        return 0;
    if (crc_of(log.data, size) != crc)
        return -EBADMSG;
    struct bytes payload = bytes_of(at + 1, length - 1);
    bool is_good = false;
    switch (*at) {
    case SPOOL_STARTED:
    case SPOOL_FORGET:
        is_good = parse_ids(payload, &entry);
        break;
    case SPOOL_RECORD:
        is_good = parse_record(payload, &entry.record);
        entry.ids = bytes_slice(payload, 0, SPOOL_ID_BYTES);
        entry.n_ids = 1;
        break;
    default:
        break;
    }
    if (!is_good)
        return -EBADMSG;
    entry.type = (enum spool_type) * at;
    *ret_entry = entry;
    return (int)size;
}
