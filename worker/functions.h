/*
 * functions.h -- the functions that a worker offers, and how each is run.
 */
#ifndef MUSTER_WORKER_FUNCTIONS_H
#define MUSTER_WORKER_FUNCTIONS_H

#include "base/arena.h"
#include "base/state.h"
#include "proto/body.h"

enum function_how {
    FUNCTION_INLINE, /* in the agent, at once: must neither wait nor take long */
    FUNCTION_TIMER,  /* a deadline in the agent; holds a slot, no process */
    FUNCTION_RUNNER  /* by the spawner */
};

/* What became of an inline call. Spans point into the command's body, the arena, or live for ever.
 */
struct function_outcome {
    enum state state;
    enum reason reason;
    struct wire_record_body body;
};

typedef void function_inline_fn(const struct wire_command_body *command, struct arena *arena,
                                struct function_outcome *ret_outcome);
/* How long the timer runs: 0, or -EINVAL with the failure in *ret_outcome. */
typedef int function_timer_fn(const struct wire_command_body *command, struct arena *arena,
                              int64_t *ret_ns, struct function_outcome *ret_outcome);

struct function {
    struct bytes name;
    enum function_how how;
    function_inline_fn *call; /* INLINE */
    function_timer_fn *timer; /* TIMER */
};

struct functions;

/* The built-in ones and those that runners offer (ends with NULL; kept, not copied). */
struct functions *functions_new(const char *const *runner_functions);
void functions_free(struct functions *functions);
/* NULL: not offered. */
const struct function *functions_find(const struct functions *functions, struct bytes name);
const struct bytes *functions_names(const struct functions *functions, uint32_t *ret_count);

/* A failure of the caller's making: FAILED, `reason`, a type and a sentence. */
void function_fail(struct function_outcome *outcome, enum reason reason, const char *type,
                   struct bytes message);
/* The outcome of a function that is not offered here. */
void functions_refuse(const struct functions *functions, struct bytes name, const char *host,
                      struct arena *arena, struct function_outcome *ret_outcome);

#endif
