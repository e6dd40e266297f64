/* Retention, pools that go, request ids that age, the log and the reserve. */
#include "facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/time.h"

static void maintain(struct fixture *f)
{
    int steps = 0;
    while (store_maintain(f->store))
        assert_true(++steps < 10000);
    assert_int_equal(store_failure(f->store, &f->error), 0);
}

/* Commands 1 … n of the pool, final in that order. */
static void fill(struct fixture *f, uint32_t pool, uint64_t n)
{
    add_pool(f, pool, n, n);
    for (uint64_t id = 1; id <= n; id++)
        add_submitted(f, pool, id);
    fixture_commit(f);
    for (uint64_t id = 1; id <= n; id++)
        add_recorded(f, pool, id, id);
    fixture_commit(f);
}

static void give_up(struct fixture *f, uint32_t pool, uint64_t oldest)
{
    fixture_add(f, FACT_OLDEST)->as.oldest = (struct fact_oldest){pool, oldest};
    fixture_commit(f);
}

static int count(void *ctx, const struct store_record *record)
{
    uint64_t *first = ctx;
    if (*first == 0)
        *first = record->fact.pos;
    return 0;
}

static void test_maintain__given_up_records_are_hidden_at_once_and_deleted_in_steps(void **state)
{
    struct fixture *f = *state;
    uint64_t first = 0;
    const uint64_t ids[] = {600, 601};
    fill(f, 1, 1000);
    give_up(f, 1, 600);
    assert_int_equal(store_records(f->store, 1, 0, 1000, false, count, &first), 400);
    assert_int_equal(first, 601);
    assert_int_equal(store_records_of(f->store, 1, ids, 2, false, count, &first), 1);
    assert_int_equal(store_records_between(f->store, 1, 1, 1000, 1000, false, count, &first), 400);
    assert_true(store_maintain(f->store));
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM record"), 1000 - 256);
    maintain(f);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM record"), 400);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM command"), 400);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM track"), 400);
    first = 0;
    assert_int_equal(store_records(f->store, 1, 600, 1000, true, count, &first), 400);
    assert_int_equal(first, 601);
    give_up(f, 1, 500); /* never goes back */
    assert_int_equal(store_records(f->store, 1, 0, 1000, false, count, &first), 400);
}

static void test_maintain__oldest_is_durable_though_the_totals_lag(void **state)
{
    struct fixture *f = *state;
    struct buffer text;
    fill(f, 1, 10);
    give_up(f, 1, 7);
    maintain(f);
    fixture_crash(f, "crashed");
    fixture_open(f);
    load_text(f, &text);
    assert_non_null(strstr(buffer_str(&text), " head=10 oldest=7 "));
    buffer_done(&text);
}

static void test_maintain__shared_body_stays_until_its_last_sharer_goes(void **state)
{
    struct fixture *f = *state;
    struct bytes body;
    add_pool(f, 1, 4, 3);
    add_submitted(f, 1, 1);
    for (uint64_t id = 2; id <= 4; id++) {
        struct fact_submitted *command = add_submitted(f, 1, id);
        command->body = 0;
        command->body_of = 1;
    }
    add_recorded(f, 1, 1, 1);
    add_recorded(f, 1, 3, 2);
    add_recorded(f, 1, 2, 3);
    fixture_commit(f);
    give_up(f, 1, 3);
    maintain(f);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM record"), 0);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM command"), 2);
    assert_int_equal(store_command(f->store, 1, 4, &body), 0);
    assert_true(bytes_equal(body, facts_body(NULL, body_handle(1, 100))));
    add_pool(f, 1, 4, 4);
    add_recorded(f, 1, 4, 4);
    fixture_commit(f);
    assert_int_equal(store_command(f->store, 1, 4, &body), 0);
    give_up(f, 1, 4);
    maintain(f);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM command"), 0);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM track"), 0);
    assert_int_equal(store_command(f->store, 1, 4, &body), -ENOENT);
}

static void test_maintain__live_commands_are_never_deleted(void **state)
{
    struct fixture *f = *state;
    struct buffer text;
    add_pool(f, 1, 3, 2);
    for (uint64_t id = 1; id <= 3; id++)
        add_submitted(f, 1, id);
    add_recorded(f, 1, 1, 1);
    add_recorded(f, 1, 3, 2);
    fixture_commit(f);
    give_up(f, 1, 2);
    maintain(f);
    fixture_reopen(f);
    load_text(f, &text);
    assert_non_null(strstr(buffer_str(&text), "SUBMITTED 1 2 "));
    assert_null(strstr(buffer_str(&text), "SUBMITTED 1 1 "));
    assert_null(strstr(buffer_str(&text), "SUBMITTED 1 3 "));
    buffer_done(&text);
}

static void test_maintain__finished_batch_goes_with_its_last_command(void **state)
{
    struct fixture *f = *state;
    add_pool(f, 1, 2, 2);
    for (uint64_t id = 1; id <= 2; id++) {
        add_submitted(f, 1, id)->batch = 5;
        add_recorded(f, 1, id, id)->batch = 5;
    }
    fixture_add(f, FACT_BATCH)->as.batch = (struct fact_batch){
        .pool = 1, .batch = 5, .first = 1, .count = 2, .ended = {[STATE_OK] = 2}};
    fixture_commit(f);
    give_up(f, 1, 1);
    maintain(f);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM batch"), 1);
    give_up(f, 1, 2);
    maintain(f);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM batch"), 0);
}

static void test_maintain__pool_that_is_gone_leaves_nothing_and_its_id_is_free_at_once(void **state)
{
    struct fixture *f = *state;
    struct buffer text;
    struct store_request_id found;
    fill(f, 7, 1000);
    fixture_add(f, FACT_CLIENT)->as.client = (struct fact_client){5, 7, 0, false, 0};
    fixture_add(f, FACT_REQUEST)->as.request = (struct fact_request){5, 1, 1, 1, 0};
    fixture_add(f, FACT_CURSOR)->as.cursor = (struct fact_cursor){7, bytes_of_str("c"), 1};
    fixture_add(f, FACT_BATCH)->as.batch =
        (struct fact_batch){.pool = 7, .batch = 1, .first = 1, .count = 1};
    fixture_add(f, FACT_REQUEST_ID)->as.request_id =
        (struct fact_request_id){7, bytes_of_str("id"), 1, 1, 1, 0, 0};
    fixture_commit(f);
    fixture_add(f, FACT_POOL_GONE)->as.pool_gone = 7;
    add_pool(f, 7, 1, 0);
    add_submitted(f, 7, 1)->function = 99;
    fixture_commit(f);
    load_text(f, &text);
    assert_non_null(strstr(buffer_str(&text), "function=99 "));
    assert_null(strstr(buffer_str(&text), "CLIENT"));
    assert_null(strstr(buffer_str(&text), "REQUEST"));
    assert_null(strstr(buffer_str(&text), "CURSOR"));
    assert_null(strstr(buffer_str(&text), "BATCH"));
    assert_int_equal(store_request_id(f->store, 7, bytes_of_str("id"), &found), 0);
    assert_true(store_maintain(f->store));
    fixture_crash(f, "crashed");
    fixture_open(f);
    maintain(f);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM record"), 0);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM command"), 1);
    assert_int_equal(fixture_sql(f,
                                 "SELECT (SELECT count(*) FROM track) + "
                                 "(SELECT count(*) FROM batch) + (SELECT count(*) FROM cursor) + "
                                 "(SELECT count(*) FROM client) + (SELECT count(*) FROM request) "
                                 "+ (SELECT count(*) FROM request_id) + "
                                 "(SELECT count(*) FROM trim)"),
                     0);
    assert_loads(f, buffer_str(&text));
    buffer_done(&text);
}

static void test_maintain__request_ids_are_kept_for_a_week(void **state)
{
    struct fixture *f = *state;
    struct store_request_id found;
    char id[1000][16];
    add_pool(f, 1, 0, 0);
    for (int i = 0; i < 1000; i++) {
        snprintf(id[i], sizeof id[i], "id-%d", i);
        fixture_add(f, FACT_REQUEST_ID)->as.request_id =
            (struct fact_request_id){1, bytes_of_str(id[i]), 1, 1, 1, 0, i * (MUSTER_S * 60)};
    }
    fixture_commit(f);
    maintain(f);
    assert_int_equal(store_request_id(f->store, 1, bytes_of_str("id-0"), &found), 1);
    fixture_add(f, FACT_REQUEST_ID)->as.request_id = (struct fact_request_id){
        1, bytes_of_str("new"), 1, 1, 1, 0, 7 * 86400 * MUSTER_S + 600 * 60 * MUSTER_S};
    fixture_commit(f);
    maintain(f);
    assert_int_equal(store_request_id(f->store, 1, bytes_of_str("id-0"), &found), 0);
    assert_int_equal(store_request_id(f->store, 1, bytes_of_str("id-601"), &found), 1);
    assert_int_equal(store_request_id(f->store, 1, bytes_of_str("new"), &found), 1);
}

static uint64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void test_maintain__log_does_not_grow_without_bound(void **state)
{
    struct fixture *f = *state;
    uint64_t largest = 0;
    for (uint64_t id = 1; id <= 3000; id++) {
        add_pool(f, 1, id, 0);
        add_submitted(f, 1, id)->body = body_handle(id, 20000);
        fixture_commit(f);
        maintain(f);
        if (size_of(f->wal) > largest)
            largest = size_of(f->wal);
    }
    assert_true(largest < UINT64_C(20) << 20);
    assert_true(size_of(f->db) > UINT64_C(40) << 20);
}

static void test_maintain__log_is_bounded_even_if_nobody_maintains(void **state)
{
    struct fixture *f = *state;
    uint64_t largest = 0;
    for (uint64_t id = 1; id <= 300; id++) {
        add_pool(f, 1, id, 0);
        add_submitted(f, 1, id)->body = body_handle(id, 1 << 20);
        fixture_commit(f);
        if (size_of(f->wal) > largest)
            largest = size_of(f->wal);
    }
    assert_true(largest < UINT64_C(70) << 20);
}

static void test_maintain__reserve_is_made_and_made_again(void **state)
{
    struct fixture *f = *state;
    char path[96];
    struct stat st;
    snprintf(path, sizeof path, "%s/reserve", f->store_dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 65536);
    assert_true(st.st_blocks * 512 >= 65536);
    fixture_close(f);
    assert_int_equal(unlink(path), 0);
    fixture_open(f);
    assert_int_equal(size_of(path), 65536);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_maintain__given_up_records_are_hidden_at_once_and_deleted_in_steps),
        STORE_TEST(test_maintain__oldest_is_durable_though_the_totals_lag),
        STORE_TEST(test_maintain__shared_body_stays_until_its_last_sharer_goes),
        STORE_TEST(test_maintain__live_commands_are_never_deleted),
        STORE_TEST(test_maintain__finished_batch_goes_with_its_last_command),
        STORE_TEST(test_maintain__pool_that_is_gone_leaves_nothing_and_its_id_is_free_at_once),
        STORE_TEST(test_maintain__request_ids_are_kept_for_a_week),
        STORE_TEST(test_maintain__log_does_not_grow_without_bound),
        STORE_TEST(test_maintain__log_is_bounded_even_if_nobody_maintains),
        STORE_TEST(test_maintain__reserve_is_made_and_made_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
