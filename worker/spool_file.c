/*
 * spool_file.c -- the files of a spool, without their meaning: identity as text, positioned writes.
 *
 * Not here: what the log says (spool_log.c) and what is kept (spool.c).
 */
#include "worker/spool_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"

enum { IDENTITY_MAX = 4096, PARTS_MAX = 4, COPY_STEP = 1 << 16 };

static const uint64_t TAIL_MAX = UINT64_C(64) << 20;

void spool_boot_read(char boot[SPOOL_BOOT_MAX])
{
    struct buffer text = BUFFER_EMPTY;
    boot[0] = '\0';
    if (fs_read_file("/proc/sys/kernel/random/boot_id", SPOOL_BOOT_MAX - 1, &text) == 0) {
        size_t size = strcspn(buffer_str(&text), "\n");
        memcpy(boot, buffer_str(&text), size);
        boot[size] = '\0';
    }
    buffer_done(&text);
}

/* The value of the line "name value", moved out of *text; NULL when the next line is another. */
static char *take_line(char **text, const char *name)
{
    size_t name_size = strlen(name);
    char *line = *text;
    char *line_end = strchr(line, '\n');
    if (!line_end || strncmp(line, name, name_size) != 0 || line[name_size] != ' ')
        return NULL;
    *line_end = '\0';
    *text = line_end + 1;
    return line + name_size + 1;
}

static int parse_identity(char *text, struct spool_identity *ret_identity)
{
    struct spool_identity identity = {0};
    struct buffer uuid = BUFFER_EMPTY;
    uint64_t incarnation = 0;
    char *version = take_line(&text, "muster-worker");
    char *hex = version ? take_line(&text, "uuid") : NULL;
    char *number = hex ? take_line(&text, "incarnation") : NULL;
    char *boot = number ? take_line(&text, "boot") : NULL;
    int r = -EBADMSG;
    if (boot && strcmp(version, "1") == 0 && text_decode_hex(&uuid, bytes_of_str(hex)) == 0 &&
        uuid.size == sizeof identity.uuid && strlen(boot) < SPOOL_BOOT_MAX &&
        text_parse_u64(number, 1, UINT32_MAX - 1, &incarnation) == 0) {
        memcpy(identity.uuid, uuid.data, sizeof identity.uuid);
        memcpy(identity.boot, boot, strlen(boot) + 1);
        identity.incarnation = (uint32_t)incarnation;
        *ret_identity = identity;
        r = 0;
    }
    buffer_done(&uuid);
    return r;
}

int spool_identity_read(const char *path, struct spool_identity *ret_identity)
{
    struct buffer text = BUFFER_EMPTY;
    int r = fs_read_file(path, IDENTITY_MAX, &text);
    if (r == 0 && text.size == 0)
        r = -EBADMSG;
    if (r == 0)
        r = parse_identity((char *)text.data, ret_identity);
    buffer_done(&text);
    return r == -EFBIG ? -EBADMSG : r;
}

int spool_identity_write(const char *path, const struct spool_identity *identity)
{
    struct buffer text = BUFFER_EMPTY;
    buffer_append_str(&text, "muster-worker 1\nuuid ");
    text_append_hex(&text, bytes_of(identity->uuid, sizeof identity->uuid));
    buffer_printf(&text, "\nincarnation %u\nboot %s\n", identity->incarnation,
                  identity->boot[0] ? identity->boot : "unsure");
    int r = text.failed ? -ENOMEM : fs_write_file_atomic(path, text.data, text.size, 0600);
    buffer_done(&text);
    return r;
}

int spool_file_write(int fd, const struct iovec *parts, int n_parts, uint64_t offset)
{
    struct iovec left[PARTS_MAX];
    int n = n_parts < PARTS_MAX ? n_parts : PARTS_MAX, first = 0;
    memcpy(left, parts, (size_t)n * sizeof *parts);
    while (first < n) {
        if (left[first].iov_len == 0) {
            first++;
            continue;
        }
        ssize_t written = pwritev(fd, &left[first], n - first, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -EIO;
        offset += (uint64_t)written;
        size_t count = (size_t)written;
        while (first < n && count >= left[first].iov_len)
            count -= left[first++].iov_len;
        if (first < n) {
            left[first].iov_base = (char *)left[first].iov_base + count;
            left[first].iov_len -= count;
        }
    }
    return 0;
}

int spool_file_save_tail(int fd, uint64_t from, const char *path)
{
    static char step[COPY_STEP];
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (to < 0)
        return -errno;
    int r = 0;
    for (uint64_t copied = 0; copied < TAIL_MAX;) {
        ssize_t n = pread(fd, step, sizeof step, (off_t)(from + copied));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            r = n < 0 ? -errno : 0;
            break;
        }
        r = fs_write_all(to, step, (size_t)n);
        if (r < 0)
            break;
        copied += (uint64_t)n;
    }
    fs_close(to);
    return r;
}
