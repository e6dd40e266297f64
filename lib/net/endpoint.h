/* Addresses as people write them: "ipc:///PATH" and "tcp://HOST:PORT". */
#ifndef NET_ENDPOINT_H
#define NET_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

enum {
    ENDPOINT_PATH_MAX = 107, /* sun_path without its NUL */
    ENDPOINT_TEXT_MAX = 300
};

struct endpoint {
    bool is_ipc;
    bool is_loopback; /* tcp: 127.0.0.0/8, [::1], localhost */
    const char *path; /* ipc: into the parsed text */
    uint32_t port;    /* tcp; 0 = any free one ("*") */
};

/* 0, or -EINVAL with a sentence in `message` (may be NULL). `text` must outlive *ret_endpoint. */
int endpoint_parse(const char *text, struct endpoint *ret_endpoint, struct buffer *message);

/* This user's private runtime directory: $XDG_RUNTIME_DIR/muster, else muster-UID under $TMPDIR or
 * /tmp; made with mode 0700, its owner checked. 0 or -errno with a sentence in `message`. */
int endpoint_runtime_dir(struct buffer *path, struct buffer *message);

/* "ipc://<runtime dir>/<name>"; names are "clients" and "workers". Errors as above. */
int endpoint_default(const char *name, struct buffer *text, struct buffer *message);

#endif
