/*
 * hello.c -- a client's hello and goodbye: which handle it is, and on which pool.
 *
 * A handle belongs to one pool for its life. A private pool is made by the first hello of its
 * handle; a hello that is repeated, because the WELCOME was lost, finds it again. By its full name
 * ("~" and 16 digits) any handle may open it later. The newest peer of a handle wins.
 */
#include "broker/core/machine.h"

static void refuse(struct core *core, const struct event *event, enum refusal refusal,
                   const struct say *text, uint64_t limit)
{
    send_refused(core, event->peer, event->request,
                 (struct refused){.refusal = refusal, .text = text, .limit = limit});
}

static void refuse_bad(struct core *core, const struct event *event, const char *text)
{
    struct say say = {.size = 0};
    say_str(&say, text);
    refuse(core, event, REFUSAL_BAD_REQUEST, &say, 0);
}

static void refuse_limit(struct core *core, const struct event *event, const char *what)
{
    struct say say = {.size = 0};
    say_str(&say, "The broker has as many ");
    say_str(&say, what);
    say_str(&say, " as it can: raise its limit, or let some end.");
    refuse(core, event, REFUSAL_LIMIT_REACHED, &say, 0);
}

/* The pool that the hello asks for: found, or made. 0 after a refusal. */
static uint32_t pool_for(struct core *core, const struct event *event, uint32_t client)
{
    const struct event_client_hello *h = &event->as.client_hello;
    struct say say = {.size = 0};
    uint32_t own = client == 0 ? 0 : client_at(&core->clients, client)->pool;
    bool is_private_name = h->pool.size > 0 && h->pool.data[0] == '~';
    uint32_t found = 0;
    if (h->pool.size > 0)
        found = pool_find_name(core, h->pool);
    else if (h->pool_id != 0)
        found = pool_find(&core->pools, h->pool_id);
    else
        found = own;
    bool is_asked_for = is_private_name || (h->pool.size == 0 && h->pool_id != 0);
    if (found == 0 && is_asked_for) {
        say_str(&say, "This private pool is gone: it was unused for longer than the broker keeps "
                      "one, or belongs to another broker.");
        refuse(core, event, REFUSAL_UNKNOWN_POOL, &say, 0);
        return 0;
    }
    /* A handle without commands may be forgotten, or lost at a restart: its pool knows it then. */
    if (h->pool.size == 0 && h->pool_id != 0 && found != own &&
        (own != 0 || !pool_at(&core->pools, found)->is_private)) {
        refuse_bad(core, event,
                   "A private pool is opened again by the handle that made it; others "
                   "open it by its name.");
        return 0;
    }
    if (own != 0 && found != own) {
        refuse_bad(core, event, "This client id is in use on another pool: use a new one.");
        return 0;
    }
    if (found == 0) {
        found = pool_make(core, h->pool);
        if (found == 0)
            refuse_limit(core, event, "pools or names");
    }
    return found;
}

void hello_client(struct core *core, const struct event *event)
{
    const struct event_client_hello *h = &event->as.client_hello;
    struct say say = {.size = 0};
    if (h->client == 0) {
        refuse_bad(core, event, "A client id is a random number other than 0.");
        return;
    }
    if (h->log_id != 0 && h->log_id != core->log_id) {
        say_str(&say, "The broker has another result log than the one that this client has read: "
                      "its store was replaced. Read again from position 0.");
        refuse(core, event, REFUSAL_LOG_MISMATCH, &say, 0);
        return;
    }
    uint32_t bound;
    uint32_t client = client_find(&core->clients, h->client);
    if (session_of(core, event->peer, &bound) != SESSION_CLIENT || bound != client)
        session_end(core, event->peer);
    client = client_find(&core->clients, h->client); /* the session that ended may have been its */
    uint32_t pool = pool_for(core, event, client);
    if (pool == 0)
        return;
    if (client == 0)
        client = client_make(core, h->client, pool);
    if (client == 0) {
        refuse_limit(core, event, "clients");
        return;
    }
    struct client *handle = client_at(&core->clients, client);
    if (handle->peer != event->peer) {
        if (handle->peer != 0) {
            send_close(core, handle->peer);
            handle->said_bye = false;
            client_detach(core, client);
        }
        session_bind(core, event->peer, SESSION_CLIENT, client);
    }
    handle->said_bye = false;
    handle->seen_wall_ns = core->wall_ns;
    client_settle(core, client);
    pool_use(core, pool);
    const struct pool *welcome = pool_at(&core->pools, pool);
    struct send send = {
        .type = SEND_WELCOME, .peer = event->peer, .request = event->request, .pool = welcome->id};
    send.as.welcome.pool = turn_copy(core, pool_name(core, welcome));
    send.as.welcome.head = welcome->totals.head;
    send.as.welcome.oldest = welcome->totals.oldest;
    send_add(core, &send);
}

void bye_client(struct core *core, const struct event *event, uint32_t client)
{
    client_at(&core->clients, client)->said_bye = true;
    send_close(core, event->peer);
    client_detach(core, client);
}
