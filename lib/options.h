/* What muster_pool_open is told, with every default. */
#ifndef MUSTER_LIB_OPTIONS_H
#define MUSTER_LIB_OPTIONS_H

#include <muster.h>

#include <stdbool.h>

enum { OPTIONS_PROCESSES_MAX = 4096 };

struct muster_options {
    char *pool; /* NULL: private */
    char *url;
    char *program_dir;
    char *store_dir;
    char *workdir;
    unsigned processes; /* 0: one per processor */
    int connect_timeout_ms;
    int request_timeout_ms;
};

void options_init(struct muster_options *options);
void options_done(struct muster_options *options);
/* False when memory is short; `to` is then done. */
bool options_copy(struct muster_options *to, const struct muster_options *from);

#endif
