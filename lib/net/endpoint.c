/* Parses endpoints and knows where this user's own are.
 *
 * Not here: who may connect. For ipc the directory's mode decides that, for tcp certificates. */
#include "net/endpoint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fs.h"
#include "base/text.h"

static int refuse(struct buffer *message, const char *text, const char *what)
{
    if (message != NULL) {
        text_append_quoted(message, bytes_of_str(text), ENDPOINT_TEXT_MAX);
        buffer_printf(message, ": %s", what);
    }
    return -EINVAL;
}

static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text == 0x7f) {
            return false;
        }
    }
    return true;
}

static int parse_port(const char *text, uint32_t *ret_port)
{
    uint64_t port = 0;
    if (strcmp(text, "*") != 0 && text_parse_u64(text, 1, UINT16_MAX, &port) < 0) {
        return -EINVAL;
    }
    *ret_port = (uint32_t)port;
    return 0;
}

/* "127.x", "[::1]" or "localhost": what no other machine can reach. */
static bool is_loopback_host(const char *host, size_t size)
{
    return (size == 9 && memcmp(host, "localhost", 9) == 0) ||
           (size == 5 && memcmp(host, "[::1]", 5) == 0) ||
           (size >= 7 && memcmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == size);
}

/* An IPv6 address is in brackets; nothing else contains a colon. */
static bool is_host(const char *host, size_t size)
{
    bool bracketed = size > 2 && host[0] == '[' && host[size - 1] == ']';
    return bracketed || (size > 0 && size <= 255 && memchr(host, ':', size) == NULL &&
                         memchr(host, '[', size) == NULL);
}

static int parse_ipc(const char *text, struct endpoint *ret_endpoint, struct buffer *message)
{
    const char *path = text + strlen("ipc://");
    if (path[0] != '/') {
        return refuse(message, text, "an ipc address has an absolute path: ipc:///DIRECTORY/NAME");
    }
    if (path[strlen(path) - 1] == '/') {
        return refuse(message, text, "the path ends with a slash: a file in a directory is meant");
    }
    if (strlen(path) > ENDPOINT_PATH_MAX) {
        return refuse(message, text,
                      "the path is longer than the 107 bytes that a local socket can have: "
                      "use a shorter directory");
    }
    *ret_endpoint = (struct endpoint){.is_ipc = true, .path = path};
    return 0;
}

static int parse_tcp(const char *text, struct endpoint *ret_endpoint, struct buffer *message)
{
    const char *host = text + strlen("tcp://");
    const char *colon = strrchr(host, ':');
    size_t size = colon != NULL ? (size_t)(colon - host) : 0;
    struct endpoint endpoint = {0};
    if (!is_host(host, size) || parse_port(colon + 1, &endpoint.port) < 0) {
        return refuse(message, text,
                      "an address on the network is tcp://HOST:PORT with a port from 1 to 65535 "
                      "and IPv6 addresses in brackets");
    }
    endpoint.is_loopback = is_loopback_host(host, size);
    *ret_endpoint = endpoint;
    return 0;
}

int endpoint_parse(const char *text, struct endpoint *ret_endpoint, struct buffer *message)
{
    if (!is_printable(text) || strlen(text) > ENDPOINT_TEXT_MAX) {
        return refuse(message, text,
                      "an address is at most 300 bytes long, without blanks or control characters");
    }
    if (strncmp(text, "ipc://", 6) == 0) {
        return parse_ipc(text, ret_endpoint, message);
    }
    if (strncmp(text, "tcp://", 6) == 0) {
        return parse_tcp(text, ret_endpoint, message);
    }
    return refuse(message, text, "an address is ipc:///PATH or tcp://HOST:PORT");
}

int endpoint_runtime_dir(struct buffer *path, struct buffer *message)
{
    const char *xdg = getenv("XDG_RUNTIME_DIR");
    const char *tmp = getenv("TMPDIR");
    int result;
    if (xdg != NULL && xdg[0] == '/') {
        result = buffer_printf(path, "%s/muster", xdg);
    } else {
        result = buffer_printf(path, "%s/muster-%u", tmp != NULL && tmp[0] == '/' ? tmp : "/tmp",
                               (unsigned)geteuid());
    }
    if (result == 0) {
        result = fs_mkdir_private(buffer_str(path));
    }
    if (result == 0 || message == NULL) {
        return result;
    }
    if (result == -EPERM || result == -ENOTDIR) {
        buffer_printf(message,
                      "%s must be a directory of yours that nobody else can enter "
                      "(mode 0700): remove it, or set XDG_RUNTIME_DIR",
                      buffer_str(path));
    } else {
        buffer_printf(message, "cannot make the directory %s: %s: set XDG_RUNTIME_DIR or TMPDIR",
                      buffer_str(path), strerror(-result));
    }
    return result;
}

int endpoint_default(const char *name, struct buffer *text, struct buffer *message)
{
    struct buffer dir = BUFFER_EMPTY;
    int result = endpoint_runtime_dir(&dir, message);
    if (result == 0) {
        result = buffer_printf(text, "ipc://%s/%s", buffer_str(&dir), name);
    }
    buffer_done(&dir);
    return result;
}
