/* What a turn produced. */
#include "tests/unit/cmocka_first.h"

#include "broker/core/outbox.h"

static void test_outbox__grows_and_keeps_the_order(void **state)
{
    size_t n;
    struct outbox *box = outbox_new();
    (void)state;
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 5000; i++) {
            outbox_add_fact(box, FACT_QUEUED)->as.queued.track_id = i;
            struct send send = {.type = SEND_DONE, .request = i};
            outbox_add_send(box, &send);
        }
        const struct fact *facts = outbox_facts(box, &n);
        assert_int_equal(n, 5000);
        assert_int_equal(facts[4321].as.queued.track_id, 4321);
        assert_int_equal(facts[4321].as.queued.starts, 0);
        assert_int_equal(outbox_sends(box, &n)[1234].request, 1234);
        assert_int_equal(n, 5000);
        outbox_reset(box);
        outbox_facts(box, &n);
        assert_int_equal(n, 0);
    }
    outbox_free(box);
    outbox_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outbox__grows_and_keeps_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
