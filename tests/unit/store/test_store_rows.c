/* The packed rows: every value survives, every cut or changed byte is seen. */
#include "facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/store/pack.h"
#include "broker/store/rows.h"

static void test_pack__numbers_survive_at_every_length(void **state)
{
    uint8_t bytes[PACK_NUMBER_MAX];
    (void)state;
    for (int shift = 0; shift < 64; shift++) {
        for (int around = -1; around <= 1; around++) {
            uint64_t u = (UINT64_C(1) << shift) + (uint64_t)around;
            int64_t s = (int64_t)(u - (u == UINT64_C(1) << 63)); /* -s exists */
            struct unpack in = unpack_of(bytes_of(bytes, (size_t)(pack_u(bytes, u) - bytes)));
            assert_true(unpack_u(&in) == u && unpack_is_done(&in));
            in = unpack_of(bytes_of(bytes, (size_t)(pack_s(bytes, s) - bytes)));
            assert_true(unpack_s(&in) == s && unpack_is_done(&in));
            in = unpack_of(bytes_of(bytes, (size_t)(pack_s(bytes, -s) - bytes)));
            assert_true(unpack_s(&in) == -s && unpack_is_done(&in));
        }
    }
}

static void test_pack__number_that_is_too_long_or_cut_is_bad(void **state)
{
    static const uint8_t too_large[] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 2};
    static const uint8_t endless[] = {128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 1};
    (void)state;
    struct unpack in = unpack_of(bytes_of(too_large, sizeof too_large));
    unpack_u(&in);
    assert_true(in.bad);
    in = unpack_of(bytes_of(endless, sizeof endless));
    unpack_u(&in);
    assert_true(in.bad);
    in = unpack_of(bytes_of(endless, 3));
    unpack_u(&in);
    assert_true(in.bad);
    in = unpack_of((struct bytes){0});
    assert_true(unpack_u(&in) == 0 && in.bad);
}

static void test_pack__bytes_never_reach_beyond_their_span(void **state)
{
    uint8_t bytes[64];
    (void)state;
    struct unpack in =
        unpack_of(bytes_of(bytes, (size_t)(pack_bytes(bytes, bytes_of_str("text")) - bytes)));
    assert_true(bytes_equal_str(unpack_bytes(&in), "text") && unpack_is_done(&in));
    for (size_t cut = 0; cut < 5; cut++) {
        in = unpack_of(bytes_of(bytes, cut));
        assert_int_equal(unpack_bytes(&in).size, 0);
        assert_true(in.bad);
    }
    pack_u(bytes, UINT64_MAX);
    in = unpack_of(bytes_of(bytes, sizeof bytes));
    unpack_bytes(&in);
    assert_true(in.bad);
}

static const int64_t rowid = (INT64_C(5) << ROW_NUMBER_BITS) | 77;

typedef int read_fn(struct bytes data, int64_t at);

/* The row is read as it is, and not when cut, changed in one bit, or put elsewhere. */
static void assert_sealed(const uint8_t *row, size_t size, read_fn *read)
{
    assert_int_equal(read(bytes_of(row, size), rowid), 0);
    assert_int_equal(read(bytes_of(row, size), rowid + 1), -EBADMSG);
    assert_int_equal(read((struct bytes){0}, rowid), -EBADMSG);
    uint8_t *copy = malloc(size); /* of the exact size: reading beyond it is seen */
    assert_non_null(copy);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *shorter = malloc(cut + 1);
        assert_non_null(shorter);
        memcpy(shorter, row, cut);
        assert_int_equal(read(bytes_of(shorter, cut), rowid), -EBADMSG);
        free(shorter);
    }
    for (size_t bit = 0; bit < 8 * size; bit++) {
        memcpy(copy, row, size);
        copy[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_equal(read(bytes_of(copy, size), rowid), -EBADMSG);
    }
    free(copy);
}

static int read_command(struct bytes data, int64_t at)
{
    struct fact_submitted command;
    struct row_track track;
    uint32_t crc;
    return row_read_command(data, at, &command, &track, &crc);
}

static int read_track(struct bytes data, int64_t at)
{
    struct row_track track;
    return row_read_track(data, at, &track);
}

static int read_record(struct bytes data, int64_t at)
{
    struct fact_recorded record;
    uint32_t crc;
    return row_read_record(data, at, &record, &crc);
}

static int read_totals(struct bytes data, int64_t at)
{
    struct pool_totals totals;
    return at == rowid ? row_read_totals(data, &totals) : -EBADMSG;
}

static void test_rows__commands_are_sealed(void **state)
{
    uint8_t row[ROW_BYTES_MAX];
    (void)state;
    struct fact_submitted command = {.client = UINT64_MAX,
                                     .sequence = UINT64_MAX,
                                     .batch = UINT64_MAX,
                                     .function = UINT32_MAX,
                                     .selector = UINT32_MAX,
                                     .host = UINT32_MAX,
                                     .priority = INT16_MIN,
                                     .max_attempts = UINT16_MAX,
                                     .rerunnable = true,
                                     .submitted_wall_ns = INT64_MIN,
                                     .not_before_wall_ns = INT64_MAX,
                                     .start_by_wall_ns = INT64_MAX,
                                     .lost_after_ns = INT64_MIN,
                                     .body_bytes = UINT32_MAX};
    struct fact_leased leased = {.attempt = UINT32_MAX,
                                 .epoch = UINT32_MAX,
                                 .starts = UINT32_MAX,
                                 .worker = UINT32_MAX,
                                 .leased_wall_ns = INT64_MAX};
    size_t size = row_pack_command(row, rowid, &command, &leased, bytes_of_str("body"));
    assert_true(size <= ROW_BYTES_MAX);
    assert_sealed(row, size, read_command);
    size = row_pack_command(row, rowid, &(struct fact_submitted){0}, NULL, (struct bytes){0});
    assert_sealed(row, size, read_command);
}

static void test_rows__hand_outs_are_sealed(void **state)
{
    uint8_t row[ROW_BYTES_MAX + 16];
    (void)state;
    struct row_track track = {.leased = {.attempt = UINT32_MAX,
                                         .epoch = UINT32_MAX,
                                         .starts = UINT32_MAX,
                                         .worker = UINT32_MAX,
                                         .leased_wall_ns = INT64_MIN},
                              .queued = true,
                              .stopping = true,
                              .reason = REASON_NO_HOST,
                              .why = bytes_of_str("sixteen letters.")};
    size_t size = row_pack_track(row, rowid, &track);
    assert_true(size <= sizeof row);
    assert_sealed(row, size, read_track);
}

static void test_rows__records_are_sealed(void **state)
{
    uint8_t row[ROW_BYTES_MAX + 16];
    (void)state;
    struct fact_recorded record = {.track_id = (uint64_t)ROW_NUMBER_MAX,
                                   .client = UINT64_MAX,
                                   .batch = UINT64_MAX,
                                   .attempt = UINT32_MAX,
                                   .state = STATE_REJECTED,
                                   .reason = REASON_NO_HOST,
                                   .exit = INT32_MIN,
                                   .signal = UINT32_MAX,
                                   .function = UINT32_MAX,
                                   .host = UINT32_MAX,
                                   .worker = UINT32_MAX,
                                   .slot = UINT32_MAX,
                                   .pid = UINT32_MAX,
                                   .submitted_wall_ns = INT64_MIN,
                                   .start_wall_ns = INT64_MAX,
                                   .recorded_wall_ns = INT64_MAX,
                                   .run_ns = INT64_MIN,
                                   .waited_ns = INT64_MIN,
                                   .throttled_ns = INT64_MIN,
                                   .skew_ns = INT64_MIN,
                                   .crc = UINT32_MAX,
                                   .body_bytes = UINT32_MAX,
                                   .why = bytes_of_str("sixteen letters.")};
    size_t size = row_pack_record(row, rowid, &record, bytes_of_str("body"));
    assert_true(size <= sizeof row);
    assert_sealed(row, size, read_record);
}

static void test_rows__totals_are_sealed_and_fit_at_their_largest(void **state)
{
    static uint8_t row[ROW_TOTALS_MAX];
    (void)state;
    struct pool_totals totals;
    memset(&totals, 0xff, sizeof totals);
    assert_true(row_pack_totals(row, &totals) <= ROW_TOTALS_MAX);
    totals = (struct pool_totals){.next_track_id = 3, .head = 2, .oldest = 1, .final_to = 2};
    totals.run.count = 2;
    totals.run.buckets[7] = totals.run.buckets[159] = 1;
    assert_sealed(row, row_pack_totals(row, &totals), read_totals);
}

static void test_rows__impossible_values_are_refused_though_sealed(void **state)
{
    uint8_t row[ROW_TOTALS_MAX];
    (void)state;
    struct pool_totals totals = {.next_track_id = 3, .head = 1, .oldest = 2};
    size_t size = row_pack_totals(row, &totals);
    assert_int_equal(read_totals(bytes_of(row, size), rowid), -EBADMSG);
    struct fact_recorded record = {.state = (enum state)200};
    size = row_pack_record(row, rowid, &record, (struct bytes){0});
    assert_int_equal(read_record(bytes_of(row, size), rowid), -EBADMSG);
    record = (struct fact_recorded){.reason = (enum reason)200};
    size = row_pack_record(row, rowid, &record, (struct bytes){0});
    assert_int_equal(read_record(bytes_of(row, size), rowid), -EBADMSG);
    struct row_track track = {.stopping = true, .reason = (enum reason)200};
    size = row_pack_track(row, rowid, &track);
    assert_int_equal(read_track(bytes_of(row, size), rowid), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pack__numbers_survive_at_every_length),
        cmocka_unit_test(test_pack__number_that_is_too_long_or_cut_is_bad),
        cmocka_unit_test(test_pack__bytes_never_reach_beyond_their_span),
        cmocka_unit_test(test_rows__commands_are_sealed),
        cmocka_unit_test(test_rows__hand_outs_are_sealed),
        cmocka_unit_test(test_rows__records_are_sealed),
        cmocka_unit_test(test_rows__totals_are_sealed_and_fit_at_their_largest),
        cmocka_unit_test(test_rows__impossible_values_are_refused_though_sealed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
