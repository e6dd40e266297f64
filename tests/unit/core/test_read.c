/* READ and CURSOR (S8). */
#include "tests/unit/core/scene.h"

/* Three records in the pool "work". */
static struct scene *with_records(void **state)
{
    struct scene *s = *state;
    worker(s, 101, "web1", 4);
    hello(s, 1, 11, "work");
    for (uint64_t i = 1; i <= 3; i++)
        submit(s, 1, i, i - 1);
    turn(s);
    for (uint64_t i = 1; i <= 3; i++)
        report_ok(s, 101, i, 1);
    turn(s);
    return s;
}

static void another(struct scene *s, uint64_t id)
{
    submit(s, 1, id, id - 1);
    turn(s);
    report_ok(s, 101, id, 1);
    turn(s);
}

static void assert_records(struct scene *s, peer_id peer, uint64_t from_pos, uint64_t cursor,
                           bool timed_out)
{
    const struct send *send = sent(s, SEND_RECORDS, peer, 0);
    assert_non_null(send);
    assert_int_equal(send->as.records.from_pos, from_pos);
    assert_int_equal(send->as.records.cursor, cursor);
    assert_int_equal(send->as.records.timed_out, timed_out);
}

static void test_read__from_a_position_is_answered_at_once(void **state)
{
    struct scene *s = with_records(state);
    read_from(s, 1, 1, MUSTER_S);
    assert_records(s, 1, 1, 0, false);
    turn(s);
}

/* S8: a reader waits, and nobody polls; the answer leaves behind the commit of the record. */
static void test_read__at_the_head_it_waits_for_a_record(void **state)
{
    struct scene *s = with_records(state);
    read_from(s, 1, 3, MUSTER_S);
    turn(s);
    assert_int_equal(count_sent(s, SEND_RECORDS, 1), 0);
    another(s, 4);
    assert_records(s, 1, 3, 0, false);
}

static void test_read__a_wait_ends_with_its_time(void **state)
{
    struct scene *s = with_records(state);
    read_from(s, 1, 3, MUSTER_S);
    turn(s);
    pass(s, MUSTER_S);
    tick(s);
    assert_records(s, 1, 3, 0, true);
    read_from(s, 1, 3, 0);
    assert_records(s, 1, 3, 0, true);
    turn(s);
}

/* S8: never silently empty, never silently skipped. */
static void test_read__beyond_the_head_is_another_log(void **state)
{
    struct scene *s = with_records(state);
    read_from(s, 1, 4, MUSTER_S);
    assert_refused(s, REFUSAL_LOG_MISMATCH, "ends at position 3");
    assert_int_equal(sent(s, SEND_ERROR, 1, 0)->as.error.limit, 3);
    turn(s);
    struct event event = {.type = EVENT_READ, .peer = 1};
    event.as.read.log_id = s->log_id + 1;
    step(s, event);
    assert_refused(s, REFUSAL_LOG_MISMATCH, "replaced");
    event.as.read.log_id = s->log_id;
    step(s, event);
    assert_int_equal(count_sent(s, SEND_RECORDS, 1), 1);
    turn(s);
}

/* S8: a new cursor stands at the head of a shared pool. */
static void test_read__a_cursor_begins_at_the_head_of_a_shared_pool(void **state)
{
    struct scene *s = with_records(state);
    read_cursor(s, 1, "reader", MUSTER_S);
    turn(s);
    assert_int_equal(count_sent(s, SEND_RECORDS, 1), 0);
    another(s, 4);
    assert_records(s, 1, 3, 3, false);
}

static void test_read__a_cursor_begins_at_nothing_in_a_private_pool(void **state)
{
    struct scene *s = *state;
    worker(s, 101, "web1", 1);
    hello(s, 1, 11, "");
    submit(s, 1, 1, 0);
    turn(s);
    report_ok(s, 101, 1, 1);
    turn(s);
    read_cursor(s, 1, "reader", 0);
    assert_records(s, 1, 0, 0, false);
    turn(s);
    restart(s);
}

/* S8: moved only by its reader, durably; reading moves nothing. */
static void test_read__a_cursor_moves_forward_and_stays(void **state)
{
    struct scene *s = with_records(state);
    read_cursor(s, 1, "reader", 0);
    another(s, 4);
    read_cursor(s, 1, "reader", 0);
    assert_records(s, 1, 3, 3, false);
    move(s, 1, "reader", 4);
    assert_int_equal(sent(s, SEND_DONE, 1, 0)->as.done.value, 4);
    move(s, 1, "reader", 2);
    assert_int_equal(sent(s, SEND_DONE, 1, 1)->as.done.value, 4);
    turn(s);
    restart(s);
    hello(s, 1, 11, "work");
    read_cursor(s, 1, "reader", 0);
    assert_records(s, 1, 4, 4, true);
    move(s, 1, "reader", 5);
    assert_refused(s, REFUSAL_LOG_MISMATCH, "position 4");
    turn(s);
}

static void test_read__cursors_are_per_pool(void **state)
{
    struct scene *s = with_records(state);
    hello(s, 2, 22, "other");
    read_cursor(s, 1, "reader", 0);
    read_cursor(s, 2, "reader", 0);
    assert_records(s, 1, 3, 3, true);
    assert_records(s, 2, 0, 0, true);
    turn(s);
}

/* Of two openers of a named cursor the newest wins. */
static void test_read__the_newest_reader_takes_the_cursor(void **state)
{
    struct scene *s = with_records(state);
    read_cursor(s, 1, "reader", MUSTER_S);
    hello(s, 2, 22, "work");
    turn(s);
    read_cursor(s, 2, "reader", MUSTER_S);
    assert_refused(s, REFUSAL_CURSOR_TAKEN, "");
    assert_int_equal(sent(s, SEND_ERROR, 0, 0)->peer, 1);
    turn(s);
    move(s, 1, "reader", 3);
    assert_refused(s, REFUSAL_CURSOR_TAKEN, "");
    turn(s);
    client_bye(s, 2);
    move(s, 1, "reader", 3);
    assert_int_equal(count_sent(s, SEND_DONE, 1), 1);
    turn(s);
}

static void test_read__a_cursor_without_a_name_is_a_bad_request(void **state)
{
    char name[257] = {0};
    struct scene *s = with_records(state);
    move(s, 1, "", 1);
    assert_refused(s, REFUSAL_BAD_REQUEST, "name");
    turn(s);
    for (int i = 0; i < 256; i++)
        name[i] = 'x';
    read_cursor(s, 1, name, 0);
    assert_refused(s, REFUSAL_BAD_REQUEST, "name");
    turn(s);
}

/* S13: waiting requests are bounded per client. */
static void test_read__too_many_that_wait_are_busy(void **state)
{
    struct scene *s = with_records(state);
    for (int i = 0; i < 8; i++)
        read_from(s, 1, 3, MUSTER_S);
    assert_int_equal(count_sent(s, SEND_ERROR, 1), 0);
    read_from(s, 1, 3, MUSTER_S);
    assert_refused(s, REFUSAL_BUSY, "waiting");
    read_from(s, 1, 0, MUSTER_S);
    assert_int_equal(count_sent(s, SEND_RECORDS, 1), 1);
    turn(s);
    another(s, 4);
    assert_int_equal(count_sent(s, SEND_RECORDS, 1), 8);
}

/* S13: cursors are bounded. */
static void test_read__too_many_cursors(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "work");
    turn(s);
    s->skips_check = true;
    for (uint32_t i = 0; i <= 65536; i++) {
        char name[] = {(char)('a' + i % 16),       (char)('a' + i / 16 % 16),
                       (char)('a' + i / 256 % 16), (char)('a' + i / 4096 % 16),
                       (char)('a' + i / 65536),    '\0'};
        read_cursor(s, 1, name, 0);
    }
    assert_refused(s, REFUSAL_LIMIT_REACHED, "cursors");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_read__from_a_position_is_answered_at_once),
        SCENE_TEST(test_read__at_the_head_it_waits_for_a_record),
        SCENE_TEST(test_read__a_wait_ends_with_its_time),
        SCENE_TEST(test_read__beyond_the_head_is_another_log),
        SCENE_TEST(test_read__a_cursor_begins_at_the_head_of_a_shared_pool),
        SCENE_TEST(test_read__a_cursor_begins_at_nothing_in_a_private_pool),
        SCENE_TEST(test_read__a_cursor_moves_forward_and_stays),
        SCENE_TEST(test_read__cursors_are_per_pool),
        SCENE_TEST(test_read__the_newest_reader_takes_the_cursor),
        SCENE_TEST(test_read__a_cursor_without_a_name_is_a_bad_request),
        SCENE_TEST(test_read__too_many_cursors),
        SCENE_TEST(test_read__too_many_that_wait_are_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
