/* One full and some partial frames of every message, and bodies alone. */
#include "tests/fuzz/corpus.h"

#include <stdlib.h>

#include "base/assert.h"
#include "tests/unit/proto/fill.h"

enum { SEEDS = 4 };

static void add_bodies(struct fill *fill)
{
    struct wire_command_body command;
    struct wire_record_body record;
    fill_command_body(fill, &command);
    fill_record_body(fill, &record);
    size_t command_size = wire_command_body_size(&command);
    size_t record_size = wire_record_body_size(&record);
    uint8_t *packed = malloc(command_size + record_size + 1);
    MUST(packed != NULL);
    wire_command_body_encode(&command, packed, command_size);
    corpus_add(packed, command_size);
    wire_record_body_encode(&record, packed, record_size);
    corpus_add(packed, record_size);
    free(packed);
}

void corpus_make(void)
{
    struct arena arena;
    arena_init(&arena, 64 * 1024 * 1024);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct fill fill = {.arena = &arena, .all = seed == 0};
        rand_seed(&fill.rand, seed);
        for (const unsigned *type = fill_types; *type != 0; type++) {
            struct wire_message message;
            size_t size;
            fill_message(&fill, *type, &message);
            uint8_t *frame = fill_frame(&message, &size);
            corpus_add(frame, size);
            free(frame);
        }
        add_bodies(&fill);
        arena_reset(&arena);
    }
    arena_done(&arena);
}
