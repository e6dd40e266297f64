/* sim_hear.c -- what clients make of answers: the laws are told, and what they know themselves. */
#include "base/assert.h"
#include "sim.h"

static void note_mine(struct sim_client *c, uint64_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        TABLE_ADD(c->mine, first + i);
}

static void hear_submitted(struct sim *sim, struct sim_client *c, const struct op *op,
                           const struct wire_submitted *m)
{
    struct errand *errand = &c->errand;
    trace_line(sim, TRACE_CLIENT, "client %u: submitted %llu+%u%s", c->number,
               (unsigned long long)m->first, m->count, m->duplicate ? " duplicate" : "");
    sim->laws.duplicates += m->duplicate;
    if (m->batch != 0)
        c->batch = m->batch;
    laws_acked(sim, c->session.pool_id, op->nonces, op->n_nonces, m->first, m->count, m->batch);
    bool has_id = op->message.as.submit.request_id.size > 0;
    if (!has_id || !m->duplicate) /* else it may be another handle's */
        note_mine(c, m->first, m->count);
    if (!has_id || op->nonces[0] != errand->nonce)
        return;
    if (errand->acked && errand->first != m->first)
        laws_break(sim, "S2", "request id %s was answered with %llu, then with %llu", errand->id,
                   (unsigned long long)errand->first, (unsigned long long)m->first);
    errand->open = !errand->acked; /* asked once more, to see the same answer */
    errand->acked = true;
    errand->first = m->first;
}

static void judge_rows(struct sim *sim, struct sim_client *c, const struct wire_records *m,
                       bool with_command)
{
    for (uint32_t i = 0; i < m->n_rows; i++)
        laws_row(sim, c->session.pool_id, &m->rows[i], with_command);
}

/* Rows follow each other without a gap, from behind `from` on. */
static void judge_run(struct sim *sim, const struct sim_client *c, const struct wire_records *m,
                      uint64_t from, const char *who)
{
    for (uint32_t i = 0; i < m->n_rows; i++)
        if (m->rows[i].pos != from + i + 1)
            laws_break(sim, "L3", "client %u read %s from %llu and got pos %llu in place %u",
                       c->number, who, (unsigned long long)from, (unsigned long long)m->rows[i].pos,
                       i);
    if (m->next != from + m->n_rows)
        laws_break(
            sim, "S8", "client %u read %s from %llu, %u rows, and is told to go on from %llu",
            c->number, who, (unsigned long long)from, m->n_rows, (unsigned long long)m->next);
}

static void hear_read(struct sim *sim, struct sim_client *c, const struct op *op,
                      const struct wire_records *m)
{
    uint64_t from = op->message.as.read.from_pos;
    judge_rows(sim, c, m, op->message.as.read.with_command);
    judge_run(sim, c, m, from, "the log");
    if (m->n_rows == 0 && !m->timed_out && op->message.as.read.wait_ns > 0)
        laws_break(sim, "S8", "client %u waited for records and got none before the time",
                   c->number);
    if (m->n_rows == 0 && m->head > from)
        laws_break(sim, "S8", "client %u read from %llu below the head %llu and got nothing",
                   c->number, (unsigned long long)from, (unsigned long long)m->head);
    if (from <= c->read_to && m->next > c->read_to)
        c->read_to = m->next;
    if (c->in_epilogue && c->idle_waits > 0 && m->next == m->head && c->read_to == m->head)
        c->finished = true;
}

static void hear_cursor_read(struct sim *sim, struct sim_client *c, const struct wire_records *m)
{
    judge_rows(sim, c, m, false);
    judge_run(sim, c, m, m->cursor, "by cursor");
    if (c->cursor_known && c->cursor_pool == c->session.pool_id &&
        (m->cursor < c->cursor_acked || m->cursor > c->cursor_asked))
        laws_break(sim, "S8",
                   "the cursor of client %u stands at %llu; it was moved to %llu, asked to %llu",
                   c->number, (unsigned long long)m->cursor, (unsigned long long)c->cursor_acked,
                   (unsigned long long)c->cursor_asked);
    if (!c->cursor_known || c->cursor_pool != c->session.pool_id) {
        c->cursor_known = true;
        c->cursor_pool = c->session.pool_id;
        c->cursor_acked = c->cursor_asked = m->cursor;
    }
    if (m->n_rows > 0)
        c->cursor_next = m->next;
}

static void hear_cursor_moved(struct sim *sim, struct sim_client *c, const struct op *op,
                              const struct wire_done *m)
{
    if (m->value < op->message.as.cursor.pos)
        laws_break(sim, "S8", "the cursor of client %u was moved to %llu and stands at %llu",
                   c->number, (unsigned long long)op->message.as.cursor.pos,
                   (unsigned long long)m->value);
    if (op->message.as.cursor.pos > c->cursor_acked)
        c->cursor_acked = op->message.as.cursor.pos;
}

static void hear_waited(struct sim *sim, struct sim_client *c, const struct op *op,
                        const struct wire_message *reply)
{
    const struct wire_wait *wait = &op->message.as.wait;
    bool timed_out =
        reply->type == WIRE_DONE ? reply->as.done.timed_out : reply->as.records.timed_out;
    if (reply->type == WIRE_RECORDS) {
        judge_rows(sim, c, &reply->as.records, wait->with_command);
        if (wait->what == WIRE_WAIT_COMMANDS && !timed_out && reply->as.records.n_rows == 0 &&
            !world_has_retention(sim))
            laws_break(sim, "S10", "client %u waited for commands and got no record", c->number);
    } else if (!timed_out && wait->what == WIRE_WAIT_BATCH) {
        laws_batch_final(sim, c->session.pool_id, wait->batch);
    } else if (!timed_out) {
        laws_all_final(sim, c->session.pool_id, c->mine.items, (uint32_t)op->mine_to, "a wait");
    }
    if (sim->healed && wait->what == WIRE_WAIT_ALL && !timed_out)
        c->idle_waits++;
}

static void hear_stats(struct sim *sim, const struct sim_client *c,
                       const struct wire_stats_reply *m)
{
    uint64_t ended = 0;
    for (uint32_t i = 0; i < m->n_ended; i++)
        ended += m->ended[i];
    if (m->submitted != m->held + m->queued + m->running + ended)
        laws_break(sim, "L8",
                   "client %u is told: submitted %llu, held %llu, queued %llu, "
                   "running %llu, ended %llu",
                   c->number, (unsigned long long)m->submitted, (unsigned long long)m->held,
                   (unsigned long long)m->queued, (unsigned long long)m->running,
                   (unsigned long long)ended);
    if (m->final_to > m->submitted || m->ok_to > m->final_to)
        laws_break(sim, "S9", "client %u is told of watermarks out of order", c->number);
}

static void hear_list(struct sim *sim, const struct sim_client *c, const struct op *op,
                      const struct wire_list_reply *m)
{
    uint64_t last = op->message.as.list.after;
    for (uint32_t i = 0; i < m->n_rows; i++) {
        const struct law_life *life =
            laws_life(laws_pool(sim, c->session.pool_id), m->rows[i].track_id);
        if (m->rows[i].track_id <= last)
            laws_break(sim, "LIST", "client %u gets a list out of order", c->number);
        if (life == NULL)
            laws_break(sim, "LIST", "client %u is told of a command that nobody submitted",
                       c->number);
        last = m->rows[i].track_id;
    }
}

static void hear_shut_down(struct sim *sim, struct sim_client *c, const struct op *op,
                           const struct wire_done *m)
{
    if (op->message.as.shutdown.wait && !m->timed_out)
        laws_all_final(sim, c->session.pool_id, c->mine.items, (uint32_t)op->mine_to, "a shutdown");
    c->shut = true;
}

static void hear_answer(struct sim *sim, struct sim_client *c, const struct op *op,
                        const struct wire_message *reply)
{
    static const enum wire_type expected[OP_KINDS] = {
        [OP_SUBMIT] = WIRE_SUBMITTED,    [OP_READ] = WIRE_RECORDS,
        [OP_CURSOR_READ] = WIRE_RECORDS, [OP_CURSOR_MOVE] = WIRE_DONE,
        [OP_WAIT] = WIRE_RECORDS,        [OP_STATS] = WIRE_STATS_REPLY,
        [OP_LIST] = WIRE_LIST_REPLY,     [OP_HOSTS] = WIRE_HOSTS_REPLY,
        [OP_CANCEL] = WIRE_CANCELLED,    [OP_ROOM] = WIRE_ROOM_REPLY,
        [OP_SHUTDOWN] = WIRE_DONE};
    bool fits =
        reply->type == expected[op->kind] || (op->kind == OP_WAIT && reply->type == WIRE_DONE);
    if (!fits) {
        laws_break(sim, "WIRE", "client %u asked %s and got %s", c->number,
                   wire_type_name(op->message.type), wire_type_name(reply->type));
        return;
    }
    switch (op->kind) {
    case OP_SUBMIT:
        hear_submitted(sim, c, op, &reply->as.submitted);
        break;
    case OP_READ:
        hear_read(sim, c, op, &reply->as.records);
        break;
    case OP_CURSOR_READ:
        hear_cursor_read(sim, c, &reply->as.records);
        break;
    case OP_CURSOR_MOVE:
        hear_cursor_moved(sim, c, op, &reply->as.done);
        break;
    case OP_WAIT:
        hear_waited(sim, c, op, reply);
        break;
    case OP_STATS:
        hear_stats(sim, c, &reply->as.stats_reply);
        break;
    case OP_LIST:
        hear_list(sim, c, op, &reply->as.list_reply);
        break;
    case OP_SHUTDOWN:
        hear_shut_down(sim, c, op, &reply->as.done);
        break;
    case OP_HOSTS:
    case OP_CANCEL:
    case OP_ROOM:
    case OP_KINDS:
        break;
    }
}

/* Refusals that each kind of request may meet in this world. */
static bool may_be_refused(const struct sim *sim, const struct op *op, enum refusal refusal)
{
    switch ((int)refusal) {
    case REFUSAL_TIMED_OUT:
        return op->deadline <= sim->now;
    case REFUSAL_SHUTTING_DOWN:
        return true;
    case REFUSAL_QUEUE_FULL:
    case REFUSAL_DISK_LOW:
    case REFUSAL_NO_MATCH:
    case REFUSAL_LIMIT_REACHED:
        return op->kind == OP_SUBMIT;
    case REFUSAL_UNKNOWN_FUNCTION:
        return op->kind == OP_SUBMIT || op->kind == OP_ROOM;
    case REFUSAL_TRUNCATED:
        return op->kind == OP_READ || op->kind == OP_CURSOR_READ || op->kind == OP_CURSOR_MOVE ||
               op->kind == OP_WAIT;
    case REFUSAL_CURSOR_TAKEN:
        return op->kind == OP_CURSOR_READ || op->kind == OP_CURSOR_MOVE;
    case REFUSAL_UNKNOWN_POOL: /* a private pool that was not used for long */
    case REFUSAL_UNREACHABLE:
        return true;
    default:
        return false;
    }
}

static void hear_refusal(struct sim *sim, struct sim_client *c, struct op *op, enum refusal refusal)
{
    c->refused++;
    if (!may_be_refused(sim, op, refusal))
        laws_break(sim, "S13", "client %u: %s was refused with %s", c->number,
                   wire_type_name(op->message.type), refusal_name(refusal));
    if (op->kind == OP_SUBMIT && refusal == REFUSAL_SHUTTING_DOWN)
        c->shut = true;
    if (refusal != REFUSAL_TRUNCATED)
        return;
    if (!world_has_retention(sim))
        laws_break(sim, "S12", "client %u: records are gone, but all are kept", c->number);
    const struct law_pool *pool = laws_pool(sim, c->session.pool_id);
    if (op->kind == OP_READ && pool != NULL && c->read_to < pool->oldest)
        c->read_to = pool->oldest;
    if (op->kind == OP_CURSOR_READ && pool != NULL)
        c->cursor_next = pool->oldest;
}

void sim_hear_end(struct sim *sim, struct sim_client *c, struct op *op, enum refusal refusal,
                  const struct wire_message *reply)
{
    if (refusal != REFUSAL_OK) {
        trace_line(sim, TRACE_CLIENT, "client %u: %s ended with %s", c->number,
                   wire_type_name(op->message.type), refusal_name(refusal));
        hear_refusal(sim, c, op, refusal);
        return;
    }
    MUST(reply != NULL);
    c->answered++;
    hear_answer(sim, c, op, reply);
}
