/*
 * broker.c -- the turn.
 *
 *     wait until something comes or the core has something to do
 *     read the clocks once; a turn that starts late gives every lease a fresh term
 *     drain a bounded number of messages into the core; judge leases only when the workers' socket
 *     was found empty
 *     commit every fact of the turn in ONE synced transaction
 *     only then send what the core asked for
 *
 * It decides nothing about commands: that is the core. It may be killed at any line: whatever was
 * answered is in the store, whatever was not is asked again.
 */
#include "broker/broker.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/rand.h"
#include "broker/egress.h"
#include "broker/hints.h"
#include "broker/ingress.h"
#include "net/poll.h"
#include "net/sock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    LOCKS_MAX = 64,
    BURST = 64, /* messages taken from one socket before the other has its turn */
    /* The store's free space is looked at this often, or when so much has come: less than what is
     * kept free by default, so that DISK_LOW is decided before the disk is full. */
    DISK_CHECK_MS = 1000,
    DISK_CHECK_BYTES = 4 * 1024 * 1024,
    TICK_MS = 1000,
    GOODBYE_MS = 200,
};

struct broker {
    const struct config *config;
    struct store *store;
    struct core *core;
    struct outbox *box;
    struct peers *peers;
    struct intake intake;
    struct ingress ingress;
    struct egress egress;
    void *context;
    void *socks[SIDE_COUNT];
    int locks[LOCKS_MAX];
    size_t n_locks;
    int signal_fd, parent_fd;
    muster_time planned; /* when the next turn should start at the latest */
    muster_time disk_due, tick_due;
    size_t taken_bytes; /* since the free space was looked at */
    bool ended;         /* no further turn */
    bool busy;          /* there is work that need not wait for a message */
};

/* ---- start ---------------------------------------------------------------------------------- */

static int complain(const struct buffer *message)
{
    fprintf(stderr, "muster-broker: %s\n", buffer_str(message));
    return BROKER_EXIT_FAILED;
}

struct load {
    struct core *core;
    struct hints hints;
    uint64_t commands, commands_max;
};

static void emit_fact(void *ctx, const struct fact *fact)
{
    struct load *load = ctx;
    if (fact->type == FACT_SUBMITTED)
        load->commands++;
    if (load->commands > load->commands_max)
        return; /* the core has no room: refused when the number is known */
    core_replay(load->core, fact);
    hints_note(&load->hints, fact);
}

static int open_store(struct broker *b)
{
    struct store_options options = {.dir = b->config->store_dir,
                                    .reserve_bytes = b->config->reserve_bytes,
                                    .cache_bytes = b->config->cache_bytes};
    struct store_error error = {0};
    struct load load = {
        .core = b->core, .hints = HINTS_EMPTY, .commands_max = b->config->queue_max};
    int r = store_open(&b->store, &options, &error);
    if (r == 0)
        r = store_load(b->store, emit_fact, &load, &error);
    if (r == 0 && load.commands > load.commands_max) {
        r = -EINVAL;
        snprintf(error.text, sizeof error.text,
                 "The store %s holds %llu commands that are not final, more than --queue-max %llu: "
                 "raise that.",
                 b->config->store_dir, (unsigned long long)load.commands,
                 (unsigned long long)load.commands_max);
    }
    if (r == 0)
        hints_tell(&load.hints, b->store, b->core);
    hints_done(&load.hints);
    if (r == 0)
        return 0;
    fprintf(stderr, "muster-broker: %s\n", error.text);
    return r == -EIO || r == -ENOSPC || r == -EBADMSG ? BROKER_EXIT_STORE : BROKER_EXIT_FAILED;
}

static int open_side(struct broker *b, enum side side, const struct opt_list *endpoints)
{
    struct sock_options options = sock_options_default();
    struct buffer message = BUFFER_EMPTY;
    /* More than a peer can have unanswered (submits_max, what a worker may hold): only one that
     * does not read at all meets the bound, and is dropped. */
    options.send_max = side == SIDE_WORKERS ? 20000 : 10000;
    b->socks[side] = sock_router_new(b->context, &options);
    if (b->socks[side] == NULL) {
        fprintf(stderr, "muster-broker: cannot make a socket: %s\n", strerror(errno));
        return BROKER_EXIT_FAILED;
    }
    for (size_t i = 0; i < endpoints->count; i++) {
        int lock = -1;
        if (b->n_locks == LOCKS_MAX) {
            buffer_append_str(&message, "more than 64 endpoints");
        } else if (sock_bind(b->socks[side], endpoints->items[i], &lock, &message) == 0) {
            b->locks[b->n_locks++] = lock;
            struct buffer bound = BUFFER_EMPTY;
            sock_bound_endpoint(b->socks[side], &bound);
            log_event(LEVEL_INFO, "serving", "side=%s endpoint=%s",
                      side == SIDE_CLIENTS ? "clients" : "workers",
                      log_quote_str(buffer_str(&bound)));
            buffer_done(&bound);
            continue;
        }
        int status = complain(&message);
        buffer_done(&message);
        return status;
    }
    return 0;
}

/* Descriptors bound the number of connections; too few are refused here rather than met as a
 * spinning I/O thread. */
static int raise_descriptors(uint64_t peers_max)
{
    struct rlimit limit;
    uint64_t need = peers_max / 4 + 128;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur >= need)
        return 0;
    fprintf(stderr,
            "muster-broker: %llu file descriptors are too few for --peers-max %llu: raise `ulimit "
            "-n` to %llu or lower --peers-max\n",
            (unsigned long long)limit.rlim_cur, (unsigned long long)peers_max,
            (unsigned long long)need);
    return BROKER_EXIT_FAILED;
}

static int open_parent(struct broker *b)
{
    if (b->config->die_with == 0)
        return 0;
    b->parent_fd = poll_process_open((int)b->config->die_with);
    if (b->parent_fd >= 0)
        return 0;
    fprintf(stderr, "muster-broker: --die-with %llu: %s\n", (unsigned long long)b->config->die_with,
            strerror(-b->parent_fd));
    return BROKER_EXIT_FAILED;
}

static int broker_open(struct broker *b, const struct config *config)
{
    *b = (struct broker){.config = config, .signal_fd = -1, .parent_fd = -1};
    struct core_limits limits = config->limits;
    uint64_t seed;
    rand_os(&seed, sizeof seed);
    limits.seed = seed;
    int status = raise_descriptors(config->peers_max);
    if (status == 0)
        status = open_parent(b);
    if (status != 0)
        return status;
    b->signal_fd = poll_signals_open(); /* before any thread of libzmq */
    b->core = core_new(&limits);
    b->box = outbox_new();
    b->peers = peers_new((uint32_t)config->peers_max, seed);
    intake_init(&b->intake);
    egress_init(&b->egress);
    status = open_store(b);
    if (status != 0)
        return status;
    b->intake.now = time_boot_ns();
    b->intake.wall_ns = time_wall_ns();
    core_start(b->core, store_epoch(b->store), store_log_id(b->store), b->intake.now,
               b->intake.wall_ns);
    b->context = sock_context_new();
    if (b->context == NULL || b->signal_fd < 0) {
        fprintf(stderr, "muster-broker: cannot start: %s\n", strerror(errno));
        return BROKER_EXIT_FAILED;
    }
    /* Workers first: a client that finds the broker should find its hosts soon. */
    status = open_side(b, SIDE_WORKERS, &config->workers);
    if (status == 0)
        status = open_side(b, SIDE_CLIENTS, &config->clients);
    b->ingress =
        (struct ingress){.core = b->core, .box = b->box, .store = b->store, .intake = &b->intake};
    b->egress.core = b->core;
    b->egress.store = b->store;
    b->egress.intake = &b->intake;
    b->egress.peers = b->peers;
    b->egress.socks[SIDE_CLIENTS] = b->socks[SIDE_CLIENTS];
    b->egress.socks[SIDE_WORKERS] = b->socks[SIDE_WORKERS];
    b->egress.epoch = store_epoch(b->store);
    b->egress.log_id = store_log_id(b->store);
    b->egress.insecure = config->insecure_network;
    b->egress.started = b->intake.now;
    b->egress.limits = &config->limits;
    return status;
}

/* With ZMQ_IMMEDIATE a peer loses what it has received and not yet read when the connection goes:
 * the goodbye needs a moment to be read before the sockets close. */
static void let_peers_read(const struct broker *b)
{
    const struct timespec pause = {.tv_nsec = GOODBYE_MS * MUSTER_MS};
    if (b->ended)
        (void)nanosleep(&pause, NULL);
}

static void broker_close(struct broker *b)
{
    let_peers_read(b);
    sock_close(&b->socks[SIDE_CLIENTS]);
    sock_close(&b->socks[SIDE_WORKERS]);
    sock_context_free(b->context);
    for (size_t i = 0; i < b->n_locks; i++)
        fs_close(b->locks[i]);
    if (b->intake.frames != NULL) {
        egress_done(&b->egress);
        intake_done(&b->intake);
    }
    peers_free(b->peers);
    outbox_free(b->box);
    core_free(b->core);
    store_close(b->store);
    fs_close(b->signal_fd);
    fs_close(b->parent_fd);
}

/* ---- the turn ------------------------------------------------------------------------------- */

static void step_simple(struct broker *b, struct event event)
{
    event.now = b->intake.now;
    event.wall_ns = b->intake.wall_ns;
    core_step(b->core, &event, b->box);
}

/* What the sends of the last turn could not deliver. */
static void tell_unsent(struct broker *b)
{
    for (size_t i = 0; i < b->egress.n_unsent; i++) {
        const struct unsent *u = &b->egress.unsent[i];
        struct event event = {.type = u->track_id == 0 ? EVENT_GONE : EVENT_UNSENT,
                              .peer = u->peer};
        if (u->track_id != 0) {
            event.as.unsent.pool = u->pool;
            event.as.unsent.attempt = u->attempt;
            event.as.unsent.track_id = u->track_id;
        }
        step_simple(b, event);
    }
    b->egress.n_unsent = 0;
}

/* A peer that chose its own routing id is answered and goes no further. */
static void refuse_route(struct broker *b, enum side side, zmq_msg_t *route)
{
    struct wire_message m = {.type = WIRE_ERROR};
    m.as.error = (struct wire_refused){
        .refusal = REFUSAL_BAD_REQUEST,
        .text = bytes_of_str("a peer must not set a routing id (ZMQ_IDENTITY)")};
    size_t size = wire_encoded_size(&m);
    zmq_msg_t frame;
    if (zmq_msg_init_size(&frame, size) < 0)
        return;
    wire_encode(&m, zmq_msg_data(&frame), size);
    if (sock_send_to(b->socks[side], zmq_msg_data(route), zmq_msg_size(route), &frame) < 0)
        zmq_msg_close(&frame);
}

static int take_frame(struct broker *b, enum side side, zmq_msg_t *route, zmq_msg_t *frame,
                      int received)
{
    struct bytes from = bytes_of(zmq_msg_data(route), zmq_msg_size(route));
    struct wire_error error = {.refusal = REFUSAL_BAD_REQUEST};
    peer_id evicted;
    if (!peers_route_is_minted(from)) {
        refuse_route(b, side, route);
        return 0;
    }
    peer_id peer = peers_of(b->peers, side, from, &evicted);
    if (evicted != 0)
        step_simple(b, (struct event){.type = EVENT_GONE, .peer = evicted});
    int r = received;
    if (r == -EBADMSG)
        strcpy(error.text, "a message is exactly one frame");
    else
        r = ingress_frame(&b->ingress, side, peer, intake_keep(&b->intake, frame), &error);
    if (r != -EBADMSG)
        return r;
    if (log_is_on(LEVEL_DEBUG))
        log_event(LEVEL_DEBUG, "refused", "side=%d what=%s", side, log_quote_str(error.text));
    egress_refuse(&b->egress, peer, &error);
    return 0;
}

/* Up to BURST messages of one side. The number taken, or -errno of the store. */
static int drain_side(struct broker *b, enum side side)
{
    int taken = 0;
    while (taken < BURST && !intake_is_full(&b->intake)) {
        zmq_msg_t route, frame;
        zmq_msg_init(&route);
        zmq_msg_init(&frame);
        int r = sock_receive_from(b->socks[side], &route, &frame);
        int result = r == -EAGAIN ? 0 : take_frame(b, side, &route, &frame, r);
        zmq_msg_close(&route);
        zmq_msg_close(&frame);
        if (result < 0)
            return result;
        if (r == -EAGAIN)
            break;
        taken++;
    }
    return taken;
}

/* A bounded number of messages, those that never reach the intake included. Sets *ret_empty when
 * both sockets had nothing left, *ret_heard when the workers' had: then every sign of life that
 * came before this turn was taken, however much the clients send. */
static int drain(struct broker *b, bool *ret_empty, bool *ret_heard)
{
    *ret_empty = false;
    *ret_heard = false;
    for (int taken = 0; taken < INTAKE_FRAMES_MAX && !intake_is_full(&b->intake);) {
        int workers = drain_side(b, SIDE_WORKERS);
        if (workers < 0)
            return workers;
        *ret_heard = *ret_heard || workers == 0;
        int clients = drain_side(b, SIDE_CLIENTS);
        if (clients < 0)
            return clients;
        taken += workers + clients;
        if (workers == 0 && clients == 0) {
            *ret_empty = true;
            break;
        }
    }
    return 0;
}

static int store_failed(int r, const char *text)
{
    bool damaged = r == -EBADMSG || r == -ENOENT;
    if (*text == '\0')
        text = damaged ? "what is stored of a command or a record is damaged." : strerror(-r);
    log_event(LEVEL_ERROR, "store_failed", "error=%s text=%s", log_errno(r), log_quote_str(text));
    fprintf(stderr,
            "muster-broker: the store failed: %s\nNothing that was not stored has been "
            "acknowledged. %s\n",
            text,
            damaged ? "Restore the store from a copy and start the broker again."
                    : "Mend the disk and start the broker again.");
    return BROKER_EXIT_STORE;
}

static int commit_and_send(struct broker *b)
{
    struct store_error error = {0};
    size_t n_facts, n_sends;
    core_flush(b->core, b->intake.now, b->intake.wall_ns, b->box);
    const struct fact *facts = outbox_facts(b->box, &n_facts);
    if (n_facts > 0) {
        int r = store_commit(b->store, facts, n_facts, intake_body_of, &b->intake, &error);
        if (r < 0)
            return store_failed(r, error.text);
    }
    const struct send *sends = outbox_sends(b->box, &n_sends);
    int r = egress_perform(&b->egress, sends, n_sends);
    return r < 0 ? store_failed(r, "") : 0;
}

static void check_disk(struct broker *b)
{
    if (b->intake.now < b->disk_due && b->taken_bytes < DISK_CHECK_BYTES)
        return;
    b->taken_bytes = 0;
    b->disk_due = b->intake.now + DISK_CHECK_MS * MUSTER_MS;
    int64_t free_bytes = store_free_bytes(b->store);
    if (free_bytes < 0)
        return;
    bool was_low = core_disk_low(b->core);
    b->egress.disk_free = (uint64_t)free_bytes;
    struct event event = {.type = EVENT_DISK};
    event.as.disk.free_bytes = (uint64_t)free_bytes;
    step_simple(b, event);
    if (core_disk_low(b->core) != was_low)
        log_event(LEVEL_WARN, was_low ? "disk_recovered" : "disk_low", "free_bytes=%lld",
                  (long long)free_bytes);
}

/* SIGTERM: everything promised is stored already. Says goodbye, so that nobody waits for silence.
 */
static void say_bye(struct broker *b, const char *why, bool end)
{
    b->intake.now = time_boot_ns();
    egress_bye(&b->egress, why, end);
    b->ended = true;
}

static int turn(struct broker *b)
{
    bool empty, heard;
    b->intake.now = time_boot_ns();
    b->intake.wall_ns = time_wall_ns();
    if (b->intake.now - b->planned > b->config->limits.late_ns) {
        log_event(LEVEL_WARN, "turn_late", "late_ms=%lld",
                  (long long)((b->intake.now - b->planned) / MUSTER_MS));
        step_simple(b, (struct event){.type = EVENT_LATE});
    }
    check_disk(b);
    tell_unsent(b);
    int r = drain(b, &empty, &heard);
    if (r < 0)
        return store_failed(r, "");
    b->taken_bytes += b->intake.bytes;
    if (heard && (b->intake.now >= b->tick_due || b->intake.now >= core_deadline(b->core))) {
        step_simple(b, (struct event){.type = EVENT_TICK});
        b->tick_due = b->intake.now + TICK_MS * MUSTER_MS;
    }
    int status = commit_and_send(b);
    if (status != 0)
        return status;
    b->busy = egress_scan(&b->egress, &r);
    if (r < 0)
        return store_failed(r, "");
    if (store_maintain(b->store))
        b->busy = true;
    struct store_error error = {0};
    r = store_failure(b->store, &error);
    if (r < 0)
        return store_failed(r, error.text);
    b->busy = b->busy || !empty || b->egress.n_unsent > 0;
    if (b->egress.stop) {
        log_note(LEVEL_INFO, "stopped_by_client");
        say_bye(b, "a client has ended the broker", true);
    }
    outbox_reset(b->box);
    intake_reset(&b->intake);
    return 0;
}

/* ---- the loop ------------------------------------------------------------------------------- */

static int wait_for_work(struct broker *b)
{
    zmq_pollitem_t items[4] = {
        {.socket = b->socks[SIDE_WORKERS], .events = ZMQ_POLLIN},
        {.socket = b->socks[SIDE_CLIENTS], .events = ZMQ_POLLIN},
        {.fd = b->signal_fd, .events = ZMQ_POLLIN},
        {.fd = b->parent_fd, .events = ZMQ_POLLIN},
    };
    muster_time now = time_boot_ns();
    muster_time due = core_deadline(b->core);
    if (b->disk_due < due)
        due = b->disk_due;
    b->planned = b->busy || due < now ? now : due;
    int r = poll_wait(items, b->parent_fd >= 0 ? 4 : 3, now, b->busy ? now : due);
    if (r < 0)
        return r;
    /* Woken by a message before the plan: not late. */
    muster_time woken = time_boot_ns();
    if (woken < b->planned)
        b->planned = woken;
    /* The turn itself was held up (a pause, a slow disk): as bad as one that starts late. */
    if (now - b->intake.now > b->config->limits.late_ns)
        b->planned = b->intake.now;
    if ((items[2].revents & ZMQ_POLLIN) != 0) {
        int signal = poll_signals_next(b->signal_fd);
        if (signal == SIGTERM || signal == SIGINT) {
            log_event(LEVEL_INFO, "stopping", "signal=%d", signal);
            say_bye(b, "the broker is stopped and may come back", false);
        }
    }
    if (b->parent_fd >= 0 && (items[3].revents & ZMQ_POLLIN) != 0) {
        log_note(LEVEL_INFO, "parent_gone");
        say_bye(b, "the program that this broker belonged to has ended", true);
    }
    return 0;
}

static void tell_ready(const struct config *config)
{
    if (!config->has_ready_fd)
        return;
    int fd = (int)config->ready_fd;
    (void)fs_write_all(fd, "ready\n", 6);
    fs_close(fd);
}

int broker_run(const struct config *config)
{
    struct broker b;
    int status = broker_open(&b, config);
    if (status == 0) {
        log_event(LEVEL_INFO, "ready", "epoch=%u store=%s", store_epoch(b.store),
                  log_quote_str(config->store_dir));
        tell_ready(config);
    }
    b.planned = time_boot_ns();
    while (status == 0 && !b.ended) {
        int r = wait_for_work(&b);
        if (r < 0) {
            fprintf(stderr, "muster-broker: waiting failed: %s\n", strerror(-r));
            status = BROKER_EXIT_FAILED;
        } else if (!b.ended) {
            status = turn(&b);
        }
    }
    broker_close(&b);
    return status;
}
