/* A copy is a store of its own; explained, it is a table for people. */
#include "facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

static void fill(struct fixture *f)
{
    static const char *const names[] = {"echo", "web1", "any"};
    for (uint32_t i = 0; i < 3; i++)
        fixture_add(f, FACT_NAME)->as.name = (struct fact_name){3 + i, bytes_of_str(names[i])};
    add_pool(f, 1, 3, 1);
    for (uint64_t id = 1; id <= 3; id++)
        add_submitted(f, 1, id)->selector = 5;
    add_recorded(f, 1, 2, 1)->why = bytes_of_str("because");
    fixture_commit(f);
}

static void test_copy__is_a_store_with_another_log_id(void **state)
{
    struct fixture *f = *state;
    char path[96];
    struct buffer before;
    struct stat st;
    fill(f);
    load_text(f, &before);
    uint64_t log_id = store_log_id(f->store);
    snprintf(path, sizeof path, "%s/copy", f->dir);
    if (store_copy(f->store, path, &f->error) != 0)
        fail_msg("%s", f->error.text);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    add_pool(f, 1, 4, 1); /* the running store goes on */
    add_submitted(f, 1, 4);
    fixture_commit(f);
    fixture_close(f);
    assert_int_equal(rename(path, f->db), 0);
    fixture_open(f);
    assert_true(store_log_id(f->store) != log_id);
    assert_int_equal(store_epoch(f->store), 2);
    assert_loads(f, buffer_str(&before));
    buffer_done(&before);
}

static void test_copy__never_overwrites_and_leaves_nothing_half_done(void **state)
{
    struct fixture *f = *state;
    char path[96];
    char part[112];
    fill(f);
    snprintf(path, sizeof path, "%s/copy", f->dir);
    snprintf(part, sizeof part, "%s.part", path);
    file_write(path, bytes_of_str("precious"));
    assert_int_equal(store_copy(f->store, path, &f->error), -EEXIST);
    assert_non_null(strstr(f->error.text, path));
    struct buffer content;
    file_read(path, &content);
    assert_string_equal(buffer_str(&content), "precious");
    buffer_done(&content);
    assert_false(fs_exists(part));
    snprintf(path, sizeof path, "%s/nowhere/copy", f->dir);
    assert_int_equal(store_copy(f->store, path, &f->error), -ENOENT);
    assert_int_equal(store_failure(f->store, NULL), 0);
}

static void test_copy__explained_it_shows_commands_and_records(void **state)
{
    struct fixture *f = *state;
    char path[96];
    fill(f);
    snprintf(path, sizeof path, "%s/copy", f->dir);
    assert_int_equal(store_copy(f->store, path, &f->error), 0);
    for (int times = 0; times < 2; times++)
        if (store_explain(path, &f->error) != 0)
            fail_msg("%s", f->error.text);
    fixture_close(f);
    assert_int_equal(rename(path, f->db), 0);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM commands WHERE pool = 'default' AND "
                                    "function = 'echo' AND selector = 'any' AND host IS NULL AND "
                                    "submitted LIKE '2026-11-%' AND body_of IS NULL"),
                     3);
    assert_int_equal(fixture_sql(f, "SELECT track_id FROM commands WHERE pos = 1"), 2);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM records WHERE pos = 1 AND track_id = 2 "
                                    "AND state = 'ok' AND reason IS NULL AND host = 'web1' AND "
                                    "why = 'because' AND run_s > 0.00002 AND batch IS NULL"),
                     1);
    assert_int_equal(fixture_sql(f, "SELECT count(*) FROM left_out"), 0);
    fixture_open(f); /* and it is a store still */
}

static void test_copy__file_that_is_not_there_is_told(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(store_explain("/nowhere/copy", &f->error), -EIO);
    assert_non_null(strstr(f->error.text, "/nowhere/copy"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_copy__is_a_store_with_another_log_id),
        STORE_TEST(test_copy__never_overwrites_and_leaves_nothing_half_done),
        STORE_TEST(test_copy__explained_it_shows_commands_and_records),
        STORE_TEST(test_copy__file_that_is_not_there_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
