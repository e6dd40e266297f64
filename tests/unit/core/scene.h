/*
 * scene.h -- a core, a store in memory, a clock, and short words for what happens to them.
 *
 * Each word is one event; `turn` ends the turn: flush, core_check, commit. Sends stay readable
 * until the next event. Peers: clients use 1 … 99, workers 101 … 199.
 */
#ifndef TESTS_UNIT_CORE_SCENE_H
#define TESTS_UNIT_CORE_SCENE_H

#include "tests/unit/cmocka_first.h"

#include "broker/core/core.h"
#include "tests/unit/core/vault.h"

enum { SCENE_TRACE_MAX = 1 << 16, SCENE_FUNCTIONS_MAX = 4, SCENE_LABELS_MAX = 4 };

struct scene {
    struct core_limits limits;
    struct core *core;
    struct outbox *box;
    struct vault *vault;
    muster_time now;
    int64_t wall_ns;
    uint32_t epoch;
    uint64_t log_id;
    uint64_t request; /* of the last request */
    bool has_ended_turn;
    bool skips_check; /* for tests with very many commands */
    char trace[SCENE_TRACE_MAX];
    size_t trace_size;
};

/* Small limits; lease 30 s, renewal 5 s, ahead 50 ms, lost after 1 h. */
struct core_limits scene_limits(void);
struct scene *scene_new(const struct core_limits *limits); /* NULL: scene_limits */
void scene_free(struct scene *scene);

/* cmocka fixtures with a fresh scene in *state. */
int scene_setup(void **state);
int scene_teardown(void **state);

void step(struct scene *scene, struct event event);
void turn(struct scene *scene);
void pass(struct scene *scene, int64_t ns); /* both clocks; nothing happens */
void tick(struct scene *scene);             /* TICK and turn */
/* kill -9 and start: everything that was not committed is gone. The digest must be equal when the
 * turn had ended. */
void restart(struct scene *scene);

/* ---- clients -------------------------------------------------------------------------------- */

void hello(struct scene *scene, peer_id peer, uint64_t client, const char *pool);

struct submission {
    const char *function, *selector;
    bool each, rerunnable;
    int32_t priority;
    uint32_t max_attempts;
    int64_t delay_ns, at_wall_ns, start_within_ns, start_by_wall_ns, lost_after_ns;
};
/* One command of the function "echo" for any host. */
void submit(struct scene *scene, peer_id peer, uint64_t sequence, uint64_t answered_to);
void submit_this(struct scene *scene, peer_id peer, uint64_t sequence, struct submission what);
void submit_all(struct scene *scene, peer_id peer, uint64_t sequence, uint64_t answered_to,
                const struct submission *what, uint32_t n);
void submit_id(struct scene *scene, peer_id peer, uint64_t sequence, const char *request_id,
               uint64_t digest);
void read_from(struct scene *scene, peer_id peer, uint64_t from_pos, int64_t wait_ns);
void read_cursor(struct scene *scene, peer_id peer, const char *cursor, int64_t wait_ns);
void move(struct scene *scene, peer_id peer, const char *cursor, uint64_t pos);
void wait_ids(struct scene *scene, peer_id peer, const uint64_t *ids, uint32_t n, int64_t wait_ns);
void wait_all(struct scene *scene, peer_id peer, enum wait_what what, uint64_t batch,
              int64_t wait_ns);
void cancel_range(struct scene *scene, peer_id peer, uint64_t first, uint64_t last, bool running,
                  const char *why);
void room(struct scene *scene, peer_id peer, const char *selector, const char *function,
          uint32_t buffer, int64_t wait_ns);
void client_bye(struct scene *scene, peer_id peer);

/* ---- workers -------------------------------------------------------------------------------- */

struct being {
    const char *host;
    uint8_t id;                          /* makes the uuid; 0: made of the host's name */
    uint32_t incarnation, slots, credit; /* credit 0: slots; NO_CREDIT: 0 */
    bool rebooted, transient;
    const char *functions[SCENE_FUNCTIONS_MAX]; /* none: echo, exec */
    const char *labels[SCENE_LABELS_MAX];
    const char *pool;
    const struct event_worker_attempt *attempts;
    uint32_t n_attempts;
    uint32_t part;
    bool more;
};
enum { NO_CREDIT = INT32_MAX };

void greet(struct scene *scene, peer_id peer, struct being being);
/* A worker with this many slots that offers echo and exec. */
void worker(struct scene *scene, peer_id peer, const char *host, uint32_t slots);
void renew(struct scene *scene, peer_id peer, uint32_t credit);
void give_back(struct scene *scene, peer_id peer, const struct event_worker_attempt *attempts,
               uint32_t n, uint32_t credit);
struct report {
    uint64_t track_id;
    uint32_t attempt, epoch; /* epoch 0: the current one */
    enum state state;        /* NONE: ok */
    enum reason reason;
    int64_t run_ns;
    bool never_ran;
    uint32_t pool; /* 0: that of peer 1 */
};
void report(struct scene *scene, peer_id peer, struct report report);
void report_ok(struct scene *scene, peer_id peer, uint64_t track_id, uint32_t attempt);

void simple(struct scene *scene, enum event_type type, peer_id peer);
void disk(struct scene *scene, uint64_t free_bytes);

/* ---- what was said -------------------------------------------------------------------------- */

uint32_t pool_of(struct scene *scene, peer_id peer);
/* The n-th send of this type in the turn (from 0), of any peer when 0; NULL when there is none. */
const struct send *sent(struct scene *scene, enum send_type type, peer_id peer, size_t n);
size_t count_sent(struct scene *scene, enum send_type type, peer_id peer);
/* Asserts that the last request was refused so; a word of the text. */
void assert_refused(struct scene *scene, enum refusal refusal, const char *word);
void assert_handed_out(struct scene *scene, peer_id peer, uint64_t track_id, uint32_t attempt);
void assert_ended(struct scene *scene, uint64_t track_id, enum state state, enum reason reason);
/* The state that people see; NONE when the command is not live. */
enum state state_of(struct scene *scene, uint64_t track_id);
enum hold hold_of(struct scene *scene, uint64_t track_id);
struct core_pool_stats stats_of(struct scene *scene);

/* The trace since the last time; lines as they are. */
void assert_trace(struct scene *scene, const char *expected);
void clear_trace(struct scene *scene);

#define SCENE_TEST(f) cmocka_unit_test_setup_teardown(f, scene_setup, scene_teardown)

#endif
