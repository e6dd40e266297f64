/* egress_rows.h -- the answers that are made of many rows, or of the store. Private to egress. */
#ifndef MUSTER_BROKER_EGRESS_ROWS_H
#define MUSTER_BROKER_EGRESS_ROWS_H

#include "broker/egress.h"

/* 0 or -errno of the store. */
int egress_records(struct egress *egress, const struct send *send);
int egress_records_of(struct egress *egress, const struct send *send);
int egress_list(struct egress *egress, const struct send *send);
int egress_stats(struct egress *egress, const struct send *send);
void egress_hosts(struct egress *egress, const struct send *send);
void egress_scans_done(struct egress *egress);

#endif
