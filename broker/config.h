/*
 * config.h -- the broker's configuration: a file and flags into one struct; every limit has a
 * default and a bound.
 */
#ifndef MUSTER_BROKER_CONFIG_H
#define MUSTER_BROKER_CONFIG_H

#include "base/buffer.h"
#include "base/log.h"
#include "base/opt.h"
#include "broker/core/core.h"

struct config {
    const char *store_dir;
    struct opt_list clients, workers; /* endpoints; config_load puts the defaults in */
    const char *file;
    bool insecure_network;
    bool wants_help, wants_version;
    uint64_t queue_max, peers_max, cache_bytes, reserve_bytes;
    uint64_t disk_low_bytes, keep_bytes;
    muster_time lease, renew, lost_after, keep, keep_private;
    uint64_t die_with; /* pid, 0 = nobody's */
    uint64_t ready_fd;
    bool has_ready_fd;
    enum log_level log_level;

    struct core_limits limits; /* made of the above */
    char **owned;              /* texts of the file and defaults */
    size_t n_owned;
};

/* 0, or -EINVAL (usage: wrong option or value), or another negative errno (the file), with one or
 * two sentences in `message`. config_done in any case. */
int config_load(struct config *config, int argc, const char **argv, struct buffer *message);
void config_done(struct config *config);
void config_print_help(void);

#endif
