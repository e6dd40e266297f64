/*
 * Power cuts and failing disks at any write and sync: what was acknowledged is there, the turn in
 * flight is there whole or not at all, and the store opens: what a cut leaves is not taken for
 * damage.
 */
#include "story.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/rand.h"
#include "faulty_vfs.h"

enum { ROUNDS = 80, OPERATIONS_MAX = 3000, FAILURES = 40 };

/* What the child tells, in memory that both see. */
struct told {
    uint64_t turn; /* the newest that was acknowledged */
    int failed;    /* what store_commit answered at last */
    int has_struck;
};

static struct told *told;
static char cut_directory[96];
static uint64_t cut_seed;

static void on_power(void)
{
    faulty_write_image(cut_directory, cut_seed);
    _exit(0);
}

/* The child: turns until the power goes or a commit fails. */
static void run(struct fixture *f, struct story story, enum fault fault, uint64_t operation)
{
    faulty_register(on_power);
    faulty_arm(fault, operation);
    told->turn = story.turn;
    told->failed = store_open(&f->store, &f->options, &f->error);
    while (told->failed == 0) {
        struct story next = story_after(story);
        story_make_turn(f, story, next);
        told->failed = store_commit(f->store, f->facts, f->n_facts, facts_body, NULL, &f->error);
        f->n_facts = 0;
        if (told->failed == 0)
            told->turn = next.turn;
        story = next;
        if (told->failed == 0)
            store_maintain(f->store);
    }
    told->has_struck = faulty_has_struck();
    if (f->store && store_commit(f->store, f->facts, 1, facts_body, NULL, &f->error) == 0)
        _exit(1); /* went on after a failure */
    on_power();
}

/* Runs a child into the fault; its image becomes the store of the fixture. */
static void run_into(struct fixture *f, struct story story, enum fault fault, uint64_t operation,
                     int round)
{
    int status;
    cut_seed = (uint64_t)round;
    snprintf(cut_directory, sizeof cut_directory, "%s/cut-%d", f->dir, round);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        run(f, story, fault, operation);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    fs_remove_tree(f->store_dir);
    assert_int_equal(rename(cut_directory, f->store_dir), 0);
}

static int set_up(void **state)
{
    told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(told != MAP_FAILED);
    int r = fixture_set_up(state);
    struct fixture *f = *state;
    story_make_turn(f, (struct story){0}, (struct story){0});
    fixture_commit(f);
    fixture_close(f);
    return r;
}

static int tear_down(void **state)
{
    munmap(told, sizeof *told);
    return fixture_tear_down(state);
}

static void test_power__cut_at_any_operation_keeps_what_was_acknowledged(void **state)
{
    struct fixture *f = *state;
    struct story story = {0};
    struct rand rand;
    const char *rounds = getenv("MUSTER_TEST_ROUNDS");
    rand_seed(&rand, 4711);
    for (int i = rounds ? atoi(rounds) : ROUNDS; i > 0; i--) {
        uint64_t max = i % 10 == 0 ? OPERATIONS_MAX : 200;
        run_into(f, story, FAULT_POWER, 1 + rand_below(&rand, max), i);
        story = story_check(f, story, told->turn);
    }
    assert_true(story.turn > ROUNDS);
}

static void test_power__failed_sync_or_write_ends_all_commits(void **state)
{
    static const enum fault faults[] = {FAULT_SYNC, FAULT_WRITE};
    struct fixture *f = *state;
    struct story story = {0};
    struct rand rand;
    rand_seed(&rand, 1147);
    for (int i = 0; i < FAILURES; i++) {
        uint64_t max = i % 10 == 0 ? OPERATIONS_MAX : 300;
        run_into(f, story, faults[i % 2], 1 + rand_below(&rand, max), i);
        assert_true(told->has_struck);
        assert_int_equal(told->failed, -EIO);
        story = story_check(f, story, told->turn);
    }
}

/* The reserve is there to be spent: a disk that is full for one write is no failure. */
static void test_power__full_for_a_moment_is_survived_and_then_a_cut(void **state)
{
    struct fixture *f = *state;
    struct story story = {0};
    struct rand rand;
    rand_seed(&rand, 815);
    for (int i = 0; i < 20; i++) {
        int status;
        uint64_t operation = 1 + rand_below(&rand, 300);
        snprintf(cut_directory, sizeof cut_directory, "%s/cut-%d", f->dir, i);
        cut_seed = (uint64_t)i;
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            faulty_register(on_power);
            faulty_arm(FAULT_FULL, operation);
            if (store_open(&f->store, &f->options, &f->error) != 0)
                _exit(1);
            told->turn = story.turn;
            while (!faulty_has_struck() || faulty_operations() < operation + 100) {
                struct story next = story_after(story);
                story_make_turn(f, story, next);
                if (store_commit(f->store, f->facts, f->n_facts, facts_body, NULL, &f->error) != 0)
                    _exit(2);
                f->n_facts = 0;
                told->turn = next.turn;
                story = next;
            }
            on_power();
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        fs_remove_tree(f->store_dir);
        assert_int_equal(rename(cut_directory, f->store_dir), 0);
        story = story_check(f, story, told->turn);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_power__cut_at_any_operation_keeps_what_was_acknowledged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_power__failed_sync_or_write_ends_all_commits, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_power__full_for_a_moment_is_survived_and_then_a_cut,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
