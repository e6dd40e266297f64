/* Live commands by track_id. */
#include "tests/unit/cmocka_first.h"

#include "base/rand.h"
#include "broker/core/pages.h"

static void test_pages__finds_what_was_put(void **state)
{
    struct pages pages;
    struct page_list one = {0}, two = {0};
    (void)state;
    pages_init(&pages, 1000, 1);
    pages_put(&pages, &one, 1, 1, 11);
    pages_put(&pages, &two, 2, 1, 21);
    pages_put(&pages, &one, 1, 64, 12);
    assert_int_equal(pages_get(&pages, 1, 1), 11);
    assert_int_equal(pages_get(&pages, 2, 1), 21);
    assert_int_equal(pages_get(&pages, 1, 64), 12);
    assert_int_equal(pages_get(&pages, 1, 2), 0);
    assert_int_equal(pages_get(&pages, 3, 1), 0);
    pages_remove(&pages, &one, 1, 1);
    assert_int_equal(pages_get(&pages, 1, 1), 0);
    pages_done(&pages);
}

/* S7, S9: walks follow the ids, whatever is missing between them. */
static void test_pages__walks_in_order_over_gaps(void **state)
{
    struct pages pages;
    struct page_list list = {0};
    static const uint64_t ids[] = {3, 63, 64, 1000, 70000, (UINT64_C(1) << 40) - 1};
    uint64_t id = 0;
    size_t n = 0;
    (void)state;
    pages_init(&pages, 1000, 1);
    for (size_t i = 0; i < 6; i++)
        pages_put(&pages, &list, 5, ids[i], (uint32_t)i + 1);
    while (pages_after(&pages, &list, 5, id, &id) != 0)
        assert_int_equal(id, ids[n++]);
    assert_int_equal(n, 6);
    assert_int_equal(pages_after(&pages, &list, 5, 64, &id), 4);
    assert_int_equal(id, 1000);
    assert_int_equal(pages_after(&pages, &list, 5, 70000, &id), 6);
    pages_done(&pages);
}

static void test_pages__a_page_goes_with_its_last_id(void **state)
{
    struct pages pages;
    struct page_list list = {0};
    (void)state;
    pages_init(&pages, 4, 1);
    for (uint64_t round = 0; round < 100; round++) {
        for (uint64_t i = 0; i < 4; i++)
            pages_put(&pages, &list, 1, 64 * (round + i), 1);
        for (uint64_t i = 0; i < 4; i++)
            pages_remove(&pages, &list, 1, 64 * (round + i));
    }
    assert_int_equal(list.first, 0);
    assert_int_equal(list.last, 0);
    assert_int_equal(slab_count(&pages.items), 0);
    pages_done(&pages);
}

static void test_pages__random_use_agrees_with_a_table(void **state)
{
    enum { IDS = 3000, STEPS = 20000 };
    static uint32_t model[IDS];
    struct pages pages;
    struct page_list list = {0};
    struct rand rand;
    (void)state;
    rand_seed(&rand, 5);
    pages_init(&pages, IDS, 1);
    for (int i = 0; i < STEPS; i++) {
        uint64_t id = rand_below(&rand, IDS);
        if (model[id] == 0) {
            model[id] = (uint32_t)i + 1;
            pages_put(&pages, &list, 3, id, model[id]);
        } else {
            model[id] = 0;
            pages_remove(&pages, &list, 3, id);
        }
        uint64_t from = rand_below(&rand, IDS), next = from + 1, found;
        while (next < IDS && model[next] == 0)
            next++;
        uint32_t index = pages_after(&pages, &list, 3, from, &found);
        assert_int_equal(index, next < IDS ? model[next] : 0);
    }
    pages_done(&pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages__finds_what_was_put),
        cmocka_unit_test(test_pages__walks_in_order_over_gaps),
        cmocka_unit_test(test_pages__a_page_goes_with_its_last_id),
        cmocka_unit_test(test_pages__random_use_agrees_with_a_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
