/* Which broker a verb talks to, and the handle for it. */
#ifndef CLI_BROKER_H
#define CLI_BROKER_H

#include <stdbool.h>

#include <muster.h>

enum broker_need {
    BROKER_RUNNING,    /* the verb is about what a broker knows already */
    BROKER_OR_EMBEDDED /* without one, a private broker and worker serve this one call */
};

struct broker {
    muster_pool *pool;
    bool is_embedded; /* its one host is this one, and it ends with the handle */
    char *host;       /* name of the worker on this host, where one is known; else NULL */
};

/* Opens the pool that the options name at: --broker, else $MUSTER_BROKER, else this user's running
 * broker, else as `need` says. 0, or an exit status after it said what is wrong. */
int broker_open(enum broker_need need, struct broker *ret_broker);

/* The same for one known endpoint. */
int broker_open_at(const char *endpoint, struct broker *ret_broker);

/* Closes the handle and forgets the rest; `status` comes back, or that of a failure to close. */
int broker_close(struct broker *broker, int status);

/* The pool's name as asked for: --pool, else $MUSTER_POOL, else "default". */
const char *broker_pool_name(void);

#endif
