/* News of a connection: it comes, it breaks, it comes again, and what answers may be a stranger. */
#include "tests/unit/cmocka_first.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fs.h"
#include "net/monitor.h"
#include "net/poll.h"
#include "net/sock.h"

struct fixture {
    void *context;
    void *router;
    void *dealer;
    struct monitor *monitor;
    int lock;
    char dir[64];
    char endpoint[96];
    struct buffer message;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    struct sock_options options = sock_options_default();
    options.linger_ms = 0;
    strcpy(fixture->dir, "/tmp/muster-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    snprintf(fixture->endpoint, sizeof fixture->endpoint, "ipc://%s/x", fixture->dir);
    fixture->lock = -1;
    fixture->context = sock_context_new();
    fixture->router = sock_router_new(fixture->context, &options);
    fixture->dealer = sock_dealer_new(fixture->context, &options);
    fixture->monitor = monitor_new(fixture->context, fixture->dealer);
    assert_non_null(fixture->monitor);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    monitor_free(fixture->monitor);
    sock_close(&fixture->dealer);
    sock_close(&fixture->router);
    sock_context_free(fixture->context);
    fs_close(fixture->lock);
    assert_int_equal(fs_remove_tree(fixture->dir), 0);
    buffer_done(&fixture->message);
    free(fixture);
    return 0;
}

static void serve(struct fixture *fixture)
{
    assert_int_equal(
        sock_bind(fixture->router, fixture->endpoint, &fixture->lock, &fixture->message), 0);
}

/* The next news that is not nothing. */
static enum monitor_news wait_news(struct fixture *fixture)
{
    muster_time until = time_boot_ns() + 30 * MUSTER_S;
    while (time_boot_ns() < until) {
        enum monitor_news news = monitor_next(fixture->monitor);
        if (news != MONITOR_NOTHING) {
            return news;
        }
        zmq_pollitem_t item = {.socket = monitor_sock(fixture->monitor), .events = ZMQ_POLLIN};
        assert_true(poll_wait(&item, 1, time_boot_ns(), until) >= 0);
    }
    return MONITOR_NOTHING;
}

static void test_monitor__a_connection_that_breaks_and_comes_back_is_told(void **state)
{
    struct fixture *fixture = *state;
    serve(fixture);
    assert_int_equal(monitor_next(fixture->monitor), MONITOR_NOTHING);
    assert_int_equal(sock_connect(fixture->dealer, fixture->endpoint, &fixture->message), 0);
    assert_int_equal(wait_news(fixture), MONITOR_CONNECTED);

    struct sock_options options = sock_options_default();
    sock_close(&fixture->router);
    assert_int_equal(wait_news(fixture), MONITOR_DISCONNECTED);
    fixture->lock = fs_close(fixture->lock);
    fixture->router = sock_router_new(fixture->context, &options);
    serve(fixture);
    assert_int_equal(wait_news(fixture), MONITOR_RECONNECTED);
    assert_int_equal(monitor_next(fixture->monitor), MONITOR_NOTHING);
}

static void test_monitor__a_server_that_is_no_zeromq_is_a_stranger(void **state)
{
    struct fixture *fixture = *state;
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    char endpoint[64];
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server, 4), 0);
    assert_int_equal(getsockname(server, (struct sockaddr *)&address, &size), 0);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", ntohs(address.sin_port));
    assert_int_equal(sock_connect(fixture->dealer, endpoint, &fixture->message), 0);
    int peer = accept(server, NULL, NULL);
    assert_true(peer >= 0);
    static const char text[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
                               "and more than a greeting of ZMTP has bytes";
    assert_int_equal(send(peer, text, sizeof text, MSG_NOSIGNAL), sizeof text);
    enum monitor_news news = wait_news(fixture);
    assert_true(news == MONITOR_STRANGER || news == MONITOR_DISCONNECTED);
    fs_close(peer);
    fs_close(server);
}

static void test_monitor__freeing_nothing_is_fine(void **state)
{
    (void)state;
    monitor_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_monitor__a_connection_that_breaks_and_comes_back_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_monitor__a_server_that_is_no_zeromq_is_a_stranger,
                                        set_up, tear_down),
        cmocka_unit_test(test_monitor__freeing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
