/*
 * bench_store.c -- what the store costs by itself: one line per figure.
 *
 *     bench_store [DIRECTORY [COMMANDS [TURN LAG]]]
 *
 * DIRECTORY is made, filled and removed again; it should lie on the disk that counts. COMMANDS
 * (default 300000) are submitted and handed out in one turn, and recorded `lag` turns later, with
 * bodies of 100 bytes; then as many are queued, half of them by a process that is killed, and the
 * store is opened and loaded again. CPU is the whole process: user and system time, checkpoints
 * included. TURN (at most 10000) and LAG leave only that one case.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/fs.h"
#include "base/time.h"
#include "broker/store/store.h"

enum { BODY = 100, TURN_MAX = 10000, COMMITS_MAX = 100000 };

static uint8_t body[BODY];
static struct store *store;
static struct store_error error;
static struct store_options options = {.reserve_bytes = 8 << 20, .cache_bytes = 16 << 20};
static struct fact facts[3 * TURN_MAX + 1];
static struct pool_totals totals = {.next_track_id = 1, .next_batch = 1};

static double cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static long resident_bytes(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

static struct bytes body_of(void *ctx, uint64_t handle)
{
    (void)ctx;
    (void)handle;
    return bytes_of(body, sizeof body);
}

static void die(void)
{
    fprintf(stderr, "bench_store: %s\n", error.text);
    exit(1);
}

static void open_store(void)
{
    if (store_open(&store, &options, &error) != 0)
        die();
}

static struct fact *put_submitted(struct fact *at, uint64_t id, int64_t wall_ns)
{
    at->type = FACT_SUBMITTED;
    at->as.submitted = (struct fact_submitted){.pool = 1,
                                               .track_id = id,
                                               .client = UINT64_C(0x9e3779b97f4a7c15),
                                               .sequence = id / 100,
                                               .function = 7,
                                               .selector = 3,
                                               .max_attempts = 1,
                                               .submitted_wall_ns = wall_ns,
                                               .lost_after_ns = 3600 * MUSTER_S,
                                               .body = 1,
                                               .body_bytes = BODY};
    return at + 1;
}

static struct fact *put_leased(struct fact *at, uint64_t id, int64_t wall_ns)
{
    at->type = FACT_LEASED;
    at->as.leased = (struct fact_leased){.pool = 1,
                                         .track_id = id,
                                         .attempt = 1,
                                         .epoch = 1,
                                         .starts = 1,
                                         .worker = 12,
                                         .leased_wall_ns = wall_ns};
    return at + 1;
}

static struct fact *put_recorded(struct fact *at, uint64_t id, int64_t wall_ns)
{
    totals.head++;
    totals.crc = crc32c(totals.crc, &id, sizeof id);
    at->type = FACT_RECORDED;
    at->as.recorded = (struct fact_recorded){.pool = 1,
                                             .track_id = id,
                                             .pos = totals.head,
                                             .client = UINT64_C(0x9e3779b97f4a7c15),
                                             .attempt = 1,
                                             .state = STATE_OK,
                                             .function = 7,
                                             .host = 11,
                                             .worker = 12,
                                             .slot = 2,
                                             .pid = 31877,
                                             .submitted_wall_ns = wall_ns - MUSTER_MS,
                                             .start_wall_ns = wall_ns - 20000,
                                             .recorded_wall_ns = wall_ns,
                                             .run_ns = 12345,
                                             .waited_ns = 980000,
                                             .skew_ns = -1200,
                                             .crc = totals.crc,
                                             .body = 2,
                                             .body_bytes = BODY};
    return at + 1;
}

static struct fact *put_pool(struct fact *at)
{
    totals.final_to = totals.head;
    totals.ended[STATE_OK] = totals.head;
    for (uint32_t i = 30; i < 50; i++)
        totals.run.buckets[i] = totals.waited.buckets[i] = (uint32_t)totals.head / 20;
    at->type = FACT_POOL;
    at->as.pool = (struct fact_pool){.pool = 1, .name = bytes_of_str("default"), .totals = &totals};
    return at + 1;
}

/* How long the commits of a case took, and the longest stay in store_maintain. */
static int64_t commit_ns[COMMITS_MAX];
static size_t n_commits;
static int64_t maintain_ns;

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double commit_us(unsigned percent)
{
    qsort(commit_ns, n_commits, sizeof *commit_ns, compare);
    return n_commits > 0 ? (double)commit_ns[(n_commits - 1) * percent / 100] / 1e3 : 0;
}

static void commit(struct fact *end)
{
    muster_time start = time_boot_ns();
    if (store_commit(store, facts, (size_t)(end - facts), body_of, NULL, &error) != 0)
        die();
    muster_time committed = time_boot_ns();
    if (n_commits < COMMITS_MAX)
        commit_ns[n_commits++] = committed - start;
    while (store_maintain(store)) {
    }
    if (time_boot_ns() - committed > maintain_ns)
        maintain_ns = time_boot_ns() - committed;
}

/* `n` commands on their whole way: `turn` per commit, recorded `lag` commits later. */
static void run_through(uint64_t n, uint64_t turn, uint64_t lag)
{
    uint64_t submitted = totals.next_track_id - 1;
    uint64_t done = submitted;
    uint64_t last = submitted + n;
    double cpu = cpu_us();
    muster_time start = time_boot_ns();
    uint64_t commits = 0;
    n_commits = 0;
    maintain_ns = 0;
    while (done < last) {
        int64_t wall_ns = time_wall_ns();
        struct fact *at = facts;
        uint64_t first = submitted + 1;
        for (uint64_t i = 0; i < turn && submitted < last; i++)
            at = put_submitted(at, ++submitted, wall_ns);
        for (uint64_t id = first; id <= submitted; id++)
            at = put_leased(at, id, wall_ns);
        if (commits >= lag || submitted == last)
            for (uint64_t i = 0; i < turn && done < submitted; i++)
                at = put_recorded(at, ++done, wall_ns);
        totals.next_track_id = submitted + 1;
        commit(put_pool(at));
        commits++;
    }
    double seconds = (double)(time_boot_ns() - start) / 1e9;
    printf("store whole_way turn=%" PRIu64 " lag=%" PRIu64 " commands_per_s=%.0f cpu_us=%.2f "
           "commit_p50_us=%.0f commit_p99_us=%.0f longest_maintain_ms=%.1f\n",
           turn, lag, (double)n / seconds, (cpu_us() - cpu) / (double)n, commit_us(50),
           commit_us(99), (double)maintain_ns / 1e6);
}

static void queue(uint64_t n, uint64_t turn)
{
    double cpu = cpu_us();
    muster_time start = time_boot_ns();
    long before = resident_bytes();
    for (uint64_t done = 0; done < n;) {
        int64_t wall_ns = time_wall_ns();
        struct fact *at = facts;
        for (uint64_t i = 0; i < turn && done < n; i++, done++)
            at = put_submitted(at, totals.next_track_id++, wall_ns);
        commit(put_pool(at));
    }
    double seconds = (double)(time_boot_ns() - start) / 1e9;
    printf("store submit_only turn=%" PRIu64 " commands_per_s=%.0f cpu_us=%.2f "
           "resident_bytes_per_command=%.1f\n",
           turn, (double)n / seconds, (cpu_us() - cpu) / (double)n,
           (double)(resident_bytes() - before) / (double)n);
}

/* Queues as many again in a process that ends without a word, as kill -9 ends it. */
static void queue_and_die(uint64_t n, uint64_t turn)
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        open_store();
        queue(n, turn);
        fflush(stdout);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        exit(1);
    totals.next_track_id += n;
}

static void count_fact(void *ctx, const struct fact *fact)
{
    *(uint64_t *)ctx += fact->type == FACT_SUBMITTED;
}

static int count_record(void *ctx, const struct store_record *record)
{
    *(uint64_t *)ctx += record->body.size;
    return 0;
}

static void restart(const char *how)
{
    uint64_t n = 0;
    muster_time start = time_boot_ns();
    open_store();
    muster_time opened = time_boot_ns();
    if (store_load(store, count_fact, &n, &error) != 0)
        die();
    muster_time loaded = time_boot_ns();
    printf("store restart after=%s live=%" PRIu64 " records=%" PRIu64
           " open_ms=%.1f load_ms=%.1f\n",
           how, n, totals.head, (double)(opened - start) / 1e6, (double)(loaded - opened) / 1e6);
}

static void read_all(bool with_command)
{
    uint64_t bytes = 0;
    uint64_t pos = 0;
    double cpu = cpu_us();
    while (pos < totals.head) {
        int n = store_records(store, 1, pos, 1000, with_command, count_record, &bytes);
        if (n <= 0)
            exit(1);
        pos += (uint64_t)n;
    }
    printf("store read with_command=%d records=%" PRIu64 " cpu_us=%.2f\n", with_command,
           totals.head, (cpu_us() - cpu) / (double)totals.head);
}

static void retain(void)
{
    uint64_t n = totals.head / 2;
    double cpu = cpu_us();
    muster_time start = time_boot_ns();
    int64_t longest = 0;
    facts[0] = (struct fact){.type = FACT_OLDEST, .as.oldest = {.pool = 1, .oldest = n}};
    if (store_commit(store, facts, 1, body_of, NULL, &error) != 0)
        die();
    for (bool more = true; more;) {
        muster_time from = time_boot_ns();
        more = store_maintain(store);
        if (time_boot_ns() - from > longest)
            longest = time_boot_ns() - from;
    }
    printf("store retention records=%" PRIu64 " cpu_us=%.2f records_per_s=%.0f longest_ms=%.1f\n",
           n, (cpu_us() - cpu) / (double)n, (double)n / ((double)(time_boot_ns() - start) / 1e9),
           (double)longest / 1e6);
}

int main(int argc, char **argv)
{
    static const uint64_t turns[] = {1, 10, 100, 1000, 10000};
    uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 300000;
    options.dir = argc > 1 ? argv[1] : "bench-store.tmp";
    if (fs_exists(options.dir)) {
        fprintf(stderr, "bench_store: %s is there already\n", options.dir);
        return 2;
    }
    memset(body, 'x', sizeof body);
    open_store();
    if (argc > 4) {
        uint64_t turn = strtoull(argv[3], NULL, 10);
        run_through(n, turn > TURN_MAX ? TURN_MAX : turn, strtoull(argv[4], NULL, 10));
        store_close(store);
        fs_remove_tree(options.dir);
        return 0;
    }
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++)
        run_through(turns[i] * 3000 < n ? turns[i] * 3000 : n, turns[i], 1);
    run_through(n, 100, 100);
    store_close(store);
    queue_and_die(n / 2, 100);
    restart("kill");
    queue(n - n / 2, 100);
    store_close(store);
    restart("close");
    read_all(false);
    read_all(true);
    retain();
    store_close(store);
    fs_remove_tree(options.dir);
    return 0;
}
