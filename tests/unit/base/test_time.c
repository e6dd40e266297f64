/* Texts of times and durations, and that the clocks run. */
#include "tests/unit/cmocka_first.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include "base/time.h"

#define HOUR (3600 * MUSTER_S)
#define DAY (24 * HOUR)

/* 2026-11-22T20:01:02.113Z */
#define THEN (INT64_C(1795377662) * MUSTER_S + 113 * MUSTER_MS)

static int setup(void **state)
{
    (void)state;
    /* Two hours before UTC in winter, as text: needs no zone files. */
    setenv("TZ", "XXX-2", 1);
    tzset();
    return 0;
}

static const char *iso(muster_time wall_ns)
{
    static char text[TIME_TEXT_MAX];
    time_format_iso(text, wall_ns);
    return text;
}

static const char *human(muster_time duration_ns)
{
    static char text[TIME_TEXT_MAX];
    time_format_duration(text, duration_ns);
    return text;
}

static void test_time__formats_utc_with_milliseconds(void **state)
{
    (void)state;
    assert_string_equal(iso(0), "1970-01-01T00:00:00.000Z");
    assert_string_equal(iso(THEN), "2026-11-22T20:01:02.113Z");
    assert_string_equal(iso(THEN + 999999), "2026-11-22T20:01:02.113Z");
    assert_string_equal(iso(-1), "1969-12-31T23:59:59.999Z");
    assert_string_equal(iso(INT64_C(951782400) * MUSTER_S), "2000-02-29T00:00:00.000Z");
    assert_string_equal(iso(INT64_MIN), "1677-09-21T00:12:43.145Z");
    assert_string_equal(iso(INT64_MAX - 1), "2262-04-11T23:47:16.854Z");
    assert_string_equal(iso(MUSTER_NEVER), "never");
}

static void test_time__what_it_formats_it_parses(void **state)
{
    (void)state;
    for (muster_time t = 0; t < INT64_C(9000000000) * MUSTER_S;
         t += 12345678 * MUSTER_S + 77000000) {
        muster_time back = -1;
        assert_int_equal(time_parse_iso(iso(t), &back), 0);
        assert_int_equal(back, t - t % MUSTER_MS);
    }
}

static void test_time__parses_zones_and_local_time(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        muster_time expected;
    } cases[] = {
        {"2026-11-22T20:01:02.113Z", THEN},
        {"2026-11-22 21:01:02.113+01:00", THEN},
        {"2026-11-22T15:31:02.113-0430", THEN},
        {"2026-11-22T22:01:02.113", THEN}, /* local, two hours ahead */
        {"2026-11-22T20:01Z", THEN - 2 * MUSTER_S - 113 * MUSTER_MS},
        {"1970-01-02", 22 * HOUR},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        muster_time wall = -1;
        assert_int_equal(time_parse_iso(cases[i].text, &wall), 0);
        assert_int_equal(wall, cases[i].expected);
    }
}

static void test_time__refuses_what_is_no_date(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "2026",
                                        "2026-13-01",
                                        "2026-00-01",
                                        "2026-02-29",
                                        "2026-04-31",
                                        "2026-11-2",
                                        "2026-11-22T",
                                        "2026-11-22T24:00",
                                        "2026-11-22T20:60",
                                        "20261122",
                                        "2026-11-22Zx",
                                        "2026-11-22T20:01:02.Z",
                                        "2026-11-22T20:01+1",
                                        "tomorrow",
                                        "2026-11-22T20:01:61",
                                        "0000-01-01"};
    muster_time wall = 5;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(time_parse_iso(texts[i], &wall), -EINVAL);
    assert_int_equal(time_parse_iso("1969-12-31T23:59:59Z", &wall), -ERANGE);
    assert_int_equal(time_parse_iso("2262-01-01", &wall), -ERANGE);
    assert_int_equal(wall, 5);
}

static void test_time__parses_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        muster_time expected;
    } cases[] = {
        {"0", 0},
        {"0s", 0},
        {"90s", 90 * MUSTER_S},
        {"5m", 300 * MUSTER_S},
        {"2h", 2 * HOUR},
        {"250ms", 250 * MUSTER_MS},
        {"7us", 7 * MUSTER_US},
        {"3ns", 3},
        {"1d", DAY},
        {"2w", 14 * DAY},
        {"1h30m", HOUR + HOUR / 2},
        {"1.5s", 1500 * MUSTER_MS},
        {"0.25h", HOUR / 4},
        {"1.2345678901s", 1234 * MUSTER_MS},
        {"36525d", 36525 * DAY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        muster_time duration = -1;
        assert_int_equal(time_parse_duration(cases[i].text, &duration), 0);
        assert_int_equal(duration, cases[i].expected);
    }
}

static void test_time__refuses_what_is_no_duration(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",    "5",   "s",    "-5s",  "5 s",  "5S",
                                        "1.s", ".5s", "5sec", "1h30", "1e3s", "5m "};
    static const char *const large[] = {"36526d", "99999999999999999999s", "101w36500d",
                                        "9223372036854775807ns9223372036854775807ns"};
    muster_time duration = 5;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(time_parse_duration(wrong[i], &duration), -EINVAL);
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++)
        assert_int_equal(time_parse_duration(large[i], &duration), -ERANGE);
    assert_int_equal(duration, 5);
}

static void test_time__formats_durations_for_people(void **state)
{
    (void)state;
    assert_string_equal(human(0), "0s");
    assert_string_equal(human(900), "900ns");
    assert_string_equal(human(12 * MUSTER_US), "12us");
    assert_string_equal(human(250 * MUSTER_MS), "250ms");
    assert_string_equal(human(3299 * MUSTER_MS), "3.2s");
    assert_string_equal(human(42 * MUSTER_S), "42s");
    assert_string_equal(human(723 * MUSTER_S), "12m03s");
    assert_string_equal(human(2 * HOUR + 300 * MUSTER_S), "2h05m");
    assert_string_equal(human(3 * DAY + 4 * HOUR), "3d04h");
    assert_string_equal(human(-42 * MUSTER_S), "-42s");
    assert_string_equal(human(INT64_MIN), "-106751d23h");
    assert_string_equal(human(MUSTER_NEVER), "never");
}

static void test_time__when_takes_all_forms_of_at(void **state)
{
    (void)state;
    muster_time wall = 0;
    assert_int_equal(time_parse_when("now", THEN, &wall), 0);
    assert_int_equal(wall, THEN);
    assert_int_equal(time_parse_when("+5m", THEN, &wall), 0);
    assert_int_equal(wall, THEN + 300 * MUSTER_S);
    assert_int_equal(time_parse_when("2026-11-22T20:01:02.113Z", 0, &wall), 0);
    assert_int_equal(wall, THEN);
    /* It is 22:01:02.113 here. */
    assert_int_equal(time_parse_when("22:30", THEN, &wall), 0);
    assert_string_equal(iso(wall), "2026-11-22T20:30:00.000Z");
    assert_int_equal(time_parse_when("22:00", THEN, &wall), 0);
    assert_string_equal(iso(wall), "2026-11-23T20:00:00.000Z");
    assert_int_equal(time_parse_when("22:01:03", THEN, &wall), 0);
    assert_string_equal(iso(wall), "2026-11-22T20:01:03.000Z");
    assert_int_equal(time_parse_when("25:00", THEN, &wall), -EINVAL);
    assert_int_equal(time_parse_when("+5", THEN, &wall), -EINVAL);
    assert_int_equal(time_parse_when("", THEN, &wall), -EINVAL);
}

static void test_time__sums_and_waits_do_not_overflow(void **state)
{
    (void)state;
    assert_true(time_add(MUSTER_NEVER, -5) == MUSTER_NEVER);
    assert_true(time_add(INT64_MAX - 1, 5) == MUSTER_NEVER);
    assert_true(time_add(INT64_MIN, -5) == INT64_MIN);
    assert_int_equal(time_add(2, 3), 5);
    assert_int_equal(time_poll_ms(100, MUSTER_NEVER, -1), -1);
    assert_int_equal(time_poll_ms(100, MUSTER_NEVER, 500), 500);
    assert_int_equal(time_poll_ms(100, 100, -1), 0);
    assert_int_equal(time_poll_ms(100, 5, -1), 0);
    assert_int_equal(time_poll_ms(0, 1, -1), 1);
    assert_int_equal(time_poll_ms(0, MUSTER_MS + 1, -1), 2);
    assert_int_equal(time_poll_ms(0, MUSTER_S, 100), 100);
    assert_int_equal(time_poll_ms(INT64_MIN, INT64_MAX - 1, -1), INT_MAX);
}

static void test_time__clocks_do_not_go_backwards(void **state)
{
    (void)state;
    muster_time boot = time_boot_ns();
    assert_true(boot > 0);
    assert_true(time_boot_ns() >= boot);
    assert_true(time_wall_ns() > INT64_C(1700000000) * MUSTER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time__formats_utc_with_milliseconds),
        cmocka_unit_test(test_time__what_it_formats_it_parses),
        cmocka_unit_test(test_time__parses_zones_and_local_time),
        cmocka_unit_test(test_time__refuses_what_is_no_date),
        cmocka_unit_test(test_time__parses_durations),
        cmocka_unit_test(test_time__refuses_what_is_no_duration),
        cmocka_unit_test(test_time__formats_durations_for_people),
        cmocka_unit_test(test_time__when_takes_all_forms_of_at),
        cmocka_unit_test(test_time__sums_and_waits_do_not_overflow),
        cmocka_unit_test(test_time__clocks_do_not_go_backwards),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
