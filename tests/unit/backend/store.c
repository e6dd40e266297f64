/* store.c -- see store.h. */
#include "tests/unit/backend/store.h"

#include "base/buffer.h"
#include "base/fs.h"
#include "tests/unit/cmocka_first.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const struct store_kind store_kinds[] = {
    {"file, absolute", "file://%s/store"}, {"file, relative", "file:store"}, {NULL, NULL}};

void store_open(struct store *store, const struct store_kind *kind)
{
    char url[256];
    *store = (struct store){.kind = kind};
    snprintf(store->dir, sizeof store->dir, "%s", "/tmp/muster-store-XXXXXX");
    assert_non_null(mkdtemp(store->dir));
    assert_int_equal(mkdir(store_path(store, "store"), 0755), 0);
    if (strstr(kind->url, "%s"))
        snprintf(url, sizeof url, "file://%s/store", store->dir);
    else
        snprintf(url, sizeof url, "%s", kind->url);
    if (backend_open(url, store->dir, &store->backend, &store->error) < 0)
        fail_msg("%s", store->error.text);
    store->backend->policy.base_ns = 1 * MUSTER_MS;
}

void store_done(struct store *store)
{
    backend_close(store->backend);
    fs_remove_tree(store->dir);
}

const char *store_path(const struct store *store, const char *name)
{
    static char paths[4][4096];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", store->dir, name);
    return path;
}

void store_write(const struct store *store, const char *name, const void *data, size_t size)
{
    assert_int_equal(fs_write_file_atomic(store_path(store, name), data, size, 0644), 0);
}

bool store_has_content(const struct store *store, const char *name, const void *data, size_t size)
{
    struct buffer content = BUFFER_EMPTY;
    bool has = fs_read_file(store_path(store, name), 1024 * 1024 * 1024, &content) == 0 &&
               content.size == size && (size == 0 || memcmp(content.data, data, size) == 0);
    buffer_done(&content);
    return has;
}

static int put(struct store *store, const char *local, const char *remote, bool overwrite)
{
    struct backend_put request = {.local = store_path(store, local),
                                  .remote = bytes_of_str(remote),
                                  .overwrite = overwrite,
                                  .validate = true};
    return backend_put(store->backend, &request, &store->transfer, &store->error);
}

int store_put(struct store *store, const char *local, const char *remote)
{
    return put(store, local, remote, false);
}

int store_overwrite(struct store *store, const char *local, const char *remote)
{
    return put(store, local, remote, true);
}

int store_get(struct store *store, const char *remote, const char *local)
{
    struct backend_get request = {.remote = bytes_of_str(remote),
                                  .local = store_path(store, local)};
    return backend_get(store->backend, &request, &store->transfer, &store->error);
}

int64_t store_size(struct store *store, const char *remote)
{
    struct backend_object object;
    if (backend_query(store->backend, bytes_of_str(remote), &object, NULL, &store->error) < 0)
        fail_msg("%s", store->error.text);
    return object.size;
}

static bool add_name(void *ctx, const struct backend_object *object)
{
    struct buffer *names = ctx;
    buffer_append_bytes(names, object->name);
    buffer_append_char(names, '\n');
    return true;
}

char *store_list(struct store *store, const char *prefix)
{
    struct buffer names = BUFFER_EMPTY;
    struct bytes none = {NULL, 0};
    buffer_append_str(&names, "");
    if (backend_list(store->backend, bytes_of_str(prefix), none, add_name, &names, &store->error) <
        0)
        fail_msg("%s", store->error.text);
    char *text = buffer_take(&names);
    assert_non_null(text);
    return text;
}

int store_count_files(const struct store *store)
{
    DIR *entries = opendir(store_path(store, "store"));
    assert_non_null(entries);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(entries));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(entries);
    return count;
}
