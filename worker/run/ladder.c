/*
 * ladder.c -- ends a tree: TERM, after the grace KILL until nothing is left, and after a minute of
 * that the tree is given up.
 *
 * A tree that survives KILL (its processes hang in the kernel, or belong to somebody else) leaves
 * the slot and is watched here until it is gone: until then the slot counts as quarantined, the
 * record and the log say so.
 */
#include "slot.h"

#include "base/assert.h"
#include "base/log.h"

#include <signal.h>
#include <stdlib.h>

/* A tree that is no attempt's any more. */
struct abandoned {
    struct list link;
    struct tree *tree; /* owned */
    uint32_t slot;
    bool is_quarantine; /* it survived KILL */
};

static const int64_t abandoned_poll_ns = 1 * MUSTER_S;

static void step_to_kill(struct slot *slot, muster_time now)
{
    slot->ladder = LADDER_KILL;
    slot->kill_since = now;
    slot->ladder_at = now;
}

void ladder_begin(struct spawner *spawner, struct slot *slot, enum reason reason, int64_t grace_ns,
                  bool kill_now, muster_time now)
{
    if (slot->end_reason == REASON_NONE && !slot->is_leader_gone)
        slot->end_reason = reason;
    if (kill_now && slot->ladder != LADDER_KILL) {
        step_to_kill(slot, now);
    } else if (slot->ladder == LADDER_NONE) {
        size_t seen = tree_signal(&spawner->trees, slot_tree(slot), SIGTERM);
        if (slot->is_leader_gone)
            slot->left_behind = seen;
        if (slot->is_leader_gone && seen == 0)
            return; /* dead already, they only wait to be reaped */
        slot->ladder = LADDER_TERM;
        slot->ladder_at = time_add(now, grace_ns);
    } else if (slot->ladder == LADDER_TERM && time_add(now, grace_ns) < slot->ladder_at) {
        slot->ladder_at = time_add(now, grace_ns);
    }
    /* The next slot_step goes on from here. */
    spawner_set_deadline(spawner, slot, now);
}

/* First often, for trees that grow while they are killed; later seldom, for those that hang. */
static int64_t kill_interval_ns(int64_t since_ns)
{
    if (since_ns < 200 * MUSTER_MS)
        return 10 * MUSTER_MS;
    return since_ns < 2 * MUSTER_S ? 100 * MUSTER_MS : MUSTER_S;
}

static void take_over(struct spawner *spawner, struct tree *tree, uint32_t slot, bool is_quarantine)
{
    struct abandoned *abandoned = malloc(sizeof *abandoned);
    MUST(abandoned);
    *abandoned = (struct abandoned){.tree = tree, .slot = slot, .is_quarantine = is_quarantine};
    tree->is_idle = true; /* what cannot be told apart is not held back because of it */
    list_push_back(&spawner->abandoned, &abandoned->link);
}

void ladder_bury(struct spawner *spawner, struct tree *tree, uint32_t slot)
{
    take_over(spawner, tree, slot, false);
    spawner->abandoned_at = 0;
}

/* Moves the tree out of the slot. */
static void give_up(struct spawner *spawner, struct slot *slot)
{
    struct tree *tree = slot_tree(slot);
    slot->is_denied = tree->is_denied;
    if (slot->kind == SLOT_EXEC) {
        if (!tree->is_leader_reaped)
            map_remove(&spawner->slot_of_leader, (uint64_t)tree->leader);
        slot->tree = NULL;
    } else {
        call_forget_runner(spawner, slot);
    }
    take_over(spawner, tree, slot->number, true);
    if (spawner->abandoned_at == MUSTER_NEVER)
        spawner->abandoned_at = time_add(time_boot_ns(), abandoned_poll_ns);
    slot->quarantined++;
    log_event(LEVEL_ERROR, "unkillable",
              "slot=%u pid=%d after_s=%lld text=\"processes survived KILL; the slot is "
              "quarantined\"",
              slot->number, (int)tree->leader,
              (long long)(spawner->options.unkillable_ns / MUSTER_S));
}

bool ladder_step(struct spawner *spawner, struct slot *slot, muster_time now)
{
    if (slot->ladder == LADDER_NONE || now < slot->ladder_at)
        return false;
    if (slot->ladder == LADDER_TERM)
        step_to_kill(slot, now);
    int64_t since_ns = now - slot->kill_since;
    if (since_ns >= spawner->options.unkillable_ns) {
        give_up(spawner, slot);
        return true;
    }
    trees_scan(&spawner->trees);
    tree_signal(&spawner->trees, slot_tree(slot), SIGKILL);
    slot->ladder_at = time_add(now, kill_interval_ns(since_ns));
    muster_time given_up_at = time_add(slot->kill_since, spawner->options.unkillable_ns);
    if (given_up_at < slot->ladder_at)
        slot->ladder_at = given_up_at;
    return false;
}

void ladder_watch_abandoned(struct spawner *spawner, muster_time now)
{
    if (now < spawner->abandoned_at)
        return;
    trees_scan(&spawner->trees);
    list_each_safe (it, after, &spawner->abandoned) {
        struct abandoned *abandoned = list_entry(it, struct abandoned, link);
        if (!tree_is_empty(abandoned->tree)) {
            tree_signal(&spawner->trees, abandoned->tree, SIGKILL);
            continue;
        }
        if (abandoned->is_quarantine) {
            spawner_slot(spawner, abandoned->slot)->quarantined--;
            log_event(LEVEL_WARN, "killed_at_last", "slot=%u", abandoned->slot);
        }
        tree_finish(&spawner->trees, abandoned->tree);
        spawner_tree_free(spawner, abandoned->tree);
        list_remove(it);
        free(abandoned);
    }
    spawner->abandoned_at =
        list_is_empty(&spawner->abandoned) ? MUSTER_NEVER : time_add(now, abandoned_poll_ns);
}

bool ladder_abandoned_reaped(struct spawner *spawner, pid_t pid)
{
    list_each (it, &spawner->abandoned) {
        struct abandoned *abandoned = list_entry(it, struct abandoned, link);
        if (abandoned->tree->leader == pid && !abandoned->tree->is_leader_reaped) {
            tree_leader_reaped(&spawner->trees, abandoned->tree);
            spawner->abandoned_at = 0;
            return true;
        }
    }
    return false;
}
