/* The DEALER of a pool, and the one libzmq context of the process. */
#ifndef MUSTER_LIB_LINK_H
#define MUSTER_LIB_LINK_H

#include <stdbool.h>

#include "error.h"

/* A socket that connects to `uri` in the background. 0 or MUSTER_E… */
int link_open(const char *uri, void **ret_sock, struct error *error);
/* Everything of one link_open. */
void link_close(void **sock);
/* Looks at the socket (which consumes its edge): there is something to receive, or `to_send` and
 * room for it. NULL: false. */
bool link_is_ready(void *sock, bool to_send);
/* In a forked child: forgets the parent's context, touches nothing. */
void link_forget(void **sock);

#endif
