#include "tests/unit/cmocka_first.h"

#include "stage.h"

#include <inttypes.h>
#include <stdlib.h>

struct agent_options stage_options(void)
{
    struct agent_options options = agent_options_default();
    options.slots = 2;
    options.ahead_max = 3;
    options.seed = 42;
    return options;
}

void stage_open(struct stage *stage, const struct agent_options *options)
{
    *stage = (struct stage){.options = *options, .now = 1000 * MUSTER_S, .epoch = 1};
    buffer_init(&stage->trace, 0);
    stage->agent = agent_new(options);
}

void stage_close(struct stage *stage)
{
    agent_free(stage->agent);
    buffer_done(&stage->trace);
}

struct agent_id stage_id(uint64_t track_id, uint32_t attempt)
{
    return (struct agent_id){.pool = 1, .attempt = attempt, .epoch = 1, .track_id = track_id};
}

static void add_id(struct buffer *trace, const struct agent_id *id)
{
    buffer_printf(trace, " %" PRIu32 "/%" PRIu64 ".%" PRIu32, id->pool, id->track_id, id->attempt);
}

static void on_renew(struct stage *stage, const struct agent_effect *effect)
{
    assert_true(effect->sent_ns > stage->token);
    stage->token = effect->sent_ns;
    buffer_printf(&stage->trace, "RENEW credit=%" PRIu32, effect->credit);
    for (uint32_t i = 0; i < effect->n_returned; i++) {
        buffer_append_str(&stage->trace, i == 0 ? " returned" : ",");
        add_id(&stage->trace, &effect->returned[i]);
    }
}

static void on_effect(void *ctx, const struct agent_effect *effect)
{
    static const char *const NAMES[] = {[AGENT_FX_SEND_REPORT] = "REPORT",
                                        [AGENT_FX_START] = "START",
                                        [AGENT_FX_END] = "END",
                                        [AGENT_FX_KILL] = "KILL",
                                        [AGENT_FX_DROP] = "DROP",
                                        [AGENT_FX_FORGET] = "FORGET",
                                        [AGENT_FX_CANCEL_UNSTARTED] = "CANCEL"};
    struct stage *stage = ctx;
    struct buffer *trace = &stage->trace;
    if (trace->size > 0)
        buffer_append_char(trace, '\n');
    switch (effect->type) {
    case AGENT_FX_SEND_HELLO:
        buffer_printf(trace, "HELLO credit=%" PRIu32, effect->credit);
        return;
    case AGENT_FX_SEND_RENEW:
        on_renew(stage, effect);
        return;
    case AGENT_FX_SEND_BYE:
        buffer_append_str(trace, "BYE");
        return;
    case AGENT_FX_REOPEN:
        stage->delay_ns = effect->delay_ns;
        buffer_append_str(trace, "REOPEN");
        return;
    case AGENT_FX_EXIT:
        buffer_append_str(trace, "EXIT");
        return;
    case AGENT_FX_SEND_REPORT:
    case AGENT_FX_START:
    case AGENT_FX_END:
    case AGENT_FX_KILL:
    case AGENT_FX_DROP:
    case AGENT_FX_FORGET:
    case AGENT_FX_CANCEL_UNSTARTED:
        break;
    }
    buffer_append_str(trace, NAMES[effect->type]);
    add_id(trace, &effect->id);
    if (effect->type == AGENT_FX_START)
        buffer_printf(trace, " slot=%" PRIu32, effect->slot);
    if (effect->type == AGENT_FX_END || effect->type == AGENT_FX_CANCEL_UNSTARTED)
        buffer_printf(trace, " %s", reason_name(effect->reason));
    if (effect->type == AGENT_FX_START || effect->type == AGENT_FX_DROP ||
        effect->type == AGENT_FX_CANCEL_UNSTARTED)
        buffer_printf(trace, " b%" PRIu64, effect->body);
    if (effect->type == AGENT_FX_SEND_REPORT || effect->type == AGENT_FX_FORGET)
        buffer_printf(trace, " r%" PRIu64, effect->record);
}

void stage_step(struct stage *stage, const struct agent_event *event)
{
    struct agent_event timed = *event;
    const char *what = NULL;
    timed.now = stage->now;
    agent_step(stage->agent, &timed, on_effect, stage);
    if (!agent_check(stage->agent, &what))
        fail_msg("%s", what);
}

void stage_event(struct stage *stage, enum agent_event_type type)
{
    stage_step(stage, &(struct agent_event){.type = type});
}

void stage_welcome(struct stage *stage)
{
    struct agent_event event = {.type = AGENT_EV_WELCOME};
    event.as.welcome.epoch = stage->epoch;
    event.as.welcome.lease_ns = 30 * MUSTER_S;
    event.as.welcome.renew_ns = 5 * MUSTER_S;
    stage_step(stage, &event);
}

void stage_pong(struct stage *stage, uint64_t sent_ns)
{
    struct agent_event event = {.type = AGENT_EV_PONG};
    event.as.pong.sent_ns = sent_ns;
    stage_step(stage, &event);
}

void stage_command(struct stage *stage, uint64_t track_id, uint32_t attempt, bool rerunnable)
{
    struct agent_event event = {.type = AGENT_EV_COMMAND};
    event.as.command.id = stage_id(track_id, attempt);
    event.as.command.id.epoch = stage->epoch;
    event.as.command.body = 100 + track_id;
    event.as.command.rerunnable = rerunnable;
    stage_step(stage, &event);
}

void stage_done(struct stage *stage, uint64_t track_id, uint32_t attempt, bool cut_off)
{
    struct agent_event event = {.type = AGENT_EV_DONE};
    event.as.done.id = stage_id(track_id, attempt);
    event.as.done.record = 200 + track_id;
    event.as.done.cut_off = cut_off;
    stage_step(stage, &event);
}

void stage_recorded(struct stage *stage, uint64_t track_id, uint32_t attempt, bool stale)
{
    struct agent_event event = {.type = AGENT_EV_RECORDED};
    event.as.recorded.id = stage_id(track_id, attempt);
    event.as.recorded.stale = stale;
    stage_step(stage, &event);
}

void stage_stop(struct stage *stage, uint64_t track_id, uint32_t attempt, bool forget)
{
    struct agent_event event = {.type = AGENT_EV_STOP};
    event.as.stop.id = stage_id(track_id, attempt);
    event.as.stop.reason = REASON_CANCELLED_RUNNING;
    event.as.stop.forget = forget;
    stage_step(stage, &event);
}

void stage_refused(struct stage *stage, bool retryable)
{
    struct agent_event event = {.type = AGENT_EV_REFUSED};
    event.as.refused.retryable = retryable;
    stage_step(stage, &event);
}

void stage_bye(struct stage *stage, bool end)
{
    struct agent_event event = {.type = AGENT_EV_BYE};
    event.as.bye.end = end;
    stage_step(stage, &event);
}

void stage_drain(struct stage *stage, bool hurry)
{
    struct agent_event event = {.type = AGENT_EV_DRAIN};
    event.as.drain.hurry = hurry;
    stage_step(stage, &event);
}

void stage_pass(struct stage *stage, int64_t duration_ns)
{
    muster_time end = stage->now + duration_ns;
    for (;;) {
        muster_time at = agent_deadline(stage->agent);
        if (at > end)
            break;
        assert_true(at >= stage->now || at == agent_deadline(stage->agent));
        if (at > stage->now)
            stage->now = at;
        stage_event(stage, AGENT_EV_TICK);
        /* A deadline that a tick does not move would spin for ever. */
        assert_true(agent_deadline(stage->agent) > at);
    }
    stage->now = end;
    stage_event(stage, AGENT_EV_TICK);
}

void stage_serve(struct stage *stage)
{
    stage_event(stage, AGENT_EV_OPEN);
    stage_welcome(stage);
    stage_pong(stage, stage->token);
    assert_true(agent_is_serving(stage->agent));
    buffer_reset(&stage->trace);
}

void stage_expect(struct stage *stage, const char *lines)
{
    assert_string_equal(buffer_str(&stage->trace), lines);
    buffer_reset(&stage->trace);
}

void stage_expect_attempts(struct stage *stage, const char *lines)
{
    static const char *const PHASES[] = {"waiting", "running", "spooled", "gone"};
    size_t count = agent_attempts_count(stage->agent);
    struct agent_attempt *attempts = calloc(count + 1, sizeof *attempts);
    struct buffer text = BUFFER_EMPTY;
    assert_int_equal(agent_attempts(stage->agent, attempts, count + 1), count);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append_char(&text, '\n');
        buffer_printf(&text, "%" PRIu32 "/%" PRIu64 ".%" PRIu32 " %s", attempts[i].id.pool,
                      attempts[i].id.track_id, attempts[i].id.attempt, PHASES[attempts[i].phase]);
    }
    assert_string_equal(buffer_str(&text), lines);
    buffer_done(&text);
    free(attempts);
}
