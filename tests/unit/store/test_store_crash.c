/*
 * kill -9 in the middle of commits: all that was acknowledged is there, and of the rest at most the
 * one turn that was in flight, whole.
 */
#include "story.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rand.h"

enum { ROUNDS = 60 };

/* The child: turn after turn until it is killed, each told to the parent once it is acknowledged.
 */
static void commit_for_ever(struct fixture *f, struct story story, int acknowledge)
{
    if (store_open(&f->store, &f->options, &f->error) != 0)
        _exit(1);
    for (;;) {
        struct story next = story_after(story);
        story_make_turn(f, story, next);
        if (store_commit(f->store, f->facts, f->n_facts, facts_body, NULL, &f->error) != 0)
            _exit(2);
        f->n_facts = 0;
        story = next;
        if (write(acknowledge, &story.turn, sizeof story.turn) != sizeof story.turn)
            _exit(3);
        store_maintain(f->store);
    }
}

/* Kills the child after some acknowledgements; the last turn that it told of. */
static uint64_t run_and_kill(struct fixture *f, struct story story, struct rand *rand)
{
    int pipes[2];
    uint64_t turn = story.turn;
    uint64_t told;
    int status;
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(pipes[0]);
        commit_for_ever(f, story, pipes[1]);
    }
    close(pipes[1]);
    for (uint64_t n = rand_below(rand, 40); n > 0; n--) {
        if (read(pipes[0], &told, sizeof told) != sizeof told)
            break;
        turn = told;
    }
    usleep((useconds_t)rand_below(rand, 1500)); /* anywhere between two acknowledgements */
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFSIGNALED(status))
        fail_msg("the child ended with %d", status);
    while (read(pipes[0], &told, sizeof told) == sizeof told)
        turn = told;
    close(pipes[0]);
    return turn;
}

static void test_crash__what_was_acknowledged_survives_kill_9(void **state)
{
    struct fixture *f = *state;
    struct story story = {0};
    struct rand rand;
    const char *rounds = getenv("MUSTER_TEST_ROUNDS");
    rand_seed(&rand, 20261122);
    story_make_turn(f, story, story);
    fixture_commit(f);
    fixture_close(f);
    for (int i = rounds ? atoi(rounds) : ROUNDS; i > 0; i--)
        story = story_check(f, story, run_and_kill(f, story, &rand));
    assert_true(story.turn > ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_crash__what_was_acknowledged_survives_kill_9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
