/*
 * The embedded default: a private broker and a private worker, children of this process, in a
 * directory that nobody else can enter. They watch this process and end when it is gone; this
 * process starts them again when they die.
 */
#ifndef MUSTER_LIB_EMBEDDED_H
#define MUSTER_LIB_EMBEDDED_H

#include <stddef.h>

#include "base/time.h"
#include "error.h"
#include "options.h"

enum { EMBEDDED_CHILDREN = 2 };

struct embedded;
struct muster_pool;

/* Starts both and waits until the broker serves and has welcomed the worker. ret_uri: where, to be
 * freed. 0 or MUSTER_E… */
int embedded_start(struct embedded **ret_embedded, const struct muster_options *options,
                   unsigned slots, char **ret_uri, struct error *error);

/* Descriptors that become readable when a child ends; returns how many. NULL: none. */
size_t embedded_fds(const struct embedded *embedded, int fds[EMBEDDED_CHILDREN]);
/* When a child is to be started again. */
muster_time embedded_deadline(const struct embedded *embedded);
/* Reaps and restarts. MUSTER_ECLOSED with `error` when a child cannot be kept alive. */
int embedded_supervise(struct embedded *embedded, muster_time now, struct error *error);
/* The broker was asked to end: it is not started again. */
void embedded_expect_end(struct embedded *embedded);

/* Asks the broker through the pool, then ends both in any case, then deletes the directory; what
 * did not end cleanly is kept and named in `error`. */
int embedded_close(struct embedded **embedded, struct muster_pool *pool, struct error *error);
/* The same without asking: of a pool that did not open. `error` may be NULL. */
int embedded_stop(struct embedded **embedded, struct error *error);
/* In a forked child: the processes and the directory are the parent's. */
void embedded_forget(struct embedded **embedded);

#endif
