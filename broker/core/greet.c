/*
 * greet.c -- a worker's HELLO, in one or more parts, and what it settles (S4, S5).
 *
 *     part 0: who it is -> session -> every part: attempts are marked -> last part: WELCOME, then
 *     what it was not told about is judged, what it should not run is stopped
 *
 * Listed and held by it with the current attempt: adopted. Listed and not: stopped, without a
 * record; a spooled one gets its verdict when it is reported. GONE: lost. Held and not listed:
 * never started, or, after a reboot, lost.
 *
 * Not responsible for leases running out (lease.c) nor for records (work.c).
 */
#include <stdlib.h>
#include <string.h>

#include "broker/core/grow.h"
#include "broker/core/machine.h"

enum { UNKNOWN_FIRST = 64 };

/* ---- who it is ------------------------------------------------------------------------------ */

static void refuse(struct core *core, peer_id peer, enum refusal refusal, const struct say *text,
                   int64_t retry_after_ns)
{
    send_refused(
        core, peer, 0,
        (struct refused){.refusal = refusal, .text = text, .retry_after_ns = retry_after_ns});
    session_end(core, peer);
    send_close(core, peer);
}

/* False after a refusal: the description cannot be right. */
static bool check_form(struct core *core, const struct event *event)
{
    const struct event_worker_hello *h = &event->as.worker_hello;
    struct say say = {.size = 0};
    if (h->host.size == 0)
        say_str(&say, "A worker must say its host's name.");
    else if (h->slots == 0)
        say_str(&say, "A worker must have at least one slot.");
    if (say.size == 0)
        return true;
    refuse(core, event->peer, REFUSAL_BAD_REQUEST, &say, 0);
    return false;
}

/* Another worker has this host's name and is alive: two would take each other's commands. */
static bool check_host(struct core *core, const struct event *event, uint32_t worker)
{
    const struct event_worker_hello *h = &event->as.worker_hello;
    uint32_t name = names_find(&core->names, h->host);
    uint32_t host = name == 0 ? 0 : names_at(&core->names, name)->of[NAME_HOST];
    uint32_t other = host == 0 ? 0 : host_at(&core->roster, host)->worker;
    if (other == 0 || other == worker)
        return true;
    const struct worker *holder = worker_at(&core->roster, other);
    if (holder->peer == 0)
        return true;
    struct say say = {.size = 0};
    say_str(&say, "Another worker (");
    say_name(&say, name_text(core, holder->name));
    say_str(&say, ") serves under the host name ");
    say_name(&say, h->host);
    say_str(&say, ": two workers need distinct names; give this one another with --host, or end "
                  "the other one.");
    int64_t left = holder->lease_until - core->now;
    refuse(core, event->peer, REFUSAL_BUSY, &say, left > 0 ? left : core->limits.renew_ns);
    return false;
}

static bool check_room(struct core *core, const struct event *event, uint32_t worker)
{
    const struct event_worker_hello *h = &event->as.worker_hello;
    struct say say = {.size = 0};
    uint64_t names = 4u + (uint64_t)h->n_labels + h->n_functions + h->n_pools;
    if (worker == 0 && slab_is_full(&core->roster.workers))
        say_str(&say, "The broker knows as many workers as it can: raise its limit of workers.");
    else if (names > UINT32_MAX || !names_have_room(&core->names, (uint32_t)names))
        say_str(&say, "The broker knows as many names as it can: raise its limit of names.");
    if (say.size == 0)
        return true;
    refuse(core, event->peer, REFUSAL_LIMIT_REACHED, &say, 0);
    return false;
}

static bool check_incarnation(struct core *core, const struct event *event, uint32_t index)
{
    const struct event_worker_hello *h = &event->as.worker_hello;
    if (index == 0 || h->incarnation >= worker_at(&core->roster, index)->incarnation)
        return true;
    struct say say = {.size = 0};
    say_str(&say, "A newer incarnation of this worker has been here: two processes use one spool; "
                  "end this one.");
    refuse(core, event->peer, REFUSAL_DENIED, &say, 0);
    return false;
}

/* "host-7c3e", with as many digits of the UUID as make it unique. */
static struct bytes display_name(struct core *core, const struct event_worker_hello *h)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *text = turn_alloc(core, h->host.size + 1 + 2 * UUID_BYTES);
    size_t size = h->host.size;
    memcpy(text, h->host.data, size);
    text[size++] = '-';
    for (size_t i = 0; i < UUID_BYTES; i++) {
        text[size++] = (uint8_t)digits[h->uuid[i] >> 4];
        text[size++] = (uint8_t)digits[h->uuid[i] & 15];
        uint32_t id = names_find(&core->names, bytes_of(text, size));
        if (i >= 1 && (id == 0 || worker_by_name(core, id) == 0))
            break;
    }
    return bytes_of(text, size);
}

static const uint32_t *intern_all(struct core *core, const struct bytes *texts, uint32_t n)
{
    uint32_t *ids = turn_alloc(core, (n + 1) * sizeof *ids);
    for (uint32_t i = 0; i < n; i++)
        ids[i] = intern(core, texts[i]);
    return ids;
}

/* The worker that this one takes the host's name from: it keeps what it holds, and is no more. */
static void replace(struct core *core, uint32_t host_name, uint32_t by)
{
    uint32_t host = names_at(&core->names, host_name)->of[NAME_HOST];
    uint32_t index = host == 0 ? 0 : host_at(&core->roster, host)->worker;
    if (index == 0 || index == by)
        return;
    worker_depart(core, index);
    struct worker *old = worker_at(&core->roster, index);
    struct fact *fact = fact_add(core, FACT_HOST);
    worker_describe(core, old, &fact->as.host);
    fact->as.host.slots = 0;
    fact->as.host.labels = fact->as.host.functions = fact->as.host.pools = NULL;
    fact->as.host.n_labels = fact->as.host.n_functions = fact->as.host.n_pools = 0;
    apply(core, fact);
    worker_forget_if_over(core, index);
}

/* A known worker under another host name: its row moves. */
static void move_host(struct core *core, uint32_t index, uint32_t host_name)
{
    const struct worker *worker = worker_at(&core->roster, index);
    if (index == 0 || worker->host_name == host_name)
        return;
    struct fact_host old;
    worker_describe(core, worker, &old);
    struct fact *fact = fact_add(core, FACT_HOST);
    fact->as.host = (struct fact_host){.host = old.host, .worker = old.worker, .forgotten = true};
    memcpy(fact->as.host.uuid, old.uuid, UUID_BYTES);
    /* Not applied: what it holds stays with it; the fact behind this one gives it its new host. */
}

/* Makes the description durable; the index of the worker. */
static uint32_t describe(struct core *core, const struct event *event, uint32_t index)
{
    const struct event_worker_hello *h = &event->as.worker_hello;
    uint32_t host = intern(core, h->host);
    uint32_t name =
        index != 0 ? worker_at(&core->roster, index)->name : intern(core, display_name(core, h));
    struct fact_host described = {
        .host = host,
        .worker = name,
        .incarnation = h->incarnation,
        .slots = h->slots,
        .labels = intern_all(core, h->labels, h->n_labels),
        .n_labels = h->n_labels,
        .functions = intern_all(core, h->functions, h->n_functions),
        .n_functions = h->n_functions,
        .pools = intern_all(core, h->pools, h->n_pools),
        .n_pools = h->n_pools,
        .software = intern(core, h->software),
        .tree_kill = intern(core, h->tree_kill),
        .transient = h->transient,
        .seen_wall_ns = core->wall_ns,
        .skew_ns = h->wall_ns == 0 ? 0 : h->wall_ns - core->wall_ns,
        .round_trip_ns = index == 0 ? 0 : worker_at(&core->roster, index)->round_trip_now_ns,
    };
    memcpy(described.uuid, h->uuid, UUID_BYTES);
    replace(core, host, index);
    if (index != 0)
        move_host(core, index, host);
    struct fact *fact = fact_add(core, FACT_HOST);
    fact->as.host = described;
    apply(core, fact);
    return worker_by_name(core, name);
}

/* The session that this worker had: the newest wins. */
static void end_older(struct core *core, uint32_t index, const struct event *event)
{
    const struct worker *worker = worker_at(&core->roster, index);
    peer_id peer = worker->peer;
    if (peer != 0 && peer != event->peer) {
        if (event->as.worker_hello.incarnation > worker->incarnation) {
            struct send bye = {.type = SEND_BYE, .peer = peer};
            bye.as.bye.why = bytes_of_str("a newer incarnation of this worker is here");
            bye.as.bye.end = true;
            send_add(core, &bye);
        }
        send_close(core, peer);
    }
    worker_depart(core, index);
}

/* Part 0. The worker, or 0 after a refusal. */
static uint32_t begin(struct core *core, const struct event *event)
{
    const struct event_worker_hello *h = &event->as.worker_hello;
    uint32_t index = strmap_get(&core->roster.by_uuid, bytes_of(h->uuid, UUID_BYTES));
    uint32_t bound;
    if (session_of(core, event->peer, &bound) != SESSION_WORKER || bound != index)
        session_end(core, event->peer);
    if (!check_form(core, event) || !check_incarnation(core, event, index) ||
        !check_host(core, event, index) || !check_room(core, event, index))
        return 0;
    if (index != 0)
        end_older(core, index, event);
    index = describe(core, event, index);
    struct worker *worker = worker_at(&core->roster, index);
    session_bind(core, event->peer, SESSION_WORKER, index);
    worker->is_greeting = true;
    worker->is_rebooted = h->rebooted;
    worker->mark = ++core->roster.marks;
    worker->next_part = 0;
    worker->n_unknown = 0;
    lease_renew(core, index);
    return index;
}

/* ---- what it lists -------------------------------------------------------------------------- */

/* The command that the worker holds with exactly this attempt, or 0. */
static uint32_t held(const struct core *core, const struct worker *worker,
                     const struct event_worker_attempt *a)
{
    uint32_t index = command_find(core, pool_find(&core->pools, a->pool), a->track_id);
    if (index == 0)
        return 0;
    const struct command *c = command_at(&core->commands, index);
    const struct more *more = command_more(&core->commands, c);
    bool is_his = c->place == PLACE_RUNNING && more->worker == worker->name;
    return is_his && more->attempt == a->attempt && more->epoch == a->epoch ? index : 0;
}

static bool note_unknown(struct worker *worker, const struct event_worker_attempt *a)
{
    if (worker->n_unknown == HELLO_UNKNOWN_MAX)
        return false;
    worker->unknown = grow(worker->unknown, worker->n_unknown, &worker->unknown_max, UNKNOWN_FIRST,
                           sizeof *worker->unknown);
    worker->unknown[worker->n_unknown++] = *a;
    return true;
}

/* Marks what is held; false when it lists more than anybody can hold. */
static bool take_part(struct core *core, struct worker *worker, const struct event_worker_hello *h)
{
    for (uint32_t i = 0; i < h->n_attempts; i++) {
        const struct event_worker_attempt *a = &h->attempts[i];
        uint32_t index = held(core, worker, a);
        if (index != 0 && a->phase != PHASE_GONE)
            command_need_more(&core->commands, index)->mark = worker->mark;
        else if (index != 0)
            command_lose(core, index, REASON_WORKER_RESTARTED);
        else if (a->phase != PHASE_SPOOLED && a->phase != PHASE_GONE && !note_unknown(worker, a))
            return false;
    }
    worker->next_part++;
    return true;
}

static void stop_unknown(struct core *core, struct worker *worker)
{
    for (uint32_t i = 0; i < worker->n_unknown; i++) {
        const struct event_worker_attempt *a = &worker->unknown[i];
        send_stop(core, worker->peer, a->pool, a->track_id, a, REASON_NONE, true);
    }
    free(worker->unknown);
    worker->unknown = NULL;
    worker->n_unknown = worker->unknown_max = 0;
}

static void settle(struct core *core, struct worker *worker)
{
    list_each_safe (link, after, &worker->held) {
        struct more *more = list_entry(link, struct more, held);
        uint32_t index = more->command;
        const struct command *c = command_at(&core->commands, index);
        if (more->mark != worker->mark) {
            if (worker->is_rebooted)
                command_lose(core, index, REASON_WORKER_RESTARTED);
            else
                command_give_back(core, index);
            continue;
        }
        command_disarm(core, more);
        if ((c->flags & COMMAND_STOPPING) == 0)
            continue;
        const struct event_worker_attempt a = {.attempt = more->attempt, .epoch = more->epoch};
        uint32_t pool = class_at(&core->queue, c->class_index)->pool;
        send_stop(core, worker->peer, pool_at(&core->pools, pool)->id, command_id(c), &a,
                  more->stopping, false);
    }
}

static void finish(struct core *core, uint32_t index, const struct event *event)
{
    struct worker *worker = worker_at(&core->roster, index);
    worker->is_greeting = false;
    worker->credit = event->as.worker_hello.credit;
    struct send send = {.type = SEND_WORKER_WELCOME, .peer = event->peer};
    send_add(core, &send);
    stop_unknown(core, worker);
    settle(core, worker);
    worker_arrive(core, index);
}

void greet_worker(struct core *core, const struct event *event)
{
    const struct event_worker_hello *h = &event->as.worker_hello;
    uint32_t index;
    struct say say = {.size = 0};
    if (h->part == 0) {
        index = begin(core, event);
        if (index == 0)
            return;
    } else if (session_of(core, event->peer, &index) != SESSION_WORKER ||
               !worker_at(&core->roster, index)->is_greeting ||
               worker_at(&core->roster, index)->next_part != h->part) {
        say_str(&say, "The parts of a HELLO must come in order; say hello again from part 0.");
        refuse(core, event->peer, REFUSAL_BAD_REQUEST, &say, 0);
        return;
    }
    worker_heard(core, index);
    if (!take_part(core, worker_at(&core->roster, index), h)) {
        say_str(&say, "The HELLO lists more attempts than a worker can hold.");
        refuse(core, event->peer, REFUSAL_TOO_LARGE, &say, 0);
    } else if (!h->more) {
        finish(core, index, event);
    }
}
