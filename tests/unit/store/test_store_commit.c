/* Facts to rows and back: what was committed is what a load emits. */
#include "facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Appends the turn's facts, as they are, to the text that is expected from a load. */
static void expect(struct fixture *f, struct buffer *text)
{
    for (size_t i = 0; i < f->n_facts; i++)
        fact_print(text, &f->facts[i]);
}

static void test_commit__every_loaded_fact_comes_back_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct buffer expected = BUFFER_EMPTY;
    const uint32_t labels[] = {5, 6, UINT32_MAX};
    const uint32_t functions[] = {3};
    fixture_add(f, FACT_NAME)->as.name = (struct fact_name){1, bytes_of_str("echo")};
    fixture_add(f, FACT_NAME)->as.name = (struct fact_name){2, bytes_of_str("role=db\0x")};
    add_pool(f, 11, 3, 0);
    f->totals.oldest = 0;
    f->totals.final_to = 0;
    f->totals.first_bad = 3;
    f->totals.next_batch = 77;
    f->totals.peak_in_queue = UINT64_MAX;
    f->totals.records_bytes = UINT64_C(1) << 40;
    f->totals.crc = 0xdeadbeef;
    f->totals.ended[STATE_OK] = 12;
    f->totals.ended[STATE_REJECTED] = UINT64_MAX;
    f->totals.run = (struct spread_totals){3, UINT64_MAX, 2, 1, {[0] = 1, [159] = UINT32_MAX}};
    f->totals.waited = (struct spread_totals){.count = 9, .buckets = {[80] = 9}};
    f->facts[2].as.pool.private_ = true;
    f->facts[2].as.pool.closed = true;
    fixture_add(f, FACT_CLIENT)->as.client =
        (struct fact_client){UINT64_C(0xfedcba9876543210), 11, 41, true, -5};
    fixture_add(f, FACT_REQUEST)->as.request =
        (struct fact_request){UINT64_C(0xfedcba9876543210), 42, 3, 2, 9};
    fixture_add(f, FACT_BATCH)->as.batch = (struct fact_batch){.pool = 11,
                                                               .batch = 9,
                                                               .first = 1,
                                                               .count = 5,
                                                               .ended = {[STATE_LOST] = 2},
                                                               .made_wall_ns = 8};
    fixture_add(f, FACT_HOST)->as.host = (struct fact_host){.host = 21,
                                                            .worker = 22,
                                                            .uuid = {0, 255, 3},
                                                            .incarnation = 4,
                                                            .slots = 8,
                                                            .labels = labels,
                                                            .n_labels = 3,
                                                            .functions = functions,
                                                            .n_functions = 1,
                                                            .software = 30,
                                                            .tree_kill = 31,
                                                            .transient = true,
                                                            .seen_wall_ns = 99,
                                                            .skew_ns = INT64_MIN,
                                                            .round_trip_ns = INT64_MAX};
    fixture_add(f, FACT_CURSOR)->as.cursor = (struct fact_cursor){11, bytes_of_str("nightly"), 4};
    add_submitted(f, 11, 1);
    add_leased(f, 11, 1, 1)->epoch = UINT32_MAX;
    *add_submitted(f, 11, 2) = (struct fact_submitted){.pool = 11,
                                                       .track_id = 2,
                                                       .client = 1,
                                                       .sequence = UINT64_MAX,
                                                       .batch = 9,
                                                       .function = UINT32_MAX,
                                                       .selector = 4,
                                                       .host = 21,
                                                       .priority = INT16_MIN,
                                                       .max_attempts = UINT16_MAX,
                                                       .rerunnable = true,
                                                       .submitted_wall_ns = INT64_MIN,
                                                       .not_before_wall_ns = INT64_MAX,
                                                       .start_by_wall_ns = -1,
                                                       .lost_after_ns = -7};
    add_submitted(f, 11, 3)->body_of = 1;
    f->facts[f->n_facts - 1].as.submitted.body = 0;
    expect(f, &expected);
    fixture_commit(f);
    assert_loads(f, buffer_str(&expected));
    fixture_reopen(f);
    assert_loads(f, buffer_str(&expected));
    buffer_done(&expected);
}

static void test_commit__hand_out_of_a_later_turn_overrides_that_of_the_insert(void **state)
{
    struct fixture *f = *state;
    struct buffer expected = BUFFER_EMPTY;
    add_pool(f, 1, 3, 0);
    expect(f, &expected);
    for (uint64_t id = 1; id <= 3; id++)
        add_submitted(f, 1, id);
    fact_print(&expected, &f->facts[1]);
    add_leased(f, 1, 1, 1);
    add_leased(f, 1, 2, 1);
    fixture_commit(f);
    add_leased(f, 1, 1, 2);
    expect(f, &expected);
    fixture_commit(f);
    add_submitted(f, 1, 2);
    add_leased(f, 1, 2, 1);
    add_submitted(f, 1, 3);
    expect(f, &expected);
    f->n_facts = 0;
    fixture_reopen(f);
    assert_loads(f, buffer_str(&expected));
    buffer_done(&expected);
}

static void test_commit__attempt_survives_the_way_back_to_the_queue(void **state)
{
    struct fixture *f = *state;
    struct buffer expected = BUFFER_EMPTY;
    add_pool(f, 1, 2, 0);
    add_submitted(f, 1, 1);
    add_leased(f, 1, 1, 1);
    add_submitted(f, 1, 2);
    expect(f, &expected);
    fixture_commit(f);
    add_leased(f, 1, 2, 4);
    expect(f, &expected);
    fixture_add(f, FACT_QUEUED)->as.queued = (struct fact_queued){1, 1, 0};
    fixture_add(f, FACT_QUEUED)->as.queued = (struct fact_queued){1, 2, 3};
    fixture_commit(f);
    fixture_reopen(f);
    struct buffer text;
    load_text(f, &text);
    assert_non_null(strstr(buffer_str(&text), "LEASED 1 1 attempt=1 epoch=1 starts=0 worker=9 "
                                              "at=1795000000000000500\nQUEUED 1 1 starts=0\n"));
    assert_non_null(strstr(buffer_str(&text), "LEASED 1 2 attempt=4 epoch=1 starts=3 worker=9 "
                                              "at=1795000000000000500\nQUEUED 1 2 starts=3\n"));
    buffer_done(&text);
    buffer_done(&expected);
}

static void test_commit__returned_and_leased_again_in_one_turn_is_running(void **state)
{
    struct fixture *f = *state;
    add_pool(f, 1, 1, 0);
    add_submitted(f, 1, 1);
    add_leased(f, 1, 1, 1);
    fixture_add(f, FACT_QUEUED)->as.queued = (struct fact_queued){1, 1, 0};
    add_leased(f, 1, 1, 2)->starts = 1;
    fixture_commit(f);
    struct buffer text;
    load_text(f, &text);
    assert_null(strstr(buffer_str(&text), "QUEUED"));
    assert_non_null(strstr(buffer_str(&text), "LEASED 1 1 attempt=2 epoch=1 starts=1"));
    buffer_done(&text);
}

static void test_commit__stopping_keeps_hand_out_reason_and_words(void **state)
{
    struct fixture *f = *state;
    add_pool(f, 1, 1, 0);
    add_submitted(f, 1, 1);
    fixture_commit(f);
    add_leased(f, 1, 1, 1);
    fixture_add(f, FACT_STOPPING)->as.stopping =
        (struct fact_stopping){1, 1, REASON_CANCELLED_RUNNING, bytes_of_str("wrong host")};
    fixture_commit(f);
    fixture_reopen(f);
    struct buffer text;
    load_text(f, &text);
    assert_non_null(strstr(buffer_str(&text),
                           "LEASED 1 1 attempt=1 epoch=1 starts=1 worker=9 at=1795000000000000500\n"
                           "STOPPING 1 1 reason=cancelled_running why=wrong host\n"));
    buffer_done(&text);
}

static void test_commit__final_command_is_not_loaded_whatever_final_to_says(void **state)
{
    struct fixture *f = *state;
    add_pool(f, 1, 5, 0);
    for (uint64_t id = 1; id <= 5; id++)
        add_submitted(f, 1, id);
    add_leased(f, 1, 2, 1);
    fixture_commit(f);
    add_pool(f, 1, 5, 3);
    add_recorded(f, 1, 2, 1);
    add_recorded(f, 1, 5, 2);
    add_recorded(f, 1, 1, 3);
    fixture_commit(f);
    fixture_reopen(f);
    struct buffer text;
    load_text(f, &text);
    assert_null(strstr(buffer_str(&text), "SUBMITTED 1 1 "));
    assert_null(strstr(buffer_str(&text), "SUBMITTED 1 2 "));
    assert_non_null(strstr(buffer_str(&text), "SUBMITTED 1 3 "));
    assert_non_null(strstr(buffer_str(&text), "SUBMITTED 1 4 "));
    assert_null(strstr(buffer_str(&text), "SUBMITTED 1 5 "));
    assert_null(strstr(buffer_str(&text), "LEASED"));
    buffer_done(&text);
}

static void test_commit__submitted_leased_and_recorded_in_one_turn_is_final(void **state)
{
    struct fixture *f = *state;
    add_pool(f, 1, 1, 1);
    add_submitted(f, 1, 1);
    add_leased(f, 1, 1, 1);
    add_recorded(f, 1, 1, 1);
    fixture_commit(f);
    struct buffer text;
    load_text(f, &text);
    assert_null(strstr(buffer_str(&text), "SUBMITTED"));
    buffer_done(&text);
}

static void test_commit__pools_do_not_mix_in_one_turn(void **state)
{
    struct fixture *f = *state;
    for (uint32_t pool = 1; pool <= 3; pool++) {
        add_pool(f, pool * 1000, 2, 0);
        fixture_commit(f);
    }
    for (uint64_t id = 1; id <= 2; id++)
        for (uint32_t pool = 3; pool >= 1; pool--)
            add_submitted(f, pool * 1000, id)->function = pool * 10 + (uint32_t)id;
    for (uint32_t pool = 1; pool <= 3; pool++)
        add_leased(f, pool * 1000, 2, 1)->worker = pool;
    fixture_commit(f);
    fixture_reopen(f);
    struct buffer text;
    load_text(f, &text);
    for (uint32_t pool = 1; pool <= 3; pool++) {
        char line[128];
        snprintf(line, sizeof line, "LEASED %u 2 attempt=1 epoch=1 starts=1 worker=%u ",
                 pool * 1000, pool);
        assert_non_null(strstr(buffer_str(&text), line));
        snprintf(line, sizeof line, "SUBMITTED %u 2 ", pool * 1000);
        const char *at = strstr(buffer_str(&text), line);
        assert_non_null(at);
        snprintf(line, sizeof line, "function=%u ", pool * 10 + 2);
        assert_non_null(strstr(at, line));
    }
    buffer_done(&text);
}

static void test_commit__confirmed_requests_are_forgotten(void **state)
{
    struct fixture *f = *state;
    add_pool(f, 1, 0, 0);
    fixture_add(f, FACT_CLIENT)->as.client = (struct fact_client){5, 1, 0, false, 0};
    for (uint64_t sequence = 1; sequence <= 4; sequence++)
        fixture_add(f, FACT_REQUEST)->as.request = (struct fact_request){5, sequence, 1, 1, 0};
    fixture_add(f, FACT_CLIENT)->as.client = (struct fact_client){6, 1, 0, false, 0};
    fixture_add(f, FACT_REQUEST)->as.request = (struct fact_request){6, 1, 1, 1, 0};
    fixture_commit(f);
    fixture_add(f, FACT_CLIENT)->as.client = (struct fact_client){5, 1, 3, false, 0};
    fixture_commit(f);
    struct buffer text;
    load_text(f, &text);
    assert_null(strstr(buffer_str(&text), "REQUEST 5 sequence=3"));
    assert_non_null(strstr(buffer_str(&text), "REQUEST 5 sequence=4"));
    assert_non_null(strstr(buffer_str(&text), "REQUEST 6 sequence=1"));
    buffer_done(&text);
    fixture_add(f, FACT_CLIENT_GONE)->as.client_gone = 5;
    fixture_commit(f);
    load_text(f, &text);
    assert_null(strstr(buffer_str(&text), "CLIENT 5"));
    assert_null(strstr(buffer_str(&text), "REQUEST 5"));
    assert_non_null(strstr(buffer_str(&text), "REQUEST 6 sequence=1"));
    buffer_done(&text);
}

static void test_commit__request_id_is_found_in_its_pool_only(void **state)
{
    struct fixture *f = *state;
    struct store_request_id found;
    add_pool(f, 1, 0, 0);
    fixture_add(f, FACT_REQUEST_ID)->as.request_id =
        (struct fact_request_id){1, bytes_of_str("nightly-7"), UINT64_MAX, 12, 3, 4, 99};
    fixture_commit(f);
    fixture_reopen(f);
    assert_int_equal(store_request_id(f->store, 1, bytes_of_str("nightly-7"), &found), 1);
    assert_true(found.digest == UINT64_MAX && found.first == 12 && found.count == 3 &&
                found.batch == 4);
    assert_int_equal(store_request_id(f->store, 1, bytes_of_str("nightly-8"), &found), 0);
    assert_int_equal(store_request_id(f->store, 2, bytes_of_str("nightly-7"), &found), 0);
    assert_int_equal(store_request_id(f->store, 1, bytes_of_str(""), &found), 0);
}

static void test_commit__forgotten_host_is_gone_with_all_or_one_of_its_workers(void **state)
{
    struct fixture *f = *state;
    for (uint32_t host = 1; host <= 2; host++)
        for (uint32_t worker = 1; worker <= 2; worker++)
            fixture_add(f, FACT_HOST)->as.host =
                (struct fact_host){.host = host, .worker = host * 10 + worker};
    fixture_commit(f);
    fixture_add(f, FACT_HOST)->as.host =
        (struct fact_host){.host = 1, .worker = 11, .forgotten = true};
    fixture_add(f, FACT_HOST)->as.host = (struct fact_host){.host = 2, .forgotten = true};
    fixture_commit(f);
    struct buffer text;
    load_text(f, &text);
    assert_null(strstr(buffer_str(&text), "worker=11"));
    assert_non_null(strstr(buffer_str(&text), "HOST 1 worker=12"));
    assert_null(strstr(buffer_str(&text), "HOST 2"));
    buffer_done(&text);
}

static void test_commit__facts_of_a_pool_that_was_never_made_are_refused(void **state)
{
    struct fixture *f = *state;
    add_submitted(f, 77, 1);
    assert_int_equal(fixture_try_commit(f), -EINVAL);
    assert_non_null(strstr(f->error.text, "pool 77"));
    add_pool(f, 77, 0, 0);
    assert_int_equal(fixture_try_commit(f), -EINVAL);
    fixture_reopen(f);
    assert_loads(f, "");
}

static void test_commit__the_same_command_twice_is_refused_as_a_whole(void **state)
{
    struct fixture *f = *state;
    add_pool(f, 1, 1, 0);
    add_submitted(f, 1, 1);
    fixture_commit(f);
    struct buffer before;
    load_text(f, &before);
    add_pool(f, 1, 2, 0);
    add_submitted(f, 1, 2);
    add_submitted(f, 1, 1);
    assert_int_equal(fixture_try_commit(f), -EINVAL);
    fixture_reopen(f);
    assert_loads(f, buffer_str(&before));
    buffer_done(&before);
}

static void test_commit__audit_keeps_the_newest(void **state)
{
    struct fixture *f = *state;
    add_pool(f, 1, 0, 0);
    fixture_commit(f);
    for (int round = 0; round < 6; round++) {
        for (uint32_t i = 0; i < 2000; i++)
            fixture_add(f, FACT_AUDIT)->as.audit = (struct fact_audit){
                .pool = 1, .track_id = i + 1, .attempt = 1, .epoch = 1, .state = STATE_OK};
        fixture_commit(f);
    }
    fixture_reopen(f);
    fixture_add(f, FACT_AUDIT)->as.audit = (struct fact_audit){.pool = 1, .track_id = 4711};
    fixture_commit(f);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM audit"), 10000);
    assert_int_equal(fixture_sql(f, "SELECT max(sequence) FROM audit"), 12001);
    assert_int_equal(fixture_sql(f, "SELECT min(sequence) FROM audit"), 2002);
    assert_int_equal(fixture_sql(f, "SELECT track_id FROM audit WHERE sequence = 12001"), 4711);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_commit__every_loaded_fact_comes_back_as_it_was),
        STORE_TEST(test_commit__hand_out_of_a_later_turn_overrides_that_of_the_insert),
        STORE_TEST(test_commit__attempt_survives_the_way_back_to_the_queue),
        STORE_TEST(test_commit__returned_and_leased_again_in_one_turn_is_running),
        STORE_TEST(test_commit__stopping_keeps_hand_out_reason_and_words),
        STORE_TEST(test_commit__final_command_is_not_loaded_whatever_final_to_says),
        STORE_TEST(test_commit__submitted_leased_and_recorded_in_one_turn_is_final),
        STORE_TEST(test_commit__pools_do_not_mix_in_one_turn),
        STORE_TEST(test_commit__confirmed_requests_are_forgotten),
        STORE_TEST(test_commit__request_id_is_found_in_its_pool_only),
        STORE_TEST(test_commit__forgotten_host_is_gone_with_all_or_one_of_its_workers),
        STORE_TEST(test_commit__facts_of_a_pool_that_was_never_made_are_refused),
        STORE_TEST(test_commit__the_same_command_twice_is_refused_as_a_whole),
        STORE_TEST(test_commit__audit_keeps_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
