/*
 * spool_load.c -- takes a spool's directory and reads what an earlier incarnation left.
 *
 * Responsible for: one owner per directory, a rising incarnation, knowing whether what was started
 * earlier is surely known. Not for writing (spool.c).
 */
#include "worker/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/map.h"
#include "base/rand.h"
#include "worker/spool_state.h"

enum { READ_BYTES = 2 * SPOOL_ENTRY_MAX };

/* What is known of each attempt while the log is read: id -> handle. */
struct replay {
    struct spool *spool;
    struct strmap handles;
};

static struct bytes key_of(const struct spool_log_entry *entry, uint32_t index)
{
    return bytes_slice(entry->ids, (size_t)index * SPOOL_ID_BYTES, SPOOL_ID_BYTES);
}

static int replay_started(struct replay *replay, const struct spool_log_entry *entry,
                          uint32_t index)
{
    if (strmap_get(&replay->handles, key_of(entry, index)) != 0)
        return 0;
    struct agent_id id = spool_log_id(entry->ids, index);
    uint64_t handle = spool_entry_add(replay->spool, &id);
    if (handle == 0)
        return -EFBIG;
    return strmap_put(&replay->handles, key_of(entry, index), (uint32_t)handle, NULL);
}

static void replay_forget(struct replay *replay, const struct spool_log_entry *entry,
                          uint32_t index)
{
    uint32_t handle = strmap_remove(&replay->handles, key_of(entry, index));
    if (handle != 0)
        spool_entry_remove(replay->spool, spool_entry_at(replay->spool, handle));
}

static int replay_entry(struct replay *replay, const struct spool_log_entry *entry)
{
    int r = 0;
    for (uint32_t i = 0; i < entry->n_ids && r == 0; i++) {
        if (entry->type == SPOOL_FORGET)
            replay_forget(replay, entry, i);
        else
            r = replay_started(replay, entry, i);
    }
    if (r < 0 || entry->type != SPOOL_RECORD)
        return r;
    struct spool_entry *kept =
        spool_entry_at(replay->spool, strmap_get(&replay->handles, key_of(entry, 0)));
    if (!kept->has_record)
        spool_entry_set_record(replay->spool, kept, &entry->record);
    return 0;
}

/* Parses what is in the buffer: bytes used, or -errno; sets *ret_bad at what is no entry. */
static ssize_t replay_bytes(struct replay *replay, struct bytes bytes, bool *ret_bad)
{
    size_t used = 0;
    for (;;) {
        struct spool_log_entry entry;
        int size = spool_log_parse(bytes_slice(bytes, used, bytes.size - used), &entry);
        if (size <= 0) {
            *ret_bad = size < 0;
            return (ssize_t)used;
        }
        int r = replay_entry(replay, &entry);
        if (r < 0)
            return r;
        used += (size_t)size;
    }
}

/* Reads the log up to the first thing that is no entry: *ret_end is where it begins. */
static int replay_log(struct replay *replay, uint64_t *ret_end)
{
    struct spool *spool = replay->spool;
    uint8_t *buffer = malloc(READ_BYTES);
    size_t filled = 0;
    uint64_t at = SPOOL_HEAD_BYTES; /* of buffer[0] in the file */
    bool is_bad = false;
    int r = buffer ? 0 : -ENOMEM;
    while (r == 0 && !is_bad) {
        ssize_t n =
            pread(spool->log_fd, buffer + filled, READ_BYTES - filled, (off_t)(at + filled));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            r = n < 0 ? -errno : 0;
            break;
        }
        filled += (size_t)n;
        ssize_t used = replay_bytes(replay, bytes_of(buffer, filled), &is_bad);
        if (used < 0) {
            r = (int)used;
            break;
        }
        filled -= (size_t)used;
        at += (uint64_t)used;
        memmove(buffer, buffer + used, filled);
    }
    free(buffer);
    *ret_end = at;
    return r;
}

static int load_log(struct spool *spool, struct buffer *message)
{
    char head[SPOOL_HEAD_BYTES];
    struct stat status;
    spool->log_fd = open(spool->log_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (spool->log_fd < 0 || fstat(spool->log_fd, &status) < 0) {
        int r = -errno;
        buffer_printf(message, "cannot open %s: %s", spool->log_path, strerror(-r));
        return r;
    }
    ssize_t n = pread(spool->log_fd, head, sizeof head, 0);
    if (n < 0 || memcmp(head, SPOOL_HEAD, (size_t)n) != 0) {
        buffer_printf(message,
                      "%s is not a log that this version of muster-worker wrote; it was left as it "
                      "is. Use another directory (--spool DIR), or remove this one to begin as a "
                      "new worker: records that no broker has are lost then",
                      spool->log_path);
        return n < 0 ? -errno : -EBADMSG;
    }
    /* New, or its making was interrupted. */
    if (n < SPOOL_HEAD_BYTES) {
        struct iovec part = {.iov_base = (void *)(uintptr_t)SPOOL_HEAD,
                             .iov_len = SPOOL_HEAD_BYTES};
        int r = spool_file_write(spool->log_fd, &part, 1, 0);
        if (r == 0)
            r = fs_sync_parent(spool->log_path);
        if (r < 0)
            buffer_printf(message, "cannot write %s: %s", spool->log_path, strerror(-r));
        spool->file_bytes = SPOOL_HEAD_BYTES;
        return r;
    }
    struct replay replay = {.spool = spool};
    strmap_init(&replay.handles, SPOOL_ENTRIES_MAX, (size_t)SPOOL_ENTRIES_MAX * SPOOL_ID_BYTES, 1);
    int r = replay_log(&replay, &spool->file_bytes);
    strmap_done(&replay.handles);
    if (r == 0 && (uint64_t)status.st_size > spool->file_bytes)
        spool->damaged_bytes = (uint64_t)status.st_size - spool->file_bytes;
    if (r < 0)
        buffer_printf(message, "cannot read %s: %s", spool->log_path, strerror(-r));
    return r;
}

static int load_identity(struct spool *spool, struct buffer *message)
{
    struct spool_identity *identity = &spool->identity;
    spool_boot_read(spool->boot);
    int r = spool_identity_read(spool->identity_path, identity);
    if (r == -ENOENT) {
        rand_os(identity->uuid, sizeof identity->uuid);
        memcpy(identity->boot, spool->boot, sizeof identity->boot);
    } else if (r < 0) {
        buffer_printf(message,
                      "%s cannot be read (%s): use another directory (--spool DIR), or remove this "
                      "one to begin as a new worker",
                      spool->identity_path, r == -EBADMSG ? "it is damaged" : strerror(-r));
        return r;
    }
    if (spool->damaged_bytes > 0)
        memcpy(identity->boot, "unsure", sizeof "unsure");
    spool->unsure = identity->boot[0] == '\0' || strcmp(identity->boot, spool->boot) != 0;
    identity->incarnation++;
    r = spool_identity_write(spool->identity_path, identity);
    if (r < 0)
        buffer_printf(message, "cannot write %s: %s", spool->identity_path, strerror(-r));
    return r;
}

/* Cuts off what cannot be read, after saving a copy; the identity says by now that what stood there
 * is not known. */
static int cut_tail(struct spool *spool, struct buffer *message)
{
    if (spool->damaged_bytes == 0)
        return 0;
    (void)spool_file_save_tail(spool->log_fd, spool->file_bytes, spool->damaged_path);
    if (ftruncate(spool->log_fd, (off_t)spool->file_bytes) == 0)
        return 0;
    int r = -errno;
    buffer_printf(message, "cannot shorten %s: %s", spool->log_path, strerror(-r));
    return r;
}

static int lock_dir(struct spool *spool, const char *dir, struct buffer *message)
{
    struct buffer path = BUFFER_EMPTY;
    int r = fs_mkdir_private(dir);
    if (r == -EPERM) {
        buffer_printf(message, "other users can enter %s: make it private (chmod 700 %s)", dir,
                      dir);
        return r;
    }
    if (r < 0) {
        buffer_printf(message, "cannot make the spool directory %s: %s", dir, strerror(-r));
        return r;
    }
    fs_join(&path, dir, "lock");
    r = fs_lock(buffer_str(&path));
    spool->lock_fd = r < 0 ? -1 : r;
    if (r == -EWOULDBLOCK)
        buffer_printf(message,
                      "another worker uses the spool %s (its pid is in %s): end it, or give this "
                      "one a directory of its own with --spool DIR",
                      dir, buffer_str(&path));
    else if (r < 0)
        buffer_printf(message, "cannot lock %s: %s", buffer_str(&path), strerror(-r));
    buffer_done(&path);
    return r < 0 ? r : 0;
}

static char *path_in(const char *dir, const char *name)
{
    struct buffer path = BUFFER_EMPTY;
    fs_join(&path, dir, name);
    char *text = buffer_take(&path);
    MUST(text != NULL);
    return text;
}

int spool_open(struct spool **ret_spool, const char *dir, struct buffer *message)
{
    struct spool *spool = calloc(1, sizeof *spool);
    MUST(spool != NULL);
    spool->lock_fd = spool->log_fd = -1;
    list_init(&spool->entries);
    spool->log_path = path_in(dir, "log");
    spool->new_path = path_in(dir, "log.new");
    spool->identity_path = path_in(dir, "identity");
    spool->damaged_path = path_in(dir, "damaged");
    int r = slab_init(&spool->slab, sizeof(struct spool_entry), SPOOL_ENTRIES_MAX);
    if (r < 0)
        buffer_append_str(message, "there is not enough address space for the spool");
    if (r == 0)
        r = lock_dir(spool, dir, message);
    if (r == 0)
        r = load_log(spool, message);
    if (r == 0)
        r = load_identity(spool, message);
    if (r == 0)
        r = cut_tail(spool, message);
    if (r < 0) {
        spool_close(spool);
        return r;
    }
    *ret_spool = spool;
    return 0;
}

void spool_close(struct spool *spool)
{
    if (!spool)
        return;
    list_each_safe (link, after, &spool->entries) {
        free(list_entry(link, struct spool_entry, link)->large);
    }
    if (spool->slab.items)
        slab_done(&spool->slab);
    buffer_done(&spool->started);
    buffer_done(&spool->forgotten);
    buffer_done(&spool->records);
    buffer_done(&spool->ids_before);
    buffer_done(&spool->ids_after);
    fs_close(spool->log_fd);
    fs_close(spool->lock_fd);
    free(spool->log_path);
    free(spool->new_path);
    free(spool->identity_path);
    free(spool->damaged_path);
    free(spool);
}
