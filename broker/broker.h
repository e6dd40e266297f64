/*
 * broker.h -- the shell: owns the sockets, the store and the core, and runs the turns.
 */
#ifndef MUSTER_BROKER_BROKER_H
#define MUSTER_BROKER_BROKER_H

#include "broker/config.h"

enum { BROKER_EXIT_STORE = 74, BROKER_EXIT_FAILED = 125 };

/* Serves until it is told to end. The program's exit status; what is wrong goes to stderr. */
int broker_run(const struct config *config);

#endif
