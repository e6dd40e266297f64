/* The environment of child processes: built from a known base, never the worker's own as it is.
 *
 * Base: PATH HOME USER LOGNAME SHELL LANG LANGUAGE LC_* TZ TMPDIR of the worker (PATH, HOME, USER,
 * LOGNAME and SHELL are made up from the password file where they are missing). Then
 * MUSTER_POOL, MUSTER_TRACK_ID, MUSTER_ATTEMPT, MUSTER_HOST, MUSTER_SLOT, MUSTER_COOKIE. Then the
 * command's own, which replace those of the same name, except the cookie. */
#ifndef MUSTER_WORKER_RUN_ENVIRON_H
#define MUSTER_WORKER_RUN_ENVIRON_H

#include "base/arena.h"
#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENVIRON_COOKIE "MUSTER_COOKIE" /* marks every process of an attempt */

struct environ_base {
    char **entries; /* owned, NAME=VALUE */
    size_t count;
};

/* Reads this process's environment once. 0 or -ENOMEM. */
int environ_base_init(struct environ_base *base);
void environ_base_done(struct environ_base *base);

struct environ_attempt {
    struct bytes pool_name;
    const char *host;
    const char *cookie;
    uint64_t track_id;
    uint32_t attempt, slot;
};

/* A NULL-terminated array in the arena. 0, -ENOMEM, or -EINVAL with the index of the entry of
 * `env` that is not NAME=VALUE (or has a NUL inside). */
int environ_build(const struct environ_base *base, const struct environ_attempt *attempt,
                  const struct bytes *env, size_t n_env, struct arena *arena, char ***ret_envp,
                  size_t *ret_bad);

/* The value in a NULL-terminated array, or NULL. */
const char *environ_get(char *const envp[], const char *name);

#endif
