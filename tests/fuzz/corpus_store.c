/* Good images, cut ones, and single changes all over: see fuzz_store.c for the format. */
#include "tests/fuzz/corpus.h"

#include <stdint.h>

enum { STEP = 509, UP_TO = 160 * 1024 }; /* bytes of the file; the log begins again at its end */

static void add(uint8_t mode, uint32_t cut, uint32_t at, uint8_t with)
{
    const uint8_t input[8] = {
        mode,        (uint8_t)cut,       (uint8_t)(cut >> 8), (uint8_t)(cut >> 16),
        (uint8_t)at, (uint8_t)(at >> 8), (uint8_t)(at >> 16), with};
    corpus_add(input, with != 0 ? 8 : 4);
}

void corpus_make(void)
{
    static const uint32_t cuts[] = {0, 1, 32, 56, 100, 4096, 5000, 8192, 65536};
    for (uint8_t mode = 0; mode < 2; mode++) {
        add(mode, 0, 0, 0);
        for (unsigned i = 0; i < sizeof cuts / sizeof *cuts; i++) {
            add((uint8_t)(mode | 2), cuts[i], 0, 0);
            add((uint8_t)(mode | 4), cuts[i], 0, 0);
        }
        for (uint32_t at = 0; at < 112; at++)
            add(mode, 0, at, (uint8_t)(1u << (at % 8)));
        for (uint32_t at = 0; at < UP_TO; at += STEP) {
            add(mode, 0, at, (uint8_t)(1u << (at % 8)));
            if (mode == 1)
                add(mode, 0, at | 1u << 23, (uint8_t)(1u << (at % 8)));
        }
    }
}
