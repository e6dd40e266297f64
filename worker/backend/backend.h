/*
 * backend.h -- stores of named objects, addressed by URL: put, get, list, delete, query.
 *
 * One file per family of schemes implements struct backend_ops; backend.c finds it, checks names,
 * and repeats operations that failed for a passing reason. Rules that every scheme obeys:
 *   the final name never shows partial data; put hashes while it reads and verifies before it
 *   publishes; the same name with the same content is success (`is_already`), with other content a
 *   refusal unless `overwrite`; deleting what is absent is success; names are [^/\0]{1,255} without
 *   a leading dot; an empty or changing source is never silently stored as something else.
 */
#ifndef MUSTER_WORKER_BACKEND_BACKEND_H
#define MUSTER_WORKER_BACKEND_BACKEND_H

#include "base/bytes.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BACKEND_NAME_MAX = 255, BACKEND_HASH_BYTES = 32, BACKEND_ERROR_TEXT_MAX = 1024 };

/* X(NAME, code, text). The codes are those of the exit statuses that callers know. */
#define BACKEND_ERROR_TABLE(X)                                                                     \
    X(GENERIC, 50, "the operation failed")                                                         \
    X(PERMISSION, 51, "permission was denied")                                                     \
    X(NOT_FOUND, 52, "it was not found")                                                           \
    X(NO_SPACE, 53, "there is no space left")                                                      \
    X(COMMAND, 54, "the helper program failed")                                                    \
    X(STATUS, 55, "the server refused it")                                                         \
    X(VALIDATION, 56, "the stored data differ from the source")

enum backend_class {
#define X(name, code, text) BACKEND_##name = (code),
    BACKEND_ERROR_TABLE(X)
#undef X
};

/* "GENERIC", "PERMISSION" …; "UNKNOWN" for a number outside the table. */
const char *backend_class_name(unsigned code);

enum backend_retry {
    BACKEND_RETRY,    /* the same may succeed soon */
    BACKEND_NO_RETRY, /* it will fail again until somebody changes something */
    BACKEND_FATAL     /* every operation on this store will fail */
};

struct backend_error {
    enum backend_class code;
    enum backend_retry retry;
    int64_t retry_after_ns;            /* the store asked for this pause; 0: it did not */
    int system_error;                  /* errno, 0: none */
    char text[BACKEND_ERROR_TEXT_MAX]; /* one sentence: what was tried on what, and why it failed */
};

struct backend_put {
    const char *local;   /* path of a regular file */
    struct bytes remote; /* name of the object */
    bool overwrite;
    bool validate;      /* read back and compare before it is published */
    bool mkdir;         /* make the store's own directory if it is missing */
    bool unlink_source; /* a move: remove `local` once the object is stored for good */
};

struct backend_get {
    struct bytes remote;
    const char *local;     /* replaced atomically */
    const uint8_t *sha256; /* what it must be; NULL: anything */
};

struct backend_transfer {
    uint64_t bytes;
    uint8_t sha256[BACKEND_HASH_BYTES];
    uint32_t tries;
    int64_t elapsed_ns; /* of the last try */
    bool is_already;    /* the object was there with this content */
    bool is_verified;   /* size and hash of what is stored were compared */
};

struct backend_object {
    struct bytes name;
    int64_t size;          /* -1: absent, -2: cannot be told */
    int64_t mtime_wall_ns; /* meaningful when size ≥ 0 */
};
enum { BACKEND_SIZE_ABSENT = -1, BACKEND_SIZE_UNKNOWN = -2 };

/* Objects in the order of their bytes; false ends the listing (that is no error). */
typedef bool backend_list_fn(void *ctx, const struct backend_object *object);

struct backend;

/* Every operation: 0, or -1 with ret_error filled. */
struct backend_ops {
    const char *const *schemes; /* "file" …, NULL-terminated */
    int (*open)(const char *url, const char *workdir, struct backend **ret_backend,
                struct backend_error *ret_error);
    void (*close)(struct backend *backend);
    int (*put)(struct backend *backend, const struct backend_put *put,
               struct backend_transfer *ret_transfer, struct backend_error *ret_error);
    int (*get)(struct backend *backend, const struct backend_get *get,
               struct backend_transfer *ret_transfer, struct backend_error *ret_error);
    int (*list)(struct backend *backend, struct bytes prefix, struct bytes after,
                backend_list_fn *each, void *ctx, struct backend_error *ret_error);
    int (*del)(struct backend *backend, struct bytes name, bool *ret_already,
               struct backend_error *ret_error);
    int (*query)(struct backend *backend, struct bytes name, struct backend_object *ret_object,
                 struct backend_error *ret_error);
    /* Makes a series of deletions durable; may be NULL. */
    int (*sync)(struct backend *backend, struct backend_error *ret_error);
};

/* How often, and how long between: full jitter in [0, min(cap, base × 2ⁿ)]. */
struct backend_policy {
    uint32_t tries_max;
    int64_t base_ns, cap_ns;
};
extern const struct backend_policy backend_policy_default; /* 5, 1 s, 30 s */

/* The head of every implementation's own struct. */
struct backend {
    const struct backend_ops *ops;
    struct backend_policy policy;
};

/* Opens the store. A relative path in the URL is below `workdir`. */
int backend_open(const char *url, const char *workdir, struct backend **ret_backend,
                 struct backend_error *ret_error);
void backend_close(struct backend *backend);

/* The operations, with the checks of names and the repetitions. `tries` of the transfer counts all
 * of them; ret_tries (may be NULL) does for the others, also on failure. */
int backend_put(struct backend *backend, const struct backend_put *put,
                struct backend_transfer *ret_transfer, struct backend_error *ret_error);
int backend_get(struct backend *backend, const struct backend_get *get,
                struct backend_transfer *ret_transfer, struct backend_error *ret_error);
int backend_list(struct backend *backend, struct bytes prefix, struct bytes after,
                 backend_list_fn *each, void *ctx, struct backend_error *ret_error);
int backend_delete(struct backend *backend, struct bytes name, bool *ret_already,
                   uint32_t *ret_tries, struct backend_error *ret_error);
int backend_query(struct backend *backend, struct bytes name, struct backend_object *ret_object,
                  uint32_t *ret_tries, struct backend_error *ret_error);
int backend_sync(struct backend *backend, struct backend_error *ret_error);

/* For implementations: fills the error and returns -1. `error` is an errno. */
int backend_fail(struct backend_error *ret_error, enum backend_class code, enum backend_retry retry,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Class and retry by the errno; the text ends with ": " and its meaning. */
int backend_fail_errno(struct backend_error *ret_error, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* [^/\0]{1,255} without a leading dot; ret_error says what is wrong. */
int backend_check_name(struct bytes name, struct backend_error *ret_error);

/* A copy without user, password and query values, for logs and records. Cut to `size`. */
const char *backend_url_redacted(const char *url, char *text, size_t size);

/* file.c */
extern const struct backend_ops backend_file_ops;

#endif
