/*
 * One epoll descriptor that a program may poll. In it: the socket's descriptor, which is
 * edge-triggered and only says "look again"; a timer for the machine's next deadline; the processes
 * of the embedded default; and an eventfd that is kept readable while something is left to do.
 *
 * Whoever looks at the socket's state consumes its edge. So after every such call events_arm looks
 * once more, and turns what is left into the level of the eventfd.
 */
#include "events.h"

#include <errno.h>
#include <muster.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/fs.h"
#include "embedded.h"
#include "link.h"
#include "net/sock.h"
#include "pool.h"

struct events {
    int epoll_fd;
    int level_fd; /* eventfd: readable while something is left */
    int timer_fd;
    int socket_fds[2]; /* libzmq's, of the socket and its monitor; -1: not in the set */
    int child_fds[EMBEDDED_CHILDREN];
    bool raised;
    muster_time timer_at;
};

void events_free(struct events *events)
{
    if (!events)
        return;
    fs_close(events->epoll_fd);
    fs_close(events->level_fd);
    fs_close(events->timer_fd);
    free(events);
}

static int watch(struct events *events, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(events->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static void unwatch(struct events *events, int fd)
{
    /* A descriptor that was closed has left the set by itself. */
    epoll_ctl(events->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static struct events *events_new(void)
{
    struct events *events = malloc(sizeof *events);
    if (!events)
        return NULL;
    *events = (struct events){.socket_fds = {-1, -1}, .timer_at = MUSTER_NEVER};
    for (int i = 0; i < EMBEDDED_CHILDREN; i++)
        events->child_fds[i] = -1;
    events->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    events->level_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    events->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (events->epoll_fd < 0 || events->level_fd < 0 || events->timer_fd < 0 ||
        watch(events, events->level_fd) < 0 || watch(events, events->timer_fd) < 0) {
        int error = errno;
        events_free(events);
        errno = error;
        return NULL;
    }
    return events;
}

void events_socket_closed(struct muster_pool *pool)
{
    struct events *events = pool->events;
    for (int i = 0; events && i < 2; i++) {
        if (events->socket_fds[i] >= 0)
            unwatch(events, events->socket_fds[i]);
        events->socket_fds[i] = -1;
    }
}

void events_socket_opened(struct muster_pool *pool)
{
    struct events *events = pool->events;
    if (!events || !pool->link)
        return;
    int fds[2] = {sock_fd(pool->link->sock), sock_fd(monitor_sock(pool->link->monitor))};
    for (int i = 0; i < 2; i++)
        if (watch(events, fds[i]) == 0)
            events->socket_fds[i] = fds[i];
}

static void set_level(struct events *events, bool raised)
{
    if (events->raised == raised)
        return;
    uint64_t value = 1;
    if (raised)
        events->raised = write(events->level_fd, &value, sizeof value) == sizeof value;
    else
        events->raised = read(events->level_fd, &value, sizeof value) < 0 && errno != EAGAIN;
}

static void set_timer(struct events *events, muster_time at)
{
    if (events->timer_at == at)
        return;
    struct itimerspec spec = {0};
    if (at != MUSTER_NEVER) {
        muster_time some = at > 0 ? at : 1; /* all zero would switch it off */
        spec.it_value.tv_sec = some / MUSTER_S;
        spec.it_value.tv_nsec = some % MUSTER_S;
    }
    if (timerfd_settime(events->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL) == 0)
        events->timer_at = at;
}

/* Children come and go as they are restarted. */
static void watch_children(struct muster_pool *pool)
{
    struct events *events = pool->events;
    int fds[EMBEDDED_CHILDREN];
    size_t n = embedded_fds(pool->embedded, fds);
    for (size_t i = 0; i < EMBEDDED_CHILDREN; i++) {
        int fd = i < n ? fds[i] : -1;
        if (fd == events->child_fds[i] && fd >= 0)
            watch(events, fd); /* the number may be an old one's: known already does no harm */
        if (fd == events->child_fds[i])
            continue;
        if (events->child_fds[i] >= 0)
            unwatch(events, events->child_fds[i]);
        events->child_fds[i] = fd >= 0 && watch(events, fd) == 0 ? fd : -1;
    }
}

static muster_time next_deadline(const struct muster_pool *pool)
{
    muster_time at = call_deadline(pool->call);
    muster_time child_at = embedded_deadline(pool->embedded);
    return child_at < at ? child_at : at;
}

void events_arm(struct muster_pool *pool)
{
    struct events *events = pool->events;
    if (!events)
        return;
    watch_children(pool);
    bool left = !list_is_empty(&pool->futures.fresh) || !list_is_empty(&pool->ended) ||
                pool->reopen_due || link_is_ready(pool->link, pool_wants_to_send(pool));
    set_timer(events, pool->down.info.code ? MUSTER_NEVER : next_deadline(pool));
    set_level(events, left);
}

int muster_fd(muster_pool *pool)
{
    int rc = pool_enter_any(pool);
    if (rc != MUSTER_OK)
        return rc;
    if (!pool->events) {
        pool->events = events_new();
        if (!pool->events)
            return error_set(&pool->error, errno == ENOMEM ? MUSTER_ENOMEM : MUSTER_ESYSTEM,
                             "no descriptor for events: %s", strerror(errno));
        events_socket_opened(pool);
    }
    events_arm(pool);
    return pool->events->epoll_fd;
}

int muster_timeout_ms(muster_pool *pool)
{
    int rc = pool_enter_any(pool);
    if (rc != MUSTER_OK)
        return rc;
    if (!list_is_empty(&pool->futures.fresh))
        return 0;
    return time_poll_ms(time_boot_ns(), next_deadline(pool), -1);
}

int muster_process(muster_pool *pool)
{
    int rc = pool_enter_any(pool);
    if (rc != MUSTER_OK)
        return rc;
    pool_turn(pool, 0);
    int told = futures_deliver(pool);
    /* A callback may have started something. */
    pool_settle(pool);
    events_arm(pool);
    return told > 0 ? told : pool_enter(pool);
}
