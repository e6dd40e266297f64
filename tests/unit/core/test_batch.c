/* Batches: expected sets, counted by how they end. */
#include "tests/unit/core/scene.h"

static struct scene *with_batch(void **state)
{
    struct scene *s = *state;
    worker(s, 101, "web1", 4);
    worker(s, 102, "web2", 4);
    hello(s, 1, 11, "work");
    submit_this(s, 1, 1, (struct submission){.each = true});
    turn(s);
    return s;
}

static const struct fact_batch *stored(struct scene *s)
{
    size_t n;
    const struct fact_batch *last = NULL;
    const struct fact *facts = outbox_facts(s->box, &n);
    for (size_t i = 0; i < n; i++)
        if (facts[i].type == FACT_BATCH)
            last = &facts[i].as.batch;
    return last;
}

static void test_batch__it_counts_ends_by_state(void **state)
{
    struct scene *s = with_batch(state);
    assert_int_equal(stored(s)->first, 1);
    assert_int_equal(stored(s)->count, 2);
    report_ok(s, 101, 1, 1);
    turn(s);
    assert_int_equal(stored(s)->ended[STATE_OK], 1);
    restart(s);
    hello(s, 1, 11, "work");
    struct event_worker_attempt listed = {
        .pool = pool_of(s, 1), .track_id = 2, .attempt = 1, .epoch = 1, .phase = PHASE_SPOOLED};
    greet(s, 102,
          (struct being){
              .host = "web2", .incarnation = 1, .slots = 1, .attempts = &listed, .n_attempts = 1});
    report(s, 102, (struct report){.track_id = 2, .attempt = 1, .epoch = 1, .state = STATE_FAILED});
    turn(s);
    assert_int_equal(stored(s)->ended[STATE_OK], 1);
    assert_int_equal(stored(s)->ended[STATE_FAILED], 1);
    turn(s);
    assert_null(stored(s));
    restart(s);
}

static void test_batch__numbers_are_per_pool_and_never_used_again(void **state)
{
    struct scene *s = with_batch(state);
    report_ok(s, 101, 1, 1);
    report_ok(s, 102, 2, 1);
    turn(s);
    hello(s, 2, 22, "other");
    submit_this(s, 2, 1, (struct submission){.each = true});
    assert_int_equal(sent(s, SEND_SUBMITTED, 2, 0)->as.submitted.batch, 1);
    turn(s);
    restart(s);
    hello(s, 1, 11, "work");
    submit_this(s, 1, 2, (struct submission){.each = true});
    assert_int_equal(sent(s, SEND_SUBMITTED, 1, 0)->as.submitted.batch, 2);
    turn(s);
}

static void test_batch__unfinished_ones_are_bounded(void **state)
{
    struct core_limits limits = scene_limits();
    limits.batches_max = 1;
    struct scene *s = scene_new(&limits);
    void *inner = s;
    (void)state;
    with_batch(&inner);
    submit_this(s, 1, 2, (struct submission){.each = true});
    assert_refused(s, REFUSAL_LIMIT_REACHED, "batches");
    turn(s);
    scene_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_batch__it_counts_ends_by_state),
        SCENE_TEST(test_batch__numbers_are_per_pool_and_never_used_again),
        cmocka_unit_test(test_batch__unfinished_ones_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
