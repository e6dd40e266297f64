/* The texts of the last statistics, which live until the next. */
#ifndef MUSTER_LIB_STATS_H
#define MUSTER_LIB_STATS_H

struct stats_keep;
void stats_keep_free(struct stats_keep *keep);

#endif
