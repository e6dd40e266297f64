/* The first and the last part of a stream, whatever the sizes of the pieces. */
#include "tests/unit/cmocka_first.h"

#include "base/rand.h"
#include "worker/run/capture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PART = CAPTURE_PART_MAX };

static uint8_t byte_at(uint64_t position)
{
    return (uint8_t)(position * 31 + position / 251);
}

/* Feeds `total` bytes in random pieces. */
static void feed(struct capture *capture, uint64_t total, uint64_t seed)
{
    struct rand rand;
    rand_seed(&rand, seed);
    uint8_t *piece = malloc(3 * PART);
    for (uint64_t at = 0; at < total;) {
        uint64_t size = 1 + rand_below(&rand, rand_chance(&rand, 1, 4) ? 3 * PART : 700);
        if (size > total - at)
            size = total - at;
        for (uint64_t i = 0; i < size; i++)
            piece[i] = byte_at(at + i);
        capture_take(capture, piece, (size_t)size);
        at += size;
    }
    free(piece);
}

static void check(struct capture *capture, uint64_t total)
{
    uint64_t head = total < PART ? total : PART;
    uint64_t tail = total - head < PART ? total - head : PART;
    assert_int_equal(capture->total, total);
    assert_int_equal(capture_head(capture).size, head);
    assert_int_equal(capture_tail(capture).size, tail);
    for (uint64_t i = 0; i < head; i++)
        assert_int_equal(capture_head(capture).data[i], byte_at(i));
    for (uint64_t i = 0; i < tail; i++)
        assert_int_equal(capture_tail(capture).data[i], byte_at(total - tail + i));
}

static void test_capture__keeps_head_and_tail_of_every_length(void **state)
{
    (void)state;
    static const uint64_t totals[] = {0,        1,        511,          512,      PART - 1,
                                      PART,     PART + 1, 2 * PART - 1, 2 * PART, 2 * PART + 1,
                                      3 * PART, 1000003,  5 * PART + 7};
    struct capture capture = {.total = 0};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        for (size_t i = 0; i < sizeof totals / sizeof totals[0]; i++) {
            feed(&capture, totals[i], seed);
            check(&capture, totals[i]);
            capture_reset(&capture);
        }
    }
    capture_done(&capture);
}

static void test_capture__goes_on_after_the_tail_was_looked_at(void **state)
{
    (void)state;
    struct capture capture = {.total = 0};
    for (uint64_t at = 0; at < 3 * PART; at += 1000) {
        uint8_t piece[1000];
        for (uint64_t i = 0; i < 1000; i++)
            piece[i] = byte_at(at + i);
        capture_take(&capture, piece, sizeof piece);
        check(&capture, at + 1000);
    }
    capture_done(&capture);
}

static void test_capture__reads_a_pipe_to_its_end_in_bounded_turns(void **state)
{
    (void)state;
    struct capture capture = {.total = 0};
    uint8_t data[1000], scratch[100];
    int ends[2];
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = byte_at(i);
    assert_int_equal(write(ends[1], data, sizeof data), (ssize_t)sizeof data);
    assert_int_equal(capture_read(&capture, ends[0], scratch, sizeof scratch, 3), 1);
    assert_int_equal(capture.total, 300);
    assert_int_equal(capture_read(&capture, ends[0], scratch, sizeof scratch, 100), 1);
    check(&capture, 1000);
    close(ends[1]);
    assert_int_equal(capture_read(&capture, ends[0], scratch, sizeof scratch, 100), 0);
    close(ends[0]);
    capture_done(&capture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_capture__keeps_head_and_tail_of_every_length),
        cmocka_unit_test(test_capture__goes_on_after_the_tail_was_looked_at),
        cmocka_unit_test(test_capture__reads_a_pipe_to_its_end_in_bounded_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
