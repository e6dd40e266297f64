/*
 * backup_volumes -- cut a stream into volumes and upload them, as a backup program does.
 *
 *     tar -c /etc | backup_volumes --store file:///srv/backup --prefix etc --manifest etc.manifest
 *
 * What it shows:
 *
 *   1. muster_submit_throttled. The stream is faster than the upload, and local volumes must not
 *      pile up: each submit first waits while more volumes are in progress than there are slots
 *      (plus --buffer). How long the stream was held back is recorded with each command.
 *   2. muster_results_since_last_call. A local volume is deleted only after its record says `ok`
 *      and the store holds exactly as many bytes. Nothing is lost or seen twice.
 *   3. The watermark ok_to. The manifest never names a volume before all volumes in front of it are
 *      stored: it is always a gap-free beginning of the backup, replaced atomically.
 *   4. Repetition is not the caller's business. When the broker is restarted, the library asks
 *      again under the same sequence, and no volume is submitted twice; when a worker dies, `put`
 * is run again elsewhere, because it is safe to repeat.
 *   5. muster_shutdown(MUSTER_WAIT) and muster_get_stats at the end.
 *
 * Exit status: 0 when every byte of the stream is stored and the manifest is complete, 1 when a
 * volume failed or the stream broke, 2 for wrong usage or when there is no broker.
 */
#define _XOPEN_SOURCE 700

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <muster.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, NAME_SIZE = 256, SHA256_SIZE = 65, CHUNK = 1 << 16 };

struct volume {
    int64_t track_id;
    uint64_t bytes;
    char name[NAME_SIZE];
    char sha256[SHA256_SIZE];
    enum { IN_PROGRESS, STORED, FAILED } state;
};

struct backup {
    /* options */
    const char *broker, *pool_name, *store, *host, *prefix, *spool, *manifest;
    uint64_t volume_size;
    int buffer;
    unsigned slots;

    muster_pool *pool;
    struct volume *volumes; /* in the order of the stream, so in the order of their track ids */
    size_t n_volumes, capacity;
    size_t n_in_manifest;
    uint64_t bytes;
    double throttled_s, waited_s, run_s;
    long attempts, tries;
    int failed;
};

static const char help[] =
    "usage: backup_volumes --store URL [option]... < STREAM\n"
    "Cuts standard input into volumes and stores them with put.\n"
    "\n"
    "  --store URL         where the volumes go, as the worker sees it (file:///srv/backup)\n"
    "  --prefix NAME       volumes are named NAME.vol000001 ... (default: backup)\n"
    "  --volume-size SIZE  bytes of a volume, with k, M or G (default: 64M)\n"
    "  --spool DIR         where local volumes wait (default: .)\n"
    "  --manifest FILE     name, size and sha256 of each stored volume, one a line, without gaps\n"
    "                      (default: NAME.manifest)\n"
    "  --buffer N          volumes that may wait beyond those in progress (default: 1)\n"
    "  --host SELECTOR     the worker that can read the spool (default: this host, or any one of\n"
    "                      the embedded default)\n"
    "  --broker URI        default: $MUSTER_BROKER, else a private broker and worker\n"
    "  --pool NAME         a pool that others can look at (default: a private one)\n"
    "  --slots N           of the private worker (default: one per processor)\n"
    "  --help\n";

/* ---- the local side ------------------------------------------------------------------------- */

static void local_path(const struct backup *backup, const struct volume *volume, char *path)
{
    snprintf(path, PATH_SIZE, "%s/%s", backup->spool, volume->name);
}

/* Reads one volume of the stream into its local file. 1: there is one, 0: the stream has ended,
 * -1: told on stderr. */
static int write_volume(struct backup *backup, struct volume *volume)
{
    static char chunk[CHUNK];
    char path[PATH_SIZE];
    int fd = -1;
    local_path(backup, volume, path);
    while (volume->bytes < backup->volume_size) {
        uint64_t left = backup->volume_size - volume->bytes;
        ssize_t n = read(STDIN_FILENO, chunk, left < CHUNK ? (size_t)left : CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            perror("backup_volumes: reading the stream");
            break;
        }
        if (n == 0)
            return fd < 0 ? 0 : close(fd) == 0 ? 1 : -1;
        if (fd < 0)
            fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        for (ssize_t done = 0; fd >= 0 && done < n;) {
            ssize_t written = write(fd, chunk + done, (size_t)(n - done));
            if (written < 0 && errno != EINTR) {
                close(fd);
                fd = -1;
            } else if (written > 0) {
                done += written;
            }
        }
        if (fd < 0) {
            fprintf(stderr, "backup_volumes: %s: %s\n", path, strerror(errno));
            return -1;
        }
        volume->bytes += (uint64_t)n;
    }
    if (volume->bytes == backup->volume_size)
        return close(fd) == 0 ? 1 : -1;
    if (fd >= 0)
        close(fd);
    return -1;
}

static int sync_dir_of(const char *file)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s", file);
    int fd = open(dirname(path), O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        close(fd);
    return rc;
}

/* The first `n` volumes, under the final name only when they are on the disk. */
static int write_manifest(const struct backup *backup, size_t n)
{
    char temporary[PATH_SIZE];
    snprintf(temporary, sizeof temporary, "%s.new", backup->manifest);
    FILE *file = fopen(temporary, "w");
    if (!file)
        return -1;
    for (size_t i = 0; i < n; i++)
        fprintf(file, "%s %llu %s\n", backup->volumes[i].name,
                (unsigned long long)backup->volumes[i].bytes, backup->volumes[i].sha256);
    int bad = fflush(file) != 0 || ferror(file) || fsync(fileno(file)) != 0;
    bad |= fclose(file) != 0;
    if (bad || rename(temporary, backup->manifest) != 0)
        return -1;
    return sync_dir_of(backup->manifest);
}

/* ---- the pool ------------------------------------------------------------------------------- */

static int tell(const struct backup *backup, const char *what)
{
    fprintf(stderr, "backup_volumes: %s: %s\n", what, muster_error(backup->pool)->text);
    return -1;
}

static struct volume *find_volume(struct backup *backup, int64_t track_id)
{
    for (size_t i = 0; i < backup->n_volumes; i++)
        if (backup->volumes[i].track_id == track_id)
            return &backup->volumes[i];
    return NULL;
}

/* One final record: the only place that deletes a local volume. */
static int take_record(const muster_record *record, void *arg)
{
    struct backup *backup = arg;
    struct volume *volume = find_volume(backup, record->track_id);
    if (!volume)
        return 0;
    backup->throttled_s += record->throttled_s;
    backup->waited_s += record->waited_s;
    backup->run_s += record->run_s;
    backup->attempts += record->attempt;
    backup->tries += record->tries;
    int64_t bytes = muster_value_int(muster_value_get(record->result, "bytes"));
    const char *sha256 = muster_value_data(muster_value_get(record->result, "sha256"), NULL);
    if (record->state == MUSTER_STATE_OK && bytes == (int64_t)volume->bytes && sha256) {
        char path[PATH_SIZE];
        local_path(backup, volume, path);
        snprintf(volume->sha256, sizeof volume->sha256, "%s", sha256);
        volume->state = STORED;
        if (unlink(path) != 0)
            fprintf(stderr, "backup_volumes: %s: %s\n", path, strerror(errno));
        return 0;
    }
    volume->state = FAILED;
    backup->failed = 1;
    fprintf(stderr, "backup_volumes: %s%s: %s: %s\n", record->log_prefix, volume->name,
            muster_state_name(record->state),
            record->error_message              ? record->error_message
            : record->state != MUSTER_STATE_OK ? record->reason
                                               : "the store holds another number of bytes");
    return 0;
}

/* Takes the records that came in, and lets the manifest follow the watermark: the broker's ok_to
 * where the pool is our own, our volumes alone where others submit to it too. */
static int collect(struct backup *backup)
{
    muster_stats stats = {.ok_to = INT64_MAX};
    if (muster_results_since_last_call(backup->pool, MUSTER_SINCE_LAST, take_record, backup) < 0)
        return tell(backup, "reading results");
    if (!backup->pool_name && muster_get_stats(backup->pool, MUSTER_ALL, &stats) < 0)
        return tell(backup, "statistics");
    size_t n = backup->n_in_manifest;
    while (n < backup->n_volumes && backup->volumes[n].state == STORED &&
           backup->volumes[n].track_id <= stats.ok_to)
        n++;
    if (n > backup->n_in_manifest && write_manifest(backup, n) != 0) {
        fprintf(stderr, "backup_volumes: %s: %s\n", backup->manifest, strerror(errno));
        return -1;
    }
    backup->n_in_manifest = n;
    return 0;
}

/* Submits the volume; waits and repeats while the broker says "not now". */
static int submit_volume(struct backup *backup, struct volume *volume)
{
    char path[PATH_SIZE];
    char *absolute;
    local_path(backup, volume, path);
    absolute = realpath(path, NULL);
    if (!absolute) {
        fprintf(stderr, "backup_volumes: %s: %s\n", path, strerror(errno));
        return -1;
    }
    muster_command *put = muster_command_call("put");
    muster_command_arg_string(put, absolute);
    muster_command_arg_string(put, volume->name);
    muster_command_set_label(put, volume->name);
    if (backup->host)
        muster_command_set_selector(put, backup->host);
    for (;;) {
        volume->track_id = muster_submit_throttled(backup->pool, put, backup->buffer, -1);
        if (volume->track_id > 0 || !muster_error(backup->pool)->retryable)
            break;
        struct timespec pause = {1, 0};
        nanosleep(&pause, NULL);
    }
    muster_command_free(put);
    free(absolute);
    return volume->track_id > 0 ? 0 : tell(backup, volume->name);
}

static struct volume *add_volume(struct backup *backup)
{
    if (backup->n_volumes == backup->capacity) {
        size_t capacity = backup->capacity ? 2 * backup->capacity : 64;
        struct volume *grown = realloc(backup->volumes, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        backup->volumes = grown;
        backup->capacity = capacity;
    }
    struct volume *volume = &backup->volumes[backup->n_volumes];
    memset(volume, 0, sizeof *volume);
    snprintf(volume->name, sizeof volume->name, "%s.vol%06zu", backup->prefix,
             backup->n_volumes + 1);
    return volume;
}

/* The whole stream. 0, or -1 when it broke or a volume could not be submitted. */
static int upload(struct backup *backup)
{
    while (!backup->failed) {
        struct volume *volume = add_volume(backup);
        if (!volume)
            return -1;
        int rc = write_volume(backup, volume);
        if (rc <= 0)
            return rc;
        if (submit_volume(backup, volume) != 0)
            return -1;
        backup->bytes += volume->bytes;
        backup->n_volumes++;
        if (collect(backup) != 0)
            return -1;
    }
    return 0;
}

static void print_summary(const struct backup *backup)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < backup->n_in_manifest; i++)
        bytes += backup->volumes[i].bytes;
    printf("%zu of %zu volumes, %llu bytes stored at %s; held back %.2f s, queued %.2f s, run "
           "%.2f s, %ld attempts, %ld tries\n",
           backup->n_in_manifest, backup->n_volumes, (unsigned long long)bytes, backup->store,
           backup->throttled_s, backup->waited_s, backup->run_s, backup->attempts, backup->tries);
}

static int run(struct backup *backup)
{
    muster_options *options = muster_options_new();
    muster_options_set_pool(options, backup->pool_name);
    muster_options_set_url(options, backup->store);
    muster_options_set_processes(options, backup->slots);
    int rc = muster_pool_open(&backup->pool, backup->broker, options);
    muster_options_free(options);
    if (rc != 0) {
        tell(backup, "no pool");
        return 2;
    }
    int broken = upload(backup) != 0;
    /* Also after a failure: what is on its way is waited for, so that the manifest tells the truth.
     */
    if (muster_shutdown(backup->pool, MUSTER_WAIT) != 0)
        broken = tell(backup, "shutdown") != 0;
    broken |= collect(backup) != 0;
    if (backup->n_volumes == 0 && !broken) {
        fprintf(stderr, "backup_volumes: the stream was empty: nothing is stored\n");
        broken = 1;
    }
    print_summary(backup);
    if (muster_pool_close(&backup->pool) != 0)
        broken = tell(backup, "closing") != 0;
    return broken || backup->failed || backup->n_in_manifest != backup->n_volumes;
}

/* ---- options -------------------------------------------------------------------------------- */

static int parse_size(const char *text, uint64_t *ret_size)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    unsigned shift = *end == 'k' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
    if (shift)
        end++;
    if (errno || end == text || *end || *text == '-' || number == 0 ||
        number > (UINT64_MAX >> 1) >> shift)
        return -1;
    *ret_size = (uint64_t)number << shift;
    return 0;
}

static int parse_number(const char *text, uint64_t most, uint64_t *ret_number)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text == '-' || number > most)
        return -1;
    *ret_number = number;
    return 0;
}

static int take_option(struct backup *backup, const char *name, const char *value)
{
    uint64_t number = 0;
    int bad = 0;
    if (strcmp(name, "--store") == 0)
        backup->store = value;
    else if (strcmp(name, "--prefix") == 0)
        bad = (backup->prefix = value, strchr(value, '/') || strlen(value) > 200 || !*value);
    else if (strcmp(name, "--volume-size") == 0)
        bad = parse_size(value, &backup->volume_size) != 0;
    else if (strcmp(name, "--spool") == 0)
        backup->spool = value;
    else if (strcmp(name, "--manifest") == 0)
        backup->manifest = value;
    else if (strcmp(name, "--buffer") == 0)
        bad = (parse_number(value, 1000, &number) != 0) || (backup->buffer = (int)number, 0);
    else if (strcmp(name, "--slots") == 0)
        bad = (parse_number(value, 1000, &number) != 0) || (backup->slots = (unsigned)number, 0);
    else if (strcmp(name, "--host") == 0)
        backup->host = value;
    else if (strcmp(name, "--broker") == 0)
        backup->broker = value;
    else if (strcmp(name, "--pool") == 0)
        backup->pool_name = value;
    else
        return -1;
    if (bad)
        fprintf(stderr, "backup_volumes: %s does not take \"%s\"\n", name, value);
    return bad ? -1 : 0;
}

int main(int argc, char **argv)
{
    static char manifest[PATH_SIZE], host[NAME_SIZE];
    struct backup backup = {.prefix = "backup", .spool = ".", .volume_size = 64 << 20, .buffer = 1};
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(help, stdout);
            return 0;
        }
        if (i + 1 == argc || take_option(&backup, argv[i], argv[i + 1]) != 0) {
            fprintf(stderr, "backup_volumes: wrong usage at %s\n%s", argv[i], help);
            return 2;
        }
    }
    if (!backup.store) {
        fprintf(stderr, "backup_volumes: --store is missing\n%s", help);
        return 2;
    }
    if (!backup.manifest) {
        snprintf(manifest, sizeof manifest, "%s.manifest", backup.prefix);
        backup.manifest = manifest;
    }
    /* With a broker that serves many hosts, only the worker of this one can read the spool. */
    const char *broker = backup.broker ? backup.broker : getenv("MUSTER_BROKER");
    if (!backup.host && broker && *broker && strncmp(broker, "local", 5) != 0 &&
        gethostname(host, sizeof host - 1) == 0)
        backup.host = host;
    int status = run(&backup);
    free(backup.volumes);
    return status;
}
