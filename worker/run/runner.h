/* The process that runs functions for one slot. */
#ifndef MUSTER_WORKER_RUN_RUNNER_H
#define MUSTER_WORKER_RUN_RUNNER_H

#include "run.h"

/* The whole life of a runner process, from right after the fork. Ends when the spawner goes. */
_Noreturn void runner_main(int fd, const struct run_options *options);

#endif
