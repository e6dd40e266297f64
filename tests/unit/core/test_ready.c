/* The order of ready commands (S3). */
#include "tests/unit/cmocka_first.h"

#include "base/rand.h"
#include "broker/core/ready.h"

struct yard {
    struct commands commands;
    struct ready ready;
};

static uint32_t add(struct yard *yard, uint64_t track_id, int16_t priority)
{
    uint32_t index = slab_alloc(&yard->commands.items);
    struct command *c = command_at(&yard->commands, index);
    c->id_and_bytes = track_id << 24;
    c->priority = priority;
    c->place = PLACE_READY;
    ready_push(&yard->ready, &yard->commands, index);
    return index;
}

static uint64_t take(struct yard *yard)
{
    uint32_t index = ready_first(&yard->ready, &yard->commands);
    uint64_t id = command_id(command_at(&yard->commands, index));
    ready_remove(&yard->ready, &yard->commands, index);
    slab_free(&yard->commands.items, index);
    return id;
}

static int setup(void **state)
{
    static struct yard yard;
    yard = (struct yard){0};
    commands_init(&yard.commands, 5000, 1);
    *state = &yard;
    return 0;
}

static int teardown(void **state)
{
    struct yard *yard = *state;
    ready_done(&yard->ready);
    commands_done(&yard->commands);
    return 0;
}

static void test_ready__commands_leave_in_the_order_they_came(void **state)
{
    struct yard *yard = *state;
    for (uint64_t id = 1; id <= 100; id++)
        add(yard, id, 0);
    assert_int_equal(yard->ready.heap_count, 0);
    for (uint64_t id = 1; id <= 100; id++)
        assert_int_equal(take(yard), id);
    assert_int_equal(ready_first(&yard->ready, &yard->commands), 0);
}

static void test_ready__a_lower_priority_number_goes_first(void **state)
{
    struct yard *yard = *state;
    add(yard, 1, 5);
    add(yard, 2, 0);
    add(yard, 3, -5);
    add(yard, 4, 0);
    assert_true(ready_check(&yard->ready, &yard->commands));
    assert_int_equal(take(yard), 3);
    assert_int_equal(take(yard), 2);
    assert_int_equal(take(yard), 4);
    assert_int_equal(take(yard), 1);
}

/* S3: one that comes back takes the place of its track_id, before those that came after it. */
static void test_ready__one_that_comes_back_goes_to_the_front(void **state)
{
    struct yard *yard = *state;
    for (uint64_t id = 2; id <= 10; id++)
        add(yard, id, 0);
    add(yard, 1, 0);
    assert_int_equal(yard->ready.heap_count, 1);
    assert_int_equal(take(yard), 1);
    assert_int_equal(yard->ready.heap_max, 0);
}

static void test_ready__random_use_keeps_the_order(void **state)
{
    enum { IDS = 2000, STEPS = 30000 };
    static uint32_t index_of[IDS + 1];
    struct yard *yard = *state;
    struct rand rand;
    rand_seed(&rand, 3);
    for (uint64_t i = 0; i <= IDS; i++)
        index_of[i] = 0;
    for (int step = 0; step < STEPS; step++) {
        uint64_t id = 1 + rand_below(&rand, IDS);
        if (index_of[id] == 0) {
            index_of[id] = add(yard, id, (int16_t)rand_between(&rand, -2, 2));
        } else {
            ready_remove(&yard->ready, &yard->commands, index_of[id]);
            slab_free(&yard->commands.items, index_of[id]);
            index_of[id] = 0;
        }
        if (step % 500 == 0)
            assert_true(ready_check(&yard->ready, &yard->commands));
    }
    struct command last = {.priority = INT16_MIN};
    while (yard->ready.count > 0) {
        uint32_t first = ready_first(&yard->ready, &yard->commands);
        assert_true(command_is_before(&last, command_at(&yard->commands, first)));
        last = *command_at(&yard->commands, first);
        take(yard);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ready__commands_leave_in_the_order_they_came, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_ready__a_lower_priority_number_goes_first, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_ready__one_that_comes_back_goes_to_the_front, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_ready__random_use_keeps_the_order, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
