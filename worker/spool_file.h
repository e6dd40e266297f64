/* spool_file.h -- the files of a spool: identity, and a log that is appended to. Private to
 * spool.c. */
#ifndef MUSTER_WORKER_SPOOL_FILE_H
#define MUSTER_WORKER_SPOOL_FILE_H

#include <sys/uio.h>

#include "base/buffer.h"

enum { SPOOL_BOOT_MAX = 64 };

struct spool_identity {
    uint8_t uuid[16];
    uint32_t incarnation;
    char boot[SPOOL_BOOT_MAX]; /* of the last welcome; "unsure": none counts */
};

/* The running kernel's; empty when it cannot be read. */
void spool_boot_read(char boot[SPOOL_BOOT_MAX]);

/* -ENOENT when there is none, -EBADMSG when it is damaged. */
int spool_identity_read(const char *path, struct spool_identity *ret_identity);
/* Durable on return. */
int spool_identity_write(const char *path, const struct spool_identity *identity);

/* All of the parts at `offset`: 0 or -errno; what was written by then is of no account. */
int spool_file_write(int fd, const struct iovec *parts, int n_parts, uint64_t offset);

/* A copy of the bytes of `fd` from `from` on, at most 64 MiB of them. */
int spool_file_save_tail(int fd, uint64_t from, const char *path);

#endif
