/* The heap against a plain array, with removals and changes in the middle. */
#include "tests/unit/cmocka_first.h"

#include <stdlib.h>

#include "base/heap.h"
#include "base/rand.h"

enum { ITEMS = 500 };

/* Item i has keys[i] and sits at places[i]. */
struct fixture {
    struct heap heap;
    int keys[ITEMS];
    uint32_t places[ITEMS];
};

static bool less(const void *ctx, uint32_t a, uint32_t b)
{
    const struct fixture *f = ctx;
    return f->keys[a] != f->keys[b] ? f->keys[a] < f->keys[b] : a < b;
}

static void moved(void *ctx, uint32_t item, uint32_t pos)
{
    struct fixture *f = ctx;
    f->places[item] = pos;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    for (int i = 0; i < ITEMS; i++)
        f->places[i] = (uint32_t)HEAP_NOWHERE;
    *state = f;
    return heap_init(&f->heap, ITEMS, less, moved, f);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    heap_done(&f->heap);
    free(f);
    return 0;
}

static void check_places(const struct fixture *f)
{
    for (uint32_t i = 0; i < heap_count(&f->heap); i++)
        assert_int_equal(f->places[heap_item_at(&f->heap, i)], i);
}

static void test_heap__gives_items_smallest_first(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < ITEMS; i++) {
        f->keys[i] = (int)(i * 7919 % 211);
        heap_push(&f->heap, i);
    }
    uint32_t last = heap_pop(&f->heap);
    while (!heap_is_empty(&f->heap)) {
        uint32_t next = heap_peek(&f->heap);
        assert_int_equal(heap_pop(&f->heap), next);
        assert_true(less(f, last, next));
        assert_int_equal(f->places[next], (uint32_t)HEAP_NOWHERE);
        last = next;
    }
}

static uint32_t least_present(const struct fixture *f)
{
    uint32_t least = ITEMS;
    for (uint32_t i = 0; i < ITEMS; i++) {
        if (f->places[i] != (uint32_t)HEAP_NOWHERE && (least == ITEMS || less(f, i, least)))
            least = i;
    }
    return least;
}

static void test_heap__survives_random_changes_in_the_middle(void **state)
{
    struct fixture *f = *state;
    struct rand rand;
    rand_seed(&rand, 42);
    uint32_t present = 0;
    for (int step = 0; step < 20000; step++) {
        uint32_t item = (uint32_t)rand_below(&rand, ITEMS);
        if (f->places[item] == (uint32_t)HEAP_NOWHERE) {
            f->keys[item] = (int)rand_below(&rand, 100);
            heap_push(&f->heap, item);
            present++;
        } else if (rand_chance(&rand, 1, 2)) {
            assert_int_equal(heap_remove_at(&f->heap, f->places[item]), item);
            present--;
        } else {
            f->keys[item] = (int)rand_below(&rand, 100);
            heap_update_at(&f->heap, f->places[item]);
        }
        assert_int_equal(heap_count(&f->heap), present);
        if (present > 0 && step % 16 == 0)
            assert_int_equal(heap_peek(&f->heap), least_present(f));
        if (step % 256 == 0)
            check_places(f);
    }
}

static void test_heap__works_without_being_told_of_moves(void **state)
{
    struct fixture *f = *state;
    struct heap heap;
    assert_int_equal(heap_init(&heap, 3, less, NULL, f), 0);
    f->keys[0] = 5;
    f->keys[1] = 3;
    f->keys[2] = 4;
    for (uint32_t i = 0; i < 3; i++)
        heap_push(&heap, i);
    assert_int_equal(heap_pop(&heap), 1);
    assert_int_equal(heap_pop(&heap), 2);
    assert_int_equal(heap_pop(&heap), 0);
    heap_done(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_heap__gives_items_smallest_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_heap__survives_random_changes_in_the_middle, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_heap__works_without_being_told_of_moves, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
