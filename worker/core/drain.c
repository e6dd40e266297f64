/*
 * drain.c -- the way out (S10): give back what waits, let what runs finish, end it, report, leave.
 *
 *     WAIT --drain_ns--> TERM --grace_ns--> KILL --60 s--> EXIT
 *       `-------- nothing runs: VERDICTS --every record answered, or drain_ns--> BYE, EXIT
 *
 * A repeated DRAIN goes on to the next stage at once. Records without a verdict stay in the spool.
 */
#include "worker/core/machine.h"

/* How long the kernel may take to end processes that were killed. */
static const int64_t UNKILLABLE_NS = 60 * MUSTER_S;

static void finish(struct agent *agent)
{
    if (agent->session == SESSION_SERVING) {
        if (attempts_count(&agent->attempts, ATTEMPT_RETURNING) > 0)
            session_renew(agent);
        machine_emit(agent, AGENT_FX_SEND_BYE, NULL);
    }
    agent->session = SESSION_DONE;
    machine_emit(agent, AGENT_FX_EXIT, NULL);
}

static void enter(struct agent *agent, enum drain stage, int64_t lasts_ns)
{
    agent->drain = stage;
    agent->drain_at = time_add(agent->now, lasts_ns);
}

static void end_running(struct agent *agent)
{
    enter(agent, DRAIN_TERM, agent->options.grace_ns);
    list_each (link, &agent->attempts.kinds[ATTEMPT_RUNNING].all) {
        work_end(agent, list_entry(link, struct attempt, link), REASON_WORKER_SHUTDOWN);
    }
}

static void kill_running(struct agent *agent)
{
    enter(agent, DRAIN_KILL, UNKILLABLE_NS);
    list_each (link, &agent->attempts.kinds[ATTEMPT_RUNNING].all) {
        struct attempt *attempt = list_entry(link, struct attempt, link);
        if (attempt->killed)
            continue;
        attempt->killed = true;
        machine_emit(agent, AGENT_FX_KILL, attempt);
    }
}

static void next_stage(struct agent *agent)
{
    switch (agent->drain) {
    case DRAIN_NO:
        work_return_all(agent);
        enter(agent, DRAIN_WAIT, agent->options.drain_ns);
        break;
    case DRAIN_WAIT:
        end_running(agent);
        break;
    case DRAIN_TERM:
        kill_running(agent);
        break;
    case DRAIN_KILL:
    case DRAIN_VERDICTS:
        finish(agent);
        break;
    }
}

void drain_begin(struct agent *agent, bool hurry)
{
    next_stage(agent);
    if (hurry) {
        agent->for_good = true;
        if (agent->drain == DRAIN_WAIT)
            next_stage(agent);
    }
}

void drain_judge(struct agent *agent)
{
    if (agent->drain != DRAIN_NO && agent->session != SESSION_DONE && agent->now >= agent->drain_at)
        next_stage(agent);
}

void drain_progress(struct agent *agent)
{
    if (agent->drain == DRAIN_NO || agent->session == SESSION_DONE)
        return;
    if (attempts_count(&agent->attempts, ATTEMPT_RUNNING) > 0 ||
        attempts_count(&agent->attempts, ATTEMPT_CANCELLED) > 0)
        return;
    if (agent->drain != DRAIN_VERDICTS)
        enter(agent, DRAIN_VERDICTS, agent->for_good ? 0 : agent->options.drain_ns);
    if (agent->for_good || attempts_count(&agent->attempts, ATTEMPT_SPOOLED) == 0)
        finish(agent);
}
