/* The final record: position, checksum, content (S6, S7). */
#include "tests/unit/core/scene.h"

#include <string.h>

#include "base/crc32c.h"

static struct scene *with_running(void **state)
{
    struct scene *s = *state;
    worker(s, 101, "web1", 4);
    hello(s, 1, 11, "work");
    submit(s, 1, 1, 0);
    submit(s, 1, 2, 1);
    turn(s);
    return s;
}

/* The formula of the protocol, written down once more. */
static uint32_t next_crc(uint32_t crc, const struct fact_recorded *r, uint32_t body_crc)
{
    uint8_t packed[36];
    for (unsigned i = 0; i < 8; i++) {
        packed[i] = (uint8_t)(r->pos >> (8 * i));
        packed[8 + i] = (uint8_t)(r->track_id >> (8 * i));
    }
    const uint32_t words[] = {r->attempt, r->state, (uint32_t)r->exit, r->signal, body_crc};
    for (unsigned w = 0; w < 5; w++)
        for (unsigned i = 0; i < 4; i++)
            packed[16 + 4 * w + i] = (uint8_t)(words[w] >> (8 * i));
    return crc32c(crc, packed, sizeof packed);
}

/* S7: pos is contiguous, the checksum runs on, over a restart too. */
static void test_ending__positions_and_checksum_run_on(void **state)
{
    struct scene *s = with_running(state);
    uint32_t pool = pool_of(s, 1);
    report_ok(s, 101, 2, 1);
    turn(s);
    const struct fact_recorded *r = vault_record(s->vault, pool, 2);
    assert_int_equal(r->pos, 1);
    assert_int_equal(r->crc, next_crc(0, r, 0x1234));
    uint32_t crc = r->crc;
    restart(s);
    hello(s, 1, 11, "work");
    cancel_range(s, 1, 1, 1, true, "");
    turn(s);
    worker(s, 101, "web1", 4); /* it never started */
    turn(s);
    r = vault_record(s->vault, pool, 1);
    assert_int_equal(r->pos, 2);
    assert_int_equal(r->crc, next_crc(crc, r, 0));
    assert_int_equal(stats_of(s).totals->crc, r->crc);
}

/* Who ran it, when, and how long it had waited (origin: a log prefix names its host). */
static void test_ending__the_record_says_who_and_when(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "work");
    submit(s, 1, 1, 0);
    turn(s);
    pass(s, 7 * MUSTER_S);
    worker(s, 101, "web1", 1);
    turn(s);
    pass(s, 2 * MUSTER_S);
    report(s, 101,
           (struct report){.track_id = 1,
                           .attempt = 1,
                           .state = STATE_FAILED,
                           .reason = REASON_EXIT,
                           .run_ns = MUSTER_S});
    turn(s);
    const struct fact_recorded *r = vault_record(s->vault, pool_of(s, 1), 1);
    assert_true(bytes_equal_str(core_name(s->core, r->host), "web1"));
    assert_true(bytes_starts_with(core_name(s->core, r->worker), bytes_of_str("web1-")));
    assert_true(bytes_equal_str(core_name(s->core, r->function), "echo"));
    assert_int_equal(r->client, 11);
    assert_int_equal(r->attempt, 1);
    assert_int_equal(r->slot, 1);
    assert_int_equal(r->pid, 4711);
    assert_int_equal(r->waited_ns, 7 * MUSTER_S);
    assert_int_equal(r->run_ns, MUSTER_S);
    assert_int_equal(r->recorded_wall_ns, s->wall_ns);
    assert_int_equal(r->body, 99);
    assert_int_equal(stats_of(s).totals->waited.max_ns, 7 * MUSTER_S);
}

/* S15: a wall clock that stepped back gives 0. */
static void test_ending__waiting_is_never_negative(void **state)
{
    struct scene *s = *state;
    hello(s, 1, 11, "work");
    submit(s, 1, 1, 0);
    turn(s);
    s->wall_ns -= 3600 * MUSTER_S;
    worker(s, 101, "web1", 1);
    turn(s);
    report_ok(s, 101, 1, 1);
    turn(s);
    assert_int_equal(vault_record(s->vault, pool_of(s, 1), 1)->waited_ns, 0);
}

/* An expected host that never came is named in the record. */
static void test_ending__an_expected_host_is_named(void **state)
{
    struct scene *s = *state;
    worker(s, 101, "web1", 1);
    hello(s, 1, 11, "work");
    turn(s);
    simple(s, EVENT_GONE, 101);
    submit_this(s, 1, 1, (struct submission){.each = true});
    turn(s);
    cancel_range(s, 1, 1, 1, false, "");
    turn(s);
    const struct fact_recorded *r = vault_record(s->vault, pool_of(s, 1), 1);
    assert_true(bytes_equal_str(core_name(s->core, r->host), "web1"));
    assert_int_equal(r->worker, 0);
    assert_int_equal(r->batch, 1);
}

/* The memory of records is bounded: a very old repeat is left to the store. */
static void test_ending__the_memory_of_repeats_is_bounded(void **state)
{
    struct scene *s = *state;
    s->skips_check = true;
    worker(s, 101, "web1", 1000);
    hello(s, 1, 11, "work");
    static const struct submission many[1000];
    for (uint64_t i = 0; i < 70; i++) {
        submit_all(s, 1, i + 1, i, many, 1000);
        turn(s);
        for (uint64_t k = 1; k <= 1000; k++)
            report_ok(s, 101, i * 1000 + k, 1);
        turn(s);
    }
    report_ok(s, 101, 69999, 1);
    assert_false(sent(s, SEND_RECORDED, 101, 0)->as.recorded.stale);
    turn(s);
    assert_true(core_report_is_past(s->core, pool_of(s, 1), 1, 1));
    report_ok(s, 101, 1, 1);
    assert_true(sent(s, SEND_RECORDED, 101, 0)->as.recorded.stale);
    turn(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_ending__positions_and_checksum_run_on),
        SCENE_TEST(test_ending__the_record_says_who_and_when),
        SCENE_TEST(test_ending__waiting_is_never_negative),
        SCENE_TEST(test_ending__an_expected_host_is_named),
        SCENE_TEST(test_ending__the_memory_of_repeats_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
