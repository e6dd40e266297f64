/*
 * rows.c -- the packed rows of commands, their hand-outs, records and a pool's totals.
 *
 * Responsible for the byte formats and their checks. Not for SQL: who keeps which bytes where is
 * commit.c's and load.c's affair. Walls other than the time of submission are stored as differences
 * to it, by arithmetic modulo 2^64, so that every value of a worker's clock survives.
 */
#include "broker/store/rows.h"

#include <errno.h>

#include "base/crc32c.h"
#include "broker/store/pack.h"

enum { COMMAND_VERSION = 1, TRACK_VERSION = 1, RECORD_VERSION = 1, TOTALS_VERSION = 1 };

enum command_flag {
    COMMAND_RERUNNABLE = 1,
    COMMAND_NOT_BEFORE = 2,
    COMMAND_START_BY = 4,
    COMMAND_LEASED = 8,
    COMMAND_FLAGS = 15,
};

enum track_flag { TRACK_LEASED = 1, TRACK_QUEUED = 2, TRACK_STOPPING = 4, TRACK_FLAGS = 7 };

enum record_flag { RECORD_STARTED = 1, RECORD_WHY = 2, RECORD_FLAGS = 3 };

static int64_t minus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t plus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static uint32_t checksum(int64_t rowid, const uint8_t *data, size_t size)
{
    uint8_t key[8];
    pack_fixed64(key, (uint64_t)rowid);
    return crc32c(crc32c(0, key, sizeof key), data, size);
}

static size_t seal(uint8_t *start, uint8_t *at, int64_t rowid)
{
    size_t size = (size_t)(at - start);
    pack_fixed32(at, checksum(rowid, start, size));
    return size + 4;
}

/* Checks the seal and the version; false when the row is not as it was written. */
static bool unseal(struct bytes data, int64_t rowid, unsigned version, struct unpack *ret_in)
{
    if (data.size < 5 || data.data[0] != version)
        return false;
    size_t size = data.size - 4;
    struct unpack tail = unpack_of(bytes_of(data.data + size, 4));
    if (unpack_fixed32(&tail) != checksum(rowid, data.data, size))
        return false;
    *ret_in = unpack_of(bytes_of(data.data + 1, size - 1));
    return true;
}

static uint8_t *pack_lease(uint8_t *at, const struct fact_leased *leased, int64_t base_wall_ns)
{
    at = pack_u(at, leased->attempt);
    at = pack_u(at, leased->epoch);
    at = pack_u(at, leased->starts);
    at = pack_u(at, leased->worker);
    return pack_s(at, minus(leased->leased_wall_ns, base_wall_ns));
}

static void unpack_lease(struct unpack *in, int64_t rowid, int64_t base_wall_ns,
                         struct fact_leased *ret)
{
    ret->track_id = row_number(rowid);
    ret->attempt = unpack_u32(in);
    ret->epoch = unpack_u32(in);
    ret->starts = unpack_u32(in);
    ret->worker = unpack_u32(in);
    ret->leased_wall_ns = plus(base_wall_ns, unpack_s(in));
    if (ret->attempt == 0)
        in->bad = true;
}

size_t row_pack_command(uint8_t *to, int64_t rowid, const struct fact_submitted *command,
                        const struct fact_leased *leased, struct bytes body)
{
    int64_t base = command->submitted_wall_ns;
    unsigned flags = (command->rerunnable ? COMMAND_RERUNNABLE : 0u) |
                     (command->not_before_wall_ns ? COMMAND_NOT_BEFORE : 0u) |
                     (command->start_by_wall_ns ? COMMAND_START_BY : 0u) |
                     (leased ? COMMAND_LEASED : 0u);
    uint8_t *at = to;
    *at++ = COMMAND_VERSION;
    *at++ = (uint8_t)flags;
    at = pack_fixed64(at, command->client);
    at = pack_fixed64(at, (uint64_t)base);
    at = pack_u(at, command->sequence);
    at = pack_u(at, command->batch);
    at = pack_u(at, command->function);
    at = pack_u(at, command->selector);
    at = pack_u(at, command->host);
    at = pack_s(at, command->priority);
    at = pack_u(at, command->max_attempts);
    if (flags & COMMAND_NOT_BEFORE)
        at = pack_s(at, minus(command->not_before_wall_ns, base));
    if (flags & COMMAND_START_BY)
        at = pack_s(at, minus(command->start_by_wall_ns, base));
    at = pack_s(at, command->lost_after_ns);
    at = pack_u(at, command->body_bytes);
    at = pack_fixed32(at, crc32c(0, body.data, body.size));
    if (leased)
        at = pack_lease(at, leased, base);
    return seal(to, at, rowid);
}

int row_read_command(struct bytes data, int64_t rowid, struct fact_submitted *ret_command,
                     struct row_track *ret_track, uint32_t *ret_body_crc)
{
    struct unpack in;
    if (!unseal(data, rowid, COMMAND_VERSION, &in))
        return -EBADMSG;
    unsigned flags = (unsigned)unpack_u_max(&in, COMMAND_FLAGS);
    struct fact_submitted *c = ret_command;
    *c = (struct fact_submitted){.track_id = row_number(rowid)};
    c->rerunnable = (flags & COMMAND_RERUNNABLE) != 0;
    c->client = unpack_fixed64(&in);
    c->submitted_wall_ns = (int64_t)unpack_fixed64(&in);
    c->sequence = unpack_u(&in);
    c->batch = unpack_u(&in);
    c->function = unpack_u32(&in);
    c->selector = unpack_u32(&in);
    c->host = unpack_u32(&in);
    int64_t priority = unpack_s(&in);
    if (priority < INT16_MIN || priority > INT16_MAX)
        return -EBADMSG;
    c->priority = (int16_t)priority;
    c->max_attempts = (uint16_t)unpack_u_max(&in, UINT16_MAX);
    if (flags & COMMAND_NOT_BEFORE)
        c->not_before_wall_ns = plus(c->submitted_wall_ns, unpack_s(&in));
    if (flags & COMMAND_START_BY)
        c->start_by_wall_ns = plus(c->submitted_wall_ns, unpack_s(&in));
    c->lost_after_ns = unpack_s(&in);
    c->body_bytes = unpack_u32(&in);
    *ret_body_crc = unpack_fixed32(&in);
    *ret_track = (struct row_track){0};
    if (flags & COMMAND_LEASED)
        unpack_lease(&in, rowid, c->submitted_wall_ns, &ret_track->leased);
    return unpack_is_done(&in) ? 0 : -EBADMSG;
}

size_t row_pack_track(uint8_t *to, int64_t rowid, const struct row_track *track)
{
    bool leased = track->leased.attempt > 0;
    uint8_t *at = to;
    *at++ = TRACK_VERSION;
    *at++ = (uint8_t)((leased ? TRACK_LEASED : 0u) | (track->queued ? TRACK_QUEUED : 0u) |
                      (track->stopping ? TRACK_STOPPING : 0u));
    if (leased)
        at = pack_lease(at, &track->leased, 0);
    if (track->stopping) {
        at = pack_u(at, (uint64_t)track->reason);
        at = pack_bytes(at, track->why);
    }
    return seal(to, at, rowid);
}

int row_read_track(struct bytes data, int64_t rowid, struct row_track *ret_track)
{
    struct unpack in;
    if (!unseal(data, rowid, TRACK_VERSION, &in))
        return -EBADMSG;
    *ret_track = (struct row_track){0};
    unsigned flags = (unsigned)unpack_u_max(&in, TRACK_FLAGS);
    ret_track->queued = (flags & TRACK_QUEUED) != 0;
    if (flags & TRACK_LEASED)
        unpack_lease(&in, rowid, 0, &ret_track->leased);
    if (flags & TRACK_STOPPING) {
        uint32_t reason = unpack_u32(&in);
        if (!reason_is_known(reason))
            return -EBADMSG;
        ret_track->stopping = true;
        ret_track->reason = (enum reason)reason;
        ret_track->why = unpack_bytes(&in);
    }
    return unpack_is_done(&in) ? 0 : -EBADMSG;
}

size_t row_pack_record(uint8_t *to, int64_t rowid, const struct fact_recorded *record,
                       struct bytes body)
{
    int64_t base = record->submitted_wall_ns;
    unsigned flags =
        (record->start_wall_ns ? RECORD_STARTED : 0u) | (record->why.size > 0 ? RECORD_WHY : 0u);
    uint8_t *at = to;
    *at++ = RECORD_VERSION;
    *at++ = (uint8_t)flags;
    at = pack_u(at, record->track_id);
    at = pack_fixed64(at, record->client);
    at = pack_fixed64(at, (uint64_t)base);
    at = pack_u(at, record->batch);
    at = pack_u(at, record->attempt);
    at = pack_u(at, (uint64_t)record->state);
    at = pack_u(at, (uint64_t)record->reason);
    at = pack_s(at, record->exit);
    at = pack_u(at, record->signal);
    at = pack_u(at, record->function);
    at = pack_u(at, record->host);
    at = pack_u(at, record->worker);
    at = pack_u(at, record->slot);
    at = pack_u(at, record->pid);
    if (flags & RECORD_STARTED)
        at = pack_s(at, minus(record->start_wall_ns, base));
    at = pack_s(at, minus(record->recorded_wall_ns, base));
    at = pack_s(at, record->run_ns);
    at = pack_s(at, record->waited_ns);
    at = pack_s(at, record->throttled_ns);
    at = pack_s(at, record->skew_ns);
    at = pack_fixed32(at, record->crc);
    at = pack_u(at, record->body_bytes);
    at = pack_fixed32(at, crc32c(0, body.data, body.size));
    if (flags & RECORD_WHY)
        at = pack_bytes(at, record->why);
    return seal(to, at, rowid);
}

int row_read_record(struct bytes data, int64_t rowid, struct fact_recorded *ret_record,
                    uint32_t *ret_body_crc)
{
    struct unpack in;
    if (!unseal(data, rowid, RECORD_VERSION, &in))
        return -EBADMSG;
    unsigned flags = (unsigned)unpack_u_max(&in, RECORD_FLAGS);
    struct fact_recorded *r = ret_record;
    *r = (struct fact_recorded){.pos = row_number(rowid)};
    r->track_id = unpack_u_max(&in, (uint64_t)ROW_NUMBER_MAX);
    r->client = unpack_fixed64(&in);
    r->submitted_wall_ns = (int64_t)unpack_fixed64(&in);
    r->batch = unpack_u(&in);
    r->attempt = unpack_u32(&in);
    uint32_t state = unpack_u32(&in);
    uint32_t reason = unpack_u32(&in);
    if (!state_is_known(state) || !reason_is_known(reason))
        return -EBADMSG;
    r->state = (enum state)state;
    r->reason = (enum reason)reason;
    int64_t exit = unpack_s(&in);
    if (exit < INT32_MIN || exit > INT32_MAX)
        return -EBADMSG;
    r->exit = (int32_t)exit;
    r->signal = unpack_u32(&in);
    r->function = unpack_u32(&in);
    r->host = unpack_u32(&in);
    r->worker = unpack_u32(&in);
    r->slot = unpack_u32(&in);
    r->pid = unpack_u32(&in);
    if (flags & RECORD_STARTED)
        r->start_wall_ns = plus(r->submitted_wall_ns, unpack_s(&in));
    r->recorded_wall_ns = plus(r->submitted_wall_ns, unpack_s(&in));
    r->run_ns = unpack_s(&in);
    r->waited_ns = unpack_s(&in);
    r->throttled_ns = unpack_s(&in);
    r->skew_ns = unpack_s(&in);
    r->crc = unpack_fixed32(&in);
    r->body_bytes = unpack_u32(&in);
    *ret_body_crc = unpack_fixed32(&in);
    if (flags & RECORD_WHY)
        r->why = unpack_bytes(&in);
    return unpack_is_done(&in) ? 0 : -EBADMSG;
}

/* Only the buckets that are not 0, each with its distance from the one before. */
static uint8_t *pack_spread(uint8_t *at, const struct spread_totals *spread)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < SPREAD_BUCKETS; i++)
        used += spread->buckets[i] != 0;
    at = pack_u(at, spread->count);
    at = pack_u(at, spread->sum_ns);
    at = pack_u(at, spread->max_ns);
    at = pack_u(at, spread->min_ns);
    at = pack_u(at, used);
    for (uint32_t i = 0, last = 0; i < SPREAD_BUCKETS; i++) {
        if (spread->buckets[i] == 0)
            continue;
        at = pack_u(at, i - last);
        at = pack_u(at, spread->buckets[i]);
        last = i;
    }
    return at;
}

static void unpack_spread(struct unpack *in, struct spread_totals *ret)
{
    ret->count = unpack_u(in);
    ret->sum_ns = unpack_u(in);
    ret->max_ns = unpack_u(in);
    ret->min_ns = unpack_u(in);
    uint32_t used = (uint32_t)unpack_u_max(in, SPREAD_BUCKETS);
    for (uint64_t i = 0, bucket = 0; i < used && !in->bad; i++) {
        bucket += unpack_u_max(in, SPREAD_BUCKETS);
        uint32_t value = unpack_u32(in);
        if (bucket < SPREAD_BUCKETS)
            ret->buckets[bucket] = value;
        else
            in->bad = true;
    }
}

size_t row_pack_totals(uint8_t *to, const struct pool_totals *totals)
{
    uint8_t *at = to;
    *at++ = TOTALS_VERSION;
    at = pack_u(at, totals->next_track_id);
    at = pack_u(at, totals->head);
    at = pack_u(at, totals->oldest);
    at = pack_u(at, totals->final_to);
    at = pack_u(at, totals->first_bad);
    at = pack_u(at, totals->next_batch);
    at = pack_u(at, totals->peak_in_queue);
    at = pack_u(at, totals->records_bytes);
    at = pack_fixed32(at, totals->crc);
    at = pack_u(at, STATE_COUNT);
    for (int i = 0; i < STATE_COUNT; i++)
        at = pack_u(at, totals->ended[i]);
    at = pack_spread(at, &totals->run);
    at = pack_spread(at, &totals->waited);
    at = pack_spread(at, &totals->throttle);
    return seal(to, at, 0);
}

int row_read_totals(struct bytes data, struct pool_totals *ret_totals)
{
    struct unpack in;
    if (!unseal(data, 0, TOTALS_VERSION, &in))
        return -EBADMSG;
    struct pool_totals *t = ret_totals;
    *t = (struct pool_totals){0};
    t->next_track_id = unpack_u_max(&in, (uint64_t)ROW_NUMBER_MAX + 1);
    t->head = unpack_u_max(&in, (uint64_t)ROW_NUMBER_MAX);
    t->oldest = unpack_u_max(&in, t->head);
    t->final_to = unpack_u_max(&in, (uint64_t)ROW_NUMBER_MAX);
    t->first_bad = unpack_u(&in);
    t->next_batch = unpack_u_max(&in, (uint64_t)ROW_NUMBER_MAX + 1);
    t->peak_in_queue = unpack_u(&in);
    t->records_bytes = unpack_u(&in);
    t->crc = unpack_fixed32(&in);
    uint64_t states = unpack_u_max(&in, STATE_COUNT);
    for (uint64_t i = 0; i < states; i++)
        t->ended[i] = unpack_u(&in);
    unpack_spread(&in, &t->run);
    unpack_spread(&in, &t->waited);
    unpack_spread(&in, &t->throttle);
    return unpack_is_done(&in) ? 0 : -EBADMSG;
}

size_t row_pack_ended(uint8_t *to, const uint32_t ended[STATE_COUNT])
{
    uint8_t *at = pack_u(to, STATE_COUNT);
    for (int i = 0; i < STATE_COUNT; i++)
        at = pack_u(at, ended[i]);
    return (size_t)(at - to);
}

int row_read_ended(struct bytes data, uint32_t ret_ended[STATE_COUNT])
{
    struct unpack in = unpack_of(data);
    uint64_t states = unpack_u_max(&in, STATE_COUNT);
    memset(ret_ended, 0, STATE_COUNT * sizeof *ret_ended);
    for (uint64_t i = 0; i < states; i++)
        ret_ended[i] = unpack_u32(&in);
    return unpack_is_done(&in) ? 0 : -EBADMSG;
}
