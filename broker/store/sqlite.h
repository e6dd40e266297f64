/*
 * sqlite.h -- the open store, shared by the files of this folder and by nobody else.
 *
 *     sqlite.c     open, close                statement.c  binding, checksums, errors
 *     check.c      is this file ours          wal.c        is its log whole
 *     shelf.c      pool ids to rows           rows.c       packed columns
 *     commit.c     facts to rows              turn.c       many rows by one statement
 *     load.c       rows to facts              read.c       records and bodies
 *     maintain.c   retention, checkpoints     reserve.c    space for the full disk
 *     copy.c       a copy of the store        explain.c    … and its rows for people
 */
#ifndef MUSTER_BROKER_STORE_SQLITE_H
#define MUSTER_BROKER_STORE_SQLITE_H

#include <sqlite3.h>
#include <stdarg.h>

#include "base/buffer.h"
#include "base/map.h"
#include "broker/store/rows.h"
#include "broker/store/statements.h"
#include "broker/store/store.h"

/* "must" in the file header's application_id, and the version of schema.sql. */
enum { STORE_APPLICATION_ID = 0x6d757374, STORE_VERSION = 1, STORE_PAGE_BYTES = 4096 };

/* The newest refused records that are kept. */
enum { STORE_AUDIT_MAX = 10000 };

/* A pool's place in the tables. */
struct shelf {
    uint32_t shelf;
    uint32_t pool; /* the core's id; meaningless once gone */
    bool gone;
    bool written; /* its row exists, or is part of the commit that runs */
    uint64_t oldest;
    uint64_t trimmed_to;
    uint64_t head; /* the newest record: none up to it may be missing */
};

struct shelves {
    struct shelf *items;
    size_t n, capacity;
    struct map by_pool;  /* pool id -> index + 1 */
    struct map by_shelf; /* shelf -> index + 1, those that are gone too */
    uint32_t last_pool;  /* the one found last; its index + 1, 0 = none */
    uint32_t last_found;
    uint32_t next; /* shelf for the next pool */
    bool may_trim; /* false: nothing is given up that is not deleted yet */
};

/* The rows that a commit has gathered and not yet inserted (turn.c). */
struct turn_row {
    int64_t rowid;
    const struct fact *fact;
    const struct fact_leased *leased; /* of a command that was handed out in the same commit */
    int64_t pos;
};
struct turn_rows {
    struct turn_row *items;
    size_t n, capacity;
};
struct turn {
    struct turn_rows commands, records, tracks;
    uint32_t *places; /* hash of the rowids of `commands`: index + 1 */
    size_t n_places, n_hashed;
    struct buffer scratch; /* the packed row that SQLite is about to copy */
    store_body_fn *body;
    void *body_ctx;
};

/* What a virtual table is told when it is connected. */
enum turn_kind { TURN_COMMAND, TURN_RECORD, TURN_TRACK, TURN_KINDS };
struct turn_source {
    struct turn *turn;
    enum turn_kind kind;
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *statements[STMT_COUNT];
    sqlite3_stmt *reading[2]; /* statements whose row a caller may still look at */
    struct shelves shelves;
    struct turn turn;
    struct turn_source sources[TURN_KINDS];
    char *dir, *path;
    int lock;
    uint32_t epoch;
    uint64_t log_id;
    int64_t made_wall_ns;
    uint64_t reserve_bytes;
    bool reserve_is_there;
    uint64_t audit_sequence;
    uint64_t requests;          /* rows of `request`, at least */
    uint32_t request_ids_since; /* new ones since the old were looked for */
    int wal_frames;             /* in the log since its last restart */
    int wal_done;               /* of them were there at the last checkpoint, done or not */
    int commit_frames;          /* of the newest commit */
    struct store_error failure; /* code != 0: the disk's state is unknown, nothing is accepted */
};

/* ---- errors (statement.c) ------------------------------------------------------------------- */

/* Fills in *ret_error (may be NULL) and returns `code`. */
int store_fail(struct store_error *ret_error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for the newest error of SQLite; `doing` completes "… failed while <doing>". */
int store_fail_sql(struct store *store, struct store_error *ret_error, const char *doing);
/* The newest error of SQLite as a negative errno. */
int store_errno(struct store *store);
/* A row that cannot be what was written. */
int store_fail_damaged(struct store *store, struct store_error *ret_error, const char *table,
                       int64_t rowid);
/* The disk, or this user's part of it, is full: says the newest error of SQLite. */
bool store_is_full(struct store *store);

/* ---- statements (statement.c) --------------------------------------------------------------- */

/* Ends the reads whose rows were lent to the caller of the call before. */
void store_release(struct store *store);

/* A value to bind. */
struct value {
    enum { VALUE_NULL, VALUE_NUMBER, VALUE_BLOB } type;
    int64_t number;
    struct bytes blob;
};
static inline struct value number(int64_t n)
{
    return (struct value){.type = VALUE_NUMBER, .number = n};
}
static inline struct value number_u(uint64_t n)
{
    return number((int64_t)n);
}
static inline struct value blob(struct bytes bytes)
{
    return (struct value){.type = VALUE_BLOB, .blob = bytes};
}

/* Binds and runs a statement that yields no row. 0 or SQLite's code (positive). */
int store_run(struct store *store, enum statement which, const struct value *values, int n);
/* CRC-32C of the values as they are stored. */
uint32_t store_sum(const struct value *values, int n);
/* store_run with that checksum as the last value. */
int store_put(struct store *store, enum statement which, const struct value *values, int n);
/* The statement, bound and ready to step. Whoever asks for it resets it. */
sqlite3_stmt *store_select(struct store *store, enum statement which, const struct value *values,
                           int n);
/* The columns 0 … n-1 have the checksum that stands in column n. */
bool store_row_is_sound(sqlite3_stmt *row, int n);
struct bytes store_column(sqlite3_stmt *row, int column);

/* Transactions. store_begin and store_end return 0 or SQLite's code; store_undo never fails. */
int store_begin(struct store *store);
int store_end(struct store *store);
void store_undo(struct store *store);

/* ---- the other files ------------------------------------------------------------------------ */

/* check.c: the tables are those of schema.sql. */
int check_schema(struct store *store, struct store_error *ret_error);
/* check.c: makes the file complete under another name, then moves it into place. */
int check_make(const char *dir, const char *path, struct store_error *ret_error);

/* shelf.c. shelf_find: NULL when the pool is unknown; valid until the next change. */
int shelves_load(struct store *store, struct store_error *ret_error);
void shelves_done(struct shelves *shelves);
struct shelf *shelf_find(struct shelves *shelves, uint32_t pool);
struct shelf *shelf_make(struct shelves *shelves, uint32_t pool);
void shelf_give_up(struct shelves *shelves, struct shelf *shelf);
void shelf_forget(struct shelves *shelves, struct shelf *shelf);
/* Writes the shelf's row of `trim`. 0 or SQLite's code. */
int shelf_put_trim(struct store *store, const struct shelf *shelf);
struct shelf *shelf_by_number(struct shelves *shelves, uint32_t shelf);
static inline int64_t shelf_base(const struct shelf *shelf)
{
    return (int64_t)((uint64_t)shelf->shelf << ROW_NUMBER_BITS);
}

/* turn.c. The virtual tables turn_command, turn_record, turn_track read `store->turn`. */
int turn_register(struct store *store);
void turn_done(struct turn *turn);
void turn_clear(struct turn *turn);
int turn_add(struct turn_rows *rows, struct turn_row row);
/* Makes the hand-out part of its command's insert; false when that is not in this turn. */
bool turn_merge(struct turn *turn, int64_t rowid, const struct fact_leased *leased);
/* Inserts what was gathered. 0 or SQLite's code. */
int turn_flush(struct store *store);

/* reserve.c */
void reserve_restore(struct store *store);
bool reserve_free(struct store *store);

/* maintain.c */
int maintain_checkpoint(struct store *store);
void maintain_after_commit(struct store *store, bool reserve_used);

#endif
