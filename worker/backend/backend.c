/*
 * backend.c -- what all schemes share: the registry, names, error classes, repetition.
 *
 * An operation is repeated only when its error says that it may succeed soon; the pauses grow
 * exponentially with full jitter. It knows no scheme.
 */
#include "backend.h"

#include "base/rand.h"
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct backend_ops *const registry[] = {&backend_file_ops};

const struct backend_policy backend_policy_default = {
    .tries_max = 5, .base_ns = 1 * MUSTER_S, .cap_ns = 30 * MUSTER_S};

const char *backend_class_name(unsigned code)
{
    switch (code) {
#define X(name, number, text)                                                                      \
    case number:                                                                                   \
        return #name;
        BACKEND_ERROR_TABLE(X)
#undef X
    default:
        return "UNKNOWN";
    }
}

int backend_fail(struct backend_error *ret_error, enum backend_class code, enum backend_retry retry,
                 const char *format, ...)
{
    *ret_error = (struct backend_error){.code = code, .retry = retry};
    va_list args;
    va_start(args, format);
    vsnprintf(ret_error->text, sizeof ret_error->text, format, args);
    va_end(args);
    return -1;
}

static const struct {
    int error;
    enum backend_class code;
    enum backend_retry retry;
} errno_table[] = {
    {EACCES, BACKEND_PERMISSION, BACKEND_NO_RETRY}, {EPERM, BACKEND_PERMISSION, BACKEND_NO_RETRY},
    {EROFS, BACKEND_PERMISSION, BACKEND_NO_RETRY},  {ENOENT, BACKEND_NOT_FOUND, BACKEND_NO_RETRY},
    {ENOTDIR, BACKEND_NOT_FOUND, BACKEND_NO_RETRY}, {ENOSPC, BACKEND_NO_SPACE, BACKEND_NO_RETRY},
    {EDQUOT, BACKEND_NO_SPACE, BACKEND_NO_RETRY},   {EFBIG, BACKEND_NO_SPACE, BACKEND_NO_RETRY},
    {EIO, BACKEND_GENERIC, BACKEND_RETRY},          {EAGAIN, BACKEND_GENERIC, BACKEND_RETRY},
    {ESTALE, BACKEND_GENERIC, BACKEND_RETRY},       {ETIMEDOUT, BACKEND_GENERIC, BACKEND_RETRY},
    {EINTR, BACKEND_GENERIC, BACKEND_RETRY},        {EBUSY, BACKEND_GENERIC, BACKEND_RETRY},
    {ENOMEM, BACKEND_GENERIC, BACKEND_RETRY},       {ENOBUFS, BACKEND_GENERIC, BACKEND_RETRY},
    {EMFILE, BACKEND_GENERIC, BACKEND_RETRY},       {ENFILE, BACKEND_GENERIC, BACKEND_RETRY},
};

int backend_fail_errno(struct backend_error *ret_error, int error, const char *format, ...)
{
    *ret_error = (struct backend_error){
        .code = BACKEND_GENERIC, .retry = BACKEND_NO_RETRY, .system_error = error};
    for (size_t i = 0; i < sizeof errno_table / sizeof errno_table[0]; i++) {
        if (errno_table[i].error == error) {
            ret_error->code = errno_table[i].code;
            ret_error->retry = errno_table[i].retry;
        }
    }
    va_list args;
    va_start(args, format);
    int size = vsnprintf(ret_error->text, sizeof ret_error->text, format, args);
    va_end(args);
    if (size >= 0 && (size_t)size < sizeof ret_error->text)
        snprintf(ret_error->text + size, sizeof ret_error->text - (size_t)size, ": %s",
                 strerror(error));
    return -1;
}

int backend_check_name(struct bytes name, struct backend_error *ret_error)
{
    const char *what = NULL;
    if (name.size == 0)
        what = "is empty";
    else if (name.size > BACKEND_NAME_MAX)
        what = "is longer than 255 bytes";
    else if (name.data[0] == '.')
        what = "begins with a dot";
    else if (bytes_find(name, '/') >= 0)
        what = "contains a slash";
    else if (bytes_find(name, 0) >= 0)
        what = "contains a NUL byte";
    if (!what)
        return 0;
    struct buffer quoted = BUFFER_EMPTY;
    text_append_quoted(&quoted, name, 300);
    backend_fail(ret_error, BACKEND_GENERIC, BACKEND_NO_RETRY, "the name %s %s",
                 buffer_str(&quoted), what);
    buffer_done(&quoted);
    return -1;
}

/* A scheme as in RFC 3986, its colon included; 0 when there is none. */
static size_t scheme_size(const char *url)
{
    size_t size = strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
    return url[size] == ':' && size > 0 ? size : 0;
}

const char *backend_url_redacted(const char *url, char *text, size_t size)
{
    size_t scheme = scheme_size(url);
    const char *rest = scheme ? url + scheme + 1 : url;
    const char *authority = strncmp(rest, "//", 2) == 0 ? rest + 2 : NULL;
    int shown = 0;
    if (authority) {
        const char *host = authority;
        size_t end = strcspn(authority, "/?#");
        for (size_t i = 0; i < end; i++) {
            if (authority[i] == '@')
                host = authority + i + 1;
        }
        shown =
            snprintf(text, size, "%.*s//%s", (int)(rest - url), url, host == authority ? "" : "…@");
        rest = host;
    } else {
        shown = snprintf(text, size, "%.*s", (int)(rest - url), url);
    }
    size_t plain = strcspn(rest, "?");
    if (shown >= 0 && (size_t)shown < size)
        snprintf(text + shown, size - (size_t)shown, "%.*s%s", (int)plain, rest,
                 rest[plain] ? "?…" : "");
    return text;
}

static const struct backend_ops *find(const char *scheme, size_t size)
{
    for (size_t i = 0; i < sizeof registry / sizeof registry[0]; i++) {
        for (const char *const *known = registry[i]->schemes; *known; known++) {
            if (strlen(*known) == size && strncasecmp(*known, scheme, size) == 0)
                return registry[i];
        }
    }
    return NULL;
}

int backend_open(const char *url, const char *workdir, struct backend **ret_backend,
                 struct backend_error *ret_error)
{
    char shown[256];
    size_t scheme = scheme_size(url);
    if (scheme == 0)
        return backend_fail(ret_error, BACKEND_GENERIC, BACKEND_FATAL,
                            "\"%s\" is not a URL: it does not begin with a scheme such as file:",
                            backend_url_redacted(url, shown, sizeof shown));
    const struct backend_ops *ops = find(url, scheme);
    if (!ops)
        return backend_fail(ret_error, BACKEND_GENERIC, BACKEND_FATAL,
                            "%s: this worker has no backend for %.*s: URLs",
                            backend_url_redacted(url, shown, sizeof shown), (int)scheme, url);
    int result = ops->open(url, workdir, ret_backend, ret_error);
    if (result == 0) {
        (*ret_backend)->ops = ops;
        (*ret_backend)->policy = backend_policy_default;
    }
    return result;
}

void backend_close(struct backend *backend)
{
    if (backend)
        backend->ops->close(backend);
}

/* ---- repetition ---- */

struct repetition {
    const struct backend_policy *policy;
    struct rand rand;
    uint32_t tries;
};

static struct repetition begin(const struct backend *backend)
{
    struct repetition repetition = {.policy = &backend->policy, .tries = 1};
    uint64_t seed;
    rand_os(&seed, sizeof seed);
    rand_seed(&repetition.rand, seed);
    return repetition;
}

static void pause_ns(int64_t ns)
{
    struct timespec left = {.tv_sec = ns / MUSTER_S, .tv_nsec = ns % MUSTER_S};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        continue;
}

/* After a failure: true, after a pause, when it is to be tried again. */
static bool again(struct repetition *repetition, const struct backend_error *error)
{
    if (error->retry != BACKEND_RETRY || repetition->tries >= repetition->policy->tries_max)
        return false;
    int64_t most = repetition->policy->base_ns;
    for (uint32_t i = 1; i < repetition->tries && most < repetition->policy->cap_ns; i++)
        most *= 2;
    if (most > repetition->policy->cap_ns)
        most = repetition->policy->cap_ns;
    int64_t pause = rand_between(&repetition->rand, 0, most);
    pause_ns(pause > error->retry_after_ns ? pause : error->retry_after_ns);
    repetition->tries++;
    return true;
}

/* The second half of a move. */
static int unlink_source(const char *local, const struct stat *before,
                         struct backend_error *ret_error)
{
    struct stat now;
    if (lstat(local, &now) < 0 || now.st_ino != before->st_ino || now.st_dev != before->st_dev ||
        now.st_size != before->st_size || now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != before->st_mtim.tv_nsec)
        return backend_fail(ret_error, BACKEND_GENERIC, BACKEND_NO_RETRY,
                            "the object was stored, but the source %s is not the file any more "
                            "that was read; it was left alone",
                            local);
    if (unlink(local) < 0)
        return backend_fail_errno(
            ret_error, errno, "the object was stored, but the source %s cannot be removed", local);
    return 0;
}

int backend_put(struct backend *backend, const struct backend_put *put,
                struct backend_transfer *ret_transfer, struct backend_error *ret_error)
{
    struct repetition repetition = begin(backend);
    struct stat before = {.st_ino = 0};
    int result = backend_check_name(put->remote, ret_error);
    *ret_transfer = (struct backend_transfer){.tries = result < 0 ? 0 : 1};
    if (result < 0)
        return result;
    /* A link is not followed: what it points to is not ours to remove. */
    if (put->unlink_source && lstat(put->local, &before) == 0 && !S_ISREG(before.st_mode))
        return backend_fail(ret_error, BACKEND_GENERIC, BACKEND_NO_RETRY,
                            "%s is not a regular file: it cannot be moved", put->local);
    do {
        muster_time started = time_boot_ns();
        result = backend->ops->put(backend, put, ret_transfer, ret_error);
        ret_transfer->elapsed_ns = time_boot_ns() - started;
        ret_transfer->tries = repetition.tries;
    } while (result < 0 && again(&repetition, ret_error));
    if (result == 0 && put->unlink_source)
        result = unlink_source(put->local, &before, ret_error);
    return result;
}

int backend_get(struct backend *backend, const struct backend_get *get,
                struct backend_transfer *ret_transfer, struct backend_error *ret_error)
{
    struct repetition repetition = begin(backend);
    int result = backend_check_name(get->remote, ret_error);
    *ret_transfer = (struct backend_transfer){.tries = result < 0 ? 0 : 1};
    if (result < 0)
        return result;
    do {
        muster_time started = time_boot_ns();
        result = backend->ops->get(backend, get, ret_transfer, ret_error);
        ret_transfer->elapsed_ns = time_boot_ns() - started;
        ret_transfer->tries = repetition.tries;
    } while (result < 0 && again(&repetition, ret_error));
    return result;
}

/* A listing that was already given to the caller in part is not begun again. */
struct listing {
    backend_list_fn *each;
    void *ctx;
    bool has_begun;
};

static bool pass_on(void *ctx, const struct backend_object *object)
{
    struct listing *listing = ctx;
    listing->has_begun = true;
    return listing->each(listing->ctx, object);
}

int backend_list(struct backend *backend, struct bytes prefix, struct bytes after,
                 backend_list_fn *each, void *ctx, struct backend_error *ret_error)
{
    struct repetition repetition = begin(backend);
    struct listing listing = {.each = each, .ctx = ctx, .has_begun = false};
    int result;
    do {
        result = backend->ops->list(backend, prefix, after, pass_on, &listing, ret_error);
    } while (result < 0 && !listing.has_begun && again(&repetition, ret_error));
    return result;
}

int backend_delete(struct backend *backend, struct bytes name, bool *ret_already,
                   uint32_t *ret_tries, struct backend_error *ret_error)
{
    struct repetition repetition = begin(backend);
    int result = backend_check_name(name, ret_error);
    if (result == 0) {
        do {
            result = backend->ops->del(backend, name, ret_already, ret_error);
        } while (result < 0 && again(&repetition, ret_error));
    }
    if (ret_tries)
        *ret_tries = repetition.tries;
    return result;
}

int backend_query(struct backend *backend, struct bytes name, struct backend_object *ret_object,
                  uint32_t *ret_tries, struct backend_error *ret_error)
{
    struct repetition repetition = begin(backend);
    int result = backend_check_name(name, ret_error);
    if (result == 0) {
        do {
            result = backend->ops->query(backend, name, ret_object, ret_error);
        } while (result < 0 && again(&repetition, ret_error));
    }
    if (ret_tries)
        *ret_tries = repetition.tries;
    return result;
}

int backend_sync(struct backend *backend, struct backend_error *ret_error)
{
    return backend->ops->sync ? backend->ops->sync(backend, ret_error) : 0;
}
