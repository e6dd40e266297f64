/*
 * The disk is full: the reserve is spent, then the commit fails as a whole, and nothing that was
 * acknowledged is lost.
 *
 * Two ways to a full disk: a limit on the size of files, which every system has and which the
 * reserve cannot help; and a small tmpfs, which needs the right to mount. Both in a child, so that
 * neither limit nor mount outlives the test.
 */
#include "facts.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"

enum { SKIPPED = 77 };

/* A test in a child says what is wrong and ends with 1; cmocka's own asserts stay in the parent. */
#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                             \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static int run_in_child(struct fixture *f, void (*child)(struct fixture *f))
{
    int status;
    fixture_close(f);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        child(f);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* One command with a body of 20,000 bytes. */
static int commit_one(struct fixture *f, uint64_t id)
{
    f->n_facts = 0;
    add_pool(f, 1, id, 0);
    add_submitted(f, 1, id)->body = body_handle(id, 20000);
    f->error = (struct store_error){0};
    return store_commit(f->store, f->facts, f->n_facts, facts_body, NULL, &f->error);
}

static void count(void *ctx, const struct fact *fact)
{
    uint64_t *n = ctx;
    if (fact->type == FACT_SUBMITTED && fact->as.submitted.track_id == *n + 1)
        ++*n;
}

static uint64_t commands_in_store(struct fixture *f)
{
    uint64_t n = 0;
    CHECK(store_load(f->store, count, &n, &f->error) == 0);
    return n;
}

static void check_out_of_space(struct fixture *f)
{
    if (f->error.code != -ENOSPC)
        fprintf(stderr, "%d: %s\n", f->error.code, f->error.text);
    CHECK(f->error.code == -ENOSPC);
    CHECK(strstr(f->error.text, "Free some space") != NULL);
    CHECK(store_failure(f->store, NULL) == -ENOSPC);
    CHECK(commit_one(f, 1) == -ENOSPC); /* it does not go on, whatever comes */
    CHECK(!store_maintain(f->store));
}

static void fill_up_to_file_size(struct fixture *f)
{
    struct rlimit limit = {.rlim_cur = 2 << 20, .rlim_max = RLIM_INFINITY};
    CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK(store_open(&f->store, &f->options, &f->error) == 0);
    uint64_t id = 0;
    while (commit_one(f, id + 1) == 0)
        CHECK(++id < 10000);
    CHECK(id > 10);
    check_out_of_space(f);
    store_close(f->store);
    limit.rlim_cur = RLIM_INFINITY;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK(store_open(&f->store, &f->options, &f->error) == 0);
    CHECK(commands_in_store(f) == id);
    CHECK(commit_one(f, id + 1) == 0);
    store_close(f->store);
}

static void test_full__file_that_cannot_grow_fails_the_commit_as_a_whole(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(run_in_child(f, fill_up_to_file_size), 0);
}

/* Writes until nothing more fits. */
static void fill_disk(const char *path)
{
    static const char zeros[4096];
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    while (write(fd, zeros, sizeof zeros) == sizeof zeros)
        continue;
    CHECK(errno == ENOSPC);
    close(fd);
}

static void fill_up_tmpfs(struct fixture *f)
{
    char ballast[96];
    char reserve[96];
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", f->store_dir, "tmpfs", 0, "size=8m,mode=0700") < 0)
        _exit(SKIPPED);
    snprintf(ballast, sizeof ballast, "%s/ballast", f->store_dir);
    snprintf(reserve, sizeof reserve, "%s/reserve", f->store_dir);
    f->options.reserve_bytes = 1 << 20;
    CHECK(store_open(&f->store, &f->options, &f->error) == 0);
    CHECK(fs_exists(reserve));
    CHECK(commit_one(f, 1) == 0);
    fill_disk(ballast);
    CHECK(store_free_bytes(f->store) == 0);
    uint64_t id = 1;
    while (fs_exists(reserve)) {
        CHECK(commit_one(f, id + 1) == 0);
        CHECK(++id < 1000);
    }
    CHECK(commit_one(f, id + 1) == 0); /* with the space of the reserve */
    id++;
    store_maintain(f->store);
    CHECK(!fs_exists(reserve)); /* there is no room to make it again */
    fill_disk(ballast);
    while (commit_one(f, id + 1) == 0)
        CHECK(++id < 1000);
    check_out_of_space(f);
    store_close(f->store);
    CHECK(unlink(ballast) == 0);
    CHECK(store_open(&f->store, &f->options, &f->error) == 0);
    CHECK(commands_in_store(f) == id);
    CHECK(fs_exists(reserve));
    CHECK(commit_one(f, id + 1) == 0);
    CHECK(commands_in_store(f) == id + 1);
    store_close(f->store);
}

static void test_full__reserve_carries_the_commit_once_then_it_fails(void **state)
{
    struct fixture *f = *state;
    int status = run_in_child(f, fill_up_tmpfs);
    if (status == SKIPPED) {
        print_message("SKIPPED: no right to mount a tmpfs, so the reserve is not tested here\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static void reserve_comes_back(struct fixture *f)
{
    char ballast[96];
    char reserve[96];
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", f->store_dir, "tmpfs", 0, "size=8m,mode=0700") < 0)
        _exit(SKIPPED);
    snprintf(ballast, sizeof ballast, "%s/ballast", f->store_dir);
    snprintf(reserve, sizeof reserve, "%s/reserve", f->store_dir);
    f->options.reserve_bytes = 1 << 20;
    CHECK(store_open(&f->store, &f->options, &f->error) == 0);
    fill_disk(ballast);
    for (uint64_t id = 1; fs_exists(reserve); id++) {
        CHECK(id < 1000);
        CHECK(commit_one(f, id) == 0);
    }
    CHECK(unlink(ballast) == 0);
    while (store_maintain(f->store))
        continue;
    CHECK(fs_exists(reserve));
    store_close(f->store);
}

static void test_full__reserve_is_made_again_when_there_is_room(void **state)
{
    struct fixture *f = *state;
    int status = run_in_child(f, reserve_comes_back);
    if (status == SKIPPED) {
        print_message("SKIPPED: no right to mount a tmpfs, so the reserve is not tested here\n");
        skip();
    }
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_full__file_that_cannot_grow_fails_the_commit_as_a_whole),
        STORE_TEST(test_full__reserve_carries_the_commit_once_then_it_fails),
        STORE_TEST(test_full__reserve_is_made_again_when_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
