#include "fake_broker.h"

#include "tests/unit/cmocka_first.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/fs.h"
#include "base/state.h"
#include "net/poll.h"
#include "net/sock.h"
#include "proto/wire.h"

struct peer {
    const uint8_t *route;
    size_t size;
};

void fake_lock(struct fake *fake)
{
    pthread_mutex_lock(&fake->lock);
}

void fake_unlock(struct fake *fake)
{
    pthread_mutex_unlock(&fake->lock);
}

static void answer(struct fake *fake, struct peer peer, const struct wire_message *message)
{
    if (fake->silent)
        return;
    if (fake->drop_answers > 0 && message->type != WIRE_WELCOME) {
        fake->drop_answers--;
        return;
    }
    size_t size = wire_encoded_size(message);
    zmq_msg_t frame;
    zmq_msg_init_size(&frame, size);
    wire_encode(message, zmq_msg_data(&frame), size);
    sock_send_to(fake->router, peer.route, peer.size, &frame);
    zmq_msg_close(&frame);
}

static void refuse(struct fake *fake, struct peer peer, uint64_t request, enum refusal refusal,
                   uint32_t index)
{
    struct wire_message message = {.type = WIRE_ERROR};
    message.as.error = (struct wire_refused){
        .request = request,
        .refusal = refusal,
        .text = bytes_of_str("the fake broker refuses"),
        .retry_after_ns = fake->retry_after_ns,
        .index = index,
        .limit = 77,
    };
    answer(fake, peer, &message);
}

static int find_route(const struct fake *fake, struct peer peer)
{
    for (uint32_t i = 0; i < fake->n_routes; i++)
        if (fake->routes[i].size == peer.size &&
            memcmp(fake->routes[i].route, peer.route, peer.size) == 0)
            return (int)i;
    return -1;
}

static void hello(struct fake *fake, struct peer peer, const struct wire_client_hello *m)
{
    fake->hellos++;
    if (fake->busy_hellos > 0) {
        fake->busy_hellos--;
        refuse(fake, peer, m->request, REFUSAL_BUSY, 0);
        return;
    }
    if (fake->hello_refused) {
        refuse(fake, peer, m->request, fake->refusal, 0);
        return;
    }
    int at = find_route(fake, peer);
    if (at < 0)
        at = (int)fake->n_routes++;
    assert_true(at < FAKE_ROUTES_MAX && peer.size <= sizeof fake->routes[0].route);
    memcpy(fake->routes[at].route, peer.route, peer.size);
    fake->routes[at].size = peer.size;
    fake->routes[at].client = m->client;
    struct wire_message message = {.type = WIRE_WELCOME};
    message.as.welcome = (struct wire_welcome){
        .request = m->request,
        .pool_id = 1,
        .pool = m->pool.size ? m->pool : bytes_of_str("private-1"),
        .log_id = fake->log_id,
        .epoch = 1,
        .head = fake->n_log,
        .limits = fake->limits,
        .software = bytes_of_str("fake/1"),
    };
    answer(fake, peer, &message);
}

static void note_command(struct fake *fake, const struct wire_submission *submission)
{
    assert_true(fake->n_commands < FAKE_COMMANDS_MAX);
    struct fake_command *command = &fake->commands[fake->n_commands++];
    command->body = malloc(submission->body.size + 1);
    if (submission->body.size)
        memcpy(command->body, submission->body.data, submission->body.size);
    command->body_size = submission->body.size;
    snprintf(command->function, sizeof command->function, "%.*s", (int)submission->function.size,
             (const char *)submission->function.data);
    command->rerunnable = submission->rerunnable;
    command->max_attempts = submission->max_attempts;
    if (!fake->hold) {
        command->final = true;
        fake->log[fake->n_log++] = fake->n_commands - 1;
    }
}

static bool refuse_submit(struct fake *fake, struct peer peer, const struct wire_submit *m)
{
    if (fake->refuse_submits > 0) {
        fake->refuse_submits--;
        refuse(fake, peer, m->request, fake->refusal, 0);
        return true;
    }
    for (uint32_t i = 0; fake->refuse_function && i < m->n_submissions; i++)
        if (bytes_equal_str(m->submissions[i].function, fake->refuse_function)) {
            refuse(fake, peer, m->request, REFUSAL_UNKNOWN_FUNCTION, i);
            return true;
        }
    return false;
}

static void submit(struct fake *fake, struct peer peer, const struct wire_submit *m)
{
    uint64_t client = fake->routes[find_route(fake, peer)].client;
    struct wire_message message = {.type = WIRE_SUBMITTED};
    struct wire_submitted *done = &message.as.submitted;
    *done = (struct wire_submitted){.request = m->request, .count = m->n_submissions};
    fake->submits++;
    for (uint32_t i = 0; i < fake->n_answered; i++)
        if (fake->answered[i].client == client && fake->answered[i].sequence == m->sequence) {
            done->first = fake->answered[i].first;
            done->duplicate = true;
            fake->duplicates++;
        }
    if (!done->duplicate) {
        if (refuse_submit(fake, peer, m))
            return;
        done->first = fake->n_commands + 1;
        for (uint32_t i = 0; i < m->n_submissions; i++)
            note_command(fake, &m->submissions[i]);
        fake->answered[fake->n_answered].client = client;
        fake->answered[fake->n_answered].sequence = m->sequence;
        fake->answered[fake->n_answered].first = done->first;
        fake->answered[fake->n_answered++].count = m->n_submissions;
    }
    answer(fake, peer, &message);
}

/* The row of a final command; memory from the arena. */
static struct wire_row row_of(struct fake *fake, uint32_t pos, struct arena *arena)
{
    static const uint8_t rubbish[] = {0xff, 0xff, 0xff};
    uint32_t index = fake->log[pos - 1];
    struct fake_command *command = &fake->commands[index];
    struct wire_command_body body;
    struct wire_error fault;
    assert_int_equal(
        wire_command_body_decode(bytes_of(command->body, command->body_size), arena, &body, &fault),
        0);
    command->throttled_ns = body.throttled_ns;
    struct wire_record_body record = {
        .result = body.args,
        .n_result = body.n_args ? wire_value_skip(body.args, body.n_args, 0) : 0,
    };
    size_t size = wire_record_body_size(&record);
    uint8_t *packed = arena_alloc(arena, size);
    assert_non_null(packed);
    wire_record_body_encode(&record, packed, size);
    struct wire_row row = {
        .pos = pos,
        .track_id = index + 1,
        .attempt = 1,
        .state = STATE_OK,
        .submitted_wall_ns = 1000,
        .start_wall_ns = 2000,
        .run_ns = MUSTER_S,
        .throttled_ns = body.throttled_ns,
        .slot = 1,
        .pid = 4711,
        .host = bytes_of_str("fake"),
        .worker = bytes_of_str("fake-1"),
        .function = bytes_of_str(command->function),
        .body = bytes_of(packed, size),
    };
    if (pos == fake->bad_pos)
        row.body = bytes_of(rubbish, sizeof rubbish);
    return row;
}

static void send_rows(struct fake *fake, struct peer peer, uint64_t request, const uint32_t *pos,
                      uint32_t n, bool timed_out, uint64_t from_pos)
{
    struct arena arena;
    arena_init(&arena, 256 << 20);
    struct wire_row *rows = arena_zalloc(&arena, n, sizeof *rows);
    size_t size = 0;
    uint32_t fit = 0;
    for (; fit < n; fit++) {
        rows[fit] = row_of(fake, pos[fit], &arena);
        size += wire_row_size(&rows[fit]);
        if (size > WIRE_MESSAGE_MAX - WIRE_ENVELOPE_MAX)
            break;
    }
    struct wire_message message = {.type = WIRE_RECORDS};
    message.as.records = (struct wire_records){
        .request = request,
        .rows = rows,
        .n_rows = fit,
        .next = fit ? rows[fit - 1].pos : from_pos,
        .head = fake->n_log,
        .cursor = fake->cursor,
        .timed_out = timed_out,
    };
    answer(fake, peer, &message);
    arena_done(&arena);
}

/* True when it was answered. */
static bool try_read(struct fake *fake, struct peer peer, uint64_t request, uint64_t from,
                     uint32_t max, bool now)
{
    uint32_t pos[WIRE_ROWS_MAX];
    uint32_t n = 0;
    for (uint64_t at = from; at < fake->n_log && n < max && n < WIRE_ROWS_MAX; at++)
        pos[n++] = (uint32_t)at + 1;
    if (n == 0 && !now)
        return false;
    send_rows(fake, peer, request, pos, n, n == 0, from);
    return true;
}

static bool try_wait(struct fake *fake, struct peer peer, uint64_t request, const uint64_t *ids,
                     uint32_t n_ids, bool now)
{
    uint32_t pos[WIRE_TRACK_IDS_MAX];
    uint32_t n = 0;
    for (uint32_t at = 0; at < fake->n_log; at++)
        for (uint32_t i = 0; i < n_ids; i++)
            if (fake->log[at] + 1 == ids[i] && (n == 0 || pos[n - 1] != at + 1))
                pos[n++] = at + 1;
    if (n == 0 && !now)
        return false;
    send_rows(fake, peer, request, pos, n, n == 0, 0);
    return true;
}

static struct fake_parked *park(struct fake *fake, struct peer peer, enum wire_type type,
                                uint64_t request, int64_t wait_ns)
{
    for (int i = 0; i < FAKE_PARKED_MAX; i++) {
        struct fake_parked *parked = &fake->parked[i];
        if (parked->taken)
            continue;
        *parked = (struct fake_parked){
            .route_size = peer.size,
            .type = type,
            .request = request,
            .until = time_add(time_boot_ns(), wait_ns),
            .taken = true,
        };
        memcpy(parked->route, peer.route, peer.size);
        return parked;
    }
    fail_msg("more than %d requests wait", FAKE_PARKED_MAX);
    return NULL;
}

static void wait_commands(struct fake *fake, struct peer peer, const struct wire_wait *m)
{
    fake->waits++;
    fake->wait_ids += m->n_track_ids;
    for (uint32_t i = 0; i < m->n_track_ids; i++)
        if (m->track_ids[i] > fake->n_commands) {
            refuse(fake, peer, m->request, REFUSAL_UNKNOWN_COMMAND, i);
            return;
        }
    if (try_wait(fake, peer, m->request, m->track_ids, m->n_track_ids, m->wait_ns == 0))
        return;
    struct fake_parked *parked = park(fake, peer, WIRE_WAIT, m->request, m->wait_ns);
    parked->ids = malloc(m->n_track_ids * sizeof *parked->ids);
    memcpy(parked->ids, m->track_ids, m->n_track_ids * sizeof *parked->ids);
    parked->n_ids = m->n_track_ids;
}

static void read_log(struct fake *fake, struct peer peer, const struct wire_read *m)
{
    uint64_t from = m->cursor.size ? fake->cursor : m->from_pos;
    fake->reads++;
    if (m->log_id && m->log_id != fake->log_id) {
        refuse(fake, peer, m->request, REFUSAL_LOG_MISMATCH, 0);
    } else if (from > fake->n_log) {
        refuse(fake, peer, m->request, REFUSAL_LOG_MISMATCH, 0);
    } else if (fake->wrong_type) {
        struct wire_message message = {.type = WIRE_DONE, .as.done.request = m->request};
        answer(fake, peer, &message);
    } else if (!try_read(fake, peer, m->request, from, m->max ? m->max : 100, m->wait_ns == 0)) {
        park(fake, peer, WIRE_READ, m->request, m->wait_ns)->from_pos = from;
    }
}

static void stats(struct fake *fake, struct peer peer, uint64_t request)
{
    struct wire_message message = {.type = WIRE_STATS_REPLY};
    struct wire_spread none = {0, -1, -1, -1, -1, -1, -1};
    message.as.stats_reply = (struct wire_stats_reply){
        .request = request,
        .count = fake->n_log,
        .time = none,
        .throttle = none,
        .waited = none,
        .submitted = fake->n_commands,
        .running = fake->n_commands - fake->n_log,
        .head = fake->n_log,
        .slots = 1,
        .hosts = 1,
    };
    answer(fake, peer, &message);
}

static void take(struct fake *fake, struct peer peer, const struct wire_message *message)
{
    struct wire_message reply = {.type = WIRE_DONE};
    int at = find_route(fake, peer);
    if (message->type == WIRE_CLIENT_HELLO) {
        hello(fake, peer, &message->as.client_hello);
        return;
    }
    if (at < 0 || fake->forget) {
        if (at >= 0)
            fake->routes[at] = fake->routes[--fake->n_routes];
        fake->forget = false;
        reply.type = WIRE_WHO_ARE_YOU;
        answer(fake, peer, &reply);
        return;
    }
    if (message->type == WIRE_SUBMIT) {
        submit(fake, peer, &message->as.submit);
    } else if (message->type == WIRE_READ) {
        read_log(fake, peer, &message->as.read);
    } else if (message->type == WIRE_WAIT && message->as.wait.what == WIRE_WAIT_COMMANDS) {
        wait_commands(fake, peer, &message->as.wait);
    } else if (message->type == WIRE_STATS) {
        stats(fake, peer, message->as.stats.request);
    } else if (message->type == WIRE_ROOM && !fake->room) {
        park(fake, peer, WIRE_ROOM, message->as.room.request, message->as.room.wait_ns);
    } else if (message->type == WIRE_ROOM) {
        reply.type = WIRE_ROOM_REPLY;
        reply.as.room_reply = (struct wire_room_reply){message->as.room.request, true, 0, 1};
        answer(fake, peer, &reply);
    } else if (message->type == WIRE_CLIENT_BYE) {
        fake->routes[at] = fake->routes[--fake->n_routes];
    } else {
        fake->pings += message->type == WIRE_PING;
        if (message->type == WIRE_CURSOR)
            fake->cursor = message->as.cursor.pos;
        reply.as.done.request = wire_request(message);
        answer(fake, peer, &reply);
    }
}

/* Waiting requests: answered when there is something, or the time is up. */
static void look_at_parked(struct fake *fake)
{
    for (int i = 0; i < FAKE_PARKED_MAX; i++) {
        struct fake_parked *parked = &fake->parked[i];
        if (!parked->taken)
            continue;
        struct peer peer = {parked->route, parked->route_size};
        bool now = time_boot_ns() >= parked->until;
        bool done = false;
        if (parked->type == WIRE_READ) {
            done = try_read(fake, peer, parked->request, parked->from_pos, 100, now);
        } else if (parked->type == WIRE_WAIT) {
            done = try_wait(fake, peer, parked->request, parked->ids, parked->n_ids, now);
        } else if (now || fake->room) {
            struct wire_message reply = {.type = WIRE_ROOM_REPLY};
            reply.as.room_reply = (struct wire_room_reply){parked->request, fake->room, 1, 1};
            answer(fake, peer, &reply);
            done = true;
        }
        if (!done)
            continue;
        free(parked->ids);
        *parked = (struct fake_parked){0};
    }
}

static void take_frame(struct fake *fake, zmq_msg_t *route, zmq_msg_t *frame)
{
    struct arena arena;
    struct wire_message message;
    struct wire_error fault;
    struct peer peer = {zmq_msg_data(route), zmq_msg_size(route)};
    arena_init(&arena, WIRE_DECODE_MEMORY_MAX);
    int rc = wire_decode(zmq_msg_data(frame), zmq_msg_size(frame), &arena, &message, &fault);
    if (rc == 0)
        take(fake, peer, &message);
    else
        refuse(fake, peer, fault.request, fault.refusal, fault.index);
    arena_done(&arena);
}

static void *serve(void *arg)
{
    struct fake *fake = arg;
    while (!atomic_load(&fake->stop)) {
        zmq_pollitem_t item = {.socket = fake->router, .events = ZMQ_POLLIN};
        muster_time now = time_boot_ns();
        poll_wait(&item, 1, now, now + 2 * MUSTER_MS);
        fake_lock(fake);
        for (;;) {
            zmq_msg_t route, frame;
            zmq_msg_init(&route);
            zmq_msg_init(&frame);
            int rc = sock_receive_from(fake->router, &route, &frame);
            if (rc == 0)
                take_frame(fake, &route, &frame);
            zmq_msg_close(&route);
            zmq_msg_close(&frame);
            if (rc == -EAGAIN)
                break;
        }
        look_at_parked(fake);
        fake_unlock(fake);
    }
    return NULL;
}

static void start_serving(struct fake *fake)
{
    struct sock_options options = sock_options_default();
    struct buffer message = BUFFER_EMPTY;
    int lock = -1;
    fake->context = sock_context_new();
    fake->router = sock_router_new(fake->context, &options);
    assert_non_null(fake->router);
    if (sock_bind(fake->router, fake->uri, &lock, &message) < 0)
        fail_msg("%s", buffer_str(&message));
    fs_close(lock);
    buffer_done(&message);
    atomic_store(&fake->stop, false);
    assert_int_equal(pthread_create(&fake->thread, NULL, serve, fake), 0);
}

static void stop_serving(struct fake *fake)
{
    atomic_store(&fake->stop, true);
    pthread_join(fake->thread, NULL);
    for (int i = 0; i < FAKE_PARKED_MAX; i++) {
        free(fake->parked[i].ids);
        fake->parked[i] = (struct fake_parked){0};
    }
    fake->n_routes = 0;
    sock_close(&fake->router);
    sock_context_free(fake->context);
}

struct fake *fake_start(void)
{
    struct fake *fake = calloc(1, sizeof *fake);
    assert_non_null(fake);
    strcpy(fake->dir, "/tmp/muster-test-XXXXXX");
    assert_non_null(mkdtemp(fake->dir));
    snprintf(fake->uri, sizeof fake->uri, "ipc://%s/clients", fake->dir);
    fake->commands = calloc(FAKE_COMMANDS_MAX, sizeof *fake->commands);
    fake->log = calloc(FAKE_COMMANDS_MAX, sizeof *fake->log);
    fake->answered = calloc(FAKE_COMMANDS_MAX, sizeof *fake->answered);
    assert_true(fake->commands && fake->log && fake->answered);
    fake->log_id = 99;
    fake->room = true;
    fake->limits = (struct wire_limits){WIRE_MESSAGE_MAX, 100, 8, 16, WIRE_NAME_MAX};
    pthread_mutex_init(&fake->lock, NULL);
    start_serving(fake);
    return fake;
}

void fake_restart(struct fake *fake)
{
    stop_serving(fake);
    start_serving(fake);
}

void fake_stop(struct fake *fake)
{
    stop_serving(fake);
    for (uint32_t i = 0; i < fake->n_commands; i++)
        free(fake->commands[i].body);
    free(fake->commands);
    free(fake->log);
    free(fake->answered);
    fs_remove_tree(fake->dir);
    pthread_mutex_destroy(&fake->lock);
    free(fake);
}

void fake_finish(struct fake *fake, const int64_t *track_ids, size_t n)
{
    fake_lock(fake);
    for (size_t i = 0; i < n; i++) {
        struct fake_command *command = &fake->commands[track_ids[i] - 1];
        assert_false(command->final);
        command->final = true;
        fake->log[fake->n_log++] = (uint32_t)track_ids[i] - 1;
    }
    fake_unlock(fake);
}
