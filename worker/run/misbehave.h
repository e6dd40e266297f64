/* Functions that misbehave on purpose, offered only where MUSTER_TEST_FUNCTIONS=1 is set. */
#ifndef MUSTER_WORKER_RUN_MISBEHAVE_H
#define MUSTER_WORKER_RUN_MISBEHAVE_H

#include "operation.h"

#include <stdbool.h>

/* True when the command named one of them (and it came back). */
bool misbehave_run(struct operation *operation);

#endif
