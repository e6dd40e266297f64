/*
 * slot.c -- the life of an attempt: its output, its limits, the end of its leader, the end of all
 * that it left behind.
 *
 * An attempt is over when its leader has been reaped, its streams are closed and its tree is empty;
 * only then is it reported and the slot free. So no process of a command outlives its record: what
 * a command leaves in the background is ended after it, and the record says so. A stream that
 * somebody else still holds is given up after drain_output_ns.
 */
#include "slot.h"

#include "base/assert.h"
#include "base/fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    SCRATCH_BYTES = 64 * 1024,
    READS_PER_TURN = 4, /* of one stream: the others want their turn */
    READS_AT_END = 64   /* what a full pipe of the largest size holds */
};

/* The streams of a command that ends sooner are read at its end alone: two wake-ups less. A full
 * pipe waits for so long once. */
static const int64_t watch_after_ns = 3 * MUSTER_MS;
static const int64_t survivor_poll_ns = 50 * MUSTER_MS;
static const int64_t stall_check_min_ns = 100 * MUSTER_MS;

void slot_init(struct slot *slot, uint32_t number)
{
    *slot = (struct slot){.number = number};
    for (int i = 0; i < SLOT_STREAMS; i++)
        slot->streams[i].fd = -1;
    slot->runner.fd = -1;
}

void slot_done(struct spawner *spawner, struct slot *slot)
{
    slot_close_streams(slot);
    for (int i = 0; i < SLOT_STREAMS; i++)
        capture_done(&slot->streams[i].capture);
    spawner_tree_free(spawner, slot->tree);
    slot->tree = NULL;
}

void slot_begin(struct spawner *spawner, struct slot *slot, enum slot_kind kind,
                const struct message_start *start, const struct wire_command_body *body)
{
    MUST(slot->kind == SLOT_FREE);
    slot->kind = kind;
    slot->token = start->token;
    slot->pid = 0;
    slot->start_wall_ns = time_wall_ns();
    slot->start_at = slot->stop_at = time_boot_ns();
    slot->timeout_ns = body->timeout_ns;
    slot->grace_ns = body->grace_ns > 0 ? body->grace_ns : spawner->options.grace_ns;
    slot->stall_ns = body->stall_timeout_ns;
    slot->throttled_ns = body->throttled_ns;
    slot->is_watching = false;
    slot->watch_at = time_add(slot->start_at, watch_after_ns);
    slot->is_leader_gone = false;
    slot->status = 0;
    memset(&slot->usage, 0, sizeof slot->usage);
    slot->end_reason = REASON_NONE;
    slot->ladder = LADDER_NONE;
    slot->ladder_at = slot->kill_since = slot->drain_until = MUSTER_NEVER;
    slot->progress_at = slot->start_at;
    slot->progress = 0;
    slot->left_behind = 0;
    slot->is_denied = false;
    for (int i = 0; i < SLOT_STREAMS; i++)
        capture_reset(&slot->streams[i].capture);
}

struct tree *slot_tree(const struct slot *slot)
{
    return slot->kind == SLOT_CALL ? slot->runner.tree : slot->tree;
}

static void read_stream(struct spawner *spawner, struct slot *slot, enum slot_stream which,
                        unsigned reads_max)
{
    struct stream *stream = &slot->streams[which];
    if (stream->fd < 0)
        return;
    uint64_t before = stream->capture.total;
    if (capture_read(&stream->capture, stream->fd, spawner->scratch, SCRATCH_BYTES, reads_max) == 0)
        stream->fd = fs_close(stream->fd);
    if (slot->stall_ns > 0 && stream->capture.total != before)
        slot->progress_at = time_boot_ns();
}

void slot_read(struct spawner *spawner, struct slot *slot, enum slot_stream stream)
{
    read_stream(spawner, slot, stream, READS_PER_TURN);
}

static bool has_streams(const struct slot *slot)
{
    return slot->streams[SLOT_OUT].fd >= 0 || slot->streams[SLOT_ERR].fd >= 0;
}

void slot_close_streams(struct slot *slot)
{
    for (int i = 0; i < SLOT_STREAMS; i++)
        slot->streams[i].fd = fs_close(slot->streams[i].fd);
}

static void give_up_streams(struct slot *slot)
{
    for (int i = 0; i < SLOT_STREAMS; i++) {
        if (slot->streams[i].fd >= 0)
            slot->streams[i].capture.incomplete = true;
    }
    slot_close_streams(slot);
}

void slot_leader_reaped(struct spawner *spawner, struct slot *slot, int status,
                        const struct rusage *usage)
{
    MUST(slot->kind == SLOT_EXEC && !slot->is_leader_gone);
    slot->is_leader_gone = true;
    tree_leader_reaped(&spawner->trees, slot->tree);
    slot->status = status;
    slot->usage = *usage;
    slot->stop_at = time_boot_ns();
    slot->drain_until = time_add(slot->stop_at, spawner->options.drain_output_ns);
}

void slot_release(struct spawner *spawner, struct slot *slot)
{
    slot_close_streams(slot);
    if (slot->kind == SLOT_EXEC && slot->tree && list_is_linked(&slot->tree->link))
        tree_finish(&spawner->trees, slot->tree);
    if (slot->runner.tree)
        slot->runner.tree->is_idle = true;
    slot->kind = SLOT_FREE;
    slot->token = 0;
    spawner_set_deadline(spawner, slot, MUSTER_NEVER);
}

/* Time-out and stall of what still runs. Returns when to look again. */
static muster_time check_limits(struct spawner *spawner, struct slot *slot, muster_time now)
{
    if (slot->end_reason != REASON_NONE)
        return MUSTER_NEVER;
    muster_time next = MUSTER_NEVER;
    if (slot->timeout_ns > 0) {
        next = time_add(slot->start_at, slot->timeout_ns);
        if (now >= next) {
            ladder_begin(spawner, slot, REASON_TIMEOUT, slot->grace_ns, false, now);
            return MUSTER_NEVER;
        }
    }
    if (slot->stall_ns > 0) {
        uint64_t progress = tree_progress(&spawner->trees, slot_tree(slot));
        if (progress != slot->progress)
            slot->progress_at = now;
        slot->progress = progress;
        if (now - slot->progress_at >= slot->stall_ns) {
            ladder_begin(spawner, slot, REASON_STALL, slot->grace_ns, false, now);
            return MUSTER_NEVER;
        }
        int64_t step = slot->stall_ns / 4;
        if (step < stall_check_min_ns)
            step = stall_check_min_ns;
        muster_time due = time_add(slot->progress_at, slot->stall_ns);
        muster_time check = time_add(now, step);
        if (due < check)
            check = due;
        if (check < next)
            next = check;
    }
    return next;
}

/* Puts the streams into the loop when it is time. Where the loop has no room for them they are read
 * now and then. Returns when to look again. */
static muster_time watch_streams(struct spawner *spawner, struct slot *slot, muster_time now)
{
    if (slot->is_watching || !has_streams(slot))
        return MUSTER_NEVER;
    if (now < slot->watch_at && !slot->is_leader_gone)
        return slot->watch_at;
    slot->is_watching = true;
    for (int i = 0; i < SLOT_STREAMS; i++) {
        int fd = slot->streams[i].fd;
        enum spawner_source source = i == SLOT_OUT ? SOURCE_OUT : SOURCE_ERR;
        int error = fd < 0 ? 0 : spawner_watch(spawner, fd, source, slot->number, false);
        if (error < 0 && error != -EEXIST)
            slot->is_watching = false;
    }
    if (slot->is_watching)
        return MUSTER_NEVER;
    for (int i = 0; i < SLOT_STREAMS; i++)
        read_stream(spawner, slot, (enum slot_stream)i, READS_PER_TURN);
    slot->watch_at = time_add(now, survivor_poll_ns);
    return slot->watch_at;
}

/* The leader is gone: what is left? True when the attempt is over. */
static bool is_over(struct spawner *spawner, struct slot *slot, muster_time now,
                    muster_time *ret_next)
{
    trees_scan(&spawner->trees);
    bool is_empty = tree_is_empty(slot_tree(slot));
    for (int i = 0; i < SLOT_STREAMS; i++)
        read_stream(spawner, slot, (enum slot_stream)i, is_empty ? READS_AT_END : READS_PER_TURN);
    if (slot->ladder != LADDER_NONE && !is_empty)
        /* Its last words may come as long as it lives; the ladder has a bound of its own. */
        slot->drain_until = time_add(now, spawner->options.drain_output_ns);
    if (has_streams(slot) && now >= slot->drain_until)
        give_up_streams(slot);
    if (is_empty && !has_streams(slot))
        return true;
    if (!is_empty && !has_streams(slot) && slot->ladder == LADDER_NONE)
        ladder_begin(spawner, slot, REASON_NONE, slot->grace_ns, false, now);
    if (has_streams(slot) && slot->drain_until < *ret_next)
        *ret_next = slot->drain_until;
    muster_time again = time_add(now, survivor_poll_ns);
    if (!is_empty && again < *ret_next)
        *ret_next = again;
    return false;
}

static void give_up_tree(struct spawner *spawner, struct slot *slot)
{
    if (slot->kind == SLOT_EXEC) {
        give_up_streams(slot);
        report_exec(spawner, slot, true);
    } else {
        report_call(spawner, slot, true);
    }
}

void slot_step(struct spawner *spawner, struct slot *slot, muster_time now)
{
    if (slot->kind == SLOT_FREE)
        return;
    muster_time next = MUSTER_NEVER;
    if (ladder_step(spawner, slot, now)) {
        give_up_tree(spawner, slot);
        return;
    }
    if (!slot->is_leader_gone) {
        next = check_limits(spawner, slot, now);
    } else if (is_over(spawner, slot, now, &next)) {
        if (slot->kind == SLOT_EXEC)
            report_exec(spawner, slot, false);
        else
            report_call(spawner, slot, false);
        return;
    }
    muster_time watch = watch_streams(spawner, slot, now);
    if (watch < next)
        next = watch;
    if (slot->ladder != LADDER_NONE && slot->ladder_at < next)
        next = slot->ladder_at;
    spawner_set_deadline(spawner, slot, next);
}
