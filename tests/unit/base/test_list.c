/* The intrusive list. */
#include "tests/unit/cmocka_first.h"

#include "base/list.h"

struct item {
    int value;
    struct list link;
};

static int sum_in_order(const struct list *head)
{
    int digits = 0;
    for (struct list *it = head->next; it != head; it = it->next)
        digits = digits * 10 + list_entry(it, struct item, link)->value;
    return digits;
}

static void test_list__keeps_the_order_of_pushes(void **state)
{
    (void)state;
    struct list head;
    list_init(&head);
    struct item items[4] = {{.value = 1}, {.value = 2}, {.value = 3}, {.value = 4}};
    list_push_back(&head, &items[1].link);
    list_push_back(&head, &items[2].link);
    list_push_front(&head, &items[0].link);
    list_insert_before(&items[3].link, &items[2].link);
    assert_int_equal(sum_in_order(&head), 1243);
}

static void test_list__a_removed_link_is_in_no_list(void **state)
{
    (void)state;
    struct list head;
    list_init(&head);
    struct item items[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
    for (int i = 0; i < 3; i++)
        list_push_back(&head, &items[i].link);
    list_remove(&items[1].link);
    assert_false(list_is_linked(&items[1].link));
    list_remove(&items[1].link);
    assert_int_equal(sum_in_order(&head), 13);
    assert_ptr_equal(list_pop_front(&head), &items[0].link);
    assert_ptr_equal(list_pop_front(&head), &items[2].link);
    assert_null(list_pop_front(&head));
    assert_true(list_is_empty(&head));
}

static void test_list__safe_walk_allows_removal(void **state)
{
    (void)state;
    struct list head;
    list_init(&head);
    struct item items[5];
    for (int i = 0; i < 5; i++) {
        items[i].value = i + 1;
        list_push_back(&head, &items[i].link);
    }
    list_each_safe (it, after, &head) {
        if (list_entry(it, struct item, link)->value % 2 == 0)
            list_remove(it);
    }
    assert_int_equal(sum_in_order(&head), 135);
    int visited = 0;
    list_each (it, &head)
        visited++;
    assert_int_equal(visited, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list__keeps_the_order_of_pushes),
        cmocka_unit_test(test_list__a_removed_link_is_in_no_list),
        cmocka_unit_test(test_list__safe_walk_allows_removal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
