/* A store of some scheme with a private directory for local files, and short ways to use it. */
#ifndef TESTS_UNIT_BACKEND_STORE_H
#define TESTS_UNIT_BACKEND_STORE_H

#include "worker/backend/backend.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The backends that the conformance suite runs against. */
struct store_kind {
    const char *title;
    const char *url; /* %s: the private directory */
};
extern const struct store_kind store_kinds[]; /* ends with title NULL */

struct store {
    const struct store_kind *kind;
    struct backend *backend;
    char dir[64]; /* private: local files; the store lies in its folder "store" */
    struct backend_transfer transfer;
    struct backend_error error;
};

void store_open(struct store *store, const struct store_kind *kind);
void store_done(struct store *store);

/* "dir/name"; valid until the fourth further call. */
const char *store_path(const struct store *store, const char *name);
void store_write(const struct store *store, const char *name, const void *data, size_t size);
/* Whether the local file has exactly this content. */
bool store_has_content(const struct store *store, const char *name, const void *data, size_t size);

/* put with validation, as in backend_put; get to the local file; both fill store->transfer and
 * store->error. */
int store_put(struct store *store, const char *local, const char *remote);
int store_overwrite(struct store *store, const char *local, const char *remote);
int store_get(struct store *store, const char *remote, const char *local);

/* Size by query, -1 when absent; fails the test when the query does. */
int64_t store_size(struct store *store, const char *remote);

/* Names in the listing, each ended by a newline; to be freed. */
char *store_list(struct store *store, const char *prefix);

/* Files in the store's directory, hidden ones too (file: only). */
int store_count_files(const struct store *store);

#endif
