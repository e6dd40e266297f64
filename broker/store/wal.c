/*
 * wal.c -- is the write-ahead log what was written: reads it before SQLite does.
 *
 * SQLite takes the log as far as its running checksum holds and drops the rest without a word. That
 * is right for what a crash leaves behind, and wrong for damage in what had been synced. This file
 * tells them apart: every commit is synced before the next begins, so at most one commit can stand
 * behind the first bad frame. It also sees a file that was cut: its header then says more pages
 * than there are, without having come from this log by a checkpoint that a crash ended.
 * Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "broker/store/check.h"
#include "broker/store/sqlite.h"

enum {
    LOG_HEADER = 32,
    FRAME_HEADER = 24,
    FRAME = FRAME_HEADER + STORE_PAGE_BYTES,
    FRAMES_AT_ONCE = 64,
};
#define LOG_MAGIC 0x377f0682u

struct log {
    int fd;
    uint64_t frames_max; /* that fit in the file */
    bool big_endian;     /* words of the checksum */
    uint8_t salts[8];
    uint32_t sum[2];
    uint64_t header_pages; /* what the file's header says; 0 = nothing */
    uint64_t behind;       /* commits behind the first bad frame */
    bool broken;           /* a bad frame was met */
    bool explains;         /* the file's header stands in this log */
};

static uint32_t big32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t little32(const uint8_t *at)
{
    return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static void add_sum(const struct log *log, const uint8_t *data, size_t size, uint32_t sum[2])
{
    for (size_t i = 0; i < size; i += 8) {
        uint32_t a = log->big_endian ? big32(data + i) : little32(data + i);
        uint32_t b = log->big_endian ? big32(data + i + 4) : little32(data + i + 4);
        sum[0] += a + sum[1];
        sum[1] += b + sum[0];
    }
}

static bool has_sum(const uint8_t *at, const uint32_t sum[2])
{
    return big32(at) == sum[0] && big32(at + 4) == sum[1];
}

static int damaged(const char *path, const char *what, struct store_error *ret_error)
{
    return store_fail(ret_error, -EBADMSG,
                      "The store is damaged: %s %s. Restore it from a copy; nothing was changed.",
                      path, what);
}

/* 1 when the log has frames to look at, 0 when it is as good as empty. */
static int read_header(struct log *log, const char *path, struct store_error *ret_error)
{
    static const uint8_t zeros[LOG_HEADER];
    uint8_t header[LOG_HEADER];
    uint8_t first[FRAME_HEADER];
    ssize_t n = fs_read_all(log->fd, header, sizeof header);
    if (n < 0)
        return store_fail(ret_error, -EIO, "The log %s cannot be read: %s.", path,
                          strerror((int)-n));
    if (n < LOG_HEADER)
        return 0; /* never synced: no frame can follow */
    log->big_endian = (big32(header) & 1) != 0;
    add_sum(log, header, LOG_HEADER - 8, log->sum);
    memcpy(log->salts, header + 16, sizeof log->salts);
    if ((big32(header) & ~1u) == LOG_MAGIC && big32(header + 8) == STORE_PAGE_BYTES &&
        has_sum(header + LOG_HEADER - 8, log->sum))
        return log->frames_max > 0;
    /* The header is synced before the first frame is written. */
    n = pread(log->fd, first, sizeof first, LOG_HEADER);
    if (memcmp(header, zeros, sizeof header) == 0 &&
        (n < FRAME_HEADER || memcmp(first, zeros, sizeof first) == 0))
        return 0;
    return damaged(path, "does not begin as a log does", ret_error);
}

static void look_at(struct log *log, const uint8_t *frame)
{
    bool ours = memcmp(frame + 8, log->salts, sizeof log->salts) == 0;
    uint32_t commit = big32(frame + 4);
    if (!log->broken) {
        uint32_t sum[2] = {log->sum[0], log->sum[1]};
        add_sum(log, frame, 8, sum);
        add_sum(log, frame + FRAME_HEADER, STORE_PAGE_BYTES, sum);
        if (ours && has_sum(frame + 16, sum)) {
            memcpy(log->sum, sum, sizeof sum);
            if (big32(frame) == 1 && big32(frame + FRAME_HEADER + 28) == log->header_pages)
                log->explains = true;
            return;
        }
        log->broken = true;
    }
    log->behind += ours && commit > 0;
}

static int read_frames(struct log *log, const char *path, struct store_error *ret_error)
{
    uint8_t *frames = malloc((size_t)FRAME * FRAMES_AT_ONCE);
    int r = frames ? 0 : -ENOMEM;
    for (uint64_t done = 0; r == 0 && done < log->frames_max;) {
        uint64_t left = log->frames_max - done;
        size_t n = left < FRAMES_AT_ONCE ? (size_t)left : FRAMES_AT_ONCE;
        ssize_t got = fs_read_all(log->fd, frames, n * FRAME);
        if (got < 0)
            r = (int)got;
        if (got < FRAME)
            break;
        for (size_t i = 0; i < (size_t)got / FRAME; i++)
            look_at(log, frames + i * FRAME);
        done += n;
    }
    free(frames);
    return r == 0 ? 0
                  : store_fail(ret_error, r, "The log %s cannot be read: %s.", path, strerror(-r));
}

static int judge(const struct log *log, const char *path, uint64_t file_pages,
                 struct store_error *ret_error)
{
    if (log->behind > 1)
        return damaged(path, "has been changed in the middle", ret_error);
    if (log->header_pages > file_pages && !log->explains)
        return damaged(path, "belongs to a file that is shorter than it was", ret_error);
    return 0;
}

int check_log(const char *path, uint64_t file_pages, uint64_t header_pages,
              struct store_error *ret_error)
{
    struct log log = {.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY),
                      .header_pages = header_pages};
    struct stat st;
    if (log.fd < 0 && errno == ENOENT)
        return judge(&log, path, file_pages, ret_error);
    if (log.fd < 0 || fstat(log.fd, &st) < 0) {
        int code = -errno;
        fs_close(log.fd);
        return store_fail(ret_error, code, "The log %s cannot be opened: %s.", path,
                          strerror(-code));
    }
    if (st.st_size > LOG_HEADER)
        log.frames_max = (uint64_t)(st.st_size - LOG_HEADER) / FRAME;
    int r = read_header(&log, path, ret_error);
    if (r == 1)
        r = read_frames(&log, path, ret_error);
    fs_close(log.fd);
    if (r == 0)
        r = judge(&log, path, file_pages, ret_error);
    return r;
}
