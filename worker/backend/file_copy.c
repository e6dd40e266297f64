/*
 * file_copy.c -- the bytes of a file: read once, hashed and written.
 *
 * Blocks of zeros become holes, so that a sparse image does not grow when it is stored. Where the
 * kernel can copy (or share) the blocks itself it does; what it copied is compared afterwards by
 * whoever validates. Nothing here decides whether a file may be replaced.
 */
#include "file_copy.h"

#include "hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_BYTES = 1024 * 1024 };

bool file_content_equal(const struct file_content *a, const struct file_content *b)
{
    return a->bytes == b->bytes && memcmp(a->sha256, b->sha256, sizeof a->sha256) == 0;
}

/* Reads on until the block is full or the file ends: bytes, or -errno. */
static ssize_t read_block(int fd, uint8_t *block, off_t at)
{
    size_t size = 0;
    while (size < BLOCK_BYTES) {
        ssize_t got = pread(fd, block + size, BLOCK_BYTES - size, at + (off_t)size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        size += (size_t)got;
    }
    return (ssize_t)size;
}

static int write_block(int fd, const uint8_t *block, size_t size, off_t at)
{
    while (size > 0) {
        ssize_t put = pwrite(fd, block, size, at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -errno;
        block += put;
        at += put;
        size -= (size_t)put;
    }
    return 0;
}

static bool is_zero(const uint8_t *block, size_t size)
{
    return size > 0 && block[0] == 0 && memcmp(block, block + 1, size - 1) == 0;
}

struct copying {
    int from, to; /* to -1: hash only */
    bool can_copy_in_kernel;
    uint8_t *block;
};

/* Brings one block over; what the kernel does not copy is written. */
static int put_block(struct copying *copying, size_t size, off_t at)
{
    if (is_zero(copying->block, size))
        return 0;
    size_t done = 0;
    while (copying->can_copy_in_kernel && done < size) {
        off_t in = at + (off_t)done, out = in;
        ssize_t n = copy_file_range(copying->from, &in, copying->to, &out, size - done, 0);
        if (n <= 0)
            copying->can_copy_in_kernel = false;
        else
            done += (size_t)n;
    }
    return write_block(copying->to, copying->block + done, size - done, at + (off_t)done);
}

static int process(struct copying *copying, const char *from_name, const char *to_name,
                   struct hash *hash, uint64_t *ret_bytes, struct backend_error *ret_error)
{
    off_t at = 0;
    for (;;) {
        ssize_t size = read_block(copying->from, copying->block, at);
        if (size < 0)
            return backend_fail_errno(ret_error, (int)-size, "cannot read %s", from_name);
        if (size == 0)
            break;
        hash_add(hash, copying->block, (size_t)size);
        if (copying->to >= 0) {
            int error = put_block(copying, (size_t)size, at);
            if (error < 0)
                return backend_fail_errno(ret_error, -error, "cannot write %s", to_name);
        }
        at += size;
    }
    if (copying->to >= 0 && ftruncate(copying->to, at) < 0)
        return backend_fail_errno(ret_error, errno, "cannot write %s", to_name);
    *ret_bytes = (uint64_t)at;
    return 0;
}

static int run(struct copying *copying, const char *from_name, const char *to_name,
               struct file_content *ret_content, struct backend_error *ret_error)
{
    struct hash hash = {.state = NULL};
    copying->block = malloc(BLOCK_BYTES);
    if (!copying->block || hash_begin(&hash) < 0) {
        free(copying->block);
        return backend_fail_errno(ret_error, ENOMEM, "cannot read %s", from_name);
    }
    posix_fadvise(copying->from, 0, 0, POSIX_FADV_SEQUENTIAL);
    int result = process(copying, from_name, to_name, &hash, &ret_content->bytes, ret_error);
    if (result == 0)
        hash_end(&hash, ret_content->sha256);
    hash_drop(&hash);
    free(copying->block);
    return result;
}

int file_hash(int fd, const char *name, struct file_content *ret_content,
              struct backend_error *ret_error)
{
    struct copying copying = {.from = fd, .to = -1};
    return run(&copying, name, "", ret_content, ret_error);
}

int file_copy(int from, const char *from_name, int to, const char *to_name,
              struct file_content *ret_content, struct backend_error *ret_error)
{
    struct copying copying = {.from = from, .to = to, .can_copy_in_kernel = true};
    return run(&copying, from_name, to_name, ret_content, ret_error);
}

int file_check_unchanged(int fd, const char *name, const struct stat *before, uint64_t bytes,
                         struct backend_error *ret_error)
{
    struct stat after;
    if (fstat(fd, &after) < 0)
        return backend_fail_errno(ret_error, errno, "cannot look at %s", name);
    if (bytes != (uint64_t)before->st_size || after.st_size != before->st_size)
        return backend_fail(ret_error, BACKEND_GENERIC, BACKEND_NO_RETRY,
                            "%s changed while it was read: it had %lld bytes, %llu were read, now "
                            "it has %lld; nothing was stored",
                            name, (long long)before->st_size, (unsigned long long)bytes,
                            (long long)after.st_size);
    if (after.st_mtim.tv_sec != before->st_mtim.tv_sec ||
        after.st_mtim.tv_nsec != before->st_mtim.tv_nsec)
        return backend_fail(ret_error, BACKEND_GENERIC, BACKEND_NO_RETRY,
                            "%s was written to while it was read; nothing was stored", name);
    return 0;
}
