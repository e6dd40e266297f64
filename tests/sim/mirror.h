/*
 * The real store beside the model: the same facts, the same restarts, and the same state and rows
 * after each of them. Only with muster-sim --store DIR.
 */
#ifndef TESTS_SIM_MIRROR_H
#define TESTS_SIM_MIRROR_H

#include <stddef.h>

#include "broker/core/fact.h"
#include "vault.h"

struct sim;
struct mirror;

/* A store of its own below `dir`, which must be there and may be lost. NULL with a text on stderr.
 */
struct mirror *mirror_new(const char *dir);
void mirror_free(struct mirror *mirror);

/* The broker's process starts: opens, loads, compares with the model (law MIRROR). */
void mirror_start(struct sim *sim, struct mirror *mirror);
/* … and is gone. */
void mirror_stop(struct mirror *mirror);
void mirror_commit(struct sim *sim, struct mirror *mirror, const struct fact *facts, size_t n,
                   vault_body_fn *body, void *ctx);

#endif
