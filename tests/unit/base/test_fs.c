/* Files, in a fresh directory for each test. */
#include "tests/unit/cmocka_first.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"

struct fixture {
    char dir[64];
    char path[128];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    snprintf(f->dir, sizeof f->dir, "/tmp/muster-test-fs-XXXXXX");
    *state = f;
    return mkdtemp(f->dir) ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    int r = fs_remove_tree(f->dir);
    free(f);
    return r;
}

/* The path of a name in the test's directory, valid until the next call. */
static const char *in(struct fixture *f, const char *name)
{
    snprintf(f->path, sizeof f->path, "%s/%s", f->dir, name);
    return f->path;
}

static void assert_content(const char *path, const char *expected)
{
    struct buffer buffer = BUFFER_EMPTY;
    assert_int_equal(fs_read_file(path, 1 << 20, &buffer), 0);
    assert_string_equal(buffer_str(&buffer), expected);
    buffer_done(&buffer);
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode & 07777;
}

static void test_fs__atomic_write_replaces_and_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    const char *path = in(f, "file");
    assert_int_equal(fs_write_file_atomic(path, "old", 3, 0640), 0);
    assert_int_equal(mode_of(path), 0640);
    assert_int_equal(fs_write_file_atomic(path, "newer", 5, 0600), 0);
    assert_int_equal(mode_of(path), 0600);
    assert_content(path, "newer");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(f->dir), 0);
    assert_int_equal(fs_write_file_atomic(path, "x", 1, 0600), -ENOENT);
}

static void test_fs__reading_stops_at_the_limit(void **state)
{
    struct fixture *f = *state;
    enum { SIZE = 50000 };
    char *content = malloc(SIZE + 1);
    memset(content, 'c', SIZE);
    content[SIZE] = '\0';
    const char *path = in(f, "large");
    assert_int_equal(fs_write_file_atomic(path, content, SIZE, 0600), 0);
    assert_content(path, content);
    struct buffer buffer = BUFFER_EMPTY;
    assert_int_equal(fs_read_file(path, SIZE - 1, &buffer), -EFBIG);
    buffer_reset(&buffer);
    assert_int_equal(fs_read_file(path, SIZE, &buffer), 0);
    assert_int_equal(buffer.size, SIZE);
    assert_int_equal(fs_read_file(in(f, "missing"), SIZE, &buffer), -ENOENT);
    buffer_done(&buffer);
    free(content);
}

static void test_fs__whole_writes_survive_a_slow_pipe(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    char *sent = malloc(SIZE);
    char *got = malloc(SIZE + 1);
    for (size_t i = 0; i < SIZE; i++)
        sent[i] = (char)(i * 31 >> 3);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(fs_write_all(ends[1], sent, SIZE) == 0 ? 0 : 1);
    close(ends[1]);
    assert_int_equal(fs_read_all(ends[0], got, SIZE + 1), SIZE);
    assert_memory_equal(sent, got, SIZE);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(fs_close(ends[0]), -1);
    assert_int_equal(fs_close(-1), -1);
    free(sent);
    free(got);
}

static void test_fs__directories_are_made_with_their_parents(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fs_mkdir_p(in(f, "a/b//c/"), 0750), 0);
    assert_int_equal(fs_mkdir_p(in(f, "a/b/c"), 0750), 0);
    assert_true(fs_exists(in(f, "a/b/c")));
    assert_int_equal(fs_write_file_atomic(in(f, "a/file"), "", 0, 0600), 0);
    assert_int_equal(fs_mkdir_p(in(f, "a/file"), 0750), -ENOTDIR);
    assert_int_equal(fs_mkdir_p(in(f, "a/file/x"), 0750), -ENOTDIR);
}

static void test_fs__a_private_directory_must_be_closed_to_others(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fs_mkdir_private(in(f, "run/muster")), 0);
    assert_int_equal(mode_of(f->path), 0700);
    assert_int_equal(fs_mkdir_private(f->path), 0);
    assert_int_equal(chmod(f->path, 0750), 0);
    assert_int_equal(fs_mkdir_private(f->path), -EPERM);
    assert_int_equal(symlink(f->dir, in(f, "link")), 0);
    assert_int_equal(fs_mkdir_private(f->path), -ENOTDIR);
}

static void test_fs__a_lock_has_one_holder_until_it_is_closed(void **state)
{
    struct fixture *f = *state;
    const char *path = in(f, "lock");
    int first = fs_lock(path);
    assert_true(first >= 0);
    assert_int_equal(fs_lock(path), -EWOULDBLOCK);
    char pid[24];
    snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    assert_content(path, pid);
    fs_close(first);
    int second = fs_lock(path);
    assert_true(second >= 0);
    fs_close(second);
    assert_int_equal(fs_lock(in(f, "missing/lock")), -ENOENT);
}

static void test_fs__a_removed_lock_file_does_not_count(void **state)
{
    struct fixture *f = *state;
    int old = fs_lock(in(f, "lock"));
    assert_true(old >= 0);
    assert_int_equal(unlink(f->path), 0);
    int fresh = fs_lock(f->path);
    assert_true(fresh >= 0);
    assert_int_equal(fs_lock(f->path), -EWOULDBLOCK);
    fs_close(old);
    assert_int_equal(fs_lock(f->path), -EWOULDBLOCK);
    fs_close(fresh);
}

static void test_fs__a_tree_goes_and_what_its_links_name_stays(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fs_mkdir_p(in(f, "kept"), 0700), 0);
    assert_int_equal(fs_write_file_atomic(in(f, "kept/file"), "k", 1, 0600), 0);
    assert_int_equal(fs_mkdir_p(in(f, "tree/x/y/z"), 0700), 0);
    assert_int_equal(fs_write_file_atomic(in(f, "tree/x/file"), "k", 1, 0400), 0);
    char target[128];
    snprintf(target, sizeof target, "%s/kept", f->dir);
    assert_int_equal(symlink(target, in(f, "tree/x/link")), 0);
    assert_int_equal(chmod(in(f, "tree/x/y"), 0500), 0);
    assert_int_equal(chmod(in(f, "tree/x/y/z"), 0), 0);
    assert_int_equal(fs_remove_tree(in(f, "tree")), 0);
    assert_false(fs_exists(f->path));
    assert_content(in(f, "kept/file"), "k");
    assert_int_equal(symlink(target, in(f, "link")), 0);
    assert_int_equal(fs_remove_tree(f->path), 0);
    assert_content(in(f, "kept/file"), "k");
    assert_int_equal(fs_remove_tree(in(f, "missing")), 0);
    assert_int_equal(fs_remove_tree(in(f, "kept/file")), 0);
}

static void test_fs__a_tree_without_end_is_refused(void **state)
{
    struct fixture *f = *state;
    int fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 520; i++) {
        assert_int_equal(mkdirat(fd, "d", 0700), 0);
        int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        fs_close(fd);
        fd = next;
    }
    fs_close(fd);
    assert_int_equal(fs_remove_tree(in(f, "d")), -ELOOP);
    char inner[128];
    snprintf(inner, sizeof inner, "%s/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d", f->dir);
    assert_int_equal(rename(inner, in(f, "e")), 0);
    assert_int_equal(fs_remove_tree(in(f, "e")), 0);
    assert_int_equal(fs_remove_tree(in(f, "d")), 0);
}

static void test_fs__free_space_and_syncs_answer(void **state)
{
    struct fixture *f = *state;
    uint64_t bytes = 0;
    assert_int_equal(fs_free_bytes(f->dir, &bytes), 0);
    assert_true(bytes > 0);
    assert_int_equal(fs_free_bytes(in(f, "missing"), &bytes), -ENOENT);
    assert_int_equal(fs_sync_dir(f->dir), 0);
    assert_int_equal(fs_sync_parent(in(f, "whatever")), 0);
    assert_int_equal(fs_sync_parent("whatever"), 0);
    assert_int_equal(fs_sync_parent("/whatever"), 0);
    assert_int_equal(fs_sync_dir(in(f, "missing")), -ENOENT);
}

static void test_fs__join_puts_one_slash_between(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"a//", "/b", "a/b"}, {"/", "b", "/b"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buffer buffer = BUFFER_EMPTY;
        assert_int_equal(fs_join(&buffer, cases[i][0], cases[i][1]), 0);
        assert_string_equal(buffer_str(&buffer), cases[i][2]);
        buffer_done(&buffer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fs__reading_stops_at_the_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fs__atomic_write_replaces_and_leaves_nothing_behind,
                                        setup, teardown),
        cmocka_unit_test(test_fs__whole_writes_survive_a_slow_pipe),
        cmocka_unit_test_setup_teardown(test_fs__directories_are_made_with_their_parents, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_fs__a_private_directory_must_be_closed_to_others,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_fs__a_lock_has_one_holder_until_it_is_closed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_fs__a_removed_lock_file_does_not_count, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_fs__a_tree_goes_and_what_its_links_name_stays, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_fs__a_tree_without_end_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fs__free_space_and_syncs_answer, setup, teardown),
        cmocka_unit_test(test_fs__join_puts_one_slash_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
