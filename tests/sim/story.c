/* story.c -- frames and facts in words, for traces and golden scenarios. */
#include <inttypes.h>
#include <string.h>

#include "base/buffer.h"
#include "sim.h"

/* ---- frames ---------------------------------------------------------------------------------- */

static void say_attempts(struct buffer *b, const struct wire_attempt *attempts, uint32_t n)
{
    static const char *const phases[] = {"waiting", "running", "spooled", "gone"};
    for (uint32_t i = 0; i < n; i++)
        buffer_printf(b, " %" PRIu64 ".%u %s", attempts[i].track_id, attempts[i].attempt,
                      phases[attempts[i].phase]);
}

static void say_client_frame(struct buffer *b, const struct wire_message *m)
{
    switch ((int)m->type) {
    case WIRE_SUBMIT:
        buffer_printf(b, " %u commands, sequence %" PRIu64, m->as.submit.n_submissions,
                      m->as.submit.sequence);
        break;
    case WIRE_SUBMITTED:
        buffer_printf(b, " %" PRIu64 "+%u%s", m->as.submitted.first, m->as.submitted.count,
                      m->as.submitted.duplicate ? " duplicate" : "");
        break;
    case WIRE_RECORDS:
        buffer_printf(b, " %u rows, next %" PRIu64 ", head %" PRIu64, m->as.records.n_rows,
                      m->as.records.next, m->as.records.head);
        break;
    case WIRE_CANCELLED:
        buffer_printf(b, " %" PRIu64 " cancelled, %" PRIu64 " stopping", m->as.cancelled.cancelled,
                      m->as.cancelled.stopping);
        break;
    case WIRE_DONE:
        buffer_append_str(b, m->as.done.timed_out ? " timed out" : "");
        break;
    case WIRE_ERROR:
        buffer_printf(b, " %s", refusal_name((enum refusal)m->as.error.refusal));
        break;
    default:
        break;
    }
}

static void say_worker_frame(struct buffer *b, const struct wire_message *m)
{
    switch ((int)m->type) {
    case WIRE_WORKER_HELLO:
        say_attempts(b, m->as.worker_hello.attempts, m->as.worker_hello.n_attempts);
        break;
    case WIRE_RENEW:
        say_attempts(b, m->as.renew.returned, m->as.renew.n_returned);
        break;
    case WIRE_REPORT:
        for (uint32_t i = 0; i < m->as.report.n_records; i++)
            buffer_printf(b, " %" PRIu64 ".%u %s", m->as.report.records[i].track_id,
                          m->as.report.records[i].attempt,
                          state_name((enum state)m->as.report.records[i].state));
        break;
    case WIRE_COMMANDS:
        for (uint32_t i = 0; i < m->as.commands.n_commands; i++)
            buffer_printf(b, " %" PRIu64 ".%u", m->as.commands.commands[i].track_id,
                          m->as.commands.commands[i].attempt);
        break;
    case WIRE_RECORDED:
        for (uint32_t i = 0; i < m->as.recorded.n_verdicts; i++)
            buffer_printf(b, " %" PRIu64 ".%u %s", m->as.recorded.verdicts[i].track_id,
                          m->as.recorded.verdicts[i].attempt,
                          m->as.recorded.verdicts[i].stale ? "stale" : "kept");
        break;
    case WIRE_STOP:
        for (uint32_t i = 0; i < m->as.stop.n_attempts; i++)
            buffer_printf(b, " %" PRIu64 ".%u", m->as.stop.attempts[i].track_id,
                          m->as.stop.attempts[i].attempt);
        buffer_printf(b, " %s%s", reason_name((enum reason)m->as.stop.reason),
                      m->as.stop.forget ? " forget" : "");
        break;
    default:
        say_client_frame(b, m);
    }
}

static bool is_noise(const struct wire_message *m)
{
    switch ((int)m->type) {
    case WIRE_RENEW:
        return m->as.renew.n_returned == 0;
    case WIRE_PONG:
    case WIRE_PING:
        return true;
    default:
        return false;
    }
}

void trace_frame(struct sim *sim, const char *who, uint32_t number, const struct wire_message *m)
{
    struct buffer words = BUFFER_EMPTY;
    enum trace_kind kind = is_noise(m) ? TRACE_NOISE : TRACE_FRAME;
    say_worker_frame(&words, m);
    if (strcmp(who, "broker") == 0)
        trace_line(sim, kind, "broker says %s%s", wire_type_name(m->type), buffer_str(&words));
    else
        trace_line(sim, kind, "%s %u says %s%s", who, number, wire_type_name(m->type),
                   buffer_str(&words));
    buffer_done(&words);
}

/* ---- facts ----------------------------------------------------------------------------------- */

static void trace_command_fact(struct sim *sim, const struct fact *fact)
{
    switch ((int)fact->type) {
    case FACT_SUBMITTED:
        trace_line(sim, TRACE_FACT, "fact submitted %u.%" PRIu64, fact->as.submitted.pool,
                   fact->as.submitted.track_id);
        break;
    case FACT_LEASED:
        trace_line(sim, TRACE_FACT, "fact leased %u.%" PRIu64 " attempt %u epoch %u worker %u",
                   fact->as.leased.pool, fact->as.leased.track_id, fact->as.leased.attempt,
                   fact->as.leased.epoch, laws_worker(&sim->laws, fact->as.leased.worker));
        break;
    case FACT_QUEUED:
        trace_line(sim, TRACE_FACT, "fact queued %u.%" PRIu64 " starts %u", fact->as.queued.pool,
                   fact->as.queued.track_id, fact->as.queued.starts);
        break;
    case FACT_STOPPING:
        trace_line(sim, TRACE_FACT, "fact stopping %u.%" PRIu64 " %s", fact->as.stopping.pool,
                   fact->as.stopping.track_id, reason_name(fact->as.stopping.reason));
        break;
    case FACT_RECORDED:
        trace_line(
            sim, TRACE_FACT, "fact recorded %u.%" PRIu64 " attempt %u pos %" PRIu64 " %s%s%s",
            fact->as.recorded.pool, fact->as.recorded.track_id, fact->as.recorded.attempt,
            fact->as.recorded.pos, state_name(fact->as.recorded.state),
            fact->as.recorded.reason == REASON_NONE ? "" : " ",
            fact->as.recorded.reason == REASON_NONE ? "" : reason_name(fact->as.recorded.reason));
        break;
    default:
        break;
    }
}

void trace_fact(struct sim *sim, const struct fact *fact)
{
    switch ((int)fact->type) {
    case FACT_POOL_GONE:
        trace_line(sim, TRACE_FACT, "fact pool %u gone", fact->as.pool_gone);
        break;
    case FACT_OLDEST:
        trace_line(sim, TRACE_FACT, "fact oldest %u.%" PRIu64, fact->as.oldest.pool,
                   fact->as.oldest.oldest);
        break;
    case FACT_CURSOR:
        trace_line(sim, TRACE_FACT, "fact cursor %u.%" PRIu64, fact->as.cursor.pool,
                   fact->as.cursor.pos);
        break;
    case FACT_REQUEST:
        trace_line(sim, TRACE_FACT, "fact request %" PRIu64 " first %" PRIu64,
                   fact->as.request.sequence, fact->as.request.first);
        break;
    case FACT_AUDIT:
        trace_line(sim, TRACE_FACT, "fact stale %u.%" PRIu64 " attempt %u", fact->as.audit.pool,
                   fact->as.audit.track_id, fact->as.audit.attempt);
        break;
    default:
        trace_command_fact(sim, fact);
    }
}
