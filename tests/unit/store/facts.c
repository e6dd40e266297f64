/* facts.c -- see facts.h. */
#include "facts.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"

static void set_paths(struct fixture *f, const char *name)
{
    snprintf(f->store_dir, sizeof f->store_dir, "%s/%s", f->dir, name);
    snprintf(f->db, sizeof f->db, "%s/muster.db", f->store_dir);
    snprintf(f->wal, sizeof f->wal, "%s/muster.db-wal", f->store_dir);
}

int fixture_set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    strcpy(f->dir, "/tmp/muster-store-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    set_paths(f, "store");
    f->options =
        (struct store_options){.dir = f->store_dir, .reserve_bytes = 65536, .cache_bytes = 2 << 20};
    *state = f;
    fixture_open(f);
    return 0;
}

int fixture_tear_down(void **state)
{
    struct fixture *f = *state;
    fixture_close(f);
    fs_remove_tree(f->dir);
    free(f);
    return 0;
}

void fixture_open(struct fixture *f)
{
    if (store_open(&f->store, &f->options, &f->error) != 0)
        fail_msg("%s", f->error.text);
}

void fixture_close(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
}

void fixture_reopen(struct fixture *f)
{
    fixture_close(f);
    fixture_open(f);
}

struct fact *fixture_add(struct fixture *f, enum fact_type type)
{
    assert_true(f->n_facts < FIXTURE_FACTS_MAX);
    struct fact *fact = &f->facts[f->n_facts++];
    memset(fact, 0, sizeof *fact);
    fact->type = type;
    return fact;
}

int fixture_try_commit(struct fixture *f)
{
    f->error = (struct store_error){0};
    int r = store_commit(f->store, f->facts, f->n_facts, facts_body, NULL, &f->error);
    f->n_facts = 0;
    assert_int_equal(r, f->error.code);
    return r;
}

void fixture_commit(struct fixture *f)
{
    if (fixture_try_commit(f) != 0)
        fail_msg("%s", f->error.text);
}

void file_read(const char *path, struct buffer *ret_content)
{
    *ret_content = BUFFER_EMPTY;
    assert_int_equal(fs_read_file(path, 64 << 20, ret_content), 0);
}

void file_write(const char *path, struct bytes content)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    if (content.size > 0)
        assert_int_equal(fwrite(content.data, 1, content.size, file), content.size);
    assert_int_equal(fclose(file), 0);
}

void fixture_crash(struct fixture *f, const char *to)
{
    struct buffer db;
    struct buffer wal = BUFFER_EMPTY;
    file_read(f->db, &db);
    if (fs_exists(f->wal))
        file_read(f->wal, &wal);
    fixture_close(f);
    set_paths(f, to);
    assert_int_equal(fs_mkdir_private(f->store_dir), 0);
    file_write(f->db, buffer_bytes(&db));
    file_write(f->wal, buffer_bytes(&wal));
    buffer_done(&db);
    buffer_done(&wal);
}

int64_t fixture_sql(struct fixture *f, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *row;
    int64_t n = 0;
    bool was_open = f->store != NULL;
    fixture_close(f);
    assert_int_equal(sqlite3_open(f->db, &db), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    int r = sqlite3_step(row);
    if (r == SQLITE_ROW)
        n = sqlite3_column_int64(row, 0);
    else if (r != SQLITE_DONE)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_finalize(row);
    sqlite3_close(db);
    if (was_open)
        fixture_open(f);
    return n;
}

uint64_t body_handle(uint64_t seed, uint32_t size)
{
    return (uint64_t)size << 32 | (seed & UINT32_MAX) | 1u << 31;
}

struct bytes facts_body(void *ctx, uint64_t handle)
{
    static uint8_t bytes[1 << 20];
    (void)ctx;
    size_t size = handle >> 32 ? (size_t)(handle >> 32) : 16;
    assert_true(size <= sizeof bytes);
    uint32_t x = (uint32_t)handle;
    for (size_t i = 0; i < size; i++) {
        x = x * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(x >> 24);
    }
    return bytes_of(bytes, size);
}

void add_pool(struct fixture *f, uint32_t pool, uint64_t submitted, uint64_t head)
{
    struct fact *fact = fixture_add(f, FACT_POOL);
    f->totals = (struct pool_totals){.next_track_id = submitted + 1, .head = head, .next_batch = 1};
    fact->as.pool = (struct fact_pool){.pool = pool,
                                       .name = bytes_of_str("default"),
                                       .made_wall_ns = 1000,
                                       .used_wall_ns = 2000,
                                       .totals = &f->totals};
}

struct fact_submitted *add_submitted(struct fixture *f, uint32_t pool, uint64_t track_id)
{
    struct fact *fact = fixture_add(f, FACT_SUBMITTED);
    fact->as.submitted = (struct fact_submitted){
        .pool = pool,
        .track_id = track_id,
        .client = UINT64_C(0xf123456789abcdef),
        .sequence = 7,
        .function = 3,
        .max_attempts = 1,
        .submitted_wall_ns = INT64_C(1795000000000000000) + (int64_t)track_id,
        .lost_after_ns = INT64_C(3600000000000),
        .body = body_handle(track_id, 100),
        .body_bytes = 100,
    };
    return &fact->as.submitted;
}

struct fact_leased *add_leased(struct fixture *f, uint32_t pool, uint64_t track_id,
                               uint32_t attempt)
{
    struct fact *fact = fixture_add(f, FACT_LEASED);
    fact->as.leased = (struct fact_leased){.pool = pool,
                                           .track_id = track_id,
                                           .attempt = attempt,
                                           .epoch = 1,
                                           .starts = attempt,
                                           .worker = 9,
                                           .leased_wall_ns = INT64_C(1795000000000000500)};
    return &fact->as.leased;
}

struct fact_recorded *add_recorded(struct fixture *f, uint32_t pool, uint64_t track_id,
                                   uint64_t pos)
{
    struct fact *fact = fixture_add(f, FACT_RECORDED);
    fact->as.recorded = (struct fact_recorded){
        .pool = pool,
        .track_id = track_id,
        .pos = pos,
        .client = UINT64_C(0xf123456789abcdef),
        .attempt = 1,
        .state = STATE_OK,
        .reason = REASON_NONE,
        .function = 3,
        .host = 4,
        .worker = 9,
        .slot = 2,
        .pid = 31877,
        .submitted_wall_ns = INT64_C(1795000000000000000) + (int64_t)track_id,
        .start_wall_ns = INT64_C(1795000000000000900),
        .recorded_wall_ns = INT64_C(1795000000000009000),
        .run_ns = 23456,
        .waited_ns = 1234567,
        .skew_ns = -12000,
        .crc = (uint32_t)pos * 2654435761u,
        .body = body_handle(1000000 + pos, 100),
        .body_bytes = 100,
    };
    return &fact->as.recorded;
}

static void print_bytes(struct buffer *to, const char *name, struct bytes bytes)
{
    buffer_printf(to, " %s=%.*s", name, (int)bytes.size, (const char *)bytes.data);
}

static void print_spread(struct buffer *to, const char *name, const struct spread_totals *s)
{
    buffer_printf(to, " %s=%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, name, s->count, s->sum_ns,
                  s->max_ns, s->min_ns);
    for (int i = 0; i < SPREAD_BUCKETS; i++)
        if (s->buckets[i] != 0)
            buffer_printf(to, ",%d:%" PRIu32, i, s->buckets[i]);
}

static void print_pool(struct buffer *to, const struct fact_pool *p)
{
    const struct pool_totals *t = p->totals;
    buffer_printf(to, "POOL %" PRIu32, p->pool);
    print_bytes(to, "name", p->name);
    buffer_printf(to, " private=%d closed=%d made=%" PRId64 " used=%" PRId64, p->private_,
                  p->closed, p->made_wall_ns, p->used_wall_ns);
    buffer_printf(to,
                  " next=%" PRIu64 " head=%" PRIu64 " oldest=%" PRIu64 " final_to=%" PRIu64
                  " first_bad=%" PRIu64 " next_batch=%" PRIu64 " peak=%" PRIu64 " bytes=%" PRIu64
                  " crc=%" PRIu32,
                  t->next_track_id, t->head, t->oldest, t->final_to, t->first_bad, t->next_batch,
                  t->peak_in_queue, t->records_bytes, t->crc);
    for (int i = 0; i < STATE_COUNT; i++)
        if (t->ended[i] != 0)
            buffer_printf(to, " ended%d=%" PRIu64, i, t->ended[i]);
    print_spread(to, "run", &t->run);
    print_spread(to, "waited", &t->waited);
    print_spread(to, "throttle", &t->throttle);
}

static void print_ids(struct buffer *to, const char *name, const uint32_t *ids, uint32_t n)
{
    buffer_printf(to, " %s=", name);
    for (uint32_t i = 0; i < n; i++)
        buffer_printf(to, "%s%" PRIu32, i > 0 ? "," : "", ids[i]);
}

static void print_host(struct buffer *to, const struct fact_host *h)
{
    buffer_printf(to, "HOST %" PRIu32 " worker=%" PRIu32 " uuid=", h->host, h->worker);
    for (size_t i = 0; i < sizeof h->uuid; i++)
        buffer_printf(to, "%02x", h->uuid[i]);
    buffer_printf(to, " incarnation=%" PRIu32 " slots=%" PRIu32, h->incarnation, h->slots);
    print_ids(to, "labels", h->labels, h->n_labels);
    print_ids(to, "functions", h->functions, h->n_functions);
    print_ids(to, "pools", h->pools, h->n_pools);
    buffer_printf(to,
                  " software=%" PRIu32 " tree_kill=%" PRIu32 " transient=%d forgotten=%d"
                  " seen=%" PRId64 " skew=%" PRId64 " round_trip=%" PRId64,
                  h->software, h->tree_kill, h->transient, h->forgotten, h->seen_wall_ns,
                  h->skew_ns, h->round_trip_ns);
}

static void print_batch(struct buffer *to, const struct fact_batch *b)
{
    buffer_printf(to,
                  "BATCH %" PRIu32 " %" PRIu64 " first=%" PRIu64 " count=%" PRIu32 " made=%" PRId64,
                  b->pool, b->batch, b->first, b->count, b->made_wall_ns);
    for (int i = 0; i < STATE_COUNT; i++)
        if (b->ended[i] != 0)
            buffer_printf(to, " ended%d=%" PRIu32, i, b->ended[i]);
}

static void print_submitted(struct buffer *to, const struct fact_submitted *s)
{
    buffer_printf(to,
                  "SUBMITTED %" PRIu32 " %" PRIu64 " client=%" PRIx64 " sequence=%" PRIu64
                  " batch=%" PRIu64 " body_of=%" PRIu64 " function=%" PRIu32 " selector=%" PRIu32
                  " host=%" PRIu32 " priority=%d max_attempts=%u rerunnable=%d",
                  s->pool, s->track_id, s->client, s->sequence, s->batch, s->body_of, s->function,
                  s->selector, s->host, s->priority, s->max_attempts, s->rerunnable);
    buffer_printf(to,
                  " submitted=%" PRId64 " not_before=%" PRId64 " start_by=%" PRId64
                  " lost_after=%" PRId64 " body_bytes=%" PRIu32,
                  s->submitted_wall_ns, s->not_before_wall_ns, s->start_by_wall_ns,
                  s->lost_after_ns, s->body_bytes);
}

static void print_recorded(struct buffer *to, const struct fact_recorded *r)
{
    buffer_printf(to,
                  "RECORDED %" PRIu32 " %" PRIu64 " pos=%" PRIu64 " client=%" PRIx64
                  " batch=%" PRIu64 " attempt=%" PRIu32 " state=%s reason=%s exit=%" PRId32
                  " signal=%" PRIu32 " function=%" PRIu32 " host=%" PRIu32 " worker=%" PRIu32
                  " slot=%" PRIu32 " pid=%" PRIu32,
                  r->pool, r->track_id, r->pos, r->client, r->batch, r->attempt,
                  state_name(r->state), reason_name(r->reason), r->exit, r->signal, r->function,
                  r->host, r->worker, r->slot, r->pid);
    buffer_printf(to,
                  " submitted=%" PRId64 " start=%" PRId64 " recorded=%" PRId64 " run=%" PRId64
                  " waited=%" PRId64 " throttled=%" PRId64 " skew=%" PRId64 " crc=%" PRIu32
                  " body_bytes=%" PRIu32,
                  r->submitted_wall_ns, r->start_wall_ns, r->recorded_wall_ns, r->run_ns,
                  r->waited_ns, r->throttled_ns, r->skew_ns, r->crc, r->body_bytes);
    print_bytes(to, "why", r->why);
}

void fact_print(struct buffer *to, const struct fact *fact)
{
    switch (fact->type) {
    case FACT_NAME:
        buffer_printf(to, "NAME %" PRIu32, fact->as.name.id);
        print_bytes(to, "text", fact->as.name.text);
        break;
    case FACT_POOL:
        print_pool(to, &fact->as.pool);
        break;
    case FACT_CLIENT:
        buffer_printf(to,
                      "CLIENT %" PRIx64 " pool=%" PRIu32 " answered_to=%" PRIu64
                      " shutting_down=%d seen=%" PRId64,
                      fact->as.client.client, fact->as.client.pool, fact->as.client.answered_to,
                      fact->as.client.shutting_down, fact->as.client.seen_wall_ns);
        break;
    case FACT_REQUEST:
        buffer_printf(to,
                      "REQUEST %" PRIx64 " sequence=%" PRIu64 " first=%" PRIu64 " count=%" PRIu32
                      " batch=%" PRIu64,
                      fact->as.request.client, fact->as.request.sequence, fact->as.request.first,
                      fact->as.request.count, fact->as.request.batch);
        break;
    case FACT_HOST:
        print_host(to, &fact->as.host);
        break;
    case FACT_BATCH:
        print_batch(to, &fact->as.batch);
        break;
    case FACT_SUBMITTED:
        print_submitted(to, &fact->as.submitted);
        break;
    case FACT_LEASED:
        buffer_printf(to,
                      "LEASED %" PRIu32 " %" PRIu64 " attempt=%" PRIu32 " epoch=%" PRIu32
                      " starts=%" PRIu32 " worker=%" PRIu32 " at=%" PRId64,
                      fact->as.leased.pool, fact->as.leased.track_id, fact->as.leased.attempt,
                      fact->as.leased.epoch, fact->as.leased.starts, fact->as.leased.worker,
                      fact->as.leased.leased_wall_ns);
        break;
    case FACT_QUEUED:
        buffer_printf(to, "QUEUED %" PRIu32 " %" PRIu64 " starts=%" PRIu32, fact->as.queued.pool,
                      fact->as.queued.track_id, fact->as.queued.starts);
        break;
    case FACT_STOPPING:
        buffer_printf(to, "STOPPING %" PRIu32 " %" PRIu64 " reason=%s", fact->as.stopping.pool,
                      fact->as.stopping.track_id, reason_name(fact->as.stopping.reason));
        print_bytes(to, "why", fact->as.stopping.why);
        break;
    case FACT_RECORDED:
        print_recorded(to, &fact->as.recorded);
        break;
    case FACT_CURSOR:
        buffer_printf(to, "CURSOR %" PRIu32, fact->as.cursor.pool);
        print_bytes(to, "name", fact->as.cursor.name);
        buffer_printf(to, " pos=%" PRIu64, fact->as.cursor.pos);
        break;
    case FACT_POOL_GONE:
    case FACT_CLIENT_GONE:
    case FACT_REQUEST_ID:
    case FACT_OLDEST:
    case FACT_AUDIT:
        fail_msg("a load never emits a fact of type %d", fact->type);
    }
    buffer_append_char(to, '\n');
}

void load_print(void *buffer, const struct fact *fact)
{
    fact_print(buffer, fact);
}

void load_text(struct fixture *f, struct buffer *ret_text)
{
    *ret_text = BUFFER_EMPTY;
    if (store_load(f->store, load_print, ret_text, &f->error) != 0)
        fail_msg("%s", f->error.text);
}

void assert_loads(struct fixture *f, const char *expected)
{
    struct buffer text;
    load_text(f, &text);
    assert_string_equal(buffer_str(&text), expected);
    buffer_done(&text);
}
