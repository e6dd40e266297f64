/*
 * kill -9 in the middle of commits: all that was acknowledged is there, and of the rest at most the
 * one turn that was in flight, whole.
 *
 * The store's content is a function of the number of turns, which a cursor in the same transactions
 * counts: turn k submits 1 + k % 20 commands, hands them out, and records the oldest live ones,
 * except every seventh command, which stays running.
 */
#include "facts.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rand.h"

enum { ROUNDS = 60, PER_TURN_MAX = 20 };

/* Where the story stands after some turns. */
struct story {
    uint64_t turn, submitted, head, oldest;
};

/* The n-th command that is ever recorded: those that are not divisible by seven. */
static uint64_t recorded_as(uint64_t n)
{
    return n + (n - 1) / 6;
}

static struct story after(struct story story)
{
    story.turn++;
    uint64_t ready = story.submitted - story.submitted / 7; /* recorded at the latest by now */
    story.submitted += 1 + story.turn % PER_TURN_MAX;
    for (uint64_t i = 0; i < story.turn % (PER_TURN_MAX + 5) && story.head < ready; i++)
        story.head++;
    if (story.turn % 50 == 0)
        story.oldest = story.head / 2;
    return story;
}

static void make_turn(struct fixture *f, struct story from, struct story to)
{
    for (uint64_t id = from.submitted + 1; id <= to.submitted; id++)
        add_submitted(f, 1, id)->body = body_handle(id, id % 30 == 0 ? 9000 : 100);
    for (uint64_t id = from.submitted + 1; id <= to.submitted; id++)
        add_leased(f, 1, id, 1);
    for (uint64_t pos = from.head + 1; pos <= to.head; pos++)
        add_recorded(f, 1, recorded_as(pos), pos);
    fixture_add(f, FACT_CURSOR)->as.cursor =
        (struct fact_cursor){1, bytes_of_str("turns"), to.turn};
    if (to.oldest > from.oldest)
        fixture_add(f, FACT_OLDEST)->as.oldest = (struct fact_oldest){1, to.oldest};
    add_pool(f, 1, to.submitted, to.head);
    f->totals.oldest = to.oldest;
}

/* The child: turn after turn until it is killed, each told to the parent once it is acknowledged.
 */
static void commit_for_ever(struct fixture *f, struct story story, int acknowledge)
{
    if (store_open(&f->store, &f->options, &f->error) != 0)
        _exit(1);
    for (;;) {
        struct story next = after(story);
        make_turn(f, story, next);
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

/* What a load shows, checked against the story as it comes. */
struct check {
    struct story story;
    uint64_t turn;
    uint64_t next_live; /* the lowest id that may be loaded next */
    uint64_t n_live, n_leased;
};

static void check_fact(void *ctx, const struct fact *fact)
{
    struct check *check = ctx;
    if (fact->type == FACT_CURSOR) {
        check->turn = fact->as.cursor.pos;
    } else if (fact->type == FACT_POOL) {
        check->story.submitted = fact->as.pool.totals->next_track_id - 1;
        check->story.head = fact->as.pool.totals->head;
        check->story.oldest = fact->as.pool.totals->oldest;
    } else if (fact->type == FACT_SUBMITTED) {
        assert_true(fact->as.submitted.track_id >= check->next_live);
        check->next_live = fact->as.submitted.track_id + 1;
        check->n_live++;
        bool seventh = fact->as.submitted.track_id % 7 == 0;
        assert_true(seventh ||
                    fact->as.submitted.track_id > recorded_as(check->story.head + 1) - 1);
    } else if (fact->type == FACT_LEASED) {
        assert_true(fact->as.leased.track_id == check->next_live - 1);
        check->n_leased++;
    }
}

static int check_record(void *ctx, const struct store_record *record)
{
    uint64_t *pos = ctx;
    ++*pos;
    assert_true(record->fact.pos == *pos && record->fact.track_id == recorded_as(*pos));
    assert_true(bytes_equal(record->body, facts_body(NULL, body_handle(1000000 + *pos, 100))));
    uint64_t id = record->fact.track_id;
    assert_true(
        bytes_equal(record->command, facts_body(NULL, body_handle(id, id % 30 == 0 ? 9000 : 100))));
    return 0;
}

/* The store holds the story as it is after `acknowledged` turns, or one more: which it is. */
static struct story check_store(struct fixture *f, struct story story, uint64_t acknowledged)
{
    struct check check = {.next_live = 1};
    fixture_open(f);
    if (store_load(f->store, check_fact, &check, &f->error) != 0)
        fail_msg("%s", f->error.text);
    assert_true(check.turn >= acknowledged && check.turn <= acknowledged + 1);
    while (story.turn < check.turn)
        story = after(story);
    assert_true(check.story.submitted == story.submitted && check.story.head == story.head &&
                check.story.oldest == story.oldest);
    assert_true(check.n_live == story.submitted - story.head && check.n_leased == check.n_live);
    uint64_t pos = story.oldest;
    assert_int_equal(store_records(f->store, 1, pos, UINT32_MAX, true, check_record, &pos),
                     (int)(story.head - story.oldest));
    fixture_close(f);
    return story;
}

static void test_crash__what_was_acknowledged_survives_kill_9(void **state)
{
    struct fixture *f = *state;
    struct story story = {0};
    struct rand rand;
    const char *rounds = getenv("MUSTER_TEST_ROUNDS");
    rand_seed(&rand, 20261122);
    make_turn(f, story, story);
    fixture_commit(f);
    fixture_close(f);
    for (int i = rounds ? atoi(rounds) : ROUNDS; i > 0; i--)
        story = check_store(f, story, run_and_kill(f, story, &rand));
    assert_true(story.turn > ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_crash__what_was_acknowledged_survives_kill_9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
