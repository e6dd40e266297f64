/*
 * rows.h -- what stands in the packed columns of the store: facts to bytes and back.
 *
 * Every packed row begins with its version and ends with a CRC-32C of its rowid and content, so
 * that a damaged or misplaced row is seen. Readers accept longer rows of the same version only when
 * all of it is understood; a new field means a new version number.
 */
#ifndef MUSTER_BROKER_STORE_ROWS_H
#define MUSTER_BROKER_STORE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "broker/core/fact.h"

/* rowid = shelf << ROW_NUMBER_BITS | number. */
enum { ROW_NUMBER_BITS = 40, ROW_SHELF_MAX = (1 << 23) - 1 };
#define ROW_NUMBER_MAX ((INT64_C(1) << ROW_NUMBER_BITS) - 1)

/* Room for each packed row; a record or a hand-out needs the size of its `why` besides. */
enum { ROW_BYTES_MAX = 320, ROW_TOTALS_MAX = 16384, ROW_ENDED_MAX = 10 * STATE_COUNT + 16 };

/* What became of a live command since it was submitted. */
struct row_track {
    struct fact_leased leased; /* attempt 0: never handed out */
    bool queued;               /* back in the queue since; `leased.starts` is what counts */
    bool stopping;
    enum reason reason;
    struct bytes why;
};

/* All packers return the number of bytes written. */
size_t row_pack_command(uint8_t *to, int64_t rowid, const struct fact_submitted *command,
                        const struct fact_leased *leased, struct bytes body);
size_t row_pack_track(uint8_t *to, int64_t rowid, const struct row_track *track);
size_t row_pack_record(uint8_t *to, int64_t rowid, const struct fact_recorded *record,
                       struct bytes body);
size_t row_pack_totals(uint8_t *to, const struct pool_totals *totals);
size_t row_pack_ended(uint8_t *to, const uint32_t ended[STATE_COUNT]);

/* All readers return 0 or -EBADMSG. They fill in the fact except its pool, and with the numbers of
 * `rowid`. `ret_body_crc` is for row_check_body. */
int row_read_command(struct bytes data, int64_t rowid, struct fact_submitted *ret_command,
                     struct row_track *ret_track, uint32_t *ret_body_crc);
int row_read_track(struct bytes data, int64_t rowid, struct row_track *ret_track);
int row_read_record(struct bytes data, int64_t rowid, struct fact_recorded *ret_record,
                    uint32_t *ret_body_crc);
int row_read_totals(struct bytes data, struct pool_totals *ret_totals);
int row_read_ended(struct bytes data, uint32_t ret_ended[STATE_COUNT]);

static inline uint64_t row_number(int64_t rowid)
{
    return (uint64_t)(rowid & ROW_NUMBER_MAX);
}

#endif
