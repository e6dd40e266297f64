/* Words for stories about the core. */
#include "tests/unit/core/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct core_limits scene_limits(void)
{
    struct core_limits limits = core_limits_default();
    limits.commands_max = 20000;
    limits.pools_max = 64;
    limits.clients_max = 64;
    limits.workers_max = 200;
    limits.names_max = 5000;
    limits.classes_max = 512;
    limits.batches_max = 64;
    limits.submissions_max = 1024;
    limits.submits_max = 64;
    limits.reads_max = 8;
    limits.disk_low_bytes = 1000;
    limits.seed = 7;
    return limits;
}

static void add_line(void *ctx, const char *line)
{
    struct scene *scene = ctx;
    int size = snprintf(scene->trace + scene->trace_size, SCENE_TRACE_MAX - scene->trace_size,
                        "%s\n", line);
    scene->trace_size += (size_t)size;
    if (scene->trace_size >= SCENE_TRACE_MAX)
        clear_trace(scene);
}

static void start(struct scene *scene)
{
    core_start(scene->core, scene->epoch, scene->log_id, scene->now, scene->wall_ns);
    core_trace(scene->core, add_line, scene);
    outbox_reset(scene->box);
}

struct scene *scene_new(const struct core_limits *limits)
{
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    scene->limits = limits != NULL ? *limits : scene_limits();
    scene->core = core_new(&scene->limits);
    scene->box = outbox_new();
    scene->vault = vault_new();
    scene->now = 1000 * MUSTER_S;
    scene->wall_ns = INT64_C(1700000000) * MUSTER_S;
    scene->epoch = 1;
    scene->log_id = 77;
    start(scene);
    return scene;
}

void scene_free(struct scene *scene)
{
    core_free(scene->core);
    outbox_free(scene->box);
    vault_free(scene->vault);
    free(scene);
}

int scene_setup(void **state)
{
    *state = scene_new(NULL);
    return 0;
}

int scene_teardown(void **state)
{
    scene_free(*state);
    return 0;
}

/* ---- time ----------------------------------------------------------------------------------- */

static void check(struct scene *scene)
{
    const char *what = NULL;
    if (scene->skips_check || core_check(scene->core, &what))
        return;
    fail_msg("core_check: %s", what);
}

void step(struct scene *scene, struct event event)
{
    if (scene->has_ended_turn) {
        outbox_reset(scene->box);
        scene->has_ended_turn = false;
    }
    event.now = scene->now;
    event.wall_ns = scene->wall_ns;
    core_step(scene->core, &event, scene->box);
    check(scene);
}

void turn(struct scene *scene)
{
    size_t n;
    if (scene->has_ended_turn)
        outbox_reset(scene->box);
    core_flush(scene->core, scene->now, scene->wall_ns, scene->box);
    check(scene);
    const struct fact *facts = outbox_facts(scene->box, &n);
    vault_commit(scene->vault, facts, n);
    scene->has_ended_turn = true;
}

void pass(struct scene *scene, int64_t ns)
{
    scene->now += ns;
    scene->wall_ns += ns;
}

void tick(struct scene *scene)
{
    simple(scene, EVENT_TICK, 0);
    turn(scene);
}

static void replay(void *ctx, const struct fact *fact)
{
    core_replay(ctx, fact);
}

void restart(struct scene *scene)
{
    uint32_t before = core_digest(scene->core);
    bool is_whole = scene->has_ended_turn;
    core_free(scene->core);
    scene->core = core_new(&scene->limits);
    vault_load(scene->vault, replay, scene->core);
    scene->epoch++;
    start(scene);
    check(scene);
    if (is_whole)
        assert_int_equal(core_digest(scene->core), before);
    scene->has_ended_turn = true;
}

/* ---- clients -------------------------------------------------------------------------------- */

static struct event request(struct scene *scene, enum event_type type, peer_id peer)
{
    return (struct event){.type = type, .peer = peer, .request = ++scene->request};
}

void hello(struct scene *scene, peer_id peer, uint64_t client, const char *pool)
{
    struct event event = request(scene, EVENT_CLIENT_HELLO, peer);
    event.as.client_hello.client = client;
    event.as.client_hello.pool = bytes_of_str(pool);
    step(scene, event);
}

static struct event_submission submission_of(const struct submission *what, uint32_t i)
{
    return (struct event_submission){
        .function = bytes_of_str(what->function != NULL ? what->function : "echo"),
        .selector = bytes_of_str(what->selector),
        .each = what->each,
        .rerunnable = what->rerunnable,
        .priority = what->priority,
        .max_attempts = what->max_attempts,
        .delay_ns = what->delay_ns,
        .at_wall_ns = what->at_wall_ns,
        .start_within_ns = what->start_within_ns,
        .start_by_wall_ns = what->start_by_wall_ns,
        .lost_after_ns = what->lost_after_ns,
        .body = 1000 + i,
        .body_bytes = 100};
}

void submit_all(struct scene *scene, peer_id peer, uint64_t sequence, uint64_t answered_to,
                const struct submission *what, uint32_t n)
{
    struct event event = request(scene, EVENT_SUBMIT, peer);
    struct event_submission *list = calloc(n + 1, sizeof *list);
    assert_non_null(list);
    for (uint32_t i = 0; i < n; i++)
        list[i] = submission_of(&what[i], i);
    event.as.submit = (struct event_submit){
        .sequence = sequence, .answered_to = answered_to, .submissions = list, .n_submissions = n};
    step(scene, event);
    free(list);
}

void submit_this(struct scene *scene, peer_id peer, uint64_t sequence, struct submission what)
{
    submit_all(scene, peer, sequence, sequence - 1, &what, 1);
}

void submit(struct scene *scene, peer_id peer, uint64_t sequence, uint64_t answered_to)
{
    struct submission what = {.function = "echo"};
    submit_all(scene, peer, sequence, answered_to, &what, 1);
}

void submit_id(struct scene *scene, peer_id peer, uint64_t sequence, const char *request_id,
               uint64_t digest)
{
    struct event event = request(scene, EVENT_SUBMIT, peer);
    struct submission what = {.function = "echo"};
    struct event_submission one = submission_of(&what, 0);
    event.as.submit = (struct event_submit){.sequence = sequence,
                                            .answered_to = sequence - 1,
                                            .request_id = bytes_of_str(request_id),
                                            .digest = digest,
                                            .submissions = &one,
                                            .n_submissions = 1};
    step(scene, event);
}

void read_from(struct scene *scene, peer_id peer, uint64_t from_pos, int64_t wait_ns)
{
    struct event event = request(scene, EVENT_READ, peer);
    event.as.read = (struct event_read){.from_pos = from_pos, .max = 100, .wait_ns = wait_ns};
    step(scene, event);
}

void read_cursor(struct scene *scene, peer_id peer, const char *cursor, int64_t wait_ns)
{
    struct event event = request(scene, EVENT_READ, peer);
    event.as.read =
        (struct event_read){.cursor = bytes_of_str(cursor), .max = 100, .wait_ns = wait_ns};
    step(scene, event);
}

void move(struct scene *scene, peer_id peer, const char *cursor, uint64_t pos)
{
    struct event event = request(scene, EVENT_CURSOR, peer);
    event.as.cursor.name = bytes_of_str(cursor);
    event.as.cursor.pos = pos;
    step(scene, event);
}

void wait_ids(struct scene *scene, peer_id peer, const uint64_t *ids, uint32_t n, int64_t wait_ns)
{
    struct event event = request(scene, EVENT_WAIT, peer);
    event.as.wait = (struct event_wait){
        .what = WAIT_COMMANDS, .track_ids = ids, .n_track_ids = n, .wait_ns = wait_ns};
    step(scene, event);
}

void wait_all(struct scene *scene, peer_id peer, enum wait_what what, uint64_t batch,
              int64_t wait_ns)
{
    struct event event = request(scene, EVENT_WAIT, peer);
    event.as.wait = (struct event_wait){.what = what, .batch = batch, .wait_ns = wait_ns};
    step(scene, event);
}

void cancel_range(struct scene *scene, peer_id peer, uint64_t first, uint64_t last, bool running,
                  const char *why)
{
    struct event event = request(scene, EVENT_CANCEL, peer);
    struct core_range range = {.first = first, .last = last};
    event.as.cancel = (struct event_cancel){
        .ranges = &range, .n_ranges = 1, .running = running, .why = bytes_of_str(why)};
    step(scene, event);
}

void room(struct scene *scene, peer_id peer, const char *selector, const char *function,
          uint32_t buffer, int64_t wait_ns)
{
    struct event event = request(scene, EVENT_ROOM, peer);
    event.as.room.selector = bytes_of_str(selector);
    event.as.room.function = bytes_of_str(function);
    event.as.room.buffer = buffer;
    event.as.room.wait_ns = wait_ns;
    step(scene, event);
}

void client_bye(struct scene *scene, peer_id peer)
{
    step(scene, request(scene, EVENT_CLIENT_BYE, peer));
}

/* ---- workers -------------------------------------------------------------------------------- */

static uint32_t spans(struct bytes *list, const char *const *texts, uint32_t max)
{
    uint32_t n = 0;
    for (; n < max && texts[n] != NULL; n++)
        list[n] = bytes_of_str(texts[n]);
    return n;
}

void greet(struct scene *scene, peer_id peer, struct being being)
{
    static const char *const usual[SCENE_FUNCTIONS_MAX] = {"echo", "exec"};
    struct event event = {.type = EVENT_WORKER_HELLO, .peer = peer};
    struct event_worker_hello *h = &event.as.worker_hello;
    struct bytes functions[SCENE_FUNCTIONS_MAX], labels[SCENE_LABELS_MAX];
    struct bytes pool = bytes_of_str(being.pool);
    bool has_functions = being.functions[0] != NULL;
    snprintf((char *)h->uuid, sizeof h->uuid, "%u%s", being.id, being.id == 0 ? being.host : "");
    h->incarnation = being.incarnation;
    h->rebooted = being.rebooted;
    h->transient = being.transient;
    h->host = bytes_of_str(being.host);
    h->software = bytes_of_str("worker 1");
    h->tree_kill = bytes_of_str("cgroup");
    h->slots = being.slots;
    h->credit = being.credit == NO_CREDIT ? 0 : being.credit == 0 ? being.slots : being.credit;
    h->functions = functions;
    h->n_functions = spans(functions, has_functions ? being.functions : usual, SCENE_FUNCTIONS_MAX);
    h->labels = labels;
    h->n_labels = spans(labels, being.labels, SCENE_LABELS_MAX);
    h->pools = &pool;
    h->n_pools = being.pool != NULL;
    h->wall_ns = scene->wall_ns;
    h->part = being.part;
    h->more = being.more;
    h->attempts = being.attempts;
    h->n_attempts = being.n_attempts;
    step(scene, event);
}

void worker(struct scene *scene, peer_id peer, const char *host, uint32_t slots)
{
    greet(scene, peer, (struct being){.host = host, .incarnation = 1, .slots = slots});
}

void give_back(struct scene *scene, peer_id peer, const struct event_worker_attempt *attempts,
               uint32_t n, uint32_t credit)
{
    struct event event = {.type = EVENT_RENEW, .peer = peer};
    event.as.renew = (struct event_renew){.credit = credit,
                                          .wall_ns = scene->wall_ns,
                                          .sent_ns = 5,
                                          .returned = attempts,
                                          .n_returned = n};
    step(scene, event);
}

void renew(struct scene *scene, peer_id peer, uint32_t credit)
{
    give_back(scene, peer, NULL, 0, credit);
}

void report(struct scene *scene, peer_id peer, struct report what)
{
    struct event event = {.type = EVENT_REPORT, .peer = peer};
    event.as.report =
        (struct event_report){.pool = what.pool != 0 ? what.pool : pool_of(scene, 1),
                              .attempt = what.attempt,
                              .epoch = what.epoch != 0 ? what.epoch : scene->epoch,
                              .track_id = what.track_id,
                              .state = what.state == STATE_NONE ? STATE_OK : what.state,
                              .reason = what.reason,
                              .slot = 1,
                              .pid = 4711,
                              .start_wall_ns = what.never_ran ? 0 : scene->wall_ns,
                              .run_ns = what.run_ns,
                              .body = 99,
                              .body_bytes = 100,
                              .body_crc = 0x1234};
    step(scene, event);
}

void report_ok(struct scene *scene, peer_id peer, uint64_t track_id, uint32_t attempt)
{
    report(scene, peer,
           (struct report){.track_id = track_id, .attempt = attempt, .run_ns = MUSTER_S});
}

void simple(struct scene *scene, enum event_type type, peer_id peer)
{
    step(scene, (struct event){.type = type, .peer = peer});
}

void disk(struct scene *scene, uint64_t free_bytes)
{
    struct event event = {.type = EVENT_DISK};
    event.as.disk.free_bytes = free_bytes;
    step(scene, event);
}

/* ---- what was said -------------------------------------------------------------------------- */

uint32_t pool_of(struct scene *scene, peer_id peer)
{
    return core_peer_pool(scene->core, peer);
}

const struct send *sent(struct scene *scene, enum send_type type, peer_id peer, size_t n)
{
    size_t count;
    const struct send *sends = outbox_sends(scene->box, &count);
    for (size_t i = 0; i < count; i++)
        if (sends[i].type == type && (peer == 0 || sends[i].peer == peer) && n-- == 0)
            return &sends[i];
    return NULL;
}

size_t count_sent(struct scene *scene, enum send_type type, peer_id peer)
{
    size_t n = 0;
    while (sent(scene, type, peer, n) != NULL)
        n++;
    return n;
}

void assert_refused(struct scene *scene, enum refusal refusal, const char *word)
{
    const struct send *send = sent(scene, SEND_ERROR, 0, 0);
    assert_non_null(send);
    char text[2048];
    snprintf(text, sizeof text, "%.*s", (int)send->as.error.text.size,
             (const char *)send->as.error.text.data);
    if (send->as.error.refusal != refusal || strstr(text, word) == NULL)
        fail_msg("refused with %s: %s", refusal_name(send->as.error.refusal), text);
}

void assert_handed_out(struct scene *scene, peer_id peer, uint64_t track_id, uint32_t attempt)
{
    const struct send *send;
    for (size_t n = 0; (send = sent(scene, SEND_COMMAND, peer, n)) != NULL; n++)
        if (send->as.command.track_id == track_id) {
            assert_int_equal(send->as.command.attempt, attempt);
            return;
        }
    fail_msg("%llu was not handed out to peer %llu", (unsigned long long)track_id,
             (unsigned long long)peer);
}

void assert_ended(struct scene *scene, uint64_t track_id, enum state state, enum reason reason)
{
    const struct fact_recorded *r = vault_record(scene->vault, pool_of(scene, 1), track_id);
    if (r == NULL)
        fail_msg("%llu has not ended", (unsigned long long)track_id);
    if (r->state != state || r->reason != reason)
        fail_msg("%llu ended %s (%s)", (unsigned long long)track_id, state_name(r->state),
                 reason_name(r->reason));
}

static bool find_row(struct scene *scene, uint64_t track_id, struct core_command_row *ret_row)
{
    bool more;
    struct core_range range = {.first = track_id, .last = track_id};
    struct event_list list = {.ranges = &range, .n_ranges = 1};
    return core_list(scene->core, pool_of(scene, 1), &list, ret_row, 1, &more) == 1;
}

enum state state_of(struct scene *scene, uint64_t track_id)
{
    struct core_command_row row;
    return find_row(scene, track_id, &row) ? row.state : STATE_NONE;
}

enum hold hold_of(struct scene *scene, uint64_t track_id)
{
    struct core_command_row row;
    return find_row(scene, track_id, &row) ? row.hold : HOLD_NONE;
}

struct core_pool_stats stats_of(struct scene *scene)
{
    struct core_pool_stats stats;
    assert_true(core_pool_stats(scene->core, pool_of(scene, 1), &stats));
    return stats;
}

void clear_trace(struct scene *scene)
{
    scene->trace_size = 0;
    scene->trace[0] = '\0';
}

void assert_trace(struct scene *scene, const char *expected)
{
    assert_string_equal(scene->trace, expected);
    clear_trace(scene);
}
