/*
 * A spool whose log holds anything: it is opened, cut at the first thing that is no entry, and
 * written to; what it said before the cut is said again by the next opening.
 *
 * The input is a list of entries: kind, size (2 bytes, little-endian), that many bytes. Bit 7 of
 * the kind: the bytes go into the log as they are; else they are the payload of an entry of that
 * type, framed with the right checksum, so that the payload itself is tested.
 */
#include "tests/fuzz/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/fs.h"
#include "worker/spool.h"
#include "worker/spool_log.h"

enum { RAW = 0x80 };

static char directory[64];
static char dir[80], log_path[96];

static void remove_directory(void)
{
    fs_remove_tree(directory);
}

static void make_directory(void)
{
    struct stat status;
    bool in_memory = stat("/dev/shm", &status) == 0 && access("/dev/shm", W_OK) == 0;
    snprintf(directory, sizeof directory, "%s/muster-fuzz-XXXXXX", in_memory ? "/dev/shm" : "/tmp");
    MUST(mkdtemp(directory) != NULL);
    atexit(remove_directory);
    snprintf(dir, sizeof dir, "%s/spool", directory);
    snprintf(log_path, sizeof log_path, "%s/log", dir);
}

static void put32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static void frame(struct buffer *log, uint8_t type, struct bytes payload)
{
    uint8_t head[SPOOL_PREFIX_BYTES + 1];
    put32(head, (uint32_t)payload.size + 1);
    head[SPOOL_PREFIX_BYTES] = type;
    uint32_t crc = crc32c(0, head, 4);
    crc = crc32c(crc, head + SPOOL_PREFIX_BYTES, 1);
    put32(head + 4, crc32c(crc, payload.data, payload.size));
    buffer_append(log, head, sizeof head);
    buffer_append_bytes(log, payload);
}

static void lay_out(const uint8_t *data, size_t size)
{
    struct buffer log = BUFFER_EMPTY;
    buffer_append(&log, SPOOL_HEAD, SPOOL_HEAD_BYTES);
    while (size >= 3) {
        size_t length = (size_t)data[1] | (size_t)data[2] << 8;
        length = length < size - 3 ? length : size - 3;
        if (data[0] & RAW)
            buffer_append(&log, data + 3, length);
        else
            frame(&log, data[0], bytes_of(data + 3, length));
        data += 3 + length;
        size -= 3 + length;
    }
    FILE *file = fopen(log_path, "w");
    MUST(file != NULL && !log.failed);
    MUST(fwrite(log.data, 1, log.size, file) == log.size && fclose(file) == 0);
    buffer_done(&log);
}

static struct spool *open_spool(void)
{
    struct buffer message = BUFFER_EMPTY;
    struct spool *spool = NULL;
    MUST(spool_open(&spool, dir, &message) == 0);
    buffer_done(&message);
    return spool;
}

/* Of everything that is kept. */
static uint32_t digest(const struct spool *spool)
{
    uint32_t crc = 0;
    for (uint64_t h = spool_next(spool, 0); h != 0; h = spool_next(spool, h)) {
        const struct wire_record_head *record = spool_record(spool, h);
        struct agent_id id = spool_id(spool, h);
        uint64_t numbers[] = {id.pool, id.attempt, id.epoch, id.track_id, record != NULL};
        crc = crc32c(crc, numbers, sizeof numbers);
        if (!record)
            continue;
        MUST(state_is_final((enum state)record->state) && reason_is_known(record->reason));
        MUST(record->run_ns >= 0 && record->start_wall_ns >= 0 && record->throttled_ns >= 0);
        MUST(record->track_id == id.track_id && record->pool == id.pool);
        crc = crc32c(crc, record->body.data, record->body.size);
    }
    return crc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (directory[0] == '\0') {
        make_directory();
        spool_close(open_spool());
    }
    lay_out(data, size);
    struct spool *spool = open_spool();
    uint32_t before = digest(spool), count = spool_count(spool);
    MUST(spool_damaged_bytes(spool) == 0 || spool_is_unsure(spool));
    spool_close(spool);

    spool = open_spool();
    MUST(digest(spool) == before && spool_count(spool) == count);
    MUST(spool_damaged_bytes(spool) == 0);
    uint64_t first = spool_next(spool, 0);
    spool_forget(spool, first);
    struct agent_id id = {.pool = 1, .attempt = 1, .epoch = 1, .track_id = 1};
    spool_start(spool, &id);
    MUST(spool_flush(spool) == 0);
    spool_close(spool);
    return 0;
}
