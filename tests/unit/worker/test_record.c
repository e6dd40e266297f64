/* Records that are too large for a broker are shortened, and say so. */
#include "tests/unit/cmocka_first.h"

#include <stdlib.h>
#include <string.h>

#include "proto/wire.h"
#include "worker/record.h"

static int setup(void **state)
{
    static struct arena arena;
    arena_init(&arena, 16 << 20);
    *state = &arena;
    return 0;
}

static int teardown(void **state)
{
    arena_done(*state);
    return 0;
}

static struct wire_record_body decoded(struct arena *arena, struct bytes packed)
{
    struct wire_record_body body;
    struct wire_error error;
    if (wire_record_body_decode(packed, arena, &body, &error) < 0)
        fail_msg("%s", error.text);
    return body;
}

static struct bytes filled(struct arena *arena, char c, size_t size)
{
    char *data = arena_alloc(arena, size);
    assert_non_null(data);
    memset(data, c, size);
    return bytes_of(data, size);
}

static void test_record__that_fits_is_left_as_it_is(void **state)
{
    struct arena *arena = *state;
    struct wire_record_body body = {.tries = 1, .out.head = bytes_of_str("out"), .out.total = 3};
    struct bytes packed = record_pack(&body, arena);
    struct bytes fit = record_fit(packed, packed.size, arena);
    assert_ptr_equal(fit.data, packed.data);
    assert_int_equal(fit.size, packed.size);
}

static void test_record__too_large_keeps_both_ends_of_the_output_and_the_total(void **state)
{
    struct arena *arena = *state;
    struct wire_record_body body = {.tries = 1};
    body.out.total = 1000000;
    body.out.head = filled(arena, 'h', 60000);
    body.out.tail = filled(arena, 't', 60000);
    body.failure.message = bytes_of_str("why");
    struct bytes fit = record_fit(record_pack(&body, arena), 10000, arena);
    assert_in_range(fit.size, 5000, 10000);
    struct wire_record_body got = decoded(arena, fit);
    assert_int_equal(got.out.total, 1000000);
    assert_in_range(got.out.head.size, 2000, 5000);
    assert_int_equal(got.out.head.data[0], 'h');
    assert_int_equal(got.out.tail.data[got.out.tail.size - 1], 't');
    assert_true(bytes_equal_str(got.failure.message, "why"));
}

static void test_record__result_is_whole_or_said_to_be_left_out(void **state)
{
    struct arena *arena = *state;
    struct wire_value result = {.kind = WIRE_VALUE_BYTES, .data = filled(arena, 'r', 100000)};
    struct wire_record_body body = {.tries = 1, .result = &result, .n_result = 1};
    struct bytes fit = record_fit(record_pack(&body, arena), 50000, arena);
    struct wire_record_body got = decoded(arena, fit);
    assert_int_equal(got.n_result, 0);
    assert_true(bytes_starts_with(got.warning, bytes_of_str("the result (1000")));
    assert_int_equal(got.tries, 1);
}

static void test_record__failure_keeps_its_first_words(void **state)
{
    struct arena *arena = *state;
    struct bytes lines[64];
    for (int i = 0; i < 64; i++)
        lines[i] = filled(arena, 'l', 1000);
    struct wire_record_body body = {.tries = 1};
    body.failure.type = bytes_of_str("Error");
    body.failure.message = filled(arena, 'm', 10000);
    body.failure.trace_back = lines;
    body.failure.n_trace_back = 64;
    struct bytes fit = record_fit(record_pack(&body, arena), 2000, arena);
    struct wire_record_body got = decoded(arena, fit);
    assert_int_equal(got.failure.n_trace_back, 0);
    assert_int_equal(got.failure.message.size, 512);
    assert_true(bytes_equal_str(got.failure.type, "Error"));
    /* Not even that: an empty body, the state alone is reported. */
    assert_int_equal(record_fit(record_pack(&body, arena), 10, arena).size, 0);
}

static void test_record__state_follows_the_reason_of_the_end(void **state)
{
    (void)state;
    assert_int_equal(record_state_of(REASON_TIMEOUT), STATE_TIMEOUT);
    assert_int_equal(record_state_of(REASON_STALL), STATE_STALLED);
    assert_int_equal(record_state_of(REASON_CUT_OFF), STATE_LOST);
    assert_int_equal(record_state_of(REASON_CANCELLED_RUNNING), STATE_CANCELLED);
    assert_int_equal(record_state_of(REASON_WORKER_SHUTDOWN), STATE_CANCELLED);
    assert_int_equal(record_state_of(REASON_SHUTDOWN), STATE_CANCELLED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_record__that_fits_is_left_as_it_is),
        TEST(test_record__too_large_keeps_both_ends_of_the_output_and_the_total),
        TEST(test_record__result_is_whole_or_said_to_be_left_out),
        TEST(test_record__failure_keeps_its_first_words),
        TEST(test_record__state_follows_the_reason_of_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
