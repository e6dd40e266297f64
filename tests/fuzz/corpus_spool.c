/* Logs as a worker writes them, whole, cut, and with foreign bytes: see fuzz_spool.c. */
#include "tests/fuzz/corpus.h"

#include <stdint.h>
#include <string.h>

#include "worker/spool_log.h"

static void put(struct buffer *input, uint8_t kind, const void *data, size_t size)
{
    uint8_t head[3] = {kind, (uint8_t)size, (uint8_t)(size >> 8)};
    buffer_append(input, head, sizeof head);
    buffer_append(input, data, size);
}

/* The payload of the one entry in the buffer. */
static void put_entry(struct buffer *input, const struct buffer *entry)
{
    enum { BEFORE = SPOOL_PREFIX_BYTES + 1 };
    put(input, entry->data[SPOOL_PREFIX_BYTES], entry->data + BEFORE, entry->size - BEFORE);
}

void corpus_make(void)
{
    struct agent_id ids[3] = {{.pool = 1, .attempt = 1, .epoch = 1, .track_id = 7},
                              {.pool = 1, .attempt = 2, .epoch = 1, .track_id = 8},
                              {.pool = 2, .attempt = 1, .epoch = 3, .track_id = 1u << 31}};
    struct wire_record_head record = {.pool = 1,
                                      .attempt = 1,
                                      .epoch = 1,
                                      .track_id = 7,
                                      .state = STATE_OK,
                                      .run_ns = 12345,
                                      .body = bytes_of_str("a body")};
    struct buffer started = BUFFER_EMPTY, ended = BUFFER_EMPTY, forgotten = BUFFER_EMPTY;
    struct buffer input = BUFFER_EMPTY;
    spool_log_add_ids(&started, SPOOL_STARTED, ids, 3);
    spool_log_add_record(&ended, &record);
    spool_log_add_ids(&forgotten, SPOOL_FORGET, ids, 2);
    put_entry(&input, &started);
    corpus_add(input.data, input.size);
    put_entry(&input, &ended);
    corpus_add(input.data, input.size);
    put_entry(&input, &forgotten);
    corpus_add(input.data, input.size);
    corpus_add(input.data, input.size - 5);
    put(&input, 0x80, ended.data, ended.size / 2);
    corpus_add(input.data, input.size);
    buffer_reset(&input);
    put(&input, 0x80, ended.data, ended.size);
    put(&input, 9, "unknown", 7);
    corpus_add(input.data, input.size);
    corpus_add("", 0);
    buffer_done(&started);
    buffer_done(&ended);
    buffer_done(&forgotten);
    buffer_done(&input);
}
