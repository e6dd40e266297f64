/* The process that starts and ends all others. */
#ifndef MUSTER_WORKER_RUN_SPAWNER_H
#define MUSTER_WORKER_RUN_SPAWNER_H

#include "run.h"

/* The whole life of the spawner process, from right after the fork. Its first answer on `agent_fd`
 * is READY. Returns the exit status. */
int spawner_main(int agent_fd, const struct run_options *options);

#endif
