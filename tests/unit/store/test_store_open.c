/* Opening: a new store, one that is there, and everything that is refused without being touched. */
#include "facts.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"

/* The store at f->options refuses with `code`, says `text`, and leaves its files as they are. */
static void assert_refused(struct fixture *f, int code, const char *text)
{
    struct buffer db_before = BUFFER_EMPTY;
    struct buffer db_after = BUFFER_EMPTY;
    struct buffer wal_before = BUFFER_EMPTY;
    struct buffer wal_after = BUFFER_EMPTY;
    bool has_wal = fs_exists(f->wal);
    assert_int_equal(fs_read_file(f->db, 64 << 20, &db_before), 0);
    if (has_wal)
        file_read(f->wal, &wal_before);
    struct store *store = NULL;
    struct store_error error = {0};
    assert_int_equal(store_open(&store, &f->options, &error), code);
    assert_null(store);
    assert_int_equal(error.code, code);
    if (!strstr(error.text, text))
        fail_msg("'%s' is not in: %s", text, error.text);
    file_read(f->db, &db_after);
    assert_true(bytes_equal(buffer_bytes(&db_before), buffer_bytes(&db_after)));
    assert_int_equal(fs_exists(f->wal), has_wal);
    if (has_wal)
        file_read(f->wal, &wal_after);
    assert_true(bytes_equal(buffer_bytes(&wal_before), buffer_bytes(&wal_after)));
    buffer_done(&db_before);
    buffer_done(&db_after);
    buffer_done(&wal_before);
    buffer_done(&wal_after);
}

static void test_open__new_store_is_private_empty_and_of_epoch_one(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    assert_int_equal(stat(f->store_dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(f->db, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(store_epoch(f->store), 1);
    assert_true(store_log_id(f->store) != 0);
    assert_true(store_free_bytes(f->store) > 0);
    assert_loads(f, "");
}

static void test_open__each_start_raises_the_epoch_and_keeps_the_log_id(void **state)
{
    struct fixture *f = *state;
    uint64_t log_id = store_log_id(f->store);
    for (uint32_t epoch = 2; epoch <= 4; epoch++) {
        fixture_reopen(f);
        assert_int_equal(store_epoch(f->store), epoch);
        assert_true(store_log_id(f->store) == log_id);
    }
    fixture_crash(f, "crashed");
    fixture_open(f);
    assert_int_equal(store_epoch(f->store), 5);
}

static void test_open__second_opener_is_told_who_has_it(void **state)
{
    struct fixture *f = *state;
    struct store *second = NULL;
    struct store_error error;
    char pid[32];
    assert_int_equal(store_open(&second, &f->options, &error), -EWOULDBLOCK);
    assert_null(second);
    assert_int_equal(error.code, -EWOULDBLOCK);
    snprintf(pid, sizeof pid, "process %d.", (int)getpid());
    assert_non_null(strstr(error.text, pid));
    add_pool(f, 1, 1, 0);
    add_submitted(f, 1, 1);
    fixture_commit(f);
}

static void test_open__sqlite_of_another_process_is_locked_out(void **state)
{
    struct fixture *f = *state;
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        sqlite3 *db;
        int r = sqlite3_open(f->db, &db);
        if (r == SQLITE_OK)
            r = sqlite3_exec(db, "SELECT * FROM meta", NULL, NULL, NULL);
        _exit(r == SQLITE_BUSY ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_open__directory_that_others_may_enter_is_refused(void **state)
{
    struct fixture *f = *state;
    fixture_close(f);
    assert_int_equal(chmod(f->store_dir, 0750), 0);
    assert_refused(f, -EACCES, "chmod 700");
    assert_int_equal(chmod(f->store_dir, 0700), 0);
}

/* As a user without rights when the tests run as root, who has them all. */
static int open_without_rights(struct fixture *f, struct store_error *ret_error)
{
    bool root = geteuid() == 0;
    struct store *store = NULL;
    if (root) {
        assert_int_equal(chown(f->dir, 65534, (gid_t)-1), 0);
        assert_int_equal(seteuid(65534), 0);
    }
    assert_int_equal(chmod(f->dir, 0500), 0);
    int r = store_open(&store, &f->options, ret_error);
    assert_int_equal(chmod(f->dir, 0700), 0);
    if (root) {
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(chown(f->dir, 0, (gid_t)-1), 0);
    }
    assert_null(store);
    return r;
}

static void test_open__directory_that_cannot_be_made_is_refused(void **state)
{
    struct fixture *f = *state;
    struct store_error error = {0};
    char dir[96];
    fixture_close(f);
    snprintf(dir, sizeof dir, "%s/other", f->dir);
    f->options.dir = dir;
    assert_int_equal(open_without_rights(f, &error), -EACCES);
    assert_non_null(strstr(error.text, dir));
    assert_non_null(strstr(error.text, "--store"));
    assert_false(fs_exists(dir));
    f->options.dir = f->dir;
    assert_int_equal(open_without_rights(f, &error), -EACCES);
}

static void test_open__file_in_place_of_the_directory_is_refused(void **state)
{
    struct fixture *f = *state;
    struct store *store = NULL;
    struct store_error error = {0};
    char path[96];
    fixture_close(f);
    snprintf(path, sizeof path, "%s/file", f->dir);
    file_write(path, bytes_of_str("x"));
    f->options.dir = path;
    assert_int_equal(store_open(&store, &f->options, &error), -ENOTDIR);
    assert_non_null(strstr(error.text, path));
    f->options.dir = f->store_dir;
}

static void test_open__file_that_is_not_ours_is_refused(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db;
    char text[5000];
    fixture_close(f);
    memset(text, 'x', sizeof text);
    file_write(f->db, bytes_of(text, sizeof text));
    assert_refused(f, -EBADMSG, "is not a Muster store");
    file_write(f->db, bytes_of_str(""));
    assert_refused(f, -EBADMSG, "is not a Muster store");
    file_write(f->db, bytes_of_str("SQLite format 3"));
    assert_refused(f, -EBADMSG, "is not a Muster store");
    assert_int_equal(unlink(f->db), 0);
    assert_int_equal(sqlite3_open(f->db, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE meta(x); PRAGMA user_version = 1", 0, 0, 0),
                     SQLITE_OK);
    sqlite3_close(db);
    assert_refused(f, -EBADMSG, "is not a Muster store");
}

static void test_open__newer_version_is_refused(void **state)
{
    struct fixture *f = *state;
    fixture_close(f);
    fixture_sql(f, "PRAGMA user_version = 2");
    assert_refused(f, -EPROTONOSUPPORT, "newer muster-broker (version 2, this one knows 1)");
    fixture_sql(f, "PRAGMA user_version = 1");
    fixture_open(f);
}

static void test_open__newer_version_in_the_log_is_refused(void **state)
{
    struct fixture *f = *state;
    fixture_close(f);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(f->db, &db), SQLITE_OK);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    assert_int_equal(
        sqlite3_exec(db, "PRAGMA journal_mode = WAL; PRAGMA user_version = 9", 0, 0, 0), SQLITE_OK);
    sqlite3_close(db);
    assert_true(fs_exists(f->wal));
    assert_refused(f, -EPROTONOSUPPORT, "version 9");
}

static void test_open__table_that_is_missing_or_altered_is_refused(void **state)
{
    static const char *const changes[] = {
        "DROP TABLE cursor",
        "ALTER TABLE client ADD COLUMN x",
        "DROP INDEX command_sharer",
        "CREATE TRIGGER t AFTER INSERT ON command BEGIN DELETE FROM command; END",
    };
    struct fixture *f = *state;
    fixture_close(f);
    struct buffer good;
    file_read(f->db, &good);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        fixture_sql(f, changes[i]);
        assert_refused(f, -EBADMSG, i < 3 ? "is damaged" : "triggers");
        file_write(f->db, buffer_bytes(&good));
        unlink(f->wal);
    }
    fixture_open(f);
    buffer_done(&good);
}

static void test_open__tables_of_people_are_left_alone(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_sql(f, "CREATE TABLE commands AS SELECT 42 AS n"), 0);
    assert_int_equal(fixture_sql(f, "SELECT n FROM commands"), 42);
}

static void test_open__log_without_its_file_is_refused(void **state)
{
    struct fixture *f = *state;
    struct store *store = NULL;
    struct store_error error = {0};
    add_pool(f, 1, 1, 0);
    add_submitted(f, 1, 1);
    fixture_commit(f);
    fixture_crash(f, "crashed");
    assert_int_equal(unlink(f->db), 0);
    assert_int_equal(store_open(&store, &f->options, &error), -EBADMSG);
    assert_non_null(strstr(error.text, "is missing"));
    assert_false(fs_exists(f->db));
}

static void test_open__start_that_was_cut_short_is_begun_anew(void **state)
{
    struct fixture *f = *state;
    char fresh[112];
    fixture_close(f);
    assert_int_equal(rename(f->db, f->wal), 0); /* any content */
    snprintf(fresh, sizeof fresh, "%s.new", f->db);
    assert_int_equal(rename(f->wal, fresh), 0);
    fixture_open(f);
    assert_int_equal(store_epoch(f->store), 1);
    assert_false(fs_exists(fresh));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_open__new_store_is_private_empty_and_of_epoch_one),
        STORE_TEST(test_open__each_start_raises_the_epoch_and_keeps_the_log_id),
        STORE_TEST(test_open__second_opener_is_told_who_has_it),
        STORE_TEST(test_open__sqlite_of_another_process_is_locked_out),
        STORE_TEST(test_open__directory_that_others_may_enter_is_refused),
        STORE_TEST(test_open__directory_that_cannot_be_made_is_refused),
        STORE_TEST(test_open__file_in_place_of_the_directory_is_refused),
        STORE_TEST(test_open__file_that_is_not_ours_is_refused),
        STORE_TEST(test_open__newer_version_is_refused),
        STORE_TEST(test_open__newer_version_in_the_log_is_refused),
        STORE_TEST(test_open__table_that_is_missing_or_altered_is_refused),
        STORE_TEST(test_open__tables_of_people_are_left_alone),
        STORE_TEST(test_open__log_without_its_file_is_refused),
        STORE_TEST(test_open__start_that_was_cut_short_is_begun_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
