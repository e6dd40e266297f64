/* faulty_vfs.c -- see faulty_vfs.h. */
#include "faulty_vfs.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/fs.h"
#include "base/rand.h"

enum { FILES_MAX = 8, SECTOR = 512, FILE_MAX = 256 * 1024 * 1024 };

/* A write, or with `size` 0 a truncation to `offset`, that no sync has followed yet. */
struct pending {
    struct pending *next;
    uint64_t offset;
    size_t size;
    uint8_t data[];
};

/* A file by name: it outlives its descriptors. */
struct disk {
    char *path;
    struct buffer durable;
    struct pending *first, **last;
};

struct faulty_file {
    sqlite3_file base;
    struct disk *disk; /* NULL: a temporary file */
    sqlite3_file *real;
};

static struct disk disks[FILES_MAX];
static sqlite3_vfs *real_vfs;
static sqlite3_vfs vfs;
static void (*power_handler)(void);
static enum fault fault;
static uint64_t strike_at; /* 0: never */
static uint64_t operations;
static int has_struck;

void faulty_arm(enum fault what, uint64_t operation)
{
    fault = what;
    strike_at = operation;
    operations = 0;
    has_struck = 0;
}

uint64_t faulty_operations(void)
{
    return operations;
}

int faulty_has_struck(void)
{
    return has_struck;
}

/* Counts an operation; whether it is to fail. */
static int strikes(int is_sync, int is_write)
{
    operations++;
    if (strike_at == 0 || operations < strike_at || has_struck)
        return 0;
    if ((fault == FAULT_SYNC && !is_sync) ||
        (fault != FAULT_SYNC && fault != FAULT_POWER && !is_write))
        return 0;
    has_struck = 1;
    if (fault == FAULT_POWER)
        power_handler();
    errno = fault == FAULT_FULL ? ENOSPC : EIO;
    return 1;
}

/* ---- what is on the disk -------------------------------------------------------------------- */

static struct disk *disk_of(const char *path)
{
    for (int i = 0; i < FILES_MAX; i++) {
        struct disk *disk = &disks[i];
        if (disk->path && strcmp(disk->path, path) == 0)
            return disk;
        if (disk->path)
            continue;
        disk->path = strdup(path);
        MUST(disk->path != NULL);
        disk->last = &disk->first;
        MUST(!fs_exists(path) || fs_read_file(path, FILE_MAX, &disk->durable) == 0);
        return disk;
    }
    must_fail("there is room for another file", __FILE__, __LINE__);
}

static void note(struct disk *disk, uint64_t offset, const void *data, size_t size)
{
    struct pending *write = malloc(sizeof *write + size);
    MUST(write != NULL);
    *write = (struct pending){.offset = offset, .size = size};
    if (size > 0)
        memcpy(write->data, data, size);
    *disk->last = write;
    disk->last = &write->next;
}

static void put(struct buffer *to, uint64_t offset, const uint8_t *data, size_t size)
{
    static const uint8_t zeros[4096];
    while (to->size < offset + size) {
        size_t missing = (size_t)(offset + size - to->size);
        MUST(buffer_append(to, zeros, missing < sizeof zeros ? missing : sizeof zeros) == 0);
    }
    memcpy(to->data + offset, data, size);
}

static void apply(struct buffer *to, const struct pending *write)
{
    if (write->size == 0)
        buffer_truncate(to, (size_t)write->offset);
    else
        put(to, write->offset, write->data, write->size);
}

static void sync_disk(struct disk *disk)
{
    while (disk->first) {
        struct pending *write = disk->first;
        apply(&disk->durable, write);
        disk->first = write->next;
        free(write);
    }
    disk->last = &disk->first;
}

/* Each sector of the write, or not: whatever the order was, the disk may have had time for it. */
static void apply_some(struct buffer *to, const struct pending *write, struct rand *rand)
{
    if (write->size == 0) {
        if (rand_chance(rand, 1, 2))
            apply(to, write);
        return;
    }
    for (uint64_t at = write->offset; at < write->offset + write->size;) {
        uint64_t next = (at / SECTOR + 1) * SECTOR;
        if (next > write->offset + write->size)
            next = write->offset + write->size;
        if (rand_chance(rand, 1, 2))
            put(to, at, write->data + (at - write->offset), (size_t)(next - at));
        at = next;
    }
}

void faulty_write_image(const char *directory, uint64_t seed)
{
    struct rand rand;
    rand_seed(&rand, seed);
    MUST(fs_mkdir_private(directory) == 0);
    for (int i = 0; i < FILES_MAX && disks[i].path; i++) {
        struct buffer image = BUFFER_EMPTY;
        char path[256];
        snprintf(path, sizeof path, "%s/%s", directory, strrchr(disks[i].path, '/') + 1);
        MUST(buffer_append_bytes(&image, buffer_bytes(&disks[i].durable)) == 0);
        /* Sometimes nothing more, sometimes all: the ends are the common cases. */
        uint64_t how = rand_below(&rand, 4);
        for (struct pending *write = disks[i].first; how > 0 && write; write = write->next) {
            if (how == 1)
                apply(&image, write);
            else
                apply_some(&image, write, &rand);
        }
        FILE *file = fopen(path, "w");
        MUST(file != NULL);
        MUST(image.size == 0 || fwrite(image.data, 1, image.size, file) == image.size);
        MUST(fclose(file) == 0);
        buffer_done(&image);
    }
}

/* ---- the file ------------------------------------------------------------------------------- */

static sqlite3_file *real(sqlite3_file *file)
{
    return ((struct faulty_file *)file)->real;
}

static struct disk *disk(sqlite3_file *file)
{
    return ((struct faulty_file *)file)->disk;
}

static int file_close(sqlite3_file *file)
{
    return real(file)->pMethods->xClose(real(file));
}

static int file_read(sqlite3_file *file, void *data, int size, sqlite3_int64 offset)
{
    return real(file)->pMethods->xRead(real(file), data, size, offset);
}

static int file_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
    if (strikes(0, 1))
        return fault == FAULT_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    int r = real(file)->pMethods->xWrite(real(file), data, size, offset);
    if (r == SQLITE_OK && disk(file))
        note(disk(file), (uint64_t)offset, data, (size_t)size);
    return r;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    strikes(0, 0);
    sqlite3_int64 before = 0;
    real(file)->pMethods->xFileSize(real(file), &before);
    int r = real(file)->pMethods->xTruncate(real(file), size);
    if (r == SQLITE_OK && disk(file) && size < before)
        note(disk(file), (uint64_t)size, NULL, 0);
    else if (r == SQLITE_OK && disk(file) && size > before)
        note(disk(file), (uint64_t)size - 1, "", 1); /* made longer: its last byte is zero */
    return r;
}

static int file_sync(sqlite3_file *file, int flags)
{
    if (strikes(1, 0))
        return SQLITE_IOERR_FSYNC;
    int r = real(file)->pMethods->xSync(real(file), flags);
    if (r == SQLITE_OK && disk(file))
        sync_disk(disk(file));
    return r;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    return real(file)->pMethods->xFileSize(real(file), ret_size);
}

static int file_lock(sqlite3_file *file, int level)
{
    return real(file)->pMethods->xLock(real(file), level);
}

static int file_unlock(sqlite3_file *file, int level)
{
    return real(file)->pMethods->xUnlock(real(file), level);
}

static int file_check_lock(sqlite3_file *file, int *ret_is)
{
    return real(file)->pMethods->xCheckReservedLock(real(file), ret_is);
}

static int file_control(sqlite3_file *file, int operation, void *arg)
{
    return real(file)->pMethods->xFileControl(real(file), operation, arg);
}

static int file_sector(sqlite3_file *file)
{
    return real(file)->pMethods->xSectorSize(real(file));
}

static int file_device(sqlite3_file *file)
{
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_device,
};

static int vfs_open(sqlite3_vfs *self, sqlite3_filename name, sqlite3_file *file, int flags,
                    int *ret_flags)
{
    struct faulty_file *faulty = (struct faulty_file *)file;
    (void)self;
    *faulty = (struct faulty_file){.real = (sqlite3_file *)(void *)(faulty + 1)};
    struct disk *known = name ? disk_of(name) : NULL;
    int r = real_vfs->xOpen(real_vfs, name, faulty->real, flags, ret_flags);
    if (r != SQLITE_OK)
        return r;
    faulty->disk = known;
    faulty->base.pMethods = &methods;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *self, const char *path, int sync_directory)
{
    (void)self;
    struct disk *gone = disk_of(path);
    sync_disk(gone);
    buffer_truncate(&gone->durable, 0);
    return real_vfs->xDelete(real_vfs, path, sync_directory);
}

void faulty_register(void (*on_power)(void))
{
    power_handler = on_power;
    real_vfs = sqlite3_vfs_find(NULL);
    MUST(real_vfs != NULL && real_vfs != &vfs);
    vfs = *real_vfs; /* what is not replaced knows no file of ours */
    vfs.zName = "faulty";
    vfs.pNext = NULL;
    vfs.szOsFile += (int)sizeof(struct faulty_file);
    vfs.xOpen = vfs_open;
    vfs.xDelete = vfs_delete;
    MUST(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
}
