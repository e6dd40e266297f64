/*
 * operation.c -- put, put_validated, get, list, delete, query, move: arguments in, typed result
 * out.
 *
 *   put(local, remote=basename, overwrite=false, validate=true, mkdir=false)   move: the same
 *   get(remote, local=remote, sha256=none)       list(prefix="", after="", limit=none)
 *   delete(names…)                               query(names…)
 *
 * What storing means is the backend's business; here are only the shapes. An error of a backend is
 * a failure of type BackendError with the class as its code.
 */
#include "operation.h"

#include "base/text.h"
#include "misbehave.h"
#include "value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef void operation_fn(struct operation *operation, struct backend *backend);

void operation_fail(struct operation *operation, enum reason reason, const char *type,
                    uint32_t code, const char *message)
{
    struct bytes copy = bytes_of_str("out of memory");
    if (!arena_copy(operation->arena, bytes_of_str(message), &copy))
        code = BACKEND_GENERIC;
    operation->state = STATE_FAILED;
    operation->reason = reason;
    operation->record.failure.type = bytes_of_str(type);
    operation->record.failure.message = copy;
    operation->record.failure.code = code;
}

static void fail_arguments(struct operation *operation, const char *message)
{
    operation_fail(operation, REASON_BAD_ARGUMENTS, "BadArguments", 0, message);
}

/* The trace back: what was called on which store, then what the system said. */
static void fail_backend(struct operation *operation, const struct backend_error *error)
{
    char url[256] = "", line[512];
    struct bytes *trace = arena_zalloc(operation->arena, 2, sizeof *trace);
    char *store = bytes_dup(operation->command->url);
    operation_fail(operation, REASON_FUNCTION_ERROR, "BackendError", error->code, error->text);
    if (trace && store) {
        snprintf(line, sizeof line, "%s at %s (%s, %s)", operation->function,
                 backend_url_redacted(store, url, sizeof url), backend_class_name(error->code),
                 error->retry == BACKEND_RETRY ? "tried until the last time" : "not worth a retry");
        uint32_t n = arena_copy(operation->arena, bytes_of_str(line), &trace[0]) ? 1 : 0;
        if (n == 1 && error->system_error != 0) {
            snprintf(line, sizeof line, "%s: %s", strerrorname_np(error->system_error),
                     strerror(error->system_error));
            n += arena_copy(operation->arena, bytes_of_str(line), &trace[1]) ? 1 : 0;
        }
        operation->record.failure.trace_back = trace;
        operation->record.failure.n_trace_back = n;
    }
    free(store);
}

static bool bind(struct operation *operation, const struct value_parameter *parameters)
{
    char error[VALUE_ERROR_MAX];
    if (value_bind(operation->function, parameters, operation->command, operation->arena, error) <
        0) {
        fail_arguments(operation, error);
        return false;
    }
    return true;
}

static struct value_builder build(struct operation *operation)
{
    return (struct value_builder){.arena = operation->arena};
}

static void take_result(struct operation *operation, const struct value_builder *builder)
{
    operation->record.result = builder->tokens;
    operation->record.n_result = builder->count;
}

static void succeed(struct operation *operation, const struct value_builder *builder)
{
    if (!value_is_good(builder)) {
        operation_fail(operation, REASON_FUNCTION_ERROR, "TooLarge", BACKEND_GENERIC,
                       "the result does not fit into a record");
        return;
    }
    take_result(operation, builder);
    operation->state = STATE_OK;
    operation->reason = REASON_NONE;
}

bool operation_expand(const struct operation *operation, struct bytes name, struct bytes *ret_name)
{
    char date[16], clock[16], id[24];
    time_t seconds = (time_t)(operation->now_wall_ns / MUSTER_S);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(date, sizeof date, "%Y-%m-%d", &utc);
    strftime(clock, sizeof clock, "%H%M%S", &utc);
    snprintf(id, sizeof id, "%llu", (unsigned long long)operation->track_id);
    const struct {
        const char *mark, *text;
    } known[] = {{"{host}", operation->host}, {"{date}", date}, {"{time}", clock}, {"{id}", id}};
    struct buffer expanded = BUFFER_EMPTY;
    for (size_t at = 0; at < name.size;) {
        struct bytes rest = bytes_slice(name, at, name.size);
        size_t i = 0, n = sizeof known / sizeof known[0];
        while (i < n && !bytes_starts_with(rest, bytes_of_str(known[i].mark)))
            i++;
        if (i < n)
            buffer_append_str(&expanded, known[i].text);
        else
            buffer_append_char(&expanded, (char)name.data[at]);
        at += i < n ? strlen(known[i].mark) : 1;
    }
    bool is_good =
        !expanded.failed && arena_copy(operation->arena, buffer_bytes(&expanded), ret_name);
    buffer_done(&expanded);
    return is_good;
}

static void succeed_transfer(struct operation *operation, struct bytes name,
                             const struct backend_transfer *transfer, bool is_verifiable)
{
    char hex[2 * BACKEND_HASH_BYTES + 1];
    for (size_t i = 0; i < BACKEND_HASH_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", transfer->sha256[i]);
    double seconds = (double)transfer->elapsed_ns / 1e9;
    struct value_builder builder = build(operation);
    value_map(&builder, 7);
    value_key(&builder, "name");
    value_text(&builder, name);
    value_key(&builder, "bytes");
    value_int(&builder, (int64_t)transfer->bytes);
    value_key(&builder, "sha256");
    value_text(&builder, bytes_of_str(hex));
    value_key(&builder, "tries");
    value_int(&builder, transfer->tries);
    value_key(&builder, "rate");
    value_double(&builder, seconds > 0 ? (double)transfer->bytes / seconds : 0);
    value_key(&builder, "already");
    value_bool(&builder, transfer->is_already);
    value_key(&builder, "verified");
    if (transfer->is_verified || !is_verifiable)
        value_bool(&builder, transfer->is_verified);
    else
        value_text(&builder, bytes_of_str("unverified"));
    succeed(operation, &builder);
}

static void put_or_move(struct operation *operation, struct backend *backend, bool must_validate,
                        bool is_move)
{
    struct backend_put put = {.validate = true, .unlink_source = is_move};
    struct bytes remote = {NULL, 0};
    const struct value_parameter parameters[] = {
        {"local", VALUE_PATH, true, false, &put.local},
        {"remote", VALUE_TEXT, false, false, &remote},
        {"overwrite", VALUE_BOOL, false, false, &put.overwrite},
        {"validate", VALUE_BOOL, false, false, &put.validate},
        {"mkdir", VALUE_BOOL, false, false, &put.mkdir},
        {NULL, VALUE_TEXT, false, false, NULL}};
    if (!bind(operation, parameters))
        return;
    put.validate = put.validate || must_validate;
    put.remote = remote;
    if (!remote.data) {
        put.remote = bytes_of_str(basename(put.local));
    } else if (!operation_expand(operation, remote, &put.remote)) {
        fail_arguments(operation, "out of memory");
        return;
    }
    struct backend_transfer transfer;
    struct backend_error error;
    int result = backend_put(backend, &put, &transfer, &error);
    operation->record.tries = transfer.tries;
    if (result < 0)
        fail_backend(operation, &error);
    else
        succeed_transfer(operation, put.remote, &transfer, true);
}

static void operation_put(struct operation *operation, struct backend *backend)
{
    put_or_move(operation, backend, false, false);
}

static void operation_put_validated(struct operation *operation, struct backend *backend)
{
    put_or_move(operation, backend, true, false);
}

/* The source is removed only for an object that was verified. */
static void operation_move(struct operation *operation, struct backend *backend)
{
    put_or_move(operation, backend, true, true);
}

/* 32 bytes, or 64 hexadecimal digits. */
static bool parse_hash(struct bytes text, uint8_t hash[BACKEND_HASH_BYTES])
{
    struct buffer decoded = BUFFER_EMPTY;
    bool is_good = true;
    if (text.size == BACKEND_HASH_BYTES)
        memcpy(hash, text.data, BACKEND_HASH_BYTES);
    else if (text_decode_hex(&decoded, text) == 0 && decoded.size == BACKEND_HASH_BYTES)
        memcpy(hash, decoded.data, BACKEND_HASH_BYTES);
    else
        is_good = false;
    buffer_done(&decoded);
    return is_good;
}

static void operation_get(struct operation *operation, struct backend *backend)
{
    struct backend_get get = {.local = NULL};
    struct bytes remote = {NULL, 0}, expected = {NULL, 0};
    uint8_t hash[BACKEND_HASH_BYTES];
    const struct value_parameter parameters[] = {{"remote", VALUE_TEXT, true, false, &remote},
                                                 {"local", VALUE_PATH, false, false, &get.local},
                                                 {"sha256", VALUE_TEXT, false, false, &expected},
                                                 {NULL, VALUE_TEXT, false, false, NULL}};
    if (!bind(operation, parameters))
        return;
    if (!operation_expand(operation, remote, &get.remote)) {
        fail_arguments(operation, "out of memory");
        return;
    }
    if (!get.local)
        get.local = (const char *)get.remote.data;
    if (expected.data && !parse_hash(expected, hash)) {
        fail_arguments(operation, "get: sha256 must be 64 hexadecimal digits or 32 bytes");
        return;
    }
    get.sha256 = expected.data ? hash : NULL;
    struct backend_transfer transfer;
    struct backend_error error;
    int result = backend_get(backend, &get, &transfer, &error);
    operation->record.tries = transfer.tries;
    if (result < 0)
        fail_backend(operation, &error);
    else
        succeed_transfer(operation, get.remote, &transfer, expected.data != NULL);
}

static void add_object(struct value_builder *builder, const struct backend_object *object)
{
    value_map(builder, 3);
    value_key(builder, "name");
    value_text(builder, object->name);
    value_key(builder, "size");
    if (object->size == BACKEND_SIZE_UNKNOWN)
        value_null(builder);
    else
        value_int(builder, object->size);
    value_key(builder, "mtime");
    if (object->size >= 0)
        value_double(builder, (double)object->mtime_wall_ns / 1e9);
    else
        value_null(builder);
}

struct listing {
    struct value_builder builder;
    uint64_t limit;
    uint32_t count;
};

static bool list_one(void *ctx, const struct backend_object *object)
{
    struct listing *listing = ctx;
    if (listing->count >= listing->limit)
        return false;
    add_object(&listing->builder, object);
    listing->count++;
    return value_is_good(&listing->builder);
}

static void operation_list(struct operation *operation, struct backend *backend)
{
    struct listing listing = {.builder = build(operation), .limit = UINT64_MAX};
    struct bytes prefix = {NULL, 0}, after = {NULL, 0};
    const struct value_parameter parameters[] = {
        {"prefix", VALUE_TEXT, false, false, &prefix},
        {"after", VALUE_TEXT, false, false, &after},
        {"limit", VALUE_COUNT, false, false, &listing.limit},
        {NULL, VALUE_TEXT, false, false, NULL}};
    struct backend_error error;
    if (!bind(operation, parameters))
        return;
    uint32_t head = value_list(&listing.builder, 0);
    if (backend_list(backend, prefix, after, list_one, &listing, &error) < 0) {
        fail_backend(operation, &error);
        return;
    }
    value_set_count(&listing.builder, head, listing.count);
    if (!value_is_good(&listing.builder)) {
        operation_fail(operation, REASON_FUNCTION_ERROR, "TooLarge", BACKEND_GENERIC,
                       "list: the objects do not fit into one record; list them in parts with "
                       "prefix, or with limit and after");
        return;
    }
    succeed(operation, &listing.builder);
}

static bool bind_names(struct operation *operation, struct value_texts *ret_names)
{
    const struct value_parameter parameters[] = {{"names", VALUE_TEXTS, true, true, ret_names},
                                                 {NULL, VALUE_TEXT, false, false, NULL}};
    return bind(operation, parameters);
}

static void operation_delete(struct operation *operation, struct backend *backend)
{
    struct value_texts names;
    struct value_builder builder = build(operation);
    struct backend_error error, first;
    uint32_t failed = 0, tries;
    if (!bind_names(operation, &names))
        return;
    value_list(&builder, (uint32_t)names.count);
    for (size_t i = 0; i < names.count; i++) {
        bool is_already = false;
        int result = backend_delete(backend, names.items[i], &is_already, &tries, &error);
        value_map(&builder, 3);
        value_key(&builder, "name");
        value_text(&builder, names.items[i]);
        value_key(&builder, "ok");
        value_bool(&builder, result == 0);
        value_key(&builder, result == 0 ? "already" : "error");
        if (result == 0)
            value_bool(&builder, is_already);
        else
            value_text(&builder, bytes_of_str(error.text));
        if (result < 0 && failed++ == 0)
            first = error;
        if (tries > operation->record.tries)
            operation->record.tries = tries;
    }
    if (failed == 0 && backend_sync(backend, &error) < 0) {
        fail_backend(operation, &error);
    } else if (failed == 0) {
        succeed(operation, &builder);
    } else {
        char text[BACKEND_ERROR_TEXT_MAX];
        snprintf(text, sizeof text, "%u of %zu could not be deleted: %.900s", failed, names.count,
                 first.text);
        memcpy(first.text, text, sizeof text);
        fail_backend(operation, &first);
        if (value_is_good(&builder))
            take_result(operation, &builder);
    }
}

static void operation_query(struct operation *operation, struct backend *backend)
{
    struct value_texts names;
    struct value_builder builder = build(operation);
    struct backend_error error;
    uint32_t tries;
    if (!bind_names(operation, &names))
        return;
    value_list(&builder, (uint32_t)names.count);
    for (size_t i = 0; i < names.count; i++) {
        struct backend_object object;
        int result = backend_query(backend, names.items[i], &object, &tries, &error);
        if (tries > operation->record.tries)
            operation->record.tries = tries;
        if (result < 0) {
            fail_backend(operation, &error);
            return;
        }
        add_object(&builder, &object);
    }
    succeed(operation, &builder);
}

static const struct {
    const char *name;
    operation_fn *run;
} table[] = {
#define X(name) {#name, operation_##name},
    OPERATION_TABLE(X)
#undef X
};

/* The store of the command's URL: the one of the last command when it is the same. */
static bool open_backend(struct operation *operation)
{
    char *url = bytes_dup(operation->command->url);
    struct backend_error error;
    if (!url || url[0] == 0 || !bytes_is_text(operation->command->url)) {
        fail_arguments(operation, url && url[0] == 0
                                      ? "there is no URL: which store is meant? (--url)"
                                      : "the URL contains a NUL byte");
        free(url);
        return false;
    }
    if (*operation->backend_url && strcmp(*operation->backend_url, url) == 0) {
        free(url);
        return true;
    }
    backend_close(*operation->backend);
    *operation->backend = NULL;
    free(*operation->backend_url);
    *operation->backend_url = NULL;
    if (backend_open(url, operation->workdir, operation->backend, &error) < 0) {
        fail_backend(operation, &error);
        free(url);
        return false;
    }
    *operation->backend_url = url;
    return true;
}

void operation_run(struct operation *operation)
{
    operation->record = (struct wire_record_body){.tries = 1};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].name, operation->function) == 0) {
            if (open_backend(operation))
                table[i].run(operation, *operation->backend);
            return;
        }
    }
    if (misbehave_run(operation))
        return;
    char text[512];
    snprintf(text, sizeof text, "this worker has no function %s", operation->function);
    operation_fail(operation, REASON_UNKNOWN_FUNCTION, "UnknownFunction", 0, text);
}
