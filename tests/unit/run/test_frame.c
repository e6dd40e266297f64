/* Frames over a socket pair: cut anywhere, many at once, too large, broken. */
#include "tests/unit/cmocka_first.h"

#include "worker/run/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct fixture {
    int ends[2];
    struct frame_in in;
    struct buffer out;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fixture->ends), 0);
    frame_in_init(&fixture->in);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    close(fixture->ends[0]);
    close(fixture->ends[1]);
    frame_in_done(&fixture->in);
    buffer_done(&fixture->out);
    free(fixture);
    return 0;
}

/* The next frame, reading when there is none: 1, 0 or -errno. */
static int receive(struct fixture *fixture, struct frame *frame)
{
    int next;
    while ((next = frame_next(&fixture->in, frame)) == 0) {
        int got = frame_read(&fixture->in, fixture->ends[1]);
        if (got <= 0)
            return got == -EAGAIN ? 0 : got;
    }
    return next;
}

static void test_frame__arrives_whole_when_sent_byte_by_byte(void **state)
{
    struct fixture *fixture = *state;
    struct bytes parts[] = {bytes_of_str("first"), bytes_of_str(""), bytes_of_str("second")};
    struct frame frame;
    uint32_t head = 4711, got;
    struct bytes rest, part;
    assert_int_equal(frame_push(&fixture->out, 9, &head, sizeof head, parts, 3), 0);
    for (size_t i = 0; i + 1 < fixture->out.size; i++) {
        assert_int_equal(write(fixture->ends[0], fixture->out.data + i, 1), 1);
        assert_int_equal(receive(fixture, &frame), 0);
    }
    assert_int_equal(write(fixture->ends[0], fixture->out.data + fixture->out.size - 1, 1), 1);
    assert_int_equal(receive(fixture, &frame), 1);
    assert_int_equal(frame.type, 9);
    assert_int_equal(frame_head(frame.payload, &got, sizeof got, &rest), 0);
    assert_int_equal(got, 4711);
    assert_int_equal(frame_part(&rest, 5, &part), 0);
    assert_true(bytes_equal_str(part, "first"));
    assert_true(bytes_equal_str(rest, "second"));
    assert_int_equal(frame_part(&rest, 7, &part), -EPROTO);
    assert_int_equal(frame_head(rest, &frame, sizeof frame, &part), -EPROTO);
}

static void test_frame__many_large_ones_keep_their_order(void **state)
{
    struct fixture *fixture = *state;
    enum { FRAMES = 40, SIZE = 300 * 1024 };
    uint8_t *data = malloc(SIZE);
    struct frame frame;
    uint32_t sent = 0, received = 0;
    while (received < FRAMES) {
        if (sent < FRAMES && fixture->out.size == 0) {
            memset(data, (int)sent, SIZE);
            struct bytes part = bytes_of(data, SIZE);
            assert_int_equal(frame_push(&fixture->out, sent, &sent, sizeof sent, &part, 1), 0);
            sent++;
        }
        assert_true(frame_flush(&fixture->out, fixture->ends[0]) >= 0);
        while (receive(fixture, &frame) > 0) {
            assert_int_equal(frame.type, received);
            assert_int_equal(frame.payload.size, SIZE + sizeof sent);
            assert_int_equal(frame.payload.data[SIZE], received);
            received++;
        }
    }
    free(data);
}

static void test_frame__too_large_ones_are_refused_at_both_ends(void **state)
{
    struct fixture *fixture = *state;
    struct frame frame;
    uint8_t byte = 0;
    struct bytes huge = {.data = &byte, .size = FRAME_PAYLOAD_MAX};
    assert_int_equal(frame_push(&fixture->out, 1, &byte, 1, &huge, 1), -EMSGSIZE);
    uint32_t prefix[2] = {FRAME_PAYLOAD_MAX + 1, 1};
    assert_int_equal(write(fixture->ends[0], prefix, sizeof prefix), (ssize_t)sizeof prefix);
    assert_int_equal(receive(fixture, &frame), -EPROTO);
}

static void test_frame__end_of_the_peer_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct frame frame;
    assert_int_equal(receive(fixture, &frame), 0);
    close(fixture->ends[0]);
    fixture->ends[0] = -1;
    assert_int_equal(frame_read(&fixture->in, fixture->ends[1]), 0);
    assert_int_equal(frame_push(&fixture->out, 1, "x", 1, NULL, 0), 0);
    assert_int_equal(frame_flush(&fixture->out, fixture->ends[1]), -EPIPE);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_frame__arrives_whole_when_sent_byte_by_byte),
        EACH(test_frame__many_large_ones_keep_their_order),
        EACH(test_frame__too_large_ones_are_refused_at_both_ends),
        EACH(test_frame__end_of_the_peer_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
