/* What a turn produced: facts for the store, sends for egress. See core.h. */
#ifndef MUSTER_BROKER_CORE_OUTBOX_H
#define MUSTER_BROKER_CORE_OUTBOX_H

#include "broker/core/core.h"

/* Zeroed, at the end; the pointer is valid until the next one. */
struct fact *outbox_add_fact(struct outbox *box, enum fact_type type);
void outbox_add_send(struct outbox *box, const struct send *send);
/* Valid until the reset. */
void *outbox_alloc(struct outbox *box, size_t size);

#endif
