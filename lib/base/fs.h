/* Files and directories for the shells: whole reads and writes, atomic replacement, locks.
 *
 * Every function returns a negative errno on failure; descriptors are close-on-exec. */
#ifndef BASE_FS_H
#define BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/bytes.h"

/* Closes a descriptor that is not negative; errno is kept. Returns -1, to write fd = fs_close(fd).
 */
int fs_close(int fd);

/* All bytes, whatever EINTR and short counts do. fs_read_all: number read, less at end of file. */
int fs_write_all(int fd, const void *data, size_t size);
ssize_t fs_read_all(int fd, void *data, size_t size);

/* The whole file, appended; -EFBIG when it is longer than size_max. */
int fs_read_file(const char *path, size_t size_max, struct buffer *buffer);

/* The file has the old or the new content after any crash, and the new one on return: temporary
 * file in the same directory, fsync, rename, fsync of the directory. */
int fs_write_file_atomic(const char *path, const void *data, size_t size, mode_t mode);

/* Creates the directory and its missing parents; an existing one is fine. */
int fs_mkdir_p(const char *path, mode_t mode);

/* As fs_mkdir_p with mode 0700, then checks that it is a real directory, ours, and closed to all
 * others: -EPERM otherwise (-ENOTDIR when it is something else). */
int fs_mkdir_private(const char *path);

/* Creates the file if needed and takes an exclusive lock that ends with the last copy of the
 * descriptor (also when the process dies; a forked child that keeps a copy keeps the lock): the
 * descriptor, or -EWOULDBLOCK when somebody has it. The holder's pid is written into it for people
 * to read. */
int fs_lock(const char *path);

/* Makes names created in or removed from the directory durable. fs_sync_parent: of the file. */
int fs_sync_dir(const char *path);
int fs_sync_parent(const char *path);

/* Bytes that this user may still write on the file system of `path`. */
int fs_free_bytes(const char *path, uint64_t *ret_bytes);

/* Removes the file or the tree; never follows a symbolic link. Missing is success; a tree deeper
 * than 512 levels is -ELOOP. */
int fs_remove_tree(const char *path);

bool fs_exists(const char *path);

/* Appends "dir/name" with exactly one slash between. */
int fs_join(struct buffer *buffer, const char *dir, const char *name);

#endif
