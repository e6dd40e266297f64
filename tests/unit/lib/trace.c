
#include "tests/unit/cmocka_first.h"

#include "trace.h"

struct call_options trace_options(void)
{
    struct call_options options = call_options_default();
    options.submits_max = 4;
    options.reads_max = 4;
    options.connect_timeout_ns = 60 * MUSTER_S;
    options.retry_ns = 3 * MUSTER_S;
    options.silence_ns = 2 * MUSTER_S;
    options.backoff_min_ns = 1 * MUSTER_S;
    options.backoff_max_ns = 8 * MUSTER_S;
    options.seed = 7;
    return options;
}

static void note_effect(void *ctx, const struct call_effect *effect)
{
    struct trace *trace = ctx;
    struct buffer *text = &trace->text;
    unsigned long long request = effect->request;
    if (text->size)
        buffer_append_char(text, ' ');
    switch (effect->type) {
    case CALL_FX_SEND_HELLO:
        trace->hello = effect->request;
        buffer_append_str(text, "HELLO");
        break;
    case CALL_FX_SEND:
        buffer_printf(text, "send#%llu", request);
        if (effect->sequence)
            buffer_printf(text, "(%llu,%llu)", (unsigned long long)effect->sequence,
                          (unsigned long long)effect->answered_to);
        break;
    case CALL_FX_SEND_PING:
        trace->ping = effect->request;
        buffer_append_str(text, "PING");
        break;
    case CALL_FX_REOPEN:
        trace->reopens++;
        buffer_append_str(text, "REOPEN");
        break;
    case CALL_FX_END:
        buffer_printf(text, "end#%llu=%s", request, refusal_name(effect->refusal));
        break;
    case CALL_FX_RELEASE:
        buffer_printf(text, "free#%llu", request);
        break;
    case CALL_FX_DOWN:
        buffer_printf(text, "DOWN=%s", refusal_name(effect->refusal));
        break;
    default:
        fail_msg("an effect of no known type: %d", (int)effect->type);
    }
}

void trace_start(struct trace *trace, struct call_options options)
{
    *trace = (struct trace){0};
    trace->call = call_new(&options, 0);
    assert_non_null(trace->call);
    call_bind(trace->call, note_effect, trace);
    call_opened(trace->call, 0);
}

void trace_stop(struct trace *trace)
{
    call_free(trace->call);
    buffer_done(&trace->text);
}

void trace_expect(struct trace *trace, const char *expected)
{
    const char *what = "";
    if (!call_check(trace->call, &what))
        fail_msg("invariant broken: %s", what);
    assert_string_equal(buffer_str(&trace->text), expected);
    buffer_reset(&trace->text);
}

void trace_run_to(struct trace *trace, double second)
{
    muster_time until = (muster_time)(second * (double)MUSTER_S);
    for (;;) {
        muster_time next = call_deadline(trace->call);
        if (next > until)
            break;
        if (next > trace->now)
            trace->now = next;
        uint32_t reopens = trace->reopens;
        call_tick(trace->call, trace->now);
        if (trace->reopens != reopens)
            call_opened(trace->call, trace->now);
    }
    trace->now = until;
}

uint64_t trace_submit(struct trace *trace)
{
    return call_start(trace->call, CALL_SUBMIT, 0, MUSTER_NEVER, trace->now);
}

uint64_t trace_read(struct trace *trace, double wait_s)
{
    return call_start(trace->call, CALL_READ, (int64_t)(wait_s * (double)MUSTER_S), MUSTER_NEVER,
                      trace->now);
}

void trace_ready(struct trace *trace, uint32_t submits_max)
{
    call_heard(trace->call, trace->now);
    call_welcomed(trace->call, submits_max, trace->now);
    trace_expect(trace, "HELLO");
}

void trace_answer(struct trace *trace, uint64_t request, enum refusal refusal)
{
    call_heard(trace->call, trace->now);
    call_answered(trace->call, request, refusal, 0, trace->now);
}
