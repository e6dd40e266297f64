/* The descriptor for event loops: level-triggered, unlike that of a ZeroMQ socket. */
#ifndef MUSTER_LIB_EVENTS_H
#define MUSTER_LIB_EVENTS_H

struct events;
struct muster_pool;

/* After every call that touched the socket or the machine: the descriptor is readable exactly when
 * muster_process has something to do. Nothing where there is no descriptor yet. */
void events_arm(struct muster_pool *pool);
/* Around the re-creation of the socket. */
void events_socket_closed(struct muster_pool *pool);
void events_socket_opened(struct muster_pool *pool);
void events_free(struct events *events);

#endif
