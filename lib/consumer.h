/* What the pool needs to know of its consumers. */
#ifndef MUSTER_LIB_CONSUMER_H
#define MUSTER_LIB_CONSUMER_H

struct muster_pool;

/* The pool closes: they stay the program's, without a pool. */
void consumers_orphan(struct muster_pool *pool);

#endif
