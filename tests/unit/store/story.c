/* story.c -- see story.h. */
#include "story.h"

enum { PER_TURN_MAX = 20 };

/* The n-th command that is ever recorded: those that are not divisible by seven. */
static uint64_t recorded_as(uint64_t n)
{
    return n + (n - 1) / 6;
}

struct story story_after(struct story story)
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

void story_make_turn(struct fixture *f, struct story from, struct story to)
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

struct story story_check(struct fixture *f, struct story story, uint64_t acknowledged)
{
    struct check check = {.next_live = 1};
    fixture_open(f);
    if (store_load(f->store, check_fact, &check, &f->error) != 0)
        fail_msg("%s", f->error.text);
    assert_true(check.turn >= acknowledged && check.turn <= acknowledged + 1);
    while (story.turn < check.turn)
        story = story_after(story);
    assert_true(check.story.submitted == story.submitted && check.story.head == story.head &&
                check.story.oldest == story.oldest);
    assert_true(check.n_live == story.submitted - story.head && check.n_leased == check.n_live);
    uint64_t pos = story.oldest;
    assert_int_equal(store_records(f->store, 1, pos, UINT32_MAX, true, check_record, &pos),
                     (int)(story.head - story.oldest));
    fixture_close(f);
    return story;
}
