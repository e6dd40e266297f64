/* Damaged files: refused, or loaded as they were. Nothing in between, and never a crash. */
#include "facts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/rand.h"

enum { COMMANDS = 300, RECORDS = 200, FLIPS = 400 };

/* An image of a store and what it holds. */
struct image {
    struct buffer db, wal;
    struct buffer facts;  /* as loaded */
    struct buffer before; /* as loaded before the last commit */
};

static void image_free(struct image *image)
{
    buffer_done(&image->db);
    buffer_done(&image->wal);
    buffer_done(&image->facts);
    buffer_done(&image->before);
}

static void fill(struct fixture *f)
{
    fixture_add(f, FACT_NAME)->as.name = (struct fact_name){3, bytes_of_str("echo")};
    fixture_add(f, FACT_CLIENT)->as.client = (struct fact_client){5, 1, 0, false, 0};
    fixture_add(f, FACT_CURSOR)->as.cursor = (struct fact_cursor){1, bytes_of_str("c"), 1};
    fixture_add(f, FACT_HOST)->as.host = (struct fact_host){.host = 4, .worker = 9};
    for (uint64_t id = 1; id <= COMMANDS; id += 10) {
        add_pool(f, 1, id + 9, 0);
        for (uint64_t k = id; k < id + 10; k++)
            add_submitted(f, 1, k)->body = body_handle(k, k % 50 == 0 ? 10000 : 100);
        add_leased(f, 1, id, 1);
        fixture_commit(f);
    }
    for (uint64_t pos = 1; pos <= RECORDS; pos += 10) {
        add_pool(f, 1, COMMANDS, pos + 9);
        for (uint64_t k = pos; k < pos + 10; k++)
            add_recorded(f, 1, k, k);
        fixture_commit(f);
    }
}

/* The store as a crash leaves it: most of it in the log; `closed`: all of it in the file. */
static void take_image(struct fixture *f, bool closed, struct image *ret)
{
    *ret = (struct image){0};
    fill(f);
    load_text(f, &ret->before);
    add_pool(f, 1, COMMANDS + 1, RECORDS);
    add_submitted(f, 1, COMMANDS + 1);
    fixture_commit(f);
    load_text(f, &ret->facts);
    if (closed)
        fixture_close(f);
    file_read(f->db, &ret->db);
    if (!closed)
        file_read(f->wal, &ret->wal);
    fixture_close(f);
}

static int see(void *ctx, const struct store_record *record)
{
    uint64_t *pos = ctx;
    assert_true(record->fact.pos == ++*pos && record->fact.track_id == *pos);
    assert_true(bytes_equal(record->body, facts_body(NULL, body_handle(1000000 + *pos, 100))));
    return 0;
}

/* Opens, loads and reads whatever lies there. True when all of it was fine. */
static bool try_store(struct fixture *f, const struct image *image, bool may_lose_last,
                      const char *what)
{
    struct store *store = NULL;
    struct store_error error = {0};
    struct buffer text = BUFFER_EMPTY;
    int r = store_open(&store, &f->options, &error);
    if (r == 0)
        r = store_load(store, load_print, &text, &error);
    if (r == 0 && strcmp(buffer_str(&text), buffer_str(&image->facts)) != 0 &&
        !(may_lose_last && strcmp(buffer_str(&text), buffer_str(&image->before)) == 0))
        fail_msg("%s: loaded something else:\n%s", what, buffer_str(&text));
    if (r < 0 && (error.code != r || error.text[0] == '\0' ||
                  (r != -EBADMSG && r != -EPROTONOSUPPORT && r != -EIO)))
        fail_msg("%s: refused with %d: %s", what, r, error.text);
    if (r == 0) {
        uint64_t pos = 0;
        int n = store_records(store, 1, 0, 1000, true, see, &pos);
        if (n != RECORDS && n != -EBADMSG && n != -EIO)
            fail_msg("%s: %d records", what, n);
        r = n < 0 ? n : 0;
    }
    store_close(store);
    buffer_done(&text);
    return r == 0;
}

static void lay_out(struct fixture *f, const struct image *image)
{
    file_write(f->db, buffer_bytes(&image->db));
    if (image->wal.size > 0)
        file_write(f->wal, buffer_bytes(&image->wal));
    else
        unlink(f->wal);
}

/* Returns how many flips were harmless. */
static int flip(struct fixture *f, struct image *image, struct buffer *which, size_t first,
                size_t last, uint64_t seed)
{
    struct rand rand;
    rand_seed(&rand, seed);
    int fine = 0;
    for (int i = 0; i < FLIPS; i++) {
        char what[96];
        size_t at = first + (size_t)rand_below(&rand, last - first);
        uint8_t bit = (uint8_t)(1u << rand_below(&rand, 8));
        snprintf(what, sizeof what, "bit %u of byte %zu", bit, at);
        which->data[at] ^= bit;
        lay_out(f, image);
        fine += try_store(f, image, which == &image->wal, what);
        which->data[at] ^= bit;
    }
    lay_out(f, image);
    assert_true(try_store(f, image, false, "the image as it was"));
    return fine;
}

static void test_damage__flipped_bits_in_the_file(void **state)
{
    struct fixture *f = *state;
    struct image image;
    take_image(f, true, &image);
    assert_true(flip(f, &image, &image.db, 0, image.db.size, 1) < FLIPS);
    image_free(&image);
}

static void test_damage__flipped_bits_in_the_header_and_first_page(void **state)
{
    struct fixture *f = *state;
    struct image image;
    take_image(f, true, &image);
    assert_true(flip(f, &image, &image.db, 0, 4096, 2) < FLIPS);
    assert_true(flip(f, &image, &image.db, 0, 100, 3) < FLIPS);
    image_free(&image);
}

static void test_damage__flipped_bits_in_the_log(void **state)
{
    struct fixture *f = *state;
    struct image image;
    take_image(f, false, &image);
    assert_true(flip(f, &image, &image.wal, 0, image.wal.size, 4) < FLIPS / 10);
    assert_true(flip(f, &image, &image.wal, 0, 32 + 24, 5) < FLIPS / 10);
    image_free(&image);
}

static void test_damage__flipped_bits_in_the_file_under_a_log(void **state)
{
    struct fixture *f = *state;
    struct image image;
    take_image(f, false, &image);
    /* The log has every page anew: only what is read before it can be seen. */
    assert_true(flip(f, &image, &image.db, 0, 100, 6) < FLIPS);
    flip(f, &image, &image.db, 100, image.db.size, 7);
    image_free(&image);
}

static void test_damage__file_that_was_cut_is_refused(void **state)
{
    struct fixture *f = *state;
    struct image image;
    take_image(f, true, &image);
    size_t whole = image.db.size;
    for (size_t size = 0; size < whole; size += 1000) {
        image.db.size = size;
        lay_out(f, &image);
        assert_false(try_store(f, &image, false, "cut file"));
        struct buffer after; /* and left as it was */
        file_read(f->db, &after);
        assert_int_equal(after.size, size);
        buffer_done(&after);
    }
    image.db.size = whole;
    image_free(&image);
}

static void test_damage__log_that_was_cut_loses_whole_commits_or_is_refused(void **state)
{
    struct fixture *f = *state;
    struct image image;
    take_image(f, false, &image);
    size_t whole = image.wal.size;
    /* Only what a crash can leave: the last commit torn. */
    for (size_t cut = 1; cut < 4096; cut += 97) {
        image.wal.size = whole - cut;
        lay_out(f, &image);
        assert_true(try_store(f, &image, true, "torn log"));
    }
    image.wal.size = whole;
    image_free(&image);
}

static void test_damage__log_changed_in_the_middle_is_refused_and_kept(void **state)
{
    struct fixture *f = *state;
    struct image image;
    struct buffer after;
    struct store *store = NULL;
    take_image(f, false, &image);
    image.wal.data[image.wal.size / 2] ^= 1;
    lay_out(f, &image);
    assert_int_equal(store_open(&store, &f->options, &f->error), -EBADMSG);
    assert_non_null(strstr(f->error.text, "in the middle"));
    file_read(f->wal, &after);
    assert_true(bytes_equal(buffer_bytes(&after), buffer_bytes(&image.wal)));
    buffer_done(&after);
    file_read(f->db, &after);
    assert_true(bytes_equal(buffer_bytes(&after), buffer_bytes(&image.db)));
    buffer_done(&after);
    image_free(&image);
}

static void test_damage__file_of_zeros_or_noise_behind_the_header(void **state)
{
    struct fixture *f = *state;
    struct image image;
    struct rand rand;
    take_image(f, true, &image);
    rand_seed(&rand, 7);
    for (size_t page = 1; page < image.db.size / 4096; page++) {
        uint8_t saved[4096];
        uint8_t *at = image.db.data + page * 4096;
        memcpy(saved, at, sizeof saved);
        for (int noise = 0; noise < 2; noise++) {
            for (size_t i = 0; i < sizeof saved; i++)
                at[i] = noise ? (uint8_t)rand_next(&rand) : 0;
            lay_out(f, &image);
            (void)try_store(f, &image, false, noise ? "page of noise" : "page of zeros");
        }
        memcpy(at, saved, sizeof saved);
    }
    lay_out(f, &image);
    assert_true(try_store(f, &image, false, "the image as it was"));
    image_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_damage__flipped_bits_in_the_file),
        STORE_TEST(test_damage__flipped_bits_in_the_header_and_first_page),
        STORE_TEST(test_damage__flipped_bits_in_the_log),
        STORE_TEST(test_damage__flipped_bits_in_the_file_under_a_log),
        STORE_TEST(test_damage__file_that_was_cut_is_refused),
        STORE_TEST(test_damage__log_that_was_cut_loses_whole_commits_or_is_refused),
        STORE_TEST(test_damage__log_changed_in_the_middle_is_refused_and_kept),
        STORE_TEST(test_damage__file_of_zeros_or_noise_behind_the_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
