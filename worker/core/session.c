/*
 * session.c -- what is said to the broker and what its answers mean: hello, renewal, silence.
 *
 * Responsible for: being known to the broker, knowing how long ago the broker surely knew us
 * (`answered`), giving up a socket on silence. Not for what the attempts do (work.c).
 *
 * A WELCOME names no HELLO. With one HELLO unanswered it can only be its answer. With more, a RENEW
 * follows the last HELLO and its PONG, which cannot overtake, proves that this HELLO was dealt
 * with; serving begins there. Commands that arrive before may have been handed out to a session
 * that the HELLO ended: they are given back, never started.
 */
#include "base/assert.h"
#include "worker/core/machine.h"

enum { RETURNED_PER_RENEW = 4096, BACKOFF_DOUBLINGS = 16 };

static const int64_t LEASE_MIN_NS = 10 * MUSTER_MS;
static const int64_t LEASE_MAX_NS = 24 * 3600 * MUSTER_S;
static const int64_t SILENCE_MIN_NS = 2 * MUSTER_S;
static const int64_t HELLO_AGAIN_NS = 1 * MUSTER_S;

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static int64_t silence_ns(const struct agent *agent)
{
    if (!agent->ever_welcomed)
        return agent->options.silence_ns;
    int64_t three = 3 * agent->renew_ns;
    return three < SILENCE_MIN_NS ? SILENCE_MIN_NS : three;
}

/* ---- saying ---------------------------------------------------------------------------------- */

/* Tokens are times that never repeat, so that a PONG tells which RENEW it answers. */
static uint64_t next_token(struct agent *agent)
{
    uint64_t now = (uint64_t)agent->now;
    agent->token = now > agent->token ? now : agent->token + 1;
    return agent->token;
}

void session_renew(struct agent *agent)
{
    struct agent_id returned[RETURNED_PER_RENEW];
    struct attempt *attempt;
    do {
        uint32_t count = 0;
        while (count < RETURNED_PER_RENEW &&
               (attempt = attempts_front(&agent->attempts, ATTEMPT_RETURNING)) != NULL) {
            returned[count++] = attempt->id;
            attempts_remove(&agent->attempts, attempt);
        }
        struct agent_effect effect = {.type = AGENT_FX_SEND_RENEW,
                                      .credit = agent_credit(agent),
                                      .sent_ns = next_token(agent),
                                      .round_trip_ns = agent->round_trip_ns,
                                      .returned = returned,
                                      .n_returned = count};
        agent->credit_told = effect.credit;
        agent->effect(agent->ctx, &effect);
    } while (attempts_count(&agent->attempts, ATTEMPT_RETURNING) > 0);
    agent->renew_at = time_add(agent->now, agent->renew_ns);
}

/* What is given back needs no RENEW: a HELLO that does not list it says the same. */
static void forget_returning(struct agent *agent)
{
    struct attempt *attempt;
    while ((attempt = attempts_front(&agent->attempts, ATTEMPT_RETURNING)) != NULL)
        attempts_remove(&agent->attempts, attempt);
}

void session_hello(struct agent *agent)
{
    agent->session = SESSION_GREETING;
    forget_returning(agent);
    agent->hellos++;
    agent->hello_at = agent->now;
    agent->welcomed = false;
    agent->asked_again = false;
    agent->hello_wanted = false;
    agent->barrier = 0;
    struct agent_effect effect = {.type = AGENT_FX_SEND_HELLO, .credit = agent_credit(agent)};
    agent->credit_told = effect.credit;
    agent->effect(agent->ctx, &effect);
    if (agent->hellos > 1) {
        session_renew(agent);
        agent->barrier = agent->token;
    }
}

void session_open(struct agent *agent)
{
    if (agent->session != SESSION_CLOSED)
        return;
    agent->heard = agent->now;
    agent->hellos = 0;
    session_hello(agent);
}

/* Full jitter, so that many workers do not come back in step; the first try comes quickly. */
void session_reopen(struct agent *agent)
{
    const struct agent_options *options = &agent->options;
    int64_t ceiling = options->backoff_min_ns;
    for (uint32_t i = 0; i < agent->tries && ceiling < options->backoff_max_ns; i++)
        ceiling *= 2;
    if (ceiling > options->backoff_max_ns)
        ceiling = options->backoff_max_ns;
    int64_t floor = agent->tries == 0 ? 0 : options->backoff_min_ns;
    if (agent->tries < BACKOFF_DOUBLINGS)
        agent->tries++;
    agent->session = SESSION_CLOSED;
    agent->barrier = 0;
    struct agent_effect effect = {.type = AGENT_FX_REOPEN,
                                  .delay_ns = rand_between(&agent->rand, floor, ceiling)};
    agent->effect(agent->ctx, &effect);
}

/* ---- hearing --------------------------------------------------------------------------------- */

/* The broker answered something sent at `sent`: it knew us then. */
static void answer(struct agent *agent, muster_time sent)
{
    if (sent > agent->answered)
        agent->answered = sent;
    if (agent->now - agent->answered < agent->lease_ns / 2) {
        agent->cut_off = false;
        agent->cut_killed = false;
    }
}

/* From here on COMMANDS are for this session. */
static void serve(struct agent *agent)
{
    bool was_cut_off = agent->cut_off;
    struct attempt *attempt;
    agent->session = SESSION_SERVING;
    agent->hellos = 0;
    agent->barrier = 0;
    agent->tries = 0;
    answer(agent, agent->hello_at);
    /* `hello_wanted`: one of them went after the HELLO had left; the next one lists them all. */
    while (!agent->hello_wanted &&
           (attempt = attempts_front(&agent->attempts, ATTEMPT_GONE)) != NULL) {
        machine_emit(agent, AGENT_FX_FORGET, attempt);
        attempts_remove(&agent->attempts, attempt);
    }
    session_renew(agent);
    /* The broker may have given what waited here to others meanwhile; its STOP arrives before the
     * answer to this RENEW. */
    if (was_cut_off)
        agent->hold = agent->token;
    list_each (link, &agent->attempts.kinds[ATTEMPT_SPOOLED].all) {
        machine_emit(agent, AGENT_FX_SEND_REPORT, list_entry(link, struct attempt, link));
    }
}

void session_welcome(struct agent *agent, uint32_t epoch, int64_t lease_ns, int64_t renew_ns)
{
    if (agent->session != SESSION_GREETING && agent->session != SESSION_SERVING)
        return;
    agent->epoch = epoch;
    agent->lease_ns = clamp(lease_ns, LEASE_MIN_NS, LEASE_MAX_NS);
    agent->renew_ns = clamp(renew_ns, LEASE_MIN_NS / 10, agent->lease_ns / 2);
    agent->ever_welcomed = true;
    agent->heard = agent->now;
    if (agent->session == SESSION_SERVING)
        return;
    agent->welcomed = true;
    if (agent->barrier == 0)
        serve(agent);
}

void session_pong(struct agent *agent, uint64_t sent_ns)
{
    bool ours = sent_ns > 0 && sent_ns <= agent->token;
    if (!ours || (agent->session != SESSION_GREETING && agent->session != SESSION_SERVING))
        return;
    if (agent->session == SESSION_GREETING) {
        if (agent->barrier != 0 && sent_ns >= agent->barrier && agent->welcomed)
            serve(agent);
        return;
    }
    /* A token may run ahead of the clock when several were taken at one time. */
    int64_t took = agent->now - (muster_time)sent_ns;
    agent->round_trip_ns = took > 1 ? took : 1;
    answer(agent, (muster_time)sent_ns < agent->now ? (muster_time)sent_ns : agent->now);
    if (agent->hold != 0 && sent_ns >= agent->hold)
        agent->hold = 0;
}

void session_who_are_you(struct agent *agent)
{
    /* While greeting it may be the answer to something sent before the HELLO: one of them for every
     * message that was on its way. Said once more only if the welcome does not come. */
    if (agent->session == SESSION_GREETING)
        agent->asked_again = true;
    else if (agent->session == SESSION_SERVING)
        session_hello(agent);
}

void session_refused(struct agent *agent, bool retryable)
{
    if (agent->session != SESSION_GREETING)
        return;
    if (retryable || agent->ever_welcomed) {
        session_reopen(agent);
        return;
    }
    agent->refused = true;
    agent->session = SESSION_DONE;
    machine_emit(agent, AGENT_FX_EXIT, NULL);
}

/* ---- time ------------------------------------------------------------------------------------ */

static muster_time hello_again_at(const struct agent *agent)
{
    return agent->asked_again ? time_add(agent->hello_at, HELLO_AGAIN_NS) : MUSTER_NEVER;
}

static bool renew_is_due(const struct agent *agent)
{
    return agent->now >= agent->renew_at || agent->credit_told != agent_credit(agent) ||
           attempts_count(&agent->attempts, ATTEMPT_RETURNING) > 0;
}

static muster_time cut_at(const struct agent *agent)
{
    if (agent->answered == 0 || agent->cut_killed)
        return MUSTER_NEVER;
    int64_t part = agent->cut_off ? agent->lease_ns / 6 * 5 : agent->lease_ns / 2;
    return time_add(agent->answered, part);
}

void session_judge(struct agent *agent)
{
    if (agent->session == SESSION_GREETING && agent->now >= hello_again_at(agent))
        session_hello(agent);
    if (agent->session == SESSION_SERVING && agent->hello_wanted)
        session_hello(agent);
    if (!agent->cut_off && agent->now >= cut_at(agent)) {
        agent->cut_off = true;
        work_cut_off(agent);
    }
    if (agent->cut_off && agent->now >= cut_at(agent)) {
        agent->cut_killed = true;
        work_cut_kill(agent);
    }
    /* Behind the cut-off, whose returns it tells. */
    if (agent->session == SESSION_SERVING && renew_is_due(agent))
        session_renew(agent);
    bool listening = agent->session == SESSION_GREETING || agent->session == SESSION_SERVING;
    if (listening && agent->now - agent->heard >= silence_ns(agent))
        session_reopen(agent);
}

muster_time session_deadline(const struct agent *agent)
{
    muster_time at = cut_at(agent);
    muster_time silence = time_add(agent->heard, silence_ns(agent));
    switch (agent->session) {
    case SESSION_SERVING:
        if (renew_is_due(agent) || agent->hello_wanted)
            return agent->now;
        at = agent->renew_at < at ? agent->renew_at : at;
        return silence < at ? silence : at;
    case SESSION_GREETING:
        at = hello_again_at(agent) < at ? hello_again_at(agent) : at;
        return silence < at ? silence : at;
    case SESSION_CLOSED:
        return at;
    case SESSION_DONE:
        break;
    }
    return MUSTER_NEVER;
}
