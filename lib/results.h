/* Reading the result log, page by page. */
#ifndef MUSTER_LIB_RESULTS_H
#define MUSTER_LIB_RESULTS_H

#include <muster.h>

#include <stdbool.h>

#include "base/time.h"
#include "request.h"

/* One page of records with pos > from_pos, or from the durable cursor of that name. */
struct page_query {
    int64_t from_pos;
    const char *cursor; /* NULL: from_pos counts */
    uint32_t max;       /* 0: the broker's choice */
    bool with_command;
    muster_time deadline; /* to wait for the first record */
};
/* 0 and the request with its reply (request_free), or MUSTER_E… with the pool's error.
 * ret_undecodable: the page is there, but cannot be read. */
int results_page(struct muster_pool *pool, const struct page_query *query,
                 struct request **ret_request, bool *ret_undecodable);

/* The position of the newest record. */
int results_head(struct muster_pool *pool, int64_t *ret_head);

#endif
