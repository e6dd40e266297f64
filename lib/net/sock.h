/* ROUTER and DEALER sockets with every option that Muster needs, set in one place.
 *
 * Sends and receives never block. Every message is one frame. */
#ifndef NET_SOCK_H
#define NET_SOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <zmq.h>

#include "base/buffer.h"

struct sock_options {
    int message_max; /* bytes of a frame; a larger one ends the connection */
    int send_max;    /* messages queued per peer before -EAGAIN */
    int receive_max; /* messages queued per peer before the peer is held back */
    int linger_ms;   /* how long a close may go on delivering */
};
/* 1 MiB, 1000, 1000, 500 ms. */
struct sock_options sock_options_default(void);

/* One context per process. Block signals and fork helpers before. NULL when out of memory. */
void *sock_context_new(void);
void sock_context_free(void *context);

/* NULL with errno on failure. */
void *sock_router_new(void *context, const struct sock_options *options);
void *sock_dealer_new(void *context, const struct sock_options *options);
void sock_close(void **sock); /* NULL and *sock NULL are fine */

/* Binds. ipc: the directory is made with mode 0700 or checked to be private, and `<path>.lock` is
 * locked first, because a second bind on one path succeeds silently and takes the connections.
 * *ret_lock is to be closed after the socket (-1 for tcp). 0 or -errno (-EADDRINUSE when another
 * process serves there) with a sentence in `message`. */
int sock_bind(void *sock, const char *endpoint, int *ret_lock, struct buffer *message);
/* What it was bound to: the port that the system chose. */
int sock_bound_endpoint(void *sock, struct buffer *ret_endpoint);
/* Connects in the background. 0 or -errno with a sentence in `message`. */
int sock_connect(void *sock, const char *endpoint, struct buffer *message);

/* DEALER. 0, -EAGAIN (full or not connected), -EINTR is retried. A message that was sent is empty
 * afterwards; otherwise the caller still owns it. */
int sock_send(void *dealer, zmq_msg_t *message);
/* 0 or -EAGAIN; -EBADMSG: more than one frame came, all of them were dropped. */
int sock_receive(void *dealer, zmq_msg_t *message);

/* ROUTER. -EHOSTUNREACH: that peer is gone; -EAGAIN: its queue is full. */
int sock_send_to(void *router, const void *route, size_t route_bytes, zmq_msg_t *message);
/* 0 with both messages (initialised by the caller), or -EAGAIN. -EBADMSG: not exactly one frame
 * behind the route; the frames were dropped, `route` is valid. */
int sock_receive_from(void *router, zmq_msg_t *route, zmq_msg_t *message);

/* What can be done now: ZMQ_POLLIN, ZMQ_POLLOUT, both or 0. Consumes the edge of sock_fd. */
int sock_events(void *sock);
/* There is something to receive. */
bool sock_has_input(void *sock);
/* Another linger than that of its options, before it is closed. */
void sock_set_linger(void *sock, int linger_ms);
/* The edge-triggered descriptor of a socket: readable means "look at sock_has_input". */
int sock_fd(void *sock);

#endif
