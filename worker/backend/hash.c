/* hash.c -- SHA-256 by libcrypto's EVP interface. A failure of EVP inside a digest that was begun
 * can only be our own mistake. */
#include "hash.h"

#include "base/assert.h"

#include <errno.h>
#include <openssl/evp.h>

int hash_begin(struct hash *hash)
{
    EVP_MD_CTX *state = EVP_MD_CTX_new();
    if (!state || EVP_DigestInit_ex(state, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(state);
        hash->state = NULL;
        return -ENOMEM;
    }
    hash->state = state;
    return 0;
}

void hash_add(struct hash *hash, const void *data, size_t size)
{
    MUST(EVP_DigestUpdate(hash->state, data, size) == 1);
}

void hash_end(struct hash *hash, uint8_t ret_digest[HASH_BYTES])
{
    unsigned size = 0;
    MUST(EVP_DigestFinal_ex(hash->state, ret_digest, &size) == 1 && size == HASH_BYTES);
    hash_drop(hash);
}

void hash_drop(struct hash *hash)
{
    EVP_MD_CTX_free(hash->state);
    hash->state = NULL;
}

void hash_hex(const uint8_t digest[HASH_BYTES], char ret_text[HASH_HEX_MAX])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < HASH_BYTES; i++) {
        ret_text[2 * i] = digits[digest[i] >> 4];
        ret_text[2 * i + 1] = digits[digest[i] & 15];
    }
    ret_text[2 * HASH_BYTES] = 0;
}
