/*
 * perform.c -- does what the agent asks about attempts: starts, ends, makes records.
 *
 * Responsible for the one record of each attempt that came here: from an inline function, a timer,
 * the spawner, or of its own making when the attempt never ran. It decides nothing about order.
 *
 * Invariants: an effect never calls the agent back; what is over at once waits in `ready` until the
 * step has returned. What the spawner runs was noted in the spool before (`starting`).
 */
#include <string.h>

#include "base/assert.h"
#include "proto/wire.h"
#include "worker/record.h"
#include "worker/shell.h"

enum { EXIT_NONE = -1, ENDED_PER_TURN = 4096 };

/* ---- records --------------------------------------------------------------------------------- */

static int64_t duration(int64_t ns)
{
    return ns < 0 ? 0 : ns > WIRE_DURATION_MAX_NS ? WIRE_DURATION_MAX_NS : ns;
}

static struct wire_record_head head_of(const struct handout *handout)
{
    return (struct wire_record_head){.pool = handout->id.pool,
                                     .attempt = handout->id.attempt,
                                     .track_id = handout->id.track_id,
                                     .epoch = handout->id.epoch,
                                     .exit = EXIT_NONE};
}

/* The attempt is over. Its record goes to the spool, and the agent hears of it. */
static void conclude(struct worker *worker, struct handout *handout,
                     const struct wire_record_head *head, bool is_quarantined)
{
    struct agent_event event = {.type = AGENT_EV_DONE};
    event.as.done.id = handout->id;
    event.as.done.run_ns = head->run_ns;
    event.as.done.is_quarantined = is_quarantined;
    /* Ended because the broker was silent: that is no outcome. The note `started` stays. */
    event.as.done.cut_off = head->state == STATE_LOST && head->reason == REASON_CUT_OFF;
    event.as.done.record =
        event.as.done.cut_off ? handout->spool : spool_end(worker->spool, handout->spool, head);
    handouts_remove(&worker->handouts, handout);
    worker_step(worker, &event);
}

static void conclude_outcome(struct worker *worker, struct handout *handout,
                             const struct function_outcome *outcome, int64_t throttled_ns)
{
    struct wire_record_head head = head_of(handout);
    head.state = outcome->state;
    head.reason = outcome->reason;
    head.exit = outcome->state == STATE_OK ? 0 : EXIT_NONE;
    head.throttled_ns = throttled_ns;
    head.slot = handout->slot;
    if (handout->start_wall_ns != 0) {
        head.start_wall_ns = handout->start_wall_ns;
        head.run_ns = duration(time_boot_ns() - handout->start_at);
    }
    head.body = record_pack(&outcome->body, &worker->scratch);
    conclude(worker, handout, &head, false);
}

/* Decodes the command; a body that cannot be decoded becomes the failure in *ret_outcome. */
static bool decode(struct worker *worker, const struct handout *handout,
                   struct wire_command_body *ret_command, struct function_outcome *ret_outcome)
{
    struct wire_error error = {0};
    arena_reset(&worker->scratch);
    if (wire_command_body_decode(handout_body(handout), &worker->scratch, ret_command, &error) == 0)
        return true;
    struct bytes message = bytes_of_str("the command's body cannot be read");
    (void)arena_copy(&worker->scratch, bytes_of_str(error.text), &message);
    function_fail(ret_outcome, REASON_BAD_ARGUMENTS, "BadBody", message);
    *ret_command = (struct wire_command_body){0};
    return false;
}

static void set_started(struct worker *worker, struct handout *handout)
{
    handout->start_at = time_boot_ns();
    handout->start_wall_ns = worker->wall_ns + (handout->start_at - worker->now);
}

/* ---- what is over at once -------------------------------------------------------------------- */

/* Told to end before or while it waited for a timer: never by a process. */
static void end_outcome(const struct handout *handout, struct function_outcome *ret_outcome)
{
    bool has_started = handout->start_wall_ns != 0;
    enum reason reason = handout->end_reason;
    if (!has_started && reason == REASON_CANCELLED_RUNNING)
        reason = REASON_CANCELLED_QUEUED;
    *ret_outcome = (struct function_outcome){.state = record_state_of(reason), .reason = reason};
    ret_outcome->body.tries = has_started ? 1 : 0;
}

static void run_ready(struct worker *worker, struct handout *handout)
{
    struct wire_command_body command;
    struct function_outcome outcome;
    bool is_told_to_end = handout->end_reason != REASON_NONE;
    if (!is_told_to_end)
        set_started(worker, handout);
    bool is_good = decode(worker, handout, &command, &outcome);
    if (is_told_to_end)
        end_outcome(handout, &outcome);
    else if (!handout->function)
        functions_refuse(worker->functions, handout_function(handout), worker->config->host,
                         &worker->scratch, &outcome);
    else if (is_good)
        handout->function->call(&command, &worker->scratch, &outcome);
    conclude_outcome(worker, handout, &outcome, command.throttled_ns);
}

void perform_ready(struct worker *worker)
{
    struct list *link;
    while ((link = list_pop_front(&worker->ready)) != NULL)
        run_ready(worker, list_entry(link, struct handout, link));
}

static void make_ready(struct worker *worker, struct handout *handout)
{
    handout->stage = HANDOUT_READY;
    list_remove(&handout->link);
    list_push_back(&worker->ready, &handout->link);
}

/* ---- timers ---------------------------------------------------------------------------------- */

static void start_timer(struct worker *worker, struct handout *handout)
{
    struct wire_command_body command;
    struct function_outcome outcome;
    int64_t ns = 0;
    list_remove(&handout->link);
    set_started(worker, handout);
    if (!decode(worker, handout, &command, &outcome) ||
        handout->function->timer(&command, &worker->scratch, &ns, &outcome) < 0) {
        conclude_outcome(worker, handout, &outcome, command.throttled_ns);
        return;
    }
    handout->timer_reason = REASON_NONE;
    if (command.timeout_ns > 0 && command.timeout_ns < ns) {
        ns = command.timeout_ns;
        handout->timer_reason = REASON_TIMEOUT;
    }
    if (command.stall_timeout_ns > 0 && command.stall_timeout_ns < ns) {
        ns = command.stall_timeout_ns;
        handout->timer_reason = REASON_STALL;
    }
    handout->stage = HANDOUT_TIMING;
    handout->timer =
        deadlines_add(&worker->timers, time_add(handout->start_at, ns), handout->index);
    MUST(handout->timer != 0);
}

void perform_timers(struct worker *worker)
{
    static const struct wire_value NOTHING = {.kind = WIRE_VALUE_NULL};
    uint64_t index;
    while (deadlines_pop_due(&worker->timers, worker->now, &index)) {
        struct handout *handout = handouts_at(&worker->handouts, index);
        struct function_outcome outcome = {.state = STATE_OK};
        struct wire_command_body command;
        (void)decode(worker, handout, &command, &outcome);
        handout->end_reason = handout->timer_reason;
        if (handout->end_reason != REASON_NONE) {
            end_outcome(handout, &outcome);
        } else {
            outcome = (struct function_outcome){.state = STATE_OK};
            outcome.body = (struct wire_record_body){.result = &NOTHING, .n_result = 1, .tries = 1};
        }
        conclude_outcome(worker, handout, &outcome, command.throttled_ns);
    }
}

/* ---- the spawner ----------------------------------------------------------------------------- */

static uint64_t token_of(const struct handout *handout)
{
    return handout->spool << 32 | handout->index;
}

static void start_runner(struct worker *worker, struct handout *handout)
{
    struct run_start start = {.token = token_of(handout),
                              .slot = handout->slot,
                              .function = handout->function->name,
                              .body = handout_body(handout),
                              .pool_name = handout_pool(handout),
                              .track_id = handout->id.track_id,
                              .attempt = handout->id.attempt};
    list_remove(&handout->link);
    handout->stage = HANDOUT_RUNNING;
    set_started(worker, handout);
    if (run_start(worker->run, &start) < 0)
        worker->spawner_is_lost = true;
}

static void put_back(struct worker *worker, struct handout *handout)
{
    struct agent_event event = {.type = AGENT_EV_UNSTARTED};
    list_remove(&handout->link);
    spool_forget(worker->spool, handout->spool);
    handout->spool = 0;
    handout->stage = HANDOUT_WAITING;
    event.as.unstarted.id = handout->id;
    worker_step(worker, &event);
}

void perform_starting(struct worker *worker, bool is_noted)
{
    /* Only what is there now: what a step adds has no note in the spool yet. */
    struct list noted;
    list_init(&noted);
    struct list *link;
    while ((link = list_pop_front(&worker->starting)) != NULL)
        list_push_back(&noted, link);
    while ((link = list_first(&noted)) != NULL) {
        struct handout *handout = list_entry(link, struct handout, link);
        if (!is_noted)
            put_back(worker, handout);
        else if (handout->function->how == FUNCTION_TIMER)
            start_timer(worker, handout);
        else
            start_runner(worker, handout);
    }
}

static void on_ended(struct worker *worker, const struct run_ended *ended)
{
    struct handout *handout = handouts_find(&worker->handouts, ended->token & UINT32_MAX);
    if (!handout || handout->stage != HANDOUT_RUNNING || token_of(handout) != ended->token) {
        log_event(LEVEL_ERROR, "unknown_end", "token=%llu", (unsigned long long)ended->token);
        return;
    }
    struct wire_record_head head = head_of(handout);
    head.state = ended->state;
    head.reason = ended->reason;
    head.exit = ended->exit;
    head.signal = ended->signal;
    head.pid = ended->pid;
    head.slot = handout->slot;
    head.start_wall_ns = ended->start_wall_ns < 0 ? 0 : ended->start_wall_ns;
    head.run_ns = duration(ended->run_ns);
    head.throttled_ns = duration(ended->throttled_ns);
    arena_reset(&worker->scratch);
    head.body = record_fit(ended->body, WIRE_RECORD_BODY_MAX, &worker->scratch);
    conclude(worker, handout, &head, ended->is_quarantined);
}

void perform_ended(struct worker *worker)
{
    struct run_ended ended;
    for (int i = 0; i < ENDED_PER_TURN && !worker->spawner_is_lost; i++) {
        int r = run_next(worker->run, &ended);
        if (r == 0)
            return;
        if (r > 0)
            on_ended(worker, &ended);
        else
            worker->spawner_is_lost = true;
    }
}

void perform_lost(struct worker *worker)
{
    for (uint32_t i = slab_next(&worker->handouts.slab, 0); i != 0;
         i = slab_next(&worker->handouts.slab, i)) {
        struct handout *handout = handouts_at(&worker->handouts, i);
        if (handout->stage != HANDOUT_RUNNING)
            continue;
        struct function_outcome outcome;
        arena_reset(&worker->scratch);
        function_fail(&outcome, REASON_WORKER_LOST, "SpawnerLost",
                      bytes_of_str("the worker's process that starts commands ended unexpectedly, "
                                   "and this command with it; how far it came is not known"));
        outcome.state = STATE_LOST;
        conclude_outcome(worker, handout, &outcome, 0);
    }
}

/* ---- effects --------------------------------------------------------------------------------- */

static void start(struct worker *worker, const struct agent_effect *effect)
{
    struct handout *handout = handouts_at(&worker->handouts, effect->body);
    handout->slot = effect->slot;
    if (!handout->function || handout->function->how == FUNCTION_INLINE) {
        make_ready(worker, handout);
        return;
    }
    handout->stage = HANDOUT_STARTING;
    handout->spool = spool_start(worker->spool, &handout->id);
    list_push_back(&worker->starting, &handout->link);
}

static void end(struct worker *worker, const struct agent_effect *effect)
{
    struct handout *handout = handouts_at(&worker->handouts, effect->body);
    bool is_kill = effect->type == AGENT_FX_KILL;
    if (!is_kill)
        handout->end_reason = effect->reason;
    switch (handout->stage) {
    case HANDOUT_WAITING:
    case HANDOUT_STARTING:
        make_ready(worker, handout);
        break;
    case HANDOUT_TIMING:
        deadlines_remove(&worker->timers, handout->timer);
        make_ready(worker, handout);
        break;
    case HANDOUT_RUNNING:
        if (run_end(worker->run, token_of(handout), handout->end_reason, is_kill) < 0)
            worker->spawner_is_lost = true;
        break;
    case HANDOUT_READY:
        break;
    }
}

void perform_effect(void *ctx, const struct agent_effect *effect)
{
    struct worker *worker = ctx;
    switch (effect->type) {
    case AGENT_FX_SEND_HELLO:
    case AGENT_FX_SEND_RENEW:
    case AGENT_FX_SEND_REPORT:
    case AGENT_FX_SEND_BYE:
        egress_effect(worker, effect);
        break;
    case AGENT_FX_START:
        start(worker, effect);
        break;
    case AGENT_FX_END:
    case AGENT_FX_KILL:
    case AGENT_FX_CANCEL_UNSTARTED:
        end(worker, effect);
        break;
    case AGENT_FX_DROP: {
        struct handout *handout = handouts_at(&worker->handouts, effect->body);
        handouts_remove(&worker->handouts, handout);
        break;
    }
    case AGENT_FX_FORGET:
        egress_unqueue(&worker->egress, effect->record);
        spool_forget(worker->spool, effect->record);
        break;
    case AGENT_FX_REOPEN:
        worker->reopen_at = time_add(worker->now, effect->delay_ns);
        link_close(&worker->link);
        egress_reset(&worker->egress);
        break;
    case AGENT_FX_EXIT:
        worker->is_over = true;
        break;
    }
}
