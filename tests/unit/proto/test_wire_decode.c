/* Frames that must be refused: cut, changed, out of range, against the rules between fields. */
#include "tests/unit/cmocka_first.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/wire.h"
#include "tests/unit/proto/fill.h"

struct fixture {
    struct arena made;
    struct arena decoded;
    struct wire_error error;
    struct wire_message message;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    arena_init(&fixture->made, 64 * 1024 * 1024);
    arena_init(&fixture->decoded, WIRE_DECODE_MEMORY_MAX);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    arena_done(&fixture->made);
    arena_done(&fixture->decoded);
    free(fixture);
    return 0;
}

static void make(struct fixture *fixture, unsigned type, uint64_t seed)
{
    arena_reset(&fixture->made);
    struct fill fill = {.arena = &fixture->made, .all = seed == 0};
    rand_seed(&fill.rand, seed);
    fill_message(&fill, type, &fixture->message);
}

static int decode(struct fixture *fixture, const void *frame, size_t size)
{
    return fill_decode(frame, size, &fixture->decoded, &fixture->error);
}

/* ---- every message, systematically ---------------------------------------------------------- */

static void test_wire_decode__no_cut_frame_is_read_beyond_its_end(void **state)
{
    struct fixture *fixture = *state;
    for (const unsigned *type = fill_types; *type != 0; type++) {
        for (uint64_t seed = 0; seed < 3; seed++) {
            make(fixture, *type, seed);
            size_t size;
            uint8_t *frame = fill_frame(&fixture->message, &size);
            unsigned refused = 0;
            for (size_t cut = 0; cut < size; cut++) {
                int result = decode(fixture, frame, cut);
                assert_true(result == 0 || result == -EBADMSG);
                assert_true(cut >= WIRE_HEAD_BYTES || result == -EBADMSG);
                refused += result < 0;
            }
            assert_true(refused >= WIRE_HEAD_BYTES);
            free(frame);
        }
    }
}

static void test_wire_decode__any_changed_byte_is_refused_or_still_obeys_the_rules(void **state)
{
    struct fixture *fixture = *state;
    struct rand rand;
    rand_seed(&rand, 7);
    for (const unsigned *type = fill_types; *type != 0; type++) {
        make(fixture, *type, 0);
        size_t size;
        uint8_t *frame = fill_frame(&fixture->message, &size);
        for (size_t at = 0; at < size; at++) {
            uint8_t old = frame[at];
            for (int i = 0; i < 3; i++) {
                frame[at] = i == 0 ? (uint8_t)~old : (uint8_t)rand_next(&rand);
                (void)decode(fixture, frame, size);
            }
            frame[at] = old;
        }
        assert_int_equal(decode(fixture, frame, size), 0);
        free(frame);
    }
}

/* A struct inside a message: the message itself or what one of its fields holds. */
struct place {
    unsigned type;
    const struct wire_layout *layout;
    int parent; /* index of the field of the message, or -1 */
};

enum { PLACES_MAX = 128 };

static size_t list_places(struct place *ret)
{
    size_t n = 0;
    for (const unsigned *type = fill_types; *type != 0; type++) {
        const struct wire_layout *layout = wire_layout_of(*type);
        for (int i = -1; layout != NULL && i < (int)layout->n_fields; i++) {
            const struct wire_layout *inner = i < 0 ? layout : layout->fields[i].sub;
            if (inner != NULL) {
                assert_in_range(n, 0, PLACES_MAX - 1);
                ret[n++] = (struct place){.type = *type, .layout = inner, .parent = i};
            }
        }
    }
    return n;
}

/* A full message of the place's type; returns its (first) struct of the place. */
static uint8_t *make_place(struct fixture *fixture, const struct place *place)
{
    make(fixture, place->type, 0);
    uint8_t *message = (uint8_t *)&fixture->message.as;
    if (place->parent < 0) {
        return message;
    }
    const struct wire_field *field = &wire_layout_of(place->type)->fields[place->parent];
    uint8_t *items = message + field->offset;
    if (field->count_offset != 0) {
        memcpy(&items, message + field->offset, sizeof items);
    }
    return items;
}

/* Refused with a text that names the field, by the check before sending and by the receiver. */
static void assert_refused(struct fixture *fixture, const char *field, int expected)
{
    struct wire_error error = {0};
    assert_int_equal(wire_check(&fixture->message, &error), expected);
    size_t size;
    uint8_t *frame = fill_frame(&fixture->message, &size);
    assert_int_equal(decode(fixture, frame, size), expected);
    free(frame);
    assert_string_equal(fixture->error.text, error.text);
    assert_int_equal(fixture->error.refusal, error.refusal);
    assert_int_equal(fixture->error.request, error.request);
    assert_int_equal(fixture->error.limit, error.limit);
    assert_non_null(strstr(error.text, field));
    assert_true(strncmp(error.text, wire_type_name(fixture->message.type),
                        strlen(wire_type_name(fixture->message.type))) == 0);
}

static bool is_number(ProtobufCType type)
{
    return type != PROTOBUF_C_TYPE_BYTES && type != PROTOBUF_C_TYPE_MESSAGE;
}

static void put_number(uint8_t *at, size_t bytes, uint64_t value)
{
    uint32_t narrow = (uint32_t)value;
    memcpy(at, bytes == 8 ? (const void *)&value : (const void *)&narrow, bytes);
}

static void test_wire_decode__every_number_beyond_its_bound_is_refused(void **state)
{
    struct fixture *fixture = *state;
    unsigned tried = 0;
    struct place places[PLACES_MAX];
    size_t n_places = list_places(places);
    for (size_t k = 0; k < n_places; k++) {
        const struct wire_layout *layout = places[k].layout;
        for (unsigned i = 0; i < layout->n_fields; i++) {
            const struct wire_field *field = &layout->fields[i];
            if (!is_number(layout->schema->fields[i].type) || field->max == 0) {
                continue;
            }
            uint8_t *at = make_place(fixture, &places[k]);
            put_number(at + field->offset, field->bytes, field->max + 1);
            assert_refused(fixture, field->name, -EBADMSG);
            tried++;
        }
    }
    assert_true(tried > 20);
}

static void test_wire_decode__every_text_beyond_its_length_is_too_large(void **state)
{
    struct fixture *fixture = *state;
    static char text[WIRE_TEXT_MAX + 2];
    memset(text, 'x', sizeof text - 1);
    unsigned tried = 0;
    struct place places[PLACES_MAX];
    size_t n_places = list_places(places);
    for (size_t k = 0; k < n_places; k++) {
        const struct wire_layout *layout = places[k].layout;
        for (unsigned i = 0; i < layout->n_fields; i++) {
            const struct wire_field *field = &layout->fields[i];
            if (layout->schema->fields[i].type != PROTOBUF_C_TYPE_BYTES ||
                field->count_offset != 0 || field->max > WIRE_TEXT_MAX) {
                continue;
            }
            uint8_t *at = make_place(fixture, &places[k]);
            size_t limit = field->max != 0 ? field->max : WIRE_NAME_MAX;
            struct bytes long_text = bytes_of(text, limit + 1);
            memcpy(at + field->offset, &long_text, sizeof long_text);
            assert_refused(fixture, field->name, -EMSGSIZE);
            assert_int_equal(fixture->error.refusal, REFUSAL_TOO_LARGE);
            assert_int_equal(fixture->error.limit, limit);
            tried++;
        }
    }
    assert_true(tried > 15);
}

static void test_wire_decode__every_text_with_a_control_character_is_refused(void **state)
{
    struct fixture *fixture = *state;
    unsigned tried = 0;
    struct place places[PLACES_MAX];
    size_t n_places = list_places(places);
    for (size_t k = 0; k < n_places; k++) {
        const struct wire_layout *layout = places[k].layout;
        for (unsigned i = 0; i < layout->n_fields; i++) {
            const struct wire_field *field = &layout->fields[i];
            bool single_text =
                layout->schema->fields[i].type == PROTOBUF_C_TYPE_BYTES && field->count_offset == 0;
            if (!single_text) {
                continue;
            }
            assert_int_not_equal(field->rule, RULE_NONE); /* no free bytes outside of bodies */
            uint8_t *at = make_place(fixture, &places[k]);
            struct bytes nul = bytes_of("a\0b", 3);
            memcpy(at + field->offset, &nul, sizeof nul);
            assert_refused(fixture, field->name, -EBADMSG);
            tried++;
        }
    }
    assert_true(tried > 15);
}

static void test_wire_decode__every_required_field_is_missed(void **state)
{
    struct fixture *fixture = *state;
    unsigned tried = 0;
    struct place places[PLACES_MAX];
    size_t n_places = list_places(places);
    for (size_t k = 0; k < n_places; k++) {
        const struct wire_layout *layout = places[k].layout;
        for (unsigned i = 0; i < layout->n_fields; i++) {
            const struct wire_field *field = &layout->fields[i];
            if ((layout->required & WIRE_BIT(i + 1)) == 0) {
                continue;
            }
            uint8_t *at = make_place(fixture, &places[k]);
            size_t offset = field->count_offset != 0 ? field->count_offset : field->offset;
            memset(at + offset, 0, field->count_offset != 0 ? 4 : field->bytes);
            assert_refused(fixture, field->name, -EBADMSG);
            tried++;
        }
    }
    assert_true(tried > 40);
}

static void test_wire_decode__every_list_with_too_many_items_is_too_large(void **state)
{
    struct fixture *fixture = *state;
    unsigned tried = 0;
    for (const unsigned *type = fill_types; *type != 0; type++) {
        const struct wire_layout *layout = wire_layout_of(*type);
        for (unsigned i = 0; layout != NULL && i < layout->n_fields; i++) {
            const struct wire_field *field = &layout->fields[i];
            if (field->count_offset == 0) {
                continue;
            }
            make(fixture, *type, 0);
            uint8_t *message = (uint8_t *)&fixture->message.as;
            uint32_t n = field->count_max + 1;
            uint8_t *items = arena_zalloc(&fixture->made, n, field->bytes);
            assert_non_null(items);
            uint8_t *first;
            memcpy(&first, message + field->offset, sizeof first);
            for (uint32_t k = 0; k < n; k++) {
                memcpy(items + (size_t)k * field->bytes, first, field->bytes);
            }
            memcpy(message + field->offset, &items, sizeof items);
            memcpy(message + field->count_offset, &n, sizeof n);
            struct wire_error error;
            assert_int_equal(wire_check(&fixture->message, &error), -EMSGSIZE);
            assert_int_equal(error.limit, field->count_max);
            size_t size;
            uint8_t *frame = fill_frame(&fixture->message, &size);
            assert_int_equal(decode(fixture, frame, size), -EMSGSIZE);
            free(frame);
            if (size <= WIRE_MESSAGE_MAX) {
                assert_int_equal(fixture->error.limit, field->count_max);
                assert_true(fixture->decoded.used_bytes < (size_t)n * field->bytes);
            }
            tried++;
        }
    }
    assert_true(tried > 10);
}

/* ---- rules between fields, and the words of refusals ------------------------------------------
 */

static void refuse_submit(struct fixture *fixture, const struct wire_submission *submissions,
                          uint32_t n, const char *text)
{
    fixture->message = (struct wire_message){.type = WIRE_SUBMIT};
    fixture->message.as.submit = (struct wire_submit){
        .request = 77, .sequence = 3, .submissions = submissions, .n_submissions = n};
    assert_refused(fixture, text, -EBADMSG);
    assert_int_equal(fixture->error.request, 77);
}

static void test_wire_decode__a_refusal_says_which_submission_and_which_field(void **state)
{
    struct fixture *fixture = *state;
    struct wire_submission submissions[3];
    for (int i = 0; i < 3; i++) {
        submissions[i] = (struct wire_submission){.function = bytes_of_str("echo")};
    }
    submissions[2].function = bytes_of_str("no blank");
    refuse_submit(fixture, submissions, 3, "SUBMIT: submissions[2].function is not a word");
    assert_int_equal(fixture->error.index, 2);

    submissions[2].function = bytes_of(NULL, 0);
    refuse_submit(fixture, submissions, 3, "SUBMIT: submissions[2].function is missing");
    submissions[2].function = bytes_of_str("echo");
    submissions[1].priority = -1001;
    refuse_submit(fixture, submissions, 3,
                  "SUBMIT: submissions[1].priority is not within -1000 and 1000");
    assert_int_equal(fixture->error.index, 1);
    submissions[1].priority = 0;
    submissions[1].each = true;
    refuse_submit(fixture, submissions, 3, "SUBMIT: a submission with each is not alone");
    assert_int_equal(fixture->error.index, 1);

    submissions[1].each = false;
    static const uint8_t unfinished[] = {0x0a, 4, 0x08, 6, 0x28, 1}; /* args: a list of one */
    submissions[1].body = bytes_of(unfinished, sizeof unfinished);
    refuse_submit(fixture, submissions, 3,
                  "SUBMIT: submissions[1].body.args ends inside a list or map");
    static const uint8_t cut[] = {0x1a, 9, 'x'};
    submissions[1].body = bytes_of(cut, sizeof cut);
    refuse_submit(fixture, submissions, 3, "SUBMIT: submissions[1].body.argv");
    assert_int_equal(fixture->error.index, 1);
}

static void test_wire_decode__rules_between_fields(void **state)
{
    struct fixture *fixture = *state;
    struct wire_message *message = &fixture->message;

    *message = (struct wire_message){.type = WIRE_SUBMIT};
    struct wire_submission one = {.function = bytes_of_str("echo")};
    message->as.submit = (struct wire_submit){
        .request = 1, .sequence = 3, .answered_to = 3, .submissions = &one, .n_submissions = 1};
    assert_refused(fixture, "answered_to", -EBADMSG);

    *message = (struct wire_message){.type = WIRE_WAIT};
    message->as.wait.request = 1;
    assert_refused(fixture, "track_ids", -EBADMSG);
    message->as.wait.what = WIRE_WAIT_BATCH;
    assert_refused(fixture, "batch", -EBADMSG);
    message->as.wait.what = WIRE_WAIT_ALL;
    message->as.wait.batch = 4;
    assert_refused(fixture, "batch", -EBADMSG);

    *message = (struct wire_message){.type = WIRE_CANCEL};
    message->as.cancel.request = 1;
    assert_refused(fixture, "exactly one", -EBADMSG);
    message->as.cancel.all = true;
    message->as.cancel.mine = true;
    assert_refused(fixture, "exactly one", -EBADMSG);

    *message = (struct wire_message){.type = WIRE_WORKER_HELLO};
    message->as.worker_hello = (struct wire_worker_hello){
        .uuid = bytes_of("0123456789abcdef", 16), .incarnation = 1, .slots = 2};
    assert_refused(fixture, "host", -EBADMSG);
    message->as.worker_hello.host = bytes_of_str("db1");
    message->as.worker_hello.slots = 0;
    assert_refused(fixture, "slots", -EBADMSG);
    message->as.worker_hello.slots = 1;
    message->as.worker_hello.uuid.size = 15;
    assert_refused(fixture, "uuid is not 16 bytes", -EBADMSG);

    struct wire_verdict verdict = {.pool = 1, .track_id = 1, .attempt = 1, .epoch = 1};
    *message = (struct wire_message){.type = WIRE_RECORDED};
    message->as.recorded = (struct wire_recorded){.verdicts = &verdict, .n_verdicts = 1};
    assert_refused(fixture, "pos", -EBADMSG);
    verdict.pos = 5;
    verdict.stale = true;
    assert_refused(fixture, "pos", -EBADMSG);

    *message = (struct wire_message){.type = WIRE_WORKER_WELCOME};
    message->as.worker_welcome =
        (struct wire_worker_welcome){.epoch = 1, .lease_ns = 5, .renew_ns = 5};
    assert_refused(fixture, "renew_ns", -EBADMSG);

    struct wire_record_head record = {
        .pool = 1, .track_id = 1, .attempt = 1, .epoch = 1, .state = 3};
    *message = (struct wire_message){.type = WIRE_REPORT};
    message->as.report = (struct wire_report){.records = &record, .n_records = 1};
    assert_refused(fixture, "records[0].state is not a final state", -EBADMSG);
    record.state = 99;
    assert_refused(fixture, "records[0].state is not a state", -EBADMSG);
    record.state = 4;
    record.reason = 4711;
    assert_refused(fixture, "records[0].reason", -EBADMSG);
    record.reason = 0;
    static const uint8_t output[] = {0x1a, 4, 0x08, 1, 0x12, 2}; /* out: total 1, head of 2 */
    uint8_t body[] = {0x1a, 6, 0x08, 1, 0x12, 2, 'a', 'b'};
    record.body = bytes_of(body, sizeof body);
    assert_refused(fixture, "records[0].body.out: total is less", -EBADMSG);
    record.body = bytes_of(output, sizeof output);
    assert_refused(fixture, "records[0].body.out.head", -EBADMSG);
}

static void test_wire_decode__an_unknown_message_cannot_be_sent(void **state)
{
    struct fixture *fixture = *state;
    struct wire_message message = {.type = (enum wire_type)0x50};
    assert_int_equal(wire_check(&message, &fixture->error), -EBADMSG);
}

static void test_wire_decode__a_message_over_the_limit_cannot_be_sent(void **state)
{
    struct fixture *fixture = *state;
    enum { BODIES = 5 };
    uint8_t *body = calloc(1, WIRE_COMMAND_BODY_MAX);
    assert_non_null(body);
    /* stdin with all that is left: tag, length of three bytes */
    size_t left = WIRE_COMMAND_BODY_MAX - 4;
    body[0] = 6 << 3 | 2;
    body[1] = (uint8_t)(left | 0x80);
    body[2] = (uint8_t)(left >> 7 | 0x80);
    body[3] = (uint8_t)(left >> 14);
    struct wire_submission submissions[BODIES];
    for (int i = 0; i < BODIES; i++) {
        submissions[i] = (struct wire_submission){.function = bytes_of_str("exec"),
                                                  .body = bytes_of(body, WIRE_COMMAND_BODY_MAX)};
    }
    struct wire_message message = {.type = WIRE_SUBMIT};
    message.as.submit = (struct wire_submit){
        .request = 5, .sequence = 1, .submissions = submissions, .n_submissions = 3};
    assert_int_equal(wire_check(&message, &fixture->error), 0);
    message.as.submit.n_submissions = BODIES;
    assert_int_equal(wire_check(&message, &fixture->error), -EMSGSIZE);
    assert_int_equal(fixture->error.limit, WIRE_MESSAGE_MAX);
    assert_int_equal(fixture->error.request, 5);
    free(body);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_wire_decode__no_cut_frame_is_read_beyond_its_end),
        TEST(test_wire_decode__any_changed_byte_is_refused_or_still_obeys_the_rules),
        TEST(test_wire_decode__every_number_beyond_its_bound_is_refused),
        TEST(test_wire_decode__every_text_beyond_its_length_is_too_large),
        TEST(test_wire_decode__every_text_with_a_control_character_is_refused),
        TEST(test_wire_decode__every_required_field_is_missed),
        TEST(test_wire_decode__every_list_with_too_many_items_is_too_large),
        TEST(test_wire_decode__a_refusal_says_which_submission_and_which_field),
        TEST(test_wire_decode__rules_between_fields),
        TEST(test_wire_decode__an_unknown_message_cannot_be_sent),
        TEST(test_wire_decode__a_message_over_the_limit_cannot_be_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
