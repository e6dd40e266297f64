/* check.h -- is this file ours and whole: reads only, before SQLite touches anything. */
#ifndef MUSTER_BROKER_STORE_CHECK_H
#define MUSTER_BROKER_STORE_CHECK_H

#include "broker/store/store.h"

/* The file and its log. 0 fine, -ENOENT not there (and no log either: make one), else refused. */
int check_file(const char *path, struct store_error *ret_error);

/* The write-ahead log `path`, of a file of `file_pages` pages whose header says `header_pages`
 * (0: does not say). See wal.c. */
int check_log(const char *path, uint64_t file_pages, uint64_t header_pages,
              struct store_error *ret_error);

#endif
