/* What the codec costs: one line per message, for one item and for a hundred.
 *
 *     bench_wire [ROUNDS]
 *
 * Commands have one STRING argument of 100 bytes, results too. "encode" is wire_encoded_size and
 * wire_encode, "decode" is wire_decode into an arena, every rule and every value of the bodies
 * included. The best of ROUNDS (default 9) counts: the machine is noisy, the code is not. The last
 * lines compare a body of ten numbers with protobuf-c's own unpacker. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "proto/wire.h"
#include "proto/wire_layout.h"

enum { ITEMS = 100, BODY = 100, ROUND_NS = 20 * 1000 * 1000 };

static unsigned rounds = 9;
static uint8_t text[BODY];
static uint8_t command_body[256];
static uint8_t record_body[256];

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* other processes do not count */
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

struct work {
    const struct wire_message *message;
    uint8_t *frame;
    size_t size;
    struct arena arena;
    struct bytes body;
};

static void encode(struct work *work)
{
    wire_encode(work->message, work->frame, wire_encoded_size(work->message));
}

static void decode(struct work *work)
{
    struct wire_message message;
    struct wire_error error;
    arena_reset(&work->arena);
    MUST(wire_decode(work->frame, work->size, &work->arena, &message, &error) == 0);
}

static void decode_body(struct work *work)
{
    struct wire_command_body body;
    struct wire_error error;
    arena_reset(&work->arena);
    MUST(wire_command_body_decode(work->body, &work->arena, &body, &error) == 0);
}

static void decode_body_protobuf(struct work *work)
{
    ProtobufCMessage *body = protobuf_c_message_unpack(wire_layout_command_body.schema, NULL,
                                                       work->body.size, work->body.data);
    MUST(body != NULL);
    protobuf_c_message_free_unpacked(body, NULL);
}

/* Nanoseconds of one call, the best of all rounds. */
static double measure(void (*call)(struct work *), struct work *work)
{
    double best = 0;
    for (unsigned round = 0; round < rounds; round++) {
        double begin = now_ns();
        double end = begin;
        unsigned calls = 0;
        while (end - begin < ROUND_NS) {
            for (unsigned i = 0; i < 64; i++) {
                call(work);
            }
            calls += 64;
            end = now_ns();
        }
        double each = (end - begin) / calls;
        best = round == 0 || each < best ? each : best;
    }
    return best;
}

static void show(const struct wire_message *message, unsigned items)
{
    struct work work = {.message = message, .size = wire_encoded_size(message)};
    work.frame = malloc(work.size);
    MUST(work.frame != NULL);
    arena_init(&work.arena, WIRE_DECODE_MEMORY_MAX);
    double encode_ns = measure(encode, &work);
    double decode_ns = measure(decode, &work);
    printf("%-10s %4u items %6zu bytes  encode %7.1f ns an item  decode %7.1f ns an item\n",
           wire_type_name(message->type), items, work.size, encode_ns / items, decode_ns / items);
    arena_done(&work.arena);
    free(work.frame);
}

static size_t pack_bodies(size_t *ret_record_size)
{
    struct wire_value value = {.kind = WIRE_VALUE_STRING, .data = bytes_of(text, sizeof text)};
    struct wire_command_body command = {.args = &value, .n_args = 1};
    struct wire_record_body record = {.result = &value,
                                      .n_result = 1,
                                      .utime_ns = 12345,
                                      .stime_ns = 3444,
                                      .maxrss_bytes = 1 << 20};
    size_t size = wire_command_body_size(&command);
    *ret_record_size = wire_record_body_size(&record);
    MUST(size <= sizeof command_body && *ret_record_size <= sizeof record_body);
    wire_command_body_encode(&command, command_body, size);
    wire_record_body_encode(&record, record_body, *ret_record_size);
    return size;
}

static void show_submit(struct bytes body)
{
    static struct wire_submission submissions[ITEMS];
    for (unsigned i = 0; i < ITEMS; i++) {
        submissions[i] = (struct wire_submission){.function = bytes_of_str("echo"), .body = body};
    }
    for (uint32_t n = 1; n <= ITEMS; n *= ITEMS) {
        struct wire_message message = {.type = WIRE_SUBMIT};
        message.as.submit = (struct wire_submit){.request = 700,
                                                 .sequence = 700,
                                                 .answered_to = 600,
                                                 .submissions = submissions,
                                                 .n_submissions = n};
        show(&message, n);
    }
}

static void show_commands(struct bytes body)
{
    static struct wire_hand_out commands[ITEMS];
    for (unsigned i = 0; i < ITEMS; i++) {
        commands[i] = (struct wire_hand_out){.pool = 1,
                                             .track_id = 100000 + i,
                                             .attempt = 1,
                                             .epoch = 3,
                                             .function = bytes_of_str("echo"),
                                             .body = body,
                                             .pool_name = bytes_of_str("default")};
    }
    for (uint32_t n = 1; n <= ITEMS; n *= ITEMS) {
        struct wire_message message = {.type = WIRE_COMMANDS};
        message.as.commands = (struct wire_commands){.commands = commands, .n_commands = n};
        show(&message, n);
    }
}

static void show_report(struct bytes body)
{
    static struct wire_record_head records[ITEMS];
    static struct wire_verdict verdicts[ITEMS];
    for (unsigned i = 0; i < ITEMS; i++) {
        records[i] = (struct wire_record_head){.pool = 1,
                                               .track_id = 100000 + i,
                                               .attempt = 1,
                                               .epoch = 3,
                                               .state = 4,
                                               .start_wall_ns = 1700000000000000000,
                                               .run_ns = 20000,
                                               .slot = 2,
                                               .pid = 31337,
                                               .body = body};
        verdicts[i] = (struct wire_verdict){
            .pool = 1, .track_id = 100000 + i, .attempt = 1, .epoch = 3, .pos = 99999 + i};
    }
    for (uint32_t n = 1; n <= ITEMS; n *= ITEMS) {
        struct wire_message message = {.type = WIRE_REPORT};
        message.as.report = (struct wire_report){.records = records, .n_records = n};
        show(&message, n);
    }
    for (uint32_t n = 1; n <= ITEMS; n *= ITEMS) {
        struct wire_message message = {.type = WIRE_RECORDED};
        message.as.recorded = (struct wire_recorded){.verdicts = verdicts, .n_verdicts = n};
        show(&message, n);
    }
}

static void show_records(struct bytes body)
{
    static struct wire_row rows[ITEMS];
    for (unsigned i = 0; i < ITEMS; i++) {
        rows[i] = (struct wire_row){.pos = 99999 + i,
                                    .track_id = 100000 + i,
                                    .attempt = 1,
                                    .state = 4,
                                    .submitted_wall_ns = 1700000000000000000,
                                    .start_wall_ns = 1700000000000000000,
                                    .run_ns = 20000,
                                    .waited_ns = 33333,
                                    .slot = 2,
                                    .pid = 31337,
                                    .host = bytes_of_str("db1"),
                                    .worker = bytes_of_str("db1-7c3e"),
                                    .function = bytes_of_str("echo"),
                                    .skew_ns = -1212,
                                    .crc = 0xdeadbeef,
                                    .body = body};
    }
    for (uint32_t n = 1; n <= ITEMS; n *= ITEMS) {
        struct wire_message message = {.type = WIRE_RECORDS};
        message.as.records = (struct wire_records){
            .request = 800, .rows = rows, .n_rows = n, .next = 200000, .head = 200000};
        show(&message, n);
    }
}

static void show_numbers(void)
{
    struct wire_value values[10];
    uint8_t packed[256];
    for (int i = 0; i < 10; i++) {
        values[i] = (struct wire_value){.kind = WIRE_VALUE_INT, .integer = 1000 * i + 1};
    }
    struct wire_command_body body = {.args = values, .n_args = 10};
    struct work work = {.body = bytes_of(packed, wire_command_body_size(&body))};
    MUST(work.body.size <= sizeof packed);
    wire_command_body_encode(&body, packed, work.body.size);
    arena_init(&work.arena, WIRE_BODY_MEMORY_MAX);
    printf("body of ten numbers: decode %.1f ns\n", measure(decode_body, &work));
    printf("the same by protobuf-c, unchecked: %.1f ns\n", measure(decode_body_protobuf, &work));
    arena_done(&work.arena);
}

int main(int argc, char **argv)
{
    rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : rounds;
    if (rounds == 0) {
        fprintf(stderr, "usage: %s [ROUNDS]\n", argv[0]);
        return 2;
    }
    memset(text, 'x', sizeof text);
    size_t record_size;
    size_t command_size = pack_bodies(&record_size);
    show_submit(bytes_of(command_body, command_size));
    show_commands(bytes_of(command_body, command_size));
    show_report(bytes_of(record_body, record_size));
    show_records(bytes_of(record_body, record_size));
    show_numbers();
    return 0;
}
