/*
 * config.h -- the worker's configuration: a file and flags into one struct; every value is bounded.
 */
#ifndef MUSTER_WORKER_CONFIG_H
#define MUSTER_WORKER_CONFIG_H

#include "base/buffer.h"
#include "base/log.h"
#include "base/opt.h"
#include "base/time.h"

struct config {
    const char *broker; /* endpoint */
    const char *host;
    uint64_t slots;
    struct opt_list labels, pools;
    const char *spool_dir;
    const char *workdir; /* absolute */
    muster_time drain, grace;
    bool transient;
    bool insecure_network;
    const char *file;
    uint64_t die_with; /* pid, 0 = nobody's */
    int ready_fd;      /* -1: none */
    enum log_level log_level;
    bool wants_help, wants_version;

    bool is_default_broker; /* `broker` is this user's own, not given */
    char **owned;           /* texts of the file and defaults */
    size_t n_owned;
};

/* 0, or -errno with one or two sentences in `message`. config_done in any case. */
int config_load(struct config *config, int argc, const char **argv, struct buffer *message);
void config_done(struct config *config);
void config_print_help(void);

#endif
