/* What all schemes share, with a scheme of the test's own that fails as it is told. */
#include "tests/unit/cmocka_first.h"

#include "worker/backend/backend.h"
#include "worker/backend/hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake {
    struct backend backend;
    int failures; /* that are left */
    int error;    /* errno of them */
    int calls;
    int64_t retry_after_ns;
    bool list_gives_one_first;
};

static int act(struct backend *backend, struct backend_error *ret_error)
{
    struct fake *fake = (struct fake *)(void *)backend;
    fake->calls++;
    if (fake->failures-- <= 0)
        return 0;
    backend_fail_errno(ret_error, fake->error, "fake");
    ret_error->retry_after_ns = fake->retry_after_ns;
    return -1;
}

static int fake_put(struct backend *backend, const struct backend_put *put,
                    struct backend_transfer *ret_transfer, struct backend_error *ret_error)
{
    (void)put;
    (void)ret_transfer;
    return act(backend, ret_error);
}

static int fake_get(struct backend *backend, const struct backend_get *get,
                    struct backend_transfer *ret_transfer, struct backend_error *ret_error)
{
    (void)get;
    (void)ret_transfer;
    return act(backend, ret_error);
}

static int fake_list(struct backend *backend, struct bytes prefix, struct bytes after,
                     backend_list_fn *each, void *ctx, struct backend_error *ret_error)
{
    (void)prefix;
    (void)after;
    struct backend_object object = {.name = bytes_of_str("one")};
    if (((struct fake *)(void *)backend)->list_gives_one_first)
        each(ctx, &object);
    return act(backend, ret_error);
}

static int fake_delete(struct backend *backend, struct bytes name, bool *ret_already,
                       struct backend_error *ret_error)
{
    (void)name;
    *ret_already = false;
    return act(backend, ret_error);
}

static int fake_query(struct backend *backend, struct bytes name, struct backend_object *ret_object,
                      struct backend_error *ret_error)
{
    *ret_object = (struct backend_object){.name = name};
    return act(backend, ret_error);
}

static const struct backend_ops fake_ops = {
    .put = fake_put, .get = fake_get, .list = fake_list, .del = fake_delete, .query = fake_query};

static struct fake make(int failures, int error)
{
    return (struct fake){
        .backend = {.ops = &fake_ops,
                    .policy = {.tries_max = 4, .base_ns = MUSTER_MS, .cap_ns = 2 * MUSTER_MS}},
        .failures = failures,
        .error = error};
}

static int put(struct fake *fake, struct backend_transfer *transfer, struct backend_error *error)
{
    struct backend_put request = {.local = "x", .remote = bytes_of_str("object")};
    return backend_put(&fake->backend, &request, transfer, error);
}

static void test_backend__passing_errors_are_tried_again_and_counted(void **state)
{
    (void)state;
    static const int passing[] = {EIO, EAGAIN, ESTALE, ETIMEDOUT, ENOMEM, EBUSY};
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
        struct fake fake = make(2, passing[i]);
        struct backend_transfer transfer;
        struct backend_error error;
        assert_int_equal(put(&fake, &transfer, &error), 0);
        assert_int_equal(fake.calls, 3);
        assert_int_equal(transfer.tries, 3);
    }
}

static void test_backend__lasting_errors_are_not_tried_again(void **state)
{
    (void)state;
    static const struct {
        int error;
        enum backend_class code;
    } lasting[] = {{ENOSPC, BACKEND_NO_SPACE},  {EDQUOT, BACKEND_NO_SPACE},
                   {EFBIG, BACKEND_NO_SPACE},   {EACCES, BACKEND_PERMISSION},
                   {EPERM, BACKEND_PERMISSION}, {EROFS, BACKEND_PERMISSION},
                   {ENOENT, BACKEND_NOT_FOUND}, {ENOTDIR, BACKEND_NOT_FOUND},
                   {EINVAL, BACKEND_GENERIC},   {ENAMETOOLONG, BACKEND_GENERIC}};
    for (size_t i = 0; i < sizeof lasting / sizeof lasting[0]; i++) {
        struct fake fake = make(1, lasting[i].error);
        struct backend_transfer transfer;
        struct backend_error error;
        assert_int_equal(put(&fake, &transfer, &error), -1);
        assert_int_equal(fake.calls, 1);
        assert_int_equal(transfer.tries, 1);
        assert_int_equal(error.code, lasting[i].code);
        assert_int_equal(error.retry, BACKEND_NO_RETRY);
        assert_int_equal(error.system_error, lasting[i].error);
        assert_non_null(strstr(error.text, strerror(lasting[i].error)));
    }
}

static void test_backend__tries_have_a_bound(void **state)
{
    (void)state;
    struct fake fake = make(1000, EIO);
    struct backend_transfer transfer;
    struct backend_error error;
    assert_int_equal(put(&fake, &transfer, &error), -1);
    assert_int_equal(fake.calls, 4);
    assert_int_equal(transfer.tries, 4);
}

static void test_backend__pause_that_the_store_asks_for_is_kept(void **state)
{
    (void)state;
    struct fake fake = make(1, EIO);
    struct backend_transfer transfer;
    struct backend_error error;
    fake.retry_after_ns = 30 * MUSTER_MS;
    muster_time begun = time_boot_ns();
    assert_int_equal(put(&fake, &transfer, &error), 0);
    assert_true(time_boot_ns() - begun >= 30 * MUSTER_MS);
}

static void test_backend__every_operation_is_repeated(void **state)
{
    (void)state;
    struct backend_error error;
    struct backend_transfer transfer;
    struct backend_object object;
    bool already;
    uint32_t tries;
    struct fake fake = make(1, EIO);
    struct backend_get get = {.local = "x", .remote = bytes_of_str("object")};
    assert_int_equal(backend_get(&fake.backend, &get, &transfer, &error), 0);
    assert_int_equal(transfer.tries, 2);
    fake = make(1, EIO);
    assert_int_equal(
        backend_delete(&fake.backend, bytes_of_str("object"), &already, &tries, &error), 0);
    assert_int_equal(tries, 2);
    fake = make(1, EIO);
    assert_int_equal(backend_query(&fake.backend, bytes_of_str("object"), &object, &tries, &error),
                     0);
    assert_int_equal(tries, 2);
}

static bool count_one(void *ctx, const struct backend_object *object)
{
    (void)object;
    (*(int *)ctx)++;
    return true;
}

static void test_backend__listing_is_not_begun_again_once_given_out(void **state)
{
    (void)state;
    struct backend_error error;
    struct bytes none = {NULL, 0};
    int seen = 0;
    struct fake fake = make(1, EIO);
    assert_int_equal(backend_list(&fake.backend, none, none, count_one, &seen, &error), 0);
    assert_int_equal(fake.calls, 2);
    fake = make(1, EIO);
    fake.list_gives_one_first = true;
    seen = 0;
    assert_int_equal(backend_list(&fake.backend, none, none, count_one, &seen, &error), -1);
    assert_int_equal(seen, 1);
}

static void test_backend__urls_are_shown_without_secrets(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"sftp://user:secret@host:22/path", "sftp://…@host:22/path"},
        {"s3://key:a@b@host/bucket?secret=x&y", "s3://…@host/bucket?…"},
        {"https://host/a@b", "https://host/a@b"},
        {"https://host?token=1", "https://host?…"},
        {"file:///a/b", "file:///a/b"},
        {"file:rel", "file:rel"},
        {"no url", "no url"},
        {"", ""}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char text[128];
        assert_string_equal(backend_url_redacted(pairs[i][0], text, sizeof text), pairs[i][1]);
    }
    char tiny[8];
    assert_int_equal(
        strlen(backend_url_redacted("sftp://user:secret@host/path", tiny, sizeof tiny)), 7);
}

static void test_backend__classes_have_names(void **state)
{
    (void)state;
    assert_string_equal(backend_class_name(50), "GENERIC");
    assert_string_equal(backend_class_name(56), "VALIDATION");
    assert_string_equal(backend_class_name(0), "UNKNOWN");
}

static void test_hash__gives_the_published_digests(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *digest;
    } vectors[] = {{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
                   {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
                   {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"}};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct hash hash;
        uint8_t digest[HASH_BYTES];
        char text[HASH_HEX_MAX];
        assert_int_equal(hash_begin(&hash), 0);
        for (const char *at = vectors[i].text; *at; at++)
            hash_add(&hash, at, 1);
        hash_end(&hash, digest);
        hash_hex(digest, text);
        assert_string_equal(text, vectors[i].digest);
    }
    struct hash dropped;
    assert_int_equal(hash_begin(&dropped), 0);
    hash_drop(&dropped);
    hash_drop(&dropped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backend__passing_errors_are_tried_again_and_counted),
        cmocka_unit_test(test_backend__lasting_errors_are_not_tried_again),
        cmocka_unit_test(test_backend__tries_have_a_bound),
        cmocka_unit_test(test_backend__pause_that_the_store_asks_for_is_kept),
        cmocka_unit_test(test_backend__every_operation_is_repeated),
        cmocka_unit_test(test_backend__listing_is_not_begun_again_once_given_out),
        cmocka_unit_test(test_backend__urls_are_shown_without_secrets),
        cmocka_unit_test(test_backend__classes_have_names),
        cmocka_unit_test(test_hash__gives_the_published_digests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
