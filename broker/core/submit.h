/* One SUBMIT on its way: shared by submit.c (the check), repeat.c and accept.c alone. */
#ifndef MUSTER_BROKER_CORE_SUBMIT_H
#define MUSTER_BROKER_CORE_SUBMIT_H

#include "broker/core/machine.h"

enum { EACH_MAX = 10000 };

struct submit {
    struct core *core;
    const struct event *event;
    uint32_t client, pool;
    struct refused refused; /* refusal OK: none yet */
    struct say say;
    uint64_t commands; /* that the plans come to */
};

/* Notes a refusal whose text is in `say`; false. */
bool submit_refuse(struct submit *s, enum refusal refusal, uint32_t index);

/* Is this known host expected to run an `each` of the pool (0: of any)? */
bool submit_is_expected(const struct core *core, uint32_t worker, uint32_t pool,
                        const struct selector *selector, uint32_t function);

/* True when it is dealt with: answered as before, or refused because it is something else. */
bool submit_repeat(struct submit *s);
void submit_answer(const struct submit *s, uint64_t first, uint32_t count, uint64_t batch,
                   bool is_duplicate);
/* Remembers a caller's own request id. */
void submit_note_id(const struct submit *s, uint64_t first, uint32_t count, uint64_t batch);

/* After the check: cannot fail. */
void submit_accept(const struct submit *s);

#endif
