/*
 * The sockets of the library share one context: several with CURVE in one process can crash at the
 * end of one. It is made with the first socket and ended with the last.
 *
 * A forked child inherits the variables but not the threads of libzmq: its parent's context is
 * never touched there, a new one is made when it opens a pool of its own.
 */
#include "link.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "net/sock.h"
#include "proto/limits.h"

enum {
    SEND_MAX = 4096, /* the window of requests is smaller: a full queue means a stuck peer */
    RECEIVE_MAX = 1000,
    LINGER_MS = 500
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *context;
static unsigned context_users;
static pid_t context_pid;

static void *take_context(void)
{
    pthread_mutex_lock(&lock);
    if (context && context_pid != getpid()) {
        context = NULL;
        context_users = 0;
    }
    if (!context) {
        context = sock_context_new();
        context_pid = getpid();
    }
    if (context)
        context_users++;
    void *taken = context;
    pthread_mutex_unlock(&lock);
    return taken;
}

static void leave_context(void)
{
    pthread_mutex_lock(&lock);
    if (context_users > 0 && --context_users == 0) {
        sock_context_free(context);
        context = NULL;
    }
    pthread_mutex_unlock(&lock);
}

int link_open(const char *uri, struct link **ret_link, struct error *error)
{
    struct sock_options options = sock_options_default();
    options.message_max = WIRE_MESSAGE_MAX;
    options.send_max = SEND_MAX;
    options.receive_max = RECEIVE_MAX;
    options.linger_ms = LINGER_MS;
    struct link *link = calloc(1, sizeof *link);
    void *taken = link ? take_context() : NULL;
    if (!taken) {
        free(link);
        return error_set(error, MUSTER_ENOMEM, "libzmq cannot make a context: %s", strerror(errno));
    }
    link->sock = sock_dealer_new(taken, &options);
    if (link->sock)
        link->monitor = monitor_new(taken, link->sock);
    if (!link->monitor) {
        error_set(error, MUSTER_ESYSTEM, "libzmq cannot make a socket: %s", zmq_strerror(errno));
        link_close(&link);
        return error->info.code;
    }
    struct buffer message = BUFFER_EMPTY;
    int rc = sock_connect(link->sock, uri, &message);
    if (rc < 0) {
        error_set(error, rc == -EINVAL ? MUSTER_EINVAL : MUSTER_ESYSTEM, "%s",
                  buffer_str(&message));
        link_close(&link);
    } else {
        *ret_link = link;
    }
    buffer_done(&message);
    return rc < 0 ? error->info.code : MUSTER_OK;
}

void link_close(struct link **place)
{
    struct link *link = *place;
    if (!link)
        return;
    monitor_free(link->monitor);
    sock_close(&link->sock);
    leave_context();
    free(link);
    *place = NULL;
}

bool link_is_ready(const struct link *link, bool to_send)
{
    if (!link)
        return false;
    int events = sock_events(link->sock);
    bool news = sock_has_input(monitor_sock(link->monitor));
    return news || (events & ZMQ_POLLIN) || (to_send && (events & ZMQ_POLLOUT));
}

void link_forget(struct link **place)
{
    free(*place);
    *place = NULL;
}
