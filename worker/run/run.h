/*
 * run.h -- performs attempts: what the agent's shell sees of the spawner and its runners.
 *
 * The spawner is a single-threaded process forked before the first ZeroMQ context exists; it is a
 * subreaper. It starts child processes (function "exec"), keeps one runner process per slot for
 * backend operations, captures output, enforces time limits, ends whole process trees, and answers
 * each start with exactly one ended record. When its agent goes (the socket reads end of file) it
 * ends everything that it started and exits: a killed worker leaves nothing running.
 */
#ifndef MUSTER_WORKER_RUN_RUN_H
#define MUSTER_WORKER_RUN_RUN_H

#include "base/bytes.h"
#include "base/state.h"

#include <stdbool.h>
#include <stdint.h>

struct run;

struct run_options {
    uint32_t slots;
    const char *host;        /* {host} in names, MUSTER_HOST in the environment */
    const char *workdir;     /* cwd of commands that give none; backend paths are relative to it */
    const char *spool_dir;   /* for the note by which a later worker ends leftovers; NULL: none */
    int64_t grace_ns;        /* default between TERM and KILL: 5 s */
    int64_t drain_output_ns; /* after the leader's exit, if others hold the pipes: 2 s */
    int64_t unkillable_ns;   /* after the first KILL until the tree is given up; 0 = 60 s */
    bool no_cgroup;          /* end trees without control groups even where they could be used */
};

/* Forks the spawner. Call before zmq_ctx_new and before any thread. 0 or -errno. */
int run_open(struct run **ret_run, const struct run_options *options);
/* Ends every tree (TERM, grace, KILL) and the spawner; NULL is fine. */
void run_close(struct run *run);

/* Poll this for reading; then call run_next until it returns 0. */
int run_fd(const struct run *run);

struct run_start {
    uint64_t token;        /* the caller's name for this attempt, comes back */
    uint32_t slot;         /* 1 … slots */
    struct bytes function; /* "exec", "put", … */
    struct bytes body;     /* packed CommandBody */
    struct bytes pool_name;
    uint64_t track_id; /* for the environment: MUSTER_TRACK_ID, MUSTER_ATTEMPT, MUSTER_POOL */
    uint32_t attempt;
};
/* Hands one attempt to the spawner. 0, or -errno when the spawner is gone (then every attempt it
 * ran is lost: the caller records them LOST and exits). Never blocks for long: the socket is
 * drained. */
int run_start(struct run *run, const struct run_start *start);
/* TERM to the tree of `token`, after its grace KILL; `kill_now` skips the grace. `reason` decides
 * the state of its record (TIMEOUT, CANCELLED_RUNNING, WORKER_SHUTDOWN …). Unknown tokens are
 * ignored. */
int run_end(struct run *run, uint64_t token, enum reason reason, bool kill_now);

struct run_ended {
    uint64_t token;
    enum state state;
    enum reason reason;
    int32_t exit;
    uint32_t signal, pid, slot;
    int64_t start_wall_ns, run_ns, throttled_ns;
    bool
        is_quarantined; /* processes of this slot survived KILL and still live: better not use it */
    struct bytes body;  /* packed RecordBody, valid until the next call */
};
/* 1 and one ended attempt, 0 when there is none now, -errno when the spawner died. */
int run_next(struct run *run, struct run_ended *ret_ended);

/* Names of the functions that runners offer: "exec", "put", "get" … NULL-terminated. */
const char *const *run_functions(void);
/* How trees are ended here: "cgroup" or "subreaper". */
const char *run_tree_kill(const struct run *run);

#endif
