/* What every backend promises (see backend.h), run against each kind of store. */
#include "tests/unit/cmocka_first.h"

#include "tests/unit/backend/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct store_kind *kind;

static int set_up(void **state)
{
    struct store *store = malloc(sizeof *store);
    store_open(store, kind);
    *state = store;
    return 0;
}

static int tear_down(void **state)
{
    store_done(*state);
    free(*state);
    return 0;
}

static void must_be_good(struct store *store, int result)
{
    if (result < 0)
        fail_msg("%d: %s", (int)store->error.code, store->error.text);
}

static void must_fail_with(struct store *store, int result, enum backend_class code,
                           const char *text)
{
    assert_int_equal(result, -1);
    if (store->error.code != code || !strstr(store->error.text, text))
        fail_msg("failed otherwise: %d: %s", (int)store->error.code, store->error.text);
}

static void test_conformance__what_was_put_comes_back(void **state)
{
    struct store *store = *state;
    store_write(store, "a", "content", 7);
    must_be_good(store, store_put(store, "a", "object"));
    assert_int_equal(store->transfer.bytes, 7);
    assert_int_equal(store->transfer.tries, 1);
    assert_true(store->transfer.is_verified);
    assert_false(store->transfer.is_already);
    must_be_good(store, store_get(store, "object", "b"));
    assert_int_equal(store->transfer.bytes, 7);
    assert_true(store_has_content(store, "b", "content", 7));
}

static void test_conformance__empty_object_is_an_object(void **state)
{
    struct store *store = *state;
    static const uint8_t hash_of_nothing[4] = {0xe3, 0xb0, 0xc4, 0x42};
    store_write(store, "a", "", 0);
    must_be_good(store, store_put(store, "a", "empty"));
    assert_memory_equal(store->transfer.sha256, hash_of_nothing, 4);
    assert_int_equal(store_size(store, "empty"), 0);
    must_be_good(store, store_get(store, "empty", "b"));
    assert_true(store_has_content(store, "b", "", 0));
}

static void test_conformance__large_object_is_whole(void **state)
{
    struct store *store = *state;
    enum { SIZE = 5 * 1024 * 1024 + 13 };
    uint8_t *data = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(i * 2654435761U >> 13);
    store_write(store, "a", data, SIZE);
    must_be_good(store, store_put(store, "a", "large"));
    must_be_good(store, store_get(store, "large", "b"));
    assert_true(store_has_content(store, "b", data, SIZE));
    free(data);
}

static void test_conformance__sparse_file_keeps_its_content(void **state)
{
    struct store *store = *state;
    enum { SIZE = 12 * 1024 * 1024 };
    int fd = open(store_path(store, "sparse"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, SIZE), 0);
    assert_int_equal(pwrite(fd, "x", 1, 5000000), 1);
    close(fd);
    must_be_good(store, store_put(store, "sparse", "sparse"));
    assert_int_equal(store->transfer.bytes, SIZE);
    must_be_good(store, store_get(store, "sparse", "back"));
    uint8_t *data = calloc(1, SIZE);
    data[5000000] = 'x';
    assert_true(store_has_content(store, "back", data, SIZE));
    free(data);
}

static void test_conformance__same_content_again_is_already_there(void **state)
{
    struct store *store = *state;
    store_write(store, "a", "same", 4);
    store_write(store, "b", "same", 4);
    must_be_good(store, store_put(store, "a", "object"));
    must_be_good(store, store_put(store, "b", "object"));
    assert_true(store->transfer.is_already);
    assert_true(store->transfer.is_verified);
}

static void test_conformance__other_content_is_refused_unless_overwrite(void **state)
{
    struct store *store = *state;
    store_write(store, "a", "first", 5);
    store_write(store, "b", "other", 5);
    store_write(store, "c", "longer content", 14);
    must_be_good(store, store_put(store, "a", "object"));
    must_fail_with(store, store_put(store, "b", "object"), BACKEND_GENERIC, "overwrite=true");
    must_fail_with(store, store_put(store, "c", "object"), BACKEND_GENERIC, "overwrite=true");
    must_be_good(store, store_get(store, "object", "back"));
    assert_true(store_has_content(store, "back", "first", 5));
    must_be_good(store, store_overwrite(store, "c", "object"));
    assert_false(store->transfer.is_already);
    must_be_good(store, store_get(store, "object", "back"));
    assert_true(store_has_content(store, "back", "longer content", 14));
}

static void test_conformance__names_are_bytes(void **state)
{
    struct store *store = *state;
    char longest[BACKEND_NAME_MAX + 1];
    memset(longest, 'n', BACKEND_NAME_MAX);
    longest[BACKEND_NAME_MAX] = 0;
    const char *const names[] = {"with space", "line\nfeed",     "tab\tquote'\"\\", "größe-λ-日本",
                                 "\xff\xfe",   "%41{x}*?[]<>|&", "-dash",           "~",
                                 "a..b",       longest};
    enum { NAMES = sizeof names / sizeof names[0] };
    for (size_t i = 0; i < NAMES; i++) {
        char content[16];
        snprintf(content, sizeof content, "content %zu", i);
        store_write(store, "a", content, strlen(content));
        must_be_good(store, store_put(store, "a", names[i]));
    }
    for (size_t i = 0; i < NAMES; i++) {
        char content[16];
        snprintf(content, sizeof content, "content %zu", i);
        assert_int_equal(store_size(store, names[i]), (int64_t)strlen(content));
        must_be_good(store, store_get(store, names[i], "b"));
        assert_true(store_has_content(store, "b", content, strlen(content)));
        char *listed = store_list(store, names[i]);
        assert_non_null(strstr(listed, names[i]));
        free(listed);
        bool already = true;
        must_be_good(store, backend_delete(store->backend, bytes_of_str(names[i]), &already, NULL,
                                           &store->error));
        assert_false(already);
    }
    char *left = store_list(store, "");
    assert_string_equal(left, "");
    free(left);
}

static void test_conformance__bad_names_are_refused_by_every_operation(void **state)
{
    struct store *store = *state;
    char too_long[BACKEND_NAME_MAX + 2];
    memset(too_long, 'n', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = 0;
    const struct {
        struct bytes name;
        const char *text;
    } bad[] = {{bytes_of_str(""), "is empty"},
               {bytes_of_str("."), "begins with a dot"},
               {bytes_of_str(".."), "begins with a dot"},
               {bytes_of_str(".hidden"), "begins with a dot"},
               {bytes_of_str("a/b"), "contains a slash"},
               {bytes_of_str("/etc/passwd"), "contains a slash"},
               {bytes_of_str("../x"), "begins with a dot"},
               {bytes_of("a\0b", 3), "contains a NUL byte"},
               {bytes_of_str(too_long), "is longer than 255 bytes"}};
    store_write(store, "a", "x", 1);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct backend_put put = {.local = store_path(store, "a"), .remote = bad[i].name};
        struct backend_get get = {.local = store_path(store, "b"), .remote = bad[i].name};
        struct backend_object object;
        bool already;
        must_fail_with(store, backend_put(store->backend, &put, &store->transfer, &store->error),
                       BACKEND_GENERIC, bad[i].text);
        must_fail_with(store, backend_get(store->backend, &get, &store->transfer, &store->error),
                       BACKEND_GENERIC, bad[i].text);
        must_fail_with(store,
                       backend_delete(store->backend, bad[i].name, &already, NULL, &store->error),
                       BACKEND_GENERIC, bad[i].text);
        must_fail_with(store,
                       backend_query(store->backend, bad[i].name, &object, NULL, &store->error),
                       BACKEND_GENERIC, bad[i].text);
    }
    assert_false(access(store_path(store, "b"), F_OK) == 0);
}

static void test_conformance__missing_source_or_directory_stores_nothing(void **state)
{
    struct store *store = *state;
    assert_int_equal(mkdir(store_path(store, "folder"), 0755), 0);
    assert_int_equal(mkfifo(store_path(store, "fifo"), 0600), 0);
    must_fail_with(store, store_put(store, "absent", "object"), BACKEND_NOT_FOUND,
                   "does not exist");
    must_fail_with(store, store_put(store, "folder", "object"), BACKEND_GENERIC,
                   "is a directory, not a file");
    must_fail_with(store, store_put(store, "fifo", "object"), BACKEND_GENERIC,
                   "is not a regular file");
    assert_int_equal(store->error.retry, BACKEND_NO_RETRY);
    assert_int_equal(store->transfer.tries, 1);
    assert_int_equal(store_size(store, "object"), BACKEND_SIZE_ABSENT);
}

static void test_conformance__source_that_changes_while_it_is_read_stores_nothing(void **state)
{
    struct store *store = *state;
    int fd = open(store_path(store, "growing"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 64 * 1024 * 1024), 0);
    pid_t writer = fork();
    assert_true(writer >= 0);
    if (writer == 0) {
        for (off_t size = 64 * 1024 * 1024;; size++) {
            if (ftruncate(fd, size % 2 ? size : size - 4096) < 0)
                _exit(1);
        }
    }
    struct stat before, now;
    assert_int_equal(fstat(fd, &before), 0);
    do {
        assert_int_equal(fstat(fd, &now), 0);
    } while (now.st_size == before.st_size);
    must_fail_with(store, store_put(store, "growing", "object"), BACKEND_GENERIC, "while it was");
    kill(writer, SIGKILL);
    waitpid(writer, NULL, 0);
    close(fd);
    assert_int_equal(store_size(store, "object"), BACKEND_SIZE_ABSENT);
}

static void test_conformance__get_of_an_absent_object_makes_no_file(void **state)
{
    struct store *store = *state;
    must_fail_with(store, store_get(store, "absent", "b"), BACKEND_NOT_FOUND,
                   "there is no object absent");
    assert_int_equal(access(store_path(store, "b"), F_OK), -1);
}

static void test_conformance__get_checks_the_expected_hash(void **state)
{
    struct store *store = *state;
    uint8_t wrong[BACKEND_HASH_BYTES] = {1};
    store_write(store, "a", "content", 7);
    store_write(store, "b", "old", 3);
    must_be_good(store, store_put(store, "a", "object"));
    struct backend_transfer stored = store->transfer;
    struct backend_get get = {.remote = bytes_of_str("object"), .sha256 = wrong};
    get.local = store_path(store, "b");
    must_fail_with(store, backend_get(store->backend, &get, &store->transfer, &store->error),
                   BACKEND_VALIDATION, "expected SHA-256");
    assert_true(store_has_content(store, "b", "old", 3));
    get.sha256 = stored.sha256;
    get.local = store_path(store, "b");
    must_be_good(store, backend_get(store->backend, &get, &store->transfer, &store->error));
    assert_true(store->transfer.is_verified);
    assert_true(store_has_content(store, "b", "content", 7));
}

static void test_conformance__get_into_a_directory_is_refused(void **state)
{
    struct store *store = *state;
    store_write(store, "a", "x", 1);
    must_be_good(store, store_put(store, "a", "object"));
    assert_int_equal(mkdir(store_path(store, "folder"), 0755), 0);
    must_fail_with(store, store_get(store, "object", "folder"), BACKEND_GENERIC, "is a directory");
    must_fail_with(store, store_get(store, "object", "no/such/place"), BACKEND_NOT_FOUND,
                   "cannot open the directory");
}

static void test_conformance__listing_is_ordered_and_knows_prefixes(void **state)
{
    struct store *store = *state;
    store_write(store, "a", "x", 1);
    static const char *const names[] = {"vol3", "vol1", "sig2", "vol10", "Vol1"};
    for (size_t i = 0; i < 5; i++)
        must_be_good(store, store_put(store, "a", names[i]));
    char *all = store_list(store, ""), *volumes = store_list(store, "vol"),
         *none = store_list(store, "x");
    assert_string_equal(all, "Vol1\nsig2\nvol1\nvol10\nvol3\n");
    assert_string_equal(volumes, "vol1\nvol10\nvol3\n");
    assert_string_equal(none, "");
    free(all);
    free(volumes);
    free(none);
}

static void test_conformance__deleting_what_is_absent_is_success(void **state)
{
    struct store *store = *state;
    bool already = false;
    store_write(store, "a", "x", 1);
    must_be_good(store, store_put(store, "a", "object"));
    must_be_good(store, backend_delete(store->backend, bytes_of_str("object"), &already, NULL,
                                       &store->error));
    assert_false(already);
    must_be_good(store, backend_delete(store->backend, bytes_of_str("object"), &already, NULL,
                                       &store->error));
    assert_true(already);
    must_be_good(store, backend_sync(store->backend, &store->error));
}

static void test_conformance__query_tells_size_time_or_absence(void **state)
{
    struct store *store = *state;
    struct backend_object object;
    store_write(store, "a", "four", 4);
    must_be_good(store, store_put(store, "a", "object"));
    must_be_good(
        store, backend_query(store->backend, bytes_of_str("object"), &object, NULL, &store->error));
    assert_int_equal(object.size, 4);
    int64_t age_ns = time_wall_ns() - object.mtime_wall_ns;
    assert_true(age_ns > -3600 * MUSTER_S && age_ns < 3600 * MUSTER_S);
    assert_int_equal(store_size(store, "absent"), BACKEND_SIZE_ABSENT);
}

static void test_conformance__move_removes_the_source(void **state)
{
    struct store *store = *state;
    store_write(store, "a", "content", 7);
    struct backend_put put = {.local = store_path(store, "a"),
                              .remote = bytes_of_str("object"),
                              .validate = true,
                              .unlink_source = true};
    must_be_good(store, backend_put(store->backend, &put, &store->transfer, &store->error));
    assert_int_equal(access(store_path(store, "a"), F_OK), -1);
    assert_int_equal(store_size(store, "object"), 7);
}

static void test_conformance__refused_move_keeps_the_source(void **state)
{
    struct store *store = *state;
    store_write(store, "a", "content", 7);
    store_write(store, "b", "other!!", 7);
    must_be_good(store, store_put(store, "a", "object"));
    struct backend_put put = {.remote = bytes_of_str("object"), .unlink_source = true};
    put.local = store_path(store, "b");
    assert_int_equal(backend_put(store->backend, &put, &store->transfer, &store->error), -1);
    assert_true(store_has_content(store, "b", "other!!", 7));
    assert_int_equal(symlink("b", store_path(store, "link")), 0);
    put.local = store_path(store, "link");
    put.overwrite = true;
    must_fail_with(store, backend_put(store->backend, &put, &store->transfer, &store->error),
                   BACKEND_GENERIC, "not a regular file");
    assert_true(store_has_content(store, "b", "other!!", 7));
}

/* `n` processes put the same name at the same time; how many of them succeeded. */
static int put_together(struct store *store, int n, bool same_content, bool overwrite)
{
    int good = 0, gate[2];
    char byte;
    assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
    for (int i = 0; i < n; i++) {
        char name[32], content[64];
        snprintf(name, sizeof name, "source%d", i);
        memset(content, same_content ? 's' : 'a' + i, sizeof content);
        store_write(store, name, content, sizeof content);
    }
    for (int i = 0; i < n; i++) {
        if (fork() == 0) {
            char name[32];
            snprintf(name, sizeof name, "source%d", i);
            close(gate[1]);
            if (read(gate[0], &byte, 1) != 0)
                _exit(2);
            int result = overwrite ? store_overwrite(store, name, "together")
                                   : store_put(store, name, "together");
            _exit(result < 0 ? 1 : 0);
        }
    }
    close(gate[1]);
    close(gate[0]);
    for (int i = 0; i < n; i++) {
        int status;
        assert_true(wait(&status) > 0);
        good += WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    return good;
}

static void test_conformance__concurrent_puts_of_one_name_agree(void **state)
{
    struct store *store = *state;
    assert_int_equal(put_together(store, 8, true, false), 8);
    assert_int_equal(store_size(store, "together"), 64);
}

static void test_conformance__concurrent_puts_of_other_content_have_one_winner(void **state)
{
    struct store *store = *state;
    assert_int_equal(put_together(store, 8, false, false), 1);
}

static void test_conformance__concurrent_overwrites_leave_one_whole_object(void **state)
{
    struct store *store = *state;
    assert_int_equal(put_together(store, 8, false, true), 8);
    must_be_good(store, store_get(store, "together", "back"));
    int matches = 0;
    for (int i = 0; i < 8; i++) {
        char content[64];
        memset(content, 'a' + i, sizeof content);
        matches += store_has_content(store, "back", content, sizeof content);
    }
    assert_int_equal(matches, 1);
}

static void test_conformance__killed_put_never_shows_a_part(void **state)
{
    struct store *store = *state;
    enum { SIZE = 16 * 1024 * 1024, KILLS = 25 };
    uint8_t *old = malloc(SIZE), *new = malloc(SIZE);
    memset(old, 'o', SIZE);
    memset(new, 'n', SIZE);
    store_write(store, "old", old, SIZE);
    store_write(store, "new", new, SIZE);
    must_be_good(store, store_put(store, "old", "object"));
    for (int i = 0; i < KILLS; i++) {
        pid_t putter = fork();
        assert_true(putter >= 0);
        if (putter == 0) {
            for (;;) {
                store_overwrite(store, "new", "object");
                store_overwrite(store, "old", "object");
            }
        }
        usleep((useconds_t)(i * 3011 % 40000));
        kill(putter, SIGKILL);
        waitpid(putter, NULL, 0);
        must_be_good(store, store_get(store, "object", "back"));
        assert_true(store_has_content(store, "back", old, SIZE) ||
                    store_has_content(store, "back", new, SIZE));
    }
    char *listed = store_list(store, "");
    assert_string_equal(listed, "object\n");
    free(listed);
    free(old);
    free(new);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_conformance__what_was_put_comes_back),
        EACH(test_conformance__empty_object_is_an_object),
        EACH(test_conformance__large_object_is_whole),
        EACH(test_conformance__sparse_file_keeps_its_content),
        EACH(test_conformance__same_content_again_is_already_there),
        EACH(test_conformance__other_content_is_refused_unless_overwrite),
        EACH(test_conformance__names_are_bytes),
        EACH(test_conformance__bad_names_are_refused_by_every_operation),
        EACH(test_conformance__missing_source_or_directory_stores_nothing),
        EACH(test_conformance__source_that_changes_while_it_is_read_stores_nothing),
        EACH(test_conformance__get_of_an_absent_object_makes_no_file),
        EACH(test_conformance__get_checks_the_expected_hash),
        EACH(test_conformance__get_into_a_directory_is_refused),
        EACH(test_conformance__listing_is_ordered_and_knows_prefixes),
        EACH(test_conformance__deleting_what_is_absent_is_success),
        EACH(test_conformance__query_tells_size_time_or_absence),
        EACH(test_conformance__move_removes_the_source),
        EACH(test_conformance__refused_move_keeps_the_source),
        EACH(test_conformance__concurrent_puts_of_one_name_agree),
        EACH(test_conformance__concurrent_puts_of_other_content_have_one_winner),
        EACH(test_conformance__concurrent_overwrites_leave_one_whole_object),
        EACH(test_conformance__killed_put_never_shows_a_part),
    };
    int failed = 0;
    for (kind = store_kinds; kind->title; kind++)
        failed += cmocka_run_group_tests_name(kind->title, tests, NULL, NULL);
    return failed;
}
