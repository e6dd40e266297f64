/* SHA-256 of a stream. */
#ifndef MUSTER_WORKER_BACKEND_HASH_H
#define MUSTER_WORKER_BACKEND_HASH_H

#include <stddef.h>
#include <stdint.h>

enum { HASH_BYTES = 32, HASH_HEX_MAX = 2 * HASH_BYTES + 1 };

struct hash {
    void *state; /* owned */
};

/* 0 or -ENOMEM. */
int hash_begin(struct hash *hash);
void hash_add(struct hash *hash, const void *data, size_t size);
/* Gives the digest and frees the state. */
void hash_end(struct hash *hash, uint8_t ret_digest[HASH_BYTES]);
/* Frees the state without a digest; harmless after hash_end. */
void hash_drop(struct hash *hash);

void hash_hex(const uint8_t digest[HASH_BYTES], char ret_text[HASH_HEX_MAX]);

#endif
