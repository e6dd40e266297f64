/* worker.h -- the whole worker, as main.c sees it. */
#ifndef MUSTER_WORKER_WORKER_H
#define MUSTER_WORKER_WORKER_H

#include "worker/config.h"

enum {
    WORKER_EXIT_DRAINED = 0,
    WORKER_EXIT_SPOOL = 74,  /* the spool's directory or disk */
    WORKER_EXIT_FAILED = 125 /* usage, refused by the broker, or its spawner died */
};

/* Serves until it is drained or refused; the exit status. Logs to stderr. */
int worker_run(const struct config *config);

#endif
