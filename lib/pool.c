/*
 * The pool handle: open, close, and what every call checks first.
 *
 * Open handles are registered, so that a call with a handle that was closed is refused instead of
 * touching freed memory. Nothing else is global but the context (link.c).
 */
#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/rand.h"
#include "base/state.h"
#include "base/text.h"
#include "consumer.h"
#include "embedded.h"
#include "events.h"
#include "link.h"
#include "net/endpoint.h"
#include "proto/limits.h"
#include "request.h"
#include "stats.h"

#define VERSION_OF(major, minor, patch) #major "." #minor "." #patch
#define VERSION(major, minor, patch) VERSION_OF(major, minor, patch)
static const char version[] =
    VERSION(MUSTER_VERSION_MAJOR, MUSTER_VERSION_MINOR, MUSTER_VERSION_PATCH);
static const char software[] =
    "libmuster/" VERSION(MUSTER_VERSION_MAJOR, MUSTER_VERSION_MINOR, MUSTER_VERSION_PATCH);

static const muster_time answer_slack_ns = 500 * MUSTER_MS;
static const muster_time wait_max_ns = 3600 * MUSTER_S;

const char *muster_version(void)
{
    return version;
}

const char *pool_software(void)
{
    return software;
}

/* ---- the registry --------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list registry = {&registry, &registry};

static void enrol(struct muster_pool *pool)
{
    pthread_mutex_lock(&lock);
    list_push_back(&registry, &pool->registry_link);
    pthread_mutex_unlock(&lock);
}

static void strike_off(struct muster_pool *pool)
{
    pthread_mutex_lock(&lock);
    list_remove(&pool->registry_link);
    pthread_mutex_unlock(&lock);
}

/* Compares addresses only: what is not in the list is not touched. */
static bool is_open(const struct muster_pool *pool)
{
    bool found = false;
    pthread_mutex_lock(&lock);
    list_each (it, &registry)
        found |= list_entry(it, struct muster_pool, registry_link) == pool;
    pthread_mutex_unlock(&lock);
    return found;
}

/* ---- every call ----------------------------------------------------------------------------- */

int pool_enter_any(struct muster_pool *pool)
{
    if (!pool || !is_open(pool))
        return MUSTER_EINVAL;
    if (pool->pid != getpid())
        return error_set(&pool->error, MUSTER_EFORKED,
                         "this handle belongs to process %d: open a pool of your own after fork()",
                         (int)pool->pid);
    return MUSTER_OK;
}

int pool_enter(struct muster_pool *pool)
{
    int rc = pool_enter_any(pool);
    if (rc == MUSTER_OK && pool->down.info.code) {
        error_copy(&pool->error, &pool->down);
        rc = pool->down.info.code;
    }
    return rc;
}

void pool_call_out(struct muster_pool *pool)
{
    pool->callbacks++;
}

void pool_call_back(struct muster_pool *pool)
{
    pool->callbacks--;
}

void pool_go_down(struct muster_pool *pool, const struct error *why)
{
    if (pool->down.info.code)
        return;
    error_copy(&pool->down, why);
    call_close(pool->call, REFUSAL_INTERNAL); /* the text is the pool's, not the table's */
}

muster_time pool_deadline(int timeout_ms)
{
    if (timeout_ms < 0)
        return MUSTER_NEVER;
    return time_add(time_boot_ns(), timeout_ms * MUSTER_MS);
}

muster_time pool_request_deadline(const struct muster_pool *pool)
{
    return pool_deadline(pool->options.request_timeout_ms);
}

muster_time pool_answer_deadline(muster_time deadline)
{
    return time_add(deadline, answer_slack_ns);
}

int64_t pool_wait_ns(muster_time deadline)
{
    if (deadline == MUSTER_NEVER)
        return wait_max_ns;
    int64_t left = deadline - time_boot_ns();
    if (left < 0)
        return 0;
    return left < wait_max_ns ? left : wait_max_ns;
}

const muster_error_info *muster_error(const muster_pool *pool)
{
    if (!pool || !is_open(pool))
        return &error_of_thread()->info;
    return &pool->error.info;
}

const char *muster_pool_name(const muster_pool *pool)
{
    return pool && is_open(pool) && pool->name ? pool->name : "";
}

const char *muster_pool_broker(const muster_pool *pool)
{
    return pool && is_open(pool) && pool->uri ? pool->uri : "";
}

const char *muster_state_name(int state)
{
    return state < 0 || !state_is_known((unsigned)state) ? "unknown"
                                                         : state_name((enum state)state);
}

/* ---- open ----------------------------------------------------------------------------------- */

/* "local:N" or "local": N slots, 0 = by the options. False when it is something else. */
static bool is_local(const char *uri, unsigned *ret_slots)
{
    static const char prefix[] = "local";
    uint64_t slots = 0;
    if (strncmp(uri, prefix, sizeof prefix - 1) != 0)
        return false;
    uri += sizeof prefix - 1;
    *ret_slots = 0;
    if (*uri == '\0')
        return true;
    if (*uri != ':' || text_parse_u64(uri + 1, 1, OPTIONS_PROCESSES_MAX, &slots) < 0)
        return false;
    *ret_slots = (unsigned)slots;
    return true;
}

static int check_address(const char *uri, struct error *error)
{
    struct endpoint endpoint;
    struct buffer message = BUFFER_EMPTY;
    int rc = endpoint_parse(uri, &endpoint, &message);
    if (rc < 0)
        error_set(error, MUSTER_EINVAL, "%s (or local:N, 1 to %d slots of a private broker)",
                  buffer_str(&message), OPTIONS_PROCESSES_MAX);
    buffer_done(&message);
    return rc < 0 ? MUSTER_EINVAL : MUSTER_OK;
}

/* Sets pool->uri; starts the embedded default where no broker was named. */
static int find_broker(struct muster_pool *pool, const char *uri)
{
    unsigned slots = 0;
    if (!uri || uri[0] == '\0')
        uri = getenv("MUSTER_BROKER");
    if (!uri || uri[0] == '\0')
        uri = "local";
    if (is_local(uri, &slots))
        return embedded_start(&pool->embedded, &pool->options,
                              slots ? slots : pool->options.processes, &pool->uri, &pool->error);
    int rc = check_address(uri, &pool->error);
    if (rc != MUSTER_OK)
        return rc;
    pool->uri = strdup(uri);
    return pool->uri ? MUSTER_OK : error_set(&pool->error, MUSTER_ENOMEM, "out of memory");
}

static int make_machine(struct muster_pool *pool)
{
    struct call_options options = call_options_default();
    int timeout_ms = pool->options.connect_timeout_ms;
    options.connect_timeout_ns = timeout_ms < 0 ? MUSTER_NEVER : timeout_ms * MUSTER_MS;
    do
        rand_os(&pool->client, sizeof pool->client);
    while (pool->client == 0);
    options.seed = pool->client;
    pool->call = call_new(&options, time_boot_ns());
    return pool->call ? MUSTER_OK : error_set(&pool->error, MUSTER_ENOMEM, "out of memory");
}

static struct muster_pool *new_pool(const muster_options *options)
{
    struct muster_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    pool->pid = getpid();
    list_init(&pool->registry_link);
    list_init(&pool->outgoing);
    list_init(&pool->ended);
    list_init(&pool->consumers);
    futures_init(&pool->futures);
    pool->error.info.text = pool->error.text;
    if (!options_copy(&pool->options, options)) {
        free(pool);
        return NULL;
    }
    pool->private_pool = pool->options.pool == NULL;
    return pool;
}

/* Frees a pool, open or half open. */
static void free_pool(struct muster_pool *pool)
{
    futures_orphan(pool);
    consumers_orphan(pool);
    if (pool->call)
        call_close(pool->call, REFUSAL_CANCELLED);
    struct list *link;
    while ((link = list_pop_front(&pool->ended)) != NULL) {
        struct request *request = list_entry(link, struct request, ended_link);
        request->done(pool, request);
    }
    events_free(pool->events);
    stats_keep_free(pool->stats_keep);
    link_close(&pool->link);
    call_free(pool->call);
    options_done(&pool->options);
    free(pool->uri);
    free(pool->name);
    free(pool);
}

int muster_pool_open(muster_pool **ret_pool, const char *uri, const muster_options *options)
{
    struct error *error = error_of_thread();
    if (!ret_pool)
        return error_set(error, MUSTER_EINVAL, "there is no place for the pool");
    struct muster_pool *pool = new_pool(options);
    if (!pool)
        return error_set(error, MUSTER_ENOMEM, "out of memory");
    int rc = find_broker(pool, uri);
    if (rc == MUSTER_OK)
        rc = make_machine(pool);
    if (rc == MUSTER_OK)
        rc = pool_connect(pool);
    if (rc == MUSTER_OK) {
        enrol(pool);
        *ret_pool = pool;
        return MUSTER_OK;
    }
    error_copy(error, &pool->error);
    embedded_stop(&pool->embedded, NULL);
    free_pool(pool);
    return rc;
}

/* ---- close ---------------------------------------------------------------------------------- */

/* In a forked child: memory and descriptors of our own, nothing of libzmq's, no process. */
static void forget_pool(struct muster_pool *pool)
{
    link_forget(&pool->link);
    embedded_forget(&pool->embedded);
    free_pool(pool);
}

int muster_pool_close(muster_pool **pool_place)
{
    if (!pool_place || !*pool_place)
        return MUSTER_OK;
    struct muster_pool *pool = *pool_place;
    int rc = pool_enter_any(pool);
    if (rc == MUSTER_EINVAL)
        return error_set(error_of_thread(), rc, "this pool was closed already");
    if (pool->callbacks)
        return error_set(&pool->error, MUSTER_EINVAL,
                         "a pool must not be closed from a callback of its own");
    *pool_place = NULL;
    strike_off(pool);
    if (rc == MUSTER_EFORKED) {
        error_copy(error_of_thread(), &pool->error);
        forget_pool(pool);
        return rc;
    }
    if (pool->embedded)
        rc = embedded_close(&pool->embedded, pool, error_of_thread());
    else
        pool_say_bye(pool);
    free_pool(pool);
    return rc;
}
