/* Golden traces: a story, then what the core makes of it. */
#include "tests/unit/core/scene.h"

static void test_core__submit_run_record(void **state)
{
    struct scene *s = *state;
    worker(s, 101, "web1", 1);
    hello(s, 1, 11, "work");
    turn(s);
    clear_trace(s);
    submit(s, 1, 1, 0);
    turn(s);
    report_ok(s, 101, 1, 1);
    turn(s);
    assert_trace(s, "work/1 none -> queued\n"
                    "  SUBMITTED first 1 count 1 -> peer 1\n"
                    "work/1 queued -> running on web1-3077 attempt 1\n"
                    "  COMMAND 1 attempt 1 epoch 1 -> peer 101\n"
                    "work/1 running -> ok\n"
                    "  RECORDED 1 attempt 1 pos 1 -> peer 101\n");
    restart(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_core__submit_run_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
