/* Addresses: what is taken, what is refused, and where this user's own are. */
#include "tests/unit/cmocka_first.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "net/endpoint.h"

struct fixture {
    char dir[64];
    struct buffer message;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    strcpy(fixture->dir, "/tmp/muster-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(fs_remove_tree(fixture->dir), 0);
    buffer_done(&fixture->message);
    free(fixture);
    return 0;
}

static void test_endpoint__good_addresses_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_ipc;
        bool is_loopback;
        uint32_t port;
    } cases[] = {
        {"ipc:///run/user/1000/muster/clients", true, false, 0},
        {"tcp://127.0.0.1:5701", false, true, 5701},
        {"tcp://127.0.0.1:*", false, true, 0},
        {"tcp://127.1.2.3:1", false, true, 1},
        {"tcp://localhost:65535", false, true, 65535},
        {"tcp://[::1]:5701", false, true, 5701},
        {"tcp://*:5701", false, false, 5701},
        {"tcp://0.0.0.0:5701", false, false, 5701},
        {"tcp://nas1.example.org:5701", false, false, 5701},
        {"tcp://127.example.org:5701", false, false, 5701},
        {"tcp://localhost.example.org:5701", false, false, 5701},
        {"tcp://[2001:db8::7]:5701", false, false, 5701},
        {"tcp://eth0:5701", false, false, 5701},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct endpoint endpoint;
        assert_int_equal(endpoint_parse(cases[i].text, &endpoint, NULL), 0);
        assert_int_equal(endpoint.is_ipc, cases[i].is_ipc);
        assert_int_equal(endpoint.is_loopback, cases[i].is_loopback);
        assert_int_equal(endpoint.port, cases[i].port);
        assert_int_equal(endpoint.path != NULL, cases[i].is_ipc);
    }
}

static void test_endpoint__bad_addresses_are_refused_with_a_sentence(void **state)
{
    struct fixture *fixture = *state;
    static const char *const cases[] = {
        "",
        "5701",
        "nas1:5701",
        "http://nas1:5701",
        "inproc://x",
        "ipc://",
        "ipc://relative/path",
        "ipc://@abstract",
        "ipc://*",
        "ipc:///run/muster/",
        "ipc:///run/mus ter/x",
        "ipc:///run/muster\n/x",
        "tcp://",
        "tcp://:5701",
        "tcp://nas1",
        "tcp://nas1:",
        "tcp://nas1:0",
        "tcp://nas1:65536",
        "tcp://nas1:99999999999999999999",
        "tcp://nas1:12x",
        "tcp://nas1:+1",
        "tcp://::1:5701",
        "tcp://[]:5701",
        "tcp://nas 1:5701",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct endpoint endpoint = {.port = 77};
        buffer_reset(&fixture->message);
        assert_int_equal(endpoint_parse(cases[i], &endpoint, &fixture->message), -EINVAL);
        assert_true(fixture->message.size > 20);
        assert_null(strchr(buffer_str(&fixture->message), '\n'));
        assert_int_equal(endpoint.port, 77);
        assert_int_equal(endpoint_parse(cases[i], &endpoint, NULL), -EINVAL);
    }
}

static void test_endpoint__a_path_fits_into_a_socket_address_or_is_refused(void **state)
{
    (void)state;
    char text[ENDPOINT_PATH_MAX + 16] = "ipc:///";
    struct endpoint endpoint;
    memset(text + 7, 'x', ENDPOINT_PATH_MAX - 1);
    assert_int_equal(endpoint_parse(text, &endpoint, NULL), 0);
    assert_int_equal(strlen(endpoint.path), ENDPOINT_PATH_MAX);
    text[7 + ENDPOINT_PATH_MAX - 1] = 'x';
    assert_int_equal(endpoint_parse(text, &endpoint, NULL), -EINVAL);
}

static void test_endpoint__the_default_is_in_the_runtime_directory(void **state)
{
    struct fixture *fixture = *state;
    struct buffer text = BUFFER_EMPTY;
    char expected[128];
    setenv("XDG_RUNTIME_DIR", fixture->dir, 1);
    assert_int_equal(endpoint_default("clients", &text, &fixture->message), 0);
    snprintf(expected, sizeof expected, "ipc://%s/muster/clients", fixture->dir);
    assert_string_equal(buffer_str(&text), expected);
    buffer_done(&text);
    struct stat st;
    snprintf(expected, sizeof expected, "%s/muster", fixture->dir);
    assert_int_equal(stat(expected, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void
test_endpoint__without_a_runtime_directory_it_is_in_a_private_temporary_one(void **state)
{
    struct fixture *fixture = *state;
    struct buffer path = BUFFER_EMPTY;
    char expected[128];
    static const char *const unusable[] = {NULL, "", "relative"};
    setenv("TMPDIR", fixture->dir, 1);
    snprintf(expected, sizeof expected, "%s/muster-%u", fixture->dir, (unsigned)geteuid());
    for (size_t i = 0; i < sizeof unusable / sizeof unusable[0]; i++) {
        if (unusable[i] != NULL) {
            setenv("XDG_RUNTIME_DIR", unusable[i], 1);
        } else {
            unsetenv("XDG_RUNTIME_DIR");
        }
        buffer_reset(&path);
        assert_int_equal(endpoint_runtime_dir(&path, &fixture->message), 0);
        assert_string_equal(buffer_str(&path), expected);
    }
    buffer_done(&path);
}

static void test_endpoint__a_directory_that_others_can_enter_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct buffer path = BUFFER_EMPTY;
    char dir[128];
    setenv("XDG_RUNTIME_DIR", fixture->dir, 1);
    snprintf(dir, sizeof dir, "%s/muster", fixture->dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(chmod(dir, 0755), 0);
    assert_int_equal(endpoint_runtime_dir(&path, &fixture->message), -EPERM);
    assert_non_null(strstr(buffer_str(&fixture->message), "0700"));
    buffer_reset(&path);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(symlink("/tmp", dir), 0);
    assert_true(endpoint_runtime_dir(&path, &fixture->message) < 0);
    buffer_done(&path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endpoint__good_addresses_are_taken_apart),
        cmocka_unit_test_setup_teardown(test_endpoint__bad_addresses_are_refused_with_a_sentence,
                                        set_up, tear_down),
        cmocka_unit_test(test_endpoint__a_path_fits_into_a_socket_address_or_is_refused),
        cmocka_unit_test_setup_teardown(test_endpoint__the_default_is_in_the_runtime_directory,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_endpoint__without_a_runtime_directory_it_is_in_a_private_temporary_one, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(test_endpoint__a_directory_that_others_can_enter_is_refused,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
