/* What the verbs that list things have in common. */
#ifndef CLI_LISTING_H
#define CLI_LISTING_H

#include <muster.h>

#include "base/buffer.h"
#include "base/time.h"
#include "cli/table.h"

/* The command as a person would write it: "tar -c /etc", "put a.zst vol/a.zst overwrite=true". */
void listing_append_what(struct buffer *text, const char *function, const char *const *argv,
                         const muster_value *args, const muster_value *kwargs);

/* Seconds as the library gives them, as a duration; nothing below zero. */
muster_time listing_ns(double seconds);

/* The bits of all states, unfinished and final. */
unsigned listing_every_state(void);

/* The table on stdout, as wide as the terminal there, with colour where that is wanted. Returns the
 * exit status. */
int listing_print(const struct table *table);

#endif
