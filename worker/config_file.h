/* config_file.h -- the configuration file as options. Private to config.c. */
#ifndef MUSTER_WORKER_CONFIG_FILE_H
#define MUSTER_WORKER_CONFIG_FILE_H

#include "worker/config.h"

enum { CONFIG_FILE_ARGS_MAX = 256 };

/* Keeps a text from malloc until config_done. */
const char *config_own(struct config *config, char *text);

/* Appends the lines of config->file as options "--name=value". 0 or -EINVAL with a sentence. */
int config_read_file(struct config *config, const struct opt_spec *table, const char **args,
                     int *n_args, struct buffer *message);

#endif
