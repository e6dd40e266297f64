/* The spawner's inside: slots, the attempt in each, and the modules that move an attempt along.
 *
 *   START → launch.c (exec) or call.c (runner) → running → leader gone → drained → tree empty
 *                      timeout, stall, END: ladder.c TERM → KILL → given up         → report.c
 */
#ifndef MUSTER_WORKER_RUN_SLOT_H
#define MUSTER_WORKER_RUN_SLOT_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/deadline.h"
#include "base/state.h"
#include "base/time.h"
#include "capture.h"
#include "cgroup.h"
#include "environ.h"
#include "frame.h"
#include "message.h"
#include "proto/body.h"
#include "run.h"
#include "tree.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

enum slot_kind { SLOT_FREE, SLOT_EXEC, SLOT_CALL };
enum slot_ladder { LADDER_NONE, LADDER_TERM, LADDER_KILL };
enum slot_stream { SLOT_OUT, SLOT_ERR, SLOT_STREAMS };

struct stream {
    int fd; /* read end, non-blocking; -1: closed */
    struct capture capture;
};

/* One process that runs functions, kept from attempt to attempt. */
struct runner {
    struct tree *tree; /* owned; NULL: none runs */
    int fd;
    struct frame_in in;
    struct buffer out;
};

struct slot {
    uint32_t number; /* 1 … */
    enum slot_kind kind;
    uint32_t deadline; /* handle in spawner.deadlines */

    /* the attempt */
    uint64_t token;
    struct tree *tree; /* exec: owned and kept for the next attempt; NULL: not made yet */
    pid_t pid;
    struct stream streams[SLOT_STREAMS];
    muster_time start_wall_ns, start_at, stop_at;
    int64_t timeout_ns, grace_ns, stall_ns, throttled_ns;
    bool is_watching;     /* the streams are in the loop */
    muster_time watch_at; /* when they are put there */
    bool is_leader_gone;
    int status; /* of wait4 */
    struct rusage usage;

    /* its end */
    enum reason end_reason; /* NONE: it was left to itself */
    enum slot_ladder ladder;
    muster_time ladder_at;  /* next step of the ladder */
    muster_time kill_since; /* first KILL */
    muster_time drain_until;
    muster_time progress_at; /* last sign of progress, for the stall time-out */
    uint64_t progress;       /* tree_progress then */
    bool is_denied;          /* given up: a signal was refused, some of it is another user's */
    size_t left_behind;      /* processes that survived a leader which nobody had ended */

    struct runner runner;
    uint32_t quarantined; /* number of trees of this slot that survived KILL */
};

struct spawner {
    struct run_options options; /* strings are owned by the agent's memory, copied by the fork */
    struct slot *slots;         /* options.slots of them */
    struct deadlines deadlines;
    struct trees trees;
    struct cgroup_root root;
    struct list abandoned; /* trees that are no attempt's any more, see ladder.c */
    muster_time abandoned_at;
    struct environ_base environ_base;
    struct arena arena;        /* of the command that is being started or reported */
    struct map slot_of_leader; /* pid → slot number: exec leaders and runners */
    struct frame_in in;
    struct buffer out;
    uint8_t *scratch;
    int agent_fd, epoll_fd, signal_fd, null_fd, lock_fd;
    char cookie[TREE_COOKIE_MAX / 2]; /* what the cookies of this spawner begin with */
    uint64_t cookies;
    struct rlimit files;       /* for the children: as it was before it was raised */
    muster_time unowned_at;    /* when to look after strays again */
    muster_time closing_until; /* then it exits, whatever is left */
    bool is_closing;           /* the agent is gone */
    bool is_waiting_to_write;
};

enum spawner_source { SOURCE_AGENT, SOURCE_SIGNAL, SOURCE_OUT, SOURCE_ERR, SOURCE_RUNNER };

/* spawner.c */
int spawner_watch(struct spawner *spawner, int fd, enum spawner_source source, uint32_t slot,
                  bool for_writing);
/* Changes what is waited for on a descriptor that is watched. */
void spawner_rewatch(struct spawner *spawner, int fd, enum spawner_source source, uint32_t slot,
                     bool for_writing);
struct slot *spawner_slot(struct spawner *spawner, uint32_t number);
/* When the slot wants slot_step next. */
void spawner_set_deadline(struct spawner *spawner, struct slot *slot, muster_time at);
/* A tree with a fresh cookie and, where possible, a group. NULL without memory. */
struct tree *spawner_tree_new(struct spawner *spawner, const char *group_name);
void spawner_tree_free(struct spawner *spawner, struct tree *tree);
void spawner_new_cookie(struct spawner *spawner, struct tree *tree);

/* setup.c: spawner is uninitialised before and may be closed after a failure too. */
int setup_open(struct spawner *spawner, int agent_fd, const struct run_options *options);
void setup_close(struct spawner *spawner);

/* What is wrong with an attempt that cannot start. Texts are copied by the report. */
struct slot_failure {
    enum state state;
    enum reason reason;
    int32_t exit;
    uint32_t code;
    const char *type;
    const char *message;
};

/* launch.c: starts the program of the command. 0, or -errno with ret_failure filled (its message is
 * in the arena). */
int launch_exec(struct spawner *spawner, struct slot *slot, const struct message_start *start,
                struct bytes pool_name, const struct wire_command_body *body,
                struct slot_failure *ret_failure);

/* call.c: hands the command to the slot's runner, starting that if needed. As above. */
int call_start(struct spawner *spawner, struct slot *slot, const struct message_start *start,
               struct bytes function, struct bytes pool_name, struct bytes body,
               struct slot_failure *ret_failure);
/* The runner's socket is ready. */
void call_ready(struct spawner *spawner, struct slot *slot);
/* The runner is gone: the attempt that it ran, if any, ends as crashed. */
void call_runner_reaped(struct spawner *spawner, struct slot *slot, int status,
                        const struct rusage *usage);
/* Closes the connection; the tree belongs to the caller then. */
void call_forget_runner(struct spawner *spawner, struct slot *slot);
/* Ends an idle runner. */
void call_end_runner(struct spawner *spawner, struct slot *slot);

/* ladder.c: ends what the attempt runs. The first reason counts; a later call may only hurry. */
void ladder_begin(struct spawner *spawner, struct slot *slot, enum reason reason, int64_t grace_ns,
                  bool kill_now, muster_time now);
/* Does what is due; true when the tree was given up because it survived KILL. */
bool ladder_step(struct spawner *spawner, struct slot *slot, muster_time now);
/* Takes over a tree that is no attempt's any more, kills what is left of it, and frees it then. */
void ladder_bury(struct spawner *spawner, struct tree *tree, uint32_t slot);
/* Looks again after trees that were given up or buried. */
void ladder_watch_abandoned(struct spawner *spawner, muster_time now);
/* A child was reaped: true when it was the leader of such a tree. */
bool ladder_abandoned_reaped(struct spawner *spawner, pid_t pid);

/* slot.c: the life of an attempt. */
void slot_init(struct slot *slot, uint32_t number);
void slot_done(struct spawner *spawner, struct slot *slot);
void slot_begin(struct spawner *spawner, struct slot *slot, enum slot_kind kind,
                const struct message_start *start, const struct wire_command_body *body);
/* The tree of what the attempt runs. */
struct tree *slot_tree(const struct slot *slot);
void slot_read(struct spawner *spawner, struct slot *slot, enum slot_stream stream);
void slot_leader_reaped(struct spawner *spawner, struct slot *slot, int status,
                        const struct rusage *usage);
/* Brings the attempt as far as it can go now, and sets its next deadline. */
void slot_step(struct spawner *spawner, struct slot *slot, muster_time now);
void slot_close_streams(struct slot *slot);
/* Forgets the attempt; the slot is free. */
void slot_release(struct spawner *spawner, struct slot *slot);

/* report.c: sends the one ended record of the attempt. */
void report_refused(struct spawner *spawner, const struct message_start *start,
                    const struct slot_failure *failure);
void report_exec(struct spawner *spawner, struct slot *slot, bool is_given_up);
void report_failure(struct spawner *spawner, struct slot *slot, const struct slot_failure *failure);
/* `body` is packed already (from the runner). */
void report_packed(struct spawner *spawner, struct slot *slot, enum state state, enum reason reason,
                   struct bytes body);
/* A call that ended without an answer of the runner. */
void report_call(struct spawner *spawner, struct slot *slot, bool is_given_up);
#endif
