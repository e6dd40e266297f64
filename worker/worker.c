/*
 * worker.c -- the shell of the session machine: one thread, one loop.
 *
 * Responsible for the order of a turn (shell.h). It decides nothing about attempts, and nothing
 * about the session beyond saying in the log how it stands.
 */
#include "worker/worker.h"

#include "base/fs.h"
#include "net/poll.h"
#include "proto/wire.h"
#include "worker/shell.h"

enum {
    ROUNDS_PER_TURN = 16,
    MESSAGE_LEAST = 64 * 1024 /* a smaller limit of a broker is not believed */
};

static const uint64_t SPOOL_LARGE_BYTES = UINT64_C(256) << 20;
static const int64_t SPOOL_RETRY_NS = 1 * MUSTER_S;
static const int64_t COMPLAIN_FIRST_NS = 5 * MUSTER_S;
static const int64_t COMPLAIN_MAX_NS = 3600 * MUSTER_S;

/* ---- events ---------------------------------------------------------------------------------- */

void worker_step(struct worker *worker, struct agent_event *event)
{
    event->now = worker->now;
    event->wall_ns = worker->wall_ns;
    agent_step(worker->agent, event, perform_effect, worker);
    if (worker->is_stepping)
        return;
    worker->is_stepping = true;
    perform_ready(worker);
    worker->is_stepping = false;
}

static void step_type(struct worker *worker, enum agent_event_type type)
{
    struct agent_event event = {.type = type};
    worker_step(worker, &event);
}

static void drain(struct worker *worker, bool hurry)
{
    struct agent_event event = {.type = AGENT_EV_DRAIN};
    event.as.drain.hurry = hurry;
    worker_step(worker, &event);
}

/* ---- the session in the log ------------------------------------------------------------------ */

void worker_welcomed(struct worker *worker, const struct wire_worker_welcome *welcome)
{
    uint32_t message_max = welcome->limits.message_max;
    int r = spool_welcomed(worker->spool);
    if (r < 0)
        log_event(LEVEL_WARN, "identity", "error=%s", log_errno(r));
    if (message_max == 0 || message_max > WIRE_MESSAGE_MAX)
        message_max = WIRE_MESSAGE_MAX;
    worker->egress.message_max = message_max < MESSAGE_LEAST ? MESSAGE_LEAST : message_max;
    if (!worker->was_welcomed)
        log_event(LEVEL_INFO, "welcomed", "broker=%s software=%s epoch=%u lease_ms=%lld",
                  log_quote_str(worker->config->broker), log_quote(welcome->software),
                  welcome->epoch, (long long)(welcome->lease_ns / MUSTER_MS));
    worker->was_welcomed = true;
}

static void complain(struct worker *worker)
{
    char lasted[TIME_TEXT_MAX];
    const char *text = "nobody answers there; it is tried again and again. Is the broker running?";
    time_format_duration(lasted, worker->now - worker->away_since);
    if (worker->link.met_stranger)
        text = "something answers there that is not a broker's endpoint for workers; it is tried "
               "again and again. Is the address right?";
    else if (worker->link.is_connected)
        text = "connected, but no broker answers; it is tried again and again";
    log_event(LEVEL_WARN, "no_broker", "broker=%s for=%s running=%u unreported=%u text=\"%s\"",
              log_quote_str(worker->config->broker), lasted, agent_running(worker->agent),
              agent_spooled(worker->agent), text);
}

static void tell_ready(struct worker *worker)
{
    if (worker->ready_fd < 0)
        return;
    int r = fs_write_all(worker->ready_fd, "ready\n", 6);
    if (r < 0)
        log_event(LEVEL_WARN, "ready_fd", "error=%s", log_errno(r));
    worker->ready_fd = fs_close(worker->ready_fd);
}

/* One line when contact is lost or made, and while it is away at growing intervals. */
static void watch_session(struct worker *worker)
{
    if (agent_is_serving(worker->agent)) {
        worker->away_since = 0;
        worker->complain_at = MUSTER_NEVER;
        tell_ready(worker);
        return;
    }
    if (worker->away_since == 0) {
        worker->away_since = worker->now;
        worker->complain_ns = COMPLAIN_FIRST_NS;
        worker->complain_at = time_add(worker->now, worker->complain_ns);
        worker->was_welcomed = false;
        return;
    }
    if (worker->now < worker->complain_at)
        return;
    complain(worker);
    worker->complain_ns *= 3;
    if (worker->complain_ns > COMPLAIN_MAX_NS)
        worker->complain_ns = COMPLAIN_MAX_NS;
    worker->complain_at = time_add(worker->now, worker->complain_ns);
}

/* ---- the link -------------------------------------------------------------------------------- */

static void reopen_if_due(struct worker *worker)
{
    struct buffer message = BUFFER_EMPTY;
    if (worker->now < worker->reopen_at)
        return;
    int r = link_open(&worker->link, worker->context, worker->config->broker, &message);
    if (r == 0) {
        worker->reopen_at = MUSTER_NEVER;
        step_type(worker, AGENT_EV_OPEN);
    } else {
        log_event(LEVEL_ERROR, "socket", "error=%s text=%s", log_errno(r),
                  log_quote(buffer_bytes(&message)));
        worker->reopen_at = time_add(worker->now, MUSTER_S);
    }
    buffer_done(&message);
}

/* ---- the spool ------------------------------------------------------------------------------- */

static void tell_full(struct worker *worker)
{
    uint64_t limit = worker->spool_is_large ? SPOOL_LARGE_BYTES / 2 : SPOOL_LARGE_BYTES;
    worker->spool_is_large = spool_bytes(worker->spool) > limit;
    bool is_full = worker->spool_fails || worker->spool_is_large;
    if (is_full == worker->spool_is_full)
        return;
    struct agent_event event = {.type = AGENT_EV_SPOOL};
    event.as.spool.full = worker->spool_is_full = is_full;
    if (!worker->spool_fails)
        log_event(LEVEL_WARN, is_full ? "spool_large" : "spool_good", "bytes=%llu unreported=%u",
                  (unsigned long long)spool_bytes(worker->spool), agent_spooled(worker->agent));
    worker_step(worker, &event);
}

/* True when everything noted is in the log. Otherwise records stay in memory, are sent all the same
 * (the broker's disk is better than none), and nothing new is taken or started. */
static bool flush_spool(struct worker *worker)
{
    if (worker->spool_fails && worker->now < worker->spool_retry_at)
        return spool_is_flushed(worker->spool);
    int r = spool_flush(worker->spool);
    if (r < 0) {
        worker->spool_retry_at = time_add(worker->now, SPOOL_RETRY_NS);
        if (!worker->spool_fails)
            log_event(LEVEL_ERROR, "spool",
                      "error=%s dir=%s text=\"records are kept in memory and no "
                      "command is taken until this works again; it is tried "
                      "every second\"",
                      log_errno(r), log_quote_str(worker->config->spool_dir));
    } else if (worker->spool_fails) {
        log_event(LEVEL_INFO, "spool_good", "dir=%s", log_quote_str(worker->config->spool_dir));
    }
    worker->spool_fails = r < 0;
    return r == 0;
}

/* Notes first, then starts; what ends at once is one more record for the spool. */
static void settle(struct worker *worker)
{
    for (int round = 0; round < ROUNDS_PER_TURN; round++) {
        bool is_noted = flush_spool(worker);
        tell_full(worker);
        if (list_is_empty(&worker->starting))
            return;
        perform_starting(worker, is_noted);
    }
    (void)flush_spool(worker);
}

/* ---- the turn -------------------------------------------------------------------------------- */

static void take_signals(struct worker *worker)
{
    int number;
    while ((number = poll_signals_next(worker->signal_fd)) != 0) {
        log_event(LEVEL_INFO, "drain", "signal=%d running=%u waiting=%u", number,
                  agent_running(worker->agent), agent_waiting(worker->agent));
        drain(worker, false);
    }
}

static void take_host_end(struct worker *worker)
{
    log_event(LEVEL_INFO, "drain", "text=\"the process it was to end with is gone\" pid=%llu",
              (unsigned long long)worker->config->die_with);
    worker->host_fd = fs_close(worker->host_fd);
    drain(worker, true);
}

/* Without its spawner a worker is of no use: it reports what was lost, and ends. */
static void take_spawner_end(struct worker *worker)
{
    log_event(LEVEL_ERROR, "spawner_lost",
              "running=%u text=\"the process that starts commands ended unexpectedly; the worker "
              "reports what was lost and ends\"",
              agent_running(worker->agent));
    worker->exit_status = WORKER_EXIT_FAILED;
    drain(worker, false);
    perform_starting(worker, false);
    perform_lost(worker);
    drain(worker, false);
    run_close(worker->run);
    worker->run = NULL;
}

static muster_time earlier(muster_time a, muster_time b)
{
    return a < b ? a : b;
}

static muster_time deadline(const struct worker *worker)
{
    muster_time at = agent_deadline(worker->agent);
    if (!worker->is_drained || !list_is_empty(&worker->starting))
        return worker->now;
    at = earlier(at, deadlines_next(&worker->timers));
    at = earlier(at, worker->reopen_at);
    at = earlier(at, worker->complain_at);
    return worker->spool_fails ? earlier(at, worker->spool_retry_at) : at;
}

/* What there is to look at, so that a turn asks no socket in vain. */
struct ready {
    bool has_signal, has_input, has_news, host_ended;
};

static bool is_readable(const zmq_pollitem_t *items, int index, int r)
{
    return index >= 0 && (r < 0 || (items[index].revents & ZMQ_POLLIN) != 0);
}

static struct ready wait_for_work(struct worker *worker)
{
    short out = egress_is_pending(&worker->egress) ? ZMQ_POLLOUT : 0;
    zmq_pollitem_t items[5];
    int n = 0, host = -1, input = -1, news = -1;
    items[n++] = (zmq_pollitem_t){.fd = worker->signal_fd, .events = ZMQ_POLLIN};
    if (worker->run)
        items[n++] = (zmq_pollitem_t){.fd = run_fd(worker->run), .events = ZMQ_POLLIN};
    if (worker->host_fd >= 0) {
        host = n;
        items[n++] = (zmq_pollitem_t){.fd = worker->host_fd, .events = ZMQ_POLLIN};
    }
    if (worker->link.sock) {
        input = n;
        items[n++] =
            (zmq_pollitem_t){.socket = worker->link.sock, .events = (short)(ZMQ_POLLIN | out)};
        news = n;
        items[n++] =
            (zmq_pollitem_t){.socket = monitor_sock(worker->link.monitor), .events = ZMQ_POLLIN};
    }
    int r = poll_wait(items, n, worker->now, deadline(worker));
    if (r < 0)
        log_event(LEVEL_ERROR, "poll", "error=%s", log_errno(r));
    return (struct ready){.has_signal = is_readable(items, 0, r),
                          .has_input = is_readable(items, input, r),
                          .has_news = is_readable(items, news, r),
                          .host_ended = r > 0 && is_readable(items, host, r)};
}

static void read_clocks(struct worker *worker)
{
    worker->now = time_boot_ns();
    worker->wall_ns = time_wall_ns();
}

static void turn(struct worker *worker)
{
    struct ready ready = wait_for_work(worker);
    read_clocks(worker);
    if (ready.has_signal)
        take_signals(worker);
    if (ready.host_ended)
        take_host_end(worker);
    if (ready.has_news && link_has_reconnected(&worker->link))
        step_type(worker, AGENT_EV_RECONNECTED);
    worker->is_drained = !ready.has_input || ingress_drain(worker);
    if (worker->run)
        perform_ended(worker);
    perform_timers(worker);
    reopen_if_due(worker);
    if (worker->is_drained)
        step_type(worker, AGENT_EV_TICK);
    settle(worker);
    if (worker->spawner_is_lost && worker->run) {
        take_spawner_end(worker);
        settle(worker);
    }
    watch_session(worker);
    /* A HELLO lists what is here: it leaves when nothing that came before it waits to be read. */
    if (worker->is_drained || !worker->egress.wants_hello)
        egress_flush(worker);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void tell_inherited(struct worker *worker)
{
    uint32_t records = 0, lost = 0;
    for (uint64_t h = spool_next(worker->spool, 0); h != 0; h = spool_next(worker->spool, h)) {
        struct agent_event event = {0};
        if (spool_record(worker->spool, h)) {
            event.type = AGENT_EV_SPOOLED;
            event.as.spooled.id = spool_id(worker->spool, h);
            event.as.spooled.record = h;
            records++;
        } else {
            event.type = AGENT_EV_LEFT;
            event.as.left.id = spool_id(worker->spool, h);
            event.as.left.record = h;
            lost++;
        }
        worker_step(worker, &event);
    }
    if (records + lost > 0)
        log_event(LEVEL_INFO, "inherited", "records=%u lost=%u", records, lost);
    if (spool_damaged_bytes(worker->spool) > 0)
        log_event(LEVEL_WARN, "spool_damaged",
                  "bytes=%llu dir=%s text=\"the end of the log could not be read; a copy is in the "
                  "file damaged\"",
                  (unsigned long long)spool_damaged_bytes(worker->spool),
                  log_quote_str(worker->config->spool_dir));
}

static void log_start(const struct worker *worker)
{
    const struct config *config = worker->config;
    log_event(LEVEL_INFO, "start",
              "version=" MUSTER_VERSION " host=%s slots=%llu broker=%s spool=%s incarnation=%u "
              "tree_kill=%s",
              config->host, (unsigned long long)config->slots, log_quote_str(config->broker),
              log_quote_str(config->spool_dir), spool_incarnation(worker->spool),
              run_tree_kill(worker->run));
}

static int serve(struct worker *worker)
{
    log_start(worker);
    tell_inherited(worker);
    worker->complain_at = MUSTER_NEVER;
    while (!worker->is_over)
        turn(worker);
    if (!spool_is_flushed(worker->spool) && spool_flush(worker->spool) < 0 &&
        agent_spooled(worker->agent) > 0) {
        log_event(LEVEL_ERROR, "spool",
                  "unreported=%u text=\"records could not be written and no "
                  "broker has acknowledged them: they are lost\"",
                  agent_spooled(worker->agent));
        return WORKER_EXIT_SPOOL;
    }
    if (agent_is_refused(worker->agent))
        return WORKER_EXIT_FAILED;
    log_event(LEVEL_INFO, "end", "unreported=%u", agent_spooled(worker->agent));
    return worker->exit_status;
}

int worker_run(const struct config *config)
{
    struct worker worker = {
        .config = config, .signal_fd = -1, .host_fd = -1, .ready_fd = -1, .reopen_at = 0};
    int status = shell_open(&worker);
    if (status == 0)
        status = serve(&worker);
    shell_close(&worker);
    return status;
}
