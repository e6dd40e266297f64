/*
 * Random use of the whole machine. Every step is followed by core_check; every turn's facts go into
 * the store in memory, which refuses a second record and an attempt that does not rise; now and
 * then the broker is killed and its state must be what it was (digest). What is sent is judged by a
 * small model that shares nothing with the core.
 */
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "tests/unit/core/scene.h"

enum {
    CLIENTS = 6,
    WORKERS = 5,
    POOLS = 3,
    IDS = 4000,
    SEEDS = 60,
    STEPS = 900,
    HELD_MAX = 64,
};

/* A worker as it sees itself. */
struct hand {
    bool speaks; /* has a session, as far as it knows */
    peer_id peer;
    uint32_t incarnation;
    uint32_t n_held;
    struct event_worker_attempt held[HELD_MAX];
};

struct user {
    peer_id peer;
    uint64_t sequence, answered_to;
    const char *pool;
};

struct model {
    struct scene *scene;
    struct rand rand;
    struct hand hands[WORKERS];
    struct user users[CLIENTS];
    peer_id next_client_peer, next_worker_peer;
    uint64_t last_pos[POOLS + 1]; /* by pool id */
    uint8_t ended[POOLS + 1][IDS];
};

static const char *const pool_names[POOLS] = {"one", "two", "three"};
static const char *const host_names[WORKERS] = {"h1", "h2", "h3", "h4", "h5"};

static uint64_t below(struct model *m, uint64_t n)
{
    return rand_below(&m->rand, n);
}

/* ---- what is heard -------------------------------------------------------------------------- */

static struct hand *hand_of(struct model *m, peer_id peer)
{
    for (int i = 0; i < WORKERS; i++)
        if (m->hands[i].speaks && m->hands[i].peer == peer)
            return &m->hands[i];
    return NULL;
}

static void forget(struct hand *hand, uint32_t pool, uint64_t track_id, uint32_t attempt)
{
    for (uint32_t i = 0; i < hand->n_held; i++)
        if (hand->held[i].pool == pool && hand->held[i].track_id == track_id &&
            hand->held[i].attempt == attempt)
            hand->held[i--] = hand->held[--hand->n_held];
}

static void hear(struct model *m, const struct send *send)
{
    struct hand *hand = hand_of(m, send->peer);
    switch ((int)send->type) {
    case SEND_COMMAND:
        assert_true(send->as.command.attempt >= 1);
        assert_int_equal(send->as.command.epoch, m->scene->epoch);
        if (hand == NULL || hand->n_held == HELD_MAX)
            break;
        hand->held[hand->n_held++] =
            (struct event_worker_attempt){.pool = send->pool,
                                          .track_id = send->as.command.track_id,
                                          .attempt = send->as.command.attempt,
                                          .epoch = send->as.command.epoch,
                                          .phase = PHASE_RUNNING};
        break;
    case SEND_STOP:
        if (hand != NULL && send->as.stop.forget)
            forget(hand, send->pool, send->as.stop.track_id, send->as.stop.attempt);
        break;
    case SEND_RECORDED:
        if (hand != NULL)
            forget(hand, send->pool, send->as.recorded.track_id, send->as.recorded.attempt);
        break;
    case SEND_WHO_ARE_YOU:
    case SEND_CLOSE:
        if (hand != NULL)
            hand->speaks = false;
        break;
    default:
        break;
    }
}

/* S7: pos is contiguous, and no command ends twice. */
static void judge(struct model *m, const struct fact *fact)
{
    if (fact->type != FACT_RECORDED)
        return;
    const struct fact_recorded *r = &fact->as.recorded;
    assert_in_range(r->pool, 1, POOLS);
    assert_int_equal(r->pos, m->last_pos[r->pool] + 1);
    m->last_pos[r->pool] = r->pos;
    assert_true(r->track_id < IDS);
    assert_int_equal(m->ended[r->pool][r->track_id], 0);
    m->ended[r->pool][r->track_id] = (uint8_t)r->state;
}

static void end_turn(struct model *m)
{
    size_t n;
    turn(m->scene);
    const struct fact *facts = outbox_facts(m->scene->box, &n);
    for (size_t i = 0; i < n; i++)
        judge(m, &facts[i]);
    const struct send *sends = outbox_sends(m->scene->box, &n);
    for (size_t i = 0; i < n; i++)
        hear(m, &sends[i]);
}

/* ---- what is done --------------------------------------------------------------------------- */

static void client_says_hello(struct model *m)
{
    uint64_t i = below(m, CLIENTS);
    m->users[i].peer = ++m->next_client_peer;
    m->users[i].pool = pool_names[i % POOLS];
    hello(m->scene, m->users[i].peer, 100 + i, m->users[i].pool);
}

static struct submission some_submission(struct model *m)
{
    static const char *const selectors[] = {NULL, NULL, "h1", "h2", "h[1-3]", "not h1", "role=db"};
    struct submission what = {.function = below(m, 4) == 0 ? "exec" : "echo",
                              .selector = selectors[below(m, 7)],
                              .priority = (int32_t)below(m, 3) - 1,
                              .rerunnable = below(m, 2) == 0,
                              .max_attempts = (uint32_t)below(m, 4)};
    if (below(m, 5) == 0)
        what.delay_ns = (int64_t)below(m, 40) * MUSTER_S;
    if (below(m, 8) == 0)
        what.at_wall_ns = m->scene->wall_ns + (int64_t)below(m, 40) * MUSTER_S;
    if (below(m, 6) == 0)
        what.start_within_ns = (int64_t)(1 + below(m, 60)) * MUSTER_S;
    if (below(m, 4) == 0)
        what.lost_after_ns = (int64_t)(1 + below(m, 30)) * MUSTER_S;
    return what;
}

static void client_submits(struct model *m)
{
    struct submission what[3];
    struct user *user = &m->users[below(m, CLIENTS)];
    uint32_t n = 1 + (uint32_t)below(m, 3);
    uint64_t sequence = user->sequence + 1 - below(m, 2) * (user->sequence > 0);
    for (uint32_t i = 0; i < n; i++)
        what[i] = some_submission(m);
    what[0].each = n == 1 && below(m, 3) == 0;
    if (below(m, 2) == 0)
        user->answered_to = user->sequence - (user->sequence > 0 ? below(m, 2) : 0);
    submit_all(m->scene, user->peer, sequence, user->answered_to, what, n);
    if (sequence > user->sequence)
        user->sequence = sequence;
}

static void client_asks(struct model *m)
{
    const struct user *user = &m->users[below(m, CLIENTS)];
    int64_t wait_ns = (int64_t)below(m, 3) * 10 * MUSTER_S;
    uint64_t ids[4];
    for (int i = 0; i < 4; i++)
        ids[i] = 1 + below(m, 60);
    switch (below(m, 7)) {
    case 0:
        read_from(m->scene, user->peer, below(m, 30), wait_ns);
        break;
    case 1:
        read_cursor(m->scene, user->peer, below(m, 2) == 0 ? "a" : "b", wait_ns);
        break;
    case 2:
        move(m->scene, user->peer, "a", below(m, 40));
        break;
    case 3:
        wait_ids(m->scene, user->peer, ids, 1 + (uint32_t)below(m, 4), wait_ns);
        break;
    case 4:
        wait_all(m->scene, user->peer, (enum wait_what)(1 + below(m, 3)), below(m, 5), wait_ns);
        break;
    case 5:
        room(m->scene, user->peer, below(m, 2) == 0 ? "h1" : "", "echo", (uint32_t)below(m, 3),
             wait_ns);
        break;
    default:
        simple(m->scene, below(m, 20) == 0 ? EVENT_CLIENT_BYE : EVENT_PING, user->peer);
        break;
    }
}

static void client_cancels(struct model *m)
{
    const struct user *user = &m->users[below(m, CLIENTS)];
    uint64_t first = 1 + below(m, 100);
    cancel_range(m->scene, user->peer, first, first + below(m, 5), below(m, 2) == 0,
                 below(m, 2) == 0 ? "because" : "");
}

static void worker_says_hello(struct model *m)
{
    uint64_t i = below(m, WORKERS);
    struct hand *hand = &m->hands[i];
    struct being being = {.host = host_names[i], .slots = 1 + (uint32_t)i % 3, .credit = 8};
    if (hand->incarnation == 0 || below(m, 4) == 0) { /* it was killed: nothing started is left */
        hand->incarnation++;
        for (uint32_t k = 0; k < hand->n_held; k++) {
            if (below(m, 2) == 0)
                hand->held[k--] = hand->held[--hand->n_held];
            else
                hand->held[k].phase = below(m, 2) == 0 ? PHASE_GONE : PHASE_SPOOLED;
        }
        being.rebooted = below(m, 3) == 0;
    }
    if (below(m, 4) != 0)
        being.labels[0] = "role=db";
    being.transient = i == 4;
    being.incarnation = hand->incarnation;
    being.attempts = hand->held;
    being.n_attempts = hand->n_held;
    hand->speaks = true;
    hand->peer = ++m->next_worker_peer;
    greet(m->scene, hand->peer, being);
    for (uint32_t k = 0; k < hand->n_held; k++)
        if (hand->held[k].phase == PHASE_GONE)
            hand->held[k--] = hand->held[--hand->n_held];
}

static void worker_reports(struct model *m)
{
    static const enum state ends[] = {STATE_OK, STATE_OK, STATE_FAILED, STATE_CANCELLED,
                                      STATE_LOST};
    const struct hand *hand = &m->hands[below(m, WORKERS)];
    if (!hand->speaks)
        return;
    if (hand->n_held == 0) {
        renew(m->scene, hand->peer, (uint32_t)below(m, 8));
        return;
    }
    const struct event_worker_attempt *a = &hand->held[below(m, hand->n_held)];
    report(m->scene, hand->peer,
           (struct report){.track_id = a->track_id,
                           .attempt = a->attempt + (below(m, 10) == 0),
                           .epoch = a->epoch,
                           .pool = a->pool,
                           .state = ends[below(m, 5)],
                           .run_ns = (int64_t)below(m, 20) * 10 * MUSTER_MS,
                           .never_ran = below(m, 8) == 0});
}

static void worker_returns(struct model *m)
{
    struct hand *hand = &m->hands[below(m, WORKERS)];
    if (!hand->speaks || hand->n_held == 0)
        return;
    struct event_worker_attempt a = hand->held[below(m, hand->n_held)];
    forget(hand, a.pool, a.track_id, a.attempt);
    give_back(m->scene, hand->peer, &a, 1, (uint32_t)below(m, 6));
}

static void link_fails(struct model *m)
{
    struct hand *hand = &m->hands[below(m, WORKERS)];
    if (below(m, 2) == 0 || hand->n_held == 0) {
        simple(m->scene, EVENT_GONE,
               below(m, 2) == 0 ? hand->peer : m->users[below(m, CLIENTS)].peer);
        return;
    }
    struct event event = {.type = EVENT_UNSENT, .peer = hand->peer};
    struct event_worker_attempt a = hand->held[hand->n_held - 1];
    event.as.unsent.pool = a.pool;
    event.as.unsent.track_id = a.track_id;
    event.as.unsent.attempt = a.attempt;
    forget(hand, a.pool, a.track_id, a.attempt);
    step(m->scene, event);
}

static void time_passes(struct model *m)
{
    pass(m->scene, (int64_t)below(m, 12) * MUSTER_S);
    if (below(m, 10) == 0)
        pass(m->scene, 40 * MUSTER_S);
    if (below(m, 15) == 0)
        m->scene->wall_ns += ((int64_t)below(m, 200) - 100) * MUSTER_S;
    if (below(m, 10) == 0)
        simple(m->scene, EVENT_LATE, 0);
    simple(m->scene, EVENT_TICK, 0);
}

static void broker_dies(struct model *m)
{
    if (below(m, 2) == 0)
        end_turn(m); /* else what was not committed is gone */
    restart(m->scene);
    for (int i = 0; i < WORKERS; i++)
        m->hands[i].speaks = false;
}

static void act(struct model *m)
{
    switch (below(m, 40)) {
    case 0:
    case 1:
        client_says_hello(m);
        break;
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
        client_submits(m);
        break;
    case 9:
    case 10:
    case 11:
        client_asks(m);
        break;
    case 12:
        client_cancels(m);
        break;
    case 13:
    case 14:
        worker_says_hello(m);
        break;
    case 15:
    case 16:
        worker_returns(m);
        break;
    case 17:
        link_fails(m);
        break;
    case 18:
    case 19:
    case 20:
        time_passes(m);
        break;
    case 21:
        if (below(m, 4) == 0)
            broker_dies(m);
        break;
    case 22:
        if (below(m, 4) == 0)
            disk(m->scene, below(m, 2) * 100000);
        break;
    case 23:
    case 24:
    case 25:
    case 26:
    case 27:
    case 28:
        end_turn(m);
        break;
    default:
        worker_reports(m);
        break;
    }
}

static void run_seed(uint64_t seed)
{
    struct model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->scene = scene_new(NULL);
    rand_seed(&m->rand, seed);
    m->next_worker_peer = 1000000;
    for (int i = 0; i < CLIENTS; i++)
        client_says_hello(m);
    for (int i = 0; i < STEPS; i++)
        act(m);
    end_turn(m);
    restart(m->scene);
    scene_free(m->scene);
    free(m);
}

static void test_model__random_use_keeps_every_invariant(void **state)
{
    const char *only = getenv("MUSTER_SEED");
    (void)state;
    if (only != NULL) {
        run_seed(strtoull(only, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        print_message("seed %llu (repeat with MUSTER_SEED)\n", (unsigned long long)seed);
        run_seed(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model__random_use_keeps_every_invariant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
