/* Reading records, bodies and request ids back. */
#include "facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What a reader saw: the lines of its records; it can stop after some. */
struct seen {
    struct buffer text;
    uint64_t positions[64];
    size_t n;
    size_t stop_after;
    bool bodies_ok, commands_ok;
};

static int see(void *ctx, const struct store_record *record)
{
    struct seen *seen = ctx;
    struct fact fact = {.type = FACT_RECORDED, .as.recorded = record->fact};
    assert_true(seen->n < 64);
    seen->positions[seen->n++] = record->fact.pos;
    fact_print(&seen->text, &fact);
    struct bytes body = facts_body(NULL, body_handle(1000000 + record->fact.pos, 100));
    seen->bodies_ok = (seen->n == 1 || seen->bodies_ok) && bytes_equal(record->body, body);
    struct bytes command = facts_body(NULL, body_handle(record->fact.track_id, 100));
    seen->commands_ok =
        (seen->n == 1 || seen->commands_ok) && bytes_equal(record->command, command);
    return seen->n == seen->stop_after;
}

static void forget(struct seen *seen)
{
    buffer_done(&seen->text);
    *seen = (struct seen){0};
}

static void assert_seen(const struct seen *seen, const uint64_t *positions, size_t n)
{
    assert_int_equal(seen->n, n);
    for (size_t i = 0; i < n; i++)
        assert_true(seen->positions[i] == positions[i]);
}

#define ASSERT_SEEN(seen, ...)                                                                     \
    assert_seen(seen, (const uint64_t[]){__VA_ARGS__},                                             \
                sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

/* Ten commands of pool 1, all but 4 and 8 final, in the order 10, 1, 9, 2, 7, 3, 6, 5; pool 2 has
 * one of each, to be in the way. */
static void fill(struct fixture *f)
{
    static const uint64_t order[] = {10, 1, 9, 2, 7, 3, 6, 5};
    add_pool(f, 2, 1, 1);
    add_submitted(f, 2, 1);
    add_recorded(f, 2, 1, 1);
    fixture_commit(f);
    for (uint64_t id = 1; id <= 10; id++)
        add_submitted(f, 1, id);
    add_leased(f, 1, 4, 1);
    add_pool(f, 1, 10, 0);
    fixture_commit(f);
    for (uint64_t pos = 1; pos <= 8; pos++)
        add_recorded(f, 1, order[pos - 1], pos);
    add_pool(f, 1, 10, 8);
    fixture_commit(f);
}

static void test_read__records_come_in_order_as_they_were_committed(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    fill(f);
    *add_recorded(f, 1, 4, 9) = (struct fact_recorded){.pool = 1,
                                                       .track_id = 4,
                                                       .pos = 9,
                                                       .client = UINT64_MAX,
                                                       .batch = 12,
                                                       .attempt = UINT32_MAX,
                                                       .state = STATE_SIGNALED,
                                                       .reason = REASON_OOM,
                                                       .exit = INT32_MIN,
                                                       .signal = 9,
                                                       .function = UINT32_MAX,
                                                       .host = 2,
                                                       .worker = 3,
                                                       .slot = 4,
                                                       .pid = UINT32_MAX,
                                                       .submitted_wall_ns = INT64_MAX,
                                                       .start_wall_ns = INT64_MIN,
                                                       .recorded_wall_ns = -1,
                                                       .run_ns = INT64_MAX,
                                                       .waited_ns = INT64_MIN,
                                                       .throttled_ns = 5,
                                                       .skew_ns = INT64_MIN,
                                                       .crc = UINT32_MAX,
                                                       .body_bytes = 0,
                                                       .why = bytes_of_str("no memory")};
    struct buffer expected = BUFFER_EMPTY;
    fact_print(&expected, &f->facts[0]);
    fixture_commit(f);
    assert_int_equal(store_records(f->store, 1, 8, 100, false, see, &seen), 1);
    assert_string_equal(buffer_str(&seen.text), buffer_str(&expected));
    forget(&seen);
    fixture_reopen(f);
    assert_int_equal(store_records(f->store, 1, 0, 8, true, see, &seen), 8);
    ASSERT_SEEN(&seen, 1, 2, 3, 4, 5, 6, 7, 8);
    assert_true(seen.bodies_ok && seen.commands_ok);
    assert_non_null(strstr(buffer_str(&seen.text), "RECORDED 1 9 pos=3 "));
    forget(&seen);
    buffer_done(&expected);
}

static void test_read__from_max_and_stop_bound_what_is_seen(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    fill(f);
    assert_int_equal(store_records(f->store, 1, 3, 2, false, see, &seen), 2);
    ASSERT_SEEN(&seen, 4, 5);
    forget(&seen);
    seen.stop_after = 3;
    assert_int_equal(store_records(f->store, 1, 0, 100, false, see, &seen), 3);
    forget(&seen);
    assert_int_equal(store_records(f->store, 1, 8, 100, false, see, &seen), 0);
    assert_int_equal(store_records(f->store, 1, 0, 0, false, see, &seen), 0);
    assert_int_equal(store_records(f->store, 1, UINT64_MAX, 100, false, see, &seen), 0);
    assert_int_equal(store_records(f->store, 3, 0, 100, false, see, &seen), 0);
}

static void test_read__records_of_ids_keep_the_order_asked_for(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    const uint64_t ids[] = {7, 4, 10, 0, 99, 7, UINT64_MAX, 1};
    fill(f);
    assert_int_equal(store_records_of(f->store, 1, ids, 8, true, see, &seen), 4);
    ASSERT_SEEN(&seen, 5, 1, 5, 2);
    assert_true(seen.bodies_ok && seen.commands_ok);
    forget(&seen);
}

static void test_read__records_between_ids_come_in_their_order(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    fill(f);
    assert_int_equal(store_records_between(f->store, 1, 3, 9, 100, false, see, &seen), 5);
    ASSERT_SEEN(&seen, 6, 8, 7, 5, 3);
    forget(&seen);
    assert_int_equal(store_records_between(f->store, 1, 0, UINT64_MAX, 2, false, see, &seen), 2);
    ASSERT_SEEN(&seen, 2, 4);
    forget(&seen);
    assert_int_equal(store_records_between(f->store, 1, 9, 3, 100, false, see, &seen), 0);
}

static void test_read__body_of_a_command_is_there_before_and_after_it_is_final(void **state)
{
    struct fixture *f = *state;
    struct bytes body;
    fill(f);
    assert_int_equal(store_command(f->store, 1, 4, &body), 0);
    assert_true(bytes_equal(body, facts_body(NULL, body_handle(4, 100))));
    assert_int_equal(store_command(f->store, 1, 10, &body), 0);
    assert_true(bytes_equal(body, facts_body(NULL, body_handle(10, 100))));
    assert_int_equal(store_command(f->store, 1, 11, &body), -ENOENT);
    assert_int_equal(store_command(f->store, 1, 0, &body), -ENOENT);
    assert_int_equal(store_command(f->store, 1, UINT64_MAX, &body), -ENOENT);
    assert_int_equal(store_command(f->store, 9, 1, &body), -ENOENT);
}

static void test_read__shared_body_is_found_through_every_sharer(void **state)
{
    struct fixture *f = *state;
    struct bytes body;
    add_pool(f, 1, 3, 0);
    add_submitted(f, 1, 1);
    for (uint64_t id = 2; id <= 3; id++) {
        struct fact_submitted *command = add_submitted(f, 1, id);
        command->body = 0;
        command->body_of = 1;
    }
    fixture_commit(f);
    for (uint64_t id = 1; id <= 3; id++) {
        assert_int_equal(store_command(f->store, 1, id, &body), 0);
        assert_true(bytes_equal(body, facts_body(NULL, body_handle(1, 100))));
    }
}

static void test_read__large_and_empty_bodies_survive(void **state)
{
    struct fixture *f = *state;
    struct bytes body;
    add_pool(f, 1, 3, 0);
    add_submitted(f, 1, 1)->body = body_handle(1, 1 << 20);
    add_submitted(f, 1, 2)->body = 0;
    add_submitted(f, 1, 3)->body = body_handle(3, 5000);
    fixture_commit(f);
    assert_int_equal(store_command(f->store, 1, 1, &body), 0);
    assert_true(bytes_equal(body, facts_body(NULL, body_handle(1, 1 << 20))));
    assert_int_equal(store_command(f->store, 1, 2, &body), 0);
    assert_int_equal(body.size, 0);
    assert_int_equal(store_command(f->store, 1, 3, &body), 0);
    assert_true(bytes_equal(body, facts_body(NULL, body_handle(3, 5000))));
}

static void test_read__commit_is_possible_while_a_body_is_lent(void **state)
{
    struct fixture *f = *state;
    struct bytes body;
    fill(f);
    assert_int_equal(store_command(f->store, 1, 4, &body), 0);
    add_pool(f, 1, 11, 8);
    add_submitted(f, 1, 11);
    fixture_commit(f);
    assert_int_equal(store_command(f->store, 1, 11, &body), 0);
}

/* A row, a body or a whole record that is not what was written is never handed out. */
static void test_read__damage_is_told_not_shown(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    struct bytes body;
    const uint64_t ids[] = {9};
    fill(f);
    fixture_sql(f, "UPDATE command SET body = zeroblob(100) WHERE id = (1 << 41) | 4");
    assert_int_equal(store_command(f->store, 1, 4, &body), -EBADMSG);
    fixture_sql(f, "UPDATE record SET body = zeroblob(100) WHERE id = (1 << 41) | 1");
    assert_int_equal(store_records(f->store, 1, 0, 1, false, see, &seen), -EBADMSG);
    fixture_sql(f, "UPDATE record SET data = (SELECT data FROM record WHERE id = (1 << 41) | 4) "
                   "WHERE id = (1 << 41) | 3");
    assert_int_equal(store_records(f->store, 1, 2, 1, false, see, &seen), -EBADMSG);
    assert_int_equal(store_records_of(f->store, 1, ids, 1, false, see, &seen), -EBADMSG);
    fixture_sql(f, "DELETE FROM record WHERE id = (1 << 41) | 6");
    assert_int_equal(store_records(f->store, 1, 5, 1, false, see, &seen), -EBADMSG);
    fixture_sql(f, "DELETE FROM record WHERE id = (1 << 41) | 8");
    assert_int_equal(store_records(f->store, 1, 7, 1, false, see, &seen), -EBADMSG);
    assert_int_equal(seen.n, 0);
    assert_int_equal(store_records(f->store, 1, 6, 1, false, see, &seen), 1);
    forget(&seen);
}

static void test_read__command_that_is_missing_ends_the_load(void **state)
{
    struct fixture *f = *state;
    fill(f);
    fixture_sql(f, "DELETE FROM command WHERE id = (1 << 41) | 8");
    struct buffer text = BUFFER_EMPTY;
    struct store_error error = {0};
    assert_int_equal(store_load(f->store, load_print, &text, &error), -EBADMSG);
    assert_non_null(strstr(error.text, "of 2 commands that are not final it has 1"));
    buffer_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_read__records_come_in_order_as_they_were_committed),
        STORE_TEST(test_read__from_max_and_stop_bound_what_is_seen),
        STORE_TEST(test_read__records_of_ids_keep_the_order_asked_for),
        STORE_TEST(test_read__records_between_ids_come_in_their_order),
        STORE_TEST(test_read__body_of_a_command_is_there_before_and_after_it_is_final),
        STORE_TEST(test_read__shared_body_is_found_through_every_sharer),
        STORE_TEST(test_read__large_and_empty_bodies_survive),
        STORE_TEST(test_read__commit_is_possible_while_a_body_is_lent),
        STORE_TEST(test_read__damage_is_told_not_shown),
        STORE_TEST(test_read__command_that_is_missing_ends_the_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
