/* The tables of states, holds and reasons. */
#include "tests/unit/cmocka_first.h"

#include <errno.h>

#include "base/state.h"

static void test_state__names_are_those_of_the_interface(void **state)
{
    (void)state;
    static const char *const names[STATE_COUNT] = {
        "none",    "held",    "queued",  "running", "ok",        "failed", "signaled",
        "timeout", "stalled", "expired", "skipped", "cancelled", "lost",   "rejected"};
    for (unsigned i = 0; i < STATE_COUNT; i++)
        assert_string_equal(state_name((enum state)i), names[i]);
}

static void test_state__ten_states_are_final(void **state)
{
    (void)state;
    int finals = 0;
    for (unsigned i = 0; i < STATE_COUNT; i++)
        finals += state_is_final((enum state)i);
    assert_int_equal(finals, 10);
    assert_false(state_is_final(STATE_HELD));
    assert_false(state_is_final(STATE_QUEUED));
    assert_false(state_is_final(STATE_RUNNING));
}

static void test_state__a_name_parses_to_its_state(void **state)
{
    (void)state;
    for (unsigned i = 1; i < STATE_COUNT; i++) {
        enum state parsed = STATE_NONE;
        assert_int_equal(state_parse(state_name((enum state)i), &parsed), 0);
        assert_int_equal(parsed, i);
    }
}

static void test_state__an_unknown_name_is_refused(void **state)
{
    (void)state;
    enum state parsed = STATE_OK;
    assert_int_equal(state_parse("done", &parsed), -EINVAL);
    assert_int_equal(state_parse("none", &parsed), -EINVAL);
    assert_int_equal(state_parse("", &parsed), -EINVAL);
    assert_int_equal(parsed, STATE_OK);
}

static void test_state__numbers_outside_the_tables_are_unknown(void **state)
{
    (void)state;
    assert_false(state_is_known(STATE_COUNT));
    assert_false(hold_is_known(HOLD_COUNT));
    assert_false(reason_is_known(REASON_COUNT));
    assert_string_equal(state_name((enum state)STATE_COUNT), "unknown");
    assert_string_equal(hold_name((enum hold)HOLD_COUNT), "unknown");
    assert_string_equal(reason_text((enum reason)REASON_COUNT), "unknown");
    assert_false(state_is_final((enum state)STATE_COUNT));
}

static void test_state__every_reason_but_none_has_a_text_of_its_own(void **state)
{
    (void)state;
    assert_string_equal(reason_text(REASON_NONE), "");
    for (unsigned i = 1; i < REASON_COUNT; i++) {
        assert_string_not_equal(reason_text((enum reason)i), "");
        for (unsigned other = 0; other < i; other++) {
            assert_string_not_equal(reason_text((enum reason)i), reason_text((enum reason)other));
            assert_string_not_equal(reason_name((enum reason)i), reason_name((enum reason)other));
        }
    }
    for (unsigned i = 1; i < HOLD_COUNT; i++)
        assert_string_not_equal(hold_text((enum hold)i), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state__names_are_those_of_the_interface),
        cmocka_unit_test(test_state__ten_states_are_final),
        cmocka_unit_test(test_state__a_name_parses_to_its_state),
        cmocka_unit_test(test_state__an_unknown_name_is_refused),
        cmocka_unit_test(test_state__numbers_outside_the_tables_are_unknown),
        cmocka_unit_test(test_state__every_reason_but_none_has_a_text_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
