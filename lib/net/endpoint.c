/*
 * endpoint.c -- parses endpoints and knows where this user's own are.
 *
 * It decides nothing about who may connect: that is the directory's mode for ipc, and
 * certificates for tcp.
 */
#include "net/endpoint.h"

#include "base/fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int refuse(struct buffer *message, const char *text, const char *what)
{
    if (message != NULL)
        buffer_printf(message, "%s: %s", text, what);
    return -EINVAL;
}

static int parse_port(const char *text, uint32_t *ret_port)
{
    if (strcmp(text, "*") == 0) {
        *ret_port = 0;
        return 0;
    }
    uint32_t port = 0;
    if (*text == '\0' || strlen(text) > 5)
        return -EINVAL;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return -EINVAL;
        port = port * 10 + (uint32_t)(*text - '0');
    }
    if (port == 0 || port > 65535)
        return -EINVAL;
    *ret_port = port;
    return 0;
}

int endpoint_parse(const char *text, struct endpoint *ret_endpoint, struct buffer *message)
{
    struct endpoint endpoint = {0};
    if (strncmp(text, "ipc://", 6) == 0) {
        endpoint.is_ipc = true;
        endpoint.path = text + 6;
        if (endpoint.path[0] == '\0')
            return refuse(message, text,
                          "the path is missing: ipc:///run/user/1000/muster/clients");
        if (strlen(endpoint.path) > ENDPOINT_PATH_MAX)
            return refuse(message, text,
                          "the path is longer than the 107 bytes that a local socket can have; use "
                          "a shorter directory");
        *ret_endpoint = endpoint;
        return 0;
    }
    if (strncmp(text, "tcp://", 6) != 0)
        return refuse(message, text, "an address is ipc://PATH or tcp://HOST:PORT");
    const char *host = text + 6, *colon = strrchr(host, ':');
    if (colon == NULL || colon == host || parse_port(colon + 1, &endpoint.port) < 0)
        return refuse(message, text,
                      "an address on the network is tcp://HOST:PORT with a port from 1 to 65535");
    size_t size = (size_t)(colon - host);
    endpoint.is_loopback =
        (size == 9 && strncmp(host, "localhost", 9) == 0) ||
        (size == 5 && strncmp(host, "[::1]", 5) == 0) ||
        (size >= 7 && strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == size);
    *ret_endpoint = endpoint;
    return 0;
}

int endpoint_runtime_dir(struct buffer *path, struct buffer *message)
{
    const char *xdg = getenv("XDG_RUNTIME_DIR"), *tmp = getenv("TMPDIR");
    if (xdg != NULL && xdg[0] == '/')
        buffer_printf(path, "%s/muster", xdg);
    else
        buffer_printf(path, "%s/muster-%u", tmp != NULL && tmp[0] == '/' ? tmp : "/tmp",
                      (unsigned)geteuid());
    int r = fs_mkdir_private(buffer_str(path));
    if (r < 0 && message != NULL) {
        if (r == -EPERM)
            buffer_printf(message,
                          "%s must be a directory of yours that nobody else can enter (mode 0700)",
                          buffer_str(path));
        else
            buffer_printf(message, "cannot make the directory %s: %s", buffer_str(path),
                          strerror(-r));
    }
    return r;
}

int endpoint_default(const char *name, struct buffer *text, struct buffer *message)
{
    struct buffer dir = BUFFER_EMPTY;
    int r = endpoint_runtime_dir(&dir, message);
    if (r == 0)
        r = buffer_printf(text, "ipc://%s/%s", buffer_str(&dir), name);
    buffer_done(&dir);
    return r;
}
