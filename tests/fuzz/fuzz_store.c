/*
 * A store whose files were changed: it is refused, or opened, loaded, read, trimmed and written to,
 * and never crashes. What is loaded from it is in itself consistent.
 *
 * The input is a list of changes to a good image, so that most of it stays good. Byte 0: bit 0 =
 * with a log, bit 1 = cut the file, bit 2 = cut the log (bytes 1-3: where), bit 3 = the rest is the
 * whole file. Then four bytes a change: offset (23 bits), of the log (1 bit), and what to XOR
 * there.
 */
#include "tests/fuzz/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/fs.h"
#include "broker/store/store.h"

enum { COMMANDS = 60, RECORDS = 40, FILE_MAX = 4 * 1024 * 1024 };

struct image {
    struct buffer db, log;
};

static char directory[64];
static char db_path[96], log_path[96];
static struct store_options options = {.dir = directory, .cache_bytes = 1 << 20};
static struct image closed, crashed;
static const uint8_t body[300] = "a body";

static struct bytes body_of(void *ctx, uint64_t handle)
{
    (void)ctx;
    return bytes_of(body, handle == 1 ? 100 : sizeof body);
}

static void remove_directory(void)
{
    fs_remove_tree(directory);
    buffer_done(&closed.db);
    buffer_done(&closed.log);
    buffer_done(&crashed.db);
    buffer_done(&crashed.log);
}

static void put(const char *path, struct bytes content)
{
    FILE *file = fopen(path, "w");
    MUST(file != NULL);
    MUST(content.size == 0 || fwrite(content.data, 1, content.size, file) == content.size);
    MUST(fclose(file) == 0);
}

static size_t add_small_facts(struct fact *facts, const struct pool_totals *totals)
{
    size_t n = 0;
    for (uint32_t id = 1; id <= 5; id++)
        facts[n++] = (struct fact){.type = FACT_NAME, .as.name = {id, bytes_of_str("name")}};
    facts[n++] = (struct fact){.type = FACT_POOL,
                               .as.pool = {.pool = 1, .name = bytes_of_str("p"), .totals = totals}};
    facts[n++] = (struct fact){.type = FACT_CLIENT, .as.client = {.client = 5, .pool = 1}};
    facts[n++] = (struct fact){.type = FACT_REQUEST, .as.request = {5, 1, 1, 1, 0}};
    facts[n++] = (struct fact){.type = FACT_REQUEST_ID,
                               .as.request_id = {.pool = 1, .id = bytes_of_str("id"), .first = 1}};
    facts[n++] = (struct fact){.type = FACT_HOST, .as.host = {.host = 2, .worker = 3}};
    facts[n++] = (struct fact){.type = FACT_BATCH,
                               .as.batch = {.pool = 1, .batch = 1, .first = 1, .count = 9}};
    facts[n++] = (struct fact){.type = FACT_CURSOR, .as.cursor = {1, bytes_of_str("c"), 3}};
    return n;
}

static void fill(struct store *store)
{
    static struct fact facts[2 * COMMANDS + RECORDS + 32];
    static struct pool_totals totals = {
        .next_track_id = COMMANDS + 1, .head = RECORDS, .next_batch = 2};
    size_t n = add_small_facts(facts, &totals);
    for (uint64_t id = 1; id <= COMMANDS; id++)
        facts[n++] = (struct fact){.type = FACT_SUBMITTED,
                                   .as.submitted = {.pool = 1,
                                                    .track_id = id,
                                                    .function = 1,
                                                    .body_of = id % 5 == 0 ? id - 1 : 0,
                                                    .body = id % 5 == 0 ? 0 : 1 + id % 2}};
    MUST(store_commit(store, facts, n, body_of, NULL, NULL) == 0);
    n = 0;
    for (uint64_t id = 50; id <= COMMANDS; id++)
        facts[n++] = (struct fact){.type = FACT_LEASED,
                                   .as.leased = {.pool = 1, .track_id = id, .attempt = 1}};
    facts[n++] = (struct fact){.type = FACT_STOPPING,
                               .as.stopping = {1, 55, REASON_SHUTDOWN, bytes_of_str("why")}};
    facts[n++] = (struct fact){.type = FACT_OLDEST, .as.oldest = {1, RECORDS / 2}};
    for (uint64_t pos = 1; pos <= RECORDS; pos++)
        facts[n++] = (struct fact){
            .type = FACT_RECORDED,
            .as.recorded = {.pool = 1, .track_id = pos, .pos = pos, .state = STATE_OK, .body = 1}};
    MUST(store_commit(store, facts, n, body_of, NULL, NULL) == 0);
}

static void make_images(void)
{
    struct store *store = NULL;
    struct stat st;
    bool in_memory = stat("/dev/shm", &st) == 0 && access("/dev/shm", W_OK) == 0;
    snprintf(directory, sizeof directory, "%s/muster-fuzz-XXXXXX", in_memory ? "/dev/shm" : "/tmp");
    MUST(mkdtemp(directory) != NULL);
    atexit(remove_directory);
    snprintf(db_path, sizeof db_path, "%s/muster.db", directory);
    snprintf(log_path, sizeof log_path, "%s/muster.db-wal", directory);
    MUST(store_open(&store, &options, NULL) == 0);
    fill(store);
    MUST(fs_read_file(db_path, FILE_MAX, &crashed.db) == 0);
    MUST(fs_read_file(log_path, FILE_MAX, &crashed.log) == 0);
    store_close(store);
    MUST(fs_read_file(db_path, FILE_MAX, &closed.db) == 0);
}

/* What a load may say whatever the files hold. */
struct seen {
    uint64_t next_track_id;
    uint64_t last;
    bool has_pool;
};

static void check_fact(void *ctx, const struct fact *fact)
{
    struct seen *seen = ctx;
    if (fact->type == FACT_POOL) {
        seen->has_pool = true;
        seen->next_track_id = fact->as.pool.totals->next_track_id;
        MUST(fact->as.pool.totals->head < seen->next_track_id);
    } else if (fact->type == FACT_SUBMITTED) {
        MUST(seen->has_pool && fact->as.submitted.pool == 1);
        MUST(fact->as.submitted.track_id > seen->last);
        MUST(fact->as.submitted.track_id < seen->next_track_id);
        seen->last = fact->as.submitted.track_id;
    } else if (fact->type == FACT_LEASED) {
        MUST(fact->as.leased.track_id == seen->last && fact->as.leased.attempt > 0);
    } else if (fact->type == FACT_STOPPING) {
        MUST(reason_is_known((unsigned)fact->as.stopping.reason));
    }
}

static int check_record(void *ctx, const struct store_record *record)
{
    uint64_t *pos = ctx;
    MUST(record->fact.pos > *pos && state_is_known((unsigned)record->fact.state));
    MUST(record->body.size == 100 && memcmp(record->body.data, body, 100) == 0);
    *pos = record->fact.pos;
    return 0;
}

static void use(struct store *store)
{
    struct seen seen = {0};
    struct bytes command;
    struct store_request_id found;
    struct pool_totals totals = {.next_track_id = 1000, .head = RECORDS};
    uint64_t pos = 0;
    if (store_load(store, check_fact, &seen, NULL) < 0)
        return;
    (void)store_records(store, 1, 0, 1000, true, check_record, &pos);
    pos = 0;
    (void)store_records_between(store, 1, 0, UINT64_MAX, 1000, false, check_record, &pos);
    for (uint64_t id = 1; id <= COMMANDS; id += 7)
        if (store_command(store, 1, id, &command) == 0)
            MUST(command.size == 100 || command.size == sizeof body);
    (void)store_request_id(store, 1, bytes_of_str("id"), &found);
    const struct fact facts[] = {
        {.type = FACT_QUEUED, .as.queued = {1, seen.last, 1}},
        {.type = FACT_POOL, .as.pool = {.pool = 1, .totals = &totals}},
        {.type = FACT_SUBMITTED, .as.submitted = {.pool = 1, .track_id = 999, .body = 1}},
        {.type = FACT_POOL_GONE, .as.pool_gone = 2},
    };
    bool can_queue = seen.last > 0;
    (void)store_commit(store, facts + !can_queue, 4 - !can_queue, body_of, NULL, NULL);
    for (int i = 0; i < 100 && store_maintain(store); i++)
        continue;
}

static void change(struct buffer *file, size_t at, uint8_t with)
{
    if (file->size > 0)
        file->data[at % file->size] ^= with;
}

static void lay_out(const uint8_t *data, size_t size)
{
    const struct image *from = data[0] & 1 ? &crashed : &closed;
    struct image image = {0};
    MUST(buffer_append_bytes(&image.db, buffer_bytes(&from->db)) == 0);
    MUST(buffer_append_bytes(&image.log, buffer_bytes(&from->log)) == 0);
    for (size_t i = 4; i + 4 <= size; i += 4) {
        size_t at = (size_t)data[i] | (size_t)data[i + 1] << 8 | (size_t)(data[i + 2] & 0x7f) << 16;
        change(data[i + 2] & 0x80 ? &image.log : &image.db, at, data[i + 3]);
    }
    size_t cut = (size_t)data[1] | (size_t)data[2] << 8 | (size_t)data[3] << 16;
    if (data[0] & 2)
        buffer_truncate(&image.db, cut);
    if (data[0] & 4)
        buffer_truncate(&image.log, cut);
    put(db_path, data[0] & 8 ? bytes_of(data + 4, size - 4) : buffer_bytes(&image.db));
    put(log_path, buffer_bytes(&image.log));
    buffer_done(&image.db);
    buffer_done(&image.log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store *store = NULL;
    struct store_error error = {0};
    if (size < 4)
        return 0;
    if (closed.db.size == 0)
        make_images();
    lay_out(data, size);
    int r = store_open(&store, &options, &error);
    MUST((r == 0) == (store != NULL) && r == error.code);
    MUST(r == 0 || error.text[0] != '\0');
    if (store != NULL)
        use(store);
    store_close(store);
    return 0;
}
