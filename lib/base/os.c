/* Randomness from the kernel, apart from the repeatable generator of rand.c. */
#include <errno.h>
#include <sys/random.h>

#include "base/assert.h"
#include "base/rand.h"

void rand_os(void *data, size_t size)
{
    unsigned char *at = data;
    while (size > 0) {
        ssize_t n = getrandom(at, size, 0);
        if (n < 0) {
            MUST(errno == EINTR);
            continue;
        }
        at += n;
        size -= (size_t)n;
    }
}
