/* What is special about file: stores: links, permissions, full disks, temporary files, URLs. */
#include "tests/unit/cmocka_first.h"

#include "tests/unit/backend/store.h"
#include "worker/backend/file_temp.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NOBODY = 65534, BLOCK = 64 * 1024 };

static int set_up(void **state)
{
    struct store *store = malloc(sizeof *store);
    store_open(store, &store_kinds[0]);
    *state = store;
    return 0;
}

static int tear_down(void **state)
{
    store_done(*state);
    free(*state);
    return 0;
}

static void must_fail_with(struct store *store, int result, enum backend_class code,
                           const char *text)
{
    assert_int_equal(result, -1);
    if (store->error.code != code || !strstr(store->error.text, text))
        fail_msg("failed otherwise: %d: %s", (int)store->error.code, store->error.text);
}

/* Runs the function in a child, so that limits, mounts and users end with it: its exit status. */
static int in_child(struct store *store, int (*run)(struct store *store))
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(run(store));
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void test_file__link_in_the_store_leads_nowhere(void **state)
{
    struct store *store = *state;
    struct backend_object object;
    store_write(store, "secret", "secret", 6);
    store_write(store, "a", "x", 1);
    assert_int_equal(symlink("../secret", store_path(store, "store/link")), 0);
    assert_int_equal(symlink("/etc/passwd", store_path(store, "store/absolute")), 0);
    must_fail_with(store, store_get(store, "link", "b"), BACKEND_PERMISSION, "symbolic link");
    must_fail_with(store, store_get(store, "absolute", "b"), BACKEND_PERMISSION, "symbolic link");
    must_fail_with(store, store_put(store, "a", "link"), BACKEND_PERMISSION, "symbolic link");
    must_fail_with(store, store_overwrite(store, "a", "link"), BACKEND_PERMISSION, "symbolic link");
    assert_true(store_has_content(store, "secret", "secret", 6));
    char *listed = store_list(store, "");
    assert_string_equal(listed, "");
    free(listed);
    assert_int_equal(
        backend_query(store->backend, bytes_of_str("link"), &object, NULL, &store->error), 0);
    assert_int_equal(object.size, BACKEND_SIZE_UNKNOWN);
    bool already;
    assert_int_equal(
        backend_delete(store->backend, bytes_of_str("link"), &already, NULL, &store->error), 0);
    assert_true(store_has_content(store, "secret", "secret", 6));
}

static void test_file__folder_in_the_store_is_no_object(void **state)
{
    struct store *store = *state;
    bool already;
    store_write(store, "a", "x", 1);
    assert_int_equal(mkdir(store_path(store, "store/folder"), 0755), 0);
    must_fail_with(store, store_get(store, "folder", "b"), BACKEND_GENERIC, "is a directory");
    must_fail_with(store, store_overwrite(store, "a", "folder"), BACKEND_GENERIC, "is a directory");
    must_fail_with(
        store,
        backend_delete(store->backend, bytes_of_str("folder"), &already, NULL, &store->error),
        BACKEND_GENERIC, "is a directory");
}

static void test_file__missing_directory_is_fatal_and_is_made_only_on_request(void **state)
{
    struct store *store = *state;
    store_write(store, "a", "x", 1);
    assert_int_equal(rmdir(store_path(store, "store")), 0);
    must_fail_with(store, store_put(store, "a", "object"), BACKEND_NOT_FOUND, "mounted?");
    assert_int_equal(store->error.retry, BACKEND_FATAL);
    struct bytes none = {NULL, 0};
    must_fail_with(store, backend_list(store->backend, none, none, NULL, NULL, &store->error),
                   BACKEND_NOT_FOUND, "does not exist");
    struct backend_put put = {
        .local = store_path(store, "a"), .remote = bytes_of_str("object"), .mkdir = true};
    assert_int_equal(backend_put(store->backend, &put, &store->transfer, &store->error), 0);
    assert_int_equal(store_size(store, "object"), 1);
}

static int put_as_nobody(struct store *store)
{
    if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
        return 77;
    if (store_put(store, "a", "object") == 0 || store->error.code != BACKEND_PERMISSION ||
        store->error.retry != BACKEND_NO_RETRY || store->transfer.tries != 1)
        return 1;
    bool already;
    if (backend_delete(store->backend, bytes_of_str("there"), &already, NULL, &store->error) == 0 ||
        store->error.code != BACKEND_PERMISSION)
        return 2;
    return store_get(store, "there", "b") == 0 || store->error.code != BACKEND_PERMISSION ? 3 : 0;
}

static void test_file__read_only_directory_is_a_matter_of_permission(void **state)
{
    struct store *store = *state;
    store_write(store, "a", "x", 1);
    assert_int_equal(store_put(store, "a", "there"), 0);
    assert_int_equal(chmod(store_path(store, "store"), 0555), 0);
    assert_int_equal(chmod(store->dir, 0555), 0);
    int status = in_child(store, put_as_nobody);
    assert_int_equal(chmod(store->dir, 0755), 0);
    if (status == 77)
        skip();
    assert_int_equal(status, 0);
}

static int put_with_a_file_limit(struct store *store)
{
    struct rlimit limit = {.rlim_cur = BLOCK, .rlim_max = BLOCK};
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
        return 77;
    if (store_put(store, "large", "object") == 0 || store->error.code != BACKEND_NO_SPACE ||
        store->transfer.tries != 1)
        return 1;
    return store_size(store, "object") == BACKEND_SIZE_ABSENT && store_count_files(store) == 0 ? 0
                                                                                               : 2;
}

static void write_large(struct store *store)
{
    char *data = malloc(4 * BLOCK);
    memset(data, 'l', 4 * BLOCK);
    store_write(store, "large", data, 4 * BLOCK);
    free(data);
}

static void test_file__file_size_limit_is_no_space_and_leaves_nothing(void **state)
{
    struct store *store = *state;
    write_large(store);
    assert_int_equal(in_child(store, put_with_a_file_limit), 0);
}

static int put_on_a_full_disk(struct store *store)
{
    char options[64];
    snprintf(options, sizeof options, "size=%d", 2 * BLOCK);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", store_path(store, "store"), "tmpfs", 0, options) < 0)
        return 77;
    if (store_put(store, "large", "object") == 0 || store->error.code != BACKEND_NO_SPACE ||
        store->error.retry != BACKEND_NO_RETRY)
        return 1;
    if (store_size(store, "object") != BACKEND_SIZE_ABSENT || store_count_files(store) != 0)
        return 2;
    /* What fits can be stored afterwards. */
    return store_put(store, "small", "object") == 0 ? 0 : 3;
}

static void test_file__full_disk_is_no_space_and_leaves_nothing(void **state)
{
    struct store *store = *state;
    write_large(store);
    store_write(store, "small", "x", 1);
    int status = in_child(store, put_on_a_full_disk);
    if (status == 77) {
        print_message("no mount here\n");
        skip();
    }
    assert_int_equal(status, 0);
}

/* A temporary file for this object; locked by a living owner as long as the descriptor is open. */
static struct file_temp make_temp(struct store *store, const char *object)
{
    struct file_temp temp;
    int root = open(store_path(store, "store"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(root >= 0);
    assert_int_equal(file_temp_create(root, bytes_of_str(object), &temp), 0);
    return temp;
}

static void leave_temp(struct file_temp *temp)
{
    close(temp->fd);
    close(temp->directory);
}

static void make_old(struct store *store, const char *name)
{
    char path[128];
    struct timespec old = {.tv_sec = time(NULL) - 2 * 24 * 3600}, times[2] = {old, old};
    snprintf(path, sizeof path, "store/%s", name);
    assert_int_equal(utimensat(AT_FDCWD, store_path(store, path), times, 0), 0);
}

static void test_file__leftover_of_the_same_object_goes_with_the_next_put(void **state)
{
    struct store *store = *state;
    struct file_temp dead = make_temp(store, "object");
    leave_temp(&dead);
    assert_int_equal(store_count_files(store), 1);
    store_write(store, "a", "x", 1);
    assert_int_equal(store_put(store, "a", "object"), 0);
    assert_int_equal(store_count_files(store), 1);
    assert_int_equal(store_size(store, "object"), 1);
}

static void test_file__leftover_of_another_object_stays_for_a_day(void **state)
{
    struct store *store = *state;
    struct file_temp dead = make_temp(store, "another");
    leave_temp(&dead);
    free(store_list(store, ""));
    assert_int_equal(store_count_files(store), 1);
    make_old(store, dead.name);
    char *listed = store_list(store, "");
    assert_string_equal(listed, "");
    free(listed);
    assert_int_equal(store_count_files(store), 0);
}

static void test_file__old_leftover_goes_with_a_put_of_anything(void **state)
{
    struct store *store = *state;
    struct file_temp dead = make_temp(store, "another");
    leave_temp(&dead);
    make_old(store, dead.name);
    store_write(store, "a", "x", 1);
    assert_int_equal(store_put(store, "a", "object"), 0);
    assert_int_equal(store_count_files(store), 1);
}

static void test_file__living_put_keeps_its_temporary_file(void **state)
{
    struct store *store = *state;
    struct file_temp alive = make_temp(store, "object");
    make_old(store, alive.name);
    store_write(store, "a", "x", 1);
    assert_int_equal(store_put(store, "a", "object"), 0);
    free(store_list(store, ""));
    assert_int_equal(store_count_files(store), 2);
    file_temp_drop(&alive);
    close(alive.directory);
    assert_int_equal(store_count_files(store), 1);
}

static void test_file__object_that_is_the_source_is_already_there_but_cannot_be_moved(void **state)
{
    struct store *store = *state;
    store_write(store, "store/object", "x", 1);
    assert_int_equal(store_put(store, "store/object", "object"), 0);
    assert_true(store->transfer.is_already);
    struct backend_put put = {.local = store_path(store, "store/object"),
                              .remote = bytes_of_str("object"),
                              .unlink_source = true};
    must_fail_with(store, backend_put(store->backend, &put, &store->transfer, &store->error),
                   BACKEND_GENERIC, "same file");
    assert_int_equal(store_size(store, "object"), 1);
}

static void test_file__holes_stay_holes(void **state)
{
    struct store *store = *state;
    struct stat status;
    int fd = open(store_path(store, "sparse"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 64 * 1024 * 1024), 0);
    close(fd);
    assert_int_equal(store_put(store, "sparse", "object"), 0);
    assert_int_equal(stat(store_path(store, "store/object"), &status), 0);
    assert_int_equal(status.st_size, 64 * 1024 * 1024);
    assert_true(status.st_blocks * 512 < 1024 * 1024);
}

static void test_file__urls(void **state)
{
    struct store *store = *state;
    struct backend *backend;
    static const char *const bad[] = {"file:",        "file://",      "file://host/dir",
                                      "file:///a%2",  "file:///a%zz", "file:///a%00b",
                                      "file:///a%+1", "/just/a/path", ""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(backend_open(bad[i], "/", &backend, &store->error), -1);
        assert_int_equal(store->error.retry, BACKEND_FATAL);
        assert_true(strlen(store->error.text) > 0);
    }
    assert_int_equal(mkdir(store_path(store, "with space"), 0755), 0);
    static const char *const good[] = {"file:with%20space", "file:with space", "FILE:./with space",
                                       NULL, NULL};
    store_write(store, "a", "x", 1);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char url[256];
        if (i < 3)
            snprintf(url, sizeof url, "%s", good[i]);
        else if (i == 3)
            snprintf(url, sizeof url, "file://localhost%s/with%%20space", store->dir);
        else
            snprintf(url, sizeof url, "file:%s/with space", store->dir);
        assert_int_equal(backend_open(url, store->dir, &backend, &store->error), 0);
        char name[8];
        snprintf(name, sizeof name, "o%zu", i);
        struct backend_put put = {.local = store_path(store, "a"), .remote = bytes_of_str(name)};
        assert_int_equal(backend_put(backend, &put, &store->transfer, &store->error), 0);
        backend_close(backend);
        char path[32];
        snprintf(path, sizeof path, "with space/%s", name);
        assert_true(store_has_content(store, path, "x", 1));
    }
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_file__link_in_the_store_leads_nowhere),
        EACH(test_file__folder_in_the_store_is_no_object),
        EACH(test_file__missing_directory_is_fatal_and_is_made_only_on_request),
        EACH(test_file__read_only_directory_is_a_matter_of_permission),
        EACH(test_file__file_size_limit_is_no_space_and_leaves_nothing),
        EACH(test_file__full_disk_is_no_space_and_leaves_nothing),
        EACH(test_file__leftover_of_the_same_object_goes_with_the_next_put),
        EACH(test_file__leftover_of_another_object_stays_for_a_day),
        EACH(test_file__old_leftover_goes_with_a_put_of_anything),
        EACH(test_file__living_put_keeps_its_temporary_file),
        EACH(test_file__object_that_is_the_source_is_already_there_but_cannot_be_moved),
        EACH(test_file__holes_stay_holes),
        EACH(test_file__urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
