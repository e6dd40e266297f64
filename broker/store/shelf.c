/*
 * shelf.c -- which rows belong to which pool.
 *
 * A pool's rows stand on a shelf, a number that is not used again before the last row on it has
 * been deleted; the core may give a pool's id to another pool at once. This is the image in memory
 * of the tables `pool` and `trim`, read again after a rollback; commit.c writes the first.
 */
#include "broker/store/sqlite.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static struct shelf *append(struct shelves *shelves)
{
    if (shelves->n == shelves->capacity) {
        size_t capacity = shelves->capacity ? 2 * shelves->capacity : 16;
        struct shelf *items = realloc(shelves->items, capacity * sizeof *items);
        if (!items)
            return NULL;
        shelves->items = items;
        shelves->capacity = capacity;
    }
    struct shelf *shelf = &shelves->items[shelves->n++];
    *shelf = (struct shelf){0};
    return shelf;
}

static uint32_t index_of(const struct shelves *shelves, const struct shelf *shelf)
{
    return (uint32_t)(shelf - shelves->items) + 1;
}

/* Makes the shelf's number lead to it. */
static void place(struct shelves *shelves, struct shelf *shelf, uint32_t number)
{
    shelf->shelf = number;
    MUST(map_put(&shelves->by_shelf, number, index_of(shelves, shelf)) == 0);
}

/* Makes the pool's id lead to this shelf. */
static int attach(struct shelves *shelves, struct shelf *shelf)
{
    shelves->last_found = 0;
    return map_put(&shelves->by_pool, shelf->pool, index_of(shelves, shelf));
}

static void clear(struct shelves *shelves)
{
    shelves->n = 0;
    shelves->last_found = 0;
    shelves->next = 1;
    shelves->may_trim = true;
    map_done(&shelves->by_pool);
    map_done(&shelves->by_shelf);
    map_init(&shelves->by_pool, ROW_SHELF_MAX, 0);
    map_init(&shelves->by_shelf, ROW_SHELF_MAX, 0);
}

void shelves_done(struct shelves *shelves)
{
    free(shelves->items);
    map_done(&shelves->by_pool);
    map_done(&shelves->by_shelf);
    *shelves = (struct shelves){0};
}

struct shelf *shelf_find(struct shelves *shelves, uint32_t pool)
{
    if (shelves->last_found == 0 || shelves->last_pool != pool) {
        shelves->last_found = map_get(&shelves->by_pool, pool);
        shelves->last_pool = pool;
    }
    return shelves->last_found ? &shelves->items[shelves->last_found - 1] : NULL;
}

struct shelf *shelf_by_number(struct shelves *shelves, uint32_t number)
{
    uint32_t found = map_get(&shelves->by_shelf, number);
    return found != 0 ? &shelves->items[found - 1] : NULL;
}

/* 0 when all are taken. */
static uint32_t free_number(struct shelves *shelves)
{
    if (shelves->next <= ROW_SHELF_MAX)
        return shelves->next++;
    for (uint32_t number = 1; number <= ROW_SHELF_MAX; number++)
        if (!shelf_by_number(shelves, number))
            return number;
    return 0;
}

struct shelf *shelf_make(struct shelves *shelves, uint32_t pool)
{
    uint32_t number = free_number(shelves);
    struct shelf *shelf = number > 0 ? append(shelves) : NULL;
    if (!shelf)
        return NULL;
    place(shelves, shelf, number);
    shelf->pool = pool;
    MUST(attach(shelves, shelf) == 0);
    return shelf;
}

void shelf_give_up(struct shelves *shelves, struct shelf *shelf)
{
    map_remove(&shelves->by_pool, shelf->pool);
    shelves->last_found = 0;
    shelf->gone = true;
    shelves->may_trim = true;
}

void shelf_forget(struct shelves *shelves, struct shelf *shelf)
{
    MUST(shelf->gone);
    map_remove(&shelves->by_shelf, shelf->shelf);
    struct shelf *last = &shelves->items[shelves->n - 1];
    if (shelf != last) {
        *shelf = *last;
        place(shelves, shelf, shelf->shelf);
        if (!shelf->gone)
            MUST(attach(shelves, shelf) == 0);
    }
    shelves->n--;
    shelves->last_found = 0;
}

int shelf_put_trim(struct store *store, const struct shelf *shelf)
{
    const struct value values[] = {number(shelf->shelf), number_u(shelf->oldest),
                                   number_u(shelf->trimmed_to), number(shelf->gone)};
    return store_put(store, STMT_TRIM_PUT, values, 4);
}

static int read_pools(struct store *store, struct store_error *ret_error)
{
    struct shelves *shelves = &store->shelves;
    sqlite3_stmt *row = store_select(store, STMT_POOL_SHELVES, NULL, 0);
    int r;
    while ((r = sqlite3_step(row)) == SQLITE_ROW) {
        int64_t number = sqlite3_column_int64(row, 0);
        int64_t pool = sqlite3_column_int64(row, 1);
        struct shelf *shelf = NULL;
        struct pool_totals totals;
        if (row_read_totals(store_column(row, 2), &totals) == 0 && number >= 1 &&
            number <= ROW_SHELF_MAX && pool >= 0 && pool <= UINT32_MAX &&
            map_get(&shelves->by_pool, (uint64_t)pool) == 0)
            shelf = append(shelves);
        if (!shelf) {
            sqlite3_reset(row);
            return store_fail_damaged(store, ret_error, "pool", number);
        }
        place(shelves, shelf, (uint32_t)number);
        shelf->pool = (uint32_t)pool;
        shelf->written = true;
        shelf->head = totals.head;
        MUST(attach(shelves, shelf) == 0); /* there are as many places as shelves */
        if (number >= shelves->next)
            shelves->next = (uint32_t)number + 1;
    }
    if (r != SQLITE_DONE)
        r = store_fail_sql(store, ret_error, "reading its pools");
    else
        r = 0;
    sqlite3_reset(row);
    return r;
}

static int read_trims(struct store *store, struct store_error *ret_error)
{
    struct shelves *shelves = &store->shelves;
    sqlite3_stmt *row = store_select(store, STMT_TRIM_ALL, NULL, 0);
    size_t at = 0; /* both tables are read in the order of their shelves */
    size_t n_pools = shelves->n;
    int r;
    while ((r = sqlite3_step(row)) == SQLITE_ROW) {
        int64_t number = sqlite3_column_int64(row, 0);
        int64_t oldest = sqlite3_column_int64(row, 1);
        int64_t trimmed_to = sqlite3_column_int64(row, 2);
        bool gone = sqlite3_column_int64(row, 3) != 0;
        while (at < n_pools && shelves->items[at].shelf < number)
            at++;
        bool known = at < n_pools && shelves->items[at].shelf == number;
        struct shelf *shelf = NULL;
        if (store_row_is_sound(row, 4) && number >= 1 && number <= ROW_SHELF_MAX && oldest >= 0 &&
            oldest <= ROW_NUMBER_MAX && trimmed_to >= 0 && trimmed_to <= oldest && gone != known)
            shelf = gone ? append(shelves) : &shelves->items[at];
        if (!shelf) {
            sqlite3_reset(row);
            return store_fail_damaged(store, ret_error, "trim", number);
        }
        place(shelves, shelf, (uint32_t)number);
        shelf->gone = gone;
        shelf->oldest = (uint64_t)oldest;
        shelf->trimmed_to = (uint64_t)trimmed_to;
        if (number >= shelves->next)
            shelves->next = (uint32_t)number + 1;
    }
    if (r != SQLITE_DONE)
        r = store_fail_sql(store, ret_error, "reading its pools");
    else
        r = 0;
    sqlite3_reset(row);
    return r;
}

int shelves_load(struct store *store, struct store_error *ret_error)
{
    clear(&store->shelves);
    int r = read_pools(store, ret_error);
    return r == 0 ? read_trims(store, ret_error) : r;
}
