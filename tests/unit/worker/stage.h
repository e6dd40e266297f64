/* A stage for the agent: events in, a readable trace of effects out. */
#ifndef TESTS_UNIT_WORKER_STAGE_H
#define TESTS_UNIT_WORKER_STAGE_H

#include "base/buffer.h"
#include "worker/core/agent.h"

struct stage {
    struct agent *agent;
    struct agent_options options;
    muster_time now;
    struct buffer trace; /* one line per effect since the last expect */
    uint64_t token;      /* sent_ns of the last RENEW */
    int64_t delay_ns;    /* of the last REOPEN */
    uint32_t epoch;      /* of WELCOMEs and commands: 1 */
};

/* Two slots, three commands ahead, drain 10 s, grace 5 s; lease 30 s, renew 5 s. */
struct agent_options stage_options(void);
void stage_open(struct stage *stage, const struct agent_options *options);
void stage_close(struct stage *stage);

/* One event at stage->now; checks every invariant afterwards. */
void stage_step(struct stage *stage, const struct agent_event *event);

void stage_event(struct stage *stage, enum agent_event_type type); /* without fields */
void stage_welcome(struct stage *stage);
void stage_pong(struct stage *stage, uint64_t sent_ns);
/* Commands of pool 1; `body` 100 + track_id. */
void stage_command(struct stage *stage, uint64_t track_id, uint32_t attempt, bool rerunnable);
/* `record` 200 + track_id. */
void stage_done(struct stage *stage, uint64_t track_id, uint32_t attempt, bool cut_off);
void stage_recorded(struct stage *stage, uint64_t track_id, uint32_t attempt, bool stale);
void stage_stop(struct stage *stage, uint64_t track_id, uint32_t attempt, bool forget);
void stage_refused(struct stage *stage, bool retryable);
void stage_bye(struct stage *stage, bool end);
void stage_drain(struct stage *stage, bool hurry);
/* Lets time pass; the clock stops at each deadline on the way and ticks there. */
void stage_pass(struct stage *stage, int64_t duration_ns);

/* OPEN and WELCOME and the answer to the RENEW; the trace is empty afterwards. */
void stage_serve(struct stage *stage);

/* The whole trace since the last call, lines separated by "\n", e.g.
 *   HELLO credit=5 | RENEW credit=5 returned 1/7.1 | START 1/7.1 slot=1 b107 | REPORT 1/7.1 r207
 *   END 1/7.1 cancelled_running | KILL … | DROP 1/7.1 b107 | FORGET 1/7.1 r207 | REOPEN | BYE |
 * EXIT CANCEL 1/7.1 cancelled_running b107 */
void stage_expect(struct stage *stage, const char *lines);
#define stage_expect_nothing(stage) stage_expect(stage, "")
/* What HELLO would list: "1/7.1 running\n…". */
void stage_expect_attempts(struct stage *stage, const char *lines);

struct agent_id stage_id(uint64_t track_id, uint32_t attempt);

#endif
