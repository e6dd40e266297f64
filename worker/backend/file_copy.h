/* Copies and hashes the content of files. */
#ifndef MUSTER_WORKER_BACKEND_FILE_COPY_H
#define MUSTER_WORKER_BACKEND_FILE_COPY_H

#include "backend.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct file_content {
    uint64_t bytes;
    uint8_t sha256[BACKEND_HASH_BYTES];
};

bool file_content_equal(const struct file_content *a, const struct file_content *b);

/* All of them: 0, or -1 with ret_error filled; the names are for its text. */

/* From the beginning to the end of the file, whatever its position is. */
int file_hash(int fd, const char *name, struct file_content *ret_content,
              struct backend_error *ret_error);

/* Into an empty file; holes stay holes. Not synced. */
int file_copy(int from, const char *from_name, int to, const char *to_name,
              struct file_content *ret_content, struct backend_error *ret_error);

/* After the copy: the file is as long and as old as it was, and all of it was read. */
int file_check_unchanged(int fd, const char *name, const struct stat *before, uint64_t bytes,
                         struct backend_error *ret_error);

#endif
