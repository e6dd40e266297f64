/* facts.h -- for the store's tests: a directory with a store, facts to put in, facts as text. */
#ifndef TESTS_UNIT_STORE_FACTS_H
#define TESTS_UNIT_STORE_FACTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "broker/store/store.h"

enum { FIXTURE_FACTS_MAX = 4096 };

struct fixture {
    char dir[64]; /* temporary, removed at the end */
    char store_dir[80];
    char db[96], wal[96];
    struct store_options options;
    struct store *store; /* NULL while closed */
    struct store_error error;
    struct fact facts[FIXTURE_FACTS_MAX]; /* of the turn that is being made */
    size_t n_facts;
    struct pool_totals totals;
};

/* cmocka set-up and tear-down; set-up opens the store. */
int fixture_set_up(void **state);
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
int fixture_tear_down(void **state);

void fixture_open(struct fixture *f); /* fails the test when refused */
void fixture_close(struct fixture *f);
void fixture_reopen(struct fixture *f);
/* Appends one fact to the turn and returns it, zeroed but for its type. */
struct fact *fixture_add(struct fixture *f, enum fact_type type);
/* Commits the turn: the store's answer, which must be 0 in fixture_commit. */
int fixture_try_commit(struct fixture *f);
void fixture_commit(struct fixture *f);

/* The number that a query on the closed store yields; runs any statement. Opens the store again. */
int64_t fixture_sql(struct fixture *f, const char *sql);

/* The store's files, as a crash of the process at this moment leaves them, in the new directory
 * `to` (a name in f->dir): f->store_dir, f->db and f->wal then mean that one. The store is closed.
 */
void fixture_crash(struct fixture *f, const char *to);

/* A file's content: to read, to change, to compare. */
void file_read(const char *path, struct buffer *ret_content);
void file_write(const char *path, struct bytes content);

/* Facts as the tests mostly need them. A body's handle is the number that facts_body turns into
 * text: its size in bits 32 and up (0: 16 bytes), its content from the rest. */
void add_pool(struct fixture *f, uint32_t pool, uint64_t submitted, uint64_t head);
struct fact_submitted *add_submitted(struct fixture *f, uint32_t pool, uint64_t track_id);
struct fact_leased *add_leased(struct fixture *f, uint32_t pool, uint64_t track_id,
                               uint32_t attempt);
struct fact_recorded *add_recorded(struct fixture *f, uint32_t pool, uint64_t track_id,
                                   uint64_t pos);
struct bytes facts_body(void *ctx, uint64_t handle);
uint64_t body_handle(uint64_t seed, uint32_t size);

/* One line per fact; every field shows. */
void fact_print(struct buffer *to, const struct fact *fact);
/* For store_load: prints into a struct buffer. */
void load_print(void *buffer, const struct fact *fact);
/* What store_load emits, one line per fact. */
void load_text(struct fixture *f, struct buffer *ret_text);
void assert_loads(struct fixture *f, const char *expected);

#endif
