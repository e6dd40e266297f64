/* Which commands a person means: "12", "12-20", "last", "10-last", "B17". */
#ifndef CLI_IDS_H
#define CLI_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum { IDS_COUNT_MAX = 1000000 }; /* commands that one command line may name */

#define IDS_LAST INT64_MAX /* stands for "last" until ids_resolve */

struct id_range {
    int64_t first, last; /* both included */
    bool is_range;       /* written with a dash */
};

/* All zero is the empty set. Freed with ids_done. */
struct id_set {
    struct id_range *ranges;
    size_t range_count;
    int64_t *batches;
    size_t batch_count;
};

/* Adds one word. 0, -ENOMEM, or -EINVAL with what is wrong in `message`. */
int ids_parse(struct id_set *set, const char *word, struct buffer *message);

/* True when "last" stands in it, which only the broker can tell. */
bool ids_need_last(const struct id_set *set);

/* Puts `last`, the highest track_id of the pool (0: there is none), in the place of "last". */
int ids_resolve(struct id_set *set, int64_t last, struct buffer *message);

/* One command by its own id: then the exit status is that of one command; a range is several,
 * however few there are in it. */
bool ids_is_single(const struct id_set *set);

/* The ids of all ranges, ascending, each once. *ret_ids is freed with free(). */
int ids_expand(const struct id_set *set, int64_t **ret_ids, size_t *ret_count,
               struct buffer *message);

void ids_done(struct id_set *set);

#endif
